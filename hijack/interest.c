/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interest.c - changes of epoll sets that wait for the next wait.
 *
 * Event loops tell epoll for each request that they want to write, then that they do not, then
 * that they want to read.  With a kernel in another process each of that would cost as much
 * as the request itself.  So changes of a lonely set (fdtable.h) are kept here, and R hears of
 * them all at once when somebody waits next: NOTIFY_WAIT takes them along.
 *
 * That cannot be seen from outside because:
 *	- only for a descriptor that R has, so that it is one that can be waited for, and the
 *	  answers 0, EEXIST and ENOENT are known here.  The first ADD is R's to answer;
 *	- nobody waits for a lonely set but threads of ours, with epoll_wait().  One that is about
 *	  to sleep looks at the list after it has counted itself among the waiters; who enters
 *	  something looks at the waiters afterwards;
 *	- a descriptor that is closed is told first, since its file may live on elsewhere;
 *	- before a fork, and when the set is lonely no more, everything is told.
 *
 * One lock for all.  It is held while R is told, so that changes arrive in order; no handler
 * of a signal runs meanwhile.  Children in shared memory stay away from all this.
 */
#include <sys/epoll.h>
#include <sys/mman.h>

#include <rump/rump_calls.h>

#include "boot.h"
#include "dispatch.h"
#include "fdtable.h"
#include "interest.h"
#include "plain.h"
#include "signals.h"

#define NOT_KEPT (EPOLLEXCLUSIVE | EPOLLWAKEUP)
#define CHUNK 1024
#define CHUNKS 1024 /* descriptors beyond are R's to answer for always */

struct record {
	int set; /* number + 1 of the set in whose R it is; 0: none that is known */
	int rump_fd;
	unsigned int events; /* what the application wants ... */
	bool is_gone;	     /* ... that is, nothing any more */
	bool is_changed;     /* and R does not know */
	unsigned long data;
};

static struct record *chunks[CHUNKS];
static int lock;

static void lock_begin(void)
{
	self.inside++;
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		host(SYS_sched_yield);
}

static void lock_end(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	self.inside--;
	if (self.deferred && !self.inside)
		signals_deliver();
}

static struct record *record_of(int fd)
{
	struct record *chunk;

	if ((unsigned int)fd >= CHUNK * CHUNKS)
		return NULL;
	chunk = __atomic_load_n(&chunks[fd / CHUNK], __ATOMIC_ACQUIRE);
	return chunk ? &chunk[fd % CHUNK] : NULL;
}

/* With the lock. */
static struct record *record_make(int fd)
{
	struct record *record = record_of(fd);
	long memory;

	if (record || (unsigned int)fd >= CHUNK * CHUNKS)
		return record;
	memory = host(SYS_mmap, 0, CHUNK * sizeof(*record), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(memory))
		return NULL;
	__atomic_store_n(&chunks[fd / CHUNK], (struct record *)memory, __ATOMIC_RELEASE);
	return record_of(fd);
}

/* With the lock. */
static long tell(struct call *call, const struct interest_of *of, struct epoll_event *events,
		 int max, unsigned int flags)
{
	struct rump_notify_change changes[INTEREST_MAX];
	struct interest *list = of->list;
	unsigned int count = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		struct record *record = record_of(list->fds[i]);

		record->is_changed = false;
		changes[count++] = (struct rump_notify_change){
			.op = record->is_gone ? EPOLL_CTL_DEL : EPOLL_CTL_MOD,
			.fd = record->rump_fd,
			.events = record->events,
			.data = record->data,
		};
		if (record->is_gone)
			record->set = 0;
	}
	__atomic_store_n(&list->count, 0, __ATOMIC_SEQ_CST);
	return rump(call, RUMP_SYS_NOTIFY_WAIT, of->notifier, of->epoll, events, max | flags,
		    changes, count);
}

long interest_wait(struct call *call, const struct interest_of *of, struct epoll_event *events,
		   int max, unsigned int flags)
{
	long result;

	if (!interest_waits(of->list)) {
		if (!max)
			return 0;
		return rump(call, RUMP_SYS_NOTIFY_WAIT, of->notifier, of->epoll, events,
			    max | flags);
	}
	lock_begin();
	result = tell(call, of, events, max, flags);
	lock_end();
	return result;
}

/* With the lock: 0, -EEXIST or -ENOENT as R would say, or 1: R has to say it. */
static long keep(struct call *call, const struct interest_of *of, struct record *record, int fd)
{
	int op = call->args[1];
	struct epoll_event event = {0};

	if (op != EPOLL_CTL_DEL && (user_copy(&event, (const void *)call->args[3], sizeof(event)) ||
				    event.events & NOT_KEPT))
		return 1;
	if (op == EPOLL_CTL_ADD ? !record->is_gone : record->is_gone)
		return op == EPOLL_CTL_ADD ? -EEXIST : -ENOENT;
	record->is_gone = op == EPOLL_CTL_DEL;
	record->events = event.events;
	record->data = event.data.u64;
	if (record->is_changed)
		return 0;
	if (of->list->count == INTEREST_MAX)
		tell(call, of, NULL, 0, 0);
	record->is_changed = true;
	of->list->fds[of->list->count] = fd;
	__atomic_add_fetch(&of->list->count, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static bool may_keep(const struct interest_of *of, const struct record *record, int rump_fd, int op)
{
	return record->set == of->set + 1 && record->rump_fd == rump_fd &&
	       fdtable_is_lonely(of->fd) &&
	       (op == EPOLL_CTL_ADD || op == EPOLL_CTL_MOD || op == EPOLL_CTL_DEL);
}

bool interest_change(struct call *call, const struct interest_of *of, int rump_fd, long *ret_result)
{
	int fd = call->args[2];
	struct record *record = record_of(fd);
	const struct rump_notify_words *words = fdtable_words(of->fd);

	*ret_result = 1;
	if (!record || self.spawned || !__atomic_load_n(&record->set, __ATOMIC_RELAXED))
		return false;
	lock_begin();
	if (may_keep(of, record, rump_fd, (int)call->args[1]))
		*ret_result = keep(call, of, record, fd);
	/* R is asked next, and has to know what came before; or somebody waits already */
	if (of->list->count &&
	    (*ret_result == 1 || (words && __atomic_load_n(&words->waiters, __ATOMIC_SEQ_CST))))
		tell(call, of, NULL, 0, 0);
	lock_end();
	return *ret_result != 1;
}

void interest_told(struct call *call, const struct interest_of *of, int rump_fd, long result)
{
	int op = call->args[1], fd = call->args[2];
	struct epoll_event event;
	struct record *record;

	/* with the kernel in this process it costs nothing to ask */
	if (result || self.spawned || boot_place != PLACE_ELSEWHERE)
		return;
	lock_begin();
	record = op == EPOLL_CTL_ADD ? record_make(fd) : record_of(fd);
	if (record && op == EPOLL_CTL_DEL && record->set == of->set + 1)
		record->set = 0;
	/* of two sets that have it the first one is remembered */
	if (record && op == EPOLL_CTL_ADD && (!record->set || record->rump_fd != rump_fd) &&
	    !user_copy(&event, (const void *)call->args[3], sizeof(event)) &&
	    !(event.events & NOT_KEPT)) {
		*record = (struct record){.rump_fd = rump_fd};
		__atomic_store_n(&record->set, of->set + 1, __ATOMIC_RELEASE);
	}
	lock_end();
}

int interest_set_of(int fd)
{
	const struct record *record = self.spawned ? NULL : record_of(fd);

	return record && record->is_changed ? record->set - 1 : -1;
}

void interest_forget(int fd)
{
	struct record *record = self.spawned ? NULL : record_of(fd);

	if (!record || !record->set)
		return;
	lock_begin();
	record->set = 0;
	lock_end();
}

void interest_end(struct interest *list, int set)
{
	if (self.spawned)
		return;
	lock_begin();
	list->count = 0;
	for (int i = 0; i < CHUNKS; i++)
		for (int k = 0; chunks[i] && k < CHUNK; k++)
			if (chunks[i][k].set == set + 1)
				chunks[i][k] = (struct record){0};
	lock_end();
}

/* What was kept is the parent's to tell, of a set that both have. */
void interest_forked(void)
{
	lock = 0;
	for (int i = 0; i < CHUNKS; i++)
		for (int k = 0; chunks[i] && k < CHUNK; k++)
			chunks[i][k] = (struct record){0};
}

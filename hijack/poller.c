/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poller.c - sleeping on the host until a descriptor of either side is ready.
 *
 * Each thread that does so has a poller: a notifier N of the rump kernel
 * (<rump/rump_calls.h>) and its event V.  One call of the kernel looks at the rump
 * descriptors and arms N; the thread sleeps in the host's ppoll() with V among its
 * descriptors; one more call looks again and disarms.
 *
 * While N is armed the kernel holds the files that it watches.  So before a handler runs,
 * which may jump out of here, or a thread is cancelled, signals.c disarms: V is raised then,
 * in case that the handler returns to a sleep which has yet to begin.
 *
 * A poller stays with its thread, and is another one's when that is gone.
 */
#include <sys/mman.h>

#include <rump/rump_calls.h>

#include "boot.h"
#include "dispatch.h"
#include "epoll.h"
#include "fdtable.h"
#include "local.h"
#include "placeholder.h"
#include "remote.h"
#include "signals.h"
#include "wait.h"

#define EVENT_STACK (128 * 1024)

/* ---- events ---- */

struct conversion {
	int notifier, result;
};

static void event_on_stack(void *argument)
{
	struct conversion *c = argument;

	if (boot_place == PLACE_HERE && !self.spawned)
		c->result = local_event(c->notifier);
	else
		c->result = (c->result = remote.event(c->notifier)) < 0 ? -errno : c->result;
}

int event_of(struct call *call, int notifier)
{
	struct conversion conversion = {notifier, -ENOTCONN};
	int error = boot_run(call, EVENT_STACK, true, event_on_stack, &conversion);

	if (error || conversion.result < 0)
		return error ? error : conversion.result;
	return private_fd(conversion.result);
}

void event_drain(int event)
{
	char bytes[512];

	/* more than that: it stays readable, and is looked at once more for nothing */
	host(SYS_read, event, bytes, sizeof(bytes));
}

/* ---- pollers ---- */

struct poller {
	int owner;    /* atomic: tid, 0: nobody's */
	int notifier; /* N, -1: none */
	int event;    /* V, -1: none */
};

#define POLLERS 256
#define BLOCKS 64
#define TRIED 64 /* threads that are looked after before a new one is made */

static struct poller *blocks[BLOCKS];
static unsigned int made, next_tried;

static struct poller *poller_at(unsigned int n)
{
	return &__atomic_load_n(&blocks[n / POLLERS], __ATOMIC_ACQUIRE)[n % POLLERS];
}

/* Of a thread that is gone. */
static struct poller *take_left(int tid)
{
	unsigned int count = __atomic_load_n(&made, __ATOMIC_ACQUIRE), n;
	int pid = host(SYS_getpid), owner;

	for (unsigned int i = 0; i < TRIED && i < count; i++) {
		struct poller *poller;

		n = __atomic_fetch_add(&next_tried, 1, __ATOMIC_RELAXED) % count;
		if (!__atomic_load_n(&blocks[n / POLLERS], __ATOMIC_ACQUIRE))
			continue;
		poller = poller_at(n);
		owner = __atomic_load_n(&poller->owner, __ATOMIC_ACQUIRE);
		/* our own: of an earlier thread with our id */
		if (owner && owner != tid && host(SYS_tgkill, pid, owner, 0) != -ESRCH)
			continue;
		if (__atomic_compare_exchange_n(&poller->owner, &owner, tid, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return poller;
	}
	return NULL;
}

static struct poller *add_new(int tid)
{
	unsigned int n = __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	struct poller *block, *none = NULL;
	int nobody = 0;
	long memory;

	if (n >= POLLERS * BLOCKS) {
		__atomic_fetch_sub(&made, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (!__atomic_load_n(&blocks[n / POLLERS], __ATOMIC_ACQUIRE)) {
		memory = host(SYS_mmap, 0, POLLERS * sizeof(*block), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (is_error(memory))
			return NULL; /* the place stays unused: the next one has the memory */
		block = (struct poller *)memory;
		for (int i = 0; i < POLLERS; i++)
			block[i] = (struct poller){0, -1, -1};
		if (!__atomic_compare_exchange_n(&blocks[n / POLLERS], &none, block, 0,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			host(SYS_munmap, block, POLLERS * sizeof(*block));
	}
	block = poller_at(n);
	/* a thread that looks for what is left may have it already: then there is another */
	if (!__atomic_compare_exchange_n(&block->owner, &nobody, tid, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return add_new(tid);
	return block;
}

/* What it needs of the kernel: 0 or -errno. */
static int furnish(struct call *call, struct poller *poller)
{
	/* V goes with a fork; what the parent had as N is a copy of ours */
	if (poller->notifier >= 0 && poller->event < 0) {
		rump(call, SYS_close, poller->notifier);
		poller->notifier = -1;
	}
	if (poller->notifier >= 0)
		return 0;
	/* descriptors of a child in shared memory are not its parent's */
	if (self.spawned)
		return -ENOMEM;
	poller->notifier = rump(call, RUMP_SYS_NOTIFY_NEW);
	if (poller->notifier < 0)
		return poller->notifier;
	poller->event = event_of(call, poller->notifier);
	return poller->event < 0 ? poller->event : 0;
}

static struct poller *poller_get(struct call *call, int *ret_error)
{
	struct poller *poller = self.poller;
	int tid;

	*ret_error = -ENOMEM;
	if (!poller) {
		tid = host(SYS_gettid);
		poller = take_left(tid);
		if (!poller)
			poller = add_new(tid);
		if (!poller)
			return NULL;
		self.poller = poller;
	}
	*ret_error = furnish(call, poller);
	return *ret_error ? NULL : poller;
}

void poller_prepare(struct call *call)
{
	int error;

	poller_get(call, &error);
}

static void forget_events(void)
{
	for (unsigned int i = 0; i < made && blocks[i / POLLERS]; i++) {
		struct poller *poller = poller_at(i);

		if (poller->event >= 0)
			private_close(poller->event);
		poller->event = -1;
	}
}

/* Threads stay behind, and the parent's events are not ours to wait on. */
void poller_forked(void)
{
	forget_events();
	for (unsigned int i = 0; i < made && blocks[i / POLLERS]; i++)
		poller_at(i)->owner = 0;
	self.poller = NULL;
	self.is_watched = false;
}

/* The notifiers were a connection's that is lost, so their numbers mean nothing. */
void poller_lost(void)
{
	forget_events();
	for (unsigned int i = 0; i < made && blocks[i / POLLERS]; i++)
		poller_at(i)->notifier = -1;
}

void poller_interrupted(void)
{
	struct call call = {.nr = SYS_ppoll};

	self.is_watched = false;
	if (!self.poller)
		return; /* a handler has forked, and this is the child */
	rump(&call, RUMP_SYS_NOTIFY_POLL, self.poller->notifier, NULL, 0, RUMP_NOTIFY_RAISE);
}

static long look(struct call *call, struct poller *poller, struct sides *sides, unsigned int flags)
{
	return rump(call, RUMP_SYS_NOTIFY_POLL, poller->notifier, sides->rump, sides->rump_count,
		    flags);
}

long poller_wait(struct call *call, struct sides *sides, unsigned long until,
		 const unsigned long *mask)
{
	struct pollfd *event = &sides->host[sides->host_count];
	struct timespec left, none = {0, 0};
	long on_host, in_rump;
	int error;
	struct poller *poller = poller_get(call, &error);

	if (!poller)
		return error;
	/* a handler may run at the end of each call, and not come back: then V is raised */
	self.is_watched = true;
	in_rump = look(call, poller, sides, RUMP_NOTIFY_ARM);
	if (in_rump) {
		self.is_watched = false;
		on_host = host(SYS_ppoll, sides->host, sides->host_count, &none, NULL, 8);
		return in_rump < 0 || is_error(on_host) ? in_rump : in_rump + on_host;
	}
	*event = (struct pollfd){poller->event, POLLIN, 0};
	on_host = host(SYS_ppoll, sides->host, sides->host_count + 1, wait_left(until, &left), mask,
		       8);
	if (on_host > 0 && event->revents) {
		event_drain(poller->event);
		on_host--;
	}
	if (is_error(on_host)) {
		rump(call, RUMP_SYS_NOTIFY_POLL, poller->notifier, NULL, 0, 0);
		self.is_watched = false;
		return on_host;
	}
	in_rump = look(call, poller, sides, 0);
	self.is_watched = false;
	if (!in_rump && !on_host && self.handled != sides->handled)
		return -EINTR; /* it ran while nothing slept */
	return in_rump < 0 ? in_rump : in_rump + on_host;
}

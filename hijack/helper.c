/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper.c - the second thread of a wait on both sides.
 *
 * The caller sleeps in the host's ppoll(), where signals, masks and time are what they
 * should be; the helper sleeps in the rump kernel's.  Two event counters connect them: V
 * on the host tells the caller that something is ready in the rump kernel, E in the
 * rump kernel calls the helper back.  Helpers are made when first needed, then kept; an
 * idle one sleeps on a futex.
 *
 * A handler that leaves the caller's ppoll() by siglongjmp() keeps its helper for ever.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "dispatch.h"
#include "placeholder.h"
#include "signals.h"
#include "trap.h"
#include "wait.h"

enum helper_state { HELPER_IDLE, HELPER_WAITING, HELPER_DONE };

struct helper {
	struct helper *next;
	int state;	    /* a futex */
	int host_event;	    /* V */
	int rump_event;	    /* E, a descriptor of the rump kernel */
	struct pollfd *fds; /* the last one is E's */
	unsigned int count;
};

static struct helper *idle;
static int idle_lock;
static struct helper helpers[256];
static unsigned int helpers_used;

static void lock(void)
{
	while (__atomic_exchange_n(&idle_lock, 1, __ATOMIC_ACQUIRE))
		host(SYS_sched_yield);
}

static void unlock(void)
{
	__atomic_store_n(&idle_lock, 0, __ATOMIC_RELEASE);
}

static void set_state(struct helper *helper, int state)
{
	__atomic_store_n(&helper->state, state, __ATOMIC_SEQ_CST);
	host(SYS_futex, &helper->state, FUTEX_WAKE_PRIVATE, 1);
}

/* Sleeps while the state is this one. */
static void wait_state(struct helper *helper, int state)
{
	while (__atomic_load_n(&helper->state, __ATOMIC_SEQ_CST) == state)
		host(SYS_futex, &helper->state, FUTEX_WAIT_PRIVATE, state, NULL);
}

static void *run(void *argument)
{
	struct call call = {.nr = SYS_ppoll};
	struct helper *helper = argument;
	unsigned long one = 1;

	self.inside = self.is_kernels = 1;
	for (;;) {
		while (__atomic_load_n(&helper->state, __ATOMIC_SEQ_CST) != HELPER_WAITING)
			host(SYS_futex, &helper->state, FUTEX_WAIT_PRIVATE,
			     __atomic_load_n(&helper->state, __ATOMIC_SEQ_CST), NULL);
		rump(&call, SYS_ppoll, helper->fds, helper->count, NULL, NULL, 8);
		host(SYS_write, helper->host_event, &one, sizeof(one));
		set_state(helper, HELPER_DONE);
	}
	return NULL;
}

static int start_thread(struct helper *helper)
{
	unsigned long all = SIGNALS_OF_SERVICE, old;
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	/* the thread is the kernel's: not armed, and no handler of the application runs on it */
	self.inside++;
	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 128 * 1024);
	error = pthread_create(&thread, &attributes, run, helper);
	pthread_attr_destroy(&attributes);
	host(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	self.inside--;
	return -error;
}

static int start_thread_from(struct call *call, struct helper *helper)
{
	int saved = errno, result;

	if (call->door == DOOR_STUB) {
		TRAP_SAVE_VECTORS();
		result = start_thread(helper);
		TRAP_RESTORE_VECTORS();
	} else {
		result = start_thread(helper);
	}
	errno = saved;
	return result;
}

static struct helper *make(struct call *call)
{
	struct helper *helper;
	unsigned int n = __atomic_fetch_add(&helpers_used, 1, __ATOMIC_RELAXED);
	long fd;

	if (n >= sizeof(helpers) / sizeof(helpers[0]))
		return NULL;
	helper = &helpers[n];
	fd = rump(call, SYS_eventfd2, 0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	helper->rump_event = fd;
	fd = host(SYS_eventfd2, 0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (is_error(fd)) {
		rump(call, SYS_close, helper->rump_event);
		return NULL;
	}
	helper->host_event = private_fd(fd);
	if (start_thread_from(call, helper))
		return NULL;
	return helper;
}

static struct helper *take(struct call *call)
{
	struct helper *helper;

	/* the thread would be the parent's */
	if (self.spawned)
		return NULL;
	lock();
	helper = idle;
	if (helper)
		idle = helper->next;
	unlock();
	return helper ? helper : make(call);
}

static void give_back(struct helper *helper)
{
	lock();
	helper->next = idle;
	idle = helper;
	unlock();
}

/* Threads stay behind, and the parent's counters are not ours to wait on. */
void helper_forked(void)
{
	unsigned int used = helpers_used;

	for (unsigned int i = 0; i < used && i < sizeof(helpers) / sizeof(helpers[0]); i++)
		if (helpers[i].host_event > 0)
			private_close(helpers[i].host_event);
	memset(helpers, 0, sizeof(helpers));
	helpers_used = 0;
	idle = NULL;
	idle_lock = 0;
}

long helper_wait(struct call *call, struct pollfd *host_fds, unsigned int host_count,
		 struct pollfd *rump_fds, unsigned int rump_count, unsigned long until,
		 const unsigned long *mask)
{
	struct helper *helper = take(call);
	unsigned long counter = 1, now;
	struct timespec left, *timeout = NULL;
	long result;

	if (!helper)
		return -ENOMEM;
	host_fds[host_count] = (struct pollfd){helper->host_event, POLLIN, 0};
	rump_fds[rump_count] = (struct pollfd){helper->rump_event, POLLIN, 0};
	helper->fds = rump_fds;
	helper->count = rump_count + 1;
	set_state(helper, HELPER_WAITING);

	if (until != WAIT_FOREVER) {
		now = wait_now();
		now = until > now ? until - now : 0;
		left = (struct timespec){now / 1000000000, now % 1000000000};
		timeout = &left;
	}
	result = host(SYS_ppoll, host_fds, host_count + 1, timeout, mask, 8);

	/* the helper reads our arrays: have it back before they go */
	rump(call, SYS_write, helper->rump_event, &counter, sizeof(counter));
	wait_state(helper, HELPER_WAITING);
	rump(call, SYS_read, helper->rump_event, &counter, sizeof(counter));
	host(SYS_read, helper->host_event, &counter, sizeof(counter));
	__atomic_store_n(&helper->state, HELPER_IDLE, __ATOMIC_SEQ_CST);
	give_back(helper);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump_calls.h - system calls that only a rump kernel has.
 *
 * Their numbers lie where Linux has none.  rump_syscall() and rumpclient_syscall() make
 * them as any other.  This header includes nothing.
 *
 * A notifier makes an event of the host, its descriptor V, readable when descriptors of
 * the rump kernel become ready: so a host thread can wait for both sides with one call of
 * the host's.  V comes from rumpuser_sp_event() or rumpclient_event(); nonblocking reads
 * empty it.  A notifier is a rump descriptor; closed everywhere, its V is raised no more.
 *
 * It has two words.  What becomes ready sets `pending`, and raises V if `pending` was 0 and
 * `waiters` is not.  So V is raised at most once for each time that somebody has looked.
 */
#ifndef RUMP_CALLS_H
#define RUMP_CALLS_H

struct rump_notify_words {
	unsigned int pending; /* something may be ready that nobody has seen yet */
	unsigned int waiters; /* nonzero: somebody waits for V */
};

struct rump_notify_change {
	int op, fd;		/* as in epoll_ctl() */
	unsigned int events, reserved;
	unsigned long long data;
};

/*
 * (words): a notifier for a new epoll descriptor, not `pending`.  Returns both: the epoll
 * descriptor, and the notifier << 32.  words: memory of the process that has the kernel in
 * it, for as long as the kernel lives, where the caller counts itself among the waiters;
 * NULL: the kernel has words of its own and somebody always waits.  EINVAL: a client's words.
 */
#define RUMP_SYS_NOTIFY_EPOLL	380
/* (): a notifier for NOTIFY_POLL */
#define RUMP_SYS_NOTIFY_NEW	381
/*
 * (notifier, epoll descriptor, events, maxevents, changes, count): epoll_wait() that does not
 * wait, after `pending` was cleared.  If something was there more may be: `pending` is set, V
 * raised.  First so many epoll_ctl() of struct rump_notify_change are made, whose errors
 * are not told.  maxevents 0: no events are taken, and NOTIFY_LOOK is made.
 */
#define RUMP_SYS_NOTIFY_WAIT	382
#define RUMP_NOTIFY_CHANGES	64		/* the largest count */
#define RUMP_NOTIFY_QUIET	0x40000000	/* with maxevents: V is not raised, the caller comes again */
/* (notifier): from now on somebody always waits, and may be in another process; V is raised */
#define RUMP_SYS_NOTIFY_SHARE	383
/*
 * (notifier): clears `pending` and looks whether the epoll descriptor is ready, taking
 * nothing: 1, with V raised as above, or 0.
 */
#define RUMP_SYS_NOTIFY_LOOK	384
/*
 * (notifier, fds, count, flags): poll() that does not wait.  It ends the watch of the call
 * before.  The caller is V's only reader.
 */
#define RUMP_SYS_NOTIFY_POLL	385
#define RUMP_NOTIFY_ARM		1	/* nothing is ready: V is raised when something is */
#define RUMP_NOTIFY_RAISE	2	/* V is raised in any case */

#endif

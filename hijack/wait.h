/* SPDX-License-Identifier: BSD-2-Clause */
/* wait.h - waiting for descriptors of both sides; theory in wait.c */
#ifndef HIJACK_WAIT_H
#define HIJACK_WAIT_H

#include <poll.h>
#include <time.h>

#include "hijack.h"

/*
 * poll(2) on descriptors of either side.  until: absolute CLOCK_MONOTONIC nanoseconds,
 * WAIT_FOREVER, or 0: do not wait.  mask: the signal mask meanwhile, or NULL.
 * Returns how many are ready, revents set, or -errno. [blocks]
 */
#define WAIT_FOREVER (~0UL)
long wait_poll(struct call *call, struct pollfd *fds, unsigned int count, unsigned long until,
	       const unsigned long *mask);

unsigned long wait_now(void);
/* The deadline of a timeout; -EINVAL. */
int wait_deadline(const struct timespec *timeout, unsigned long *ret_until);
/* What is left until then, as the kernels want it; NULL: for ever. */
struct timespec *wait_left(unsigned long until, struct timespec *left);

/* ---- poller.c ---- */

/* The entries of a wait, sorted by side; room for one more on the host's. */
struct sides {
	struct pollfd *host, *rump;
	unsigned int host_count, rump_count;
	unsigned int handled; /* what self.handled was before the wait */
};

/*
 * Sleeps once, if nothing is ready, until something of either side may be: how many are, with
 * revents set; 0: nothing, look at the time; -errno.
 */
long poller_wait(struct call *call, struct sides *sides, unsigned long until,
		 const unsigned long *mask);
/* Makes beforehand what the calling thread will need; a failure shows later. */
void poller_prepare(struct call *call);
/* Before a handler of a signal runs in a thread that is_watched. */
void poller_interrupted(void);
/* In the child of a fork. */
void poller_forked(void);
/* The connection to the kernel is another one. */
void poller_lost(void);

#endif

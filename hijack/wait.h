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

/* In the child of a fork. */
void helper_forked(void);

unsigned long wait_now(void);
/* The deadline of a timeout; -EINVAL. */
int wait_deadline(const struct timespec *timeout, unsigned long *ret_until);

/*
 * helper.c: the part of a mixed wait that needs a second thread.  The calling thread sleeps
 * in the host's ppoll() on host[0 .. host_count), whose last entry is for the helper's
 * use, while a helper sleeps in the rump kernel's on rump[0 .. rump_count), likewise.
 * Returns what ppoll gave, without revents that count.
 */
long helper_wait(struct call *call, struct pollfd *host_fds, unsigned int host_count,
		 struct pollfd *rump_fds, unsigned int rump_count, unsigned long until,
		 const unsigned long *mask);

#endif

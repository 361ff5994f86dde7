/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * posts.h - calls of a kernel elsewhere that are not waited for, since their result is known.
 *
 * Within the process the client's library keeps the order.  Others can learn by a call of
 * the host only that we are beyond such a call: before one that may tell so, what was posted
 * is waited for.  Processes that share memory and look for each other there without any
 * call see the effect a few us late, as if the other CPU had been slow.
 */
#ifndef HIJACK_POSTS_H
#define HIJACK_POSTS_H

#include "hijack.h"

/* something was posted, and perhaps is not done */
extern bool posts_are_out;

void posts_settle_slow(struct call *call);

/* Before a call of the host that others can see. */
static inline void posts_settle(struct call *call)
{
	if (__builtin_expect(__atomic_load_n(&posts_are_out, __ATOMIC_RELAXED), 0))
		posts_settle_slow(call);
}

/* The same for any call of the host. */
void posts_before_host(struct call *call);

#endif

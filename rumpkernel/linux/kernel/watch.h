/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h - bells that other processes ring, by which host threads wait for frames.
 */
#ifndef RUMP_KERNEL_WATCH_H
#define RUMP_KERNEL_WATCH_H

#include <asm/rump.h>

/*
 * words[RUMP_BUS_BELL_*] lie in memory of other processes, too, and may not be there: they
 * are read and written by rump_load() and rump_store() only.
 */
struct rump_bell {
	u32 *words;
	/*
	 * There is work although nobody has rung.  On any stack, without a vCPU: no lock, no
	 * %gs.  An access that faults is work.
	 */
	bool (*has_work)(struct rump_bell *bell);
	/* in interrupt context: sees to it that somebody works, then calls rump_bell_arm() */
	void (*rung)(struct rump_bell *bell);

	/* watch.c's */
	struct rump_io io;	/* its way to a vCPU */
	u32 is_raised;		/* io is on the way */
	u32 is_armed;		/* the last resort is to wait for it, and ... */
	u32 is_watched;		/* ... does so, or will look before it sleeps */
};

/* Process context.  -ENOSPC: too many; -EAGAIN: no host thread.  Rings at once. */
int rump_bell_add(struct rump_bell *bell);
/* Nobody uses it any more on return. Sleeps. */
void rump_bell_remove(struct rump_bell *bell);
/* No work is left: the next ring wakes somebody. With the vCPU held. */
void rump_bell_arm(struct rump_bell *bell);
/* The opposite: somebody works already. */
void rump_bell_disarm(struct rump_bell *bell);
/* We had to wake another process, whose answer will take its time. */
void rump_bell_rang(void);
/* As if it was rung. From any context. */
void rump_bell_raise(struct rump_bell *bell);

/*
 * user->wait(&thread->futex, 0, 0) that ends by a bell, too, if no other thread waits so.
 * *ret_rung: a vCPU whose pending interrupts the caller has to take, or as it was.
 */
int rump_watch_wait(struct rump_thread *thread, struct rump_vcpu **ret_rung);

#endif

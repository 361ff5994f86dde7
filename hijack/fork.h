/* SPDX-License-Identifier: BSD-2-Clause */
/* fork.h - calls that make processes and threads, with their registers at hand */
#ifndef HIJACK_FORK_H
#define HIJACK_FORK_H

#include <ucontext.h>

#include "hijack.h"

/* clone, clone3, fork, vfork.  frame: the signal frame of a trap, NULL from a stub. */
long fork_call(struct call *call, ucontext_t *frame);

/* vfork() as a fork whose parent waits; from any door. */
long fork_and_wait(struct call *call);

/*
 * sigaltstack; frame: that of a trap, whose handler may run on that very stack, or
 * NULL from a stub.
 */
long trap_sigaltstack(struct call *call, ucontext_t *frame);

/*
 * A thread that stands on its signal stack goes to the kernel's stack: the next signal
 * would find the signal stack unused and write over what is on it.  So meanwhile only
 * what lies below is registered.
 */
struct lent_stack {
	unsigned long base, size;
};

static inline bool is_on_signal_stack(void)
{
	return (unsigned long)__builtin_frame_address(0) - self.stack_base < self.stack_size;
}

/* Learns of a stack from before the trap was on. */
void signal_stack_start(void);
void signal_stack_lend(struct lent_stack *lent);
void signal_stack_return(const struct lent_stack *lent);

#endif

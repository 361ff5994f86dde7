/* SPDX-License-Identifier: BSD-2-Clause */
/* fork.h - calls that make processes and threads, with their registers at hand */
#ifndef HIJACK_FORK_H
#define HIJACK_FORK_H

#include <ucontext.h>

#include "hijack.h"

/* clone, clone3, fork, vfork.  frame: the signal frame of a trap, NULL from a stub. */
long fork_call(struct call *call, ucontext_t *frame);

/* vfork() as a fork whose parent waits; from any door. */
long fork_and_wait(void);

/* sigaltstack out of the SIGSYS handler, which may run on that very stack. */
long trap_sigaltstack(struct call *call, ucontext_t *frame);

#endif

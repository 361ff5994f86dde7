/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.h - the kernel of this process: loaded and booted by the first call that is
 * routed to it, stopped when the process ends.
 *
 * Any thread may be first, several at once too: one boots, the others wait.  A boot
 * that fails is told once on stderr; every routed call then gives the same error.
 */
#ifndef HIJACK_BOOT_H
#define HIJACK_BOOT_H

#include "hijack.h"

enum boot_state { BOOT_NONE, BOOT_RUNNING, BOOT_READY, BOOT_FAILED };

extern int boot_state;
/* rump_syscall() of librump; valid once boot_ensure() gave 0 */
extern long (*boot_syscall)(long, long, long, long, long, long, long);

int boot_slow(struct call *call);

/* 0 or -errno. [blocks] */
static inline int boot_ensure(struct call *call)
{
	if (__builtin_expect(__atomic_load_n(&boot_state, __ATOMIC_ACQUIRE) == BOOT_READY, 1))
		return 0;
	return boot_slow(call);
}

static inline bool boot_is_ready(void)
{
	return __atomic_load_n(&boot_state, __ATOMIC_ACQUIRE) == BOOT_READY;
}

/* The process ends: sync and unmount. Nothing in the child of a fork. [blocks] */
void boot_shutdown(void);

/* Whether boot_shutdown() has begun. */
bool boot_has_ended(void);

/* rump_pub_interrupt(). Async-signal-safe. */
void boot_interrupt(int tid);

/* In the child of a fork. */
void boot_forked(void);

/* Remembers the working directory that relative host paths in RUMPHIJACK mean. */
void boot_remember_directory(void);

/* Runs fn(arg) on another stack, whose highest address is top. */
void boot_call_on_stack(void (*fn)(void *), void *arg, void *top);

#endif

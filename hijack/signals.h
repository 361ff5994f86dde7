/* SPDX-License-Identifier: BSD-2-Clause */
/* signals.h - the application's signals beside ours; theory in signals.c */
#ifndef HIJACK_SIGNALS_H
#define HIJACK_SIGNALS_H

#include <signal.h>

#include "hijack.h"

/* What the kernel takes and gives; libc's struct sigaction differs. */
struct kernel_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

#define SIGNAL_BIT(signal) (1UL << ((signal)-1))

/* What is never blocked, whatever the application asks for: faults and the trap. */
#define SIGNALS_KEPT (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGSYS))

/*
 * What the kernel's host threads have blocked, and nobody else: all but what a fault
 * raises and libc's own three (service_mask() of librumpuser).
 */
#define SIGNALS_OF_SERVICE                                                                 \
	(~(SIGNALS_KEPT | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | \
	   SIGNAL_BIT(SIGABRT) | 7UL << 31))
/* what none can block: the host does not show it */
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

/* At start: the handler of faults on the application's pointers. */
void signals_start(void);
/* The kernel runs: signals that would end the process without a sync are caught. */
void signals_booted(void);
/* rt_sigaction by the kernel's host side. */
long signals_inside_sigaction(struct call *call);
/* Notes a signal for the way out of the kernel, and makes the kernel's call return. */
void signals_defer(int signal, siginfo_t *info);
/* On the way out of the kernel: signals that came meanwhile are raised again. */
void signals_deliver(void);
/* In the child of a fork. */
void signals_forked(void);
/* What the application installed for a signal. */
struct kernel_sigaction signals_application(int signal);
/* A signal set of the application without SIGNALS_KEPT; -EFAULT. */
int signals_strip(const void *set, size_t size, unsigned long *ret_set);
/*
 * Whether the handlers that the last signals_deliver() raised all had SA_RESTART.
 */
bool signals_may_restart(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * launch.h - a child that runs a function of ours and then another program
 *
 * It shares the memory of the caller, who waits until it has called exec or ended, so
 * nothing of a large process is copied, and what it writes the caller finds.
 */
#ifndef HIJACK_LAUNCH_H
#define HIJACK_LAUNCH_H

#include "hijack.h"

/*
 * fn: uses raw system calls only; its result is the exit status.  exit_signal: what the
 * caller gets at the child's end, 0 for a child that only wait4(__WALL) sees.
 * Returns the pid or -errno.  Signals are blocked in the child.
 */
long launch(int (*fn)(void *), void *arg, int exit_signal);

/* In fn: no handlers of the caller any more, and this mask: what an exec would leave. */
void launch_signals(const unsigned long *mask);

#endif

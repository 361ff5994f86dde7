/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ready.h - what of the host's descriptors becomes readable or writable.
 */
#ifndef RUMP_DRIVERS_SOCKIN_READY_H
#define RUMP_DRIVERS_SOCKIN_READY_H

#include <linux/types.h>

/*
 * Starts the thread; fn gets the id that was given to rump_ready_watch() and EPOLL bits, in
 * softirq context.  0 or -errno.  Sleeps.  Again only by who watches nothing yet.
 */
int rump_ready_start(void (*fn)(u32 id, u32 events));

/*
 * Watches a host handle, edge-triggered; again with is_change for other bits.  What is ready
 * already is told, too.  It ends when the handle is closed.  Sleeps.
 */
int rump_ready_watch(int file, u32 id, u32 events, bool is_change);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* watch.h - inotify and fanotify descriptors with marks on both sides; see watch.c */
#ifndef HIJACK_WATCH_H
#define HIJACK_WATCH_H

#include "dispatch.h"

/* A call of row `fd` on a descriptor whose value in the table is FDTABLE_MIXED*. */
long watch_call(struct call *call, int value);

/* FIONREAD of one. */
long watch_pending(struct call *call, int *ret);

#endif

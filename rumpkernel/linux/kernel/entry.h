/* SPDX-License-Identifier: GPL-2.0-only */
/* What entry.c and service.c have for each other. */
#ifndef RUMP_ENTRY_H
#define RUMP_ENTRY_H
#include <asm/rump.h>

/* Runs the vCPU that the thread was given, if it was. */
void rump_take_given(struct rump_thread *thread);
/* The thread that looks after all vCPUs while they are busy: 0 or -errno. */
int rump_watch_start(const struct rumpuser_ops *user);
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.h - the processes of a server's rump kernel, from its /proc.
 *
 * Calls go through librumpclient, so a connection must be there.  Errors are -errno.
 */
#ifndef RUMP_TOOLS_PROC_H
#define RUMP_TOOLS_PROC_H

#include <stdbool.h>
#include <stddef.h>

struct proc {
	int pid, parent;
	unsigned int uid, threads;
	int fds; /* open descriptors; -1: we may not know */
	char state;
	bool is_kernel_thread;
	char name[64];
};

/*
 * The root of a proc file system: /proc, or a mount of our own where the root file system
 * has none.  -EPERM: that takes root.
 */
int proc_open(void);

/*
 * Calls each() for every process, in the order of their ids, until it returns nonzero,
 * which is returned then.
 */
int proc_walk(int root, int (*each)(const struct proc *proc, void *arg), void *arg);

/* The same for the descriptors of one: their number and what they are; "cwd" has -1. */
int proc_walk_fds(int root, int pid, int (*each)(int fd, const char *target, void *arg), void *arg);

/* The id of the calling process in the rump kernel. */
int proc_self(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * children.h - what the child of a fork gets: a rump process of its own
 *
 *	error = children_prefork(call, &prefork);	a copy of our rump process
 *	pid = fork();
 *	children_forked(&prefork, pid);			in both: the child takes it, the
 *							parent lets go of it
 *
 * A child that shares our memory (CLONE_VM | CLONE_VFORK) cannot take it.  For as long as
 * the parent is stopped, the thread is the child: self.spawned, with which it looks at
 * its own descriptors, directory and rump process.
 */
#ifndef HIJACK_CHILDREN_H
#define HIJACK_CHILDREN_H

#include "hijack.h"

struct rumpclient_fork;
struct fdtable;

struct prefork {
	struct rumpclient_fork *fork; /* NULL: no kernel is in use, or not any more */
	int error;		      /* why it has none although one is in use */
};

/* At start: libc's fork() is to be prepared for. */
void children_start(void);

/* 0; -EAGAIN or -ENOMEM: there shall be no child. [blocks] */
int children_prefork(struct call *call, struct prefork *ret_prefork);

/* pid: what the fork gave.  Whatever the parent had of its own is gone in the child. */
void children_forked(struct prefork *prefork, long pid);

/* A child in shared memory. */
struct spawned {
	struct prefork prefork;
	struct fdtable *fds;
	const char *cwd_outside;
	/* of the parent's, which the child changes */
	unsigned long shown_mask;
};

/* self.spawned from here on; the clone comes next. 0 or -errno as above. */
int children_spawn(struct call *call);
/* In the parent, when the child runs another program or has failed. */
void children_spawned(void);

/*
 * Such a child is the first of its program to use the kernel: connects it to the family's,
 * which it may have to start, or to the server.  0 or -errno as boot_ensure(). [blocks]
 */
int children_join(struct call *call);

/* A system call of the kernel for a child in shared memory. */
long children_syscall(long nr, const long args[6]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * local.h - a kernel in this process, librump.so, which serves the process' children too
 */
#ifndef HIJACK_LOCAL_H
#define HIJACK_LOCAL_H

#include "hijack.h"

/*
 * Loads and boots it.  listen_fd: the family's listening socket, taken over, or -1.
 * 0 or -errno, told on stderr. [libc]
 */
int local_boot(int listen_fd);

/* A copy of the caller's rump process for a child to be: its control socket or -errno. [libc] */
int local_fork(void);

/* See rumpclient_export(), _import() and _event(). [libc] */
int local_export(int rump_fd);
int local_import(int fd);
int local_event(int notifier);

/* rump_pub_interrupt(). Async-signal-safe. */
void local_interrupt(int tid);

/* Processes that use the kernel of this one, now. */
unsigned int local_clients(void);
/* Waits until there are none, or for so many ns (0: for ever): 0, -ETIMEDOUT, -EINTR.
 * [libc, blocks] */
int local_wait(unsigned long timeout);

/* The process ends: sync and unmount. Nothing where no kernel is. [blocks] */
void local_shutdown(void);
/* Whether local_shutdown() has begun. */
bool local_has_ended(void);

/* In the child of a fork. */
void local_forked(void);

#endif

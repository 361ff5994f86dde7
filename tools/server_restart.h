/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_restart.h - a server replaces itself by a new one: the same program with the
 * same arguments and environment, in the same process.  The listening sockets stay
 * open, so clients that come meanwhile wait, and none is refused; but for tcp://, whose
 * address is bound anew.
 */
#ifndef RUMP_TOOLS_SERVER_RESTART_H
#define RUMP_TOOLS_SERVER_RESTART_H

#include <stdbool.h>

#define SERVER_ADDRESSES_MAX 64

/*
 * First of all: finds out whether this is a next life, and keeps the environment as it
 * is now for one more.  0 or -errno.
 */
int server_restart_prepare(void);

bool server_restart_is_resumed(void);
/* How many addresses, the first ones, are sockets of a service manager. */
unsigned int server_restart_handed_over(void);
/* The socket of the n-th address, which the life before left; -1: none. */
int server_restart_socket(unsigned int n);

/*
 * fds: a socket for each address, or -1: its address is free; handed_over: as above.
 * Returns -errno only.
 */
int server_restart_exec(char **argv, const int *fds, unsigned int count, unsigned int handed_over);

#endif

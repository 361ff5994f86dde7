/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_private.h - the server of one family of processes.
 *
 *	rump_server --private --listen-fd N --lifeline-fd M [--secret-fd K] [-f FILE]...
 *
 * The preload starts it for kernel=spawn, detached; stderr is the program's until the
 * server serves.  N is a listening SOCK_SEQPACKET unix socket.
 * M is the read end of a pipe whose write end all processes of the family inherit; the
 * server ends when that has hung up and no client is left.  K holds the secret that a
 * client's hello must have.  FILE may be /proc/self/fd/C.  Other descriptors above 2
 * belong to the program that started it and are closed: one of them may be a write end.
 */
#ifndef RUMP_TOOLS_SERVER_PRIVATE_H
#define RUMP_TOOLS_SERVER_PRIVATE_H

#include "server_options.h"

/* Closes what is not the server's.  files: the arguments, for /proc/self/fd/C. */
int server_private_close_others(const struct server_options *options, char *const *argv);

/* Reads RUMP_SP_SECRET_SIZE bytes. 0 or -errno. */
int server_private_read_secret(int fd, unsigned char *ret_secret);

/*
 * Raises the eventfd by 1 when no client is left: in a thread of its own, as
 * rumpuser_sp_wait() blocks. 0 or -errno.
 */
int server_private_watch_clients(int eventfd);

#endif

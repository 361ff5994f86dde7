/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - the host's clock and poll(2), and descriptors that the program shall not see.
 */
#ifndef RUMPSP_TCP_HOST_H
#define RUMPSP_TCP_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "../host/host_call.h"
#include "../host/host_lock.h"

#define host_call host

#define NSEC_PER_SEC 1000000000ULL

/* monotonic, ns */
unsigned long long host_now(void);

/*
 * Sleeps until one of the descriptors is ready or the monotonic time has come (0: for
 * ever; 1: not at all): poll(2)'s result, -EINTR when a handler ran.
 */
int host_poll(struct pollfd *fds, unsigned int count, unsigned long long until);

/* Descriptors that the program shall not see: see struct rumpsp_tcp_host. */
int fd_keep(int fd);
void fd_drop(int fd);
/* the same for what a server holds and its forked children must not */
int fd_keep_server(int fd);
void fd_drop_server(int fd);

#endif

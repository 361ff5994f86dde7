/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll.h - epoll descriptors with descriptors of both sides; theory in epoll.c */
#ifndef HIJACK_EPOLL_H
#define HIJACK_EPOLL_H

#include "hijack.h"

/* An epoll descriptor of the host goes, or gets a copy: so does its rump half. */
void epoll_close(struct call *call, int fd);
void epoll_copy(struct call *call, int from, int to);
/* Others than waits of this process on this number may wait for it from now on. */
void epoll_share(struct call *call, int fd);
/* Its rump half, as descriptors of the kernel; false: it has none. */
bool epoll_halves(int fd, int ret_rump_fds[2]);
/* Its rump half belongs to a kernel that has gone. */
void epoll_lost(int fd);
/*
 * The host says that an epoll descriptor with a rump half is readable, which may be a call
 * of ours that nobody has answered yet: whether there is an event in the rump half.
 * Otherwise the host can be asked again.
 */
bool epoll_is_ready(struct call *call, int fd);

/* A rump descriptor is about to be closed. */
void epoll_leave(struct call *call, int fd);

/* Before a fork, and after it, in parent and child. */
void epoll_prefork(struct call *call);
void epoll_forked(bool is_child);

/* For exec: what the program gets to know of fd, 4 numbers (the host's V is the last), and
 * the new program's part. */
#define EPOLL_NUMBERS 3
bool epoll_numbers(int fd, int ret_numbers[EPOLL_NUMBERS]);
void epoll_take(int fd, const int numbers[EPOLL_NUMBERS]);

/* ---- poller.c ---- */

/* V of a notifier of ours, private; -errno. */
int event_of(struct call *call, int notifier);
/* Empties V. */
void event_drain(int event);

#endif

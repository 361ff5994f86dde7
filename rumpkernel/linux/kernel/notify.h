/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _RUMP_NOTIFY_H
#define _RUMP_NOTIFY_H
#include <linux/compiler.h>
#include <linux/linkage.h>

struct epoll_event;
struct pollfd;
struct rump_notify_change;
struct rump_notify_words;

/* The calls of <rump/rump_calls.h>. */
asmlinkage long sys_rump_notify_epoll(struct rump_notify_words *words);
asmlinkage long sys_rump_notify_new(void);
asmlinkage long sys_rump_notify_wait(int fd, int epoll, struct epoll_event __user *events,
				     int max, const struct rump_notify_change __user *changes,
				     unsigned int count);
asmlinkage long sys_rump_notify_share(int fd);
asmlinkage long sys_rump_notify_look(int fd);
asmlinkage long sys_rump_notify_poll(int fd, struct pollfd __user *theirs, unsigned int count,
				     unsigned int flags);

/* upcall: the notifier has this event from now on, 0; or -errno */
int rump_event_attach(int fd, void *event);

#endif

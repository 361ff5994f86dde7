/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.h - the two protocols of a service manager: it is told how the service is
 * (sd_notify(3)), and hands over sockets that it listens on (sd_listen_fds(3)).
 * Without one in the environment nothing happens.
 */
#ifndef RUMP_TOOLS_NOTIFY_H
#define RUMP_TOOLS_NOTIFY_H

/* Sends lines such as "READY=1\nMAINPID=1". 0, also without a manager, or -errno. */
int notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * How many sockets were handed over, from descriptor NOTIFY_FIRST_FD on, which are made
 * close-on-exec; takes the words out of the environment.  -EINVAL: the words are wrong.
 */
#define NOTIFY_FIRST_FD 3
int notify_listen_fds(void);

#endif

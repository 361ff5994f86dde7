/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remote.h - a kernel in another process, reached by librumpclient.so
 *
 * The functions of the table are those of <rump/rumpclient.h>; they are called with the
 * thread inside.
 */
#ifndef HIJACK_REMOTE_H
#define HIJACK_REMOTE_H

#include "hijack.h"

struct rumpclient_fork;

struct remote {
	int (*init_url)(const char *url, const uint8_t *secret);
	int (*init_socket)(int fd);
	const char *(*error)(void);
	long (*syscall)(long, long, long, long, long, long, long);
	int (*interrupt)(int tid);
	struct rumpclient_fork *(*prefork)(void);
	int (*fork_init)(struct rumpclient_fork *fork);
	void (*fork_cancel)(struct rumpclient_fork *fork);
	void (*fork_enter)(struct rumpclient_fork *fork);
	int (*fork_socket)(const struct rumpclient_fork *fork);
	struct rumpclient_fork *(*fork_of_socket)(int fd);
	struct rumpclient_fork *(*fork_of_url)(const char *url, const uint8_t *secret);
	int (*exec_done)(int fd, const char *name, const uint32_t *keep, uint32_t count);
	void (*exec_failed)(int fd);
	void (*confine)(void);
	int (*is_connected)(void);
	unsigned int (*generation)(void);
	int (*export)(int rump_fd);
	int (*import)(int fd);
	int (*memory)(void);
	int (*event)(int notifier);
};

extern struct remote remote;

/* Loads the library, once: 0 or -ENOSYS, told on stderr unless is_quiet. [libc] */
int remote_load(bool is_quiet);

/*
 * Each connects this process: 0 or -errno, told on stderr.  -ENOTCONN: nobody is there.
 * url: may also give -ECONNREFUSED, which is not told. [libc, blocks]
 */
int remote_connect(void);
int remote_connect_url(const char *url, const uint8_t *secret);
int remote_adopt(int fd);
/* The same for a child in shared memory alone: self.spawned gets a connection of its own. */
int remote_spawned_connect(void);
int remote_spawned_connect_url(const char *url, const uint8_t *secret);

/* rumpclient_interrupt(). Async-signal-safe. */
void remote_interrupt(int tid);

/*
 * After and before each call of a remote kernel: whether the connection is still the one
 * that the descriptors belong to.  If it is a new one they are FDTABLE_LOST: all calls
 * give EBADF.
 */
bool remote_has_changed(struct call *call);

/*
 * The process is about to have its system calls filtered (seccomp): what a call of this
 * thread needs is made before. [blocks]
 */
void remote_confine(struct call *call);
extern bool remote_is_confined;

/* In the child of a fork. */
void remote_forked(void);

#endif

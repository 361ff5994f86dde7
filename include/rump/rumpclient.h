/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rumpclient.h - calls to a rump kernel in another process.
 *
 * Link with -lrumpclient instead of -lrump; rump_sys_*() of <rump/rump_syscalls.h> then
 * go to the server that RUMP_SERVER names.  Manual: rumpclient(3).
 *
 * A process that uses a server is a process of its rump kernel, and each thread that
 * calls an lwp of it, with a channel of its own: a call that blocks holds no other one.
 * Unless a function says otherwise: it returns 0, or -1 with errno; it may block; it is
 * not async-signal-safe.  A handler that interrupted a rump call of its own thread may
 * make system calls: the first one then ends by EINTR.  One that interrupted such a
 * handler's call may not (EDEADLK).
 */
#ifndef RUMP_RUMPCLIENT_H
#define RUMP_RUMPCLIENT_H

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Connects to the server of RUMP_SERVER; the secret of a tcp:// server is in the file that
 * RUMP_SECRET_FILE names.  In a program that rumpclient_exec() started it takes over the
 * connection.  Waits as rumpclient_setconnretry() says (default: RUMPHIJACK_RETRYCONNECT
 * where it is set, else not at all).
 * Errors: ENOENT (RUMP_SERVER is not set), EINVAL (it is not a URL), ECONNREFUSED or
 * ENOENT (no server), EPROTO (the server speaks another version), EACCES (it refuses us),
 * ETIMEDOUT.  The reason in words: rumpclient_error().
 */
int rumpclient_init(void);

/* The same for a URL; secret: 32 bytes for the hello, or NULL. */
int rumpclient_init_url(const char *url, const uint8_t *secret);
/* Takes over a connection: what a FORK or an exec left. */
int rumpclient_init_socket(int fd);

/* Why the last call of this library that failed did so; "" if none did. Does not block. */
const char *rumpclient_error(void);

/*
 * Any system call of the server's rump kernel.  Returns a value or -errno; errno is not
 * touched.  -ENOTCONN: no connection, or lost; see rumpclient_setconnretry().
 * A bad pointer gives -EFAULT.
 */
long rumpclient_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6);

/*
 * Two numbers for rumpclient_syscall().  POST (descriptor, level, name, value): setsockopt() of
 * an int on a TCP socket, TCP_NODELAY or TCP_CORK, which the caller knows to succeed: it is
 * begun, and done before any other call of this process; 0, or -EAGAIN: make the call itself.
 * SETTLE: what was posted is done on return.  For callers whose handlers of signals do not
 * run meanwhile.
 */
#define RUMPCLIENT_CALL_POST	0x20000
#define RUMPCLIENT_CALL_SETTLE	0x20001

/* Makes the rump call that thread tid of this process is in return EINTR. Async-signal-safe. */
int rumpclient_interrupt(pid_t tid);

/*
 * From now on this process may make few system calls of the host (seccomp(2)): a thread that
 * has made a rump call before makes more of them by read(2), write(2), poll(2) and futex(2)
 * alone.  Over unix:// only.
 */
void rumpclient_confine(void);

/* ---- processes ---- */

struct rumpclient_fork;

/*
 * fork(2) whose child is a process of the same rump kernel, with copies of the
 * descriptors.  By hand: prefork; fork; then fork_init in the child, fork_cancel in the
 * parent (which is right whether fork() has failed or not).
 */
pid_t rumpclient_fork(void);
#define rumpclient_vfork() rumpclient_fork()
struct rumpclient_fork *rumpclient_prefork(void);
int rumpclient_fork_init(struct rumpclient_fork *fork);
void rumpclient_fork_cancel(struct rumpclient_fork *fork);

/*
 * For children that share the parent's memory (CLONE_VM): from now on calls of this
 * thread are the child's; NULL ends it.  The parent must be stopped meanwhile.
 */
void rumpclient_fork_enter(struct rumpclient_fork *fork);
/*
 * The child's connection: a socket, or -1 without one.  Of NULL: the process' own.  For
 * tcp:// it is a file made for an exec, a new one at each call, not close-on-exec.
 */
int rumpclient_fork_socket(const struct rumpclient_fork *fork);
/* The program was not executed: takes back what fork_socket() gave, and closes it or makes
 * it close-on-exec again. */
void rumpclient_exec_failed(int fd);
/* A prefork made elsewhere (by the kernel of this process): takes its socket over. */
struct rumpclient_fork *rumpclient_fork_of_socket(int fd);
/*
 * By a child that shares memory with a parent that has no connection: makes one of its own,
 * to be entered; rumpclient_init_url() for it.  The parent calls fork_cancel() later.
 */
struct rumpclient_fork *rumpclient_fork_of_url(const char *url, const uint8_t *secret);

/* execve(2) that keeps the rump descriptors that are not close-on-exec. */
int rumpclient_exec(const char *path, char *const argv[], char *const envp[]);
/*
 * What a program does at its start when an exec left it a connection: tells the server,
 * which closes all descriptors but the count (ascending) of keep.  Does not block, does
 * not connect.
 */
int rumpclient_exec_done(int fd, const char *name, const uint32_t *keep, uint32_t count);

/* daemon(3) */
int rumpclient_daemon(int nochdir, int noclose);

/* ---- connections that are lost ---- */

#define RUMPCLIENT_RETRYCONN_INFTIME	((time_t)-1)	/* try again until it works */
#define RUMPCLIENT_RETRYCONN_ONCE	((time_t)-2)	/* try once */
#define RUMPCLIENT_RETRYCONN_DIE	((time_t)-3)	/* say so on stderr and exit(1) */
/* 0: calls give ENOTCONN; n: try for n seconds */
void rumpclient_setconnretry(time_t retry);

/* Whether there is a connection, as far as is known.  Does not block, and makes none. */
int rumpclient_is_connected(void);

/*
 * Which connection this is: rises when a lost one was made anew.  Descriptors, working
 * directory, credentials of another generation are gone. Does not block.
 */
unsigned int rumpclient_generation(void);

/* ---- descriptors between processes ---- */

/*
 * A socket that stands for the rump descriptor while it travels by SCM_RIGHTS.  Returns a
 * host descriptor (close-on-exec).
 */
int rumpclient_export(int rump_fd);
/* The rump descriptor for such a socket; EINVAL: it is none, EXDEV: of another server. */
int rumpclient_import(int fd);

/*
 * The memory of the server's kernel, to map files from as rump_sp(7) says.  Returns a host
 * descriptor (close-on-exec); EPERM: the server keeps it to itself.
 */
int rumpclient_memory(void);

/*
 * The host descriptor V (close-on-exec, O_NONBLOCK) of a notifier of ours, <rump/rump_calls.h>.
 * EBUSY: it has got one already.
 */
int rumpclient_event(int notifier);

/* ---- the server ---- */

#define RUMPCLIENT_HALT_RESTART 1
/* Sync, unmount, stop (and start again).  EPERM: not root in the rump kernel. */
int rumpclient_halt(int flags);

#ifdef __cplusplus
}
#endif

#endif

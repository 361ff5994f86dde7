/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - system calls of the host, made by the instruction itself.
 *
 * This library runs in programs under the preload, which interposes libc's wrappers,
 * and on threads of an application, whose errno it leaves alone and which must not be
 * cancelled here.  Results are as the host gives them: a value or -errno.
 */
#ifndef RUMPSP_TCP_HOST_H
#define RUMPSP_TCP_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define FUTEX_WAIT_SHARED 0
#define FUTEX_WAKE_SHARED 1
#define FUTEX_WAIT_PRIVATE (0 | 128)
#define FUTEX_WAKE_PRIVATE (1 | 128)

#define NSEC_PER_SEC 1000000000ULL

static inline __attribute__((always_inline)) long host_call6(long nr, long a, long b, long c,
							     long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define HOST_CALL_PAD(nr, a, b, c, d, e, f, ...) \
	host_call6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* host_call(SYS_read, fd, buffer, length): a number and up to six arguments */
#define host_call(...) HOST_CALL_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

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

/* A lock of threads of this process: 0 free, 1 taken, 2 taken and somebody sleeps. */
struct host_lock {
	_Atomic unsigned int word;
};

static inline void host_lock(struct host_lock *lock)
{
	unsigned int seen = 0;

	if (atomic_compare_exchange_strong_explicit(&lock->word, &seen, 1, memory_order_acquire,
						    memory_order_relaxed))
		return;
	while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire))
		host_call(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static inline void host_unlock(struct host_lock *lock)
{
	if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
		host_call(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1);
}

#endif

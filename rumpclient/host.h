/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - system calls of the host, made by the instruction itself, and locks.
 *
 * Not through libc's wrappers: a preloaded librumphijack.so interposes those and would
 * hand our own calls to the kernel that we are the way to; errno belongs to the
 * application; and a wrapper may be a cancellation point, where a thread must not end
 * with half a call made.  Results are a value or -errno.
 */
#ifndef RUMPCLIENT_HOST_H
#define RUMPCLIENT_HOST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifndef __x86_64__
#error "only x86-64 hosts"
#endif

/* numbers that libc's headers may not have */
#define HOST_FUTEX_WAIT 0
#define HOST_FUTEX_WAKE 1
#define HOST_FUTEX_WAIT_BITSET 9
#define HOST_FUTEX_WAKE_BITSET 10
#define HOST_FUTEX_PRIVATE 128
#define HOST_SYS_FUTEX_WAITV 449
#define HOST_FUTEX2_SIZE_U32 2

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

static inline __attribute__((always_inline)) long host6(long nr, long a, long b, long c, long d,
							long e, long f)
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

#define HOST_PAD(nr, a, b, c, d, e, f, ...) \
	host6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* host(SYS_read, fd, buffer, length): a number and up to six arguments */
#define host(...) HOST_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

static inline bool host_failed(long result)
{
	return (unsigned long)result > -4096UL;
}

static inline void host_close(int fd)
{
	if (fd >= 0)
		host(SYS_close, fd);
}

static inline void host_close_at(const int *fd)
{
	host_close(*fd);
}
/* int fd CLOSED_AT_END = ...; */
#define CLOSED_AT_END __attribute__((cleanup(host_close_at)))

/*
 * All signals but those that an instruction raises: blocked they would kill the process,
 * and the preload gets its EFAULTs that way.
 */
#define HOST_SIGNAL_BIT(signal) (1ULL << ((signal)-1))
#define HOST_ALL_SIGNALS                                                                  \
	(~(HOST_SIGNAL_BIT(SIGSEGV) | HOST_SIGNAL_BIT(SIGBUS) | HOST_SIGNAL_BIT(SIGFPE) | \
	   HOST_SIGNAL_BIT(SIGILL) | HOST_SIGNAL_BIT(SIGTRAP) | HOST_SIGNAL_BIT(SIGSYS) | \
	   HOST_SIGNAL_BIT(SIGABRT)))

/* ns, monotonic */
uint64_t host_now(void);
void host_sleep(uint64_t ns);

/*
 * A lock that nobody can find taken for ever: all signals are blocked while it is held,
 * so that no handler leaves it by longjmp() and none meets its own thread's lock, and
 * a forked child resets it.  Held for short moments only, never while waiting.
 */
struct lock {
	uint32_t word; /* 0 free, 1 taken, 2 taken and somebody sleeps */
};

/* returns the signal mask for lock_release() */
uint64_t lock_take(struct lock *lock);
void lock_release(struct lock *lock, uint64_t mask);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_call.h - system calls of the host, made by the instruction itself.
 *
 * Hypercalls do not go through libc's wrappers, for three reasons: a preloaded
 * librumphijack.so interposes those and would hand our own I/O to the kernel
 * that asked for it; errno belongs to the application and stays untouched; and
 * a wrapper may be a cancellation point, where a thread must not end while it
 * lends itself to the kernel.
 *
 * Results are as the host kernel gives them: a value or -errno.
 */
#ifndef RUMPUSER_HOST_CALL_H
#define RUMPUSER_HOST_CALL_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>

#ifndef __x86_64__
#error "only x86-64 hosts"
#endif

/*
 * The host's numbers that only its own headers have; musl comes without those.
 */
#define FUTEX_WAIT_PRIVATE (0 | 128)
#define FUTEX_WAKE_PRIVATE (1 | 128)
#define FUTEX_WAIT_BITSET_PRIVATE (9 | 128)
#define FUTEX_BITSET_MATCH_ANY 0xffffffffU
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 0x01
#define FALLOC_FL_PUNCH_HOLE 0x02
#endif
#ifndef FALLOC_FL_ZERO_RANGE
#define FALLOC_FL_ZERO_RANGE 0x10
#endif
#define BLKSSZGET 0x1268
#define BLKDISCARD 0x1277
#define BLKZEROOUT 0x127f
#define BLKGETSIZE64 0x80081272
#define ARCH_SET_GS 0x1001

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

static inline void host_close(int fd)
{
	if (fd >= 0)
		host_call(SYS_close, fd);
}

/* int fd CLOSED_AT_END = ...; */
static inline void host_close_at(int *fd)
{
	host_close(*fd);
}
#define CLOSED_AT_END __attribute__((cleanup(host_close_at)))

/* For the hypercalls that do need libc: KEEPS_ERRNO; among the declarations. */
static inline void restore_errno(const int *saved)
{
	errno = *saved;
}
#define KEEPS_ERRNO const int saved_errno __attribute__((cleanup(restore_errno), unused)) = errno

/*
 * A lock of host threads that may run on a kernel stack: no owner, no
 * recursion, nothing allocated.  0 free, 1 taken, 2 taken and somebody sleeps.
 */
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

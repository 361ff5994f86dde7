/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_call.h - system calls of the host, made by the instruction itself.
 *
 * Not through libc's wrappers, for three reasons: a preloaded librumphijack.so interposes
 * those and would hand our own calls to the kernel that we are the way to; errno belongs to
 * the application and stays untouched; and a wrapper may be a cancellation point, where a
 * thread must not end with half a call made.
 *
 * Results are as the host kernel gives them: a value or -errno.  Async-signal-safe, and good
 * before libraries are relocated; inlined, so that the instruction lies in the caller's own
 * text, the one range that Syscall User Dispatch lets through.
 */
#ifndef RUMP_HOST_CALL_H
#define RUMP_HOST_CALL_H

#include <stdbool.h>
#include <sys/syscall.h>

#ifndef __x86_64__
#error "only x86-64 hosts"
#endif

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
#define host(...) HOST_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

static inline bool is_error(long result)
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

#endif

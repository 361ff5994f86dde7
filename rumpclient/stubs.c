/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stubs.c - rump_sys_*: a function for each system call, with libc's conventions.
 *
 * Expanded from rump_syscalls.inc, as the kernel's own are (kernel/rump_sys.c): the two
 * sets mean the same, so that a program is linked with the one or the other.  Every
 * argument is the register it comes in, a long; the server's kernel cuts each to its type.
 */
#include <string.h>
#include <time.h>

#include "private.h"

#define EXPORTED __attribute__((visibility("default")))
/* the size of the kernel's signal set, which libc passes along */
#define SIGSET_SIZE 8L

/* ---- what becomes of the kernel's result: the kinds of the rows ---- */

static __attribute__((noinline, cold)) long fail(long ret)
{
	errno = (int)-ret;
	return -1;
}

static inline long result_ERRNO(long ret)
{
	return __builtin_expect(is_error(ret), 0) ? fail(ret) : ret;
}

static inline long result_ERROR(long ret)
{
	return is_error(ret) ? -ret : 0;
}

static inline long result_VOID(long ret)
{
	(void)ret;
	return 0;
}

static inline long result_PRIORITY(long ret)
{
	return is_error(ret) ? fail(ret) : 20 - ret;
}

/* ---- the rows ---- */

#define SIX_LONGS long a1, long a2, long a3, long a4, long a5, long a6
#define UNUSED_LONGS (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6

#define TAKE_0 0, 0, 0, 0, 0, 0
#define TAKE_1 a1, 0, 0, 0, 0, 0
#define TAKE_2 a1, a2, 0, 0, 0, 0
#define TAKE_3 a1, a2, a3, 0, 0, 0
#define TAKE_4 a1, a2, a3, a4, 0, 0
#define TAKE_5 a1, a2, a3, a4, a5, 0
#define TAKE_6 a1, a2, a3, a4, a5, a6

#define RUMP_SYSCALL_FUNCTION(name, number, kind, ...)                         \
	EXPORTED long rump_sys_##name(SIX_LONGS);                              \
	long rump_sys_##name(SIX_LONGS)                                        \
	{                                                                      \
		UNUSED_LONGS;                                                  \
		return result_##kind(rumpclient_syscall(number, __VA_ARGS__)); \
	}
#define RUMP_SYSCALL(name, number, nargs, kind) \
	RUMP_SYSCALL_FUNCTION(name, number, kind, TAKE_##nargs)
#define RUMP_SYSCALL_WITH(name, number, kind, ...) \
	RUMP_SYSCALL_FUNCTION(name, number, kind, __VA_ARGS__)
/* below; the declaration makes a row without its function a link error */
#define RUMP_SYSCALL_BY_HAND(name, number) EXPORTED long rump_sys_##name(SIX_LONGS);

#include "rump_syscalls.inc"

/* ---- functions of their own ---- */

/* libc's returns the buffer, and does not give out what is no absolute path. */
long rump_sys_getcwd(SIX_LONGS)
{
	long ret = call(SYS_getcwd, a1, a2);

	UNUSED_LONGS;
	/* "(unreachable)/..." */
	if (!is_error(ret) && *(const char *)a1 != '/')
		ret = -ENOENT;
	if (!is_error(ret))
		return a1;
	fail(ret);
	return 0;
}

static long zero_rest(uint64_t at, uint64_t end)
{
	static const char zeroes[256];
	size_t piece;

	for (; at < end; at += piece) {
		piece = end - at < sizeof(zeroes) ? end - at : sizeof(zeroes);
		if (copy_out(at, zeroes, piece))
			return -EFAULT;
	}
	return 0;
}

/* The kernel writes as many bytes as it has CPUs for and returns their count. */
long rump_sys_sched_getaffinity(SIX_LONGS)
{
	long ret = call(SYS_sched_getaffinity, a1, a2, a3);

	UNUSED_LONGS;
	if (ret > 0 && ret < a2)
		ret = zero_rest((uint64_t)(a3 + ret), (uint64_t)(a3 + a2));
	return is_error(ret) ? fail(ret) : 0;
}

/* The kernel writes the time that is left to the timeout. */
long rump_sys_ppoll(SIX_LONGS)
{
	struct timespec timeout;

	UNUSED_LONGS;
	if (a3) {
		if (copy_in(&timeout, (uint64_t)a3, sizeof(timeout)))
			return fail(-EFAULT);
		a3 = (long)&timeout;
	}
	return result_ERRNO(call(SYS_ppoll, a1, a2, a3, a4, SIGSET_SIZE));
}

long rump_sys_pselect(SIX_LONGS)
{
	struct timespec timeout;
	struct {
		long set, size;
	} mask = {a6, SIGSET_SIZE};

	if (a5) {
		if (copy_in(&timeout, (uint64_t)a5, sizeof(timeout)))
			return fail(-EFAULT);
		a5 = (long)&timeout;
	}
	return result_ERRNO(call(SYS_pselect6, a1, a2, a3, a4, a5, &mask));
}

/* POSIX has "/name", the kernel "name"; 0 or -errno. */
static long mq_name(long *name)
{
	char first;

	if (copy_in(&first, (uint64_t)*name, 1))
		return -EFAULT;
	if (first != '/')
		return -EINVAL;
	++*name;
	return 0;
}

long rump_sys_mq_open(SIX_LONGS)
{
	long ret = mq_name(&a1);

	UNUSED_LONGS;
	if (!ret)
		ret = call(SYS_mq_open, a1, a2, a3, a4);
	return result_ERRNO(ret);
}

long rump_sys_mq_unlink(SIX_LONGS)
{
	long ret = mq_name(&a1);

	UNUSED_LONGS;
	if (!ret)
		ret = call(SYS_mq_unlink, a1);
	/* POSIX has EACCES for what the file system calls EPERM */
	return result_ERRNO(ret == -EPERM ? -EACCES : ret);
}

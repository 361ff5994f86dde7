// SPDX-License-Identifier: GPL-2.0-only
/*
 * rump_sys_*: a function for each system call, with libc's conventions.
 *
 * The functions are expanded from rump_syscalls.inc, which build/gen_syscalls.py
 * makes of the tree's table; the prototypes that programs see are in the
 * generated rump_syscalls.h.  Here every argument is the register it comes in,
 * a long: variadic callers put the first six in the same registers, and
 * SYSCALL_DEFINE cuts each to its type.
 *
 * This file runs on host stacks, where an access to the application's memory
 * has no fixup.  What must look at it does so by rump_kernel_call(), at the
 * price of a second entry.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/poll.h>
#include <linux/time64.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <asm/rump.h>
#include <asm/unistd.h>

/* the size of the kernel's signal set, which libc passes along */
#define SIGSET_SIZE	sizeof(sigset_t)

/* ---- what becomes of the kernel's result: the kinds of the rows ---- */

static noinline __cold long fail(long ret)
{
	/* before rump_init() there is no host to tell */
	if (rump_user)
		rump_set_errno(-ret);
	return -1;
}

static __always_inline long result_ERRNO(long ret)
{
	return unlikely(IS_ERR_VALUE(ret)) ? fail(ret) : ret;
}

static __always_inline long result_ERROR(long ret)
{
	return unlikely(IS_ERR_VALUE(ret)) ? -ret : 0;
}

static __always_inline long result_VOID(long ret)
{
	return 0;
}

static __always_inline long result_PRIORITY(long ret)
{
	return unlikely(IS_ERR_VALUE(ret)) ? fail(ret) : 20 - ret;
}

/* ---- the rows ---- */

#define SIX_LONGS	long a1, long a2, long a3, long a4, long a5, long a6

#define TAKE_0		0, 0, 0, 0, 0, 0
#define TAKE_1		a1, 0, 0, 0, 0, 0
#define TAKE_2		a1, a2, 0, 0, 0, 0
#define TAKE_3		a1, a2, a3, 0, 0, 0
#define TAKE_4		a1, a2, a3, a4, 0, 0
#define TAKE_5		a1, a2, a3, a4, a5, 0
#define TAKE_6		a1, a2, a3, a4, a5, a6

#define RUMP_SYSCALL_FUNCTION(name, number, kind, ...)			\
	rump_export long rump_sys_##name(SIX_LONGS);			\
	long rump_sys_##name(SIX_LONGS)					\
	{								\
		return result_##kind(rump_syscall(number, __VA_ARGS__)); \
	}
#define RUMP_SYSCALL(name, number, nargs, kind)				\
	RUMP_SYSCALL_FUNCTION(name, number, kind, TAKE_##nargs)
#define RUMP_SYSCALL_WITH(name, number, kind, ...)			\
	RUMP_SYSCALL_FUNCTION(name, number, kind, __VA_ARGS__)
/* below; the declaration makes a row without its function a link error */
#define RUMP_SYSCALL_BY_HAND(name, number)				\
	rump_export long rump_sys_##name(SIX_LONGS);

#include <generated/rump_syscalls.inc>

/* ---- access to the application's memory ---- */

struct user_access {
	void *kernel;		/* on the host stack */
	void __user *user;
	unsigned long length;
};

static long read_user(void *arg)
{
	struct user_access *access = arg;

	return copy_from_user(access->kernel, access->user, access->length) ? -EFAULT : 0;
}

static long zero_user(void *arg)
{
	struct user_access *access = arg;

	return clear_user(access->user, access->length) ? -EFAULT : 0;
}

static long get_user_bytes(void *to, long from, unsigned long length)
{
	struct user_access access = { .kernel = to, .user = (void __user *)from, .length = length };

	return rump_kernel_call(read_user, &access);
}

/* ---- functions of their own ---- */

/* libc's returns the buffer, and does not give out what is no absolute path. */
long rump_sys_getcwd(SIX_LONGS)
{
	long ret = rump_syscall(__NR_getcwd, a1, a2, 0, 0, 0, 0);

	/* "(unreachable)/..." */
	if (!IS_ERR_VALUE(ret) && *(const char *)a1 != '/')
		ret = -ENOENT;
	if (!IS_ERR_VALUE(ret))
		return a1;
	fail(ret);
	return 0;
}

/* The kernel writes as many bytes as it has CPUs for and returns their count. */
long rump_sys_sched_getaffinity(SIX_LONGS)
{
	long ret = rump_syscall(__NR_sched_getaffinity, a1, a2, a3, 0, 0, 0);

	if (ret > 0 && ret < a2) {
		struct user_access rest = { .user = (void __user *)(a3 + ret), .length = a2 - ret };

		ret = rump_kernel_call(zero_user, &rest);
	}
	return IS_ERR_VALUE(ret) ? fail(ret) : 0;
}

/* The kernel writes the time that is left to the timeout. */
long rump_sys_ppoll(SIX_LONGS)
{
	struct __kernel_timespec timeout;
	long ret;

	if (a3) {
		ret = get_user_bytes(&timeout, a3, sizeof(timeout));
		if (ret)
			return fail(ret);
		a3 = (long)&timeout;
	}
	return result_ERRNO(rump_syscall(__NR_ppoll, a1, a2, a3, a4, SIGSET_SIZE, 0));
}

long rump_sys_pselect(SIX_LONGS)
{
	struct __kernel_timespec timeout;
	struct {
		long set;
		unsigned long size;
	} mask = { a6, SIGSET_SIZE };
	long ret;

	if (a5) {
		ret = get_user_bytes(&timeout, a5, sizeof(timeout));
		if (ret)
			return fail(ret);
		a5 = (long)&timeout;
	}
	return result_ERRNO(rump_syscall(__NR_pselect6, a1, a2, a3, a4, a5, (long)&mask));
}

/* POSIX has "/name", the kernel "name"; 0 or -errno. */
static long mq_name(long *name)
{
	char first;
	long ret = get_user_bytes(&first, *name, 1);

	if (ret)
		return ret;
	if (first != '/')
		return -EINVAL;
	++*name;
	return 0;
}

long rump_sys_mq_open(SIX_LONGS)
{
	long ret = mq_name(&a1);

	if (!ret)
		ret = rump_syscall(__NR_mq_open, a1, a2, a3, a4, 0, 0);
	return result_ERRNO(ret);
}

long rump_sys_mq_unlink(SIX_LONGS)
{
	long ret = mq_name(&a1);

	if (!ret)
		ret = rump_syscall(__NR_mq_unlink, a1, 0, 0, 0, 0, 0);
	/* POSIX has EACCES for what the file system calls EPERM */
	return result_ERRNO(ret == -EPERM ? -EACCES : ret);
}

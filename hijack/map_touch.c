/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_touch.c - mapped rump files as arguments of system calls.
 *
 * Neither the host nor a kernel elsewhere takes a fault of ours: a buffer in a mapping of
 * which some pages were not touched yet would give EFAULT, or half of what was asked for.
 * So, where such mappings exist, buffers of the usual calls are touched first, page by
 * page; and any call that gave EFAULT is made again when what its arguments point to has
 * been.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "dispatch.h"
#include "map.h"

/* What is touched for one call; the rest gives a short transfer. */
#define LIMIT (64UL << 20)
/* for what may be a string or a struct */
#define SOME 4096UL
#define VECTOR_MAX 1024

/* true: something was touched */
static bool touch(unsigned long start, unsigned long length, bool is_write)
{
	unsigned long end, part_end;
	bool touched = false;
	struct area area;

	if (!length || !areas_may_have(start, length))
		return false;
	if (length > LIMIT)
		length = LIMIT;
	for (end = start + length; start < end && areas_find(start, end, &area); start = part_end) {
		part_end = area.end < end ? area.end : end;
		if (start < area.start)
			start = area.start;
		if (is_write && !(area.protection & PROT_WRITE))
			continue;
		for (unsigned long at = start & -MAP_PAGE; at < part_end; at += MAP_PAGE)
			if (user_touch(at, is_write))
				return touched;
		touched = true;
	}
	return touched;
}

static bool touch_vector(unsigned long address, unsigned long count, bool is_write)
{
	bool touched = touch(address, count * sizeof(struct iovec), false);
	struct iovec one;

	if (count > VECTOR_MAX)
		return touched;
	for (unsigned long i = 0; i < count; i++) {
		if (user_copy(&one, (const struct iovec *)address + i, sizeof(one)))
			break;
		touched |= touch((unsigned long)one.iov_base, one.iov_len, is_write);
	}
	return touched;
}

static bool touch_message(unsigned long address, bool is_write)
{
	bool touched = touch(address, sizeof(struct msghdr), is_write);
	struct msghdr head;

	if (user_copy(&head, (const void *)address, sizeof(head)))
		return touched;
	touched |= touch((unsigned long)head.msg_name, head.msg_namelen, is_write);
	touched |= touch((unsigned long)head.msg_control, head.msg_controllen, is_write);
	return touch_vector((unsigned long)head.msg_iov, head.msg_iovlen, is_write) | touched;
}

/* argv, envp: the strings, too */
static bool touch_strings(unsigned long address)
{
	bool touched = touch(address, SOME, false);
	unsigned long string;

	for (; address; address += sizeof(string)) {
		if (user_copy(&string, (const void *)address, sizeof(string)) || !string)
			break;
		touched |= touch(string, SOME, false);
	}
	return touched;
}

/* The calls with large buffers; false: none of them. */
static bool touch_buffers(const struct call *call, bool *touched)
{
	const unsigned long *args = (const unsigned long *)call->args;

	switch (call->nr) {
	case SYS_read:
	case SYS_pread64:
	case SYS_recvfrom:
	case SYS_getdents:
	case SYS_getdents64:
		*touched = touch(args[1], args[2], true);
		return true;
	case SYS_write:
	case SYS_pwrite64:
	case SYS_sendto:
		*touched = touch(args[1], args[2], false);
		return true;
	case SYS_getrandom:
		*touched = touch(args[0], args[1], true);
		return true;
	case SYS_readv:
	case SYS_preadv:
	case SYS_preadv2:
		*touched = touch_vector(args[1], args[2], true);
		return true;
	case SYS_writev:
	case SYS_pwritev:
	case SYS_pwritev2:
	case SYS_vmsplice:
		*touched = touch_vector(args[1], args[2], false);
		return true;
	case SYS_recvmsg:
		*touched = touch_message(args[1], true);
		return true;
	case SYS_sendmsg:
		*touched = touch_message(args[1], false);
		return true;
	}
	return false;
}

/* Addresses are what these are about. */
static bool is_about_addresses(long nr)
{
	switch (nr) {
	case SYS_brk:
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mremap:
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_madvise:
	case SYS_msync:
	case SYS_mlock:
	case SYS_mlock2:
	case SYS_munlock:
	case SYS_rt_sigreturn:
	case SYS_exit:
		return true;
	}
	return false;
}

void map_touch(const struct call *call)
{
	bool touched;

	touch_buffers(call, &touched);
}

bool map_touch_again(const struct call *call)
{
	bool touched = false;

	if (is_about_addresses(call->nr))
		return false;
	touch_buffers(call, &touched);
	if (call->nr == SYS_execve)
		touched |= touch_strings(call->args[1]) | touch_strings(call->args[2]);
	if (call->nr == SYS_execveat)
		touched |= touch_strings(call->args[2]) | touch_strings(call->args[3]);
	for (int i = 0; i < 6; i++) {
		unsigned long address = call->args[i];

		/* some of these are written to: those that may be */
		if (touch(address, SOME, true) || touch(address, SOME, false))
			touched = true;
	}
	return touched;
}

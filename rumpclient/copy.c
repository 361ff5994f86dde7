/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy.c - the application's memory, which may not be there.
 *
 * The kernel of a server cannot take a fault of ours, and a SIGSEGV handler is the
 * application's to install, so a bad pointer has to be found by somebody who may meet
 * it: the preload, whose handler knows its own copy routine, or else the host, asked
 * to copy from this process to this process.
 */
#include <string.h>

#include "private.h"

/* The preload's, when it is there: 0 or -EFAULT. */
__attribute__((weak, visibility("default"))) int rumphijack_copy(void *to, const void *from,
								 size_t length);

#define PAGE 4096UL
#define STRING_PIECE 256UL

static int copy_by_host(long number, void *local, uint64_t remote, size_t length)
{
	struct iovec here = {local, length}, there = {(void *)remote, length};
	/* a child that shares the memory may well say its parent's */
	long pid = session_own.pid ? session_own.pid : host(SYS_getpid);
	long done = host(number, pid, &here, 1, &there, 1, 0);

	return done == (long)length ? 0 : -EFAULT;
}

int copy_in(void *to, uint64_t from, size_t length)
{
	if (rumphijack_copy)
		return rumphijack_copy(to, (const void *)from, length) ? -EFAULT : 0;
	return copy_by_host(SYS_process_vm_readv, to, from, length);
}

int copy_out(uint64_t to, const void *from, size_t length)
{
	if (rumphijack_copy)
		return rumphijack_copy((void *)to, from, length) ? -EFAULT : 0;
	return copy_by_host(SYS_process_vm_writev, (void *)from, to, length);
}

long copy_in_string(char *to, uint64_t from, size_t size)
{
	size_t length = 0;

	while (length < size) {
		/* up to the end of a page: the next one may not be there, and need not */
		size_t piece = PAGE - (from + length) % PAGE;
		const char *end;

		if (piece > STRING_PIECE)
			piece = STRING_PIECE;
		if (piece > size - length)
			piece = size - length;
		if (copy_in(to + length, from + length, piece))
			return -EFAULT;
		end = memchr(to + length, '\0', piece);
		if (end)
			return end + 1 - to;
		length += piece;
	}
	return -ENAMETOOLONG;
}

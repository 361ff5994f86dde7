/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_copy.c - mmap of files of a kernel that does not share its memory with us: one of
 * another user or machine.
 *
 * The program gets memory of its own with a copy of the file.  For MAP_PRIVATE that is what
 * most programs mean.  A shared mapping for reading is such a copy too, which later
 * writes of others do not reach; one for writing would lose them: ENODEV, after which
 * programs read and write.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "boot.h"
#include "dispatch.h"
#include "map.h"

#define PAGE 4096UL
#define PIECE (1UL << 20) /* of a read */

/* The errors of mmap(2), in its order; 0: the file may be copied. */
static long check(struct call *call, int rump_fd, unsigned long *ret_size)
{
	unsigned long length = call->args[1], offset = call->args[5];
	int protection = call->args[2], type = call->args[3] & MAP_TYPE;
	struct stat st;
	long flags;

	if (!length || offset % PAGE)
		return -EINVAL;
	if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (length > 1UL << 47)
		return -ENOMEM;
	if (offset + length < offset)
		return -EOVERFLOW;
	flags = rump(call, SYS_fcntl, rump_fd, F_GETFL);
	if (flags < 0)
		return flags;
	if (flags & O_PATH)
		return -EBADF;
	if ((flags & O_ACCMODE) == O_WRONLY)
		return -EACCES;
	flags = rump(call, SYS_fstat, rump_fd, &st);
	if (flags < 0)
		return flags;
	if (!S_ISREG(st.st_mode))
		return -ENODEV;
	if (type != MAP_PRIVATE && protection & PROT_WRITE)
		return -ENODEV;
	*ret_size = st.st_size;
	return 0;
}

static long fill(struct call *call, int rump_fd, char *to, unsigned long length)
{
	unsigned long offset = call->args[5], done = 0;

	while (done < length) {
		unsigned long want = length - done < PIECE ? length - done : PIECE;
		long got = rump(call, SYS_pread64, rump_fd, to + done, want, offset + done);

		if (got == -EINTR)
			continue;
		if (got < 0)
			return got;
		if (!got)
			break; /* it has become shorter: zeroes, as behind the end */
		done += got;
	}
	return 0;
}

long map_copy(struct call *call, int rump_fd)
{
	unsigned long length = call->args[1], offset = call->args[5], size = 0, whole;
	int flags = (call->args[3] & ~(MAP_TYPE | MAP_SYNC)) | MAP_PRIVATE | MAP_ANONYMOUS;
	bool is_fixed = flags & MAP_FIXED;
	long error = check(call, rump_fd, &size), memory, moved;

	if (error)
		return error;
	length = (length + PAGE - 1) & -PAGE;
	size = size > offset ? size - offset : 0;
	if (size > length)
		size = length;
	whole = (size + PAGE - 1) & -PAGE;
	/* filled elsewhere: what a fixed mapping replaces stays until the copy is there */
	memory = host(SYS_mmap, is_fixed ? 0 : call->args[0], length, PROT_READ | PROT_WRITE,
		      flags & ~MAP_FIXED, -1, 0);
	if (is_error(memory))
		return memory;
	error = fill(call, rump_fd, (char *)memory, size);
	if (!error && is_fixed) {
		moved = host(SYS_mremap, memory, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
			     call->args[0]);
		if (is_error(moved))
			error = moved;
		else
			memory = moved;
	}
	if (!error)
		error = host(SYS_mprotect, memory, length, call->args[2]);
	/* an access to a page that the file does not have is a fault */
	if (!error && whole < length)
		error = host(SYS_mprotect, memory + whole, length - whole, PROT_NONE);
	if (!error)
		return memory;
	host(SYS_munmap, memory, length);
	return error;
}

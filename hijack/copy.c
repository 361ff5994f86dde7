/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy.c - calls that move data from one descriptor to another, across the border.
 *
 * Both on one side: that kernel does it.  On both sides sendfile and splice copy
 * through a buffer; copy_file_range gives EXDEV, after which every program copies
 * by itself.  tee cannot be copied (it must not consume): EINVAL, as for non-pipes.
 */
#include <sys/mman.h>

#include "dispatch.h"
#include "fdtable.h"

#define BUFFER (128 * 1024)

struct end {
	int rump_fd; /* FDTABLE_HOST: on the host */
	int fd;
};

static int end_of(int fd, struct end *ret)
{
	ret->rump_fd = fdtable_get(fd);
	ret->fd = fd;
	return ret->rump_fd == FDTABLE_PRIVATE ? -EBADF : 0;
}

static long on(struct call *call, const struct end *end, long nr, void *buffer, long length,
	       long offset)
{
	if (end->rump_fd >= 0)
		return rump(call, nr, end->rump_fd, buffer, length, offset);
	return host(nr, end->fd, buffer, length, offset);
}

/*
 * Moves at most count bytes.  Offsets: NULL means the file position.  What was read
 * but could not be written is given back where the source has a position; a pipe or
 * socket loses it only if writing fails for good after a short write.
 */
static long copy(struct call *call, const struct end *in, long *in_offset, const struct end *out,
		 long *out_offset, unsigned long count)
{
	long memory, done = 0, result = 0;
	char *buffer;

	if (!count)
		return 0;
	memory = host(SYS_mmap, 0, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (is_error(memory))
		return -ENOMEM;
	buffer = (char *)memory;
	while ((unsigned long)done < count) {
		unsigned long want = count - done < BUFFER ? count - done : BUFFER;
		long got, put = 0;

		got = in_offset ? on(call, in, SYS_pread64, buffer, want, *in_offset)
				: on(call, in, SYS_read, buffer, want, 0);
		if (got <= 0) {
			result = got;
			break;
		}
		while (put < got) {
			result = out_offset ? on(call, out, SYS_pwrite64, buffer + put, got - put,
						 *out_offset)
					    : on(call, out, SYS_write, buffer + put, got - put, 0);
			if (result <= 0)
				break;
			put += result;
			if (out_offset)
				*out_offset += result;
		}
		done += put;
		if (in_offset)
			*in_offset += put;
		else if (put < got)
			on(call, in, SYS_lseek, (void *)(put - got), 1 /* SEEK_CUR */, 0);
		/* a short read is all there is for now */
		if (put < got || got < (long)want)
			break;
	}
	host(SYS_munmap, memory, BUFFER);
	return done ? done : result;
}

static int fetch_offset(long at, long *offset)
{
	if (at && user_copy(offset, (const void *)at, sizeof(*offset)))
		return -EFAULT;
	return at && *offset < 0 ? -EINVAL : 0;
}

static int store_offset(long at, const long *offset)
{
	return at && user_copy((void *)at, offset, sizeof(*offset)) ? -EFAULT : 0;
}

static bool same_side(const struct end *a, const struct end *b)
{
	return (a->rump_fd >= 0) == (b->rump_fd >= 0);
}

/* The call as it is, with descriptors at two places, on the side of both. */
static long pass(struct call *call, const struct end *a, int a_at, const struct end *b, int b_at)
{
	long args[6];

	if (a->rump_fd < 0)
		return host_call(call);
	memcpy(args, call->args, sizeof(args));
	args[a_at] = a->rump_fd;
	args[b_at] = b->rump_fd;
	return rump_call(call, args);
}

long handle_sendfile(struct call *call)
{
	struct end out, in;
	long offset = 0, result;
	int error;

	if (end_of(call->args[0], &out) || end_of(call->args[1], &in))
		return -EBADF;
	if (same_side(&out, &in))
		return pass(call, &out, 0, &in, 1);
	error = fetch_offset(call->args[2], &offset);
	if (error)
		return error;
	result = copy(call, &in, call->args[2] ? &offset : NULL, &out, NULL, call->args[3]);
	if (result >= 0 && store_offset(call->args[2], &offset))
		return -EFAULT;
	return result;
}

long handle_copy_file_range(struct call *call)
{
	struct end in, out;

	if (end_of(call->args[0], &in) || end_of(call->args[2], &out))
		return -EBADF;
	return same_side(&in, &out) ? pass(call, &in, 0, &out, 2) : -EXDEV;
}

long handle_splice(struct call *call)
{
	int out_at = call->nr == SYS_tee ? 1 : 2;
	long in_offset = 0, out_offset = 0, result;
	struct end in, out;
	int error;

	if (end_of(call->args[0], &in) || end_of(call->args[out_at], &out))
		return -EBADF;
	if (same_side(&in, &out))
		return pass(call, &in, 0, &out, out_at);
	if (call->nr == SYS_tee)
		return -EINVAL;
	error = fetch_offset(call->args[1], &in_offset);
	if (!error)
		error = fetch_offset(call->args[3], &out_offset);
	if (error)
		return error;
	result = copy(call, &in, call->args[1] ? &in_offset : NULL, &out,
		      call->args[3] ? &out_offset : NULL, call->args[4]);
	if (result >= 0 &&
	    (store_offset(call->args[1], &in_offset) || store_offset(call->args[3], &out_offset)))
		return -EFAULT;
	return result;
}

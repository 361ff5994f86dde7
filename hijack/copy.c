/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy.c - calls that move data from one descriptor to another, across the border.
 *
 * Both on one side: that kernel does it.  On both sides the data goes through a buffer, by
 * Linux's rules: what may be moved where, and that nothing is lost.  What comes out of a
 * pipe or socket is looked at first (tee, MSG_PEEK) and taken once it has been written.  A
 * pipe takes pages for as long as there is room; the call does not wait for more.
 *
 * copy_file_range gives EXDEV, after which every program copies by itself.
 *
 * Limit: data that two threads move out of one pipe at once may be moved twice.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "dispatch.h"
#include "fdtable.h"

#define BUFFER (128 * 1024)
#define SMALL (8 * 1024)   /* on the stack */
#define NOT_SMALL (-4000L) /* no errno value */
#define PIPE_PAGE 4096	   /* a pipe that poll() finds writable takes as much at once */
#define SPLICE_FLAGS 0xf
#define COUNT_MAX 0x7ffff000L /* Linux's MAX_RW_COUNT */

/* ---- descriptors of either side ---- */

struct end {
	int rump_fd; /* < 0: on the host */
	int fd;
	int flags; /* F_GETFL */
	mode_t mode;
	bool is_seekable;
	bool is_null; /* /dev/null */
};

static long on(struct call *call, const struct end *end, long nr, long a, long b, long c, long d,
	       long e)
{
	if (end->rump_fd >= 0)
		return rump(call, nr, end->rump_fd, a, b, c, d, e);
	return host(nr, end->fd, a, b, c, d, e);
}

static int end_of(int fd, struct end *ret)
{
	*ret = (struct end){.rump_fd = fdtable_get(fd), .fd = fd};
	return ret->rump_fd == FDTABLE_PRIVATE ? -EBADF : 0;
}

/* What is needed to judge it: 0 or -EBADF. */
static int look_at(struct call *call, struct end *end)
{
	struct stat st;
	long flags = on(call, end, SYS_fcntl, F_GETFL, 0, 0, 0, 0);

	if (is_error(flags) || flags & O_PATH || on(call, end, SYS_fstat, (long)&st, 0, 0, 0, 0))
		return -EBADF;
	end->flags = flags;
	end->mode = st.st_mode;
	end->is_null = S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
	end->is_seekable = !is_error(on(call, end, SYS_lseek, 0, SEEK_CUR, 0, 0, 0));
	return 0;
}

static bool may_read(const struct end *end)
{
	return (end->flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(const struct end *end)
{
	return (end->flags & O_ACCMODE) != O_RDONLY;
}

static bool is_pipe(const struct end *end)
{
	return S_ISFIFO(end->mode);
}

static bool same_side(const struct end *a, const struct end *b)
{
	return (a->rump_fd >= 0) == (b->rump_fd >= 0);
}

/* Waits, if it may: 1 ready, 0 not, -errno.  A pipe without readers is told as write() does. */
static long wait_for(struct call *call, const struct end *end, short events, bool may_wait)
{
	struct pollfd one = {end->rump_fd >= 0 ? end->rump_fd : end->fd, events, 0};
	struct timespec now = {0, 0};
	long result;

	if (end->rump_fd >= 0)
		result = rump(call, SYS_ppoll, &one, 1, may_wait ? NULL : &now, NULL, 8);
	else
		result = host(SYS_ppoll, &one, 1, may_wait ? NULL : &now, NULL, 8);
	if (result <= 0 || events != POLLOUT || !(one.revents & POLLERR))
		return result;
	host(SYS_tgkill, host(SYS_getpid), host(SYS_gettid), SIGPIPE);
	return -EPIPE;
}

/* ---- what is in a pipe ---- */

struct spare {
	int fds[2];
	bool is_open;
};

static void spare_close(struct call *call, const struct end *pipe, struct spare *spare)
{
	for (int i = 0; spare->is_open && i < 2; i++)
		if (pipe->rump_fd >= 0)
			rump(call, SYS_close, spare->fds[i]);
		else
			host(SYS_close, spare->fds[i]);
	spare->is_open = false;
}

/* Bytes, without taking them; 0: there will be none, -EAGAIN: there are none now. */
static long peek_pipe(struct call *call, const struct end *pipe, struct spare *spare, char *buffer,
		      long want)
{
	bool is_rump = pipe->rump_fd >= 0;
	long length;

	if (!spare->is_open) {
		length = is_rump ? rump(call, SYS_pipe2, spare->fds, O_CLOEXEC)
				 : host(SYS_pipe2, spare->fds, O_CLOEXEC);
		if (length)
			return length;
		spare->is_open = true;
	}
	length = on(call, pipe, SYS_tee, spare->fds[1], want, 2 /* SPLICE_F_NONBLOCK */, 0, 0);
	if (is_error(length) || !length)
		return length;
	return is_rump ? rump(call, SYS_read, spare->fds[0], buffer, length)
		       : host(SYS_read, spare->fds[0], buffer, length);
}

/* ---- the way of the data ---- */

struct transfer {
	struct call *call;
	struct end in, out;
	long *in_offset, *out_offset; /* NULL: the file's position, if it has one */
	bool may_wait;		      /* for a pipe */
	bool is_tee;		      /* nothing is taken */
	bool is_sendfile;
	struct spare spare;
	char *buffer;
};

/* Bytes at the source.  *ret_is_taken: there is no other way but to take them. */
static long look(struct transfer *t, long position, long want, bool is_first, bool *ret_is_taken)
{
	struct call *call = t->call;
	long got;

	*ret_is_taken = false;
	/* what has no splice_read of its own */
	if (S_ISDIR(t->in.mode) || t->in.is_null || (t->is_sendfile && is_pipe(&t->in)))
		return -EINVAL;
	if (is_pipe(&t->in)) {
		got = peek_pipe(call, &t->in, &t->spare, t->buffer, want);
		if (got != -EAGAIN || !is_first || !t->may_wait)
			return got;
		got = wait_for(call, &t->in, POLLIN, true);
		return got < 0 ? got : peek_pipe(call, &t->in, &t->spare, t->buffer, want);
	}
	if (t->in.is_seekable)
		return on(call, &t->in, SYS_pread64, (long)t->buffer, want, position, 0, 0);
	if (S_ISSOCK(t->in.mode))
		return on(call, &t->in, SYS_recvfrom, (long)t->buffer, want,
			  MSG_PEEK | (is_first ? 0 : MSG_DONTWAIT), 0, 0);
	*ret_is_taken = true;
	return on(call, &t->in, SYS_read, (long)t->buffer, want < PIPE_PAGE ? want : PIPE_PAGE, 0,
		  0, 0);
}

static long give_pipe(struct transfer *t, const char *from, long length, bool is_first)
{
	long done = 0, result;

	while (done < length) {
		result = wait_for(t->call, &t->out, POLLOUT, is_first && !done && t->may_wait);
		if (!result)
			result = -EAGAIN;
		if (result > 0)
			result = on(t->call, &t->out, SYS_write, (long)from + done,
				    length - done < PIPE_PAGE ? length - done : PIPE_PAGE, 0, 0, 0);
		if (result <= 0)
			return done ? done : result;
		done += result;
	}
	return done;
}

static long give(struct transfer *t, const char *from, long length, bool is_first)
{
	long result;

	if (is_pipe(&t->out))
		return give_pipe(t, from, length, is_first);
	if (!t->out_offset)
		return on(t->call, &t->out, SYS_write, (long)from, length, 0, 0, 0);
	result = on(t->call, &t->out, SYS_pwrite64, (long)from, length, *t->out_offset, 0, 0);
	if (result > 0 && !t->out.is_null)
		*t->out_offset += result;
	return result;
}

/* What has been written leaves the source. */
static void settle(struct transfer *t, long done, long *position)
{
	struct call *call = t->call;

	if (t->is_tee)
		return;
	if (is_pipe(&t->in))
		on(call, &t->in, SYS_read, (long)t->buffer, done, 0, 0, 0);
	else if (t->in.is_seekable)
		*position += done;
	else if (S_ISSOCK(t->in.mode))
		on(call, &t->in, SYS_recvfrom, (long)t->buffer, done, MSG_DONTWAIT, 0, 0);
}

static long move(struct transfer *t, long count, long position)
{
	long done = 0, result = 0;

	/* sendfile looks for room even then */
	if (!count && is_pipe(&t->out)) {
		result = wait_for(t->call, &t->out, POLLOUT, t->may_wait);
		return result > 0 ? 0 : result ? result : -EAGAIN;
	}
	while (done < count) {
		long want = count - done < BUFFER ? count - done : BUFFER, got, put;
		bool is_taken;

		/* room first: what is taken from a terminal must not be lost */
		if (is_pipe(&t->out)) {
			result = wait_for(t->call, &t->out, POLLOUT, !done && t->may_wait);
			if (result <= 0) {
				result = result ? result : -EAGAIN;
				break;
			}
		}
		got = look(t, position, want, !done, &is_taken);
		if (got <= 0) {
			result = got;
			break;
		}
		put = give(t, t->buffer, got, !done);
		if (put <= 0) {
			result = put;
			break;
		}
		if (!is_taken)
			settle(t, put, &position);
		done += put;
		/* all that there is for now; a tee would see the same again */
		if (put < got || t->is_tee || (!t->in.is_seekable && !is_pipe(&t->in)))
			break;
	}
	if (t->in.is_seekable && done) {
		if (t->in_offset)
			*t->in_offset = position;
		else
			on(t->call, &t->in, SYS_lseek, position, SEEK_SET, 0, 0, 0);
	}
	return done ? done : result;
}

static long run(struct transfer *t, unsigned long count)
{
	long memory, result, position = 0;

	if (count > COUNT_MAX)
		count = COUNT_MAX;
	if (t->in.is_seekable)
		position = t->in_offset ? *t->in_offset
					: on(t->call, &t->in, SYS_lseek, 0, SEEK_CUR, 0, 0, 0);
	memory = host(SYS_mmap, 0, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (is_error(memory))
		return -ENOMEM;
	t->buffer = (char *)memory;
	result = move(t, count, position);
	spare_close(t->call, &t->in, &t->spare);
	host(SYS_munmap, memory, BUFFER);
	return result;
}

/* ---- calls ---- */

static int fetch_offset(long at, long *offset)
{
	return at && user_copy(offset, (const void *)at, sizeof(*offset)) ? -EFAULT : 0;
}

static int store_offset(long at, const long *offset)
{
	return at && user_copy((void *)at, offset, sizeof(*offset)) ? -EFAULT : 0;
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

static int judge_sendfile(struct transfer *t, long offset)
{
	if (look_at(t->call, &t->in) || !may_read(&t->in))
		return -EBADF;
	if (t->in_offset && !t->in.is_seekable)
		return -ESPIPE;
	if (t->in_offset && offset < 0)
		return -EINVAL;
	if (look_at(t->call, &t->out) || !may_write(&t->out))
		return -EBADF;
	if (is_pipe(&t->out))
		return 0;
	/* the source is one that can be gone back in */
	return !t->in.is_seekable || t->out.flags & O_APPEND ? -EINVAL : 0;
}

/*
 * What web servers do, a small file of the host's to a socket: nothing is asked about either
 * of them, for each question to a kernel elsewhere costs as much as the answer.  Only a
 * socket takes send().  NOT_SMALL: it is anything else, and nothing has been done.
 */
static __attribute__((noinline)) long send_small(struct transfer *t, unsigned long count)
{
	char buffer[SMALL];
	long position = 0, got, put;

	if (t->out.rump_fd < 0 || !count || count > sizeof(buffer))
		return NOT_SMALL;
	position = t->in_offset ? *t->in_offset : host(SYS_lseek, t->in.fd, 0, SEEK_CUR);
	if (position < 0)
		return NOT_SMALL;
	got = host(SYS_pread64, t->in.fd, buffer, count, position);
	if (got <= 0)
		return NOT_SMALL;
	put = rump(t->call, SYS_sendto, t->out.rump_fd, buffer, got, 0, NULL, 0);
	if (put <= 0)
		return put == -ENOTSOCK ? NOT_SMALL : put;
	if (t->in_offset)
		*t->in_offset = position + put;
	else
		host(SYS_lseek, t->in.fd, position + put, SEEK_SET);
	return put;
}

long handle_sendfile(struct call *call)
{
	struct transfer t = {.call = call, .is_sendfile = true};
	long offset = 0, result;

	if (end_of(call->args[0], &t.out) || end_of(call->args[1], &t.in))
		return -EBADF;
	if (same_side(&t.out, &t.in))
		return pass(call, &t.out, 0, &t.in, 1);
	result = fetch_offset(call->args[2], &offset);
	if (result)
		return result;
	t.in_offset = call->args[2] ? &offset : NULL;
	result = send_small(&t, call->args[3]);
	if (result == NOT_SMALL) {
		result = judge_sendfile(&t, offset);
		if (result)
			return result;
		t.may_wait = !(t.out.flags & O_NONBLOCK);
		result = run(&t, call->args[3]);
	}
	if (result >= 0 && store_offset(call->args[2], &offset))
		return -EFAULT;
	return result;
}

long handle_copy_file_range(struct call *call)
{
	struct end in, out;

	if (end_of(call->args[0], &in) || end_of(call->args[2], &out))
		return -EBADF;
	if (same_side(&in, &out))
		return pass(call, &in, 0, &out, 2);
	if (look_at(call, &in) || look_at(call, &out))
		return -EBADF;
	if (call->args[5])
		return -EINVAL;
	if (S_ISDIR(in.mode) || S_ISDIR(out.mode))
		return -EISDIR;
	if (!S_ISREG(in.mode) || !S_ISREG(out.mode))
		return -EINVAL;
	if (!may_read(&in) || !may_write(&out) || out.flags & O_APPEND)
		return -EBADF;
	return -EXDEV;
}

static int judge_splice(struct transfer *t)
{
	if (look_at(t->call, &t->in) || look_at(t->call, &t->out))
		return -EBADF;
	if ((is_pipe(&t->in) && t->in_offset) || (is_pipe(&t->out) && t->out_offset))
		return -ESPIPE;
	if (!may_read(&t->in) || !may_write(&t->out))
		return -EBADF;
	if (t->is_tee)
		return is_pipe(&t->in) && is_pipe(&t->out) ? 0 : -EINVAL;
	if (is_pipe(&t->in) && is_pipe(&t->out))
		return 0;
	if (is_pipe(&t->in)) {
		if (t->out_offset && (!t->out.is_seekable || *t->out_offset < 0))
			return -EINVAL;
		return t->out.flags & O_APPEND || S_ISDIR(t->out.mode) ? -EINVAL : 0;
	}
	if (!is_pipe(&t->out))
		return -EINVAL;
	return t->in_offset && (!t->in.is_seekable || *t->in_offset < 0) ? -EINVAL : 0;
}

/* splice(in, offset, out, offset, length, flags), tee(in, out, length, flags) */
long handle_splice(struct call *call)
{
	struct transfer t = {.call = call, .is_tee = call->nr == SYS_tee};
	int out_at = t.is_tee ? 1 : 2;
	long in_offset = 0, out_offset = 0, result;
	unsigned long length = call->args[t.is_tee ? 2 : 4];
	unsigned int flags = call->args[t.is_tee ? 3 : 5];

	if (end_of(call->args[0], &t.in) || end_of(call->args[out_at], &t.out))
		return -EBADF;
	if (same_side(&t.in, &t.out))
		return pass(call, &t.in, 0, &t.out, out_at);
	if (flags & ~SPLICE_FLAGS)
		return -EINVAL;
	if (!length)
		return 0;
	if (!t.is_tee) {
		if (fetch_offset(call->args[1], &in_offset) ||
		    fetch_offset(call->args[3], &out_offset))
			return -EFAULT;
		t.in_offset = call->args[1] ? &in_offset : NULL;
		t.out_offset = call->args[3] ? &out_offset : NULL;
	}
	result = judge_splice(&t);
	if (result)
		return result;
	t.may_wait = !(flags & 2 /* SPLICE_F_NONBLOCK */) &&
		     !((is_pipe(&t.in) ? t.in.flags : 0) & O_NONBLOCK) &&
		     !((is_pipe(&t.out) ? t.out.flags : 0) & O_NONBLOCK);
	result = run(&t, length);
	if (!t.is_tee && result >= 0 &&
	    (store_offset(call->args[1], &in_offset) || store_offset(call->args[3], &out_offset)))
		return -EFAULT;
	return result;
}

/*
 * A rump pipe and memory of the application: that is copied, as the kernel cannot have its
 * pages.
 */
long handle_vmsplice(struct call *call)
{
	struct transfer t = {.call = call};
	const struct iovec *parts = (const struct iovec *)call->args[1];
	unsigned int flags = call->args[3];
	long done = 0, result = 0;
	struct iovec part;

	if (end_of(call->args[0], &t.out))
		return -EBADF;
	if (t.out.rump_fd < 0)
		return host_call(call);
	if (flags & ~SPLICE_FLAGS)
		return -EINVAL;
	if (look_at(call, &t.out) || !is_pipe(&t.out))
		return -EBADF;
	if ((unsigned long)call->args[2] > 1024 /* UIO_MAXIOV */)
		return -EINVAL;
	t.may_wait = !(flags & 2 /* SPLICE_F_NONBLOCK */); /* O_NONBLOCK does not count */
	for (long i = 0; i < call->args[2]; i++) {
		if (user_copy(&part, parts + i, sizeof(part)))
			return done ? done : -EFAULT;
		if (!part.iov_len)
			continue;
		if (may_write(&t.out)) {
			result = give_pipe(&t, part.iov_base, part.iov_len, !done);
		} else {
			result = wait_for(call, &t.out, POLLIN, !done && t.may_wait);
			if (!result)
				result = -EAGAIN;
			if (result > 0)
				result = on(call, &t.out, SYS_read, (long)part.iov_base,
					    part.iov_len, 0, 0, 0);
		}
		if (result <= 0)
			return done ? done : result;
		done += result;
		if ((unsigned long)result < part.iov_len)
			break;
		result = 0;
	}
	return done;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fds.c - descriptors come, go and multiply.
 *
 * Order is everything (fdtable.h): a number is taken out of the table before the
 * host frees it and entered while the host holds it.
 */
#include <fcntl.h>
#include <linux/close_range.h>

#include "dispatch.h"
#include "epoll.h"
#include "fdtable.h"
#include "placeholder.h"

/* A second descriptor for rump_fd; the same dead one without a connection. */
static int rump_dup(struct call *call, int rump_fd)
{
	long fd = rump(call, SYS_dup, rump_fd);

	return fd == -ENOTCONN ? rump_fd : fd;
}

/* A descriptor of the host with another half goes: so does that. */
static void drop_companion(struct call *call, int fd)
{
	int companion;

	if (fdtable_companion(fd) < 0)
		return;
	if (fdtable_get(fd) == FDTABLE_HOST) {
		epoll_close(call, fd);
		return;
	}
	fdtable_set(fd, FDTABLE_HOST);
	companion = fdtable_set_companion(fd, -1);
	if (companion >= 0)
		rump(call, SYS_close, companion);
}

/* The same number for both halves of a copy. */
static void copy_companion(struct call *call, int from, int to)
{
	int companion = fdtable_companion(from);

	if (fdtable_get(from) == FDTABLE_HOST) {
		epoll_copy(call, from, to);
		return;
	}
	if (companion < 0 || fdtable_reserve(to))
		return;
	companion = rump_dup(call, companion);
	if (companion < 0)
		return;
	fdtable_set_companion(to, companion);
	fdtable_set(to, fdtable_get(from));
}

long handle_close(struct call *call)
{
	int fd = call->args[0], rump_fd = fdtable_get(fd);
	long result;

	if (fdtable_on_host(rump_fd)) {
		drop_companion(call, fd);
		return host_call(call);
	}
	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	epoll_leave(call, fd);
	/* two threads may close it at once: one of them gets it */
	rump_fd = fdtable_set(fd, FDTABLE_HOST);
	if (rump_fd < 0)
		return -EBADF;
	{
		const long args[6] = {rump_fd};

		result = rump_call(call, args);
	}
	host(SYS_close, fd);
	/* the kernel has gone: so has the descriptor */
	return result == -ENOTCONN || rump_fd == FDTABLE_LOST ? 0 : result;
}

long handle_close_range(struct call *call)
{
	unsigned int first = call->args[0], last = call->args[1];
	unsigned int flags = call->args[2];
	int fd, value;
	long result;

	if (first > last || flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) ||
	    first >= FDTABLE_MAX)
		return host_call(call);
	/* piece by piece around what is not the application's */
	for (fd = fdtable_next(first); fd >= 0 && (unsigned int)fd <= last;
	     fd = fdtable_next(fd + 1)) {
		value = fdtable_get(fd);
		if (value >= 0) {
			if (flags & CLOSE_RANGE_CLOEXEC)
				continue;
			epoll_leave(call, fd);
			value = fdtable_set(fd, FDTABLE_HOST);
			if (value >= 0)
				rump(call, SYS_close, value);
		} else if (fdtable_on_host(value) && !(flags & CLOSE_RANGE_CLOEXEC)) {
			drop_companion(call, fd);
		} else if (value == FDTABLE_PRIVATE) {
			if ((unsigned int)fd > first) {
				result = host(SYS_close_range, first, fd - 1, flags);
				if (is_error(result))
					return result;
			}
			first = fd + 1;
		}
	}
	return first > last ? 0 : host(SYS_close_range, first, last, flags);
}

/* dup and F_DUPFD*: the number is the host's choice, from `from` on. */
static long dup_above(struct call *call, int fd, int rump_fd, int command, int from)
{
	int copy = rump_dup(call, rump_fd);
	long result;

	if (copy < 0)
		return copy;
	result = host(SYS_fcntl, fd, command, from);
	if (!is_error(result) && fdtable_reserve(result)) {
		host(SYS_close, result);
		result = -EMFILE;
	}
	if (is_error(result)) {
		if (copy != rump_fd)
			rump(call, SYS_close, copy);
		return result;
	}
	fdtable_set(result, copy);
	return result;
}

long handle_dup(struct call *call)
{
	int fd = call->args[0], rump_fd = fdtable_get(fd);

	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (fdtable_on_host(rump_fd)) {
		long result = host_call(call);

		if (!is_error(result))
			copy_companion(call, fd, result);
		return result;
	}
	return dup_above(call, fd, rump_fd, F_DUPFD, 0);
}

long handle_dup2(struct call *call)
{
	int from = call->args[0], to = call->args[1];
	int rump_fd = fdtable_get(from), copy = FDTABLE_HOST, old;
	long result;

	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	old = fdtable_get(to);
	/* a number of the kernel's cannot be had: as one above RLIMIT_NOFILE */
	if (old == FDTABLE_PRIVATE)
		return -EBADF;
	if (from == to)
		return host_call(call);
	drop_companion(call, to);
	epoll_leave(call, to);
	if (rump_fd < 0 && old < 0) {
		result = host_call(call);
		if (!is_error(result))
			copy_companion(call, from, to);
		return result;
	}
	if (rump_fd >= 0) {
		if (fdtable_reserve(to))
			return -EBADF;
		copy = rump_dup(call, rump_fd);
		if (copy < 0)
			return copy;
	} else {
		/* out of the table before the host puts its own there */
		old = fdtable_set(to, FDTABLE_HOST);
	}
	result = host_call(call);
	if (is_error(result)) {
		if (copy >= 0 && copy != rump_fd)
			rump(call, SYS_close, copy);
		if (copy < 0 && old >= 0)
			fdtable_set(to, old);
		return result;
	}
	if (copy >= 0)
		old = fdtable_set(to, copy);
	if (old >= 0 && old != copy)
		rump(call, SYS_close, old);
	return result;
}

long handle_fcntl(struct call *call)
{
	int fd = call->args[0], rump_fd = fdtable_get(fd);
	long args[6];

	if (fdtable_on_host(rump_fd)) {
		long result = host_call(call);

		if (((int)call->args[1] == F_DUPFD || (int)call->args[1] == F_DUPFD_CLOEXEC) &&
		    !is_error(result))
			copy_companion(call, fd, result);
		return result;
	}
	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	switch ((int)call->args[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return dup_above(call, fd, rump_fd, call->args[1], call->args[2]);
	case F_GETFD:
	case F_SETFD:
		/* the placeholder carries the flag */
		return host_call(call);
	}
	memcpy(args, call->args, sizeof(args));
	args[0] = rump_fd;
	return rump_call(call, args);
}

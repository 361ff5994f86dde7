/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unix.c - AF_UNIX sockets whose addresses are paths.
 *
 * Which kernel has a socket is decided when it is made, by its family; where its path leads,
 * when it is bound or connected.  If those are two kernels the socket moves: another one
 * with the same options takes its number.  That is only done while it is fresh, when nobody
 * can tell the difference: neither bound nor connected.  A socket that has a name or a peer
 * in one kernel does not find the other's: ECONNREFUSED, as if nobody listened there.
 *
 * Abstract and unnamed addresses are those of the kernel that has the socket.  Where
 * RUMPHIJACK names no path, so are all.
 *
 * Limits: copies of the descriptor that were made before, by dup() or fork(), keep the old
 * socket; a filter that was attached is lost.
 */
#include <fcntl.h>

#include "fdtable.h"
#include "netlink.h"
#include "net_files.h"
#include "placeholder.h"
#include "unix.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)

/* ---- a socket moves ---- */

static long on(struct call *call, int rump_fd, int fd, long nr, long a, void *b, void *c, long d)
{
	if (rump_fd >= 0)
		return rump(call, nr, rump_fd, a, b, c, d);
	return host(nr, fd, a, b, c, d);
}

static long option(struct call *call, int rump_fd, int fd, int name)
{
	unsigned int size = sizeof(int);
	int value = 0;
	long result = on(call, rump_fd, fd, SYS_getsockopt, SOL_SOCKET, (void *)(long)name, &value,
			 (long)&size);

	return is_error(result) ? result : value;
}

static bool has_name(struct call *call, int rump_fd, int fd, long nr)
{
	struct sockaddr_un un;
	unsigned int size = sizeof(un);
	long result = rump_fd >= 0 ? rump(call, nr, rump_fd, &un, &size) : host(nr, fd, &un, &size);

	/* a peer without a name is one, too */
	return !is_error(result) && (nr == SYS_getpeername || size > PATH_AT);
}

/* Buffer sizes are told as twice what was asked for. */
static void copy_options(struct call *call, int from_rump, int from, int to_rump, int to)
{
	static const int names[] = {
		SO_PASSCRED, SO_PASSSEC,   SO_RCVTIMEO, SO_SNDTIMEO,  SO_RCVBUF,      SO_SNDBUF,
		SO_RCVLOWAT, SO_KEEPALIVE, SO_LINGER,	SO_TIMESTAMP, SO_TIMESTAMPNS, SO_PEEK_OFF,
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int value[4] = {0}, now[4] = {0};
		unsigned int size = sizeof(value), size_now = sizeof(now);

		if (is_error(on(call, from_rump, from, SYS_getsockopt, SOL_SOCKET,
				(void *)(long)names[i], value, (long)&size)) ||
		    is_error(on(call, to_rump, to, SYS_getsockopt, SOL_SOCKET,
				(void *)(long)names[i], now, (long)&size_now)) ||
		    (size == size_now && !memcmp(value, now, size)))
			continue;
		if (names[i] == SO_RCVBUF || names[i] == SO_SNDBUF)
			value[0] /= 2;
		on(call, to_rump, to, SYS_setsockopt, SOL_SOCKET, (void *)(long)names[i], value,
		   size);
	}
}

/* One like it, of the other kernel: a descriptor there. */
static long make_other(struct call *call, int rump_fd, int fd)
{
	long type = option(call, rump_fd, fd, SO_TYPE), flags, other;

	if (is_error(type))
		return type;
	flags = rump_fd >= 0 ? rump(call, SYS_fcntl, rump_fd, F_GETFL)
			     : host(SYS_fcntl, fd, F_GETFL);
	type |= SOCK_CLOEXEC | (flags & O_NONBLOCK ? SOCK_NONBLOCK : 0);
	if (rump_fd >= 0) {
		other = host(SYS_socket, AF_UNIX, type, 0);
		if (!is_error(other))
			copy_options(call, rump_fd, -1, -1, other);
	} else {
		other = rump(call, SYS_socket, AF_UNIX, type, 0);
		if (other >= 0)
			copy_options(call, -1, fd, other, -1);
	}
	return other;
}

static int move(struct call *call, int rump_fd, int fd)
{
	long flags = host(SYS_fcntl, fd, F_GETFD), other = make_other(call, rump_fd, fd), result;
	bool is_cloexec = flags & FD_CLOEXEC;

	if (is_error(other))
		return other;
	if (rump_fd < 0) {
		result = placeholder_put(fd, is_cloexec);
		if (is_error(result))
			rump(call, SYS_close, other);
		else
			fdtable_set(fd, other);
	} else {
		/* out of the table before the host puts its own there */
		fdtable_set(fd, FDTABLE_HOST);
		result = host(SYS_dup3, other, fd, is_cloexec ? O_CLOEXEC : 0);
		host(SYS_close, other);
		if (is_error(result))
			fdtable_set(fd, rump_fd);
		else
			rump(call, SYS_close, rump_fd);
	}
	return is_error(result) ? result : 0;
}

/* The socket is on the other side than the path. */
static int move_if_fresh(struct call *call, int rump_fd, int fd)
{
	if (option(call, rump_fd, fd, SO_DOMAIN) != AF_UNIX)
		return 1; /* its own kernel says what is wrong */
	if (call->nr == SYS_bind) {
		if (has_name(call, rump_fd, fd, SYS_getsockname) ||
		    has_name(call, rump_fd, fd, SYS_getpeername))
			return -EINVAL;
	} else {
		if (option(call, rump_fd, fd, SO_TYPE) != SOCK_DGRAM &&
		    has_name(call, rump_fd, fd, SYS_getpeername))
			return -EISCONN;
		if (option(call, rump_fd, fd, SO_ACCEPTCONN) > 0)
			return -EINVAL;
		if (has_name(call, rump_fd, fd, SYS_getsockname))
			return -ECONNREFUSED;
	}
	return move(call, rump_fd, fd);
}

/* ---- addresses ---- */

static int make_address(const char *path, struct unix_address *ret)
{
	size_t length = strlen(path);

	if (length >= sizeof(ret->un.sun_path))
		return -ENAMETOOLONG;
	ret->un.sun_family = AF_UNIX;
	memcpy(ret->un.sun_path, path, length + 1);
	ret->length = PATH_AT + length + 1;
	return 1;
}

int unix_use(struct call *call, int fd, const void *address, unsigned long length,
	     struct unix_address *ret)
{
	struct scratch scratch = {NULL};
	char path[sizeof(ret->un.sun_path) + 1];
	unsigned short family;
	struct place place;
	int rump_fd, result;

	if (length <= PATH_AT || length > sizeof(ret->un) ||
	    (!config.path_count && !config.blanket_count && !config.has_resolver) ||
	    user_copy(&family, address, sizeof(family)) || family != AF_UNIX ||
	    user_copy(path, (const char *)address + PATH_AT, length - PATH_AT) || !*path)
		return 0;
	path[length - PATH_AT] = '\0';
	/* the service itself may run here */
	if (call->nr != SYS_bind && net_files_is_name_service(path))
		return -ECONNREFUSED;
	if (!config.path_count && !config.blanket_count)
		return 0;
	rump_fd = fdtable_get(fd);
	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	result = place_find_path(call, path, &scratch, &place);
	if (result)
		goto out;
	if ((place.side == ROUTE_RUMP) != (rump_fd >= 0)) {
		result = move_if_fresh(call, rump_fd, fd);
		if (result) {
			result = result > 0 ? 0 : result;
			goto out;
		}
	}
	result = make_address(place.path, ret);
out:
	scratch_free(&scratch);
	return result;
}

long unix_show(void *address, unsigned int room, unsigned int length)
{
	struct sockaddr_un un = {0};
	char path[sizeof(un.sun_path) + 1] = "";
	unsigned int there = length < room ? length : room, before, shown;
	const char *outside;

	if (there <= PATH_AT || length > sizeof(un))
		return length;
	if (user_copy(&un, address, there))
		return -EFAULT;
	if (un.sun_family != AF_UNIX || un.sun_path[0] != '/')
		return length;
	memcpy(path, un.sun_path, there - PATH_AT);
	outside = outside_of(path);
	before = strlen(outside);
	if (!before)
		return length;
	shown = (length + before < room ? length + before : room) - PATH_AT;
	if (user_copy((char *)address + PATH_AT, outside, before < shown ? before : shown) ||
	    (shown > before && user_copy((char *)address + PATH_AT + before, path, shown - before)))
		return -EFAULT;
	return length + before;
}

/* ---- calls ---- */

/* bind, connect */
long handle_name(struct call *call)
{
	struct unix_address address;
	char tunnel[NETLINK_ADDRESS_MAX];
	int change = unix_use(call, call->args[0], (const void *)call->args[1],
			      (unsigned int)call->args[2], &address);

	if (change < 0)
		return change;
	if (change) {
		call->args[1] = (long)&address.un;
		call->args[2] = address.length;
	} else if (netlink_tunnel_address(fdtable_get(call->args[0]), (const void *)call->args[1],
					  (unsigned int)call->args[2], tunnel)) {
		call->args[1] = (long)tunnel;
	}
	return handle_fd(call);
}

static long send_to_rump(struct call *call)
{
	struct iovec all = {(void *)call->args[1], call->args[2]}, copy;
	struct scratch scratch = {NULL};
	long result = netlink_translate(call, fdtable_get(call->args[0]), &all, 1, &scratch, &copy);

	if (result > 0) {
		call->args[1] = (long)copy.iov_base;
		call->args[2] = copy.iov_len;
	}
	if (result >= 0)
		result = handle_fd(call);
	scratch_free(&scratch);
	return result;
}

long handle_sendto(struct call *call)
{
	struct unix_address address;
	int change = 0;

	if (call->args[4])
		change = unix_use(call, call->args[0], (const void *)call->args[4],
				  (unsigned int)call->args[5], &address);
	if (change < 0)
		return change;
	if (change) {
		call->args[4] = (long)&address.un;
		call->args[5] = address.length;
	}
	return fdtable_get(call->args[0]) < 0 ? handle_fd(call) : send_to_rump(call);
}

/* Calls that tell an address: getsockname, getpeername, accept, accept4, recvfrom. */
/*
 * Linux takes a descriptor first: where there is none the connection stays in the queue.  Ours is
 * not held meanwhile, for a child of fork() would have it.
 */
static int room_for_descriptor(void)
{
	int fd = placeholder_make(true);

	if (fd >= 0)
		host(SYS_close, fd);
	return fd < 0 ? fd : 0;
}

long handle_address(struct call *call)
{
	int at = call->nr == SYS_recvfrom ? 4 : 1;
	void *address = (void *)call->args[at];
	unsigned int *size = (unsigned int *)call->args[at + 1], room, length;
	long result, shown;

	if ((call->nr == SYS_accept || call->nr == SYS_accept4) && !fdtable_is_host(call->args[0])) {
		result = room_for_descriptor();
		if (result < 0)
			return result;
	}
	if (fdtable_get(call->args[0]) < 0 || !address || user_copy(&room, size, sizeof(room)) ||
	    (int)room < 0)
		return handle_fd(call);
	result = handle_fd(call);
	if (result < 0 || user_copy(&length, size, sizeof(length)))
		return result;
	shown = unix_show(address, room, length);
	if (shown != length &&
	    (shown < 0 || user_copy(size, &(unsigned int){shown}, sizeof(*size))))
		return -EFAULT;
	return result;
}

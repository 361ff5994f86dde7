/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.c - from a call's dirfd and path to the side they are on.
 *
 * route.c judges absolute text.  Here text becomes absolute where that is needed:
 * a relative path in the rump kernel that has a ".." might lead out, one on the
 * host that names a prefix might lead in.  All others are decided by their
 * directory alone, without a system call.
 */
#include <fcntl.h>
#include <sys/mount.h>

#include "dispatch.h"
#include "fdtable.h"

static int starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

const char *outside_of(const char *directory)
{
	struct route route;
	char *none = NULL;

	/* a blanket prefix is the same text on both sides */
	if (config.blanket_count && !route_absolute(&config, directory, none, &route) &&
	    route.side == ROUTE_RUMP && !*route.outside)
		return "";
	return config.path_count ? config.path[0].text : "";
}

/* "/proc/self/fd/3" and "/dev/fd/3" of a placeholder mean the rump descriptor. */
static bool find_by_number(const char *path, char *buffer, struct place *ret)
{
	const char *number;
	int rump_fd;

	if (starts_with(path, "/proc/self/fd/"))
		number = path + 14;
	else if (starts_with(path, "/dev/fd/"))
		number = path + 8;
	else
		return false;
	rump_fd = fdtable_get(get_decimal(&number));
	if (rump_fd < 0 || *number || !buffer)
		return false;
	put_decimal(put_text(buffer, "/proc/self/fd/"), rump_fd);
	*ret = (struct place){ROUTE_RUMP, AT_FDCWD, buffer, ""};
	return true;
}

/*
 * An image that is mounted on the root need not have a /proc: a procfs that is mounted
 * nowhere tells the same.
 */
static int proc = -1;

int rump_proc(struct call *call)
{
	int fd = __atomic_load_n(&proc, __ATOMIC_ACQUIRE), none = -1, context;

	if (fd != -1)
		return fd;
	fd = AT_FDCWD;
	context = rump(call, SYS_fsopen, "proc", FSOPEN_CLOEXEC);
	if (context >= 0) {
		if (!rump(call, SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
			fd = rump(call, SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
			if (fd < 0)
				fd = AT_FDCWD;
		}
		rump(call, SYS_close, context);
	}
	/* it ends with such a child, whose parent goes on with our variables */
	if (self.spawned)
		return fd;
	if (__atomic_compare_exchange_n(&proc, &none, fd, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return fd;
	if (fd != AT_FDCWD)
		rump(call, SYS_close, fd);
	return none;
}

void rump_proc_forget(void)
{
	__atomic_store_n(&proc, -1, __ATOMIC_RELEASE);
}

char *rump_proc_path(char *to, int proc, const char *rest)
{
	return put_text(put_text(to, proc == AT_FDCWD ? "/proc/" : ""), rest);
}

/* The path of a directory on the side it is on. */
static int directory_path(struct call *call, enum route_side side, int fd, char *buffer)
{
	char link[40];
	long length;
	int proc;

	if (fd == AT_FDCWD) {
		length = side == ROUTE_RUMP ? rump(call, SYS_getcwd, buffer, ROUTE_PATH_MAX)
					    : host(SYS_getcwd, buffer, ROUTE_PATH_MAX);
	} else {
		proc = side == ROUTE_RUMP ? rump_proc(call) : AT_FDCWD;
		put_decimal(rump_proc_path(link, proc, "self/fd/"), fd);
		length = side == ROUTE_RUMP ? rump(call, SYS_readlinkat, proc, link, buffer,
						   ROUTE_PATH_MAX - 1)
					    : host(SYS_readlink, link, buffer, ROUTE_PATH_MAX - 1);
		if (length >= 0)
			buffer[length] = '\0';
	}
	if (length < 0)
		return length;
	return *buffer == '/' ? 0 : -ENOENT;
}

/*
 * A relative path whose directory does not settle the side.  What cannot be found
 * out (no /proc in the rump kernel, a removed directory) stays with the directory.
 */
static int find_relative(struct call *call, int fd, struct scratch *scratch, int n,
			 struct place *place)
{
	char *joined = scratch_buffer(scratch, 2 * n);
	char *other = scratch_buffer(scratch, 2 * n + 1);
	const char *outside = "";
	struct route route;
	int error;

	if (!joined)
		return -ENOMEM;
	if (directory_path(call, place->side, fd, other))
		return 0;
	if (place->side == ROUTE_RUMP)
		outside = fd == AT_FDCWD && cwd_outside() ? cwd_outside() : outside_of(other);
	error = route_join(outside, other, place->path, joined);
	if (error)
		return error;
	error = route_absolute(&config, joined, other, &route);
	if (error)
		return error;
	if (route.side != place->side)
		*place = (struct place){route.side, AT_FDCWD, route.path, route.outside};
	return 0;
}

int place_find(struct call *call, int dirfd, const char *path, struct scratch *scratch, int n,
	       struct place *ret)
{
	struct route route;
	long length;
	int rump_fd, error;

	if (!path && dirfd == AT_FDCWD) {
		*ret = (struct place){ROUTE_HOST, dirfd, path, ""};
		return 0;
	}
	length = path ? user_strlen(path, ROUTE_PATH_MAX) : 0;
	if (length < 0)
		return length;
	if (length && *path == '/') {
		if (path[1] == 'd' || path[1] == 'p') {
			bool may_be = starts_with(path, "/proc/self/fd/") ||
				      starts_with(path, "/dev/fd/");

			if (may_be && fdtable_next(0) >= 0 &&
			    find_by_number(path, scratch_buffer(scratch, 2 * n), ret))
				return 0;
		}
		error = route_absolute(&config, path, NULL, &route);
		if (error == -ENOBUFS) {
			char *buffer = scratch_buffer(scratch, 2 * n);

			error = buffer ? route_absolute(&config, path, buffer, &route) : -ENOMEM;
		}
		if (error)
			return error;
		*ret = (struct place){route.side, dirfd, route.path, route.outside};
		if (route.side == ROUTE_RUMP)
			ret->dirfd = AT_FDCWD;
		return 0;
	}

	if (dirfd == AT_FDCWD)
		rump_fd = cwd_outside() ? AT_FDCWD : FDTABLE_HOST;
	else
		rump_fd = fdtable_get(dirfd);
	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (rump_fd >= 0 || rump_fd == AT_FDCWD) {
		*ret = (struct place){ROUTE_RUMP, rump_fd, path,
				      dirfd == AT_FDCWD ? cwd_outside() : outside_of("/")};
		if (!length || !route_has_dotdot(path))
			return 0;
		return find_relative(call, rump_fd, scratch, n, ret);
	}
	*ret = (struct place){ROUTE_HOST, dirfd, path, ""};
	if (!length || !route_may_enter(&config, path))
		return 0;
	return find_relative(call, dirfd, scratch, n, ret);
}

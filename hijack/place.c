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
#include <linux/openat2.h>

#include "dispatch.h"
#include "fdtable.h"
#include "net_files.h"
#include "own.h"

/* Paths that are not judged by prefixes alone: /dev/fd, /proc/self, the network's files. */
static bool own_may_have(const char *path)
{
	return path[1] == 'd' || path[1] == 'p' || net_files_may_have(path);
}

const char *outside_of(const char *directory)
{
	struct route route;
	char *none = NULL;

	if (root_is_rump)
		return "";
	/* a blanket prefix is the same text on both sides */
	if (config.blanket_count && !route_absolute(&config, directory, none, &route) &&
	    route.side == ROUTE_RUMP && !*route.outside)
		return "";
	return config.path_count ? config.path[0].text : "";
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
		*place = (struct place){route.side, AT_FDCWD, route.path, route.outside, false};
	return 0;
}

/* By the directory alone, whatever the path says. */
static int find_below(int dirfd, const char *path, struct place *ret)
{
	int rump_fd;

	if (dirfd == AT_FDCWD)
		rump_fd = cwd_outside() ? AT_FDCWD : FDTABLE_HOST;
	else
		rump_fd = fdtable_get(dirfd);
	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (rump_fd >= 0 || rump_fd == AT_FDCWD)
		*ret = (struct place){ROUTE_RUMP, rump_fd, path,
				      dirfd == AT_FDCWD ? cwd_outside() : outside_of("/"), false};
	else
		*ret = (struct place){ROUTE_HOST, dirfd, path, "", false};
	return 0;
}

/* openat2() that must not leave the directory: the kernel whose it is sees to that. */
static bool is_confined(struct call *call)
{
	struct open_how how;

	return call->nr == SYS_openat2 && call->args[3] >= (long)sizeof(how) &&
	       !user_copy(&how, (const void *)call->args[2], sizeof(how)) &&
	       how.resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH);
}

bool place_is_hosts(const char *path)
{
	struct route route;

	if (root_is_rump || !path || user_strlen(path, ROUTE_PATH_MAX) <= 0)
		return false;
	if (*path != '/')
		return !cwd_outside() && !(*path >= '0' && *path <= '9') &&
		       !route_may_enter(&config, path);
	if (own_may_have(path))
		return false;
	return !route_absolute(&config, path, NULL, &route) && route.side == ROUTE_HOST &&
	       route.path == path;
}

int place_find(struct call *call, int dirfd, const char *path, struct scratch *scratch, int n,
	       struct place *ret)
{
	struct route route;
	long length;
	int error;

	if (!path && dirfd == AT_FDCWD) {
		*ret = (struct place){ROUTE_HOST, dirfd, path, "", false};
		return 0;
	}
	length = path ? user_strlen(path, ROUTE_PATH_MAX) : 0;
	if (length < 0)
		return length;
	if (__builtin_expect(call->nr == SYS_openat2, 0) && is_confined(call))
		return find_below(dirfd, path, ret);
	if (length && *path == '/') {
		if (own_may_have(path)) {
			error = net_files_find(call, path, scratch, n, ret);
			if (!error)
				error = own_find(call, path, scratch, n, ret);
			if (error)
				return error > 0 ? 0 : error;
		}
		if (__builtin_expect(root_is_rump, 0)) {
			*ret = (struct place){ROUTE_RUMP, AT_FDCWD, path, "", false};
			return 0;
		}
		error = route_absolute(&config, path, NULL, &route);
		if (error == -ENOBUFS) {
			char *buffer = scratch_buffer(scratch, 2 * n);

			error = buffer ? route_absolute(&config, path, buffer, &route) : -ENOMEM;
		}
		if (error)
			return error;
		*ret = (struct place){route.side, dirfd, route.path, route.outside, false};
		if (route.side == ROUTE_RUMP)
			ret->dirfd = AT_FDCWD;
		return 0;
	}

	error = find_below(dirfd, path, ret);
	if (error || !length)
		return error;
	if (ret->side == ROUTE_RUMP && root_is_rump)
		return 0;
	if (ret->side == ROUTE_RUMP)
		return route_has_dotdot(path) ? find_relative(call, ret->dirfd, scratch, n, ret)
					      : 0;
	if (*path >= '0' && *path <= '9') {
		error = own_find_number(call, dirfd, path, scratch, n, ret);
		if (error)
			return error > 0 ? 0 : error;
	}
	if (!route_may_enter(&config, path))
		return 0;
	return find_relative(call, dirfd, scratch, n, ret);
}

int place_find_path(struct call *call, const char *path, struct scratch *scratch, struct place *ret)
{
	int error = place_find(call, AT_FDCWD, path, scratch, 0, ret);

	if (!error && ret->dirfd != AT_FDCWD)
		error = own_as_text(call, scratch, 0, ret);
	return error;
}

int place_as_text(struct call *call, const struct place *place, const char *path, char *work,
		  char *to)
{
	bool is_cwd = place->dirfd == AT_FDCWD;
	int error;

	if (*path == '/')
		return place->dirfd == AT_FDCWD ? route_join("", "", path, to) : -ENOENT;
	error = directory_path(call, place->side, place->dirfd, work);
	if (error)
		return error;
	return route_join(is_cwd && cwd_outside() ? cwd_outside() : outside_of(work), work, path,
			  to);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unrouted.c - log=unrouted: why a call that went to the host looked like ours.
 *
 *	a path that a symlink of the host leads below a prefix
 *	a path through /proc that names a rump descriptor or working directory
 *	a number that is a placeholder, but not one that this process knows
 *	the address of a host's AF_UNIX socket, or the source of a host's mount, below a prefix
 *
 * All of it is asked of the host after the call was made; the time does not matter here.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "dispatch.h"
#include "fdtable.h"
#include "links.h"
#include "log.h"
#include "placeholder.h"

#define LINKS_MAX 40

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* buffer: ROUTE_PATH_MAX bytes */
static bool is_ours(const char *path, char *buffer)
{
	struct route route;

	return *path == '/' && !route_absolute(&config, path, buffer, &route) &&
	       route.side == ROUTE_RUMP;
}

/* ---- symlinks ---- */

/*
 * Puts what the symlink at path[0, length) leads to in its place; the rest stays.  other is
 * for working.  false: there is no symlink, or no room.
 */
static bool follow(char *path, unsigned long length, char *other)
{
	char rest = path[length];
	unsigned long start = 0;
	long target;

	path[length] = '\0';
	target = host(SYS_readlink, path, other, ROUTE_PATH_MAX - 1);
	path[length] = rest;
	if (target <= 0)
		return false;
	/* relative to the directory of the symlink */
	if (*other != '/')
		for (start = length; start && path[start - 1] != '/';)
			start--;
	if (start + target + strlen(path + length) >= ROUTE_PATH_MAX)
		return false;
	memmove(path + start + target, path + length, strlen(path + length) + 1);
	memcpy(path + start, other, target);
	return true;
}

/* path: absolute, changed. Whether symlinks of the host lead it to where we would route it. */
static bool leads_to_ours(char *path, char *other, bool is_last_followed)
{
	unsigned long at = 0;
	int links = 0;

	while (path[at]) {
		while (path[at] == '/')
			at++;
		while (path[at] && path[at] != '/')
			at++;
		if (!path[at] && !is_last_followed)
			return false;
		if (!follow(path, at, other))
			continue;
		if (is_ours(path, other))
			return true;
		if (++links == LINKS_MAX)
			return false;
		at = 0;
	}
	return false;
}

/* The absolute path that a call of the host means. */
static bool make_absolute(int dirfd, const char *path, char *to, char *other)
{
	char link[40];
	long length;

	if (*path == '/')
		return !user_copy(to, path, strlen(path) + 1);
	if (dirfd == AT_FDCWD) {
		length = host(SYS_getcwd, other, ROUTE_PATH_MAX) - 1;
	} else {
		put_decimal(put_text(link, "/proc/self/fd/"), dirfd);
		length = host(SYS_readlink, link, other, ROUTE_PATH_MAX - 1);
	}
	if (length <= 0)
		return false;
	other[length] = '\0';
	return *other == '/' && !route_join("", other, path, to);
}

/* ---- /proc ---- */

/* "/proc/self/", "/proc/thread-self/" or "/proc/PID/" of this process: what follows. */
static const char *own_proc(const char *path)
{
	const char *number = path + strlen("/proc/");

	if (starts_with(path, "/dev/fd/"))
		return path + strlen("/dev/");
	if (!starts_with(path, "/proc/"))
		return NULL;
	if (starts_with(number, "self/"))
		return number + strlen("self/");
	if (starts_with(number, "thread-self/"))
		return number + strlen("thread-self/");
	return get_decimal(&number) == host(SYS_getpid) && *number == '/' ? number + 1 : NULL;
}

static const char *find_in_proc(const char *path)
{
	const char *at = own_proc(path);

	if (!at)
		return NULL;
	if (starts_with(at, "fd/") || starts_with(at, "fdinfo/")) {
		at += starts_with(at, "fd/") ? 3 : 7;
		return fdtable_get(get_decimal(&at)) >= 0 ? "a descriptor of the rump kernel"
							  : NULL;
	}
	if (starts_with(at, "cwd") && (!at[3] || at[3] == '/') && cwd_outside())
		return "the working directory is in the rump kernel";
	return NULL;
}

/* ---- arguments ---- */

/* *theirs is the caller's; buffers: two of ROUTE_PATH_MAX bytes */
static bool explain_path(const struct call *call, int dirfd, const char *theirs,
			 struct scratch *scratch, struct log_line *line)
{
	char *path = scratch_buffer(scratch, 0), *other = scratch_buffer(scratch, 1);
	char *absolute = scratch_buffer(scratch, 2);
	const char *why;
	long length = theirs ? user_strlen(theirs, ROUTE_PATH_MAX) : 0;

	if (length <= 0 || !path || user_copy(path, theirs, length + 1))
		return false;
	why = find_in_proc(path);
	if (why) {
		log_add(line, ": ");
		log_add(line, why);
		return true;
	}
	if (!make_absolute(dirfd, path, absolute, other) ||
	    !leads_to_ours(absolute, other, links_follow_last(call)))
		return false;
	log_add(line, ": a symlink of the host leads to ");
	log_add_path(line, absolute);
	return true;
}

static bool explain_fd(int fd, struct log_line *line)
{
	if (fd < 0 || fdtable_get(fd) != FDTABLE_HOST || !placeholder_is(fd))
		return false;
	log_add(line, ": ");
	log_add_decimal(line, fd);
	log_add(line, " is a descriptor of a rump kernel, but of none that is known here");
	return true;
}

static bool explain_address(const struct call *call, struct scratch *scratch, struct log_line *line)
{
	char *buffer = scratch_buffer(scratch, 0);
	struct sockaddr_un address;
	unsigned int size = call->args[2];

	memset(&address, 0, sizeof(address));
	if (!buffer || size > sizeof(address) || size <= sizeof(address.sun_family) ||
	    user_copy(&address, (const void *)call->args[1], size) ||
	    address.sun_family != AF_UNIX || !*address.sun_path)
		return false;
	memcpy(buffer, address.sun_path, sizeof(address.sun_path));
	buffer[sizeof(address.sun_path)] = '\0';
	if (*buffer != '/' && cwd_outside()) {
		log_add(line, ": the working directory is in the rump kernel, the socket is not");
		return true;
	}
	if (!is_ours(buffer, scratch_buffer(scratch, 1)))
		return false;
	log_add(line, ": the address is below a prefix, the socket is the host's");
	return true;
}

static bool explain_source(const struct call *call, struct scratch *scratch, struct log_line *line)
{
	const char *source = (const char *)call->args[0];
	char *buffer = scratch_buffer(scratch, 0);
	long length = source ? user_strlen(source, ROUTE_PATH_MAX) : 0;

	if (length <= 0 || !buffer || user_copy(buffer, source, length + 1) ||
	    !is_ours(buffer, scratch_buffer(scratch, 1)))
		return false;
	log_add(line, ": the source is below a prefix, the target is the host's");
	return true;
}

bool unrouted_explain(const struct call *call, struct log_line *line)
{
	const struct row *row = row_of(call->nr);
	struct scratch scratch = {NULL};
	bool is_explained = false;
	int dirfd = AT_FDCWD;

	for (int i = 0; i < 6 && !is_explained; i++) {
		switch (row->kinds[i]) {
		case ARG_FD:
			is_explained = explain_fd(call->args[i], line);
			break;
		case ARG_DIRFD:
			dirfd = call->args[i];
			is_explained = explain_fd(dirfd, line);
			break;
		case ARG_PATH:
			is_explained = explain_path(call, dirfd, (const char *)call->args[i],
						    &scratch, line);
			dirfd = AT_FDCWD;
			break;
		}
	}
	if (!is_explained && (call->nr == SYS_bind || call->nr == SYS_connect))
		is_explained = explain_address(call, &scratch, line);
	if (!is_explained && call->nr == SYS_mount)
		is_explained = explain_source(call, &scratch, line);
	scratch_free(&scratch);
	return is_explained;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.c - symlinks in the rump kernel that lead out of it.
 *
 * To the rump kernel the target of a symlink is a path from its own root, as in a chroot.
 * That is right for the files of an image, but not for what a program has put there:
 *
 *	ln -s /rump/opt/tool-1.2 /rump/opt/tool; ln -s /usr/bin/python3 /rump/env/bin/python
 *
 * So the kernel's root comes first.  What it does not find there, as the application's
 * directories have it: the path is gone through here, symlink by symlink, and the call is
 * made again with what comes out.  Calls that find what they look for cost nothing more;
 * others one call of the kernel, which tells whether a symlink is there at all.
 *
 * Limit: symlinks of the host that lead to the rump kernel are followed by the host, which
 * knows nothing of it.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>

#include "links.h"

#define LINKS_MAX 40 /* as Linux has it */

/* A path while it is gone through: `done` is absolute and has no symlinks. */
struct walk {
	struct call *call;
	char *done, *todo, *target, *buffer;
	bool follows_last;
	bool has_left; /* by an absolute target or above the root: what the kernel cannot follow */
};

bool links_follow_last(const struct call *call)
{
	const long *args = call->args;

	switch (call->nr) {
	case SYS_lstat:
	case SYS_readlink:
	case SYS_readlinkat:
	case SYS_unlink:
	case SYS_unlinkat:
	case SYS_rmdir:
	case SYS_mkdir:
	case SYS_mkdirat:
	case SYS_mknod:
	case SYS_mknodat:
	case SYS_symlink:
	case SYS_symlinkat:
	case SYS_link:
	case SYS_rename:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_lchown:
	case SYS_lgetxattr:
	case SYS_lsetxattr:
	case SYS_llistxattr:
	case SYS_lremovexattr:
		return false;
	case SYS_open:
		return !(args[1] & O_NOFOLLOW) && (~args[1] & (O_CREAT | O_EXCL));
	case SYS_openat:
		return !(args[2] & O_NOFOLLOW) && (~args[2] & (O_CREAT | O_EXCL));
	case SYS_statx:
		return !(args[2] & AT_SYMLINK_NOFOLLOW);
	case SYS_newfstatat:
	case SYS_utimensat:
	case SYS_fchmodat2:
	case SYS_faccessat2:
		return !(args[3] & AT_SYMLINK_NOFOLLOW);
	case SYS_fchownat:
	case SYS_execveat:
		return !(args[4] & AT_SYMLINK_NOFOLLOW);
	case SYS_linkat:
	case SYS_name_to_handle_at:
		return args[4] & AT_SYMLINK_FOLLOW;
	case SYS_inotify_add_watch:
		return !(args[2] & IN_DONT_FOLLOW);
	}
	return true;
}

/* Whether a symlink is on the way, the last component not left out. */
static bool has_link(struct call *call, const struct place *place)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
			       .resolve = RESOLVE_NO_SYMLINKS};
	long fd = rump(call, SYS_openat2, place->dirfd, place->path, &how, sizeof(how));

	if (fd >= 0)
		rump(call, SYS_close, fd);
	return fd >= 0 || fd == -ELOOP;
}

/* Whether `done` is of the rump kernel. */
static bool is_inside(struct walk *walk)
{
	struct route route;

	return *walk->done && !route_absolute(&config, walk->done, walk->buffer, &route) &&
	       route.side == ROUTE_RUMP;
}

/* The target of `done`: its length; 0: it is no symlink, or not in the rump kernel. */
static long read_link(struct walk *walk)
{
	struct route route;
	long length;

	if (route_absolute(&config, walk->done, walk->buffer, &route) || route.side != ROUTE_RUMP)
		return 0;
	length = rump(walk->call, SYS_readlink, route.path, walk->target, ROUTE_PATH_MAX - 1);
	if (length <= 0)
		return 0;
	walk->target[length] = '\0';
	return length;
}

/* What an absolute target starts with outside. */
static const char *outside_of_target(struct walk *walk)
{
	struct route route;

	if (route_absolute(&config, walk->target, walk->buffer, &route) || route.side == ROUTE_RUMP)
		return "";
	if (rump(walk->call, SYS_faccessat2, AT_FDCWD, walk->target, 0, AT_SYMLINK_NOFOLLOW))
		return "";
	return outside_of(walk->target);
}

/* todo = before + between + what is left of todo; `rest` lies in todo. */
static bool put_before(struct walk *walk, const char *before, const char *between, const char *rest)
{
	size_t a = strlen(before), b = strlen(between), left = strlen(rest);

	if (a + b + left + 1 >= ROUTE_PATH_MAX)
		return false;
	memmove(walk->todo + a + b + (left ? 1 : 0), rest, left + 1);
	memcpy(walk->todo, before, a);
	memcpy(walk->todo + a, between, b);
	if (left)
		walk->todo[a + b] = '/';
	return true;
}

/* From todo, an absolute path, to done.  0 or -errno. */
static int follow(struct walk *walk)
{
	const char *at = walk->todo, *start;
	size_t used = 0, length;

	for (int links = 0;;) {
		while (*at == '/')
			at++;
		if (!*at)
			break;
		for (start = at; *at && *at != '/'; at++)
			;
		length = at - start;
		if (length == 1 && *start == '.')
			continue;
		if (length == 2 && start[0] == '.' && start[1] == '.') {
			while (used && walk->done[--used] != '/')
				;
			walk->done[used] = '\0';
			if (!is_inside(walk))
				walk->has_left = true;
			continue;
		}
		if (used + length + 2 >= ROUTE_PATH_MAX)
			return -ENAMETOOLONG;
		walk->done[used] = '/';
		memcpy(walk->done + used + 1, start, length);
		walk->done[used + 1 + length] = '\0';
		if ((*at || walk->follows_last) && read_link(walk)) {
			if (++links > LINKS_MAX)
				return -ELOOP;
			if (*walk->target == '/') {
				walk->has_left = true;
				if (!put_before(walk, outside_of_target(walk), walk->target, at))
					return -ENAMETOOLONG;
				used = 0;
			} else {
				if (!put_before(walk, "", walk->target, at))
					return -ENAMETOOLONG;
			}
			walk->done[used] = '\0';
			at = walk->todo;
			continue;
		}
		used += 1 + length;
	}
	/* "x/" is a directory */
	if (used && at > walk->todo && at[-1] == '/' && used + 1 < ROUTE_PATH_MAX)
		walk->done[used++] = '/';
	if (!used)
		walk->done[used++] = '/';
	walk->done[used] = '\0';
	return 0;
}

bool links_followed(struct call *call, struct scratch *scratch, bool *is_second, long *result)
{
	const struct row *row = row_of(call->nr);
	struct walk walk = {.call = call, .follows_last = links_follow_last(call)};
	int dirfd = AT_FDCWD, n = 0, error;
	bool has_changed = false;
	struct place place;

	if (*is_second)
		return false;
	*is_second = true;
	for (int i = 0; i < 6; i++) {
		const char *path = (const char *)call->args[i];

		if (row->kinds[i] == ARG_DIRFD)
			dirfd = call->args[i];
		if (row->kinds[i] != ARG_PATH)
			continue;
		if (path && !place_find(call, dirfd, path, scratch, n, &place) &&
		    place.side == ROUTE_RUMP && has_link(call, &place)) {
			walk.done = scratch_buffer(scratch, SCRATCH_LINKS + n);
			walk.todo = scratch_buffer(scratch, SCRATCH_LINKS + 2);
			walk.target = scratch_buffer(scratch, SCRATCH_LINKS + 3);
			walk.buffer = scratch_buffer(scratch, SCRATCH_LINKS + 4);
			if (!walk.done)
				return false;
			if (place_as_text(call, &place, path, walk.target, walk.todo))
				return false;
			walk.has_left = false;
			error = follow(&walk);
			/* else it was not there for the kernel, whatever the text says */
			if (walk.has_left && error) {
				*result = error;
				return false;
			}
			if (walk.has_left) {
				call->args[i] = (long)walk.done;
				has_changed = true;
			}
		}
		dirfd = AT_FDCWD;
		n++;
	}
	return has_changed;
}

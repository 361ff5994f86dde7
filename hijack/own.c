/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * own.c - paths by which a process names what is its own; see own.h
 *
 * "/proc/self/fd/3" of a placeholder means the file in the rump kernel, whose own /proc
 * knows it by another number.  That /proc need not be mounted anywhere: the path is one
 * below a descriptor of it, and calls that take no directory are turned into those that do.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "fdtable.h"
#include "libc.h"
#include "own.h"

/* ---- the kernel's /proc ---- */

/*
 * An image that is mounted on the root need not have a /proc or /sys: one that is mounted
 * nowhere tells the same.
 */
static int proc = -1, sysfs = -1;

static int tree_of(struct call *call, const char *type, int *tree)
{
	int fd = __atomic_load_n(tree, __ATOMIC_ACQUIRE), none = -1, context;

	if (fd != -1)
		return fd;
	fd = AT_FDCWD;
	context = rump(call, SYS_fsopen, type, FSOPEN_CLOEXEC);
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
	if (__atomic_compare_exchange_n(tree, &none, fd, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return fd;
	if (fd != AT_FDCWD)
		rump(call, SYS_close, fd);
	return none;
}

int rump_proc(struct call *call)
{
	return tree_of(call, "proc", &proc);
}

int rump_sys(struct call *call)
{
	return tree_of(call, "sysfs", &sysfs);
}

void rump_proc_forget(void)
{
	__atomic_store_n(&proc, -1, __ATOMIC_RELEASE);
	__atomic_store_n(&sysfs, -1, __ATOMIC_RELEASE);
}

void rump_sys_renew(struct call *call)
{
	int fd = __atomic_exchange_n(&sysfs, -1, __ATOMIC_ACQ_REL);

	if (fd >= 0)
		rump(call, SYS_close, fd);
}

char *rump_proc_path(char *to, int proc, const char *rest)
{
	return put_text(put_text(to, proc == AT_FDCWD ? "/proc/" : ""), rest);
}

/* ---- what a path names ---- */

/* Behind `word` and the slashes that follow it, if text starts with it; else NULL. */
static const char *behind(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(text, word, length))
		return NULL;
	text += length;
	if (*text && *text != '/')
		return NULL;
	while (*text == '/')
		text++;
	return text;
}

/* Behind a number and slashes; NULL: there is no such component. */
static const char *behind_number(const char *text, long *ret_number)
{
	*ret_number = get_decimal(&text);
	if (*ret_number < 0 || (*text && *text != '/'))
		return NULL;
	while (*text == '/')
		text++;
	return text;
}

const char *own_proc_path(const char *path)
{
	const char *at = behind(path, "/proc"), *next;
	long number;

	if (!at)
		return NULL;
	if ((next = behind(at, "self")) || (next = behind(at, "thread-self"))) {
		at = next;
	} else if ((next = behind_number(at, &number))) {
		if (number != host(SYS_getpid))
			return NULL;
		at = next;
	} else {
		return NULL;
	}
	next = behind(at, "task");
	if (next && (next = behind_number(next, &number)))
		at = next;
	return at;
}

/* Calls on a symlink itself, which the host's tells as well. */
static bool is_about_link(struct call *call)
{
	switch (call->nr) {
	case SYS_lstat:
	case SYS_readlink:
	case SYS_readlinkat:
	case SYS_lchown:
	case SYS_lgetxattr:
	case SYS_llistxattr:
	case SYS_lsetxattr:
	case SYS_lremovexattr:
		return true;
	case SYS_newfstatat:
		return call->args[3] & AT_SYMLINK_NOFOLLOW;
	case SYS_statx:
		return call->args[2] & AT_SYMLINK_NOFOLLOW;
	}
	return false;
}

/* A placeholder by its number; what: the folder of /proc/self that it is in. */
static int find_fd(struct call *call, const char *what, long fd, const char *rest, bool has_rest,
		   struct scratch *scratch, int n, struct place *ret)
{
	int rump_fd = fd > 0x7fffffff ? FDTABLE_HOST : fdtable_get(fd), proc;
	char *buffer;

	if (rump_fd == FDTABLE_PRIVATE)
		return -ENOENT;
	if (rump_fd < 0)
		return 0;
	if (has_rest) {
		int error = place_find(call, fd, *rest ? rest : ".", scratch, n, ret);

		return error ? error : 1;
	}
	buffer = scratch_buffer(scratch, 2 * n);
	if (!buffer)
		return -ENOMEM;
	proc = rump_proc(call);
	put_decimal(put_text(rump_proc_path(buffer, proc, "self/"), what), rump_fd);
	*ret = (struct place){ROUTE_RUMP, proc, buffer, "", true};
	return 1;
}

/* What it takes before the end: without a slash at the end a symlink is meant. */
static bool is_more(const char *path, const char *rest)
{
	return *rest || (rest > path && rest[-1] == '/');
}

static int find_standard(struct call *call, const char *path, struct scratch *scratch, int n,
			 struct place *ret)
{
	static const char *const standard[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
	const char *rest;

	for (int fd = 0; fd < 3; fd++)
		if ((rest = behind(path, standard[fd])))
			return find_fd(call, "fd/", fd, rest, is_more(path, rest), scratch, n, ret);
	return 0;
}

static int find_directory(struct call *call, const char *path, const char *rest,
			  struct scratch *scratch, int n, struct place *ret)
{
	bool has_rest = is_more(path, rest);
	int error;

	if (!cwd_outside() || (!has_rest && is_about_link(call)))
		return 0;
	error = place_find(call, AT_FDCWD, *rest ? rest : ".", scratch, n, ret);
	return error ? error : 1;
}

static int find_sysctl(struct call *call, const char *path, struct scratch *scratch, int n,
		       struct place *ret)
{
	char *buffer = scratch_buffer(scratch, 2 * n);
	int proc;

	if (!buffer)
		return -ENOMEM;
	proc = rump_proc(call);
	if (strlen(path) >= ROUTE_PATH_MAX - 8)
		return -ENAMETOOLONG;
	rump_proc_path(buffer, proc, path + strlen("/proc/"));
	*ret = (struct place){ROUTE_RUMP, proc, buffer, "", false};
	return 1;
}

int own_find(struct call *call, const char *path, struct scratch *scratch, int n, struct place *ret)
{
	const char *at, *rest;
	const char *what;
	long fd;

	if (config.has_sysctl && behind(path, "/proc/sys"))
		return find_sysctl(call, path, scratch, n, ret);
	/* nothing of ours is open, and we are not there */
	if (!cwd_outside() && fdtable_next(0) < 0)
		return 0;
	if ((at = behind(path, "/dev/fd"))) {
		what = "fd/";
	} else if (!strncmp(path, "/dev/std", 8)) {
		return find_standard(call, path, scratch, n, ret);
	} else {
		at = own_proc_path(path);
		if (!at)
			return 0;
		if ((rest = behind(at, "cwd")))
			return find_directory(call, path, rest, scratch, n, ret);
		if ((rest = behind(at, "fd")))
			what = "fd/";
		else if ((rest = behind(at, "fdinfo")))
			what = "fdinfo/";
		else
			return 0;
		at = rest;
	}
	rest = behind_number(at, &fd);
	if (!rest)
		return 0;
	return find_fd(call, what, fd, rest, is_more(path, rest), scratch, n, ret);
}

int own_find_number(struct call *call, int dirfd, const char *path, struct scratch *scratch, int n,
		    struct place *ret)
{
	char link[40], directory[64];
	const char *rest, *at;
	long fd, length;

	rest = behind_number(path, &fd);
	if (!rest || fd > 0x7fffffff || fdtable_get(fd) < 0)
		return 0;
	if (dirfd == AT_FDCWD)
		put_text(link, "/proc/self/cwd");
	else
		put_decimal(put_text(link, "/proc/self/fd/"), dirfd);
	length = host(SYS_readlink, link, directory, sizeof(directory) - 1);
	if (is_error(length))
		return 0;
	directory[length] = '\0';
	at = own_proc_path(directory);
	if (!at || (strcmp(at, "fd") && strcmp(at, "fdinfo")))
		return 0;
	return find_fd(call, at[2] ? "fdinfo/" : "fd/", fd, rest, is_more(path, rest), scratch, n,
		       ret);
}

/* ---- the numbers that a process has ---- */

/* struct linux_dirent64, and linux_dirent, which has its type at the end */
struct entry {
	unsigned long inode, next;
	unsigned short length;
	char rest[6];
};

static bool is_private(const struct entry *entry, long nr)
{
	const char *name = nr == SYS_getdents64 ? entry->rest + 1 : entry->rest;
	long fd;

	if (*name < '1' || *name > '9')
		return false;
	fd = get_decimal(&name);
	return !*name && fd < FDTABLE_MAX && fdtable_get(fd) == FDTABLE_PRIVATE;
}

static bool shows_numbers(int directory)
{
	char link[40], target[64];
	const char *at;
	long length;

	put_decimal(put_text(link, "/proc/self/fd/"), directory);
	length = host(SYS_readlink, link, target, sizeof(target) - 1);
	if (is_error(length))
		return false;
	target[length] = '\0';
	at = own_proc_path(target);
	return at && (!strcmp(at, "fd") || !strcmp(at, "fdinfo"));
}

/*
 * Our descriptors are not listed: whoever looks at all of /proc/self/fd would find numbers
 * there that close() does not know.  The host has just written the entries.
 */
static long without_private(struct call *call, long length)
{
	char *entries = (char *)call->args[1];
	long kept = 0, size;

	for (long at = 0; at < length; at += size) {
		const struct entry *entry = (const struct entry *)(entries + at);

		size = entry->length;
		if (is_private(entry, call->nr))
			continue;
		if (kept != at)
			memmove(entries + kept, entry, size);
		kept += size;
	}
	return kept;
}

long handle_getdents(struct call *call)
{
	long result;

	if (fdtable_get(call->args[0]) != FDTABLE_HOST)
		return handle_fd(call);
	do {
		result = host_call(call);
		if (result <= 0)
			return result;
		for (long at = 0; at < result;) {
			const struct entry *entry =
				(const struct entry *)((char *)call->args[1] + at);

			if (is_private(entry, call->nr)) {
				if (!shows_numbers(call->args[0]))
					return result;
				result = without_private(call, result);
				break;
			}
			at += entry->length;
		}
		/* 0 would mean the end */
	} while (!result);
	return result;
}

/* ---- calls without a directory ---- */

bool own_give_directory(struct call *call)
{
	long *args = call->args;

#define BECOMES(old, new, ...)                                             \
	case SYS_##old:                                                    \
		call->nr = SYS_##new;                                      \
		memcpy(args, ((long[6]){__VA_ARGS__}), 6 * sizeof(*args)); \
		return true;
	switch (call->nr) {
		BECOMES(open, openat, AT_FDCWD, args[0], args[1], args[2])
		BECOMES(creat, openat, AT_FDCWD, args[0], O_CREAT | O_WRONLY | O_TRUNC, args[1])
		BECOMES(stat, newfstatat, AT_FDCWD, args[0], args[1], 0)
		BECOMES(lstat, newfstatat, AT_FDCWD, args[0], args[1], AT_SYMLINK_NOFOLLOW)
		BECOMES(access, faccessat, AT_FDCWD, args[0], args[1])
		BECOMES(readlink, readlinkat, AT_FDCWD, args[0], args[1], args[2])
		BECOMES(mkdir, mkdirat, AT_FDCWD, args[0], args[1])
		BECOMES(rmdir, unlinkat, AT_FDCWD, args[0], AT_REMOVEDIR)
		BECOMES(unlink, unlinkat, AT_FDCWD, args[0], 0)
		BECOMES(rename, renameat, AT_FDCWD, args[0], AT_FDCWD, args[1])
		BECOMES(link, linkat, AT_FDCWD, args[0], AT_FDCWD, args[1])
		BECOMES(symlink, symlinkat, args[0], AT_FDCWD, args[1])
		BECOMES(mknod, mknodat, AT_FDCWD, args[0], args[1], args[2])
		BECOMES(chmod, fchmodat, AT_FDCWD, args[0], args[1])
		BECOMES(chown, fchownat, AT_FDCWD, args[0], args[1], args[2])
		BECOMES(lchown, fchownat, AT_FDCWD, args[0], args[1], args[2], AT_SYMLINK_NOFOLLOW)
		BECOMES(utimes, futimesat, AT_FDCWD, args[0], args[1])
		BECOMES(execve, execveat, AT_FDCWD, args[0], args[1], args[2])
	}
#undef BECOMES
	return false;
}

int own_as_text(struct call *call, struct scratch *scratch, int n, struct place *place)
{
	char *to = scratch_buffer(scratch, 2 * n + 1), link[40];
	int proc = rump_proc(call);
	long length, more;

	if (!to)
		return -ENOMEM;
	if (place->is_link) {
		length = rump(call, SYS_readlinkat, place->dirfd, place->path, to,
			      ROUTE_PATH_MAX - 1);
	} else {
		put_decimal(rump_proc_path(link, proc, "self/fd/"), place->dirfd);
		length = rump(call, SYS_readlinkat, proc, link, to, ROUTE_PATH_MAX - 1);
	}
	if (length < 0)
		return length;
	/* a pipe, or a directory that lies nowhere */
	if (*to != '/')
		return -ENOENT;
	/* of a tree that is mounted nowhere: "/" and nothing says what it is the root of */
	if (!place->is_link && place->dirfd >= 0 && (place->dirfd == proc || place->dirfd == sysfs))
		length = put_text(to, place->dirfd == proc ? "/proc" : "/sys") - to;
	if (!place->is_link) {
		more = strlen(place->path);
		if (length + 1 + more >= ROUTE_PATH_MAX)
			return -ENAMETOOLONG;
		to[length] = '/';
		memcpy(to + length + 1, place->path, more);
		length += 1 + more;
	}
	to[length] = '\0';
	*place = (struct place){ROUTE_RUMP, AT_FDCWD, to, outside_of(to), false};
	return 0;
}

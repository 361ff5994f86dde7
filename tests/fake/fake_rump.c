/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_rump.c - a librump.so.0 for tests of the hijack: its "kernel" is a folder.
 *
 * rump_syscall() carries a call out on the host with paths below $FAKE_RUMP_ROOT (as if
 * chrooted there, by openat2's RESOLVE_IN_ROOT) and descriptors of a range of its own, so
 * that a descriptor which reaches the wrong side is noticed.  It has a working directory
 * of its own and tells how often it booted and whether it was shut down in $FAKE_RUMP_LOG.
 *
 * FAKE_RUMP_FAIL=n makes rump_init() fail with errno n.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rump/rump_calls.h>

#define EXPORT __attribute__((visibility("default")))
#define FD_BASE 100000 /* descriptor n of the host is FD_BASE + n of the fake */
#define NO_PATH (-1)

static int root_fd = -1;
static char root_path[PATH_MAX];
static char cwd[PATH_MAX] = "/";
static pid_t kernel_pid;
static int is_down, has_destructor = 1;
static char error_text[256];

static long raw(long nr, ...)
{
	long a[6], result;
	va_list list;
	int saved;

	va_start(list, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	/* by symbol, so that trap=off sees it too; errno is the program's */
	saved = errno;
	result = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (result == -1)
		result = -errno;
	errno = saved;
	return result;
}
#define RAW(nr, a, b, c, d, e, f, ...) \
	raw(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define host(...) RAW(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

static void note(const char *text)
{
	const char *log = getenv("FAKE_RUMP_LOG");
	long fd;

	if (!log)
		return;
	fd = host(SYS_open, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	host(SYS_write, fd, text, strlen(text));
	host(SYS_close, fd);
}

/* ---- paths ---- */

/* The host descriptor of one of the fake's; -EBADF for any other. */
static long host_fd(long fd)
{
	return (int)fd >= FD_BASE ? (int)fd - FD_BASE : -EBADF;
}

static long fake_fd(long result)
{
	return result < 0 ? result : result + FD_BASE;
}

/* The path of a host descriptor as the fake sees it. */
static long path_of(long fd, char *path)
{
	char link[64], real[PATH_MAX];
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%ld", fd);
	n = host(SYS_readlink, link, real, sizeof(real) - 1);
	if (n < 0)
		return n;
	real[n] = '\0';
	n = strlen(root_path);
	if (strncmp(real, root_path, n) || (real[n] && real[n] != '/'))
		strcpy(path, real);
	else
		strcpy(path, real[n] ? real + n : "/");
	return 0;
}

static long full_path(long dirfd, const char *path, char *full)
{
	char directory[PATH_MAX];
	long error;

	if (*path == '/') {
		snprintf(full, PATH_MAX, "%s", path);
		return 0;
	}
	if ((int)dirfd == AT_FDCWD) {
		strcpy(directory, cwd);
	} else {
		dirfd = host_fd(dirfd);
		error = dirfd < 0 ? dirfd : path_of(dirfd, directory);
		if (error)
			return error;
	}
	if ((size_t)snprintf(full, PATH_MAX, "%s/%s", directory, path) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

static long open_in_root(const char *full, unsigned long flags, unsigned long mode)
{
	struct open_how how = {.flags = flags & 0xffffffff, .resolve = RESOLVE_IN_ROOT};

	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & 07777;
	how.flags &= ~(unsigned long)O_LARGEFILE;
	if (how.flags & O_PATH)
		how.flags &= O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC;
	return host(SYS_openat2, root_fd, full, &how, sizeof(how));
}

/*
 * A host path for the thing that a path names: /proc/self/fd/N of the thing itself, or
 * of its folder and the last component when that may be a symlink or not exist.
 */
struct named {
	long fd;
	char path[PATH_MAX];
};

static long name(long dirfd, const char *path, int follow, struct named *ret)
{
	char full[PATH_MAX], *last;
	size_t n;
	long error;

	if (!path)
		return -EFAULT;
	if (strnlen(path, PATH_MAX) >= PATH_MAX)
		return -ENAMETOOLONG;
	error = full_path(dirfd, path, full);
	if (error)
		return error;
	if (!*path)
		return -ENOENT;
	if (follow) {
		ret->fd = open_in_root(full, O_PATH | O_CLOEXEC, 0);
		if (ret->fd < 0)
			return ret->fd;
		sprintf(ret->path, "/proc/self/fd/%ld", ret->fd);
		return 0;
	}
	n = strlen(full);
	while (n > 1 && full[n - 1] == '/')
		n--;
	while (n > 0 && full[n - 1] != '/')
		n--;
	last = strdup(full + n);
	full[n] = '\0';
	ret->fd = open_in_root(n ? full : "/", O_PATH | O_CLOEXEC | O_DIRECTORY, 0);
	if (ret->fd >= 0)
		snprintf(ret->path, PATH_MAX, "/proc/self/fd/%ld/%s", ret->fd, *last ? last : ".");
	free(last);
	return ret->fd < 0 ? ret->fd : 0;
}

/* ---- calls ---- */

/* Which calls take what: descriptors at 0, or a path at `path` (dirfd before it if at). */
static const struct path_call {
	int nr, path, is_at, follow, second; /* second: another path there */
} path_calls[] = {
	{SYS_stat, 0, 0, 1, NO_PATH},
	{SYS_lstat, 0, 0, 0, NO_PATH},
	{SYS_statfs, 0, 0, 1, NO_PATH},
	{SYS_access, 0, 0, 1, NO_PATH},
	{SYS_faccessat, 1, 1, 1, NO_PATH},
	{SYS_readlink, 0, 0, 0, NO_PATH},
	{SYS_readlinkat, 1, 1, 0, NO_PATH},
	{SYS_mkdir, 0, 0, 0, NO_PATH},
	{SYS_mkdirat, 1, 1, 0, NO_PATH},
	{SYS_rmdir, 0, 0, 0, NO_PATH},
	{SYS_unlink, 0, 0, 0, NO_PATH},
	{SYS_unlinkat, 1, 1, 0, NO_PATH},
	{SYS_rename, 0, 0, 0, 1},
	{SYS_renameat, 1, 1, 0, 3},
	{SYS_renameat2, 1, 1, 0, 3},
	{SYS_link, 0, 0, 0, 1},
	{SYS_linkat, 1, 1, 0, 3},
	{SYS_symlink, 1, 0, 0, NO_PATH},
	{SYS_symlinkat, 2, 1, 0, NO_PATH},
	{SYS_mknod, 0, 0, 0, NO_PATH},
	{SYS_mknodat, 1, 1, 0, NO_PATH},
	{SYS_chmod, 0, 0, 1, NO_PATH},
	{SYS_fchmodat, 1, 1, 1, NO_PATH},
	{SYS_chown, 0, 0, 1, NO_PATH},
	{SYS_lchown, 0, 0, 0, NO_PATH},
	{SYS_truncate, 0, 0, 1, NO_PATH},
	{SYS_utimes, 0, 0, 1, NO_PATH},
	{SYS_getxattr, 0, 0, 1, NO_PATH},
	{SYS_lgetxattr, 0, 0, 0, NO_PATH},
	{SYS_setxattr, 0, 0, 1, NO_PATH},
	{SYS_lsetxattr, 0, 0, 0, NO_PATH},
	{SYS_listxattr, 0, 0, 1, NO_PATH},
	{SYS_llistxattr, 0, 0, 0, NO_PATH},
	{SYS_removexattr, 0, 0, 1, NO_PATH},
	{SYS_lremovexattr, 0, 0, 0, NO_PATH},
};

static long do_path_call(const struct path_call *row, long nr, long a[6])
{
	struct named one = {.fd = -1}, two = {.fd = -1};
	long result = name(row->is_at ? a[row->path - 1] : AT_FDCWD, (char *)a[row->path],
			   row->follow, &one);

	if (!result && row->second != NO_PATH)
		result = name(row->is_at ? a[row->second - 1] : AT_FDCWD, (char *)a[row->second],
			      row->follow, &two);
	if (!result) {
		a[row->path] = (long)one.path;
		if (row->second != NO_PATH)
			a[row->second] = (long)two.path;
		result = host(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	if (one.fd >= 0)
		host(SYS_close, one.fd);
	if (two.fd >= 0)
		host(SYS_close, two.fd);
	return result;
}

/* Calls with a dirfd and flags: AT_EMPTY_PATH or NULL mean the descriptor itself. */
static long do_at_call(long nr, long a[6], int flags_at)
{
	int flags = a[flags_at];
	struct named named;
	long result;

	if (!a[1] || (!*(char *)a[1] && flags & AT_EMPTY_PATH)) {
		if ((int)a[0] == AT_FDCWD)
			return -EBADF;
		a[0] = host_fd(a[0]);
		return a[0] < 0 ? a[0] : host(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	result = name(a[0], (char *)a[1], !(flags & AT_SYMLINK_NOFOLLOW), &named);
	if (result)
		return result;
	a[1] = (long)named.path;
	result = host(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	host(SYS_close, named.fd);
	return result;
}

static long do_open(long dirfd, const char *path, long flags, long mode)
{
	char full[PATH_MAX];
	long error;

	if (strncmp(path, "/proc/self/fd/", 14) == 0) {
		char real[64];

		snprintf(real, sizeof(real), "/proc/self/fd/%ld", host_fd(atol(path + 14)));
		return fake_fd(host(SYS_open, real, flags | O_CLOEXEC, mode));
	}
	error = full_path(dirfd, path, full);
	if (error)
		return error;
	return fake_fd(open_in_root(full, flags | O_CLOEXEC, mode));
}

static long do_chdir(const char *path)
{
	struct named named;
	struct stat st;
	char where[PATH_MAX];
	long error = name(AT_FDCWD, path, 1, &named);

	if (error)
		return error;
	error = host(SYS_fstat, named.fd, &st);
	if (!error && !S_ISDIR(st.st_mode))
		error = -ENOTDIR;
	if (!error)
		error = path_of(named.fd, where);
	if (!error)
		strcpy(cwd, where);
	host(SYS_close, named.fd);
	return error;
}

static long do_poll(long nr, long a[6])
{
	struct pollfd *theirs = (struct pollfd *)a[0], fds[64];

	if (a[1] > 64)
		return -EINVAL;
	for (long i = 0; i < a[1]; i++) {
		fds[i] = theirs[i];
		if (fds[i].fd >= 0)
			fds[i].fd = host_fd(fds[i].fd);
	}
	a[0] = (long)fds;
	{
		long result = host(nr, a[0], a[1], a[2], a[3], a[4]);

		for (long i = 0; i < a[1]; i++)
			theirs[i].revents = fds[i].revents;
		return result;
	}
}

/*
 * Notifiers (rump/rump_calls.h): V is a copy of an epoll descriptor, readable when that is
 * ready, so that there is nothing to raise.
 */
static long do_notify_poll(long notifier, long a[6])
{
	long args[6] = {a[1], a[2], 0}, ready = do_poll(SYS_poll, args);
	const struct pollfd *fds = (struct pollfd *)a[1];
	struct epoll_event event;

	for (long fd = 0; fd < 256; fd++)
		host(SYS_epoll_ctl, notifier, EPOLL_CTL_DEL, fd, &event);
	for (long i = 0; !ready && a[3] & RUMP_NOTIFY_ARM && i < a[2]; i++) {
		event = (struct epoll_event){.events = (unsigned short)fds[i].events};
		if (fds[i].fd >= 0)
			host(SYS_epoll_ctl, notifier, EPOLL_CTL_ADD, host_fd(fds[i].fd), &event);
	}
	return ready;
}

static long do_notify(long nr, long a[6])
{
	long fd = nr == RUMP_SYS_NOTIFY_EPOLL || nr == RUMP_SYS_NOTIFY_NEW
			  ? host(SYS_epoll_create1, EPOLL_CLOEXEC)
			  : host_fd(a[0]);
	struct pollfd set = {(int)fd, POLLIN, 0};

	switch (nr) {
	case RUMP_SYS_NOTIFY_EPOLL:
		return fd < 0 ? fd : (FD_BASE + host(SYS_dup, fd)) << 32 | (FD_BASE + fd);
	case RUMP_SYS_NOTIFY_NEW:
		return fake_fd(fd);
	case RUMP_SYS_NOTIFY_WAIT:
		return host(SYS_epoll_wait, host_fd(a[1]), a[2], a[3] & ~RUMP_NOTIFY_QUIET, 0);
	case RUMP_SYS_NOTIFY_LOOK:
		return host(SYS_poll, &set, 1, 0);
	case RUMP_SYS_NOTIFY_POLL:
		return do_notify_poll(fd, a);
	}
	return fd < 0 ? fd : 0;
}

EXPORT int rumpuser_sp_event(int notifier)
{
	return (int)host(SYS_fcntl, host_fd(notifier), F_DUPFD_CLOEXEC, 0);
}

static long do_fd_link(long a[6])
{
	char path[PATH_MAX];
	long error = path_of(host_fd(atol((char *)a[0] + 14)), path), n;

	if (error)
		return error;
	n = strlen(path) < (size_t)a[2] ? (long)strlen(path) : a[2];
	memcpy((char *)a[1], path, n);
	return n;
}

EXPORT long rump_syscall(long nr, long a1, long a2, long a3, long a4, long a5, long a6)
{
	long a[6] = {a1, a2, a3, a4, a5, a6}, n;
	char path[PATH_MAX];

	if (kernel_pid != host(SYS_getpid))
		return -ENOTCONN;
	if (is_down)
		return -ENXIO;
	if (nr >= RUMP_SYS_NOTIFY_EPOLL && nr <= RUMP_SYS_NOTIFY_POLL)
		return do_notify(nr, a);
	switch (nr) {
	case SYS_open:
		return do_open(AT_FDCWD, (char *)a1, a2, a3);
	case SYS_creat:
		return do_open(AT_FDCWD, (char *)a1, O_CREAT | O_WRONLY | O_TRUNC, a2);
	case SYS_openat:
		return do_open(a1, (char *)a2, a3, a4);
	case SYS_newfstatat:
		return do_at_call(nr, a, 3);
	case SYS_statx:
	case SYS_faccessat2:
		return do_at_call(nr, a, nr == SYS_statx ? 2 : 3);
	case SYS_utimensat:
		return do_at_call(nr, a, 3);
	case SYS_fchownat:
		return do_at_call(nr, a, 4);
	case SYS_chdir:
		return do_chdir((char *)a1);
	case SYS_fchdir:
		n = host_fd(a1);
		n = n < 0 ? n : path_of(n, path);
		return n ? n : do_chdir(path);
	case SYS_getcwd:
		n = strlen(cwd) + 1;
		if (n > a2)
			return -ERANGE;
		memcpy((char *)a1, cwd, n);
		return n;
	case SYS_readlink:
		if (!strncmp((char *)a1, "/proc/self/fd/", 14))
			return do_fd_link(a);
		break;
	case SYS_readlinkat:
		if (!strncmp((char *)a2, "/proc/self/fd/", 14)) {
			long shifted[6] = {a2, a3, a4};

			return do_fd_link(shifted);
		}
		break;
	case SYS_fsopen:
		return -ENODEV;
	case SYS_umask:
	case SYS_sync:
		return 0;
	case SYS_ppoll:
	case SYS_poll:
		return do_poll(nr, a);
	case SYS_mmap:
		return -ENODEV; /* programs fall back on reading */
	case SYS_socket:
	case SYS_eventfd2:
	case SYS_epoll_create1:
		return fake_fd(host(nr, a1, a2, a3));
	case SYS_socketpair:
		n = host(nr, a1, a2, a3, a4);
		for (int i = 0; !n && i < 2; i++)
			((int *)a4)[i] += FD_BASE;
		return n;
	case SYS_epoll_ctl:
		return host(nr, host_fd(a1), a2, host_fd(a3), a4);
	case SYS_sendfile:
		return host(nr, host_fd(a1), host_fd(a2), a3, a4);
	case SYS_copy_file_range:
		return host(nr, host_fd(a1), a2, host_fd(a3), a4, a5, a6);
	case SYS_dup:
	case SYS_accept:
	case SYS_accept4:
		n = host_fd(a1);
		return n < 0 ? n : fake_fd(host(nr, n, a2, a3, a4));
	}
	for (unsigned int i = 0; i < sizeof(path_calls) / sizeof(path_calls[0]); i++)
		if (path_calls[i].nr == nr)
			return do_path_call(&path_calls[i], nr, a);
	/* all that is left has a descriptor first */
	n = host_fd(a1);
	return n < 0 ? n : host(nr, n, a2, a3, a4, a5, a6);
}

/* ---- life ---- */

EXPORT int rump_pub_shutdown(void)
{
	if (!kernel_pid || kernel_pid != host(SYS_getpid) || is_down)
		return ENXIO;
	is_down = 1;
	note("shutdown\n");
	return 0;
}

/* The real one is in librumpuser. */
EXPORT void rumpuser_shutdown_by_caller(int is_caller)
{
	has_destructor = !is_caller;
}

__attribute__((destructor)) static void at_exit(void)
{
	if (has_destructor)
		rump_pub_shutdown();
}

/* The host side of a real kernel has threads: one here that calls the host by name. */
static void *host_thread(void *argument)
{
	char path[PATH_MAX];

	/* a host path, whatever the routes say */
	snprintf(path, sizeof(path), "%.4000s/.", root_path);
	if (access(path, F_OK))
		note("host thread was hijacked\n");
	return argument;
}

EXPORT int rump_init(void)
{
	const char *root = getenv("FAKE_RUMP_ROOT"), *fail = getenv("FAKE_RUMP_FAIL");
	pthread_t thread;

	note("boot\n");
	if (fail) {
		snprintf(error_text, sizeof(error_text), "told to fail with %s", fail);
		return atoi(fail);
	}
	if (!root || !realpath(root, root_path)) {
		snprintf(error_text, sizeof(error_text), "FAKE_RUMP_ROOT: no such folder");
		return ENOENT;
	}
	root_fd = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return errno;
	if (root_fd < 64)
		note("the kernel's descriptors are in the way\n");
	kernel_pid = host(SYS_getpid);
	if (pthread_create(&thread, NULL, host_thread, NULL))
		return EAGAIN;
	pthread_join(thread, NULL);
	return 0;
}

EXPORT int rump_boot_conf(const char *text, const char *from)
{
	char line[1024];

	snprintf(line, sizeof(line), "conf %s %s", from, text);
	note(line);
	return 0;
}

EXPORT const char *rump_boot_error(void)
{
	return error_text;
}

EXPORT int rump_pub_interrupt(pid_t tid)
{
	/* host calls of the fake are interrupted by the signal itself */
	(void)tid;
	return 0;
}

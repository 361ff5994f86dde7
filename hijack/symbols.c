/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols.c - the door for libc's functions; the table is symbols.def.
 *
 * A wrapper enters the dispatcher and makes errno of what comes back.  They are plain
 * system calls otherwise: a call of the host is made here, not by libc's function of the
 * same name, so nothing has to be looked up and they work before libc is ready.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "fork.h"
#include "hijack.h"
#include "route.h"

#define EXPORT __attribute__((visibility("default")))

/* Also reached from trap.S. */
long symbol_failed(int error) __attribute__((visibility("hidden")));
long symbol_failed(int error)
{
	errno = error;
	return -1;
}

static inline long finish(long result)
{
	return is_error(result) ? symbol_failed(-result) : result;
}

#define PAD(call, nr, a, b, c, d, e, f, ...) \
	call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define PLAIN(...) finish(PAD(hijack_call, __VA_ARGS__, 0, 0, 0, 0, 0, 0))
#define CANCELLABLE(...) finish(PAD(hijack_call_cancellable, __VA_ARGS__, 0, 0, 0, 0, 0, 0))

#define SYMBOL(type, name, params, nr, ...)                \
	EXPORT type name params                            \
	{                                                  \
		return (type)PLAIN(SYS_##nr, __VA_ARGS__); \
	}
#define CANCEL(type, name, params, nr, ...)                      \
	EXPORT type name params                                  \
	{                                                        \
		return (type)CANCELLABLE(SYS_##nr, __VA_ARGS__); \
	}
#define ALIAS(name, target)
#include "symbols.def"
#undef SYMBOL
#undef CANCEL
#undef ALIAS

/* ---- with a variable argument ---- */

#define LAST_ARGUMENT(type, value, last)    \
	do {                                \
		va_list list;               \
		va_start(list, last);       \
		value = va_arg(list, type); \
		va_end(list);               \
	} while (0)

/* There is a mode only where the flags say so. */
#define OPEN_MODE(mode, flags)                                   \
	mode_t mode = 0;                                         \
	if ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE) \
	LAST_ARGUMENT(mode_t, mode, flags)

EXPORT int open(const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags);
	return CANCELLABLE(SYS_open, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags);
	return CANCELLABLE(SYS_open, path, flags, mode);
}

EXPORT int openat(int fd, const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags);
	return CANCELLABLE(SYS_openat, fd, path, flags, mode);
}

EXPORT int openat64(int fd, const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags);
	return CANCELLABLE(SYS_openat, fd, path, flags, mode);
}

EXPORT int fcntl(int fd, int command, ...)
{
	long argument;

	LAST_ARGUMENT(long, argument, command);
	return CANCELLABLE(SYS_fcntl, fd, command, argument);
}

EXPORT int fcntl64(int fd, int command, ...)
{
	long argument;

	LAST_ARGUMENT(long, argument, command);
	return CANCELLABLE(SYS_fcntl, fd, command, argument);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	long argument;

	LAST_ARGUMENT(long, argument, request);
	return PLAIN(SYS_ioctl, fd, request, argument);
}

/* ---- other shapes than the system call's ---- */

EXPORT char *getcwd(char *buffer, size_t size)
{
	char path[ROUTE_PATH_MAX];
	long length;

	if (buffer && !size) {
		errno = EINVAL;
		return NULL;
	}
	if (buffer)
		return PLAIN(SYS_getcwd, buffer, size) < 0 ? NULL : buffer;
	length = PLAIN(SYS_getcwd, path, sizeof(path));
	if (length < 0)
		return NULL;
	if (size && (size_t)length > size) {
		errno = ERANGE;
		return NULL;
	}
	buffer = malloc(size ? size : (size_t)length);
	return buffer ? memcpy(buffer, path, length) : NULL;
}

/* The kernel takes NULL for the descriptor itself, libc has futimens() for that. */
EXPORT int utimensat(int fd, const char *path, const struct timespec times[2], int flags)
{
	return path ? PLAIN(SYS_utimensat, fd, path, times, flags) : symbol_failed(EINVAL);
}

EXPORT int faccessat(int fd, const char *path, int mode, int flags)
{
	return flags ? PLAIN(SYS_faccessat2, fd, path, mode, flags)
		     : PLAIN(SYS_faccessat, fd, path, mode);
}

/* libc does not show what is left of the time. */
EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec copy;

	if (timeout) {
		copy = *timeout;
		timeout = &copy;
	}
	return CANCELLABLE(SYS_ppoll, fds, n, timeout, mask, 8);
}

EXPORT int pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
		   const sigset_t *mask)
{
	struct {
		const sigset_t *at;
		size_t size;
	} masked = {mask, 8};
	struct timespec copy;

	if (timeout) {
		copy = *timeout;
		timeout = &copy;
	}
	return CANCELLABLE(SYS_pselect6, n, in, out, except, timeout, &masked);
}

EXPORT int futimes(int fd, const struct timeval times[2])
{
	struct timespec fine[2];

	if (!times)
		return PLAIN(SYS_utimensat, fd, NULL, NULL, 0);
	for (int i = 0; i < 2; i++) {
		if (times[i].tv_usec < 0 || times[i].tv_usec >= 1000000)
			return symbol_failed(EINVAL);
		fine[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
	}
	return PLAIN(SYS_utimensat, fd, NULL, fine, 0);
}

EXPORT void closefrom(int first)
{
	PLAIN(SYS_close_range, first < 0 ? 0 : first, ~0U, 0);
}

EXPORT void sync(void)
{
	PLAIN(SYS_sync, 0);
}

/* In memory shared with the parent the child's descriptors would be the parent's. */
EXPORT pid_t vfork(void)
{
	struct call call = {.nr = SYS_vfork};

	return finish(fork_and_wait(&call));
}

EXPORT void _exit(int status)
{
	for (;;)
		PLAIN(SYS_exit_group, status);
}

/* ---- names of programs built with older headers or with _FORTIFY_SOURCE ---- */

/* libc's, not in its headers */
void __chk_fail(void) __attribute__((noreturn));
#define FITS(n, room)                     \
	if ((size_t)(n) > (size_t)(room)) \
	__chk_fail()

#define XSTAT(name, type, prefix_params, nr, ...)     \
	int name prefix_params;                       \
	EXPORT int name prefix_params                 \
	{                                             \
		if (version != 0 && version != 1)     \
			return symbol_failed(EINVAL); \
		return PLAIN(SYS_##nr, __VA_ARGS__);  \
	}
XSTAT(__xstat, stat, (int version, const char *path, struct stat *b), stat, path, b)
XSTAT(__xstat64, stat64, (int version, const char *path, struct stat64 *b), stat, path, b)
XSTAT(__lxstat, stat, (int version, const char *path, struct stat *b), lstat, path, b)
XSTAT(__lxstat64, stat64, (int version, const char *path, struct stat64 *b), lstat, path, b)
XSTAT(__fxstat, stat, (int version, int fd, struct stat *b), fstat, fd, b)
XSTAT(__fxstat64, stat64, (int version, int fd, struct stat64 *b), fstat, fd, b)
XSTAT(__fxstatat, stat, (int version, int fd, const char *path, struct stat *b, int flags),
      newfstatat, fd, path, b, flags)
XSTAT(__fxstatat64, stat64, (int version, int fd, const char *path, struct stat64 *b, int flags),
      newfstatat, fd, path, b, flags)
XSTAT(__xmknod, mknod, (int version, const char *path, mode_t mode, dev_t *dev), mknod, path, mode,
      *dev)
XSTAT(__xmknodat, mknodat, (int version, int fd, const char *path, mode_t mode, dev_t *dev),
      mknodat, fd, path, mode, *dev)

#define CHECKED(type, name, params, n, room, call) \
	type name params;                          \
	EXPORT type name params                    \
	{                                          \
		FITS(n, room);                     \
		return call;                       \
	}
CHECKED(ssize_t, __read_chk, (int fd, void *b, size_t n, size_t room), n, room, read(fd, b, n))
CHECKED(ssize_t, __pread_chk, (int fd, void *b, size_t n, off_t at, size_t room), n, room,
	pread(fd, b, n, at))
CHECKED(ssize_t, __pread64_chk, (int fd, void *b, size_t n, off64_t at, size_t room), n, room,
	pread64(fd, b, n, at))
CHECKED(ssize_t, __recv_chk, (int fd, void *b, size_t n, size_t room, int flags), n, room,
	recv(fd, b, n, flags))
CHECKED(ssize_t, __recvfrom_chk,
	(int fd, void *b, size_t n, size_t room, int flags, __SOCKADDR_ARG from, socklen_t *from_n),
	n, room, recvfrom(fd, b, n, flags, from, from_n))
CHECKED(ssize_t, __readlink_chk, (const char *path, char *b, size_t n, size_t room), n, room,
	readlink(path, b, n))
CHECKED(ssize_t, __readlinkat_chk, (int fd, const char *path, char *b, size_t n, size_t room), n,
	room, readlinkat(fd, path, b, n))
CHECKED(char *, __getcwd_chk, (char *b, size_t n, size_t room), n, room, getcwd(b, n))
CHECKED(int, __poll_chk, (struct pollfd * fds, nfds_t n, int timeout, size_t room),
	n * sizeof(*fds), room, poll(fds, n, timeout))
CHECKED(int, __ppoll_chk,
	(struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
	 size_t room),
	n * sizeof(*fds), room, ppoll(fds, n, timeout, mask))

/* open without a mode: one is needed for O_CREAT */
#define OPEN_2(name, params, flags, call)                                \
	int name params;                                                 \
	EXPORT int name params                                           \
	{                                                                \
		if ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE) \
			__chk_fail();                                    \
		return call;                                             \
	}
OPEN_2(__open_2, (const char *path, int flags), flags, open(path, flags))
OPEN_2(__open64_2, (const char *path, int flags), flags, open64(path, flags))
OPEN_2(__openat_2, (int fd, const char *path, int flags), flags, openat(fd, path, flags))
OPEN_2(__openat64_2, (int fd, const char *path, int flags), flags, openat64(fd, path, flags))

#define SYMBOL(...)
#define CANCEL(...)
#define ALIAS(name, target) \
	__asm__(".globl " #name "\n.type " #name ", @function\n.set " #name ", " #target "\n");
#include "symbols.def"

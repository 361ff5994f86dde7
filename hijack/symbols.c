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
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "fork.h"
#include "route.h"
#include "symbols.h"

/* libc exports them, and does not declare them */
int pivot_root(const char *root, const char *old);
int capset(void *header, const void *data);
struct mount_attr;
struct statx;

/* where prototypes differ */
#ifdef __GLIBC__
#define ADDRESS(address) (address).__sockaddr__
#define MARK_MASK uint64_t
#define MESSAGES_FLAGS int
#else
#define MARK_MASK unsigned long long
#define MESSAGES_FLAGS unsigned int
#define __CONST_SOCKADDR_ARG const struct sockaddr *
#define __SOCKADDR_ARG struct sockaddr *
#define __rlimit_resource_t int
#define ADDRESS(address) (address)
#endif

long symbol_failed(int error)
{
	errno = error;
	return -1;
}

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

EXPORT int openat(int fd, const char *path, int flags, ...)
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

#ifdef __GLIBC__
EXPORT int ioctl(int fd, unsigned long request, ...)
#else
EXPORT int ioctl(int fd, int request, ...)
#endif
{
	long argument;

	LAST_ARGUMENT(long, argument, request);
	return PLAIN(SYS_ioctl, fd, request, argument);
}

EXPORT void *mremap(void *address, size_t old_n, size_t n, int flags, ...)
{
	void *to;

	LAST_ARGUMENT(void *, to, flags);
	return (void *)PLAIN(SYS_mremap, address, old_n, n, flags, to);
}

EXPORT int prctl(int option, ...)
{
	long args[4];
	va_list list;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	return PLAIN(SYS_prctl, option, args[0], args[1], args[2], args[3]);
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
	/* the compiler believes the header that there is one */
	__asm__("" : "+r"(path));
	return path ? PLAIN(SYS_utimensat, fd, path, times, flags) : symbol_failed(EINVAL);
}

/*
 * The kernel's first form has no flags, and a host may not have the second: then by the
 * descriptor's name in /proc, as libc does it.
 */
EXPORT int fchmodat(int fd, const char *path, mode_t mode, int flags)
{
	long result = flags ? RESULT(SYS_fchmodat2, fd, path, mode, flags)
			    : RESULT(SYS_fchmodat, fd, path, mode);
	char name[40];
	struct stat st;
	long file;

	if (result != -ENOSYS || flags != AT_SYMLINK_NOFOLLOW)
		return symbol_finish(result);
	file = PLAIN(SYS_openat, fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0)
		return -1;
	result = RESULT(SYS_newfstatat, file, "", &st, AT_EMPTY_PATH);
	put_decimal(put_text(name, "/proc/self/fd/"), file);
	if (!result)
		result = S_ISLNK(st.st_mode) ? -EOPNOTSUPP : RESULT(SYS_chmod, name, mode);
	RESULT(SYS_close, file);
	return symbol_finish(result);
}

EXPORT int posix_fadvise(int fd, off_t at, off_t n, int advice)
{
	return -RESULT(SYS_fadvise64, fd, at, n, advice);
}

EXPORT int posix_madvise(void *address, size_t n, int advice)
{
	/* Linux' DONTNEED throws away what was written, POSIX' does not */
	return advice == POSIX_MADV_DONTNEED ? 0 : -RESULT(SYS_madvise, address, n, advice);
}

/* Where the file system cannot: a byte in each block, which keeps what is there. */
static int allocate_by_writing(int fd, off_t at, off_t n)
{
	struct stat st;
	off_t end, step;
	long result = RESULT(SYS_fstat, fd, &st);
	char byte;

	if (result)
		return -result;
	if (!S_ISREG(st.st_mode))
		return S_ISFIFO(st.st_mode) ? ESPIPE : ENODEV;
	if (__builtin_add_overflow(at, n, &end))
		return EFBIG;
	if (st.st_size < end) {
		result = RESULT(SYS_ftruncate, fd, end);
		if (result)
			return -result;
	}
	step = st.st_blksize > 0 && st.st_blksize < 4096 ? st.st_blksize : 4096;
	for (at += (n - 1) % step; at < end; at += step) {
		byte = 0;
		if (at < st.st_size) {
			result = RESULT(SYS_pread64, fd, &byte, 1, at);
			if (result < 0)
				return -result;
			if (result == 1 && byte)
				continue;
		}
		result = RESULT(SYS_pwrite64, fd, &byte, 1, at);
		if (result < 0)
			return -result;
	}
	return 0;
}

EXPORT int posix_fallocate(int fd, off_t at, off_t n)
{
	long result = RESULT_CANCELLABLE(SYS_fallocate, fd, 0, at, n);

	return result == -EOPNOTSUPP ? allocate_by_writing(fd, at, n) : -result;
}

EXPORT int prlimit(pid_t pid, __rlimit_resource_t resource, const struct rlimit *new,
		   struct rlimit *old)
{
	return PLAIN(SYS_prlimit64, pid, resource, new, old);
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	return PLAIN(SYS_setrlimit, resource, limit);
}

/* Cuts a name as libc does. */
static int give_name(const char *name, char *to, size_t n, bool must_fit)
{
	size_t length = strlen(name) + 1;

	memcpy(to, name, length < n ? length : n);
	return length > n && must_fit ? symbol_failed(ENAMETOOLONG) : 0;
}

EXPORT int gethostname(char *name, size_t n)
{
	struct utsname names;

	return PLAIN(SYS_uname, &names) ? -1 : give_name(names.nodename, name, n, true);
}

EXPORT int getdomainname(char *name, size_t n)
{
	struct utsname names;

	return PLAIN(SYS_uname, &names) ? -1 : give_name(names.domainname, name, n, false);
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

	return symbol_finish(fork_and_wait(&call));
}

EXPORT void _exit(int status)
{
	for (;;)
		PLAIN(SYS_exit_group, status);
}

#ifdef __GLIBC__
/* ---- names of files above 2 GiB: offsets have 64 bits anyway ---- */

EXPORT int open64(const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags);
	return CANCELLABLE(SYS_open, path, flags, mode);
}

EXPORT int openat64(int fd, const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags);
	return CANCELLABLE(SYS_openat, fd, path, flags, mode);
}

EXPORT int fcntl64(int fd, int command, ...)
{
	long argument;

	LAST_ARGUMENT(long, argument, command);
	return CANCELLABLE(SYS_fcntl, fd, command, argument);
}

EXPORT int posix_fadvise64(int fd, off64_t at, off64_t n, int advice)
{
	return posix_fadvise(fd, at, n, advice);
}

EXPORT int posix_fallocate64(int fd, off64_t at, off64_t n)
{
	return posix_fallocate(fd, at, n);
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

#endif

#define SYMBOL(...)
#define CANCEL(...)
#define ALIAS(name, target) SYMBOL_ALIAS(name, target)
#include "symbols.def"

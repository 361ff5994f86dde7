/* SPDX-License-Identifier: BSD-2-Clause */
/* placeholder.c - host descriptors that stand for rump descriptors; see placeholder.h */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fdtable.h"
#include "placeholder.h"

/* Private descriptors lie from here on: above what select(2) can name. */
#define PRIVATE_FLOOR 1024
#define PRIVATE_ROOM 256

static int base_fd = -1;

int private_fd(int fd)
{
	struct rlimit limit, raised;
	long moved = -EMFILE;

	if (is_error(host(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit)))
		goto out;
	if (limit.rlim_cur >= PRIVATE_FLOOR + PRIVATE_ROOM) {
		moved = host(SYS_fcntl, fd, F_DUPFD_CLOEXEC, PRIVATE_FLOOR);
	} else if (limit.rlim_max >= PRIVATE_FLOOR + PRIVATE_ROOM) {
		/* above the soft limit nothing is taken from the application */
		raised = limit;
		raised.rlim_cur = PRIVATE_FLOOR + PRIVATE_ROOM;
		if (!is_error(host(SYS_prlimit64, 0, RLIMIT_NOFILE, &raised, NULL))) {
			moved = host(SYS_fcntl, fd, F_DUPFD_CLOEXEC, PRIVATE_FLOOR);
			host(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
		}
	} else if (limit.rlim_cur > 32) {
		moved = host(SYS_fcntl, fd, F_DUPFD_CLOEXEC, limit.rlim_cur - 32);
	}
out:
	if (is_error(moved) || fdtable_reserve(moved)) {
		if (!is_error(moved))
			host(SYS_close, moved);
		if (!fdtable_reserve(fd))
			fdtable_set(fd, FDTABLE_PRIVATE);
		return fd;
	}
	fdtable_set(moved, FDTABLE_PRIVATE);
	host(SYS_close, fd);
	return moved;
}

void private_keep(int fd)
{
	host(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
	if (!fdtable_reserve(fd))
		fdtable_set(fd, FDTABLE_PRIVATE);
}

void private_close(int fd)
{
	fdtable_set(fd, FDTABLE_HOST);
	host(SYS_close, fd);
}

/* An O_PATH descriptor of a socket inode that nobody can name any more. */
static int make_base(void)
{
	static const char *const folders[] = {"/dev/shm/", "/tmp/", "/run/", "/var/tmp/", "./"};
	char path[80];
	unsigned long time[2] = {0, 0};
	long fd = -ENOENT;

	for (unsigned int i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		host(SYS_clock_gettime, 1, time);
		put_decimal(put_text(put_decimal(put_text(put_text(path, folders[i]), ".rump-"),
						 host(SYS_gettid)),
				     "-"),
			    time[1]);
		if (is_error(host(SYS_mknod, path, S_IFSOCK, 0)))
			continue;
		fd = host(SYS_open, path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
		host(SYS_unlink, path);
		if (!is_error(fd))
			return fd;
	}
	/* no folder to write to: as good, but for a reopen by /proc/self/fd */
	return host(SYS_open, "/dev/null", O_PATH | O_CLOEXEC);
}

static int base(void)
{
	int fd = __atomic_load_n(&base_fd, __ATOMIC_ACQUIRE), none = -1;

	if (fd >= 0)
		return fd;
	fd = make_base();
	if (fd < 0)
		return fd;
	fd = private_fd(fd);
	if (!__atomic_compare_exchange_n(&base_fd, &none, fd, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		fdtable_set(fd, FDTABLE_HOST);
		host(SYS_close, fd);
		fd = none;
	}
	return fd;
}

void placeholder_prepare(void)
{
	base();
}

bool placeholder_is(int fd)
{
	struct stat st;
	long flags = host(SYS_fcntl, fd, F_GETFL);

	if (is_error(flags) || !(flags & O_PATH) || host(SYS_fstat, fd, &st))
		return false;
	/* what make_base() makes: a nameless socket, or /dev/null where it cannot */
	return st.st_mode == S_IFSOCK ? !st.st_nlink
				      : S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

int placeholder_make(bool is_cloexec)
{
	long fd = base();

	if (fd >= 0)
		fd = host(SYS_fcntl, fd, is_cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	if (fd >= 0 && fdtable_reserve(fd)) {
		host(SYS_close, fd);
		return -EMFILE;
	}
	return fd;
}

int placeholder_put(int fd, bool is_cloexec)
{
	int from = base();
	long result = from < 0 ? from : fdtable_reserve(fd);

	if (!result)
		result = host(SYS_dup3, from, fd, is_cloexec ? O_CLOEXEC : 0);
	return is_error(result) ? result : 0;
}

void rumphijack_private_fd(int fd, int is_private)
{
	if (is_private && !fdtable_reserve(fd))
		fdtable_set(fd, FDTABLE_PRIVATE);
	else if (!is_private && fdtable_get(fd) == FDTABLE_PRIVATE)
		fdtable_set(fd, FDTABLE_HOST);
}

void rumphijack_private_thread(void)
{
	self.inside = self.is_kernels = 1;
}

void rumphijack_private_calls(int is_begin)
{
	self.inside += is_begin ? 1 : -1;
}

/* Steps of ours that no signal may come between do not sleep. */
unsigned int rumphijack_interrupts(void)
{
	if (self.inside != 1 || !__atomic_load_n(&self.deferred, __ATOMIC_SEQ_CST))
		return 0;
	return self.deferrals;
}

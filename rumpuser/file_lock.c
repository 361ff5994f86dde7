/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_lock.c - one kernel at a time writes an image.
 *
 * The lock is one of the open file description (F_OFD_SETLK, the whole file):
 * it keeps two kernels of one process apart as well as two processes, it is
 * honoured by what else uses POSIX locks (qemu), it is gone with the process
 * however that ends, and no other close() of the file in the process drops it.
 *
 * The host does not tell who holds such a lock, so the holder is looked for:
 * the process that has the same file open and "OFDLCK" in that descriptor's
 * fdinfo.  Without the right to look at the other process it stays unknown.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "host.h"
#include "private.h"

#ifndef F_OFD_SETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#endif

struct dirent64_head {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

/*
 * Calls visit for each entry of folder that is a number, until one returns
 * nonzero, and returns that.
 */
static int for_each_number(const char *folder, int (*visit)(int number, void *arg), void *arg)
{
	_Alignas(8) char entries[1024];
	int fd CLOSED_AT_END = -1;

	fd = (int)host_call(SYS_openat, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	for (;;) {
		long length = host_call(SYS_getdents64, fd, entries, sizeof(entries));

		if (length <= 0)
			return 0;
		for (long at = 0; at < length;) {
			struct dirent64_head *entry = (struct dirent64_head *)(entries + at);
			int found;

			at += entry->length;
			if (entry->name[0] < '0' || entry->name[0] > '9')
				continue;
			found = visit(atoi(entry->name), arg);
			if (found)
				return found;
		}
	}
}

struct search {
	struct stat file;
	int pid;
};

static bool has_lock(int pid, int number)
{
	char path[64], text[512];
	int fd CLOSED_AT_END = -1;
	long length;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, number);
	fd = (int)host_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	length = host_call(SYS_read, fd, text, sizeof(text) - 1);
	if (length <= 0)
		return false;
	text[length] = '\0';
	return strstr(text, "\nlock:") && strstr(text, "WRITE");
}

static int visit_descriptor(int number, void *arg)
{
	struct search *search = arg;
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", search->pid, number);
	if (host_call(SYS_newfstatat, AT_FDCWD, path, &status, 0))
		return 0;
	if (status.st_dev != search->file.st_dev || status.st_ino != search->file.st_ino)
		return 0;
	return has_lock(search->pid, number) ? search->pid : 0;
}

static int visit_process(int pid, void *arg)
{
	struct search *search = arg;
	char path[32];

	search->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return for_each_number(path, visit_descriptor, search);
}

static int find_owner(int fd)
{
	struct search search;

	if (host_call(SYS_fstat, fd, &search.file))
		return 0;
	return for_each_number("/proc", visit_process, &search);
}

int file_lock_image(int fd, int *ret_owner)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	long error = host_call(SYS_fcntl, fd, F_OFD_SETLK, &lock);

	if (!error)
		return 0;
	/* network file systems may have the one and not the other */
	if (error != -EAGAIN && error != -EACCES)
		error = host_call(SYS_flock, fd, LOCK_EX | LOCK_NB);
	if (error != -EAGAIN && error != -EACCES)
		return (int)error;

	lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (!host_call(SYS_fcntl, fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK &&
	    lock.l_pid > 0)
		*ret_owner = lock.l_pid; /* a POSIX lock: the host knows whose */
	else
		*ret_owner = find_owner(fd);
	return -EBUSY;
}

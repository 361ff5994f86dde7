/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.c - host files, named by handles.
 *
 * A handle is an index of a table that is read without a lock.  The kernel gets
 * no descriptors, so that its data means the same in every process, and the
 * descriptors are moved to high numbers, so that programs that count on the
 * lowest free one, or close all that they know, do not meet them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "host.h"
#include "private.h"

#define SECTOR_SIZE 512
#define BLOCK_HANDLES 1024 /* a page of them */
#define BLOCK_COUNT 256
#define FIRST_FD 1000 /* where our descriptors begin, if so many are allowed */

/* ---- handles ---- */

/* fd + 1, 0: free.  Blocks are made when needed and never given back. */
typedef _Atomic int slot_t;
static _Atomic(slot_t *) blocks[BLOCK_COUNT];
static _Atomic int lowest_free; /* a hint */

static slot_t *slot_of(int file, bool is_new)
{
	slot_t *block, *none = NULL;
	long made;

	if (file < 0 || file >= BLOCK_COUNT * BLOCK_HANDLES)
		return NULL;
	block = atomic_load_explicit(&blocks[file / BLOCK_HANDLES], memory_order_acquire);
	if (!block && is_new) {
		made = host_call(SYS_mmap, NULL, BLOCK_HANDLES * sizeof(slot_t),
				 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if ((unsigned long)made > -4096UL)
			return NULL;
		block = (slot_t *)made;
		if (!atomic_compare_exchange_strong(&blocks[file / BLOCK_HANDLES], &none, block)) {
			host_call(SYS_munmap, block, BLOCK_HANDLES * sizeof(slot_t));
			block = none;
		}
	}
	return block ? &block[file % BLOCK_HANDLES] : NULL;
}

int file_fd(int file)
{
	slot_t *slot = slot_of(file, false);
	int fd = slot ? atomic_load_explicit(slot, memory_order_acquire) - 1 : -1;

	return fd < 0 ? -EBADF : fd;
}

static int handle_of(int fd)
{
	int hint = atomic_load(&lowest_free);

	for (int file = hint; file < BLOCK_COUNT * BLOCK_HANDLES; file++) {
		slot_t *slot = slot_of(file, true);
		int empty = 0;

		if (!slot)
			return -ENOMEM;
		if (atomic_compare_exchange_strong(slot, &empty, fd + 1)) {
			/* not if file_close() has lowered it just now */
			atomic_compare_exchange_strong(&lowest_free, &hint, file + 1);
			return file;
		}
	}
	return -ENFILE;
}

static int make_private(int fd)
{
	if (rumphijack_private_fd)
		rumphijack_private_fd(fd, 1);
	return fd;
}

void fd_close_private(int fd)
{
	if (fd < 0)
		return;
	if (rumphijack_private_fd)
		rumphijack_private_fd(fd, 0);
	host_close(fd);
}

int fd_move_high(int fd)
{
	struct rlimit limit = {.rlim_cur = 0};
	long moved, from = FIRST_FD;

	host_call(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	if (limit.rlim_cur <= FIRST_FD)
		from = (long)limit.rlim_cur * 3 / 4;
	/* where the highest numbers are taken, something lower still beats something low */
	for (; from > fd; from /= 2) {
		moved = host_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, from);
		if (moved >= 0) {
			host_close(fd);
			return make_private((int)moved);
		}
	}
	return make_private(fd);
}

int file_adopt(int fd)
{
	int file;

	fd = fd_move_high(fd);
	file = handle_of(fd);
	if (file < 0)
		fd_close_private(fd);
	return file;
}

void file_close(int file)
{
	slot_t *slot = slot_of(file, false);
	int fd = slot ? atomic_exchange(slot, 0) - 1 : -1;
	int hint = atomic_load(&lowest_free);

	fd_close_private(fd);
	while (fd >= 0 && file < hint && !atomic_compare_exchange_weak(&lowest_free, &hint, file))
		;
}

/* A child of fork() that kept them would keep the parent's images locked. */
void file_forked(void)
{
	for (int i = 0; i < BLOCK_COUNT; i++) {
		slot_t *block = atomic_load(&blocks[i]);

		/* what is not written is still one page with the parent's */
		for (int j = 0; block && j < BLOCK_HANDLES; j++)
			if (atomic_load_explicit(&block[j], memory_order_relaxed))
				fd_close_private(atomic_exchange(&block[j], 0) - 1);
	}
	atomic_store(&lowest_free, 0);
}

/* ---- what a file is ---- */

/* sysfs knows it of the whole disk only; a partition's folder lies in the disk's. */
static bool device_can_discard(dev_t device)
{
	static const char *const forms[] = {"/sys/dev/block/%u:%u/queue/discard_max_bytes",
					    "/sys/dev/block/%u:%u/../queue/discard_max_bytes"};
	char path[80], text[32];

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		int fd CLOSED_AT_END = -1;
		long length;

		snprintf(path, sizeof(path), forms[i], major(device), minor(device));
		fd = (int)host_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
		if (fd < 0)
			continue;
		length = host_call(SYS_read, fd, text, sizeof(text));
		return length > 0 && text[0] != '0';
	}
	return false;
}

static bool file_can_discard(int fd, unsigned long long size)
{
	/* file systems that punch holes; the question itself would change the file's times */
	static const unsigned int known[] = {
		0xef53,	    /* ext4 (of the ext2 and ext3 of today, too) */
		0x58465342, /* xfs */
		0x9123683e, /* btrfs */
		0x01021994, /* tmpfs */
		0xf2f52010, /* f2fs */
	};
	struct statfs fs;

	if (!host_call(SYS_fstatfs, fd, &fs)) {
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if ((unsigned int)fs.f_type == known[i])
				return true;
		}
	}
	/* behind the end there is nothing to lose */
	return !host_call(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, size,
			  4096);
}

static int file_describe(int fd, bool is_writable, struct rumpuser_file_info *info)
{
	struct stat status;
	unsigned long long bytes;
	int sector;
	long error = host_call(SYS_fstat, fd, &status);

	if (error)
		return (int)error;
	info->mode = status.st_mode;
	info->size = (unsigned long long)status.st_size;
	info->block_size = SECTOR_SIZE;
	info->can_discard = 0;
	if (S_ISBLK(status.st_mode)) {
		error = host_call(SYS_ioctl, fd, BLKGETSIZE64, &bytes);
		if (error)
			return (int)error;
		info->size = bytes;
		if (!host_call(SYS_ioctl, fd, BLKSSZGET, &sector) && sector > 0)
			info->block_size = (unsigned int)sector;
		info->can_discard = is_writable && device_can_discard(status.st_rdev);
	} else if (S_ISREG(status.st_mode)) {
		info->can_discard = is_writable && file_can_discard(fd, info->size);
	}
	return 0;
}

/* ---- open ---- */

static int host_flags(unsigned int flags)
{
	int result = O_CLOEXEC | O_NOCTTY;

	if (flags & RUMPUSER_OPEN_PATH)
		result |= O_PATH;
	else if (!(flags & (RUMPUSER_OPEN_WRITE | RUMPUSER_OPEN_TRY_WRITE)))
		result |= O_RDONLY;
	else
		result |= flags & RUMPUSER_OPEN_READ ? O_RDWR : O_WRONLY;
	if (flags & RUMPUSER_OPEN_DIRECTORY)
		result |= O_DIRECTORY;
	if (flags & RUMPUSER_OPEN_NONBLOCK)
		result |= O_NONBLOCK;
	return result;
}

static long open_retry(const char *path, int flags)
{
	long fd;

	do
		fd = host_call(SYS_openat, AT_FDCWD, path, flags, 0);
	while (fd == -EINTR);
	return fd;
}

static bool means_readonly(long error)
{
	/* EISDIR and ETXTBSY: a folder, a running program; they can be read too */
	return error == -EACCES || error == -EROFS || error == -EPERM || error == -EISDIR ||
	       error == -ETXTBSY;
}

static int open_path(const char *path, unsigned int flags, struct rumpuser_file_info *info)
{
	int want = host_flags(flags);
	struct stat status;
	long fd;

	info->is_readonly = 0;
	/* The host then refuses what is mounted or claimed; of other files O_EXCL says nothing. */
	if (flags & RUMPUSER_OPEN_LOCK && (want & O_ACCMODE) != O_RDONLY &&
	    !host_call(SYS_newfstatat, AT_FDCWD, path, &status, 0) && S_ISBLK(status.st_mode))
		want |= O_EXCL;
	fd = open_retry(path, want);
	if (flags & RUMPUSER_OPEN_TRY_WRITE && means_readonly(fd)) {
		info->is_readonly = 1;
		fd = open_retry(path, (want & ~(O_ACCMODE | O_EXCL)) | O_RDONLY);
	}
	return (int)fd;
}

static void explain(const char *path, int error, int owner)
{
	if (error == -EBUSY && owner > 0)
		boot_error_set("%s: in use by another kernel (locked by pid %d)", path, owner);
	else if (error == -EBUSY)
		boot_error_set("%s: in use by another kernel, or mounted", path);
	else
		boot_error_set("%s: %s", path, strerror(-error));
}

int file_open(const char *path, unsigned int flags, struct rumpuser_file_info *ret_info)
{
	struct rumpuser_file_info info = {.size = 0};
	bool is_writable;
	int fd, error;
	KEEPS_ERRNO;

	fd = open_path(path, flags, &info);
	error = fd < 0 ? fd : 0;
	is_writable = flags & (RUMPUSER_OPEN_WRITE | RUMPUSER_OPEN_TRY_WRITE) && !info.is_readonly;
	if (!error && flags & RUMPUSER_OPEN_LOCK && is_writable)
		error = file_lock_image(fd, &info.lock_owner);
	if (!error)
		error = file_describe(fd, is_writable, &info);
	/* here, and not with the first request: that one is made with a virtual CPU held */
	if (!error)
		error = io_start();
	if (error) {
		host_close(fd);
		if (flags & RUMPUSER_OPEN_LOCK)
			explain(path, error, info.lock_owner);
		if (ret_info)
			ret_info->lock_owner = info.lock_owner;
		return error;
	}
	if (ret_info)
		*ret_info = info;
	return file_adopt(fd);
}

long file_read(int file, void *buffer, unsigned long length, unsigned long long offset)
{
	char *to = buffer;
	unsigned long done = 0;
	int fd = file_fd(file);

	if (fd < 0)
		return fd;
	while (done < length) {
		long got = host_call(SYS_pread64, fd, to + done, length - done, offset + done);

		if (got == -EINTR)
			continue;
		if (got < 0)
			return done ? (long)done : got;
		if (!got)
			break;
		done += (unsigned long)got;
	}
	return (long)done;
}

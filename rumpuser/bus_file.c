/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bus_file.c - the file of a bus: make it, check it, take a slot.
 *
 * Several may make it at once, and any of them may be killed half-way: who finds it empty
 * or without the magic number, which is written last, makes it, under a lock of its first
 * byte.  A member of bad will may keep that lock: it is waited for a moment only.
 *
 * The file may become shorter while this reads it, and an access then raises SIGBUS: so
 * what is read before the mapping is in use is read by pread(2), and written by pwrite(2).
 */
#include "bus_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

#ifndef F_OFD_SETLK
#define F_OFD_SETLK 37
#endif
#define FUTEX_WAKE_OP 5
#define LOCK_TRIES 2000 /* of a millisecond */

/* Says why; returns error. */
#define FAIL(error, ...) (snprintf(why, why_size, __VA_ARGS__), (error))

static int fail_errno(int error, const char *path, const char *what, char *why, size_t why_size)
{
	switch (-error) {
	case EACCES:
	case EPERM:
		return FAIL(error, "%s: no permission to %s the bus file", path, what);
	case ENOENT:
		return FAIL(error, "%s: no such folder to make the bus file in", path);
	case EISDIR:
		return FAIL(error, "%s: a folder, want a bus file", path);
	case EROFS:
		return FAIL(error, "%s: the bus file lies on a read-only file system", path);
	case ENOSPC:
	case EDQUOT:
		return FAIL(error, "%s: no space left for the bus file", path);
	default:
		return FAIL(error, "%s: cannot %s the bus file: %s", path, what, strerror(-error));
	}
}

static int lock_byte(int fd, off_t offset, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};

	return (int)host_call(SYS_fcntl, fd, F_OFD_SETLK, &lock);
}

static int lock_header(int fd)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	int error = lock_byte(fd, 0, F_WRLCK);

	for (int i = 0; i < LOCK_TRIES && (error == -EAGAIN || error == -EACCES); i++) {
		host_call(SYS_nanosleep, &moment, NULL);
		error = lock_byte(fd, 0, F_WRLCK);
	}
	return error;
}

static int make(int fd, char *why, size_t why_size, const char *path)
{
	struct rump_bus_header header = {
		.version = RUMP_BUS_VERSION,
		.slots = RUMP_BUS_SLOTS,
		.slot_size = sizeof(struct rump_bus_slot),
		.slot_offset = RUMP_BUS_SLOT_OFFSET,
		.ring_size = RUMP_BUS_RING,
		.ring_offset = RUMP_BUS_RING_OFFSET,
		.size = RUMP_BUS_SIZE,
	};
	const rump_bus_u64 magic = RUMP_BUS_MAGIC;
	long error = host_call(SYS_ftruncate, fd, (off_t)RUMP_BUS_SIZE);

	/* a hole that cannot be filled later would be a SIGBUS */
	if (!error)
		error = host_call(SYS_fallocate, fd, 0, 0, RUMP_BUS_RING_OFFSET);
	if (error == -EOPNOTSUPP || error == -ENOSYS)
		error = 0;
	if (!error && host_call(SYS_pwrite64, fd, &header, sizeof(header), 0) != sizeof(header))
		error = -EIO;
	if (!error && host_call(SYS_pwrite64, fd, &magic, sizeof(magic), 0) != sizeof(magic))
		error = -EIO;
	return error ? fail_errno((int)error, path, "make", why, why_size) : 0;
}

enum state { IS_BUS, IS_TO_BE_MADE, IS_BAD };

/* Reads the header; *ret_error and why for what is bad. */
static enum state look(int fd, const char *path, int *ret_error, char *why, size_t why_size)
{
	static const struct rump_bus_header zero;
	struct rump_bus_header header = zero;
	struct stat status;
	long error = host_call(SYS_fstat, fd, &status);
	long length = error ? error : host_call(SYS_pread64, fd, &header, sizeof(header), 0);

	if (length < 0) {
		*ret_error = fail_errno((int)length, path, "read", why, why_size);
		return IS_BAD;
	}
	if (!status.st_size)
		return IS_TO_BE_MADE;
	if (header.magic == RUMP_BUS_MAGIC && header.version != RUMP_BUS_VERSION) {
		*ret_error = FAIL(-EPROTO,
				  "%s: a bus of version %u, this is for version %d: name another file",
				  path, header.version, RUMP_BUS_VERSION);
		return IS_BAD;
	}
	if (header.magic != RUMP_BUS_MAGIC) {
		/* where somebody died who was making it, there are only zeroes or our own header */
		if ((rump_bus_u64)status.st_size == RUMP_BUS_SIZE && !header.magic &&
		    (!header.version || header.version == RUMP_BUS_VERSION))
			return IS_TO_BE_MADE;
		*ret_error = FAIL(-EINVAL, "%s: not a bus file: name another one, or remove it", path);
		return IS_BAD;
	}
	if (header.slots != RUMP_BUS_SLOTS || header.slot_size != sizeof(struct rump_bus_slot) ||
	    header.slot_offset != RUMP_BUS_SLOT_OFFSET || header.ring_size != RUMP_BUS_RING ||
	    header.ring_offset != RUMP_BUS_RING_OFFSET || header.size != RUMP_BUS_SIZE) {
		*ret_error = FAIL(-EPROTO, "%s: a bus of other sizes: name another file", path);
		return IS_BAD;
	}
	if ((rump_bus_u64)status.st_size < RUMP_BUS_SIZE) {
		*ret_error = FAIL(-EINVAL, "%s: the bus file was cut off at %lld bytes: remove it",
				  path, (long long)status.st_size);
		return IS_BAD;
	}
	return IS_BUS;
}

static int check(int fd, bool is_member, const char *path, char *why, size_t why_size)
{
	int error = -EINVAL;
	enum state state = look(fd, path, &error, why, why_size);

	if (state == IS_TO_BE_MADE && !is_member)
		return FAIL(-EINVAL, "%s: a bus file that no kernel has used yet", path);
	if (state != IS_TO_BE_MADE)
		return state == IS_BUS ? 0 : error;
	error = lock_header(fd);
	if (error)
		return FAIL(error, "%s: somebody else keeps the bus file locked", path);
	state = look(fd, path, &error, why, why_size); /* may have been made meanwhile */
	if (state == IS_TO_BE_MADE)
		error = make(fd, why, why_size, path);
	else if (state == IS_BUS)
		error = 0;
	lock_byte(fd, 0, F_UNLCK);
	return error;
}

static int open_file(const char *path, bool is_member)
{
	/* O_NONBLOCK: a FIFO would wait for somebody */
	int flags = (is_member ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = -ENOENT;

	/*
	 * Not with O_CREAT at first: in folders such as /tmp the host refuses that for files of
	 * other users.  Again where somebody has removed it, or made it, in between.
	 */
	for (int i = 0; i < 3 && fd == -ENOENT; i++) {
		fd = (int)host_call(SYS_openat, AT_FDCWD, path, flags, 0);
		if (fd != -ENOENT || !is_member)
			break;
		fd = (int)host_call(SYS_openat, AT_FDCWD, path, flags | O_CREAT | O_EXCL, 0666);
		if (fd == -EEXIST)
			fd = -ENOENT;
	}
	return fd;
}

int bus_file_open(const char *path, int is_member, int *ret_fd, void **ret_base, char *why,
		  size_t why_size)
{
	struct stat status;
	long error, base;
	int fd = open_file(path, is_member);

	if (fd == -ENOENT && !is_member)
		return FAIL(fd, "%s: no such bus file", path);
	if (fd < 0)
		return fail_errno(fd, path, "open", why, why_size);
	error = host_call(SYS_fstat, fd, &status);
	if (!error && !S_ISREG(status.st_mode))
		error = FAIL(-EINVAL, "%s: not a regular file, want a bus file", path);
	if (!error)
		error = check(fd, is_member, path, why, why_size);
	if (!error) {
		base = host_call(SYS_mmap, NULL, RUMP_BUS_SIZE,
				 is_member ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
		if (base < 0 && base > -4096)
			error = fail_errno((int)base, path, "map", why, why_size);
	}
	if (error) {
		host_close(fd);
		return (int)error;
	}
	/* a child of fork() is no member */
	host_call(SYS_madvise, base, RUMP_BUS_SIZE, MADV_DONTFORK);
	*ret_fd = fd;
	*ret_base = (void *)base;
	return 0;
}

void bus_file_close(int fd, void *base)
{
	host_call(SYS_munmap, base, RUMP_BUS_SIZE);
	host_close(fd);
}

/*
 * A predecessor may have died in the middle of a frame, or have left what it liked.  Two
 * rings ahead of it no reader takes anything of that for a frame.
 */
static int begin(int fd, unsigned int slot)
{
	const off_t offset = RUMP_BUS_SLOT_OFFSET + (off_t)slot * (off_t)sizeof(struct rump_bus_slot);
	struct rump_bus_slot old, fresh = {.pid = (rump_bus_u32)host_call(SYS_getpid)};
	rump_bus_u64 position;

	if (host_call(SYS_pread64, fd, &old, sizeof(old), offset) != sizeof(old))
		return -EIO;
	position = old.claimed - old.written < RUMP_BUS_RING ? old.claimed : old.written;
	position = (position / RUMP_BUS_RING + 2) * RUMP_BUS_RING;
	fresh.claimed = fresh.written = fresh.start = position;
	if (host_call(SYS_pwrite64, fd, &fresh, sizeof(fresh), offset) != sizeof(fresh))
		return -ENOSPC;
	return 0;
}

int bus_file_join(const char *path, int fd, void *base, char *why, size_t why_size)
{
	struct rump_bus_header *header = base;
	rump_bus_u32 used;
	long error = -EAGAIN;
	unsigned int slot;

	for (slot = 0; slot < RUMP_BUS_SLOTS; slot++) {
		error = lock_byte(fd,
				  RUMP_BUS_SLOT_OFFSET +
					  (off_t)slot * (off_t)sizeof(struct rump_bus_slot),
				  F_WRLCK);
		if (error != -EAGAIN && error != -EACCES)
			break;
	}
	if (slot == RUMP_BUS_SLOTS)
		return FAIL(-EUSERS, "%s: the bus has %d members, and no room for more: use another file",
			    path, RUMP_BUS_SLOTS);
	if (error)
		return fail_errno((int)error, path, "lock", why, why_size);
	error = begin(fd, slot);
	if (!error) {
		error = host_call(SYS_fallocate, fd, 0,
				  RUMP_BUS_RING_OFFSET + (off_t)slot * RUMP_BUS_RING, RUMP_BUS_RING);
		if (error == -EOPNOTSUPP || error == -ENOSYS)
			error = 0;
	}
	if (error)
		return fail_errno((int)error, path, "write", why, why_size);
	used = __atomic_load_n(&header->used, __ATOMIC_RELAXED);
	while (used <= slot && !__atomic_compare_exchange_n(&header->used, &used, slot + 1, 0,
							    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return (int)slot;
}

void bus_file_ring(rump_bus_u32 *bell)
{
	/* *bell = 0, and wakes one of bell's; "and one more of its if it was -1": none */
	const unsigned int set_zero_if_never = 0x00000fff;

	host_call(SYS_futex, bell, FUTEX_WAKE_OP, 1, 0, bell, set_zero_if_never);
}

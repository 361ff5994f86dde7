/* SPDX-License-Identifier: BSD-2-Clause */
/* sides.c - the same file operations on both sides; see sides.h */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>

#include "sides.h"

#define CHUNK (1 << 20)

long side_syscall(enum side side, long nr, long a1, long a2, long a3, long a4, long a5, long a6)
{
	long result;

	if (side == RUMP)
		return rump_syscall(nr, a1, a2, a3, a4, a5, a6);
	result = syscall(nr, a1, a2, a3, a4, a5, a6);
	return result < 0 ? -errno : result;
}

long side_open(enum side side, const char *path, int flags, mode_t mode)
{
	return SYS(side, SYS_openat, AT_FDCWD, path, flags, mode, 0, 0);
}

long side_close(enum side side, long fd)
{
	return SYS(side, SYS_close, fd, 0, 0, 0, 0, 0);
}

long side_read(enum side side, long fd, void *buffer, size_t length, uint64_t offset)
{
	size_t done = 0;

	while (done < length) {
		long got = SYS(side, SYS_pread64, fd, (char *)buffer + done, length - done,
			       offset + done, 0, 0);

		if (got < 0)
			return got;
		if (!got)
			break;
		done += got;
	}
	return done;
}

long side_write(enum side side, long fd, const void *buffer, size_t length, uint64_t offset)
{
	size_t done = 0;

	while (done < length) {
		long put = SYS(side, SYS_pwrite64, fd, (const char *)buffer + done, length - done,
			       offset + done, 0, 0);

		if (put < 0)
			return put;
		done += put;
	}
	return done;
}

/* ---- trees ---- */

struct link {		/* a file with more names */
	uint64_t ino;
	uint32_t major, minor;
	char *to;
	struct link *next;
};

struct copy {
	enum side from_side, to_side;
	struct link *links;
};

struct dirent_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static int failed(const char *what, const char *path, long error)
{
	fprintf(stderr, "%s %s: %s\n", what, path, strerror(-error));
	return error;
}

static int copy_data(struct copy *copy, const char *from, const char *to)
{
	char *buffer = malloc(CHUNK);
	long in, out, got = 0, put = 0;
	uint64_t offset = 0;

	in = side_open(copy->from_side, from, O_RDONLY, 0);
	if (in < 0)
		return failed("open", from, in);
	out = side_open(copy->to_side, to, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (out < 0)
		return failed("create", to, out);
	for (;; offset += got) {
		got = side_read(copy->from_side, in, buffer, CHUNK, offset);
		if (got <= 0)
			break;
		put = side_write(copy->to_side, out, buffer, got, offset);
		if (put < 0)
			break;
	}
	free(buffer);
	side_close(copy->from_side, in);
	if (got < 0)
		return failed("read", from, got);
	if (put < 0)
		return failed("write", to, put);
	put = side_close(copy->to_side, out);
	return put < 0 ? failed("close", to, put) : 0;
}

/* 1: another name of the file was copied before, and linked */
static int copy_link(struct copy *copy, const struct statx *stx, const char *to)
{
	struct link *link;
	long error;

	for (link = copy->links; link; link = link->next) {
		if (link->ino != stx->stx_ino || link->major != stx->stx_dev_major ||
		    link->minor != stx->stx_dev_minor)
			continue;
		error = SYS(copy->to_side, SYS_linkat, AT_FDCWD, link->to, AT_FDCWD, to, 0, 0);
		return error < 0 ? failed("link", to, error) : 1;
	}
	link = malloc(sizeof(*link));
	*link = (struct link){ stx->stx_ino, stx->stx_dev_major, stx->stx_dev_minor, strdup(to),
			       copy->links };
	copy->links = link;
	return 0;
}

static int copy_attributes(struct copy *copy, const struct statx *stx, const char *to)
{
	struct timespec times[2] = {
		{ stx->stx_atime.tv_sec, stx->stx_atime.tv_nsec },
		{ stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec },
	};
	long error;

	error = SYS(copy->to_side, SYS_fchownat, AT_FDCWD, to, stx->stx_uid, stx->stx_gid,
		    AT_SYMLINK_NOFOLLOW, 0);
	if (error < 0)
		return failed("chown", to, error);
	if (!S_ISLNK(stx->stx_mode)) {
		error = SYS(copy->to_side, SYS_fchmodat, AT_FDCWD, to, stx->stx_mode & 07777, 0, 0,
			    0);
		if (error < 0)
			return failed("chmod", to, error);
	}
	error = SYS(copy->to_side, SYS_utimensat, AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW, 0, 0);
	return error < 0 ? failed("utimes", to, error) : 0;
}

static int copy_one(struct copy *copy, const char *from, const char *to);

static int copy_dir(struct copy *copy, const char *from, const char *to)
{
	char *buffer = malloc(CHUNK), *from_name, *to_name;
	long fd, got, error;

	error = SYS(copy->to_side, SYS_mkdirat, AT_FDCWD, to, 0700, 0, 0, 0);
	if (error < 0)
		return failed("mkdir", to, error);
	fd = side_open(copy->from_side, from, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return failed("open", from, fd);
	error = 0;
	while (!error && (got = SYS(copy->from_side, SYS_getdents64, fd, buffer, CHUNK, 0, 0, 0))) {
		if (got < 0) {
			error = failed("getdents", from, got);
			break;
		}
		for (long at = 0; at < got && !error;) {
			struct dirent_head *entry = (struct dirent_head *)(buffer + at);

			at += entry->reclen;
			if (!strcmp(entry->name, ".") || !strcmp(entry->name, ".."))
				continue;
			if (asprintf(&from_name, "%s/%s", from, entry->name) < 0 ||
			    asprintf(&to_name, "%s/%s", to, entry->name) < 0)
				abort();
			error = copy_one(copy, from_name, to_name);
			free(from_name);
			free(to_name);
		}
	}
	free(buffer);
	side_close(copy->from_side, fd);
	return error;
}

static int copy_one(struct copy *copy, const char *from, const char *to)
{
	char target[4096];
	struct statx stx;
	long error;

	error = SYS(copy->from_side, SYS_statx, AT_FDCWD, from, AT_SYMLINK_NOFOLLOW,
		    STATX_BASIC_STATS, &stx, 0);
	if (error < 0)
		return failed("stat", from, error);
	if (!S_ISDIR(stx.stx_mode) && stx.stx_nlink > 1) {
		error = copy_link(copy, &stx, to);
		if (error)
			return error < 0 ? error : 0;
	}
	switch (stx.stx_mode & S_IFMT) {
	case S_IFREG:
		error = copy_data(copy, from, to);
		break;
	case S_IFDIR:
		error = copy_dir(copy, from, to);
		break;
	case S_IFLNK:
		error = SYS(copy->from_side, SYS_readlinkat, AT_FDCWD, from, target,
			    sizeof(target) - 1, 0, 0);
		if (error < 0)
			return failed("readlink", from, error);
		target[error] = '\0';
		error = SYS(copy->to_side, SYS_symlinkat, target, AT_FDCWD, to, 0, 0, 0);
		if (error < 0)
			failed("symlink", to, error);
		break;
	default:
		error = SYS(copy->to_side, SYS_mknodat, AT_FDCWD, to, stx.stx_mode,
			    makedev(stx.stx_rdev_major, stx.stx_rdev_minor), 0, 0);
		if (error < 0)
			failed("mknod", to, error);
	}
	return error ? error : copy_attributes(copy, &stx, to);
}

int tree_copy(enum side from_side, const char *from, enum side to_side, const char *to)
{
	struct copy copy = { .from_side = from_side, .to_side = to_side };
	int error = copy_one(&copy, from, to);

	while (copy.links) {
		struct link *link = copy.links;

		copy.links = link->next;
		free(link->to);
		free(link);
	}
	return error;
}

/* ---- patterns ---- */

static uint64_t pattern_word(uint64_t seed, uint64_t index)
{
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15ULL + index;

	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static unsigned char pattern_byte(uint64_t seed, uint64_t offset)
{
	return pattern_word(seed, offset / 8) >> (offset % 8 * 8);
}

void pattern_fill(void *buffer, size_t length, uint64_t seed, uint64_t offset)
{
	unsigned char *to = buffer;

	for (size_t i = 0; i < length;) {
		uint64_t word = pattern_word(seed, (offset + i) / 8);

		if ((offset + i) % 8 == 0 && length - i >= 8) {
			memcpy(to + i, &word, 8);
			i += 8;
		} else {
			to[i] = pattern_byte(seed, offset + i);
			i++;
		}
	}
}

size_t pattern_check(const void *buffer, size_t length, uint64_t seed, uint64_t offset)
{
	const unsigned char *from = buffer;

	for (size_t i = 0; i < length;) {
		uint64_t word = pattern_word(seed, (offset + i) / 8);

		if ((offset + i) % 8 == 0 && length - i >= 8 && !memcmp(from + i, &word, 8)) {
			i += 8;
		} else {
			if (from[i] != pattern_byte(seed, offset + i))
				return i;
			i++;
		}
	}
	return length;
}

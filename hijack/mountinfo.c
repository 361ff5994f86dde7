/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mountinfo.c - mount tables that show the rump kernel's mounts beside the host's.
 *
 * df, findmnt and friends read /proc/self/mountinfo to learn what a path is on.  The
 * rump kernel's own table is added to the host's, each
 * mount point below the first path= prefix, device numbers marked as stat() shows
 * them, ids out of the host's range.  A blanket prefix adds nothing: what is
 * mounted there is seen by statfs().
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "boot.h"
#include "dispatch.h"
#include "mountinfo.h"
#include "own.h"

#define TABLE_MAX (256 * 1024)

/* file: in a process' directory of /proc, on both sides */
static const struct view {
	const char *file;
	int is_mountinfo;
} views[] = {
	{"mountinfo", 1},
	{"mounts", 0},
};

static const struct view *view_of(const char *path)
{
	const char *file;

	if (!strcmp(path, "/proc/mounts") || !strcmp(path, "/etc/mtab"))
		return &views[1];
	file = own_proc_path(path);
	for (unsigned int i = 0; file && i < sizeof(views) / sizeof(views[0]); i++)
		if (!strcmp(file, views[i].file))
			return &views[i];
	return NULL;
}

/* The next word of a line; *at goes behind it and the blank. */
static size_t word(const char **at, const char *end, const char **ret_start)
{
	const char *start = *at, *p = start;

	while (p < end && *p != ' ')
		p++;
	*ret_start = start;
	*at = p < end ? p + 1 : p;
	return p - start;
}

static char *put_bytes(char *to, const char *bytes, size_t length)
{
	memcpy(to, bytes, length);
	return to + length;
}

static char *put_mount_point(char *to, const char *point, size_t length)
{
	to = put_text(to, config.path[0].text);
	if (length == 1 && *point == '/')
		return to;
	return put_bytes(to, point, length);
}

/* One line as the application shall see it. */
static char *put_line(char *to, const char *line, const char *end, int is_mountinfo)
{
	const char *start, *number;
	size_t length;

	if (is_mountinfo) {
		for (int i = 0; i < 2; i++) { /* id, parent */
			word(&line, end, &number);
			to = put_decimal(to, RUMP_MOUNT_IDS + get_decimal(&number));
			*to++ = ' ';
		}
		word(&line, end, &number);
		to = put_decimal(to, RUMP_MAJOR | get_decimal(&number));
		length = word(&number, end, &start); /* ":minor" */
		to = put_bytes(to, start, length);
		*to++ = ' ';
		length = word(&line, end, &start); /* root */
	} else {
		length = word(&line, end, &start); /* source */
	}
	to = put_bytes(to, start, length);
	*to++ = ' ';
	length = word(&line, end, &start);
	to = put_mount_point(to, start, length);
	*to++ = ' ';
	to = put_bytes(to, line, end - line);
	*to++ = '\n';
	return to;
}

static long read_rump(struct call *call, const char *file, char *to, long size)
{
	char path[40];
	int proc = rump_proc(call);
	long fd, used = 0, n = 0;

	put_text(rump_proc_path(path, proc, "self/"), file);
	fd = rump(call, SYS_openat, proc, path, O_RDONLY);
	if (fd < 0)
		return fd;
	while (used < size && (n = rump(call, SYS_read, fd, to + used, size - used)) > 0)
		used += n;
	rump(call, SYS_close, fd);
	return n < 0 ? n : used;
}

static long build(struct call *call, const struct view *view, char *memory)
{
	char *table = memory, *line = memory + TABLE_MAX, path[40];
	long length, n, fd, source;

	length = read_rump(call, view->file, table, TABLE_MAX);
	if (length <= 0)
		return -ENODATA;
	put_text(put_text(path, "/proc/self/"), view->file);
	source = host(SYS_open, path, O_RDONLY | O_CLOEXEC);
	if (is_error(source))
		return source;
	fd = host(SYS_memfd_create, "mounts", wants_cloexec(call) ? 1 : 0);
	if (!is_error(fd)) {
		while ((n = host(SYS_read, source, line, TABLE_MAX)) > 0)
			host(SYS_write, fd, line, n);
		for (char *p = table, *end; p < table + length; p = end + 1) {
			for (end = p; end < table + length && *end != '\n'; end++)
				;
			if (end - p > 8192)
				continue;
			n = put_line(line, p, end, view->is_mountinfo) - line;
			host(SYS_write, fd, line, n);
		}
		host(SYS_lseek, fd, 0, 0);
	}
	host(SYS_close, source);
	return fd;
}

long mountinfo_open(struct call *call)
{
	const struct view *view;
	const char *path;
	long memory, fd;
	int flags;

	if (!config.path_count)
		return -ENODATA;
	if (call->nr == SYS_open) {
		path = (const char *)call->args[0];
		flags = call->args[1];
	} else if (call->nr == SYS_openat) {
		path = (const char *)call->args[1];
		flags = call->args[2];
	} else {
		return -ENODATA;
	}
	if (flags & (O_ACCMODE | O_PATH) || user_strlen(path, 64) < 0)
		return -ENODATA;
	view = view_of(path);
	if (!view || !boot_is_expected() || boot_ensure(call))
		return -ENODATA;
	memory = host(SYS_mmap, 0, 2 * TABLE_MAX, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(memory))
		return -ENODATA;
	fd = build(call, view, (char *)memory);
	host(SYS_munmap, memory, 2 * TABLE_MAX);
	return fd;
}

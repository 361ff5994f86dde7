/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc of a rump kernel, read from outside.
 */
#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <rump/rumpclient.h>

#define FLAG_KERNEL_THREAD 0x00200000 /* PF_KTHREAD in the flags of /proc/PID/stat */
#define TEXT_SIZE 4096
#define LIST_SIZE 32768

#define call6(number, a, b, c, d, e, f, ...) \
	rumpclient_syscall(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define call(...) call6(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

int proc_self(void)
{
	return (int)call(SYS_getpid, 0);
}

/* ---- the file system ---- */

static int mount_proc(void)
{
	long context = call(SYS_fsopen, "proc", FSOPEN_CLOEXEC), fd;

	if (context < 0)
		return (int)context;
	fd = call(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (!fd)
		fd = call(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	call(SYS_close, context);
	return (int)fd;
}

int proc_open(void)
{
	long fd = call(SYS_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct statfs info;

	if (fd == -ENOTCONN)
		return (int)fd;
	if (fd >= 0) {
		if (!call(SYS_fstatfs, fd, &info) && info.f_type == PROC_SUPER_MAGIC)
			return (int)fd;
		call(SYS_close, fd);
	}
	return mount_proc();
}

/* ---- directories whose names are numbers ---- */

struct numbers {
	int *list;
	size_t count, capacity;
};

static int add_number(struct numbers *numbers, const char *name)
{
	int *list = numbers->list;
	char *end;
	long number = strtol(name, &end, 10);

	if (*end || number > INT_MAX)
		return 0;
	if (numbers->count == numbers->capacity) {
		numbers->capacity = numbers->capacity ? 2 * numbers->capacity : 64;
		list = reallocarray(list, numbers->capacity, sizeof(*list));
		if (!list)
			return -ENOMEM;
		numbers->list = list;
	}
	list[numbers->count++] = (int)number;
	return 0;
}

static int compare(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;

	return left < right ? -1 : left > right;
}

/* Ascending.  The list is the caller's to free, also after an error. */
static int read_numbers(int fd, struct numbers *numbers)
{
	char *buffer = malloc(LIST_SIZE);
	long length = 0;
	int error = buffer ? 0 : -ENOMEM;

	while (!error && (length = call(SYS_getdents64, fd, buffer, LIST_SIZE)) > 0) {
		for (long at = 0; !error && at < length;) {
			const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);

			if (isdigit((unsigned char)entry->d_name[0]))
				error = add_number(numbers, entry->d_name);
			at += entry->d_reclen;
		}
	}
	free(buffer);
	if (numbers->count)
		qsort(numbers->list, numbers->count, sizeof(*numbers->list), compare);
	return error ? error : (int)length;
}

static int list_numbers(int root, const char *path, struct numbers *ret_numbers)
{
	long fd = call(SYS_openat, root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int error;

	*ret_numbers = (struct numbers){NULL, 0, 0};
	if (fd < 0)
		return (int)fd;
	error = read_numbers((int)fd, ret_numbers);
	call(SYS_close, fd);
	return error;
}

/* ---- a process ---- */

/* A small file; ret_text ends with a NUL. */
static int read_file(int root, const char *path, char *ret_text)
{
	long fd = call(SYS_openat, root, path, O_RDONLY | O_CLOEXEC, 0), length;

	if (fd < 0)
		return (int)fd;
	length = call(SYS_read, fd, ret_text, TEXT_SIZE - 1);
	call(SYS_close, fd);
	if (length < 0)
		return (int)length;
	ret_text[length] = '\0';
	return 0;
}

/* "12 (a name (with) brackets) S 1 ..." */
static int parse_stat(const char *text, struct proc *proc)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned int flags;

	if (!open || !close || close < open)
		return -EPROTO;
	snprintf(proc->name, sizeof(proc->name), "%.*s", (int)(close - open - 1), open + 1);
	for (char *c = proc->name; *c; c++) {
		if (!isprint((unsigned char)*c))
			*c = '?';
	}
	/* state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime
	 * cutime cstime priority nice num_threads */
	if (sscanf(close + 1,
		   " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u",
		   &proc->state, &proc->parent, &flags, &proc->threads) != 4)
		return -EPROTO;
	proc->is_kernel_thread = flags & FLAG_KERNEL_THREAD;
	return 0;
}

static int parse_status(const char *text, struct proc *proc)
{
	const char *line = strstr(text, "\nUid:");

	return line && sscanf(line, "\nUid: %*u %u", &proc->uid) == 1 ? 0 : -EPROTO;
}

static int read_proc(int root, int pid, struct proc *ret_proc)
{
	char path[40], text[TEXT_SIZE];
	struct proc proc = {.pid = pid};
	struct numbers fds;
	int error;

	snprintf(path, sizeof(path), "%d/stat", pid);
	error = read_file(root, path, text);
	if (!error)
		error = parse_stat(text, &proc);
	if (error)
		return error;
	snprintf(path, sizeof(path), "%d/status", pid);
	error = read_file(root, path, text);
	if (!error)
		error = parse_status(text, &proc);
	if (error)
		return error;
	snprintf(path, sizeof(path), "%d/fd", pid);
	error = list_numbers(root, path, &fds);
	proc.fds = error ? -1 : (int)fds.count;
	free(fds.list);
	*ret_proc = proc;
	/* others' descriptors are a secret, the rest is not */
	return error == -ENOTCONN ? error : 0;
}

static bool has_gone(int error)
{
	return error == -ENOENT || error == -ESRCH;
}

int proc_walk(int root, int (*each)(const struct proc *proc, void *arg), void *arg)
{
	struct numbers pids;
	int result = list_numbers(root, ".", &pids);

	for (size_t i = 0; !result && i < pids.count; i++) {
		struct proc proc;

		result = read_proc(root, pids.list[i], &proc);
		if (!result)
			result = each(&proc, arg);
		else if (has_gone(result))
			result = 0;
	}
	free(pids.list);
	return result;
}

/* ---- descriptors ---- */

static int read_link(int root, const char *path, char *ret_target)
{
	long length = call(SYS_readlinkat, root, path, ret_target, PATH_MAX - 1);

	if (length < 0)
		return (int)length;
	ret_target[length] = '\0';
	for (char *c = ret_target; *c; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?';
	}
	return 0;
}

int proc_walk_fds(int root, int pid, int (*each)(int fd, const char *target, void *arg), void *arg)
{
	char path[60], target[PATH_MAX];
	struct numbers fds;
	int result;

	snprintf(path, sizeof(path), "%d/cwd", pid);
	result = read_link(root, path, target);
	if (!result)
		result = each(-1, target, arg);
	if (result)
		return result;
	snprintf(path, sizeof(path), "%d/fd", pid);
	result = list_numbers(root, path, &fds);
	for (size_t i = 0; !result && i < fds.count; i++) {
		snprintf(path, sizeof(path), "%d/fd/%d", pid, fds.list[i]);
		result = read_link(root, path, target);
		if (!result)
			result = each(fds.list[i], target, arg);
		else if (has_gone(result))
			result = 0;
	}
	free(fds.list);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - where the lines of log= go; see log.h
 *
 *	1234 openat(AT_FDCWD, "/rump/etc/motd", 0x0) = 3
 *	1234 unrouted: open("/tmp/link/motd", 0x0) = -ENOENT: "/tmp/link" leads to "/rump/etc"
 *	1234 kernel: in this process
 *
 * The thread, the call as the application made it, what it got.  A line is one write to a
 * file opened for appending, so lines of several threads and processes do not mix.
 */
#include <fcntl.h>

#include "boot.h"
#include "dispatch.h"
#include "log.h"
#include "placeholder.h"

bool log_is_on, log_looks;
static int log_fd = -1;

/* Relative ones mean the directory at the start, as all paths of RUMPHIJACK. */
static long open_file(void)
{
	struct scratch scratch = {NULL};
	const char *path = config.log;
	long fd = -ENAMETOOLONG;
	char *buffer;

	if (*path != '/' && *boot_directory) {
		buffer = scratch_buffer(&scratch, 0);
		path = buffer && !route_join("", boot_directory, config.log, buffer) ? buffer
										     : NULL;
	}
	if (path)
		fd = host(SYS_open, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	scratch_free(&scratch);
	return fd;
}

static int open_log(void)
{
	int fd = __atomic_load_n(&log_fd, __ATOMIC_ACQUIRE), none = -1;

	if (fd >= 0)
		return fd;
	fd = config.log ? open_file() : host(SYS_fcntl, 2, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		log_is_on = log_looks = false;
		if (config.log)
			complain("cannot write the log ", config.log, NULL);
		return fd;
	}
	fd = private_fd(fd);
	if (!__atomic_compare_exchange_n(&log_fd, &none, fd, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		private_close(fd);
		fd = none;
	}
	return fd;
}

void log_start(void)
{
	log_is_on = config.log;
	log_looks = config.log || config.log_unrouted;
	/* later the program may have put something else there */
	if (config.log_unrouted && !config.log)
		open_log();
}

void log_prepare(void)
{
	if (log_looks)
		open_log();
}

static void write_line(struct log_line *line)
{
	int fd = open_log();

	if (fd < 0)
		return;
	if (line->length == sizeof(line->text))
		line->length--;
	line->text[line->length++] = '\n';
	host(SYS_write, fd, line->text, line->length);
}

static void begin(struct log_line *line, long who, const char *what)
{
	line->length = 0;
	log_add_decimal(line, who);
	log_add(line, what);
}

void log_kernel(const char *which, const char *detail)
{
	struct log_line line;

	if (!log_is_on)
		return;
	begin(&line, host(SYS_getpid), " kernel: ");
	log_add(&line, which);
	if (detail)
		log_add(&line, detail);
	write_line(&line);
}

static __attribute__((noinline)) void routed(const struct call *call, long result)
{
	struct log_line line;

	begin(&line, host(SYS_gettid), " ");
	log_add_call(&line, call);
	log_add_result(&line, call, result);
	write_line(&line);
}

static __attribute__((noinline)) void unrouted(const struct call *call, long result)
{
	struct log_line line;

	begin(&line, host(SYS_gettid), " unrouted: ");
	log_add_call(&line, call);
	log_add_result(&line, call, result);
	if (unrouted_explain(call, &line))
		write_line(&line);
}

void log_call(const struct call *call, long result, bool is_routed)
{
	if (is_routed && log_is_on)
		routed(call, result);
	else if (!is_routed && config.log_unrouted)
		unrouted(call, result);
}

void log_leaving(const struct call *call)
{
	struct log_line line;

	begin(&line, host(SYS_gettid), " ");
	log_add_call(&line, call);
	log_add(&line, " = ?");
	write_line(&line);
}

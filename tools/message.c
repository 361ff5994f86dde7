/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the tools.
 */
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>

#define MESSAGE_SIZE 2048

static const char *program = "rump";
static int log_fd = -1;

void message_init(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

	if (argv0 && *argv0)
		program = slash ? slash + 1 : argv0;
}

const char *message_program(void)
{
	return program;
}

void message_log(int fd)
{
	log_fd = fd;
}

/* One write for a line, so that lines of several writers stay whole. */
static void write_line(int fd, const char *line, size_t length)
{
	while (length) {
		ssize_t done = write(fd, line, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		line += done;
		length -= (size_t)done;
	}
}

static void print(int fd, const char *prefix, const char *text)
{
	char line[MESSAGE_SIZE + 128];
	int length = snprintf(line, sizeof(line), "%s%s\n", prefix, text);

	if (length > 0)
		write_line(fd, line, (size_t)length);
}

static void print_log(const char *text)
{
	char date[40], prefix[120];
	struct tm now;
	time_t seconds = time(NULL);

	if (log_fd < 0)
		return;
	if (!localtime_r(&seconds, &now) ||
	    !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z", &now))
		date[0] = '\0';
	snprintf(prefix, sizeof(prefix), "%s %.40s[%d]: ", date, program, (int)getpid());
	print(log_fd, prefix, text);
}

static void print_stderr(const char *text)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%.40s: ", program);
	print(STDERR_FILENO, prefix, text);
}

void message(const char *format, ...)
{
	char text[MESSAGE_SIZE];
	int error = errno;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_stderr(text);
	if (log_fd != STDERR_FILENO)
		print_log(text);
	errno = error;
}

void message_to_log(const char *format, ...)
{
	char text[MESSAGE_SIZE];
	int error = errno;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_log(text);
	errno = error;
}

int message_usage(const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_stderr(text);
	fprintf(stderr, "Try '%s --help'.\n", program);
	return STATUS_USAGE;
}

int message_version(void)
{
	printf("%s %d.%d\n", message_program(), RUMP_VERSION_MAJOR, RUMP_VERSION_MINOR);
	return STATUS_OK;
}

int message_status(int error)
{
	switch (error) {
	case EINVAL:
	case ENOENT:
	case ENODEV:
	case ENOTDIR:
	case EISDIR:
	case EFBIG:
		return STATUS_USAGE;
	case EACCES:
	case EPERM:
	case EROFS:
		return STATUS_DENIED;
	case EADDRINUSE:
	case EEXIST:
		return STATUS_TAKEN;
	default:
		return STATUS_FAILED;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.c - where the kernel's messages go.
 *
 *	RUMP_CONSOLE=FILE	they are appended to FILE; -: they go to stderr
 *	RUMP_VERBOSE=1		they go to stderr
 *	neither			nowhere; dmesg(1) still has them
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "private.h"

#define STDERR_STUCK_MS 1000 /* how long a full non-blocking stderr is waited for */

static int console_fd = -1; /* -1: silent */

static void write_all(int fd, const char *text, unsigned long length)
{
	while (length) {
		long done = host_call(SYS_write, fd, text, length);

		if (done == -EAGAIN) {
			struct pollfd poll = {.fd = fd, .events = POLLOUT};

			if (host_call(SYS_poll, &poll, 1, STDERR_STUCK_MS) > 0)
				continue;
		}
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return;
		text += done;
		length -= (unsigned long)done;
	}
}

void console_write(const char *text, unsigned long length)
{
	if (console_fd >= 0)
		write_all(console_fd, text, length);
}

void console_complain(const char *text, unsigned long length)
{
	write_all(STDERR_FILENO, text, length);
	if (console_fd >= 0 && console_fd != STDERR_FILENO)
		write_all(console_fd, text, length);
}

static bool is_wanted(const char *word)
{
	return word && *word && strcmp(word, "0") && strcmp(word, "no");
}

void console_init(void)
{
	const char *path = param("RUMP_CONSOLE");
	char text[256];

	if (is_wanted(param("RUMP_VERBOSE")))
		console_fd = STDERR_FILENO;
	if (path && !strcmp(path, "-")) {
		console_fd = STDERR_FILENO;
	} else if (path && *path) {
		long fd = host_call(SYS_openat, AT_FDCWD, path,
				    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

		if (fd >= 0) {
			console_fd = fd_move_high((int)fd);
			return;
		}
		snprintf(text, sizeof(text), "rump: RUMP_CONSOLE=%.150s: %s\n", path,
			 strerror((int)-fd));
		console_complain(text, strlen(text));
	}
}

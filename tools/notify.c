/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service manager's protocols.
 */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FDS_MAX 64

static int send_text(const struct sockaddr_un *address, socklen_t length, const char *text)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)address, length) <
	    0)
		error = -errno;
	close(fd);
	return error;
}

int notify(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	char text[512];
	va_list args;

	if (!length)
		return 0;
	if (length >= sizeof(address.sun_path) || (*path != '/' && *path != '@'))
		return -EINVAL;
	memcpy(address.sun_path, path, length);
	/* an abstract name begins with a NUL and ends where the address does */
	if (*path == '@')
		address.sun_path[0] = '\0';
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return send_text(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length),
			 text);
}

static int take_number(const char *name, long *ret_value)
{
	const char *word = getenv(name);
	char *end;

	*ret_value = 0;
	if (!word)
		return 0;
	errno = 0;
	*ret_value = strtol(word, &end, 10);
	if (!*word || *end || errno || *ret_value < 0)
		return -EINVAL;
	return 0;
}

int notify_listen_fds(void)
{
	long pid, count;
	int error = take_number("LISTEN_PID", &pid);

	if (!error)
		error = take_number("LISTEN_FDS", &count);
	/* a child of the process that they were meant for has the words, too */
	if (!error && pid != getpid())
		count = 0;
	if (!error && count > LISTEN_FDS_MAX)
		error = -EINVAL;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int i = 0; !error && i < count; i++) {
		if (fcntl(NOTIFY_FIRST_FD + i, F_SETFD, FD_CLOEXEC) < 0)
			error = -errno;
	}
	return error ? error : (int)count;
}

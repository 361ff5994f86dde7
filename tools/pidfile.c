/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files with process ids.
 */
#include "pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file beside it takes its place when it is complete. */
int pidfile_write(const char *path)
{
	char text[24], *other;
	int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	int fd, error = 0;

	if (asprintf(&other, "%s.%d", path, (int)getpid()) < 0)
		return -ENOMEM;
	unlink(other); /* of a process that had our id and died in the midst */
	fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		error = -errno;
		goto out;
	}
	if (write(fd, text, (size_t)length) != length)
		error = errno ? -errno : -ENOSPC;
	close(fd);
	if (!error && rename(other, path))
		error = -errno;
	if (error)
		unlink(other);
out:
	free(other);
	return error;
}

void pidfile_remove(const char *path)
{
	char text[24] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0 && atoi(text) == getpid())
		unlink(path);
	close(fd);
}

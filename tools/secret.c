/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a secret.
 */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <rump/rump_sp.h>

int secret_make(const char *path)
{
	unsigned char secret[RUMP_SP_SECRET_SIZE];
	char text[2 * RUMP_SP_SECRET_SIZE + 2];
	int fd, error = 0;

	/* so few bytes come whole, or not at all */
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return -errno;
	for (unsigned int i = 0; i < sizeof(secret); i++)
		snprintf(text + 2 * i, 3, "%02x", secret[i]);
	strcpy(text + 2 * sizeof(secret), "\n");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		error = -errno;
	} else {
		ssize_t done = write(fd, text, strlen(text));

		if (done != (ssize_t)strlen(text))
			error = done < 0 ? -errno : -ENOSPC;
		if (close(fd) && !error)
			error = -errno;
		if (error)
			unlink(path);
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
	return error;
}

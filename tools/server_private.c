/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers of one family.
 */
#include "server_private.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RUMPUSER_HOST
#include <rump/rump_sp.h>
#include <rump/rumpuser.h>

#define FD_FOLDER "/proc/self/fd/"
#define KEPT_MAX 64

/* The descriptor that "-f /proc/self/fd/C" or "-f/proc/self/fd/C" names, or -1. */
static int fd_of_argument(const char *argument)
{
	const char *path = strstr(argument, FD_FOLDER);
	char *end;
	long fd;

	if (!path)
		return -1;
	path += strlen(FD_FOLDER);
	fd = strtol(path, &end, 10);
	return end > path && !*end && fd >= 0 && fd <= INT_MAX ? (int)fd : -1;
}

static int compare(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;

	return left < right ? -1 : left > right;
}

int server_private_close_others(const struct server_options *options, char *const *argv)
{
	int kept[KEPT_MAX] = {options->lifeline_fd, options->secret_fd,
			      options->addresses[0].listen_fd};
	unsigned int count = 3, first = STDERR_FILENO + 1;

	for (; *argv; argv++) {
		int fd = fd_of_argument(*argv);

		if (fd >= 0 && count == KEPT_MAX)
			return -E2BIG;
		if (fd >= 0)
			kept[count++] = fd;
	}
	qsort(kept, count, sizeof(kept[0]), compare);
	for (unsigned int i = 0; i < count; i++) {
		if (kept[i] < (int)first)
			continue;
		if (kept[i] > (int)first && close_range(first, (unsigned int)kept[i] - 1, 0))
			return -errno;
		first = (unsigned int)kept[i] + 1;
	}
	return close_range(first, ~0U, 0) ? -errno : 0;
}

int server_private_read_secret(int fd, unsigned char *ret_secret)
{
	ssize_t length = pread(fd, ret_secret, RUMP_SP_SECRET_SIZE, 0);

	if (length < 0)
		return -errno;
	return length == RUMP_SP_SECRET_SIZE ? 0 : -EINVAL;
}

static void *wait_for_clients(void *arg)
{
	const uint64_t one = 1;
	int fd = (int)(intptr_t)arg;

	while (rumpuser_sp_wait(0))
		;
	/* it takes that unless it is full, and then it has been raised */
	return write(fd, &one, sizeof(one)) < 0 ? arg : NULL;
}

int server_private_watch_clients(int fd)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, wait_for_clients, (void *)(intptr_t)fd);

	if (!error)
		pthread_detach(thread);
	return -error;
}

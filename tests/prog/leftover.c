/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leftover.c - I/O that a call has begun does not wait for its thread
 *
 *	leftover DIRECTORY		with a file "data" of 1 MiB in it
 *
 * A thread starts reading ahead, which does not wait, and then never enters the
 * kernel again.  Who needs the pages must get them all the same.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rump/rump.h>

#include "sides.h"

#define SIZE (1 << 20)

static pthread_barrier_t begun;

static void check(const char *what, long result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-result));
	_exit(1);
}

static void *starter(void *arg)
{
	long fd = side_open(RUMP, "/h/data", O_RDONLY, 0);

	(void)arg;
	check("open", fd);
	check("fadvise", SYS(RUMP, SYS_fadvise64, fd, 0, SIZE, POSIX_FADV_WILLNEED, 0, 0));
	pthread_barrier_wait(&begun);
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	static char buffer[SIZE], host_buffer[SIZE];
	char path[4096];
	pthread_t thread;
	long fd;
	int error;

	if (argc != 2)
		return 2;
	error = rump_init();
	if (error) {
		fprintf(stderr, "%s\n", rump_boot_error());
		return 1;
	}
	check("register", -rump_pub_etfs_register("/h", argv[1], RUMP_ETFS_DIR));
	pthread_barrier_init(&begun, NULL, 2);
	pthread_create(&thread, NULL, starter, NULL);
	pthread_barrier_wait(&begun);

	fd = side_open(RUMP, "/h/data", O_RDONLY, 0);
	check("open", fd);
	if (side_read(RUMP, fd, buffer, SIZE, 0) != SIZE)
		check("read", -5);
	snprintf(path, sizeof(path), "%s/data", argv[1]);
	fd = side_open(HOST, path, O_RDONLY, 0);
	check("open on the host", fd);
	if (side_read(HOST, fd, host_buffer, SIZE, 0) != SIZE ||
	    memcmp(buffer, host_buffer, SIZE)) {
		fprintf(stderr, "wrong data\n");
		return 1;
	}
	puts("all there");
	fflush(stdout);
	_exit(0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frozen.c - a host that does not answer holds up nobody but who asked
 *
 *	frozen IMAGE FREEZE THAW
 *
 * FREEZE and THAW are commands of the host's shell that stop and let go writes to
 * the file system that IMAGE lies on.  In between one thread waits for a write to
 * the disk; the others must be able to work, and then it must finish.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>

#include "sides.h"

#define SIZE (1 << 20)
#define OPERATIONS 2000

static char data[SIZE];
static const char *thaw;
static atomic_bool is_written;

static void stop(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	if (thaw && system(thaw))
		fprintf(stderr, "%s failed\n", thaw);
	_exit(1);
}

static long check(const char *what, long result)
{
	if (result < 0)
		stop(what, strerror(-result));
	return result;
}

static void *writer(void *arg)
{
	long fd = check("open of the disk", side_open(RUMP, "/dev/disk", O_RDWR, 0));

	(void)arg;
	check("write", side_write(RUMP, fd, data, SIZE, 0));
	check("fsync", SYS(RUMP, SYS_fsync, fd, 0, 0, 0, 0, 0));
	is_written = true;
	side_close(RUMP, fd);
	return NULL;
}

/* files, pipes and time */
static void work(int round)
{
	char name[64], byte = 1;
	int fds[2];
	long fd;

	snprintf(name, sizeof(name), "/tmp/work-%d", round);
	fd = check("create", side_open(RUMP, name, O_RDWR | O_CREAT, 0644));
	check("write", side_write(RUMP, fd, name, sizeof(name), 0));
	side_close(RUMP, fd);
	check("unlink", SYS(RUMP, SYS_unlink, name, 0, 0, 0, 0, 0));
	check("pipe", SYS(RUMP, SYS_pipe2, fds, 0, 0, 0, 0, 0));
	check("write to the pipe", SYS(RUMP, SYS_write, fds[1], &byte, 1, 0, 0, 0));
	check("read from the pipe", SYS(RUMP, SYS_read, fds[0], &byte, 1, 0, 0, 0));
	side_close(RUMP, fds[0]);
	side_close(RUMP, fds[1]);
	if (round % 100 == 0) {
		struct timespec time = { 0, 10 * 1000 * 1000 };

		check("nanosleep", SYS(RUMP, SYS_nanosleep, &time, NULL, 0, 0, 0, 0));
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;
	long fd;
	int error;

	if (argc != 4)
		return 2;
	error = rump_init();
	if (error)
		stop("rump_init", rump_boot_error());
	error = rump_pub_etfs_register("/dev/disk", argv[1], RUMP_ETFS_BLK);
	if (error)
		stop("register", rump_boot_error());
	pattern_fill(data, SIZE, 1, 0);

	if (system(argv[2]))
		stop(argv[2], "failed");
	thaw = argv[3];
	pthread_create(&thread, NULL, writer, NULL);
	/* until its request is with the host */
	nanosleep(&(struct timespec){ 0, 300 * 1000 * 1000 }, NULL);
	for (int i = 0; i < OPERATIONS; i++)
		work(i);
	if (is_written)
		stop("the write", "was not held up: nothing is tested");
	if (system(thaw))
		stop(thaw, "failed");
	thaw = NULL;
	pthread_join(thread, NULL);

	memset(data, 0, SIZE);
	fd = check("open on the host", side_open(HOST, argv[1], O_RDONLY, 0));
	if (side_read(HOST, fd, data, SIZE, 0) != SIZE || pattern_check(data, SIZE, 1, 0) != SIZE)
		stop("the image", "wrong data");
	printf("%d operations meanwhile\n", OPERATIONS);
	return 0;
}

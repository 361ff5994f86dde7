/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diskbusy.c - large disk I/O while other threads use the kernel
 *
 *	diskbusy IMAGE MIB
 *
 * Two threads write, and read back from the disk, files with data that is verified;
 * meanwhile two others pass bytes through a pipe and make small calls.  Prints what
 * the others got done while the disk was busy; fails when data is wrong or when one
 * of the others stood still.
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
#include <unistd.h>

#include <rump/rump.h>

#include "sides.h"

#define CHUNK (1 << 20)

static atomic_bool is_over;
static atomic_long calls, bytes;
static int pipe_fds[2];
static long mib;

static void check(const char *what, long result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-result));
	_exit(1);
}

static void *disk_thread(void *arg)
{
	uint64_t seed = (long)arg;
	char *buffer = aligned_alloc(4096, CHUNK), name[32];
	long fd;

	snprintf(name, sizeof(name), "/m/big%llu", (unsigned long long)seed);
	fd = side_open(RUMP, name, O_RDWR | O_CREAT, 0644);
	check("open", fd);
	for (long i = 0; i < mib; i++) {
		pattern_fill(buffer, CHUNK, seed, i * CHUNK);
		check("write", side_write(RUMP, fd, buffer, CHUNK, i * CHUNK));
	}
	check("fsync", SYS(RUMP, SYS_fsync, fd, 0, 0, 0, 0, 0));
	check("fadvise", SYS(RUMP, SYS_fadvise64, fd, 0, 0, POSIX_FADV_DONTNEED, 0, 0));
	for (long i = 0; i < mib; i++) {
		check("read", side_read(RUMP, fd, buffer, CHUNK, i * CHUNK));
		if (pattern_check(buffer, CHUNK, seed, i * CHUNK) != CHUNK) {
			fprintf(stderr, "%s: MiB %ld is wrong\n", name, i);
			_exit(1);
		}
	}
	side_close(RUMP, fd);
	free(buffer);
	return NULL;
}

static void *pipe_writer(void *arg)
{
	char byte = 1;

	(void)arg;
	while (!is_over)
		check("write to the pipe", SYS(RUMP, SYS_write, pipe_fds[1], &byte, 1, 0, 0, 0));
	side_close(RUMP, pipe_fds[1]);
	return NULL;
}

static void *pipe_reader(void *arg)
{
	char buffer[64];
	long got;

	(void)arg;
	while ((got = SYS(RUMP, SYS_read, pipe_fds[0], buffer, sizeof(buffer), 0, 0, 0)) > 0) {
		bytes += got;
		SYS(RUMP, SYS_getppid, 0, 0, 0, 0, 0, 0);
		calls++;
	}
	check("read from the pipe", got);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t disk[2], others[2];
	int error;

	if (argc != 3)
		return 2;
	mib = atol(argv[2]);
	error = rump_init();
	if (error) {
		fprintf(stderr, "%s\n", rump_boot_error());
		return 1;
	}
	check("register", -rump_pub_etfs_register("/dev/disk", argv[1], RUMP_ETFS_BLK));
	check("mkdir", SYS(RUMP, SYS_mkdir, "/m", 0755, 0, 0, 0, 0));
	check("mount", -rump_pub_vfs_mount("ext4", "/dev/disk", "/m", 0, NULL));
	check("pipe", SYS(RUMP, SYS_pipe2, pipe_fds, 0, 0, 0, 0, 0));
	pthread_create(&others[0], NULL, pipe_writer, NULL);
	pthread_create(&others[1], NULL, pipe_reader, NULL);
	for (long i = 0; i < 2; i++)
		pthread_create(&disk[i], NULL, disk_thread, (void *)(i + 1));
	for (int i = 0; i < 2; i++)
		pthread_join(disk[i], NULL);
	printf("%ld calls, %ld bytes through the pipe\n", calls, bytes);
	if (calls < 100) {
		fprintf(stderr, "the others stood still\n");
		return 1;
	}
	is_over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(others[i], NULL);
	error = rump_pub_vfs_unmount("/m", 0);
	check("umount", -error);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crashwriter.c - writes to an ext4 image until it is killed
 *
 *	crashwriter write IMAGE ROUND	two threads write, rename, remove and truncate; each
 *					file whose fsync has returned is told on stdout
 *	crashwriter verify IMAGE LIST	every file told must be there, whole
 *
 * A line is "NAME SIZE SEED", written after fsync of the file and of its directory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rump/rump.h>

#include "sides.h"

#define MAX_SIZE (256 << 10)
#define THREADS 2

static int round_number;

static void check(const char *what, long result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-result));
	_exit(1);
}

static void start(const char *image)
{
	int error = rump_init();

	if (error) {
		fprintf(stderr, "%s\n", rump_boot_error());
		exit(1);
	}
	check("register", -rump_pub_etfs_register("/dev/disk", image, RUMP_ETFS_BLK));
	check("mkdir", SYS(RUMP, SYS_mkdir, "/m", 0755, 0, 0, 0, 0));
	check("mount", -rump_pub_vfs_mount("ext4", "/dev/disk", "/m", 0, NULL));
}

static void *writer(void *arg)
{
	int id = (long)arg;
	char *buffer = malloc(MAX_SIZE), name[64], final[80], line[128], dir[32];
	uint64_t seed;
	long dir_fd;

	snprintf(dir, sizeof(dir), "/m/d%d.%d", round_number, id);
	check("mkdir", SYS(RUMP, SYS_mkdir, dir, 0755, 0, 0, 0, 0));
	dir_fd = side_open(RUMP, dir, O_RDONLY | O_DIRECTORY, 0);
	check("open of the directory", dir_fd);
	for (unsigned int i = 0;; i++) {
		size_t size = (i * 7919 + id * 104729 + round_number * 31) % MAX_SIZE + 1;
		long fd;

		seed = ((uint64_t)round_number << 32) + ((uint64_t)id << 24) + i;
		snprintf(name, sizeof(name), "%s/tmp", dir);
		snprintf(final, sizeof(final), "%s/f%u", dir, i);
		fd = side_open(RUMP, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		check("open", fd);
		pattern_fill(buffer, size, seed, 0);
		check("write", side_write(RUMP, fd, buffer, size, 0));
		check("rename", SYS(RUMP, SYS_rename, name, final, 0, 0, 0, 0));
		if (i % 4) {		/* the others may be there or not */
			check("fsync", SYS(RUMP, SYS_fsync, fd, 0, 0, 0, 0, 0));
			check("fsync", SYS(RUMP, SYS_fsync, dir_fd, 0, 0, 0, 0, 0));
			snprintf(line, sizeof(line), "%s %zu %llu\n", final, size,
				 (unsigned long long)seed);
			if (write(1, line, strlen(line)) < 0)
				_exit(1);
		} else if (i >= 8) {
			/* one that nobody was promised */
			snprintf(name, sizeof(name), "%s/f%u", dir, i - 8);
			SYS(RUMP, SYS_unlink, name, 0, 0, 0, 0, 0);
		}
		side_close(RUMP, fd);
	}
	return NULL;
}

static int verify(const char *list)
{
	FILE *file = fopen(list, "r");
	char *buffer = malloc(MAX_SIZE + 1), name[96];
	unsigned long long seed;
	size_t size;
	int count = 0, wrong = 0;

	if (!file)
		return 1;
	while (fscanf(file, "%95s %zu %llu\n", name, &size, &seed) == 3) {
		long fd = side_open(RUMP, name, O_RDONLY, 0), got = fd;

		if (fd >= 0)
			got = side_read(RUMP, fd, buffer, MAX_SIZE + 1, 0);
		if (got != (long)size || pattern_check(buffer, size, seed, 0) != size) {
			fprintf(stderr, "%s: %ld, not %zu bytes, or wrong ones\n", name, got, size);
			wrong++;
		}
		side_close(RUMP, fd);
		count++;
	}
	printf("%d files, %d wrong\n", count, wrong);
	return wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	if (argc != 4)
		return 2;
	start(argv[2]);
	if (!strcmp(argv[1], "verify"))
		return verify(argv[3]);
	round_number = atoi(argv[3]);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, writer, (void *)i);
	pthread_join(threads[0], NULL);
	return 1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A mapped file: FOLDER lies on the file system that is measured. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define BYTES (64UL << 20)
#define PAGE 4096UL
#define WRITTEN (4UL << 20)

static volatile uint64_t sink;

/* Reads all of a cached file by a new mapping, as a program that goes through it once. */
static void read_all(int fd)
{
	uint64_t from = now_ns(), sum = 0;
	const uint64_t *map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		bench_die("mmap", errno);
	for (size_t i = 0; i < BYTES / sizeof(*map); i++)
		sum += map[i];
	sink = sum;
	must(munmap((void *)map, BYTES));
	report("map_read_gb_s", (double)BYTES / (now_ns() - from));
}

static void touch_pages(int fd)
{
	volatile char *map = mmap(NULL, WRITTEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint64_t from = now_ns();

	if (map == MAP_FAILED)
		bench_die("mmap", errno);
	for (size_t i = 0; i < WRITTEN; i += PAGE)
		map[i] = 1;
	report("map_write_fault_us", (double)(now_ns() - from) / (WRITTEN / PAGE) / 1e3);
	must(munmap((void *)map, WRITTEN));
}

static void random_pages(int fd)
{
	volatile const char *map = mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
	uint64_t from = now_ns(), at = 12345;
	const int count = 500;

	if (map == MAP_FAILED)
		bench_die("mmap", errno);
	for (int i = 0; i < count; i++) {
		at = at * 6364136223846793005UL + 1442695040888963407UL;
		sink += map[(at >> 33) % BYTES];
	}
	report("map_random_us", (double)(now_ns() - from) / count / 1e3);
	must(munmap((void *)map, BYTES));
}

int bench_map(int argc, char **argv)
{
	unsigned int rounds = argc == 2 ? atoi(argv[1]) : 0;
	char path[512], *buffer = malloc(1 << 20);
	int fd;

	if (!rounds)
		return 2;
	snprintf(path, sizeof(path), "%s/bench-map", argv[0]);
	pin(0);
	fd = must(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
	memset(buffer, 3, 1 << 20);
	for (size_t done = 0; done < BYTES; done += 1 << 20)
		if (must(write(fd, buffer, 1 << 20)) != 1 << 20)
			bench_die("short write", ENOSPC);
	must(fsync(fd));
	for (unsigned int round = 0; round < rounds; round++) {
		read_all(fd);
		random_pages(fd);
		touch_pages(fd);
	}
	must(close(fd));
	must(unlink(path));
	free(buffer);
	return 0;
}

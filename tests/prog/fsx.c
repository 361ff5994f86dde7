/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsx.c - random operations on one file, compared with a model of it
 *
 *	fsx RUMPFILE HOSTFILE SEED COUNT
 *
 * RUMPFILE is HOSTFILE on a hostfs mount of its directory ("/h"), or, with "-" for
 * HOSTFILE, a file on any file system that the script has mounted: here a tmpfs.
 * With a host file the host's view is compared after each close, and the host
 * changes the file while it is closed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rump/rump.h>

#include "sides.h"

#define MAX_SIZE (600 << 10)
#define MAX_LENGTH (100 << 10)

static unsigned char model[MAX_SIZE], buffer[MAX_SIZE + 1];
static size_t model_size;
static const char *rump_path, *host_path;
static long fd = -1;
static uint64_t random_state;
static unsigned long step;
static const char *doing;

static uint64_t draw(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % limit;
}

static void fail(const char *what, long result)
{
	fprintf(stderr, "step %lu, %s: %s: %ld (%s)\n", step, doing, what, result,
		result < 0 ? strerror(-result) : "");
	fflush(stderr);
	_exit(1);
}

static long check(const char *what, long result)
{
	if (result < 0)
		fail(what, result);
	return result;
}

static void compare(const char *what, const unsigned char *got, long size, size_t offset,
		    size_t want)
{
	if (size != (long)want)
		fail(what, size);
	for (size_t i = 0; i < want; i++) {
		if (got[i] != model[offset + i]) {
			fprintf(stderr, "byte %zu is %02x, not %02x\n", offset + i, got[i],
				model[offset + i]);
			fail(what, offset + i);
		}
	}
}

static void fill_random(unsigned char *to, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = draw(256);
}

static void grow_model(size_t size)
{
	if (size > model_size) {
		memset(model + model_size, 0, size - model_size);
		model_size = size;
	}
}

static void do_open(void)
{
	doing = "open";
	fd = check("open", side_open(RUMP, rump_path, O_RDWR | O_CREAT, 0644));
}

/* The host sees what was written, and changes something now and then. */
static void do_reopen(void)
{
	long host_fd, got;

	doing = "close";
	check("close", side_close(RUMP, fd));
	if (host_path) {
		host_fd = check("open on the host", side_open(HOST, host_path, O_RDWR, 0));
		got = side_read(HOST, host_fd, buffer, sizeof(buffer), 0);
		compare("the host's view", buffer, got, 0, model_size);
		if (!draw(2) && model_size) {
			size_t offset = draw(model_size), length = draw(5000) + 1;

			doing = "a change by the host";
			if (offset + length > MAX_SIZE)
				length = MAX_SIZE - offset;
			grow_model(offset + length);
			fill_random(model + offset, length);
			check("write", side_write(HOST, host_fd, model + offset, length, offset));
		} else if (!draw(3)) {
			size_t size = draw(MAX_SIZE);

			doing = "truncate by the host";
			grow_model(size);
			model_size = size;
			if (ftruncate(host_fd, size))
				fail("ftruncate", -errno);
		}
		side_close(HOST, host_fd);
	}
	do_open();
}

static void do_write(void)
{
	size_t offset = draw(MAX_SIZE), length = draw(draw(2) ? MAX_LENGTH : 300) + 1;

	doing = "write";
	if (!draw(4))
		offset &= -4096UL;
	if (offset + length > MAX_SIZE)
		length = MAX_SIZE - offset;
	grow_model(offset + length);
	fill_random(model + offset, length);
	if (side_write(RUMP, fd, model + offset, length, offset) != (long)length)
		fail("write", -1);
}

static void do_read(void)
{
	size_t offset = draw(MAX_SIZE), length = draw(MAX_LENGTH) + 1, want = 0;

	doing = "read";
	if (offset < model_size)
		want = length < model_size - offset ? length : model_size - offset;
	compare("data", buffer, side_read(RUMP, fd, buffer, length, offset), offset, want);
}

static void do_truncate(void)
{
	size_t size = draw(MAX_SIZE);

	doing = "truncate";
	check("ftruncate", SYS(RUMP, SYS_ftruncate, fd, size, 0, 0, 0, 0));
	grow_model(size);
	model_size = size;
}

static void do_map(bool is_write)
{
	size_t start, length, offset;
	unsigned char *map;

	doing = is_write ? "store to a mapping" : "load from a mapping";
	if (!model_size)
		return;
	offset = draw(model_size);
	length = draw(20000) + 1;
	if (length > model_size - offset)
		length = model_size - offset;
	start = offset & -4096UL;
	map = (void *)check("mmap", SYS(RUMP, SYS_mmap, 0, offset + length - start,
					PROT_READ | PROT_WRITE, MAP_SHARED, fd, start));
	if (is_write) {
		fill_random(model + offset, length);
		memcpy(map + offset - start, model + offset, length);
		/* beyond the end: must not show up when the file grows */
		if ((model_size & 4095) && offset + length == model_size && !draw(2))
			map[offset + length - start] = 0xee;
	} else {
		memcpy(buffer, map + offset - start, length);
		compare("data", buffer, length, offset, length);
	}
	check("munmap", SYS(RUMP, SYS_munmap, map, offset + length - start, 0, 0, 0, 0));
}

static void do_punch(void)
{
	size_t offset = draw(MAX_SIZE), length = draw(MAX_LENGTH) + 1;
	long error;

	doing = "punch";
	error = SYS(RUMP, SYS_fallocate, fd, 3, offset, length, 0, 0);
	if (error == -EOPNOTSUPP)
		return;
	check("fallocate", error);
	if (offset >= model_size)
		return;
	if (length > model_size - offset)
		length = model_size - offset;
	memset(model + offset, 0, length);
}

static void do_stat(void)
{
	struct stat st;

	doing = "stat";
	if (draw(2))
		check("fstat", SYS(RUMP, SYS_fstat, fd, &st, 0, 0, 0, 0));
	else
		check("stat", SYS(RUMP, SYS_stat, rump_path, &st, 0, 0, 0, 0));
	if (st.st_size != (long)model_size)
		fail("size", st.st_size);
}

static void do_step(void)
{
	switch (draw(14)) {
	case 0 ... 3:
		do_write();
		break;
	case 4 ... 6:
		do_read();
		break;
	case 7:
		do_truncate();
		break;
	case 8:
		do_map(false);
		break;
	case 9:
		do_map(true);
		break;
	case 10:
		do_punch();
		break;
	case 11:
		do_stat();
		break;
	case 12:
		doing = "fsync";
		check("fsync", SYS(RUMP, SYS_fsync, fd, 0, 0, 0, 0, 0));
		break;
	default:
		do_reopen();
	}
}

int main(int argc, char **argv)
{
	char directory[4096];
	unsigned long count;
	int error;

	if (argc != 5)
		return 2;
	rump_path = argv[1];
	host_path = strcmp(argv[2], "-") ? argv[2] : NULL;
	random_state = strtoull(argv[3], NULL, 0) * 0x9e3779b97f4a7c15ULL + 1;
	count = strtoul(argv[4], NULL, 0);
	error = rump_init();
	if (error)
		fail(rump_boot_error(), -error);
	if (host_path) {
		snprintf(directory, sizeof(directory), "%s", host_path);
		error = rump_pub_etfs_register("/h", dirname(directory), RUMP_ETFS_DIR);
		if (error)
			fail(rump_boot_error(), -error);
	}
	do_open();
	for (step = 1; step <= count; step++)
		do_step();
	do_reopen();
	printf("%lu steps, %zu bytes\n", count, model_size);
	return 0;
}

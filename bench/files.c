/* SPDX-License-Identifier: BSD-2-Clause */
/* A file system's data and names: FOLDER lies on the file system that is measured. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define BYTES (256 << 20)
#define FILES 20000
#define PATH_SIZE 512

/* Writes (into the page cache, then to the disk) and reads (from the page cache) BYTES in pieces.
 */
int bench_data(int argc, char **argv)
{
	size_t piece = argc == 3 ? strtoul(argv[1], NULL, 0) : 0;
	unsigned int rounds = argc == 3 ? atoi(argv[2]) : 0;
	char path[PATH_SIZE], *buffer;

	if (!piece || BYTES % piece || !rounds)
		return 2;
	buffer = malloc(piece);
	memset(buffer, 3, piece);
	snprintf(path, sizeof(path), "%s/bench-data", argv[0]);
	pin(0);
	for (unsigned int round = 0; round < rounds; round++) {
		int fd = must(SYS(open)(path, O_RDWR | O_CREAT | O_EXCL, 0600));
		uint64_t from = now_ns();

		for (size_t done = 0; done < BYTES; done += piece)
			if ((size_t)must(SYS(pwrite64)(fd, buffer, piece, done)) != piece)
				bench_die("short write", ENOSPC);
		report("write_gb_s", (double)BYTES / (now_ns() - from));
		must(SYS(fsync)(fd));
		report("write_fsync_gb_s", (double)BYTES / (now_ns() - from));
		/* once untimed: all of it is in the cache then */
		for (int timed = 0; timed < 2; timed++) {
			from = now_ns();
			for (size_t done = 0; done < BYTES; done += piece)
				if ((size_t)must(SYS(pread64)(fd, buffer, piece, done)) != piece)
					bench_die("short read", EIO);
		}
		report("read_gb_s", (double)BYTES / (now_ns() - from));
		must(SYS(close)(fd));
		must(SYS(unlink)(path));
		SYS(sync)();
	}
	free(buffer);
	return 0;
}

static void one_name(char *path, const char *folder, int number)
{
	snprintf(path, PATH_SIZE, "%s/bench-names/file-%05d", folder, number);
}

/* Makes, looks at and removes FILES empty files in one folder. */
int bench_names(int argc, char **argv)
{
	unsigned int rounds = argc == 2 ? atoi(argv[1]) : 0;
	char path[PATH_SIZE];
	struct stat st;
	uint64_t from;

	if (!rounds)
		return 2;
	pin(0);
	for (unsigned int round = 0; round < rounds; round++) {
		snprintf(path, sizeof(path), "%s/bench-names", argv[0]);
		must(SYS(mkdir)(path, 0700));
		from = now_ns();
		for (int i = 0; i < FILES; i++) {
			one_name(path, argv[0], i);
			must(SYS(close)(must(SYS(open)(path, O_WRONLY | O_CREAT | O_EXCL, 0600))));
		}
		report("create_us", (double)(now_ns() - from) / FILES / 1e3);
		from = now_ns();
		for (int i = 0; i < FILES; i++) {
			one_name(path, argv[0], i);
			must(SYS(stat)(path, &st));
		}
		report("stat_us", (double)(now_ns() - from) / FILES / 1e3);
		from = now_ns();
		for (int i = 0; i < FILES; i++) {
			one_name(path, argv[0], i);
			must(SYS(unlink)(path));
		}
		report("unlink_us", (double)(now_ns() - from) / FILES / 1e3);
		snprintf(path, sizeof(path), "%s/bench-names", argv[0]);
		must(SYS(rmdir)(path));
		SYS(sync)();
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rumpuser_common.h - a stand-in for the kernel above the hypercalls, and
 * helpers.  A process holds one kernel for good, so what makes one is tested
 * in children.
 */
#ifndef TESTS_RUMPUSER_COMMON_H
#define TESTS_RUMPUSER_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUMPUSER_HOST
#include <rump/rumpuser.h>

#include "tap.h"

#define UNUSED __attribute__((unused))
#define MIB (1UL << 20)

UNUSED static const struct rumpuser_ops *ops_of(const struct rumpuser_upcalls *upcalls)
{
	const struct rumpuser_ops *ops = rumpuser_init(RUMPUSER_VERSION, upcalls);

	if (!ops)
		bail_out("no hypercalls: %s", rumpuser_boot_error());
	return ops;
}

/*
 * Runs fn in a child of fork(); returns its exit status, or 1000 + the signal
 * that ended it.  fn returns the status; by convention 0 is good, others say
 * which step failed.
 */
UNUSED static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bail_out("fork: %s", strerror(errno));
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A folder for files, on a real file system where TMPDIR says so; gone at exit. */
static char temp_folder[64];
static pid_t temp_owner;

UNUSED static void temp_remove(void)
{
	char command[96];

	if (getpid() != temp_owner)
		return;
	snprintf(command, sizeof(command), "rm -rf '%s'", temp_folder);
	if (system(command))
		diag("%s: not removed", temp_folder);
}

UNUSED static const char *temp_path(const char *name)
{
	static char path[128];

	if (!temp_owner) {
		strcpy(temp_folder, "/tmp/rumpuser-test.XXXXXX");
		if (!mkdtemp(temp_folder))
			bail_out("mkdtemp: %s", strerror(errno));
		temp_owner = getpid();
		atexit(temp_remove);
	}
	snprintf(path, sizeof(path), "%s/%s", temp_folder, name);
	return path;
}

/* Makes a file of size bytes, byte n being n * 7 + seed. */
UNUSED static void make_file(const char *path, size_t size, int seed)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	unsigned char block[4096];

	for (size_t at = 0; at < size;) {
		size_t length = size - at < sizeof(block) ? size - at : sizeof(block);

		for (size_t i = 0; i < length; i++)
			block[i] = (unsigned char)((at + i) * 7 + (size_t)seed);
		if (write(fd, block, length) != (ssize_t)length)
			bail_out("%s: %s", path, strerror(errno));
		at += length;
	}
	close(fd);
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif

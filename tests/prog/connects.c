/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connects COUNT PARALLEL: that many processes connect to the server of RUMP_SERVER, make a
 * few calls and end, PARALLEL at a time: one in four leaves without a word, one in four is
 * killed.  Prints how many failed, and why the first did.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rump/rumpclient.h>

enum end {
	END_EXIT,
	END_AT_ONCE,
	END_KILLED,
	END_OPEN, /* with descriptors that nobody closed */
	END_KINDS,
};

static _Noreturn void client(enum end end)
{
	char path[64];

	if (rumpclient_init()) {
		fprintf(stderr, "connects: %s\n", rumpclient_error());
		_exit(1);
	}
	if (end == END_AT_ONCE)
		_exit(0);
	snprintf(path, sizeof(path), "/tmp/connects-%d", getpid());
	long fd = rumpclient_syscall(SYS_open, (long)path, O_RDWR | O_CREAT, 0600, 0, 0, 0);

	if (fd < 0 || rumpclient_syscall(SYS_write, fd, (long)path, 10, 0, 0, 0) != 10 ||
	    rumpclient_syscall(SYS_unlink, (long)path, 0, 0, 0, 0, 0)) {
		fprintf(stderr, "connects: %s: %s\n", path,
			fd < 0 ? strerror(-fd) : "write, unlink");
		_exit(1);
	}
	if (end == END_KILLED)
		raise(SIGKILL);
	if (end == END_OPEN)
		_exit(0);
	_exit(rumpclient_syscall(SYS_close, fd, 0, 0, 0, 0, 0) != 0);
}

/* Waits for one; whether it ended as it should. */
static int reap(void)
{
	int status;

	if (wait(&status) < 0) {
		perror("connects: wait");
		exit(2);
	}
	return (WIFEXITED(status) && !WEXITSTATUS(status)) ||
	       (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[1]) : 0, parallel = argc == 3 ? atoi(argv[2]) : 0;
	int failed = 0, running = 0;

	if (count <= 0 || parallel <= 0) {
		fprintf(stderr, "usage: connects COUNT PARALLEL\n");
		return 2;
	}
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0)
			client(i % END_KINDS);
		if (pid < 0) {
			perror("connects: fork");
			return 2;
		}
		if (++running == parallel) {
			failed += !reap();
			running--;
		}
	}
	while (running--)
		failed += !reap();
	printf("%d failed\n", failed);
	return failed != 0;
}

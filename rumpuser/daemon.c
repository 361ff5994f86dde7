/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.c - a server detaches in two steps.
 *
 * begin() forks: the child goes on, in a session of its own; the parent waits
 * and leaves with what done() tells it through a pipe.  A child that ends before that
 * takes the parent with it: its status says why, as it has itself on stderr; that it was
 * killed, or ended as if all were well, the parent tells.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "private.h"

static int parent_pipe = -1; /* of the child, between begin and done */

static long read_int(int fd, int *ret_value)
{
	long length;

	do
		length = host_call(SYS_read, fd, ret_value, sizeof(*ret_value));
	while (length == -EINTR);
	return length;
}

static void __attribute__((noreturn)) wait_for_child(int fd, pid_t child)
{
	char text[160];
	int error, status;

	if (read_int(fd, &error) == sizeof(error)) {
		if (!error)
			exit_now(EXIT_SUCCESS);
		snprintf(text, sizeof(text), "rump: %s\n", strerror(error));
	} else {
		while (host_call(SYS_wait4, child, &status, 0, NULL) == -EINTR)
			;
		if (WIFEXITED(status) && WEXITSTATUS(status))
			exit_now(WEXITSTATUS(status));
		if (WIFSIGNALED(status))
			snprintf(text, sizeof(text), "rump: ended by signal %d (%s)\n",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
		else
			snprintf(text, sizeof(text), "rump: ended before it was ready\n");
	}
	console_complain(text, strlen(text));
	exit_now(EXIT_FAILURE);
}

int daemonize_begin(void)
{
	int fds[2];
	long error;
	pid_t child;
	KEEPS_ERRNO;

	if (kernel_was_made())
		return -EBUSY;
	if (parent_pipe >= 0)
		return -EALREADY;
	error = host_call(SYS_pipe2, fds, O_CLOEXEC);
	if (error)
		return (int)error;
	child = fork_with_kernel();
	if (child < 0) {
		host_close(fds[0]);
		host_close(fds[1]);
		return child;
	}
	if (child > 0) {
		host_close(fds[1]);
		wait_for_child(fds[0], child);
	}
	host_close(fds[0]);
	parent_pipe = fd_move_high(fds[1]);
	host_call(SYS_setsid);
	return 0;
}

/* From now on nobody reads what it prints, and a terminal may go away. */
static int detach_stdio(void)
{
	long fd = host_call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	long error = fd < 0 ? fd : 0;

	for (int i = STDIN_FILENO; i <= STDERR_FILENO && error >= 0; i++)
		error = host_call(SYS_dup2, fd, i);
	if (fd > STDERR_FILENO)
		host_close((int)fd);
	return error < 0 ? (int)error : 0;
}

int daemonize_done(int error)
{
	const uint64_t mask = 1ULL << (SIGPIPE - 1);
	uint64_t old_mask;
	long length;
	KEEPS_ERRNO;

	if (parent_pipe < 0)
		return -EINVAL;
	if (!error)
		error = -detach_stdio();
	/* a parent that was killed meanwhile must not take us with it */
	host_call(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &old_mask, sizeof(mask));
	do
		length = host_call(SYS_write, parent_pipe, &error, sizeof(error));
	while (length == -EINTR);
	if (length == -EPIPE) {
		const struct timespec now = {0, 0};

		host_call(SYS_rt_sigtimedwait, &mask, NULL, &now, sizeof(mask));
	}
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &old_mask, NULL, sizeof(mask));
	fd_close_private(parent_pipe);
	parent_pipe = -1;
	return length < 0 ? (int)length : 0;
}

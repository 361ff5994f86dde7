/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_passt.c - starts passt(1), for interfaces that need no privilege at all.
 *
 * passt gets one end of a socketpair and ends when the other is closed, which the host
 * does when this process ends, however that comes.  It goes into the background when it is ready,
 * so the end of the process that was started tells whether it works, and what it wrote why not.
 *
 * The application must not notice: neither SIGCHLD nor a stranger in its wait().  So a
 * process between, which the host does not announce (its exit signal is 0, which execve would
 * change), waits for passt and ends with its status.  Both are made by the bare system call,
 * and do nothing else until they execute or end: no handlers of fork() run.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "net.h"

#define HOST_WALL 0x40000000
#define START_TIMEOUT 15000 /* ms */
#define FIXED_ARGUMENTS 12
#define SOCKET_FD 3

struct passt {
	const char *arguments[FIXED_ARGUMENTS + 2 * CONFIG_NET_OPTIONS_MAX];
	char path[256];
	char path_variable[4096];
	int socket, output; /* the ends that passt gets */
};

static bool find_program(struct passt *passt)
{
	const char *list = getenv("PATH"), *end;

	if (!list || !*list)
		list = "/usr/bin:/bin:/usr/sbin:/sbin";
	snprintf(passt->path_variable, sizeof(passt->path_variable), "PATH=%s", list);
	for (; *list; list = *end ? end + 1 : end) {
		end = strchrnul(list, ':');
		if (*list != '/' || snprintf(passt->path, sizeof(passt->path), "%.*s/passt",
					     (int)(end - list), list) >= (int)sizeof(passt->path))
			continue;
		if (!host_call(SYS_faccessat, AT_FDCWD, passt->path, 1 /* X_OK */))
			return true;
	}
	return false;
}

static void make_arguments(const struct net_host *host, struct passt *passt)
{
	static const char *const fixed[] = {"passt", "--quiet", "--stderr", "--fd", "3"};
	const char **next = passt->arguments;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		*next++ = fixed[i];
	for (unsigned int i = 0; i < host->config.option_count; i++) {
		*next++ = host->config.options[i].flag;
		if (host->config.options[i].value)
			*next++ = host->config.options[i].value;
	}
	*next = NULL;
}

/* In the new process: nothing of libc. */
static void __attribute__((noreturn)) run_passt(const struct passt *passt)
{
	const char *environment[] = {passt->path_variable, NULL};
	const uint64_t none = 0;

	host_call(SYS_dup2, passt->output, 2);
	host_call(SYS_dup2, passt->output, 1);
	host_call(SYS_dup2, passt->socket, SOCKET_FD);
	host_call(SYS_close, 0);
	host_call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
	host_call(SYS_close_range, SOCKET_FD + 1, ~0U, 0);
	host_call(SYS_setsid);
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	host_call(SYS_execve, passt->path, passt->arguments, environment);
	for (;;)
		host_call(SYS_exit_group, 127);
}

static void __attribute__((noreturn)) run_between(const struct passt *passt)
{
	long pid = host_call(SYS_clone, SIGCHLD, NULL);
	int status = 127 << 8;

	if (!pid)
		run_passt(passt);
	/* who waits for the end of the output, or of the socket, must not find ours open */
	host_call(SYS_close_range, 0, ~0U, 0);
	if (pid > 0)
		host_call(SYS_wait4, pid, &status, HOST_WALL, NULL);
	for (;;)
		host_call(SYS_exit_group,
			  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* What passt says until it is ready or ends; the last line tells most. */
static void read_output(int fd, char *text, size_t size)
{
	unsigned long long end = clock_mono() + START_TIMEOUT * 1000000ULL, now;
	size_t used = 0;
	long got = 1;

	while (got > 0 && (now = clock_mono()) < end) {
		struct pollfd set = {.fd = fd, .events = POLLIN};

		if (host_call(SYS_poll, &set, 1, (end - now) / 1000000 + 1) <= 0)
			continue;
		/* of much text the end */
		if (used == size - 1) {
			memmove(text, text + size / 2, used - size / 2);
			used -= size / 2;
		}
		got = host_call(SYS_read, fd, text + used, size - 1 - used);
		if (got > 0)
			used += (size_t)got;
	}
	while (used && (text[used - 1] == '\n' || text[used - 1] == ' '))
		used--;
	text[used] = '\0';
}

static int wait_ready(struct net_host *host, long pid, int output)
{
	char text[512], *line;
	int status = 0;
	long result;

	read_output(output, text, sizeof(text));
	do
		result = host_call(SYS_wait4, pid, &status, HOST_WALL, NULL);
	while (result == -EINTR);
	if (result == pid && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	line = strrchr(text, '\n');
	return net_why(host, -EIO, "user: passt does not start: %s",
		       *text ? (line ? line + 1 : text) : "it says nothing");
}

int net_passt_start(struct net_host *host)
{
	int sockets[2] = {-1, -1}, pipes[2] = {-1, -1}, error = -ENOMEM;
	struct passt *passt = calloc(1, sizeof(*passt));
	uint64_t all = ~0ULL, old;
	long pid;

	if (!passt)
		return net_why(host, error, "out of memory");
	if (!find_program(passt)) {
		free(passt);
		return net_why(
			host, -ENOENT,
			"user: there is no program passt; install it with: apt install passt");
	}
	make_arguments(host, passt);
	error = (int)host_call(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets);
	if (!error)
		error = (int)host_call(SYS_pipe2, pipes, O_CLOEXEC);
	if (!error)
		error = net_set_nonblocking(sockets[0]);
	if (error) {
		net_why(host, error, "user: %s", strerror(-error));
		goto out;
	}
	/* above what passt gets, or dup2() would do nothing and leave it close-on-exec */
	passt->socket = (int)host_call(SYS_fcntl, sockets[1], F_DUPFD_CLOEXEC, 10);
	passt->output = (int)host_call(SYS_fcntl, pipes[1], F_DUPFD_CLOEXEC, 10);

	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof(all));
	pid = host_call(SYS_clone, 0, NULL);
	if (!pid)
		run_between(passt);
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(all));
	host_close(passt->socket);
	host_close(passt->output);
	host_close(pipes[1]);
	pipes[1] = -1;
	if (pid < 0)
		error = net_why(host, (int)pid, "user: no process can be had: %s",
				strerror((int)-pid));
	else
		error = wait_ready(host, pid, pipes[0]);
out:
	free(passt);
	host_close(pipes[0]);
	host_close(pipes[1]);
	host_close(sockets[1]);
	if (error)
		host_close(sockets[0]);
	return error ? error : sockets[0];
}

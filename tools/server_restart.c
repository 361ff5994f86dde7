/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restarting a server.
 *
 * The next life finds in its environment
 *
 *	_RUMP_SERVER_SOCKETS=PID:HANDED_OVER:FD,FD,...
 *
 * with -1 for an address that is to be made anew.  PID is its own, so the word means
 * nothing to a child that inherited it.
 */
#include "server_restart.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "_RUMP_SERVER_SOCKETS"

static struct {
	bool is_resumed;
	unsigned int handed_over, count;
	int fds[SERVER_ADDRESSES_MAX];
} life;

static struct {
	char program[PATH_MAX];
	/* the environment, with one free place before its end */
	char **environment;
	size_t count;
} next;

/* A number and the separator behind it, which the text may end without if it is ','. */
static int take_number(const char **text, char separator, long *ret_value)
{
	char *end;

	errno = 0;
	*ret_value = strtol(*text, &end, 10);
	if (end == *text || errno || *ret_value < -1 || *ret_value > INT_MAX)
		return -EINVAL;
	if (*end != separator && (*end || separator != ','))
		return -EINVAL;
	*text = *end ? end + 1 : end;
	return 0;
}

static int take_sockets(const char *text)
{
	long number;
	int error = take_number(&text, ':', &number);

	if (error || number < 0)
		return -EINVAL;
	life.handed_over = (unsigned int)number;
	while (*text) {
		if (life.count == SERVER_ADDRESSES_MAX || take_number(&text, ',', &number))
			return -EINVAL;
		if (number >= 0 && fcntl((int)number, F_SETFD, FD_CLOEXEC) < 0)
			return -errno;
		life.fds[life.count++] = (int)number;
	}
	return life.handed_over <= life.count ? 0 : -EINVAL;
}

static int take_variable(void)
{
	const char *text = getenv(VARIABLE);
	long pid;
	int error = 0;

	if (text && !take_number(&text, ':', &pid) && pid == getpid()) {
		error = take_sockets(text);
		life.is_resumed = !error;
	}
	unsetenv(VARIABLE);
	return error;
}

int server_restart_prepare(void)
{
	ssize_t length = readlink("/proc/self/exe", next.program, sizeof(next.program) - 1);
	int error = length < 0 ? -errno : take_variable();

	if (error)
		return error;
	next.program[length] = '\0';
	while (environ[next.count])
		next.count++;
	next.environment = calloc(next.count + 2, sizeof(*next.environment));
	if (!next.environment)
		return -ENOMEM;
	/* setenv() puts new strings into environ and leaves the old ones as they are */
	memcpy(next.environment, environ, next.count * sizeof(*environ));
	return 0;
}

bool server_restart_is_resumed(void)
{
	return life.is_resumed;
}

unsigned int server_restart_handed_over(void)
{
	return life.handed_over;
}

int server_restart_socket(unsigned int n)
{
	return n < life.count ? life.fds[n] : -1;
}

static int write_variable(char *buffer, size_t size, const int *fds, unsigned int count,
			  unsigned int handed_over)
{
	int used = snprintf(buffer, size, "%s=%d:%u:", VARIABLE, (int)getpid(), handed_over);

	for (unsigned int i = 0; i < count; i++) {
		if (fds[i] >= 0 && fcntl(fds[i], F_SETFD, 0) < 0)
			return -errno;
		used += snprintf(buffer + used, size - (size_t)used, "%s%d", i ? "," : "", fds[i]);
		if ((size_t)used >= size)
			return -E2BIG;
	}
	return 0;
}

int server_restart_exec(char **argv, const int *fds, unsigned int count, unsigned int handed_over)
{
	char variable[64 + SERVER_ADDRESSES_MAX * 12];
	int error = write_variable(variable, sizeof(variable), fds, count, handed_over);

	if (error)
		return error;
	next.environment[next.count] = variable;
	/* by its name: it may have been replaced by a newer one */
	execve(next.program, argv, next.environment);
	execve("/proc/self/exe", argv, next.environment);
	return -errno;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interrupted.h - what interrupted.c and threaded.c share: programs that know nothing of rump,
 *
 *	PROGRAM CASE FOLDER
 *
 * whose cases hold in a folder of the host too.  A line tells each thing that is seen; the
 * exit status counts those that do not hold.
 */
#ifndef TESTS_INTERRUPTED_H
#define TESTS_INTERRUPTED_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MAYBE_UNUSED __attribute__((unused))

static int failed;
static const char *folder;
MAYBE_UNUSED static volatile sig_atomic_t hits;

MAYBE_UNUSED static void holds(const char *what, int condition)
{
	printf("%s %s\n", condition ? "ok" : "not ok", what);
	fflush(stdout);
	failed += !condition;
}

MAYBE_UNUSED static void need(const char *what, int condition)
{
	if (condition)
		return;
	printf("not ok %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(99);
}

/* ---- things to wait for ---- */

MAYBE_UNUSED static const char *name(const char *file)
{
	static __thread char path[400];

	snprintf(path, sizeof(path), "%s/%s.%d", folder, file, getpid());
	return path;
}

/* A pipe of the folder's kernel: its end for both. */
MAYBE_UNUSED static int open_fifo(const char *file)
{
	int fd;

	unlink(name(file));
	need("mkfifo", !mkfifo(name(file), 0600));
	fd = open(name(file), O_RDWR);
	need("open of a fifo", fd >= 0);
	unlink(name(file));
	return fd;
}

MAYBE_UNUSED static void sleep_ms(int ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* Until a thread sleeps in the kernel, be it ours or the one of the folder. */
MAYBE_UNUSED static void wait_blocked(int tid)
{
	char path[64], text[256], *state;
	int calm = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	for (int i = 0; i < 3000 && calm < 20; i++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = '\0';
		state = strrchr(text, ')');
		calm = state && state[2] == 'S' ? calm + 1 : 0;
		close(fd);
		sleep_ms(2);
	}
}

MAYBE_UNUSED static void install(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigaction(signal, &action, NULL);
}

MAYBE_UNUSED static void count(int signal)
{
	(void)signal;
	hits++;
}

/* ---- cases ---- */

struct one_case {
	const char *name;
	void (*run)(void);
};

MAYBE_UNUSED static int run_case(int argc, char **argv, const struct one_case *cases, int count)
{
	if (argc != 3)
		return 98;
	folder = argv[2];
	for (int i = 0; i < count; i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		cases[i].run();
		return failed;
	}
	return 97;
}

#endif

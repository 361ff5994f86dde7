/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits.h - for programs that know nothing of rump and wait for descriptors of both sides,
 * under the preload with socket=unix: socketpairs are the rump kernel's, pipes the host's.
 * Everything holds on the host alone, too.
 */
#ifndef RUMP_TESTS_WAITS_H
#define RUMP_TESTS_WAITS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define UNUSED __attribute__((unused))

/* One way of sending a byte: in[0] becomes readable by in[1]. */
struct way {
	int in[2];
};

UNUSED static void make_way(struct way *way, bool is_rump)
{
	CHECK((is_rump ? socketpair(AF_UNIX, SOCK_STREAM, 0, way->in) : pipe(way->in)) == 0);
}

UNUSED static void put(const struct way *way)
{
	CHECK(write(way->in[1], "x", 1) == 1);
}

UNUSED static void take(const struct way *way)
{
	char byte;

	CHECK(read(way->in[0], &byte, 1) == 1 && byte == 'x');
}

UNUSED static void close_way(struct way *way)
{
	CHECK(close(way->in[0]) == 0 && close(way->in[1]) == 0);
}

UNUSED static void add(int set, int fd, unsigned int events, unsigned long data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	CHECK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
}

UNUSED static void change(int set, int fd, unsigned int events, unsigned long data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	CHECK(epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) == 0);
}

UNUSED static void sleep_ms(int ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

UNUSED static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Runs run() of the case that argv names. */
struct test_case {
	const char *name;
	void (*run)(void);
};
#define CASE(name)          \
	{                   \
#name, name \
	}

UNUSED static int run_case(const struct test_case *cases, unsigned int count, int argc, char **argv)
{
	for (unsigned int i = 0; argc >= 2 && i < count; i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		cases[i].run();
		return 0;
	}
	fprintf(stderr, "usage: %s CASE\n", argv[0]);
	return 2;
}

#endif

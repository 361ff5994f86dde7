/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits.c - an event loop over 100 pipes and 100 socketpairs, as unmodified programs have them:
 * under the preload with socket=unix the socketpairs are the rump kernel's.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define WAYS 200
#define EVENTS 20000

static int ways[WAYS][2], set;

static double ns_an_event(unsigned int first, unsigned int step)
{
	uint64_t from = now_ns();
	struct epoll_event event;
	unsigned int way = first;
	char byte = 'x';

	for (int i = 0; i < EVENTS; i++) {
		must(write(ways[way][1], &byte, 1));
		if (epoll_wait(set, &event, 1, -1) != 1 || event.data.u32 != way)
			bench_die("another event than was made", EIO);
		must(read(ways[way][0], &byte, 1));
		way = (way + step) % WAYS;
	}
	return (double)(now_ns() - from) / EVENTS;
}

int bench_waits(int argc, char **argv)
{
	unsigned int rounds = argc == 1 ? (unsigned int)atoi(argv[0]) : 0;

	if (!rounds)
		return 2;
	pin(0);
	set = (int)must(epoll_create1(0));
	for (unsigned int i = 0; i < WAYS; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

		must(i % 2 ? socketpair(AF_UNIX, SOCK_STREAM, 0, ways[i]) : pipe(ways[i]));
		must(epoll_ctl(set, EPOLL_CTL_ADD, ways[i][0], &event));
	}
	ns_an_event(0, 7);
	for (unsigned int round = 0; round < rounds; round++) {
		report("mixed_ns", ns_an_event(0, 7));
		report("pipes_ns", ns_an_event(0, 2));
		report("sockets_ns", ns_an_event(1, 2));
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream over the kernel's own loopback: one thread sends, one receives. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PIECE (256 << 10)
#define BYTES (2ULL << 30) /* a round */

struct receiver {
	int fd;
	pthread_barrier_t *barrier;
	unsigned int rounds;
};

static void *receive(void *arg)
{
	struct receiver *receiver = arg;
	char *buffer = malloc(PIECE);

	memset(buffer, 1, PIECE);
	for (unsigned int round = 0; round < receiver->rounds; round++) {
		uint64_t left = BYTES;

		pthread_barrier_wait(receiver->barrier);
		while (left) {
			size_t want = left < PIECE ? left : PIECE;
			long got = must(SYS(recvfrom)(receiver->fd, buffer, want, 0, NULL, NULL));

			if (!got)
				bench_die("the stream ended", ECONNRESET);
			left -= got;
		}
		pthread_barrier_wait(receiver->barrier);
	}
	free(buffer);
	return NULL;
}

int bench_tcp(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	struct receiver receiver = {.rounds = argc == 1 ? atoi(argv[0]) : 0};
	char *buffer = malloc(PIECE);
	pthread_barrier_t barrier;
	pthread_t thread;
	int listener, fd;

	if (!receiver.rounds)
		return 2;
	memset(buffer, 2, PIECE);
	pthread_barrier_init(&barrier, NULL, 2);
	listener = must(SYS(socket)(AF_INET, SOCK_STREAM, 0));
	must(SYS(bind)(listener, (struct sockaddr *)&address, sizeof(address)));
	must(SYS(getsockname)(listener, (struct sockaddr *)&address, &length));
	must(SYS(listen)(listener, 1));
	fd = must(SYS(socket)(AF_INET, SOCK_STREAM, 0));
	must(SYS(connect)(fd, (struct sockaddr *)&address, sizeof(address)));
	receiver.fd = must(SYS(accept)(listener, NULL, NULL));
	receiver.barrier = &barrier;
	thread = start(receive, &receiver);
	for (unsigned int round = 0; round < receiver.rounds; round++) {
		uint64_t from, left = BYTES;

		pthread_barrier_wait(&barrier);
		from = now_ns();
		while (left)
			left -= must(
				SYS(sendto)(fd, buffer, left < PIECE ? left : PIECE, 0, NULL, 0));
		pthread_barrier_wait(&barrier); /* all has arrived */
		report("gb_s", (double)BYTES / (now_ns() - from));
	}
	pthread_join(thread, NULL);
	free(buffer);
	return 0;
}

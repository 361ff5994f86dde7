/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.c - TCP between two processes that have a link between them: shared memory, a tap,
 * veth.
 *
 * The one that serves prints "ready", and answers connections one after the other until it
 * is ended.  The first byte of a connection says what is wanted of it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PIECE (256 << 10)
#define ROUND_NS 700000000ULL /* of a stream */
#define TURNS 2000	      /* of a round */

enum wish {
	WISH_TAKE = 's', /* takes a stream; at its end tells how many bytes came */
	WISH_GIVE = 'g', /* sends one for as long as it is read */
	WISH_TURN = 't', /* sends each byte back */
};

static struct sockaddr_in address_of(const char *text, const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		bench_die("the address", EINVAL);
	return address;
}

/* ---- the one that serves ---- */

static void take(int fd, char *buffer)
{
	uint64_t bytes = 0;
	long got;

	while ((got = SYS(recvfrom)(fd, buffer, PIECE, 0, NULL, NULL)) > 0)
		bytes += (uint64_t)got;
	SYS(sendto)(fd, (const void *)&bytes, sizeof(bytes), MSG_NOSIGNAL, NULL, 0);
}

static void give(int fd, const char *buffer)
{
	while (SYS(sendto)(fd, buffer, PIECE, MSG_NOSIGNAL, NULL, 0) > 0)
		;
}

static void turn(int fd)
{
	char byte;

	while (SYS(recvfrom)(fd, &byte, 1, 0, NULL, NULL) == 1 &&
	       SYS(sendto)(fd, &byte, 1, MSG_NOSIGNAL, NULL, 0) == 1)
		;
}

static void set_one(int fd, int level, int option)
{
	const int one = 1;

	must(SYS(setsockopt)(fd, level, option, (const void *)&one, sizeof(one)));
}

int bench_link_serve(int argc, char **argv)
{
	char *buffer = malloc(PIECE), wish;
	struct sockaddr_in address;
	int listener;

	if (argc != 2 || !buffer)
		return 2;
	memset(buffer, 2, PIECE);
	address = address_of(argv[0], argv[1]);
	listener = (int)must(SYS(socket)(AF_INET, SOCK_STREAM, 0));
	set_one(listener, SOL_SOCKET, SO_REUSEADDR);
	must(SYS(bind)(listener, (struct sockaddr *)&address, sizeof(address)));
	must(SYS(listen)(listener, 8));
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int fd = (int)must(SYS(accept)(listener, NULL, NULL));

		set_one(fd, IPPROTO_TCP, TCP_NODELAY);
		if (SYS(recvfrom)(fd, &wish, 1, 0, NULL, NULL) != 1)
			wish = 0;
		if (wish == WISH_TAKE)
			take(fd, buffer);
		else if (wish == WISH_GIVE)
			give(fd, buffer);
		else if (wish == WISH_TURN)
			turn(fd);
		SYS(close)(fd);
	}
}

/* ---- the one that asks ---- */

static int ask(const struct sockaddr_in *address, char wish)
{
	int fd = (int)must(SYS(socket)(AF_INET, SOCK_STREAM, 0));

	must(SYS(connect)(fd, (const struct sockaddr *)address, sizeof(*address)));
	set_one(fd, IPPROTO_TCP, TCP_NODELAY);
	must(SYS(sendto)(fd, &wish, 1, MSG_NOSIGNAL, NULL, 0));
	return fd;
}

/* What arrived, by the time until the other end has all of it. */
static double send_stream(const struct sockaddr_in *address, char *buffer)
{
	int fd = ask(address, WISH_TAKE);
	uint64_t from = now_ns(), sent = 0, arrived = 0;

	while (now_ns() - from < ROUND_NS)
		sent += (uint64_t)must(SYS(sendto)(fd, buffer, PIECE, MSG_NOSIGNAL, NULL, 0));
	must(SYS(shutdown)(fd, SHUT_WR));
	if (SYS(recvfrom)(fd, (void *)&arrived, sizeof(arrived), MSG_WAITALL, NULL, NULL) !=
		    sizeof(arrived) ||
	    arrived != sent)
		bench_die("not all that was sent has arrived", EIO);
	SYS(close)(fd);
	return (double)arrived / (double)(now_ns() - from);
}

static double receive_stream(const struct sockaddr_in *address, char *buffer)
{
	int fd = ask(address, WISH_GIVE);
	uint64_t from = now_ns(), arrived = 0, now;
	long got;

	do {
		got = must(SYS(recvfrom)(fd, buffer, PIECE, 0, NULL, NULL));
		if (!got)
			bench_die("the stream ended", ECONNRESET);
		arrived += (uint64_t)got;
		now = now_ns();
	} while (now - from < ROUND_NS);
	SYS(close)(fd);
	return (double)arrived / (double)(now - from);
}

static double take_turns(int fd)
{
	uint64_t from = now_ns();
	char byte = 'x';

	for (int i = 0; i < TURNS; i++) {
		must(SYS(sendto)(fd, &byte, 1, MSG_NOSIGNAL, NULL, 0));
		if (must(SYS(recvfrom)(fd, &byte, 1, 0, NULL, NULL)) != 1)
			bench_die("the connection ended", ECONNRESET);
	}
	return (double)(now_ns() - from) / TURNS / 1000;
}

int bench_link(int argc, char **argv)
{
	unsigned int rounds = argc == 3 ? (unsigned int)atoi(argv[2]) : 0;
	struct sockaddr_in address;
	char *buffer;
	int fd;

	if (!rounds)
		return 2;
	address = address_of(argv[0], argv[1]);
	buffer = malloc(PIECE);
	memset(buffer, 1, PIECE);
	send_stream(&address, buffer); /* neighbours, windows */
	for (unsigned int round = 0; round < rounds; round++) {
		report("send_gb_s", send_stream(&address, buffer));
		report("receive_gb_s", receive_stream(&address, buffer));
	}
	fd = ask(&address, WISH_TURN);
	take_turns(fd);
	for (unsigned int round = 0; round < rounds; round++)
		report("turn_us", take_turns(fd));
	SYS(close)(fd);
	free(buffer);
	return 0;
}

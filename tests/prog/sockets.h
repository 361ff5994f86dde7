/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockets.h - sockets over loopback for sockets.c: ends of connections, what poll says.
 */
#ifndef RUMP_TESTS_SOCKETS_H
#define RUMP_TESTS_SOCKETS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "report.h"

static const int one = 1;

static void check(int is_good, const char *what)
{
	if (is_good)
		return;
	perror(what);
	exit(1);
}

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t loopback(int family, union address *address)
{
	memset(address, 0, sizeof(*address));
	address->sa.sa_family = family;
	if (family == AF_INET) {
		address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(address->in);
	}
	address->in6.sin6_addr = in6addr_loopback;
	return sizeof(address->in6);
}

static int bound(int family, int type, union address *ret_address)
{
	int fd = socket(family, type, 0);
	socklen_t length = loopback(family, ret_address);

	check(fd >= 0 && !bind(fd, &ret_address->sa, length), "bind");
	check(!getsockname(fd, &ret_address->sa, &length), "getsockname");
	return fd;
}

static int listening(int family, union address *ret_address)
{
	int fd = bound(family, SOCK_STREAM, ret_address);

	check(!listen(fd, 8), "listen");
	return fd;
}

/* two ends of one connection */
static void connected(int family, int ends[2])
{
	union address address;
	int fd = listening(family, &address);

	ends[0] = socket(family, SOCK_STREAM, 0);
	check(!connect(ends[0], &address.sa, sizeof(address.in6)), "connect");
	ends[1] = accept(fd, NULL, NULL);
	check(ends[1] >= 0, "accept");
	setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(ends[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(fd);
}

static void both_close(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static const char *events(int fd, short wanted, int timeout)
{
	static char text[8][80];
	static int n;
	static const struct {
		short bit;
		const char *name;
	} names[] = {{POLLIN, "IN"},	   {POLLPRI, "PRI"},   {POLLOUT, "OUT"},
		     {POLLRDHUP, "RDHUP"}, {POLLERR, "ERR"},   {POLLHUP, "HUP"},
		     {POLLNVAL, "NVAL"},   {POLLRDNORM, "RN"}, {POLLWRNORM, "WN"}};
	struct pollfd poll_fd = {.fd = fd, .events = wanted};
	char *result = text[n = (n + 1) % 8];

	if (poll(&poll_fd, 1, timeout) < 0)
		return strerrorname_np(errno);
	*result = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (poll_fd.revents & names[i].bit)
			sprintf(result + strlen(result), "%s ", names[i].name);
	return result;
}
#define ALL (POLLIN | POLLPRI | POLLOUT | POLLRDHUP)

/* 10 s: until there is what is looked for, on whatever machine */
#define SOON 10000

static long option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, level, name, &value, &length))
		return -1;
	return length == sizeof(value) ? value : -(long)length;
}

#endif

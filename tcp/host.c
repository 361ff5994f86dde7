/* SPDX-License-Identifier: BSD-2-Clause */
/* host.c - time, waiting, and descriptors that the program does not see. */
#include <time.h>

#include "tcp.h"

static struct rumpsp_tcp_host host;

/*
 * Which descriptors are a server's, a bit for each number: a child of fork reads it
 * without a lock that another thread of its parent may have held.
 */
#define SERVER_FDS (1 << 20)
static _Atomic uint64_t server_fds[SERVER_FDS / 64];

unsigned long long host_now(void)
{
	struct timespec now;

	host_call(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * NSEC_PER_SEC + (unsigned long long)now.tv_nsec;
}

int host_poll(struct pollfd *fds, unsigned int count, unsigned long long until)
{
	struct timespec left = {0, 0};

	if (until > 1) {
		unsigned long long now = host_now();

		if (until > now) {
			left.tv_sec = (time_t)((until - now) / NSEC_PER_SEC);
			left.tv_nsec = (long)((until - now) % NSEC_PER_SEC);
		}
	}
	return (int)host_call(SYS_ppoll, fds, count, until ? &left : NULL, NULL, 0);
}

void set_host(const struct rumpsp_tcp_host *functions)
{
	host = *functions;
}

int fd_keep(int fd)
{
	return fd >= 0 && host.keep_fd ? host.keep_fd(fd) : fd;
}

void fd_drop(int fd)
{
	if (fd < 0)
		return;
	if (host.drop_fd)
		host.drop_fd(fd);
	else
		host_call(SYS_close, fd);
}

int fd_keep_server(int fd)
{
	fd = fd_keep(fd);
	if (fd >= 0 && fd < SERVER_FDS)
		atomic_fetch_or(&server_fds[fd / 64], 1ULL << (fd % 64));
	return fd;
}

void fd_drop_server(int fd)
{
	if (fd >= 0 && fd < SERVER_FDS)
		atomic_fetch_and(&server_fds[fd / 64], ~(1ULL << (fd % 64)));
	fd_drop(fd);
}

void server_forked(void)
{
	for (int word = 0; word < SERVER_FDS / 64; word++) {
		uint64_t bits = atomic_exchange(&server_fds[word], 0);

		for (; bits; bits &= bits - 1)
			fd_drop(word * 64 + __builtin_ctzll(bits));
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen.c - a server's sockets and the thread that accepts.
 *
 * A URL may lead to several addresses (localhost: two); all that the host has are bound,
 * and each must be loopback unless the options say otherwise.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "server.h"

#define BACKLOG 128
/* out of descriptors or memory: nothing tells when there are some again */
#define ACCEPT_PAUSE (NSEC_PER_SEC / 5)

/* ---- binding ---- */

static void set_flag(int fd, int level, int name, int value)
{
	host_call(SYS_setsockopt, fd, level, name, &value, sizeof(value));
}

/* A listening socket or -errno. */
static int listen_on(const struct address *address, bool takes_both)
{
	int family = address->storage.ss_family;
	long fd = host_call(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	long error;

	if (fd < 0)
		return (int)fd;
	set_flag((int)fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (family == AF_INET6)
		set_flag((int)fd, IPPROTO_IPV6, IPV6_V6ONLY, !takes_both);
	error = host_call(SYS_bind, fd, &address->storage, address->length);
	if (!error)
		error = host_call(SYS_listen, fd, BACKLOG);
	if (error) {
		host_call(SYS_close, fd);
		return (int)error;
	}
	return fd_keep_server((int)fd);
}

static int bind_failed(const struct address *address, int result, struct config_error *error)
{
	char text[ADDRESS_TEXT];

	address_text(address, text);
	if (result == -EADDRINUSE)
		config_error_set(error, "another server is there (", text, ")", NULL);
	else
		config_error_set(error, "cannot listen on ", text, ": ", strerror(-result), NULL);
	return result;
}

static int bind_all(struct rumpsp_tcp_server *server, struct config_error *error)
{
	const struct rump_url *url = server->how.url;
	struct address addresses[ADDRESSES_MAX];
	bool is_any = url->host_kind == RUMP_URL_HOST_ANY;
	int count = address_resolve(url, true, addresses, error), absent = 0, fd;

	if (count < 0)
		return count;
	for (int i = 0; i < count && !server->how.is_any_address; i++) {
		char text[ADDRESS_TEXT];

		if (!is_any && address_is_loopback(&addresses[i]))
			continue;
		address_text(&addresses[i], text);
		config_error_set(error, "other hosts could connect to ", text,
				 "; that must be allowed (--any-address)", NULL);
		return -EPERM;
	}
	for (int i = 0; i < count; i++) {
		fd = listen_on(&addresses[i], is_any);
		if (fd >= 0) {
			server->sockets[server->socket_count++] = fd;
			if (is_any)
				return 0;
		} else if (i + 1 - absent < count &&
			   (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)) {
			/* localhost has ::1, the host has no IPv6 */
			absent++;
		} else {
			return bind_failed(&addresses[i], fd, error);
		}
	}
	if (!server->socket_count)
		return bind_failed(&addresses[0], -EADDRNOTAVAIL, error);
	return 0;
}

/* ---- accepting ---- */

static void drain(int wake)
{
	uint64_t count;

	host_call(SYS_read, wake, &count, sizeof(count));
}

/* 0, or how long to pause */
static unsigned long long accept_one(struct rumpsp_tcp_server *server, int socket)
{
	struct address address = {.length = sizeof(address.storage)};
	long fd = host_call(SYS_accept4, socket, &address.storage, &address.length, SOCK_CLOEXEC);

	switch (fd) {
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		server_log(server, "a client", strerror((int)-fd));
		return ACCEPT_PAUSE;
	}
	/* the rest are errors of that connection, which has gone */
	if (fd >= 0)
		guest_welcome(server, fd_keep_server((int)fd), &address);
	return 0;
}

static void accept_all(void *arg)
{
	struct rumpsp_tcp_server *server = arg;
	struct pollfd fds[1 + ADDRESSES_MAX];
	unsigned long long pause = 0;

	while (!atomic_load(&server->is_stopping)) {
		bool is_open = !pause && !guests_are_too_many(server);
		unsigned int count = 1;

		fds[0] = (struct pollfd){.fd = server->wake, .events = POLLIN};
		for (int i = 0; is_open && i < server->socket_count; i++)
			fds[count++] = (struct pollfd){.fd = server->sockets[i], .events = POLLIN};
		host_poll(fds, count, pause ? host_now() + pause : 0);
		pause = 0;
		if (fds[0].revents)
			drain(server->wake);
		for (unsigned int i = 1; i < count && !pause; i++) {
			if (fds[i].revents)
				pause = accept_one(server, fds[i].fd);
		}
	}
	server_is_less_busy(server);
	server_put(server);
}

static void close_sockets(struct rumpsp_tcp_server *server)
{
	for (int i = 0; i < server->socket_count; i++)
		fd_drop_server(server->sockets[i]);
	server->socket_count = 0;
}

int tcp_serve(const struct rumpsp_tcp_serve *how, struct rumpsp_tcp_server **ret_server,
	      struct config_error *error)
{
	struct rumpsp_tcp_server *server = calloc(1, sizeof(*server));
	long wake = -1;
	int result;

	if (!server) {
		config_error_set(error, strerror(ENOMEM), NULL);
		return address_error(how->url, -ENOMEM, error);
	}
	server->how = *how;
	result = bind_all(server, error);
	server->how.url = NULL; /* the caller's */
	if (result)
		goto failed;
	wake = host_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake >= 0)
		server->wake = fd_keep_server((int)wake);
	/* this thread and the accepting one */
	atomic_store(&server->users, 2);
	atomic_store(&server->busy, 1);
	result = wake < 0 ? (int)wake : how->thread(accept_all, server, "rump-sp-tcp");
	if (result) {
		config_error_set(error, strerror(-result), NULL);
		if (wake >= 0)
			fd_drop_server(server->wake);
		goto failed;
	}
	*ret_server = server;
	return 0;
failed:
	close_sockets(server);
	free(server);
	return address_error(how->url, result, error);
}

void tcp_stop(struct rumpsp_tcp_server *server)
{
	uint64_t one = 1;
	unsigned int busy;

	atomic_store(&server->is_stopping, 1);
	host_call(SYS_write, server->wake, &one, sizeof(one));
	guests_cut(server);
	while ((busy = atomic_load(&server->busy)))
		host_call(SYS_futex, &server->busy, FUTEX_WAIT_PRIVATE, busy, NULL);
	close_sockets(server);
	server_put(server);
}

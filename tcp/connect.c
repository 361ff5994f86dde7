/* SPDX-License-Identifier: BSD-2-Clause */
/* connect.c - a client's way to a stream: addresses, handshake, what it is for. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <string.h>

#include "tcp.h"

#define CONNECT_TIMEOUT (10 * NSEC_PER_SEC)

/* a host that is gone is noticed within half a minute: seconds, and probes */
#define KEEP_IDLE 10
#define KEEP_INTERVAL 5
#define KEEP_PROBES 3
#define UNANSWERED_MS 25000

static void set_option(int fd, int level, int name, int value)
{
	host_call(SYS_setsockopt, fd, level, name, &value, sizeof(value));
}

void socket_prepare(int fd, bool is_patient)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
	/* also ends what is sent to a peer whose host lives, but which does not read */
	if (!is_patient)
		set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNANSWERED_MS);
}

/* The result of a connect(2) that has begun. */
static int wait_connected(int fd, unsigned long long until)
{
	struct pollfd poll = {.fd = fd, .events = POLLOUT};
	int error = 0, ready;
	socklen_t size = sizeof(error);

	do {
		ready = host_poll(&poll, 1, until);
	} while (ready == -EINTR);
	if (ready <= 0)
		return ready ? ready : -ETIMEDOUT;
	host_call(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return -error;
}

/* A blocking, connected socket or -errno. */
static int connect_address(const struct address *address, unsigned long long until)
{
	long fd = host_call(SYS_socket, address->storage.ss_family,
			    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	long error;

	if (fd < 0)
		return (int)fd;
	error = host_call(SYS_connect, fd, &address->storage, address->length);
	/* a handler does not stop what has begun */
	if (error == -EINPROGRESS || error == -EINTR)
		error = wait_connected((int)fd, until);
	if (!error)
		error = host_call(SYS_fcntl, fd, F_SETFL, O_RDWR);
	if (error) {
		host_call(SYS_close, fd);
		return (int)error;
	}
	socket_prepare((int)fd, false);
	return (int)fd;
}

static int connect_url(const struct rump_url *url, unsigned long long until,
		       struct config_error *error)
{
	struct address addresses[ADDRESSES_MAX];
	int count = address_resolve(url, false, addresses, error), fd = -ENOENT;

	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		/* what is left for the others is not used up by one that says nothing */
		unsigned long long now = host_now();
		unsigned long long share =
			now < until ? now + (until - now) / (unsigned)(count - i) : until;

		fd = connect_address(&addresses[i], share);
		if (fd >= 0)
			return fd;
	}
	config_error_set(error, strerror(-fd), NULL);
	return fd;
}

/* The first record, and what the server says to it. */
static int open_stream(struct rumpsp_tcp *stream, const struct rumpsp_tcp_connect *how,
		       unsigned long long until, struct config_error *error)
{
	struct rump_sp_open open = {
		.magic = RUMP_SP_MAGIC, .version = RUMP_SP_VERSION, .kind = how->kind};
	struct iovec piece = {&open, sizeof(open)};
	struct rump_sp_opened opened;
	long length;
	int result;

	if (how->cookie)
		memcpy(open.cookie.bytes, how->cookie, sizeof(open.cookie.bytes));
	result = stream_send(stream, &piece, 1);
	sodium_memzero(&open, sizeof(open));
	if (result) {
		config_error_set(error, "the server closed the connection", NULL);
		return -ECONNRESET;
	}
	do {
		length = stream_receive(stream, &opened, sizeof(opened), until);
	} while (length == -EINTR);
	if (length == -EAGAIN) {
		config_error_set(error, "no answer in time", NULL);
		return -ETIMEDOUT;
	}
	if (length < 0) {
		config_error_set(error, "the server closed the connection", NULL);
		return -ECONNRESET;
	}
	if (length != sizeof(opened) || opened.magic != RUMP_SP_MAGIC) {
		config_error_set(error, "the server's answer is not one", NULL);
		return -EPROTO;
	}
	if (opened.version != RUMP_SP_VERSION) {
		config_error_set(error, "the server speaks version ",
				 config_number(opened.version).text,
				 " of the protocol, this is version ",
				 config_number(RUMP_SP_VERSION).text, NULL);
		return -EPROTO;
	}
	if (opened.error < 0 || opened.error > 4095)
		opened.error = EPROTO;
	if (opened.error)
		config_error_set(error, "the server refuses: ", strerror(opened.error), NULL);
	return -opened.error;
}

int tcp_connect(const struct rumpsp_tcp_connect *how, struct rumpsp_tcp **ret_stream,
		struct config_error *error)
{
	unsigned long long until = host_now() + (how->timeout ? how->timeout : CONNECT_TIMEOUT);
	struct rumpsp_tcp *stream;
	int fd, result;

	fd = connect_url(how->url, until, error);
	if (fd < 0)
		return address_error(how->url, fd, error);
	fd = fd_keep(fd);
	stream = stream_new(fd, false);
	if (!stream) {
		fd_drop(fd);
		config_error_set(error, strerror(ENOMEM), NULL);
		return address_error(how->url, -ENOMEM, error);
	}
	result = handshake_client(stream, how->secret, until, error);
	if (!result)
		result = open_stream(stream, how, until, error);
	if (result) {
		stream_close(stream, 1);
		return address_error(how->url, result, error);
	}
	*ret_stream = stream;
	return 0;
}

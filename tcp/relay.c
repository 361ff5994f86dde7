/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay.c - between the stream of a client's control connection and the server.
 *
 * The server sees a unix client.  Messages pass as they are but for three things: HELLO and
 * CHANNEL lose what means something on the server's own host only, CHANNEL_END stays here
 * (a channel ends with its connection), and where the server sends a descriptor the client
 * gets a cookie for it.
 */
#include <stdlib.h>
#include <string.h>

#include "server.h"

/* how often parcels that nobody fetches are looked at, while there are some */
#define PARCEL_LOOK NSEC_PER_SEC

struct relay {
	struct rumpsp_tcp *stream;
	struct session *session;
	size_t pending; /* bytes of `to_server`, which has no room for them yet */
	uint8_t to_server[RUMP_SP_MESSAGE_MAX];
	uint8_t message[RUMP_SP_MESSAGE_MAX]; /* from the server */
};

/* ---- from the client ---- */

long relay_from_client(uint8_t *message, size_t length)
{
	struct rump_sp_channel_open channel;
	struct rump_sp_message head;
	struct rump_sp_hello hello;

	/* a packet of no bytes would read as the end */
	if (length < sizeof(head) || length > RUMP_SP_MESSAGE_MAX)
		return -EPROTO;
	memcpy(&head, message, sizeof(head));
	if (head.length != length)
		return -EPROTO;
	if (head.type == RUMP_SP_CHANNEL_END)
		return 0;
	if (head.type == RUMP_SP_HELLO && length >= sizeof(hello)) {
		/* whatever the server takes them for, they are no address of its own process */
		memcpy(&hello, message, sizeof(hello));
		hello.pid = 0;
		hello.probe_address = 0;
		hello.probe_value = 0;
		memcpy(message, &hello, sizeof(hello));
	}
	if (head.type == RUMP_SP_CHANNEL && length >= sizeof(channel)) {
		memcpy(&channel, message, sizeof(channel));
		channel.tid = 0;
		memcpy(message, &channel, sizeof(channel));
	}
	return (long)length;
}

/* 0, with it still pending when there is no room, or -errno. */
static int send_pending(struct relay *relay)
{
	long sent = host_call(SYS_sendto, relay->session->fd, relay->to_server, relay->pending,
			      MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);

	if (sent == -EAGAIN || sent == -EINTR)
		return 0;
	if (sent < 0)
		return (int)sent;
	relay->pending = 0;
	return 0;
}

/* Takes one message that has come: 1, 0: there is none, or -errno. */
static int from_client(struct relay *relay)
{
	const uint8_t *here;
	long length = stream_receive_here(relay->stream, &here, 1);

	if (length < 0)
		return length == -EAGAIN || length == -EINTR ? 0 : (int)length;
	if (length > (long)sizeof(relay->to_server))
		return -EPROTO;
	memcpy(relay->to_server, here, (size_t)length);
	length = relay_from_client(relay->to_server, (size_t)length);
	if (length < 0)
		return (int)length;
	relay->pending = (size_t)length;
	return 1;
}

/* ---- from the server ---- */

/* The first descriptor that came, -1: none. Others are closed. */
static int received_fd(struct msghdr *header)
{
	int fd = -1;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int one;

			memcpy(&one, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
			if (fd < 0)
				fd = one;
			else
				host_call(SYS_close, one);
		}
	}
	return fd_keep_server(fd);
}

/* A cookie for the descriptor that came with the message. */
static int parcel_for(struct relay *relay, const struct rump_sp_message *head, size_t length,
		      int fd, struct rump_sp_cookie *ret_cookie)
{
	struct rump_sp_channel_answer answer;

	if (head->type == RUMP_SP_EVENT)
		return parcel_put(relay->session, RUMP_SP_OPEN_EVENT, fd, 0, ret_cookie);
	if (head->type == RUMP_SP_SOCKET)
		return parcel_put(relay->session, RUMP_SP_OPEN_FORKED, fd, 0, ret_cookie);
	if (head->type == RUMP_SP_CHANNEL && head->is_answer && length >= sizeof(answer)) {
		memcpy(&answer, relay->message, sizeof(answer));
		return parcel_put(relay->session, RUMP_SP_OPEN_CHANNEL, fd, answer.channel,
				  ret_cookie);
	}
	fd_drop_server(fd);
	return -EPROTO;
}

/* Takes one message: 1, 0: there is none, or -errno. */
static int from_server(struct relay *relay)
{
	union {
		char room[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec space = {relay->message, sizeof(relay->message)};
	struct msghdr header = {
		.msg_iov = &space,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct rump_sp_cookie cookie;
	struct iovec pieces[2] = {{relay->message, 0}, {&cookie, 0}};
	struct rump_sp_message head;
	long length = host_call(SYS_recvmsg, relay->session->fd, &header,
				MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int fd, error;

	if (length == -EAGAIN || length == -EINTR)
		return 0;
	if (length <= 0)
		return length ? (int)length : -ENOTCONN;
	fd = received_fd(&header);
	if (length < (long)sizeof(head) || (header.msg_flags & MSG_TRUNC)) {
		fd_drop_server(fd);
		return -EPROTO;
	}
	memcpy(&head, relay->message, sizeof(head));
	pieces[0].iov_len = (size_t)length;
	if (fd >= 0) {
		error = parcel_for(relay, &head, (size_t)length, fd, &cookie);
		if (error)
			return error;
		pieces[1].iov_len = sizeof(cookie);
		head.length += sizeof(cookie);
		memcpy(relay->message, &head, sizeof(head));
	}
	error = stream_send(relay->stream, pieces, 2);
	return error ? error : 1;
}

/* ---- both ---- */

/* Until nothing more goes on without waiting: 0 or -errno. */
static int pass_on(struct relay *relay)
{
	for (;;) {
		/*
		 * The server's first: what it said before it hung up shall arrive, and it must
		 * not find its socket full because the client talks all the time.
		 */
		int is_busy = from_server(relay), result = 0;

		if (is_busy < 0)
			return is_busy;
		if (!relay->pending)
			result = from_client(relay);
		if (result < 0)
			return result;
		if (relay->pending) {
			int error = send_pending(relay);

			if (error)
				return error;
			result = !relay->pending;
		}
		if (!is_busy && !result)
			return 0;
	}
}

static void run(struct relay *relay)
{
	/* what came behind the handshake is in the stream's buffer already: no poll first */
	while (!pass_on(relay)) {
		struct pollfd fds[2] = {
			{.fd = stream_fd(relay->stream), .events = POLLIN},
			{.fd = relay->session->fd, .events = POLLIN},
		};
		unsigned long long until = 0, quiet_until = stream_quiet_until(relay->stream);
		int ready;

		if (parcels_drop(relay->session, false))
			until = host_now() + PARCEL_LOOK;
		if (relay->pending) {
			fds[0].fd = -1;
			fds[1].events |= POLLOUT;
		} else if (quiet_until && (!until || quiet_until < until)) {
			until = quiet_until;
		}
		ready = host_poll(fds, 2, until);
		if (ready < 0 && ready != -EINTR)
			break;
	}
}

void relay_control(struct rumpsp_tcp_server *server, struct rumpsp_tcp *stream, int fd)
{
	struct relay *relay = malloc(sizeof(*relay));
	struct session *session = session_new(server, fd);

	if (relay && session) {
		relay->stream = stream;
		relay->session = session;
		relay->pending = 0;
		run(relay);
	}
	if (session) {
		session_end(session);
		session_put(session);
	} else {
		fd_drop_server(fd);
	}
	free(relay);
}

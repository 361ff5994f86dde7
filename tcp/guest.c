/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - a connection from accept() until it has said what it is for.
 *
 * Each has a thread, which becomes its relay.  Strangers hold little and not for long:
 * a handshake has HANDSHAKE_TIMEOUT, and when there are many the oldest ones make room,
 * so that a flood of silent connections cannot keep a client out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

#define GUESTS_MAX 64	    /* from then on the oldest is cut for each that comes */
#define GUESTS_TOO_MANY 128 /* they do not end as fast as they come: wait for some */

#define LOG_WINDOW (10 * NSEC_PER_SEC)
#define LOG_LINES 10

struct guest {
	struct guest *next;
	struct rumpsp_tcp_server *server;
	struct rumpsp_tcp *stream;
	bool is_cut;
	char peer[ADDRESS_TEXT];
};

/* ---- the log ---- */

/* Strangers decide how often this is called: a few lines in a while. */
void server_log(struct rumpsp_tcp_server *server, const char *peer, const char *text)
{
	unsigned long long now = host_now();
	unsigned int count, left_out = 0;
	char line[CONFIG_ERROR_SIZE + 128];

	host_lock(&server->lock);
	if (now - server->log_window >= LOG_WINDOW) {
		left_out = server->log_count > LOG_LINES ? server->log_count - LOG_LINES : 0;
		server->log_window = now;
		server->log_count = 0;
	}
	count = ++server->log_count;
	host_unlock(&server->lock);
	if (count > LOG_LINES || atomic_load(&server->is_stopping) || !server->how.log)
		return;
	if (left_out) {
		snprintf(line, sizeof(line), "tcp: %u such lines were left out", left_out);
		server->how.log(server->how.arg, line);
	}
	snprintf(line, sizeof(line), "tcp: %s %s", peer, text);
	server->how.log(server->how.arg, line);
}

void server_is_less_busy(struct rumpsp_tcp_server *server)
{
	uint64_t one = 1;

	/* the accepting thread may wait for room */
	host_call(SYS_write, server->wake, &one, sizeof(one));
	if (atomic_fetch_sub(&server->busy, 1) == 1)
		host_call(SYS_futex, &server->busy, FUTEX_WAKE_PRIVATE, 1);
}

void server_put(struct rumpsp_tcp_server *server)
{
	if (atomic_fetch_sub(&server->users, 1) != 1)
		return;
	fd_drop_server(server->wake);
	free(server);
}

/* ---- the list ---- */

static void list_guest(struct guest *guest)
{
	struct rumpsp_tcp_server *server = guest->server;
	struct guest **at = &server->guests, *oldest;

	host_lock(&server->lock);
	for (oldest = server->guests; oldest && oldest->is_cut; oldest = oldest->next)
		;
	if (server->guest_count >= GUESTS_MAX && oldest) {
		stream_cut(oldest->stream);
		oldest->is_cut = true;
	}
	while (*at)
		at = &(*at)->next;
	*at = guest;
	server->guest_count++;
	host_unlock(&server->lock);
}

static void unlist_guest(struct guest *guest)
{
	struct rumpsp_tcp_server *server = guest->server;
	struct guest **at = &server->guests;

	host_lock(&server->lock);
	while (*at != guest)
		at = &(*at)->next;
	*at = guest->next;
	server->guest_count--;
	host_unlock(&server->lock);
}

bool guests_are_too_many(struct rumpsp_tcp_server *server)
{
	bool result;

	host_lock(&server->lock);
	result = server->guest_count >= GUESTS_TOO_MANY;
	host_unlock(&server->lock);
	return result;
}

void guests_cut(struct rumpsp_tcp_server *server)
{
	host_lock(&server->lock);
	for (struct guest *guest = server->guests; guest; guest = guest->next)
		stream_cut(guest->stream);
	host_unlock(&server->lock);
}

/* ---- one of them ---- */

/* A new client of the server's: our end of its control connection, or -errno. */
static int open_control(struct guest *guest)
{
	struct rumpsp_tcp_server *server = guest->server;
	int fds[2];
	long error;

	if (atomic_load(&server->is_stopping))
		return -ECONNREFUSED;
	error = host_call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds);
	if (error)
		return (int)error;
	error = server->how.connected(server->how.arg, fds[1], guest->peer);
	if (error) {
		host_call(SYS_close, fds[0]);
		return (int)error;
	}
	return fd_keep_server(fds[0]);
}

static int say_opened(struct rumpsp_tcp *stream, int error)
{
	struct rump_sp_opened opened = {
		.magic = RUMP_SP_MAGIC, .version = RUMP_SP_VERSION, .error = error};
	struct iovec piece = {&opened, sizeof(opened)};

	return stream_send(stream, &piece, 1);
}

/* The first record: 0 or -errno. */
static int receive_open(struct rumpsp_tcp *stream, unsigned long long until,
			struct rump_sp_open *ret_open)
{
	long length;

	do {
		length = stream_receive(stream, ret_open, sizeof(*ret_open), until);
	} while (length == -EINTR);
	if (length < 0)
		return (int)length;
	if (length != sizeof(*ret_open) || ret_open->magic != RUMP_SP_MAGIC ||
	    ret_open->version != RUMP_SP_VERSION)
		return -EPROTO;
	return 0;
}

/* What the relay then works on. */
struct opened {
	int control;
	struct parcel *parcel;
};

static int open_what(struct guest *guest, const struct rump_sp_open *open,
		     struct opened *ret_opened)
{
	*ret_opened = (struct opened){.control = -1};
	switch (open->kind) {
	case RUMP_SP_OPEN_CONTROL:
		ret_opened->control = open_control(guest);
		return ret_opened->control < 0 ? ret_opened->control : 0;
	case RUMP_SP_OPEN_FORKED:
	case RUMP_SP_OPEN_CHANNEL:
	case RUMP_SP_OPEN_EVENT:
		ret_opened->parcel = parcel_take(guest->server, open->kind, &open->cookie);
		return ret_opened->parcel ? 0 : -ENOENT;
	}
	return -EPROTO;
}

/* 0, or it is told and over. */
static int let_in(struct guest *guest, struct rump_sp_open *ret_open, struct opened *ret_opened)
{
	struct rumpsp_tcp_server *server = guest->server;
	unsigned long long until = host_now() + HANDSHAKE_TIMEOUT;
	struct config_error error = {""};
	int result;

	result = handshake_server(guest->stream, server->how.secret, until, &error);
	if (result) {
		server_log(server, guest->peer, error.text);
		return result;
	}
	result = receive_open(guest->stream, until, ret_open);
	if (!result)
		result = open_what(guest, ret_open, ret_opened);
	if (result != -ENOTCONN && say_opened(guest->stream, -result) && !result)
		result = -ENOTCONN;
	if (!result)
		return 0;
	if (ret_opened->control >= 0)
		fd_drop_server(ret_opened->control);
	if (ret_opened->parcel)
		parcel_free(ret_opened->parcel);
	server_log(server, guest->peer, strerror(-result));
	return result;
}

static void guest_main(void *arg)
{
	struct guest *guest = arg;
	struct rumpsp_tcp_server *server = guest->server;
	struct rumpsp_tcp *stream = guest->stream;
	struct opened opened = {.control = -1};
	char peer[ADDRESS_TEXT];
	struct rump_sp_open open = {0};
	int result = let_in(guest, &open, &opened);

	unlist_guest(guest);
	memcpy(peer, guest->peer, sizeof(peer));
	free(guest);
	server_is_less_busy(server);
	if (result) {
		/* it has been told why */
	} else if (open.kind == RUMP_SP_OPEN_CHANNEL) {
		socket_prepare(stream_fd(stream), true);
		relay_channel(stream, opened.parcel);
	} else if (open.kind == RUMP_SP_OPEN_EVENT) {
		socket_prepare(stream_fd(stream), true);
		relay_event(stream, opened.parcel);
	} else {
		socket_prepare(stream_fd(stream), false);
		if (opened.parcel) {
			opened.control = opened.parcel->fd;
			opened.parcel->fd = -1;
			parcel_free(opened.parcel);
		}
		relay_control(server, stream, opened.control);
	}
	if (stream_is_late(stream))
		server_log(server, peer, "a message has begun and does not go on");
	stream_close(stream, 1);
	server_put(server);
}

void guest_welcome(struct rumpsp_tcp_server *server, int fd, const struct address *address)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	int error = ENOMEM;

	if (!guest)
		goto no_guest;
	guest->server = server;
	address_text(address, guest->peer);
	guest->stream = stream_new(fd, true);
	if (!guest->stream)
		goto no_stream;
	atomic_fetch_add(&server->users, 1);
	atomic_fetch_add(&server->busy, 1);
	list_guest(guest);
	error = -server->how.thread(guest_main, guest, "rump-sp-tcp");
	if (!error)
		return;
	unlist_guest(guest);
	server_is_less_busy(server);
	server_put(server);
	server_log(server, guest->peer, strerror(error));
	stream_close(guest->stream, 1);
	free(guest);
	return;
no_stream:
	free(guest);
no_guest:
	fd_drop_server(fd);
	server_log(server, "a client", strerror(error));
}

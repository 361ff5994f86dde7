/* SPDX-License-Identifier: BSD-2-Clause */
/* server.h - what the files of the server's side share.  One block for each file. */
#ifndef RUMPSP_TCP_SERVER_H
#define RUMPSP_TCP_SERVER_H

#include "tcp.h"

struct guest;
struct parcel;

struct rumpsp_tcp_server {
	struct rumpsp_tcp_serve how;
	_Atomic unsigned int users; /* threads, and who will call stop() */
	_Atomic unsigned int is_stopping;
	int sockets[ADDRESSES_MAX], socket_count;
	int wake; /* eventfd: the accepting thread shall look */

	struct host_lock lock; /* of all below */
	struct guest *guests;  /* connections in their handshake, oldest first */
	unsigned int guest_count;
	_Atomic unsigned int busy; /* threads that stop() waits for */
	struct parcel *parcels;
	unsigned long long log_window; /* lines are counted from then on */
	unsigned int log_count;
};

/* ---- listen.c ---- */
int tcp_serve(const struct rumpsp_tcp_serve *how, struct rumpsp_tcp_server **ret_server,
	      struct config_error *error);
void tcp_stop(struct rumpsp_tcp_server *server);

/* ---- guest.c ---- */
/* a connection that was accepted, which it owns; unauthenticated ones are few at once */
void guest_welcome(struct rumpsp_tcp_server *server, int fd, const struct address *address);
/* too many: accept no more for now */
bool guests_are_too_many(struct rumpsp_tcp_server *server);
void guests_cut(struct rumpsp_tcp_server *server);
void server_log(struct rumpsp_tcp_server *server, const char *peer, const char *text);
/* one thread less that stop() waits for */
void server_is_less_busy(struct rumpsp_tcp_server *server);
void server_put(struct rumpsp_tcp_server *server);

/* ---- session.c ---- */
/* a control connection that is relayed, and the channels of that client */
struct session {
	struct rumpsp_tcp_server *server;
	_Atomic unsigned int users;
	int fd; /* our end of the server's control connection */

	struct host_lock lock; /* of all below */
	bool is_over;
	struct session_channel {
		struct session_channel *next;
		struct rumpsp_tcp *stream;
	} * channels;
};

/* owns fd on success; NULL without memory */
struct session *session_new(struct rumpsp_tcp_server *server, int fd);
void session_put(struct session *session);
/* its channels and parcels end */
void session_end(struct session *session);
/* false: the session is over */
bool session_attach(struct session *session, struct session_channel *channel);
void session_detach(struct session *session, struct session_channel *channel);
/* tells the server that nobody uses the channel any more */
void session_channel_end(struct session *session, uint32_t number);

/* a descriptor that waits for the connection that brings its cookie */
struct parcel {
	struct parcel *next;
	struct rump_sp_cookie cookie;
	uint32_t kind;	  /* RUMP_SP_OPEN_FORKED, _CHANNEL or _EVENT */
	uint32_t channel; /* its number */
	int fd;
	struct session *session; /* who asked for it; a reference */
	unsigned long long until;
};

/* owns fd, also on failure */
int parcel_put(struct session *session, uint32_t kind, int fd, uint32_t channel,
	       struct rump_sp_cookie *ret_cookie);
/* NULL: there is none; the caller frees it with parcel_free(), or keeps parts of it */
struct parcel *parcel_take(struct rumpsp_tcp_server *server, uint32_t kind,
			   const struct rump_sp_cookie *cookie);
void parcel_free(struct parcel *parcel);
/* drops those of the session that are too old, or all: whether some are left */
bool parcels_drop(struct session *session, bool is_all);

/* ---- relay.c ---- */
/* until one side hangs up; fd: our end of the server's control connection, which it owns */
void relay_control(struct rumpsp_tcp_server *server, struct rumpsp_tcp *stream, int fd);
/* what a message of the client's becomes: its length for the server, 0: nothing, or -EPROTO */
long relay_from_client(uint8_t *message, size_t length);

/* ---- relay_event.c ---- */
/* until one side hangs up; owns the parcel */
void relay_event(struct rumpsp_tcp *stream, struct parcel *parcel);

/* ---- relay_channel.c ---- */
/* until one side hangs up; owns the parcel */
void relay_channel(struct rumpsp_tcp *stream, struct parcel *parcel);
struct channel_relay {
	struct rump_sp_channel *channel;
	uint32_t request;	      /* the last one */
	uint32_t size;		      /* bytes of the channel's memory */
	struct rump_sp_answer answer; /* the last one, of no kind before it */
};
/* puts a request of the client's into the channel: 0 or -EPROTO */
int relay_request(struct channel_relay *relay, const uint8_t *message, size_t length);
/* sleeps until it is answered: 0 or -ENOTCONN when the server has gone from the channel */
int relay_wait(struct channel_relay *relay);

#endif

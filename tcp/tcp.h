/* SPDX-License-Identifier: BSD-2-Clause */
/* tcp.h - what the files of tcp/ share.  One block for each file. */
#ifndef RUMPSP_TCP_PRIVATE_H
#define RUMPSP_TCP_PRIVATE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "rumpsp_tcp.h"
#include "host.h"

/* a peer that says nothing is left after that */
#define HANDSHAKE_TIMEOUT (5 * NSEC_PER_SEC)

/* ---- host.c ---- */
void set_host(const struct rumpsp_tcp_host *functions);
void server_forked(void);

/* ---- secret.c ---- */
int secret_read(const char *path, uint8_t ret_secret[RUMP_SP_SECRET_SIZE],
		struct config_error *error);

/* ---- stream.c ---- */
struct stream_keys {
	uint8_t send[32], receive[32];
	uint8_t receive_header[24];
};

/* an empty one for the socket, which it owns on success: NULL without memory */
struct rumpsp_tcp *stream_new(int fd, bool is_server);
/* chooses the start of what is sent, to be told to the peer */
void stream_start_send(struct rumpsp_tcp *stream, const uint8_t key[32], uint8_t ret_header[24]);
int stream_start_receive(struct rumpsp_tcp *stream, const uint8_t key[32],
			 const uint8_t header[24]);
int stream_fd(const struct rumpsp_tcp *stream);
int stream_send(struct rumpsp_tcp *stream, const struct iovec *pieces, unsigned int count);
/* as receive() of the table; the message stays where it is until the next call */
long stream_receive_here(struct rumpsp_tcp *stream, const uint8_t **ret_message,
			 unsigned long long until);
long stream_receive(struct rumpsp_tcp *stream, void *message, size_t size,
		    unsigned long long until);
/* when receiving has to be tried again, be there anything or not; 0: no matter */
unsigned long long stream_quiet_until(const struct rumpsp_tcp *stream);
/* it was lost because the peer fell silent inside of a message */
bool stream_is_late(const struct rumpsp_tcp *stream);
/* nothing goes in or out any more; wakes who waits */
void stream_cut(struct rumpsp_tcp *stream);
void stream_close(struct rumpsp_tcp *stream, int is_ours);
int stream_save(struct rumpsp_tcp *stream, int *ret_fd);
void stream_unsave(struct rumpsp_tcp *stream, int fd);
int stream_load(int fd, struct rumpsp_tcp **ret_stream);

/* ---- handshake.c ---- */
int handshake_client(struct rumpsp_tcp *stream, const uint8_t secret[RUMP_SP_SECRET_SIZE],
		     unsigned long long until, struct config_error *error);
/* the error's text is for the server's log */
int handshake_server(struct rumpsp_tcp *stream, const uint8_t secret[RUMP_SP_SECRET_SIZE],
		     unsigned long long until, struct config_error *error);

/* ---- address.c ---- */
#define ADDRESSES_MAX 16
#define ADDRESS_TEXT 64

struct address {
	struct sockaddr_storage storage;
	socklen_t length;
};

/* where the URL leads, for connecting or for binding: their number or -errno */
int address_resolve(const struct rump_url *url, bool is_server, struct address *ret_addresses,
		    struct config_error *error);
bool address_is_loopback(const struct address *address);
/* "127.0.0.1:80", "[::1]:80" */
void address_text(const struct address *address, char text[ADDRESS_TEXT]);
/* "tcp://host:port" in front of the text that is there; result */
int address_error(const struct rump_url *url, int result, struct config_error *error);

/* ---- connect.c ---- */
/* no delay, dead peers noticed; is_patient: but not one that only does not read */
void socket_prepare(int fd, bool is_patient);
int tcp_connect(const struct rumpsp_tcp_connect *how, struct rumpsp_tcp **ret_stream,
		struct config_error *error);

/* ---- turn.c ---- */
int turn_send(struct rumpsp_tcp *stream, struct rump_sp_channel *channel);
int turn_receive(struct rumpsp_tcp *stream, struct rump_sp_channel *channel);

#endif

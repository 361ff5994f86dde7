/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.c - what a relayed control connection has: channels, and descriptors that wait
 * to be fetched by a connection of their own.
 *
 * A cookie is known to the one client that it was sent to, over its encrypted stream; it
 * is good once and for RUMP_SP_COOKIE_SECONDS.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

struct session *session_new(struct rumpsp_tcp_server *server, int fd)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->server = server;
	session->fd = fd;
	atomic_store(&session->users, 1);
	atomic_fetch_add(&server->users, 1);
	return session;
}

void session_put(struct session *session)
{
	if (atomic_fetch_sub(&session->users, 1) != 1)
		return;
	server_put(session->server);
	free(session);
}

void session_end(struct session *session)
{
	host_lock(&session->lock);
	session->is_over = true;
	for (struct session_channel *channel = session->channels; channel; channel = channel->next)
		stream_cut(channel->stream);
	fd_drop_server(session->fd);
	host_unlock(&session->lock);
	parcels_drop(session, true);
}

bool session_attach(struct session *session, struct session_channel *channel)
{
	bool is_over;

	host_lock(&session->lock);
	is_over = session->is_over;
	if (!is_over) {
		channel->next = session->channels;
		session->channels = channel;
	}
	host_unlock(&session->lock);
	return !is_over;
}

void session_detach(struct session *session, struct session_channel *channel)
{
	struct session_channel **at = &session->channels;

	host_lock(&session->lock);
	while (*at != channel)
		at = &(*at)->next;
	*at = channel->next;
	host_unlock(&session->lock);
}

void session_channel_end(struct session *session, uint32_t number)
{
	struct rump_sp_channel_end end = {
		.head = {.length = sizeof(end), .type = RUMP_SP_CHANNEL_END},
		.channel = number,
	};

	host_lock(&session->lock);
	/* the server's control thread always reads */
	if (!session->is_over)
		host_call(SYS_sendto, session->fd, &end, sizeof(end), MSG_NOSIGNAL, NULL, 0);
	host_unlock(&session->lock);
}

/* ---- parcels ---- */

int parcel_put(struct session *session, uint32_t kind, int fd, uint32_t channel,
	       struct rump_sp_cookie *ret_cookie)
{
	struct rumpsp_tcp_server *server = session->server;
	struct parcel *parcel = calloc(1, sizeof(*parcel));

	if (!parcel) {
		fd_drop_server(fd);
		return -ENOMEM;
	}
	randombytes_buf(&parcel->cookie, sizeof(parcel->cookie));
	parcel->kind = kind;
	parcel->fd = fd;
	parcel->channel = channel;
	parcel->session = session;
	parcel->until = host_now() + RUMP_SP_COOKIE_SECONDS * NSEC_PER_SEC;
	atomic_fetch_add(&session->users, 1);
	*ret_cookie = parcel->cookie;

	host_lock(&server->lock);
	parcel->next = server->parcels;
	server->parcels = parcel;
	host_unlock(&server->lock);
	return 0;
}

struct parcel *parcel_take(struct rumpsp_tcp_server *server, uint32_t kind,
			   const struct rump_sp_cookie *cookie)
{
	unsigned long long now = host_now();
	struct parcel **at, *found = NULL;

	host_lock(&server->lock);
	for (at = &server->parcels; *at && !found; at = &(*at)->next) {
		if ((*at)->kind == kind && now < (*at)->until &&
		    !sodium_memcmp(&(*at)->cookie, cookie, sizeof(*cookie))) {
			found = *at;
			*at = found->next;
			break;
		}
	}
	host_unlock(&server->lock);
	return found;
}

void parcel_free(struct parcel *parcel)
{
	if (parcel->kind == RUMP_SP_OPEN_CHANNEL)
		session_channel_end(parcel->session, parcel->channel);
	if (parcel->fd >= 0)
		fd_drop_server(parcel->fd);
	session_put(parcel->session);
	sodium_memzero(parcel, sizeof(*parcel));
	free(parcel);
}

bool parcels_drop(struct session *session, bool is_all)
{
	struct rumpsp_tcp_server *server = session->server;
	unsigned long long now = host_now();
	struct parcel **at = &server->parcels, *dropped = NULL, *parcel;
	bool are_left = false;

	host_lock(&server->lock);
	while ((parcel = *at)) {
		if (parcel->session != session || (!is_all && now < parcel->until)) {
			are_left = are_left || parcel->session == session;
			at = &parcel->next;
			continue;
		}
		*at = parcel->next;
		parcel->next = dropped;
		dropped = parcel;
	}
	host_unlock(&server->lock);
	while ((parcel = dropped)) {
		dropped = parcel->next;
		parcel_free(parcel);
	}
	return are_left;
}

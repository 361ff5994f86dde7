/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ops.c - the one symbol of librumpsp_tcp.so.
 *
 * Theory of operation.  A client's connection is a stream (stream.c): connect.c finds the
 * address, handshake.c proves the secret on both sides and makes the keys, and the first
 * record says what the connection is for.  On the server listen.c accepts, guest.c does
 * the same from the other side in a thread for each connection, and that thread then is
 * the connection's relay: relay.c for a client's control connection, relay_channel.c for
 * a channel.  Relays play unix clients, so the server has one way to serve.
 *
 *	client's thread          relay's thread            server's thread
 *	turn_send() ---record--> relay_request() --futex-> takes the turn
 *	turn_receive() <-------- relay_wait()   <--futex-- answers
 *
 * A relay costs a wake-up, little beside the network's.  What a call blocks in blocks its
 * own relay only.  The end of a control connection, seen by either side, ends the process
 * in the rump kernel and cuts its channels; a channel that ends alone ends its lwp.
 */
#include <sodium.h>

#include "server.h"

static const struct rumpsp_tcp_ops ops = {
	.version = RUMPSP_TCP_VERSION,
	.set_host = set_host,
	.secret_read = secret_read,
	.connect = tcp_connect,
	.fd = stream_fd,
	.send = stream_send,
	.receive = stream_receive,
	.turn_send = turn_send,
	.turn_receive = turn_receive,
	.save = stream_save,
	.unsave = stream_unsave,
	.load = stream_load,
	.close = stream_close,
	.serve = tcp_serve,
	.stop = tcp_stop,
	.forked = server_forked,
};

/* The preload's, when it is there: system calls made by this library are the kernel's own. */
__attribute__((weak, visibility("default"))) void rumphijack_own_text(void *function);

__attribute__((visibility("default"))) const struct rumpsp_tcp_ops *rumpsp_tcp(int version)
{
	if (rumphijack_own_text)
		rumphijack_own_text((void *)(uintptr_t)rumpsp_tcp);
	if (version != RUMPSP_TCP_VERSION || sodium_init() < 0)
		return NULL;
	return &ops;
}

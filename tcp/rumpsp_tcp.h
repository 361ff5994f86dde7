/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rumpsp_tcp.h - what librumpsp_tcp.so gives to librumpuser (servers) and librumpclient.
 *
 * Both load it by dlopen() when a tcp:// URL is used, so that nobody else needs
 * libsodium.  One symbol, rumpsp_tcp(), gives the table below.  The protocol is in
 * rump_sp(7), its structs in rump/rump_sp.h.
 *
 * A stream is a TCP connection after the handshake: whole messages of up to
 * RUMP_SP_RECORD_MAX bytes, encrypted and authenticated.  One that failed stays failed.
 *
 * On the server all of tcp:// happens between the stream and a client of the usual kind:
 * a relay holds one end of a SOCK_SEQPACKET socketpair, the server's control thread the
 * other; descriptors that the server sends there stay with the relay, which gives cookies
 * for them; the relay of a channel turns its memory's turns into records.  So the server
 * needs to know of a tcp client only that it is elsewhere (see `connected`).
 *
 * Functions return 0 or -errno (a count where it says so), fill *error (may be NULL) on
 * failure only, leave errno as it was, and make system calls by the instruction itself.
 * Names are looked up by getaddrinfo(); nothing else calls malloc() in clients.
 */
#ifndef RUMPSP_TCP_H
#define RUMPSP_TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <rump/rump_sp.h>

#include "config_error.h"
#include "url.h"

#define RUMPSP_TCP_VERSION 1
#define RUMPSP_TCP_LIBRARY "librumpsp_tcp.so.0"
#define RUMPSP_TCP_SYMBOL "rumpsp_tcp"

/* the descriptor of a stream, a memfd of save(): kept out of the program's sight */
struct rumpsp_tcp_host {
	/* takes a new descriptor over, returns the number it shall have; NULL: as it is */
	int (*keep_fd)(int fd);
	/* closes one that keep_fd() gave; NULL: close(2) */
	void (*drop_fd)(int fd);
};

struct rumpsp_tcp; /* a stream */
struct rumpsp_tcp_server;

struct rumpsp_tcp_connect {
	const struct rump_url *url;
	uint8_t secret[RUMP_SP_SECRET_SIZE];
	unsigned long long timeout; /* ns, for all of it; 0: 10 s */
	uint32_t kind;		    /* enum rump_sp_open_kind */
	const uint8_t *cookie;	    /* CHANNEL, FORKED: what the server gave */
};

struct rumpsp_tcp_serve {
	const struct rump_url *url;
	uint8_t secret[RUMP_SP_SECRET_SIZE];
	unsigned int is_any_address; /* not only loopback */
	void *arg;		     /* of the functions; they may be called by any thread */
	/* a detached thread with all signals blocked: 0 or -errno */
	int (*thread)(void (*fn)(void *), void *arg, const char *name);
	/* one line for the server's log, without a newline */
	void (*log)(void *arg, const char *line);
	/*
	 * A client has proved the secret: fd is its control connection, which the callee
	 * owns, also on failure.  It is elsewhere: hello's pid, probe and SO_PEERCRED mean nothing,
	 * no memory is read directly, signals go by RUMP_SP_SIGNAL, RUMP_SP_CALL_EXPORT gives
	 * EOPNOTSUPP; all this holds for what it forks too.  Its user is the server's own,
	 * or whom the server's options make of such clients.
	 */
	int (*connected)(void *arg, int fd, const char *peer);
};

/* of close() */
#define RUMPSP_TCP_ELSEWHERE 2

struct rumpsp_tcp_ops {
	int version;

	/* ---- both ---- */
	/* once in a process, before the others but secret_read() */
	void (*set_host)(const struct rumpsp_tcp_host *host);
	/* -EACCES (others may read it too), -EINVAL (not a secret), or open(2)'s */
	int (*secret_read)(const char *path, uint8_t ret_secret[RUMP_SP_SECRET_SIZE],
			   struct config_error *error);

	/* ---- clients ---- */
	/*
	 * -ECONNREFUSED, -ETIMEDOUT ..., -EACCES (one of the two has another secret), -EPROTO (not
	 * such a server or another version), -ENOENT (the name; or the server knows no such
	 * cookie). [blocks]
	 */
	int (*connect)(const struct rumpsp_tcp_connect *how, struct rumpsp_tcp **ret_stream,
		       struct config_error *error);
	/* its descriptor, for poll(2) */
	int (*fd)(const struct rumpsp_tcp *stream);
	/*
	 * One message made of count (up to 4) pieces.  By any threads at once and in handlers
	 * of signals (they are blocked meanwhile).  -ENOTCONN when the stream is lost. [blocks]
	 */
	int (*send)(struct rumpsp_tcp *stream, const struct iovec *pieces, unsigned int count);
	/*
	 * The next whole message: its length.  Sleeps until the monotonic time (ns; 0: for
	 * ever; 1: not at all).  -EAGAIN (none yet), -EINTR (a handler ran; nothing is
	 * lost), -ENOTCONN, -EMSGSIZE (longer than size: the stream is lost).  By one thread
	 * at a time. [blocks]
	 */
	long (*receive)(struct rumpsp_tcp *stream, void *message, size_t size,
			unsigned long long until);
	/*
	 * For channels.  The client keeps struct rump_sp_channel and its data area
	 * (RUMP_SP_DATA_OFFSET, RUMP_SP_DATA_SIZE) in memory of its own, zeroed.  turn_send()
	 * raises channel->request and sends channel->turn with its data (for CONTINUE what the
	 * answer that lies in the channel asked for); turn_receive() waits for the answer and puts
	 * it into channel->answer, with its records at out_offset (checked to be within the data
	 * area). -EINTR (receive only: call it again), -ENOTCONN. [blocks]
	 */
	int (*turn_send)(struct rumpsp_tcp *stream, struct rump_sp_channel *channel);
	int (*turn_receive)(struct rumpsp_tcp *stream, struct rump_sp_channel *channel);
	/*
	 * For exec: a memfd, not close-on-exec, from which load() makes the stream again in the
	 * new program.  The socket is in it by number and is made to survive exec.  A program that
	 * could not be executed goes on with the stream and closes the memfd (unsave() puts
	 * close-on-exec back).  Nobody else may use the stream meanwhile.
	 */
	int (*save)(struct rumpsp_tcp *stream, int *ret_fd);
	void (*unsave)(struct rumpsp_tcp *stream, int fd);
	/* closes fd */
	int (*load)(int fd, struct rumpsp_tcp **ret_stream);
	/*
	 * Closes this process' descriptor and forgets the keys; is_ours: ends the connection
	 * also for processes that have copies (not so in a child of fork), or
	 * RUMPSP_TCP_ELSEWHERE: memory is shared with the process that has the descriptor,
	 * here its number means nothing.
	 */
	void (*close)(struct rumpsp_tcp *stream, int is_ours);

	/* ---- servers ---- */
	/* -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EPERM (not loopback and not is_any_address)
	 * [blocks] */
	int (*serve)(const struct rumpsp_tcp_serve *how, struct rumpsp_tcp_server **ret_server,
		     struct config_error *error);
	/*
	 * Nobody comes in any more; returns when accepting has ended.  Relays end by themselves
	 * with the control connections that `connected` got. [blocks]
	 */
	void (*stop)(struct rumpsp_tcp_server *server);
	/* in a child of fork(): closes all that is the parent's */
	void (*forked)(void);
};

/* NULL: another version, or libsodium cannot start */
const struct rumpsp_tcp_ops *rumpsp_tcp(int version);

#endif

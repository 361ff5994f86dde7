/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_stream.c - frames over a stream: each comes behind its length, 32 bits, big-endian.
 * That is what passt(1) and QEMU's `-netdev stream' speak.
 *
 * What was read lies in one buffer, which is read as full as it goes, and frames are copied
 * out of it.  Frames are written many at once; when the socket takes only a part of one,
 * the rest of it is kept, and goes first the next time.
 *
 * A length that no frame has means that the two ends do not understand each other any
 * more, and that nothing behind it can be believed: the connection is given up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net.h"

#define LENGTH_BYTES 4
#define INPUT_BYTES (2 * (LENGTH_BYTES + NET_FRAME_MAX))
#define BATCH_FRAMES 16
#define BATCH_IOVS 128

struct stream {
	/* the interface's own thread's */
	unsigned int begin, end; /* of what is in input */
	unsigned int skip;	 /* bytes of a frame that is dropped */
	unsigned char input[INPUT_BYTES];
	/* who writes */
	unsigned int rest_begin, rest_end;
	unsigned char rest[LENGTH_BYTES + NET_FRAME_MAX];
	uint32_t lengths[BATCH_FRAMES];
	struct iovec iov[BATCH_IOVS];
};

/* ---- in ---- */

static long fill(struct stream *s, int fd)
{
	long got;

	if (s->begin == s->end)
		s->begin = s->end = 0;
	if (s->begin) {
		memmove(s->input, s->input + s->begin, s->end - s->begin);
		s->end -= s->begin;
		s->begin = 0;
	}
	got = host_call(SYS_recvfrom, fd, s->input + s->end, INPUT_BYTES - s->end, MSG_DONTWAIT,
			NULL, NULL);
	if (got > 0)
		s->end += (unsigned int)got;
	return got ? got : -EPIPE;
}

/* What there is of a frame that is dropped, too. */
static bool skip(struct stream *s)
{
	unsigned int have = s->end - s->begin, now = s->skip < have ? s->skip : have;

	s->begin += now;
	s->skip -= now;
	return !s->skip;
}

static unsigned int length_at(const unsigned char *p)
{
	return (unsigned int)p[0] << 24 | (unsigned int)p[1] << 16 | (unsigned int)p[2] << 8 | p[3];
}

static void copy_out(const unsigned char *from, unsigned int length,
		     const struct rumpuser_iovec *iov, unsigned int count)
{
	for (unsigned int i = 0; i < count && length; i++) {
		unsigned int piece = iov[i].length < length ? (unsigned int)iov[i].length : length;

		memcpy(iov[i].base, from, piece);
		from += piece;
		length -= piece;
	}
}

static long stream_read(struct net_host *host, int fd, const struct rumpuser_iovec *iov,
			unsigned int count)
{
	struct stream *s = host->stream;
	unsigned int length;
	long got;

	for (;;) {
		if (skip(s) && s->end - s->begin >= LENGTH_BYTES) {
			length = length_at(s->input + s->begin);
			if (length > NET_FRAME_MAX) {
				net_why(host, 0,
					"%s: sent a frame of %u bytes: the connection is given up",
					host->net->backend, length);
				return -EPROTO;
			}
			if (length < NET_FRAME_MIN) {
				s->begin += LENGTH_BYTES;
				s->skip = length;
				return -EMSGSIZE;
			}
			if (s->end - s->begin >= LENGTH_BYTES + length) {
				copy_out(s->input + s->begin + LENGTH_BYTES, length, iov, count);
				s->begin += LENGTH_BYTES + length;
				return length;
			}
		}
		got = fill(s, fd);
		if (got < 0)
			return got;
	}
}

/* ---- out ---- */

static long send_iov(int fd, struct iovec *iov, unsigned int count)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
	long sent;

	do
		sent = host_call(SYS_sendmsg, fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent == -EINTR);
	return sent;
}

static long send_rest(struct stream *s, int fd)
{
	while (s->rest_begin < s->rest_end) {
		struct iovec iov = {.iov_base = s->rest + s->rest_begin,
				    .iov_len = s->rest_end - s->rest_begin};
		long sent = send_iov(fd, &iov, 1);

		if (sent < 0)
			return sent;
		s->rest_begin += (unsigned int)sent;
	}
	return 0;
}

/* The rest of a frame of which `sent` bytes, with its length, are out. */
static void keep_rest(struct stream *s, const struct iovec *iov, unsigned long sent,
		      unsigned long total)
{
	s->rest_begin = s->rest_end = 0;
	for (total -= sent; total; iov++) {
		unsigned long length = iov->iov_len;

		if (sent >= length) {
			sent -= length;
			continue;
		}
		memcpy(s->rest + s->rest_end, (const char *)iov->iov_base + sent, length - sent);
		s->rest_end += (unsigned int)(length - sent);
		total -= length - sent;
		sent = 0;
	}
}

/* As many frames as fit into one message; returns how many. */
static unsigned int gather(struct stream *s, const struct rumpuser_net_frame *frames,
			   unsigned int count, unsigned int *ret_iovs)
{
	unsigned int n = 0, i;

	for (i = 0; i < count && i < BATCH_FRAMES; i++) {
		if (n + 1 + frames[i].iov_count > BATCH_IOVS)
			break;
		s->lengths[i] = __builtin_bswap32(frames[i].length);
		s->iov[n].iov_base = &s->lengths[i];
		s->iov[n++].iov_len = LENGTH_BYTES;
		memcpy(&s->iov[n], frames[i].iov, frames[i].iov_count * sizeof(s->iov[0]));
		n += frames[i].iov_count;
	}
	*ret_iovs = n;
	return i;
}

static long stream_write(struct net_host *host, int fd, struct rumpuser_net_frame *frames,
			 unsigned int count)
{
	struct stream *s = host->stream;
	const struct iovec *iov = s->iov;
	unsigned int iovs, i;
	long sent = send_rest(s, fd);

	if (sent < 0)
		return sent;
	if (frames[0].length > NET_FRAME_MAX) {
		frames[0].error = -EMSGSIZE;
		return 1;
	}
	count = gather(s, frames, count, &iovs);
	sent = send_iov(fd, s->iov, iovs);
	if (sent < 0)
		return sent;
	for (i = 0; i < count && sent > 0; i++) {
		unsigned long total = LENGTH_BYTES + frames[i].length;

		frames[i].error = 0;
		if ((unsigned long)sent < total)
			keep_rest(s, iov, (unsigned long)sent, total);
		sent -= (long)total;
		iov += 1 + frames[i].iov_count;
	}
	return i ? (long)i : -EAGAIN;
}

static void stream_reset(struct net_host *host)
{
	struct stream *s = host->stream;

	s->begin = s->end = s->skip = 0;
	s->rest_begin = s->rest_end = 0;
}

static void stream_close(struct net_host *host)
{
	free(host->stream);
}

/* ---- life ---- */

static int stream_begin(struct net_host *host)
{
	if (!host->stream)
		host->stream = calloc(1, sizeof(struct stream));
	return host->stream ? 0 : net_why(host, -ENOMEM, "out of memory");
}

static int stream_open(struct net_host *host, bool is_again)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = host->config.name;
	int fd, error = stream_begin(host);

	(void)is_again;
	if (error)
		return error;
	fd = (int)host_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return net_why(host, fd, "%s: %s", path, strerror(-fd));
	memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
	error = (int)host_call(SYS_connect, fd, &address, sizeof(address));
	if (!error)
		return fd;
	host_close(fd);
	if (error == -ENOENT || error == -ECONNREFUSED)
		return net_why(host, error,
			       "%s: nobody listens there; start it first, as by: passt --socket %s",
			       path, path);
	return net_why(host, error, "%s: %s", path,
		       error == -EPROTOTYPE ? "no stream socket; for datagrams write dgram:PATH"
					    : strerror(-error));
}

const struct net_ops net_stream = {
	.name = "stream",
	.open = stream_open,
	.read = stream_read,
	.write = stream_write,
	.reset = stream_reset,
	.close = stream_close,
	.can_reopen = true,
};

static int stream_fd_open(struct net_host *host, bool is_again)
{
	(void)is_again;
	return stream_begin(host) ?: host->config.fd;
}

const struct net_ops net_stream_fd = {
	.name = "stream",
	.open = stream_fd_open,
	.read = stream_read,
	.write = stream_write,
	.reset = stream_reset,
	.close = stream_close,
};

static int user_open(struct net_host *host, bool is_again)
{
	int error = stream_begin(host);

	(void)is_again;
	/* what it tells the kernel to use, too */
	host->net->mtu = NET_PASST_MTU;
	return error ? error : net_passt_start(host);
}

const struct net_ops net_user = {
	.name = "user",
	.open = user_open,
	.read = stream_read,
	.write = stream_write,
	.reset = stream_reset,
	.close = stream_close,
	.can_reopen = true,
};

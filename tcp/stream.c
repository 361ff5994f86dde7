/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c - messages over a TCP connection, encrypted and authenticated.
 *
 * On the wire each message is a record: its length (4 bytes, of what follows), then the
 * message as crypto_secretstream encrypts it, with the length as additional data.  The
 * library's state counts records, so one that is lost, repeated, moved or changed does
 * not decrypt, and the stream has then failed for good: it is cut.
 *
 * A stream is one piece of memory without pointers, so that a child of fork has it too
 * and save() can write it down.  Receiving keeps what has come of a record, and may be
 * interrupted and called again at any byte.  Sending is whole or fails; it holds a lock,
 * with signals blocked, so that a handler never finds it taken by its own thread.
 *
 * A peer may be silent for ever between two records, but not inside of one: a length that was
 * changed on the way is known to be wrong by what follows, which then need not come.
 */
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tcp.h"

#define PREFIX sizeof(uint32_t)
#define OVERHEAD crypto_secretstream_xchacha20poly1305_ABYTES
#define WIRE_MAX (PREFIX + RUMP_SP_RECORD_MAX + OVERHEAD)
#define SAVED_MAGIC 0x31706374 /* "tcp1" */
#define PIECES_MAX 4
/* for the next bytes of a record that has begun; as long as TCP waits for a peer (connect.c) */
#define RECORD_TIME (25 * NSEC_PER_SEC)

struct rumpsp_tcp {
	/* what save() writes: up to `received`, then its first have bytes */
	uint32_t magic, size;
	int fd;
	uint32_t have; /* bytes of `received` */
	crypto_secretstream_xchacha20poly1305_state sending, receiving;

	struct host_lock lock; /* of sending and what it uses */
	_Atomic uint32_t is_lost;
	uint32_t is_server;
	uint32_t is_late;		/* lost because a record did not go on */
	unsigned long long quiet_until; /* when more of the record has to be there; 0: no matter */

	uint8_t received[WIRE_MAX];
	uint8_t message[RUMP_SP_RECORD_MAX]; /* the last one, decrypted */
	uint8_t gathered[RUMP_SP_RECORD_MAX];
	uint8_t sent[WIRE_MAX];
};

struct rumpsp_tcp *stream_new(int fd, bool is_server)
{
	long memory = host_call(SYS_mmap, 0, sizeof(struct rumpsp_tcp), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rumpsp_tcp *stream = (struct rumpsp_tcp *)memory;

	if (memory < 0 && memory > -4096)
		return NULL;
	/* no keys in cores; what fails here is an old host's affair */
	host_call(SYS_madvise, stream, sizeof(*stream), MADV_DONTDUMP);
	stream->magic = SAVED_MAGIC;
	stream->size = sizeof(*stream);
	stream->fd = fd;
	stream->is_server = is_server;
	return stream;
}

void stream_start_send(struct rumpsp_tcp *stream, const uint8_t key[32], uint8_t ret_header[24])
{
	crypto_secretstream_xchacha20poly1305_init_push(&stream->sending, ret_header, key);
}

int stream_start_receive(struct rumpsp_tcp *stream, const uint8_t key[32], const uint8_t header[24])
{
	return crypto_secretstream_xchacha20poly1305_init_pull(&stream->receiving, header, key)
		       ? -EPROTO
		       : 0;
}

int stream_fd(const struct rumpsp_tcp *stream)
{
	return stream->fd;
}

unsigned long long stream_quiet_until(const struct rumpsp_tcp *stream)
{
	return stream->quiet_until;
}

bool stream_is_late(const struct rumpsp_tcp *stream)
{
	return stream->is_late;
}

void stream_cut(struct rumpsp_tcp *stream)
{
	atomic_store(&stream->is_lost, 1);
	host_call(SYS_shutdown, stream->fd, SHUT_RDWR);
}

/* ---- sending ---- */

/* The host's sigset_t, without what must never be blocked: faults and trapped calls. */
static uint64_t block_signals(void)
{
	uint64_t mask = ~0ULL, old = 0;
	static const int kept[] = {SIGSEGV, SIGBUS, SIGSYS, SIGILL, SIGFPE, SIGTRAP};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		mask &= ~(1ULL << (kept[i] - 1));
	host_call(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &old, sizeof(mask));
	return old;
}

static void restore_signals(uint64_t old)
{
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
}

static int send_bytes(int fd, const uint8_t *bytes, size_t length)
{
	while (length) {
		long sent = host_call(SYS_sendto, fd, bytes, length, MSG_NOSIGNAL, NULL, 0);

		if (sent == -EINTR)
			continue;
		if (sent <= 0)
			return -ENOTCONN;
		bytes += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int send_record(struct rumpsp_tcp *stream, uint32_t length)
{
	uint32_t prefix = length + OVERHEAD;

	memcpy(stream->sent, &prefix, PREFIX);
	if (crypto_secretstream_xchacha20poly1305_push(&stream->sending, stream->sent + PREFIX,
						       NULL, stream->gathered, length, stream->sent,
						       PREFIX, 0))
		return -ENOTCONN;
	return send_bytes(stream->fd, stream->sent, PREFIX + prefix);
}

int stream_send(struct rumpsp_tcp *stream, const struct iovec *pieces, unsigned int count)
{
	size_t length = 0;
	uint64_t signals;
	int result;

	for (unsigned int i = 0; i < count; i++) {
		if (pieces[i].iov_len > RUMP_SP_RECORD_MAX - length)
			return -EMSGSIZE;
		length += pieces[i].iov_len;
	}
	signals = block_signals();
	host_lock(&stream->lock);
	if (atomic_load(&stream->is_lost)) {
		result = -ENOTCONN;
	} else {
		uint8_t *to = stream->gathered;

		for (unsigned int i = 0; i < count; i++) {
			if (pieces[i].iov_len)
				memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
			to += pieces[i].iov_len;
		}
		result = send_record(stream, (uint32_t)length);
		/* half a record may have gone out: nothing can follow it */
		if (result)
			stream_cut(stream);
	}
	host_unlock(&stream->lock);
	restore_signals(signals);
	return result;
}

/* ---- receiving ---- */

/* None has come: -EAGAIN, or -ENOTCONN where it is too late for more. */
static int none_came(struct rumpsp_tcp *stream)
{
	if (!stream->quiet_until || host_now() < stream->quiet_until)
		return -EAGAIN;
	stream->is_late = true;
	return -ENOTCONN;
}

/* More bytes of the record: 0, -EAGAIN, -EINTR or -ENOTCONN. */
static int fetch(struct rumpsp_tcp *stream, unsigned long long until)
{
	struct pollfd poll = {.fd = stream->fd, .events = POLLIN};
	long got;

	if (stream->have && !stream->quiet_until)
		stream->quiet_until = host_now() + RECORD_TIME;
	if (stream->quiet_until && (!until || until > stream->quiet_until))
		until = stream->quiet_until;
	if (until > 1) {
		got = host_poll(&poll, 1, until);
		if (got < 0)
			return (int)got;
		if (!got)
			return none_came(stream);
	}
	got = host_call(SYS_recvfrom, stream->fd, stream->received + stream->have,
			sizeof(stream->received) - stream->have, until ? MSG_DONTWAIT : 0, NULL,
			NULL);
	if (got == -EAGAIN)
		return none_came(stream);
	if (got == -EINTR)
		return -EINTR;
	if (got <= 0)
		return -ENOTCONN;
	stream->have += (uint32_t)got;
	stream->quiet_until = 0;
	return 0;
}

/* The length behind the prefix, 0: not there yet, or -EPROTO. */
static long record_length(const struct rumpsp_tcp *stream)
{
	uint32_t length;

	if (stream->have < PREFIX)
		return 0;
	memcpy(&length, stream->received, PREFIX);
	if (length < OVERHEAD || length > RUMP_SP_RECORD_MAX + OVERHEAD)
		return -EPROTO;
	return (long)length;
}

long stream_receive_here(struct rumpsp_tcp *stream, const uint8_t **ret_message,
			 unsigned long long until)
{
	unsigned long long message_length;
	unsigned char tag;
	long length;
	int error = 0;

	for (;;) {
		if (atomic_load(&stream->is_lost))
			return -ENOTCONN;
		length = record_length(stream);
		if (length < 0)
			break;
		if (length && stream->have >= PREFIX + (size_t)length)
			break;
		error = fetch(stream, until);
		if (error == -ENOTCONN)
			break;
		/* the time that is over is the record's */
		if (error == -EAGAIN && !until)
			continue;
		if (error)
			return error;
	}
	if (error || length < 0 ||
	    crypto_secretstream_xchacha20poly1305_pull(
		    &stream->receiving, stream->message, &message_length, &tag,
		    stream->received + PREFIX, (unsigned long long)length, stream->received,
		    PREFIX) ||
	    tag) {
		stream_cut(stream);
		return -ENOTCONN;
	}
	stream->have -= (uint32_t)(PREFIX + (size_t)length);
	memmove(stream->received, stream->received + PREFIX + length, stream->have);
	*ret_message = stream->message;
	return (long)message_length;
}

long stream_receive(struct rumpsp_tcp *stream, void *message, size_t size, unsigned long long until)
{
	const uint8_t *here;
	long length = stream_receive_here(stream, &here, until);

	if (length < 0)
		return length;
	if ((size_t)length > size) {
		stream_cut(stream);
		return -EMSGSIZE;
	}
	memcpy(message, here, (size_t)length);
	return length;
}

/* ---- the end, and going on elsewhere ---- */

void stream_close(struct rumpsp_tcp *stream, int is_ours)
{
	if (is_ours == RUMPSP_TCP_ELSEWHERE)
		goto forget;
	if (is_ours)
		host_call(SYS_shutdown, stream->fd, SHUT_RDWR);
	if (stream->is_server)
		fd_drop_server(stream->fd);
	else
		fd_drop(stream->fd);
forget:
	sodium_memzero(&stream->sending, sizeof(stream->sending));
	sodium_memzero(&stream->receiving, sizeof(stream->receiving));
	host_call(SYS_munmap, stream, sizeof(*stream));
}

static int transfer(long nr, int fd, void *bytes, size_t length)
{
	for (char *at = bytes; length;) {
		long done = host_call(nr, fd, at, length);

		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done ? (int)done : -EINVAL;
		at += done;
		length -= (size_t)done;
	}
	return 0;
}

static int set_close_on_exec(int fd, bool is_set)
{
	return (int)host_call(SYS_fcntl, fd, F_SETFD, is_set ? FD_CLOEXEC : 0);
}

int stream_save(struct rumpsp_tcp *stream, int *ret_fd)
{
	long fd;
	int error;

	if (atomic_load(&stream->is_lost))
		return -ENOTCONN;
	fd = host_call(SYS_memfd_create, "rump-tcp", 0);
	if (fd < 0)
		return (int)fd;
	error = transfer(SYS_write, (int)fd, stream,
			 offsetof(struct rumpsp_tcp, received) + stream->have);
	if (!error)
		error = (int)host_call(SYS_lseek, fd, 0, 0 /* SEEK_SET */);
	if (!error)
		error = set_close_on_exec(stream->fd, false);
	if (error) {
		host_call(SYS_close, fd);
		return error;
	}
	*ret_fd = fd_keep((int)fd);
	/* moving it may have set the flag */
	error = set_close_on_exec(*ret_fd, false);
	if (error)
		stream_unsave(stream, *ret_fd);
	return error;
}

void stream_unsave(struct rumpsp_tcp *stream, int fd)
{
	set_close_on_exec(stream->fd, true);
	fd_drop(fd);
}

static bool is_stream(const struct rumpsp_tcp *stream)
{
	struct stat status;

	return stream->magic == SAVED_MAGIC && stream->size == sizeof(*stream) &&
	       stream->have <= sizeof(stream->received) && !stream->is_server &&
	       !host_call(SYS_fstat, stream->fd, &status) && S_ISSOCK(status.st_mode);
}

int stream_load(int fd, struct rumpsp_tcp **ret_stream)
{
	struct rumpsp_tcp *stream = stream_new(-1, false);
	int error;

	if (!stream) {
		fd_drop(fd);
		return -ENOMEM;
	}
	error = transfer(SYS_read, fd, stream, offsetof(struct rumpsp_tcp, received));
	if (!error && !is_stream(stream))
		error = -EINVAL;
	if (!error)
		error = transfer(SYS_read, fd, stream->received, stream->have);
	fd_drop(fd);
	if (error) {
		/* the number in it may be anybody's */
		stream->fd = -1;
		stream_close(stream, 0);
		return error;
	}
	atomic_store(&stream->lock.word, 0);
	atomic_store(&stream->is_lost, 0);
	stream->fd = fd_keep(stream->fd);
	set_close_on_exec(stream->fd, true);
	*ret_stream = stream;
	return 0;
}

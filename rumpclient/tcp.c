/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp.c - the transport of tcp:// servers: encrypted streams of librumpsp_tcp.so, one for
 * messages and one for each channel, whose memory is here and nobody else's.
 *
 * The library is loaded when the first tcp:// URL is met, or the first stream that an
 * exec has left.
 *
 * A lost stream is shut down but kept for one more connection: another thread, or a
 * handler, may be about to send on it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "private.h"
#include "rumpsp_tcp.h"

#define CHANNEL_SIZE (RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE)

static const struct rumpsp_tcp_ops *ops;

/* ---- the library ---- */

/* Beside this library, or where a build has it, else where the loader looks. */
static void *open_library(void)
{
	static const char *const places[] = {"/", "/../tcp/"};
	struct config_error path;
	Dl_info info;
	char *slash;

	if (dladdr(&ops, &info) && info.dli_fname && strlen(info.dli_fname) < 400 &&
	    strchr(info.dli_fname, '/')) {
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			struct config_error folder;
			void *library;

			config_error_set(&folder, info.dli_fname, NULL);
			slash = strrchr(folder.text, '/');
			*slash = '\0';
			config_error_set(&path, folder.text, places[i], RUMPSP_TCP_LIBRARY, NULL);
			library = dlopen(path.text, RTLD_NOW | RTLD_LOCAL);
			if (library)
				return library;
		}
	}
	return dlopen(RUMPSP_TCP_LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

/* By the thread that connects, so by one at a time. */
static int load_library(void)
{
	static const struct rumpsp_tcp_host descriptors = {
		.keep_fd = fd_make_private,
		.drop_fd = fd_close_private,
	};
	const struct rumpsp_tcp_ops *(*get)(int) = NULL;
	void *library;

	if (ops)
		return 0;
	library = open_library();
	if (library)
		*(void **)&get = dlsym(library, RUMPSP_TCP_SYMBOL);
	if (!get) {
		config_error_set(&last_error, "this build has no tcp:// (libsodium)", NULL);
		return -EPROTONOSUPPORT;
	}
	ops = get(RUMPSP_TCP_VERSION);
	if (!ops) {
		config_error_set(&last_error, RUMPSP_TCP_LIBRARY " is of another version", NULL);
		return -EPROTONOSUPPORT;
	}
	ops->set_host(&descriptors);
	return 0;
}

/* ---- connections ---- */

static void use_stream(struct session *session, struct rumpsp_tcp *stream)
{
	if (session->retired)
		ops->close(session->retired, 1);
	session->retired = session->stream;
	session->stream = stream;
	session->transport = &transport_tcp;
	__atomic_store_n(&session->fd, ops->fd(stream), __ATOMIC_RELEASE);
}

static int read_secret(struct rumpsp_tcp_connect *how)
{
	const char *path = getenv("RUMP_SECRET_FILE");

	if (!path || !*path) {
		config_error_set(&last_error, "tcp:// needs a secret: RUMP_SECRET_FILE is not set",
				 NULL);
		return -EACCES;
	}
	return ops->secret_read(path, how->secret, &last_error);
}

int tcp_connect(struct session *session)
{
	struct rumpsp_tcp_connect how = {.url = &session->url, .kind = RUMP_SP_OPEN_CONTROL};
	struct rumpsp_tcp *stream;
	int error = load_library();

	if (!error)
		error = read_secret(&how);
	if (!error)
		error = ops->connect(&how, &stream, &last_error);
	if (!error) {
		memcpy(session->tcp_secret, how.secret, sizeof(session->tcp_secret));
		use_stream(session, stream);
	}
	explicit_bzero(&how.secret, sizeof(how.secret));
	return error;
}

int tcp_load(struct session *session, int fd)
{
	struct rumpsp_tcp_connect how;
	struct rumpsp_tcp *stream;
	int error = load_library();

	/* for the channels */
	if (!error)
		error = read_secret(&how);
	if (!error)
		error = ops->load(fd, &stream);
	if (!error) {
		memcpy(session->tcp_secret, how.secret, sizeof(session->tcp_secret));
		use_stream(session, stream);
	}
	explicit_bzero(&how.secret, sizeof(how.secret));
	return error;
}

int tcp_save(struct session *session)
{
	int fd, error = ops->save(session->stream, &fd);

	return error ? error : fd;
}

void tcp_unsave(struct session *session, int fd)
{
	ops->unsave(session->stream, fd);
}

int tcp_send_pieces(struct session *session, const struct iovec *pieces, unsigned int count)
{
	return ops->send(session->stream, pieces, count) ? -ENOTCONN : 0;
}

static int tcp_send(struct session *session, const void *message, size_t length)
{
	struct iovec piece = {(void *)message, length};

	return tcp_send_pieces(session, &piece, 1);
}

static long tcp_receive(struct session *session, void *message, size_t size, int *ret_fd)
{
	long length = ops->receive(session->stream, message, size, 1);

	*ret_fd = -1;
	if (length >= 0)
		return length;
	return length == -EAGAIN || length == -EINTR ? -EAGAIN : -ENOTCONN;
}

static void tcp_close(struct session *session, bool is_ours)
{
	if (is_ours) {
		host(SYS_shutdown, session->fd, SHUT_RDWR);
		return;
	}
	if (session->retired)
		ops->close(session->retired, 0);
	ops->close(session->stream, 0);
	session->stream = session->retired = NULL;
}

void tcp_forget(struct session *session)
{
	if (session->retired)
		ops->close(session->retired, RUMPSP_TCP_ELSEWHERE);
	ops->close(session->stream, RUMPSP_TCP_ELSEWHERE);
	session->stream = session->retired = NULL;
}

/* A connection that the server has given a cookie for. */
static int connect_with_cookie(const struct session *session, uint32_t kind,
			       const struct rump_sp_cookie *cookie, struct rumpsp_tcp **ret_stream)
{
	struct rumpsp_tcp_connect how = {
		.url = &session->url,
		.kind = kind,
		.cookie = cookie->bytes,
	};
	int error;

	memcpy(how.secret, session->tcp_secret, sizeof(how.secret));
	error = ops->connect(&how, ret_stream, &last_error);
	explicit_bzero(&how.secret, sizeof(how.secret));
	return error;
}

/* The parent connects: the child inherits a stream that is ready, and need not wait in fork(). */
static int tcp_adopt(struct session *session, struct session *child, int fd,
		     const struct rump_sp_cookie *cookie)
{
	struct rumpsp_tcp *stream;
	int error = connect_with_cookie(session, RUMP_SP_OPEN_FORKED, cookie, &stream);

	(void)fd;
	if (error)
		return error;
	memcpy(child->tcp_secret, session->tcp_secret, sizeof(child->tcp_secret));
	use_stream(child, stream);
	return 0;
}

/*
 * One connection at a time: a server has patience with so many handshakes only, and cuts off
 * who came first.  A thread that is gone, or has left its turn by longjmp(), has no turn.
 */
static void begin_opening(struct session *session)
{
	struct timespec moment = {0, 100 * (long)NSEC_PER_MSEC};
	uint32_t tid = (uint32_t)host(SYS_gettid), other;

	for (;;) {
		other = 0;
		if (__atomic_compare_exchange_n(&session->opening, &other, tid, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED) ||
		    other == tid)
			return;
		if (host(SYS_tgkill, host(SYS_getpid), other, 0) == -ESRCH &&
		    __atomic_compare_exchange_n(&session->opening, &other, tid, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
		host(SYS_futex, &session->opening, HOST_FUTEX_WAIT | HOST_FUTEX_PRIVATE, other,
		     &moment);
	}
}

static void end_opening(struct session *session)
{
	__atomic_store_n(&session->opening, 0, __ATOMIC_RELEASE);
	host(SYS_futex, &session->opening, HOST_FUTEX_WAKE | HOST_FUTEX_PRIVATE, 1);
}

/*
 * Of the stream only its socket is used: it is readable when the server has sent a record,
 * and nobody wants to know what is in it.
 */
static int tcp_event(struct session *session, int fd, const struct rump_sp_cookie *cookie)
{
	struct rumpsp_tcp *stream;
	int error;
	long copy;

	fd_close_private(fd);
	begin_opening(session);
	error = connect_with_cookie(session, RUMP_SP_OPEN_EVENT, cookie, &stream);
	end_opening(session);
	if (error)
		return error;
	copy = host(SYS_fcntl, ops->fd(stream), F_DUPFD_CLOEXEC, 0);
	ops->close(stream, 0);
	if (!is_error(copy))
		host(SYS_fcntl, copy, F_SETFL, O_RDWR | O_NONBLOCK);
	return (int)copy;
}

/* ---- channels ---- */

static int tcp_channel_open(struct channel *channel, const struct rump_sp_channel_answer *answer,
			    int fd)
{
	const struct rump_sp_cookie *cookie = (const void *)(answer + 1);
	struct rump_sp_channel *shared;
	long address;
	int error;

	fd_close_private(fd);
	if (answer->head.length < sizeof(*answer) + sizeof(*cookie))
		return -EPROTO;
	address = host(SYS_mmap, NULL, CHANNEL_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(address))
		return (int)address;
	shared = (struct rump_sp_channel *)address;
	begin_opening(channel->session);
	error = connect_with_cookie(channel->session, RUMP_SP_OPEN_CHANNEL, cookie,
				    &channel->stream);
	end_opening(channel->session);
	if (error) {
		host(SYS_munmap, shared, CHANNEL_SIZE);
		return error;
	}
	channel->shared = shared;
	channel->size = CHANNEL_SIZE;
	channel->data = (char *)shared + RUMP_SP_DATA_OFFSET;
	channel->request = shared->request;
	return 0;
}

static void tcp_channel_close(struct channel *channel, enum channel_owner owner)
{
	ops->close(channel->stream,
		   owner == CHANNEL_CHILDS ? RUMPSP_TCP_ELSEWHERE : owner == CHANNEL_OURS);
	host(SYS_munmap, channel->shared, channel->size);
}

static bool tcp_has_gone(struct channel *channel)
{
	return control_is_hung_up(channel->session);
}

static int tcp_turn(struct channel *channel)
{
	int error = ops->turn_send(channel->stream, channel->shared);

	if (!error)
		channel_interrupt_late(channel);
	while (!error && (error = ops->turn_receive(channel->stream, channel->shared)) == -EINTR) {
		channel_interrupt(channel);
		error = 0;
	}
	channel->request = channel->shared->request;
	return error ? -ENOTCONN : 0;
}

const struct transport transport_tcp = {
	.send = tcp_send,
	.receive = tcp_receive,
	.close = tcp_close,
	.channel_open = tcp_channel_open,
	.channel_close = tcp_channel_close,
	.has_gone = tcp_has_gone,
	.turn = tcp_turn,
	.adopt = tcp_adopt,
	.event = tcp_event,
};

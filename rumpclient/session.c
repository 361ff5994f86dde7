/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.c - this program as a process of a server's rump kernel.
 *
 * Theory of operation
 * ===================
 * A session is one process of the rump kernel: a control connection and a channel for each
 * thread that calls.  A program has one, session_own; a child that shares its parent's
 * memory has another for as long as it does (fork.c).
 *
 *	rumpclient_syscall()	call.c: the caller's channel is in its TLS; else channel.c asks
 *				for one, which connects if need be
 *	gather()		gather.c: what the call reads goes into the channel
 *	transport->turn()	unix.c: the server is told, and waited for
 *	records_write()		records.c: what the kernel wrote goes to its places
 *
 * The way of a call takes no lock, allocates nothing and makes no call of libc that
 * could: it may run in a signal handler, on a small stack, in a child of a raw clone().
 *
 * Generations.  `live` is the generation of the connection, 0 without one.  A channel
 * belongs to a generation and is good while that is live.  Who notices that the connection
 * is gone sets `live` to 0; the next caller connects again, as retry.c says, and the
 * generation rises: the rump process is a new one, without the old one's descriptors,
 * directory, umask and credentials.  A call that was under way has ended by ENOTCONN and
 * is never made twice.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>

#include "private.h"

/* A server that restarts keeps those who have connected meanwhile waiting. */
#define HELLO_TIME (30 * NSEC_PER_SEC)

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif

struct session session_own = {.fd = -1};

/* read by the server, if it may */
static uint64_t probe;

struct session *session_current(void)
{
	return self.session ? self.session : &session_own;
}

void session_clear(struct session *session)
{
	memset(session, 0, sizeof(*session));
	session->fd = -1;
}

void session_lost(struct session *session, uint32_t generation)
{
	uint32_t live = generation, ready = SESSION_READY;

	if (!generation || !__atomic_compare_exchange_n(&session->live, &live, 0, false,
							__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	__atomic_compare_exchange_n(&session->state, &ready, SESSION_LOST, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_RELAXED);
	session->transport->close(session, true);
}

/* ---- hello ---- */

static bool yama_restricts(void)
{
	char text = '0';
	int fd CLOSED_AT_END = (int)host(SYS_open, "/proc/sys/kernel/yama/ptrace_scope", 0, 0);

	return fd >= 0 && host(SYS_read, fd, &text, 1) == 1 && text != '0';
}

static void fill_name(char name[RUMP_SP_NAME_SIZE])
{
	/* that of the thread, which is the program's in the first one and mostly elsewhere */
	host(SYS_prctl, PR_GET_NAME, name);
	name[RUMP_SP_NAME_SIZE - 1] = '\0';
}

static int say_hello(struct session *session, struct rump_sp_welcome *ret_welcome)
{
	struct rump_sp_hello hello = {
		.magic = RUMP_SP_MAGIC,
		.version = RUMP_SP_VERSION,
		.pid = (int32_t)host(SYS_getpid),
		.probe_address = (uint64_t)&probe,
	};
	int error;

	probe = __builtin_ia32_rdtsc() * 0x9e3779b97f4a7c15UL ^ (uint64_t)hello.pid;
	hello.probe_value = probe;
	fill_name(hello.name);
	memcpy(hello.secret, session->secret, sizeof(hello.secret));
	error = control_ask(session, RUMP_SP_HELLO, &hello.head, sizeof(hello), ret_welcome,
			    sizeof(*ret_welcome), NULL, host_now() + HELLO_TIME);
	if (!error &&
	    (ret_welcome->head.length < sizeof(*ret_welcome) ||
	     ret_welcome->magic != RUMP_SP_MAGIC || ret_welcome->version != RUMP_SP_VERSION))
		error = -EPROTO;
	return error;
}

static void explain(const struct rump_sp_welcome *welcome, int error)
{
	switch (error) {
	case -EPROTO:
		if (welcome->magic == RUMP_SP_MAGIC && welcome->version != RUMP_SP_VERSION) {
			config_error_set(&last_error, "the server speaks version ",
					 config_number(welcome->version).text,
					 " of the protocol, this library version ",
					 config_number(RUMP_SP_VERSION).text, NULL);
			break;
		}
		config_error_set(&last_error, "what answers is not a rump kernel server", NULL);
		break;
	case -ETIMEDOUT:
		config_error_set(&last_error, "the server does not answer", NULL);
		break;
	case -ENOTCONN:
		config_error_set(&last_error, "the server has closed the connection", NULL);
		break;
	default:
		config_error_set(&last_error, "the server refuses: ", error_text(-error), NULL);
	}
}

int session_hello(struct session *session)
{
	struct rump_sp_welcome welcome = {.magic = 0};
	int error = say_hello(session, &welcome);

	/* Yama: only those whom we name may read our memory.  Its id is known only now. */
	if (!error && !(welcome.flags & RUMP_SP_DIRECT) && session->transport == &transport_unix &&
	    welcome.server_pid > 0 && yama_restricts() &&
	    !host(SYS_prctl, PR_SET_PTRACER, welcome.server_pid))
		error = say_hello(session, &welcome);
	if (error) {
		explain(&welcome, error);
		return error;
	}
	session->flags = welcome.flags;
	memcpy(session->server_id, welcome.server_id, sizeof(session->server_id));
	session->pid = (int32_t)host(SYS_getpid);
	/* a fork or an exec goes on with what there was: nothing of it is lost */
	if (!session->generation || session->state != SESSION_INHERITED)
		__atomic_add_fetch(&session->generation, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&session->live, session->generation, __ATOMIC_RELEASE);
	__atomic_store_n(&session->state, SESSION_READY, __ATOMIC_RELEASE);
	/*
	 * Without the thread signals wait until messages are looked at anyway.  One that a child
	 * in shared memory made would be libc's in a process that has none.
	 */
	if (welcome.flags & RUMP_SP_SIGNALS && session == &session_own)
		control_listen(session);
	return 0;
}

/* ---- connections ---- */

static int connect_and_greet(struct session *session)
{
	int error = connect_once(session);

	if (error)
		return error;
	error = session_hello(session);
	if (error) /* the number stays, for the next one */
		session->transport->close(session, true);
	return error;
}

static bool is_abstract(const struct session *session)
{
	return session->url.kind == RUMP_URL_UNIX && session->url.path[0] == '@';
}

/* as long as trying again may help */
static bool is_temporary(int error)
{
	return error != -EPROTO && error != -EACCES && error != -EPROTONOSUPPORT && error != -EPERM;
}

static int connect_with_patience(struct session *session, bool is_first)
{
	struct retry retry;
	int error = -ENOTCONN;

	if (!session->has_url)
		return error;
	/* nobody at such an address: who connects may be the one to start the server */
	if (is_first && is_abstract(session))
		return connect_and_greet(session);
	if (retry_start(&retry, is_first, &session->url)) {
		do
			error = connect_and_greet(session);
		while (error && is_temporary(error) && !session->has_waited && retry_again(&retry));
		if (error)
			retry_failed(&retry, &session->url);
		/* the time is over, once for all calls and not for each anew */
		session->has_waited = error && retry.policy > 0;
	}
	return error;
}

static int make_ready(struct session *session)
{
	uint32_t state = __atomic_load_n(&session->state, __ATOMIC_ACQUIRE);

	if (state == SESSION_READY)
		return 0;
	if (state == SESSION_NONE)
		return -ENOTCONN;
	if (state == SESSION_INHERITED) {
		if (!session_hello(session))
			return 0;
		session->transport->close(session, true);
		__atomic_store_n(&session->state, SESSION_LOST, __ATOMIC_RELEASE);
	}
	return connect_with_patience(session, false) ? -ENOTCONN : 0;
}

/*
 * Takes the right to connect: true.  false: somebody else had it and is done.  A thread
 * that has it already has left an earlier attempt by longjmp().
 */
static bool begin_connecting(struct session *session, uint32_t tid)
{
	uint32_t other = 0;

	if (__atomic_compare_exchange_n(&session->connecting, &other, tid, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED) ||
	    other == tid)
		return true;
	while (__atomic_load_n(&session->connecting, __ATOMIC_ACQUIRE) == other)
		host(SYS_futex, &session->connecting, HOST_FUTEX_WAIT | HOST_FUTEX_PRIVATE, other,
		     NULL);
	return false;
}

static void end_connecting(struct session *session)
{
	__atomic_store_n(&session->connecting, 0, __ATOMIC_RELEASE);
	host(SYS_futex, &session->connecting, HOST_FUTEX_WAKE | HOST_FUTEX_PRIVATE, INT_MAX);
}

int session_ensure(struct session *session)
{
	int error;

	if (session_is_ready(session))
		return 0;
	if (!begin_connecting(session, (uint32_t)host(SYS_gettid)))
		return session_is_ready(session) ? 0 : -ENOTCONN;
	error = make_ready(session);
	end_connecting(session);
	return error;
}

/* ---- the public functions ---- */

int session_adopt(struct session *session, int fd)
{
	const char *url = getenv("RUMP_SERVER");
	int error;

	/* for the day when this connection is lost; tcp's channels need it at once */
	session->has_url = url && !rump_url_parse(url, &session->url, NULL);
	if (connect_is_saved(fd)) {
		error = tcp_load(session, fd);
		if (error)
			return error;
	} else {
		session->transport = &transport_unix;
		session->fd = fd_make_private(fd);
	}
	__atomic_store_n(&session->state, SESSION_INHERITED, __ATOMIC_RELEASE);
	return 0;
}

static int init_socket(int fd)
{
	struct session *session = &session_own;
	int error = 0;

	if (session_is_ready(session))
		return -EBUSY;
	if (!begin_connecting(session, (uint32_t)host(SYS_gettid)))
		return -EBUSY;
	/* rumpclient_exec_done() may have taken it over already */
	if (session->state != SESSION_INHERITED)
		error = session_adopt(session, fd);
	end_connecting(session);
	return error ? error : session_ensure(session);
}

int session_connect(struct session *session, const char *text, const uint8_t *secret)
{
	struct config_error error;
	struct rump_url url;
	int result;

	if (session_is_ready(session))
		return 0;
	if (rump_url_parse(text, &url, &error)) {
		config_error_set(&last_error, "RUMP_SERVER: ", error.text, NULL);
		return -EINVAL;
	}
	if (!begin_connecting(session, (uint32_t)host(SYS_gettid)))
		return session_is_ready(session) ? 0 : -ENOTCONN;
	session->url = url;
	session->has_url = true;
	if (secret)
		memcpy(session->secret, secret, sizeof(session->secret));
	result = session_is_ready(session) ? 0 : connect_with_patience(session, true);
	end_connecting(session);
	return result;
}

int rumpclient_init_url(const char *url, const uint8_t *secret)
{
	return error_return(session_connect(&session_own, url, secret));
}

int rumpclient_init_socket(int fd)
{
	return error_return(init_socket(fd));
}

int rumpclient_init(void)
{
	const char *url = getenv("RUMP_SERVER");
	int fd;

	if (session_is_ready(&session_own))
		return 0;
	fd = exec_inherited();
	if (fd >= 0)
		return error_return(init_socket(fd));
	if (!url || !*url) {
		config_error_set(&last_error, "RUMP_SERVER is not set", NULL);
		return error_return(-ENOENT);
	}
	return error_return(session_connect(&session_own, url, NULL));
}

int rumpclient_is_connected(void)
{
	struct session *session = session_current();

	return session_is_ready(session) && !control_is_hung_up(session);
}

unsigned int rumpclient_generation(void)
{
	return __atomic_load_n(&session_current()->generation, __ATOMIC_ACQUIRE);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork.c - children that are processes of the same rump kernel.
 *
 * The parent asks for the child's process before it forks (RUMP_SP_CALL_FORK), because
 * only its own thread is an lwp whose descriptors can be copied.  The server answers with
 * a connection that is the child's.  The child never touches its parent's: it closes
 * its copy, or the server would not see the parent go, and has no mappings of its
 * parent's channels (MADV_DONTFORK).
 *
 * A child that shares memory (vfork, posix_spawn) has a session of its own beside the
 * parent's, which is stopped meanwhile; fork_enter() tells which one a thread means.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "private.h"

#define ANSWER_TIME (10 * NSEC_PER_SEC)

struct rumpclient_fork {
	struct session session;
	/* of the thread that has entered */
	struct thread outside;
	bool is_entered;
	/* connected by the child itself, fork_of_url(): the descriptor is in its table only */
	bool is_childs;
};

static struct rumpclient_fork *new_fork(void)
{
	long address = host(SYS_mmap, NULL, sizeof(struct rumpclient_fork), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rumpclient_fork *fork = (struct rumpclient_fork *)address;

	if (is_error(address))
		return NULL;
	session_clear(&fork->session);
	return fork;
}

static void free_fork(struct rumpclient_fork *fork)
{
	host(SYS_munmap, fork, sizeof(*fork));
}

/* What the child goes on with when its connection is lost one day. */
static void inherit(struct session *child, const struct session *parent)
{
	child->has_url = parent->has_url;
	child->url = parent->url;
	memcpy(child->secret, parent->secret, sizeof(child->secret));
	child->generation = parent->generation;
}

int fork_take(struct session *session, enum rump_sp_type type, long id, struct parked *ret_message)
{
	return control_wait(session, type, (uint32_t)id, ret_message->bytes,
			    sizeof(ret_message->bytes), &ret_message->fd, host_now() + ANSWER_TIME);
}

static int make_child(struct session *parent, struct session *child)
{
	struct parked message = {.fd = -1};
	long id = call(RUMP_SP_CALL_FORK);
	int error;

	if (!is_message_id(id))
		return is_error(id) ? (int)id : -EPROTO;
	error = fork_take(parent, RUMP_SP_SOCKET, id, &message);
	if (error)
		return error;
	inherit(child, parent);
	child->transport = parent->transport;
	error = parent->transport->adopt(
		parent, child, message.fd,
		(const void *)(message.bytes + sizeof(struct rump_sp_message)));
	if (error) {
		fd_close_private(message.fd);
		return error;
	}
	child->state = SESSION_INHERITED;
	return 0;
}

struct rumpclient_fork *rumpclient_prefork(void)
{
	struct rumpclient_fork *fork = new_fork();
	int error = -ENOMEM;

	if (fork) {
		error = make_child(session_current(), &fork->session);
		if (!error)
			return fork;
		free_fork(fork);
	}
	errno = -error;
	return NULL;
}

struct rumpclient_fork *rumpclient_fork_of_socket(int fd)
{
	struct rumpclient_fork *fork = new_fork();
	int error = fork ? session_adopt(&fork->session, fd) : -ENOMEM;

	if (!error)
		return fork;
	if (fork)
		free_fork(fork);
	errno = -error;
	return NULL;
}

struct rumpclient_fork *rumpclient_fork_of_url(const char *url, const uint8_t *secret)
{
	struct rumpclient_fork *fork = new_fork();
	int error = -ENOMEM;

	if (fork) {
		fork->is_childs = true;
		error = session_connect(&fork->session, url, secret);
		if (!error)
			return fork;
		free_fork(fork);
	}
	errno = -error;
	return NULL;
}

/* In a child of fork: nothing of the parent's stays. */
static void leave_parent(struct session *session)
{
	channel_forked();
	self.session = NULL;
	if (session->transport)
		session->transport->close(session, false);
	session_clear(session);
}

/*
 * Others may name this process before it makes its first call, if it ever does.  tcp:// knows
 * no processes.  An error shows again in that call.
 */
static void tell_who(struct session *session)
{
	struct rump_sp_message message;

	if (session->transport == &transport_unix)
		control_send(session, RUMP_SP_CHILD, &message, sizeof(message));
}

int rumpclient_fork_init(struct rumpclient_fork *fork)
{
	struct session *session = &session_own;

	leave_parent(session);
	*session = fork->session;
	session->pid = (int32_t)host(SYS_getpid);
	free_fork(fork);
	tell_who(session);
	return 0;
}

void rumpclient_fork_cancel(struct rumpclient_fork *fork)
{
	struct session *session = &fork->session;

	if (fork->is_entered)
		rumpclient_fork_enter(NULL);
	/* the child's channels and connection live on in the child alone */
	channel_drop_all(session, CHANNEL_CHILDS);
	if (!fork->is_childs)
		session->transport->close(session, false);
	else if (session->stream)
		tcp_forget(session);
	free_fork(fork);
}

void rumpclient_fork_enter(struct rumpclient_fork *fork)
{
	struct rumpclient_fork *entered;

	if (fork) {
		fork->outside = self;
		fork->is_entered = true;
		self = (struct thread){.session = &fork->session};
		return;
	}
	if (!self.session)
		return;
	entered = (struct rumpclient_fork *)((char *)self.session -
					     offsetof(struct rumpclient_fork, session));
	entered->is_entered = false;
	self = entered->outside;
}

int rumpclient_fork_socket(const struct rumpclient_fork *fork)
{
	struct session *session = fork ? (struct session *)&fork->session : session_current();

	if (session->transport == &transport_tcp)
		return tcp_save(session);
	return __atomic_load_n(&session->fd, __ATOMIC_ACQUIRE);
}

pid_t rumpclient_fork(void)
{
	struct rumpclient_fork *child = rumpclient_prefork();
	pid_t pid;

	if (!child)
		return -1;
	pid = fork();
	if (pid)
		rumpclient_fork_cancel(child);
	else
		rumpclient_fork_init(child);
	return pid;
}

int rumpclient_daemon(int nochdir, int noclose)
{
	pid_t pid = rumpclient_fork();
	int null;

	if (pid < 0)
		return -1;
	if (pid)
		_exit(0);
	if (setsid() < 0)
		return -1;
	if (!nochdir && chdir("/"))
		return -1;
	if (noclose)
		return 0;
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		return -1;
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return -1;
	if (null > 2)
		close(null);
	return 0;
}

/*
 * A child of a plain fork(): it is no process of the rump kernel, and its calls give
 * ENOTCONN until it connects by itself.  Not for children of a prefork: there this comes after
 * fork_init(), or fork() is not libc's, or before it and does no harm.
 */
static void forked(void)
{
	struct session *session = &session_own, old;

	if (session->state == SESSION_NONE || session->pid == (int32_t)host(SYS_getpid))
		return;
	old = *session;
	leave_parent(session);
	inherit(session, &old);
	session->state = SESSION_LOST;
}

__attribute__((constructor)) static void fork_start(void)
{
	pthread_atfork(NULL, NULL, forked);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_peer.c - the process at the other end of a control connection: who it is, what
 * may be done to it, what is sent to it.
 *
 * Nothing of this is taken from what a client says of itself.  Its user is the
 * connection's (SO_PEERCRED).  Its process is the sender of HELLO or EXEC, as the host
 * says (SCM_CREDENTIALS): the connection may have been inherited.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sp.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_send_signal 424
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/* how long a client that is sent what it has asked for may read nothing; pauses are up to
 * PAUSE_MAX ns */
#define PATIENCE_NSEC 5000000000ULL
#define PAUSE_MAX 16000000L

#define NOBODY 65534 /* the host's root where that is not root inside */

/* ---- user and groups ---- */

static bool is_root_inside(const struct sp_policy *policy, unsigned int uid)
{
	unsigned int own = (unsigned int)host_call(SYS_geteuid);

	if (policy->is_root_set)
		return uid == policy->root_uid;
	/* the host's root can do what it wants to us in any case */
	return uid == own || !uid;
}

static void groups_read(int fd, struct rumpuser_client *kernel)
{
	gid_t groups[RUMPUSER_GROUPS_MAX];
	socklen_t length = sizeof(groups);

	/* hosts without it, and users with more groups: the first one has to do */
	if (host_call(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length))
		return;
	kernel->group_count = (unsigned int)(length / sizeof(groups[0]));
	for (unsigned int i = 0; i < kernel->group_count; i++)
		kernel->groups[i] = groups[i];
}

int sp_client_credentials(struct sp_client *client)
{
	struct rumpuser_client *kernel = &client->kernel;
	int fd = file_fd(client->control);
	struct ucred who;
	socklen_t length = sizeof(who);
	const int yes = 1;
	long error;

	if (client->is_elsewhere) {
		/* who has proved the secret has the rights of who has given it */
		who = (struct ucred){.uid = (uid_t)host_call(SYS_geteuid),
				     .gid = (gid_t)host_call(SYS_getegid)};
	} else {
		error = host_call(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &who, &length);
		if (!error)
			error = host_call(SYS_setsockopt, fd, SOL_SOCKET, SO_PASSCRED, &yes,
					  sizeof(yes));
		if (error)
			return (int)error;
	}
	client->host_uid = who.uid;
	if (is_root_inside(client->policy, who.uid))
		return 0; /* uid and gid 0, no groups */
	kernel->uid = who.uid ? who.uid : NOBODY;
	kernel->gid = who.uid ? who.gid : NOBODY;
	if (who.uid && !client->is_elsewhere)
		groups_read(fd, kernel);
	return 0;
}

/* ---- process ---- */

static void process_watch(struct sp_client *client, int pid)
{
	long fd;

	if (client->pidfd >= 0) {
		sp_unwatch(client->pidfd);
		file_close(client->pidfd);
		client->pidfd = -1;
	}
	if (!pid)
		return;
	fd = host_call(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return; /* the host is too old, or the process has just ended */
	client->pidfd = file_adopt((int)fd);
	/* its end is that of the client, also if somebody else has a copy of the connection */
	if (client->pidfd >= 0)
		sp_watch(client->pidfd, SP_PROCESS, client, EPOLLIN);
}

void sp_client_identify(struct sp_client *client, const struct sp_sender *sender, int claimed_pid)
{
	int pid = client->is_elsewhere ? 0 : sender->pid;

	atomic_store(&client->may_direct, false);
	client->is_pid_shared = pid && pid == claimed_pid;
	if (pid != atomic_load(&client->host_pid) || (pid && client->pidfd < 0))
		process_watch(client, pid);
	atomic_store(&client->host_pid, pid);
}

/*
 * Only for clients of our own user: another one could make us wait, by memory that comes
 * from a file system or a fault handler of its own.
 */
void sp_client_probe(struct sp_client *client, const struct sp_sender *sender,
		     const struct rump_sp_hello *hello)
{
	unsigned int own = (unsigned int)host_call(SYS_geteuid);
	struct iovec here, there;
	uint64_t value = 0;

	if (!atomic_load(&client->host_pid) || client->host_uid != own || sender->uid != own)
		return;
	here = (struct iovec){&value, sizeof(value)};
	there = (struct iovec){(void *)(uintptr_t)hello->probe_address, sizeof(value)};
	if (host_call(SYS_process_vm_readv, atomic_load(&client->host_pid), &here, 1, &there, 1,
		      0) == sizeof(value) &&
	    value == hello->probe_value && value)
		atomic_store(&client->may_direct, true);
}

bool sp_client_is_signallable(const struct sp_client *client)
{
	return client->pidfd >= 0 &&
	       !host_call(SYS_pidfd_send_signal, file_fd(client->pidfd), 0, NULL, 0);
}

/*
 * Its open stderr itself, so that what the client writes comes behind this.  Nothing that
 * would have to wait is written: a vCPU is held.
 */
void sp_client_tell(void *client_host, const char *text, unsigned long length)
{
	struct sp_client *client = client_host;
	int pid = atomic_load(&client->host_pid);
	struct pollfd poll = {.events = POLLOUT};
	long process;

	if (!client->policy->leave || !pid)
		return;
	process = host_call(SYS_pidfd_open, pid, 0);
	if (process < 0)
		return;
	poll.fd = (int)host_call(SYS_pidfd_getfd, process, STDERR_FILENO, 0);
	host_call(SYS_close, process);
	if (poll.fd < 0)
		return;
	if (host_call(SYS_poll, &poll, 1, 0) > 0 && poll.revents & POLLOUT)
		host_call(SYS_write, poll.fd, text, length);
	host_call(SYS_close, poll.fd);
}

/* ---- messages ---- */

static int send_locked(struct sp_client *client, const struct rump_sp_message *message, int fd)
{
	_Alignas(8) char ancillary[CMSG_SPACE(sizeof(fd))] = {0};
	struct iovec iov = {(void *)message, message->length};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	long length;

	if (client->control < 0)
		return -ENOTCONN;
	if (fd >= 0) {
		struct cmsghdr *c = (struct cmsghdr *)ancillary;

		header.msg_control = ancillary;
		header.msg_controllen = sizeof(ancillary);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		*(int *)CMSG_DATA(c) = fd;
	}
	do
		length = host_call(SYS_sendmsg, file_fd(client->control), &header,
				   MSG_DONTWAIT | MSG_NOSIGNAL);
	while (length == -EINTR);
	return length < 0 ? (int)length : 0;
}

/*
 * A client with thousands of threads asks faster than it reads.  A thread of its own waits
 * for it, with pauses: they may be thousands as well, and on a busy machine take a while.  The
 * client is patiently waited for as long as there is room for the message of any of them.
 */
static int send_patiently(struct sp_client *client, const struct rump_sp_message *message, int fd)
{
	struct timespec pause = {0, 1000000};
	unsigned long long since = 0, sent_at;
	int error;

	for (;;) {
		host_lock(&client->lock);
		error = send_locked(client, message, fd);
		/* somebody waits, or has waited: it is of interest when the client reads */
		if (!error && (since || client->sent_at))
			client->sent_at = clock_mono();
		sent_at = client->sent_at;
		host_unlock(&client->lock);
		/* too many: of descriptors under way, which are a user's */
		if (error != -EAGAIN && error != -ETOOMANYREFS)
			return error;
		if (!since)
			since = clock_mono();
		else if (clock_mono() >= (sent_at > since ? sent_at : since) + PATIENCE_NSEC)
			return error;
		host_call(SYS_nanosleep, &pause, NULL);
		if (pause.tv_nsec < PAUSE_MAX)
			pause.tv_nsec *= 2;
	}
}

/* A client that does not read what it has asked for is ended: others wait for nobody. */
static int sent(struct sp_client *client, int error)
{
	if (!error)
		return 0;
	if (error == -EAGAIN || error == -ETOOMANYREFS)
		sp_log("client %d does not read its messages", atomic_load(&client->host_pid));
	sp_notify(client, SP_EVENT_END);
	return -ENOTCONN;
}

int sp_client_send(struct sp_client *client, const void *message, int handle)
{
	int error;

	host_lock(&client->lock);
	error = send_locked(client, message, handle < 0 ? -1 : file_fd(handle));
	host_unlock(&client->lock);
	return sent(client, error);
}

int sp_client_send_patiently(struct sp_client *client, const void *message, int handle)
{
	return sent(client, send_patiently(client, message, handle < 0 ? -1 : file_fd(handle)));
}

long sp_client_send_fd(struct sp_client *client, enum rump_sp_type type, int handle)
{
	struct rump_sp_message message = {.length = sizeof(message), .type = (uint16_t)type};
	int error;

	host_lock(&client->lock);
	client->next_id = client->next_id % INT32_MAX + 1;
	message.id = client->next_id;
	host_unlock(&client->lock);
	error = sp_client_send_patiently(client, &message, handle);
	return error ? error : (long)message.id;
}

void sp_client_send_signals(struct sp_client *client)
{
	uint64_t signals = atomic_exchange(&client->signals, 0);
	struct rump_sp_signal message = {
		.head = {.length = sizeof(message), .type = RUMP_SP_SIGNAL},
	};

	if (client->is_ended)
		return;
	for (int signal = 1; signals; signal++, signals >>= 1) {
		if (!(signals & 1))
			continue;
		if (client->pidfd >= 0 &&
		    !host_call(SYS_pidfd_send_signal, file_fd(client->pidfd), signal, NULL, 0))
			continue;
		message.signal = signal;
		sp_client_send(client, &message, -1);
	}
}

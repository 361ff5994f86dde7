/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rumpuser_sp_fake.h - for tests of the server: a stand-in for the kernel's side of
 * clients, and a client that can also do what no good one would.
 */
#ifndef TESTS_RUMPUSER_SP_FAKE_H
#define TESTS_RUMPUSER_SP_FAKE_H

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "sp.h"
#include "rumpuser_common.h"

/* ---- the kernel ---- */

/* its system calls */
enum {
	FAKE_PLUS_ONE = 1, /* the argument + 1 */
	FAKE_SUM,	   /* of the bytes at (address, length) */
	FAKE_FILL,   /* (address, length): byte n becomes n * 5 + 1, in pieces as a kernel does */
	FAKE_BLOCK,  /* until it is interrupted or killed */
	FAKE_SIGNAL, /* number: for the calling thread */
	FAKE_SIGNAL_PROCESS,
	FAKE_PID,
	FAKE_SET_UID,
	FAKE_TID,     /* that the lwp was wanted to have */
	FAKE_WINDOWS, /* how many came along */
	FAKE_OPTIONS, /* how many were set */
};

#define FAKE_PROCESSES 8192
#define FAKE_PIECE 1000 /* what is larger is not collected but given to write() */

struct fake_process {
	int pid;
	bool is_used, is_killed, is_gone;
	int parent;
	int lwps;
	unsigned int uid;
	struct rumpuser_client client;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct fake_process processes[FAKE_PROCESSES];
	int last;
	int refuse_new; /* an errno value for process_new */
	char exec_name[16];
	unsigned int exec_keep[16], exec_count;
	int execs;
	int interrupted_tid;
	int blocked; /* threads in FAKE_BLOCK */
	int exports, releases;
	void *event; /* of the last event_attach */
	int knowns, known_host_pid;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static __thread struct fake_process *fake_self;
static __thread struct rumpuser_remote *fake_remote;
static __thread int fake_wanted_tid;

static int fake_make(const struct rumpuser_client *client, int parent, unsigned int uid)
{
	int pid = -EAGAIN;

	pthread_mutex_lock(&fake.lock);
	for (int i = 0; i < FAKE_PROCESSES; i++) {
		int at = (fake.last + i) % FAKE_PROCESSES;

		if (fake.processes[at].is_used)
			continue;
		fake.last = at + 1;
		pid = 100 + at;
		fake.processes[at] = (struct fake_process){.pid = pid,
							   .is_used = true,
							   .parent = parent,
							   .uid = uid,
							   .client = *client};
		break;
	}
	pthread_mutex_unlock(&fake.lock);
	return pid;
}

static struct fake_process *fake_find(int pid)
{
	struct fake_process *process = pid >= 100 ? &fake.processes[pid - 100] : NULL;

	return process && process->is_used ? process : NULL;
}

static int fake_new(const struct rumpuser_client *client)
{
	return fake.refuse_new ? -fake.refuse_new : fake_make(client, 1, client->uid);
}

static int fake_fork(const struct rumpuser_client *client)
{
	return fake_make(client, fake_self ? fake_self->pid : 1, fake_self ? fake_self->uid : 0);
}

/* With the lock. */
static void fake_is_gone(struct fake_process *process)
{
	if (process->is_killed && !process->lwps && !process->is_gone) {
		process->is_gone = true;
		process->client.gone(process->client.host);
		process->is_used = false;
	}
}

static int fake_exec(const char *name, const unsigned int *keep, unsigned int count)
{
	struct timespec pause = {0, 20000000};

	/* what comes next on the connection must wait for it */
	nanosleep(&pause, NULL);
	pthread_mutex_lock(&fake.lock);
	strcpy(fake.exec_name, name);
	fake.exec_count = count;
	for (unsigned int i = 0; i < count && i < ARRAY_SIZE(fake.exec_keep); i++)
		fake.exec_keep[i] = keep[i];
	fake.execs++;
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

static int fake_known(int pid, int host_pid)
{
	pthread_mutex_lock(&fake.lock);
	fake.knowns++;
	fake.known_host_pid = host_pid;
	pthread_mutex_unlock(&fake.lock);
	/* the number is another process' */
	return pid;
}

static int fake_end(int pid)
{
	struct fake_process *process;

	pthread_mutex_lock(&fake.lock);
	process = fake_find(pid);
	if (process) {
		process->is_killed = true;
		pthread_cond_broadcast(&fake.changed);
		fake_is_gone(process);
	}
	pthread_mutex_unlock(&fake.lock);
	return process ? 0 : -ESRCH;
}

static int fake_join(int pid, int tid, struct rumpuser_remote *remote)
{
	int error = -ESRCH;

	pthread_mutex_lock(&fake.lock);
	fake_self = fake_find(pid);
	if (fake_self && !fake_self->is_killed) {
		fake_self->lwps++;
		fake_remote = remote;
		fake_wanted_tid = tid;
		error = 0;
	} else {
		fake_self = NULL;
	}
	pthread_mutex_unlock(&fake.lock);
	return error;
}

static void fake_leave(void)
{
	pthread_mutex_lock(&fake.lock);
	fake_self->lwps--;
	fake_is_gone(fake_self);
	fake_self = NULL;
	pthread_mutex_unlock(&fake.lock);
}

static long fake_block(void)
{
	int tid = (int)syscall(SYS_gettid);

	pthread_mutex_lock(&fake.lock);
	fake.blocked++;
	while (!fake_self->is_killed && fake.interrupted_tid != tid)
		pthread_cond_wait(&fake.changed, &fake.lock);
	if (fake.interrupted_tid == tid)
		fake.interrupted_tid = 0;
	fake.blocked--;
	pthread_mutex_unlock(&fake.lock);
	return -EINTR;
}

static int fake_interrupt(int tid)
{
	pthread_mutex_lock(&fake.lock);
	if (fake.blocked) {
		fake.interrupted_tid = tid;
		pthread_cond_broadcast(&fake.changed);
	}
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

/* Memory of the client, as the kernel gets at it: windows first. */
static int fake_copy_in(void *to, unsigned long from, unsigned long length)
{
	for (unsigned int i = 0; i < fake_remote->window_count; i++) {
		const struct rumpuser_window *window = &fake_remote->windows[i];

		if (from >= window->address && from - window->address <= window->length &&
		    length <= window->length - (from - window->address)) {
			memcpy(to, window->data + (from - window->address), length);
			return 0;
		}
	}
	return fake_remote->read(fake_remote, to, from, length);
}

static int fake_copy_out(unsigned long to, const void *from, unsigned int length)
{
	struct rump_sp_record record = {.address = to, .length = length};

	if (length >= FAKE_PIECE ||
	    fake_remote->out_size - fake_remote->out_used < sizeof(record) + length + 8)
		return fake_remote->write(fake_remote, to, from, length);
	memcpy(fake_remote->out + fake_remote->out_used, &record, sizeof(record));
	memcpy(fake_remote->out + fake_remote->out_used + sizeof(record), from, length);
	fake_remote->out_used += (unsigned int)sizeof(record) + ((length + 7) & ~7U);
	return 0;
}

static long fake_sum(unsigned long address, unsigned long length)
{
	unsigned char *buffer = malloc(length + 1);
	long sum = 0;
	int error = fake_copy_in(buffer, address, length);

	for (unsigned long i = 0; i < length && !error; i++)
		sum += buffer[i];
	free(buffer);
	return error ? error : sum;
}

static long fake_fill(unsigned long address, unsigned long length)
{
	char *buffer = malloc(length + 1);
	unsigned long at = 0;
	int error = 0;

	for (unsigned long i = 0; i < length; i++)
		buffer[i] = (char)(i * 5 + 1);
	/* small ones first, so that order is tested */
	while (at < length && !error) {
		unsigned long piece = at < 600 ? 100 : length - at;

		if (piece > length - at)
			piece = length - at;
		error = fake_copy_out(address + at, buffer + at, (unsigned int)piece);
		at += error ? 0 : piece;
	}
	free(buffer);
	/* as a kernel: part of it is a success */
	return error && !at ? error : (long)at;
}

static struct rump_sp_posted fake_option; /* of the last setsockopt() */
static int fake_options;

static long fake_setsockopt(const unsigned long args[6])
{
	struct rump_sp_posted option = {(int)args[0], (int)args[1], (int)args[2], 0};

	if (args[4] != sizeof(option.value) ||
	    fake_copy_in(&option.value, args[3], sizeof(option.value)))
		return -EFAULT;
	fake_option = option;
	__atomic_add_fetch(&fake_options, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static long fake_syscall(long number, const unsigned long args[6])
{
	if (!fake_self || fake_self->is_killed)
		return -ESRCH;
	switch (number) {
	case FAKE_PLUS_ONE:
		return (long)args[0] + 1;
	case FAKE_SUM:
		return fake_sum(args[0], args[1]);
	case FAKE_FILL:
		return fake_fill(args[0], args[1]);
	case FAKE_BLOCK:
		return fake_block();
	case FAKE_SIGNAL:
		fake_remote->signal(fake_remote, (int)args[0]);
		return 0;
	case FAKE_SIGNAL_PROCESS:
		fake_self->client.signal(fake_self->client.host, (int)args[0]);
		return 0;
	case FAKE_PID:
		return fake_self->pid;
	case FAKE_SET_UID:
		fake_self->uid = (unsigned int)args[0];
		return 0;
	case FAKE_TID:
		return fake_wanted_tid;
	case FAKE_WINDOWS:
		return fake_remote->window_count;
	case FAKE_OPTIONS:
		return fake_options;
	case SYS_setsockopt:
		return fake_setsockopt(args);
	case SYS_geteuid:
		return fake_self->uid;
	default:
		return -ENOSYS;
	}
}

static int fake_export(int fd, unsigned long long ret_handle[2])
{
	if (fd < 0)
		return -EBADF;
	ret_handle[0] = 0x1234;
	ret_handle[1] = (unsigned long long)fd;
	__atomic_fetch_add(&fake.exports, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int fake_import(const unsigned long long handle[2])
{
	return handle[0] == 0x1234 ? (int)handle[1] + 1000 : -ENOENT;
}

static void fake_release(const unsigned long long handle[2])
{
	(void)handle;
	__atomic_fetch_add(&fake.releases, 1, __ATOMIC_SEQ_CST);
}

static int fake_attach(int fd, void *event)
{
	if (fd < 0)
		return -EBADF;
	fake.event = event;
	return 0;
}

static const struct rumpuser_upcalls fake_upcalls = {
	.version = RUMPUSER_VERSION,
	.process_new = fake_new,
	.process_fork = fake_fork,
	.process_exec = fake_exec,
	.process_known = fake_known,
	.process_end = fake_end,
	.thread_join = fake_join,
	.thread_leave = fake_leave,
	.syscall = fake_syscall,
	.interrupt = fake_interrupt,
	.file_export = fake_export,
	.file_import = fake_import,
	.file_release = fake_release,
	.event_attach = fake_attach,
};

UNUSED static void fake_start(void)
{
	ops_of(&fake_upcalls);
	kernel_is_here();
}

UNUSED static int fake_serve(const char *path)
{
	static char url[200];
	struct rumpuser_sp_options options = {.url = url, .listen_fd = -1, .group = -1};

	snprintf(url, sizeof(url), "unix://%s", path);
	return rumpuser_sp_serve(&options);
}

/* Waits up to ten seconds for it. */
#define eventually(condition)                          \
	({                                             \
		struct timespec pause_ = {0, 1000000}; \
		int left_ = 10000;                     \
		while (!(condition) && left_--)        \
			nanosleep(&pause_, NULL);      \
		!!(condition);                         \
	})

UNUSED static int count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* ---- the client ---- */

struct peer {
	int fd;
	uint32_t id;
	struct rump_sp_welcome welcome;
	/* of the last answer with a descriptor */
	int passed;
	struct rump_sp_channel *channel;
	uint32_t number;
};

UNUSED static int peer_connect_socket(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timeval limit = {10, 0};

	memcpy(name.sun_path, path, strnlen(path, sizeof(name.sun_path) - 1));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&name, sizeof(name))) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* The length of the next message; 0: the server has closed the connection. */
UNUSED static long peer_receive(struct peer *peer, void *message, size_t size)
{
	char ancillary[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {message, size};
	struct msghdr header = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = ancillary,
				.msg_controllen = sizeof(ancillary)};
	struct cmsghdr *c;
	long length = recvmsg(peer->fd, &header, MSG_CMSG_CLOEXEC);

	if (length < 0)
		return errno == ECONNRESET ? 0 : -errno;
	peer->passed = -1;
	c = CMSG_FIRSTHDR(&header);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&peer->passed, CMSG_DATA(c), sizeof(int));
	return length;
}

UNUSED static int peer_send(struct peer *peer, void *message, size_t length, int type)
{
	struct rump_sp_message *head = message;

	head->length = (uint32_t)length;
	head->type = (uint16_t)type;
	head->id = ++peer->id;
	return send(peer->fd, message, length, MSG_NOSIGNAL) == (ssize_t)length ? 0 : -errno;
}

static uint64_t probe_value = 0x1122334455667788;

UNUSED static struct rump_sp_hello hello_make(bool is_direct)
{
	struct rump_sp_hello hello = {.magic = RUMP_SP_MAGIC,
				      .version = RUMP_SP_VERSION,
				      .pid = getpid(),
				      .probe_address = (uintptr_t)&probe_value,
				      .probe_value = is_direct ? probe_value : 1,
				      .name = "tester"};

	return hello;
}

/* 0 or the errno value of the answer */
UNUSED static int peer_hello(struct peer *peer, struct rump_sp_hello hello)
{
	if (peer_send(peer, &hello, sizeof(hello), RUMP_SP_HELLO))
		return errno;
	if (peer_receive(peer, &peer->welcome, sizeof(peer->welcome)) != sizeof(peer->welcome))
		return ECONNRESET;
	return peer->welcome.head.error;
}

UNUSED static int peer_channel(struct peer *peer)
{
	struct rump_sp_channel_open open = {.tid = (int)syscall(SYS_gettid)};
	struct rump_sp_channel_answer answer;

	if (peer_send(peer, &open, sizeof(open), RUMP_SP_CHANNEL))
		return errno;
	if (peer_receive(peer, &answer, sizeof(answer)) < (long)sizeof(answer.head))
		return ECONNRESET;
	if (answer.head.error)
		return answer.head.error;
	peer->number = answer.channel;
	peer->channel =
		mmap(NULL, answer.size, PROT_READ | PROT_WRITE, MAP_SHARED, peer->passed, 0);
	close(peer->passed);
	return peer->channel == MAP_FAILED ? errno : 0;
}

/* A client with a channel. */
UNUSED static struct peer peer_open(const char *path, bool is_direct)
{
	struct peer peer = {.fd = peer_connect_socket(path), .passed = -1};
	int error;

	if (peer.fd < 0)
		bail_out("connect: %s", strerror(-peer.fd));
	error = peer_hello(&peer, hello_make(is_direct));
	if (!error)
		error = peer_channel(&peer);
	if (error)
		bail_out("hello, channel: %s", strerror(error));
	return peer;
}

UNUSED static void peer_close(struct peer *peer)
{
	if (peer->channel)
		munmap(peer->channel, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE);
	close(peer->fd);
}

UNUSED static void turn_begin(struct peer *peer)
{
	struct rump_sp_channel *channel = peer->channel;

	__atomic_add_fetch(&channel->request, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&channel->server_sleeps, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &channel->request, 1, INT_MAX, NULL, NULL, 0);
}

/* False: the server has left the channel, or does nothing for ten seconds. */
UNUSED static bool turn_end(struct peer *peer)
{
	struct rump_sp_channel *channel = peer->channel;
	struct timespec limit = {10, 0};
	uint32_t reply;

	__atomic_store_n(&channel->client_sleeps, 1, __ATOMIC_SEQ_CST);
	while ((reply = __atomic_load_n(&channel->reply, __ATOMIC_SEQ_CST)) != channel->request &&
	       !__atomic_load_n(&channel->is_closed, __ATOMIC_SEQ_CST)) {
		if (syscall(SYS_futex, &channel->reply, 0, reply, &limit, NULL, 0) &&
		    errno == ETIMEDOUT)
			break;
	}
	__atomic_store_n(&channel->client_sleeps, 0, __ATOMIC_SEQ_CST);
	return reply == channel->request;
}

static int transfers;	      /* turns of COPYIN and COPYOUT in the last call */
static bool records_are_good; /* those of the last call */

UNUSED static void carry_out(struct rump_sp_channel *channel)
{
	const struct rump_sp_answer *answer = &channel->answer;
	const char *data = (char *)channel + RUMP_SP_DATA_OFFSET;
	uint32_t at = 0;

	if (answer->out_offset > RUMP_SP_DATA_SIZE ||
	    answer->out_used > RUMP_SP_DATA_SIZE - answer->out_offset)
		records_are_good = false;
	while (records_are_good && at < answer->out_used) {
		const struct rump_sp_record *record =
			(const void *)(data + answer->out_offset + at);

		at += (uint32_t)sizeof(*record);
		if (record->length > answer->out_used - at) {
			records_are_good = false;
			break;
		}
		memcpy((void *)record->address, record + 1, record->length);
		at += (record->length + 7) & ~7U;
	}
}

/* copies fail with this */
static int copy_error;

UNUSED static long peer_call(struct peer *peer, long number, unsigned long a, unsigned long b)
{
	struct rump_sp_channel *channel = peer->channel;
	char *data = (char *)channel + RUMP_SP_DATA_OFFSET;

	transfers = 0;
	records_are_good = true;
	channel->turn.number = number;
	channel->turn.args[0] = a;
	channel->turn.args[1] = b;
	channel->turn.flags = 0;
	for (;;) {
		const struct rump_sp_answer *answer = &channel->answer;

		turn_begin(peer);
		if (!turn_end(peer))
			return -ENOTCONN;
		carry_out(channel);
		if (answer->kind == RUMP_SP_RESULT)
			return answer->result;
		transfers++;
		if (answer->kind == RUMP_SP_COPYIN && !copy_error)
			memcpy(data + answer->out_offset, (void *)answer->copy_address,
			       answer->copy_length);
		channel->turn.flags = RUMP_SP_CONTINUE;
		channel->turn.copy_error = copy_error;
	}
}

/* True when the server has closed the connection. */
UNUSED static bool is_ended(struct peer *peer)
{
	char byte[256];
	long length;

	do
		length = peer_receive(peer, byte, sizeof(byte));
	while (length > 0);
	return !length;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_client.c - the life of a client: how it comes, as a new one or as the copy of
 * another, and all that has to go with it.
 */
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "sp.h"

static struct {
	struct host_lock lock;
	struct sp_client *clients;   /* those whose connection has not ended */
	_Atomic unsigned int count;  /* of processes in the kernel */
	_Atomic unsigned int silent; /* connections that have not said who they are */
} sp;

/* Children of the program itself: of its own user, and not its masters. */
static const struct sp_policy local_policy;

/* ---- what the kernel calls, on its stacks ---- */

static void kernel_signal(void *host, int signal)
{
	struct sp_client *client = host;

	if (signal < 1 || signal > 64)
		return;
	atomic_fetch_or(&client->signals, 1ULL << (signal - 1));
	sp_notify(client, SP_EVENT_SIGNAL);
}

static void kernel_gone(void *host)
{
	struct sp_client *client = host;

	/* from now on the number may be another process' */
	atomic_store(&client->is_gone, true);
	atomic_store(&client->pid, 0);
	sp_notify(client, SP_EVENT_GONE);
}

/* ---- objects ---- */

/*
 * Not by malloc(): a program that forks may have stopped its allocator for that, when it
 * asks for the child's client.  Blocks are kept.
 */
#ifdef __SANITIZE_ADDRESS__
#define POOL_BLOCK sizeof(struct sp_client) /* and none is used again */
#include <sanitizer/asan_interface.h>
#else
#define POOL_BLOCK (16UL << 10)
#endif

static struct {
	struct host_lock lock;
	struct sp_client *free; /* by next */
} pool;

/* With the lock. */
static void pool_grow(void)
{
	long block = host_call(SYS_mmap, NULL, POOL_BLOCK, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if ((unsigned long)block > -4096UL)
		return;
	for (size_t i = 0; i < POOL_BLOCK / sizeof(struct sp_client); i++) {
		struct sp_client *client = &((struct sp_client *)block)[i];

		client->next = pool.free;
		pool.free = client;
	}
}

static struct sp_client *pool_take(void)
{
	struct sp_client *client;

	host_lock(&pool.lock);
	if (!pool.free)
		pool_grow();
	client = pool.free;
	if (client)
		pool.free = client->next;
	host_unlock(&pool.lock);
	if (client)
		memset(client, 0, sizeof(*client));
	return client;
}

static void pool_give(struct sp_client *client)
{
#ifdef __SANITIZE_ADDRESS__
	__asan_poison_memory_region(client, sizeof(*client));
	return;
#endif
	host_lock(&pool.lock);
	client->next = pool.free;
	pool.free = client;
	host_unlock(&pool.lock);
}

/* With the reference that its connection is. */
struct sp_client *sp_client_new(const struct sp_policy *policy)
{
	struct sp_client *client = pool_take();

	if (!client)
		return NULL;
	client->refs = 1;
	client->policy = policy;
	client->control = -1;
	client->pidfd = -1;
	client->kernel.host = client;
	client->kernel.signal = kernel_signal;
	client->kernel.gone = kernel_gone;
	return client;
}

void sp_client_ref(struct sp_client *client)
{
	atomic_fetch_add(&client->refs, 1);
}

void sp_client_unref(struct sp_client *client)
{
	if (client && atomic_fetch_sub(&client->refs, 1) == 1)
		pool_give(client);
}

/* ---- all of them ---- */

static int list_add(struct sp_client *client)
{
	int error = 0;

	host_lock(&sp.lock);
	/* who stops has said so before it looks at the list */
	if (sp_is_stopping()) {
		error = -ENOTCONN;
	} else {
		client->next = sp.clients;
		if (client->next)
			client->next->previous = client;
		sp.clients = client;
	}
	host_unlock(&sp.lock);
	return error;
}

static void list_remove(struct sp_client *client)
{
	host_lock(&sp.lock);
	if (client->previous)
		client->previous->next = client->next;
	else if (sp.clients == client)
		sp.clients = client->next;
	if (client->next)
		client->next->previous = client->previous;
	client->next = client->previous = NULL;
	host_unlock(&sp.lock);
}

/* From here on the control thread has it. */
static int connection_start(struct sp_client *client)
{
	int error = list_add(client);

	if (error)
		return error;
	error = sp_watch(client->control, SP_CONTROL, client, EPOLLIN);
	if (error)
		list_remove(client);
	return error;
}

/* ---- new clients ---- */

int sp_client_connect(int fd, const struct sp_policy *policy, bool is_elsewhere)
{
	int handle = file_adopt(fd), error;
	struct sp_client *client;

	if (handle < 0)
		return handle;
	client = sp_client_new(policy);
	if (!client) {
		file_close(handle);
		return -ENOMEM;
	}
	client->control = handle;
	client->is_elsewhere = is_elsewhere;
	error = sp_client_credentials(client);
	atomic_fetch_add(&sp.silent, 1);
	if (!error)
		error = connection_start(client);
	if (error) {
		atomic_fetch_sub(&sp.silent, 1);
		/* else who waits for the server's end sees it by that of the connection */
		if (!sp_is_stopping())
			file_close(handle);
		sp_client_unref(client);
	}
	return error;
}

void sp_client_entered(struct sp_client *client)
{
	client->is_entered = true;
	atomic_fetch_sub(&sp.silent, 1);
}

int sp_client_enter(struct sp_client *client, int (*make)(const struct rumpuser_client *))
{
	int pid;

	/* gone() may come before make() returns */
	sp_client_ref(client);
	atomic_fetch_add(&sp.count, 1);
	pid = make(&client->kernel);
	if (pid <= 0) {
		if (atomic_fetch_sub(&sp.count, 1) == 1)
			futex_wake((unsigned int *)&sp.count, INT_MAX);
		sp_client_unref(client);
		return pid ? pid : -EAGAIN;
	}
	atomic_store(&client->pid, pid);
	if (atomic_load(&client->is_gone))
		atomic_store(&client->pid, 0);
	return 0;
}

int sp_client_fork(const struct sp_client *parent)
{
	struct sp_client *client = sp_client_new(parent ? parent->policy : &local_policy);
	const int yes = 1;
	int fds[2], error, other;

	if (!client)
		return -ENOMEM;
	if (parent) {
		client->kernel = parent->kernel;
		client->kernel.host = client;
		client->host_uid = parent->host_uid;
		client->is_elsewhere = parent->is_elsewhere;
	} else {
		client->host_uid = (unsigned int)host_call(SYS_geteuid);
	}
	client->is_entered = true;
	client->kernel.pid = 0; /* there is no such process at the host yet */
	error = (int)host_call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds);
	if (error) {
		sp_client_unref(client);
		return error;
	}
	client->control = file_adopt(fds[0]);
	other = parent ? file_adopt(fds[1]) : fd_move_high(fds[1]);
	if (client->control < 0 || other < 0)
		error = -EMFILE;
	/* the child's messages then tell who it is: the pair's maker is us */
	if (!error)
		error = (int)host_call(SYS_setsockopt, file_fd(client->control), SOL_SOCKET,
				       SO_PASSCRED, &yes, sizeof(yes));
	if (!error)
		error = sp_client_enter(client, rumpuser_upcalls->process_fork);
	if (!error) {
		error = connection_start(client);
		if (!error)
			return other;
		/* there is a process, which the control thread has to end */
		sp_notify(client, SP_EVENT_END);
	} else {
		if (client->control >= 0)
			file_close(client->control);
		sp_client_unref(client);
	}
	if (!parent)
		fd_close_private(other);
	else if (other >= 0)
		file_close(other);
	return error;
}

/* ---- their end ---- */

void sp_client_end(struct sp_client *client)
{
	int pid = atomic_load(&client->pid), control = -1;

	if (client->is_ended)
		return;
	client->is_ended = true;
	list_remove(client);
	if (!client->is_entered)
		atomic_fetch_sub(&sp.silent, 1);
	if (client->pidfd >= 0) {
		sp_unwatch(client->pidfd);
		file_close(client->pidfd);
		client->pidfd = -1;
	}
	if (pid)
		rumpuser_upcalls->process_end(pid);
	sp_channels_close(client, 0, true);
	if (client->control >= 0)
		sp_unwatch(client->control);
	/*
	 * Who waits for the end of the server sees it by the end of the connection: those who
	 * have said so, and who may be about to, with nothing said yet.
	 */
	if (!sp_is_stopping() || (client->is_entered && !client->is_kept)) {
		host_lock(&client->lock);
		control = client->control;
		client->control = -1;
		host_unlock(&client->lock);
	}
	if (control >= 0)
		file_close(control);
	sp_notify(client, SP_EVENT_FORGET);
}

void sp_client_pause(struct sp_client *client)
{
	client->is_paused = true;
	if (client->control >= 0)
		sp_watch_change(client->control, SP_CONTROL, client, 0);
}

void sp_clients_end_all(void)
{
	struct sp_client *client;

	for (;;) {
		host_lock(&sp.lock);
		client = sp.clients;
		host_unlock(&sp.lock);
		if (!client)
			return;
		/* only this thread ends clients, so it is still there */
		sp_client_end(client);
	}
}

bool sp_clients_are_awaited(void)
{
	return atomic_load(&sp.silent) != 0;
}

bool sp_clients_expire(void)
{
	struct sp_client *client, *next, *late = NULL;

	/* only this thread ends clients; the lock is not for that */
	host_lock(&sp.lock);
	for (client = sp.clients; client; client = client->next) {
		if (client->is_entered || client->is_kept)
			continue;
		client->next_tick = late;
		late = client->is_late ? client : late;
		client->is_late = true;
	}
	host_unlock(&sp.lock);
	for (client = late; client; client = next) {
		next = client->next_tick;
		sp_log("a connection of uid %u is closed: it said nothing", client->host_uid);
		sp_client_end(client);
	}
	return sp_clients_are_awaited();
}

void sp_client_gone(struct sp_client *client)
{
	(void)client;
	if (atomic_fetch_sub(&sp.count, 1) == 1)
		futex_wake((unsigned int *)&sp.count, INT_MAX);
}

/* ---- counted ---- */

unsigned int sp_client_count(void)
{
	return atomic_load(&sp.count);
}

int sp_client_wait(unsigned long long timeout)
{
	unsigned long long until = timeout ? clock_mono() + timeout : 0;
	unsigned int count;
	int error;

	while ((count = atomic_load(&sp.count))) {
		error = futex_wait((unsigned int *)&sp.count, count, until);
		if (error == -ETIMEDOUT || error == -EINTR)
			return error;
	}
	return 0;
}

void sp_clients_forked(void)
{
	memset(&sp, 0, sizeof(sp));
	memset(&pool, 0, sizeof(pool));
}

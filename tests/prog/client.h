/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - the host side of clients, in a program with a kernel in it.
 *
 * A client here is memory of this process at addresses that mean nothing to it: what
 * the kernel does with a client's address by itself, and not by its host side, fails.
 * Pages can be missing.  The hypercalls' table leads the kernel's upcalls past us.
 */
#ifndef RUMP_TESTS_PROG_CLIENT_H
#define RUMP_TESTS_PROG_CLIENT_H

#include "prog.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define RUMPUSER_HOST
#include <rump/rumpuser.h>
#include <rump/rump_sp.h>

#define CLIENT_BASE 0x20000000UL /* the first address of a client's memory */
#define CLIENT_SIZE (8UL << 20)
#define CLIENT_PAGES (CLIENT_SIZE / 4096)
#define CLIENT_OUT_SIZE (16 << 10)
#define CLIENT_CALL_WINDOWS 8

static const struct rumpuser_upcalls *up;

/* Comes before librumpuser's in the order of symbols. */
const struct rumpuser_ops *rumpuser_init(int version, const struct rumpuser_upcalls *upcalls);
const struct rumpuser_ops *rumpuser_init(int version, const struct rumpuser_upcalls *upcalls)
{
	const struct rumpuser_ops *(*real)(int, const struct rumpuser_upcalls *);

	up = upcalls;
	real = (const struct rumpuser_ops *(*)(int, const struct rumpuser_upcalls *))dlsym(
		RTLD_NEXT, "rumpuser_init");
	return real(version, upcalls);
}

/* A process; its threads share the memory. */
struct client {
	int pid; /* in the rump kernel */
	char *memory;
	bool is_missing[CLIENT_PAGES];
	bool may_direct;
	unsigned int signals[65]; /* how many came for the process */
	unsigned int gone;
};

/* A thread of a client, and the server's for it. */
struct channel {
	struct rumpuser_remote remote; /* first */
	struct client *client;
	struct rumpuser_window windows[CLIENT_CALL_WINDOWS];
	unsigned int reads, writes, records, signals[65];
	unsigned int *gate; /* transfers wait until it is not 0 */
	char out[CLIENT_OUT_SIZE];
};

static void client_signal(void *host, int sig)
{
	struct client *client = host;

	__atomic_add_fetch(&client->signals[sig], 1, __ATOMIC_SEQ_CST);
}

static void client_gone(void *host)
{
	struct client *client = host;

	__atomic_add_fetch(&client->gone, 1, __ATOMIC_SEQ_CST);
}

TAP_UNUSED static unsigned int client_signals(struct client *client, int sig)
{
	return __atomic_load_n(&client->signals[sig], __ATOMIC_SEQ_CST);
}

static struct rumpuser_client client_of(struct client *client, unsigned int uid)
{
	struct rumpuser_client c = {
		.uid = uid,
		.gid = uid,
		.name = "client",
		.host = client,
		.signal = client_signal,
		.gone = client_gone,
	};

	return c;
}

static void client_memory(struct client *client)
{
	client->memory =
		mmap(NULL, CLIENT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (client->memory == MAP_FAILED)
		bail_out("no memory");
}

TAP_UNUSED static struct client *client_new(unsigned int uid, int pid)
{
	struct client *client = calloc(1, sizeof(*client));
	struct rumpuser_client c = client_of(client, uid);

	client_memory(client);
	c.pid = pid;
	client->pid = up->process_new(&c);
	if (client->pid < 0)
		bail_out("process_new: %s", strerror(-client->pid));
	return client;
}

/* By a thread that has joined the parent. */
TAP_UNUSED static struct client *client_fork(struct client *parent)
{
	struct client *client = calloc(1, sizeof(*client));
	struct rumpuser_client c = client_of(client, 12345);

	client_memory(client);
	memcpy(client->memory, parent->memory, CLIENT_SIZE);
	client->pid = up->process_fork(&c);
	return client;
}

TAP_UNUSED static bool client_is_gone(struct client *client, int ms)
{
	while (!__atomic_load_n(&client->gone, __ATOMIC_SEQ_CST) && ms-- > 0)
		host_sleep_ms(1);
	return client->gone;
}

TAP_UNUSED static bool client_end(struct client *client)
{
	up->process_end(client->pid);
	return client_is_gone(client, 5000);
}

TAP_UNUSED static void client_free(struct client *client)
{
	munmap(client->memory, CLIENT_SIZE);
	free(client);
}

/* ---- memory ---- */

/* Here, if all of it is there. */
static char *client_at(struct client *client, unsigned long address, unsigned long length)
{
	unsigned long offset = address - CLIENT_BASE;

	if (offset >= CLIENT_SIZE || length > CLIENT_SIZE - offset)
		return NULL;
	for (unsigned long page = offset / 4096; page * 4096 < offset + length; page++)
		if (client->is_missing[page])
			return NULL;
	return client->memory + offset;
}

static void wait_gate(struct channel *channel)
{
	while (channel->gate && !__atomic_load_n(channel->gate, __ATOMIC_SEQ_CST))
		host_sleep_ms(1);
}

static int do_records(struct channel *channel)
{
	char *p = channel->out, *end = p + channel->remote.out_used;
	int error = 0;

	while (p < end) {
		struct rump_sp_record record;
		char *at;

		memcpy(&record, p, sizeof(record));
		p += sizeof(record);
		at = client_at(channel->client, record.address, record.length);
		if (at)
			memcpy(at, p, record.length);
		else
			error = -EFAULT;
		p += (record.length + 7) & ~7U;
		channel->records++;
	}
	channel->remote.out_used = 0;
	return error;
}

static int remote_read(struct rumpuser_remote *remote, void *to, unsigned long from,
		       unsigned long length)
{
	struct channel *channel = (struct channel *)remote;
	char *at;

	wait_gate(channel);
	at = client_at(channel->client, from, length);
	channel->reads++;
	if (!at)
		return -EFAULT;
	memcpy(to, at, length);
	return 0;
}

static int remote_write(struct rumpuser_remote *remote, unsigned long to, const void *from,
			unsigned long length)
{
	struct channel *channel = (struct channel *)remote;
	char *at;

	wait_gate(channel);
	do_records(channel);
	at = client_at(channel->client, to, length);
	channel->writes++;
	if (!at)
		return -EFAULT;
	memcpy(at, from, length);
	return 0;
}

static void remote_signal(struct rumpuser_remote *remote, int sig)
{
	((struct channel *)remote)->signals[sig]++;
}

/* ---- calls ---- */

/* This thread carries out the calls of a new thread of the client. */
TAP_UNUSED static struct channel *channel_open(struct client *client)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	int error;

	channel->client = client;
	channel->remote = (struct rumpuser_remote){
		.windows = channel->windows,
		.out = channel->out,
		.out_size = CLIENT_OUT_SIZE,
		.may_direct = client->may_direct,
		.read = remote_read,
		.write = remote_write,
		.signal = remote_signal,
	};
	error = up->thread_join(client->pid, 0, &channel->remote);
	if (error) {
		free(channel);
		errno = -error;
		return NULL;
	}
	return channel;
}

TAP_UNUSED static void channel_close(struct channel *channel)
{
	up->thread_leave();
	free(channel);
}

/* Sends memory of the client along with the next call. */
TAP_UNUSED static void window(struct channel *channel, unsigned long address, unsigned int length)
{
	channel->windows[channel->remote.window_count++] = (struct rumpuser_window){
		.address = address,
		.length = length,
		.data = channel->client->memory + (address - CLIENT_BASE),
	};
}

#define client_call(channel, name, ...) \
	client_syscall(channel, SYS_##name, (const unsigned long[6]){__VA_ARGS__})

TAP_UNUSED static long client_syscall(struct channel *channel, long number,
				      const unsigned long args[6])
{
	long ret;

	channel->reads = channel->writes = channel->records = 0;
	memset(channel->signals, 0, sizeof(channel->signals));
	channel->remote.may_direct = channel->client->may_direct;
	ret = up->syscall(number, args);
	if (do_records(channel) && ret >= 0)
		ret = -EFAULT;
	channel->remote.window_count = 0;
	return ret;
}

/* A string at offset of the client's memory; its address there. */
TAP_UNUSED static unsigned long text_at(struct client *client, unsigned long offset,
					const char *text)
{
	memcpy(client->memory + offset, text, strlen(text) + 1);
	return CLIENT_BASE + offset;
}

/* openat() with the path in a window */
TAP_UNUSED static int client_open(struct channel *channel, const char *path, int flags)
{
	unsigned long address = text_at(channel->client, 64, path);

	window(channel, address, (unsigned int)strlen(path) + 1);
	return (int)client_call(channel, openat, (unsigned long)AT_FDCWD, address,
				(unsigned long)flags, 0600);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that come, call, fork, pass files, kill each other and are killed at any
 * moment, for so many seconds (5; RUMP_STRESS_SECONDS).  Nothing hangs, nothing stays.
 */
#include "client.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define AT(offset) (CLIENT_BASE + (offset))
#define SLOTS 12
#define THREADS 3 /* of each client */

static struct slot {
	_Atomic(struct client *) client;
} slots[SLOTS];

static unsigned long long exported[2];
static atomic_int exported_state; /* 0: none, 1: being changed, 2: one */
static atomic_int is_over, clients_made, calls_made, processes_left;

static unsigned int roll(unsigned int *seed, unsigned int n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

/* A client that others may use while we do: it is freed when it is gone and we let go. */
static struct client *any_client(unsigned int *seed)
{
	return slots[roll(seed, SLOTS)].client;
}

static void do_export(struct channel *channel)
{
	int none = 0;

	if (!atomic_compare_exchange_strong(&exported_state, &none, 1))
		return;
	atomic_store(&exported_state,
		     up->file_export((int)client_open(channel, "/tmp", O_RDONLY), exported) ? 0
											    : 2);
}

static void do_import(struct channel *channel)
{
	int one = 2, fd;

	if (!atomic_compare_exchange_strong(&exported_state, &one, 1))
		return;
	fd = up->file_import(exported);
	if (fd >= 0)
		client_call(channel, close, (unsigned long)fd);
	up->file_release(exported);
	atomic_store(&exported_state, 0);
}

/* A child that calls a little and ends. */
static void do_fork(struct channel *channel)
{
	struct client *child = client_fork(channel->client);
	unsigned int keep[] = {0, 2};

	if (child->pid < 0) {
		client_free(child);
		return;
	}
	atomic_fetch_add(&processes_left, 1);
	up->thread_leave();
	if (!up->thread_join(child->pid, 0, NULL)) {
		up->process_exec("child", keep, 2);
		up->thread_leave();
	}
	up->process_end(child->pid);
	if (!client_is_gone(child, 30000))
		bail_out("a child does not end");
	atomic_fetch_sub(&processes_left, 1);
	client_free(child);
	up->thread_join(channel->client->pid, 0, &channel->remote);
}

static bool one_call(struct channel *channel, unsigned int *seed)
{
	struct client *client = channel->client;
	unsigned long fd = roll(seed, 8), at = AT(0x100000 + roll(seed, 65536));
	struct client *other;
	long ret = 0;

	channel->client->may_direct = roll(seed, 2);
	switch (roll(seed, 24)) {
	case 0:
	case 1:
		ret = client_open(channel, "/tmp/stress", O_RDWR | O_CREAT);
		break;
	case 2:
		ret = client_call(channel, close, fd);
		break;
	case 3:
		ret = client_call(channel, pwrite64, fd, at, roll(seed, 200000), 0);
		break;
	case 4:
		ret = client_call(channel, pread64, fd, at, roll(seed, 200000), 0);
		break;
	case 5:
		ret = client_call(channel, pipe2, AT(512), 0);
		break;
	case 6:
		ret = client_call(channel, write, fd, at, roll(seed, 30000));
		break;
	case 7:
		ret = client_call(channel, read, fd, at, roll(seed, 30000));
		break;
	case 8:
		ret = client_call(channel, socketpair, AF_UNIX, SOCK_STREAM, 0, AT(512));
		break;
	case 9:
		do_fork(channel);
		break;
	case 10:
		do_export(channel);
		break;
	case 11:
		do_import(channel);
		break;
	case 12:
		other = any_client(seed);
		if (other)
			ret = client_call(channel, kill, (unsigned long)other->pid,
					  roll(seed, 20) ? SIGUSR1 : SIGKILL);
		break;
	case 13:
		ret = client_call(channel, setresuid, 0, roll(seed, 2) * 1000, 0);
		break;
	case 14:
		ret = client_call(channel, poll, AT(2048), roll(seed, 4), roll(seed, 5));
		break;
	case 15: { /* a new lwp */
		up->thread_leave();
		ret = up->thread_join(client->pid, 0, &channel->remote);
		break;
	}
	case 16:
		client->is_missing[0x100 + roll(seed, 16)] ^= 1;
		break;
	case 17:
		ret = client_call(channel, ftruncate, fd, roll(seed, 100000));
		break;
	case 18:
		ret = client_call(channel, getdents64, fd, at, 32768);
		break;
	default:
		ret = client_call(channel, getppid);
	}
	atomic_fetch_add(&calls_made, 1);
	return ret != -ESRCH;
}

struct worker {
	struct client *client;
	unsigned int seed, index;
	atomic_int *left;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned int seed = worker->seed;
	struct channel *channel = channel_open(worker->client);

	if (channel) {
		for (unsigned int n = roll(&seed, 400); n && !is_over; n--)
			if (!one_call(channel, &seed))
				break;
		/* a thread may end as it is */
		if (roll(&seed, 4))
			channel_close(channel);
	}
	atomic_fetch_sub(worker->left, 1);
	free(worker);
	return NULL;
}

/* One client after the other. */
static void *keep_slot(void *arg)
{
	unsigned int index = (unsigned int)(long)arg, seed = index * 7919 + 17;

	while (!is_over) {
		struct client *client = client_new(roll(&seed, 3) ? 0 : 1000, 0);
		atomic_int left = THREADS;
		pthread_t threads[THREADS];

		atomic_fetch_add(&processes_left, 1);
		atomic_fetch_add(&clients_made, 1);
		slots[index].client = client;
		for (int i = 0; i < THREADS; i++) {
			struct worker *worker = malloc(sizeof(*worker));

			*worker = (struct worker){client, seed + 1000U * (unsigned int)i, 0, &left};
			threads[i] = start(work, worker);
		}
		/* it is ended in the middle of things, or when they are over */
		if (roll(&seed, 2))
			host_sleep_ms(roll(&seed, 30));
		else
			for (int i = 0; i < 300 && left && !is_over; i++)
				host_sleep_ms(1);
		slots[index].client = NULL;
		up->process_end(client->pid);
		for (int i = 0; i < THREADS; i++)
			join(threads[i]);
		if (!client_is_gone(client, 30000))
			bail_out("client %d does not end", client->pid);
		atomic_fetch_sub(&processes_left, 1);
		host_sleep_ms(1); /* any_client() of others */
		/* memory goes, the rest may be looked at still */
		munmap(client->memory, CLIENT_SIZE);
	}
	return NULL;
}

static unsigned long free_kib(void)
{
	char text[4096], *free_at, *cached;
	int fd = rump_sys_open("/proc/meminfo", O_RDONLY);
	ssize_t length = rump_sys_read(fd, text, sizeof(text) - 1);

	rump_sys_close(fd);
	rump_pub_lwproc_switch(NULL);
	text[length > 0 ? length : 0] = '\0';
	free_at = strstr(text, "MemFree:");
	cached = strstr(text, "\nCached:");
	return free_at && cached ? strtoul(free_at + 8, NULL, 10) + strtoul(cached + 8, NULL, 10)
				 : 0;
}

int main(void)
{
	const char *text = getenv("RUMP_STRESS_SECONDS");
	int seconds = text ? atoi(text) : 5, calls = 0, stuck = 0;
	pthread_t keepers[SLOTS];
	unsigned long before, after;

	boot(NULL);
	rump_pub_lwproc_switch(NULL);
	before = free_kib();
	for (long i = 0; i < SLOTS; i++)
		keepers[i] = start(keep_slot, (void *)i);
	for (int i = 0; i < seconds; i++) {
		host_sleep_ms(1000);
		stuck = calls_made == calls ? stuck + 1 : 0;
		calls = calls_made;
		if (stuck > 20)
			bail_out("no call ends any more");
	}
	is_over = 1;
	for (int i = 0; i < SLOTS; i++)
		join(keepers[i]);
	diag("%d clients, %d calls", clients_made, calls_made);
	is_int(processes_left, 0, "all processes are gone");
	if (exported_state == 2)
		up->file_release(exported);
	rump_sys_unlink("/tmp/stress");
	host_sleep_ms(500);
	after = free_kib();
	diag("free: %lu KiB, %lu KiB", before, after);
	ok(after + 6144 > before, "and their memory");
	ok(rump_sys_getpid() == getpid(), "the kernel goes on");
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_channel.c - the thread of a channel: it is an lwp of the client's process and does
 * what the client's thread asks for, a turn at a time.
 *
 * Both sides look at the other's word for as long as that is likely to pay (spin.h), then
 * announce that they sleep, look once more, and sleep on it.  So a turn costs no
 * system call at best, and each side one to sleep and one to wake at worst.  Nothing
 * is allocated on that way.
 *
 * The client may write anything at any time.  The turn is copied before it is looked at; of
 * the data only the kernel's copies are used; the words decide no more than when this
 * thread goes on, and the control thread's ticks (sp_channels_tick) bring it on when
 * a client has put them back to keep it.
 */
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sp.h"

#define FUTEX_WAKE_SHARED 1
#define FUTEX_WAIT_BITSET_SHARED 9
#define TURNED (1U << 31) /* makes a word another one than any turn would */
#define BUSY (1ULL << 32) /* of sp_channel.serving */
#define CHANNEL_SIZE (RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE)
#define TURN_HEAD offsetof(struct rump_sp_turn, windows)

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#define MFD_ALLOW_SEALING 2U
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif

/*
 * For a client that owes the answer to a transfer: the call may have locks in the kernel.
 */
#define TRANSFER_NSEC (30 * NSEC_PER_SEC)

/* turns, each with a sleep and the client on the same other CPU, after which we go there */
#define FOLLOW_AFTER 8
#define FOLLOW_CPUS 8192

static struct sp_spinners spinners;

/* ---- turns ---- */

static void wake_shared(uint32_t *word)
{
	host_call(SYS_futex, word, FUTEX_WAKE_SHARED, INT_MAX);
}

static uint32_t look(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static bool is_closing(const struct sp_channel *channel)
{
	return atomic_load_explicit(&channel->is_closing, memory_order_relaxed);
}

static long wait_shared(uint32_t *word, uint32_t value, unsigned long long until)
{
	struct timespec deadline = {.tv_sec = (time_t)(until / NSEC_PER_SEC),
				    .tv_nsec = (long)(until % NSEC_PER_SEC)};

	return host_call(SYS_futex, word, FUTEX_WAIT_BITSET_SHARED, value, until ? &deadline : NULL,
			 NULL, FUTEX_BITSET_MATCH_ANY);
}

/*
 * A client that waits for us needs no CPU meanwhile, and a wake-up on another CPU costs
 * twenty times what one on the same costs.  So who sleeps between turns goes where its
 * client is, and stays: the host moves the client when that CPU has too much to do, and
 * we come after it.
 */
static void follow(struct sp_channel *channel, uint32_t cpu)
{
	unsigned long mask[FOLLOW_CPUS / 64] = {0}, allowed[FOLLOW_CPUS / 64] = {0};
	uint32_t theirs = look(&channel->shared->client_cpu);

	if (theirs == cpu || theirs != channel->follows_cpu) {
		channel->follows_cpu = theirs;
		channel->follows = 0;
		return;
	}
	if (!theirs || theirs > FOLLOW_CPUS || ++channel->follows < FOLLOW_AFTER)
		return;
	channel->follows = 0;
	/* the main thread has what the administrator allows */
	host_call(SYS_sched_getaffinity, host_call(SYS_getpid), sizeof(allowed), allowed);
	mask[(theirs - 1) / 64] = 1UL << (theirs - 1) % 64;
	if (allowed[(theirs - 1) / 64] & mask[(theirs - 1) / 64])
		host_call(SYS_sched_setaffinity, 0, sizeof(mask), mask);
}

/* Within a call nothing else is done. */
static bool takes_posted(const struct sp_channel *channel)
{
	return channel->is_posting &&
	       !(atomic_load_explicit(&channel->serving, memory_order_relaxed) & BUSY);
}

/* Sleeps until there is something, or the monotonic time, which closes the channel. */
static void sleep_until_turn(struct sp_channel *channel, unsigned long long until)
{
	struct rump_sp_channel *shared = channel->shared;
	const uint32_t old = channel->request;
	const bool takes = takes_posted(channel);
	long result;

	for (;;) {
		__atomic_store_n(&shared->server_sleeps, 1, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (look(&shared->request) != old || is_closing(channel) ||
		    (takes && look(&shared->posted_count) != channel->posted))
			break;
		/* no count of both is a futex of its own: who posts makes server_sleeps 0 */
		result = channel->is_posting ? wait_shared(&shared->server_sleeps, 1, until)
					     : wait_shared(&shared->request, old, until);
		if (result == -ETIMEDOUT)
			atomic_store(&channel->is_closing, true);
	}
	__atomic_store_n(&shared->server_sleeps, 0, __ATOMIC_RELAXED);
}

/* Until the client has raised `request` or posted something, or the channel closes. */
static void look_and_sleep(struct sp_channel *channel, unsigned long long until)
{
	struct rump_sp_channel *shared = channel->shared;
	const struct sp_words words = {
		.word = &shared->request,
		.old = channel->request,
		.other = takes_posted(channel) ? &shared->posted_count : NULL,
		.other_old = channel->posted,
	};
	uint32_t cpu = (uint32_t)(sched_getcpu() + 1);

	__atomic_store_n(&shared->server_cpu, cpu, __ATOMIC_RELAXED);
	if (sp_spin(&channel->spin, &spinners, &words, channel->client_slept, true, cpu,
		    look(&shared->client_cpu))) {
		channel->follows = 0;
	} else {
		follow(channel, cpu);
		sleep_until_turn(channel, until);
	}
}

/*
 * Waits until the client has raised `request`, or the monotonic time (0: for ever), which
 * closes the channel; does what it posts meanwhile and has posted before.  False: it closes.
 */
static bool wait_for_turn(struct sp_channel *channel, unsigned long long until)
{
	const uint32_t old = channel->request;

	do {
		look_and_sleep(channel, until);
		/* first: what was posted before that turn can be seen now */
		channel->request = look(&channel->shared->request);
		if (takes_posted(channel))
			sp_posted_do(channel);
	} while (channel->request == old && !is_closing(channel) && !channel->is_bad);
	return !is_closing(channel) && !channel->is_bad;
}

static void give_answer(struct sp_channel *channel, const struct rump_sp_answer *answer)
{
	struct rump_sp_channel *shared = channel->shared;

	memcpy(&shared->answer, answer, sizeof(*answer));
	__atomic_store_n(&shared->reply, channel->request, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	channel->client_slept = look(&shared->client_sleeps) != 0;
	if (channel->client_slept)
		wake_shared(&shared->reply);
}

int sp_channel_transfer(struct sp_channel *channel, struct rump_sp_answer *answer)
{
	struct rump_sp_turn turn;

	if (is_closing(channel) || channel->is_bad)
		return -ENOTCONN;
	give_answer(channel, answer);
	if (!wait_for_turn(channel, clock_mono() + TRANSFER_NSEC))
		return -ENOTCONN;
	memcpy(&turn, &channel->shared->turn, TURN_HEAD);
	__asm__ volatile("" ::: "memory"); /* what is checked is what was copied */
	if (!(turn.flags & RUMP_SP_CONTINUE)) {
		channel->is_bad = true;
		return -ENOTCONN;
	}
	return turn.copy_error ? -EFAULT : 0;
}

/* ---- calls ---- */

static long call_fork(struct sp_channel *channel)
{
	int handle = sp_client_fork(channel->client);
	long id;

	if (handle < 0)
		return handle;
	/* if that fails the other end is nowhere any more, and the process ends */
	id = sp_client_send_fd(channel->client, RUMP_SP_SOCKET, handle);
	file_close(handle);
	return id;
}

static long call_export(struct sp_channel *channel, int rump_fd)
{
	int handle =
		channel->client->is_elsewhere ? -EOPNOTSUPP : sp_export(channel->client, rump_fd);
	long id;

	if (handle < 0)
		return handle;
	id = sp_client_send_fd(channel->client, RUMP_SP_SOCKET, handle);
	file_close(handle);
	return id;
}

static long call_event(struct sp_channel *channel, int notifier)
{
	int handle = sp_event(channel->client, notifier);
	long id;

	if (handle < 0)
		return handle;
	id = sp_client_send_fd(channel->client, RUMP_SP_EVENT, handle);
	file_close(handle);
	return id;
}

_Static_assert(RUMP_SP_NR_MAP_OPEN == RUMPUSER_NR_MAP_OPEN &&
		       RUMP_SP_NR_MAP_FAULT == RUMPUSER_NR_MAP_FAULT &&
		       RUMP_SP_NR_MAP_DROP == RUMPUSER_NR_MAP_DROP &&
		       RUMP_SP_NR_MAP_CHECK == RUMPUSER_NR_MAP_CHECK &&
		       RUMP_SP_MAP_WRITE == RUMPUSER_MAP_WRITE &&
		       RUMP_SP_MAP_NEAR == RUMPUSER_MAP_NEAR &&
		       sizeof(struct rump_sp_map) == sizeof(struct rumpuser_map) &&
		       sizeof(struct rump_sp_map_run) == sizeof(struct rumpuser_map_run),
	       "the kernel's calls are the protocol's");

/* Who could as well take it: a process of our own user, which we may trace and it us. */
static bool may_have_memory(const struct sp_client *client)
{
	return atomic_load(&client->may_direct) && !client->policy->is_memory_private;
}

static long call_memory(struct sp_channel *channel)
{
	struct sp_client *client = channel->client;
	int handle;
	long id;

	if (!may_have_memory(client))
		return -EPERM;
	handle = memory_handle();
	if (handle < 0)
		return handle;
	id = sp_client_send_fd(client, RUMP_SP_SOCKET, handle);
	file_close(handle);
	return id;
}

static long call(struct sp_channel *channel)
{
	const struct rump_sp_turn *turn = &channel->turn;
	unsigned long args[6];

	for (int i = 0; i < 6; i++)
		args[i] = turn->args[i];
	/* others would only make the kernel keep pages */
	if (turn->number == RUMP_SP_NR_MAP_OPEN && !may_have_memory(channel->client))
		return -EPERM;
	if (turn->number >= 0 && turn->number < RUMP_SP_CALL_FORK)
		return rumpuser_upcalls->syscall((long)turn->number, args);
	switch (turn->number) {
	case RUMP_SP_CALL_FORK:
		return call_fork(channel);
	case RUMP_SP_CALL_EXPORT:
		return call_export(channel, (int)args[0]);
	case RUMP_SP_CALL_MEMORY:
		return call_memory(channel);
	case RUMP_SP_CALL_IMPORT:
		return rumpuser_upcalls->file_import(
			(const unsigned long long[2]){args[0], args[1]});
	case RUMP_SP_CALL_EVENT:
		return call_event(channel, (int)args[0]);
	default:
		return -ENOSYS;
	}
}

int sp_channel_turn(struct sp_channel *channel)
{
	const struct rump_sp_turn *theirs = &channel->shared->turn;
	struct rump_sp_turn *turn = &channel->turn;
	const uint64_t request = channel->request;
	struct rump_sp_answer answer = {.kind = RUMP_SP_RESULT};

	memcpy(turn, theirs, TURN_HEAD);
	__asm__ volatile("" ::: "memory");
	if (turn->window_count > RUMP_SP_WINDOWS || turn->flags & ~(RUMP_SP_POSTING | RUMP_SP_WRITE_THROUGH))
		return -EBADMSG;
	if (turn->flags & RUMP_SP_POSTING)
		atomic_store(&channel->is_posting, true);
	memcpy(turn->windows, theirs->windows, turn->window_count * sizeof(turn->windows[0]));
	__asm__ volatile("" ::: "memory");
	if (sp_memory_begin(channel))
		return -EBADMSG;
	atomic_store(&channel->serving, request | BUSY);
	channel->is_lost = false;
	answer.result = call(channel);
	/* the kernel counts as done what it has written into `out` */
	if (channel->is_lost && answer.result >= 0)
		answer.result = -EFAULT;
	atomic_store(&channel->serving, request);
	if (channel->is_bad)
		return -EBADMSG;
	if (is_closing(channel))
		return -ENOTCONN;
	answer.signals = atomic_load_explicit(&channel->signals, memory_order_relaxed)
				 ? atomic_exchange(&channel->signals, 0)
				 : 0;
	answer.out_offset = channel->out_offset;
	answer.out_used = channel->remote.out_used;
	give_answer(channel, &answer);
	return 0;
}

/* ---- the thread ---- */

/* With the client's lock. */
static void answer_is_sent(struct sp_channel *channel)
{
	channel->client->unread_count -= channel->is_unread;
	channel->is_unread = false;
}

static int send_channel(struct sp_channel *channel, int error)
{
	struct sp_client *client = channel->client;
	const struct rump_sp_channel_answer answer = {
		.head = {.length = sizeof(answer),
			 .type = RUMP_SP_CHANNEL,
			 .is_answer = 1,
			 .id = channel->question,
			 .error = -error},
		.channel = channel->number,
		.size = CHANNEL_SIZE,
	};

	error = sp_client_send_patiently(client, &answer, error ? -1 : channel->memfd);
	host_lock(&client->lock);
	answer_is_sent(channel);
	host_unlock(&client->lock);
	file_close(channel->memfd);
	channel->memfd = -1;
	return error;
}

static void list_remove(struct sp_channel *channel)
{
	struct sp_client *client = channel->client;

	host_lock(&client->lock);
	if (channel->previous)
		channel->previous->next = channel->next;
	else
		client->channels = channel->next;
	if (channel->next)
		channel->next->previous = channel->previous;
	client->channel_count--;
	answer_is_sent(channel);
	host_unlock(&client->lock);
}

static void channel_main(void *arg)
{
	struct sp_channel *channel = arg;
	int pid = atomic_load(&channel->client->pid), error;
	bool is_lwp;

	atomic_store(&channel->tid, thread_id());
	error = pid ? rumpuser_upcalls->thread_join(pid, channel->wanted_tid, &channel->remote)
		    : -ESRCH;
	is_lwp = !error;
	if (send_channel(channel, error) && !error)
		error = -ENOTCONN;
	else if (!error)
		while (wait_for_turn(channel, 0) && !(error = sp_channel_turn(channel)))
			;
	if (channel->is_bad)
		error = -EBADMSG;
	/* the client's thread has ended, or the client: what it has posted it has done */
	if (channel->is_posting && error != -EBADMSG)
		sp_posted_do(channel);
	if (error == -EBADMSG) {
		sp_log("client %d: not a turn of the protocol",
		       atomic_load(&channel->client->host_pid));
		sp_notify(channel->client, SP_EVENT_END);
	}
	if (is_lwp)
		rumpuser_upcalls->thread_leave();
	list_remove(channel);
	__atomic_store_n(&channel->shared->is_closed, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_xor(&channel->shared->reply, TURNED, __ATOMIC_SEQ_CST);
	wake_shared(&channel->shared->reply);
	sp_channel_free(channel);
}

/* ---- objects ---- */

static int memory_make(struct sp_channel *channel)
{
	long fd = host_call(SYS_memfd_create, "rump-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct rump_sp_channel *shared;
	long error, map;

	if (fd < 0)
		return (int)fd;
	channel->memfd = file_adopt((int)fd);
	if (channel->memfd < 0)
		return channel->memfd;
	fd = file_fd(channel->memfd);
	error = host_call(SYS_ftruncate, fd, CHANNEL_SIZE);
	/* it keeps its size, so that no access to it is a SIGBUS, here or there */
	if (!error)
		error = host_call(SYS_fcntl, fd, F_ADD_SEALS,
				  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	if (error)
		return (int)error;
	map = host_call(SYS_mmap, NULL, CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if ((unsigned long)map > -4096UL)
		return (int)map;
	shared = (struct rump_sp_channel *)map;
	host_call(SYS_madvise, shared, CHANNEL_SIZE, MADV_DONTFORK);
	host_call(SYS_madvise, shared, CHANNEL_SIZE, MADV_DONTDUMP);
	shared->magic = RUMP_SP_MAGIC;
	shared->version = RUMP_SP_VERSION;
	shared->data_offset = RUMP_SP_DATA_OFFSET;
	shared->data_size = RUMP_SP_DATA_SIZE;
	channel->shared = shared;
	channel->data = (char *)shared + RUMP_SP_DATA_OFFSET;
	return 0;
}

struct sp_channel *sp_channel_new(struct sp_client *client, int *ret_error)
{
	struct sp_channel *channel = calloc(1, sizeof(*channel));
	int error = -ENOMEM;

	if (channel) {
		sp_client_ref(client);
		channel->client = client;
		channel->memfd = -1;
		error = memory_make(channel);
		if (!error) {
			sp_memory_init(channel);
			return channel;
		}
		sp_channel_free(channel);
	}
	*ret_error = error;
	return NULL;
}

void sp_channel_free(struct sp_channel *channel)
{
	if (channel->memfd >= 0)
		file_close(channel->memfd);
	if (channel->shared)
		host_call(SYS_munmap, channel->shared, CHANNEL_SIZE);
	sp_client_unref(channel->client);
	free(channel);
}

static int list_add(struct sp_channel *channel)
{
	struct sp_client *client = channel->client;
	int error = 0;

	host_lock(&client->lock);
	if (client->is_closed) {
		error = -ENOTCONN;
	} else if (client->channel_count >= SP_CHANNELS_MAX ||
		   client->unread_count >= SP_UNREAD_MAX) {
		error = -EAGAIN;
	} else {
		client->next_channel = client->next_channel % INT32_MAX + 1;
		channel->number = client->next_channel;
		channel->next = client->channels;
		if (channel->next)
			channel->next->previous = channel;
		client->channels = channel;
		client->channel_count++;
		channel->is_unread = true;
		client->unread_count++;
	}
	host_unlock(&client->lock);
	return error;
}

int sp_channel_open(struct sp_client *client, uint32_t question, int tid)
{
	int pid = atomic_load(&client->host_pid), error = 0;
	struct sp_channel *channel = sp_channel_new(client, &error);
	char name[16];

	if (!channel)
		return error;
	channel->question = question;
	/* a thread of the client's process may have that number in the kernel, too */
	if (client->is_pid_shared && tid > 0 && host_call(SYS_tgkill, pid, tid, 0) != -ESRCH)
		channel->wanted_tid = tid;
	spinners.limit = sp_spinners_limit(thread_host_cpus());
	error = list_add(channel);
	if (!error) {
		snprintf(name, sizeof(name), "rs-%d", pid);
		error = thread_create(channel_main, channel, name);
		if (error)
			list_remove(channel);
	}
	if (error)
		sp_channel_free(channel);
	return error;
}

/* ---- from the control thread ---- */

/* Whatever it sleeps on. */
static void wake_thread(struct sp_channel *channel)
{
	uint32_t *sleeps = &channel->shared->server_sleeps;

	wake_shared(&channel->shared->request);
	/* not else: the client of one that sleeps on `request` would let it sleep */
	if (!atomic_load(&channel->is_posting))
		return;
	__atomic_store_n(sleeps, 0, __ATOMIC_SEQ_CST);
	wake_shared(sleeps);
}

static void channel_close(struct sp_channel *channel)
{
	if (atomic_exchange(&channel->is_closing, true))
		return;
	__atomic_fetch_xor(&channel->shared->request, TURNED, __ATOMIC_SEQ_CST);
	wake_thread(channel);
}

void sp_channels_close(struct sp_client *client, uint32_t number, bool is_end)
{
	bool is_found = false;

	host_lock(&client->lock);
	client->is_closed |= is_end;
	for (struct sp_channel *channel = client->channels; channel; channel = channel->next) {
		if (number && channel->number != number)
			continue;
		channel_close(channel);
		is_found = true;
	}
	host_unlock(&client->lock);
	if (is_found)
		sp_notify(client, SP_EVENT_TICK);
}

/* What INTERRUPT has asked for: true: it may have come too early, again later. */
static bool interrupt_again(struct sp_channel *channel)
{
	uint64_t serving = atomic_load(&channel->serving);

	if (serving == (channel->interrupt | BUSY)) {
		rumpuser_upcalls->interrupt(atomic_load(&channel->tid));
		return true;
	}
	/* our thread has not yet taken it, although it is there */
	if (serving != channel->interrupt && look(&channel->shared->request) == channel->interrupt)
		return true;
	channel->is_interrupted = false;
	return false;
}

void sp_channel_interrupt(struct sp_client *client, uint32_t number, uint32_t request)
{
	bool is_left = false;

	host_lock(&client->lock);
	for (struct sp_channel *channel = client->channels; channel; channel = channel->next) {
		if (channel->number != number)
			continue;
		channel->is_interrupted = true;
		channel->interrupt = request;
		is_left = interrupt_again(channel);
	}
	host_unlock(&client->lock);
	if (is_left)
		sp_notify(client, SP_EVENT_TICK);
}

bool sp_channels_tick(struct sp_client *client)
{
	bool is_left = false;

	host_lock(&client->lock);
	for (struct sp_channel *channel = client->channels; channel; channel = channel->next) {
		if (is_closing(channel)) {
			if (atomic_load(&channel->serving) & BUSY)
				rumpuser_upcalls->interrupt(atomic_load(&channel->tid));
			wake_thread(channel);
			is_left = true;
		} else if (channel->is_interrupted) {
			/* a client that has not woken us lets nobody else wait */
			wake_thread(channel);
			is_left |= interrupt_again(channel);
		}
	}
	host_unlock(&client->lock);
	return is_left;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel.c - the channels of threads.
 *
 * A thread gets its channel at its first call and gives it back when it ends, by the
 * destructor of a pthread key.  Threads that pthreads does not know (raw clone) leave
 * theirs behind; they are collected when room is wanted.
 *
 * The structs lie in blocks that are never unmapped, so that a handler may look for
 * any thread's channel at any time; taking one is a compare-and-swap of its tid.
 */
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "private.h"

#define BLOCK_CHANNELS 64
#define BLOCKS 256
/* threads that ask for their channels at once, and how long another one waits for its turn */
#define ASKING_MAX 16
#define ASKING_TIME (200 * NSEC_PER_MSEC)

__thread FAST_TLS struct thread self;

static struct channel *blocks[BLOCKS];
static pthread_key_t exit_key;

/* ---- the table ---- */

static struct channel *block_of(int i, bool is_new)
{
	struct channel *block = __atomic_load_n(&blocks[i], __ATOMIC_ACQUIRE), *none = NULL;
	long made;

	if (block || !is_new)
		return block;
	made = host(SYS_mmap, NULL, BLOCK_CHANNELS * sizeof(*block), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(made))
		return NULL;
	block = (struct channel *)made;
	if (!__atomic_compare_exchange_n(&blocks[i], &none, block, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		host(SYS_munmap, block, BLOCK_CHANNELS * sizeof(*block));
		block = none;
	}
	return block;
}

struct channel *channel_next(int *at)
{
	for (; *at < BLOCKS * BLOCK_CHANNELS; ++*at) {
		struct channel *block = block_of(*at / BLOCK_CHANNELS, false);

		if (!block)
			return NULL;
		if (__atomic_load_n(&block[*at % BLOCK_CHANNELS].tid, __ATOMIC_ACQUIRE))
			return &block[(*at)++ % BLOCK_CHANNELS];
	}
	return NULL;
}

static struct channel *take_slot(uint32_t tid, int block_count)
{
	for (int i = 0; i < block_count; i++) {
		struct channel *block = block_of(i, true);

		for (int j = 0; block && j < BLOCK_CHANNELS; j++) {
			uint32_t nobody = 0;

			if (__atomic_compare_exchange_n(&block[j].tid, &nobody, tid, false,
							__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				return &block[j];
		}
	}
	return NULL;
}

static int blocks_made(void)
{
	int count = 0;

	while (count < BLOCKS && block_of(count, false))
		count++;
	return count;
}

/* Those of threads that have ended without telling. */
static void collect(void)
{
	long pid = host(SYS_getpid);
	struct channel *channel;

	for (int at = 0; (channel = channel_next(&at));)
		if (host(SYS_tgkill, pid, channel->tid, 0) == -ESRCH)
			channel_drop(channel);
}

static struct channel *slot_for(uint32_t tid)
{
	int made = blocks_made();
	struct channel *channel = take_slot(tid, made ? made : 1);

	if (!channel) {
		collect();
		channel = take_slot(tid, made);
	}
	return channel ? channel : take_slot(tid, BLOCKS);
}

static void free_slot(struct channel *channel)
{
	channel->shared = NULL;
	channel->stream = NULL;
	channel->posted = 0;
	channel->wants_posting = channel->is_posting = false;
	__atomic_store_n(&channel->call, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&channel->tid, 0, __ATOMIC_RELEASE);
}

/* ---- life ---- */

/*
 * Thousands of new threads would ask faster than answers can be read, and all look for
 * theirs in them.  Who has left its question by longjmp() holds others up for a moment only:
 * while no answer comes, one of them goes on each time, and not all that have waited.
 */
static void asking_begin(struct session *session)
{
	uint32_t answered = __atomic_load_n(&session->answered, __ATOMIC_ACQUIRE), seen;
	uint32_t count = __atomic_load_n(&session->asking, __ATOMIC_RELAXED);
	uint64_t until = host_now() + ASKING_TIME;
	struct timespec time;

	while (count >= ASKING_MAX) {
		time = (struct timespec){(time_t)(until / NSEC_PER_SEC),
					 (long)(until % NSEC_PER_SEC)};
		host(SYS_futex, &session->answered, HOST_FUTEX_WAIT_BITSET | HOST_FUTEX_PRIVATE,
		     answered, &time, NULL, ~0U);
		seen = answered;
		/* as if there had been an answer: the others have waited in vain */
		if (host_now() >= until &&
		    __atomic_compare_exchange_n(&session->answered, &seen, answered + 1, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			break;
		seen = __atomic_load_n(&session->answered, __ATOMIC_ACQUIRE);
		if (seen != answered)
			until = host_now() + ASKING_TIME;
		answered = seen;
		count = __atomic_load_n(&session->asking, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&session->asking, 1, __ATOMIC_ACQ_REL);
}

static void asking_end(struct session *session)
{
	uint32_t count = __atomic_fetch_sub(&session->asking, 1, __ATOMIC_ACQ_REL);

	__atomic_fetch_add(&session->answered, 1, __ATOMIC_RELEASE);
	if (count >= ASKING_MAX)
		host(SYS_futex, &session->answered, HOST_FUTEX_WAKE | HOST_FUTEX_PRIVATE, 1);
}

static int open_channel(struct session *session, uint32_t tid, struct channel *channel)
{
	struct rump_sp_channel_open question = {.tid = (int32_t)tid};
	struct {
		struct rump_sp_channel_answer answer;
		struct rump_sp_cookie cookie; /* tcp */
	} answer;
	int fd = -1, error;

	channel->session = session;
	channel->generation = __atomic_load_n(&session->live, __ATOMIC_ACQUIRE);
	memset(&channel->spin, 0, sizeof(channel->spin));
	if (!channel->generation)
		return -ENOTCONN;
	asking_begin(session);
	error = control_ask(session, RUMP_SP_CHANNEL, &question.head, sizeof(question), &answer,
			    sizeof(answer), &fd, 0);
	asking_end(session);
	if (error) {
		fd_close_private(fd);
		return error;
	}
	channel->number = answer.answer.channel;
	error = session->transport->channel_open(channel, &answer.answer, fd);
	if (error == -EPROTO)
		session_lost(session, channel->generation);
	return error;
}

int channel_get(struct channel **place)
{
	struct session *session = session_current();
	uint32_t tid = (uint32_t)host(SYS_gettid);
	struct channel *channel;
	int error;

	if (*place) {
		channel_drop(*place);
		*place = NULL;
	}
	for (;;) {
		error = session_ensure(session);
		if (error)
			return error;
		channel = slot_for(tid);
		if (!channel)
			return -EAGAIN;
		error = open_channel(session, tid, channel);
		if (!error)
			break;
		free_slot(channel);
		/* lost since: nothing has been asked of the kernel yet */
		if (error != -ENOTCONN)
			return error;
	}
	*place = channel;
	/* the key exists, so only memory can be missing: then collect() finds it */
	pthread_setspecific(exit_key, &blocks);
	return 0;
}

void channel_drop(struct channel *channel)
{
	struct session *session = channel->session;
	struct rump_sp_channel_end message = {.channel = channel->number};

	channel_interrupt(channel);
	post_end(channel);
	if (session->transport->has_channel_end && channel_is_live(channel))
		control_send(session, RUMP_SP_CHANNEL_END, &message.head, sizeof(message));
	session->transport->channel_close(channel, CHANNEL_OURS);
	free_slot(channel);
}

void channel_drop_all(struct session *session, enum channel_owner owner)
{
	struct channel *channel;

	for (int at = 0; (channel = channel_next(&at));)
		if (channel->session == session && channel->shared) {
			post_end(channel);
			session->transport->channel_close(channel, owner);
			free_slot(channel);
		}
}

void channel_wake_all(const struct session *session)
{
	struct channel *channel;

	for (int at = 0; (channel = channel_next(&at));) {
		struct rump_sp_channel *shared = channel->shared;

		/* unmapped meanwhile, it is EFAULT and nobody sleeps there */
		if (channel->session == session && shared)
			host(SYS_futex, &shared->reply, HOST_FUTEX_WAKE, INT_MAX);
	}
}

void channel_forked(void)
{
	struct channel *channel;

	post_forked();
	for (int at = 0; (channel = channel_next(&at));) {
		channel->has_posted = false;
		if (channel->shared)
			channel->session->transport->channel_close(channel, CHANNEL_PARENTS);
		free_slot(channel);
	}
	self.channel = self.spare = NULL;
	self.frame = NULL;
	self.is_nested = false;
}

/*
 * The preload's, when it is there: what comes until it is called with 0 is ours, as in a call.
 */
__attribute__((weak, visibility("default"))) void rumphijack_private_calls(int is_begin);

/* The thread ends, perhaps out of a handler that interrupted a call. */
static void thread_ended(void *unused)
{
	(void)unused;
	if (rumphijack_private_calls)
		rumphijack_private_calls(1);
	self.frame = NULL;
	self.is_nested = false;
	if (self.channel)
		channel_drop(self.channel);
	if (self.spare)
		channel_drop(self.spare);
	self.channel = self.spare = NULL;
	if (rumphijack_private_calls)
		rumphijack_private_calls(0);
}

__attribute__((constructor)) static void channel_start(void)
{
	/* early, so that it is one of those whose values need no malloc() */
	if (pthread_key_create(&exit_key, thread_ended))
		__builtin_trap();
}

/* ---- interrupts ---- */

void channel_interrupt(struct channel *channel)
{
	uint32_t first = __atomic_load_n(&channel->call, __ATOMIC_ACQUIRE);
	struct rump_sp_interrupt message = {.channel = channel->number, .request = first};

	if (!first || !channel_is_live(channel) ||
	    __atomic_exchange_n(&channel->is_interrupted, true, __ATOMIC_ACQ_REL))
		return;
	if (control_send(channel->session, RUMP_SP_INTERRUPT, &message.head, sizeof(message)))
		__atomic_store_n(&channel->is_interrupted, false, __ATOMIC_RELEASE);
}

/* The preload's, when it is there: whether signals wait for the end of the thread's call. */
__attribute__((weak, visibility("default"))) unsigned int rumphijack_interrupts(void);

/*
 * Their INTERRUPT was never sent, if they came before the call was known here, or found
 * nothing, if it overtook the request.
 */
void channel_interrupt_late(struct channel *channel)
{
	if (!rumphijack_interrupts || !rumphijack_interrupts())
		return;
	__atomic_store_n(&channel->is_interrupted, false, __ATOMIC_RELEASE);
	channel_interrupt(channel);
}

int rumpclient_interrupt(pid_t tid)
{
	int saved = errno, error = -ESRCH;
	struct channel *channel;

	for (int at = 0; (channel = channel_next(&at));) {
		if (channel->tid != (uint32_t)tid)
			continue;
		channel_interrupt(channel);
		error = 0;
	}
	if (error)
		return error_return(error);
	errno = saved;
	return 0;
}

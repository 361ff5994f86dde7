/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.c - host I/O by a pool of threads.
 *
 * io_submit() is called with a virtual CPU held, so it does no more than push
 * the request on a lock-free list and wake one sleeper.  The workers take from
 * it under a lock of their own, which a submitter never needs.
 *
 * A worker that takes a request leaves a spare behind it: when nobody sleeps
 * it starts one more worker before it goes to work.  So a request never waits
 * for one that blocks, until POOL_MAX transfers are under way; calls (a read
 * of a FIFO may take for ever) do not count for that limit.  Workers that had
 * nothing to do for a while end; the last sleeper stays and costs nothing.
 *
 * Sleeping: `idle' counts the sleepers that nobody has promised a wake-up yet.
 * Who lowers it owes one: a token, which exactly one sleeper takes.  A submitter
 * pushes and then looks at idle; a worker raises idle and then looks at the
 * list; so one of them sees the other.
 */
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>

#include "host.h"
#include "private.h"

#define POOL_MAX 8	   /* workers for transfers */
#define POOL_CALLS_MAX 512 /* more of them, while so many are in calls */
#define IDLE_NSEC (5 * NSEC_PER_SEC)

/* Apart, so that submitters and workers do not share a cache line without need. */
static struct {
	_Alignas(128) _Atomic(struct rumpuser_io *) incoming; /* newest first */
	_Alignas(128) struct host_lock lock;		      /* of ready */
	_Atomic(struct rumpuser_io *) ready;		      /* oldest first */
	_Alignas(128) _Atomic int idle;
	_Atomic unsigned int tokens;
	_Atomic int threads;
	_Atomic int calls;
} pool;

static void worker_main(void *arg);

/* ---- the list ---- */

static void push(struct rumpuser_io *io)
{
	struct rumpuser_io *head = atomic_load_explicit(&pool.incoming, memory_order_relaxed);

	do
		io->next = head;
	while (!atomic_compare_exchange_weak(&pool.incoming, &head, io));
}

static bool is_empty(void)
{
	return !atomic_load(&pool.incoming) && !atomic_load(&pool.ready);
}

static struct rumpuser_io *take(void)
{
	struct rumpuser_io *io, *next, *oldest = NULL;

	if (is_empty())
		return NULL;
	host_lock(&pool.lock);
	io = atomic_load_explicit(&pool.ready, memory_order_relaxed);
	if (!io) {
		for (io = atomic_exchange(&pool.incoming, NULL); io; io = next) {
			next = io->next;
			io->next = oldest;
			oldest = io;
		}
		io = oldest;
	}
	if (io)
		atomic_store(&pool.ready, io->next);
	host_unlock(&pool.lock);
	return io;
}

/* ---- sleeping ---- */

/* Promises a wake-up to one of at least `least' sleepers. */
static bool claim_sleeper(int least)
{
	int idle = atomic_load(&pool.idle);

	while (idle >= least) {
		if (atomic_compare_exchange_weak(&pool.idle, &idle, idle - 1))
			return true;
	}
	return false;
}

static void wake_one(void)
{
	if (!claim_sleeper(1))
		return;
	atomic_fetch_add(&pool.tokens, 1);
	futex_wake((unsigned int *)&pool.tokens, 1);
}

static bool take_token(void)
{
	unsigned int tokens = atomic_load(&pool.tokens);

	while (tokens) {
		if (atomic_compare_exchange_weak(&pool.tokens, &tokens, tokens - 1))
			return true;
	}
	return false;
}

/* True: look for work again.  False: this worker is not needed any more. */
static bool worker_sleep(void)
{
	unsigned long long until = clock_mono() + IDLE_NSEC;

	atomic_fetch_add(&pool.idle, 1);
	/* came something in just now?  Then we are not idle, unless we are promised a token */
	if (!is_empty() && claim_sleeper(1))
		return true;
	while (!take_token()) {
		if (futex_wait((unsigned int *)&pool.tokens, 0, until) != -ETIMEDOUT || !until)
			continue;
		if (claim_sleeper(2))
			return false;
		until = 0; /* the last one: sleeps for ever, or is promised a token */
	}
	return true;
}

/* ---- workers ---- */

/* One more, if there are fewer than limit. */
static int worker_start(int limit)
{
	int threads = atomic_load(&pool.threads);
	int error;

	do {
		if (threads >= limit)
			return 0;
	} while (!atomic_compare_exchange_weak(&pool.threads, &threads, threads + 1));
	error = thread_create(worker_main, NULL, "rump-io");
	if (error)
		atomic_fetch_sub(&pool.threads, 1);
	return error;
}

static int pool_limit(void)
{
	int calls = atomic_load(&pool.calls);

	return POOL_MAX + (calls < POOL_CALLS_MAX ? calls : POOL_CALLS_MAX);
}

static bool may_take_long(const struct rumpuser_io *io)
{
	return io->op == RUMPUSER_IO_CALL || io->op == RUMPUSER_IO_OPEN ||
	       io->op == RUMPUSER_IO_REMOTE_READ || io->op == RUMPUSER_IO_REMOTE_WRITE;
}

static void finish(struct rumpuser_io *io)
{
	io->result = io_execute(io);
	if (io->done)
		io->done(io); /* io may be gone from here on */
}

static void worker_main(void *arg)
{
	struct rumpuser_io *io;

	(void)arg;
	do {
		while ((io = take())) {
			bool is_call = may_take_long(io);

			if (is_call)
				atomic_fetch_add(&pool.calls, 1);
			/* where none can be had, those that are there must do */
			if (!atomic_load(&pool.idle))
				worker_start(pool_limit());
			finish(io);
			if (is_call)
				atomic_fetch_sub(&pool.calls, 1);
		}
	} while (worker_sleep());
	atomic_fetch_sub(&pool.threads, 1);
}

int io_start(void)
{
	return worker_start(1);
}

void io_submit(struct rumpuser_io *io)
{
	push(io);
	/* file_open() has started the first worker; a call may come without any file */
	if (!atomic_load_explicit(&pool.threads, memory_order_relaxed) && io_start() &&
	    (io = take()))
		finish(io);
	else
		wake_one();
}

/* No worker lives in a child of fork(), and nobody waits for what was queued. */
void io_forked(void)
{
	atomic_store(&pool.incoming, NULL);
	atomic_store(&pool.ready, NULL);
	atomic_store(&pool.lock.word, 0);
	atomic_store(&pool.idle, 0);
	atomic_store(&pool.tokens, 0);
	atomic_store(&pool.threads, 0);
	atomic_store(&pool.calls, 0);
}

/* ---- in the calling thread ---- */

#define BIT(sig) (1ULL << ((sig)-1))

/*
 * Workers have all signals blocked; a thread of the application has not, and
 * must not be hit by SIGPIPE or SIGXFSZ because of what the kernel writes.
 */
void io_run(struct rumpuser_io *io)
{
	const uint64_t mask = BIT(SIGPIPE) | BIT(SIGXFSZ);
	const struct timespec now = {0, 0};
	uint64_t old_mask, pending = 0, taken;

	/* these raise none; the two system calls are not worth it */
	if (io->op == RUMPUSER_IO_READ || io->op == RUMPUSER_IO_SYNC ||
	    io->op == RUMPUSER_IO_CLOSE || io->op == RUMPUSER_IO_REMOTE_READ ||
	    io->op == RUMPUSER_IO_REMOTE_WRITE || io->op == RUMPUSER_IO_POLL ||
	    io->flags & RUMPUSER_IO_QUIET) {
		finish(io);
		return;
	}
	host_call(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &old_mask, sizeof(mask));
	if (old_mask & mask)
		host_call(SYS_rt_sigpending, &pending, sizeof(pending));
	io->result = io_execute(io);
	taken = io->result == -EPIPE ? BIT(SIGPIPE) : io->result == -EFBIG ? BIT(SIGXFSZ) : 0;
	/* what was pending before is the application's */
	if (taken & ~pending)
		host_call(SYS_rt_sigtimedwait, &taken, NULL, &now, sizeof(taken));
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &old_mask, NULL, sizeof(mask));
	if (io->done)
		io->done(io);
}

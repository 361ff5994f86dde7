// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host threads that wait for frames.  Most of this file runs on host stacks.
 *
 * Theory of operation.  A bell is a futex word that another process rings when it has
 * written a frame for us.  The host thread whose lwp waits for that frame sleeps in
 * thread_wait(); it waits for the bells as well as for its own word (futex_waitv), takes
 * the vCPU by itself, and the interrupt, the softirq and its own lwp run on it: one
 * wake-up.  One thread at a time does so, the watcher.
 *
 * Each bell has two words.  The watcher's says 1 only while it sleeps, and 2 while it looks
 * for frames for a moment before that.  The other one is
 * that of a thread of the kernel's own, the last resort, which rests in futex_waitv all the
 * time: it is told to others (1) when there is no work left, and taken back when work
 * begins; neither costs a system call.  Who rings takes the first that says 1.  So a
 * process that computes, or sleeps in a host call such as epoll_wait, is served by the last
 * resort, which takes the vCPU and hands it over as any thread whose own call is done.
 *
 * A host without futex_waitv has no watcher, and the last resort sleeps on the first bell
 * alone, in steps in which it looks at the others.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <rump/rump_bus.h>

#include "watch.h"

#define BELLS_MAX	(RUMPUSER_WAITS_MAX - 1)

static struct rump_bell *bells[BELLS_MAX];
static u32 users[BELLS_MAX];		/* threads that look at one */
static u32 bell_count;			/* one more than the highest in use */
static DEFINE_MUTEX(bells_lock);
static struct rump_thread *watcher;	/* in rump_watch_wait() */
static struct rump_thread *last_resort;
static bool cannot_wait_any;

/* ---- words that may not be there ---- */

static __always_inline void word_set(u32 *word, u32 value)
{
	(void)rump_store(sizeof(value), word, &value);
	mb();
}

/* 0 also where there is none: that is work. */
static __always_inline u32 word_get(const u32 *word)
{
	u32 value;

	barrier();
	(void)rump_load(sizeof(value), word, &value);
	barrier();
	return value;
}

/* ---- to the kernel ---- */

static void on_irq(struct rump_io *io)
{
	struct rump_bell *bell = container_of(io, struct rump_bell, io);

	__atomic_store_n(&bell->is_raised, 0, __ATOMIC_SEQ_CST);
	bell->rung(bell);
}

/* The interrupt is pending on return. */
static bool post(struct rump_bell *bell, struct rump_vcpu *v)
{
	if (__atomic_exchange_n(&bell->is_raised, 1, __ATOMIC_SEQ_CST))
		return false;
	bell->io.cpu = v->p.cpu;
	bell->io.complete = on_irq;
	llist_add(&bell->io.node, &v->io_done);
	__atomic_fetch_or(&v->p.pending, RUMP_IRQ_IO, __ATOMIC_SEQ_CST);
	return true;
}

void rump_bell_raise(struct rump_bell *bell)
{
	if (post(bell, &rump_vcpus[0]))
		rump_raise(0, RUMP_IRQ_IO, rump_user);
}

/* Until bell_drop(i) the bell of a place stays, if there is one; if not: NULL, and no drop. */
static __always_inline struct rump_bell *bell_hold(u32 i)
{
	struct rump_bell *bell;

	/* who removes it takes it out of the table, then looks at users */
	__atomic_fetch_add(&users[i], 1, __ATOMIC_SEQ_CST);
	bell = READ_ONCE(bells[i]);
	if (!bell)
		__atomic_fetch_sub(&users[i], 1, __ATOMIC_SEQ_CST);
	return bell;
}

static __always_inline void bell_drop(u32 i)
{
	__atomic_fetch_sub(&users[i], 1, __ATOMIC_SEQ_CST);
}

/* ---- how long the watcher looks before it sleeps ---- */

/*
 * A wake-up on another CPU costs 5 us, on virtual machines up to 100, and a peer that answers
 * at once needs less than that.  So where recent waits were short the watcher looks for
 * about as long as they were, and does so no more when that was in vain, but for a probe
 * now and then, rarer and rarer.  As in sp/spin.h, whose times are cycles of the TSC, too.
 *
 * A peer that we had to wake takes as long as its wake-up, which says nothing about the next
 * time: nobody looks then.  Both asleep after each turn is a state that stays; the way out
 * is a probe that lasts as long as a wake-up, after which the peer finds us looking, and
 * looks, too.
 */
#define LOOK_US		2500U
#define LOOK_LEAST	(6 * LOOK_US)
#define LOOK_LIMIT	(20 * LOOK_US)	/* the longest average that is worth it */
#define LOOK_WAKEUP	(150 * LOOK_US)
#define PROBE_OFTEN	16		/* waits from one probe to the next */
#define PROBE_RAREST	1024

static struct {			/* the watcher's */
	u32 average;
	u32 skipped, interval;
	bool is_probe, has_rung;
} look;
static u32 has_rung;		/* we had to wake somebody since the last wait */

static u32 look_budget(const struct rumpuser_ops *user)
{
	static unsigned int cpus;

	if (unlikely(!cpus))
		cpus = user->host_cpus();
	look.has_rung = READ_ONCE(has_rung);
	WRITE_ONCE(has_rung, 0);
	look.is_probe = look.has_rung || look.average > LOOK_LIMIT;
	if (cpus < 2 || (look.is_probe && ++look.skipped < PROBE_OFTEN + look.interval))
		return 0;
	if (!look.is_probe)
		return max(3 * look.average, LOOK_LEAST);
	look.skipped = 0;
	return look.has_rung ? LOOK_WAKEUP : LOOK_LIMIT;
}

static void look_learn(bool has_come, u32 cycles)
{
	if (has_come && look.is_probe) {
		look.average = look.has_rung ? LOOK_LIMIT / 4 : 2 * cycles;
		look.interval = 0;
	} else if (has_come) {
		look.average += (s32)(cycles - look.average) / 4;
	} else if (look.is_probe) {
		look.interval = min(2 * look.interval + PROBE_OFTEN, PROBE_RAREST);
	} else {
		look.average = 2 * look.average + LOOK_LIMIT / 4;
	}
}

/* ---- the watcher ---- */

struct watch {
	struct rump_bell *bell[BELLS_MAX];
	u32 place[BELLS_MAX];		/* in the table */
	struct rumpuser_wait waits[BELLS_MAX + 1];
	unsigned int count;
};

static void watch_add(struct watch *watch, struct rump_bell *bell, unsigned int word)
{
	watch->bell[watch->count] = bell;
	watch->waits[++watch->count] = (struct rumpuser_wait){
		.word = bell->words + word, .value = RUMP_BUS_ASLEEP, .is_shared = 1,
	};
}

static int watch_sleep(struct rump_thread *thread, struct watch *watch)
{
	int err;

	watch->waits[0] = (struct rumpuser_wait){ .word = &thread->futex };
	err = thread->user->wait_any(watch->waits, watch->count + 1);
	if (err == -ENOSYS)
		WRITE_ONCE(cannot_wait_any, true);
	return err;
}

static bool watch_has_work(const struct watch *watch)
{
	bool has_work = false;
	unsigned int i;

	for (i = 0; i < watch->count; i++)
		has_work |= watch->bell[i]->has_work(watch->bell[i]);
	return has_work;
}

static void watch_set(const struct watch *watch, u32 value)
{
	unsigned int i;

	for (i = 0; i < watch->count; i++)
		word_set(watch->bell[i]->words + RUMP_BUS_BELL_THREAD, value);
}

/* Something has come, for the thread or for a bell, while it looked. */
static bool watch_look(struct rump_thread *thread, const struct watch *watch)
{
	u32 budget = look_budget(thread->user), cycles;
	u64 start;
	bool has_come;

	if (!budget)
		return false;
	watch_set(watch, RUMP_BUS_LOOKS);
	start = __builtin_ia32_rdtsc();
	do {
		__builtin_ia32_pause();
		has_come = READ_ONCE(thread->futex) || watch_has_work(watch);
		cycles = __builtin_ia32_rdtsc() - start;
	} while (!has_come && cycles < budget);
	look_learn(has_come, cycles);
	return has_come;
}

static noinline int watch_bells(struct rump_thread *thread, struct rump_vcpu **ret_rung)
{
	struct rump_vcpu *v = &rump_vcpus[thread->cpu];
	u32 i, count = READ_ONCE(bell_count);
	struct watch watch;
	int err = 0;

	watch.count = 0;
	for (i = 0; i < count; i++) {
		struct rump_bell *bell = bell_hold(i);

		if (!bell)
			continue;
		if (!READ_ONCE(bell->is_armed)) {	/* the kernel will look by itself */
			bell_drop(i);
			continue;
		}
		watch.place[watch.count] = i;
		watch_add(&watch, bell, RUMP_BUS_BELL_THREAD);
	}
	if (!watch_look(thread, &watch)) {
		watch_set(&watch, RUMP_BUS_ASLEEP);
		if (!watch_has_work(&watch))
			err = watch_sleep(thread, &watch);
	}
	for (i = 0; i < watch.count; i++) {
		struct rump_bell *bell = watch.bell[i];

		word_set(bell->words + RUMP_BUS_BELL_THREAD, 0);
		/* what is rung from here on is for the last resort */
		if (bell->has_work(bell) &&
		    __atomic_exchange_n(&bell->is_armed, 0, __ATOMIC_SEQ_CST) && post(bell, v))
			*ret_rung = v;
		bell_drop(watch.place[i]);
	}
	return err == -EINTR ? err : 0;
}

int rump_watch_wait(struct rump_thread *thread, struct rump_vcpu **ret_rung)
{
	struct rump_thread *none = NULL;
	int err;

	if (!READ_ONCE(bell_count) || READ_ONCE(watcher) || READ_ONCE(cannot_wait_any) ||
	    !__atomic_compare_exchange_n(&watcher, &none, thread, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return thread->user->wait(&thread->futex, 0, 0);
	err = watch_bells(thread, ret_rung);
	__atomic_store_n(&watcher, NULL, __ATOMIC_SEQ_CST);
	return err;
}

/* ---- the last resort ---- */

static void rest(struct rump_thread *self, struct watch *watch, bool is_late)
{
	if (is_late)
		return;
	if (!READ_ONCE(cannot_wait_any))
		watch_sleep(self, watch);
	else if (watch->count)
		self->user->wait_any(&watch->waits[1], 1);
	else
		self->user->wait(&self->futex, 0, 0);
}

static void last_resort_loop(void *arg)
{
	struct rump_thread *self = arg;
	struct rump_vcpu *v = &rump_vcpus[0];
	static struct watch watch;
	struct rump_bell *bell;
	u32 i, count;

	self->user->set_thread(self);
	self->host_tid = self->user->thread_id();
	for (;;) {
		bool is_late = false, is_rung = false;
		struct rump_bell *held[BELLS_MAX];

		watch.count = 0;
		count = READ_ONCE(bell_count);
		for (i = 0; i < count; i++) {
			held[i] = bell = bell_hold(i);
			if (!bell)
				continue;
			if (READ_ONCE(bell->is_armed)) {
				watch_add(&watch, bell, RUMP_BUS_BELL_SERVICE);
				__atomic_store_n(&bell->is_watched, 1, __ATOMIC_SEQ_CST);
			} else {
				__atomic_store_n(&bell->is_watched, 0, __ATOMIC_SEQ_CST);
				is_late |= READ_ONCE(bell->is_armed);
			}
		}
		rest(self, &watch, is_late);
		__atomic_store_n(&self->futex, 0, __ATOMIC_SEQ_CST);
		for (i = 0; i < watch.count; i++) {
			bell = watch.bell[i];
			if (word_get(bell->words + RUMP_BUS_BELL_SERVICE) != RUMP_BUS_ASLEEP &&
			    __atomic_exchange_n(&bell->is_armed, 0, __ATOMIC_SEQ_CST))
				is_rung |= post(bell, v);
		}
		for (i = 0; i < count; i++) {
			if (held[i])
				bell_drop(i);
		}
		if (is_rung)
			rump_run_pending(v, self);
	}
}

/* ---- on kernel stacks ---- */

void rump_bell_rang(void)
{
	WRITE_ONCE(has_rung, 1);
}

void rump_bell_disarm(struct rump_bell *bell)
{
	__atomic_store_n(&bell->is_armed, 0, __ATOMIC_SEQ_CST);
	word_set(bell->words + RUMP_BUS_BELL_SERVICE, 0);
}

void rump_bell_arm(struct rump_bell *bell)
{
	__atomic_store_n(&bell->is_armed, 1, __ATOMIC_SEQ_CST);
	/* nobody is there: what says so was written by somebody else, and would keep us asleep */
	if (!READ_ONCE(watcher) && word_get(bell->words + RUMP_BUS_BELL_THREAD))
		word_set(bell->words + RUMP_BUS_BELL_THREAD, 0);
	word_set(bell->words + RUMP_BUS_BELL_SERVICE, RUMP_BUS_ASLEEP);
	if (!READ_ONCE(bell->is_watched))
		rump_kick(last_resort);
}

static int start_last_resort(void)
{
	struct rump_thread *thread = rump_thread_own(hyp());
	int err;

	if (!thread)
		return -EAGAIN;
	last_resort = thread;
	err = hyp()->thread_create(last_resort_loop, thread, "rump-bus");
	if (err)
		last_resort = NULL;
	return err;
}

int rump_bell_add(struct rump_bell *bell)
{
	int err = 0;
	u32 i;

	bell->is_raised = 0;
	bell->is_armed = 0;
	bell->is_watched = 0;
	mutex_lock(&bells_lock);
	for (i = 0; i < BELLS_MAX && bells[i]; i++)
		;
	if (i == BELLS_MAX)
		err = -ENOSPC;
	else if (!last_resort)
		err = start_last_resort();
	if (!err) {
		WRITE_ONCE(bells[i], bell);
		if (bell_count <= i)
			__atomic_store_n(&bell_count, i + 1, __ATOMIC_SEQ_CST);
	}
	mutex_unlock(&bells_lock);
	if (!err)
		rump_bell_raise(bell);
	return err;
}

void rump_bell_remove(struct rump_bell *bell)
{
	struct rump_thread *thread;
	u32 i;

	mutex_lock(&bells_lock);
	for (i = 0; i < BELLS_MAX - 1 && bells[i] != bell; i++)
		;
	__atomic_store_n(&bells[i], NULL, __ATOMIC_SEQ_CST);
	while (bell_count && !bells[bell_count - 1])
		WRITE_ONCE(bell_count, bell_count - 1);
	/* threads that sleep with it look at the table again */
	while (__atomic_load_n(&users[i], __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&bell->is_raised, __ATOMIC_SEQ_CST)) {
		thread = READ_ONCE(watcher);
		if (thread)
			rump_kick(thread);
		rump_kick(last_resort);
		msleep(1);
	}
	/* not before: a next bell of this place would have users, too */
	mutex_unlock(&bells_lock);
}

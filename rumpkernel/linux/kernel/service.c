// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host threads that belong to no application.  On host stacks, as entry.c.
 *
 * Each vCPU has one service thread.  It sleeps until the next clock event, sets the timer bit
 * on time also while the vCPU is held, and runs what is left over when no other thread is
 * there.  An idle kernel has no deadline and costs nothing.  What a service thread cannot
 * see, another one watches for while the kernel is busy (watch_loop).
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/time64.h>
#include <asm/rump.h>
#include "entry.h"

/* ---- the watch ---- */

/*
 * Two things no service thread can see: that a deadline of its vCPU is over while
 * it runs the vCPU itself, and that interrupts are not taken because the kernel
 * is in a loop that looks at nothing but need_resched() (io_uring's SQPOLL).  One
 * thread watches for all, in steps of a tick, while there is anything to watch.
 */
#define WATCH_PERIOD	(NSEC_PER_SEC / HZ)

static u32 watch_is_on;

static void watch_on(const struct rumpuser_ops *user)
{
	if (!READ_ONCE(watch_is_on) && !__atomic_exchange_n(&watch_is_on, 1, __ATOMIC_SEQ_CST))
		user->wake(&watch_is_on, 1);
}

static bool needs_watch(const struct rump_vcpu *v)
{
	return READ_ONCE(v->service) && READ_ONCE(v->lock) &&
	       (!__atomic_load_n(&v->service_until, __ATOMIC_SEQ_CST) ||
		READ_ONCE(v->p.pending) & RUMP_IRQ_TIMER);
}

static bool watch(struct rump_vcpu *v, bool *was_pending, u64 now)
{
	u64 deadline = READ_ONCE(v->deadline);

	if (!needs_watch(v)) {
		*was_pending = false;
		return false;
	}
	/* a whole step with the timer's bit set: the task that runs is the one that ran */
	if (READ_ONCE(v->p.pending) & RUMP_IRQ_TIMER) {
		if (*was_pending && READ_ONCE(v->p.irq_enabled))
			set_tsk_need_resched(READ_ONCE(v->p.current_task));
		*was_pending = true;
		return true;
	}
	*was_pending = false;
	if (deadline && now >= deadline &&
	    __atomic_compare_exchange_n(&v->deadline, &deadline, 0, false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED))
		rump_raise(v->p.cpu, RUMP_IRQ_TIMER, rump_user);
	return true;
}

static void watch_loop(void *arg)
{
	static bool was_pending[NR_CPUS];
	static u32 pause;
	const struct rumpuser_ops *user = arg;
	unsigned int cpu;
	bool is_on;

	for (;;) {
		is_on = false;
		for (cpu = 0; cpu < rump_ncpu; cpu++)
			is_on |= watch(&rump_vcpus[cpu], &was_pending[cpu], user->clock_mono());
		if (is_on) {
			user->wait(&pause, 0, user->clock_mono() + WATCH_PERIOD);
			continue;
		}
		__atomic_store_n(&watch_is_on, 0, __ATOMIC_SEQ_CST);
		for (cpu = 0; cpu < rump_ncpu; cpu++)
			is_on |= needs_watch(&rump_vcpus[cpu]);
		if (!is_on)
			user->wait(&watch_is_on, 0, 0);
		WRITE_ONCE(watch_is_on, 1);
	}
}

/* ---- service threads ---- */

static void service_loop(void *arg)
{
	struct rump_vcpu *v = arg;
	struct rump_thread *self = v->service;

	self->user->set_thread(self);
	self->host_tid = self->user->thread_id();
	for (;;) {
		u64 deadline = READ_ONCE(v->deadline);

		if (deadline && self->user->clock_mono() >= deadline &&
		    __atomic_compare_exchange_n(&v->deadline, &deadline, 0, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			__atomic_fetch_or(&v->p.pending, RUMP_IRQ_TIMER, __ATOMIC_SEQ_CST);
			deadline = READ_ONCE(v->deadline);
		}
		if (READ_ONCE(self->given)) {
			watch_on(self->user);
			rump_take_given(self);
			continue;
		}
		if (READ_ONCE(v->p.pending) && !READ_ONCE(v->lock)) {
			watch_on(self->user);
			rump_run_pending(v, self);
			continue;
		}
		if (READ_ONCE(v->p.pending) & RUMP_IRQ_TIMER)
			watch_on(self->user);
		__atomic_store_n(&v->service_until, deadline ? deadline : U64_MAX,
				 __ATOMIC_SEQ_CST);
		if (READ_ONCE(v->deadline) == deadline && !READ_ONCE(self->given) &&
		    !(READ_ONCE(v->p.pending) && !READ_ONCE(v->lock)))
			self->user->wait(&self->futex, 0, deadline);
		__atomic_store_n(&v->service_until, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&self->futex, 0, __ATOMIC_SEQ_CST);
	}
}

void rump_service_start(unsigned int cpu, const struct rumpuser_ops *user)
{
	struct rump_vcpu *v = &rump_vcpus[cpu];
	struct rump_thread *self = rump_thread_own(user);
	char name[] = "rump-vcpu00";

	BUG_ON(!self);
	self->is_service = true;
	v->service = self;
	name[sizeof(name) - 3] += cpu / 10;
	name[sizeof(name) - 2] += cpu % 10;
	if (user->thread_create(service_loop, v, name))
		panic("no host thread for vCPU %u", cpu);
}

int rump_watch_start(const struct rumpuser_ops *user)
{
	return user->thread_create(watch_loop, (void *)user, "rump-watch");
}

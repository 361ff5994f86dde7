// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host threads enter the kernel.  This file runs on host stacks.
 *
 * Theory of operation
 *
 * A virtual CPU (vCPU) is a lock and the kernel stack that runs when somebody has the lock.
 * A host thread that makes a call locks the vCPU of its lwp (its task), switches to the
 * task's kernel stack, runs the call, switches back and unlocks: one compare-and-swap and
 * two stack switches.
 *
 * A task that blocks schedules as on any Linux; the next task's stack goes on on the same
 * host thread: kernel threads are stacks, not host threads.  When nothing is left to do the
 * idle task switches back to the host stack and the vCPU is unlocked ("parks").  The host
 * thread then waits in thread_wait() for its own call; whoever runs the vCPU then wakes it.
 *
 * A vCPU is handed over, lock and all, when a thread whose own call is done would otherwise
 * go on with other threads' work.  The right to be given a vCPU is claimed by taking
 * thread->waiting from 1 to 0, so that a thread is never given two and never leaves while
 * one is on its way.
 *
 * An interrupt for a vCPU is a bit in `pending`.  Who sets one and finds the vCPU unlocked
 * gives it to a thread that waits, else to the service thread; who unlocks looks at the bits
 * afterwards.  Both orders are fenced, so a bit is never forgotten.  A vCPU that was given to
 * its service thread may be taken over by whoever enters before that has woken up; others
 * get what they were given.
 *
 * Each vCPU has one service thread, which runs what is left over when no other thread is
 * there (service.c).
 *
 *	rump_syscall -> rump_enter -> vcpu_run -> (kernel stacks) -> back
 *	                          \-> thread_wait <- vcpu_give, rump_kick
 *
 * Signals: a handler runs on the stack that its thread is on; a rump call that it makes while
 * its thread is in a call gives -EDEADLK, for the call would have to run on the lwp that is
 * busy.  A handler without SA_RESTART makes the interrupted call return EINTR, as on the host.
 */
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/start_kernel.h>
#include <linux/cpumask.h>
#include <asm/rump.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include "entry.h"
#include "lwp.h"
#include "notify.h"
#include "watch.h"

struct rump_vcpu rump_vcpus[NR_CPUS] = {
	[0] = { .p = { .self = &rump_vcpus[0].p, .current_task = &init_task } },
};
struct rump_thread rump_threads[RUMP_MAX_THREADS];
const struct rumpuser_ops *rump_user __process_private;
bool rump_is_up, rump_is_forked __process_private;

/* Free objects: the index + 1 of the first in the low half, a tag against ABA above. */
static u64 free_threads;
static u32 used_threads;

static __always_inline void cpu_pause(void)
{
	__builtin_ia32_pause();
}

/* ---- the pool of thread objects ---- */

static struct rump_thread *thread_alloc(void)
{
	struct rump_thread *thread;
	u64 old = __atomic_load_n(&free_threads, __ATOMIC_ACQUIRE), new;
	u32 n;

	while ((u32)old) {
		thread = &rump_threads[(u32)old - 1];
		new = ((old >> 32) + 1) << 32 | READ_ONCE(thread->next_free);
		if (__atomic_compare_exchange_n(&free_threads, &old, new, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return thread;
	}
	n = __atomic_fetch_add(&used_threads, 1, __ATOMIC_RELAXED);
	if (n >= RUMP_MAX_THREADS) {
		__atomic_fetch_sub(&used_threads, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	thread = &rump_threads[n];
	thread->id = n + 1;
	return thread;
}

static void thread_free(struct rump_thread *thread)
{
	u64 old = __atomic_load_n(&free_threads, __ATOMIC_RELAXED), new;

	WRITE_ONCE(thread->host_tid, 0);	/* the host gives ids to other threads again */
	do {
		WRITE_ONCE(thread->next_free, (u32)old);
		new = ((old >> 32) + 1) << 32 | thread->id;
	} while (!__atomic_compare_exchange_n(&free_threads, &old, new, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static struct rump_thread *thread_new(const struct rumpuser_ops *user)
{
	struct rump_thread *thread = thread_alloc();

	if (!thread)
		return NULL;
	thread->user = user;
	thread->task = NULL;
	thread->process = &rump_process0;
	thread->cpu = 0;
	thread->gs_cpu = 0;
	thread->in_kernel = false;
	thread->is_service = false;
	thread->schedule_depth = 0;
	thread->holds_vcpu = false;
	thread->attach_implicit = true;
	thread->is_joined = false;
	thread->client = NULL;
	thread->remote = NULL;
	thread->remote_io = NULL;
	thread->interrupted = 0;
	thread->request = 0;
	thread->done = 0;
	thread->given = 0;
	thread->waiting = 0;
	thread->host_tid = user->thread_id();
	return thread;
}

/* The calling host thread's object; made at its first call. */
struct rump_thread *rump_thread_current(void)
{
	const struct rumpuser_ops *user = rump_user;
	struct rump_thread *thread = user->get_thread();

	if (likely(thread))
		return thread;
	thread = thread_new(user);
	if (thread)
		user->set_thread(thread);
	return thread;
}

struct rump_thread *rump_thread_own(const struct rumpuser_ops *user)
{
	struct rump_thread *thread = thread_new(user);

	/* it runs a vCPU as one that is on its way out: others' lwps are not its own */
	if (thread)
		thread->done = 1;
	return thread;
}

/* ---- vCPU locks ---- */

static __always_inline bool vcpu_trylock(struct rump_vcpu *v, u32 owner)
{
	u32 unlocked = 0;

	return READ_ONCE(v->lock) == 0 &&
	       __atomic_compare_exchange_n(&v->lock, &unlocked, owner, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static __always_inline u32 owner_of(const struct rump_thread *thread)
{
	return thread->id << 1;
}

static void kick_with(const struct rumpuser_ops *user, struct rump_thread *thread)
{
	__atomic_store_n(&thread->futex, 1, __ATOMIC_SEQ_CST);
	user->wake(&thread->futex, 1);
}

/* Wakes a host thread from thread_wait() or its service loop. */
void rump_kick(struct rump_thread *thread)
{
	kick_with(hyp(), thread);
}

/* The right to give `thread` a vCPU.  A service thread can always take its own. */
bool rump_claim(struct rump_thread *thread)
{
	return thread->is_service ||
	       (READ_ONCE(thread->waiting) &&
		__atomic_exchange_n(&thread->waiting, 0, __ATOMIC_SEQ_CST));
}

/* The vCPU is locked by the caller, thread is claimed: from now on it is thread's. */
static void vcpu_give(struct rump_vcpu *v, struct rump_thread *thread,
		      const struct rumpuser_ops *user)
{
	__atomic_store_n(&v->lock, owner_of(thread) | 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&thread->given, v->p.cpu + 1, __ATOMIC_SEQ_CST);
	kick_with(user, thread);
}

static __always_inline void set_gs(struct rump_vcpu *v, struct rump_thread *thread)
{
	if (likely(thread->gs_cpu == v->p.cpu + 1))
		return;
	thread->gs_cpu = v->p.cpu + 1;
	if (likely(thread->user->has_fsgsbase))
		asm volatile("wrgsbase %0" : : "r" (v) : "memory");
	else
		thread->user->set_gs((unsigned long)v);
}

/*
 * Runs what there is to run on a vCPU that the thread has locked, until the
 * vCPU is idle, the thread's own call is done, or another thread gets it.
 */
static __always_inline void run_stacks(struct rump_vcpu *v, struct rump_thread *thread)
{
	struct rump_thread *next;

	set_gs(v, thread);
	for (;;) {
		v->thread = thread;
		v->borrowed = 0;
		rump_switch_stack(&thread->sp, v->p.current_task->thread.sp);
		next = v->handover;
		if (unlikely(next)) {
			v->handover = NULL;
			vcpu_give(v, next, thread->user);
			return;
		}
		/* kept with our own lwp on it only: enter_held() just goes on with that */
		if (unlikely(thread->is_scheduled) && thread->done &&
		    v->p.current_task->thread.host == thread) {
			thread->holds_vcpu = true;
			thread->cpu = v->p.cpu;
			return;
		}
		__atomic_store_n(&v->lock, 0, __ATOMIC_SEQ_CST);
		if (likely(!READ_ONCE(v->p.pending)) || !vcpu_trylock(v, owner_of(thread)))
			return;
	}
}

/*
 * What the kernel has left for the host, on the way out.  It may be the cause of an interrupt
 * (frames that are written can be freed), and that of more work.
 */
static noinline void run_host_work(struct rump_vcpu *v, struct rump_thread *thread)
{
	struct rump_host_work *work, *next;

	if (thread->holds_vcpu) {
		rump_host_work_kick(v);
		return;
	}
	while (READ_ONCE(v->host_work.first)) {
		llist_for_each_entry_safe(work, next, llist_del_all(&v->host_work), node) {
			smp_store_release(&work->is_queued, 0);
			work->run(work, v->p.cpu);
			atomic_dec(&work->users);
		}
		if (READ_ONCE(v->p.pending) && vcpu_trylock(v, owner_of(thread)))
			run_stacks(v, thread);
	}
}

static __always_inline void vcpu_run(struct rump_vcpu *v, struct rump_thread *thread)
{
	run_stacks(v, thread);
	if (unlikely(READ_ONCE(v->host_work.first)))
		run_host_work(v, thread);
}

/* Nothing, where a service thread's was taken over. */
void rump_take_given(struct rump_thread *thread)
{
	u32 given = __atomic_exchange_n(&thread->given, 0, __ATOMIC_SEQ_CST);
	struct rump_vcpu *v;

	if (!given)
		return;
	v = &rump_vcpus[given - 1];
	__atomic_store_n(&v->lock, owner_of(thread), __ATOMIC_SEQ_CST);
	vcpu_run(v, thread);
}

/*
 * A vCPU that is on its way to its service thread, which has yet to wake up, is ours if we
 * come first: 30 to 90 us in which the whole vCPU would wait, and our call behind that.
 */
static bool vcpu_take_over(struct rump_vcpu *v, struct rump_thread *thread)
{
	struct rump_thread *service = READ_ONCE(v->service);

	if (!service || READ_ONCE(v->lock) != (owner_of(service) | 1) ||
	    !READ_ONCE(service->given) ||
	    !__atomic_exchange_n(&service->given, 0, __ATOMIC_SEQ_CST))
		return false;
	__atomic_store_n(&v->lock, owner_of(thread), __ATOMIC_SEQ_CST);
	return true;
}

/*
 * Sets interrupt bits for a vCPU and sees to it that somebody runs it.  From
 * any context: a kernel stack, a host stack, a host I/O thread.
 */
void rump_raise(unsigned int cpu, unsigned long irqs, const struct rumpuser_ops *user)
{
	struct rump_vcpu *v = &rump_vcpus[cpu];
	struct rump_thread *thread;

	__atomic_fetch_or(&v->p.pending, irqs, __ATOMIC_SEQ_CST);
	if (READ_ONCE(v->lock) || !READ_ONCE(v->service))
		return;
	/* the thread that let it go idle most likely waits for just this */
	thread = READ_ONCE(v->last);
	if (!thread || thread->is_service)
		thread = v->service;
	if (!vcpu_trylock(v, owner_of(thread) | 1))
		return;
	if (!rump_claim(thread))
		thread = v->service;
	vcpu_give(v, thread, user);
}

void rump_run_pending(struct rump_vcpu *v, struct rump_thread *thread)
{
	if (READ_ONCE(v->p.pending) && vcpu_trylock(v, owner_of(thread)))
		vcpu_run(v, thread);
}

static void push_entry(struct rump_vcpu *v, struct rump_thread *thread)
{
	struct rump_thread *first;

	/* the task may see the request and finish it before the queue is read: link once */
	if (!__atomic_exchange_n(&thread->queued, 1, __ATOMIC_SEQ_CST)) {
		first = __atomic_load_n(&v->entry_queue, __ATOMIC_RELAXED);
		do {
			thread->next_entry = first;
		} while (!__atomic_compare_exchange_n(&v->entry_queue, &first, thread, true,
						      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	}
	__atomic_fetch_or(&v->p.pending, RUMP_IRQ_ENTRY, __ATOMIC_SEQ_CST);
}

/* The call shall end with EINTR.  From any host thread, also a signal handler's. */
void rump_interrupt(struct rump_thread *thread, const struct rumpuser_ops *user)
{
	struct rump_vcpu *v = &rump_vcpus[thread->cpu];

	WRITE_ONCE(thread->interrupted, 1);
	push_entry(v, thread);
	rump_raise(v->p.cpu, RUMP_IRQ_ENTRY, user);
}

static void run_io(struct rump_thread *thread, struct rump_io *io)
{
	struct rump_vcpu *v = &rump_vcpus[io->cpu];

	thread->runs_io = true;
	thread->user->io_run(&io->host);	/* its done() sets RUMP_IRQ_IO */
	thread->runs_io = false;
	rump_run_pending(v, thread);
}

/* Carries out host I/O that the thread's own call has asked for. */
static bool run_own_io(struct rump_thread *thread)
{
	struct llist_node *list = llist_del_all(&thread->io_queue);
	struct rump_io *remote = READ_ONCE(thread->remote_io);
	struct rump_io *io, *next;

	if (!list && !remote)
		return false;
	list = llist_reverse_order(list);
	llist_for_each_entry_safe(io, next, list, node)
		run_io(thread, io);
	if (remote) {
		thread->remote_io = NULL;	/* the lwp that waits for it makes no other one */
		run_io(thread, remote);
	}
	return true;
}

static __always_inline bool has_own_io(const struct rump_thread *thread)
{
	return READ_ONCE(thread->io_queue.first) || READ_ONCE(thread->remote_io);
}

/* Waits for the call to be done; runs vCPUs that it is given meanwhile. */
static noinline void thread_wait(struct rump_thread *thread)
{
	struct rump_vcpu *rung;
	int err;

	for (;;) {
		if (has_own_io(thread) && run_own_io(thread))
			continue;
		err = 0;
		rung = NULL;
		thread->futex = 0;
		__atomic_store_n(&thread->waiting, 1, __ATOMIC_SEQ_CST);
		/* a transfer that was asked for just before has set futex too early */
		if (!READ_ONCE(thread->done) && !READ_ONCE(thread->remote_io))
			err = rump_watch_wait(thread, &rung);
		if (!__atomic_exchange_n(&thread->waiting, 0, __ATOMIC_SEQ_CST)) {
			while (!READ_ONCE(thread->given))
				cpu_pause();		/* claimed: a vCPU is on its way */
			if (rung && rung->p.cpu != thread->given - 1)
				rump_raise(rung->p.cpu, RUMP_IRQ_IO, thread->user);
			rump_take_given(thread);
		}
		if (rung)
			rump_run_pending(rung, thread);
		if (READ_ONCE(thread->done))
			return;
		if (err == -EINTR)	/* a handler without SA_RESTART ran */
			rump_interrupt(thread, thread->user);
	}
}

/* Everything but a free vCPU with our own lwp on it. */
static noinline void enter_slow(struct rump_thread *thread)
{
	struct rump_vcpu *v = &rump_vcpus[thread->cpu];
	unsigned int cpu;

	if (thread->task)
		v = &rump_vcpus[task_cpu(thread->task)];
	thread->cpu = v->p.cpu;
	if (vcpu_trylock(v, owner_of(thread)) || vcpu_take_over(v, thread)) {
		if (v->p.current_task->thread.host != thread)
			push_entry(v, thread);
		vcpu_run(v, thread);
		goto wait;
	}
	for (cpu = 0; cpu < rump_ncpu; cpu++) {
		struct rump_vcpu *other = &rump_vcpus[cpu];

		if (READ_ONCE(other->is_online) && vcpu_trylock(other, owner_of(thread))) {
			push_entry(other, thread);
			vcpu_run(other, thread);
			goto wait;
		}
	}
	push_entry(v, thread);
	if (vcpu_trylock(v, owner_of(thread)))
		vcpu_run(v, thread);
wait:
	thread_wait(thread);
}

/* A vCPU that rump_schedule() kept: only its lwp's own stack is run. */
static void enter_held(struct rump_thread *thread)
{
	struct rump_vcpu *v = &rump_vcpus[thread->cpu];

	thread->holds_vcpu = false;
	vcpu_run(v, thread);
	if (!READ_ONCE(thread->done) || READ_ONCE(thread->given))
		thread_wait(thread);
}

/*
 * From here to leave() signal handlers of this thread cannot make a call, so
 * that the request and its result are not theirs.
 */
static __always_inline bool may_enter(struct rump_thread *thread)
{
	if (unlikely(thread->in_kernel))
		return false;
	/* first: an interrupt is for this call as soon as it can be seen in the kernel */
	thread->interrupted = 0;
	barrier();
	thread->in_kernel = true;
	barrier();
	return true;
}

static __always_inline long leave(struct rump_thread *thread)
{
	long ret = thread->ret;

	barrier();
	thread->in_kernel = false;
	return ret;
}

/* Makes the request in thread->args, after may_enter(); returns its result. */
static __always_inline long enter(struct rump_thread *thread, long nr)
{
	struct rump_vcpu *v = &rump_vcpus[thread->cpu];

	thread->nr = nr;
	thread->done = 0;
	__atomic_store_n(&thread->request, 1, __ATOMIC_RELEASE);
	if (unlikely(thread->holds_vcpu)) {
		enter_held(thread);
	} else if (likely(vcpu_trylock(v, owner_of(thread)))) {
		if (unlikely(v->p.current_task->thread.host != thread))
			push_entry(v, thread);
		vcpu_run(v, thread);
		if (unlikely(!READ_ONCE(thread->done) || READ_ONCE(thread->given)))
			thread_wait(thread);
	} else {
		enter_slow(thread);
	}
	return leave(thread);
}

/* A request without arguments. */
long rump_enter(struct rump_thread *thread, long nr)
{
	return may_enter(thread) ? enter(thread, nr) : -EDEADLK;
}

long rump_request(struct rump_thread *thread, long nr, unsigned long a1, unsigned long a2)
{
	if (!may_enter(thread))
		return -EDEADLK;
	thread->args[0] = a1;
	thread->args[1] = a2;
	return enter(thread, nr);
}

long rump_no_kernel(void)
{
	return rump_is_forked ? -ENOTCONN : -ENXIO;
}

long rump_syscall(long nr, long a1, long a2, long a3, long a4, long a5, long a6)
{
	struct rump_thread *thread;

	if (unlikely(!rump_is_up || rump_is_forked))
		return rump_no_kernel();
	thread = rump_thread_current();
	if (unlikely(!thread))
		return -EAGAIN;
	if (unlikely((unsigned long)nr >= NR_syscalls))
		return -ENOSYS;
	if (unlikely(!may_enter(thread)))
		return -EDEADLK;
	thread->args[0] = a1;
	thread->args[1] = a2;
	thread->args[2] = a3;
	thread->args[3] = a4;
	thread->args[4] = a5;
	thread->args[5] = a6;
	return enter(thread, nr);
}

long rump_kernel_call(long (*fn)(void *), void *arg)
{
	struct rump_thread *thread;

	if (!rump_is_up || rump_is_forked)
		return rump_no_kernel();
	thread = rump_thread_current();
	if (!thread)
		return -EAGAIN;
	return rump_request(thread, RUMP_REQ_CALL, (unsigned long)fn, (unsigned long)arg);
}

void rump_set_errno(int error)
{
	if (rump_have_user())
		rump_user->set_errno(error);
}

/*
 * The thread was cancelled, or left a signal handler by pthread_exit(), while it
 * slept in a call: the call ends by EINTR.  false: not asleep but at work, for
 * the kernel or in a host call.
 */
static bool end_call(struct rump_thread *thread)
{
	if (!__atomic_exchange_n(&thread->waiting, 0, __ATOMIC_SEQ_CST)) {
		if (!READ_ONCE(thread->given))
			return false;
		rump_take_given(thread);
	}
	rump_interrupt(thread, thread->user);
	thread_wait(thread);
	thread->in_kernel = false;
	return true;
}

/* The host thread ends: its lwp with it. */
static void thread_exit(struct rump_thread *thread)
{
	if (rump_is_forked)
		return;
	/* a signal handler that enters from now on gets another object */
	thread->user->set_thread(NULL);
	thread->is_scheduled = false;
	/* the object is in use by the call for ever: another thread must not get it */
	if (thread->in_kernel && !end_call(thread))
		return;
	if (thread->task)
		rump_enter(thread, RUMP_REQ_EXIT);
	thread_free(thread);
}

/* ---- boot ---- */

static void forked(void)
{
	rump_is_forked = true;
}

void rump_shutdown_upcall(void);
int rump_component_upcall(const char *name);

const struct rumpuser_upcalls rump_upcalls = {
	.version = RUMPUSER_VERSION,
	.thread_exit = thread_exit,
	.fault = rump_fault,
	.shutdown = rump_shutdown_upcall,
	.forked = forked,
	.component_load = rump_component_upcall,
	.process_new = rump_process_new,
	.process_fork = rump_process_fork,
	.process_exec = rump_process_exec,
	.process_known = rump_process_known,
	.process_end = rump_process_end,
	.thread_join = rump_thread_join,
	.thread_leave = rump_thread_leave,
	.syscall = rump_thread_syscall,
	.interrupt = rump_thread_interrupt,
	.file_export = rump_file_export,
	.file_import = rump_file_import,
	.file_release = rump_file_release,
	.event_attach = rump_event_attach,
};

/*
 * Runs start_kernel() on this thread as vCPU 0; returns when the first rump
 * process exists and the calling thread has its lwp in it.
 */
long rump_boot(const struct rumpuser_ops *user, unsigned int ncpu)
{
	struct rump_thread *thread = rump_thread_current();
	unsigned int cpu;

	if (!thread)
		return -ENOMEM;
	for (cpu = 0; cpu < ncpu; cpu++) {
		struct rump_vcpu *v = &rump_vcpus[cpu];

		v->p.self = &v->p;
		v->p.cpu = cpu;
		v->lock = cpu ? 1 : owner_of(thread);	/* given to nobody until it starts */
	}
	rump_vcpus[0].is_online = true;
	init_task.thread.sp = rump_new_stack(init_stack, rump_boot_trampoline);

	thread->in_kernel = true;
	thread->nr = RUMP_REQ_ATTACH;
	thread->done = 0;
	thread->request = 1;
	rump_service_start(0, user);
	if (rump_watch_start(user))
		return -EAGAIN;
	push_entry(&rump_vcpus[0], thread);
	vcpu_run(&rump_vcpus[0], thread);
	thread_wait(thread);
	return leave(thread);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs as seen from kernel stacks: interrupts, task switches, idling, the
 * loop that an lwp is in between two calls.  See entry.c for the model.
 */
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/sched/hotplug.h>
#include <linux/interrupt.h>
#include <linux/hardirq.h>
#include <linux/irq.h>
#include <linux/kernel_stat.h>
#include <linux/resume_user_mode.h>
#include <linux/smp.h>
#include <linux/syscalls.h>
#include <linux/wait.h>
#include <asm/irq_regs.h>
#include <asm/rump.h>
#include <asm/switch_to.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include "reports.h"

/* switches that a thread whose call is done makes for kernel threads before it goes */
#define BORROW_LIMIT	16
/* pauses between two yields of the host's CPU in a busy-wait */
#define SPINS_PER_YIELD	128
/* rump_thread.interrupted when the lwp knows; 1: somebody asks for it */
#define INTERRUPT_TAKEN	2

/* Suspends this kernel stack; the host thread gets its own back. */
static __always_inline void park(void)
{
	struct rump_vcpu *v = this_vcpu();

	rump_switch_stack(&current->thread.sp, v->thread->sp);
}

/* ---- interrupts ---- */

/*
 * The thread that enters has taken this vCPU because it was free, and most likely its lwp's
 * own was not.  Waking it there would have another thread run it, and wake this one.
 */
static void wake_up_here(struct task_struct *task)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(queue);
	struct wait_queue_entry entry;

	init_waitqueue_entry(&entry, task);
	__add_wait_queue(&queue, &entry);
	__wake_up_on_current_cpu(&queue, TASK_NORMAL, NULL);
}

static void entry_irq(void)
{
	struct rump_vcpu *v = this_vcpu();
	struct rump_thread *thread, *next;
	struct task_struct *task;

	thread = __atomic_exchange_n(&v->entry_queue, NULL, __ATOMIC_SEQ_CST);
	for (; thread; thread = next) {
		next = thread->next_entry;
		__atomic_store_n(&thread->queued, 0, __ATOMIC_SEQ_CST);
		task = READ_ONCE(thread->task);
		if (!task)
			task = rump_attach_irq(thread);
		if (!task)
			continue;
		if (READ_ONCE(thread->interrupted) == 1) {
			WRITE_ONCE(thread->interrupted, INTERRUPT_TAKEN);
			set_notify_signal(task);
		}
		if (thread == v->thread)
			wake_up_here(task);
		else
			wake_up_process(task);
	}
}

/*
 * Between two instructions of a task with interrupts on: gives the whole vCPU
 * to the thread that should have it, if that still waits.
 */
static void handover(struct rump_vcpu *v)
{
	struct rump_thread *want = v->want;

	v->want = NULL;
	if (!want || !rump_wants_out(v->thread) || v->thread->is_service || want == v->thread)
		return;
	if (!rump_claim(want)) {
		/* a client waits for its thread, however busy we are */
		if (!READ_ONCE(v->thread->remote_io))
			return;
		want = v->service;
		rump_claim(want);
	}
	v->handover = want;
	park();
}

static struct pt_regs irq_regs_user = { .user = 1 }, irq_regs_kernel;

/* What lockdep has to know of an interrupt; nothing in other kernels. */
static __always_inline bool trace_irq_begin(void)
{
	bool were_on = lockdep_hardirqs_enabled();

	if (were_on)
		lockdep_hardirqs_off(CALLER_ADDR0);
	return were_on;
}

static __always_inline void trace_irq_end(bool were_on)
{
	if (!were_on)
		return;
	lockdep_hardirqs_on_prepare();
	lockdep_hardirqs_on(CALLER_ADDR0);
}

void rump_run_irqs(void)
{
	struct pt_regs *old;
	unsigned long irqs;
	bool were_on;

	while (rump_pcpu_pending()) {
		struct rump_vcpu *v = this_vcpu();

		irqs = __atomic_exchange_n(&v->p.pending, 0, __ATOMIC_SEQ_CST);
		if (irqs & ~RUMP_IRQ_HANDOVER) {
			rump_pcpu(irq_enabled) = 0;
			were_on = trace_irq_begin();
			old = set_irq_regs(v->in_user ? &irq_regs_user : &irq_regs_kernel);
			irq_enter();
			if (irqs & RUMP_IRQ_TIMER)
				rump_timer_irq();
			if (irqs & RUMP_IRQ_ENTRY)
				entry_irq();
			if (irqs & RUMP_IRQ_IO)
				rump_io_irq();
			if (irqs & RUMP_IRQ_CALL)
				generic_smp_call_function_interrupt();
			if (irqs & RUMP_IRQ_RESCHED)
				scheduler_ipi();
			irq_exit();
			set_irq_regs(old);
			/* a thread that wants to leave does not stay longer than a tick */
			if (irqs & RUMP_IRQ_TIMER && rump_wants_out(v->thread) &&
			    !v->thread->is_service && current->thread.host != v->thread && !is_idle_task(current)) {
				v->want = v->service;
				irqs |= RUMP_IRQ_HANDOVER;
			}
			trace_irq_end(were_on);
			rump_pcpu(irq_enabled) = 1;
		}
		if (irqs & RUMP_IRQ_HANDOVER)
			handover(v);
	}
}
EXPORT_SYMBOL(rump_run_irqs);

static __always_inline void irq_poll(void)
{
	barrier();
	if (rump_pcpu(irq_enabled) && rump_pcpu_pending())
		rump_run_irqs();
}

void rump_relax(void)
{
	struct rump_vcpu *v;

	irq_poll();
	__builtin_ia32_pause();
	v = this_vcpu();
	if (++v->spins % SPINS_PER_YIELD == 0)
		hyp()->yield();
}
EXPORT_SYMBOL(rump_relax);

void rump_spin_wait(arch_spinlock_t *lock)
{
	unsigned int spins = 0;

	do {
		while (READ_ONCE(lock->locked)) {
			/* its holder may wait for an interrupt that we take */
			irq_poll();
			__builtin_ia32_pause();
			if (++spins % SPINS_PER_YIELD == 0)
				hyp()->yield();
		}
	} while (!arch_spin_trylock(lock));
}
EXPORT_SYMBOL(rump_spin_wait);

void arch_cpu_idle(void)
{
	struct rump_vcpu *v = this_vcpu();

	if (!rump_pcpu_pending()) {
		v->last = v->thread;
		park();
	}
	raw_local_irq_enable();
	raw_local_irq_disable();
}

/* ---- task switches ---- */

/* Is the current task's memory elsewhere? */
static bool is_foreign(const struct rump_thread *thread)
{
	const struct rump_process *process = current->thread.process;

	return current->thread.is_remote ||
	       (current->mm && current->mm->context.is_remote) ||	/* kthread_use_mm() */
	       (process && process->home != thread->home);
}

static void after_switch(struct rump_vcpu *v)
{
	struct rump_thread *thread = v->thread, *owner;

	v->p.foreign = is_foreign(thread);
	v->want = NULL;
	if (!rump_wants_out(thread) || thread->is_service)
		return;
	/* this host thread has finished its own call, or has to see to its client's memory */
	owner = current->thread.host;
	if (owner && owner != thread && owner->request && !owner->done)
		v->want = owner;
	else if (READ_ONCE(thread->remote_io) && !is_idle_task(current))
		v->want = v->service;
	else if (!owner && !is_idle_task(current) && ++v->borrowed > BORROW_LIMIT)
		v->want = v->service;
	if (v->want)		/* not here: the run queue is locked */
		__atomic_fetch_or(&v->p.pending, RUMP_IRQ_HANDOVER, __ATOMIC_SEQ_CST);
}

struct task_struct *__switch_to(struct task_struct *prev, struct task_struct *next)
{
	struct rump_vcpu *v = this_vcpu();
	struct rump_thread *thread = v->thread;

	/* our caller's I/O must not wait until the thread has done others' work */
	if (unlikely(!llist_empty(&thread->io_queue)) && !is_idle_task(next))
		rump_io_flush_thread(thread);
	/* likewise, unless it leaves soon */
	if (unlikely(!llist_empty(&v->host_work)) && !is_idle_task(next) &&
	    (!rump_wants_out(thread) || thread->is_service))
		rump_host_work_kick(v);
	v->prev = prev;
	v->p.current_task = next;
	rump_switch_stack(&prev->thread.sp, next->thread.sp);
	/* prev again, perhaps on another host thread and another vCPU */
	v = this_vcpu();
	prev = v->prev;
	after_switch(v);
	return prev;
}

__visible void rump_task_start(void);
void rump_task_start(void)
{
	int (*fn)(void *);

	after_switch(this_vcpu());
	schedule_tail(this_vcpu()->prev);
	raw_local_irq_enable();
	/* more than once: a program of init.c may be "executed" */
	while ((fn = current->thread.fn)) {
		current->thread.fn = NULL;
		fn(current->thread.fn_arg);
	}
	/* an interrupt of the thread's first call may have come before it had an lwp */
	smp_mb();
	if (current->thread.host && READ_ONCE(current->thread.host->interrupted))
		set_thread_flag(TIF_NOTIFY_SIGNAL);
	rump_user_loop();
	BUG();
}

/* ---- lwps ---- */

/*
 * Signals for the host thread: all have a handler (lwp.c), so that Linux
 * decides about masks and restarts, and the host about what they do.  There is
 * no frame from which sigreturn could restore the mask that a call such as
 * ppoll(2) has changed (signal_setup_done() would rely on one): done here.
 */
static void pass_signal(struct rump_thread *thread, int sig)
{
	const struct rump_client *client;

	if (!thread->is_joined) {
		thread->user->signal(thread->host_tid, sig);
	} else if (thread->client && READ_ONCE(thread->request)) {
		thread->client->signal(thread->client, sig);
	} else {
		client = &current->thread.process->client;
		client->signal(client->host, sig);
	}
}

static bool deliver_signals(void)
{
	struct ksignal ksig;
	bool found = false;

	while (get_signal(&ksig)) {
		struct rump_thread *thread = current->thread.host;

		found = true;
		if (thread)
			pass_signal(thread, ksig.sig);
	}
	restore_saved_sigmask();
	return found;
}

/* What Linux does on the way back to user mode; true: with a signal. */
bool rump_exit_work(void)
{
	bool found = false;
	unsigned long flags;

	irq_poll();
	while ((flags = read_thread_flags()) & _TIF_WORK_MASK) {
		if (flags & _TIF_NEED_RESCHED)
			schedule();
		if (flags & (_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL))
			found |= deliver_signals();
		else if (flags & _TIF_RESTORE_SIGMASK)
			restore_saved_sigmask();
		if (flags & _TIF_NOTIFY_RESUME)
			resume_user_mode_work(&current->thread.regs);
	}
	return found;
}

static __always_inline long call_syscall(struct rump_thread *thread, long nr,
					 const sys_call_ptr_t *table)
{
	long ret;

	current->thread.regs.orig_nr = nr;
	for (;;) {
		ret = table[nr](thread->args[0], thread->args[1], thread->args[2],
				thread->args[3], thread->args[4], thread->args[5]);
		if (likely(ret > -ERESTARTSYS || ret < -ERESTART_RESTARTBLOCK))
			return ret;
		/*
		 * EINTR if the host thread's handler has run or will run; what
		 * else ends a sleep (io_uring's work, a signal that another
		 * thread took) is no business of the application's.
		 */
		if ((rump_exit_work() || READ_ONCE(thread->interrupted)) &&
		    ret != -ERESTARTNOINTR)
			return -EINTR;
		if (ret == -ERESTART_RESTARTBLOCK)
			nr = __NR_restart_syscall;
	}
}

/* Of a client. */
static noinline long call_remote(struct rump_thread *thread, long nr)
{
	struct rump_remote *remote = current->thread.remote;
	long ret;

	if (remote)
		rump_remote_begin(remote);
	ret = call_syscall(thread, nr, rump_remote_call_table);
	if (remote)
		rump_remote_end(remote);
	return ret;
}

static __always_inline void do_request(struct rump_thread *thread)
{
	long nr = thread->nr;

	if (likely((unsigned long)nr < NR_syscalls)) {
		thread->ret = likely(!current->thread.is_remote) ?
			      call_syscall(thread, nr, sys_call_table) : call_remote(thread, nr);
	} else if (nr == RUMP_REQ_CALL) {
		long (*fn)(void *) = (void *)thread->args[0];

		thread->ret = fn((void *)thread->args[1]);
	} else if (nr == RUMP_REQ_EXIT) {
		rump_lwp_end(thread);
	} else {
		thread->ret = 0;
	}
}

/* The call is done: its host thread may leave. */
void rump_finish_request(struct rump_thread *thread)
{
	thread->request = 0;
	__atomic_store_n(&thread->done, 1, __ATOMIC_SEQ_CST);
	if (this_vcpu()->thread != thread)
		rump_kick(thread);
}

/*
 * Where an lwp is while its host thread runs the application: parked on its
 * vCPU, which is unlocked, or, when others needed the vCPU, asleep.
 */
void rump_user_loop(void)
{
	struct rump_thread *thread;

	for (;;) {
		thread = READ_ONCE(current->thread.host);
		if (likely(thread && READ_ONCE(thread->request))) {
			this_vcpu()->in_user = false;
			do_request(thread);
			if (unlikely(rump_pcpu_pending() ||
				     read_thread_flags() & _TIF_WORK_MASK))
				rump_exit_work();
			if (unlikely(rump_report_is_seen()))
				rump_report_end();
			/* what nobody waited for, such as read-ahead, goes on without us */
			if (unlikely(!llist_empty(&thread->io_queue)))
				rump_io_flush_thread(thread);
			if (unlikely(this_vcpu()->thread != thread)) {
				rump_finish_request(thread);
			} else if (unlikely(current->thread.host != thread)) {
				rump_finish_request(thread);		/* it left this lwp */
			} else if (unlikely(!single_task_running())) {
				/*
				 * Out of the kernel we need no vCPU: who was woken meanwhile, but
				 * did not preempt us, does not have to wait for a tick.
				 */
				rump_finish_request(thread);
			} else {
				thread->request = 0;
				/* where we are found: no wake-up moves a task that is parked */
				thread->cpu = smp_processor_id();
				barrier();
				thread->done = 1;
				this_vcpu()->in_user = true;
				park();
				if (unlikely(rump_pcpu_pending()))
					rump_run_irqs();
				this_vcpu()->in_user = false;
				continue;
			}
		}
		if (unlikely(!current->thread.host && current->thread.is_implicit))
			rump_lwp_end(NULL);
		this_vcpu()->in_user = true;
		irq_poll();
		this_vcpu()->in_user = false;
		/* another host thread has the vCPU */
		set_current_state(TASK_INTERRUPTIBLE);
		thread = READ_ONCE(current->thread.host);
		if ((!thread || !READ_ONCE(thread->request)) && !signal_pending(current))
			schedule();
		__set_current_state(TASK_RUNNING);
		if (unlikely(signal_pending(current)))
			rump_exit_work();
	}
}

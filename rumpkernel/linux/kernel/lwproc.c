// SPDX-License-Identifier: GPL-2.0-only
/* Processes and lwps as programs see them: rump_pub_lwproc_*, rump_schedule(). */
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/fdtable.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <asm/rump.h>
#include "lwp.h"

/* flags of rump_pub_lwproc_rfork(), as in rump.h */
#define RUMP_RFFDG	0x01
#define RUMP_RFCFDG	0x02

/* ---- rump_pub_lwproc_* ---- */

/* A process that rump_pub_lwproc_rfork() makes. */
struct forked_process {
	struct rump_process process;	/* first: rump_keeper_loop() frees it */
	wait_queue_head_t wait;
	struct completion started;
	bool has_no_files;
};

static int forked_start(void *arg)
{
	struct forked_process *forked = arg;

	current->thread.host = NULL;
	current->thread.is_implicit = false;
	if (forked->has_no_files)
		__close_range(0, ~0U, 0);
	rump_process_add(&forked->process);
	complete(&forked->started);
	rump_keeper_loop(&forked->process);
	return 0;
}

/*
 * In a call of the current lwp: its host thread shall go on as `task`, or with
 * NULL get a new lwp in `process`.  rump_user_loop() finishes the call.
 */
static long leave_lwp(struct rump_process *process, struct task_struct *task)
{
	struct rump_thread *thread = current->thread.host;

	/* not to be taken for a request to the new lwp */
	thread->request = 0;
	smp_wmb();
	current->thread.is_ending = current->thread.is_implicit;
	current->thread.host = NULL;
	thread->process = process;
	thread->task = task;
	if (task) {
		thread->cpu = task_cpu(task);
		task->thread.host = thread;
	}
	return 0;
}

static long rfork(void *arg)
{
	int flags = (long)arg;
	struct rump_process *parent = current->thread.process;
	struct forked_process *forked;
	struct kernel_clone_args args = {
		.flags = CLONE_VM | CLONE_PARENT,
		.fn = forked_start,
	};
	pid_t pid;

	if (flags & ~(RUMP_RFFDG | RUMP_RFCFDG) || (flags & RUMP_RFFDG && flags & RUMP_RFCFDG))
		return -EINVAL;
	if (!flags)
		args.flags |= CLONE_FILES;
	forked = kzalloc(sizeof(*forked), GFP_KERNEL);
	if (!forked)
		return -ENOMEM;
	init_waitqueue_head(&forked->wait);
	init_completion(&forked->started);
	forked->process.wait = &forked->wait;
	forked->process.home = parent->home;
	forked->process.lwps = 1;	/* the caller's, to come */
	forked->has_no_files = flags & RUMP_RFCFDG;
	args.fn_arg = forked;
	pid = kernel_clone(&args);
	if (pid < 0) {
		kfree(forked);
		return pid;
	}
	wait_for_completion(&forked->started);
	return leave_lwp(&forked->process, NULL);
}

static long newlwp(void *arg)
{
	pid_t pid = (long)arg;
	struct rump_process *process, *found = NULL;

	if (!pid)
		pid = current->thread.process->pid;
	spin_lock_irq(&rump_process_lock);
	list_for_each_entry(process, &rump_processes, list)
		if (process->pid == pid && !process->is_ending)
			found = process;
	if (found)
		found->lwps++;
	spin_unlock_irq(&rump_process_lock);
	return found ? leave_lwp(found, NULL) : -ESRCH;
}

/* Is it an lwp?  The pointer comes from the application: only compare it. */
static bool is_lwp(struct task_struct *task)
{
	struct rump_process *process;
	struct task_struct *t;
	bool found = false;

	spin_lock_irq(&rump_process_lock);
	rcu_read_lock();
	list_for_each_entry(process, &rump_processes, list)
		for_each_thread(process->keeper, t)
			found |= t == task && t != process->keeper &&
				 !t->thread.is_ending && !(t->flags & PF_EXITING);
	rcu_read_unlock();
	spin_unlock_irq(&rump_process_lock);
	return found;
}

static long switch_lwp(void *arg)
{
	struct rump_thread *thread = current->thread.host;
	struct task_struct *task = arg;

	if (!task)
		return leave_lwp(&rump_process0, NULL);
	if (task == current)
		return 0;
	if (!is_lwp(task))
		return -EINVAL;
	/* our request is not for the new lwp: it must not see it with the thread */
	thread->request = 0;
	if (cmpxchg(&task->thread.host, NULL, thread))
		return -EBUSY;
	return leave_lwp(task->thread.process, task);
}

static struct rump_thread *caller(void)
{
	return rump_is_up && !rump_is_forked ? rump_thread_current() : NULL;
}

/* After leave_lwp(): gets the new lwp. */
static int attach_now(long ret, bool is_implicit)
{
	struct rump_thread *thread = caller();

	if (!ret) {
		thread->attach_implicit = is_implicit;
		ret = rump_enter(thread, RUMP_REQ_ATTACH);
		thread->attach_implicit = true;
	}
	return -ret;
}

rump_export int rump_pub_lwproc_rfork(int flags);
int rump_pub_lwproc_rfork(int flags)
{
	return attach_now(rump_kernel_call(rfork, (void *)(long)flags), false);
}

rump_export int rump_pub_lwproc_newlwp(int pid);
int rump_pub_lwproc_newlwp(int pid)
{
	return attach_now(rump_kernel_call(newlwp, (void *)(long)pid), false);
}

rump_export int rump_pub_lwproc_switch(struct task_struct *task);
int rump_pub_lwproc_switch(struct task_struct *task)
{
	return -rump_kernel_call(switch_lwp, task);
}

rump_export void rump_pub_lwproc_releaselwp(void);
void rump_pub_lwproc_releaselwp(void)
{
	struct rump_thread *thread = caller();

	if (thread && thread->task)
		rump_enter(thread, RUMP_REQ_EXIT);
}

rump_export struct task_struct *rump_pub_lwproc_curlwp(void);
struct task_struct *rump_pub_lwproc_curlwp(void)
{
	struct rump_thread *thread = caller();

	return thread ? thread->task : NULL;
}

/* ---- rump_schedule ---- */

static long nothing(void *arg)
{
	return 0;
}

rump_export void rump_schedule(void);
void rump_schedule(void)
{
	struct rump_thread *thread = caller();

	if (!thread || thread->in_kernel || thread->schedule_depth++)
		return;
	thread->is_scheduled = true;
	rump_kernel_call(nothing, NULL);
}

rump_export void rump_unschedule(void);
void rump_unschedule(void)
{
	struct rump_thread *thread = caller();

	if (!thread || thread->in_kernel || !thread->schedule_depth || --thread->schedule_depth)
		return;
	thread->is_scheduled = false;
	if (thread->holds_vcpu)
		rump_kernel_call(nothing, NULL);
}

/* ---- interrupting a call ---- */

rump_export int rump_pub_interrupt(int tid);
int rump_pub_interrupt(int tid)
{
	unsigned int i;

	if (!rump_is_up || rump_is_forked)
		return ESRCH;
	for (i = 0; i < RUMP_MAX_THREADS && rump_threads[i].id; i++) {
		struct rump_thread *thread = &rump_threads[i];

		if (READ_ONCE(thread->host_tid) != tid)
			continue;
		if (READ_ONCE(thread->in_kernel))
			rump_interrupt(thread, rump_user);
		return 0;
	}
	return ESRCH;
}

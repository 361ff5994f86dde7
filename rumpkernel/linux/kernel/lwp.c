// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rump processes and lwps.
 *
 * A rump process is a thread group.  Its leader, the keeper, belongs to no
 * host thread: it sleeps and clones an lwp for each host thread that comes, so
 * that a new thread never depends on another that is blocked.  init (pid 1)
 * makes the first process at boot; the others are cloned by the lwp that calls
 * rump_pub_lwproc_rfork().  All are children of init, which lets Linux reap
 * them by ignoring SIGCHLD.
 */
#include <linux/errno.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/wait.h>
#include <asm/rump.h>

#define LWP_CLONE_FLAGS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | \
			 CLONE_THREAD | CLONE_SYSVSEM)

/* flags of rump_pub_lwproc_rfork(), as in rump.h */
#define RUMP_RFFDG	0x01
#define RUMP_RFCFDG	0x02

static DECLARE_WAIT_QUEUE_HEAD(process0_wait);
struct rump_process rump_process0 = { .wait = &process0_wait };
static LIST_HEAD(processes);
static DEFINE_SPINLOCK(process_lock);	/* the list, lwp counts, attach queues */

/* ---- making lwps ---- */

/* From the entry interrupt: a host thread without an lwp. */
void rump_attach_irq(struct rump_thread *thread)
{
	struct rump_process *process = thread->process;

	spin_lock(&process_lock);
	thread->next_entry = process->attach_queue;
	process->attach_queue = thread;
	spin_unlock(&process_lock);
	wake_up(process->wait);
}

static struct rump_thread *next_attach(struct rump_process *process)
{
	struct rump_thread *thread;

	spin_lock_irq(&process_lock);
	thread = process->attach_queue;
	if (thread)
		process->attach_queue = thread->next_entry;
	spin_unlock_irq(&process_lock);
	return thread;
}

static int lwp_start(void *arg)
{
	struct rump_thread *thread = arg;

	sigemptyset(&current->blocked);
	recalc_sigpending();
	current->thread.is_implicit = thread->attach_implicit;
	current->thread.host = thread;
	thread->task = current;
	thread->cpu = smp_processor_id();
	return 0;
}

/* true: the last one, the process ends; the caller wakes the keeper */
static bool drop_lwp(struct rump_process *process)
{
	bool is_last;

	spin_lock_irq(&process_lock);
	is_last = --process->lwps == 0 && process != &rump_process0;
	if (is_last)
		process->is_ending = true;
	spin_unlock_irq(&process_lock);
	return is_last;
}

/* By the keeper. */
static void attach(struct rump_process *process, struct rump_thread *thread)
{
	struct kernel_clone_args args = {
		.flags = LWP_CLONE_FLAGS,
		.fn = lwp_start,
		.fn_arg = thread,
	};
	pid_t pid;

	/* an explicit one is counted already, so that the process did not end meanwhile */
	if (thread->attach_implicit) {
		spin_lock_irq(&process_lock);
		process->lwps++;
		spin_unlock_irq(&process_lock);
	}
	pid = kernel_clone(&args);
	if (pid >= 0)
		return;
	drop_lwp(process);
	thread->process = &rump_process0;
	thread->ret = pid;
	rump_finish_request(thread);
}

/*
 * Every signal has a "handler" without a mask, so that none of Linux's default
 * actions ends the process: deliver_signals() passes them to the host.
 */
static void forward_signals(void)
{
	int sig;

	for (sig = 1; sig <= _NSIG; sig++) {
		struct k_sigaction *action = &current->sighand->action[sig - 1];

		if (sig_kernel_only(sig))
			continue;
		if (sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH)
			action->sa.sa_handler = SIG_IGN;
		else
			action->sa.sa_handler = (__sighandler_t)1024;
		action->sa.sa_flags = SA_NODEFER;
		sigemptyset(&action->sa.sa_mask);
	}
}

static void process_add(struct rump_process *process)
{
	process->keeper = current;
	process->pid = task_tgid_nr(current);
	current->thread.process = process;
	spin_lock_irq(&process_lock);
	list_add_tail(&process->list, &processes);
	spin_unlock_irq(&process_lock);
}

static void process_remove(struct rump_process *process)
{
	spin_lock_irq(&process_lock);
	list_del(&process->list);
	spin_unlock_irq(&process_lock);
	current->thread.process = NULL;
	if (process != &rump_process0)
		kfree(process);
}

/* The process was killed: nobody comes in any more, and the lwps die. */
static void bury(struct rump_process *process)
{
	struct rump_thread *thread;

	spin_lock_irq(&process_lock);
	process->is_ending = true;
	spin_unlock_irq(&process_lock);
	do {
		wait_event(*process->wait, process->attach_queue || !process->lwps);
		thread = next_attach(process);
		if (!thread)
			continue;
		if (!thread->attach_implicit)
			drop_lwp(process);
		thread->process = &rump_process0;
		thread->ret = -EINTR;
		rump_finish_request(thread);
	} while (process->attach_queue || process->lwps);
}

static void keeper_loop(struct rump_process *process)
{
	struct rump_thread *thread;

	sigfillset(&current->blocked);
	forward_signals();
	process_add(process);
	set_task_comm(current, "rump");
	for (;;) {
		___wait_event(*process->wait, process->attach_queue || process->is_ending,
			      (TASK_KILLABLE | TASK_NOLOAD), 0, 0, schedule());
		if (fatal_signal_pending(current))
			bury(process);
		if (process->is_ending)
			break;
		thread = next_attach(process);
		if (thread)
			attach(process, thread);
	}
	process_remove(process);
	do_exit(0);
}

static int process0_start(void *arg)
{
	keeper_loop(&rump_process0);
	return 0;
}

/* What pid 1 is after boot. */
void rump_init_loop(void)
{
	struct kernel_clone_args args = {
		.flags = CLONE_VM,
		.exit_signal = SIGCHLD,
		.fn = process0_start,
	};

	current->sighand->action[SIGCHLD - 1].sa.sa_handler = SIG_IGN;
	sigfillset(&current->blocked);
	if (kernel_clone(&args) < 0)
		panic("rump: cannot make the first process");
	for (;;) {
		set_current_state(TASK_IDLE);
		schedule();
	}
}

/* ---- ending them ---- */

/*
 * The current lwp is none any more; waiter's call is done when it is gone, and
 * with the last one its process.  That is freed by the keeper, which needs the
 * lock to get there.
 */
static void leave_process(struct rump_thread *waiter)
{
	struct rump_process *process = current->thread.process;
	bool is_last;

	spin_lock_irq(&process_lock);
	is_last = --process->lwps == 0 && process != &rump_process0;
	if (waiter)
		(is_last ? process->keeper : current)->thread.end_waiter = waiter;
	current->thread.process = NULL;
	process->is_ending |= is_last;
	wake_up(process->wait);
	spin_unlock_irq(&process_lock);
}

/* The current lwp ends; its host thread (NULL: it has none) goes on without. */
void rump_lwp_end(struct rump_thread *thread)
{
	if (thread) {
		current->thread.host = NULL;
		thread->task = NULL;
		thread->process = &rump_process0;
		thread->ret = 0;
		/* not again from exit_thread(), nor taken for a request to a new lwp */
		thread->request = 0;
	}
	leave_process(thread);
	do_exit(0);
}

/* The task is gone, for everybody to see: who waits for that may go on. */
void release_thread(struct task_struct *task)
{
	if (task->thread.end_waiter)
		rump_finish_request(task->thread.end_waiter);
}

/*
 * A task exits.  An lwp that still has a host thread was killed: the signal is
 * passed on, and the thread's call, if any, ends.
 */
void exit_thread(struct task_struct *task)
{
	struct rump_thread *thread = task->thread.host;

	if (task->thread.process && task->thread.process->keeper != task)
		leave_process(NULL);
	if (!thread)
		return;
	task->thread.host = NULL;
	thread->task = NULL;
	thread->user->signal(thread->host_tid, SIGKILL);
	rump_io_flush_thread(thread);
	if (thread->request) {
		thread->ret = -EINTR;
		rump_finish_request(thread);
	}
}

/* ---- rump_pub_lwproc_* ---- */

/* A process that rump_pub_lwproc_rfork() makes. */
struct forked_process {
	struct rump_process process;	/* first: keeper_loop() frees it */
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
	complete(&forked->started);
	keeper_loop(&forked->process);
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
	spin_lock_irq(&process_lock);
	list_for_each_entry(process, &processes, list)
		if (process->pid == pid && !process->is_ending)
			found = process;
	if (found)
		found->lwps++;
	spin_unlock_irq(&process_lock);
	return found ? leave_lwp(found, NULL) : -ESRCH;
}

/* Is it an lwp?  The pointer comes from the application: only compare it. */
static bool is_lwp(struct task_struct *task)
{
	struct rump_process *process;
	struct task_struct *t;
	bool found = false;

	spin_lock_irq(&process_lock);
	rcu_read_lock();
	list_for_each_entry(process, &processes, list)
		for_each_thread(process->keeper, t)
			found |= t == task && t != process->keeper &&
				 !t->thread.is_ending && !(t->flags & PF_EXITING);
	rcu_read_unlock();
	spin_unlock_irq(&process_lock);
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of rump processes and lwps.
 *
 * A rump process is a thread group.  Its leader, the keeper, belongs to no
 * host thread: it sleeps and clones an lwp for each host thread that comes, so
 * that a new thread never depends on another that is blocked.  init (pid 1)
 * makes the first process at boot and those of new clients (remote.c); the
 * others are cloned by an lwp of their parent, see lwproc.c and remote.c.  All
 * ignore SIGCHLD, so that Linux reaps their children.
 *
 * The process of a program with the kernel in it ends with its last lwp, the
 * first one never.  A client's ends when it is killed, by its server or by
 * another process of the rump kernel, and is gone when its keeper is released:
 * then its descriptors are closed and its pid is free.
 */
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <linux/wait.h>
#include <asm/rump.h>
#include "lwp.h"

#define LWP_CLONE_FLAGS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | \
			 CLONE_THREAD | CLONE_SYSVSEM)

/* how long the end of the kernel waits for clients */
#define CLIENTS_END_TIME	(5 * HZ)
/* rump_thread.request while its lwp is being made; else 1 or 0 */
#define REQUEST_ATTACHES	2

static DECLARE_WAIT_QUEUE_HEAD(process0_wait);
static DECLARE_WAIT_QUEUE_HEAD(process1_wait);
struct rump_process rump_process0 = { .wait = &process0_wait, .stays = true };
struct rump_process rump_process1 = { .wait = &process1_wait, .stays = true };
int rump_host_pid;
char rump_host_name[TASK_COMM_LEN] = "rump";

LIST_HEAD(rump_processes);
DEFINE_SPINLOCK(rump_process_lock);

/* above it there are no more tasks; Linux checks its own limit when it has the memory already */
static int task_limit = INT_MAX;

static atomic_t client_count;
static DECLARE_WAIT_QUEUE_HEAD(client_wait);

/* ---- making lwps ---- */

static void enqueue(struct rump_process *process, struct rump_thread *thread)
{
	thread->process = process;
	thread->next_entry = process->attach_queue;
	process->attach_queue = thread;
	/* the process may be gone as soon as the lock is free */
	wake_up(process->wait);
}

/*
 * From the entry interrupt: a host thread seems to have no lwp.  If so its request goes
 * to a keeper, once, whatever else queues the thread before it has one.
 */
struct task_struct *rump_attach_irq(struct rump_thread *thread)
{
	struct task_struct *task;

	spin_lock(&rump_process_lock);
	task = thread->task;
	if (!task && thread->request == 1) {
		thread->request = REQUEST_ATTACHES;
		enqueue(thread->process, thread);
	}
	spin_unlock(&rump_process_lock);
	return task;
}

int rump_join(pid_t pid, struct rump_thread *thread)
{
	struct rump_process *process;

	spin_lock_irq(&rump_process_lock);
	process = rump_process_find(pid);
	if (process && rump_is_client(process)) {
		process->lwps++;
		enqueue(process, thread);
	} else {
		process = NULL;
	}
	spin_unlock_irq(&rump_process_lock);
	return process ? 0 : -ESRCH;
}

static struct rump_thread *next_attach(struct rump_process *process)
{
	struct rump_thread *thread;

	spin_lock_irq(&rump_process_lock);
	thread = process->attach_queue;
	if (thread)
		process->attach_queue = thread->next_entry;
	spin_unlock_irq(&rump_process_lock);
	return thread;
}

pid_t rump_clone(struct kernel_clone_args *args, pid_t id)
{
	const struct cred *old_cred;
	sigset_t all, old_blocked;
	pid_t pid;

	if (nr_threads >= task_limit)
		return -EAGAIN;
	old_cred = override_creds(rump_creds_root());
	/* a signal under way would end the clone; one that kills may */
	siginitsetinv(&all, sigmask(SIGKILL));
	sigprocmask(SIG_SETMASK, &all, &old_blocked);
	if (id > 0) {
		args->set_tid = &id;
		args->set_tid_size = 1;
	}
	pid = kernel_clone(args);
	if (id > 0 && (pid == -EEXIST || pid == -EINVAL)) {
		args->set_tid_size = 0;
		pid = kernel_clone(args);
	}
	sigprocmask(SIG_SETMASK, &old_blocked, NULL);
	revert_creds(old_cred);
	return pid;
}

static int lwp_start(void *arg)
{
	struct rump_thread *thread = arg;
	sigset_t blocked;

	/* a client's stop is the host's business: the keeper takes it there */
	siginitset(&blocked, current->thread.is_remote ? sigmask(SIGSTOP) : 0);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	rump_creds_take(current->thread.process);
	current->thread.is_implicit = thread->attach_implicit;
	current->thread.remote = thread->remote;
	current->thread.host = thread;
	thread->cpu = smp_processor_id();
	spin_lock_irq(&rump_process_lock);
	WRITE_ONCE(thread->task, current);
	thread->request = 1;		/* ours from here on, see exit_thread() */
	spin_unlock_irq(&rump_process_lock);
	return 0;
}

/* true: the last one, the process ends; the caller wakes the keeper */
static bool drop_lwp(struct rump_process *process)
{
	bool is_last;

	spin_lock_irq(&rump_process_lock);
	is_last = --process->lwps == 0 && !process->stays;
	if (is_last)
		process->is_ending = true;
	spin_unlock_irq(&rump_process_lock);
	return is_last;
}

static void refuse(struct rump_thread *thread, int error)
{
	thread->process = &rump_process0;
	thread->ret = error;
	rump_finish_request(thread);
}

/* By the keeper. */
static void attach(struct rump_process *process, struct rump_thread *thread)
{
	struct kernel_clone_args args = {
		.flags = LWP_CLONE_FLAGS,
		.fn = lwp_start,
		.fn_arg = thread,
	};
	pid_t id = thread->nr == RUMP_REQ_JOIN ? (pid_t)thread->args[1] : thread->host_tid;
	pid_t pid = -ENOMEM;

	/* an explicit one is counted already, so that the process did not end meanwhile */
	if (thread->attach_implicit) {
		spin_lock_irq(&rump_process_lock);
		process->lwps++;
		spin_unlock_irq(&rump_process_lock);
	}
	thread->remote = NULL;
	if (thread->client) {
		thread->remote = rump_remote_alloc(thread->client);
		if (!thread->remote)
			goto fail;
	}
	pid = rump_clone(&args, id);
	if (pid >= 0)
		return;
	if (thread->remote)
		rump_remote_free(thread->remote);
fail:
	drop_lwp(process);
	refuse(thread, pid == -ERESTARTNOINTR ? -EINTR : pid);
}

/*
 * Every signal has a "handler" without a mask, so that none of Linux's default
 * actions ends the process: deliver_signals() passes them to the host.
 */
static void forward_signals(bool is_client)
{
	int sig;

	for (sig = 1; sig <= _NSIG; sig++) {
		struct k_sigaction *action = &current->sighand->action[sig - 1];

		if (sig_kernel_only(sig))
			continue;
		if (sig == SIGCHLD ||
		    (!is_client && (sig == SIGCONT || sig == SIGURG || sig == SIGWINCH)))
			action->sa.sa_handler = SIG_IGN;
		else
			action->sa.sa_handler = (__sighandler_t)1024;
		action->sa.sa_flags = SA_NODEFER;
		sigemptyset(&action->sa.sa_mask);
	}
}

/* ---- the keeper ---- */

void rump_process_add(struct rump_process *process)
{
	process->keeper = current;
	process->pid = task_tgid_nr(current);
	process->cred = get_current_cred();
	current->thread.process = process;
	if (rump_is_client(process))
		atomic_inc(&client_count);
	spin_lock_irq(&rump_process_lock);
	list_add_tail(&process->list, &rump_processes);
	spin_unlock_irq(&rump_process_lock);
}

static void process_remove(struct rump_process *process)
{
	spin_lock_irq(&rump_process_lock);
	list_del(&process->list);
	spin_unlock_irq(&rump_process_lock);
	current->thread.process = NULL;
	put_cred(process->cred);
	if (rump_is_client(process))
		current->thread.ended = process;	/* see release_thread() */
	else if (process != &rump_process0)
		kfree(process);
}

/* The process was killed: nobody comes in any more, and the lwps die. */
static void bury(struct rump_process *process)
{
	struct rump_thread *thread;

	spin_lock_irq(&rump_process_lock);
	process->is_ending = true;
	spin_unlock_irq(&rump_process_lock);
	rump_namespaces_take(process);
	/* by another process of the rump kernel: who it stands for goes the same way */
	if (rump_is_client(process) && !READ_ONCE(process->is_told))
		process->client.signal(process->client.host, SIGKILL);
	else if (process == &rump_process0)
		hyp()->signal(this_vcpu()->thread->host_tid, SIGKILL);
	do {
		wait_event(*process->wait, process->attach_queue || !process->lwps);
		thread = next_attach(process);
		if (!thread)
			continue;
		if (!thread->attach_implicit)
			drop_lwp(process);
		refuse(thread, thread->is_joined ? -ESRCH : -EINTR);
	} while (process->attach_queue || process->lwps);
}

/*
 * A client's signals that are for no thread come here, for the keeper is the main
 * thread: the host finds one.  They are not "handled": a stop is for the host as well.
 * false: one of them kills the process.
 */
static bool pass_signals(struct rump_process *process)
{
	int sig;

	while ((sig = kernel_dequeue_signal()) > 0) {
		if (sig == SIGKILL)
			return false;
		process->client.signal(process->client.host, sig);
	}
	spin_lock_irq(&current->sighand->siglock);
	task_clear_jobctl_pending(current, JOBCTL_PENDING_MASK);
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
	clear_notify_signal();
	return true;
}

static bool has_work(const struct rump_process *process)
{
	return process->attach_queue || process->is_ending || rump_creds_differ(process) ||
	       rump_namespaces_differ(process);
}

void __noreturn rump_keeper_loop(struct rump_process *process)
{
	bool is_client = rump_is_client(process);
	unsigned int state = is_client ? TASK_INTERRUPTIBLE : TASK_KILLABLE | TASK_NOLOAD;
	struct rump_thread *thread;
	sigset_t blocked;

	siginitsetinv(&blocked, sigmask(SIGKILL));
	if (is_client)
		sigemptyset(&blocked);
	forward_signals(is_client);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	for (;;) {
		___wait_event(*process->wait, has_work(process), state, 0, 0, schedule());
		if (fatal_signal_pending(current) ||
		    (is_client && signal_pending(current) && !pass_signals(process)))
			bury(process);
		if (process->is_ending)
			break;
		rump_creds_take(process);
		rump_namespaces_take(process);
		thread = next_attach(process);
		if (thread)
			attach(process, thread);
	}
	process_remove(process);
	do_exit(0);
}

static int process0_start(void *arg)
{
	set_task_comm(current, rump_host_name);
	rump_process_add(&rump_process0);
	rump_keeper_loop(&rump_process0);
}

/* what tasks without a host process begin with: few hosts give such numbers */
#define OWN_PIDS	(PID_MAX_LIMIT / 4 * 3)

/*
 * Ids are the host's, where they are free.  Linux's default for threads leaves seven
 * eighths of the memory for what they do; a client is two that do little, and half of the
 * memory in stacks is as far as it goes without the OOM killer.  How many files a process
 * may have the host decides.
 */
static void raise_limits(void)
{
	struct ctl_table table = { .maxlen = sizeof(int), .mode = 0644 };
	char text[16];
	size_t length;
	loff_t pos = 0;

	pid_max = PID_MAX_LIMIT;
	idr_set_cursor(&init_pid_ns.idr, OWN_PIDS);
	task_lock(current->group_leader);
	current->signal->rlim[RLIMIT_NOFILE].rlim_max = sysctl_nr_open;
	task_unlock(current->group_leader);
	task_limit = rump_memory_size / 2 / THREAD_SIZE;
	length = scnprintf(text, sizeof(text), "%d\n", task_limit);
	if (sysctl_max_threads(&table, 1, text, &length, &pos))
		pr_warn("rump: the limit of threads stays low\n");
}

/* What pid 1 is after boot. */
void rump_init_loop(void)
{
	struct kernel_clone_args args = {
		.flags = CLONE_VM,
		.exit_signal = SIGCHLD,
		.fn = process0_start,
	};
	struct rump_thread *thread;
	sigset_t blocked;

	raise_limits();
	current->sighand->action[SIGCHLD - 1].sa.sa_handler = SIG_IGN;
	sigfillset(&blocked);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	if (rump_clone(&args, rump_host_pid) < 0)
		panic("rump: cannot make the first process");
	for (;;) {
		___wait_event(process1_wait, rump_process1.attach_queue, TASK_IDLE, 0, 0,
			      schedule());
		thread = next_attach(&rump_process1);
		if (thread)
			rump_serve(thread);
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

	spin_lock_irq(&rump_process_lock);
	is_last = --process->lwps == 0 && !process->stays;
	if (waiter)
		(is_last ? process->keeper : current)->thread.end_waiter = waiter;
	current->thread.process = NULL;
	process->is_ending |= is_last;
	wake_up(process->wait);
	spin_unlock_irq(&rump_process_lock);
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

static void process_gone(struct rump_process *process)
{
	process->client.gone(process->client.host);
	kfree(process);
	if (atomic_dec_and_test(&client_count))
		wake_up_all(&client_wait);
}

/* The task is gone, for everybody to see: who waits for that may go on. */
void release_thread(struct task_struct *task)
{
	if (task->thread.end_waiter)
		rump_finish_request(task->thread.end_waiter);
	if (task->thread.ended)
		process_gone(task->thread.ended);
}

/*
 * A task exits.  An lwp that still has a host thread was killed.  A server's
 * thread goes on: its call, if any, ends, and it gets no other lwp.  Else the
 * signal is passed on.
 */
void exit_thread(struct task_struct *task)
{
	struct rump_thread *thread = task->thread.host;
	bool had_request, is_joined;

	if (task != current)	/* one that could not be made */
		return;
	if (task->thread.remote)
		rump_remote_free(task->thread.remote);
	task->thread.remote = NULL;
	if (task->thread.process && task->thread.process->keeper != task)
		leave_process(NULL);
	if (!thread)
		return;
	task->thread.host = NULL;
	rump_io_flush_thread(thread);
	spin_lock_irq(&rump_process_lock);
	/* first: a thread that sees no task may leave the process (rump_thread_leave()) */
	is_joined = thread->is_joined;
	if (is_joined)
		thread->process = &rump_process1;
	smp_store_release(&thread->task, NULL);
	/* later ones, and those seen without a task, are for that process' keeper */
	had_request = thread->request == 1;
	if (had_request)
		thread->request = 0;
	spin_unlock_irq(&rump_process_lock);
	if (!is_joined)
		thread->user->signal(thread->host_tid, SIGKILL);
	if (had_request) {
		thread->ret = -EINTR;
		rump_finish_request(thread);
	}
}

struct rump_process *rump_process_find(pid_t pid)
{
	struct rump_process *process;

	list_for_each_entry(process, &rump_processes, list)
		if (process->pid == pid && !process->is_ending)
			return process;
	return NULL;
}

/* With the lock: nobody waits for a lwp that its client holds up. */
static void kill_process(struct rump_process *process)
{
	process->is_told = true;
	do_send_sig_info(SIGKILL, SEND_SIG_PRIV, process->keeper, PIDTYPE_TGID);
}

int rump_process_kill(pid_t pid)
{
	struct rump_process *process;
	int err = -ESRCH;

	spin_lock_irq(&rump_process_lock);
	process = rump_process_find(pid);
	if (process && rump_is_client(process)) {
		kill_process(process);
		err = 0;
	}
	spin_unlock_irq(&rump_process_lock);
	return err;
}

/* What clients have open is closed when their file systems go. */
void rump_clients_end(void)
{
	struct rump_process *process;

	spin_lock_irq(&rump_process_lock);
	list_for_each_entry(process, &rump_processes, list)
		if (rump_is_client(process))
			kill_process(process);
	spin_unlock_irq(&rump_process_lock);
	wait_event_timeout(client_wait, !atomic_read(&client_count), CLIENTS_END_TIME);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: processes elsewhere that use this kernel.  The upcalls of rumpuser.h.
 *
 * Theory of operation
 *
 * A client is a rump process like others, but for its memory, which is not in
 * this host process: its tasks have an address space of their own with nothing in
 * it, and all their user access is foreign (asm/uaccess.h), from the first
 * instruction to the last of the exit.  The way to the client's memory is that of the
 * host thread which carries out a call (mm/remote_copy.c).
 *
 * A server's host thread has no lwp until it joins a process: thread_join() gives it one
 * there, made by the process' keeper, and thread_leave() ends that.  What such a
 * thread wants without an lwp (a new process, the end of one, to join) pid 1 does
 * for it, since it never waits for a client.  When the process is killed the
 * thread's call ends and its lwp goes; until it leaves its calls give -ESRCH.
 *
 *	thread_join -> rump_request(JOIN) -> pid 1: rump_serve -> keeper: attach -> lwp
 *
 * The process ends by process_end(), when the client has gone or its server stops, or
 * by kill(2) from another process of the rump kernel: then the client is told.
 * client->gone() is called once, when nothing of the process is left.
 *
 * Signals for the process are passed on by the keeper, those for a thread that
 * is in a call are given with the call's answer (vcpu.c).
 *
 * Who is root in the rump kernel may mount what the server's user may read, and load
 * modules: root is given to the server's own user, or to whom that configured.
 */
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/fs_struct.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/syscalls.h>
#include <linux/wait.h>
#include <asm/rump.h>
#include "lwp.h"

/* rather a client than the program that has the kernel in it */
#define CLIENT_OOM_SCORE	500

/* ---- new processes ---- */

struct client_process {
	struct rump_process process;	/* first: release_thread() frees it */
	wait_queue_head_t wait;
};

/* For the new process, until it has begun. */
struct client_start {
	struct client_process *client;
	char name[TASK_COMM_LEN];
	struct cred *cred;		/* NULL: those of parent */
	struct rump_process *parent;	/* NULL: pid 1 */
	bool is_copy;			/* has the parent's mappings */
	struct completion done;
	int error;
};

/* Not pid 1's, which still sees what lies below the root of the configuration. */
static struct path client_root;

void rump_clients_begin(void)
{
	get_fs_root(current->fs, &client_root);
}

static int become_client(struct client_start *start)
{
	int err = rump_become_remote(start->is_copy), dumpable;

	if (err)
		return err;
	set_task_comm(current, start->name);
	current->signal->oom_score_adj = CLIENT_OOM_SCORE;
	/* who this was until now does not count for /proc */
	dumpable = start->parent ? get_dumpable(current->mm) : SUID_DUMP_USER;
	commit_creds(start->cred);
	set_dumpable(current->mm, dumpable);
	if (start->parent)
		return 0;
	set_fs_root(current->fs, &client_root);
	set_fs_pwd(current->fs, &client_root);
	__close_range(0, ~0U, 0);
	ksys_setsid();
	return 0;
}

static int client_main(void *arg)
{
	struct client_start *start = arg;
	struct rump_process *process = &start->client->process;

	current->thread.process = NULL;		/* the parent's */
	start->error = become_client(start);
	if (start->error) {
		complete(&start->done);
		do_exit(0);
	}
	rump_process_add(process);
	complete(&start->done);
	rump_keeper_loop(process);
}

/* By pid 1 or, for a fork, the parent's lwp. */
static long start_client(const struct rumpuser_client *client, struct client_start *start)
{
	struct kernel_clone_args args = {
		.flags = start->is_copy ? 0 : CLONE_VM,
		.exit_signal = SIGCHLD,
		.fn = client_main,
		.fn_arg = start,
	};
	struct client_process *new = kzalloc(sizeof(*new), GFP_KERNEL);
	pid_t pid;

	if (!new) {
		abort_creds(start->cred);
		return -ENOMEM;
	}
	init_waitqueue_head(&new->wait);
	init_completion(&start->done);
	new->process.wait = &new->wait;
	new->process.stays = true;
	new->process.client.signal = client->signal;
	new->process.client.gone = client->gone;
	new->process.client.host = client->host;
	if (start->parent)
		get_task_comm(start->name, current);
	else
		strscpy(start->name, *client->name ? client->name : "client", sizeof(start->name));
	start->client = new;
	pid = rump_clone(&args, client->pid);
	if (pid >= 0) {
		wait_for_completion(&start->done);
		if (!start->error)
			return pid;
		pid = start->error;
	}
	abort_creds(start->cred);
	kfree(new);
	return pid == -ERESTARTNOINTR ? -EINTR : pid;
}

static long process_new(void *arg)
{
	const struct rumpuser_client *client = arg;
	struct client_start start = { .cred = rump_creds_of(client) };

	if (IS_ERR(start.cred))
		return PTR_ERR(start.cred);
	return start_client(client, &start);
}

struct fork {
	const struct rumpuser_client *client;
	pid_t pid;
};

static long process_fork(void *arg)
{
	struct fork *fork = arg;
	struct client_start start = {
		.parent = current->thread.process,
		.cred = (struct cred *)get_current_cred(),
		.is_copy = current->mm->context.has_mappings && current->mm->map_count,
	};

	fork->pid = start_client(fork->client, &start);
	return 0;
}

int rump_process_new(const struct rumpuser_client *client)
{
	return rump_serve_call(process_new, (void *)client);
}

int rump_process_fork(const struct rumpuser_client *client)
{
	struct fork fork = { .client = client };
	long err = rump_kernel_call(process_fork, &fork);

	/* there may be a child also where the parent was killed before it could say so */
	return fork.pid ? fork.pid : err;
}

/* ---- exec ---- */

struct exec {
	const char *name;
	const unsigned int *keep;
	unsigned int count;
};

static bool is_kept(const struct exec *exec, unsigned int fd)
{
	unsigned int low = 0, high = exec->count;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (exec->keep[middle] == fd)
			return true;
		if (exec->keep[middle] < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* The first open descriptor from fd on; UINT_MAX: none */
static unsigned int next_open(unsigned int fd)
{
	struct fdtable *fdt;

	rcu_read_lock();
	fdt = files_fdtable(current->files);
	fd = fd < fdt->max_fds ? find_next_bit(fdt->open_fds, fdt->max_fds, fd) : fdt->max_fds;
	if (fd >= fdt->max_fds)
		fd = UINT_MAX;
	rcu_read_unlock();
	return fd;
}

static long process_exec(void *arg)
{
	const struct exec *exec = arg;
	struct task_struct *t;
	unsigned int fd;
	int err;

	if (!rump_is_client(current->thread.process))
		return -EPERM;
	for (fd = next_open(0); fd != UINT_MAX; fd = next_open(fd + 1))
		if (!is_kept(exec, fd))
			close_fd(fd);
	exit_itimers(current);
	rump_share_exec();
	err = rump_creds_exec();
	/* nobody has seen the new program's memory as another user */
	if (uid_eq(current_euid(), current_uid()) && gid_eq(current_egid(), current_gid()))
		set_dumpable(current->mm, SUID_DUMP_USER);
	rcu_read_lock();
	for_each_thread(current, t)
		set_task_comm(t, exec->name);
	rcu_read_unlock();
	return err;
}

int rump_process_exec(const char *name, const unsigned int *keep, unsigned int count)
{
	struct exec exec = { .name = name, .keep = keep, .count = count };

	return rump_kernel_call(process_exec, &exec);
}

/* ---- pid 1's service ---- */

void rump_serve(struct rump_thread *thread)
{
	long (*fn)(void *);
	long ret;

	switch (thread->nr) {
	case RUMP_REQ_INIT:
		fn = (void *)thread->args[0];
		ret = fn((void *)thread->args[1]);
		break;
	case RUMP_REQ_JOIN:
		ret = rump_join(thread->args[0], thread);
		if (!ret)
			return;
		break;
	default:	/* its lwp was killed */
		ret = -ESRCH;
	}
	thread->ret = ret;
	rump_finish_request(thread);
}

long rump_serve_call(long (*fn)(void *), void *arg)
{
	struct rump_process *process;
	struct rump_thread *thread;
	long ret;

	if (!rump_is_up || rump_is_forked)
		return rump_no_kernel();
	thread = rump_thread_current();
	if (!thread)
		return -EAGAIN;
	if (thread->task || thread->in_kernel)
		return rump_kernel_call(fn, arg);
	process = thread->process;
	thread->process = &rump_process1;
	ret = rump_request(thread, RUMP_REQ_INIT, (unsigned long)fn, (unsigned long)arg);
	thread->process = process;
	return ret;
}

static long process_end(void *arg)
{
	return rump_process_kill((long)arg);
}

int rump_process_end(int pid)
{
	return rump_serve_call(process_end, (void *)(long)pid);
}

/* ---- a server's threads ---- */

static void forget(struct rump_thread *thread)
{
	thread->is_joined = false;
	thread->client = NULL;
	thread->process = &rump_process0;
	thread->attach_implicit = true;
}

int rump_thread_join(int pid, int tid, struct rumpuser_remote *remote)
{
	struct rump_thread *thread;
	long ret;

	if (!rump_is_up || rump_is_forked)
		return rump_no_kernel();
	thread = rump_thread_current();
	if (!thread)
		return -EAGAIN;
	if (thread->in_kernel)
		return -EDEADLK;
	if (thread->task || thread->is_joined)
		return -EBUSY;
	thread->process = &rump_process1;
	thread->is_joined = true;
	thread->client = remote;
	thread->attach_implicit = false;
	ret = rump_request(thread, RUMP_REQ_JOIN, pid, tid);
	if (ret)
		forget(thread);
	return ret == -EINTR ? -ESRCH : ret;	/* it was killed just now */
}

void rump_thread_leave(void)
{
	struct rump_thread *thread = rump_is_forked ? NULL : rump_thread_current();

	if (!thread || !thread->is_joined || thread->in_kernel)
		return;
	/* also without a task: the lwp that was killed may still be on its way out with us */
	rump_enter(thread, RUMP_REQ_EXIT);
	forget(thread);
}

long rump_thread_syscall(long nr, const unsigned long args[6])
{
	return rump_syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

rump_export int rump_pub_interrupt(int tid);

int rump_thread_interrupt(int tid)
{
	return -rump_pub_interrupt(tid);
}

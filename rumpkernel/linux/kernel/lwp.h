/* SPDX-License-Identifier: GPL-2.0-only */
/* What lwp.c has for the other files that make, change and end processes. */
#ifndef RUMP_LWP_H
#define RUMP_LWP_H
#include <linux/sched/task.h>
#include <linux/spinlock.h>
#include <asm/rump.h>

/* all with lwps; the list, lwp counts, attach queues, process->cred */
extern struct list_head rump_processes;
extern spinlock_t rump_process_lock;

/* of the program that has the kernel in it */
extern char rump_host_name[TASK_COMM_LEN];

/* A process that still takes lwps, or NULL.  With rump_process_lock. */
struct rump_process *rump_process_find(pid_t pid);
/*
 * kernel_clone() with the id that is wanted (0: none) if it is free, whatever the caller
 * may; the new task has to take its credentials.  -EINTR: the caller is killed.
 */
pid_t rump_clone(struct kernel_clone_args *args, pid_t id);
/* The current task is the keeper of a new process: now it can be found ... */
void rump_process_add(struct rump_process *process);
/* ... and what it is from then on. */
void __noreturn rump_keeper_loop(struct rump_process *process);
/* The thread's request goes to the keeper of a client's process: 0 or -ESRCH. */
int rump_join(pid_t pid, struct rump_thread *thread);
/* The end of a client's process: 0 or -ESRCH.  Does not wait for it. */
int rump_process_kill(pid_t pid);

/* ---- namespaces.c ---- */
/* By the keeper: its lwp went elsewhere. */
bool rump_namespaces_differ(const struct rump_process *process);
void rump_namespaces_take(struct rump_process *process);
/* The current task has others: so has the keeper, and with it the lwps to come. */
void rump_namespaces_changed(void);
/*
 * There was no room for another namespace.  true: some that nobody is in any more have yet to
 * end, and a moment has passed.  false: none, it is later than `until' (jiffies), or the caller
 * was killed.
 */
bool rump_namespaces_wait(unsigned long until);

/* ---- pids.c ---- */
/* The upcall. */
int rump_process_known(int pid, int host_pid);

/* ---- remote.c ---- */
/* By pid 1: what a thread without an lwp asks for. */
void rump_serve(struct rump_thread *thread);

/* ---- creds.c ---- */
/* The current task takes those of its process. */
void rump_creds_take(struct rump_process *process);
const struct cred *rump_creds_root(void);
struct cred *rump_creds_of(const struct rumpuser_client *client);
bool rump_creds_differ(const struct rump_process *process);
int rump_creds_exec(void);
#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Namespaces of rump processes.
 *
 * Lwps are cloned by their process' keeper (lwp.c), and a program that is executed goes on
 * with lwps of its own.  So the keeper has to be where a process with one lwp went by setns()
 * or unshare().  Of several lwps each has its own namespaces, as threads have, and those that
 * come later have the keeper's.
 *
 * Linux reads a task's own namespaces without a lock, so nobody else may change the keeper's:
 * it may be cloning a lwp on another vCPU.  It is told where to go and goes there itself,
 * between two clones, and the lwp's call waits for that, for /proc/PID/ns tells of the keeper.
 *
 * Linux ends network namespaces that nobody is in any more later, by a worker, and until then
 * they count against the user's limit.  That is small with little memory, and threads that
 * call may be ahead of kernel threads here: who comes against it waits for the worker.
 */
#include <linux/cred.h>
#include <linux/fs_struct.h>
#include <linux/jiffies.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>
#include <net/net_namespace.h>
#include <asm/rump.h>
#include "lwp.h"

/* Of who waits, on its stack; it holds what it points to. */
struct move {
	struct list_head list;
	struct rump_process *process;
	struct nsproxy *nsproxy;
	struct fs_struct *fs;	/* a mount namespace comes with a root and a working directory in it */
	bool is_done;
};

static LIST_HEAD(moves);	/* with rump_process_lock */
static DECLARE_WAIT_QUEUE_HEAD(move_wait);

/* A process has one at most: its one lwp waits for it.  With rump_process_lock. */
static struct move *find(const struct rump_process *process)
{
	struct move *move;

	list_for_each_entry(move, &moves, list)
		if (move->process == process)
			return move;
	return NULL;
}

bool rump_namespaces_differ(const struct rump_process *process)
{
	struct move *move;

	if (list_empty_careful(&moves))
		return false;
	spin_lock_irq(&rump_process_lock);
	move = find(process);
	spin_unlock_irq(&rump_process_lock);
	return move;
}

/* By the keeper: nobody else changes its own. */
static void take_fs(struct fs_struct *fs)
{
	struct fs_struct *old = current->fs;
	bool is_last;

	if (fs == old)
		return;
	spin_lock(&fs->lock);
	fs->users++;
	spin_unlock(&fs->lock);
	task_lock(current);
	current->fs = fs;
	task_unlock(current);
	spin_lock(&old->lock);
	is_last = !--old->users;
	spin_unlock(&old->lock);
	if (is_last)
		free_fs_struct(old);
}

void rump_namespaces_take(struct rump_process *process)
{
	struct move *move;

	if (!rump_namespaces_differ(process))
		return;
	spin_lock_irq(&rump_process_lock);
	move = find(process);
	list_del(&move->list);
	spin_unlock_irq(&rump_process_lock);
	if (current->nsproxy != move->nsproxy) {
		get_nsproxy(move->nsproxy);
		switch_task_namespaces(current, move->nsproxy);
	}
	take_fs(move->fs);
	/* it is gone from here on */
	smp_store_release(&move->is_done, true);
	wake_up_all(&move_wait);
}

/*
 * The call waits whatever comes, for the move is on its stack.  The keeper comes between two
 * clones, and before it buries a process that was killed.
 */
void rump_namespaces_changed(void)
{
	struct rump_process *process = current->thread.process;
	struct move move = { .process = process, .nsproxy = current->nsproxy, .fs = current->fs };
	bool moves_keeper;

	if (!process || process->keeper == current)
		return;
	spin_lock_irq(&rump_process_lock);
	/* the keeper and we; it sleeps, or makes an lwp that is not counted yet */
	moves_keeper = get_nr_threads(current) == 2 && !process->is_ending;
	if (moves_keeper) {
		list_add_tail(&move.list, &moves);
		wake_up(process->wait);
	}
	spin_unlock_irq(&rump_process_lock);
	if (moves_keeper)
		wait_event(move_wait, smp_load_acquire(&move.is_done));
}

/* ---- those that are about to end ---- */

/* Of the caller's user: counted, but no more in the list or on the way out of it. */
static bool are_ending(void)
{
	struct ucounts *ucounts = current_ucounts();
	long alive = 0;
	struct net *net;

	rcu_read_lock();
	for_each_net_rcu(net)
		alive += net->ucounts == ucounts && refcount_read(&net->ns.count);
	rcu_read_unlock();
	return atomic_long_read(&ucounts->ucount[UCOUNT_NET_NAMESPACES]) > alive;
}

bool rump_namespaces_wait(unsigned long until)
{
	if (!are_ending() || time_after(jiffies, until))
		return false;
	schedule_timeout_killable(1);
	return !fatal_signal_pending(current);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Namespaces of rump processes.
 *
 * Lwps are cloned by their process' keeper (lwp.c), and a program that is executed goes on
 * with lwps of its own.  So the keeper has to be where a process with one lwp went by setns()
 * or unshare().  Of several lwps each has its own namespaces, as threads have, and those that
 * come later have the keeper's.
 */
#include <linux/fs_struct.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <asm/rump.h>
#include "lwp.h"

/* A mount namespace comes with a root and a working directory in it. */
static void share_fs(struct task_struct *keeper)
{
	struct fs_struct *fs = current->fs, *old = keeper->fs;
	bool is_last;

	if (fs == old)
		return;
	spin_lock(&fs->lock);
	fs->users++;
	spin_unlock(&fs->lock);
	task_lock(keeper);
	keeper->fs = fs;
	task_unlock(keeper);
	spin_lock(&old->lock);
	is_last = !--old->users;
	spin_unlock(&old->lock);
	if (is_last)
		free_fs_struct(old);
}

void rump_namespaces_changed(void)
{
	struct task_struct *keeper = current->group_leader;

	/* the keeper and we; it sleeps, or makes an lwp that is not counted yet */
	if (keeper == current || get_nr_threads(current) != 2)
		return;
	if (keeper->nsproxy != current->nsproxy) {
		get_nsproxy(current->nsproxy);
		switch_task_namespaces(keeper, current->nsproxy);
	}
	share_fs(keeper);
}

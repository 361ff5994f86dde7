// SPDX-License-Identifier: GPL-2.0-only
/*
 * Credentials of rump processes.
 *
 * Linux has them for each task.  Here the lwps come and go with host threads, so a
 * process has its own for those that are still to come: what one of its lwps changed to
 * last.  The keeper follows at once, for kill(2) and ps look at the main task.
 */
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/init_task.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/security.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <asm/rump.h>
#include "lwp.h"

static DECLARE_WAIT_QUEUE_HEAD(keeper_wait);

const struct cred *rump_creds_root(void)
{
	return &init_cred;
}

bool rump_creds_differ(const struct rump_process *process)
{
	return READ_ONCE(process->cred) != current->real_cred;
}

void rump_creds_take(struct rump_process *process)
{
	const struct cred *cred;

	if (!rump_creds_differ(process))
		return;
	spin_lock_irq(&rump_process_lock);
	cred = get_cred(process->cred);
	spin_unlock_irq(&rump_process_lock);
	commit_creds((struct cred *)cred);	/* changes its count only */
	if (process->keeper == current)
		wake_up_all(&keeper_wait);
}

static bool keeper_follows(const struct rump_process *process)
{
	return READ_ONCE(process->is_ending) ||
	       READ_ONCE(process->keeper->real_cred) == READ_ONCE(process->cred);
}

void rump_creds_changed(void)
{
	struct rump_process *process = current->thread.process;
	const struct cred *old;

	if (!process || !rump_creds_differ(process))
		return;
	spin_lock_irq(&rump_process_lock);
	old = process->cred;
	process->cred = get_current_cred();
	wake_up(process->wait);
	spin_unlock_irq(&rump_process_lock);
	put_cred(old);
	wait_event_killable(keeper_wait, keeper_follows(process));
}

static struct group_info *groups_of(const struct rumpuser_client *client)
{
	unsigned int count = min_t(unsigned int, client->group_count, RUMPUSER_GROUPS_MAX), i;
	struct group_info *groups = groups_alloc(count);

	if (!groups)
		return NULL;
	for (i = 0; i < count; i++)
		groups->gid[i] = make_kgid(&init_user_ns, client->groups[i]);
	groups_sort(groups);
	return groups;
}

/* Of a new client; root has all capabilities, others have none. */
struct cred *rump_creds_of(const struct rumpuser_client *client)
{
	kuid_t uid = make_kuid(&init_user_ns, client->uid);
	kgid_t gid = make_kgid(&init_user_ns, client->gid);
	struct group_info *groups;
	struct user_struct *user;
	struct cred *cred;

	if (!uid_valid(uid) || !gid_valid(gid))
		return ERR_PTR(-EINVAL);
	cred = prepare_kernel_cred(&init_task);
	groups = groups_of(client);
	user = alloc_uid(uid);
	if (!cred || !groups || !user)
		goto fail;
	set_groups(cred, groups);
	free_uid(cred->user);
	cred->user = user;
	user = NULL;
	cred->uid = cred->euid = cred->suid = cred->fsuid = uid;
	cred->gid = cred->egid = cred->sgid = cred->fsgid = gid;
	if (client->uid) {
		cap_clear(cred->cap_effective);
		cap_clear(cred->cap_permitted);
		cap_clear(cred->cap_inheritable);
		cap_clear(cred->cap_ambient);
	}
	if (set_cred_ucounts(cred))
		goto fail;
	put_group_info(groups);
	return cred;
fail:
	if (user)
		free_uid(user);
	if (groups)
		put_group_info(groups);
	if (cred)
		abort_creds(cred);
	return ERR_PTR(-ENOMEM);
}

/* ---- a new program ---- */

/* It stands for the program's file, which is the host's: no capabilities of its own. */
static struct file *plain_file;

static int __init open_plain_file(void)
{
	plain_file = filp_open("/", O_RDONLY | O_DIRECTORY, 0);
	return PTR_ERR_OR_ZERO(plain_file);
}
late_initcall(open_plain_file);

/*
 * What execve(2) makes of the caller's: who is not root keeps no capabilities but the ambient
 * ones, whatever PR_SET_KEEPCAPS saved; root has all of its bounding set.
 */
int rump_creds_exec(void)
{
	struct linux_binprm bprm = { .cred = prepare_exec_creds(), .filename = current->comm };
	int err;

	if (!bprm.cred)
		return -ENOMEM;
	err = security_bprm_creds_from_file(&bprm, plain_file);
	if (err) {
		abort_creds(bprm.cred);
		return err;
	}
	commit_creds(bprm.cred);
	rump_creds_changed();
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The number of a process that was copied before its host process was there.
 *
 * A rump process has its host process' id where that is free.  The copy for a child is made
 * before the host's fork, so its id is any; who the child is, its first message tells.  Then
 * the keeper, which is all there is of the process, gets another struct pid.  Linux' exec does
 * as much to a leader.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <asm/rump.h>
#include "lwp.h"

struct known {
	pid_t pid, host_pid;
};

/*
 * With both locks.  A keeper without lwps makes none, and nobody else has a use for its
 * number: what it may do meanwhile is to sleep, and to take credentials and namespaces.
 */
static bool is_alone(const struct rump_process *process)
{
	return !process->lwps && !process->attach_queue && get_nr_threads(process->keeper) == 1;
}

static bool renumber(pid_t pid, struct pid *new, pid_t number)
{
	struct rump_process *process;
	bool may;

	write_lock_irq(&tasklist_lock);
	spin_lock(&rump_process_lock);
	process = rump_process_find(pid);
	may = process && rump_is_client(process) && is_alone(process);
	if (may) {
		change_pid(process->keeper, PIDTYPE_TGID, new);
		change_pid(process->keeper, PIDTYPE_PID, new);
		process->keeper->pid = number;
		process->keeper->tgid = number;
		process->pid = number;
	}
	spin_unlock(&rump_process_lock);
	write_unlock_irq(&tasklist_lock);
	return may;
}

/* The number that the process has from now on: where another process has `wanted', pid. */
static pid_t take_number(pid_t pid, pid_t wanted)
{
	const struct cred *old_cred;
	struct pid *new;

	if (wanted <= 0 || wanted == pid)
		return pid;
	old_cred = override_creds(rump_creds_root());
	new = alloc_pid(&init_pid_ns, &wanted, 1);
	revert_creds(old_cred);
	if (IS_ERR(new))
		return pid;
	if (renumber(pid, new, wanted))
		return wanted;
	free_pid(new);
	return pid;
}

static long process_known(void *arg)
{
	const struct known *known = arg;

	return take_number(known->pid, known->host_pid);
}

int rump_process_known(int pid, int host_pid)
{
	struct known known = { .pid = pid, .host_pid = host_pid };

	return rump_serve_call(process_known, &known);
}

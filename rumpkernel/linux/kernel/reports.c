// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel has to say when it is in trouble, where somebody reads it.
 *
 * The debug kernel ends with the first report of what watches it (lockdep, RCU, sleeping in
 * atomic context, objects): a program that goes on would be a test that passes.  Reports are
 * known by their text, for not all of them leave a taint.  They come with any lock held, so
 * the end waits for that of a call.  Other kernels do so for what taints when panic_on_taint=
 * in RUMP_CMDLINE asks for it.
 *
 * Without memory the OOM killer ends a program by SIGKILL, which says nothing.  When that is
 * the one with the kernel in it, nobody may wait for memory until its keeper has seen the
 * signal: it shares init's memory, so Linux would find no other victim and panic.
 */
#include <linux/console.h>
#include <linux/init.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <asm/rump.h>
#include "lwp.h"
#include "reports.h"

#ifdef CONFIG_RUMP_DEBUG
static bool is_seen;

bool rump_report_is_seen(void)
{
	return READ_ONCE(is_seen);
}

void rump_report_look(const char *text, unsigned int length)
{
	static const char *const words[] = { "WARNING: ", "BUG: ", "INFO: trying to register" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (strnstr(text, words[i], length))
			WRITE_ONCE(is_seen, true);
}

void rump_report_end(void)
{
	panic("rump: the debug kernel ends with its first report");
}
#endif

/* What led to a panic by panic_on_taint= was for the log: its text alone tells nothing. */
void rump_report_replay(void)
{
	if (!test_taint(TAINT_DIE) && (rump_report_is_seen() || test_taint(TAINT_WARN) ||
				       test_taint(TAINT_BAD_PAGE)))
		console_flush_on_panic(CONSOLE_REPLAY_ALL);
}

/*
 * A private server's stderr is a log that nobody knows of: its family's user is told at the
 * stderr of the client whose call found no memory, or else of any.
 */
static void tell_user(const char *text, unsigned int length)
{
	struct rump_process *process, *found = NULL;

	spin_lock_irq(&rump_process_lock);
	list_for_each_entry(process, &rump_processes, list)
		if (rump_is_client(process) && !process->is_ending &&
		    (!found || process == current->thread.process))
			found = process;
	if (found)
		hyp()->tell(found->client.host, text, length);
	spin_unlock_irq(&rump_process_lock);
}

/* The OOM killer is about to look for a victim; it asks again until that one is gone. */
static int on_oom(struct notifier_block *block, unsigned long unused, void *ret_freed)
{
	static DEFINE_RATELIMIT_STATE(rarely, 10 * HZ, 1);
	struct task_struct *keeper = rump_process0.keeper;
	unsigned long *freed = ret_freed;
	char text[128];
	int length;

	if (keeper && fatal_signal_pending(keeper)) {
		hyp()->signal(this_vcpu()->thread->host_tid, SIGKILL);
		*freed = 1;
		return NOTIFY_OK;
	}
	ratelimit_set_flags(&rarely, RATELIMIT_MSG_ON_RELEASE);
	if (!__ratelimit(&rarely))
		return NOTIFY_OK;
	length = scnprintf(text, sizeof(text),
			   "rump kernel: out of memory (%lu MiB), a program is killed: RUMP_MEMLIMIT raises it\n",
			   rump_memory_size / SZ_1M);
	hyp()->complain(text, length);
	tell_user(text, length);
	return NOTIFY_OK;
}

static struct notifier_block oom_block = { .notifier_call = on_oom };

static int __init reports_init(void)
{
	return register_oom_notifier(&oom_block);
}
core_initcall(reports_init);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waking a kernel thread costs: two of them wake each other by turns, on one
 * vCPU and, where there are more, on two.  Measured when the module is loaded;
 * the results are its parameters, nanoseconds from a wake-up to the next.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>

static unsigned int turns = 200000;
module_param(turns, uint, 0444);
static unsigned int cross_turns = 20000;
module_param(cross_turns, uint, 0444);
static unsigned long wakeup_ns, wakeup_cross_ns;
module_param(wakeup_ns, ulong, 0444);
module_param(wakeup_cross_ns, ulong, 0444);

struct player {
	struct task_struct *task;
	struct player *other;
	bool has_turn;
	unsigned int turns;
	struct completion finished;
};

static int play(void *arg)
{
	struct player *self = arg;
	unsigned int i;

	for (i = 0; i < self->turns; i++) {
		for (;;) {
			set_current_state(TASK_UNINTERRUPTIBLE);
			if (smp_load_acquire(&self->has_turn))
				break;
			schedule();
		}
		__set_current_state(TASK_RUNNING);
		self->has_turn = false;
		smp_store_release(&self->other->has_turn, true);
		wake_up_process(self->other->task);
	}
	complete(&self->finished);
	/* stays until it is stopped: the other one wakes it a last time */
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int start(struct player *player, unsigned int cpu, unsigned int number)
{
	struct task_struct *task = kthread_create(play, player, "rump-bench/%u", number);

	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	player->task = task;
	return 0;
}

static int measure(unsigned int other_cpu, unsigned int count, unsigned long *ret_ns)
{
	struct player players[2] = {
		{ .other = &players[1], .turns = count, .has_turn = true },
		{ .other = &players[0], .turns = count },
	};
	unsigned int first = cpumask_first(cpu_online_mask);
	ktime_t from;
	int err;

	init_completion(&players[0].finished);
	init_completion(&players[1].finished);
	err = start(&players[0], first, 0);
	if (err)
		return err;
	err = start(&players[1], other_cpu, 1);
	if (err) {
		kthread_stop(players[0].task);
		return err;
	}
	from = ktime_get();
	wake_up_process(players[0].task);
	wake_up_process(players[1].task);
	wait_for_completion(&players[0].finished);
	wait_for_completion(&players[1].finished);
	*ret_ns = ktime_to_ns(ktime_sub(ktime_get(), from)) / (2UL * count);
	kthread_stop(players[0].task);
	kthread_stop(players[1].task);
	return 0;
}

static int __init bench_init(void)
{
	unsigned int first = cpumask_first(cpu_online_mask);
	unsigned int second = cpumask_next(first, cpu_online_mask);
	int err;

	if (!turns || !cross_turns)
		return -EINVAL;
	err = measure(first, turns, &wakeup_ns);
	if (!err && second < nr_cpu_ids)
		err = measure(second, cross_turns, &wakeup_cross_ns);
	return err;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Measures wake-ups between kernel threads");
MODULE_LICENSE("GPL");

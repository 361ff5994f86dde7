// SPDX-License-Identifier: GPL-2.0-only
/* Tasks: their stacks, what little there is of registers, and the end. */
#include <linux/irq.h>
#include <linux/kallsyms.h>
#include <linux/panic_notifier.h>
#include <linux/ptrace.h>
#include <linux/reboot.h>
#include <linux/regset.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#include <asm/rump.h>
#include <asm/sections.h>
#include "reports.h"

int copy_thread(struct task_struct *p, const struct kernel_clone_args *args)
{
	struct rump_process *process = current->thread.process;

	/* an lwp's registers belong to its host thread: fork(2) comes in by rump_pub_lwproc_* */
	if (!args->fn)
		return -ENOSYS;
	memset(&p->thread, 0, sizeof(p->thread));
	p->thread.fn = args->fn;
	p->thread.fn_arg = args->fn_arg;
	if (!args->kthread) {
		p->thread.process = process;
		p->thread.is_remote = current->thread.is_remote;
	}
	p->thread.sp = rump_new_stack(task_stack_page(p), rump_task_trampoline);
	return 0;
}

void flush_thread(void)
{
}

/* ---- stack traces ---- */

static bool is_on_stack(struct task_struct *task, unsigned long address)
{
	unsigned long low = (unsigned long)task_stack_page(task);

	return address >= low && address <= low + THREAD_SIZE - 16 && !(address & 7);
}

static void walk_frames(stack_trace_consume_fn consume, void *cookie, struct task_struct *task,
			unsigned long bp)
{
	while (is_on_stack(task, bp)) {
		unsigned long *frame = (unsigned long *)bp;

		if (!__kernel_text_address(frame[1]) || !consume(cookie, frame[1]))
			return;
		if (frame[0] <= bp)
			return;
		bp = frame[0];
	}
}

/* Without frame pointers: whatever looks like a return address. */
static void walk_words(stack_trace_consume_fn consume, void *cookie, struct task_struct *task,
		       unsigned long sp)
{
	for (; is_on_stack(task, sp); sp += sizeof(long)) {
		unsigned long address = *(unsigned long *)sp;

		if (__kernel_text_address(address) && !consume(cookie, address))
			return;
	}
}

noinline noinstr void arch_stack_walk(stack_trace_consume_fn consume, void *cookie,
				      struct task_struct *task, struct pt_regs *regs)
{
	unsigned long bp, sp;

	if (regs) {
		bp = regs->bp;
		sp = regs->sp;
		if (!consume(cookie, regs->ip))
			return;
	} else if (task && task != current) {
		sp = (unsigned long)task->thread.sp;
		if (!is_on_stack(task, sp))
			return;
		bp = ((unsigned long *)sp)[RUMP_STACK_RBP];
	} else {
		bp = (unsigned long)__builtin_frame_address(0);
		sp = bp;
	}
	if (IS_ENABLED(CONFIG_FRAME_POINTER))
		walk_frames(consume, cookie, task ? task : current, bp);
	else
		walk_words(consume, cookie, task ? task : current, sp & ~7UL);
}

struct show {
	const char *level;
	unsigned int count;
};

static bool show_entry(void *cookie, unsigned long address)
{
	struct show *show = cookie;

	printk("%s %pS\n", show->level, (void *)address);
	return ++show->count < 40;
}

void show_stack(struct task_struct *task, unsigned long *stack, const char *level)
{
	struct show show = { .level = level };

	printk("%sCall trace:\n", level);
	arch_stack_walk(show_entry, &show, task ? task : current, NULL);
}

void show_regs(struct pt_regs *regs)
{
	struct show show = { .level = KERN_EMERG };

	show_regs_print_info(KERN_EMERG);
	pr_emerg("pc %pS sp %lx\n", (void *)regs->ip, regs->sp);
	pr_emerg("Call trace:\n");
	arch_stack_walk(show_entry, &show, current, regs);
}

unsigned long __get_wchan(struct task_struct *p)
{
	return 0;
}

/* ---- ptrace: the host's gdb sees everything already ---- */

void ptrace_disable(struct task_struct *child)
{
}

long arch_ptrace(struct task_struct *child, long request, unsigned long addr, unsigned long data)
{
	return -EIO;
}

static const struct user_regset_view regset_view = { .name = "rump" };

const struct user_regset_view *task_user_regset_view(struct task_struct *task)
{
	return &regset_view;
}

/* ---- the end ---- */

void machine_halt(void)
{
	hyp()->exit(0);
}

void machine_power_off(void)
{
	hyp()->exit(0);
}

void machine_restart(char *command)
{
	hyp()->exit(0);
}

void (*pm_power_off)(void);

static int panic_end(struct notifier_block *block, unsigned long event, void *text)
{
	/* panic() shows none without DEBUG_BUGVERBOSE; die() in fault.c has shown the right one */
	if (!test_taint(TAINT_DIE))
		dump_stack();
	rump_report_replay();
	hyp()->panic();
	return NOTIFY_DONE;
}

/* last: everybody else has had a look */
static struct notifier_block panic_block = { .notifier_call = panic_end, .priority = INT_MIN };

void __init trap_init(void);
void __init trap_init(void)
{
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
}

void __init init_IRQ(void)
{
	unsigned int irq;

	for (irq = 0; irq < NR_IRQS; irq++)
		irq_set_chip_and_handler(irq, &dummy_irq_chip, handle_simple_irq);
}

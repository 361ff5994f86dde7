/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_PROCESSOR_H
#define _ASM_RUMP_PROCESSOR_H
#include <asm/ptrace.h>
#include <asm/vdso/processor.h>
#include <asm/irqflags.h>

struct task_struct;
struct rump_thread;
struct rump_process;
struct rump_remote;

struct thread_struct {
	void *sp;			/* saved kernel stack pointer */
	int (*fn)(void *);
	void *fn_arg;
	struct rump_thread *host;	/* the host thread that the task is the lwp of, or NULL */
	struct rump_process *process;	/* whose memory the task uses, or NULL */
	bool is_implicit;		/* ends when its host thread leaves it */
	bool is_ending;
	bool is_remote;			/* its memory is a client's, to its very end: user access is foreign */
	struct rump_remote *remote;	/* the way there (mm/remote_copy.c); NULL: none */
	struct rump_process *ended;	/* a client's keeper: the process that is gone with it */
	struct rump_thread *end_waiter;	/* the host thread whose call is done when the task is gone */
	struct pt_regs regs;
};

#define INIT_THREAD		{ }
#define TASK_SIZE		(1UL << 47)
#define TASK_SIZE_MAX		TASK_SIZE
#define STACK_TOP		(TASK_SIZE - PAGE_SIZE)
#define STACK_TOP_MAX		STACK_TOP
#define TASK_UNMAPPED_BASE	PAGE_ALIGN(TASK_SIZE / 3)
#define task_pt_regs(t)		(&(t)->thread.regs)
#define KSTK_EIP(t)		(0UL)
#define KSTK_ESP(t)		(0UL)

static inline void start_thread(struct pt_regs *regs, unsigned long pc, unsigned long sp)
{
}

unsigned long __get_wchan(struct task_struct *p);
#endif

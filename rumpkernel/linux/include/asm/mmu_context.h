/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_MMU_CONTEXT_H
#define _ASM_RUMP_MMU_CONTEXT_H
#include <asm/mm_hooks.h>

#include <linux/mm_types.h>
#include <asm/irqflags.h>

struct task_struct;

/* Within a task: a kernel thread takes a client's mm on.  Else after_switch() knows. */
static inline void switch_mm(struct mm_struct *prev, struct mm_struct *next,
			     struct task_struct *task)
{
	if (unlikely(next->context.is_remote))
		rump_pcpu(foreign) = 1;
}
#define activate_mm(prev, next) do { } while (0)
#include <asm-generic/mmu_context.h>

/*
 * For kernel/fork.c, which allocates stacks so: one that is not cleared takes memory
 * of the host only where it is used.
 */
#undef THREADINFO_GFP
#define THREADINFO_GFP	GFP_KERNEL_ACCOUNT
#endif

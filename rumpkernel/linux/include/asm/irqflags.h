/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_IRQFLAGS_H
#define _ASM_RUMP_IRQFLAGS_H

/*
 * Interrupts are bits in the vCPU's `pending` word, taken when they are
 * enabled, in cpu_relax() and on the way out of a call: never in between.
 */
#define ARCH_IRQ_DISABLED	0UL
#define ARCH_IRQ_ENABLED	1UL

struct task_struct;

/* At %gs:0 of the host thread that runs the vCPU. */
struct rump_pcpu {
	struct rump_pcpu *self;
	unsigned long cpu_offset;
	struct task_struct *current_task;
	unsigned long irq_enabled;
	unsigned long pending;
	unsigned long cpu;
	unsigned long foreign;		/* the current task's memory is not in this process */
};

#define rump_pcpu(field) (((__seg_gs struct rump_pcpu *)0)->field)
#define rump_pcpu_pending() (*(volatile __seg_gs unsigned long *) \
			     &((__seg_gs struct rump_pcpu *)0)->pending)

void rump_run_irqs(void);

static __always_inline unsigned long arch_local_save_flags(void)
{
	return rump_pcpu(irq_enabled);
}

static __always_inline void arch_local_irq_restore(unsigned long flags)
{
	__asm__ __volatile__("" ::: "memory");
	rump_pcpu(irq_enabled) = flags;
	__asm__ __volatile__("" ::: "memory");
	if (__builtin_expect(flags && rump_pcpu_pending(), 0))
		rump_run_irqs();
	__asm__ __volatile__("" ::: "memory");
}
#include <asm-generic/irqflags.h>
#endif

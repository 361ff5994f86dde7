/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_SMP_H
#define _ASM_RUMP_SMP_H
#include <linux/cpumask.h>
#include <asm/irqflags.h>

#define raw_smp_processor_id() ((int)rump_pcpu(cpu))

void arch_send_call_function_single_ipi(int cpu);
void arch_send_call_function_ipi_mask(const struct cpumask *mask);
#endif

// SPDX-License-Identifier: GPL-2.0-only
/* Secondary vCPUs and their interrupts. */
#include <linux/cpu.h>
#include <linux/export.h>
#include <linux/profile.h>
#include <linux/sched/hotplug.h>
#include <linux/sched/mm.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>
#include <asm/rump.h>

#define START_TIMEOUT	(10 * NSEC_PER_SEC)

void arch_send_call_function_single_ipi(int cpu)
{
	rump_raise(cpu, RUMP_IRQ_CALL, hyp());
}

void arch_send_call_function_ipi_mask(const struct cpumask *mask)
{
	int cpu;

	for_each_cpu(cpu, mask)
		rump_raise(cpu, RUMP_IRQ_CALL, hyp());
}

void arch_smp_send_reschedule(int cpu)
{
	rump_raise(cpu, RUMP_IRQ_RESCHED, hyp());
}

void smp_send_stop(void)
{
}

void __init smp_prepare_boot_cpu(void)
{
	rump_pcpu(cpu_offset) = __per_cpu_offset[0];
}

void __init smp_prepare_cpus(unsigned int max_cpus)
{
	unsigned int cpu;

	for (cpu = 0; cpu < rump_ncpu; cpu++)
		set_cpu_present(cpu, true);
}

void __init smp_cpus_done(unsigned int max_cpus)
{
}

__visible void rump_secondary_start(void);
void rump_secondary_start(void)
{
	int cpu = smp_processor_id();

	mmgrab(&init_mm);
	current->active_mm = &init_mm;
	rump_timer_init_cpu();
	notify_cpu_starting(cpu);
	rump_vcpus[cpu].is_online = true;
	set_cpu_online(cpu, true);
	local_irq_enable();
	cpu_startup_entry(CPUHP_AP_ONLINE_IDLE);
}

int __cpu_up(unsigned int cpu, struct task_struct *idle)
{
	struct rump_vcpu *v = &rump_vcpus[cpu];
	u64 end = hyp()->clock_mono() + START_TIMEOUT;

	idle->thread.sp = rump_new_stack(task_stack_page(idle), rump_secondary_trampoline);
	v->p.current_task = idle;
	v->p.cpu_offset = __per_cpu_offset[cpu];
	v->p.irq_enabled = 0;
	__atomic_fetch_or(&v->p.pending, RUMP_IRQ_START, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->lock, 0, __ATOMIC_SEQ_CST);
	rump_service_start(cpu, hyp());
	while (!cpu_online(cpu)) {
		cpu_relax();
		if (hyp()->clock_mono() > end)
			return -EIO;
	}
	return 0;
}

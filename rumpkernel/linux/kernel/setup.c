// SPDX-License-Identifier: GPL-2.0-only
/* What start_kernel() asks of an architecture: command line, console, memory, CPUs. */
#include <linux/console.h>
#include <linux/cpu.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <asm/rump.h>
#include <asm/sections.h>
#include <asm/setup.h>
#include "reports.h"

unsigned int rump_ncpu = 1;
unsigned long rump_memory_size;
char rump_command_line[COMMAND_LINE_SIZE];

/* What is printed on the way down is shown whatever RUMP_VERBOSE says. */
static void console_write(struct console *console, const char *text, unsigned int length)
{
	rump_report_look(text, length);
	if (oops_in_progress || panic_in_progress())
		hyp()->complain(text, length);
	else
		hyp()->console_write(text, length);
}

static struct console rump_console = {
	.name = "rumpcon",
	.write = console_write,
	.flags = CON_PRINTBUFFER | CON_ENABLED | CON_ANYTIME,
};

static_assert(IMAGE_BASE == RUMP_IMAGE_BASE && PAGE_OFFSET == RUMP_MEMORY_BASE &&
	      VMALLOC_START == RUMP_VMALLOC_BASE && VMALLOC_SIZE == RUMP_VMALLOC_SIZE);

void __init setup_arch(char **command_line)
{
	unsigned int cpu;
	u8 seed[32];

	strscpy(boot_command_line, rump_command_line, COMMAND_LINE_SIZE);
	*command_line = boot_command_line;
	register_console(&rump_console);
	setup_initial_init_mm(_stext, _etext, _edata, _end);
	parse_early_param();
	rump_memory_setup();
	for (cpu = 0; cpu < rump_ncpu; cpu++)
		set_cpu_possible(cpu, true);
	hyp()->random(seed, sizeof(seed));
	add_bootloader_randomness(seed, sizeof(seed));
}

/* ---- /proc/cpuinfo ---- */

static int show_cpu(struct seq_file *m, void *v)
{
	unsigned int cpu = (unsigned long)v - 1;

	seq_printf(m, "processor\t: %u\nmodel name\t: rump virtual CPU\n\n", cpu);
	return 0;
}

static void *cpu_start(struct seq_file *m, loff_t *pos)
{
	*pos = cpumask_next(*pos - 1, cpu_online_mask);
	return *pos < nr_cpu_ids ? (void *)(unsigned long)(*pos + 1) : NULL;
}

static void *cpu_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return cpu_start(m, pos);
}

static void cpu_stop(struct seq_file *m, void *v)
{
}

const struct seq_operations cpuinfo_op = {
	.start = cpu_start,
	.next = cpu_next,
	.stop = cpu_stop,
	.show = show_cpu,
};

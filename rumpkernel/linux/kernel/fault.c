// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host faults (SIGSEGV, SIGBUS): which of them are ours.
 *
 * - the vmalloc range: the kernel page table has the page, the host not yet
 * - a listed user access in kernel code: the page is brought in if the address
 *   is a mapping of a rump file, else the access ends with EFAULT
 * - the application touches a mapping of a rump file
 * - kernel code that is not listed: a bug, and the end
 */
#include <linux/extable.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/sched/debug.h>
#include <linux/sched/task_stack.h>
#include <asm/rump.h>
#include <asm/sections.h>

/* gregs of the host's ucontext_t */
enum { GREG_RBP = 10, GREG_RSP = 15 };

static bool is_within(unsigned long address, unsigned long start, unsigned long size)
{
	return address - start < size;
}

static bool is_kernel_stack(unsigned long sp)
{
	return is_within(sp, RUMP_MEMORY_BASE, rump_memory_size) ||
	       is_within(sp, (unsigned long)_sdata, _end - _sdata);
}

static bool is_text(unsigned long pc)
{
	return is_within(pc, (unsigned long)_stext, _end - _stext) ||
	       is_within(pc, RUMP_VMALLOC_BASE, RUMP_VMALLOC_SIZE);
}

static void die(unsigned long pc, unsigned long address, bool is_write, const unsigned long *gregs)
{
	struct pt_regs regs = { .ip = pc, .sp = gregs[GREG_RSP], .bp = gregs[GREG_RBP] };

	console_verbose();
	bust_spinlocks(1);
	pr_emerg("rump kernel: fault at %pS on %s of address %lx\n", (void *)pc,
		 is_write ? "a write" : "a read", address);
	show_regs(&regs);
	add_taint(TAINT_DIE, LOCKDEP_NOW_UNRELIABLE);
	bust_spinlocks(0);
	panic("fault in the kernel");
}

/* From the trampoline, on the kernel stack: where to go on. */
__visible unsigned long rump_fault_resume(void);
__visible unsigned long rump_fault_resume(void)
{
	struct rump_vcpu *v = this_vcpu();
	unsigned long pc = v->fault_pc;
	const struct exception_table_entry *entry = search_exception_tables(pc);

	if (!faulthandler_disabled() && !irqs_disabled() &&
	    rump_user_fault(v->fault_address, v->fault_is_write, false) == 0)
		return pc;
	return ex_fixup_addr(entry);
}

struct app_fault {
	unsigned long address;
	bool is_write;
};

static long app_fault(void *arg)
{
	struct app_fault *fault = arg;

	return rump_user_fault(fault->address, fault->is_write, true);
}

unsigned long rump_fault(struct rump_thread *thread, unsigned long pc, unsigned long address,
			 unsigned int is_write, const unsigned long *regs)
{
	struct app_fault fault = { .address = address, .is_write = is_write };
	bool on_kernel_stack = is_kernel_stack(regs[GREG_RSP]);

	if (is_within(address, RUMP_VMALLOC_BASE, RUMP_VMALLOC_SIZE) &&
	    rump_kernel_fault(address, is_write, address == pc))
		return pc;
	if (on_kernel_stack && is_text(pc)) {
		const struct exception_table_entry *entry = search_exception_tables(pc);
		struct rump_vcpu *v = this_vcpu();

		if (!entry)
			die(pc, address, is_write, regs);
		if (!current->mm || !current->mm->context.has_mappings)
			return ex_fixup_addr(entry);
		v->fault_pc = pc;
		v->fault_address = address;
		v->fault_is_write = is_write;
		return (unsigned long)rump_fault_trampoline;
	}
	/* shared memory of a host file that became shorter (watch.c); modules do not run there */
	if (!on_kernel_stack && is_within(pc, (unsigned long)_stext, _end - _stext)) {
		const struct exception_table_entry *entry =
			search_kernel_exception_table(pc);

		if (entry)
			return ex_fixup_addr(entry);
	}
	if (on_kernel_stack && !pc)	/* a call through a null pointer */
		die(pc, address, is_write, regs);
	if (!rump_is_up || rump_is_forked || !rump_has_mappings)
		return 0;
	/* a thread that has made no call yet may have the address from one that has */
	if (thread && (thread->in_kernel || thread->is_service))
		return 0;
	switch (rump_kernel_call(app_fault, &fault)) {
	case 0:
		return pc;
	case -EIO:
		return RUMPUSER_FAULT_BUS;
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_PTRACE_H
#define _ASM_RUMP_PTRACE_H
#include <uapi/asm/ptrace.h>
#ifndef __ASSEMBLY__
#define user_mode(regs)			((regs)->user)
#define instruction_pointer(regs)	((regs)->ip)
#define profile_pc(regs)		((regs)->ip)
#define user_stack_pointer(regs)	((regs)->sp)
#define frame_pointer(regs)		((regs)->bp)
#define kernel_stack_pointer(regs)	((regs)->sp)
#define current_pt_regs()		task_pt_regs(current)

static inline void instruction_pointer_set(struct pt_regs *regs, unsigned long ip)
{
	regs->ip = ip;
}

static inline long regs_return_value(struct pt_regs *regs)
{
	return regs->ret;
}
#endif
#endif

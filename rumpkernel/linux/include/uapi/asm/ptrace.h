/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_ASM_RUMP_PTRACE_H
#define _UAPI_ASM_RUMP_PTRACE_H
#ifndef __ASSEMBLY__
/* An lwp's registers are its host thread's business: only what accounting asks for. */
struct pt_regs {
	unsigned long user;	/* "user mode": the vCPU was not in the kernel */
	unsigned long ip, sp, bp;
	long orig_nr, ret;
};
#define user_regs_struct pt_regs
#endif
#endif

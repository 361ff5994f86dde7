/* SPDX-License-Identifier: GPL-2.0-only */
/* Where new stacks begin, and where a fault in kernel code goes on. */
#include <linux/linkage.h>

	.text
	/* where a new stack begins: the stack pointer is 16-byte aligned here */
	.hidden rump_task_trampoline
SYM_CODE_START(rump_task_trampoline)
	xor	%ebp,%ebp
	call	rump_task_start
	ud2
SYM_CODE_END(rump_task_trampoline)

	.section .ref.text,"ax"
	.hidden rump_boot_trampoline
SYM_CODE_START(rump_boot_trampoline)
	xor	%ebp,%ebp
	call	start_kernel
	ud2
SYM_CODE_END(rump_boot_trampoline)

	.hidden rump_secondary_trampoline
SYM_CODE_START(rump_secondary_trampoline)
	xor	%ebp,%ebp
	call	rump_secondary_start
	ud2
SYM_CODE_END(rump_secondary_trampoline)

	/*
	 * A fault on a user address in the middle of kernel code goes on here,
	 * so that the page can be brought in (and the task may sleep) outside
	 * of the host's signal handler.  Everything is kept, the red zone too;
	 * then on to the pc that rump_fault_resume() returns.
	 */
	.text
	.hidden rump_fault_trampoline
SYM_CODE_START(rump_fault_trampoline)
	lea	-136(%rsp),%rsp		/* the red zone, and a slot for the pc */
	pushfq
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbp
	mov	%rsp,%rbp
	sub	$512,%rsp
	and	$-16,%rsp
	fxsave64 (%rsp)
	cld
	call	rump_fault_resume
	fxrstor64 (%rsp)
	mov	%rbp,%rsp
	mov	%rax,88(%rsp)
	pop	%rbp
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	popfq
	ret	$128
SYM_CODE_END(rump_fault_trampoline)

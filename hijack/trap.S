/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.S - the ways into and out of a trapped system call; theory in trap.c
 *
 * struct trap_regs: r8 0, r9 8, r10 16, r11 24, r12 32, r13 40, r14 48, r15 56,
 * di 64, si 72, bp 80, bx 88, dx 96, ax 104, cx 112, sp 120, ip 128, flags 136.
 * In a signal frame it lies at 40 of the ucontext, followed by fpstate at 224.
 */
#include <sys/syscall.h>

#define PR_SET_SYSCALL_USER_DISPATCH 59

	.text

/* Patched sites jump to what patch.c writes here: part of the text that may call. */
	.balign	4096
	.globl	trap_stubs
	.hidden	trap_stubs
trap_stubs:
	.fill	65536, 1, 0xcc

#define FUNCTION(name) .globl name; .hidden name; .type name, @function; .balign 16; name

/*
 * Thread cancellation and C++ exceptions unwind through traps, and debuggers show what
 * is above them: these tell where the registers of the code before lie, from rsp on.
 * DW_OP_breg7 (rsp) with an offset, for the CFA one DW_OP_deref more.
 */
#define LOW(n)	((n) & 0x7f | 0x80)
#define HIGH(n)	((n) >> 7)
#define CFA_AT(n)	.cfi_escape 0x0f, 4, 0x77, LOW(n), HIGH(n), 0x06
#define REG_AT(reg, n)	.cfi_escape 0x10, reg, 3, 0x77, LOW(n), HIGH(n)
#define REGS_AT(n)					\
	CFA_AT((n) + 120);				\
	REG_AT(8, (n) + 0);  REG_AT(9, (n) + 8);	\
	REG_AT(10, (n) + 16); REG_AT(11, (n) + 24);	\
	REG_AT(12, (n) + 32); REG_AT(13, (n) + 40);	\
	REG_AT(14, (n) + 48); REG_AT(15, (n) + 56);	\
	REG_AT(5, (n) + 64); REG_AT(4, (n) + 72);	\
	REG_AT(6, (n) + 80); REG_AT(3, (n) + 88);	\
	REG_AT(1, (n) + 96); REG_AT(0, (n) + 104);	\
	REG_AT(2, (n) + 112); REG_AT(7, (n) + 120);	\
	REG_AT(16, (n) + 128)

/* The unwinder looks for the byte before a return address: hence the nops. */
	.cfi_startproc
	.cfi_signal_frame
	REGS_AT(40)
	.balign	16
	nop
	.globl	trap_restorer
	.hidden	trap_restorer
	.type	trap_restorer, @function
trap_restorer:
	mov	$15, %rax
	syscall
	.cfi_endproc

FUNCTION(trap_sigreturn):
	mov	%rdi, %rsp
	mov	$SYS_rt_sigreturn, %eax
	syscall
	hlt

/*
 * Leaves the SIGSYS handler without rt_sigreturn: the handler changed neither the
 * signal mask nor the signal stack.  rcx and r11 are lost as `syscall` loses them.
 */
	.cfi_startproc
	.cfi_signal_frame
	REGS_AT(40)
	.balign	16
	nop
	.globl	trap_fast_return
	.hidden	trap_fast_return
	.type	trap_fast_return, @function
trap_fast_return:
	mov	224(%rsp), %rcx
	test	%rcx, %rcx
	jz	trap_restorer
	cmpl	$0x46505853, 464(%rcx)		/* FP_XSTATE_MAGIC1: written by xsave */
	jne	trap_restorer
	mov	472(%rcx), %eax
	mov	476(%rcx), %edx
	xrstor64 (%rcx)
	lea	40(%rsp), %r11
	jmp	restore_all
	.cfi_endproc

/*
 * Registers at r11; goes on at ip with rcx = ip and r11 = flags.  Nothing is read
 * once the stack pointer is the application's: a signal may come at any instruction.
 */
restore_all:
	mov	%r11, %rsp
	mov	0(%rsp), %r8
	mov	8(%rsp), %r9
	mov	16(%rsp), %r10
	mov	32(%rsp), %r12
	mov	40(%rsp), %r13
	mov	48(%rsp), %r14
	mov	56(%rsp), %r15
	mov	64(%rsp), %rdi
	mov	72(%rsp), %rsi
	mov	80(%rsp), %rbp
	mov	88(%rsp), %rbx
	mov	96(%rsp), %rdx
	mov	104(%rsp), %rax
	mov	128(%rsp), %rcx
	push	136(%rsp)
	popfq
	mov	136(%rsp), %r11
	mov	120(%rsp), %rsp
	jmp	*%rcx

/*
 * From a stub whose number is decided by its descriptor, as plain.h does it: on one of
 * the host the call is made at once.  patch.c checks the offsets.
 */
FUNCTION(trap_enter_plain):
	.cfi_startproc
	.cfi_def_cfa_offset 0
	.cfi_register 16, 2			/* ip is in rcx */
	lea	-128(%rsp), %rsp		/* the red zone */
	.cfi_def_cfa_offset 128
	push	%rcx
	.cfi_def_cfa_offset 136
	.cfi_offset 16, -136
	mov	fdtable_entered@gottpoff(%rip), %rcx
	cmpq	$0, %fs:(%rcx)
	jne	2f
	mov	self@gottpoff(%rip), %rcx
	cmpl	$0, %fs:4(%rcx)			/* inside */
	jne	2f
	cmpb	$0, areas_exist(%rip)
	jne	2f
	cmp	$0xffffff, %edi
	ja	1f
	mov	%edi, %r11d
	shr	$10, %r11d
	lea	fdtable_of_process(%rip), %rcx
	mov	8(%rcx,%r11,8), %rcx
	test	%rcx, %rcx
	jz	1f
	mov	%edi, %r11d
	and	$1023, %r11d
	cmpl	$0, (%rcx,%r11,4)
	jne	2f
1:	syscall
	pop	%rcx
	.cfi_remember_state
	.cfi_def_cfa_offset 128
	.cfi_register 16, 2
	lea	128(%rsp), %rsp
	.cfi_def_cfa_offset 0
	jmp	*%rcx
	.cfi_restore_state
2:	pop	%rcx
	.cfi_def_cfa_offset 128
	.cfi_register 16, 2
	lea	128(%rsp), %rsp
	.cfi_def_cfa_offset 0
	jmp	trap_enter_stub
	.cfi_endproc

/* From a stub: rax = number, rcx = where to go on; all but r11 is live. */
FUNCTION(trap_enter_stub):
	.cfi_startproc
	mov	%rsp, %r11
	lea	-128(%rsp), %rsp		/* the red zone */
	and	$-16, %rsp
	pushfq
	push	%rcx				/* ip */
	push	%r11				/* sp */
	push	%rcx
	push	%rax
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%r11
	push	%r10
	push	%r9
	push	%r8
	REGS_AT(0)
	cld
	mov	%rsp, %rdi
	call	trap_from_stub
	mov	0(%rsp), %r8
	mov	8(%rsp), %r9
	mov	16(%rsp), %r10
	mov	64(%rsp), %rdi
	mov	72(%rsp), %rsi
	mov	96(%rsp), %rdx
	mov	104(%rsp), %rax
	mov	128(%rsp), %rcx
	mov	136(%rsp), %r11
	mov	120(%rsp), %rsp
	jmp	*%rcx
	.cfi_endproc

/* long trap_clone(const long args[6], long nr) */
FUNCTION(trap_clone):
	push	%rbx
	mov	%rdi, %rbx
	mov	%rsi, %rax
	mov	0(%rbx), %rdi
	mov	8(%rbx), %rsi
	mov	16(%rbx), %rdx
	mov	24(%rbx), %r10
	mov	32(%rbx), %r8
	mov	40(%rbx), %r9
	syscall
	test	%rax, %rax
	jz	child
	pop	%rbx
	ret

/* A new thread: sp is its struct trap_start. */
child:
	mov	144(%rsp), %r8			/* the selector */
	test	%r8, %r8
	jz	1f
	mov	$SYS_prctl, %eax
	mov	$PR_SET_SYSCALL_USER_DISPATCH, %edi
	mov	$1, %esi
	mov	trap_text_start(%rip), %rdx
	mov	trap_text_length(%rip), %r10
	syscall
1:	movq	$0, 104(%rsp)
	mov	%rsp, %r11
	jmp	restore_all

/*
 * void trap_vfork_on(struct trap_vfork *block): clone on the block's own stack, because the
 * child's signals would run over ours.  The parent goes on in C on the application's
 * stack (trap_vfork_done) and from there to the application.
 * Block: regs 0, selector 144, args 152 (6), nr 200, then the stack's room.
 */
FUNCTION(trap_vfork_on):
	mov	%rdi, %rbx
	lea	8192(%rbx), %rsp
	mov	200(%rbx), %rax
	mov	152(%rbx), %rdi
	mov	160(%rbx), %rsi
	mov	168(%rbx), %rdx
	mov	176(%rbx), %r10
	mov	184(%rbx), %r8
	mov	192(%rbx), %r9
	syscall
	test	%rax, %rax
	jz	child
	mov	%rax, 104(%rbx)
	/* a copy of the registers on the application's stack, below its red zone */
	mov	120(%rbx), %rsp
	sub	$(128 + 144), %rsp
	and	$-16, %rsp
	mov	%rsp, %rdi
	mov	%rbx, %rsi
	mov	$18, %ecx
	rep	movsq
	mov	%rbx, %rdi
	call	trap_vfork_done
	mov	%rsp, %r11
	jmp	restore_all

/* Unmaps the stack that the thread stands on, then ends it: no stack is needed. */
FUNCTION(trap_unmap_and_exit):
	mov	$SYS_munmap, %eax
	syscall
	xor	%edi, %edi
	mov	$SYS_exit, %eax
	syscall
	hlt

/* long syscall(long number, ...): as a stub, so that every call can be made by it */
	.globl	syscall
	.type	syscall, @function
	.balign	16
syscall:
	.cfi_startproc
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	lea	1f(%rip), %rcx
	jmp	trap_enter_stub
1:	cmp	$-4095, %rax
	jae	2f
	ret
2:	mov	%eax, %edi
	neg	%edi
	jmp	symbol_failed
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits

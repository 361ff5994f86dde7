/* SPDX-License-Identifier: BSD-2-Clause */
/* launch.c - a child that runs another program; see launch.h */
#include <sched.h>
#include <sys/mman.h>

#include "launch.h"
#include "signals.h"
#include "trap.h"

#define STACK (64 * 1024)

/* clone; the child ends with the result of fn(arg) */
long launch_clone(unsigned long flags, void *top, int (*fn)(void *), void *arg)
	__attribute__((visibility("hidden")));

long launch(int (*fn)(void *), void *arg, int exit_signal)
{
	unsigned long all = ~0UL, mask;
	long stack = host(SYS_mmap, 0, STACK, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	long pid;

	if (is_error(stack))
		return -ENOMEM;
	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
	pid = launch_clone(CLONE_VM | CLONE_VFORK | (unsigned long)exit_signal,
			   (char *)stack + STACK, fn, arg);
	host(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	host(SYS_munmap, stack, STACK);
	return pid;
}

void launch_signals(const unsigned long *mask)
{
	struct kernel_sigaction action;
	struct kernel_sigaction none = {(void *)SIG_DFL, 0x04000000, trap_restorer, 0};

	for (int signal = 1; signal <= 64; signal++)
		if (!host(SYS_rt_sigaction, signal, NULL, &action, 8) &&
		    (unsigned long)action.handler > 1)
			host(SYS_rt_sigaction, signal, &none, NULL, 8);
	host(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, 8);
}

__asm__(".text\n"
	".globl launch_clone\n"
	".hidden launch_clone\n"
	".type launch_clone, @function\n"
	"launch_clone:\n"
	"	mov	%rdx, %r8\n" /* without CLONE_SETTLS nobody looks at these two */
	"	mov	%rcx, %r9\n"
	"	xor	%edx, %edx\n"
	"	xor	%r10d, %r10d\n"
	"	mov	$56, %eax\n"
	"	syscall\n"
	"	test	%rax, %rax\n"
	"	jz	1f\n"
	"	ret\n"
	"1:	xor	%ebp, %ebp\n"
	"	mov	%r9, %rdi\n"
	"	call	*%r8\n"
	"	mov	%eax, %edi\n"
	"	mov	$231, %eax\n"
	"	syscall\n"
	"	hlt\n"
	".size launch_clone, . - launch_clone\n");

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.c - system call instructions that no symbol leads to.
 *
 * Theory of operation
 * ===================
 * Syscall User Dispatch turns every system call instruction outside our own text into
 * SIGSYS.  The handler makes a struct call of the registers and asks the
 * dispatcher.  Each thread has a selector byte that lets its calls pass while it is in
 * the kernel, which nothing leaves by longjmp() (signals.c); around a host call nothing
 * is kept, so a siglongjmp() out of one leaves nothing behind.
 *
 * The handler has an empty mask and SA_NODEFER, so traps nest, and SA_ONSTACK, because
 * small stacks exist.  It leaves by loading the registers (trap_fast_return) instead of
 * rt_sigreturn.  All of the preload is built for general registers only: the C code
 * does not disturb the vector registers that a patched call has to preserve.
 *
 * What needs the registers themselves is done here or in fork.c, before the dispatcher:
 *	rt_sigreturn	the frame is the application's: issue it from our text on it
 *	sigaltstack	EPERM while we run on that stack: made from nowhere
 *	rt_sigprocmask	the frame's mask must follow, or a full return undoes it
 *	clone, fork	the child must arm itself first
 *	munmap		of the stack that the thread stands on (musl's thread exit)
 * SIGSYS itself must never be blocked or ignored: signals.c strips it from every mask.
 *
 * Not armed: the kernel's own host threads (created while inside); a thread that asked to
 * be traced, until it execs.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "dispatch.h"
#include "fork.h"
#include "remote.h"
#include "signals.h"
#include "trap.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

#define CODE_USER_DISPATCH 2 /* si_code */
#define FP_MAGIC 0x46505853u

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

unsigned long trap_text_start __attribute__((visibility("hidden")));
unsigned long trap_text_length __attribute__((visibility("hidden")));
unsigned long trap_vector_mask;

void trap_from_stub(struct trap_regs *regs) __attribute__((visibility("hidden")));

void trap_arm(void)
{
	self.selector = SELECTOR_BLOCK;
	host(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, trap_text_start,
	     trap_text_length, &self.selector);
}

static void make_call(struct call *call, struct trap_regs *regs, enum hijack_door door)
{
	call->nr = regs->ax;
	call->args[0] = regs->di;
	call->args[1] = regs->si;
	call->args[2] = regs->dx;
	call->args[3] = regs->r10;
	call->args[4] = regs->r8;
	call->args[5] = regs->r9;
	call->door = door;
	call->is_cancellable = false; /* libc has seen to that around the instruction */
	call->regs = regs;
}

/* A thread that unmaps its stack and exits has none for the exit's trap. */
static void check_unmap(struct call *call)
{
	patch_mapped(call->args[0], call->args[1], 0);
	if (call->regs->sp - call->args[0] < (unsigned long)call->args[1])
		trap_unmap_and_exit(call->args[0], call->args[1]);
}

static void mapped(const struct call *call, long result)
{
	if (!is_error(result) && !(call->args[3] & MAP_ANONYMOUS))
		patch_mapped(result, call->args[1], call->args[2]);
}

/* syscall(2), which is ours, and not a patched site. */
static bool is_own_text(unsigned long ip)
{
	return ip - trap_text_start < trap_text_length;
}

void trap_from_stub(struct trap_regs *regs)
{
	struct call call;

	make_call(&call, regs, DOOR_STUB);
	switch (call.nr) {
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		regs->ax = fork_call(&call, NULL);
		return;
	case SYS_sigaltstack:
		regs->ax = trap_sigaltstack(&call, NULL);
		return;
	case SYS_munmap:
		check_unmap(&call);
		break;
	}
	/* a site that was patched does what the ones beside it do, which pass untrapped */
	if (hijack_has_trap && self.selector == SELECTOR_ALLOW && !is_own_text(regs->ip))
		regs->ax = host_call(&call);
	else
		regs->ax = hijack_dispatch(&call);
	if (call.nr == SYS_mmap)
		mapped(&call, regs->ax);
}

static void chain(int signal, siginfo_t *info, void *context)
{
	struct kernel_sigaction action = signals_application(signal);
	struct kernel_sigaction none = {(void *)SIG_DFL, 0x04000000, trap_restorer, 0};

	if (action.handler == (void *)SIG_IGN)
		return;
	if (action.handler != (void *)SIG_DFL) {
		action.handler(signal, info, context);
		return;
	}
	host(SYS_rt_sigaction, signal, &none, NULL, 8);
	host(SYS_rt_tgsigqueueinfo, host(SYS_getpid), host(SYS_gettid), signal, info);
}

static void learn_vectors(const unsigned int *fpstate)
{
	/* all but what compilers do not use behind our back: PKRU, AMX */
	if (fpstate && fpstate[116] == FP_MAGIC)
		trap_vector_mask = fpstate[118] & 0xe7;
}

static void handler(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct trap_regs *regs = (struct trap_regs *)uc->uc_mcontext.gregs;
	unsigned long *mask = (unsigned long *)&uc->uc_sigmask;
	struct call call;
	long result;

	if (info->si_code != CODE_USER_DISPATCH) {
		chain(signal, info, context);
		return;
	}
	make_call(&call, regs, DOOR_TRAP);
	if (!trap_vector_mask)
		learn_vectors((const unsigned int *)uc->uc_mcontext.fpregs);
	switch (call.nr) {
	case SYS_rt_sigreturn:
		mask = (unsigned long *)&((ucontext_t *)regs->sp)->uc_sigmask;
		*mask &= ~SIGNALS_KEPT;
		trap_sigreturn(regs->sp);
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		regs->ax = fork_call(&call, uc);
		return;
	case SYS_munmap:
		check_unmap(&call);
		break;
	case SYS_sigaltstack:
		regs->ax = trap_sigaltstack(&call, uc);
		return;
	}
	/* other threads, and this one later, would come by what is patched without the trap */
	if (!self.has_borrowed)
		patch_consider(regs->ip, call.nr);
	result = hijack_dispatch(&call);
	if (call.nr == SYS_mmap)
		mapped(&call, result);
	if (call.nr == SYS_rt_sigprocmask)
		host(SYS_rt_sigprocmask, SIG_BLOCK, NULL, mask, 8);
	regs->ax = result;
}

/*
 * valgrind runs the program on its own instructions, which the trap would catch.  This is
 * its documented question, RUNNING_ON_VALGRIND: rotations that come to nothing elsewhere.
 */
static bool is_on_valgrind(void)
{
	const unsigned long question[6] = {0x1001};
	unsigned long answer = 0;

	__asm__ volatile("rolq	$3, %%rdi\n\t"
			 "rolq	$13, %%rdi\n\t"
			 "rolq	$61, %%rdi\n\t"
			 "rolq	$51, %%rdi\n\t"
			 "xchgq	%%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(question)
			 : "cc", "memory");
	return answer;
}

static void find_text(void)
{
	trap_text_start = (unsigned long)__ehdr_start;
	trap_text_length = ((unsigned long)etext - trap_text_start + 4095) & ~4095UL;
}

int trap_start(void)
{
	struct kernel_sigaction ours = {handler, SA_SIGINFO | SA_NODEFER | SA_ONSTACK | 0x04000000,
					trap_fast_return, 0};
	unsigned long mask = SIGNAL_BIT(SIGSYS);
	long result;

	if (is_on_valgrind())
		return -EBUSY;
	find_text();
	signal_stack_start();
	/* what the application finds installed */
	signals_application(SIGSYS);
	result = host(SYS_rt_sigaction, SIGSYS, &ours, NULL, 8);
	if (is_error(result))
		return result;
	host(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, 8);
	self.selector = SELECTOR_BLOCK;
	result = host(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, trap_text_start,
		      trap_text_length, &self.selector);
	if (is_error(result)) {
		struct kernel_sigaction theirs = signals_application(SIGSYS);

		host(SYS_rt_sigaction, SIGSYS, &theirs, NULL, 8);
		return result;
	}
	hijack_has_trap = true;
	if (config.trap == HIJACK_TRAP_EAGER)
		patch_all();
	return 0;
}

bool trap_borrow(void)
{
	struct kernel_sigaction ours = {handler, SA_SIGINFO | SA_NODEFER | SA_ONSTACK | 0x04000000,
					trap_fast_return, 0};
	unsigned long mask = SIGNAL_BIT(SIGSYS);

	if (hijack_has_trap || !hijack_is_active || self.inside || self.has_borrowed ||
	    is_on_valgrind())
		return false;
	find_text();
	signals_application(SIGSYS);
	if (is_error(host(SYS_rt_sigaction, SIGSYS, &ours, NULL, 8)))
		return false;
	host(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, 8);
	self.selector = SELECTOR_BLOCK;
	if (is_error(host(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
			  trap_text_start, trap_text_length, &self.selector))) {
		self.selector = SELECTOR_ALLOW;
		return false;
	}
	self.has_borrowed = 1;
	return true;
}

/* The handler stays: it passes on what is not ours. */
void trap_return(bool is_borrowed)
{
	if (!is_borrowed)
		return;
	host(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
	self.selector = SELECTOR_ALLOW;
	self.has_borrowed = 0;
}

/* ---- calls that change what is trapped ---- */

long handle_prctl(struct call *call)
{
	bool is_filter = call->nr == SYS_seccomp || call->args[0] == PR_SET_SECCOMP;
	long result;

	/* there is one in each thread, and it is ours: as on a host without */
	if (call->nr == SYS_prctl && call->args[0] == PR_SET_SYSCALL_USER_DISPATCH &&
	    (hijack_has_trap || self.has_borrowed))
		return -EINVAL;
	if (is_filter || call->args[0] == PR_SET_NO_NEW_PRIVS)
		patch_stop();
	if (is_filter)
		remote_confine(call);
	result = host_call(call);
	if (call->nr == SYS_prctl && !is_error(result))
		ids_prctl(call);
	return result;
}

long handle_ptrace(struct call *call)
{
	/* a tracer steps on system calls and counts them: be out of its way until exec */
	if (call->args[0] == 0 && hijack_has_trap)
		host(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
	return host_call(call);
}

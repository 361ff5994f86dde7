/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signal.c - SIGSEGV and SIGBUS: first the kernel is asked, then the program.
 *
 * The kernel turns bad user pointers into EFAULT and fills mappings of rump
 * files by these signals.  What is not its own goes to the action that the
 * program has for the signal: the one that was there when the kernel booted,
 * or the one that rumpuser_sigaction() has stored since.  The program sees
 * what it would see without us:
 *
 *	SIG_DFL		the default action comes back and the instruction is run
 *			again, so that a core shows the place and the registers
 *	SIG_IGN		ignored when sent by kill(), deadly for a fault
 *	a handler	with its mask, SA_NODEFER and SA_RESETHAND, and the real
 *			siginfo and context, which it may change
 *
 * A handler without SA_ONSTACK runs on the alternate stack too, if the thread
 * has one: that is the only difference.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "host.h"
#include "private.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif
#ifndef BUS_MCEERR_AO
#define BUS_MCEERR_AO 5
#endif

#define SIGNAL_BIT(sig) (1ULL << ((sig)-1))
#define ERROR_IS_WRITE 2 /* of the processor's page-fault error code */
/* faults of the kernel while it looks at a fault; more is a loop */
#define DEPTH_MAX 8

/* what rt_sigaction(2) takes */
struct host_action {
	union {
		void (*handler)(int);
		void (*sigaction)(int, siginfo_t *, void *);
	};
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/*
 * Debuggers and unwinders know a signal frame by exactly these bytes; so does
 * a trap of system calls.  gdb looks at them only if the name has "sigaction" in it.
 */
void rumpuser_sigaction_return(void);
__asm__(".pushsection .text\n"
	".balign 16\n"
	".hidden rumpuser_sigaction_return\n"
	".globl rumpuser_sigaction_return\n"
	".type rumpuser_sigaction_return, @function\n"
	"nop\n" /* unwinders look up the byte in front */
	"rumpuser_sigaction_return:\n"
	"	mov $15, %rax\n"
	"	syscall\n"
	".size rumpuser_sigaction_return, . - rumpuser_sigaction_return\n"
	".popsection\n");

static const int caught[] = {SIGSEGV, SIGBUS};
#define CAUGHT_COUNT (sizeof(caught) / sizeof(caught[0]))

/*
 * The program's actions.  The handler reads them without a lock: odd sequence
 * numbers mean that a writer is at work, which has both signals blocked, so it
 * is never the reader's own thread.
 */
static struct {
	_Atomic unsigned int sequence;
	_Atomic bool is_started;
	struct host_action actions[CAUGHT_COUNT];
} program;

static __thread FAST_TLS int depth;

static int caught_index(int sig)
{
	for (size_t i = 0; i < CAUGHT_COUNT; i++) {
		if (caught[i] == sig)
			return (int)i;
	}
	return -1;
}

static void copy_action(struct host_action *to, const struct host_action *from)
{
	/* word by word: a reader may see a mix, and then reads again */
	__atomic_store_n(&to->handler, __atomic_load_n(&from->handler, __ATOMIC_RELAXED),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&to->flags, __atomic_load_n(&from->flags, __ATOMIC_RELAXED),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&to->mask, __atomic_load_n(&from->mask, __ATOMIC_RELAXED),
			 __ATOMIC_RELAXED);
}

static uint64_t write_begin(void)
{
	const uint64_t mask = SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS);
	uint64_t old_mask;
	unsigned int sequence;

	host_call(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &old_mask, sizeof(mask));
	for (;;) {
		sequence = atomic_load(&program.sequence) & ~1U;
		if (atomic_compare_exchange_strong(&program.sequence, &sequence, sequence + 1))
			break;
		host_call(SYS_sched_yield);
	}
	atomic_thread_fence(memory_order_seq_cst);
	return old_mask;
}

static void write_end(uint64_t old_mask)
{
	atomic_fetch_add(&program.sequence, 1);
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &old_mask, NULL, sizeof(old_mask));
}

static void read_action(int index, struct host_action *ret_action)
{
	unsigned int before;

	do {
		before = atomic_load(&program.sequence);
		copy_action(ret_action, &program.actions[index]);
		atomic_thread_fence(memory_order_seq_cst);
	} while (before & 1 || before != atomic_load(&program.sequence));
}

/* ---- the program's turn ---- */

static bool is_fault(const siginfo_t *info)
{
	/* the others were sent, or tell of memory that nobody is waiting for */
	return info->si_code > 0 && !(info->si_signo == SIGBUS && info->si_code == BUS_MCEERR_AO);
}

static void chain_default(int sig, siginfo_t *info, bool is_changed)
{
	const struct host_action action = {.handler = SIG_DFL};
	const uint64_t mask = SIGNAL_BIT(sig);

	host_call(SYS_rt_sigaction, sig, &action, NULL, sizeof(action.mask));
	/* a fault comes again by itself, as the host sees it */
	if (is_fault(info) && !is_changed)
		return;
	host_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof(mask));
	if (host_call(SYS_rt_tgsigqueueinfo, host_call(SYS_getpid), host_call(SYS_gettid), sig,
		      info))
		host_call(SYS_tgkill, host_call(SYS_getpid), host_call(SYS_gettid), sig);
}

static void chain(int sig, siginfo_t *info, ucontext_t *context, bool is_changed)
{
	int index = caught_index(sig);
	struct host_action action;
	uint64_t mask, old_mask;

	read_action(index, &action);
	if (action.handler == SIG_DFL || (action.handler == SIG_IGN && is_fault(info))) {
		chain_default(sig, info, is_changed);
		return;
	}
	if (action.handler == SIG_IGN)
		return;
	if (action.flags & (unsigned long)SA_RESETHAND) {
		old_mask = write_begin();
		program.actions[index] = (struct host_action){.handler = SIG_DFL};
		write_end(old_mask);
	}
	mask = action.mask;
	if (!(action.flags & SA_NODEFER))
		mask |= SIGNAL_BIT(sig);
	host_call(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, sizeof(mask));
	/* one without SA_SIGINFO takes the first argument and does not see the others */
	action.sigaction(sig, info, context);
	/* sigreturn brings the mask back from the context */
}

/* ---- the kernel's turn ---- */

static bool is_on_alternate_stack(const ucontext_t *context)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);

	return !(context->uc_stack.ss_flags & SS_DISABLE) &&
	       here - (unsigned long)context->uc_stack.ss_sp < context->uc_stack.ss_size;
}

/*
 * The kernel leaves this stack for its own; a signal that comes then would get
 * the alternate stack from its top again, over our frame.  The host refuses to
 * switch it off by code that runs on it, so the stack pointer points elsewhere
 * for the system call; with all signals blocked nobody looks at it.  Leaving
 * the handler switches it on again.
 */
static void alternate_stack_off(void)
{
	const stack_t off = {.ss_flags = SS_DISABLE};
	const uint64_t all = ~0ULL;
	uint64_t old_mask;
	long result = SYS_sigaltstack;

	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old_mask, sizeof(all));
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "xor %%esp, %%esp\n\t"
			 "syscall\n\t"
			 "mov %%rbx, %%rsp"
			 : "+a"(result)
			 : "D"(&off), "S"(NULL)
			 : "rbx", "rcx", "r11", "memory");
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &old_mask, NULL, sizeof(all));
}

enum taken { TAKEN, NOT_OURS, IS_BUS_ERROR };

static enum taken kernel_took(siginfo_t *info, ucontext_t *context)
{
	greg_t *regs = context->uc_mcontext.gregs;
	bool is_alternate = is_on_alternate_stack(context);
	unsigned long pc;

	if (!is_fault(info) || kernel_is_forked() || !rumpuser_upcalls->fault || depth >= DEPTH_MAX)
		return NOT_OURS;
	if (is_alternate)
		alternate_stack_off();
	depth++;
	pc = rumpuser_upcalls->fault(
		thread_get(), (unsigned long)regs[REG_RIP], (unsigned long)info->si_addr,
		!!(regs[REG_ERR] & ERROR_IS_WRITE), (const unsigned long *)regs);
	depth--;
	if (pc && pc != RUMPUSER_FAULT_BUS) {
		regs[REG_RIP] = (greg_t)pc;
		return TAKEN;
	}
	if (is_alternate) /* the program's handler expects to find it */
		host_call(SYS_sigaltstack, &context->uc_stack, NULL);
	return pc ? IS_BUS_ERROR : NOT_OURS;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	enum taken taken = kernel_took(info, context);

	errno = saved;
	if (taken == IS_BUS_ERROR) {
		/* the host only sees that nothing is mapped there */
		info->si_signo = SIGBUS;
		info->si_code = BUS_ADRERR;
		chain(SIGBUS, info, context, sig != SIGBUS);
	} else if (taken == NOT_OURS) {
		chain(sig, info, context, false);
	}
}

int signal_start(void)
{
	const struct host_action ours = {
		.sigaction = on_signal,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | SA_RESTORER,
		.restorer = rumpuser_sigaction_return,
	};
	struct host_action theirs;
	uint64_t old_mask = write_begin();
	long error = 0;

	for (size_t i = 0; i < CAUGHT_COUNT && !error; i++) {
		error = host_call(SYS_rt_sigaction, caught[i], &ours, &theirs, sizeof(ours.mask));
		if (!error)
			program.actions[i] = theirs;
	}
	atomic_store(&program.is_started, true);
	write_end(old_mask);
	return (int)error;
}

/* ---- sigaction(2) for programs under the preload ---- */

static void to_host(const struct sigaction *from, struct host_action *to)
{
	*to = (struct host_action){
		.sigaction = from->sa_sigaction,
		.flags = (unsigned int)from->sa_flags | SA_RESTORER,
		.restorer = rumpuser_sigaction_return,
	};
	memcpy(&to->mask, &from->sa_mask, sizeof(to->mask));
}

static void from_host(const struct host_action *from, struct sigaction *to)
{
	memset(to, 0, sizeof(*to));
	to->sa_sigaction = from->sigaction;
	to->sa_flags = (int)(from->flags & ~(unsigned long)SA_RESTORER);
	memcpy(&to->sa_mask, &from->mask, sizeof(from->mask));
}

int rumpuser_sigaction(int sig, const struct sigaction *action, struct sigaction *ret_old)
{
	int index = caught_index(sig);
	struct host_action new_action, old_action;
	uint64_t old_mask;
	long error = 0;

	if (index < 0)
		return -EINVAL;
	/* before the lock: these pointers are the program's and may be bad */
	if (action)
		to_host(action, &new_action);
	old_mask = write_begin();
	if (atomic_load(&program.is_started)) {
		old_action = program.actions[index];
		if (action)
			copy_action(&program.actions[index], &new_action);
	} else {
		error = host_call(SYS_rt_sigaction, sig, action ? &new_action : NULL, &old_action,
				  sizeof(old_action.mask));
	}
	write_end(old_mask);
	if (!error && ret_old)
		from_host(&old_action, ret_old);
	return (int)error;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork.c - calls that make processes and threads.
 *
 * Syscall User Dispatch is inherited neither by threads nor by children, so every child
 * starts in our text, arms itself and goes on where the application's instruction was:
 *
 * fork (no CLONE_VM)	The child has a copy of our frame and simply returns through it.
 * vfork on the caller's stack	Becomes such a fork; the parent still waits.  In shared
 *			memory the child's close() and dup2() would change the parent's
 *			tables.
 * threads, CLONE_VM with a stack	A struct trap_start at the top of the new stack holds the
 *			registers; trap.S starts the child from there.
 * posix_spawn (CLONE_VM | CLONE_VFORK with a stack)	The same, and self.spawned has the
 *			child's own descriptors and rump process: the thread shares its
 *			thread-local storage with the child and is stopped meanwhile.  If
 *			our frame is on the signal stack, the child's own traps would run over
 *			it: then the parent leaves its frame and waits on a block of its own.
 *
 * children.c says what the children of a process with a kernel get.
 */
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>

#include "boot.h"
#include "children.h"
#include "fork.h"
#include "signals.h"
#include "trap.h"

#ifndef CLONE_VM
#define CLONE_VM 0x00000100
#define CLONE_VFORK 0x00004000
#define CLONE_SETTLS 0x00080000
#endif

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

#define ROOM_TO_SWITCH 2048
#define ROOM_BELOW_TOP 256 /* what libc may have put at the top of the new stack */

struct trap_vfork {
	struct trap_start start;
	long args[6];
	long nr;
	struct clone_args clone_args;
	bool is_spawned;
	long child_stack;
	char stack[8192];
};
_Static_assert(sizeof(struct trap_regs) == 144, "trap.S");
_Static_assert(offsetof(struct trap_vfork, args) == 152, "trap.S");
_Static_assert(offsetof(struct trap_vfork, nr) == 200, "trap.S");
_Static_assert(sizeof(struct trap_vfork) > 8192 + 64, "trap.S");

/*
 * A child in shared memory, posix_spawn()'s, makes its traps and calls of the kernel on the
 * stack that it is given, and musl's is 5 KiB, between frames of its parent.  So it gets
 * another one, with what libc has put at the top: the function's argument.
 */
#define CHILD_STACK (128 * 1024)
#define CHILD_TOP 64

/* The stack, or -errno; *top is the child's stack pointer, which becomes one of the new one. */
static long make_child_stack(unsigned long *top)
{
	long stack = host(SYS_mmap, 0, CHILD_STACK, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	unsigned long new;

	if (is_error(stack))
		return -ENOMEM;
	/* aligned as it was; a stack that ends there has no more */
	new = (stack + CHILD_STACK - 2 * CHILD_TOP) | (*top & 15);
	for (unsigned long at = 0; at < CHILD_TOP; at += 8)
		if (user_copy((void *)(new + at), (const void *)(*top + at), 8))
			break;
	*top = new;
	return stack;
}

static void free_child_stack(long stack)
{
	if (stack)
		host(SYS_munmap, stack, CHILD_STACK);
}

void trap_vfork_done(struct trap_vfork *block) __attribute__((visibility("hidden")));

/* On the application's stack, the parent after its child has gone on. */
void trap_vfork_done(struct trap_vfork *block)
{
	if (block->is_spawned)
		children_spawned();
	free_child_stack(block->child_stack);
	host(SYS_munmap, block, sizeof(*block));
}

/* Where `self` of a thread with another thread pointer lies. */
static struct self *self_of(unsigned long thread_pointer)
{
	unsigned long ours;

	__asm__("mov %%fs:0, %0" : "=r"(ours));
	return (struct self *)(thread_pointer + ((unsigned long)&self - ours));
}

/* The SIGSYS handler starts with fresh control words; a new thread inherits its maker's. */
static void restore_control_words(const ucontext_t *frame)
{
	/* as fxsave writes it; libcs name its members differently */
	const char *state = frame ? (const char *)frame->uc_mcontext.fpregs : NULL;

	if (state)
		__asm__ volatile("ldmxcsr %0\n\tfldcw %1"
				 :
				 : "m"(*(const unsigned int *)(state + 24)),
				   "m"(*(const unsigned short *)state));
}

static bool is_on(const stack_t *stack, unsigned long address)
{
	return !(stack->ss_flags & SS_DISABLE) &&
	       address - (unsigned long)stack->ss_sp < stack->ss_size;
}

/* Fills in what the child starts with; returns its stack pointer. */
static unsigned long prepare_child(unsigned long top, const struct trap_regs *regs,
				   struct self *child)
{
	struct trap_start *start;

	start = (struct trap_start *)((top - ROOM_BELOW_TOP - sizeof(*start)) & ~63UL);
	start->regs = *regs;
	start->regs.sp = top;
	start->selector = NULL;
	if (self.inside) {
		if (child != &self)
			child->inside = child->is_kernels = 1;
	} else if (hijack_has_trap || self.has_borrowed) {
		child->selector = SELECTOR_BLOCK;
		start->selector = &child->selector;
	}
	return (unsigned long)start;
}

/* A fork whose child returns through a copy of our frame: clone, clone3 or fork. */
static long fork_by(struct call *call, long nr, const long args[6])
{
	struct prefork prefork;
	long result = children_prefork(call, &prefork);

	if (result)
		return result;
	result = host6(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (!result && (hijack_has_trap || self.has_borrowed) && !self.is_kernels)
		trap_arm();
	children_forked(&prefork, result);
	return result;
}

long fork_and_wait(struct call *call)
{
	const long args[6] = {CLONE_VFORK | SIGCHLD};

	return fork_by(call, SYS_clone, args);
}

long fork_call(struct call *call, ucontext_t *frame)
{
	unsigned long flags, stack, tls;
	struct clone_args big;
	long args[6], result, child_stack = 0;
	bool is_spawned;

	memcpy(args, call->args, sizeof(args));
	switch (call->nr) {
	case SYS_fork:
		return fork_by(call, SYS_fork, args);
	case SYS_vfork:
		return fork_and_wait(call);
	case SYS_clone:
		flags = args[0];
		stack = args[1];
		tls = args[4];
		break;
	default:
		if ((unsigned long)args[1] < 64 || (unsigned long)args[1] > sizeof(big))
			return host_call(call);
		memset(&big, 0, sizeof(big));
		if (user_copy(&big, (void *)args[0], args[1]))
			return -EFAULT;
		flags = big.flags;
		stack = big.stack ? big.stack + big.stack_size : 0;
		tls = big.tls;
		args[0] = (long)&big;
	}

	if ((flags & CLONE_VM) && !stack && (flags & CLONE_VFORK)) {
		flags &= ~CLONE_VM;
		if (call->nr == SYS_clone)
			args[0] = flags;
		else
			big.flags = flags;
	}
	if (!(flags & CLONE_VM)) {
		if (call->nr == SYS_clone)
			args[1] = 0;
		else
			big.stack = big.stack_size = 0;
		result = fork_by(call, call->nr, args);
		if (!result && stack)
			call->regs->sp = stack;
		return result;
	}
	if (!stack)
		return host_call(call); /* shares even the stack: nothing sane does */

	/* a child of such a child is seen as that one */
	is_spawned = flags & CLONE_VFORK && !self.spawned;
	if (is_spawned) {
		result = children_spawn(call);
		if (result)
			return result;
	}
	if (!(flags & CLONE_VFORK)) {
		patch_threads();
		if (!self.inside)
			hijack_has_threads = true;
	}
	if (flags & CLONE_VFORK) {
		child_stack = make_child_stack(&stack);
		if (is_error(child_stack)) {
			if (is_spawned)
				children_spawned();
			return child_stack;
		}
		if (call->nr != SYS_clone) {
			big.stack = child_stack;
			big.stack_size = stack - child_stack;
		}
	}
	restore_control_words(frame);
	{
		unsigned long sp = prepare_child(stack, call->regs,
						 flags & CLONE_SETTLS ? self_of(tls) : &self);

		if (call->nr == SYS_clone)
			args[1] = sp;
		else
			big.stack_size = sp - big.stack;
	}
	if ((flags & CLONE_VFORK) && frame && is_on(&frame->uc_stack, (unsigned long)frame)) {
		long address = host(SYS_mmap, 0, sizeof(struct trap_vfork), PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct trap_vfork *block = (struct trap_vfork *)address;

		if (is_error(address)) {
			if (is_spawned)
				children_spawned();
			free_child_stack(child_stack);
			return -ENOMEM;
		}
		block->is_spawned = is_spawned;
		block->child_stack = child_stack;
		block->start.regs = *call->regs;
		block->nr = call->nr;
		memcpy(block->args, args, sizeof(args));
		if (call->nr == SYS_clone3) {
			block->clone_args = big;
			block->args[0] = (long)&block->clone_args;
		}
		trap_vfork_on(block);
	}
	result = trap_clone(args, call->nr);
	if (is_spawned)
		children_spawned();
	free_child_stack(child_stack);
	return result;
}

/*
 * The host refuses to change the stack that the stack pointer is on, so that points
 * elsewhere for the call; with all signals blocked nobody looks at it.
 */
static long sigaltstack_from_nowhere(const stack_t *stack)
{
	unsigned long all = ~0UL, mask;
	long result = SYS_sigaltstack;

	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
	__asm__ volatile("mov	%%rsp, %%rbx\n\t"
			 "xor	%%esp, %%esp\n\t"
			 "syscall\n\t"
			 "mov	%%rbx, %%rsp"
			 : "+a"(result)
			 : "D"(stack), "S"(NULL)
			 : "rbx", "rcx", "r11", "memory");
	host(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	return result;
}

static void note_stack(const stack_t *stack)
{
	bool is_plain = !(stack->ss_flags & (SS_DISABLE | (int)SS_AUTODISARM));

	self.stack_size = 0;
	self.stack_base = (unsigned long)stack->ss_sp;
	self.stack_size = is_plain ? stack->ss_size : 0;
}

void signal_stack_start(void)
{
	stack_t stack;

	if (!host(SYS_sigaltstack, NULL, &stack))
		note_stack(&stack);
}

long trap_sigaltstack(struct call *call, ucontext_t *frame)
{
	const stack_t *new = (const stack_t *)call->args[0];
	stack_t stack, old;
	long result;

	if (new &&user_copy(&stack, new, sizeof(stack)))
		return -EFAULT;
	if (!frame || !is_on(&frame->uc_stack, (unsigned long)frame) ||
	    is_on(&frame->uc_stack, call->regs->sp)) {
		result = host(SYS_sigaltstack, new ? &stack : NULL, &old);
	} else {
		/* we stand on it, the application does not */
		old = frame->uc_stack;
		result = new ? sigaltstack_from_nowhere(&stack) : 0;
	}
	if (result)
		return result;
	if (new) {
		note_stack(&stack);
		/* a full return loads the stack from the frame */
		if (frame)
			frame->uc_stack = stack;
	}
	if (call->args[1] && user_copy((void *)call->args[1], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

static void register_stack(unsigned long base, unsigned long size)
{
	stack_t stack = {.ss_sp = (void *)base, .ss_size = size};

	if (!sigaltstack_from_nowhere(&stack))
		return;
	/* too small for a signal: those go to the stack that is in use then */
	stack.ss_flags = SS_DISABLE;
	sigaltstack_from_nowhere(&stack);
}

void signal_stack_lend(struct lent_stack *lent)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);

	lent->base = self.stack_base;
	lent->size = self.stack_size;
	/* our frames and those of what we call until the stacks are switched */
	self.stack_size = here - lent->base > 2 * ROOM_TO_SWITCH
				  ? (here - ROOM_TO_SWITCH - lent->base) & ~63UL
				  : 0;
	register_stack(self.stack_base, self.stack_size);
}

void signal_stack_return(const struct lent_stack *lent)
{
	self.stack_size = lent->size;
	register_stack(lent->base, lent->size);
}

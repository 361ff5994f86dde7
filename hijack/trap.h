/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.h - system call instructions that no symbol leads to; theory in trap.c
 */
#ifndef HIJACK_TRAP_H
#define HIJACK_TRAP_H

#include "hijack.h"

/* In the order of the kernel's struct sigcontext; offsets are in trap.S too. */
struct trap_regs {
	unsigned long r8, r9, r10, r11, r12, r13, r14, r15;
	unsigned long di, si, bp, bx, dx, ax, cx, sp, ip, flags;
};

/* Turns the trap on in this process; -errno if the host has none, EBUSY under valgrind. */
int trap_start(void);
/* Turns it on for the calling thread. */
void trap_arm(void);

/*
 * Where the trap is off: on for the calling thread alone, until trap_return() of the
 * result.  false: it was on, or this host has none.
 */
bool trap_borrow(void);
void trap_return(bool is_borrowed);

/*
 * In between the kernel's side makes its host calls with its own instructions: they need
 * not be looked at, and no SIGSYS can come while the thread is on the kernel's stack.
 */
static inline unsigned char trap_open(void)
{
	unsigned char old = self.selector;

	self.selector = SELECTOR_ALLOW;
	__asm__ volatile("" : : : "memory");
	return old;
}

static inline void trap_close(unsigned char old)
{
	__asm__ volatile("" : : : "memory");
	self.selector = old;
}

/* ---- trap.S ---- */

/* What a new thread starts with; lies at its stack pointer. */
struct trap_start {
	struct trap_regs regs;
	unsigned char *selector; /* NULL: not to be armed */
};

extern unsigned long trap_text_start __attribute__((visibility("hidden")));
extern unsigned long trap_text_length __attribute__((visibility("hidden")));
extern const char trap_stubs[] __attribute__((visibility("hidden")));
#define TRAP_STUBS_SIZE (64 * 1024)

void trap_restorer(void) __attribute__((visibility("hidden")));
void trap_fast_return(void) __attribute__((visibility("hidden")));
void trap_enter_stub(void) __attribute__((visibility("hidden")));
/* the same for numbers with has_fd_row(), without log=unrouted */
void trap_enter_plain(void) __attribute__((visibility("hidden")));
void trap_sigreturn(unsigned long sp) __attribute__((visibility("hidden"), noreturn));
/* clone by number with six arguments; the child starts with a struct trap_start at its sp */
long trap_clone(const long args[6], long nr) __attribute__((visibility("hidden")));
struct trap_vfork;
void trap_vfork_on(struct trap_vfork *block) __attribute__((visibility("hidden"), noreturn));
void trap_unmap_and_exit(unsigned long address, unsigned long length)
	__attribute__((visibility("hidden"), noreturn));

/* ---- patch.c ---- */

/* A trap happened at the instruction before ip: patch the site if it is worth it. */
void patch_consider(unsigned long ip, unsigned long nr);
/* Patches all sites that there are; before the program has threads. */
void patch_all(void);
/* A mapping was made or has gone (protection 0): it is other memory now. */
void patch_mapped(unsigned long start, unsigned long length, int protection);
/* No patching any more: the program confines itself. */
void patch_stop(void);
/* From now on other threads may run what is patched. */
void patch_threads(void);

/* ---- vector registers around code that uses them, for DOOR_STUB ---- */

extern unsigned long trap_vector_mask; /* state components that xsave saves */
#define TRAP_VECTORS_MAX 2816

#define TRAP_SAVE_VECTORS()                                                    \
	char vectors[TRAP_VECTORS_MAX] __attribute__((aligned(64)));           \
	memset(vectors + 512, 0, 64);                                          \
	if (trap_vector_mask)                                                  \
		__asm__ volatile("xsave64 %0"                                  \
				 : "=m"(vectors)                               \
				 : "a"((unsigned int)trap_vector_mask), "d"(0) \
				 : "memory");                                  \
	else                                                                   \
		__asm__ volatile("fxsave64 %0" : "=m"(vectors) : : "memory")

#define TRAP_RESTORE_VECTORS()                                                                \
	do {                                                                                  \
		if (trap_vector_mask)                                                         \
			__asm__ volatile("xrstor64 %0"                                        \
					 :                                                    \
					 : "m"(vectors), "a"((unsigned int)trap_vector_mask), \
					   "d"(0)                                             \
					 : "memory");                                         \
		else                                                                          \
			__asm__ volatile("fxrstor64 %0" : : "m"(vectors) : "memory");         \
	} while (0)

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stub.c - makes stubs, each of which enters the dispatcher for one call site.
 *
 * Most lie in our own text, beside all libraries and in the range that may make system
 * calls.  A program itself is out of reach of a jump from there: its stubs lie in a page
 * or two in front of it, and go on by an address in a register.  rcx and r11 are free, as
 * `syscall` overwrites them.
 */
#include <sys/mman.h>

#include "plain.h"
#include "stub.h"
#include "trap.h"

#define SLOT 32
#define PAGE 4096UL
#define REACH 0x7f000000L
#define NEAR_SIZE (4 * PAGE)
#define NEAR_STEP (64 * 1024UL)
#define NEAR_TRIES 48

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* The first is of our own text, others are mapped where they are wanted. */
static struct bank {
	unsigned char *memory;
	unsigned long size, used;
} banks[8];
static bool is_open;

static bool protect(const struct bank *bank, int protection)
{
	return !host(SYS_mprotect, bank->memory, bank->size, protection);
}

/* Numbers that need more than `syscall`. */
static bool needs_dispatch(unsigned int nr)
{
	switch (nr) {
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
	case SYS_munmap:
		return true;
	}
	return hijack_is_handled(nr);
}

static const void *entry_of(unsigned int nr)
{
	return (const void *)(has_fd_row(nr) && !config.log_unrouted ? trap_enter_plain
								     : trap_enter_stub);
}

static unsigned char *put_bytes(unsigned char *at, const void *bytes, unsigned int count)
{
	memcpy(at, bytes, count);
	return at + count;
}

void put_jump(unsigned char *at, const void *target, const unsigned char *where)
{
	int distance = (long)target - (long)(where + 5);

	*at++ = 0xe9;
	memcpy(at, &distance, 4);
}

static void fill(const struct bank *bank, unsigned char *p, const unsigned char *after,
		 unsigned int nr)
{
	const void *entry = entry_of(nr);
	int distance;

	*p++ = 0xb8; /* mov $nr, %eax */
	p = put_bytes(p, &nr, 4);
	if (bank == banks && !needs_dispatch(nr)) {
		p = put_bytes(p, "\x0f\x05", 2); /* syscall */
		put_jump(p, after, p);
		return;
	}
	p = put_bytes(p, "\x48\x8d\x0d", 3); /* lea after(%rip), %rcx */
	distance = (long)after - (long)(p + 4);
	p = put_bytes(p, &distance, 4);
	if (bank == banks) {
		put_jump(p, entry, p);
		return;
	}
	p = put_bytes(p, "\x49\xbb", 2); /* movabs $entry, %r11 */
	p = put_bytes(p, &entry, 8);
	put_bytes(p, "\x41\xff\xe3", 3); /* jmp *%r11 */
}

static bool is_near(const struct bank *bank, const unsigned char *after)
{
	long distance = after - bank->memory;

	return distance < REACH && distance > -REACH;
}

/* In front of the code: behind a program lies its heap, which grows. */
static bool map_near(struct bank *bank, const struct code *code)
{
	unsigned long at = code->start & ~(NEAR_STEP - 1);

	for (int i = 0; i < NEAR_TRIES && at > 2 * NEAR_STEP; i++) {
		long result;

		at -= NEAR_STEP;
		result = host(SYS_mmap, at, NEAR_SIZE, PROT_READ | PROT_EXEC,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if ((unsigned long)result == at) {
			*bank = (struct bank){(unsigned char *)at, NEAR_SIZE, 0};
			return true;
		}
		/* a host that does not know the flag */
		if (!is_error(result))
			host(SYS_munmap, result, NEAR_SIZE);
	}
	return false;
}

static struct bank *bank_for(const struct code *code, const unsigned char *after)
{
	if (!banks[0].memory)
		banks[0] = (struct bank){(unsigned char *)trap_stubs, TRAP_STUBS_SIZE, 0};
	for (unsigned int i = 0; i < sizeof(banks) / sizeof(banks[0]); i++) {
		struct bank *bank = &banks[i];

		if (!bank->memory)
			return map_near(bank, code) ? bank : NULL;
		if (is_near(bank, after) && bank->used + SLOT <= bank->size)
			return bank;
	}
	return NULL;
}

unsigned char *stub_make(const struct code *code, const unsigned char *after, unsigned int nr)
{
	struct bank *bank = bank_for(code, after);
	bool stays_open = is_open && bank == banks;
	unsigned char *stub;

	if (!bank || (!stays_open && !protect(bank, PROT_READ | PROT_WRITE | PROT_EXEC)))
		return NULL;
	stub = bank->memory + bank->used;
	bank->used += SLOT;
	fill(bank, stub, after, nr);
	if (!stays_open)
		protect(bank, PROT_READ | PROT_EXEC);
	return stub;
}

void stub_begin(void)
{
	struct code none = {0, 0};
	struct bank *own = bank_for(&none, (const unsigned char *)trap_stubs);

	is_open = own && protect(own, PROT_READ | PROT_WRITE | PROT_EXEC);
}

void stub_end(void)
{
	if (is_open)
		protect(banks, PROT_READ | PROT_EXEC);
	is_open = false;
}

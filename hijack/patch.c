/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patch.c - replaces system call sites by jumps.
 *
 *	mov $nr, %eax; syscall		most sites of C libraries.  The 5-byte mov becomes a
 *					5-byte jmp to a stub (stub.c).
 *	xor %eax, %eax; syscall		read() deep inside libc.  Two bytes have no room for more
 *					than a short jump: to the last five bytes of a long nop
 *					near by, which become the jmp to the stub.  As they are
 *					no more than an address that the nop does not use, it stays
 *					a nop for who comes from in front of it.
 *
 * One instruction for one at the same boundary; `syscall` stays, so a jump straight to it is
 * still trapped.  While other threads may run the site only a store within one aligned
 * 8-byte word is safe, so sites that cross such a word stay trapped once the process has
 * threads.
 *
 * trap=on and lazy patch a site once it has been trapped some times; eager all sites at the
 * start, and those of a library when it is mapped.
 */
#include <linux/membarrier.h>
#include <sys/mman.h>

#include "code.h"
#include "stub.h"
#include "trap.h"

#define SITES 256 /* hash of sites under observation */
#define HITS 6	  /* a patch costs about as much as this many traps */
#define PAGE 4096UL
#define SHORT 120 /* bytes that a short jump goes */

static int patch_lock;
static bool is_stopped, has_threads;
static struct {
	unsigned long ip;
	unsigned int hits;
} sites[SITES];

/* Where the program's code is written. */
struct writing {
	struct code code;
	bool is_open;  /* all of the code is writable already */
	bool is_quiet; /* nobody runs it yet */
};

struct site {
	unsigned char *at, *after;
	unsigned int nr;
	bool is_xor;
};

void patch_stop(void)
{
	is_stopped = true;
}

void patch_threads(void)
{
	has_threads = true;
}

static bool may_patch(void)
{
	return !is_stopped && !self.spawned && !self.has_borrowed;
}

/* ---- sites ---- */

/* Numbers for which trap.c needs the registers or the frame. */
static bool needs_trap(unsigned long nr)
{
	return nr == SYS_rt_sigreturn || nr == SYS_sigaltstack;
}

/* An instruction with a ModRM byte and four bytes at its end. */
static bool has_modrm(unsigned char opcode)
{
	return opcode == 0x69 || opcode == 0x81 || opcode == 0xc7 || opcode == 0xf7;
}

/* A REX prefix and a mov of eight bytes that follow. */
static bool is_movabs(unsigned char prefix, unsigned char opcode)
{
	return (prefix & 0xf8) == 0x48 && (opcode & 0xf8) == 0xb8;
}

/*
 * Whether the byte before the call that looks like `mov $nr, %eax` belongs to it: not if a
 * prefix makes it another instruction, nor if it is the displacement of one that ends in nr,
 * nor if all of it is a constant.
 */
static bool is_inside_another(const unsigned char before[3])
{
	if ((before[2] & 0xf0) == 0x40 || before[2] == 0x66)
		return true;
	if (has_modrm(before[1]) && (before[2] & 0xc0) == 0x40 && (before[2] & 7) != 4)
		return true;
	if (is_movabs(before[0], before[1]) || is_movabs(before[1], before[2]))
		return true;
	return has_modrm(before[0]) && (before[1] & 0xc7) == 0x44;
}

/* nr: what was called, -1: not known. */
static bool find_site(const struct writing *writing, unsigned char *after, long nr,
		      struct site *ret)
{
	unsigned char bytes[10];
	unsigned int number;

	if ((unsigned long)after < writing->code.start + sizeof(bytes) ||
	    user_copy(bytes, after - sizeof(bytes), sizeof(bytes)))
		return false;
	memcpy(&number, bytes + 4, 4);
	if (bytes[3] == 0xb8 && number < HIJACK_NR_MAX && !is_inside_another(bytes))
		*ret = (struct site){after - 7, after, number, false};
	else if (bytes[6] == 0x31 && bytes[7] == 0xc0 && bytes[5] != 0x0f &&
		 (bytes[5] & 0xf0) != 0x40)
		*ret = (struct site){after - 4, after, 0, true};
	else
		return false;
	return (nr < 0 || ret->nr == nr) && !needs_trap(ret->nr);
}

/* ---- writing ---- */

static bool is_in_one_word(const unsigned char *at, unsigned int length)
{
	return ((unsigned long)at & 7) + length <= 8;
}

static void store(unsigned char *at, const unsigned char *bytes, unsigned int length)
{
	unsigned long *word = (unsigned long *)((unsigned long)at & ~7UL), value;
	unsigned char copy[8];

	if (!is_in_one_word(at, length)) {
		memcpy(at, bytes, length);
		return;
	}
	value = *word;
	memcpy(copy, &value, 8);
	memcpy(copy + ((unsigned long)at & 7), bytes, length);
	memcpy(&value, copy, 8);
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static bool protect(const struct writing *writing, const unsigned char *from,
		    const unsigned char *to, int protection)
{
	unsigned long first = (unsigned long)from & ~(PAGE - 1);
	unsigned long end = ((unsigned long)to + PAGE - 1) & ~(PAGE - 1);

	return writing->is_open || !host(SYS_mprotect, first, end - first, protection);
}

/* No thread has instructions in its pipeline that it read before. */
static bool all_see(void)
{
	return !has_threads ||
	       (!host(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0) &&
		!host(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0));
}

/* The five free bytes of a nop that the site reaches by a short jump; NULL: none. */
static unsigned char *find_nop(const struct writing *writing, const struct site *site)
{
	static const unsigned char nop[8] = {0x0f, 0x1f, 0x84};
	unsigned long first = (unsigned long)site->at - SHORT;
	unsigned char bytes[2 * SHORT];

	if (first < writing->code.start)
		first = writing->code.start;
	if (first + sizeof(bytes) > writing->code.end ||
	    user_copy(bytes, (const void *)first, sizeof(bytes)))
		return NULL;
	for (unsigned int i = 0; i + sizeof(nop) <= sizeof(bytes); i++)
		if (!memcmp(bytes + i, nop, sizeof(nop)))
			return (unsigned char *)first + i + 3;
	return NULL;
}

static void patch_mov(const struct writing *writing, const struct site *site)
{
	unsigned char jump[5], *stub;

	if (has_threads && !writing->is_quiet && !is_in_one_word(site->at, sizeof(jump)))
		return;
	stub = stub_make(&writing->code, site->after, site->nr);
	if (!stub || !protect(writing, site->at, site->after, PROT_READ | PROT_WRITE | PROT_EXEC))
		return;
	put_jump(jump, stub, site->at);
	store(site->at, jump, sizeof(jump));
	protect(writing, site->at, site->after, PROT_READ | PROT_EXEC);
}

static void patch_xor(const struct writing *writing, const struct site *site)
{
	unsigned char *nop = find_nop(writing, site), *stub, jump[5], to_nop[2] = {0xeb};
	const unsigned char *from = nop < site->at ? nop : site->at;
	const unsigned char *to = nop < site->at ? site->after : nop + sizeof(jump);

	if (!nop || (has_threads && !writing->is_quiet && !is_in_one_word(site->at, 2)))
		return;
	stub = stub_make(&writing->code, site->after, site->nr);
	if (!stub || !protect(writing, from, to, PROT_READ | PROT_WRITE | PROT_EXEC))
		return;
	put_jump(jump, stub, nop);
	memcpy(nop, jump, sizeof(jump));
	to_nop[1] = nop - (site->at + 2);
	if (writing->is_quiet || all_see())
		store(site->at, to_nop, sizeof(to_nop));
	protect(writing, from, to, PROT_READ | PROT_EXEC);
}

static void patch(const struct writing *writing, const struct site *site)
{
	if (site->is_xor)
		patch_xor(writing, site);
	else
		patch_mov(writing, site);
}

/* ---- one site ---- */

static void patch_one(unsigned char *after, unsigned long nr)
{
	struct writing writing = {.is_open = false};
	struct site site;

	if (code_find((unsigned long)after, &writing.code) && find_site(&writing, after, nr, &site))
		patch(&writing, &site);
}

void patch_consider(unsigned long ip, unsigned long nr)
{
	unsigned int at = (ip >> 1) * 2654435761u % SITES, hits;

	if (!may_patch())
		return;
	if (__atomic_load_n(&sites[at].ip, __ATOMIC_RELAXED) != ip) {
		sites[at].hits = 0;
		__atomic_store_n(&sites[at].ip, ip, __ATOMIC_RELAXED);
	}
	/* what cannot be patched is not looked at again and again */
	hits = ++sites[at].hits;
	if (hits != HITS && hits % 65536)
		return;
	if (__atomic_exchange_n(&patch_lock, 1, __ATOMIC_ACQUIRE)) {
		sites[at].hits = 0;
		return;
	}
	/* another thread may have been faster: then it is no site any more */
	patch_one((unsigned char *)ip, nr);
	__atomic_store_n(&patch_lock, 0, __ATOMIC_RELEASE);
}

/* ---- all of them ---- */

static bool has_byte(unsigned long word, unsigned char byte)
{
	unsigned long x = word ^ 0x0101010101010101UL * byte;

	return (x - 0x0101010101010101UL) & ~x & 0x8080808080808080UL;
}

static void patch_sites(const struct writing *writing)
{
	unsigned char *start = (unsigned char *)writing->code.start;
	unsigned long length = writing->code.end - writing->code.start;
	struct site site;
	char byte;

	for (unsigned long i = 0; i < length; i += 8) {
		/* a mapping may be longer than its file: that would be a SIGBUS */
		if (!(i & (PAGE - 1)) && user_copy(&byte, start + i, 1))
			return;
		if (!has_byte(*(const unsigned long *)(start + i), 0x05))
			continue;
		for (unsigned long j = i ? i : 1; j < i + 8; j++)
			if (start[j] == 0x05 && start[j - 1] == 0x0f &&
			    find_site(writing, start + j + 1, -1, &site))
				patch(writing, &site);
	}
}

static void patch_code(const struct code *code, bool is_quiet)
{
	struct writing writing = {*code, true, is_quiet};

	if (code->start - trap_text_start < trap_text_length ||
	    host(SYS_mprotect, code->start, code->end - code->start,
		 PROT_READ | PROT_WRITE | PROT_EXEC))
		return;
	patch_sites(&writing);
	host(SYS_mprotect, code->start, code->end - code->start, PROT_READ | PROT_EXEC);
}

static void patch_at_start(const struct code *code)
{
	patch_code(code, true);
}

void patch_all(void)
{
	stub_begin();
	code_each(patch_at_start);
	stub_end();
}

void patch_mapped(unsigned long start, unsigned long length, int protection)
{
	struct code code;

	code_forget(start, length);
	if (config.trap != HIJACK_TRAP_EAGER || !(protection & PROT_EXEC) || !may_patch() ||
	    self.inside || __atomic_exchange_n(&patch_lock, 1, __ATOMIC_ACQUIRE))
		return;
	if (code_find(start, &code) && code.start >= start && code.end <= start + length + PAGE)
		patch_code(&code, true);
	__atomic_store_n(&patch_lock, 0, __ATOMIC_RELEASE);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patch.c - replaces hot system call sites by jumps.
 *
 * Most sites of glibc read `mov $nr, %eax; syscall`.  The 5-byte mov becomes a 5-byte
 * jmp to a stub that loads the number and enters the dispatcher, or, for numbers that
 * need none, makes the call and jumps back.  One instruction for one at the same
 * boundary; `syscall` stays, so a jump straight to it is still trapped.
 *
 * While other threads may run the site only one aligned 8-byte store is safe, so sites
 * that cross such a word stay trapped once the process has threads.
 */
#include <sys/mman.h>

#include "hijack.h"
#include "plain.h"
#include "trap.h"

#define SLOT 32
#define SITES 256 /* hash of sites under observation */
#define HITS 6	  /* a patch costs about as much as this many traps */
#define PAGE 4096UL
#define REACH 0x7f000000L

static unsigned int slots_used;
static int patch_lock;
static bool is_stopped, has_threads;
static struct {
	unsigned long ip;
	unsigned int hits;
} sites[SITES];

void patch_stop(void)
{
	is_stopped = true;
}

void patch_threads(void)
{
	has_threads = true;
}

/* Numbers for which trap.c needs the registers or the frame. */
static bool needs_trap(unsigned long nr)
{
	return nr == SYS_rt_sigreturn || nr == SYS_sigaltstack;
}

static bool needs_dispatch(unsigned long nr)
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

/* trap_enter_plain knows them */
_Static_assert(offsetof(struct self, inside) == 4, "");
_Static_assert(offsetof(struct fdtable, chunks) == 8 && FDTABLE_MAX == 1 << 24, "");
_Static_assert(offsetof(struct fdtable_chunk, entry) == 0 && FDTABLE_CHUNK == 1024, "");

/* Where a stub enters. */
static const void *entry_of(unsigned long nr)
{
	return (const void *)(has_fd_row((long)nr) && !config.log_unrouted ? trap_enter_plain
									   : trap_enter_stub);
}

static unsigned char *put_jump(unsigned char *at, const void *target, const unsigned char *where)
{
	int distance = (long)target - (long)(where + 5);

	*at++ = 0xe9;
	memcpy(at, &distance, 4);
	return at + 4;
}

/* The stub of a site whose mov lies at mov; NULL when there is no room. */
static unsigned char *make_stub(const unsigned char *mov, unsigned int nr)
{
	unsigned char *stub, *p;
	unsigned long page;
	int distance;

	if ((slots_used + 1) * SLOT > TRAP_STUBS_SIZE)
		return NULL;
	stub = p = (unsigned char *)trap_stubs + slots_used * SLOT;
	page = (unsigned long)stub & ~(PAGE - 1);
	if (is_error(host(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)))
		return NULL;
	slots_used++;
	*p++ = 0xb8; /* mov $nr, %eax */
	memcpy(p, &nr, 4);
	p += 4;
	if (needs_dispatch(nr)) {
		*p++ = 0x48; /* lea mov+7(%rip), %rcx */
		*p++ = 0x8d;
		*p++ = 0x0d;
		distance = (long)(mov + 7) - (long)(p + 4);
		memcpy(p, &distance, 4);
		p += 4;
		put_jump(p, entry_of(nr), p);
	} else {
		*p++ = 0x0f; /* syscall */
		*p++ = 0x05;
		put_jump(p, mov + 7, p);
	}
	host(SYS_mprotect, page, PAGE, PROT_READ | PROT_EXEC);
	return stub;
}

static void patch(unsigned char *mov, unsigned int nr)
{
	unsigned long word = (unsigned long)mov & ~7UL, value;
	unsigned long first = (unsigned long)mov & ~(PAGE - 1);
	unsigned long length = (((unsigned long)mov + 4) & ~(PAGE - 1)) - first + PAGE;
	unsigned char bytes[8], *stub = make_stub(mov, nr);

	if (!stub)
		return;
	if (is_error(host(SYS_mprotect, first, length, PROT_READ | PROT_WRITE | PROT_EXEC)))
		return;
	if (((unsigned long)mov & 7) <= 3) {
		value = *(unsigned long *)word;
		memcpy(bytes, &value, 8);
		put_jump(bytes + ((unsigned long)mov & 7), stub, mov);
		memcpy(&value, bytes, 8);
		__atomic_store_n((unsigned long *)word, value, __ATOMIC_SEQ_CST);
	} else {
		put_jump(bytes, stub, mov);
		memcpy(mov, bytes, 5);
	}
	host(SYS_mprotect, first, length, PROT_READ | PROT_EXEC);
}

static bool is_site(const unsigned char *mov, unsigned long nr)
{
	long distance = mov - (const unsigned char *)trap_stubs;
	unsigned char bytes[6];
	unsigned int number;

	/* the page in front of the instruction's may not be mapped */
	if (nr >= HIJACK_NR_MAX || needs_trap(nr) || user_copy(bytes, mov - 1, sizeof(bytes)))
		return false;
	memcpy(&number, bytes + 2, 4);
	/* a REX prefix in front would make it another instruction */
	if (bytes[1] != 0xb8 || number != nr || (bytes[0] & 0xf0) == 0x40)
		return false;
	if (has_threads && ((unsigned long)mov & 7) > 3)
		return false;
	return distance < REACH && distance > -REACH;
}

void patch_consider(unsigned long ip, unsigned long nr)
{
	unsigned int at = (ip >> 1) * 2654435761u % SITES;

	if (is_stopped || self.spawned)
		return;
	if (__atomic_load_n(&sites[at].ip, __ATOMIC_RELAXED) != ip) {
		sites[at].hits = 0;
		__atomic_store_n(&sites[at].ip, ip, __ATOMIC_RELAXED);
	}
	if (config.trap != HIJACK_TRAP_EAGER && ++sites[at].hits < HITS)
		return;
	if (!is_site((unsigned char *)ip - 7, nr) ||
	    __atomic_exchange_n(&patch_lock, 1, __ATOMIC_ACQUIRE))
		return;
	/* another thread may have been faster */
	if (is_site((unsigned char *)ip - 7, nr))
		patch((unsigned char *)ip - 7, nr);
	__atomic_store_n(&patch_lock, 0, __ATOMIC_RELEASE);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* areas.c - where files of the rump kernel are mapped; see areas.h */
#include <linux/futex.h>
#include <sys/mman.h>

#include "areas.h"
#include "signals.h"

#define PAGE 4096UL
#define TABLE_SIZE (16UL << 20) /* bytes of addresses; memory only for what is used */

bool areas_exist;
unsigned long areas_lowest = ~0UL, areas_highest;

/* sorted by address */
static struct area *table;
static unsigned int count;
static unsigned int sequence; /* odd: it is being changed */

/* ---- the lock ---- */

static int lock_word; /* 0 free, 1 taken, 2 taken and somebody sleeps */
static long lock_owner;

void areas_lock(unsigned long *ret_mask)
{
	unsigned long all = ~SIGNALS_KEPT;
	int word = 0;

	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, ret_mask, 8);
	if (!__atomic_compare_exchange_n(&lock_word, &word, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED)) {
		while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_ACQUIRE))
			host(SYS_futex, &lock_word, FUTEX_WAIT_PRIVATE, 2, NULL);
	}
	__atomic_store_n(&lock_owner, host(SYS_gettid), __ATOMIC_RELAXED);
}

void areas_unlock(const unsigned long *mask)
{
	__atomic_store_n(&lock_owner, 0, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_RELEASE) == 2)
		host(SYS_futex, &lock_word, FUTEX_WAKE_PRIVATE, 1);
	host(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, 8);
}

bool areas_are_locked_here(void)
{
	long owner = __atomic_load_n(&lock_owner, __ATOMIC_RELAXED);

	return owner && owner == host(SYS_gettid);
}

bool areas_are_locked(void)
{
	return __atomic_load_n(&lock_word, __ATOMIC_SEQ_CST);
}

void areas_forked(void)
{
	/* by a thread that is not here */
	sequence += sequence & 1;
	lock_word = 0;
	lock_owner = 0;
}

/* ---- the table ---- */

/* The index of the first that ends behind address. */
static unsigned int index_from(unsigned long address)
{
	unsigned int low = 0, high = count;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (table[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct area *areas_from(unsigned long address)
{
	unsigned int i = index_from(address);

	return i < count ? &table[i] : NULL;
}

struct area *areas_next(const struct area *area)
{
	return area + 1 < table + count ? (struct area *)area + 1 : NULL;
}

struct area *areas_at(unsigned long address)
{
	struct area *area = areas_from(address);

	return area && area->start <= address ? area : NULL;
}

static void note_bounds(void)
{
	__atomic_store_n(&areas_lowest, count ? table[0].start : ~0UL, __ATOMIC_RELAXED);
	__atomic_store_n(&areas_highest, count ? table[count - 1].end : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&areas_exist, count != 0, __ATOMIC_RELEASE);
}

/* It never moves, for those who look without the lock. */
int areas_reserve(unsigned int more)
{
	long address;

	if (count + more > TABLE_SIZE / sizeof(*table))
		return -ENOMEM;
	if (table)
		return 0;
	address = host(SYS_mmap, 0, TABLE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (is_error(address))
		return -ENOMEM;
	table = (struct area *)address;
	return 0;
}

/* Around each change, for those too. */
static void begin_change(void)
{
	__atomic_store_n(&sequence, sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void end_change(void)
{
	__atomic_store_n(&sequence, sequence + 1, __ATOMIC_RELEASE);
}

bool areas_find(unsigned long start, unsigned long end, struct area *ret_area)
{
	unsigned int before, i;
	bool found;

	do {
		while ((before = __atomic_load_n(&sequence, __ATOMIC_ACQUIRE)) & 1)
			host(SYS_sched_yield);
		found = false;
		i = index_from(start);
		if (i < __atomic_load_n(&count, __ATOMIC_RELAXED)) {
			*ret_area = table[i];
			found = ret_area->start < end;
		}
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (before != __atomic_load_n(&sequence, __ATOMIC_RELAXED));
	return found;
}

static void insert(unsigned int at, const struct area *area)
{
	memmove(&table[at + 1], &table[at], (count - at) * sizeof(*table));
	table[at] = *area;
	count++;
}

/* ---- copied pages ---- */

/* Bits of several areas that were one. */
struct area_copies {
	unsigned long users, size; /* bytes of all this */
	unsigned char bits[];
};

static void release_copies(struct area *area)
{
	if (area->copies && !--area->copies->users)
		host(SYS_munmap, area->copies, area->copies->size);
	area->copies = NULL;
}

static int make_copies(struct area *area)
{
	unsigned long pages = (area->end - area->start) / PAGE;
	unsigned long size = (sizeof(*area->copies) + pages / 8 + PAGE) & -PAGE;
	long address = host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (is_error(address))
		return -ENOMEM;
	area->copies = (struct area_copies *)address;
	area->copies->users = 1;
	area->copies->size = size;
	area->copies_at = 0;
	return 0;
}

bool area_has_copy(const struct area *area, unsigned long address)
{
	unsigned long bit = area->copies_at + (address - area->start) / PAGE;

	return area->copies && area->copies->bits[bit / 8] & 1 << bit % 8;
}

int area_set_copies(struct area *area, unsigned long start, unsigned long end, bool has)
{
	unsigned long bit = area->copies_at + (start - area->start) / PAGE;

	if (!area->copies) {
		if (!has)
			return 0;
		if (make_copies(area))
			return -ENOMEM;
		bit = (start - area->start) / PAGE;
	}
	for (; start < end; start += PAGE, bit++) {
		if (has)
			area->copies->bits[bit / 8] |= 1 << bit % 8;
		else
			area->copies->bits[bit / 8] &= ~(1 << bit % 8);
	}
	return 0;
}

/* ---- changes ---- */

int areas_add(const struct area *area)
{
	int error = areas_reserve(1);

	if (error)
		return error;
	begin_change();
	insert(index_from(area->start), area);
	end_change();
	note_bounds();
	return 0;
}

/* Two areas of the one that has the address, if it lies within. */
static void split_at(unsigned long address)
{
	unsigned int i = index_from(address);
	struct area second;

	if (i == count || table[i].start >= address)
		return;
	second = table[i];
	second.start = address;
	if (second.copies) {
		second.copies_at += (address - table[i].start) / PAGE;
		second.copies->users++;
	}
	table[i].end = address;
	insert(i + 1, &second);
}

int area_grow(struct area *area, unsigned long end)
{
	struct area grown = *area;

	grown.end = end;
	if (area->copies) {
		if (make_copies(&grown))
			return -ENOMEM;
		for (unsigned long at = area->start; at < area->end; at += PAGE)
			if (area_has_copy(area, at))
				area_set_copies(&grown, at, at + PAGE, true);
		release_copies(area);
	}
	begin_change();
	*area = grown;
	end_change();
	note_bounds();
	return 0;
}

int areas_split(unsigned long start, unsigned long end)
{
	int error = areas_reserve(2);

	if (error)
		return error;
	begin_change();
	split_at(start);
	split_at(end);
	end_change();
	return 0;
}

int areas_cut(unsigned long start, unsigned long end)
{
	unsigned int first, last;
	int error = areas_split(start, end);

	if (error)
		return error;
	begin_change();
	first = index_from(start);
	for (last = first; last < count && table[last].start < end; last++)
		release_copies(&table[last]);
	memmove(&table[first], &table[last], (count - last) * sizeof(*table));
	count -= last - first;
	end_change();
	note_bounds();
	return 0;
}

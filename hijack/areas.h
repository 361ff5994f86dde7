/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * areas.h - where in this process files of the rump kernel are mapped.
 *
 * A kernel in this process knows that too, but not for the calls of the host that change
 * the address space; one in another process does not know our addresses at all.  The table
 * is as short as the list of mappings, and empty in most programs.
 *
 * Who holds the lock has all signals but faults blocked, so that no handler waits for its
 * own thread, and touches no mapping of the rump kernel.
 */
#ifndef HIJACK_AREAS_H
#define HIJACK_AREAS_H

#include "hijack.h"

struct area_copies;

struct area {
	unsigned long start, end;
	int protection;	   /* as the application asked for */
	bool is_shared;	   /* MAP_SHARED */
	bool is_elsewhere; /* of a kernel in another process, remote_map.c */
	/*
	 * is_elsewhere, private, and once writable: its pages are copies.  A bit for each
	 * page: that it has its copy; NULL: none has.
	 */
	bool is_copied;
	struct area_copies *copies;
	unsigned long copies_at; /* the bit of the first page */
};

/* There are some, or were. */
extern bool areas_exist;

void areas_lock(unsigned long *ret_mask);
void areas_unlock(const unsigned long *mask);
/* Whether the caller has the lock; whether anybody has. */
bool areas_are_locked_here(void);
bool areas_are_locked(void);
/* In the child of a fork. */
void areas_forked(void);

/* Without the lock: a copy of the first area that lies in the range in part; false: none. */
bool areas_find(unsigned long start, unsigned long end, struct area *ret_area);

/* ---- with the lock ---- */

/* The first area that ends behind address, or NULL. */
struct area *areas_from(unsigned long address);
struct area *areas_next(const struct area *area);
/* The one that has the address, or NULL. */
struct area *areas_at(unsigned long address);
/* Nothing may lie there.  0 or -ENOMEM */
int areas_add(const struct area *area);
/* Room for so many more, so that the next calls of add and cut do not fail. */
int areas_reserve(unsigned int count);
/* What lies in the range is an area no more, or an area of its own (split). 0 or -ENOMEM */
int areas_cut(unsigned long start, unsigned long end);
int areas_split(unsigned long start, unsigned long end);

/* It ends later: there is room behind it.  0 or -ENOMEM */
int area_grow(struct area *area, unsigned long end);

/* Copied pages. */
bool area_has_copy(const struct area *area, unsigned long address);
/* 0 or -ENOMEM */
int area_set_copies(struct area *area, unsigned long start, unsigned long end, bool has);

/* Without the lock, for a quick look: some area may overlap the range. */
static inline bool areas_may_have(unsigned long start, unsigned long length)
{
	extern unsigned long areas_lowest, areas_highest;

	return __builtin_expect(__atomic_load_n(&areas_exist, __ATOMIC_ACQUIRE), 0) &&
	       start < __atomic_load_n(&areas_highest, __ATOMIC_RELAXED) &&
	       (start + length > __atomic_load_n(&areas_lowest, __ATOMIC_RELAXED) ||
		start + length < start);
}

#endif

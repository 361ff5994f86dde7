/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h - mappings of rump files: what is done to them by a kernel in this process
 * (map.c), by one elsewhere that shares its memory with us (map_remote.c), and by one that
 * does not (map_copy.c: memory of our own with a copy).
 */
#ifndef HIJACK_MAP_H
#define HIJACK_MAP_H

#include <signal.h>
#include <sys/mman.h>

#include "areas.h"

/* older headers have not all of them */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define MAP_PAGE 4096UL

/* ---- map_copy.c ---- */
long map_copy(struct call *call, int rump_fd);

/* ---- map_remote.c: all but the first three with the areas' lock ---- */

/* The kernel elsewhere shares its memory: 0; else map_copy() it is. [blocks] */
int map_remote_ready(struct call *call);
/* The kernel may have taken pages away: so do we. Cheap when it has not. */
void map_remote_check(struct call *call);
/* 0: the page is there now; else the signal that the program gets. */
int map_remote_fault(unsigned long address, bool is_write);

long map_remote_mmap(struct call *call, int rump_fd);
/* the part of a range that is one whole area; keeps_addresses: something else comes there */
long map_remote_munmap(struct call *call, const struct area *area, bool keeps_addresses);
long map_remote_mprotect(struct call *call, struct area *area, int protection);
long map_remote_discard(struct call *call, struct area *area);
/* of an area or a part of one; nothing is mapped at a fixed new place any more */
long map_remote_mremap(struct call *call, unsigned long old_length, unsigned long new_length);
/* In the child of a fork: what it has of its parent's mappings becomes its own. */
void map_remote_forked(void);
/* The connection was lost: what is mapped is of no kernel. */
void map_remote_lost(void);

/* ---- map_touch.c ---- */

/*
 * Before a call, and after one that gave EFAULT: what its arguments point to in mappings
 * of rump files is brought in, for the host and a kernel elsewhere find only what is
 * there.  again: true if the call may be made once more.
 */
void map_touch(const struct call *call);
bool map_touch_again(const struct call *call);

#endif

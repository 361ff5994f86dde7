/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_CACHEFLUSH_H
#define _ASM_RUMP_CACHEFLUSH_H
void rump_kernel_map(unsigned long start, unsigned long end);

/* Eager, for speed: what is missing is mapped by the fault handler. */
#define flush_cache_vmap(s, e)		rump_kernel_map(s, e)
#define flush_cache_vmap_early(s, e)	rump_kernel_map(s, e)
#include <asm-generic/cacheflush.h>
#endif

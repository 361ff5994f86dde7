/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_MMU_H
#define _ASM_RUMP_MMU_H

typedef struct {
	bool has_mappings;	/* mmap(2) was called: faults may be ours */
	bool is_remote;		/* a client's: nothing is mapped, addresses mean nothing here */
} mm_context_t;

extern bool rump_has_mappings;	/* any of them has */
#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_TLB_H
#define _ASM_RUMP_TLB_H

/*
 * A flush unmaps addresses on the host, so its range may hold pages only.  The
 * generic ones count the tables' own spans as well, rounded down to 512 GiB,
 * with all that the application has there.  An end of 1, below any start, says
 * that there is something to free and nothing to unmap.
 */
#define rump_tlb_freed_tables(tlb)				\
	do {							\
		(tlb)->freed_tables = 1;			\
		if (!(tlb)->end)				\
			(tlb)->end = 1;				\
	} while (0)
#define pte_free_tlb(tlb, pte, address)				\
	do {							\
		rump_tlb_freed_tables(tlb);			\
		__pte_free_tlb(tlb, pte, address);		\
	} while (0)
#define pmd_free_tlb(tlb, pmd, address)				\
	do {							\
		rump_tlb_freed_tables(tlb);			\
		__pmd_free_tlb(tlb, pmd, address);		\
	} while (0)
#define pud_free_tlb(tlb, pud, address)				\
	do {							\
		rump_tlb_freed_tables(tlb);			\
		__pud_free_tlb(tlb, pud, address);		\
	} while (0)

#include <asm-generic/tlb.h>
#endif

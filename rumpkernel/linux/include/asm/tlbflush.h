/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_TLBFLUSH_H
#define _ASM_RUMP_TLBFLUSH_H
#include <linux/mm_types.h>

/* The host's mappings are our TLB: flushing unmaps, faults map again. */
void rump_user_unmap(struct mm_struct *mm, unsigned long start, unsigned long end);
void rump_kernel_unmap(unsigned long start, unsigned long end);

#define flush_tlb_mm(mm)		rump_user_unmap(mm, 0, ~0UL)
#define flush_tlb_range(vma, s, e)	rump_user_unmap((vma)->vm_mm, s, e)
#define flush_tlb_page(vma, a)		rump_user_unmap((vma)->vm_mm, a, (a) + PAGE_SIZE)
#define flush_tlb_kernel_range(s, e)	rump_kernel_unmap(s, e)
#define flush_tlb_all()			rump_kernel_unmap(VMALLOC_START, VMALLOC_END)
#define local_flush_tlb_all()		do { } while (0)
#endif

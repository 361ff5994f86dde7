/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_PGALLOC_H
#define _ASM_RUMP_PGALLOC_H
#include <linux/mm.h>
#define __HAVE_ARCH_PGD_FREE
#include <asm-generic/pgalloc.h>

#define pmd_populate_kernel(mm, pmd, pte) \
	set_pmd(pmd, __pmd(_PAGE_TABLE | __pa(pte)))
#define pmd_populate(mm, pmd, pte) \
	set_pmd(pmd, __pmd(_PAGE_TABLE | (page_to_pfn(pte) << PAGE_SHIFT)))
#define pud_populate(mm, pud, pmd) \
	set_pud(pud, __pud(_PAGE_TABLE | __pa(pmd)))
#define p4d_populate(mm, p4d, pud) \
	((p4d)->pgd = __pgd(_PAGE_TABLE | __pa(pud)))

static inline pgd_t *pgd_alloc(struct mm_struct *mm)
{
	return (pgd_t *)get_zeroed_page(GFP_KERNEL);
}

/* of all clients: nothing is ever mapped there */
#define rump_empty_pgd	((pgd_t *)rump_zero_page)

static inline void pgd_free(struct mm_struct *mm, pgd_t *pgd)
{
	if (pgd != rump_empty_pgd)
		free_page((unsigned long)pgd);
}

#define __pte_free_tlb(tlb, pte, address)				\
do {									\
	pagetable_pte_dtor(page_ptdesc(pte));				\
	tlb_remove_page_ptdesc((tlb), page_ptdesc(pte));		\
} while (0)
#define __pmd_free_tlb(tlb, pmd, address)				\
do {									\
	pagetable_pmd_dtor(virt_to_ptdesc(pmd));			\
	tlb_remove_page_ptdesc((tlb), virt_to_ptdesc(pmd));		\
} while (0)
#define __pud_free_tlb(tlb, pud, address)				\
do {									\
	pagetable_pud_dtor(virt_to_ptdesc(pud));			\
	tlb_remove_page_ptdesc((tlb), virt_to_ptdesc(pud));		\
} while (0)
#endif

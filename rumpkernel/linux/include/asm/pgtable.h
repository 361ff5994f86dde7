/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_PGTABLE_H
#define _ASM_RUMP_PGTABLE_H
#include <asm/page.h>
/*
 * Page tables in the shape of x86-64's.  Nothing walks them but the kernel:
 * the host's mappings are made from them, see mm/mmu.c.
 */
#include <asm-generic/pgtable-nop4d.h>

#define PGDIR_SHIFT	39
#define PUD_SHIFT	30
#define PMD_SHIFT	21
#define PGDIR_SIZE	(1UL << PGDIR_SHIFT)
#define PGDIR_MASK	(~(PGDIR_SIZE - 1))
#define PUD_SIZE	(1UL << PUD_SHIFT)
#define PUD_MASK	(~(PUD_SIZE - 1))
#define PMD_SIZE	(1UL << PMD_SHIFT)
#define PMD_MASK	(~(PMD_SIZE - 1))
#define PTRS_PER_PTE	512
#define PTRS_PER_PMD	512
#define PTRS_PER_PUD	512
#define PTRS_PER_PGD	512
#define USER_PTRS_PER_PGD 256

#define _PAGE_PRESENT		0x001
#define _PAGE_RW		0x002
#define _PAGE_USER		0x004
#define _PAGE_PROTNONE		0x008
#define _PAGE_ACCESSED		0x020
#define _PAGE_DIRTY		0x040
#define _PAGE_SPECIAL		0x080
#define _PAGE_EXEC		0x100
#define _PAGE_SWP_EXCLUSIVE	0x200

#define _PAGE_TABLE	(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY)
#define _PAGE_CHG_MASK	(PAGE_MASK | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_SPECIAL)

#define _PAGE_USER_RO	(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED)
#define PAGE_NONE	__pgprot(_PAGE_PROTNONE | _PAGE_ACCESSED)
#define PAGE_SHARED	__pgprot(_PAGE_USER_RO | _PAGE_RW)
#define PAGE_COPY	__pgprot(_PAGE_USER_RO)
#define PAGE_READONLY	__pgprot(_PAGE_USER_RO)
#define PAGE_SHARED_EXEC __pgprot(_PAGE_USER_RO | _PAGE_RW | _PAGE_EXEC)
#define PAGE_COPY_EXEC	__pgprot(_PAGE_USER_RO | _PAGE_EXEC)
#define PAGE_READONLY_EXEC __pgprot(_PAGE_USER_RO | _PAGE_EXEC)
#define PAGE_KERNEL	__pgprot(_PAGE_TABLE)
#define PAGE_KERNEL_RO	__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED)
#define PAGE_KERNEL_EXEC __pgprot(_PAGE_TABLE | _PAGE_EXEC)
#define PAGE_KERNEL_NOCACHE PAGE_KERNEL

#ifndef __ASSEMBLY__
extern pgd_t swapper_pg_dir[PTRS_PER_PGD];
extern void *rump_zero_page;

#define ZERO_PAGE(vaddr)	virt_to_page(rump_zero_page)
#define pgprot_noncached(x)	(x)
#define pte_ERROR(e)		pr_err("bad pte %lx\n", pte_val(e))
#define pmd_ERROR(e)		pr_err("bad pmd %lx\n", pmd_val(e))
#define pud_ERROR(e)		pr_err("bad pud %lx\n", pud_val(e))
#define pgd_ERROR(e)		pr_err("bad pgd %lx\n", pgd_val(e))

static inline void set_pte(pte_t *p, pte_t v)
{
	WRITE_ONCE(*p, v);
}

static inline void set_pmd(pmd_t *p, pmd_t v)
{
	WRITE_ONCE(*p, v);
}

static inline void set_pud(pud_t *p, pud_t v)
{
	WRITE_ONCE(*p, v);
}

static inline void set_p4d(p4d_t *p, p4d_t v)
{
	WRITE_ONCE(*p, v);
}

#define pte_clear(mm, addr, p)	set_pte((p), __pte(0))
#define pte_none(x)		(!pte_val(x))
#define pte_present(x)		(pte_val(x) & (_PAGE_PRESENT | _PAGE_PROTNONE))
#define pmd_none(x)		(!pmd_val(x))
#define pmd_present(x)		(pmd_val(x) & _PAGE_PRESENT)
#define pmd_bad(x)		((pmd_val(x) & ~PAGE_MASK) != _PAGE_TABLE)
#define pmd_clear(p)		set_pmd(p, __pmd(0))
#define pmd_leaf(x)		0
#define pud_none(x)		(!pud_val(x))
#define pud_present(x)		(pud_val(x) & _PAGE_PRESENT)
#define pud_bad(x)		((pud_val(x) & ~PAGE_MASK) != _PAGE_TABLE)
#define pud_clear(p)		set_pud(p, __pud(0))
#define pud_leaf(x)		0

static inline int p4d_none(p4d_t p)
{
	return !pgd_val(p.pgd);
}

static inline int p4d_bad(p4d_t p)
{
	return 0;
}

static inline int p4d_present(p4d_t p)
{
	return pgd_val(p.pgd) & _PAGE_PRESENT;
}

static inline void p4d_clear(p4d_t *p)
{
	p->pgd = __pgd(0);
}

#define PFN_PTE_SHIFT		PAGE_SHIFT
#define pte_pfn(x)		(pte_val(x) >> PAGE_SHIFT)
#define pte_page(x)		pfn_to_page(pte_pfn(x))
#define pmd_pfn(x)		(pmd_val(x) >> PAGE_SHIFT)
#define pmd_page(x)		pfn_to_page(pmd_pfn(x))
#define pud_pfn(x)		(pud_val(x) >> PAGE_SHIFT)
#define pud_page(x)		pfn_to_page(pud_pfn(x))
#define pmd_page_vaddr(x)	((unsigned long)__va(pmd_val(x) & PAGE_MASK))
#define pud_pgtable(x)		((pmd_t *)__va(pud_val(x) & PAGE_MASK))
#define p4d_pgtable(x)		((pud_t *)__va(pgd_val((x).pgd) & PAGE_MASK))
#define p4d_page(x)		pfn_to_page(pgd_val((x).pgd) >> PAGE_SHIFT)

static inline pud_t *pud_offset(p4d_t *p4d, unsigned long address)
{
	return p4d_pgtable(*p4d) + ((address >> PUD_SHIFT) & (PTRS_PER_PUD - 1));
}
#define pud_offset pud_offset

#define pfn_pte(pfn, prot)	__pte(((unsigned long)(pfn) << PAGE_SHIFT) | pgprot_val(prot))
#define pfn_pmd(pfn, prot)	__pmd(((unsigned long)(pfn) << PAGE_SHIFT) | pgprot_val(prot))
#define mk_pte(page, prot)	pfn_pte(page_to_pfn(page), prot)

#define RUMP_PTE_TEST(name, bit)					\
static inline int pte_##name(pte_t p)					\
{									\
	return !!(pte_val(p) & (bit));					\
}
RUMP_PTE_TEST(write, _PAGE_RW)
RUMP_PTE_TEST(dirty, _PAGE_DIRTY)
RUMP_PTE_TEST(young, _PAGE_ACCESSED)
RUMP_PTE_TEST(special, _PAGE_SPECIAL)
RUMP_PTE_TEST(exec, _PAGE_EXEC)
RUMP_PTE_TEST(swp_exclusive, _PAGE_SWP_EXCLUSIVE)

#define RUMP_PTE_CHANGE(name, op)					\
static inline pte_t pte_##name(pte_t p)					\
{									\
	pte_val(p) op;							\
	return p;							\
}
RUMP_PTE_CHANGE(mkclean, &= ~_PAGE_DIRTY)
RUMP_PTE_CHANGE(mkdirty, |= _PAGE_DIRTY)
RUMP_PTE_CHANGE(mkold, &= ~_PAGE_ACCESSED)
RUMP_PTE_CHANGE(mkyoung, |= _PAGE_ACCESSED)
RUMP_PTE_CHANGE(wrprotect, &= ~_PAGE_RW)
RUMP_PTE_CHANGE(mkwrite_novma, |= _PAGE_RW)
RUMP_PTE_CHANGE(mkspecial, |= _PAGE_SPECIAL)
RUMP_PTE_CHANGE(swp_mkexclusive, |= _PAGE_SWP_EXCLUSIVE)
RUMP_PTE_CHANGE(swp_clear_exclusive, &= ~_PAGE_SWP_EXCLUSIVE)

static inline pte_t pte_modify(pte_t p, pgprot_t prot)
{
	return __pte((pte_val(p) & _PAGE_CHG_MASK) | pgprot_val(prot));
}

/* Mappings are made by the fault handler, after the fault was handled. */
#define update_mmu_cache(vma, address, p) do { } while (0)
#define update_mmu_cache_range(vmf, vma, address, p, nr) do { } while (0)
#define update_mmu_tlb_range(vma, address, p, nr) do { } while (0)

#define __swp_type(x)		(((x).val >> 12) & 0x1f)
#define __swp_offset(x)		((x).val >> 17)
#define __swp_entry(t, o)	((swp_entry_t) { (((unsigned long)(t) & 0x1f) << 12) | \
						 ((unsigned long)(o) << 17) })
#define __pte_to_swp_entry(pte)	((swp_entry_t) { pte_val(pte) })
#define __swp_entry_to_pte(x)	((pte_t) { (x).val })

/* asks the host for the addresses of a mapping */
#define HAVE_ARCH_UNMAPPED_AREA
#define HAVE_ARCH_UNMAPPED_AREA_TOPDOWN
#endif
#endif

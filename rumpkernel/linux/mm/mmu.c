// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host mappings from the kernel's page tables.
 *
 * The page tables are the truth.  The host's mappings are a cache of them, as
 * a TLB is: they may be missing at any time (a fault maps what the table has)
 * and are taken away where Linux flushes the TLB.
 */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <asm/cacheflush.h>
#include <asm/rump.h>
#include <asm/tlbflush.h>

/* pages around a fault that are mapped with it, if they are there */
#define FAULT_AROUND	16
/* the same for who reads one page after the other: what one table has */
#define FAULT_AHEAD	PTRS_PER_PTE

pgd_t swapper_pg_dir[PTRS_PER_PGD] __aligned(PAGE_SIZE);
bool rump_has_mappings;

static const pgprot_t protection_map[16] = {
	[VM_NONE]					= PAGE_NONE,
	[VM_READ]					= PAGE_READONLY,
	[VM_WRITE]					= PAGE_COPY,
	[VM_WRITE | VM_READ]				= PAGE_COPY,
	[VM_EXEC]					= PAGE_READONLY_EXEC,
	[VM_EXEC | VM_READ]				= PAGE_READONLY_EXEC,
	[VM_EXEC | VM_WRITE]				= PAGE_COPY_EXEC,
	[VM_EXEC | VM_WRITE | VM_READ]			= PAGE_COPY_EXEC,
	[VM_SHARED]					= PAGE_NONE,
	[VM_SHARED | VM_READ]				= PAGE_READONLY,
	[VM_SHARED | VM_WRITE]				= PAGE_SHARED,
	[VM_SHARED | VM_WRITE | VM_READ]		= PAGE_SHARED,
	[VM_SHARED | VM_EXEC]				= PAGE_READONLY_EXEC,
	[VM_SHARED | VM_EXEC | VM_READ]			= PAGE_READONLY_EXEC,
	[VM_SHARED | VM_EXEC | VM_WRITE]		= PAGE_SHARED_EXEC,
	[VM_SHARED | VM_EXEC | VM_WRITE | VM_READ]	= PAGE_SHARED_EXEC,
};
DECLARE_VM_GET_PAGE_PROT

static pmd_t *find_pmd(struct mm_struct *mm, unsigned long address)
{
	p4d_t *p4d = p4d_offset(pgd_offset(mm, address), address);
	pud_t *pud;

	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, address);
	if (pud_none(*pud))
		return NULL;
	return pmd_offset(pud, address);
}

/* Without a lock: of the kernel's own range, whose tables stay. */
static pte_t *find_pte(struct mm_struct *mm, unsigned long address)
{
	pmd_t *pmd = find_pmd(mm, address);

	return pmd && !pmd_none(*pmd) ? pte_offset_kernel(pmd, address) : NULL;
}

/* ---- the kernel's own range: vmalloc, vmap, modules ---- */

static int protection_of(pte_t pte)
{
	return RUMPUSER_PROT_READ | (pte_write(pte) ? RUMPUSER_PROT_WRITE : 0) |
	       (pte_exec(pte) ? RUMPUSER_PROT_EXEC : 0);
}

/* The run from address on that is contiguous in the memory object. */
static unsigned long pte_run(unsigned long address, unsigned long end, pte_t first)
{
	unsigned long n;
	pte_t *pte;

	for (n = 1; address + n * PAGE_SIZE < end; n++) {
		pte = find_pte(&init_mm, address + n * PAGE_SIZE);
		if (!pte || !pte_present(*pte) || pte_pfn(*pte) != pte_pfn(first) + n ||
		    protection_of(*pte) != protection_of(first))
			break;
	}
	return n;
}

/* One host mapping for each contiguous run of pages. */
void rump_kernel_map(unsigned long start, unsigned long end)
{
	unsigned long address = start, n;
	pte_t *pte;

	while (address < end) {
		pte = find_pte(&init_mm, address);
		n = 1;
		if (pte && pte_present(*pte)) {
			n = pte_run(address, end, *pte);
			hyp()->map(address, pte_pfn(*pte) << PAGE_SHIFT, n << PAGE_SHIFT,
				   protection_of(*pte));
		}
		address += n << PAGE_SHIFT;
	}
}
EXPORT_SYMBOL(rump_kernel_map);

/* The first page at or behind address that the table has, or end. */
static unsigned long next_present(unsigned long address, unsigned long end)
{
	while (address < end) {
		pmd_t *pmd = find_pmd(&init_mm, address);

		if (!pmd || pmd_none(*pmd)) {
			address = (address & PMD_MASK) + PMD_SIZE;
			continue;
		}
		if (pte_present(*pte_offset_kernel(pmd, address)))
			return address;
		address += PAGE_SIZE;
	}
	return end;
}

/*
 * vfree() flushes once for many areas, the span from the first to the last: what
 * is in use in between stays, or every page of a module would fault again.
 */
void rump_kernel_unmap(unsigned long start, unsigned long end)
{
	unsigned long next;

	start = max(start & PAGE_MASK, VMALLOC_START);
	end = min(PAGE_ALIGN(end), VMALLOC_END);
	for (; start < end; start = next + PAGE_SIZE) {
		next = next_present(start, end);
		if (start < next)
			hyp()->unmap(start, next - start);
	}
}
EXPORT_SYMBOL(rump_kernel_unmap);

/* In a signal handler: no locks, the table of a live range does not go away. */
bool rump_kernel_fault(unsigned long address, bool is_write, bool is_exec)
{
	pte_t *pte;

	address &= PAGE_MASK;
	pte = find_pte(&init_mm, address);
	if (!pte || !pte_present(*pte))
		return false;
	/* what the table forbids would fault again for ever */
	if ((is_write && !pte_write(*pte)) || (is_exec && !pte_exec(*pte)))
		return false;
	return !rump_user->map(address, pte_pfn(*pte) << PAGE_SHIFT, PAGE_SIZE,
			       protection_of(*pte));
}

/* ---- the application's mappings of rump files ---- */

void rump_user_unmap(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, start);

	if (!mm->context.has_mappings || end <= start)	/* see asm/tlb.h */
		return;
	if (mm->context.is_remote) {
		rump_share_flush(mm, start, end);
		return;
	}
	if (end != ~0UL) {
		hyp()->unmap(start & PAGE_MASK, PAGE_ALIGN(end) - (start & PAGE_MASK));
		return;
	}
	for_each_vma(vmi, vma)
		hyp()->unmap(vma->vm_start, vma->vm_end - vma->vm_start);
}

/* 0: the tables have nothing there. */
static pte_t pte_of(struct mm_struct *mm, unsigned long address)
{
	pmd_t *pmd = find_pmd(mm, address);
	pte_t *pte, found = __pte(0);
	spinlock_t *lock;

	pte = pmd && !pmd_none(*pmd) ? pte_offset_map_lock(mm, pmd, address, &lock) : NULL;
	if (pte) {
		if (pte_present(*pte))
			found = *pte;
		pte_unmap_unlock(pte, lock);
	}
	return found;
}

/* With the lock of mm, or for a page that goes away only by its owner's doing. */
bool rump_user_has_page(struct mm_struct *mm, unsigned long address, unsigned long pfn)
{
	pte_t pte = pte_of(mm, address);

	return pte_present(pte) && pte_pfn(pte) == pfn;
}

bool rump_user_is_dirty(struct mm_struct *mm, unsigned long address)
{
	pte_t pte = pte_of(mm, address);

	return pte_present(pte) && pte_write(pte) && pte_dirty(pte);
}

/*
 * A fault costs a signal of the host's, many times what it costs Linux.  So who reads on
 * from page to page gets in the tables what the page cache has ahead.  With the lock of mm
 * for reading.  Returns how many pages the tables may have in that window.
 */
unsigned long rump_fault_ahead(struct vm_area_struct *vma, unsigned long address)
{
	unsigned long first = address & PMD_MASK, end = min(first + PMD_SIZE, vma->vm_end);
	struct vm_fault vmf = {
		.vma = vma,
		.address = address,
		.real_address = address,
		.pgoff = linear_page_index(vma, address),
		.pmd = find_pmd(vma->vm_mm, address),
	};

	if (!vma->vm_ops || !vma->vm_ops->map_pages || !vmf.pmd || pmd_none(*vmf.pmd) ||
	    address == vma->vm_start || !pte_present(pte_of(vma->vm_mm, address - PAGE_SIZE)))
		return FAULT_AROUND;
	rcu_read_lock();
	vma->vm_ops->map_pages(&vmf, vmf.pgoff, vmf.pgoff + ((end - address) >> PAGE_SHIFT) - 1);
	rcu_read_unlock();
	return FAULT_AHEAD;
}

/* Read-only: a page that is not dirty yet is mapped so, to see the first write. */
static long map_clean(unsigned long start, unsigned long end, pte_t *pte, int protection)
{
	unsigned long n;
	long ret;

	for (; start < end; start += n << PAGE_SHIFT, pte += n) {
		n = 1;
		if (!pte_present(*pte) || pte_dirty(*pte))
			continue;
		while (start + n * PAGE_SIZE < end && pte_present(pte[n]) && !pte_dirty(pte[n]) &&
		       pte_pfn(pte[n]) == pte_pfn(*pte) + n)
			n++;
		ret = hyp()->map(start, pte_pfn(*pte) << PAGE_SHIFT, n << PAGE_SHIFT, protection);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Maps what the table has around address, with the protection it allows now.
 * Under the table's lock: who takes a page away changes the table under it,
 * then unmaps, then frees the page, so that what is mapped here in between
 * does not stay.
 */
static long map_around(struct vm_area_struct *vma, unsigned long address, bool is_write)
{
	unsigned long size = is_write ? 1 : rump_fault_ahead(vma, address);
	pmd_t *pmd = find_pmd(vma->vm_mm, address);
	int protection = RUMPUSER_PROT_READ;
	unsigned long start, end;
	long ret = -EAGAIN;
	spinlock_t *lock;
	pte_t *pte;

	pte = pmd ? pte_offset_map_lock(vma->vm_mm, pmd, address, &lock) : NULL;
	if (!pte)
		return ret;
	if (!pte_present(*pte))
		goto out;
	if (is_write && pte_write(*pte))
		set_pte(pte, pte_mkdirty(*pte));
	if (vma->vm_flags & VM_EXEC)
		protection |= RUMPUSER_PROT_EXEC;
	if (is_write || pte_dirty(*pte)) {
		ret = hyp()->map(address, pte_pfn(*pte) << PAGE_SHIFT, PAGE_SIZE,
				 pte_write(*pte) && pte_dirty(*pte) ?
				 protection | RUMPUSER_PROT_WRITE : protection);
		if (ret || is_write)
			goto out;
	}
	/* one table has them all */
	size *= PAGE_SIZE;
	start = max(vma->vm_start, address & -size);
	end = min(vma->vm_end, (address & -size) + size);
	/* what was read before is there */
	if (size > FAULT_AROUND * PAGE_SIZE)
		start = address;
	ret = map_clean(start, end, pte - ((address - start) >> PAGE_SHIFT), protection);
out:
	pte_unmap_unlock(pte, lock);
	return ret;
}

/*
 * The host allows so many mappings only (vm.max_map_count), and each run of pages is one.
 * They are a cache: all go, and those in use come back.
 */
static long map_around_again(struct vm_area_struct *vma, unsigned long address, bool is_write)
{
	rump_user_unmap(vma->vm_mm, 0, ~0UL);
	return map_around(vma, address, is_write);
}

/*
 * In kernel context, may sleep: 0, or -EFAULT if the address is not ours or may not, -EIO
 * where Linux has a SIGBUS.
 */
long rump_user_fault(unsigned long address, bool is_write, bool is_user)
{
	unsigned int flags = FAULT_FLAG_DEFAULT | FAULT_FLAG_USER |
			     (is_write ? FAULT_FLAG_WRITE : 0);
	struct mm_struct *mm = current->mm;
	struct pt_regs regs = { .user = 1 };
	struct vm_area_struct *vma;
	vm_fault_t fault;
	long ret;

	if (!mm || !mm->context.has_mappings)
		return -EFAULT;
	address &= PAGE_MASK;
retry:
	vma = lock_mm_and_find_vma(mm, address, &regs);
	if (!vma)
		return -EFAULT;
	ret = -EFAULT;
	if (!(vma->vm_flags & (is_write ? VM_WRITE : VM_READ | VM_EXEC)))
		goto out;
	fault = handle_mm_fault(vma, address, flags, &regs);
	/* the signal first; the application then touches the page again */
	if (fault & VM_FAULT_RETRY && is_user && signal_pending(current))
		return 0;
	if (fault & VM_FAULT_RETRY && fatal_signal_pending(current))
		return -EFAULT;
	if (fault & VM_FAULT_COMPLETED)
		goto retry;
	if (fault & VM_FAULT_RETRY) {
		flags |= FAULT_FLAG_TRIED;
		goto retry;
	}
	if (fault & VM_FAULT_ERROR) {
		if (fault & (VM_FAULT_SIGBUS | VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE))
			ret = -EIO;
		goto out;
	}
	ret = map_around(vma, address, is_write);
	if (ret == -ENOMEM)
		ret = map_around_again(vma, address, is_write);
	if (ret == -EAGAIN) {
		mmap_read_unlock(mm);
		goto retry;
	}
out:
	mmap_read_unlock(mm);
	return ret;
}

/* ---- addresses ---- */

/*
 * Where something is to be mapped; the caller gives it back when that fails.  What lies
 * elsewhere is the application's, which only the host knows.
 */
unsigned long rump_user_reserve(unsigned long address, unsigned long length, bool is_exact)
{
	unsigned long found;

	if (!length || length > TASK_SIZE)
		return -ENOMEM;
	found = hyp()->reserve(address, length, false);
	if (!found)
		return -ENOMEM;
	if (is_exact && found != address) {
		hyp()->unreserve(found, length);
		return -EEXIST;
	}
	return found;
}

/* The address space of the current task has, or is about to have, mappings. */
void rump_user_maps(void)
{
	current->mm->context.has_mappings = true;
	rump_has_mappings = true;
}

/* Calls that say where have seen to it; others, such as shmat(2), come with a wish. */
static unsigned long find_area(unsigned long address, unsigned long length, unsigned long flags)
{
	if (length > TASK_SIZE)
		return -ENOMEM;
	if (flags & MAP_FIXED)
		return address;
	if (current->mm->context.is_remote)	/* the client knows what is free, we do not */
		return -ENOMEM;
	rump_user_maps();
	return rump_user_reserve(address, length, flags & MAP_FIXED_NOREPLACE);
}

unsigned long arch_get_unmapped_area(struct file *file, unsigned long address,
				     unsigned long length, unsigned long pgoff,
				     unsigned long flags, vm_flags_t vm_flags)
{
	return find_area(address, length, flags);
}

unsigned long arch_get_unmapped_area_topdown(struct file *file, unsigned long address,
					     unsigned long length, unsigned long pgoff,
					     unsigned long flags, vm_flags_t vm_flags)
{
	return find_area(address, length, flags);
}

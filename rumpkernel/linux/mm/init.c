// SPDX-License-Identifier: GPL-2.0-only
/* Physical memory: one memory object of the host, pfn = offset / PAGE_SIZE. */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <asm/rump.h>
#include <asm/sections.h>

void *rump_zero_page;
EXPORT_SYMBOL(rump_zero_page);

void __init rump_memory_setup(void)
{
	unsigned long max_zone_pfns[MAX_NR_ZONES] = { 0 };

	memblock_add(0, rump_memory_size);
	memblock_reserve(0, PAGE_SIZE);		/* physical address 0 means "none" in places */
	min_low_pfn = 0;
	max_pfn = max_low_pfn = rump_memory_size >> PAGE_SHIFT;
	high_memory = __va(rump_memory_size);
	set_max_mapnr(max_pfn);
	rump_zero_page = memblock_alloc(PAGE_SIZE, PAGE_SIZE);
	max_zone_pfns[ZONE_NORMAL] = max_low_pfn;
	free_area_init(max_zone_pfns);
}

void __init mem_init(void)
{
	memblock_free_all();
}

/* The image is the host's mapping of a file, not pages of ours. */
void free_initmem(void)
{
}

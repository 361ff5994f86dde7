/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_IO_H
#define _ASM_RUMP_IO_H
#include <linux/types.h>

/* There is no bus and nothing to map. */
static inline void __iomem *ioremap(phys_addr_t addr, size_t size)
{
	return NULL;
}
#define ioremap		ioremap
#define ioremap_wc	ioremap
#define ioremap_wt	ioremap
static inline void iounmap(volatile void __iomem *addr)
{
}
#define iounmap		iounmap
#include <asm-generic/io.h>
#endif

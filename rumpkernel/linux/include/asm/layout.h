/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where things lie: the values of rumpuser.h (setup.c checks), apart from it so
 * that a new hypercall does not mean a new build of everything.
 */
#ifndef _ASM_RUMP_LAYOUT_H
#define _ASM_RUMP_LAYOUT_H
#include <linux/const.h>

#define IMAGE_BASE	_AC(0x5a0000000000, UL)
#define VMALLOC_START	_AC(0x5a0008000000, UL)
#define VMALLOC_SIZE	_AC(0x000060000000, UL)
#define VMALLOC_END	(VMALLOC_START + VMALLOC_SIZE)
#define PAGE_OFFSET	_AC(0x5a1000000000, UL)
#endif

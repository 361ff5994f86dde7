// SPDX-License-Identifier: GPL-2.0-only
/*
 * The image where something else lies at its address.
 *
 * All processes have it at the address that it is linked for (asm/layout.h), so the
 * pointers in its data are right as they are in the file: build/prelink.py has taken
 * the work, and a private copy of each page that has one, from the dynamic linker.
 * Elsewhere they are set right here, when the library is loaded and before anything
 * else runs in it.  On a host stack.
 */
#include <linux/compiler.h>
#include <linux/types.h>

struct relocation {			/* Elf64_Rela of the type R_X86_64_RELATIVE */
	u64 offset, info;
	s64 addend;
};

/* linker script */
extern const struct relocation rump_relocations[], rump_relocations_end[];

void rump_relocate(void);

/* read from the file: what the address would be where the image is linked for */
static void *volatile linked_at = rump_relocate;

/* DT_INIT of the library */
__visible void rump_relocate(void)
{
	unsigned long moved = (unsigned long)rump_relocate - (unsigned long)linked_at;
	const struct relocation *relocation;

	if (likely(!moved))
		return;
	for (relocation = rump_relocations; relocation < rump_relocations_end; relocation++)
		*(u64 *)(relocation->offset + moved) = relocation->addend + moved;
}

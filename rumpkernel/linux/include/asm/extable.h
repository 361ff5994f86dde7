/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_EXTABLE_H
#define _ASM_RUMP_EXTABLE_H

/* The layout of x86, which the tree's build-time sort knows. */
struct exception_table_entry {
	int insn, fixup, data;
};

#define ARCH_HAS_RELATIVE_EXTABLE

#define swap_ex_entry_fixup(a, b, tmp, delta)		\
	do {						\
		(a)->fixup = (b)->fixup + (delta);	\
		(b)->fixup = (tmp).fixup - (delta);	\
		(a)->data = (b)->data;			\
		(b)->data = (tmp).data;			\
	} while (0)

static inline unsigned long ex_fixup_addr(const struct exception_table_entry *entry)
{
	return (unsigned long)&entry->fixup + entry->fixup;
}

#define _ASM_EXTABLE(from, to)			\
	".pushsection __ex_table,\"a\"\n"	\
	".balign 4\n"				\
	".long (" #from ") - .\n"		\
	".long (" #to ") - .\n"			\
	".long 0\n"				\
	".popsection\n"
#endif

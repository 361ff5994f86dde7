// SPDX-License-Identifier: GPL-2.0-only
/* Relocations of native modules. */
#include <linux/elf.h>
#include <linux/kernel.h>
#include <linux/moduleloader.h>

int apply_relocate_add(Elf64_Shdr *sechdrs, const char *strtab, unsigned int symindex,
		       unsigned int relsec, struct module *me)
{
	Elf64_Rela *rel = (void *)sechdrs[relsec].sh_addr;
	Elf64_Sym *symbols = (void *)sechdrs[symindex].sh_addr;
	void *section = (void *)sechdrs[sechdrs[relsec].sh_info].sh_addr;
	unsigned int i;

	for (i = 0; i < sechdrs[relsec].sh_size / sizeof(*rel); i++) {
		void *place = section + rel[i].r_offset;
		u64 value = symbols[ELF64_R_SYM(rel[i].r_info)].st_value + rel[i].r_addend;

		switch (ELF64_R_TYPE(rel[i].r_info)) {
		case R_X86_64_NONE:
			break;
		case R_X86_64_64:
			*(u64 *)place = value;
			break;
		case R_X86_64_PC32:
		case R_X86_64_PLT32:
			value -= (u64)place;
			if ((s64)value != (s32)value) {
				pr_err("%s: too far from the kernel image\n", me->name);
				return -ENOEXEC;
			}
			*(u32 *)place = value;
			break;
		case R_X86_64_PC64:
			*(u64 *)place = value - (u64)place;
			break;
		default:
			pr_err("%s: unknown relocation %llu\n", me->name,
			       ELF64_R_TYPE(rel[i].r_info));
			return -ENOEXEC;
		}
	}
	return 0;
}

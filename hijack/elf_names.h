/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf_names.h - which libraries a program wants, and other names for them.  Pure: works on a
 * copy of the file in memory, of which nothing is trusted.
 */
#ifndef HIJACK_ELF_NAMES_H
#define HIJACK_ELF_NAMES_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

#define ELF_ROOM 4096UL /* a page */

struct elf {
	char *file;
	size_t size;
	Elf64_Phdr *segments;
	unsigned int segment_count;
	Elf64_Dyn *dynamic;
	unsigned int dynamic_count;
	unsigned long strings; /* address of the string table */
	unsigned long strings_size;
	unsigned long names; /* address of those that are new, 0: there are none */
	unsigned long names_size;
};

/*
 * size: whole pages, of which the last one is no part of the file.  false: it is no x86-64
 * ELF file, or wants no libraries.
 */
bool elf_parse(struct elf *elf, void *file, size_t size);
/* The string of the n-th entry with that tag; NULL: there are no more. */
const char *elf_string(const struct elf *elf, Elf64_Sxword tag, unsigned int n);
/* What wants the library `from` wants `to` instead; false: there is no room for that name. */
bool elf_rename(struct elf *elf, const char *from, const char *to);

#endif

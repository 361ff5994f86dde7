/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf_names.c - which libraries a program wants, and other names for them; see elf_names.h
 *
 * A new name does not fit where the old one is.  It goes to a page behind the file's end,
 * which is made a segment of the program: that of its notes, which nobody misses.  The
 * dynamic section counts from the string table, and that may be any distance.  The names
 * that versions of symbols belong to change too: the loader looks for a library by them.
 */
#include "elf_names.h"

#include <stdint.h>
#include <string.h>

#define COUNT_MAX 65536 /* entries of a list, for one that has no end */

/* The part of the file that is at these addresses when it runs; NULL. */
static char *at_address(const struct elf *elf, unsigned long address, unsigned long length)
{
	for (unsigned int i = 0; i < elf->segment_count; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];
		unsigned long offset = address - segment->p_vaddr;

		if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
		    offset >= segment->p_filesz || length > segment->p_filesz - offset)
			continue;
		if (segment->p_offset > elf->size || offset > elf->size - segment->p_offset ||
		    length > elf->size - segment->p_offset - offset)
			return NULL;
		return elf->file + segment->p_offset + offset;
	}
	return NULL;
}

static const Elf64_Dyn *entry_of(const struct elf *elf, Elf64_Sxword tag, unsigned int n)
{
	for (unsigned int i = 0; i < elf->dynamic_count; i++)
		if (elf->dynamic[i].d_tag == tag && !n--)
			return &elf->dynamic[i];
	return NULL;
}

/* The first name turns the notes into a segment: behind all others, in the table as well. */
static bool make_segment(struct elf *elf)
{
	Elf64_Phdr *note = NULL;
	unsigned long end = 0;

	for (unsigned int i = 0; i < elf->segment_count; i++) {
		Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type == PT_NOTE)
			note = segment;
		if (segment->p_type != PT_LOAD)
			continue;
		note = NULL;
		if (segment->p_vaddr + segment->p_memsz > end)
			end = segment->p_vaddr + segment->p_memsz;
	}
	if (!note)
		return false;
	end = (end + ELF_ROOM - 1) & -ELF_ROOM;
	*note = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_offset = elf->size - ELF_ROOM,
		.p_vaddr = end,
		.p_paddr = end,
		.p_filesz = ELF_ROOM,
		.p_memsz = ELF_ROOM,
		.p_align = ELF_ROOM,
	};
	elf->names = end;
	return true;
}

bool elf_parse(struct elf *elf, void *file, size_t size)
{
	const Elf64_Ehdr *head = file;
	const Elf64_Dyn *entry;

	*elf = (struct elf){.file = file, .size = size};
	if (size < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) ||
	    head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != EM_X86_64 ||
	    head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phoff % 8 || head->e_phoff > size ||
	    head->e_phnum * sizeof(Elf64_Phdr) > size - head->e_phoff)
		return false;
	elf->segments = (Elf64_Phdr *)(elf->file + head->e_phoff);
	elf->segment_count = head->e_phnum;
	for (unsigned int i = 0; i < elf->segment_count; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type != PT_DYNAMIC || segment->p_offset % 8 ||
		    segment->p_offset > size || segment->p_filesz > size - segment->p_offset)
			continue;
		elf->dynamic = (Elf64_Dyn *)(elf->file + segment->p_offset);
		elf->dynamic_count = segment->p_filesz / sizeof(Elf64_Dyn);
	}
	for (unsigned int i = 0; i < elf->dynamic_count; i++)
		if (elf->dynamic[i].d_tag == DT_NULL)
			elf->dynamic_count = i;
	entry = entry_of(elf, DT_STRTAB, 0);
	elf->strings = entry ? entry->d_un.d_ptr : 0;
	entry = entry_of(elf, DT_STRSZ, 0);
	elf->strings_size = entry ? entry->d_un.d_val : 0;
	if (!elf->strings_size || !entry_of(elf, DT_NEEDED, 0) ||
	    !at_address(elf, elf->strings, elf->strings_size))
		return false;
	return true;
}

static const char *string_at(const struct elf *elf, unsigned long offset)
{
	const char *strings = at_address(elf, elf->strings, elf->strings_size);
	unsigned long address = elf->strings + offset;

	if (offset < elf->strings_size) {
		/* its end, too */
		for (unsigned long i = offset; i < elf->strings_size; i++)
			if (!strings[i])
				return strings + offset;
		return NULL;
	}
	/* one that elf_rename() has made */
	return elf->names && address - elf->names < elf->names_size ? at_address(elf, address, 1)
								    : NULL;
}

const char *elf_string(const struct elf *elf, Elf64_Sxword tag, unsigned int n)
{
	const Elf64_Dyn *entry = entry_of(elf, tag, n);

	return entry ? string_at(elf, entry->d_un.d_val) : NULL;
}

static bool is_string(const struct elf *elf, unsigned long offset, const char *text)
{
	const char *string = string_at(elf, offset);

	return string && !strcmp(string, text);
}

/* The file names in the list of wanted versions. */
static void rename_versions(const struct elf *elf, const char *from, unsigned long to)
{
	const Elf64_Dyn *entry = entry_of(elf, DT_VERNEED, 0);
	unsigned long address = entry ? entry->d_un.d_ptr : 0;

	for (unsigned int i = 0; address && i < COUNT_MAX; i++) {
		Elf64_Verneed *need = (void *)at_address(elf, address, sizeof(*need));

		if (!need || (uintptr_t)need % _Alignof(Elf64_Verneed))
			return;
		if (is_string(elf, need->vn_file, from))
			need->vn_file = to;
		address = need->vn_next ? address + need->vn_next : 0;
	}
}

/* Where it is, from the string table on; 0: there is no room. */
static unsigned long add_string(struct elf *elf, const char *text)
{
	unsigned long length = strlen(text) + 1, offset;

	if (!elf->names && !make_segment(elf))
		return 0;
	offset = elf->names + elf->names_size - elf->strings;
	if (length > ELF_ROOM - elf->names_size || offset > UINT32_MAX)
		return 0;
	memcpy(elf->file + elf->size - ELF_ROOM + elf->names_size, text, length);
	elf->names_size += length;
	return offset;
}

bool elf_rename(struct elf *elf, const char *from, const char *to)
{
	unsigned long offset;
	char old[256];

	if (strlen(from) >= sizeof(old))
		return false;
	/* it may be one of those that change */
	memcpy(old, from, strlen(from) + 1);
	offset = add_string(elf, to);
	if (!offset)
		return false;
	for (unsigned int i = 0; i < elf->dynamic_count; i++)
		if (elf->dynamic[i].d_tag == DT_NEEDED &&
		    is_string(elf, elf->dynamic[i].d_un.d_val, old))
			elf->dynamic[i].d_un.d_val = offset;
	rename_versions(elf, old, offset);
	return true;
}

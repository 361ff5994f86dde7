/* SPDX-License-Identifier: BSD-2-Clause */
/* program.c - what an executable file is; see program.h */
#include <elf.h>
#include <string.h>

#include "program.h"

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The interpreter of a first line, as Linux cuts it. */
static void parse_script(const char *head, size_t length, struct program *ret)
{
	size_t at = 2, used = 0;

	while (at < length && is_blank(head[at]))
		at++;
	while (at < length && head[at] && head[at] != '\n' && !is_blank(head[at])) {
		/* Linux does not execute what it would have to cut */
		if (used == sizeof(ret->interpreter) - 1) {
			*ret->interpreter = '\0';
			return;
		}
		ret->interpreter[used++] = head[at++];
	}
	ret->interpreter[used] = '\0';
	if (used)
		ret->kind = PROGRAM_SCRIPT;
}

static void find_interpreter(const char *head, size_t length, const Elf64_Phdr *segment,
			     struct program *ret)
{
	ret->kind = PROGRAM_DYNAMIC;
	ret->interpreter_at = segment->p_offset;
	ret->interpreter_size = segment->p_filesz;
	if (!segment->p_filesz || segment->p_filesz > sizeof(ret->interpreter) ||
	    segment->p_offset > length || length - segment->p_offset < segment->p_filesz)
		return;
	memcpy(ret->interpreter, head + segment->p_offset, segment->p_filesz);
	ret->interpreter[segment->p_filesz - 1] = '\0';
}

static void parse_elf(const char *head, size_t length, struct program *ret)
{
	Elf64_Phdr segment;
	Elf64_Ehdr elf;

	ret->kind = PROGRAM_FOREIGN;
	if (length < sizeof(elf))
		return;
	memcpy(&elf, head, sizeof(elf));
	if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_machine != EM_X86_64)
		return;
	ret->kind = PROGRAM_NONE;
	if ((elf.e_type != ET_EXEC && elf.e_type != ET_DYN) || elf.e_phentsize != sizeof(segment))
		return;
	ret->kind = PROGRAM_STATIC;
	for (unsigned int i = 0; i < elf.e_phnum; i++) {
		if (elf.e_phoff > length || length - elf.e_phoff < (i + 1) * sizeof(segment))
			return;
		memcpy(&segment, head + elf.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type == PT_INTERP) {
			find_interpreter(head, length, &segment, ret);
			return;
		}
	}
}

void program_parse(const void *head, size_t length, struct program *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (length > 2 && !memcmp(head, "#!", 2))
		parse_script(head, length, ret);
	else if (length > SELFMAG && !memcmp(head, ELFMAG, SELFMAG))
		parse_elf(head, length, ret);
}

enum program_libc program_libc(const char *loader)
{
	const char *name = loader;

	for (const char *at = loader; *at; at++)
		if (*at == '/')
			name = at + 1;
	if (!strncmp(name, "ld-linux", 8))
		return PROGRAM_GLIBC;
	return strncmp(name, "ld-musl", 7) ? PROGRAM_OTHER_LIBC : PROGRAM_MUSL;
}

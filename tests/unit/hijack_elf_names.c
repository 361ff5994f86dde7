/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program wants, and other names for it: on this very program, whole and broken. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_names.h"
#include "tap.h"

#define NEW_NAME "/proc/self/fd/1234"

/* The file and room behind it, as elf_parse() wants it. */
static char *read_program(size_t *ret_size)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	size_t size, done = 0;
	struct stat st;
	ssize_t n = 0;
	char *file;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	size = ((size_t)st.st_size + ELF_ROOM - 1) / ELF_ROOM * ELF_ROOM + ELF_ROOM;
	file = calloc(1, size);
	while (file && done < (size_t)st.st_size &&
	       (n = read(fd, file + done, (size_t)st.st_size - done)) > 0)
		done += (size_t)n;
	close(fd);
	*ret_size = size;
	return file;
}

static unsigned int count_of(const struct elf *elf, const char *name)
{
	unsigned int count = 0;
	const char *text;

	for (unsigned int n = 0; (text = elf_string(elf, DT_NEEDED, n)); n++)
		count += !strcmp(text, name);
	return count;
}

static void whole(const char *program, size_t size)
{
	char *file = malloc(size);
	struct elf elf;
	unsigned int segments = 0;

	memcpy(file, program, size);
	ok(elf_parse(&elf, file, size), "a program");
	is_int(count_of(&elf, "libc.so.6"), 1, "wants the C library");
	ok(elf_rename(&elf, "libc.so.6", NEW_NAME), "by another name");
	is_int(count_of(&elf, "libc.so.6"), 0, "not by the old one");
	is_int(count_of(&elf, NEW_NAME), 1, "by the new one");
	ok(elf_parse(&elf, file, size), "it is a program still");
	for (unsigned int i = 0; i < elf.segment_count; i++)
		segments += elf.segments[i].p_type == PT_LOAD &&
			    elf.segments[i].p_offset == size - ELF_ROOM;
	is_int(segments, 1, "with a segment for the name");
	free(file);
}

static void full(const char *program, size_t size)
{
	char *file = malloc(size), name[64] = "libc.so.6", other[64];
	struct elf elf;
	int n = 0;

	memcpy(file, program, size);
	elf_parse(&elf, file, size);
	do {
		snprintf(other, sizeof(other), "/proc/self/fd/%040d", n);
		if (!elf_rename(&elf, name, other))
			break;
		strcpy(name, other);
	} while (++n < 1000);
	ok(n > 50 && n < 100, "there is room for some names: %d", n);
	is_int(count_of(&elf, name), 1, "the last one holds");
	free(file);
}

/* All of it is looked at in memory of its own, so that a sanitizer sees what is beside. */
static void broken(const char *program, size_t size)
{
	char *file = malloc(size);
	unsigned int parsed = 0;
	struct elf elf;
	const char *name;

	srand(1);
	for (int run = 0; run < 3000; run++) {
		memcpy(file, program, size);
		/* the headers first, then where they lead */
		for (int i = 0; i < 1 + run % 8; i++)
			file[(size_t)rand() % (run & 1 ? 1024 : size)] = (char)rand();
		if (elf_parse(&elf, file, size) && elf.dynamic_count) {
			parsed++;
			for (int i = 0; run & 2 && i < 4; i++)
				((char *)elf.dynamic)[(size_t)rand() % (elf.dynamic_count * 16)] =
					(char)rand();
			for (unsigned int n = 0; (name = elf_string(&elf, DT_NEEDED, n)); n++)
				elf_rename(&elf, name, NEW_NAME);
			elf_string(&elf, DT_RUNPATH, 0);
		}
	}
	ok(parsed > 100, "%u of 3000 broken programs looked like programs", parsed);
	for (size_t length = 0; length < 4096; length++) {
		char *part = malloc(length ? length : 1);

		memcpy(part, program, length);
		if (elf_parse(&elf, part, length) && (name = elf_string(&elf, DT_NEEDED, 0)))
			elf_rename(&elf, name, NEW_NAME);
		free(part);
	}
	ok(true, "parts of one");
	free(file);
}

int main(void)
{
	size_t size = 0;
	char *program = read_program(&size);

	if (!ok(program != NULL, "the program can be read"))
		return done_testing();
	whole(program, size);
	full(program, size);
	broken(program, size);
	free(program);
	return done_testing();
}

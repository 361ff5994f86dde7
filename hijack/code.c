/* SPDX-License-Identifier: BSD-2-Clause */
/* code.c - reads /proc/self/maps; see code.h */
#include <elf.h>
#include <fcntl.h>

#include "code.h"

#define KNOWN 8
#define AUXV_MAX 64
#define GO_BUILD_ID 4 /* a note's type, of the owner "Go" */

static struct code known[KNOWN];
static unsigned int next_known;

/* ---- programs whose code is not like that of C ---- */

static bool is_go_note(const char *note, const char *end)
{
	Elf64_Nhdr header;

	while (end - note >= (long)(sizeof(header) + 4)) {
		memcpy(&header, note, sizeof(header));
		note += sizeof(header);
		if (header.n_namesz == 4 && header.n_type == GO_BUILD_ID && !memcmp(note, "Go", 3))
			return true;
		if (header.n_namesz > 4096 || header.n_descsz > 65536)
			break;
		note += ((header.n_namesz + 3) & ~3UL) + ((header.n_descsz + 3) & ~3UL);
	}
	return false;
}

/* From the first to the last byte that the program itself was mapped to, if Go made it. */
static struct code find_go(void)
{
	long fd = host(SYS_open, "/proc/self/auxv", O_RDONLY | O_CLOEXEC), length;
	struct code code = {-1UL, 0}, none = {0, 0};
	const Elf64_Phdr *segments = NULL;
	Elf64_auxv_t auxv[AUXV_MAX];
	unsigned long count = 0, base = 0;
	bool is_go = false;

	if (is_error(fd))
		return none;
	length = host(SYS_read, fd, auxv, sizeof(auxv));
	host(SYS_close, fd);
	for (long i = 0; i < length / (long)sizeof(auxv[0]); i++) {
		if (auxv[i].a_type == AT_PHDR)
			segments = (const Elf64_Phdr *)auxv[i].a_un.a_val;
		if (auxv[i].a_type == AT_PHNUM)
			count = auxv[i].a_un.a_val;
	}
	for (unsigned long i = 0; segments && i < count; i++)
		if (segments[i].p_type == PT_PHDR)
			base = (unsigned long)segments - segments[i].p_vaddr;
	for (unsigned long i = 0; segments && i < count; i++) {
		unsigned long start = base + segments[i].p_vaddr;

		if (segments[i].p_type == PT_NOTE)
			is_go |= is_go_note((const char *)start,
					    (const char *)start + segments[i].p_memsz);
		if (segments[i].p_type != PT_LOAD)
			continue;
		if (start < code.start)
			code.start = start;
		if (start + segments[i].p_memsz > code.end)
			code.end = start + segments[i].p_memsz;
	}
	return is_go ? code : none;
}

/*
 * Functions of Go make system calls on stacks of a few KiB, with room for no function of
 * ours.  Trapped calls run on the signal stack, which Go has for each of its threads.
 */
static bool is_go(unsigned long address)
{
	static struct code go;
	static bool is_known;

	if (!__atomic_load_n(&is_known, __ATOMIC_ACQUIRE)) {
		go = find_go();
		__atomic_store_n(&is_known, true, __ATOMIC_RELEASE);
	}
	return address >= go.start && address < go.end;
}

/* ---- the list of the host ---- */

/* One line, as far as it has been read: "7f00-7f80 r-xp 00001000 fe:00 4711   /lib/x". */
struct line {
	unsigned long start, end;
	bool has_file;
	char mode[4];
	unsigned int field, at; /* which word; how many of its bytes */
};

static unsigned long hex(unsigned long value, char c)
{
	return value << 4 | (unsigned long)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void take(struct line *line, char c)
{
	if (c == ' ' || (c == '-' && !line->field)) {
		/* blanks in front of the path are many */
		line->field++;
		line->at = 0;
		return;
	}
	if (line->field == 0)
		line->start = hex(line->start, c);
	else if (line->field == 1)
		line->end = hex(line->end, c);
	else if (line->field == 2 && line->at < sizeof(line->mode))
		line->mode[line->at] = c;
	else if (line->field == 5)
		line->has_file |= c != '0';
	line->at++;
}

static bool is_code(const struct line *line)
{
	return line->has_file && !memcmp(line->mode, "r-xp", 4) && !is_go(line->start);
}

/* Calls fn for each piece of code until that gives true; true then. */
static bool look(bool (*fn)(const struct code *code, void *argument), void *argument)
{
	long fd = host(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC), length;
	struct line line = {0};
	bool is_over = false;
	char text[1024];

	if (is_error(fd))
		return false;
	while (!is_over && (length = host(SYS_read, fd, text, sizeof(text))) > 0) {
		for (long i = 0; i < length && !is_over; i++) {
			if (text[i] != '\n') {
				take(&line, text[i]);
				continue;
			}
			if (is_code(&line)) {
				struct code code = {line.start, line.end};

				is_over = fn(&code, argument);
			}
			line = (struct line){0};
		}
	}
	host(SYS_close, fd);
	return is_over;
}

/* ---- what is known of it ---- */

struct search {
	unsigned long address;
	struct code *found;
};

static bool holds_address(const struct code *code, void *argument)
{
	struct search *search = argument;

	if (search->address - code->start >= code->end - code->start)
		return false;
	*search->found = *code;
	return true;
}

bool code_find(unsigned long address, struct code *ret)
{
	struct search search = {address, ret};

	for (int i = 0; i < KNOWN; i++) {
		*ret = known[i];
		if (address - ret->start < ret->end - ret->start)
			return true;
	}
	if (!look(holds_address, &search))
		return false;
	known[next_known++ % KNOWN] = *ret;
	return true;
}

void code_forget(unsigned long start, unsigned long length)
{
	for (int i = 0; i < KNOWN; i++)
		if (start < known[i].end && start + length > known[i].start)
			known[i].end = known[i].start;
}

static bool call_back(const struct code *code, void *argument)
{
	void (**fn)(const struct code *) = argument;

	(*fn)(code);
	return false;
}

void code_each(void (*fn)(const struct code *code))
{
	look(call_back, &fn);
}

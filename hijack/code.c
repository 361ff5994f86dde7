/* SPDX-License-Identifier: BSD-2-Clause */
/* code.c - reads /proc/self/maps; see code.h */
#include <fcntl.h>

#include "code.h"

#define KNOWN 8

static struct code known[KNOWN];
static unsigned int next_known;

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
	return line->has_file && !memcmp(line->mode, "r-xp", 4);
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

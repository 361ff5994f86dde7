/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text handling that the parsers share.  No stdio: a preload's constructor runs this.
 */
#include "config_text.h"

#include <errno.h>
#include <string.h>

void config_text_init(struct config_text *text, char *buffer, size_t size)
{
	text->buffer = buffer;
	text->size = size;
	text->length = 0;
	if (size)
		buffer[0] = '\0';
}

void config_text_add_bytes(struct config_text *text, const char *bytes, size_t length)
{
	if (text->length + 1 < text->size) {
		size_t room = text->size - 1 - text->length;
		size_t take = length < room ? length : room;

		memcpy(text->buffer + text->length, bytes, take);
		text->buffer[text->length + take] = '\0';
	}
	text->length += length;
}

void config_text_add(struct config_text *text, const char *string)
{
	config_text_add_bytes(text, string, strlen(string));
}

bool config_equal(const char *bytes, size_t length, const char *string)
{
	return strlen(string) == length && !memcmp(bytes, string, length);
}

bool config_is_name(const char *word, size_t max, const char *others)
{
	size_t length = 0;

	for (; word[length]; length++) {
		if (length == max)
			return false;
		if (!config_is_alnum(word[length]) && !strchr(others, word[length]))
			return false;
	}
	return length > 0;
}

int config_normalise_path(char *path)
{
	const char *from = path;
	char *to = path;

	if (*path != '/')
		return -EINVAL;
	while (*from) {
		const char *name;
		size_t length;

		while (*from == '/')
			from++;
		name = from;
		while (*from && *from != '/')
			from++;
		length = (size_t)(from - name);
		if (!length || config_equal(name, length, "."))
			continue;
		if (config_equal(name, length, "..")) {
			while (to > path && *--to != '/')
				;
			continue;
		}
		/* never catches up with from: what was taken is at least as long */
		*to++ = '/';
		memmove(to, name, length);
		to += length;
	}
	if (to == path)
		*to++ = '/';
	*to = '\0';
	return 0;
}

static int parse(const char *word, uint64_t max, bool has_suffix, uint64_t *ret_value)
{
	static const char suffixes[] = "kmgt";
	bool is_too_large = false;
	uint64_t value = 0;

	if (*word < '0' || *word > '9')
		return -EINVAL;
	for (; *word >= '0' && *word <= '9'; word++) {
		is_too_large |= __builtin_mul_overflow(value, 10, &value);
		is_too_large |= __builtin_add_overflow(value, (uint64_t)(*word - '0'), &value);
	}
	if (has_suffix && *word) {
		const char *suffix = strchr(suffixes, *word | 0x20);

		if (!suffix)
			return -EINVAL;
		for (long i = 0; i <= suffix - suffixes; i++)
			is_too_large |= __builtin_mul_overflow(value, 1024, &value);
		word++;
	}
	/* only a number can be too large: look at the rest first */
	if (*word)
		return -EINVAL;
	if (is_too_large || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int config_parse_number(const char *word, uint64_t max, uint64_t *ret_value)
{
	return parse(word, max, false, ret_value);
}

int config_parse_size(const char *word, uint64_t max, uint64_t *ret_value)
{
	return parse(word, max, true, ret_value);
}

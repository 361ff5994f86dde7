/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error texts and the search for what a mistyped word was meant to be.
 */
#include "config_error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "config_text.h"

#define NEAREST_WORD_MAX 24 /* longer words are compared with nothing */

static void join(char *buffer, va_list strings)
{
	struct config_text text;
	const char *string;

	config_text_init(&text, buffer, CONFIG_ERROR_SIZE);
	while ((string = va_arg(strings, const char *)))
		config_text_add(&text, string);
	if (text.length >= CONFIG_ERROR_SIZE)
		memcpy(buffer + CONFIG_ERROR_SIZE - 4, "...", 4);
}

int config_error_set(struct config_error *error, ...)
{
	va_list strings;

	if (error) {
		va_start(strings, error);
		join(error->text, strings);
		va_end(strings);
	}
	return -EINVAL;
}

int config_error_prefix(struct config_error *error, ...)
{
	struct config_error old;
	char prefix[CONFIG_ERROR_SIZE];
	va_list strings;

	if (!error)
		return -EINVAL;
	old = *error;
	va_start(strings, error);
	join(prefix, strings);
	va_end(strings);
	return config_error_set(error, prefix, old.text, NULL);
}

struct config_shown config_show(const char *word, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	struct config_shown shown;
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)word[i];
		size_t need = byte < 0x20 || byte == 0x7f ? 4 : 1;

		if (used + need > CONFIG_SHOW_SIZE - 4) {
			/* not in the middle of a UTF-8 sequence */
			while (used && (shown.text[used - 1] & 0xc0) == 0x80)
				used--;
			if (used && (shown.text[used - 1] & 0xc0) == 0xc0)
				used--;
			memcpy(shown.text + used, "...", 3);
			used += 3;
			break;
		}
		if (need == 4) {
			shown.text[used++] = '\\';
			shown.text[used++] = 'x';
			shown.text[used++] = hex[byte >> 4];
			shown.text[used++] = hex[byte & 15];
		} else {
			shown.text[used++] = (char)byte;
		}
	}
	shown.text[used] = '\0';
	return shown;
}

struct config_number config_number(unsigned long long value)
{
	struct config_number number;
	char digits[24];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	for (size_t i = 0; i < count; i++)
		number.text[i] = digits[count - 1 - i];
	number.text[count] = '\0';
	return number;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* How many letters are missing, too many, wrong or swapped with their neighbour. */
static unsigned int distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned char row[3][NEAREST_WORD_MAX + 1]; /* the last three rows of the matrix */

	for (size_t j = 0; j <= b_length; j++)
		row[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned char *now = row[i % 3], *last = row[(i + 2) % 3];
		const unsigned char *before = row[(i + 1) % 3];

		now[0] = (unsigned char)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned int wrong = lower(a[i - 1]) != lower(b[j - 1]);
			unsigned int steps =
				least(least(last[j], now[j - 1]) + 1u, last[j - 1] + wrong);

			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				steps = least(steps, before[j - 2] + 1u);
			now[j] = (unsigned char)steps;
		}
	}
	return row[a_length % 3][b_length];
}

const char *config_nearest(const char *word, size_t length, const char *const *names)
{
	unsigned int best = length <= 1 ? 0 : length <= 4 ? 1 : length <= 7 ? 2 : 3;
	const char *nearest = NULL;

	if (!length || length > NEAREST_WORD_MAX)
		return NULL;
	best++; /* look for something better than this */
	for (; *names; names++) {
		size_t name_length = strlen(*names);
		unsigned int steps;

		if (name_length > NEAREST_WORD_MAX)
			continue;
		steps = distance(word, length, *names, name_length);
		/* abbreviations are guesses too, but poor ones */
		if (length >= 3 && name_length > length && !strncmp(word, *names, length))
			steps = least(steps, best - 1);
		if (steps < best) {
			best = steps;
			nearest = *names;
		}
	}
	return nearest;
}

int config_error_unknown(struct config_error *error, const char *what, const char *word,
			 size_t length, const char *const *names)
{
	const char *nearest = config_nearest(word, length, names);
	struct config_text known;
	char buffer[CONFIG_ERROR_SIZE];

	config_text_init(&known, buffer, sizeof(buffer));
	for (; *names; names++) {
		config_text_add(&known, " ");
		config_text_add(&known, *names);
	}
	return config_error_set(error, "unknown ", what, " '", config_show(word, length).text, "'",
				nearest ? ": did you mean '" : "", nearest ? nearest : "",
				nearest ? "'? known:" : ": known:", buffer, NULL);
}

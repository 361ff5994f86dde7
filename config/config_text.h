/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_text.h - the pieces of text handling that the parsers share.  Nothing here
 * allocates or touches errno.  Private to config/.
 */
#ifndef RUMP_CONFIG_TEXT_H
#define RUMP_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text that grows in a fixed buffer; what does not fit is counted, not written. */
struct config_text {
	char *buffer;
	size_t size;
	size_t length; /* of the whole text; cut when >= size */
};

/* size 0: only counts. */
void config_text_init(struct config_text *text, char *buffer, size_t size);
void config_text_add(struct config_text *text, const char *string);
void config_text_add_bytes(struct config_text *text, const char *bytes, size_t length);

/* Whether bytes of that length are exactly string. */
bool config_equal(const char *bytes, size_t length, const char *string);

/* A byte that no word of a configuration may hold (a tab is only a separator). */
static inline bool config_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static inline bool config_is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether word has 1 to max bytes, all letters, digits or one of others. */
bool config_is_name(const char *word, size_t max, const char *others);

/*
 * Takes "//", "/." and "/.." out of an absolute path, in place: "/" or a path without
 * a '/' at its end.  It looks at the text only: ".." is the name before, and stays "/"
 * at the top.  -EINVAL: not absolute.
 */
int config_normalise_path(char *path);

/* Decimal digits. -EINVAL: something else; -ERANGE: above max. */
int config_parse_number(const char *word, uint64_t max, uint64_t *ret_value);
/* Decimal digits with a k, m, g or t (also K ...) behind them or not: powers of 1024. */
int config_parse_size(const char *word, uint64_t max, uint64_t *ret_value);

#endif

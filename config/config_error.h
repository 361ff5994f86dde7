/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_error.h - one line that says what is wrong with a configuration, where,
 * and what would be right.
 *
 * All parsers of this folder return 0 or -errno (-EINVAL for bad input) and, on
 * failure only, fill the struct config_error they were given; it may be NULL.
 * The text has no newline at its end and shows unprintable bytes as \xNN, so it
 * can be written to a terminal or log as it is.  No function here allocates,
 * locks, or touches errno.
 */
#ifndef RUMP_CONFIG_ERROR_H
#define RUMP_CONFIG_ERROR_H

#include <stddef.h>

#define CONFIG_ERROR_SIZE 512

struct config_error {
	char text[CONFIG_ERROR_SIZE];
};

/*
 * Joins the strings up to a NULL into error->text; what does not fit is cut and
 * ends in "...".  Returns -EINVAL, for `return config_error_set(...)`.
 */
int config_error_set(struct config_error *error, ...) __attribute__((sentinel));

/* Puts the strings up to a NULL in front of the text that is there. Returns -EINVAL. */
int config_error_prefix(struct config_error *error, ...) __attribute__((sentinel));

/* A word of the user's as error texts show it: cut when long, \xNN when unprintable. */
#define CONFIG_SHOW_SIZE 88
struct config_shown {
	char text[CONFIG_SHOW_SIZE];
};
struct config_shown config_show(const char *word, size_t length);

/* A number in decimal. */
struct config_number {
	char text[24];
};
struct config_number config_number(unsigned long long value);

/*
 * The name in the NULL-terminated list that the word was probably meant to be, or
 * NULL when none is near (one typing slip for short words, up to three for long).
 */
const char *config_nearest(const char *word, size_t length, const char *const *names);

/*
 * error = "unknown <what> '<word>': did you mean '<name>'? known: a b c".
 * Returns -EINVAL.
 */
int config_error_unknown(struct config_error *error, const char *what, const char *word,
			 size_t length, const char *const *names);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_lex.h - lines of rump.conf into words and back.  Allocates nothing.
 * Private to config/.
 *
 * Blanks and tabs part words.  "..." keeps blanks and '#' in a word, anywhere in it; in
 * quotes \" is a quote and \\ a backslash.  '#' at the start of a word begins a comment.
 * A backslash right before the end of a line joins it with the next, but not in a
 * comment.  A carriage return before the end of a line does not count.
 */
#ifndef RUMP_CONFIG_CONF_LEX_H
#define RUMP_CONFIG_CONF_LEX_H

#include <stddef.h>

#include "config_error.h"
#include "config_text.h"
#include "rump_conf.h"

struct conf_lexer {
	const char *at, *end; /* what is left of the text */
	unsigned int line;    /* number of the line that at is in */
	char *buffer;	      /* holds the words of the last line */
	size_t size;
};

struct conf_line {
	char *words[RUMP_CONF_WORDS_MAX + 1]; /* ends with NULL */
	unsigned int count;
	unsigned int number; /* of its first line, or of the one with the error */
};

/*
 * Reads the next line that has words.  1: done, 0: the text has ended, -EINVAL: see error,
 * line->number.
 */
int conf_lexer_next(struct conf_lexer *lexer, struct conf_line *line, struct config_error *error);

/* Adds a word, quoted where it must be. -EINVAL: it holds a control byte. */
int conf_write_word(struct config_text *text, const char *word);

#endif

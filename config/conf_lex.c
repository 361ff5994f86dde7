/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of rump.conf into words and back.
 */
#include "conf_lex.h"

#include <errno.h>
#include <string.h>

/* The length of the end of line at c: 0: none, 1: \n, 2: \r\n; a last \r counts too. */
static size_t line_end(const struct conf_lexer *lexer, const char *c)
{
	if (c < lexer->end && *c == '\n')
		return 1;
	if (c < lexer->end && *c == '\r') {
		if (c + 1 == lexer->end)
			return 1;
		if (c[1] == '\n')
			return 2;
	}
	return 0;
}

/* Steps over joined lines. */
static void join_lines(struct conf_lexer *lexer)
{
	size_t length;

	while (lexer->at < lexer->end && *lexer->at == '\\' &&
	       (length = line_end(lexer, lexer->at + 1))) {
		lexer->at += 1 + length;
		lexer->line++;
	}
}

static int control_error(struct conf_lexer *lexer, struct config_error *error)
{
	if (!*lexer->at)
		return config_error_set(error, "a NUL byte: this is no text", NULL);
	return config_error_set(error, "control byte ", config_show(lexer->at, 1).text,
				": take it out", NULL);
}

static int quote_error(const char *word, const char *end, struct config_error *error)
{
	return config_error_set(error, "no '\"' at the end of '\"",
				config_show(word, (size_t)(end - word)).text,
				"': want it on the same line", NULL);
}

/* Reads one word to *to, which must leave a byte for the NUL. */
static int read_word(struct conf_lexer *lexer, char **to, struct config_error *error)
{
	const char *limit = lexer->buffer + lexer->size - 1, *quoted = NULL;
	char *start = *to;

	for (;; lexer->at++) {
		char c;

		join_lines(lexer);
		if (lexer->at == lexer->end || line_end(lexer, lexer->at)) {
			if (quoted)
				return quote_error(quoted, *to, error);
			break;
		}
		c = *lexer->at;
		if (c == '\t' || c == ' ') {
			if (!quoted)
				break;
		} else if (config_is_control(c)) {
			return control_error(lexer, error);
		} else if (c == '"') {
			quoted = quoted ? NULL : *to;
			continue;
		} else if (c == '\\' && quoted) {
			lexer->at++;
			if (lexer->at == lexer->end || (*lexer->at != '"' && *lexer->at != '\\'))
				return config_error_set(
					error, "'\\' in '\"",
					config_show(quoted, (size_t)(*to - quoted)).text,
					"': want \\\" for a quote, \\\\ for a "
					"backslash",
					NULL);
			c = *lexer->at;
		}
		if (*to >= limit)
			return config_error_set(error, "'", config_show(start, 16).text,
						"...': the line is longer than ",
						config_number(lexer->size - 1).text, " bytes",
						NULL);
		*(*to)++ = c;
	}
	*(*to)++ = '\0';
	return 0;
}

/* To the end of the line, which is not a part of the comment. */
static int skip_comment(struct conf_lexer *lexer, struct config_error *error)
{
	while (lexer->at < lexer->end && !line_end(lexer, lexer->at)) {
		if (config_is_control(*lexer->at) && *lexer->at != '\t')
			return control_error(lexer, error);
		lexer->at++;
	}
	return 0;
}

static int read_line(struct conf_lexer *lexer, struct conf_line *line, struct config_error *error)
{
	char *to = lexer->buffer;
	int result;

	for (;;) {
		join_lines(lexer);
		if (lexer->at == lexer->end || line_end(lexer, lexer->at))
			return 0;
		if (*lexer->at == ' ' || *lexer->at == '\t') {
			lexer->at++;
		} else if (*lexer->at == '#') {
			result = skip_comment(lexer, error);
			if (result)
				return result;
		} else if (line->count == RUMP_CONF_WORDS_MAX) {
			return config_error_set(error, "more than ",
						config_number(RUMP_CONF_WORDS_MAX).text,
						" words in a line", NULL);
		} else if (to == lexer->buffer + lexer->size) {
			return config_error_set(error, "the line is longer than ",
						config_number(lexer->size - 1).text, " bytes",
						NULL);
		} else {
			char *word = to;

			result = read_word(lexer, &to, error);
			if (result)
				return result;
			line->words[line->count++] = word;
			line->words[line->count] = NULL;
		}
	}
}

int conf_lexer_next(struct conf_lexer *lexer, struct conf_line *line, struct config_error *error)
{
	while (lexer->at < lexer->end) {
		int result;

		line->count = 0;
		line->words[0] = NULL;
		line->number = lexer->line;
		result = read_line(lexer, line, error);
		if (result) {
			line->number = lexer->line;
			return result;
		}
		if (lexer->at < lexer->end) {
			lexer->at += line_end(lexer, lexer->at);
			lexer->line++;
		}
		if (line->count)
			return 1;
	}
	return 0;
}

int conf_write_word(struct config_text *text, const char *word)
{
	/* bytes that mean nothing special wherever they stand */
	static const char plain[] = "_./:=,@%+-";
	bool is_plain = *word;

	for (const char *c = word; *c; c++) {
		if (config_is_control(*c))
			return -EINVAL;
		if (!config_is_alnum(*c) && !strchr(plain, *c) && (unsigned char)*c < 0x80)
			is_plain = false;
	}
	if (is_plain) {
		config_text_add(text, word);
		return 0;
	}
	config_text_add(text, "\"");
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			config_text_add(text, "\\");
		config_text_add_bytes(text, word, 1);
	}
	config_text_add(text, "\"");
	return 0;
}

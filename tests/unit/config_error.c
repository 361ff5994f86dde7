/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What errors and texts are made of.
 */
#include <errno.h>

#include "config_error.h"
#include "config_text.h"
#include "tap.h"

static const char *const animals[] = {"cat", "horse", "elephant", "ox", "hippopotamus", NULL};

static const char *nearest(const char *word)
{
	return config_nearest(word, strlen(word), animals);
}

static void errors(void)
{
	struct config_error error;
	char text[2 * CONFIG_ERROR_SIZE];

	is_int(config_error_set(&error, "a", "", "bc", NULL), -EINVAL, "set returns -EINVAL");
	is_str(error.text, "abc", "... and joins");
	is_int(config_error_prefix(&error, "x", ": ", NULL), -EINVAL, "prefix returns -EINVAL");
	is_str(error.text, "x: abc", "... and puts in front");
	is_int(config_error_set(NULL, "a", NULL), -EINVAL, "nobody wants to know");
	is_int(config_error_prefix(NULL, "a", NULL), -EINVAL, "nor the rest");

	memset(text, 'y', sizeof(text));
	text[CONFIG_ERROR_SIZE - 1] = '\0';
	config_error_set(&error, text, NULL);
	is_str(error.text, text, "the longest text fits");
	config_error_prefix(&error, "z", NULL);
	is_int(strlen(error.text), CONFIG_ERROR_SIZE - 1, "a longer one is cut");
	is_str(error.text + CONFIG_ERROR_SIZE - 5, "y...", "... and says so");
	ok(!strncmp(error.text, "zyy", 3), "... at its end");
	text[CONFIG_ERROR_SIZE - 1] = 'y';
	text[sizeof(text) - 1] = '\0';
	config_error_set(&error, text, text, NULL);
	is_int(strlen(error.text), CONFIG_ERROR_SIZE - 1, "a much longer one too");
}

static void shown(void)
{
	char text[200];

	is_str(config_show("abc", 2).text, "ab", "a word is shown");
	is_str(config_show("", 0).text, "", "an empty one");
	is_str(config_show("\0\x1f\x7f ~", 5).text, "\\x00\\x1f\\x7f ~", "control bytes");
	is_str(config_show("\xc3\xa4", 2).text, "\xc3\xa4", "UTF-8 stays");
	memset(text, 'a', sizeof(text));
	is_int(strlen(config_show(text, 84).text), 84, "as much as fits");
	is_str(config_show(text, 85).text + 84, "...", "more ends in dots");
	text[83] = '\x01';
	is_str(config_show(text, 84).text + 83, "...", "an escape is not cut in two");
	for (int i = 0; i < 200; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	is_str(config_show(text, 200).text + 82, "...", "nor is UTF-8");
	is_str(config_number(0).text, "0", "0");
	is_str(config_number(10203).text, "10203", "10203");
	is_str(config_number(~0ull).text, "18446744073709551615", "the largest number");
}

static void nearness(void)
{
	struct config_error error;

	is_str(nearest("cat"), "cat", "the word itself");
	is_str(nearest("CAT"), "cat", "in capitals");
	is_str(nearest("cta"), "cat", "two letters swapped");
	is_str(nearest("ca"), "cat", "one missing");
	is_str(nearest("caat"), "cat", "one too many");
	is_str(nearest("cut"), "cat", "one wrong");
	is_str(nearest("cub"), NULL, "two wrong of three is nothing near");
	is_str(nearest("hrsse"), "horse", "two wrong of five");
	is_str(nearest("elepant"), "elephant", "seven letters");
	is_str(nearest("elefantt"), "elephant", "three wrong of eight");
	is_str(nearest("hippo"), "hippopotamus", "the beginning of a word");
	is_str(nearest("hi"), NULL, "two letters are no beginning");
	is_str(nearest("x"), NULL, "one letter is nothing");
	is_str(nearest("ox"), "ox", "two are");
	is_str(nearest(""), NULL, "nothing is near nothing");
	is_str(nearest("hippopotamushippopotamushippopotamus"), NULL, "much too long");
	config_error_unknown(&error, "animal", "hrose", 5, animals);
	is_str(error.text,
	       "unknown animal 'hrose': did you mean 'horse'? known: cat horse elephant ox "
	       "hippopotamus",
	       "an unknown word near to a known one");
	config_error_unknown(&error, "animal", "zebra", 5, animals);
	is_str(error.text, "unknown animal 'zebra': known: cat horse elephant ox hippopotamus",
	       "an unknown word near to none");
}

static void texts(void)
{
	struct config_text text;
	char buffer[4] = "zzz";
	uint64_t value = 7;

	config_text_init(&text, buffer, 4);
	config_text_add(&text, "ab");
	is_str(buffer, "ab", "text");
	config_text_add(&text, "cd");
	is_str(buffer, "abc", "... cut");
	config_text_add(&text, "ef");
	is_str(buffer, "abc", "... and no more added");
	is_int(text.length, 6, "... but counted");
	config_text_init(&text, NULL, 0);
	config_text_add(&text, "abc");
	is_int(text.length, 3, "only counted");

	is_int(config_parse_number("0", 0, &value), 0, "number 0");
	is_int(value, 0, "... is 0");
	is_int(config_parse_number("1", 0, &value), -ERANGE, "1 is above 0");
	is_int(config_parse_number("18446744073709551615", UINT64_MAX, &value), 0, "2^64 - 1");
	is_int(value, -1, "... is that");
	is_int(config_parse_number("18446744073709551616", UINT64_MAX, &value), -ERANGE, "2^64");
	is_int(value, -1, "... leaves the result");
	is_int(config_parse_number("", 9, &value), -EINVAL, "nothing is no number");
	is_int(config_parse_number("1k", 9, &value), -EINVAL, "1k is no plain number");
	is_int(config_parse_number(" 1", 9, &value), -EINVAL, "nor is a blank");
	is_int(config_parse_number("+1", 9, &value), -EINVAL, "nor is a sign");
	is_int(config_parse_size("16777215t", UINT64_MAX, &value), 0, "2^64 - 2^40");
	is_int(value, (uint64_t)16777215 << 40, "... is that");
	is_int(config_parse_size("16777216t", UINT64_MAX, &value), -ERANGE, "2^64 in t");
	is_int(config_parse_size("1\x0b", 99, &value), -EINVAL, "a byte that is near a letter");

	ok(config_is_name("ab-1", 4, "-"), "a name");
	ok(!config_is_name("ab-12", 4, "-"), "a longer one");
	ok(!config_is_name("", 4, "-"), "an empty one");
	ok(!config_is_name("a/b", 4, "-"), "one with a slash");
	ok(config_is_name("azAZ09", 9, ""), "the ends of the ranges");
	ok(!config_is_name("`", 9, "") && !config_is_name("{", 9, "") &&
		   !config_is_name("@", 9, "") && !config_is_name("[", 9, "") &&
		   !config_is_name("/", 9, "") && !config_is_name(":", 9, ""),
	   "their neighbours");
}

int main(void)
{
	errors();
	shown();
	nearness();
	texts();
	return done_testing();
}

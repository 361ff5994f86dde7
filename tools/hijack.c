/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump_hijack - runs a command under the preload, or tells whether that will do.  Manual:
 * rump_hijack(1).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hijack_check.h"
#include "hijack_config.h"
#include "message.h"

/* as env(1) and the shells have them */
#define STATUS_NOT_RUN 126
#define STATUS_NOT_FOUND 127

enum {
	OPTION_HELP = 0x100,
	OPTION_VERSION,
};

static void print_help(void)
{
	printf("Usage: %s [-o WORDS]... [--] COMMAND [ARGUMENT...]\n"
	       "       %s check PROGRAM...\n"
	       "Runs COMMAND with librumphijack.so preloaded, rumphijack(7); or tells, in a line\n"
	       "each, why a program cannot be hijacked, or not all of it.\n"
	       "\n"
	       "  -o WORDS  of RUMPHIJACK: path=/rump,image=disk.img; without this option the\n"
	       "            variable is left as it is\n"
	       "\n"
	       "Exit status: that of COMMAND, 126 it cannot be executed, 127 it is not found;\n"
	       "of check: 0 all is seen, 1 not; 2 options or words are wrong.\n",
	       message_program(), message_program());
}

static void print_line(const char *line)
{
	puts(line);
}

static void warn(const char *line)
{
	/* notes are for check */
	if (strncmp(line, "note: ", 6))
		message("%s", line);
}

static int check_programs(char **names)
{
	struct hijack_check check = {.tell = print_line};

	if (!*names)
		return message_usage("check: which program?");
	hijack_check_init(&check);
	hijack_check_host(&check);
	for (; *names; names++)
		hijack_check_program(&check, *names);
	return check.is_unseen ? STATUS_FAILED : STATUS_OK;
}

/* ---- run ---- */

/* The words so far and these, with a comma between. */
static char *add_words(char *words, const char *more)
{
	char *both = NULL;

	if (asprintf(&both, "%s%s%s", words ? words : "", words ? "," : "", more) < 0)
		return NULL;
	free(words);
	return both;
}

/* The preload would tell too, but only once the program runs. */
static int set_words(const char *words)
{
	static struct hijack_config config;
	struct config_error error;

	if (hijack_config_parse(words, &config, &error)) {
		message("%s", error.text);
		return STATUS_USAGE;
	}
	if (words && setenv("RUMPHIJACK", words, 1)) {
		message("%s", strerror(errno));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static int set_preload(const struct hijack_check *check)
{
	const char *library = hijack_check_library(check, check->libc);
	const char *others = getenv("LD_PRELOAD");
	char *list;
	int result;

	/* given twice it would be loaded once anyway */
	if (!library || (others && strstr(others, library)))
		return STATUS_OK;
	if (strpbrk(library, ": ")) {
		message("%s: a path with colons or blanks cannot be preloaded", library);
		return STATUS_FAILED;
	}
	if (asprintf(&list, "%s%s%s", others ? others : "", others && *others ? ":" : "", library) <
	    0)
		return STATUS_FAILED;
	result = setenv("LD_PRELOAD", list, 1);
	free(list);
	return result ? STATUS_FAILED : STATUS_OK;
}

static int run(char **command, const char *words)
{
	struct hijack_check check = {.tell = warn};
	int status = set_words(words ? words : getenv("RUMPHIJACK"));

	if (status)
		return status;
	hijack_check_init(&check);
	if (!*check.folder) {
		message("librumphijack.so is neither beside this program nor where it was "
			"installed");
		return STATUS_FAILED;
	}
	hijack_check_program(&check, *command);
	status = set_preload(&check);
	if (status)
		return status;
	execvp(*command, command);
	status = errno;
	/* the check has told of it */
	if (!check.is_unseen)
		message("%s: %s", *command, strerror(status));
	return status == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, OPTION_HELP},
		{"version", no_argument, NULL, OPTION_VERSION},
		{NULL, 0, NULL, 0},
	};
	char *words = NULL;
	int option;

	message_init(argv[0]);
	while ((option = getopt_long(argc, argv, "+o:", long_options, NULL)) != -1) {
		switch (option) {
		case 'o':
			words = add_words(words, optarg);
			if (!words) {
				message("%s", strerror(ENOMEM));
				return STATUS_FAILED;
			}
			break;
		case OPTION_HELP:
			print_help();
			return STATUS_OK;
		case OPTION_VERSION:
			return message_version();
		default:
			return message_usage("options are wrong");
		}
	}
	if (optind == argc)
		return message_usage("which command?");
	/* a command of that name comes after -- */
	if (!strcmp(argv[optind], "check") && strcmp(argv[optind - 1], "--")) {
		if (words)
			return message_usage("check takes no words");
		return check_programs(argv + optind + 1);
	}
	return run(argv + optind, words);
}

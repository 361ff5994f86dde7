/* SPDX-License-Identifier: BSD-2-Clause */
/* capture_options.c - see capture_options.h */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "capture_options.h"
#include "message.h"

enum {
	OPTION_HELP = 0x100,
	OPTION_VERSION,
};

static bool is_count(const char *text, unsigned long long *ret_count)
{
	char *end;

	errno = 0;
	*ret_count = strtoull(text, &end, 10);
	return !errno && !*end && end != text && *ret_count && *text != '-';
}

int capture_options(int argc, char **argv, struct capture_options *options)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, OPTION_HELP},
		{"version", no_argument, NULL, OPTION_VERSION},
		{NULL, 0, NULL, 0},
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, options->letters, long_options, NULL)) != -1) {
		switch (option) {
		case 'f':
			options->has_f = true;
			break;
		case 'c':
			if (!is_count(optarg, &options->count))
				return message_usage("-c '%.80s': want a number of frames", optarg);
			break;
		case 'w':
			options->file = optarg;
			break;
		case OPTION_HELP:
			options->print_help();
			exit(STATUS_OK);
		case OPTION_VERSION:
			exit(message_version());
		case ':':
			return message_usage("'%s' wants an argument", argv[optind - 1]);
		default:
			return message_usage("'%s' is no option", argv[optind - 1]);
		}
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* capture_options.h - the options that the tools for captures of a bus have in common */
#ifndef RUMP_TOOLS_CAPTURE_OPTIONS_H
#define RUMP_TOOLS_CAPTURE_OPTIONS_H

#include <stdbool.h>

struct capture_options {
	const char *letters; /* of getopt(3), behind a colon */
	void (*print_help)(void);
	bool has_f;
	unsigned long long count; /* -c; 0: not given */
	const char *file;	  /* -w, or NULL */
};

/* Reads them, and optind is behind; --help and --version end the program.  0, or the status
 * to end with, which has been told why. */
int capture_options(int argc, char **argv, struct capture_options *options);

#endif

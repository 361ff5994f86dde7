/* SPDX-License-Identifier: BSD-2-Clause */
/* hijack_check.h - whether the preload gets into a program; see hijack_check.c */
#ifndef RUMP_TOOLS_HIJACK_CHECK_H
#define RUMP_TOOLS_HIJACK_CHECK_H

#include <limits.h>
#include <stdbool.h>

#include "program.h"

struct hijack_check {
	/* told each finding, one line without a newline */
	void (*tell)(const char *line);
	bool is_unseen;		/* some system calls would not be */
	enum program_libc libc; /* of the program that runs in the end */
	char folder[PATH_MAX];	/* where librumphijack.so is, "" if it is nowhere */
};

/* Looks for the library: beside the calling program, or as installed. */
void hijack_check_init(struct hijack_check *check);
/* The preload for programs of that library: its path, NULL if there is none. */
const char *hijack_check_library(const struct hijack_check *check, enum program_libc libc);

/* name: as for execvp(3). */
void hijack_check_program(struct hijack_check *check, const char *name);
/* What the machine lacks. */
void hijack_check_host(struct hijack_check *check);

#endif

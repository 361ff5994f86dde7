/* SPDX-License-Identifier: BSD-2-Clause */
/* check.h - for programs that are tests themselves: what must hold, or they end with 1. */
#ifndef PROG_CHECK_H
#define PROG_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                       \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			fprintf(stderr, "%s:%d: does not hold: %s (errno %d, %s)\n", __FILE__, \
				__LINE__, #condition, errno, strerror(errno));                 \
			_exit(1);                                                              \
		}                                                                              \
	} while (0)
#define FAILS(call, error) (errno = 0, (call) == -1 && errno == (error))

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * why.h - errors in words, for rump_boot_error() and the console
 */
#ifndef RUMP_DRIVERS_WHY_H
#define RUMP_DRIVERS_WHY_H

#include <linux/compiler_attributes.h>
#include <linux/types.h>

/* Writes "what: reason" and returns error (< 0). */
__printf(4, 5) long rump_fail(char *why, size_t why_size, long error, const char *fmt, ...);

#endif

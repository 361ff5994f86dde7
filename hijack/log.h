/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - log=FILE: a line for each call that was routed to the rump kernel;
 * log=unrouted: one for each that went to the host although it looked like ours.
 */
#ifndef HIJACK_LOG_H
#define HIJACK_LOG_H

#include "hijack.h"

extern bool log_is_on; /* log=FILE */
extern bool log_looks; /* that or log=unrouted: calls are looked at when they are done */

/* At start; config is read. */
void log_start(void);
/* Opens the file, so that log_call() makes no descriptor. */
void log_prepare(void);

/* The call as the application made it, and its result; is_routed: some of it was the kernel's. */
void log_call(const struct call *call, long result, bool is_routed);
/* It will not come back: an exec. */
void log_leaving(const struct call *call);

/* Which kernel it is that calls are routed to; detail may be NULL. */
void log_kernel(const char *which, const char *detail);

/* ---- log_text.c ---- */

#define LOG_LINE 1024

/* What does not fit is cut off. */
struct log_line {
	char text[LOG_LINE];
	unsigned int length;
};

void log_add(struct log_line *line, const char *text);
void log_add_decimal(struct log_line *line, long value);
/* In quotes; printable, and cut when it is long. */
void log_add_path(struct log_line *line, const char *path);
/* openat(AT_FDCWD, "/rump/x", 0x0) = 3 */
void log_add_call(struct log_line *line, const struct call *call);
void log_add_result(struct log_line *line, const struct call *call, long result);

/* ---- unrouted.c ---- */

/* Why a call that went to the host looked like ours: adds that to the line, or false. */
bool unrouted_explain(const struct call *call, struct log_line *line);

#endif

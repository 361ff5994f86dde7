/* SPDX-License-Identifier: BSD-2-Clause */
/* log.h - log=FILE: one line for each call that was routed to the rump kernel */
#ifndef HIJACK_LOG_H
#define HIJACK_LOG_H

#include "hijack.h"

extern bool log_is_on;

/* args: as the kernel got them. */
void log_call(struct call *call, const long args[6], long result);

/* Which kernel it is that calls are routed to; detail may be NULL. */
void log_kernel(const char *which, const char *detail);
/* Opens the file, so that log_call() makes no descriptor. */
void log_prepare(void);

#endif

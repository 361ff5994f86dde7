/* SPDX-License-Identifier: GPL-2.0-only */
/* Reports of trouble, see reports.c. */
#ifndef RUMP_REPORTS_H
#define RUMP_REPORTS_H
#include <linux/compiler.h>
#include <linux/types.h>

#ifdef CONFIG_RUMP_DEBUG
bool rump_report_is_seen(void);
/* A message goes to the console. */
void rump_report_look(const char *text, unsigned int length);
void rump_report_end(void);
#else
static inline bool rump_report_is_seen(void)
{
	return false;
}

static inline void rump_report_look(const char *text, unsigned int length)
{
}
static inline void rump_report_end(void)
{
}
#endif
/* On the way down: what was not shown. */
void rump_report_replay(void);
#endif

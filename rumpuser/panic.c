/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.c - the end of the process, wanted or not.
 *
 *	RUMP_PANIC=abort	(default) SIGABRT, with a core where cores are on
 *	RUMP_PANIC=exit[=N]	exit status N, 1 without it
 *	RUMP_PANIC=hang		all stays as it is, for a debugger
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "private.h"

#define STATUS_ABORTED (128 + SIGABRT)

void exit_now(int status)
{
	for (;;)
		host_call(SYS_exit_group, status);
}

/* The application may have blocked or caught SIGABRT; the core must show this thread here. */
static void abort_now(void)
{
	const struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = {.handler = SIG_DFL};
	const uint64_t mask = 1ULL << (SIGABRT - 1);

	host_call(SYS_rt_sigaction, SIGABRT, &action, NULL, sizeof(mask));
	host_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof(mask));
	host_call(SYS_tgkill, host_call(SYS_getpid), host_call(SYS_gettid), SIGABRT);
	/* a tracer can swallow the signal */
	exit_now(STATUS_ABORTED);
}

static void hang_now(void)
{
	char text[96];
	long pid = host_call(SYS_getpid), tid = host_call(SYS_gettid);

	snprintf(text, sizeof(text),
		 "rump: panic: waiting for a debugger: gdb -p %ld (thread %ld)\n", pid, tid);
	console_complain(text, strlen(text));
	for (;;)
		host_call(SYS_pause);
}

void panic_now(void)
{
	const char *what = param("RUMP_PANIC");

	if (what && !strcmp(what, "hang"))
		hang_now();
	if (what && !strcmp(what, "exit"))
		exit_now(1);
	if (what && !strncmp(what, "exit=", 5))
		exit_now((int)strtol(what + 5, NULL, 0));
	abort_now();
	__builtin_unreachable();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap.h - test results in the Test Anything Protocol, for small C programs.
 *
 *	#include "tap.h"
 *	int main(void)
 *	{
 *		ok(1 + 1 == 2, "sums");
 *		is_int(f(3), 9, "f squares %d", 3);
 *		is_str(g(), "text", "g talks");
 *		return done_testing();
 *	}
 *
 * Each check is evaluated once, prints one line and returns whether it held, so
 * that a test can stop early.  With plan(n) at the start a run that ends too
 * early fails; without it done_testing() prints the plan.  Checks may be made by
 * several threads.  Needs stdio; one source file of a program includes it.
 */
#ifndef RUMP_TESTS_TAP_H
#define RUMP_TESTS_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	int plan, run, failed;
} tap;

#define TAP_UNUSED __attribute__((unused))
#define TAP_FORMAT(at, from) __attribute__((format(printf, at, from)))

/* Declares how many checks will be made. */
TAP_UNUSED static void plan(int count)
{
	tap.plan = count;
	printf("1..%d\n", count);
	fflush(stdout);
}

/* A comment in the output. */
TAP_UNUSED TAP_FORMAT(1, 2) static void diag(const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c; c++) {
		if (*c == '\n')
			*c = '|';
	}
	printf("# %s\n", text);
	fflush(stdout);
}

/* One line a check; a name with a newline or '#' would be read as something else. */
TAP_UNUSED static int tap_result(int held, const char *directive, const char *file, int line,
				 const char *format, va_list args)
{
	char name[1024];
	int number = __atomic_add_fetch(&tap.run, 1, __ATOMIC_RELAXED);

	vsnprintf(name, sizeof(name), format, args);
	for (char *c = name; *c; c++) {
		if (*c == '\n' || *c == '\r' || *c == '#')
			*c = '.';
	}
	flockfile(stdout);
	printf("%s %d - %s%s\n", held ? "ok" : "not ok", number, name, directive);
	if (!held) {
		__atomic_add_fetch(&tap.failed, 1, __ATOMIC_RELAXED);
		printf("#   failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	funlockfile(stdout);
	return held;
}

TAP_UNUSED TAP_FORMAT(4, 5) static int tap_ok(int held, const char *file, int line,
					      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_result(held, "", file, line, format, args);
	va_end(args);
	return held;
}

TAP_UNUSED TAP_FORMAT(5, 6) static int tap_is_int(long long got, long long want, const char *file,
						  int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_result(got == want, "", file, line, format, args);
	va_end(args);
	if (got != want)
		diag("  got %lld (%#llx), want %lld (%#llx)", got, (unsigned long long)got, want,
		     (unsigned long long)want);
	return got == want;
}

TAP_UNUSED TAP_FORMAT(5, 6) static int tap_is_str(const char *got, const char *want,
						  const char *file, int line, const char *format,
						  ...)
{
	int held = got == want || (got && want && !strcmp(got, want));
	va_list args;

	va_start(args, format);
	tap_result(held, "", file, line, format, args);
	va_end(args);
	if (!held) {
		diag("  got  '%s'", got ? got : "(null)");
		diag("  want '%s'", want ? want : "(null)");
	}
	return held;
}

/* ok(condition, "name", ...) */
#define ok(condition, ...) tap_ok(!!(condition), __FILE__, __LINE__, __VA_ARGS__)
/* is_int(got, want, "name", ...), also under the name is() */
#define is_int(got, want, ...) \
	tap_is_int((long long)(got), (long long)(want), __FILE__, __LINE__, __VA_ARGS__)
#define is(got, want, ...) is_int(got, want, __VA_ARGS__)
/* is_str(got, want, "name", ...); NULL equals NULL only */
#define is_str(got, want, ...) tap_is_str(got, want, __FILE__, __LINE__, __VA_ARGS__)

/* A check that cannot be made here: the reason names what is missing. */
TAP_UNUSED TAP_FORMAT(1, 2) static void skip(const char *reason, ...)
{
	int number = __atomic_add_fetch(&tap.run, 1, __ATOMIC_RELAXED);
	char text[512];
	va_list args;

	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	printf("ok %d # SKIP %s\n", number, text);
	fflush(stdout);
}

/* Nothing of this program can be tested: exit now. Only before the first check. */
TAP_UNUSED TAP_FORMAT(1, 2) __attribute__((noreturn)) static void skip_all(const char *reason, ...)
{
	char text[512];
	va_list args;

	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	printf("1..0 # SKIP %s\n", text);
	exit(0);
}

/* Going on makes no sense: the run fails. */
TAP_UNUSED TAP_FORMAT(1, 2) __attribute__((noreturn)) static void bail_out(const char *reason, ...)
{
	char text[512];
	va_list args;

	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	printf("Bail out! %s\n", text);
	fflush(stdout);
	exit(99);
}

/* The exit status: 0 when all that was planned ran and held. */
TAP_UNUSED static int done_testing(void)
{
	if (!tap.plan)
		printf("1..%d\n", tap.run);
	else if (tap.plan != tap.run)
		diag("planned %d checks but ran %d", tap.plan, tap.run);
	if (tap.failed)
		diag("%d of %d checks failed", tap.failed, tap.run);
	fflush(stdout);
	return tap.failed || !tap.run || (tap.plan && tap.plan != tap.run) ? 1 : 0;
}

#endif

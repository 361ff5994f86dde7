/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs in this folder share: a kernel, checks of rump_sys_* calls, clocks. */
#ifndef RUMP_TESTS_PROG_H
#define RUMP_TESTS_PROG_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "../unit/tap.h"

/* Linked with librumpclient and over_server.c: the kernel is a server's. */
#ifdef OVER_SERVER
#define IS_OVER_SERVER true
#else
#define IS_OVER_SERVER false
#endif

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The call succeeds.  errno is looked at after it, which an argument would not be. */
#define succeeds(call)                                                 \
	({                                                             \
		long ret_ = (long)(call);                              \
		prog_succeeds(ret_, errno, #call, __FILE__, __LINE__); \
	})
/* The call gives -1 and errno is error. */
#define fails(call, error)                                                 \
	({                                                                 \
		long ret_ = (long)(call);                                  \
		prog_fails(ret_, errno, error, #call, __FILE__, __LINE__); \
	})

TAP_UNUSED static bool prog_succeeds(long ret, int error, const char *call, const char *file,
				     int line)
{
	if (!tap_ok(ret != -1, file, line, "%s", call))
		diag("  %s", strerror(error));
	return ret != -1;
}

TAP_UNUSED static bool prog_fails(long ret, int got, int want, const char *call, const char *file,
				  int line)
{
	bool held = ret == -1 && got == want;

	if (!tap_ok(held, file, line, "%s fails: %s", call, strerror(want)))
		diag("  returned %ld, errno %s", ret, strerror(got));
	return held;
}

/* A kernel without configuration, or with lines of rump.conf(5). */
TAP_UNUSED static void boot(const char *conf)
{
	int error = conf ? rump_boot_conf(conf, "test") : 0;

	if (!error)
		error = rump_init();
	if (error)
		bail_out("rump_init: %s: %s", strerror(error), rump_boot_error());
}

TAP_UNUSED static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Sleeps on the host, without the kernel. */
TAP_UNUSED static void host_sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

TAP_UNUSED static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, fn, arg);

	if (error)
		bail_out("pthread_create: %s", strerror(error));
	return thread;
}

TAP_UNUSED static void *join(pthread_t thread)
{
	void *result;

	pthread_join(thread, &result);
	return result;
}

#endif

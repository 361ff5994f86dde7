/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmark programs share.
 *
 * One source is built three times: bench-rump makes its calls by rump_sys_*() in a
 * kernel of its own, bench-client in that of a server, bench-host by libc in the host's.
 * SYS(open)(...) is the call on each side, so that all do the same work with the same code.
 *
 * A program prints lines "NAME VALUE", a line for each round; bench/run takes
 * the medians and makes the table.
 */
#ifndef RUMP_BENCH_H
#define RUMP_BENCH_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* BENCH_RUMP: rump_sys_*(); BENCH_CLIENT besides it: of librumpclient */
#ifdef BENCH_RUMP
#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#define SYS(name) rump_sys_##name
#define IS_RUMP true
#else
#define SYS(name) name
#define IS_RUMP false
#endif

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Ends the program when a call fails: a figure of failed calls is none. */
#define must(call)                               \
	({                                       \
		long ret_ = (long)(call);        \
		if (ret_ < 0)                    \
			bench_die(#call, errno); \
		ret_;                            \
	})

static inline _Noreturn void bench_die(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	exit(1);
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void report(const char *name, double value)
{
	printf("%s %.6g\n", name, value);
	fflush(stdout);
}

/* The calling thread stays on the n-th CPU that the process may use, counted around. */
void pin(unsigned int n);
/* Starts a thread or ends the program. */
pthread_t start(void *(*fn)(void *), void *arg);

/* Each takes its own arguments; 0, or 2 when they are wrong. */
int bench_null(int argc, char **argv);
int bench_pipe(int argc, char **argv);
int bench_tcp(int argc, char **argv);
int bench_data(int argc, char **argv);
int bench_names(int argc, char **argv);
int bench_turns(int argc, char **argv);
int bench_link_serve(int argc, char **argv);
int bench_link(int argc, char **argv);
#ifdef BENCH_CLIENT
int bench_connects(int argc, char **argv);
int bench_idle(int argc, char **argv);
int bench_rate(int argc, char **argv);
/* To the server of RUMP_SERVER, or ends the program. */
void bench_connect(void);
#elif defined(BENCH_RUMP)
int bench_boot(int argc, char **argv);
int bench_wakeup(int argc, char **argv);
#else
int bench_pingpong(int argc, char **argv);
int bench_doors(int argc, char **argv);
int bench_waits(int argc, char **argv);
int bench_map(int argc, char **argv);
#endif

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that the host answers, as they are made in programs that know nothing of rump:
 * what they cost with the preload and without it is compared by bench/run.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define CALLS 100000
#define WARM_UP 1000
#define ROUNDS 5

static int zero;
static FILE *nowhere;

static void by_symbol(void)
{
	char byte;

	must(read(zero, &byte, 1));
}

static void without_fd(void)
{
	must(getppid());
}

static void by_symbol_fstat(void)
{
	struct stat st;

	must(fstat(zero, &st));
}

/* Without a buffer each character is a write(2) by an instruction in the middle of libc. */
static void by_instruction(void)
{
	must(fputc('x', nowhere));
}

/* CPU time, so that other work on the machine does not count. */
static uint64_t used_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void measure(const char *name, void (*call)(void))
{
	double best = 0;

	for (int i = 0; i < WARM_UP; i++)
		call();
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t from = used_ns();
		double ns;

		for (int i = 0; i < CALLS; i++)
			call();
		ns = (double)(used_ns() - from) / CALLS;
		if (!round || ns < best)
			best = ns;
	}
	report(name, best);
}

int bench_doors(int argc, char **argv)
{
	(void)argv;
	if (argc)
		return 2;
	pin(0);
	zero = must(open("/dev/zero", O_RDONLY));
	nowhere = fopen("/dev/null", "w");
	if (!nowhere || setvbuf(nowhere, NULL, _IONBF, 0))
		bench_die("/dev/null", errno);
	measure("read_symbol_ns", by_symbol);
	measure("getppid_symbol_ns", without_fd);
	measure("fstat_symbol_ns", by_symbol_fstat);
	measure("write_site_ns", by_instruction);
	fclose(nowhere);
	close(zero);
	return 0;
}

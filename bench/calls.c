/* SPDX-License-Identifier: BSD-2-Clause */
/* The price of a call, and of waking another thread. */
#include <unistd.h>

#include "bench.h"

#define CALLS 1000000
#define TURNS 20000
#define WARM_UP 1000

/* ---- a call that does nothing ---- */

struct caller {
	unsigned int cpu;
	unsigned int rounds;
	pthread_barrier_t *barrier;
	double *ns, *cpu_ns; /* a call, by round */
};

/* What the thread itself used, in the kernel too: other work on the machine does not count. */
static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *call(void *arg)
{
	struct caller *caller = arg;

	pin(caller->cpu);
	for (int i = 0; i < WARM_UP; i++)
		SYS(getppid)();
	for (unsigned int round = 0; round < caller->rounds; round++) {
		uint64_t from, cpu_from;

		pthread_barrier_wait(caller->barrier);
		from = now_ns();
		cpu_from = thread_ns();
		for (int i = 0; i < CALLS; i++)
			SYS(getppid)();
		caller->cpu_ns[round] = (double)(thread_ns() - cpu_from) / CALLS;
		caller->ns[round] = (double)(now_ns() - from) / CALLS;
	}
	return NULL;
}

static void report_slowest(const char *name, const struct caller *callers, unsigned int threads,
			   bool is_cpu, unsigned int round)
{
	double slowest = 0;

	for (unsigned int i = 0; i < threads; i++) {
		double ns = is_cpu ? callers[i].cpu_ns[round] : callers[i].ns[round];

		if (ns > slowest)
			slowest = ns;
	}
	report(name, slowest);
}

/* Each thread on a CPU of its own; a round's figure is that of the slowest. */
int bench_null(int argc, char **argv)
{
	unsigned int threads = argc == 2 ? atoi(argv[0]) : 0;
	unsigned int rounds = argc == 2 ? atoi(argv[1]) : 0;
	pthread_barrier_t barrier;

	if (!threads || !rounds)
		return 2;
	pthread_t thread[threads];
	struct caller callers[threads];

	pthread_barrier_init(&barrier, NULL, threads);
	for (unsigned int i = 0; i < threads; i++) {
		callers[i] = (struct caller){i, rounds, &barrier, calloc(rounds, sizeof(double)),
					     calloc(rounds, sizeof(double))};
		thread[i] = start(call, &callers[i]);
	}
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int round = 0; round < rounds; round++) {
		report_slowest("null_ns", callers, threads, false, round);
		report_slowest("null_cpu_ns", callers, threads, true, round);
	}
	for (unsigned int i = 0; i < threads; i++) {
		free(callers[i].ns);
		free(callers[i].cpu_ns);
	}
	return 0;
}

/* ---- two threads that wake each other through pipes ---- */

struct echo {
	int in, out;
	unsigned int cpu;
};

static void *echo(void *arg)
{
	struct echo *echo = arg;
	char byte;

	pin(echo->cpu);
	while (must(SYS(read)(echo->in, &byte, 1)) == 1)
		must(SYS(write)(echo->out, &byte, 1));
	return NULL;
}

/* CPUS 1: both threads on one CPU; 2: one on each. */
int bench_pipe(int argc, char **argv)
{
	unsigned int cpus = argc == 2 ? atoi(argv[0]) : 0, rounds = argc == 2 ? atoi(argv[1]) : 0;
	int there[2], back[2];
	struct echo other;
	pthread_t thread;
	char byte = 0;

	if (!cpus || !rounds)
		return 2;
	must(SYS(pipe)(there));
	must(SYS(pipe)(back));
	other = (struct echo){there[0], back[1], cpus - 1};
	pin(0);
	thread = start(echo, &other);
	for (unsigned int round = 0; round <= rounds; round++) {
		int turns = round ? TURNS : WARM_UP;
		uint64_t from = now_ns();

		for (int i = 0; i < turns; i++) {
			must(SYS(write)(there[1], &byte, 1));
			must(SYS(read)(back[0], &byte, 1));
		}
		if (round)
			report("turn_us", (double)(now_ns() - from) / turns / 1e3);
	}
	SYS(close)(there[1]);
	pthread_join(thread, NULL);
	return 0;
}

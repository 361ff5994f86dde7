/* SPDX-License-Identifier: BSD-2-Clause */
/* bench-rump, bench-client and bench-host: one benchmark a run, so that none inherits another's
 * state. */
#include <unistd.h>

#include "bench.h"

#ifdef BENCH_CLIENT
#include <rump/rumpclient.h>
#endif

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	bool boots; /* the kernel is up before it starts */
} benches[] = {
	{"null", bench_null, "THREADS ROUNDS", true},
	{"pipe", bench_pipe, "CPUS ROUNDS", true},
	{"tcp", bench_tcp, "ROUNDS", true},
	{"data", bench_data, "FOLDER PIECE ROUNDS", true},
	{"names", bench_names, "FOLDER ROUNDS", true},
	{"turns", bench_turns, "ROUNDS", true},
	{"serve", bench_link_serve, "ADDRESS PORT", true},
	{"link", bench_link, "ADDRESS PORT ROUNDS", true},
#ifdef BENCH_CLIENT
	{"connects", bench_connects, "ROUNDS", false},
	{"idle", bench_idle, "CLIENTS", false},
	{"rate", bench_rate, "CLIENTS ROUNDS", false},
#elif defined(BENCH_RUMP)
	{"boot", bench_boot, "", false},
	{"wakeup", bench_wakeup, "", true},
#else
	{"pingpong", bench_pingpong, "ROUNDS", false},
	{"doors", bench_doors, "", false},
	{"waits", bench_waits, "ROUNDS", false},
	{"map", bench_map, "FOLDER ROUNDS", true},
#endif
};

static cpu_set_t allowed;

void pin(unsigned int n)
{
	unsigned int cpu, seen = 0, count = CPU_COUNT(&allowed);
	cpu_set_t one;

	CPU_ZERO(&one);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && seen++ == n % count)
			break;
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		bench_die("sched_setaffinity", errno);
}

pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, fn, arg);

	if (error)
		bench_die("pthread_create", error);
	return thread;
}

#ifdef BENCH_CLIENT
void bench_connect(void)
{
	if (rumpclient_init()) {
		fprintf(stderr, "rumpclient_init: %s\n", rumpclient_error());
		exit(1);
	}
}
#endif

static void boot(void)
{
#ifdef BENCH_CLIENT
	bench_connect();
#elif defined(BENCH_RUMP)
	int error = rump_init();

	if (error) {
		fprintf(stderr, "rump_init: %s: %s\n", strerror(error), rump_boot_error());
		exit(1);
	}
#endif
}

int main(int argc, char **argv)
{
	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (size_t i = 0; argc > 1 && i < LENGTH_OF(benches); i++) {
		if (strcmp(argv[1], benches[i].name))
			continue;
		if (benches[i].boots)
			boot();
		if (benches[i].run(argc - 2, argv + 2) == 0)
			return 0;
	}
	fprintf(stderr, "usage:\n");
	for (size_t i = 0; i < LENGTH_OF(benches); i++)
		fprintf(stderr, "\t%s %s %s\n", argv[0], benches[i].name, benches[i].arguments);
	return 2;
}

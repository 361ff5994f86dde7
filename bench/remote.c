/* SPDX-License-Identifier: BSD-2-Clause */
/* What calls to another process cost: turns, connections, many clients at once. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define CALLS 50000
#define WARM_UP 5000
#define RATE_MS 1000
#define MAX_CLIENTS 10000

#if !defined(BENCH_RUMP) || defined(BENCH_CLIENT)

static void end_process(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0));
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "a client failed: wait status %#x\n", status);
		exit(1);
	}
}

#endif

/* ---- calls of one client, where the caller of this program has put it ---- */

int bench_turns(int argc, char **argv)
{
	unsigned int rounds = argc == 1 ? atoi(argv[0]) : 0;

	if (!rounds)
		return 2;
	for (int i = 0; i < WARM_UP; i++)
		SYS(getppid)();
	for (unsigned int round = 0; round < rounds; round++) {
		uint64_t from = now_ns();

		for (int i = 0; i < CALLS; i++)
			SYS(getppid)();
		report("turn_us", (double)(now_ns() - from) / CALLS / 1e3);
	}
	return 0;
}

#ifndef BENCH_RUMP

/* ---- two processes of the host and a unix socket between them ---- */

static void answer(void *arg)
{
	int fd = *(int *)arg;
	char byte;

	while (read(fd, &byte, 1) == 1)
		must(write(fd, &byte, 1));
}

int bench_pingpong(int argc, char **argv)
{
	unsigned int rounds = argc == 1 ? atoi(argv[0]) : 0;
	int pair[2];
	pid_t other;
	char byte = 0;

	if (!rounds)
		return 2;
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	other = must(fork());
	if (other == 0) {
		close(pair[0]);
		answer(&pair[1]);
		_exit(0);
	}
	close(pair[1]);
	for (unsigned int round = 0; round <= rounds; round++) {
		int turns = round ? CALLS : WARM_UP;
		uint64_t from = now_ns();

		for (int i = 0; i < turns; i++) {
			must(write(pair[0], &byte, 1));
			must(read(pair[0], &byte, 1));
		}
		if (round)
			report("turn_us", (double)(now_ns() - from) / turns / 1e3);
	}
	close(pair[0]);
	end_process(other);
	return 0;
}

#endif

#ifdef BENCH_CLIENT

/* ---- connections ---- */

/* A process that does fn(arg) and ends. */
static pid_t start_process(void (*fn)(void *), void *arg)
{
	pid_t pid = must(fork());

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

static void connect_once(void *arg)
{
	(void)arg;
	uint64_t from = now_ns();

	bench_connect();
	must(SYS(getppid)());
	report("connect_us", (double)(now_ns() - from) / 1e3);
}

/* From nothing to the answer of the first call, each in a process of its own. */
int bench_connects(int argc, char **argv)
{
	unsigned int rounds = argc == 1 ? atoi(argv[0]) : 0;

	if (!rounds)
		return 2;
	for (unsigned int round = 0; round < rounds; round++)
		end_process(start_process(connect_once, NULL));
	return 0;
}

/* ---- many clients ---- */

static int ready[2], go[2];

static void idle(void *arg)
{
	char byte = 0;

	(void)arg;
	bench_connect();
	must(SYS(getppid)());
	must(write(ready[1], &byte, 1));
	/* on the host: until the parent is gone */
	close(go[1]);
	must(read(go[0], &byte, 1));
}

/* COUNT clients that have made a call; "ready" when all have, then until stdin ends. */
int bench_idle(int argc, char **argv)
{
	unsigned int count = argc == 1 ? atoi(argv[0]) : 0;
	char byte;

	if (!count || count > MAX_CLIENTS)
		return 2;
	static pid_t clients[MAX_CLIENTS];

	must(pipe(ready));
	must(pipe(go));
	for (unsigned int i = 0; i < count; i++)
		clients[i] = start_process(idle, NULL);
	for (unsigned int i = 0; i < count; i++)
		if (must(read(ready[0], &byte, 1)) != 1)
			bench_die("ready", EPIPE);
	report("ready", count);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(go[1]);
	for (unsigned int i = 0; i < count; i++)
		end_process(clients[i]);
	return 0;
}

static void call_for_a_while(void *arg)
{
	char text[32] = "/tmp";
	uint64_t calls = 0, end;
	char byte = 0;

	(void)arg;
	bench_connect();
	for (int i = 0; i < WARM_UP; i++)
		SYS(access)(text, 0);
	must(write(ready[1], &byte, 1));
	must(read(go[0], &byte, 1));
	end = now_ns() + RATE_MS * 1000000ull;
	while (now_ns() < end)
		for (int i = 0; i < 16; i++, calls++)
			must(SYS(access)(text, 0));
	must(write(ready[1], &calls, sizeof(calls)));
}

/* How many calls of a path COUNT clients make in all. */
int bench_rate(int argc, char **argv)
{
	unsigned int count = argc == 2 ? atoi(argv[0]) : 0, rounds = argc == 2 ? atoi(argv[1]) : 0;
	static pid_t clients[MAX_CLIENTS];
	char bytes[MAX_CLIENTS] = "";

	if (!count || count > MAX_CLIENTS || !rounds)
		return 2;
	must(pipe(ready));
	must(pipe(go));
	for (unsigned int round = 0; round < rounds; round++) {
		uint64_t all = 0, calls;

		for (unsigned int i = 0; i < count; i++)
			clients[i] = start_process(call_for_a_while, NULL);
		for (unsigned int i = 0; i < count; i++)
			must(read(ready[0], bytes, 1));
		must(write(go[1], bytes, count));
		for (unsigned int i = 0; i < count; i++) {
			must(read(ready[0], &calls, sizeof(calls)));
			all += calls;
		}
		for (unsigned int i = 0; i < count; i++)
			end_process(clients[i]);
		report("calls_ms", (double)all / RATE_MS);
	}
	return 0;
}

#endif

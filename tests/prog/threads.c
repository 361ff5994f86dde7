/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host threads come and go: 10,000 short ones (or as many as the argument says),
 * then hundreds at once.  All of them do something in the kernel, and nothing of
 * them is left in it.
 */
#include "prog.h"

#include <sys/sysinfo.h>

#define AT_ONCE 8
#define BLOCKED 300
#define LEEWAY 8 /* kernel threads that come and go by themselves */

static int shared_pipe[2];
static unsigned int failures;

static void *short_life(void *arg)
{
	char name[32], got[sizeof(name)];
	int fd;

	snprintf(name, sizeof(name), "/tmp/t%ld", (long)arg);
	fd = rump_sys_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || rump_sys_write(fd, name, sizeof(name)) != sizeof(name) ||
	    rump_sys_pread(fd, got, sizeof(got), 0) != sizeof(got) ||
	    memcmp(name, got, strlen(name) + 1) || rump_sys_close(fd) || rump_sys_unlink(name))
		__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	/* a third leaves by pthread_exit, where destructors of other libraries run */
	if ((long)arg % 3 == 0)
		pthread_exit(NULL);
	return NULL;
}

static void *wait_for_byte(void *arg)
{
	char byte = 0;

	(void)arg;
	if (rump_sys_read(shared_pipe[0], &byte, 1) != 1 || byte != 'x')
		__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Never enters the kernel. */
static void *stay_out(void *arg)
{
	return arg;
}

static struct sysinfo kernel_state(void)
{
	struct sysinfo info = {0};

	if (rump_sys_sysinfo(&info))
		bail_out("sysinfo: %s", strerror(errno));
	return info;
}

/* What is released by other threads may take a moment. */
static bool returns_to(unsigned int procs)
{
	for (int i = 0; i < 100; i++) {
		if (kernel_state().procs <= procs + LEEWAY)
			return true;
		host_sleep_ms(50);
	}
	diag("%u tasks, %u at first", kernel_state().procs, procs);
	return false;
}

static void come_and_go(long count)
{
	pthread_t threads[AT_ONCE];
	struct sysinfo before, after;
	bool is_free;

	for (long i = 0; i < 200; i++)
		join(start(short_life, (void *)i));
	before = kernel_state();
	for (long i = 0; i < count; i += AT_ONCE) {
		for (long n = 0; n < AT_ONCE; n++)
			threads[n] = start(n == 5 ? stay_out : short_life, (void *)(i + n));
		for (long n = 0; n < AT_ONCE; n++)
			join(threads[n]);
	}
	is_int(failures, 0, "%ld short-lived threads did their work", count);
	ok(returns_to(before.procs), "their lwps are gone");
	/* an lwp that stayed would take 20 KiB and more; stacks are freed a grace period later */
	for (int i = 0; i < 100; i++) {
		after = kernel_state();
		is_free = (long)(before.freeram - after.freeram) * (long)after.mem_unit <
			  count * 512;
		if (is_free)
			break;
		host_sleep_ms(50);
	}
	ok(is_free, "their memory is free again");
	diag("free memory %lu -> %lu KiB", before.freeram * before.mem_unit >> 10,
	     after.freeram * after.mem_unit >> 10);
}

static void many_at_once(void)
{
	static pthread_t threads[BLOCKED];
	unsigned int procs = kernel_state().procs;
	char bytes[BLOCKED];
	int i;

	failures = 0;
	succeeds(rump_sys_pipe(shared_pipe));
	for (i = 0; i < BLOCKED; i++)
		threads[i] = start(wait_for_byte, NULL);
	for (i = 0; i < 200 && kernel_state().procs < procs + BLOCKED; i++)
		host_sleep_ms(50);
	ok(kernel_state().procs >= procs + BLOCKED, "%d threads are blocked at once", BLOCKED);
	memset(bytes, 'x', sizeof(bytes));
	is_int(rump_sys_write(shared_pipe[1], bytes, sizeof(bytes)), sizeof(bytes),
	       "each gets a byte");
	for (i = 0; i < BLOCKED; i++)
		join(threads[i]);
	is_int(failures, 0, "each got it");
	ok(returns_to(procs), "their lwps are gone");
}

int main(int argc, char **argv)
{
	boot(NULL);
	come_and_go(argc > 1 ? atol(argv[1]) : 10000);
	many_at_once();
	is_int(rump_pub_shutdown(), 0, "rump_pub_shutdown");
	return done_testing();
}

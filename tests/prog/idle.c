/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel that has nothing to do takes no time: 3 seconds below 5 ms, after work too. */
#include "prog.h"

#define SECONDS 3
#define LIMIT_NS 5000000
#define SETTLE_MS 1500 /* work that is due after the calls: RCU, write-back timers */

static void *sleeper(void *arg)
{
	struct timespec t = {.tv_sec = 3600};

	/* ends with the process, or when the kernel stops */
	rump_sys_nanosleep(&t, NULL);
	return arg;
}

static void measure(const char *what)
{
	uint64_t start_ns;

	host_sleep_ms(SETTLE_MS);
	start_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	host_sleep_ms(SECONDS * 1000);
	start_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
	ok(start_ns < LIMIT_NS, "%s: %d s take less than %d ms", what, SECONDS, LIMIT_NS / 1000000);
	diag("%s: %.3f ms", what, start_ns / 1e6);
}

int main(void)
{
	char buffer[4096] = {1};
	int fd;

	boot(NULL);
	measure("after boot");
	fd = rump_sys_open("/tmp/file", O_RDWR | O_CREAT, 0600);
	for (int i = 0; i < 1000; i++)
		rump_sys_write(fd, buffer, sizeof(buffer));
	succeeds(rump_sys_fsync(fd));
	start(sleeper, NULL);
	measure("after writing, with a blocked thread");
	return done_testing();
}

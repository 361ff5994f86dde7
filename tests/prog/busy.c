/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel thread that is never idle and takes no interrupts by itself (the
 * poller of an io_uring): others get on, time goes on, and it ends on time.
 */
#include "prog.h"

#include <linux/io_uring.h>
#include <sys/syscall.h>

#define POLLER_IDLE_MS 1500
#define SLEEPS 20
#define SLEEP_MS 10
/* a call of others may have to wait for a time slice of the poller each time */
#define SLEEPS_MAX_MS 1400

int main(void)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SQPOLL,
		.sq_thread_idle = POLLER_IDLE_MS,
	};
	uint64_t begin, end;
	long ring;

	boot(NULL);
	ring = rump_syscall(SYS_io_uring_setup, 4, (long)&params, 0, 0, 0, 0);
	if (!ok(ring >= 0, "io_uring_setup with a poller"))
		bail_out("io_uring_setup gives %ld", ring);
	begin = now_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < SLEEPS; i++)
		rump_sys_poll(NULL, 0, SLEEP_MS);
	end = now_ns(CLOCK_MONOTONIC);
	ok(end - begin >= SLEEPS * SLEEP_MS * 1000000ull, "calls sleep beside it");
	ok(end - begin < SLEEPS_MAX_MS * 1000000ull, "and wake up");
	diag("%llu ms", (unsigned long long)(end - begin) / 1000000);
	host_sleep_ms(POLLER_IDLE_MS + 1000);
	begin = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	host_sleep_ms(500);
	end = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	ok(end - begin < 100000000ull, "with nothing to do it goes to sleep");
	diag("%llu ms of CPU in 500", (unsigned long long)(end - begin) / 1000000);
	succeeds(rump_sys_close(ring));
	is_int(rump_pub_shutdown(), 0, "rump_pub_shutdown");
	return done_testing();
}

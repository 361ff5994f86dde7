/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time and waiting while other threads keep the virtual CPU busy: clocks, sleeps
 * and timers come on time, and a blocked call of one thread never holds up another.
 * The limits are wide: they tell "late by a time slice of a loaded host" from
 * "when the other thread happens to leave the kernel".
 */
#include "prog.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#define MS 1000000ull
#define LATE_MS 2000
#define BUSY_CALL (8 << 20) /* bytes of one long call: some milliseconds in the kernel */

static volatile bool stop;
static unsigned long busy_calls;
static volatile sig_atomic_t alarms;

/* Enters again as soon as it is out: the vCPU is free for nanoseconds only. */
static void *short_calls(void *arg)
{
	(void)arg;
	while (!stop) {
		rump_sys_getppid();
		busy_calls++;
	}
	return NULL;
}

/* Stays in the kernel for long. */
static void *long_calls(void *arg)
{
	char *buffer = malloc(BUSY_CALL);
	int fd = rump_sys_open("/dev/zero", O_RDONLY);

	(void)arg;
	while (!stop && fd >= 0 && rump_sys_read(fd, buffer, BUSY_CALL) == BUSY_CALL)
		busy_calls++;
	rump_sys_close(fd);
	free(buffer);
	return NULL;
}

/* Keeps the vCPU between its calls. */
static void *scheduled_calls(void *arg)
{
	(void)arg;
	while (!stop) {
		rump_schedule();
		for (int i = 0; i < 1000 && !stop; i++, busy_calls++)
			rump_sys_getppid();
		rump_unschedule();
	}
	return NULL;
}

/* How late the worst of n sleeps of ms was, in ns; ~0: one was too short or failed. */
static uint64_t worst_sleep(int n, int ms)
{
	uint64_t worst = 0;

	for (int i = 0; i < n; i++) {
		struct timespec t = {.tv_nsec = ms * MS};
		uint64_t begin = now_ns(CLOCK_MONOTONIC), took;

		if (rump_sys_nanosleep(&t, NULL))
			return ~0ull;
		took = now_ns(CLOCK_MONOTONIC) - begin;
		if (took < ms * MS)
			return ~0ull;
		if (took - ms * MS > worst)
			worst = took - ms * MS;
	}
	return worst;
}

/* Worst lateness of a periodic timerfd that is polled. */
static uint64_t worst_timerfd(int n, int ms)
{
	struct itimerspec period = {{0, ms * MS}, {0, ms * MS}};
	int fd = rump_sys_timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	uint64_t begin = now_ns(CLOCK_MONOTONIC), worst = 0, ticks, all = 0;

	if (fd < 0 || rump_sys_timerfd_settime(fd, 0, &period, NULL))
		return ~0ull;
	while (all < (uint64_t)n) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t due, now;

		if (rump_sys_poll(&p, 1, 5000) != 1 ||
		    rump_sys_read(fd, &ticks, sizeof(ticks)) != sizeof(ticks)) {
			worst = ~0ull;
			break;
		}
		all += ticks;
		due = begin + all * ms * MS;
		now = now_ns(CLOCK_MONOTONIC);
		/* a tick more than read may be due, never one less */
		if (now + MS < due) {
			worst = ~0ull;
			break;
		}
		if (now - due > worst && now > due)
			worst = now - due;
	}
	rump_sys_close(fd);
	return worst;
}

static void check_late(const char *what, const char *beside, uint64_t worst)
{
	ok(worst < LATE_MS * MS, "%s come on time beside %s", what, beside);
	if (worst == ~0ull)
		diag("one failed or was early");
	else
		diag("worst: %.2f ms late", worst / 1e6);
}

static void beside(const char *name, void *(*busy)(void *), int threads)
{
	pthread_t thread[4];

	stop = false;
	busy_calls = 0;
	for (int i = 0; i < threads; i++)
		thread[i] = start(busy, NULL);
	check_late("sleeps", name, worst_sleep(40, 5));
	check_late("timerfds", name, worst_timerfd(40, 5));
	stop = true;
	for (int i = 0; i < threads; i++)
		join(thread[i]);
	if (threads)
		ok(busy_calls > 0, "%s did something meanwhile", name);
}

static void *read_one(void *arg)
{
	int *pipe = arg;
	char byte = 0;

	return (void *)(rump_sys_read(pipe[0], &byte, 1) == 1 ? (long)byte : -1);
}

/* Many threads in blocking calls of all kinds; the others go on as if they were not there. */
static void blocked_threads(void)
{
	enum { READERS = 50 };
	static int pipes[READERS][2];
	pthread_t readers[READERS];
	uint64_t begin;
	int i, good = 0, fd;

	for (i = 0; i < READERS; i++) {
		if (rump_sys_pipe(pipes[i]))
			bail_out("pipe: %s", strerror(errno));
		readers[i] = start(read_one, pipes[i]);
	}
	host_sleep_ms(100);
	begin = now_ns(CLOCK_MONOTONIC);
	fd = rump_sys_open("/tmp/file", O_RDWR | O_CREAT, 0600);
	for (i = 0; i < 20000; i++)
		good += rump_sys_pwrite(fd, &i, sizeof(i), 0) == sizeof(i);
	is_int(good, 20000, "20000 calls beside %d blocked threads", READERS);
	ok(now_ns(CLOCK_MONOTONIC) - begin < 5000 * MS, "are not held up");
	check_late("sleeps", "blocked threads", worst_sleep(20, 5));
	/* in any order */
	for (good = i = 0; i < READERS; i++) {
		int n = i * 17 % READERS;
		char byte = n + 1;

		good += rump_sys_write(pipes[n][1], &byte, 1) == 1;
		good += (long)join(readers[n]) == byte;
	}
	is_int(good, 2 * READERS, "each blocked thread gets what is for it");
	rump_sys_close(fd);
}

static void *futile_read(void *arg)
{
	int *pipe = arg;
	char byte;
	long ret;

	pipe[2] = gettid();
	ret = rump_sys_read(pipe[0], &byte, 1);
	return (void *)(ret == -1 ? (long)errno : 0);
}

static void interrupts(void)
{
	int pipe[3] = {0};
	pthread_t thread;
	uint64_t begin;

	succeeds(rump_sys_pipe(pipe));
	thread = start(futile_read, pipe);
	while (!__atomic_load_n(&pipe[2], __ATOMIC_ACQUIRE))
		host_sleep_ms(1);
	host_sleep_ms(50);
	begin = now_ns(CLOCK_MONOTONIC);
	is_int(rump_pub_interrupt(pipe[2]), 0, "rump_pub_interrupt of a blocked thread");
	is_int((long)join(thread), EINTR, "its call ends with EINTR");
	ok(now_ns(CLOCK_MONOTONIC) - begin < LATE_MS * MS, "at once");
	is_int(rump_pub_interrupt(gettid()), 0, "of a thread that is in no call: no effect");
	ok(rump_sys_getppid() >= 0, "its next call is as always");
	is_int(rump_pub_interrupt(999999999), ESRCH, "of no thread");
}

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* Signals that the kernel raises reach the host thread. */
static void signals(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval once = {.it_value = {0, 500000}};
	struct timespec second = {.tv_sec = 5};
	int pipe[2];

	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGPIPE, &action, NULL);
	succeeds(rump_sys_setitimer(ITIMER_REAL, &once, NULL));
	fails(rump_sys_nanosleep(&second, &second), EINTR);
	is_int(alarms, 1, "an interval timer raises SIGALRM here");
	ok(second.tv_sec >= 2 && second.tv_sec <= 4, "the sleep tells what was left");

	alarms = 0;
	succeeds(rump_sys_pipe(pipe));
	succeeds(rump_sys_close(pipe[0]));
	fails(rump_sys_write(pipe[1], "x", 1), EPIPE);
	is_int(alarms, 1, "a broken pipe raises SIGPIPE here");
	rump_sys_close(pipe[1]);
}

static void clocks(void)
{
	struct timespec ours, host;
	int64_t difference;

	succeeds(rump_sys_clock_gettime(CLOCK_REALTIME, &ours));
	clock_gettime(CLOCK_REALTIME, &host);
	difference = (host.tv_sec - ours.tv_sec) * 1000000000ll + host.tv_nsec - ours.tv_nsec;
	ok(difference > -20 * (int64_t)MS && difference < LATE_MS * (int64_t)MS,
	   "the time of day is the host's");
	diag("%.3f ms apart", difference / 1e6);
	succeeds(rump_sys_clock_gettime(CLOCK_MONOTONIC, &ours));
	host = ours;
	for (int i = 0; i < 10000; i++) {
		if (rump_sys_clock_gettime(CLOCK_MONOTONIC, &ours) || ours.tv_sec < host.tv_sec ||
		    (ours.tv_sec == host.tv_sec && ours.tv_nsec < host.tv_nsec)) {
			ok(false, "the monotonic clock goes back");
			return;
		}
		host = ours;
	}
	ok(true, "the monotonic clock never goes back");
}

int main(void)
{
	boot(NULL);
	clocks();
	beside("nothing", NULL, 0);
	beside("a thread of short calls", short_calls, 1);
	beside("a thread of long calls", long_calls, 1);
	beside("a thread that keeps the vCPU", scheduled_calls, 1);
	beside("four threads of short calls", short_calls, 4);
	blocked_threads();
	interrupts();
	signals();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* waits_threads.c - waits of many threads and processes, signals; waits.h: waits_threads CASE */
#include <setjmp.h>
#include <sys/time.h>

#include "waits.h"

static struct epoll_event events[64];
static struct way rump_way, host_way;
static int set;

static void make_set(unsigned int flags)
{
	make_way(&rump_way, true);
	make_way(&host_way, false);
	CHECK((set = epoll_create1(0)) >= 0);
	add(set, rump_way.in[0], EPOLLIN | flags, 1);
	add(set, host_way.in[0], EPOLLIN | flags, 2);
}

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
	CHECK(pthread_create(thread, NULL, run, argument) == 0);
}

/* ---- a token goes round: each wake-up counts ---- */

#define RING 6
#define ROUNDS 1500

/* Two ways into each thread; the token takes either. */
static struct way ring[RING][2];

static bool wait_by(int how, int own_set, const struct way ways[2])
{
	struct pollfd fds[2] = {{ways[0].in[0], POLLIN, 0}, {ways[1].in[0], POLLIN, 0}};
	int high = ways[0].in[0] > ways[1].in[0] ? ways[0].in[0] : ways[1].in[0];
	struct timeval time = {30, 0};
	struct epoll_event event;
	fd_set reads;

	switch (how) {
	case 0:
		return epoll_wait(own_set, &event, 1, 30000) == 1;
	case 1:
		return poll(fds, 2, 30000) == 1;
	default:
		FD_ZERO(&reads);
		FD_SET(ways[0].in[0], &reads);
		FD_SET(ways[1].in[0], &reads);
		return select(high + 1, &reads, NULL, NULL, &time) == 1;
	}
}

static void *run_ring(void *argument)
{
	long me = (long)argument;
	char byte;
	int own_set = epoll_create1(0);

	CHECK(own_set >= 0);
	add(own_set, ring[me][0].in[0], EPOLLIN | (me % 2 ? EPOLLET : 0), 0);
	add(own_set, ring[me][1].in[0], EPOLLIN, 1);
	for (long round = 0; round < ROUNDS; round++) {
		int way = -1;

		CHECK(wait_by((me + round) % 3, own_set, ring[me]));
		for (int i = 0; i < 2; i++) {
			struct pollfd fd = {ring[me][i].in[0], POLLIN, 0};

			if (poll(&fd, 1, 0) == 1)
				way = i;
		}
		CHECK(way >= 0);
		CHECK(read(ring[me][way].in[0], &byte, 1) == 1);
		put(&ring[(me + 1) % RING][(round * 7 + me) % 3 != 0]);
	}
	close(own_set);
	return NULL;
}

static void tokens(void)
{
	pthread_t threads[RING];

	for (int i = 0; i < RING; i++) {
		make_way(&ring[i][0], true);
		make_way(&ring[i][1], false);
	}
	for (long i = 0; i < RING; i++)
		start(&threads[i], run_ring, (void *)i);
	put(&ring[0][0]);
	for (int i = 0; i < RING; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- many wait for one set ---- */

#define WAITERS 4
#define MESSAGES 4000

static unsigned int flags_of_all;
static int taken;

static void *consume(void *argument)
{
	struct epoll_event some[2];
	bool is_over = false;
	char byte;

	(void)argument;
	while (!is_over) {
		int n = epoll_wait(set, some, 2, 30000);

		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			const struct way *way = some[i].data.u64 == 1 ? &rump_way : &host_way;

			if (some[i].data.u64 == 3)
				is_over = true; /* stays readable: it is for all */
			else
				while (read(way->in[0], &byte, 1) == 1)
					__atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
			if (some[i].data.u64 != 3 && flags_of_all & EPOLLONESHOT)
				change(set, way->in[0], EPOLLIN | flags_of_all, some[i].data.u64);
		}
	}
	return NULL;
}

static void crowd_with(unsigned int flags)
{
	pthread_t threads[WAITERS];
	struct way over;
	long until;

	taken = 0;
	flags_of_all = flags;
	make_set(flags);
	CHECK(fcntl(rump_way.in[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK(fcntl(host_way.in[0], F_SETFL, O_NONBLOCK) == 0);
	make_way(&over, true);
	add(set, over.in[0], EPOLLIN, 3);
	for (int i = 0; i < WAITERS; i++)
		start(&threads[i], consume, NULL);
	for (int i = 0; i < MESSAGES; i++) {
		put(i * 7 % 3 ? &rump_way : &host_way);
		if (i % 16 == 0)
			usleep(20);
	}
	until = now_ms() + 30000;
	while (__atomic_load_n(&taken, __ATOMIC_SEQ_CST) < MESSAGES && now_ms() < until)
		usleep(1000);
	CHECK(taken == MESSAGES);
	put(&over);
	for (int i = 0; i < WAITERS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(taken == MESSAGES);
	close_way(&over);
	close_way(&rump_way);
	close_way(&host_way);
	CHECK(close(set) == 0);
}

static void crowd(void)
{
	crowd_with(0);
	crowd_with(EPOLLET);
	crowd_with(EPOLLONESHOT);
}

/* ---- others change what is waited for ---- */

static void *wait_once(void *argument)
{
	struct epoll_event event;
	int n = epoll_wait(set, &event, 1, *(int *)argument);

	return (void *)(long)(n == 1 ? (long)event.data.u64 : n);
}

/* So that the thread sleeps, most probably. */
#define ASLEEP 20

static void others(void)
{
	int long_time = 30000, short_time = 200;
	struct way way, first;
	pthread_t thread;
	void *result;

	/* a first rump descriptor while a thread sleeps on a set of the host's */
	make_way(&way, true);
	make_way(&first, false);
	CHECK((set = epoll_create1(0)) >= 0);
	add(set, first.in[0], EPOLLIN, 1);
	for (int i = 0; i < 3; i++)
		close(dup(set)); /* also one that is not lonely */
	start(&thread, wait_once, &long_time);
	sleep_ms(ASLEEP);
	add(set, way.in[0], EPOLLIN, 2);
	sleep_ms(ASLEEP);
	put(&way);
	CHECK(pthread_join(thread, &result) == 0 && (long)result == 2);
	take(&way);

	make_set(0);
	start(&thread, wait_once, &long_time);
	sleep_ms(ASLEEP);
	change(set, rump_way.in[0], EPOLLOUT, 5);
	CHECK(pthread_join(thread, &result) == 0 && (long)result == 5);
	change(set, rump_way.in[0], EPOLLIN, 5);
	start(&thread, wait_once, &long_time);
	sleep_ms(ASLEEP);
	add(set, way.in[1], EPOLLOUT, 6);
	CHECK(pthread_join(thread, &result) == 0 && (long)result == 6);
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, way.in[1], events) == 0);
	/* gone while a thread waits: nothing comes any more */
	start(&thread, wait_once, &short_time);
	sleep_ms(ASLEEP);
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, rump_way.in[0], events) == 0);
	put(&rump_way);
	CHECK(pthread_join(thread, &result) == 0 && (long)result == 0);
	add(set, rump_way.in[0], EPOLLIN, 7);
	take(&rump_way);
	start(&thread, wait_once, &short_time);
	sleep_ms(ASLEEP);
	CHECK(close(rump_way.in[0]) == 0);
	CHECK(pthread_join(thread, &result) == 0 && (long)result == 0);
	/* a poll that sleeps while the set in it gets its first rump descriptor */
	CHECK(close(set) == 0 && (set = epoll_create1(0)) >= 0);
}

static void *poll_set(void *argument)
{
	struct pollfd fds[2] = {{set, POLLIN, 0}, {host_way.in[0], POLLIN, 0}};

	(void)argument;
	return (void *)(long)(poll(fds, 2, 30000) == 1 ? fds[0].revents : -1);
}

static void polled(void)
{
	struct way way;
	pthread_t thread;
	void *result;

	make_way(&way, true);
	make_way(&host_way, false);
	for (int round = 0; round < 5; round++) {
		CHECK((set = epoll_create1(0)) >= 0);
		start(&thread, poll_set, NULL);
		sleep_ms(ASLEEP);
		add(set, way.in[0], EPOLLIN, 1);
		sleep_ms(ASLEEP);
		put(&way);
		CHECK(pthread_join(thread, &result) == 0 && (long)result == POLLIN);
		take(&way);
		CHECK(close(set) == 0);
	}
}

/* ---- signals ---- */

#define MOMENTS 9000

static const sigset_t no_signals;

static volatile int handled;
static sigjmp_buf out;

static void count(int signal)
{
	(void)signal;
	handled++;
}

static void jump(int signal)
{
	(void)signal;
	handled++;
	siglongjmp(out, 1);
}

static void handle(void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
}

static void alarm_in(int ms)
{
	struct itimerval time = {.it_value = {0, ms * 1000}};

	CHECK(setitimer(ITIMER_REAL, &time, NULL) == 0);
}

/* One that comes before the wait is none for it, so there is another. */
static void alarm_every(int ms)
{
	struct itimerval time = {.it_value = {0, ms * 1000}, .it_interval = {0, ms * 1000}};

	CHECK(setitimer(ITIMER_REAL, &time, NULL) == 0);
}

static bool was_handled(void)
{
	return __atomic_exchange_n(&handled, 0, __ATOMIC_SEQ_CST) > 0;
}

static void interrupts(void)
{
	struct pollfd fds[2];
	struct timespec time = {30, 0};
	sigset_t none, alarms;
	fd_set reads;

	make_set(0);
	fds[0] = (struct pollfd){rump_way.in[0], POLLIN, 0};
	fds[1] = (struct pollfd){host_way.in[0], POLLIN, 0};
	sigemptyset(&none);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	/* they never restart */
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		handle(count, flags);
		alarm_every(10);
		CHECK(FAILS(poll(fds, 2, -1), EINTR) && was_handled());
		CHECK(FAILS(poll(fds, 1, -1), EINTR) && was_handled());
		CHECK(FAILS(epoll_wait(set, events, 8, -1), EINTR) && was_handled());
		FD_ZERO(&reads);
		FD_SET(rump_way.in[0], &reads);
		FD_SET(host_way.in[0], &reads);
		CHECK(FAILS(select(host_way.in[1], &reads, NULL, NULL, NULL), EINTR));
		CHECK(was_handled());
		CHECK(FAILS(epoll_wait(set, events, 8, 30000), EINTR) && was_handled());
		alarm_every(0);
	}
	/* blocked but for the time of the wait: no moment in between */
	handled = 0;
	CHECK(sigprocmask(SIG_BLOCK, &alarms, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(raise(SIGALRM) == 0);
		sleep_ms(1);
		CHECK(handled == 4 * i);
		CHECK(FAILS(ppoll(fds, 2, &time, &none), EINTR) && handled == 4 * i + 1);
		CHECK(raise(SIGALRM) == 0);
		CHECK(FAILS(epoll_pwait(set, events, 8, -1, &none), EINTR));
		CHECK(handled == 4 * i + 2);
		CHECK(raise(SIGALRM) == 0);
		FD_SET(rump_way.in[0], &reads);
		FD_SET(host_way.in[0], &reads);
		CHECK(FAILS(pselect(host_way.in[1], &reads, NULL, NULL, NULL, &none), EINTR));
		CHECK(raise(SIGALRM) == 0);
		CHECK(FAILS(syscall(SYS_epoll_pwait2, set, events, 8, &time, &none, 8), EINTR));
		CHECK(handled == 4 * i + 4);
	}
	/* what is ready comes first, and the signal stays pending */
	handled = 0;
	CHECK(raise(SIGALRM) == 0);
	put(&rump_way);
	CHECK(ppoll(fds, 2, &time, &none) == 1 && handled == 0);
	CHECK(epoll_pwait(set, events, 8, -1, &none) == 1 && handled == 0);
	take(&rump_way);
	CHECK(FAILS(ppoll(fds, 2, &time, &none), EINTR) && handled == 1);
	/* not let in */
	CHECK(raise(SIGALRM) == 0);
	CHECK(epoll_pwait(set, events, 8, 10, &alarms) == 0 && poll(fds, 2, 10) == 0);
	CHECK(handled == 1);
	CHECK(FAILS(ppoll(fds, 2, &time, &none), EINTR) && handled == 2);
}

/* Let in for the time of the wait alone, a signal ends it at whatever moment it comes. */
static void moments(void)
{
	struct itimerval time = {.it_value = {0, 0}};
	struct timespec limit = {10, 0};
	struct pollfd fds[2];
	sigset_t alarms;

	make_set(0);
	fds[0] = (struct pollfd){rump_way.in[0], POLLIN, 0};
	fds[1] = (struct pollfd){host_way.in[0], POLLIN, 0};
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	handle(count, 0);
	handled = 0;
	CHECK(sigprocmask(SIG_BLOCK, &alarms, NULL) == 0);
	for (int round = 0; round < MOMENTS; round++) {
		time.it_value.tv_usec = 1 + round / 3 * 7 % 60;
		CHECK(setitimer(ITIMER_REAL, &time, NULL) == 0);
		if (round % 3 < 2)
			CHECK(FAILS(ppoll(fds, 1 + round % 3, &limit, &no_signals), EINTR));
		else
			CHECK(FAILS(epoll_pwait(set, events, 8, 10000, &no_signals), EINTR));
		CHECK(handled == round + 1);
	}
}

/* Handlers that never come back leave nothing behind. */
static void jumps(void)
{
	static volatile int round;
	struct pollfd fds[2];
	char byte;

	make_set(0);
	fds[0] = (struct pollfd){rump_way.in[0], POLLIN, 0};
	fds[1] = (struct pollfd){host_way.in[0], POLLIN, 0};
	handle(jump, 0);
	for (round = 0; round < 60; round++) {
		if (!sigsetjmp(out, 1)) {
			alarm_in(2);
			if (round % 2)
				poll(fds, 2, -1);
			else
				epoll_wait(set, events, 8, -1);
			CHECK(!"reached");
		}
		CHECK(handled == round + 1);
		CHECK(poll(fds, 2, 0) == 0 && epoll_wait(set, events, 8, 0) == 0);
		put(round % 3 ? &rump_way : &host_way);
		CHECK(poll(fds, 2, -1) == 1 && epoll_wait(set, events, 8, -1) == 1);
		take(round % 3 ? &rump_way : &host_way);
	}
	/* the last one left a poll: the socket that it watched can end */
	if (!sigsetjmp(out, 1)) {
		alarm_in(2);
		poll(fds, 2, -1);
	}
	CHECK(close(rump_way.in[0]) == 0);
	CHECK(recv(rump_way.in[1], &byte, 1, 0) == 0);
}

static void *sleep_in_poll(void *argument)
{
	struct pollfd fds[2] = {{((struct way *)argument)->in[0], POLLIN, 0},
				{host_way.in[0], POLLIN, 0}};

	poll(fds, 2, -1);
	return NULL;
}

static void *sleep_in_epoll(void *argument)
{
	struct epoll_event event;

	(void)argument;
	epoll_wait(set, &event, 1, -1);
	return NULL;
}

static void cancels(void)
{
	struct way way;
	pthread_t thread;
	void *result;
	char byte;

	make_set(0);
	for (int round = 0; round < 40; round++) {
		make_way(&way, true);
		start(&thread, round % 2 ? sleep_in_epoll : sleep_in_poll, &way);
		sleep_ms(round % 4 * 3);
		CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
		CHECK(result == PTHREAD_CANCELED);
		/* nobody holds it any more */
		CHECK(close(way.in[0]) == 0);
		CHECK(recv(way.in[1], &byte, 1, 0) == 0 && close(way.in[1]) == 0);
	}
	put(&rump_way);
	CHECK(epoll_wait(set, events, 8, -1) == 1);
}

/* ---- processes ---- */

static void wait_for(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Parent and child have one set, and both are woken. */
static void shared(void)
{
	struct way answer;
	pid_t pid;

	make_set(0);
	make_way(&answer, false);
	/* in use before the fork */
	put(&rump_way);
	CHECK(epoll_wait(set, events, 8, -1) == 1);
	take(&rump_way);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		for (int round = 0; round < 100; round++) {
			CHECK(epoll_wait(set, events, 8, 30000) >= 1);
			take(events[0].data.u64 == 1 ? &rump_way : &host_way);
			put(&answer);
		}
		_exit(0);
	}
	for (int round = 0; round < 100; round++) {
		put(round % 2 ? &rump_way : &host_way);
		take(&answer);
	}
	wait_for(pid);
	/* the other way round, after the child has gone */
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		sleep_ms(ASLEEP);
		put(&rump_way);
		_exit(0);
	}
	CHECK(epoll_wait(set, events, 8, 30000) == 1 && events[0].data.u64 == 1);
	take(&rump_way);
	wait_for(pid);
	/* both sleep: what is there stays until one has taken it, so both are woken */
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK(epoll_wait(set, events, 8, 30000) == 1);
		put(&answer);
		take(&answer);
		_exit(0);
	}
	sleep_ms(ASLEEP);
	pid_t second = fork();
	CHECK(second >= 0);
	if (!second) {
		sleep_ms(ASLEEP);
		put(&rump_way);
		_exit(0);
	}
	CHECK(epoll_wait(set, events, 8, 30000) == 1);
	wait_for(second);
	wait_for(pid);
	take(&rump_way);
	/* a poll of one's own */
	pid = fork();
	CHECK(pid >= 0);
	for (int round = 0; round < 50; round++) {
		struct pollfd fds[2] = {{(pid ? rump_way : host_way).in[0], POLLIN, 0},
					{(pid ? answer : rump_way).in[0], POLLIN, 0}};

		if (pid)
			put(&host_way);
		CHECK(poll(fds, 1, 30000) == 1);
		take(pid ? &rump_way : &host_way);
		if (!pid)
			put(&rump_way);
	}
	if (!pid)
		_exit(0);
	wait_for(pid);
	CHECK(epoll_wait(set, events, 8, 0) == 0);
}

/* The set survives an exec: this program once more, as `inherited SET RUMP HOST`. */
static void execs(void)
{
	char program[4096], numbers[5][16];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	pid_t pid;

	CHECK(length > 0);
	program[length] = '\0';
	make_set(0);
	put(&rump_way);
	CHECK(epoll_wait(set, events, 8, -1) == 1);
	take(&rump_way);
	snprintf(numbers[0], 16, "%d", set);
	snprintf(numbers[1], 16, "%d", rump_way.in[0]);
	snprintf(numbers[2], 16, "%d", rump_way.in[1]);
	snprintf(numbers[3], 16, "%d", host_way.in[0]);
	snprintf(numbers[4], 16, "%d", host_way.in[1]);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		execl(program, program, "inherited", numbers[0], numbers[1], numbers[2], numbers[3],
		      numbers[4], NULL);
	wait_for(pid);
	put(&rump_way);
	CHECK(epoll_wait(set, events, 8, -1) == 1);
}

static int inherited(char **numbers)
{
	struct pollfd fds[2];

	set = atoi(numbers[0]);
	rump_way = (struct way){{atoi(numbers[1]), atoi(numbers[2])}};
	host_way = (struct way){{atoi(numbers[3]), atoi(numbers[4])}};
	fds[0] = (struct pollfd){set, POLLIN, 0};
	fds[1] = (struct pollfd){rump_way.in[0], POLLIN, 0};
	CHECK(epoll_wait(set, events, 8, 0) == 0);
	for (int round = 0; round < 20; round++) {
		const struct way *way = round % 2 ? &rump_way : &host_way;

		CHECK(poll(fds, 2, 0) == 0);
		put(way);
		CHECK(poll(fds, 2, -1) == 1 + round % 2);
		CHECK(epoll_wait(set, events, 8, -1) == 1);
		CHECK(events[0].data.u64 == (round % 2 ? 1UL : 2UL));
		take(way);
	}
	change(set, rump_way.in[0], EPOLLIN | EPOLLET, 1);
	return 0;
}

static const struct test_case cases[] = {
	CASE(tokens),  CASE(crowd), CASE(others),  CASE(polled), CASE(interrupts),
	CASE(moments), CASE(jumps), CASE(cancels), CASE(shared), CASE(execs),
};

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "inherited"))
		return inherited(argv + 2);
	return run_case(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

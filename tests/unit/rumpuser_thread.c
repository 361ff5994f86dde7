/* SPDX-License-Identifier: BSD-2-Clause */
/* Thread objects, what happens at the end of a thread, new threads, futexes. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>

#include "rumpuser_common.h"

#define THREADS 10000
#define AT_ONCE 50

struct rump_thread {
	int number;
};

static const struct rumpuser_ops *ops;
static struct rump_thread objects[THREADS];
static _Atomic int ended, wrong, ended_late;
static _Atomic unsigned char was_ended[THREADS];
static struct rump_thread late_object;

static void thread_exit(struct rump_thread *t)
{
	if (t == &late_object) {
		ended_late++;
		ops->set_thread(NULL);
		return;
	}
	if (t < objects || t >= objects + THREADS || ops->get_thread() != t) {
		wrong++;
		return;
	}
	was_ended[t->number]++;
	ended++;
	/* half of the kernels do, half do not */
	if (t->number & 1)
		ops->set_thread(NULL);
}

static const struct rumpuser_upcalls upcalls = {
	.version = RUMPUSER_VERSION,
	.thread_exit = thread_exit,
};

static void *enter(void *arg)
{
	struct rump_thread *t = arg;

	if (ops->get_thread())
		wrong++;
	ops->set_thread(t);
	if (ops->get_thread() != t)
		wrong++;
	return NULL;
}

static void test_exit_of_many(void)
{
	pthread_t threads[AT_ONCE];
	int once = 0;

	for (int i = 0; i < THREADS; i++)
		objects[i].number = i;
	for (int i = 0; i < THREADS; i += AT_ONCE) {
		for (int j = 0; j < AT_ONCE; j++) {
			if (pthread_create(&threads[j], NULL, enter, &objects[i + j]))
				bail_out("pthread_create");
		}
		for (int j = 0; j < AT_ONCE; j++)
			pthread_join(threads[j], NULL);
	}
	for (int i = 0; i < THREADS; i++)
		once += was_ended[i] == 1;
	is(once, THREADS, "the end of each of %d threads is told once", THREADS);
	is(wrong, 0, "each with its own object, which it still had");
}

static void *enter_and_forget(void *arg)
{
	ops->set_thread(arg);
	ops->set_thread(NULL);
	return ops->get_thread();
}

static pthread_key_t late_key;

static void late_destructor(void *value)
{
	(void)value;
	/* a library's destructor uses the kernel after our destructor has run */
	ops->set_thread(&late_object);
}

static void *enter_late(void *arg)
{
	(void)arg;
	pthread_setspecific(late_key, &late_key);
	return NULL;
}

static void test_exit_of_few(void)
{
	int before = ended;
	pthread_t thread;
	void *result;

	pthread_create(&thread, NULL, enter_and_forget, &objects[0]);
	pthread_join(thread, &result);
	ok(!result, "set_thread(NULL) forgets");
	is(ended, before, "and then there is nothing to tell");
	pthread_key_create(&late_key, late_destructor);
	pthread_create(&thread, NULL, enter_late, NULL);
	pthread_join(thread, NULL);
	is(ended_late, 1, "a thread that enters while it ends is told of too");
}

/* ---- threads for the kernel ---- */

static unsigned int started;
static struct {
	uint64_t mask;
	char name[16];
	bool is_detached;
	size_t stack;
	int id;
} seen;

static void service(void *arg)
{
	pthread_attr_t attr;
	sigset_t mask;
	int state;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	memcpy(&seen.mask, &mask, sizeof(seen.mask));
	prctl(PR_GET_NAME, seen.name);
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getdetachstate(&attr, &state);
	pthread_attr_getstacksize(&attr, &seen.stack);
	pthread_attr_destroy(&attr);
	seen.is_detached = state == PTHREAD_CREATE_DETACHED;
	seen.id = ops->thread_id();
	__atomic_store_n((unsigned int *)arg, 1, __ATOMIC_SEQ_CST);
	ops->wake(arg, 1);
}

static void test_create(void)
{
	const int blocked[] = {SIGINT, SIGTERM, SIGCHLD, SIGALRM, SIGPIPE, SIGXFSZ, SIGUSR1, 40};
	const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, 33};
	sigset_t before, after;
	int good = 0;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	errno = EXDEV;
	is(ops->thread_create(service, &started, "rump-a-very-long-name"), 0, "thread_create");
	is(errno, EXDEV, "leaves errno");
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ok(!memcmp(&before, &after, 8), "and the caller's signal mask");
	while (!__atomic_load_n(&started, __ATOMIC_SEQ_CST))
		ops->wait(&started, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
		good += !!(seen.mask & 1ULL << (blocked[i] - 1));
	is(good, ARRAY_SIZE(blocked), "the application's signals are blocked in it");
	good = 0;
	for (size_t i = 0; i < ARRAY_SIZE(open); i++)
		good += !(seen.mask & 1ULL << (open[i] - 1));
	is(good, ARRAY_SIZE(open), "faults and libc's own are not");
	is_str(seen.name, "rump-a-very-lon", "it has its name");
	ok(seen.is_detached, "it is detached");
	ok(seen.stack <= MIB, "its stack is small: %zu", seen.stack);
	ok(seen.id > 0 && seen.id != getpid(), "it has an id");
}

/* ---- futexes ---- */

static unsigned int word;
static _Atomic int woken;

static void *sleeper(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&word, __ATOMIC_SEQ_CST))
		ops->wait(&word, 0, 0);
	woken++;
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
}

static _Atomic int interrupted_result, sleeper_id;
static unsigned int quiet;

static void *interrupted_sleeper(void *arg)
{
	(void)arg;
	sleeper_id = ops->thread_id();
	/* the signal may be quicker than the sleep; there is one every millisecond */
	interrupted_result = ops->wait(&quiet, 0, ops->clock_mono() + 10 * 1000000000ULL);
	return NULL;
}

static void test_futex(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	unsigned long long start, end;
	pthread_t threads[8];

	start = ops->clock_mono();
	is(ops->wait(&quiet, 0, start + 50000000), -ETIMEDOUT, "wait ends at its deadline");
	end = ops->clock_mono();
	ok(end >= start + 50000000, "not before");
	ok(end < start + 5000000000, "and not much later");
	is(ops->wait(&quiet, 0, 1), -ETIMEDOUT, "a deadline in the past");
	is(ops->wait(&quiet, 1, 0), -EAGAIN, "another value does not wait");

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, sleeper, NULL);
	usleep(20000);
	is(woken, 0, "sleepers sleep");
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	ops->wake(&word, 1);
	ops->wake(&word, 100);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	is(woken, ARRAY_SIZE(threads), "and are woken");

	sigaction(SIGUSR1, &action, NULL);
	interrupted_result = 1;
	pthread_create(&threads[0], NULL, interrupted_sleeper, NULL);
	while (interrupted_result == 1) {
		if (sleeper_id)
			ops->signal(sleeper_id, SIGUSR1);
		usleep(1000);
	}
	pthread_join(threads[0], NULL);
	is(interrupted_result, -EINTR, "a signal interrupts");
}

static void measure(void)
{
	unsigned long long start = ops->clock_mono();
	unsigned long sum = 0;

	for (int i = 0; i < 1000000; i++) {
		sum += (unsigned long)ops->get_thread();
		__asm__ volatile("" : "+r"(sum));
	}
	diag("get_thread: %llu ps", (ops->clock_mono() - start) / 1000);
}

int main(void)
{
	ops = ops_of(&upcalls);
	test_exit_of_many();
	test_exit_of_few();
	test_create();
	test_futex();
	measure();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals of the kernel and of the host against calls that sleep: what ends a
 * call, what does not, and what is left behind.
 */
#include "prog.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>

#define STOPPED_MS 100
#define POLL_MS 400

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	sigaction(sig, &action, NULL);
}

static uint64_t kernel_mask(void)
{
	uint64_t mask = ~0ULL;

	succeeds(rump_syscall(14 /* rt_sigprocmask */, SIG_BLOCK, 0, (long)&mask, sizeof(mask), 0,
			      0) < 0
			 ? -1
			 : 0);
	return mask;
}

/* A mask for one call is gone after it, also when a signal ended the call. */
static void mask_of_one_call(void)
{
	struct itimerval timer = {.it_value.tv_usec = 20000};
	uint64_t mask = 1ULL << (SIGUSR1 - 1);
	struct timespec limit = {10, 0};
	long ret;

	handle(SIGALRM, on_signal);
	is_int((long)kernel_mask(), 0, "nothing is blocked");
	succeeds(rump_syscall(38 /* setitimer */, ITIMER_REAL, (long)&timer, 0, 0, 0, 0) < 0 ? -1
											     : 0);
	ret = rump_syscall(271 /* ppoll */, 0, 0, (long)&limit, (long)&mask, sizeof(mask), 0);
	is_int(ret, -EINTR, "a timer of the kernel ends ppoll");
	is_int(caught, SIGALRM, "the host's handler has run");
	is_int((long)kernel_mask(), 0, "still nothing is blocked");
}

/* ---- what nobody was told of ---- */

static int pipes[2];
static unsigned int sleeping;

static void *read_byte(void *arg)
{
	char byte;

	(void)arg;
	rump_sys_getpid();
	__atomic_add_fetch(&sleeping, 1, __ATOMIC_SEQ_CST);
	return (void *)(long)(rump_sys_read(pipes[0], &byte, 1) == 1 ? 1 : -errno);
}

static void *poll_nothing(void *arg)
{
	uint64_t begin, *took = arg;
	int ret;

	rump_sys_getpid();
	__atomic_add_fetch(&sleeping, 1, __ATOMIC_SEQ_CST);
	begin = now_ns(CLOCK_MONOTONIC);
	ret = rump_sys_poll(NULL, 0, POLL_MS);
	*took = now_ns(CLOCK_MONOTONIC) - begin;
	return (void *)(long)(ret ? -errno : 0);
}

static void stop_and_go_on(void)
{
	pid_t pid = rump_sys_getpid();
	pthread_t reader, poller;
	uint64_t took = 0;

	succeeds(rump_sys_pipe(pipes));
	reader = start(read_byte, NULL);
	poller = start(poll_nothing, &took);
	/* out of the process that stops */
	is_int(rump_pub_lwproc_rfork(RUMP_RFFDG), 0, "rfork");
	while (__atomic_load_n(&sleeping, __ATOMIC_SEQ_CST) < 2)
		host_sleep_ms(1);
	host_sleep_ms(50);
	succeeds(rump_sys_kill(pid, SIGSTOP));
	host_sleep_ms(STOPPED_MS);
	succeeds(rump_sys_kill(pid, SIGCONT));
	is_int((long)join(poller), 0, "poll goes on after a stop");
	ok(took >= POLL_MS * 1000000ull, "and takes its time");
	diag("%llu ms", (unsigned long long)took / 1000000);
	is_int(rump_sys_write(pipes[1], "x", 1), 1, "write");
	is_int((long)join(reader), 1, "read goes on after a stop");
	rump_pub_lwproc_releaselwp();
}

/* ---- threads that end in a call ---- */

static void leave(int sig)
{
	(void)sig;
	pthread_exit((void *)77);
}

static void threads_that_leave(void)
{
	pthread_t threads[8];
	char byte = 0;

	handle(SIGUSR2, leave);
	for (unsigned int i = 0; i < LENGTH_OF(threads); i++) {
		__atomic_store_n(&sleeping, 0, __ATOMIC_SEQ_CST);
		threads[i] = start(read_byte, NULL);
		while (!__atomic_load_n(&sleeping, __ATOMIC_SEQ_CST))
			host_sleep_ms(1);
		host_sleep_ms(20);
		pthread_kill(threads[i], SIGUSR2);
		is_int((long)join(threads[i]), 77, "a thread leaves in a call");
		ok(rump_sys_getpid() > 0, "the kernel goes on");
	}
	is_int(rump_sys_write(pipes[1], "y", 1), 1, "write");
	is_int(rump_sys_read(pipes[0], &byte, 1), 1, "nobody else waits for it");
}

/* ---- handlers that make calls ---- */

#define SEEKS 2000000

static int files[2];
static volatile sig_atomic_t handler_seeks;

static void seek_in_handler(int sig)
{
	int error = errno;

	(void)sig;
	/* a call that was interrupted is EDEADLK */
	if (rump_sys_lseek(files[1], 7, SEEK_SET) == 7)
		handler_seeks++;
	errno = error;
}

/* Arguments and results of a call are not those of a handler's. */
static void calls_in_handlers(void)
{
	struct itimerval timer = {{0, 100}, {0, 100}}, stop = {{0, 0}, {0, 0}};
	long wrong = 0;

	files[0] = rump_sys_open("/tmp/seek0", O_RDWR | O_CREAT, 0600);
	files[1] = rump_sys_open("/tmp/seek1", O_RDWR | O_CREAT, 0600);
	handle(SIGALRM, seek_in_handler);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (long i = 0; i < SEEKS; i++)
		wrong += rump_sys_lseek(files[0], 1000 + i, SEEK_SET) != 1000 + i;
	setitimer(ITIMER_REAL, &stop, NULL);
	handle(SIGALRM, on_signal);
	is_int(wrong, 0, "%d calls, with others in handlers between them", SEEKS);
	ok(handler_seeks > 0, "handlers made calls");
	diag("%d", (int)handler_seeks);
}

/* ---- a first call ---- */

static volatile pid_t first_tid;

static void *first_call(void *arg)
{
	(void)arg;
	first_tid = gettid();
	return (void *)(long)(rump_sys_poll(NULL, 0, 10000) ? errno : 0);
}

/* The interrupt comes while the thread still waits for an lwp. */
static void interrupt_of_first_call(void)
{
	pthread_t thread;

	rump_schedule();
	thread = start(first_call, NULL);
	while (!first_tid)
		host_sleep_ms(1);
	host_sleep_ms(50);
	is_int(rump_pub_interrupt(first_tid), 0, "rump_pub_interrupt");
	rump_unschedule();
	is_int((long)join(thread), EINTR, "ends a thread's first call");
}

/* ---- mappings ---- */

static void *look(void *arg)
{
	return (void *)(long)*(volatile char *)arg;
}

static void mappings(void)
{
	int fd = rump_sys_open("/tmp/mapped", O_RDWR | O_CREAT, 0600);
	long page = sysconf(_SC_PAGESIZE);
	char *own, *mapped;

	succeeds(fd);
	is_int(rump_sys_write(fd, "m", 1), 1, "a file");
	mapped = rump_sys_mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	if (!ok(mapped != MAP_FAILED, "mmap"))
		return;
	is_int((long)join(start(look, mapped)), 'm', "a thread without calls sees the mapping");
	succeeds(rump_sys_munmap(mapped, page));

	own = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*own = 'o';
	ok(rump_sys_mmap(own, page, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) ==
			   MAP_FAILED &&
		   errno == EEXIST,
	   "MAP_FIXED_NOREPLACE on the application's memory: EEXIST");
	is_int(*own, 'o', "which is as it was");
	munmap(own, page);
	mapped = rump_sys_mmap(own, page, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	ok(mapped == own, "on free addresses it does what it says");
	if (mapped == own)
		is_int(*mapped, 'm', "there is the file");
	succeeds(rump_sys_munmap(own, page));
	succeeds(rump_sys_close(fd));
}

int main(void)
{
	boot(NULL);
	mask_of_one_call();
	stop_and_go_on();
	threads_that_leave();
	calls_in_handlers();
	interrupt_of_first_call();
	mappings();
	is_int(rump_pub_shutdown(), 0, "rump_pub_shutdown");
	return done_testing();
}

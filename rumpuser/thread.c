/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - host threads and the kernel's object of each.
 *
 * The object is kept twice: in a TLS variable, to be found within a nanosecond,
 * and as a pthread key, whose destructor tells the kernel that the thread ends.
 * Destructors of other libraries may enter the kernel after ours; they get a
 * new object, and pthreads then calls us again (PTHREAD_DESTRUCTOR_ITERATIONS).
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "host.h"
#include "private.h"

/*
 * The threads made here start on the kernel's own stacks at once; this one
 * must hold a signal frame (12 KiB with AMX) and libc's part of the TLS.
 */
#define THREAD_STACK (256UL << 10)
#define HWCAP2_FSGSBASE_BIT 2

static __thread FAST_TLS struct rump_thread *self;
static pthread_key_t exit_key;

struct rump_thread *thread_get(void)
{
	return self;
}

void thread_set(struct rump_thread *t)
{
	KEEPS_ERRNO;

	self = t;
	/* the key exists, so only memory can be missing, and then nothing can go on */
	if (pthread_setspecific(exit_key, t) && t)
		abort();
}

static void thread_ended(void *value)
{
	struct rump_thread *t = value;

	if (kernel_is_forked())
		return;
	if (rumpuser_upcalls->thread_exit)
		rumpuser_upcalls->thread_exit(t);
	if (self == t)
		self = NULL;
}

int thread_init(void)
{
	return -pthread_key_create(&exit_key, thread_ended);
}

/* The only thread of a child: the object was the parent's. */
void thread_forked(void)
{
	self = NULL;
	pthread_setspecific(exit_key, NULL);
}

int thread_id(void)
{
	return (int)host_call(SYS_gettid);
}

void thread_yield(void)
{
	host_call(SYS_sched_yield);
}

struct start {
	void (*fn)(void *);
	void *arg;
	char name[16];
};

static void *thread_main(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	if (start.name[0])
		host_call(SYS_prctl, PR_SET_NAME, start.name);
	start.fn(start.arg);
	return NULL;
}

/*
 * All signals but those that a fault raises (the kernel lives on some) and
 * those of libc itself (32 to 34: setuid() waits for every thread to take one).
 */
static uint64_t service_mask(void)
{
	static const int open[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL, SIGTRAP,
				   SIGSYS,  SIGABRT, 32,     33,     34};
	uint64_t mask = ~0ULL;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		mask &= ~(1ULL << (open[i] - 1));
	return mask;
}

static int thread_start(struct start *start, size_t stack)
{
	pthread_attr_t attr;
	pthread_t thread;
	int error = pthread_attr_init(&attr);

	if (error)
		return error;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (stack)
		error = pthread_attr_setstacksize(&attr, stack);
	if (!error)
		error = pthread_create(&thread, &attr, thread_main, start);
	pthread_attr_destroy(&attr);
	return error;
}

int thread_create(void (*fn)(void *), void *arg, const char *name)
{
	uint64_t mask = service_mask(), old_mask;
	struct start *start;
	int error;
	KEEPS_ERRNO;

	start = malloc(sizeof(*start));
	if (!start)
		return -ENOMEM;
	start->fn = fn;
	start->arg = arg;
	memset(start->name, 0, sizeof(start->name));
	if (name)
		strncpy(start->name, name, sizeof(start->name) - 1);

	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old_mask, sizeof(mask));
	error = thread_start(start, THREAD_STACK);
	/* a program with much static TLS does not fit into so small a stack */
	if (error == EINVAL)
		error = thread_start(start, 0);
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &old_mask, NULL, sizeof(mask));
	if (error)
		free(start);
	return -error;
}

void thread_signal(int id, int signal)
{
	host_call(SYS_tgkill, host_call(SYS_getpid), id, signal);
}

unsigned int thread_host_cpus(void)
{
	unsigned long mask[128]; /* for 8192 CPUs; the host tells how much it filled */
	long length = host_call(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	unsigned int count = 0;

	for (long i = 0; i < length / (long)sizeof(mask[0]); i++)
		count += (unsigned int)__builtin_popcountl(mask[i]);
	return count ? count : 1;
}

void thread_set_gs(unsigned long base)
{
	host_call(SYS_arch_prctl, ARCH_SET_GS, base);
}

bool thread_has_fsgsbase(void)
{
	const char *wish = param("RUMP_FSGSBASE");

	if (wish && !strcmp(wish, "no"))
		return false;
	return getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT;
}

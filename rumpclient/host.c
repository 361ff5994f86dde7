/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c - time and locks; see host.h
 */
#include "host.h"

#include <signal.h>
#include <time.h>

uint64_t host_now(void)
{
	struct timespec now = {0, 0};

	host(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

void host_sleep(uint64_t ns)
{
	struct timespec time = {(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)};

	host(SYS_nanosleep, &time, NULL);
}

uint64_t lock_take(struct lock *lock)
{
	uint64_t all = HOST_ALL_SIGNALS, mask = 0;
	uint32_t seen = 0;

	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof(mask));
	if (__atomic_compare_exchange_n(&lock->word, &seen, 1, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return mask;
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE))
		host(SYS_futex, &lock->word, HOST_FUTEX_WAIT | HOST_FUTEX_PRIVATE, 2, NULL);
	return mask;
}

void lock_release(struct lock *lock, uint64_t mask)
{
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
		host(SYS_futex, &lock->word, HOST_FUTEX_WAKE | HOST_FUTEX_PRIVATE, 1);
	host(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex.c - sleep and wake.
 *
 * Private futexes: host threads of one process sleep on words of kernel memory
 * at the same address, so the host need not look the page up.
 */
#include <errno.h>
#include <time.h>

#include "host.h"
#include "private.h"

int futex_wait(unsigned int *word, unsigned int value, unsigned long long until)
{
	struct timespec deadline, *timeout = NULL;

	if (until) {
		deadline.tv_sec = (time_t)(until / NSEC_PER_SEC);
		deadline.tv_nsec = (long)(until % NSEC_PER_SEC);
		timeout = &deadline;
	}
	/* WAIT_BITSET and not WAIT: its timeout is a point in monotonic time */
	return (int)host_call(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, timeout, NULL,
			      FUTEX_BITSET_MATCH_ANY);
}

bool wait_is_interrupted(void)
{
	static __thread FAST_TLS unsigned int told;
	unsigned int interrupts = rumphijack_interrupts ? rumphijack_interrupts() : 0;

	/* once: a call that cannot be interrupted just now sleeps on */
	if (!interrupts || interrupts == told)
		return false;
	told = interrupts;
	return true;
}

int futex_wait_call(unsigned int *word, unsigned int value, unsigned long long until)
{
	return wait_is_interrupted() ? -EINTR : futex_wait(word, value, until);
}

void futex_wake(unsigned int *word, int count)
{
	host_call(SYS_futex, word, FUTEX_WAKE_PRIVATE, count);
}

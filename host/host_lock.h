/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_lock.h - a lock of threads of this process that may run on a kernel stack: no owner, no
 * recursion, nothing allocated.
 */
#ifndef RUMP_HOST_LOCK_H
#define RUMP_HOST_LOCK_H

#include <stdatomic.h>
#include <stddef.h>

#include "host_call.h"

/* the host's numbers; musl comes without its headers */
#define FUTEX_WAIT_SHARED 0
#define FUTEX_WAKE_SHARED 1
#define FUTEX_WAIT_PRIVATE (0 | 128)
#define FUTEX_WAKE_PRIVATE (1 | 128)

struct host_lock {
	_Atomic unsigned int word; /* 0 free, 1 taken, 2 taken and somebody sleeps */
};

static inline void host_lock(struct host_lock *lock)
{
	unsigned int seen = 0;

	if (atomic_compare_exchange_strong_explicit(&lock->word, &seen, 1, memory_order_acquire,
						    memory_order_relaxed))
		return;
	while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire))
		host(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static inline void host_unlock(struct host_lock *lock)
{
	if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
		host(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1);
}

#endif

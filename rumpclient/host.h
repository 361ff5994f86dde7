/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - system calls of the host, its clock, and locks.
 */
#ifndef RUMPCLIENT_HOST_H
#define RUMPCLIENT_HOST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../host/host_call.h"

/* numbers that libc's headers may not have */
#define HOST_FUTEX_WAIT 0
#define HOST_FUTEX_WAKE 1
#define HOST_FUTEX_WAIT_BITSET 9
#define HOST_FUTEX_WAKE_BITSET 10
#define HOST_FUTEX_PRIVATE 128
#define HOST_SYS_FUTEX_WAITV 449
#define HOST_FUTEX2_SIZE_U32 2

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

/*
 * All signals but those that an instruction raises: blocked they would kill the process,
 * and the preload gets its EFAULTs that way.
 */
#define HOST_SIGNAL_BIT(signal) (1ULL << ((signal)-1))
#define HOST_ALL_SIGNALS                                                                  \
	(~(HOST_SIGNAL_BIT(SIGSEGV) | HOST_SIGNAL_BIT(SIGBUS) | HOST_SIGNAL_BIT(SIGFPE) | \
	   HOST_SIGNAL_BIT(SIGILL) | HOST_SIGNAL_BIT(SIGTRAP) | HOST_SIGNAL_BIT(SIGSYS) | \
	   HOST_SIGNAL_BIT(SIGABRT)))

/* ns, monotonic */
uint64_t host_now(void);
void host_sleep(uint64_t ns);

/*
 * A lock that nobody can find taken for ever: all signals are blocked while it is held,
 * so that no handler leaves it by longjmp() and none meets its own thread's lock, and
 * a forked child resets it.  Held for short moments only, never while waiting.
 */
struct lock {
	uint32_t word; /* 0 free, 1 taken, 2 taken and somebody sleeps */
};

/* returns the signal mask for lock_release() */
uint64_t lock_take(struct lock *lock);
void lock_release(struct lock *lock, uint64_t mask);

#endif

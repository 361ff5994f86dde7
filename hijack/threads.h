/* SPDX-License-Identifier: BSD-2-Clause */
/* threads.h - the threads of this process: the program's, and those that the kernel made */
#ifndef HIJACK_THREADS_H
#define HIJACK_THREADS_H

#include <signal.h>

#include "hijack.h"

/*
 * Whether a thread is one of the kernel's, as its signal mask tells.  One of the program's
 * that has only begun is waited for.
 */
bool thread_is_kernels(int tid);

/*
 * Threads that have been looked at: to be made once, with the caller in it.  One that was on
 * its way may have made another, so whoever must reach all looks until there are no more.
 */
struct threads_seen {
	int *tids; /* NULL: there is no memory, and no threads are found */
	unsigned int count;
};
void threads_seen_make(struct threads_seen *seen);
void threads_seen_free(struct threads_seen *seen);
/* Calls fn for each thread that is not in seen, and adds it: how often that gave true. */
unsigned int threads_each_new(struct threads_seen *seen, bool (*fn)(int tid));

/*
 * Each of the kernel's threads makes this system call of the host, too, whatever it gives.
 * [blocks]
 */
void threads_follow(long nr, const long args[6]);
/* Whether a SIGSEGV was only meant for that. */
bool threads_obey(int signal, const siginfo_t *info);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* hijack_fdtable.c - what descriptors are to the hijack */
#include <errno.h>
#include <limits.h>
#include <pthread.h>

#include "fdtable.h"
#include "tap.h"

#define THREADS 4
#define ROUNDS 20000

static int mistakes;

/* Each thread has numbers of its own, spread over chunks that others make too. */
static void *use(void *argument)
{
	int first = (int)(long)argument;

	for (int i = 0; i < ROUNDS; i++) {
		int fd = first + THREADS * (i % 5000);

		if (fdtable_get(fd) != FDTABLE_HOST || fdtable_reserve(fd) ||
		    fdtable_set(fd, i) != FDTABLE_HOST || fdtable_get(fd) != i ||
		    fdtable_set(fd, FDTABLE_HOST) != i)
			__atomic_add_fetch(&mistakes, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* A child in shared memory has a table of its own. */
static void copies(void)
{
	struct fdtable *copy;

	fdtable_reserve(7);
	fdtable_set(7, 70);
	fdtable_set_companion(7, 71);
	copy = fdtable_copy();
	is(copy != NULL, 1, "a copy");
	fdtable_enter(copy);
	is(fdtable_get(7), 70, "has what was there");
	is(fdtable_companion(7), 71, "and the companion");
	is(fdtable_set(7, 72), 70, "changed in the copy");
	is(fdtable_reserve(5000), 0, "a new number");
	is(fdtable_set(5000, 73), FDTABLE_HOST, "in the copy");
	is(fdtable_next(8), 5000, "is found there");
	fdtable_enter(NULL);
	is(fdtable_get(7), 70, "not changed in the table");
	is(fdtable_get(5000), FDTABLE_HOST, "nor entered");
	is(fdtable_next(8), -1, "nor found");
	fdtable_enter(copy);
	fdtable_adopt();
	is(fdtable_get(7), 72, "adopted: the copy is the table");
	is(fdtable_get(5000), 73, "with all of it");
	fdtable_set(5000, FDTABLE_HOST);
	fdtable_set(7, FDTABLE_HOST);
	fdtable_set_companion(7, -1);
	fdtable_adopt();
	is(fdtable_next(0), -1, "nothing to adopt: nothing happens");
	copy = fdtable_copy();
	is(copy != NULL, 1, "a copy of an empty table");
	fdtable_free(copy);
	fdtable_free(NULL);
}

int main(void)
{
	pthread_t thread[THREADS];

	is(fdtable_get(3), FDTABLE_HOST, "an empty table");
	is(fdtable_get(-1), FDTABLE_HOST, "-1 is nobody's");
	is(fdtable_get(INT_MIN), FDTABLE_HOST, "nor any negative number");
	is(fdtable_get(INT_MAX), FDTABLE_HOST, "nor the largest");
	is(fdtable_next(0), -1, "none is in use");
	is(fdtable_set(3, FDTABLE_HOST), FDTABLE_HOST, "taking out what is not in");
	is(fdtable_set(INT_MAX, FDTABLE_HOST), FDTABLE_HOST, "far out as well");
	is(fdtable_companion(3), -1, "no companion");

	is(fdtable_reserve(3), 0, "reserved");
	is(fdtable_next(0), -1, "a reserved one is not in use");
	is(fdtable_set(3, 0), FDTABLE_HOST, "rump descriptor 0");
	is(fdtable_get(3), 0, "is found");
	is(fdtable_next(0), 3, "and is the first");
	is(fdtable_next(4), -1, "and the last");
	is(fdtable_set(3, 17), 0, "replaced");
	is(fdtable_set(3, FDTABLE_PRIVATE), 17, "private");
	is(fdtable_get(3), FDTABLE_PRIVATE, "is private");
	is(fdtable_set(3, FDTABLE_HOST), FDTABLE_PRIVATE, "taken out");
	is(fdtable_set_companion(3, 5), -1, "a companion");
	is(fdtable_get(3), FDTABLE_HOST, "does not make it ours");
	is(fdtable_companion(3), 5, "is found");
	is(fdtable_next(0), 3, "counts as in use");
	is(fdtable_set_companion(3, -1), 5, "taken out");
	is(fdtable_next(0), -1, "none is in use again");

	is(fdtable_reserve(FDTABLE_MAX - 1), 0, "the last number");
	is(fdtable_set(FDTABLE_MAX - 1, 9), FDTABLE_HOST, "is entered");
	is(fdtable_next(0), FDTABLE_MAX - 1, "is found over the gap");
	is(fdtable_next(FDTABLE_MAX), -1, "nothing beyond");
	is(fdtable_reserve(FDTABLE_MAX), -EMFILE, "one more is too many");
	is(fdtable_reserve(-1), -EMFILE, "a negative one too");
	fdtable_set(FDTABLE_MAX - 1, FDTABLE_HOST);
	copies();

	for (long i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, use, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	is(mistakes, 0, "threads see their own numbers only");
	is(fdtable_next(0), -1, "and leave nothing");
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocked.c - for tests of debuggers
 *
 * One thread blocks in a read of an empty pipe of the rump kernel.  When it sleeps
 * its pid there is printed, and the process waits to be killed.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>

#define CALL(nr, ...) call(nr, (long[6]){__VA_ARGS__})
#define TRIES 1000

static int ends[2];
static atomic_long reader_pid;

static long call(long nr, const long *a)
{
	return rump_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void *reader(void *arg)
{
	char byte;

	reader_pid = CALL(SYS_gettid, 0);
	CALL(SYS_read, ends[0], (long)&byte, 1);
	return arg;
}

/* The letter of the reader's state, as /proc of the rump kernel has it. */
static char state(void)
{
	char path[64], text[512] = "", *name_end;
	long fd;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", reader_pid);
	fd = CALL(SYS_open, (long)path, 0);
	CALL(SYS_read, fd, (long)text, sizeof(text) - 1);
	CALL(SYS_close, fd);
	name_end = strrchr(text, ')');
	return name_end && name_end[1] ? name_end[2] : '?';
}

int main(void)
{
	const struct timespec pause_time = {.tv_nsec = 10000000};
	pthread_t thread;
	int error = rump_init();

	if (error || CALL(SYS_pipe, (long)ends)) {
		fprintf(stderr, "rump_init: %s: %s\n", strerror(error), rump_boot_error());
		return 1;
	}
	if (pthread_create(&thread, NULL, reader, NULL))
		return 1;
	for (int i = 0; !reader_pid || state() != 'S'; i++) {
		if (i == TRIES) {
			fprintf(stderr, "the reader does not sleep: %c\n", state());
			return 1;
		}
		nanosleep(&pause_time, NULL);
	}
	printf("%ld\n", reader_pid);
	fflush(stdout);
	for (;;)
		pause();
}

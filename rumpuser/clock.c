/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.c - time and random bytes. */
#include <fcntl.h>
#include <sys/random.h>
#include <time.h>

#include "host.h"
#include "private.h"

/* libc's clock_gettime() is the vDSO's: no system call, and errno stays for these clocks. */
static unsigned long long clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (unsigned long long)now.tv_sec * NSEC_PER_SEC + (unsigned long long)now.tv_nsec;
}

unsigned long long clock_mono(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

unsigned long long clock_real(void)
{
	return clock_read(CLOCK_REALTIME);
}

/* False when the descriptor or system call gives no more. */
static bool random_take(int urandom, char **buffer, unsigned long *length)
{
	long got = urandom < 0 ? host_call(SYS_getrandom, *buffer, *length, 0)
			       : host_call(SYS_read, urandom, *buffer, *length);

	if (got == -EINTR)
		return true;
	if (got <= 0)
		return false;
	*buffer += got;
	*length -= (unsigned long)got;
	return true;
}

void random_bytes(void *buffer, unsigned long length)
{
	static const char text[] = "rump: the host gives no random bytes\n";
	char *to = buffer;
	int urandom CLOSED_AT_END = -1;

	while (length && random_take(-1, &to, &length))
		;
	if (!length)
		return;
	/* sandboxes forbid one or the other */
	urandom = (int)host_call(SYS_openat, AT_FDCWD, "/dev/urandom", O_RDONLY | O_CLOEXEC, 0);
	while (urandom >= 0 && length && random_take(urandom, &to, &length))
		;
	if (!length)
		return;
	/* keys made of a known value would be worse than an end */
	console_complain(text, sizeof(text) - 1);
	panic_now();
}

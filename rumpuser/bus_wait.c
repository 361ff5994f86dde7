/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bus_wait.c - buses (rump_bus.h) for the kernel: the file, and waits for bells.
 */
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bus_file.h"
#include "host.h"
#include "private.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define WAITER_U32 2U
#define WAITER_PRIVATE 128U
#define FUTEX_WAIT 0
#define STEP_NSEC 10000000 /* of a wait that cannot be ended by a second word */

/* struct futex_waitv of linux/futex.h */
struct waiter {
	unsigned long long value, word;
	unsigned int flags, reserved;
};

int bus_open(const char *path, struct rumpuser_bus *ret_bus)
{
	void *base;
	int fd, slot, file, error;
	KEEPS_ERRNO;

	error = bus_file_open(path, 1, &fd, &base, ret_bus->why, sizeof(ret_bus->why));
	if (error)
		return error;
	slot = bus_file_join(path, fd, base, ret_bus->why, sizeof(ret_bus->why));
	if (slot < 0) {
		bus_file_close(fd, base);
		return slot;
	}
	file = file_adopt(fd);
	if (file < 0) {
		host_call(SYS_munmap, base, RUMP_BUS_SIZE);
		return file;
	}
	ret_bus->base = base;
	ret_bus->file = file;
	ret_bus->slot = (unsigned int)slot;
	return 0;
}

void bus_close(struct rumpuser_bus *bus)
{
	host_call(SYS_munmap, bus->base, RUMP_BUS_SIZE);
	file_close(bus->file);
}

void bus_ring(unsigned int *bell)
{
	bus_file_ring(bell);
}

static bool may_wait_any(void)
{
	static _Atomic int answer; /* 1: yes, 2: no */
	const char *wish;

	if (!atomic_load(&answer)) {
		wish = param("RUMP_FUTEX_WAITV");
		atomic_store(&answer, wish && !strcmp(wish, "no") ? 2 : 1);
	}
	return atomic_load(&answer) == 1;
}

int wait_any(const struct rumpuser_wait *waits, unsigned int count)
{
	struct waiter waiters[RUMPUSER_WAITS_MAX];
	const struct timespec step = {.tv_nsec = STEP_NSEC};
	long result;

	if (!count || count > RUMPUSER_WAITS_MAX)
		return -EINVAL;
	if (!may_wait_any()) {
		if (count > 1 || !waits->is_shared)
			return -ENOSYS;
		result = host_call(SYS_futex, waits->word, FUTEX_WAIT, waits->value, &step);
		return result == -ETIMEDOUT ? 0 : (int)result;
	}
	if (wait_is_interrupted())
		return -EINTR;
	for (unsigned int i = 0; i < count; i++)
		waiters[i] = (struct waiter){
			.value = waits[i].value,
			.word = (unsigned long)waits[i].word,
			.flags = WAITER_U32 | (waits[i].is_shared ? 0 : WAITER_PRIVATE),
		};
	result = host_call(SYS_futex_waitv, waiters, count, 0, NULL, 0);
	return result >= 0 ? 0 : (int)result;
}

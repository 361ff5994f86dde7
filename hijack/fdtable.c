/* SPDX-License-Identifier: BSD-2-Clause */
/* fdtable.c - what this process' file descriptors are; see fdtable.h */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "fdtable.h"
#include "sys.h"

#define CHUNK 1024

/* Entries hold value + 1 for rump descriptors, so that zeroes mean "host". */
struct chunk {
	int entry[CHUNK];
	int companion[CHUNK]; /* likewise */
};

#define ENTRY_PRIVATE (-1)

static struct chunk *chunks[FDTABLE_MAX / CHUNK];
/* One above the last chunk in use: bounds fdtable_next(). */
static unsigned int chunk_end;

static int value_of(int entry)
{
	return entry == ENTRY_PRIVATE ? FDTABLE_PRIVATE : entry - 1;
}

int fdtable_get(int fd)
{
	struct chunk *chunk;

	if ((unsigned int)fd >= FDTABLE_MAX)
		return FDTABLE_HOST;
	chunk = __atomic_load_n(&chunks[fd / CHUNK], __ATOMIC_ACQUIRE);
	if (!chunk)
		return FDTABLE_HOST;
	return value_of(__atomic_load_n(&chunk->entry[fd % CHUNK], __ATOMIC_ACQUIRE));
}

int fdtable_reserve(int fd)
{
	struct chunk *chunk, *none = NULL;
	unsigned int index, end;
	long address;

	if ((unsigned int)fd >= FDTABLE_MAX)
		return -EMFILE;
	index = fd / CHUNK;
	if (__atomic_load_n(&chunks[index], __ATOMIC_ACQUIRE))
		return 0;
	address = host(SYS_mmap, 0, sizeof(*chunk), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(address))
		return -EMFILE;
	chunk = (struct chunk *)address;
	if (!__atomic_compare_exchange_n(&chunks[index], &none, chunk, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		host(SYS_munmap, chunk, sizeof(*chunk));
	end = __atomic_load_n(&chunk_end, __ATOMIC_RELAXED);
	while (end < index + 1 && !__atomic_compare_exchange_n(&chunk_end, &end, index + 1, 0,
							       __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return 0;
}

int fdtable_set(int fd, int value)
{
	struct chunk *chunk;
	int entry = value == FDTABLE_PRIVATE ? ENTRY_PRIVATE : value + 1;

	if ((unsigned int)fd >= FDTABLE_MAX)
		return FDTABLE_HOST;
	chunk = __atomic_load_n(&chunks[fd / CHUNK], __ATOMIC_ACQUIRE);
	if (!chunk)
		return FDTABLE_HOST;
	return value_of(__atomic_exchange_n(&chunk->entry[fd % CHUNK], entry, __ATOMIC_ACQ_REL));
}

static int *companion_of(int fd)
{
	struct chunk *chunk;

	if ((unsigned int)fd >= FDTABLE_MAX)
		return NULL;
	chunk = __atomic_load_n(&chunks[fd / CHUNK], __ATOMIC_ACQUIRE);
	return chunk ? &chunk->companion[fd % CHUNK] : NULL;
}

int fdtable_companion(int fd)
{
	int *companion = companion_of(fd);

	return companion ? __atomic_load_n(companion, __ATOMIC_ACQUIRE) - 1 : -1;
}

int fdtable_set_companion(int fd, int value)
{
	int *companion = companion_of(fd);

	return companion ? __atomic_exchange_n(companion, value + 1, __ATOMIC_ACQ_REL) - 1 : -1;
}

int fdtable_next(int fd)
{
	unsigned int end = __atomic_load_n(&chunk_end, __ATOMIC_ACQUIRE);

	if (fd < 0)
		return -1;
	for (unsigned int i = fd / CHUNK; i < end; i++) {
		struct chunk *chunk = __atomic_load_n(&chunks[i], __ATOMIC_ACQUIRE);

		for (int k = i == (unsigned int)fd / CHUNK ? fd % CHUNK : 0; chunk && k < CHUNK;
		     k++)
			if (__atomic_load_n(&chunk->entry[k], __ATOMIC_ACQUIRE) ||
			    __atomic_load_n(&chunk->companion[k], __ATOMIC_ACQUIRE))
				return i * CHUNK + k;
	}
	return -1;
}

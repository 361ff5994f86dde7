/* SPDX-License-Identifier: BSD-2-Clause */
/* fdtable.c - what this process' file descriptors are; see fdtable.h */
#include <errno.h>
#include <sys/mman.h>

#include "fdtable.h"
#include "sys.h"

#define CHUNK FDTABLE_CHUNK

struct fdtable fdtable_of_process;
__thread struct fdtable *fdtable_entered;

static struct fdtable *table(void)
{
	return __builtin_expect(fdtable_entered != NULL, 0) ? fdtable_entered : &fdtable_of_process;
}

/* The chunk that fd lies in, or NULL. */
static struct fdtable_chunk *chunk_of(int fd)
{
	if ((unsigned int)fd >= FDTABLE_MAX)
		return NULL;
	return __atomic_load_n(&table()->chunks[fd / CHUNK], __ATOMIC_ACQUIRE);
}

int fdtable_get(int fd)
{
	struct fdtable_chunk *chunk = chunk_of(fd);

	if (!chunk)
		return FDTABLE_HOST;
	return __atomic_load_n(&chunk->entry[fd % CHUNK], __ATOMIC_ACQUIRE) - 1;
}

int fdtable_reserve(int fd)
{
	struct fdtable *t = table();
	struct fdtable_chunk *chunk, *none = NULL;
	unsigned int index, end;
	long address;

	if ((unsigned int)fd >= FDTABLE_MAX)
		return -EMFILE;
	index = fd / CHUNK;
	if (__atomic_load_n(&t->chunks[index], __ATOMIC_ACQUIRE))
		return 0;
	address = host(SYS_mmap, 0, sizeof(*chunk), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(address))
		return -EMFILE;
	chunk = (struct fdtable_chunk *)address;
	if (!__atomic_compare_exchange_n(&t->chunks[index], &none, chunk, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		host(SYS_munmap, chunk, sizeof(*chunk));
	end = __atomic_load_n(&t->end, __ATOMIC_RELAXED);
	while (end < index + 1 && !__atomic_compare_exchange_n(&t->end, &end, index + 1, 0,
							       __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return 0;
}

int fdtable_tcp(int fd)
{
	struct fdtable_chunk *chunk = chunk_of(fd);

	return chunk ? __atomic_load_n(&chunk->tcp[fd % CHUNK], __ATOMIC_ACQUIRE) - 1 : -1;
}

void fdtable_set_tcp(int fd, int value)
{
	struct fdtable_chunk *chunk = chunk_of(fd);

	if (chunk)
		__atomic_store_n(&chunk->tcp[fd % CHUNK], value + 1, __ATOMIC_RELEASE);
}

int fdtable_set(int fd, int value)
{
	struct fdtable_chunk *chunk = chunk_of(fd);

	if (!chunk)
		return FDTABLE_HOST;
	fdtable_set_tcp(fd, -1);
	return __atomic_exchange_n(&chunk->entry[fd % CHUNK], value + 1, __ATOMIC_ACQ_REL) - 1;
}

static int *companion_of(int fd)
{
	struct fdtable_chunk *chunk = chunk_of(fd);

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

int fdtable_claim_companion(int fd, int value)
{
	int *companion = companion_of(fd), none = 0;

	if (__atomic_compare_exchange_n(companion, &none, value + 1, 0, __ATOMIC_SEQ_CST,
					__ATOMIC_ACQUIRE))
		return -1;
	return none - 1;
}

static bool has_lonely;

bool fdtable_is_lonely(int fd)
{
	struct fdtable_chunk *chunk = chunk_of(fd);

	return chunk && __atomic_load_n(&chunk->is_lonely[fd % CHUNK], __ATOMIC_SEQ_CST);
}

void fdtable_set_lonely(int fd, bool is_lonely)
{
	struct fdtable_chunk *chunk = chunk_of(fd);

	if (!chunk)
		return;
	if (is_lonely)
		has_lonely = true;
	__atomic_store_n(&chunk->is_lonely[fd % CHUNK], is_lonely, __ATOMIC_SEQ_CST);
}

bool fdtable_has_lonely(void)
{
	return has_lonely;
}

void fdtable_share_all(void)
{
	struct fdtable *t = table();

	for (unsigned int i = 0; has_lonely && i < t->end; i++)
		if (t->chunks[i])
			memset(t->chunks[i]->is_lonely, 0, sizeof(t->chunks[i]->is_lonely));
}

struct rump_notify_words *fdtable_words(int fd)
{
	struct fdtable_chunk *chunk = chunk_of(fd);

	return chunk ? &chunk->words[fd % CHUNK] : NULL;
}

int fdtable_next(int fd)
{
	struct fdtable *t = table();
	unsigned int end = __atomic_load_n(&t->end, __ATOMIC_ACQUIRE);

	if (fd < 0)
		return -1;
	for (unsigned int i = fd / CHUNK; i < end; i++) {
		struct fdtable_chunk *chunk = __atomic_load_n(&t->chunks[i], __ATOMIC_ACQUIRE);

		for (int k = i == (unsigned int)fd / CHUNK ? fd % CHUNK : 0; chunk && k < CHUNK;
		     k++)
			if (__atomic_load_n(&chunk->entry[k], __ATOMIC_ACQUIRE) ||
			    __atomic_load_n(&chunk->companion[k], __ATOMIC_ACQUIRE))
				return i * CHUNK + k;
	}
	return -1;
}

static void *map(unsigned long size)
{
	long address =
		host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return is_error(address) ? NULL : (void *)address;
}

struct fdtable *fdtable_copy(void)
{
	struct fdtable *from = table(), *copy = map(sizeof(*copy));
	unsigned int end = __atomic_load_n(&from->end, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; copy && i < end; i++) {
		struct fdtable_chunk *chunk = __atomic_load_n(&from->chunks[i], __ATOMIC_ACQUIRE);

		if (!chunk)
			continue;
		copy->chunks[i] = map(sizeof(*chunk));
		if (!copy->chunks[i]) {
			fdtable_free(copy);
			return NULL;
		}
		memcpy(copy->chunks[i], chunk, sizeof(*chunk));
		copy->end = i + 1;
	}
	return copy;
}

void fdtable_enter(struct fdtable *t)
{
	fdtable_entered = t;
}

void fdtable_free(struct fdtable *t)
{
	for (unsigned int i = 0; t && i < t->end; i++)
		if (t->chunks[i])
			host(SYS_munmap, t->chunks[i], sizeof(struct fdtable_chunk));
	if (t)
		host(SYS_munmap, t, sizeof(*t));
}

void fdtable_adopt(void)
{
	if (!fdtable_entered)
		return;
	memcpy(&fdtable_of_process, fdtable_entered, sizeof(fdtable_of_process));
	fdtable_entered = NULL;
}

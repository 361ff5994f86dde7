/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdtable.h - what this process' file descriptors are to the hijack.
 *
 * One word a descriptor number: nothing (the host's), a rump descriptor (the
 * host holds a placeholder under that number), or private (the kernel's own host
 * files and ours, which the application may neither see nor close).  Readers
 * take no lock; a table grows by chunks that are never given back.  Whether a
 * descriptor is close-on-exec is not kept: the placeholder itself carries it.
 *
 * Writers are ordered by the host: a number is entered while the host holds it
 * and taken out before the host lets go of it, so two threads never write one
 * entry for different files.
 */
#ifndef HIJACK_FDTABLE_H
#define HIJACK_FDTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <rump/rump_calls.h>

#define FDTABLE_MAX (1 << 24) /* larger numbers cannot be placeholders */
#define FDTABLE_CHUNK 1024

#define FDTABLE_HOST (-1)
#define FDTABLE_PRIVATE (-2)
/*
 * The host's, with a companion that reads have to look at, too; in the second case the
 * companion was there before anything on the host.  watch.c
 */
#define FDTABLE_MIXED (-3)
#define FDTABLE_MIXED_RUMP (-4)
/* a rump descriptor that no kernel has: that of a connection that was lost */
#define FDTABLE_LOST 0x7ffffff0

/* Entries hold value + 1, so that zeroes mean "host". */
struct fdtable_chunk {
	int entry[FDTABLE_CHUNK];
	int companion[FDTABLE_CHUNK]; /* likewise */
	struct rump_notify_words words[FDTABLE_CHUNK];
	bool is_lonely[FDTABLE_CHUNK];
	int tcp[FDTABLE_CHUNK]; /* as entry, where that is known to be a TCP socket */
};

struct fdtable {
	/* one above the last chunk in use: bounds fdtable_next() */
	unsigned int end;
	struct fdtable_chunk *chunks[FDTABLE_MAX / FDTABLE_CHUNK];
};

extern struct fdtable fdtable_of_process __attribute__((visibility("hidden")));
/* of a child in shared memory, else NULL */
extern __thread struct fdtable *fdtable_entered
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Whether fd is the host's and no more: what nearly all calls ask, so without a call. */
static inline bool fdtable_is_host(int fd)
{
	const struct fdtable *table = __builtin_expect(fdtable_entered != NULL, 0)
					      ? fdtable_entered
					      : &fdtable_of_process;
	const struct fdtable_chunk *chunk;

	if ((unsigned int)fd >= FDTABLE_MAX)
		return true;
	chunk = __atomic_load_n(&table->chunks[fd / FDTABLE_CHUNK], __ATOMIC_ACQUIRE);
	return !chunk || !__atomic_load_n(&chunk->entry[fd % FDTABLE_CHUNK], __ATOMIC_ACQUIRE);
}

/* The rump descriptor behind fd, or one of the negative values. Any fd may be asked for. */
int fdtable_get(int fd);

/* Whether a value is that of a descriptor of the host that is the application's. */
static inline bool fdtable_on_host(int value)
{
	return value < 0 && value != FDTABLE_PRIVATE;
}

/*
 * Makes sure that fdtable_set(fd) cannot fail. -EMFILE: fd is beyond FDTABLE_MAX
 * or there is no memory.
 */
int fdtable_reserve(int fd);

/* Enters a value and returns the one before.  Of a reserved fd, or value FDTABLE_HOST. */
int fdtable_set(int fd, int value);

/*
 * The companion of a descriptor: the rump inotify or fanotify descriptor that belongs to one
 * of the host (FDTABLE_MIXED*); of an epoll descriptor (FDTABLE_HOST) a number of epoll.c's;
 * or -1.  Set like a value: before anybody can use it, and taken out (-1) before the host
 * frees the number.  claim: sets it if there is none; returns the one there was.
 */
int fdtable_companion(int fd);
int fdtable_set_companion(int fd, int companion);
int fdtable_claim_companion(int fd, int companion);

/*
 * A host epoll descriptor that was made here and was never copied, shared, nested in
 * another one or polled is lonely: only epoll_wait() by threads of this process, with this
 * number, waits for it.  Reserved fds only; false for all others.
 */
bool fdtable_is_lonely(int fd);
void fdtable_set_lonely(int fd, bool is_lonely);
/* Whether there may be one at all. */
bool fdtable_has_lonely(void);
/* None is lonely any more. */
void fdtable_share_all(void);

/* The value of a reserved fd that is known to be that of a TCP socket, or -1. */
int fdtable_tcp(int fd);
void fdtable_set_tcp(int fd, int value);

/* Words for waits on a reserved fd, NULL for others.  They stay where they are for ever. */
struct rump_notify_words *fdtable_words(int fd);

/* The first number >= fd that is not FDTABLE_HOST or has a companion, or -1. */
int fdtable_next(int fd);

/*
 * A table of its own for a child that shares its parent's memory: the calling thread uses
 * the copy while it is entered; NULL leaves it.  adopt: in a fork of such a child the
 * thread's copy becomes the process' table.  copy: NULL without memory.
 */
struct fdtable *fdtable_copy(void);
void fdtable_enter(struct fdtable *table);
void fdtable_free(struct fdtable *table);
void fdtable_adopt(void);

#endif

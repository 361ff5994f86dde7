/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sides.h - the same file operations on both sides: host kernel and rump kernel
 *
 * All return what the system call returns: a value or -errno.
 */
#ifndef RUMP_TESTS_SIDES_H
#define RUMP_TESTS_SIDES_H

#include <stdint.h>
#include <sys/types.h>

enum side { HOST, RUMP };

long side_syscall(enum side side, long nr, long a1, long a2, long a3, long a4, long a5, long a6);
#define SYS(side, nr, a1, a2, a3, a4, a5, a6) \
	side_syscall(side, nr, (long)(a1), (long)(a2), (long)(a3), (long)(a4), (long)(a5), \
		     (long)(a6))

long side_open(enum side side, const char *path, int flags, mode_t mode);
long side_close(enum side side, long fd);
/* whole transfers: short ones are finished; a short file gives what there is */
long side_read(enum side side, long fd, void *buffer, size_t length, uint64_t offset);
long side_write(enum side side, long fd, const void *buffer, size_t length, uint64_t offset);

/*
 * Copies a tree: contents, holes apart, modes, owners, times, symlinks, hard links,
 * fifos and device nodes.  to must not exist.  0 or -errno, told on stderr.
 */
int tree_copy(enum side from_side, const char *from, enum side to_side, const char *to);

/* bytes that can be told apart: 8 by 8 a function of seed and place */
void pattern_fill(void *buffer, size_t length, uint64_t seed, uint64_t offset);
/* offset of the first byte that is not the pattern's, or length */
size_t pattern_check(const void *buffer, size_t length, uint64_t seed, uint64_t offset);

#endif

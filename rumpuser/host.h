/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - what hypercalls need of the host: system calls, a lock, its numbers, errno kept.
 */
#ifndef RUMPUSER_HOST_H
#define RUMPUSER_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>

#include "../host/host_call.h"
#include "../host/host_lock.h"

#define host_call host

/*
 * The host's numbers that only its own headers have; musl comes without those.
 */
#define FUTEX_WAIT_BITSET_PRIVATE (9 | 128)
#define FUTEX_BITSET_MATCH_ANY 0xffffffffU
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 0x01
#define FALLOC_FL_PUNCH_HOLE 0x02
#endif
#ifndef FALLOC_FL_ZERO_RANGE
#define FALLOC_FL_ZERO_RANGE 0x10
#endif
#define BLKSSZGET 0x1268
#define BLKDISCARD 0x1277
#define BLKZEROOUT 0x127f
#define BLKGETSIZE64 0x80081272
#define ARCH_SET_GS 0x1001

/* For the hypercalls that do need libc: KEEPS_ERRNO; among the declarations. */
static inline void restore_errno(const int *saved)
{
	errno = *saved;
}
#define KEEPS_ERRNO const int saved_errno __attribute__((cleanup(restore_errno), unused)) = errno

#endif

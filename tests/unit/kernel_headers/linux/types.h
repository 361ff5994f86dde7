/* SPDX-License-Identifier: BSD-2-Clause */
/* What pure files of rumpkernel/linux/ take from the kernel, for unit tests. */
#ifndef RUMP_TESTS_LINUX_TYPES_H
#define RUMP_TESTS_LINUX_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint32_t __be32;

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* stub.h - what patched sites jump to; stub.c */
#ifndef HIJACK_STUB_H
#define HIJACK_STUB_H

#include "code.h"

/*
 * A stub for the call of number nr after which the program goes on at `after`, within reach of
 * a jump from there; NULL: no room.  By one thread at a time.
 */
unsigned char *stub_make(const struct code *code, const unsigned char *after, unsigned int nr);

/* Many will be made: until stub_end() their memory stays writable. */
void stub_begin(void);
void stub_end(void);

/* Writes a 5-byte jump for `where`, which may be a copy at `at`. */
void put_jump(unsigned char *at, const void *target, const unsigned char *where);

#endif

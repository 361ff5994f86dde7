/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * code.h - which memory is the program's code, as the host tells.
 *
 * Only what is mapped from a file, private, readable, executable and not writable is: a
 * just-in-time compiler's memory is its own affair, and a shared mapping would be the file.
 * A program in Go is left alone, too: its functions run on stacks that are too small.
 */
#ifndef HIJACK_CODE_H
#define HIJACK_CODE_H

#include "hijack.h"

struct code {
	unsigned long start, end;
};

/* The code that an address lies in.  Remembers the last ones. */
bool code_find(unsigned long address, struct code *ret_code);
/* That memory may be something else from now on. */
void code_forget(unsigned long start, unsigned long length);
/* Calls fn for all of it, which must not map or unmap any. */
void code_each(void (*fn)(const struct code *code));

#endif

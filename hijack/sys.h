/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - host system calls, safe access to the application's memory, and the
 * few string functions that the preload needs.
 *
 * Everything here is async-signal-safe and works before relocation of other
 * libraries.
 */
#ifndef HIJACK_SYS_H
#define HIJACK_SYS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../host/host_call.h"
#include "syscall_numbers.h" /* those that libc's headers are too old for */

/*
 * Access to pointers of the application, which may be anything: a fault is
 * caught by signals.c (user_fault_fixup) and gives -EFAULT.
 * user_strlen: length without the NUL; -ENAMETOOLONG when there is none in max.
 */
long user_copy(void *to, const void *from, size_t length);
long user_strlen(const char *string, size_t max);
/*
 * Brings in the page that address lies on, as an access of the application's own does: 0 or
 * -EFAULT.
 */
long user_touch(unsigned long address, int is_write);
bool user_is_touch(unsigned long pc);
/* Whether a page of [start, end), which is not empty, may not be written to: 0 or -EFAULT. */
long user_probe(unsigned long start, unsigned long end);
/* The new pc if pc lies in one of the above, else 0. */
unsigned long user_fault_fixup(unsigned long pc);

/*
 * Ours, hidden: the compiler's implicit calls must not reach libc, whose
 * versions use vector registers that a patched system call has to preserve.
 */
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *string);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);
char *strchr(const char *string, int c);

/* Writes value in decimal; returns the end (a NUL is put there). */
char *put_decimal(char *to, long value);
/* Copies text; returns the end (a NUL is put there). */
char *put_text(char *to, const char *text);
/* A number at *text; moves *text behind it.  -1 when there is none. */
long get_decimal(const char **text);

/* One line on stderr by one raw write: "rumphijack: " and the pieces, up to a NULL. */
void complain(const char *piece, ...) __attribute__((sentinel));

#endif

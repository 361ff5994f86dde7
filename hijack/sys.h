/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - raw host system calls, safe access to the application's memory, and
 * the few string functions that the preload needs.
 *
 * Everything here is async-signal-safe and works before relocation of other
 * libraries.  host() is inlined, so the instruction lies in our own text: the
 * one range that Syscall User Dispatch lets through.
 */
#ifndef HIJACK_SYS_H
#define HIJACK_SYS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "syscall_numbers.h" /* those that libc's headers are too old for */

#ifndef __x86_64__
#error "librumphijack knows only x86-64 system calls"
#endif

static inline __attribute__((always_inline)) long host6(long nr, long a, long b, long c, long d,
							long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define HOST_PAD(nr, a, b, c, d, e, f, ...) \
	host6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* host(number, up to six arguments): a value or -errno */
#define host(...) HOST_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

static inline int is_error(long result)
{
	return (unsigned long)result > -4096UL;
}

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

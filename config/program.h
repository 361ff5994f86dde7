/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h - what an executable file is, by its first bytes: whether a library can be
 * preloaded into it, and one of which C library.
 *
 * Pure: neither allocates nor makes a system call.  Also for the preload, which asks at
 * each exec.
 */
#ifndef RUMP_PROGRAM_H
#define RUMP_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_HEAD 4096	/* bytes that are always enough, but for odd files */
#define PROGRAM_INTERPRETER 256 /* longest name, with the NUL */

enum program_kind {
	PROGRAM_NONE,	 /* neither of the others: a shell reads it, or ENOEXEC */
	PROGRAM_SCRIPT,	 /* #!interpreter */
	PROGRAM_DYNAMIC, /* has a loader: its interpreter */
	PROGRAM_STATIC,
	PROGRAM_FOREIGN, /* of another processor, or 32-bit */
};

enum program_libc { PROGRAM_OTHER_LIBC, PROGRAM_GLIBC, PROGRAM_MUSL };

struct program {
	enum program_kind kind;
	/* PROGRAM_SCRIPT, and PROGRAM_DYNAMIC if it lies in the head: else "" */
	char interpreter[PROGRAM_INTERPRETER];
	/* PROGRAM_DYNAMIC: where it is in the file, size with a NUL */
	uint64_t interpreter_at;
	size_t interpreter_size;
};

/* head: the first length bytes of the file. */
void program_parse(const void *head, size_t length, struct program *ret_program);

/* Whose loader has this name: "/lib64/ld-linux-x86-64.so.2". */
enum program_libc program_libc(const char *loader);

#endif

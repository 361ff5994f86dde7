/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.h - the kernel that this process uses: found, connected to or booted by the first
 * call that is routed to it.
 *
 * Any thread may be first, several at once too: one does it, the others wait.  A boot
 * that fails is told once on stderr; every routed call then gives the same error.  A
 * server that cannot be reached is tried again by the next call.
 */
#ifndef HIJACK_BOOT_H
#define HIJACK_BOOT_H

#include "hijack.h"

enum boot_state { BOOT_NONE, BOOT_RUNNING, BOOT_READY, BOOT_FAILED };

/* Where the kernel of a process is, once it is BOOT_READY. */
enum boot_place { PLACE_NONE, PLACE_HERE, PLACE_ELSEWHERE };

extern int boot_state;
extern enum boot_place boot_place;
/* rump_syscall() or rumpclient_syscall(); valid once boot_ensure() gave 0 */
extern long (*boot_syscall)(long, long, long, long, long, long, long);

int boot_slow(struct call *call);

/* 0 or -errno. [blocks] */
static inline int boot_ensure(struct call *call)
{
	if (__builtin_expect(__atomic_load_n(&boot_state, __ATOMIC_ACQUIRE) == BOOT_READY, 1))
		return 0;
	return boot_slow(call);
}

static inline bool boot_is_ready(void)
{
	return __atomic_load_n(&boot_state, __ATOMIC_ACQUIRE) == BOOT_READY;
}

static inline bool boot_is_here(void)
{
	return boot_is_ready() && boot_place == PLACE_HERE;
}

/* Whether the process has a part in a kernel: ready, or left to it by an exec. */
bool boot_in_use(void);

/* Whether there is a kernel that has something to show, be it that this process has not used it. */
bool boot_is_expected(void);

/* Waits while another thread boots; returns the state. [blocks] */
int boot_settle(void);

/* Who has the kernel: the user that is root in it. */
struct boot_owner {
	unsigned int uid, gid;
	bool is_known;
};
extern struct boot_owner boot_owner;

/* Of kernel= and RUMP_SERVER. */
enum hijack_kernel boot_kind(void);
/* RUMP_SERVER as it was at the start; "": it was not set. */
#define BOOT_SERVER_MAX 512
extern char boot_server[];
/* The control socket that an exec left, or -1. */
extern int boot_inherited;
/*
 * This process got its rump process by a fork and has not used it yet: what the server has
 * of it is what the parent had.
 */
extern bool boot_is_untouched;

/* Interrupts the call that a thread is in. Async-signal-safe. */
void boot_interrupt(int tid);

/*
 * In the child of a fork.  is_client: it has a connection of its own now; error: the
 * parent had a kernel, and no connection for the child could be made.
 */
void boot_forked(bool is_client, int error);

/* The working directory that relative host paths in RUMPHIJACK mean; "": not known. */
extern char boot_directory[];
void boot_remember_directory(void);

/* For a rump process that is new: our umask and our limits. */
void boot_settle_in(long (*syscall)(long, long, long, long, long, long, long));

/* dlopen() of a library that belongs to this one; NULL: told on stderr unless is_quiet. [libc] */
void *boot_library(const char *name, bool is_quiet);
/*
 * The library that this function lies in is the kernel's: its own system calls are the
 * kernel's wherever they are made from, such as a thread's destructors. [libc]
 */
void boot_own_text(void *function);
/* For libraries that those load; they refer to this as a weak symbol. [libc] */
__attribute__((visibility("default"))) void rumphijack_own_text(void *function);
/* Whether an instruction lies in such a library. */
bool boot_is_own_text(unsigned long ip);

/* Writes the folder of this library with a slash at its end; -ENOENT. [libc] */
int boot_folder(char *to, size_t size);

/* ---- leaving the application's stack ---- */

#define BOOT_STACK (512 * 1024)
#define CALL_STACK (128 * 1024)

/* Runs fn(arg) on another stack, whose highest address is top. */
void boot_call_on_stack(void (*fn)(void *), void *arg, void *top);

/*
 * Runs fn(arg) on a new stack with the thread inside and errno kept.  is_open: with the trap
 * off, for libraries that tell of their descriptors themselves.  0 or -ENOMEM.
 */
int boot_run(struct call *call, unsigned long size, bool is_open, void (*fn)(void *), void *arg);

#endif

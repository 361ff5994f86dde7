/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plain.h - calls on a descriptor or a file of the host.
 *
 * They are nearly all that programs make, so they are on their way before anything is
 * put together or called.  Also right when nothing is hijacked, as the table is empty then.
 */
#ifndef HIJACK_PLAIN_H
#define HIJACK_PLAIN_H

#include "areas.h"
#include "dispatch.h"
#include "fdtable.h"
#include "libc.h"
#include "posts.h"

/*
 * Whether the first argument of such a number decides all; a constant for a constant.
 * What makes a descriptor has more to do, see new_fd_call().
 */
static inline __attribute__((always_inline)) bool has_fd_row(long nr)
{
	switch (nr) {
#define SYSCALL(name, handler, result, ...)               \
	case SYS_##name:                                  \
		return RESULT_##result != RESULT_NEWFD && \
		       (HANDLER_##handler == HANDLER_fd || HANDLER_##handler == HANDLER_address);
#include "syscalls.def"
#undef SYSCALL
	}
	return false;
}

static inline bool is_plain_fd(long fd)
{
	return fdtable_is_host((int)fd) && !self.inside && !config.log_unrouted &&
	       !__builtin_expect(areas_exist, 0) &&
	       !__builtin_expect(__atomic_load_n(&posts_are_out, __ATOMIC_RELAXED), 0);
}

/* The same for a path: its only one is the first argument, and nothing is left to do. */
static inline __attribute__((always_inline)) bool has_path_row(long nr)
{
	switch (nr) {
#define FIRST_IS_PATH(a, b, ...) (ARG_##a == ARG_PATH && ARG_##b == ARG__)
#define SYSCALL(name, handler, result, ...)                   \
	case SYS_##name:                                      \
		return RESULT_##result == RESULT_VALUE &&     \
		       (HANDLER_##handler == HANDLER_paths || \
			HANDLER_##handler == HANDLER_stat) && \
		       FIRST_IS_PATH(__VA_ARGS__, _, _);
#include "syscalls.def"
#undef SYSCALL
#undef FIRST_IS_PATH
	}
	return false;
}

static inline bool is_plain_path(long path)
{
	return !self.inside && !config.log_unrouted && !__builtin_expect(areas_exist, 0) &&
	       place_is_hosts((const char *)path);
}

/*
 * __libc_single_threaded is too careful where the trap tells us more: it counts the kernel's
 * threads.
 */
static inline bool has_threads(void)
{
	return hijack_has_trap ? hijack_has_threads : !LIBC_IS_SINGLE_THREADED;
}

/*
 * libc makes its cancellation points asynchronous around the instruction; ours do the
 * same around a call of the host.  In the kernel a thread is not cancelled: signals.c
 * defers libc's signal as any other.
 */
static inline bool may_be_cancelled(void)
{
	return has_threads();
}

#endif

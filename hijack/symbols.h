/* SPDX-License-Identifier: BSD-2-Clause */
/* symbols.h - what the files of libc's functions share */
#ifndef HIJACK_SYMBOLS_H
#define HIJACK_SYMBOLS_H

#include "plain.h"

#define EXPORT __attribute__((visibility("default")))

/* Sets errno and gives -1. Also reached from trap.S. */
long symbol_failed(int error) __attribute__((visibility("hidden")));

static inline long symbol_finish(long result)
{
	return is_error(result) ? symbol_failed(-result) : result;
}

static inline __attribute__((always_inline)) long symbol_call(long nr, long a, long b, long c,
							      long d, long e, long f)
{
	if (has_fd_row(nr) && __builtin_expect(is_plain_fd(a), 1))
		return host6(nr, a, b, c, d, e, f);
	if (has_path_row(nr) && is_plain_path(a))
		return host6(nr, a, b, c, d, e, f);
	return hijack_call(nr, a, b, c, d, e, f);
}

static inline __attribute__((always_inline)) long symbol_cancellable(long nr, long a, long b,
								     long c, long d, long e, long f)
{
	if (has_fd_row(nr) && __builtin_expect(is_plain_fd(a), 1) && !may_be_cancelled())
		return host6(nr, a, b, c, d, e, f);
	return hijack_call_cancellable(nr, a, b, c, d, e, f);
}

#define SYMBOL_PAD(call, nr, a, b, c, d, e, f, ...) \
	call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* a value or -errno */
#define RESULT(...) SYMBOL_PAD(symbol_call, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define RESULT_CANCELLABLE(...) SYMBOL_PAD(symbol_cancellable, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
/* a value, or -1 and errno */
#define PLAIN(...) symbol_finish(RESULT(__VA_ARGS__))
#define CANCELLABLE(...) symbol_finish(RESULT_CANCELLABLE(__VA_ARGS__))

/* Another name of a function in the same file. */
#define SYMBOL_ALIAS(name, target) \
	__asm__(".globl " #name "\n.type " #name ", @function\n.set " #name ", " #target "\n");

#endif

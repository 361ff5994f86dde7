/* SPDX-License-Identifier: BSD-2-Clause */
/* symbols.h - what the files of libc's functions share */
#ifndef HIJACK_SYMBOLS_H
#define HIJACK_SYMBOLS_H

#include "hijack.h"

#define EXPORT __attribute__((visibility("default")))

/* Sets errno and gives -1. Also reached from trap.S. */
long symbol_failed(int error) __attribute__((visibility("hidden")));

static inline long symbol_finish(long result)
{
	return is_error(result) ? symbol_failed(-result) : result;
}

#define SYMBOL_PAD(call, nr, a, b, c, d, e, f, ...) \
	call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* a value or -errno */
#define RESULT(...) SYMBOL_PAD(hijack_call, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define RESULT_CANCELLABLE(...) SYMBOL_PAD(hijack_call_cancellable, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
/* a value, or -1 and errno */
#define PLAIN(...) symbol_finish(RESULT(__VA_ARGS__))
#define CANCELLABLE(...) symbol_finish(RESULT_CANCELLABLE(__VA_ARGS__))

/* Another name of a function in the same file. */
#define SYMBOL_ALIAS(name, target) \
	__asm__(".globl " #name "\n.type " #name ", @function\n.set " #name ", " #target "\n");

#endif

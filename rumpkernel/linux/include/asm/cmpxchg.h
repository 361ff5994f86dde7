/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_CMPXCHG_H
#define _ASM_RUMP_CMPXCHG_H
#include <linux/types.h>
#include <linux/compiler.h>

#define arch_xchg(ptr, x)						\
({									\
	__typeof__(*(ptr)) __x = (__typeof__(*(ptr)))(x);		\
	(__typeof__(*(ptr)))__atomic_exchange_n((ptr), __x, __ATOMIC_SEQ_CST); \
})

#define arch_cmpxchg(ptr, o, n)						\
({									\
	__typeof__(*(ptr)) __o = (__typeof__(*(ptr)))(o);		\
	__typeof__(*(ptr)) __n = (__typeof__(*(ptr)))(n);		\
	__atomic_compare_exchange_n((ptr), &__o, __n, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);\
	__o;								\
})

#define arch_try_cmpxchg(ptr, po, n)					\
({									\
	__typeof__(*(ptr)) __n = (__typeof__(*(ptr)))(n);		\
	__atomic_compare_exchange_n((ptr), (po), __n, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);\
})

#define arch_cmpxchg_local	arch_cmpxchg
#define arch_cmpxchg64		arch_cmpxchg
#define arch_cmpxchg64_local	arch_cmpxchg
#define arch_try_cmpxchg64	arch_try_cmpxchg
#endif

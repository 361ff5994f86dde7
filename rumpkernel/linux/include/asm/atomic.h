/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_ATOMIC_H
#define _ASM_RUMP_ATOMIC_H
#include <linux/types.h>
#include <asm/vdso/processor.h>
#include <asm/cmpxchg.h>
#include <asm/barrier.h>

#define arch_atomic_read(v)	READ_ONCE((v)->counter)
#define arch_atomic_set(v, i)	WRITE_ONCE((v)->counter, (i))
#define arch_atomic64_read(v)	READ_ONCE((v)->counter)
#define arch_atomic64_set(v, i)	WRITE_ONCE((v)->counter, (i))
#define ATOMIC64_INIT(i)	{ (i) }

#define RUMP_ATOMIC_OP(pfx, type, op)					\
static __always_inline void arch_##pfx##_##op(type i, pfx##_t *v)	\
{									\
	(void)__atomic_fetch_##op(&v->counter, i, __ATOMIC_SEQ_CST);	\
}									\
static __always_inline type arch_##pfx##_fetch_##op(type i, pfx##_t *v)	\
{									\
	return __atomic_fetch_##op(&v->counter, i, __ATOMIC_SEQ_CST);	\
}

#define RUMP_ATOMIC_RETURN(pfx, type, op)				\
static __always_inline type arch_##pfx##_##op##_return(type i, pfx##_t *v) \
{									\
	return __atomic_##op##_fetch(&v->counter, i, __ATOMIC_SEQ_CST);	\
}

/* With the result compared to 0 the compiler needs no more than the flags. */
#define RUMP_ATOMIC_TEST(pfx)						\
static __always_inline bool arch_##pfx##_dec_and_test(pfx##_t *v)	\
{									\
	return __atomic_sub_fetch(&v->counter, 1, __ATOMIC_SEQ_CST) == 0; \
}									\
static __always_inline bool arch_##pfx##_inc_and_test(pfx##_t *v)	\
{									\
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST) == 0; \
}

#define RUMP_ATOMICS(pfx, type)			\
	RUMP_ATOMIC_OP(pfx, type, add)		\
	RUMP_ATOMIC_OP(pfx, type, sub)		\
	RUMP_ATOMIC_OP(pfx, type, and)		\
	RUMP_ATOMIC_OP(pfx, type, or)		\
	RUMP_ATOMIC_OP(pfx, type, xor)		\
	RUMP_ATOMIC_RETURN(pfx, type, add)	\
	RUMP_ATOMIC_RETURN(pfx, type, sub)	\
	RUMP_ATOMIC_TEST(pfx)

RUMP_ATOMICS(atomic, int)
RUMP_ATOMICS(atomic64, s64)

#define arch_atomic_fetch_add		arch_atomic_fetch_add
#define arch_atomic_fetch_sub		arch_atomic_fetch_sub
#define arch_atomic_fetch_and		arch_atomic_fetch_and
#define arch_atomic_fetch_or		arch_atomic_fetch_or
#define arch_atomic_fetch_xor		arch_atomic_fetch_xor
#define arch_atomic_add_return		arch_atomic_add_return
#define arch_atomic_sub_return		arch_atomic_sub_return
#define arch_atomic_dec_and_test	arch_atomic_dec_and_test
#define arch_atomic_inc_and_test	arch_atomic_inc_and_test
#define arch_atomic64_fetch_add		arch_atomic64_fetch_add
#define arch_atomic64_fetch_sub		arch_atomic64_fetch_sub
#define arch_atomic64_fetch_and		arch_atomic64_fetch_and
#define arch_atomic64_fetch_or		arch_atomic64_fetch_or
#define arch_atomic64_fetch_xor		arch_atomic64_fetch_xor
#define arch_atomic64_add_return	arch_atomic64_add_return
#define arch_atomic64_sub_return	arch_atomic64_sub_return
#define arch_atomic64_dec_and_test	arch_atomic64_dec_and_test
#define arch_atomic64_inc_and_test	arch_atomic64_inc_and_test
#endif

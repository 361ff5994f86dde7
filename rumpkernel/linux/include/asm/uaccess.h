/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_UACCESS_H
#define _ASM_RUMP_UACCESS_H
#include <linux/string.h>
#include <asm/extable.h>
#include <asm/irqflags.h>
#include <asm/processor.h>
#include <asm-generic/access_ok.h>

/*
 * User pointers are host pointers.  A host SIGSEGV or SIGBUS at a listed pc
 * goes on at its fixup (kernel/fault.c).  While a task runs away from the
 * process that its memory is in (rump_pcpu(foreign)), as a client's always does, no host
 * pointer is touched: the access goes by mm/remote_copy.c.
 */
unsigned long rump_remote_copy_from(void *to, const void __user *from, unsigned long n);
unsigned long rump_remote_copy_to(void __user *to, const void *from, unsigned long n);
unsigned long rump_remote_clear(void __user *to, unsigned long n);
/* 0 or -EFAULT, then *to is 0 */
int rump_remote_get(size_t size, const void __user *from, void *to);
int rump_remote_put(size_t size, void __user *to, const void *from);
/* the same for 8 bytes of a string: what is behind its end does not count */
int rump_remote_get_word(const void __user *from, void *to);

unsigned long rump_copy_user(void *to, const void *from, unsigned long n);
unsigned long rump_clear_user(void *to, unsigned long n);

#define RUMP_LOAD(size, insn, type)					\
	case size: {							\
		type __v;						\
		asm volatile("1:	" insn "\n"			\
			     "2:\n"					\
			     ".pushsection .fixup,\"ax\"\n"		\
			     "3:	mov $-14,%0\n"			\
			     "	xor %k1,%k1\n"				\
			     "	jmp 2b\n"				\
			     ".popsection\n"				\
			     _ASM_EXTABLE(1b, 3b)			\
			     : "+r" (err), "=q" (__v)			\
			     : "m" (*(const type __force *)from));	\
		*(type *)to = __v;					\
		break;							\
	}

static __always_inline int rump_load(size_t size, const void *from, void *to)
{
	int err = 0;

	switch (size) {
	RUMP_LOAD(1, "movb %2,%b1", u8)
	RUMP_LOAD(2, "movw %2,%w1", u16)
	RUMP_LOAD(4, "movl %2,%k1", u32)
	RUMP_LOAD(8, "movq %2,%q1", u64)
	}
	return err;
}

#define RUMP_STORE(size, insn, type)					\
	case size: {							\
		type __v = *(const type *)from;				\
		asm volatile("1:	" insn "\n"			\
			     "2:\n"					\
			     ".pushsection .fixup,\"ax\"\n"		\
			     "3:	mov $-14,%0\n"			\
			     "	jmp 2b\n"				\
			     ".popsection\n"				\
			     _ASM_EXTABLE(1b, 3b)			\
			     : "+r" (err), "=m" (*(type __force *)to)	\
			     : "q" (__v));				\
		break;							\
	}

static __always_inline int rump_store(size_t size, void *to, const void *from)
{
	int err = 0;

	switch (size) {
	RUMP_STORE(1, "movb %b2,%1", u8)
	RUMP_STORE(2, "movw %w2,%1", u16)
	RUMP_STORE(4, "movl %k2,%1", u32)
	RUMP_STORE(8, "movq %q2,%1", u64)
	}
	return err;
}

static __always_inline int __get_user_fn(size_t size, const void __user *from, void *to)
{
	if (unlikely(rump_pcpu(foreign)))
		return rump_remote_get(size, from, to);
	return rump_load(size, (const void __force *)from, to);
}
#define __get_user_fn(size, from, to) __get_user_fn(size, from, to)

static __always_inline int __put_user_fn(size_t size, void __user *to, void *from)
{
	if (unlikely(rump_pcpu(foreign)))
		return rump_remote_put(size, to, from);
	return rump_store(size, (void __force *)to, from);
}
#define __put_user_fn(size, to, from) __put_user_fn(size, to, from)

#define __get_kernel_nofault(dst, src, type, label)			\
do {									\
	if (rump_load(sizeof(type), (const void *)(src), (void *)(dst))) \
		goto label;						\
} while (0)

#define __put_kernel_nofault(dst, src, type, label)			\
do {									\
	if (rump_store(sizeof(type), (void *)(dst), (const void *)(src))) \
		goto label;						\
} while (0)

static inline __must_check unsigned long
raw_copy_from_user(void *to, const void __user *from, unsigned long n)
{
	if (unlikely(rump_pcpu(foreign)))
		return rump_remote_copy_from(to, from, n);
	return rump_copy_user(to, (const void __force *)from, n);
}

static inline __must_check unsigned long
raw_copy_to_user(void __user *to, const void *from, unsigned long n)
{
	if (unlikely(rump_pcpu(foreign)))
		return rump_remote_copy_to(to, from, n);
	return rump_copy_user((void __force *)to, from, n);
}
#define INLINE_COPY_FROM_USER
#define INLINE_COPY_TO_USER

static inline unsigned long __must_check __clear_user(void __user *to, unsigned long n)
{
	if (unlikely(rump_pcpu(foreign)))
		return rump_remote_clear(to, n);
	return rump_clear_user((void __force *)to, n);
}
#define __clear_user __clear_user

/* As the generic ones, but strings are read by words: that may lead beyond their ends. */
#define user_access_begin(ptr, len)	access_ok(ptr, len)
#define user_access_end()		do { } while (0)
#define unsafe_op_wrap(op, err)		do { if (unlikely(op)) goto err; } while (0)
#define unsafe_get_user(x, p, err)					\
do {									\
	if (sizeof(*(p)) == 8 && unlikely(rump_pcpu(foreign))) {	\
		u64 __word;						\
									\
		if (rump_remote_get_word(p, &__word))			\
			goto err;					\
		(x) = (__force __typeof__(*(p)))__word;			\
	} else if (unlikely(__get_user(x, p))) {			\
		goto err;						\
	}								\
} while (0)
#define unsafe_put_user(x, p, err)	unsafe_op_wrap(__put_user(x, p), err)
#define unsafe_copy_to_user(d, s, l, err)	unsafe_op_wrap(__copy_to_user(d, s, l), err)
#define unsafe_copy_from_user(d, s, l, err)	unsafe_op_wrap(__copy_from_user(d, s, l), err)

static inline unsigned long user_access_save(void)
{
	return 0;
}

static inline void user_access_restore(unsigned long flags)
{
}

#include <asm-generic/uaccess.h>
#endif

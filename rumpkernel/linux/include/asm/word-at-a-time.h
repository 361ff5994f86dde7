/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_WORD_AT_A_TIME_H
#define _ASM_RUMP_WORD_AT_A_TIME_H
#include <linux/wordpart.h>
#include <asm/extable.h>

struct word_at_a_time {
	const unsigned long one_bits, high_bits;
};

#define WORD_AT_A_TIME_CONSTANTS { REPEAT_BYTE(0x01), REPEAT_BYTE(0x80) }

static inline unsigned long has_zero(unsigned long a, unsigned long *bits,
				     const struct word_at_a_time *c)
{
	unsigned long mask = ((a - c->one_bits) & ~a) & c->high_bits;
	*bits = mask;
	return mask;
}

static inline unsigned long prep_zero_mask(unsigned long a, unsigned long bits,
					   const struct word_at_a_time *c)
{
	return bits;
}

static inline unsigned long create_zero_mask(unsigned long bits)
{
	bits = (bits - 1) & ~bits;
	return bits >> 7;
}

/* The mask that keeps the bytes before the zero. */
#define zero_bytemask(mask) (mask)

static inline unsigned long find_zero(unsigned long mask)
{
	return mask ? (64 - __builtin_clzl(mask)) >> 3 : 0;
}

/* Loads a word that may cross into a page that is not there: those bytes are 0. */
static inline unsigned long load_unaligned_zeropad(const void *addr)
{
	unsigned long ret;

	asm volatile("1:	mov (%1),%0\n"
		     "2:\n"
		     ".pushsection .fixup,\"ax\"\n"
		     "3:	push %%rcx\n"
		     "	mov %1,%%rcx\n"
		     "	mov %1,%0\n"
		     "	and $-8,%0\n"
		     "	mov (%0),%0\n"
		     "	and $7,%%ecx\n"
		     "	shl $3,%%ecx\n"
		     "	shr %%cl,%0\n"
		     "	pop %%rcx\n"
		     "	jmp 2b\n"
		     ".popsection\n"
		     _ASM_EXTABLE(1b, 3b)
		     : "=&r" (ret) : "c" (addr), "m" (*(unsigned long *)addr));
	return ret;
}
#endif

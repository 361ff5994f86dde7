/* SPDX-License-Identifier: BSD-2-Clause */
/* sys.c - memory, strings and complaints without libc; see sys.h */
#include <stdarg.h>

#include "sys.h"

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	void *result = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
	return result;
}

void *memmove(void *to, const void *from, size_t length)
{
	char *t = to;
	const char *f = from;

	if (t <= f || t >= f + length)
		return memcpy(to, from, length);
	while (length--) {
		t[length] = f[length];
		__asm__ volatile("" : : : "memory"); /* or gcc makes this a call of itself */
	}
	return to;
}

void *memset(void *to, int byte, size_t length)
{
	void *result = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(byte) : "memory");
	return result;
}

int memcmp(const void *a, const void *b, size_t length)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < length; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *string)
{
	size_t n = 0;

	while (string[n]) {
		n++;
		__asm__ volatile("" : : : "memory");
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t length)
{
	while (length && *a && *a == *b)
		a++, b++, length--;
	return length ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *string, int c)
{
	for (;; string++) {
		if (*string == (char)c)
			return (char *)string;
		if (!*string)
			return NULL;
	}
}

char *put_text(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	*to = '\0';
	return to;
}

char *put_decimal(char *to, long value)
{
	char digits[24];
	unsigned long rest = value < 0 ? -(unsigned long)value : (unsigned long)value;
	int n = 0;

	do
		digits[n++] = '0' + rest % 10;
	while (rest /= 10);
	if (value < 0)
		*to++ = '-';
	while (n)
		*to++ = digits[--n];
	*to = '\0';
	return to;
}

long get_decimal(const char **text)
{
	const char *p = *text;
	long value = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++)
		if (value < 1L << 40)
			value = value * 10 + (*p - '0');
	*text = p;
	return value;
}

void complain(const char *piece, ...)
{
	char line[1024];
	char *p = put_text(line, "rumphijack: ");
	va_list list;

	va_start(list, piece);
	for (; piece; piece = va_arg(list, const char *))
		while (*piece && p < line + sizeof(line) - 2)
			*p++ = *piece++;
	va_end(list);
	*p++ = '\n';
	host(SYS_write, 2, line, p - line);
}

/*
 * The only instructions that touch application memory.  Labels mark the range
 * in which a fault may be ours; each routine has a landing place.
 */
__asm__(".text\n"
	".globl user_copy, user_strlen, user_touch, user_probe\n"
	".hidden user_copy, user_strlen, user_touch, user_probe\n"
	".type user_copy, @function\n"
	".type user_touch, @function\n"
	".type user_probe, @function\n"
	".type user_strlen, @function\n"
	"user_copy:\n"
	"	mov	%rdx, %rcx\n"
	"	cmp	$8, %rdx\n"
	"user_copy_begin:\n"
	"	jne	1f\n"
	"	mov	(%rsi), %rax\n" /* rep movsb takes long to start */
	"	mov	%rax, (%rdi)\n"
	"	jmp	2f\n"
	"1:	rep	movsb\n"
	"user_copy_end:\n"
	"2:	xor	%eax, %eax\n"
	"	ret\n"
	"user_strlen:\n"
	"	mov	%rdi, %rax\n"
	"user_strlen_begin:\n"
	"1:	test	$7, %al\n"
	"	jz	2f\n"
	"	cmpb	$0, (%rax)\n"
	"	je	4f\n"
	"	inc	%rax\n"
	"	jmp	1b\n"
	/* aligned words never reach into a page that the string does not */
	"2:	movabs	$0x0101010101010101, %r8\n"
	"	movabs	$0x8080808080808080, %r9\n"
	"	lea	(%rdi,%rsi), %r10\n"
	"3:	cmp	%r10, %rax\n"
	"	jae	5f\n"
	"	mov	(%rax), %rcx\n"
	"	mov	%rcx, %rdx\n"
	"	sub	%r8, %rcx\n"
	"	not	%rdx\n"
	"	and	%rdx, %rcx\n"
	"	add	$8, %rax\n"
	"	and	%r9, %rcx\n"
	"	jz	3b\n"
	"	bsf	%rcx, %rcx\n" /* the lowest bit is that of the first zero byte */
	"	shr	$3, %ecx\n"
	"	lea	-8(%rax,%rcx), %rax\n"
	"user_strlen_end:\n"
	"4:	sub	%rdi, %rax\n"
	"	cmp	%rsi, %rax\n"
	"	jae	5f\n"
	"	ret\n"
	"5:	mov	$-36, %rax\n" /* ENAMETOOLONG */
	"	ret\n"
	"user_touch:\n"
	"	test	%esi, %esi\n"
	"user_touch_begin:\n"
	"	jnz	1f\n"
	"	mov	(%rdi), %al\n"
	"	jmp	2f\n"
	"1:	lock orb $0, (%rdi)\n"
	"user_touch_end:\n"
	"2:	xor	%eax, %eax\n"
	"	ret\n"
	"user_probe:\n"
	"user_probe_begin:\n"
	"1:	lock orb $0, (%rdi)\n"
	"	or	$0xfff, %rdi\n"
	"	inc	%rdi\n"
	"	cmp	%rsi, %rdi\n"
	"	jb	1b\n"
	"user_probe_end:\n"
	"	xor	%eax, %eax\n"
	"	ret\n"
	"user_fault:\n"
	"	mov	$-14, %rax\n" /* EFAULT */
	"	ret\n");

extern char user_copy_begin[] __attribute__((visibility("hidden")));
extern char user_copy_end[] __attribute__((visibility("hidden")));
extern char user_strlen_begin[] __attribute__((visibility("hidden")));
extern char user_strlen_end[] __attribute__((visibility("hidden")));
extern char user_touch_begin[] __attribute__((visibility("hidden")));
extern char user_touch_end[] __attribute__((visibility("hidden")));
extern char user_probe_begin[] __attribute__((visibility("hidden")));
extern char user_probe_end[] __attribute__((visibility("hidden")));
extern char user_fault[] __attribute__((visibility("hidden")));

bool user_is_touch(unsigned long pc)
{
	return pc >= (unsigned long)user_touch_begin && pc < (unsigned long)user_touch_end;
}

unsigned long user_fault_fixup(unsigned long pc)
{
	if ((pc >= (unsigned long)user_copy_begin && pc < (unsigned long)user_copy_end) ||
	    (pc >= (unsigned long)user_strlen_begin && pc < (unsigned long)user_strlen_end) ||
	    (pc >= (unsigned long)user_probe_begin && pc < (unsigned long)user_probe_end) ||
	    user_is_touch(pc))
		return (unsigned long)user_fault;
	return 0;
}

/*
 * For librumpclient, which reads and writes the application's memory too: 0 or -EFAULT.
 * Async-signal-safe.  It refers to this as a weak symbol: without the preload there is none.
 */
__attribute__((visibility("default"))) int rumphijack_copy(void *to, const void *from, size_t n);

int rumphijack_copy(void *to, const void *from, size_t n)
{
	return user_copy(to, from, n);
}

/* The same for memory that is going to be written to: whether it is there. */
__attribute__((visibility("default"))) int rumphijack_probe(void *start, size_t length);

int rumphijack_probe(void *start, size_t length)
{
	unsigned long from = (unsigned long)start;

	return from + length < from ? -EFAULT : user_probe(from, from + length);
}

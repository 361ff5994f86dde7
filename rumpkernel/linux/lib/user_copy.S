/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies to and from memory that may not be there.  The return value is the
 * number of bytes that were not copied, exact to the byte.
 */
#include <linux/linkage.h>

.macro extable from, to
	.pushsection __ex_table,"a"
	.balign 4
	.long (\from) - .
	.long (\to) - .
	.long 0
	.popsection
.endm

	.text
	.hidden rump_copy_user
SYM_FUNC_START(rump_copy_user)		/* (to, from, n) */
	mov	%rdx,%rcx
	cmp	$64,%rdx
	jae	.Lstring
	cmp	$8,%edx
	jb	.Lbytes
.Lwords:
1:	mov	(%rsi),%rax
2:	mov	%rax,(%rdi)
	add	$8,%rsi
	add	$8,%rdi
	sub	$8,%ecx
	cmp	$8,%ecx
	jae	.Lwords
.Lbytes:
	test	%ecx,%ecx
	jz	.Ldone
.Lbyte:
3:	movb	(%rsi),%al
4:	movb	%al,(%rdi)
	inc	%rsi
	inc	%rdi
	dec	%ecx
	jnz	.Lbyte
.Ldone:
	mov	%rcx,%rax
	ret
.Lstring:
5:	rep movsb
	mov	%rcx,%rax
	ret
	/* a fault among the words: find the exact byte */
	extable 1b, .Lbytes
	extable 2b, .Lbytes
	extable 3b, .Ldone
	extable 4b, .Ldone
	extable 5b, .Ldone
SYM_FUNC_END(rump_copy_user)

	.hidden rump_clear_user
SYM_FUNC_START(rump_clear_user)		/* (to, n) */
	mov	%rsi,%rcx
	xor	%eax,%eax
6:	rep stosb
7:	mov	%rcx,%rax
	ret
	extable 6b, 7b
SYM_FUNC_END(rump_clear_user)

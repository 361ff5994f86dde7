/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcpy, memmove, memset: overlapping moves of up to 64 bytes, then the
 * string instructions, which every x86-64 of the last decade has fast.
 */
#include <linux/linkage.h>

	.text
	.hidden memset
SYM_FUNC_START(memset)
	mov	%rdi,%r9
	movzbl	%sil,%eax
	mov	%rdx,%rcx
	cmp	$64,%rdx
	ja	1f
	mov	$0x0101010101010101,%r8
	imul	%r8,%rax
	cmp	$8,%edx
	jb	3f
2:	cmp	$16,%ecx
	jb	4f
	mov	%rax,(%rdi)
	mov	%rax,8(%rdi)
	add	$16,%rdi
	sub	$16,%ecx
	jmp	2b
4:	/* 0..15 left, at least 8 in all: the tail overlaps */
	cmp	$8,%ecx
	jb	5f
	mov	%rax,(%rdi)
5:	mov	%rax,-8(%r9,%rdx)
	mov	%r9,%rax
	ret
3:	test	%ecx,%ecx
	jz	6f
7:	mov	%al,(%rdi)
	inc	%rdi
	dec	%ecx
	jnz	7b
6:	mov	%r9,%rax
	ret
1:	rep stosb
	mov	%r9,%rax
	ret
SYM_FUNC_END(memset)

	.hidden memcpy
SYM_FUNC_START(memcpy)
	mov	%rdi,%rax
	cmp	$16,%rdx
	jb	2f
	cmp	$32,%rdx
	ja	1f
	mov	(%rsi),%rcx
	mov	8(%rsi),%r8
	mov	-16(%rsi,%rdx),%r9
	mov	-8(%rsi,%rdx),%r10
	mov	%rcx,(%rdi)
	mov	%r8,8(%rdi)
	mov	%r9,-16(%rdi,%rdx)
	mov	%r10,-8(%rdi,%rdx)
	ret
1:	cmp	$64,%rdx
	ja	5f
	movups	(%rsi),%xmm0
	movups	16(%rsi),%xmm1
	movups	-32(%rsi,%rdx),%xmm2
	movups	-16(%rsi,%rdx),%xmm3
	movups	%xmm0,(%rdi)
	movups	%xmm1,16(%rdi)
	movups	%xmm2,-32(%rdi,%rdx)
	movups	%xmm3,-16(%rdi,%rdx)
	ret
5:	mov	%rdx,%rcx
	rep movsb
	ret
2:	cmp	$8,%edx
	jb	3f
	mov	(%rsi),%rcx
	mov	-8(%rsi,%rdx),%r8
	mov	%rcx,(%rdi)
	mov	%r8,-8(%rdi,%rdx)
	ret
3:	cmp	$4,%edx
	jb	4f
	mov	(%rsi),%ecx
	mov	-4(%rsi,%rdx),%r8d
	mov	%ecx,(%rdi)
	mov	%r8d,-4(%rdi,%rdx)
	ret
4:	test	%edx,%edx
	jz	6f
	movzbl	(%rsi),%ecx
	movzbl	-1(%rsi,%rdx),%r8d
	mov	%edx,%r10d
	shr	%r10d			/* the middle byte, with length 1 or 2 one of the others */
	movzbl	(%rsi,%r10),%r9d
	mov	%cl,(%rdi)
	mov	%r9b,(%rdi,%r10)
	mov	%r8b,-1(%rdi,%rdx)
6:	ret
SYM_FUNC_END(memcpy)

	.hidden memmove
SYM_FUNC_START(memmove)
	mov	%rdi,%rax
	sub	%rsi,%rax
	cmp	%rdx,%rax
	jae	memcpy			/* no overlap, or the copy goes down */
	mov	%rdi,%rax
	mov	%rdx,%rcx
1:	cmp	$8,%rcx
	jb	2f
	mov	-8(%rsi,%rcx),%r8
	mov	%r8,-8(%rdi,%rcx)
	sub	$8,%rcx
	jmp	1b
2:	test	%ecx,%ecx
	jz	4f
3:	mov	-1(%rsi,%rcx),%r8b
	mov	%r8b,-1(%rdi,%rcx)
	dec	%ecx
	jnz	3b
4:	ret
SYM_FUNC_END(memmove)

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_STRING_H
#define _ASM_RUMP_STRING_H
#define __HAVE_ARCH_MEMCPY
extern void *memcpy(void *to, const void *from, __kernel_size_t n);
#define __HAVE_ARCH_MEMSET
extern void *memset(void *to, int c, __kernel_size_t n);
#define __HAVE_ARCH_MEMMOVE
extern void *memmove(void *to, const void *from, __kernel_size_t n);
#define __HAVE_ARCH_MEMCMP
extern int memcmp(const void *a, const void *b, __kernel_size_t n);
#endif

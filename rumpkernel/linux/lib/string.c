// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/uaccess.h>

EXPORT_SYMBOL(memcpy);
EXPORT_SYMBOL(memset);
EXPORT_SYMBOL(memmove);
EXPORT_SYMBOL(rump_copy_user);
EXPORT_SYMBOL(rump_clear_user);

#undef memcmp
int memcmp(const void *s1, const void *s2, size_t n)
{
	const u8 *a = s1, *b = s2;

	for (; n >= 8; n -= 8, a += 8, b += 8)
		if (get_unaligned((const u64 *)a) != get_unaligned((const u64 *)b))
			break;
	for (; n; n--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}
EXPORT_SYMBOL(memcmp);

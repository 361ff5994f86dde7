// SPDX-License-Identifier: GPL-2.0-only
/*
 * why.c - errors in words, for rump_boot_error() and the console
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "why.h"

static const char *reason(long error)
{
	switch (-error) {
	case EACCES:
	case EPERM:
		return "permission denied";
	case EBUSY:
		return "in use";
	case EEXIST:
		return "exists already";
	case EFAULT:
		return "bad address";
	case EINVAL:
		return "invalid argument";
	case EIO:
		return "input/output error";
	case EISDIR:
		return "is a directory";
	case ELOOP:
		return "too many symbolic links";
	case EMFILE:
	case ENFILE:
		return "too many open files";
	case ENAMETOOLONG:
		return "name too long";
	case ENODEV:
	case ENXIO:
		return "no such device";
	case ENOENT:
		return "no such file or directory";
	case ENOMEM:
		return "out of memory";
	case ENOSPC:
		return "no space left";
	case ENOTDIR:
		return "not a directory";
	case EROFS:
		return "read-only file system";
	case ETXTBSY:
		return "a running program";
	default:
		return NULL;
	}
}

long rump_fail(char *why, size_t why_size, long error, const char *fmt, ...)
{
	const char *text = reason(error);
	va_list args;
	int length;

	va_start(args, fmt);
	length = vscnprintf(why, why_size, fmt, args);
	va_end(args);
	if (text)
		snprintf(why + length, why_size - length, ": %s", text);
	else
		snprintf(why + length, why_size - length, ": error %ld", -error);
	return error;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.c - why something failed, in words and as libc has it.
 */
#include <errno.h>
#include <string.h>

#include "private.h"

struct config_error last_error;

/* Without locale and allocation where libc has such a function. */
const char *error_text(int error)
{
#ifdef __GLIBC__
	const char *text = strerrordesc_np(error);

	return text ? text : "unknown error";
#else
	return strerror(error);
#endif
}

int error_return(int error)
{
	if (error >= 0)
		return error;
	errno = -error;
	return -1;
}

const char *rumpclient_error(void)
{
	return last_error.text;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* libc.h - what glibc has and musl has not */
#ifndef HIJACK_LIBC_H
#define HIJACK_LIBC_H

#ifdef __GLIBC__

#include <sys/mount.h>
#include <sys/single_threaded.h>

#define LIBC_IS_SINGLE_THREADED __libc_single_threaded

#else

#include <linux/mount.h>

/* musl does not tell: a thread is cancelled where it may be, at a small price */
#define LIBC_IS_SINGLE_THREADED 0

#endif

#endif

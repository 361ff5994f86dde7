/* SPDX-License-Identifier: BSD-2-Clause */
/* libc's own <errno.h> includes this, so it cannot be the way to the numbers */
#include <asm/errno.h>

/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_ASM_RUMP_SIGNAL_H
#define _UAPI_ASM_RUMP_SIGNAL_H

/* x86-64's struct sigaction has a restorer */
#define SA_RESTORER	0x04000000
#define __ARCH_HAS_SA_RESTORER
#include <asm-generic/signal.h>
#endif

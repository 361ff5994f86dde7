/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_CURRENT_H
#define _ASM_RUMP_CURRENT_H
#include <asm/irqflags.h>

#define get_current() (rump_pcpu(current_task))
#define current get_current()
#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_VDSO_PROCESSOR_H
#define _ASM_RUMP_VDSO_PROCESSOR_H

/* Busy-waits must see time go on: interrupts are taken only at such points. */
void rump_relax(void);

static inline void cpu_relax(void)
{
	rump_relax();
}
#endif

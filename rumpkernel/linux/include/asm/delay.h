/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_DELAY_H
#define _ASM_RUMP_DELAY_H
void rump_ndelay(unsigned long ns);
#define udelay(n)		rump_ndelay((n) * 1000UL)
#define ndelay(n)		rump_ndelay(n)
#define __udelay(n)		rump_ndelay((n) * 1000UL)
#define __ndelay(n)		rump_ndelay(n)
#define __const_udelay(n)	rump_ndelay((n) * 1000UL / 0x10c7)
#endif

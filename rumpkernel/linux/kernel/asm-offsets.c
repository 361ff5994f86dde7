// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kbuild.h>

void rump_asm_offsets(void);
void rump_asm_offsets(void)
{
	DEFINE(RUMP_NOTHING, 0);
}

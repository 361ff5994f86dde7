/* SPDX-License-Identifier: BSD-2-Clause */
/* rlimits.h - resource limits of the process, on both sides */
#ifndef HIJACK_RLIMITS_H
#define HIJACK_RLIMITS_H

#include "hijack.h"

/* The process has a rump process now, with limits of the kernel's own. */
void limits_take_over(struct call *call);

#endif

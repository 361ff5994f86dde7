/* SPDX-License-Identifier: BSD-2-Clause */
/* rlimits.h - resource limits of the process, on both sides */
#ifndef HIJACK_RLIMITS_H
#define HIJACK_RLIMITS_H

#include "hijack.h"

/* A rump process that is new has limits of the kernel's own: it gets ours. */
void limits_take_over(long (*syscall)(long, long, long, long, long, long, long));

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* mountinfo.h - mount tables that show the rump kernel's mounts beside the host's */
#ifndef HIJACK_MOUNTINFO_H
#define HIJACK_MOUNTINFO_H

#include "hijack.h"

/* What files.c marks device numbers of the rump kernel with. */
#define RUMP_MAJOR 0x72000u
/* Ids of its mounts are shown above the host's. */
#define RUMP_MOUNT_IDS 1000000

/*
 * An open on the host: if it reads a mount table and the kernel runs, a descriptor of
 * a copy with both tables.  -ENODATA: it is not ours.
 */
long mountinfo_open(struct call *call);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * chr.h - host devices, fifos and files as character devices
 */
#ifndef RUMP_DRIVERS_HOSTFS_CHR_H
#define RUMP_DRIVERS_HOSTFS_CHR_H

#include <linux/types.h>

struct hostfs_chr;

/* hostpath: absolute.  The host's file is opened by each open(2) here. */
struct hostfs_chr *hostfs_chr_add(const char *hostpath);
/* -EBUSY while it is open */
int hostfs_chr_remove(struct hostfs_chr *chr);
dev_t hostfs_chr_devt(const struct hostfs_chr *chr);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * etfs.h - host files under names of the rump kernel
 */
#ifndef RUMP_DRIVERS_ETFS_H
#define RUMP_DRIVERS_ETFS_H

#include <linux/types.h>

/* the values of enum rump_etfs_type of <rump/rump.h> */
#define RUMP_ETFS_REG		0
#define RUMP_ETFS_BLK		1
#define RUMP_ETFS_CHR		2
#define RUMP_ETFS_DIR		3
#define RUMP_ETFS_DIR_SUBDIRS	4

#define RUMP_ETFS_SIZE_ENDOFF	(~(u64)0)

/*
 * Makes the host file visible at key.  In kernel context, sleeps.
 * begin, size: bytes of the host file, for REG and BLK.  sector: of BLK, 0:
 * what suits it.  On failure -errno, and one line in why.
 */
long rump_etfs_add(const char *key, const char *hostpath, int type, u64 begin, u64 size,
		   unsigned int is_readonly, unsigned int sector, char *why, size_t why_size);
/* -ENOENT: not registered; -EBUSY: in use */
long rump_etfs_remove(const char *key, char *why, size_t why_size);
/* what rump_boot_etfs_register() collected */
/* -ENOMEM; an error of a registration is told in it, and does not end the boot */
long rump_etfs_boot(void);

#endif

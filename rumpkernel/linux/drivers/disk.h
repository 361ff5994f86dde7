/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk.h - host files and host block devices as disks
 */
#ifndef RUMP_DRIVERS_DISK_H
#define RUMP_DRIVERS_DISK_H

#include <linux/types.h>

#define RUMP_DISK_TO_END	(~(u64)0)	/* size: up to the host file's end */

struct rump_disk;

struct rump_disk_spec {
	const char *hostpath;
	u64 begin, size;		/* bytes of the host file */
	unsigned int sector;		/* bytes; 0: what suits the host file */
	bool readonly;
};

/*
 * Opens (and, for writing, locks) the host file and adds a disk rda, rdb ...
 * with its partitions.  Sleeps.  On failure returns an ERR_PTR and one line
 * in why.
 */
struct rump_disk *rump_disk_add(const struct rump_disk_spec *spec, char *why, size_t why_size);

/* -EBUSY while the disk or a partition of it is open or mounted.  Sleeps. */
int rump_disk_remove(struct rump_disk *disk);

dev_t rump_disk_devt(const struct rump_disk *disk);
const char *rump_disk_name(const struct rump_disk *disk);

#endif

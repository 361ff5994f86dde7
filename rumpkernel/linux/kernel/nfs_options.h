/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RUMP_KERNEL_NFS_OPTIONS_H
#define RUMP_KERNEL_NFS_OPTIONS_H

#include <linux/types.h>

/*
 * Adds to data what an NFS mount needs and has not; other types are left as they are.  0,
 * or -EINVAL with why.
 */
long rump_nfs_options(const char *type, const char *source, char *data, size_t size, char *why,
		      size_t why_size);

#endif

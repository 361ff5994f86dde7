/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RUMP_MODULE_INDEX_H
#define RUMP_MODULE_INDEX_H

#include <linux/types.h>

/* All in kernel context, may sleep, 0 or -errno. */

/* A component or a module by its name, and what it needs. */
int rump_component_load(const char *name);
/* What request_module() asks for: a module's name or one of its aliases. */
int rump_module_load_by_alias(const char *alias);
/*
 * The file system on a block device, by its magic numbers: a name that lives
 * as long as the kernel, or NULL.  Loads nothing.
 */
const char *rump_detect_fstype(const char *device);
/* Names of all components, for messages. */
void rump_component_names(char *text, size_t size);

/* After -ELIBACC of those that load: the file that is not in the folder. */
const char *rump_module_missing(void);

#endif

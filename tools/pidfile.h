/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pidfile.h - a file that holds this process' id.
 */
#ifndef RUMP_TOOLS_PIDFILE_H
#define RUMP_TOOLS_PIDFILE_H

/* Replaces what was there: readers find the old or the new content. 0 or -errno. */
int pidfile_write(const char *path);
/* Removes it if it still holds our id. */
void pidfile_remove(const char *path);

#endif

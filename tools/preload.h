/* SPDX-License-Identifier: BSD-2-Clause */
/* preload.h - programs of rump kernels that are started under the preload */
#ifndef RUMP_TOOLS_PRELOAD_H
#define RUMP_TOOLS_PRELOAD_H

/*
 * First in main(): where LD_PRELOAD names librumphijack.so this program starts again
 * without it.  Its kernel, or its connection to one, is its own: the preload would take the
 * descriptors of both for the ones that it hides from programs.
 */
void preload_leave(char **argv);

#endif

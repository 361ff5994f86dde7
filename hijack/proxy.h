/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy.h - a process whose kernel is used by others stays when its program is over
 */
#ifndef HIJACK_PROXY_H
#define HIJACK_PROXY_H

#include <signal.h>

#include "hijack.h"

struct exec_image;

/*
 * exec in a process with a kernel: another process runs the program, this one stays as
 * its kernel and does not return.  -errno when the exec fails.
 */
long proxy_exec(struct call *call, int envp_at, const struct exec_image *image);

/* The program ends: waits for those who use the kernel, then stops it. [blocks] */
void proxy_leave(void);

/* Whether a SIGSEGV was only meant to stop this thread for good; then it does not return. */
bool proxy_freezes(int signal, siginfo_t *info);

#endif

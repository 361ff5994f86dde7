/* SPDX-License-Identifier: BSD-2-Clause */
/* exit.c - the end of the process: the kernel syncs and unmounts first */
#include "boot.h"
#include "dispatch.h"

/*
 * exit(), _exit(), quick_exit() and a return from main() all end here, after atexit
 * handlers and stdio have written what they had.
 */
long handle_exit_group(struct call *call)
{
	/* a child in shared memory ends alone */
	if (!self.in_spawn)
		boot_shutdown();
	return host_call(call);
}

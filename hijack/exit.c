/* SPDX-License-Identifier: BSD-2-Clause */
/* exit.c - the end of the process: the kernel waits for others, syncs and unmounts first */
#include "boot.h"
#include "dispatch.h"
#include "family.h"
#include "proxy.h"

/*
 * exit(), _exit(), quick_exit() and a return from main() all end here, after atexit
 * handlers and stdio have written what they had.
 */
long handle_exit_group(struct call *call)
{
	/* a child in shared memory ends alone */
	if (!self.spawned) {
		proxy_leave();
		family_leave();
	}
	return host_call(call);
}

/*
 * The only thread of the application ends: so does the process, whose other threads are
 * the kernel's.
 */
long handle_exit(struct call *call)
{
	if (self.spawned || !hijack_has_trap || hijack_has_threads || !boot_in_use())
		return host_call(call);
	call->nr = SYS_exit_group;
	return handle_exit_group(call);
}

/*
 * Without the trap libc's own exit() is not seen; this comes after the destructors of
 * what was loaded later.
 */
__attribute__((destructor)) static void end(void)
{
	if (hijack_has_trap || self.spawned)
		return;
	proxy_leave();
	family_leave();
}

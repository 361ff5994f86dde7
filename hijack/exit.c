/* SPDX-License-Identifier: BSD-2-Clause */
/* exit.c - the end of the process: the kernel waits for others, syncs and unmounts first */
#include "boot.h"
#include "dispatch.h"
#include "family.h"
#include "posts.h"
#include "proxy.h"
#include "remote.h"

/*
 * Whoever waits for this process may count on its locks and its ends of pipes being gone.
 * The server notices the end of a process later than the host's wait() does.  Other
 * threads would see their descriptors closed before they end.
 */
static void close_all(struct call *call)
{
	bool is_connected;

	if (!boot_is_ready() || boot_place != PLACE_ELSEWHERE || boot_is_untouched ||
	    hijack_has_threads || self.inside)
		return;
	self.inside++;
	is_connected = remote.is_connected();
	self.inside--;
	/* one that is lost is not made again for this */
	if (is_connected)
		rump(call, SYS_close_range, 0, ~0U, 0);
}

/*
 * exit(), _exit(), quick_exit() and a return from main() all end here, after atexit
 * handlers and stdio have written what they had.
 */
long handle_exit_group(struct call *call)
{
	/* a child in shared memory ends alone */
	if (!self.spawned) {
		posts_settle(call);
		proxy_leave();
		close_all(call);
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

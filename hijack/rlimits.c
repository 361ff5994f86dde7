/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rlimits.c - resource limits of the process, on both sides.
 *
 * The host keeps them.  The rump process follows where the rump kernel is who acts on
 * one: the size of files.  The number of descriptors is limited by the placeholders, so
 * the kernel's own limit shall never be the smaller one.
 */
#include <sys/resource.h>

#include "boot.h"
#include "dispatch.h"
#include "rlimits.h"

struct limits {
	unsigned long soft, hard;
};

void limits_take_over(long (*syscall)(long, long, long, long, long, long, long))
{
	/* NR_OPEN, which is the hard limit */
	struct limits files = {1 << 20, 1 << 20}, size;

	/* a user of a server may not raise the hard limit: all of that one then */
	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&files, 0, 0, 0) == -EPERM &&
	    !syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&files, 0, 0)) {
		files.soft = files.hard;
		syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&files, 0, 0, 0);
	}
	if (!host(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &size) &&
	    (size.soft != RLIM_INFINITY || size.hard != RLIM_INFINITY))
		syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, (long)&size, 0, 0, 0);
}

long handle_limits(struct call *call)
{
	int at = call->nr == SYS_prlimit64, pid = at ? call->args[0] : 0;
	const void *theirs = (const void *)call->args[1 + at];
	struct limits limits;
	long result = host_call(call);

	if (result || !theirs || call->args[at] != RLIMIT_FSIZE ||
	    (pid && pid != host(SYS_getpid)) || !boot_is_ready())
		return result;
	if (!user_copy(&limits, theirs, sizeof(limits)))
		rump(call, SYS_prlimit64, 0, RLIMIT_FSIZE, &limits, NULL);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* links.h - symlinks in the rump kernel that lead out of it */
#ifndef HIJACK_LINKS_H
#define HIJACK_LINKS_H

#include "dispatch.h"

/*
 * A call on paths of the rump kernel gave ENOENT: is a symlink on the way whose target is
 * a name of the application's?  Then call->args have the paths that the symlinks lead to,
 * and the call is to be made again, once.  False: *result stands, or became -ELOOP.
 */
bool links_followed(struct call *call, struct scratch *scratch, bool *is_second, long *result);

/* Whether the call means what the last name of its path leads to, if that is a symlink. */
bool links_follow_last(const struct call *call);

/* What a call on paths does on one side. */
typedef long links_side(struct call *call, const struct resolved *resolved,
			struct scratch *scratch);

/* The call as it is, with its paths as the host has them. */
static inline long links_host_call(struct call *call, const struct resolved *resolved,
				   struct scratch *scratch)
{
	memcpy(call->args, resolved->args, sizeof(call->args));
	return host_call(call);
}

/* The way of all calls on paths: where do they lead, the call there, perhaps once more. */
static inline __attribute__((always_inline)) long links_call(struct call *call, links_side *on_host,
							     links_side *on_rump)
{
	struct scratch scratch = {NULL};
	struct resolved resolved;
	bool is_second = false;
	long result;

	do {
		result = call_resolve(call, &scratch, &resolved);
		if (result)
			break;
		if (!resolved.rump) {
			result = on_host(call, &resolved, &scratch);
			break;
		}
		result = on_rump(call, &resolved, &scratch);
	} while (result == -ENOENT && links_followed(call, &scratch, &is_second, &result));
	scratch_free(&scratch);
	return result;
}

#endif

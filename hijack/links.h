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

#endif

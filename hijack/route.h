/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * route.h - which side a path belongs to.  Pure: text in, text out, no system
 * calls, so that unit tests cover it (tests/unit/route.c).
 *
 * A path is judged by its text: "." and empty components count for nothing and
 * ".." takes back the component before it.  What is in the rump kernel is handed
 * over as it was written, so symlinks and ".." inside mean what Linux says they
 * mean; only the question which side it is on is answered by text.
 */
#ifndef HIJACK_ROUTE_H
#define HIJACK_ROUTE_H

#include <stddef.h>

#include "hijack_config.h"

#define ROUTE_PATH_MAX 4096 /* bytes with the NUL, the kernel's PATH_MAX */

enum route_side { ROUTE_HOST, ROUTE_RUMP };

struct route {
	enum route_side side;
	/* for that side: the text given, its end, or text in the buffer given */
	const char *path;
	/* ROUTE_RUMP: what a path of the rump kernel starts with outside; "" for blanket= */
	const char *outside;
};

/*
 * path: absolute.  buffer: ROUTE_PATH_MAX bytes that ret_route->path may point to;
 * NULL: -ENOBUFS in the rare cases that need one.  Returns 0 or -ENAMETOOLONG.
 */
int route_absolute(const struct hijack_config *config, const char *path, char *buffer,
		   struct route *ret_route);

/*
 * Joins a directory and a relative path: outside + directory + '/' + path.
 * Returns 0 or -ENAMETOOLONG.
 */
int route_join(const char *outside, const char *directory, const char *path, char *buffer);

/* Whether a component is "..". */
int route_has_dotdot(const char *path);

/*
 * Whether a relative path in a directory of the host might lead to the rump
 * kernel: it names the last component of a prefix.  No means no.
 */
int route_may_enter(const struct hijack_config *config, const char *path);

#endif

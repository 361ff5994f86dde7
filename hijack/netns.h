/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns.h - network namespaces of the rump kernel, for ip-netns(8), unshare(1), nsenter(1).
 */
#ifndef HIJACK_NETNS_H
#define HIJACK_NETNS_H

#include "dispatch.h"

/* "/run/netns" or "/var/run/netns", or below. */
static inline bool netns_is_folder(const char *path)
{
	size_t length = 10;

	if (path[1] == 'v' && !strncmp(path, "/var", 4))
		path += 4;
	return path[1] == 'r' && !strncmp(path, "/run/netns", length) &&
	       (!path[length] || path[length] == '/');
}

/* Such a path, as own_find(). */
int netns_find_name(const char *path, struct place *ret_place);

/* "/proc/PID/ns/net" and its like, of a process of the rump kernel; as own_find(). */
int netns_find(struct call *call, const char *path, struct scratch *scratch, int n,
	       struct place *ret_place);

/*
 * mount(2) and umount2(2) of a process that is to have its own mounts because of its network
 * namespace.  false: nothing special; else *ret_result.
 */
bool netns_mount(struct call *call, long *ret_result);

#endif

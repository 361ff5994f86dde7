/* SPDX-License-Identifier: BSD-2-Clause */
/* net_files.h - files that tell of the network, and its names; theory in net_files.c */
#ifndef HIJACK_NET_FILES_H
#define HIJACK_NET_FILES_H

#include "dispatch.h"
#include "netns.h"

/* Whether an absolute path may be one of these: cheap, sometimes wrong. */
static inline bool net_files_may_have(const char *path)
{
	return (config.has_net && (path[1] == 's' || netns_is_folder(path))) ||
	       (path[1] == 'e' && config.has_resolver);
}

/* As own_find(). */
int net_files_find(struct call *call, const char *path, struct scratch *scratch, int n,
		   struct place *ret_place);

/* Whether a path of a host's AF_UNIX socket is that of who would answer for the host's network. */
bool net_files_is_name_service(const char *path);

#endif

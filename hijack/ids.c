/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ids.c - users and groups of the process, on both sides.
 *
 * The host decides whether the program may change them; then the rump process follows,
 * so that what a program gives up it gives up there too.  The user whose process has the
 * kernel is root in it, so his numbers are 0 there.
 *
 * So do capabilities, and what of prctl(2) decides about them.  A header of capset(2) names
 * the calling thread or nobody the host lets it change.
 *
 * These calls change the calling thread alone, in both kernels; libc makes all threads do
 * them.
 */
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "boot.h"
#include "dispatch.h"
#include "remote.h"
#include "threads.h"

#define GROUPS_MAX 1024

/* A server on another machine does not show its user: then nobody is its owner. */
static struct boot_owner owner(void)
{
	struct ucred peer = {.uid = ~0U, .gid = ~0U};
	unsigned int size = sizeof(peer);
	int fd;

	if (boot_owner.is_known || boot_place != PLACE_ELSEWHERE)
		return boot_owner;
	self.inside++;
	fd = remote.fork_socket(NULL);
	host(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	remote.exec_failed(fd);
	self.inside--;
	boot_owner = (struct boot_owner){peer.uid, peer.gid, true};
	return boot_owner;
}

static long inside_id(long id, unsigned int owners)
{
	return (unsigned int)id == owners ? 0 : id;
}

static void set_groups(struct call *call, unsigned int owners)
{
	unsigned int groups[GROUPS_MAX], count = call->args[0];

	if (count > GROUPS_MAX ||
	    user_copy(groups, (const void *)call->args[1], count * sizeof(*groups)))
		return;
	for (unsigned int i = 0; i < count; i++)
		groups[i] = inside_id(groups[i], owners);
	rump(call, SYS_setgroups, count, groups);
}

/* ---- capabilities ---- */

struct capabilities {
	struct __user_cap_data_struct half[_LINUX_CAPABILITY_U32S_3];
};

/* Whether the thread has any on the host: who has none gives up none. */
static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct capabilities now;

	return !host(SYS_capget, &header, &now) && (now.half[0].permitted | now.half[1].permitted);
}

long handle_capset(struct call *call)
{
	/* the calling thread, whose number may be another one there */
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	bool is_followed = boot_in_use() && has_capabilities();
	long result = host_call(call);

	if (!result && boot_in_use())
		threads_follow(SYS_capset, call->args);
	if (!result && is_followed &&
	    !user_copy(&header.version, (const void *)call->args[0], sizeof(header.version)))
		rump(call, SYS_capset, &header, call->args[1]);
	return result;
}

void ids_prctl(struct call *call)
{
	switch ((int)call->args[0]) {
	case PR_SET_KEEPCAPS:
	case PR_SET_SECUREBITS:
	case PR_CAPBSET_DROP:
	case PR_CAP_AMBIENT:
		if (!boot_in_use())
			break;
		threads_follow(SYS_prctl, call->args);
		rump(call, SYS_prctl, call->args[0], call->args[1], call->args[2], call->args[3],
		     call->args[4]);
	}
}

/* ---- users and groups ---- */

long handle_setid(struct call *call)
{
	bool is_gid = call->nr == SYS_setgid || call->nr == SYS_setregid ||
		      call->nr == SYS_setresgid || call->nr == SYS_setfsgid ||
		      call->nr == SYS_setgroups;
	struct boot_owner before;
	unsigned int owners;
	long result;

	if (!boot_in_use())
		return host_call(call);
	/* a connection that an exec left is taken up while we are who we were */
	boot_ensure(call);
	before = owner();
	result = host_call(call);
	if (is_error(result))
		return result;
	owners = is_gid ? before.gid : before.uid;
	if (call->nr == SYS_setgroups)
		set_groups(call, owners);
	else
		rump(call, call->nr, inside_id(call->args[0], owners),
		     inside_id(call->args[1], owners), inside_id(call->args[2], owners));
	return result;
}

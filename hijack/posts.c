/* SPDX-License-Identifier: BSD-2-Clause */
/* posts.c - calls that are not waited for; see posts.h */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <rump/rumpclient.h>

#include "boot.h"
#include "dispatch.h"
#include "fdtable.h"
#include "plain.h"
#include "posts.h"

bool posts_are_out;

void posts_settle_slow(struct call *call)
{
	/* a child in shared memory: its parent is stopped, and comes back to this */
	if (self.inside || self.spawned ||
	    !__atomic_exchange_n(&posts_are_out, false, __ATOMIC_SEQ_CST))
		return;
	rump(call, RUMPCLIENT_CALL_SETTLE);
}

static bool can_be_seen(long nr)
{
	switch (nr) {
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_pwritev2:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_shutdown:
	case SYS_kill:
	case SYS_tkill:
	case SYS_tgkill:
	case SYS_rt_sigqueueinfo:
	case SYS_rt_tgsigqueueinfo:
	case SYS_mq_timedsend:
	case SYS_msgsnd:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_exit_group:
		return true;
	}
	return false;
}

void posts_before_host(struct call *call)
{
	if (can_be_seen(call->nr))
		posts_settle(call);
}

/*
 * What the client's library posts: an option of TCP that is an int.  Not where there are
 * threads: each call of one would wait for what others have posted.
 */
static bool is_postable(const struct call *call)
{
	return boot_place == PLACE_ELSEWHERE && !self.spawned && !has_threads() &&
	       (int)call->args[1] == IPPROTO_TCP &&
	       ((int)call->args[2] == TCP_CORK || (int)call->args[2] == TCP_NODELAY) &&
	       (int)call->args[4] == sizeof(int);
}

/* Where it has succeeded once, it is a TCP socket, and it will again. */
long handle_setsockopt(struct call *call)
{
	int fd = call->args[0], rump_fd = fdtable_get(fd), value;
	long result;

	if (rump_fd < 0 || !is_postable(call))
		return handle_fd(call);
	if (fdtable_tcp(fd) == rump_fd &&
	    !user_copy(&value, (const void *)call->args[3], sizeof(value)) &&
	    !rump(call, RUMPCLIENT_CALL_POST, rump_fd, IPPROTO_TCP, (int)call->args[2], value)) {
		__atomic_store_n(&posts_are_out, true, __ATOMIC_SEQ_CST);
		return 0;
	}
	result = handle_fd(call);
	if (!result)
		fdtable_set_tcp(fd, rump_fd);
	return result;
}

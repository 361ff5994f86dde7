/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_posted.c - calls that a client has made without waiting for them.
 *
 * nginx and others cork a connection and uncork it for each answer, which is two calls of
 * five.  Their results are known beforehand, so the client enters them in the channel and
 * goes on; they are done by the channel's thread before anything else that it asks for.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "sp.h"

/* What reads an int, writes nothing, and waits for nobody. */
static bool is_postable(const struct rump_sp_posted *posted)
{
	return posted->level == IPPROTO_TCP &&
	       (posted->name == TCP_NODELAY || posted->name == TCP_CORK);
}

static void set_option(struct sp_channel *channel, const struct rump_sp_posted *posted)
{
	unsigned long args[6] = {
		(unsigned long)posted->fd,     (unsigned long)posted->level,
		(unsigned long)posted->name,   0,
		sizeof(channel->posted_value),
	};

	channel->posted_value = posted->value;
	args[3] = sp_memory_of_int(channel, &channel->posted_value);
	rumpuser_upcalls->syscall(SYS_setsockopt, args);
}

void sp_posted_do(struct sp_channel *channel)
{
	struct rump_sp_channel *shared = channel->shared;
	uint32_t count = __atomic_load_n(&shared->posted_count, __ATOMIC_ACQUIRE);
	struct rump_sp_posted posted;

	if (channel->is_bad || count - channel->posted > RUMP_SP_POSTED_MAX) {
		channel->is_bad = true;
		return;
	}
	while (channel->posted != count) {
		/* once: it may change while it is looked at */
		memcpy(&posted, &shared->posted[channel->posted % RUMP_SP_POSTED_MAX],
		       sizeof(posted));
		__asm__ volatile("" ::: "memory");
		if (!is_postable(&posted)) {
			channel->is_bad = true;
			return;
		}
		set_option(channel, &posted);
		channel->posted++;
		__atomic_store_n(&shared->posted_done, channel->posted, __ATOMIC_RELEASE);
	}
}

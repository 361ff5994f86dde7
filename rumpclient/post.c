/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * post.c - calls that nobody waits for, since their result is known.
 *
 * They lie in the channel, struct rump_sp_posted, and the server does them before the next
 * call of that channel.  Before a call on another channel of this process, they are waited for:
 * no thread of it can see that they were not done.  What the program tells others by calls
 * of the host comes after post_settle(), too; that is the preload's to see to.
 *
 * Who waits for another thread's calls looks into that one's channel, so a channel is not
 * unmapped before those have gone (`settling`).
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "private.h"

uint32_t posters;
static uint32_t settling;

static void set_posted(struct channel *channel, bool has_posted)
{
	if (__atomic_exchange_n(&channel->has_posted, has_posted, __ATOMIC_SEQ_CST) != has_posted)
		__atomic_fetch_add(&posters, has_posted ? 1U : -1U, __ATOMIC_SEQ_CST);
}

long post(const long args[6])
{
	const struct rump_sp_posted posted = {
		.fd = (int32_t)args[0],
		.level = (int32_t)args[1],
		.name = (int32_t)args[2],
		.value = (int32_t)args[3],
	};
	struct channel *channel = self.channel;
	/* what is corked is seen by nothing but what is sent next */
	bool is_lazy = posted.name == TCP_CORK && posted.value;

	if (self.frame || !channel || !channel_is_live(channel) ||
	    channel->session != session_current() || !channel->session->transport->post)
		return -EAGAIN;
	if (!channel->is_posting) {
		channel->wants_posting = true;
		return -EAGAIN;
	}
	/* in order with what others have posted */
	if (__atomic_load_n(&posters, __ATOMIC_ACQUIRE) != channel->has_posted)
		return -EAGAIN;
	/* before the server can see it: then nobody overlooks it */
	set_posted(channel, true);
	return channel->session->transport->post(channel, &posted, is_lazy);
}

long post_settle(const struct channel *except)
{
	struct channel *channel;

	__atomic_fetch_add(&settling, 1, __ATOMIC_SEQ_CST);
	for (int at = 0; (channel = channel_next(&at));)
		if (channel != except && __atomic_load_n(&channel->has_posted, __ATOMIC_SEQ_CST))
			channel->session->transport->settle(channel);
	__atomic_fetch_sub(&settling, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void post_done(struct channel *channel)
{
	channel->is_posting |= channel->wants_posting;
	channel->wants_posting = false;
	set_posted(channel, false);
}

void post_end(struct channel *channel)
{
	if (channel->has_posted)
		channel->session->transport->settle(channel);
	set_posted(channel, false);
	while (__atomic_load_n(&settling, __ATOMIC_SEQ_CST))
		host(SYS_sched_yield);
}

void post_forked(void)
{
	posters = settling = 0;
}

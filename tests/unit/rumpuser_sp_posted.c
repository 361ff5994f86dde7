/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that a client posts: when the server does them, and which it refuses. */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "rumpuser_sp_fake.h"

static char path[128];

static bool all_done(const struct peer *peer)
{
	return __atomic_load_n(&peer->channel->posted_done, __ATOMIC_SEQ_CST) ==
	       peer->channel->posted_count;
}

/* One more in the channel, of which nobody is told. */
static void put(struct peer *peer, struct rump_sp_posted posted)
{
	struct rump_sp_channel *channel = peer->channel;

	channel->posted[channel->posted_count % RUMP_SP_POSTED_MAX] = posted;
	__atomic_add_fetch(&channel->posted_count, 1, __ATOMIC_SEQ_CST);
}

static struct rump_sp_posted an_option(int fd, int value)
{
	return (struct rump_sp_posted){fd, IPPROTO_TCP, TCP_CORK, value};
}

/* A client whose channel has posted calls from now on. */
static struct peer a_peer(void)
{
	struct peer peer = peer_open(path, true);

	peer.channel->turn = (struct rump_sp_turn){
		.number = FAKE_PLUS_ONE,
		.args = {1},
		.flags = RUMP_SP_POSTING,
	};
	turn_begin(&peer);
	if (!turn_end(&peer) || peer.channel->answer.result != 2)
		bail_out("the server knows nothing of posted calls");
	return peer;
}

static void wake(struct peer *peer)
{
	uint32_t *sleeps = &peer->channel->server_sleeps;

	if (__atomic_exchange_n(sleeps, 0, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, sleeps, 1, INT_MAX, NULL, NULL, 0);
}

static void post(struct peer *peer, struct rump_sp_posted posted)
{
	put(peer, posted);
	wake(peer);
}

static long call(struct peer *peer, long number, unsigned long a)
{
	peer->channel->turn = (struct rump_sp_turn){.number = number, .args = {a}};
	turn_begin(peer);
	wake(peer);
	return turn_end(peer) ? peer->channel->answer.result : -ENOTCONN;
}

static void test_order(void)
{
	struct peer peer = a_peer();

	fake_options = 0;
	put(&peer, an_option(7, 1));
	put(&peer, an_option(7, 5));
	is(call(&peer, FAKE_OPTIONS, 0), 2, "what was posted is done before the next call");
	ok(all_done(&peer), "and counted");
	is(fake_option.fd, 7, "of that descriptor");
	is(fake_option.level, IPPROTO_TCP, "the level");
	is(fake_option.name, TCP_CORK, "the name");
	is(fake_option.value, 5, "the value, in their order");
	peer_close(&peer);
}

/* With pauses the thread sleeps, without it looks. */
static void test_alone(bool with_pause)
{
	struct peer peer = a_peer();
	struct timespec pause = {0, 2000000};
	int done = 0;

	fake_options = 0;
	for (int i = 0; i < 200; i++) {
		post(&peer, an_option(3, i));
		done += eventually(all_done(&peer)) && fake_option.value == i;
		if (with_pause)
			nanosleep(&pause, NULL);
	}
	is(done, 200, "each is done without another call, %s", with_pause ? "asleep" : "awake");
	is(fake_options, 200, "once");
	is(call(&peer, FAKE_PLUS_ONE, 4), 5, "calls go on");
	peer_close(&peer);
}

static void test_many(void)
{
	struct peer peer = a_peer();

	fake_options = 0;
	for (int i = 0; i < RUMP_SP_POSTED_MAX; i++)
		put(&peer, an_option(3, i));
	is(call(&peer, FAKE_OPTIONS, 0), RUMP_SP_POSTED_MAX, "as many as there is room for");
	for (int i = 0; i < RUMP_SP_POSTED_MAX; i++)
		put(&peer, an_option(3, i));
	is(call(&peer, FAKE_OPTIONS, 0), 2 * RUMP_SP_POSTED_MAX, "and again");
	peer_close(&peer);
}

/* The thread of the client ends. */
static void test_end(void)
{
	struct peer peer = a_peer();
	struct rump_sp_channel_end end = {.channel = peer.number};

	fake_options = 0;
	put(&peer, an_option(3, 1));
	peer_send(&peer, &end, sizeof(end), RUMP_SP_CHANNEL_END);
	ok(eventually(__atomic_load_n(&peer.channel->is_closed, __ATOMIC_SEQ_CST)),
	   "the channel ends");
	is(fake_options, 1, "what it had posted was done first");
	peer_close(&peer);
}

static void test_interrupted(void)
{
	struct peer peer = a_peer();
	struct rump_sp_interrupt interrupt = {.channel = peer.number};

	peer.channel->turn = (struct rump_sp_turn){.number = FAKE_BLOCK};
	turn_begin(&peer);
	wake(&peer);
	ok(eventually(fake.blocked == 1), "a call blocks");
	fake_options = 0;
	post(&peer, an_option(3, 1));
	interrupt.request = peer.channel->request;
	peer_send(&peer, &interrupt, sizeof(interrupt), RUMP_SP_INTERRUPT);
	ok(turn_end(&peer), "and is interrupted");
	is(peer.channel->answer.result, -EINTR, "by EINTR");
	ok(eventually(all_done(&peer)), "what was posted meanwhile is done after it");
	peer_close(&peer);
}

static void refused(const char *what, struct rump_sp_posted posted, unsigned int count)
{
	struct peer peer = a_peer();

	fake_options = 0;
	for (unsigned int i = 0; i < count; i++)
		put(&peer, posted);
	wake(&peer);
	ok(is_ended(&peer), "%s: ends the connection", what);
	is(fake_options, 0, "and nothing is done");
	peer_close(&peer);
}

static void test_refused(void)
{
	struct rump_sp_posted posted = an_option(3, 1);

	refused("more than there is room for", posted, RUMP_SP_POSTED_MAX + 1);
	posted.level = SOL_SOCKET;
	refused("another level", posted, 1);
	posted = an_option(3, 1);
	posted.name = TCP_MD5SIG;
	refused("an option that is no int", posted, 1);
	posted.name = -1;
	refused("no option", posted, 1);
}

int main(void)
{
	strcpy(path, temp_path("server"));
	fake_start();
	is(fake_serve(path), 0, "serves");
	test_order();
	test_alone(false);
	test_alone(true);
	test_many();
	test_end();
	test_interrupted();
	test_refused();
	rumpuser_sp_stop();
	return done_testing();
}

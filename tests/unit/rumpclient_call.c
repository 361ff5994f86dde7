/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls to a server: what goes along, what comes back, what is refused. */
#include "rumpclient_fake.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#define BAD 16L /* nothing is ever there */

enum { DO_NOTHING = 1000, DO_COPYIN, DO_WRITE, DO_WRITE_MUCH, DO_LIE, DO_LIE_COPYIN, DO_KIND };

static struct fake_channel seen; /* the channel at the last call, with its turn */
static char big[3 * RUMP_SP_DATA_SIZE];

static int64_t sum_copied_in(struct fake_channel *channel)
{
	uint64_t at = channel->turn.args[0], left = channel->turn.args[1];
	int64_t sum = 0;

	while (left) {
		unsigned char bytes[60000];
		uint32_t piece = left < sizeof(bytes) ? (uint32_t)left : sizeof(bytes);

		if (fake_copyin(channel, bytes, at, piece))
			return -EFAULT;
		for (uint32_t i = 0; i < piece; i++)
			sum += bytes[i];
		at += piece;
		left -= piece;
	}
	return sum;
}

static int64_t write_much(struct fake_channel *channel)
{
	uint64_t to = channel->turn.args[0];
	char bytes[50000];

	for (uint32_t done = 0; done < sizeof(big); done += sizeof(bytes)) {
		uint32_t piece = (uint32_t)(sizeof(big) - done);

		if (piece > sizeof(bytes))
			piece = sizeof(bytes);
		memset(bytes, (int)(done / sizeof(bytes)) + 1, piece);
		fake_record(channel, to + done, bytes, piece);
		if (fake_copyout(channel))
			return -EFAULT;
	}
	return sizeof(big);
}

static int64_t answer(struct fake_channel *channel)
{
	struct rump_sp_answer *to = &channel->shared->answer;

	seen = *channel;
	switch (channel->turn.number) {
	case DO_COPYIN:
		return sum_copied_in(channel);
	case DO_WRITE:
		fake_record(channel, channel->turn.args[0], "first", 6);
		fake_record(channel, channel->turn.args[1], "second", 7);
		return 5;
	case DO_WRITE_MUCH:
		return write_much(channel);
	case DO_LIE: /* records that leave the data area */
		fake_record(channel, channel->turn.args[0], "x", 1);
		to->out_offset = 0xfffffff0;
		return 0;
	case DO_LIE_COPYIN:
		to->kind = RUMP_SP_COPYIN;
		to->copy_address = channel->turn.args[0];
		to->copy_length = 64;
		to->out_offset = RUMP_SP_DATA_SIZE - 32;
		fake_answer(channel);
		fake_wait(channel);
		return channel->shared->turn.copy_error == -EPROTO ||
				       channel->shared->turn.copy_error == EPROTO
			       ? 77
			       : 0;
	case DO_KIND:
		to->kind = 99;
		fake_answer(channel);
		fake_wait(channel);
		return 0;
	}
	return (int64_t)channel->turn.args[5];
}

static bool window_is(uint64_t address, const void *bytes, uint32_t length)
{
	uint32_t got = 0;
	const char *data = fake_window(&seen, address, &got);

	if (!data || got != length || memcmp(data, bytes, length)) {
		diag("window of %lx: %s, %u bytes", (long)address, data ? "other" : "none", got);
		return false;
	}
	return true;
}

#define call(...) rumpclient_syscall(__VA_ARGS__)

static void results(void)
{
	int saved = errno = ELOOP;

	is_int(call(DO_NOTHING, 1, 2, 3, 4, 5, -6), -6, "the sixth argument and the result");
	is_int(seen.turn.args[0], 1, "the first one");
	is_int(seen.turn.window_count, 0, "an unknown call has no windows");
	is_int(errno, saved, "errno is left");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 0x123456789abcdefL), 0x123456789abcdefL,
	       "results have 64 bits");
}

static void windows(void)
{
	const char *path = "/tmp/file", *other = "/tmp/other";
	struct iovec vector[3] = {{"one", 3}, {"three", 5}, {(void *)BAD, 4}};
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	struct msghdr message = {
		.msg_name = &address,
		.msg_namelen = sizeof(address),
		.msg_iov = vector,
		.msg_iovlen = 2,
	};
	char long_path[5000], *page;
	uint32_t length;

	call(SYS_openat, AT_FDCWD, (long)path, 0, 0, 0, 0);
	ok(window_is((uint64_t)path, path, 10), "a path goes along");
	call(SYS_renameat2, 3, (long)path, 4, (long)other, 0, 0);
	ok(window_is((uint64_t)path, path, 10) && window_is((uint64_t)other, other, 11), "or two");
	call(SYS_write, 1, (long)"data", 4, 0, 0, 0);
	is_int(seen.turn.window_count, 1, "data that is written");
	call(SYS_read, 1, (long)long_path, 100, 0, 0, 0);
	is_int(seen.turn.window_count, 0, "but not what is read");
	call(SYS_writev, 1, (long)vector, 3, 0, 0, 0);
	ok(window_is((uint64_t)vector, vector, sizeof(vector)), "an array of struct iovec");
	ok(window_is((uint64_t)vector[1].iov_base, "three", 5), "what they point to");
	is_int(seen.turn.window_count, 3, "what cannot be read has no window");
	call(SYS_readv, 1, (long)vector, 3, 0, 0, 0);
	is_int(seen.turn.window_count, 1, "readv: the array only");
	call(SYS_sendmsg, 1, (long)&message, 0, 0, 0, 0);
	ok(window_is((uint64_t)&message, &message, sizeof(message)) &&
		   window_is((uint64_t)&address, &address, sizeof(address)) &&
		   window_is((uint64_t)vector[0].iov_base, "one", 3),
	   "sendmsg: header, address, pieces");
	call(SYS_fcntl, 3, F_SETLK, (long)&message, 0, 0, 0);
	ok(window_is((uint64_t)&message, &message, 32), "fcntl: a lock");
	call(SYS_fcntl, 3, F_SETFL, (long)&message, 0, 0, 0);
	is_int(seen.turn.window_count, 0, "or nothing");

	is_int(call(SYS_openat, 0, BAD, 0, 0, 0, 9), 9, "a bad path does not stop the call");
	is_int(seen.turn.window_count, 0, "and has no window");
	memset(long_path, 'a', sizeof(long_path));
	call(SYS_open, (long)long_path, 0, 0, 0, 0, 0);
	is_int(seen.turn.window_count, 0, "a path without an end");

	/* a string that ends where the mapping ends */
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	strcpy(page + 4096 - 6, "/edge");
	call(SYS_open, (long)(page + 4096 - 6), 0, 0, 0, 0, 0);
	ok(window_is((uint64_t)page + 4096 - 6, "/edge", 6), "a path at the end of a mapping");
	munmap(page, 4096);

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7);
	call(SYS_write, 1, (long)big, sizeof(big), 0, 0, 0);
	ok(fake_window(&seen, (uint64_t)big, &length) && length == RUMP_SP_IN_MAX,
	   "of large data as much as there is room for");
	ok(!memcmp(fake_window(&seen, (uint64_t)big, &length), big, length), "all of it right");
	ok(seen.turn.in_used <= RUMP_SP_IN_MAX, "and not more");
}

static void transfers(void)
{
	char text[16] = "", text2[16] = "";
	static char room[sizeof(big)];
	int64_t sum = 0;
	bool is_right = true;

	for (size_t i = 0; i < sizeof(big); i++)
		sum += (unsigned char)big[i];
	is_int(call(DO_COPYIN, (long)big, sizeof(big), 0, 0, 0, 0), sum,
	       "what the server asks for");
	is_int(call(DO_COPYIN, BAD, 100, 0, 0, 0, 0), -EFAULT, "a bad address");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 3), 3, "and the next call is good");
	is_int(call(DO_WRITE, (long)text, (long)text2, 0, 0, 0, 0), 5, "records");
	is_str(text, "first", "the first one");
	is_str(text2, "second", "the second one");
	is_int(call(DO_WRITE, BAD, (long)text2, 0, 0, 0, 0), -EFAULT, "a bad address of a record");
	is_int(call(DO_WRITE, (long)"constant", (long)text2, 0, 0, 0, 0), -EFAULT,
	       "memory that cannot be written");
	is_int(call(DO_WRITE_MUCH, (long)room, 0, 0, 0, 0, 0), sizeof(big), "more than the area");
	for (size_t i = 0; i < sizeof(room); i++)
		is_right &= room[i] == (char)(i / 50000 + 1);
	ok(is_right, "is all there");
	is_int(call(DO_WRITE_MUCH, BAD, 0, 0, 0, 0, 0), -EFAULT, "its failure is told");
}

static void lies(void)
{
	char text[16] = "";

	is_int(call(DO_LIE, (long)text, 0, 0, 0, 0, 0), -EPROTO, "records outside of the area");
	is_int(call(DO_LIE_COPYIN, (long)text, 0, 0, 0, 0, 0), 77,
	       "a wish for bytes outside of the area is refused");
	is_int(rumpclient_generation(), 1, "all on one connection");
	is_int(call(DO_KIND, 0, 0, 0, 0, 0, 0), -ENOTCONN, "an answer of no kind ends it");
}

static void *calls_alone(void *arg)
{
	long me = (long)arg;
	long bad = 0;

	for (long i = 0; i < 2000; i++)
		bad += call(DO_NOTHING, 0, 0, 0, 0, 0, me * 100000 + i) != me * 100000 + i;
	return (void *)bad;
}

static void threads(void)
{
	pthread_t threads[8];
	uint32_t ends = fake.channel_ends;
	long bad = 0;

	for (long i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, calls_alone, (void *)i);
	for (int i = 0; i < 8; i++) {
		void *result;

		pthread_join(threads[i], &result);
		bad += (long)result;
	}
	is_int(bad, 0, "each of 8 threads gets its own results");
	ok(fake_comes(&fake.channel_ends, ends + 8), "and gives its channel back at its end");
}

/* ---- posted calls ---- */

static long post_option(int fd, int name, int value)
{
	return call(RUMPCLIENT_CALL_POST, fd, IPPROTO_TCP, name, value, 0, 0);
}

static bool is_posted(const struct fake_channel *channel, uint32_t at, int fd, int name, int value)
{
	const struct rump_sp_posted *posted = &channel->shared->posted[at % RUMP_SP_POSTED_MAX];

	return posted->fd == fd && posted->level == IPPROTO_TCP && posted->name == name &&
	       posted->value == value;
}

/* The server is late. */
static void *do_posted(void *channel)
{
	struct rump_sp_channel *shared = ((struct fake_channel *)channel)->shared;
	struct timespec moment = {0, 30000000};

	nanosleep(&moment, NULL);
	__atomic_store_n(&shared->posted_done, shared->posted_count, __ATOMIC_SEQ_CST);
	return NULL;
}

/* What is done of the first thread's, when another one's call comes; -1: it does not come. */
static void *other_thread(void *channel)
{
	const struct rump_sp_channel *shared = ((struct fake_channel *)channel)->shared;

	if (call(DO_NOTHING, 0, 0, 0, 0, 0, 7) != 7)
		return (void *)-1L;
	return (void *)(long)shared->posted_done;
}

static void posted(void)
{
	struct fake_channel mine;
	pthread_t server, other;
	void *done = NULL;
	bool all = true;

	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 1), 1, "a call before");
	is_int(seen.turn.flags, 0, "says nothing of posted calls");
	is_int(post_option(5, TCP_CORK, 1), -EAGAIN, "the first one is not posted");
	call(DO_NOTHING, 0, 0, 0, 0, 0, 1);
	is_int(seen.turn.flags, RUMP_SP_POSTING, "the next call tells of them");
	mine = seen;
	is_int(post_option(5, TCP_CORK, 1), 0, "the second one is");
	is_int(mine.shared->posted_count, 1, "counted");
	ok(is_posted(&mine, 0, 5, TCP_CORK, 1), "with what it is");
	is_int(mine.shared->request, mine.request, "and no turn");
	for (int i = 1; i < RUMP_SP_POSTED_MAX; i++)
		all = all && !post_option(6, TCP_NODELAY, i) &&
		      is_posted(&mine, (uint32_t)i, 6, TCP_NODELAY, i);
	ok(all, "as many as there is room for");
	is_int(post_option(6, TCP_NODELAY, 99), -EAGAIN, "and no more");
	pthread_create(&server, NULL, do_posted, &mine);
	pthread_create(&other, NULL, other_thread, &mine);
	pthread_join(server, NULL);
	pthread_join(other, &done);
	is_int((long)done, RUMP_SP_POSTED_MAX, "a call of another thread waits for them");
	is_int(post_option(7, TCP_CORK, 0), 0, "there is room again");
	ok(is_posted(&mine, RUMP_SP_POSTED_MAX, 7, TCP_CORK, 0), "from the beginning");
	pthread_create(&server, NULL, do_posted, &mine);
	is_int(call(RUMPCLIENT_CALL_SETTLE, 0, 0, 0, 0, 0, 0), 0, "to settle");
	is_int(mine.shared->posted_done, RUMP_SP_POSTED_MAX + 1, "waits, too");
	pthread_join(server, NULL);
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 3), 3, "calls go on");
	is_int(seen.turn.flags, 0, "with no more words about it");
}

int main(void)
{
	fake.call = answer;
	fake_listen();
	is_int(call(SYS_getpid, 0, 0, 0, 0, 0, 0), -ENOTCONN, "before there is a connection");
	is_int(rumpclient_generation(), 0, "no generation");
	is_int(rumpclient_init_url(fake.url, NULL), 0, "connects");
	is_int(rumpclient_generation(), 1, "the first generation");
	is_int(fake.hello.pid, getpid(), "says its pid");
	ok(*(uint64_t *)fake.hello.probe_address == fake.hello.probe_value, "and where to look");
	results();
	windows();
	transfers();
	threads();
	posted();
	lies();
	return done_testing();
}

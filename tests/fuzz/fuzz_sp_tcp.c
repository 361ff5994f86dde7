/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes to all of tcp/ that reads what a peer sends: handshakes of both sides, records,
 * what a relay takes from a client, what a client takes from a server.  Behind the
 * encryption the bytes are properly encrypted: a peer that has the secret may be hostile.
 */
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "server.h"

#define CHANNEL_SIZE (RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE)

static const uint8_t secret[RUMP_SP_SECRET_SIZE] = "a secret of the fuzzer, 32 bytes";

/* Streams at both ends of a socketpair. */
struct pair {
	struct rumpsp_tcp *ours, *theirs;
};

static struct pair pair_new(void)
{
	int fds[2];
	struct pair pair;

	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	pair.ours = stream_new(fds[0], false);
	pair.theirs = stream_new(fds[1], false);
	REQUIRE(pair.ours && pair.theirs);
	return pair;
}

/* With keys, as after a handshake. */
static struct pair pair_ready(void)
{
	static const uint8_t keys[2][32] = {"from us", "from them"};
	struct pair pair = pair_new();
	uint8_t header[24];

	stream_start_send(pair.ours, keys[0], header);
	REQUIRE(!stream_start_receive(pair.theirs, keys[0], header));
	stream_start_send(pair.theirs, keys[1], header);
	REQUIRE(!stream_start_receive(pair.ours, keys[1], header));
	return pair;
}

static void pair_end(struct pair pair)
{
	stream_close(pair.ours, 1);
	stream_close(pair.theirs, 1);
}

static void put(int fd, const void *bytes, size_t length)
{
	if (length)
		send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- before the encryption ---- */

static void handshake(struct fuzz_input *in, bool is_server)
{
	struct pair pair = pair_new();
	struct config_error error = {""};
	uint8_t hello[72] = "RUMPTCP\x01";
	int result;

	/* half of them get further than the magic */
	if (fuzz_u8(in) & 1) {
		fuzz_take(in, hello + 8, sizeof(hello) - 8);
		put(stream_fd(pair.theirs), hello, sizeof(hello));
	}
	put(stream_fd(pair.theirs), in->data, in->size);
	shutdown(stream_fd(pair.theirs), SHUT_WR);
	result = is_server ? handshake_server(pair.ours, secret, 1, &error)
			   : handshake_client(pair.ours, secret, 1, &error);
	/* nobody knows the secret by chance */
	REQUIRE(result < 0 && error.text[0]);
	pair_end(pair);
}

static void records(struct fuzz_input *in)
{
	struct pair pair = pair_ready();
	const uint8_t *message;
	uint8_t good[100];
	struct iovec piece = {good, fuzz_u8(in) % sizeof(good)};
	long length;
	bool is_first_good = fuzz_u8(in) & 1;

	fuzz_take(in, good, sizeof(good));
	if (is_first_good)
		REQUIRE(!stream_send(pair.theirs, &piece, 1));
	put(stream_fd(pair.theirs), in->data, in->size);
	if (is_first_good) {
		length = stream_receive_here(pair.ours, &message, 1);
		REQUIRE(length == (long)piece.iov_len && !memcmp(message, good, piece.iov_len));
	}
	/* nothing comes out of noise, and nothing after it */
	length = stream_receive_here(pair.ours, &message, 1);
	REQUIRE(length == -EAGAIN || length == -ENOTCONN);
	if (length == -ENOTCONN) {
		REQUIRE(stream_send(pair.ours, &piece, 1) == -ENOTCONN);
		REQUIRE(stream_receive_here(pair.ours, &message, 1) == -ENOTCONN);
	}
	pair_end(pair);
}

/* ---- behind it ---- */

static void control_messages(struct fuzz_input *in)
{
	while (in->size) {
		size_t length = fuzz_u8(in) + (fuzz_u8(in) & 1 ? 0 : 16), have;
		uint8_t *message = malloc(length ? length : 1);
		struct rump_sp_message head;
		struct rump_sp_hello hello;
		long result;

		have = fuzz_take(in, message, length);
		if (length >= sizeof(head) && have && (fuzz_u8(in) & 3)) {
			memcpy(&head, message, sizeof(head));
			head.length = (uint32_t)length;
			head.type %= RUMP_SP_SIGNAL + 2;
			memcpy(message, &head, sizeof(head));
		}
		result = relay_from_client(message, length);
		REQUIRE(result == -EPROTO || result == 0 || result == (long)length);
		if (result > 0) {
			memcpy(&head, message, sizeof(head));
			REQUIRE(head.length == length && head.type != RUMP_SP_CHANNEL_END);
			if (head.type == RUMP_SP_HELLO && length >= sizeof(hello)) {
				memcpy(&hello, message, sizeof(hello));
				REQUIRE(!hello.probe_address && !hello.pid);
			}
		}
		free(message);
	}
}

/* A server that answers what it wants; the relay has to stay within the memory. */
static void relay_turns(struct fuzz_input *in)
{
	static struct rump_sp_channel *memory;
	static uint8_t message[RUMP_SP_RECORD_MAX];
	struct channel_relay relay;

	if (!memory) {
		/* followed by a page that nobody may touch */
		memory = mmap(NULL, CHANNEL_SIZE + 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		REQUIRE(memory != MAP_FAILED);
		REQUIRE(!mprotect((char *)memory + CHANNEL_SIZE, 4096, PROT_NONE));
	}
	relay = (struct channel_relay){.channel = memory, .size = CHANNEL_SIZE};
	memset(memory, 0, sizeof(*memory));
	for (int turns = 0; turns < 8 && in->size; turns++) {
		struct rump_sp_turn turn;
		size_t length, wanted = 0;

		fuzz_take(in, &turn, offsetof(struct rump_sp_turn, windows));
		turn.flags &= 3;
		turn.in_used = fuzz_edge(in, RUMP_SP_DATA_SIZE);
		memcpy(message, &turn, sizeof(turn));
		length = turn.flags & RUMP_SP_CONTINUE ? relay.answer.copy_length : turn.in_used;
		if (!(fuzz_u8(in) & 3))
			length = fuzz_edge(in, RUMP_SP_DATA_SIZE);
		if (length > sizeof(message) - sizeof(turn))
			length = sizeof(message) - sizeof(turn);
		if (!(turn.flags & RUMP_SP_CONTINUE))
			wanted = turn.in_used;
		else if (relay.answer.kind == RUMP_SP_COPYIN && !turn.copy_error)
			wanted = relay.answer.copy_length;
		if (relay_request(&relay, message, sizeof(turn) + length))
			return;
		/* the server would take what lay there before for the rest */
		REQUIRE(length == wanted);
		memory->answer.kind = fuzz_u8(in) & 3;
		memory->answer.out_offset = fuzz_edge(in, RUMP_SP_DATA_SIZE);
		memory->answer.out_used = fuzz_edge(in, RUMP_SP_DATA_SIZE / 2);
		memory->answer.copy_length = fuzz_edge(in, RUMP_SP_DATA_SIZE / 2);
		memory->reply = memory->request;
		memory->is_closed = !(fuzz_u8(in) & 15);
		if (relay_wait(&relay))
			return;
		REQUIRE((size_t)relay.answer.out_offset + relay.answer.out_used <=
			RUMP_SP_DATA_SIZE);
	}
}

/* A client and a server that answers what it wants. */
static void client_turns(struct fuzz_input *in)
{
	struct rump_sp_channel *memory = calloc(1, CHANNEL_SIZE);
	uint8_t *bytes = malloc(RUMP_SP_RECORD_MAX);
	struct pair pair = pair_ready();
	const uint8_t *message;

	for (int turns = 0; turns < 4 && in->size; turns++) {
		struct rump_sp_answer answer;
		struct iovec pieces[2] = {{&answer, sizeof(answer)}, {bytes, 0}};
		int result;

		memory->turn.flags = fuzz_u8(in) & 1;
		memory->turn.in_used = fuzz_u8(in);
		memory->turn.copy_error = fuzz_u8(in) & 1;
		result = turn_send(pair.ours, memory);
		REQUIRE(!result || result == -EINVAL);
		if (!result)
			REQUIRE(stream_receive_here(pair.theirs, &message, 1) >=
				(long)sizeof(struct rump_sp_turn));
		fuzz_take(in, &answer, sizeof(answer));
		answer.kind &= 3;
		answer.out_offset = fuzz_edge(in, RUMP_SP_DATA_SIZE);
		answer.out_used = fuzz_edge(in, RUMP_SP_DATA_SIZE / 4);
		answer.copy_length = fuzz_edge(in, RUMP_SP_DATA_SIZE / 2);
		pieces[1].iov_len = fuzz_u8(in) & 3 ? answer.out_used : fuzz_edge(in, 4096);
		if (pieces[1].iov_len > RUMP_SP_DATA_SIZE / 4)
			pieces[1].iov_len = RUMP_SP_DATA_SIZE / 4;
		if (!(fuzz_u8(in) & 15))
			pieces[0].iov_len = fuzz_u8(in) % sizeof(answer);
		memset(bytes, turns, pieces[1].iov_len);
		REQUIRE(!stream_send(pair.theirs, pieces, 2));
		result = turn_receive(pair.ours, memory);
		REQUIRE(!result || result == -ENOTCONN);
		if (result)
			break;
		REQUIRE((size_t)memory->answer.out_offset + memory->answer.out_used <=
			RUMP_SP_DATA_SIZE);
		REQUIRE(memory->answer.kind != RUMP_SP_COPYIN ||
			(size_t)memory->answer.out_offset + memory->answer.copy_length <=
				RUMP_SP_DATA_SIZE);
	}
	pair_end(pair);
	free(bytes);
	free(memory);
}

/* A stream out of a file: noise, or a good one with bytes changed. */
static void saved(struct fuzz_input *in)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct rumpsp_tcp *stream;

	REQUIRE(fd >= 0 && write(fd, in->data, in->size) == (ssize_t)in->size);
	lseek(fd, 0, SEEK_SET);
	REQUIRE(stream_load(fd, &stream) < 0);
	REQUIRE(fcntl(fd, F_GETFD) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};

	REQUIRE(rumpsp_tcp(RUMPSP_TCP_VERSION));
	switch (fuzz_u8(&in) & 7) {
	case 0:
		handshake(&in, false);
		break;
	case 1:
		handshake(&in, true);
		break;
	case 2:
		records(&in);
		break;
	case 3:
		saved(&in);
		break;
	case 4:
	case 5:
		control_messages(&in);
		break;
	case 6:
		relay_turns(&in);
		break;
	case 7:
		client_turns(&in);
		break;
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile server against a client (rumpclient/): messages, descriptors, memory of
 * channels and answers that say anything.  A server may write to the memory of its clients and
 * send them signals, that is what it is for; so here it is kept to an arena, which is
 * checked, and to signals that are ignored.  All in one thread: the transport is a stand-in
 * that takes what the server says from the input.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuzz.h"
#include "private.h"

#define ARENA_SIZE 65536
#define CHANNEL_SIZE (RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE)

static struct fuzz_input *input;
static uint8_t *arena;	/* the program's memory */
static uint8_t *memory; /* of the channel, pages that nobody may touch around it */
static bool is_open;	/* the channel */
static int turns, messages;

/* ---- the program's memory ---- */

int rumphijack_copy(void *to, const void *from, size_t length);

static bool is_within(const void *address, size_t length, const uint8_t *start, size_t size)
{
	uintptr_t at = (uintptr_t)address, first = (uintptr_t)start;

	return at >= first && at <= first + size && length <= first + size - at;
}

/* One side is always the client's own: the channel's data area, or what it copies to. */
int rumphijack_copy(void *to, const void *from, size_t length)
{
	bool is_to = is_within(to, length, arena, ARENA_SIZE);
	bool is_from = is_within(from, length, arena, ARENA_SIZE);

	if (!is_to && !is_from)
		return -EFAULT;
	/* the other side, where it is the channel, is in its data area */
	if (is_to && !is_from)
		REQUIRE(!is_within(from, 1, memory - 4096, CHANNEL_SIZE + 8192) ||
			is_within(from, length, memory + RUMP_SP_DATA_OFFSET, RUMP_SP_DATA_SIZE));
	if (is_from && !is_to)
		REQUIRE(!is_within(to, 1, memory - 4096, CHANNEL_SIZE + 8192) ||
			is_within(to, length, memory + RUMP_SP_DATA_OFFSET, RUMP_SP_DATA_SIZE));
	memmove(to, from, length);
	return 0;
}

static uint64_t some_address(void)
{
	switch (fuzz_u8(input) & 7) {
	case 0:
		return fuzz_u32(input);
	case 1:
		return ~0ULL - fuzz_u8(input);
	case 2:
		return (uint64_t)fuzz_u32(input) << 32;
	default:
		return (uint64_t)arena + fuzz_u32(input) % ARENA_SIZE;
	}
}

/* ---- what the server does ---- */

static int fuzz_send(struct session *session, const void *message, size_t length)
{
	struct rump_sp_message head;

	(void)session;
	REQUIRE(length >= sizeof(head) && length <= RUMP_SP_MESSAGE_MAX);
	memcpy(&head, message, sizeof(head));
	REQUIRE(head.length == length);
	return fuzz_u8(input) == 1 ? -ENOTCONN : 0;
}

/* Of the right type, id and length most of the time. */
static long fuzz_receive(struct session *session, void *message, size_t size, int *ret_fd)
{
	static const uint8_t types[] = {RUMP_SP_CHANNEL, RUMP_SP_CHANNEL, RUMP_SP_SOCKET,
					RUMP_SP_HELLO,	 RUMP_SP_SIGNAL,  RUMP_SP_HALT,
					RUMP_SP_EVENT};
	struct rump_sp_message head;
	size_t length;

	*ret_fd = -1;
	if (!input->size || messages++ > 50)
		return -ENOTCONN;
	length = fuzz_u8(input) & 7 ? sizeof(struct rump_sp_channel_answer) : fuzz_u8(input);
	if (length > size)
		length = size;
	fuzz_take(input, message, length);
	if (!(fuzz_u8(input) & 3))
		*ret_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	if (length >= sizeof(head)) {
		memcpy(&head, message, sizeof(head));
		head.length = (uint32_t)length + (fuzz_u8(input) == 1);
		head.type = types[fuzz_u8(input) % sizeof(types)];
		if (fuzz_u8(input) & 3)
			head.id = __atomic_load_n(&session->next_id, __ATOMIC_RELAXED);
		if (fuzz_u8(input) & 7)
			head.error = 0;
		memcpy(message, &head, sizeof(head));
		/* ignored, or none */
		if (head.type == RUMP_SP_SIGNAL && length >= sizeof(struct rump_sp_signal)) {
			static const int32_t signals[] = {SIGURG, 0, -1, 65, 0x7fffffff, SIGURG};
			struct rump_sp_signal signal;

			memcpy(&signal, message, sizeof(signal));
			signal.signal = signals[fuzz_u8(input) % 6];
			memcpy(message, &signal, sizeof(signal));
		}
	}
	return (long)length;
}

static void fuzz_close(struct session *session, bool is_ours)
{
	(void)session;
	(void)is_ours;
}

static int fuzz_channel_open(struct channel *channel, const struct rump_sp_channel_answer *answer,
			     int fd)
{
	(void)answer;
	if (fd >= 0)
		fd_close_private(fd);
	if (!(fuzz_u8(input) & 7))
		return -EPROTO;
	REQUIRE(!is_open);
	is_open = true;
	memset(memory, 0, RUMP_SP_DATA_OFFSET);
	channel->shared = (struct rump_sp_channel *)memory;
	channel->size = CHANNEL_SIZE;
	channel->data = (char *)memory + RUMP_SP_DATA_OFFSET;
	channel->request = 0;
	return 0;
}

static void fuzz_channel_close(struct channel *channel, enum channel_owner owner)
{
	(void)owner;
	REQUIRE(channel->shared == (struct rump_sp_channel *)memory && is_open);
	is_open = false;
}

static bool fuzz_has_gone(struct channel *channel)
{
	(void)channel;
	return fuzz_u8(input) == 1;
}

/* What the client has sent is its own and lies where it may. */
static void check_turn(const struct rump_sp_turn *turn)
{
	REQUIRE(turn->window_count <= RUMP_SP_WINDOWS && turn->in_used <= RUMP_SP_IN_MAX);
	for (uint32_t i = 0; i < turn->window_count; i++) {
		const struct rump_sp_window *window = &turn->windows[i];

		REQUIRE(window->offset % 8 == 0 && window->offset <= turn->in_used &&
			window->length <= turn->in_used - window->offset);
	}
}

static void fill_records(struct rump_sp_answer *answer)
{
	uint64_t at = answer->out_offset, end = at + answer->out_used;

	while (at + sizeof(struct rump_sp_record) <= end && end <= RUMP_SP_DATA_SIZE) {
		struct rump_sp_record record = {
			.address = some_address(),
			.length = fuzz_edge(input, (uint32_t)(end - at - sizeof(record))),
		};

		memcpy(memory + RUMP_SP_DATA_OFFSET + at, &record, sizeof(record));
		if (!input->size)
			return;
		at += sizeof(record) + ((record.length + 7ULL) & ~7ULL);
	}
}

static int fuzz_turn(struct channel *channel)
{
	struct rump_sp_answer *answer = &channel->shared->answer;

	REQUIRE((uint8_t *)channel->shared == memory);
	if (!(channel->shared->turn.flags & RUMP_SP_CONTINUE))
		check_turn(&channel->shared->turn);
	if (!input->size || turns++ > 20)
		return -ENOTCONN;
	channel->request++;
	fuzz_take(input, answer, sizeof(*answer));
	answer->kind = fuzz_u8(input) & 7 ? 1 + fuzz_u8(input) % 3 : fuzz_u8(input);
	answer->out_offset = fuzz_edge(input, RUMP_SP_DATA_SIZE);
	answer->out_used = fuzz_edge(input, RUMP_SP_DATA_SIZE);
	if (fuzz_u8(input) & 3) {
		answer->out_offset %= RUMP_SP_DATA_SIZE;
		answer->out_used %= RUMP_SP_DATA_SIZE - answer->out_offset + 1;
	}
	answer->copy_address = some_address();
	answer->copy_length = fuzz_edge(input, RUMP_SP_DATA_SIZE - answer->out_offset);
	answer->signals &= 1ULL << (SIGURG - 1);
	fill_records(answer);
	/* the windows are the server's to ruin from here on */
	if (fuzz_u8(input) & 1)
		memset(&channel->shared->turn, fuzz_u8(input), sizeof(channel->shared->turn));
	return fuzz_u8(input) == 1 ? -ENOTCONN : 0;
}

static int fuzz_adopt(struct session *session, struct session *child, int fd,
		      const struct rump_sp_cookie *cookie)
{
	(void)session;
	(void)cookie;
	if (fd < 0)
		return -EPROTO;
	child->fd = fd;
	return 0;
}

static const struct transport fuzz_transport = {
	.send = fuzz_send,
	.receive = fuzz_receive,
	.close = fuzz_close,
	.channel_open = fuzz_channel_open,
	.channel_close = fuzz_channel_close,
	.has_gone = fuzz_has_gone,
	.turn = fuzz_turn,
	.adopt = fuzz_adopt,
};

/* ---- what the program does ---- */

/* Calls that read strings, buffers, vectors, addresses and structs. */
static void one_call(void)
{
	static const uint16_t numbers[] = {
		SYS_read,     SYS_write, SYS_openat, SYS_writev, SYS_sendmsg, SYS_sendmmsg,
		SYS_bind,     SYS_ioctl, SYS_mount,  SYS_execve, SYS_ppoll,   SYS_select,
		SYS_pselect6, SYS_prctl, SYS_fcntl,  SYS_sendto, SYS_recvmsg, SYS_epoll_ctl,
		SYS_setxattr, SYS_clone, SYS_futex,  SYS_getcwd, SYS_readv,   SYS_setsockopt};
	long args[6];
	long number = numbers[fuzz_u8(input) % (sizeof(numbers) / sizeof(numbers[0]))];

	if (fuzz_u8(input) == 1)
		number = (long)fuzz_u32(input);
	for (int i = 0; i < 6; i++)
		args[i] = fuzz_u8(input) & 1 ? (long)some_address() : (long)fuzz_edge(input, 4096);
	rumpclient_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* The memory that a unix server hands over for a channel. */
static void one_memfd(struct session *session)
{
	struct rump_sp_channel_answer answer = {.channel = 1};
	struct channel channel = {.session = session};
	struct rump_sp_channel head = {
		.magic = RUMP_SP_MAGIC,
		.version = RUMP_SP_VERSION,
		.data_offset = RUMP_SP_DATA_OFFSET,
		.data_size = RUMP_SP_DATA_SIZE,
	};
	uint32_t length =
		fuzz_u8(input) & 3 ? CHANNEL_SIZE : fuzz_edge(input, CHANNEL_SIZE) % (1 << 22);
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	answer.size = fuzz_u8(input) & 3 ? CHANNEL_SIZE : fuzz_edge(input, CHANNEL_SIZE);
	head.data_offset = fuzz_u8(input) & 3 ? head.data_offset : fuzz_edge(input, 4096);
	head.data_size = fuzz_u8(input) & 7 ? head.data_size : fuzz_edge(input, 4096);
	REQUIRE(fd >= 0 && !ftruncate(fd, length));
	REQUIRE(length < sizeof(head) || pwrite(fd, &head, sizeof(head), 0) == sizeof(head));
	if (transport_unix.channel_open(&channel, &answer, fd))
		return;
	/* all that may be touched is there */
	for (size_t at = 0; at < RUMP_SP_DATA_SIZE; at += 4096)
		channel.data[at] ^= 1;
	channel.data[RUMP_SP_DATA_SIZE - 1] ^= 1;
	channel.shared->answer.kind ^= 1;
	REQUIRE(is_within(channel.data, RUMP_SP_DATA_SIZE, (uint8_t *)channel.shared,
			  channel.size));
	REQUIRE(channel.data >= (char *)(channel.shared + 1));
	transport_unix.channel_close(&channel, CHANNEL_OURS);
}

static void start(void)
{
	if (arena)
		return;
	arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memory = mmap(NULL, CHANNEL_SIZE + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(arena != MAP_FAILED && memory != MAP_FAILED);
	memory += 4096;
	REQUIRE(!mprotect(memory, CHANNEL_SIZE, PROT_READ | PROT_WRITE));
	signal(SIGURG, SIG_IGN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct rumpclient_fork *child;
	struct session session = {
		.state = SESSION_READY,
		.live = 1,
		.generation = 1,
		.transport = &fuzz_transport,
		.fd = -1,
	};

	start();
	input = &in;
	turns = messages = 0;
	for (int i = 0; i < RUMP_SP_WINDOWS && in.size > 40; i++)
		fuzz_take(&in, arena + (size_t)i * 512 % ARENA_SIZE, 16);
	session.flags = fuzz_u8(input) & 3;
	self.session = &session;
	while (in.size && __atomic_load_n(&session.live, __ATOMIC_ACQUIRE)) {
		switch (fuzz_u8(input) & 7) {
		case 0:
			child = rumpclient_prefork();
			if (child)
				rumpclient_fork_cancel(child);
			break;
		case 1:
			one_memfd(&session);
			break;
		case 2:
			rumpclient_export((int)fuzz_u8(input));
			break;
		case 3:
			rumpclient_event((int)fuzz_u8(input));
			break;
		default:
			one_call();
		}
	}
	if (self.channel)
		channel_drop(self.channel);
	self.channel = NULL;
	channel_drop_all(&session, CHANNEL_OURS);
	REQUIRE(!is_open);
	for (uint32_t i = 0; i < session.parked_end; i++) {
		if (session.parked[i].is_used)
			fd_close_private(session.parked[i].fd);
	}
	if (session.parked)
		munmap(session.parked, PARKED_MAX * sizeof(*session.parked));
	self.session = NULL;
	return 0;
}

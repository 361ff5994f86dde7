/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather.c - sends along what a call reads of the application's memory.
 *
 * args.def says what that is.  Each piece becomes a window: a copy in the channel's
 * data area, told to the server by its address here.  A piece that cannot be read, or
 * finds no room, gets none; the server then asks for it.
 */
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include <rump/rump_calls.h>

#include "private.h"

/* Larger pieces a server that may reads itself: one copy less. */
#define DIRECT_LENGTH (16UL << 10)
#define ITEMS 6
#define IOV_MAX_LINUX 1024

enum kind {
	KIND_NONE,
	KIND_STRING,
	KIND_FIXED,
	KIND_BUFFER,
	KIND_ARRAY,
	KIND_SETS,
	KIND_VECTOR,
	KIND_VECTOR_IN,
	KIND_MESSAGE,
	KIND_MESSAGE_IN,
	KIND_MESSAGES_IN,
	KIND_MASK,
	KIND_COMMAND,
};

struct item {
	uint8_t kind;
	uint8_t arg;   /* from 0 on */
	uint8_t count; /* argument that counts, from 0 on */
	uint8_t size;
};

struct row {
	struct item items[ITEMS];
};

#define STRING(n)                        \
	{                                \
		KIND_STRING, (n)-1, 0, 0 \
	}
#define FIXED(n, size)                     \
	{                                  \
		KIND_FIXED, (n)-1, 0, size \
	}
#define BUFFER(n, m)                         \
	{                                    \
		KIND_BUFFER, (n)-1, (m)-1, 1 \
	}
#define ARRAY(n, m, size)                      \
	{                                      \
		KIND_ARRAY, (n)-1, (m)-1, size \
	}
#define SETS(n, m)                         \
	{                                  \
		KIND_SETS, (n)-1, (m)-1, 0 \
	}
#define VECTOR(n, m)                         \
	{                                    \
		KIND_VECTOR, (n)-1, (m)-1, 0 \
	}
#define VECTOR_IN(n, m)                         \
	{                                       \
		KIND_VECTOR_IN, (n)-1, (m)-1, 0 \
	}
#define MESSAGE(n)                        \
	{                                 \
		KIND_MESSAGE, (n)-1, 0, 0 \
	}
#define MESSAGE_IN(n)                        \
	{                                    \
		KIND_MESSAGE_IN, (n)-1, 0, 0 \
	}
#define MESSAGES_IN(n, m)                         \
	{                                         \
		KIND_MESSAGES_IN, (n)-1, (m)-1, 0 \
	}
#define MASK(n)                        \
	{                              \
		KIND_MASK, (n)-1, 0, 0 \
	}
#define COMMAND(m, n)                         \
	{                                     \
		KIND_COMMAND, (n)-1, (m)-1, 0 \
	}

/* numbers that the libc of the build may not have yet */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* what only rump kernels have */
#define SYS_rump_notify_poll RUMP_SYS_NOTIFY_POLL
#define SYS_rump_notify_wait RUMP_SYS_NOTIFY_WAIT

#define READS(name, ...) [SYS_##name] = {{__VA_ARGS__}},
static const struct row rows[] = {
#include "args.def"
};

/* What one call fills. */
struct gathering {
	struct channel *channel;
	struct rump_sp_turn *turn;
	long number;
	uint32_t windows, used;
	uint32_t room; /* of the data area */
	bool is_direct;
};

static void add_window(struct gathering *g, uint64_t address, size_t length)
{
	struct rump_sp_window *window = &g->turn->windows[g->windows++];

	window->address = address;
	window->length = (uint32_t)length;
	window->offset = g->used;
	g->used += (uint32_t)((length + 7) & ~7UL);
}

static bool has_room(const struct gathering *g)
{
	return g->windows < RUMP_SP_WINDOWS && g->used < g->room;
}

/* What is cut off is asked for when it is its turn. */
static void bytes(struct gathering *g, uint64_t address, size_t length)
{
	if (!address || !length || !has_room(g) || (length > DIRECT_LENGTH && g->is_direct))
		return;
	if (length > g->room - g->used)
		length = g->room - g->used;
	if (!copy_in(g->channel->data + g->used, address, length))
		add_window(g, address, length);
}

/* All of it, or NULL. */
static const char *whole(struct gathering *g, uint64_t address, size_t length)
{
	char *to = g->channel->data + g->used;

	if (!address || !length || !has_room(g) || length > g->room - g->used ||
	    copy_in(to, address, length))
		return NULL;
	add_window(g, address, length);
	return to;
}

static void string(struct gathering *g, uint64_t address)
{
	size_t room = g->room - g->used;
	long length;

	if (!address || !has_room(g))
		return;
	length = copy_in_string(g->channel->data + g->used, address,
				room < PATH_MAX ? room : PATH_MAX);
	if (length > 0)
		add_window(g, address, (size_t)length);
}

static void vector(struct gathering *g, uint64_t address, uint64_t count, bool is_in)
{
	const char *copy;
	struct iovec one;

	if (count > IOV_MAX_LINUX)
		return; /* EINVAL */
	copy = whole(g, address, count * sizeof(one));
	for (uint64_t i = 0; copy && is_in && i < count && g->windows < RUMP_SP_WINDOWS; i++) {
		memcpy(&one, copy + i * sizeof(one), sizeof(one));
		bytes(g, (uint64_t)one.iov_base, one.iov_len);
	}
}

/* false: not there */
static bool message(struct gathering *g, uint64_t address, bool is_in)
{
	const char *copy = whole(g, address, sizeof(struct msghdr));
	struct msghdr head;

	if (!copy)
		return false;
	memcpy(&head, copy, sizeof(head));
	if (is_in) {
		bytes(g, (uint64_t)head.msg_name, head.msg_namelen);
		bytes(g, (uint64_t)head.msg_control, head.msg_controllen);
	}
	vector(g, (uint64_t)head.msg_iov, (uint64_t)head.msg_iovlen, is_in);
	return true;
}

static void messages(struct gathering *g, uint64_t address, uint64_t count)
{
	for (uint64_t i = 0; i < count && message(g, address, true); i++)
		address += sizeof(struct mmsghdr);
}

static void mask_pair(struct gathering *g, uint64_t address)
{
	const char *copy = whole(g, address, 16);
	uint64_t set;

	if (copy) {
		memcpy(&set, copy, sizeof(set));
		bytes(g, set, 8);
	}
}

/* What a command of ioctl(2) or fcntl(2) reads; 0: nothing, or not known. */
static size_t command_size(long number, uint32_t command)
{
	if (number == SYS_fcntl) {
		switch (command) {
		case 5: /* F_GETLK, F_SETLK, F_SETLKW, and of open file descriptions */
		case 6:
		case 7:
		case 36:
		case 37:
		case 38:
			return 32;
		case 15: /* F_SETOWN_EX, F_SET_RW_HINT, F_SET_FILE_RW_HINT */
		case 1036:
		case 1038:
			return 8;
		}
		return 0;
	}
	if (command >> 30 & 1) /* _IOC_WRITE */
		return command >> 16 & 0x3fff;
	switch (command >> 8) {
	case 0x89: /* sockets: struct ifreq */
		return 40;
	case 0x54: /* FIONBIO, FIOASYNC; others are for terminals */
		return command == 0x5421 || command == 0x5452 ? 4 : 0;
	}
	return 0;
}

static void gather_item(struct gathering *g, const struct item *item, const long args[6])
{
	uint64_t address = (uint64_t)args[item->arg], count = (uint64_t)args[item->count];

	switch ((enum kind)item->kind) {
	case KIND_NONE:
		break;
	case KIND_STRING:
		string(g, address);
		break;
	case KIND_FIXED:
		bytes(g, address, item->size);
		break;
	case KIND_BUFFER:
	case KIND_ARRAY:
		if (count <= SSIZE_MAX / 256)
			bytes(g, address, count * item->size);
		break;
	case KIND_SETS:
		if ((int32_t)count > 0)
			bytes(g, address, ((uint32_t)count + 63) / 64 * 8);
		break;
	case KIND_VECTOR:
	case KIND_VECTOR_IN:
		vector(g, address, count, item->kind == KIND_VECTOR_IN);
		break;
	case KIND_MESSAGE:
	case KIND_MESSAGE_IN:
		message(g, address, item->kind == KIND_MESSAGE_IN);
		break;
	case KIND_MESSAGES_IN:
		messages(g, address, (uint32_t)count);
		break;
	case KIND_MASK:
		mask_pair(g, address);
		break;
	case KIND_COMMAND:
		bytes(g, address, command_size(g->number, (uint32_t)count));
		break;
	}
}

void gather(struct channel *channel, struct rump_sp_turn *turn, long number, const long args[6])
{
	struct gathering g = {.channel = channel, .turn = turn, .number = number};

	if ((unsigned long)number < sizeof(rows) / sizeof(rows[0]) &&
	    rows[number].items[0].kind != KIND_NONE) {
		g.room = RUMP_SP_IN_MAX;
		g.is_direct = channel->session->flags & RUMP_SP_DIRECT;
		for (int i = 0; i < ITEMS && rows[number].items[i].kind != KIND_NONE; i++)
			gather_item(&g, &rows[number].items[i], args);
	}
	turn->window_count = g.windows;
	turn->in_used = g.used;
}

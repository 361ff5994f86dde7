/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay_channel.c - between the stream of a channel and the memory that the server shares.
 *
 * The relay is what a thread of a unix client would be: it fills in requests and waits for
 * answers.  The server checks what is in the channel as always; what is checked here is
 * that the relay itself stays within the memory.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "server.h"

static uint8_t *data_of(const struct channel_relay *relay)
{
	return (uint8_t *)relay->channel + RUMP_SP_DATA_OFFSET;
}

static bool is_in_data(const struct channel_relay *relay, size_t offset, size_t length)
{
	size_t size = relay->size - RUMP_SP_DATA_OFFSET;

	if (size > RUMP_SP_DATA_SIZE)
		size = RUMP_SP_DATA_SIZE;
	return offset <= size && length <= size - offset;
}

int relay_request(struct channel_relay *relay, const uint8_t *message, size_t length)
{
	struct rump_sp_channel *channel = relay->channel;
	struct rump_sp_turn turn;
	uint32_t to = 0;

	if (length < sizeof(turn))
		return -EPROTO;
	memcpy(&turn, message, sizeof(turn));
	message += sizeof(turn);
	length -= sizeof(turn);
	/* the memory here is the relay's: nobody posts there */
	if (turn.flags & RUMP_SP_POSTING)
		return -EPROTO;
	if (turn.flags & RUMP_SP_CONTINUE) {
		size_t wanted = 0;

		/* without the bytes, or with others, the server would take old ones for them */
		if (relay->answer.kind == RUMP_SP_COPYIN && !turn.copy_error)
			wanted = relay->answer.copy_length;
		if (length != wanted)
			return -EPROTO;
		to = relay->answer.out_offset;
	} else if (length != turn.in_used) {
		return -EPROTO;
	}
	if (!is_in_data(relay, to, length))
		return -EPROTO;
	channel->turn = turn;
	memcpy(data_of(relay) + to, message, length);
	__atomic_store_n(&channel->request, ++relay->request, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&channel->server_sleeps, __ATOMIC_SEQ_CST))
		host_call(SYS_futex, &channel->request, FUTEX_WAKE_SHARED, 1);
	return 0;
}

int relay_wait(struct channel_relay *relay)
{
	struct rump_sp_channel *channel = relay->channel;

	for (;;) {
		uint32_t reply;

		__atomic_store_n(&channel->client_sleeps, 1, __ATOMIC_SEQ_CST);
		reply = __atomic_load_n(&channel->reply, __ATOMIC_SEQ_CST);
		/* the server changes `reply` also when it goes */
		if (__atomic_load_n(&channel->is_closed, __ATOMIC_SEQ_CST))
			return -ENOTCONN;
		if (reply == relay->request)
			break;
		host_call(SYS_futex, &channel->reply, FUTEX_WAIT_SHARED, reply, NULL);
	}
	__atomic_store_n(&channel->client_sleeps, 0, __ATOMIC_RELAXED);
	relay->answer = channel->answer;
	return is_in_data(relay, relay->answer.out_offset, relay->answer.out_used) ? 0 : -ENOTCONN;
}

static int send_answer(struct rumpsp_tcp *stream, struct channel_relay *relay)
{
	struct iovec pieces[2] = {
		{&relay->answer, sizeof(relay->answer)},
		{data_of(relay) + relay->answer.out_offset, relay->answer.out_used},
	};

	return stream_send(stream, pieces, 2);
}

static int map_channel(struct channel_relay *relay, int fd)
{
	struct stat status;
	long address = host_call(SYS_fstat, fd, &status);

	if (address)
		return (int)address;
	if (status.st_size < RUMP_SP_DATA_OFFSET || status.st_size > UINT32_MAX)
		return -EINVAL;
	address = host_call(SYS_mmap, 0, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (address < 0 && address > -4096)
		return (int)address;
	relay->channel = (struct rump_sp_channel *)address;
	relay->size = (uint32_t)status.st_size;
	return 0;
}

void relay_channel(struct rumpsp_tcp *stream, struct parcel *parcel)
{
	struct session_channel attached = {.stream = stream};
	struct channel_relay relay = {0};
	const uint8_t *message;
	long length;

	if (!session_attach(parcel->session, &attached))
		goto over;
	if (!map_channel(&relay, parcel->fd)) {
		fd_drop_server(parcel->fd);
		parcel->fd = -1;
		/* the threads of a server have all signals blocked: nothing interrupts this */
		do {
			length = stream_receive_here(stream, &message, 0);
		} while (length >= 0 && !relay_request(&relay, message, (size_t)length) &&
			 !relay_wait(&relay) && !send_answer(stream, &relay));
		host_call(SYS_munmap, relay.channel, relay.size);
	}
	session_detach(parcel->session, &attached);
over:
	parcel_free(parcel);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turn.c - the client's half of a channel over TCP.
 *
 * The caller keeps struct rump_sp_channel in memory of its own, laid out as the shared
 * one would be, so that what fills in requests and carries out answers does not know the
 * difference.  What the server sends is checked here before it gets there.
 */
#include <string.h>

#include "tcp.h"

static uint8_t *data_of(struct rump_sp_channel *channel)
{
	return (uint8_t *)channel + RUMP_SP_DATA_OFFSET;
}

static bool is_in_data(uint32_t offset, uint32_t length)
{
	return offset <= RUMP_SP_DATA_SIZE && length <= RUMP_SP_DATA_SIZE - offset;
}

int turn_send(struct rumpsp_tcp *stream, struct rump_sp_channel *channel)
{
	const struct rump_sp_turn *turn = &channel->turn;
	const struct rump_sp_answer *answer = &channel->answer;
	struct iovec pieces[2] = {{(void *)turn, sizeof(*turn)}, {data_of(channel), 0}};
	uint32_t from = 0, length = 0;

	if (!(turn->flags & RUMP_SP_CONTINUE)) {
		length = turn->in_used;
	} else if (answer->kind == RUMP_SP_COPYIN && !turn->copy_error) {
		from = answer->out_offset;
		length = answer->copy_length;
	}
	if (!is_in_data(from, length))
		return -EINVAL;
	pieces[1].iov_base = data_of(channel) + from;
	pieces[1].iov_len = length;
	channel->request++;
	return stream_send(stream, pieces, 2);
}

int turn_receive(struct rumpsp_tcp *stream, struct rump_sp_channel *channel)
{
	struct rump_sp_answer answer;
	const uint8_t *message;
	long length = stream_receive_here(stream, &message, 0);

	if (length < 0)
		return (int)length;
	if ((size_t)length < sizeof(answer))
		goto bad;
	memcpy(&answer, message, sizeof(answer));
	length -= (long)sizeof(answer);
	if (answer.out_used != (size_t)length || !is_in_data(answer.out_offset, answer.out_used))
		goto bad;
	if (answer.kind == RUMP_SP_COPYIN && !is_in_data(answer.out_offset, answer.copy_length))
		goto bad;
	memcpy(data_of(channel) + answer.out_offset, message + sizeof(answer), (size_t)length);
	channel->answer = answer;
	channel->reply = channel->request;
	return 0;
bad:
	stream_cut(stream);
	return -ENOTCONN;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records.c - carries out what the kernel has written: the records of an answer.
 *
 * The addresses are the server's words.  A server is a kernel to its clients and may
 * write to all of their memory; what is checked is that the records themselves lie in
 * the data area.
 */
#include <string.h>

#include "private.h"

int records_write(const struct channel *channel, const struct rump_sp_answer *answer)
{
	uint64_t at = answer->out_offset, end = at + answer->out_used;
	struct rump_sp_record record;
	int error = 0;

	if (!answer->out_used)
		return 0;
	if (end > RUMP_SP_DATA_SIZE)
		return -EPROTO;
	while (at + sizeof(record) <= end) {
		/* once: it may change while it is looked at */
		memcpy(&record, channel->data + at, sizeof(record));
		at += sizeof(record);
		if (record.length > end - at)
			return -EPROTO;
		if (copy_out(record.address, channel->data + at, record.length))
			error = -EFAULT;
		at += (record.length + 7UL) & ~7UL;
	}
	return error;
}

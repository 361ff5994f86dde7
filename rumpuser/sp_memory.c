/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_memory.c - the memory of a client, for the kernel.
 *
 * What the client sent along are windows.  Everything else is fetched: directly, where
 * the host and the two users allow it, else by turns of the channel within the call.  What
 * the kernel writes it collects in `out` itself; write() is for what is large.
 *
 * The area behind the windows is the server's.  The kernel gets all but its last ROOM bytes,
 * so that a COPYIN always finds some place behind what is collected there.
 */
#include <string.h>
#include <sys/uio.h>

#include "sp.h"

#define ALIGN_UP(n, to) (((n) + (to)-1) & ~((to)-1))
#define OUT_ALIGN 64UL /* the client's windows and our records share no cache line */
#define ROOM 4096UL
#define INT_ADDRESS 4096UL
#define PIECES_MAX 32 /* of a process_vm_writev(), on a kernel stack */

static struct sp_channel *channel_of(struct rumpuser_remote *remote)
{
	return (struct sp_channel *)((char *)remote - offsetof(struct sp_channel, remote));
}

/* ---- directly ---- */

static int direct_error(long result)
{
	return result == -ESRCH ? -ENOTCONN : -EFAULT;
}

static int read_direct(struct sp_channel *channel, char *to, unsigned long from,
		       unsigned long length)
{
	int pid = atomic_load(&channel->client->host_pid);

	while (length) {
		struct iovec here = {to, length}, there = {(void *)from, length};
		long got = host_call(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0);

		if (got <= 0)
			return direct_error(got);
		to += got;
		from += (unsigned long)got;
		length -= (unsigned long)got;
	}
	return 0;
}

/* *ret_left: how many pieces did not get there */
static int write_direct(struct sp_channel *channel, struct iovec *here, struct iovec *there,
			unsigned int count, unsigned int *ret_left)
{
	int pid = atomic_load(&channel->client->host_pid);

	while (count) {
		long done = host_call(SYS_process_vm_writev, pid, here, count, there, count, 0);

		*ret_left = count;
		if (done <= 0)
			return direct_error(done);
		while (count && (unsigned long)done >= here->iov_len) {
			done -= (long)here->iov_len;
			here++;
			there++;
			count--;
		}
		if (count && done) {
			here->iov_base = (char *)here->iov_base + done;
			here->iov_len -= (unsigned long)done;
			/* theirs is a number, which may be 0 */
			there->iov_base = (void *)((uintptr_t)there->iov_base + (uintptr_t)done);
			there->iov_len -= (unsigned long)done;
		}
	}
	return 0;
}

/*
 * The records first, since order counts, then this.  They lie where the client can write,
 * too; it can turn them into nonsense for its own memory, but not lead us out of the area.
 */
static int write_all_direct(struct sp_channel *channel, unsigned long to, const void *from,
			    unsigned long length)
{
	struct iovec here[PIECES_MAX], there[PIECES_MAX];
	unsigned long at = 0, used = channel->remote.out_used;
	unsigned int count = 0, left = 0;
	int error;

	channel->remote.out_used = 0;
	while (at + sizeof(struct rump_sp_record) <= used) {
		struct rump_sp_record record;

		memcpy(&record, channel->remote.out + at, sizeof(record));
		__asm__ volatile("" ::: "memory");
		at += sizeof(record);
		if (record.length > used - at) {
			channel->is_lost = true;
			return -EFAULT;
		}
		here[count] = (struct iovec){channel->remote.out + at, record.length};
		there[count++] = (struct iovec){(void *)record.address, record.length};
		at += ALIGN_UP((unsigned long)record.length, 8UL);
		if (!record.length)
			count--;
		if (count == PIECES_MAX - 1) {
			error = write_direct(channel, here, there, count, &left);
			channel->is_lost |= error != 0;
			if (error)
				return error;
			count = 0;
		}
	}
	if (length) {
		here[count] = (struct iovec){(void *)from, length};
		there[count++] = (struct iovec){(void *)to, length};
	}
	error = write_direct(channel, here, there, count, &left);
	/* the last one is what the kernel is just about to write: that it knows itself */
	channel->is_lost |= error && left > (length ? 1 : 0);
	return error;
}

/* ---- by turns ---- */

static int read_by_turns(struct sp_channel *channel, char *to, unsigned long from,
			 unsigned long length)
{
	unsigned long at = channel->out_offset + ALIGN_UP(channel->remote.out_used, OUT_ALIGN);
	unsigned long room = RUMP_SP_DATA_SIZE - at;

	while (length) {
		unsigned long piece = length < room ? length : room;
		struct rump_sp_answer answer = {
			.kind = RUMP_SP_COPYIN,
			.out_offset = (uint32_t)at,
			.copy_length = (uint32_t)piece,
			.copy_address = from,
		};
		int error = sp_channel_transfer(channel, &answer);

		if (error)
			return error;
		memcpy(to, channel->data + at, piece);
		to += piece;
		from += piece;
		length -= piece;
	}
	return 0;
}

/* -EFAULT: the client could not write them. */
static int send_records(struct sp_channel *channel)
{
	struct rump_sp_answer answer = {
		.kind = RUMP_SP_COPYOUT,
		.out_offset = channel->out_offset,
		.out_used = channel->remote.out_used,
	};

	channel->remote.out_used = 0;
	return sp_channel_transfer(channel, &answer);
}

/* The last piece stays in `out`, to go with what comes next. */
static int write_by_turns(struct sp_channel *channel, unsigned long to, const char *from,
			  unsigned long length)
{
	struct rumpuser_remote *remote = &channel->remote;

	while (length) {
		struct rump_sp_record record = {.address = to};
		unsigned long room = remote->out_size - remote->out_used;
		unsigned long piece;

		if (room < sizeof(record) + 64) {
			int error = send_records(channel);

			channel->is_lost |= error != 0;
			if (error)
				return error;
			continue;
		}
		piece = (room - sizeof(record)) & ~7UL;
		if (piece > length)
			piece = length;
		record.length = (uint32_t)piece;
		memcpy(remote->out + remote->out_used, &record, sizeof(record));
		memcpy(remote->out + remote->out_used + sizeof(record), from, piece);
		remote->out_used += sizeof(record) + ALIGN_UP(piece, 8UL);
		to += piece;
		from += piece;
		length -= piece;
	}
	return 0;
}

/* ---- for the kernel ---- */

static int remote_read(struct rumpuser_remote *remote, void *to, unsigned long from,
		       unsigned long length)
{
	struct sp_channel *channel = channel_of(remote);

	return remote->may_direct ? read_direct(channel, to, from, length)
				  : read_by_turns(channel, to, from, length);
}

static int remote_write(struct rumpuser_remote *remote, unsigned long to, const void *from,
			unsigned long length)
{
	struct sp_channel *channel = channel_of(remote);

	int error;

	if (remote->may_direct)
		return write_all_direct(channel, to, from, length);
	error = write_by_turns(channel, to, from, length);
	/* then there is nothing else in them */
	return error || !remote->is_written_through ? error : send_records(channel);
}

static void remote_signal(struct rumpuser_remote *remote, int signal)
{
	if (signal >= 1 && signal <= 64)
		atomic_fetch_or(&channel_of(remote)->signals, 1ULL << (signal - 1));
}

void sp_memory_init(struct sp_channel *channel)
{
	channel->remote = (struct rumpuser_remote){
		.windows = channel->windows,
		.read = remote_read,
		.write = remote_write,
		.signal = remote_signal,
	};
}

unsigned long sp_memory_of_int(struct sp_channel *channel, int *value)
{
	struct rumpuser_remote *remote = &channel->remote;

	channel->windows[0] = (struct rumpuser_window){
		.address = INT_ADDRESS,
		.length = sizeof(*value),
		.data = (const char *)value,
	};
	remote->window_count = 1;
	remote->out_size = remote->out_used = 0;
	remote->may_direct = remote->is_written_through = false;
	return INT_ADDRESS;
}

int sp_memory_begin(struct sp_channel *channel)
{
	const struct rump_sp_turn *turn = &channel->turn;
	struct rumpuser_remote *remote = &channel->remote;

	if (turn->in_used > RUMP_SP_IN_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < turn->window_count; i++) {
		const struct rump_sp_window *window = &turn->windows[i];

		if (window->offset % 8 || window->offset > turn->in_used ||
		    window->length > turn->in_used - window->offset)
			return -EBADMSG;
		channel->windows[i] = (struct rumpuser_window){
			.address = window->address,
			.length = window->length,
			.data = channel->data + window->offset,
		};
	}
	channel->out_offset = (uint32_t)ALIGN_UP((unsigned long)turn->in_used, OUT_ALIGN);
	remote->window_count = turn->window_count;
	remote->out = channel->data + channel->out_offset;
	remote->out_size = (unsigned int)(RUMP_SP_DATA_SIZE - channel->out_offset - ROOM);
	remote->out_used = 0;
	remote->is_written_through = turn->flags & RUMP_SP_WRITE_THROUGH;
	remote->may_direct =
		atomic_load_explicit(&channel->client->may_direct, memory_order_relaxed);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.c - whether there is memory for what a call is going to read.
 *
 * What the kernel writes comes as records once the call has ended.  What it has taken out of a
 * socket or a pipe for them would be lost where they cannot be carried out, so the pages are
 * touched first, which costs a few ns each.  Only where that fails the call learns of it while
 * it writes, at the price of a transfer for each piece.
 *
 * More than PROBE_MAX bytes are not looked at: what does not fit into the channel's data area
 * the kernel writes through by itself.
 */
#include <sys/socket.h>

#include "private.h"

#define PROBE_MAX RUMP_SP_DATA_SIZE
#define PIECES_MAX 64 /* of a vector; and messages */

/* The preload's, when it is there: 0 or -EFAULT. */
__attribute__((weak, visibility("default"))) int rumphijack_probe(void *start, size_t length);

static bool is_there(uint64_t address, uint64_t length, uint64_t *left)
{
	if (length > *left)
		length = *left;
	*left -= length;
	return !length || !rumphijack_probe((void *)address, length);
}

static bool vector_is_there(uint64_t address, uint64_t count, uint64_t *left)
{
	struct iovec one;

	for (uint64_t i = 0; i < count && i < PIECES_MAX && *left; i++)
		if (copy_in(&one, address + i * sizeof(one), sizeof(one)) ||
		    !is_there((uint64_t)one.iov_base, one.iov_len, left))
			return false;
	return true;
}

static bool message_is_there(uint64_t address, uint64_t *left)
{
	struct msghdr head;

	return !copy_in(&head, address, sizeof(head)) &&
	       is_there(address, sizeof(head), left) &&
	       is_there((uint64_t)head.msg_name, head.msg_name ? head.msg_namelen : 0, left) &&
	       is_there((uint64_t)head.msg_control, head.msg_controllen, left) &&
	       vector_is_there((uint64_t)head.msg_iov, head.msg_iovlen, left);
}

static bool messages_are_there(uint64_t address, uint64_t count, uint64_t *left)
{
	for (uint64_t i = 0; i < count && i < PIECES_MAX && *left; i++)
		if (!message_is_there(address + i * sizeof(struct mmsghdr), left) ||
		    !is_there(address + i * sizeof(struct mmsghdr), sizeof(struct mmsghdr), left))
			return false;
	return true;
}

bool target_is_there(long number, const long args[6])
{
	uint64_t left = PROBE_MAX, address = (uint64_t)args[1], count = (uint64_t)args[2];

	if (!rumphijack_probe)
		return true;
	switch (number) {
	case SYS_read:
	case SYS_recvfrom:
		return is_there(address, count, &left);
	case SYS_readv:
		return vector_is_there(address, count, &left);
	case SYS_recvmsg:
		return message_is_there(address, &left);
	case SYS_recvmmsg:
		return messages_are_there(address, (uint32_t)count, &left);
	}
	return true;
}

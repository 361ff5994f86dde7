// SPDX-License-Identifier: GPL-2.0-only
/*
 * control.c - control messages of the host, one by one to the caller's buffer
 *
 * The host cuts them to the length of a buffer that is as long as the caller's; put_cmsg()
 * and the core then account for what was used.  What came from the host is
 * checked as anything that comes from outside.
 */
#include <net/scm.h>

#include "sockin.h"

/* What only an administrator may ask for, as options.c has it. */
bool sockin_control_is_allowed(struct sock *sk, struct msghdr *msg)
{
	struct cmsghdr *header;

	for_each_cmsghdr(header, msg) {
		if (!CMSG_OK(msg, header))
			return true;	/* the host refuses it */
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_MARK)
			return ns_capable(sock_net(sk)->user_ns, CAP_NET_ADMIN);
	}
	return true;
}

void sockin_put_control(struct msghdr *msg, void *control, size_t size)
{
	size_t offset = 0;

	while (size - offset >= sizeof(struct cmsghdr)) {
		struct cmsghdr *header = control + offset;
		size_t length = header->cmsg_len;

		if (length < sizeof(*header) || length > size - offset)
			return;
		put_cmsg(msg, header->cmsg_level, header->cmsg_type, length - sizeof(*header),
			 CMSG_DATA(header));
		length = CMSG_ALIGN(length);
		if (length > size - offset)
			return;
		offset += length;
	}
}

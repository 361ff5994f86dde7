/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink.h - descriptors in requests to the rump kernel's network, as `ip link set v0 netns
 * blue' and `iw phy phy0 set netns name blue' send them.
 */
#ifndef HIJACK_NETLINK_H
#define HIJACK_NETLINK_H

#include "dispatch.h"

/*
 * rump_fd: a socket; vector: what is to be sent on it.  1: it has descriptors, and *copy is
 * the whole in one piece, with the kernel's numbers, in a buffer of scratch; 0: as it is.
 */
int netlink_translate(struct call *call, int rump_fd, const struct iovec *vector, size_t count,
		      struct scratch *scratch, struct iovec *copy);

/* Fits an address of PPP over L2TP, with IPv6 and long numbers. */
#define NETLINK_ADDRESS_MAX 64

/*
 * Such an address names its tunnel by a descriptor.  address, of length bytes, is where
 * rump_fd, a socket, is to connect to; true: it is one of those, and copy has it with the
 * kernel's number.
 */
bool netlink_tunnel_address(int rump_fd, const void *address, size_t length, char *copy);

#endif

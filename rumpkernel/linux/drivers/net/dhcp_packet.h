/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dhcp_packet.h - DHCP messages (RFC 2131, 2132, 3396, 3442) to structs and back.  Pure: it
 * is compiled for unit tests, too, with headers of theirs in the place of linux/.
 *
 * Addresses are in network byte order, times are seconds.
 */
#ifndef RUMP_DRIVERS_NET_DHCP_PACKET_H
#define RUMP_DRIVERS_NET_DHCP_PACKET_H

#include <linux/types.h>

#define DHCP_ROUTERS 4
#define DHCP_SERVERS 4
#define DHCP_ROUTES 32
#define DHCP_NAME_MAX 255
#define DHCP_FOREVER 0xffffffffu
#define DHCP_MESSAGE_MAX 576	/* of those that we send, with the headers of IP and UDP */
#define DHCP_HARDWARE_SIZE 6

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
};

struct dhcp_route {
	__be32 destination, gateway;	/* gateway 0: on the link */
	u8 length;
};

/* An answer of a server; what it did not say is 0. */
struct dhcp_reply {
	enum dhcp_type type;		/* OFFER, ACK, NAK */
	__be32 address, server;
	u8 length;			/* of the network's prefix */
	u32 lease, renew, rebind;	/* all set in an OFFER and ACK */
	u16 mtu;
	unsigned int router_count, server_count, route_count;
	__be32 routers[DHCP_ROUTERS], servers[DHCP_SERVERS];
	struct dhcp_route routes[DHCP_ROUTES];
	char domain[DHCP_NAME_MAX + 1], hostname[DHCP_NAME_MAX + 1];
};

struct dhcp_request {
	enum dhcp_type type;
	u32 xid;
	u16 seconds;			/* since it began */
	u8 hardware[DHCP_HARDWARE_SIZE];
	__be32 ciaddr;			/* the address in use: renewing, rebinding, release */
	__be32 wanted, server;		/* options 50, 54; 0: without */
	const char *hostname;		/* NULL: without */
};

/*
 * The DHCP message in an IP packet to a client's port: 0, -EINVAL for anything else.
 * has_checksum: somebody else has looked at UDP's.
 */
int dhcp_unwrap(const u8 *packet, size_t length, bool has_checksum, const u8 **ret_message,
		size_t *ret_length);

/*
 * 0; -ENOENT: it is for somebody else; -EINVAL: it is broken, or lacks what its type must
 * have.  Whatever is in *ret_reply can be used as it is.
 */
int dhcp_parse(const u8 *message, size_t length, u32 xid, const u8 *hardware,
	       struct dhcp_reply *ret_reply);

/* Returns the message's length; buffer has DHCP_MESSAGE_MAX bytes. */
size_t dhcp_build(u8 *buffer, const struct dhcp_request *request);
/* An IP packet from `from' to `to' around such a message: returns its length. */
size_t dhcp_wrap(u8 *buffer, __be32 from, __be32 to, const u8 *message, size_t length);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rtnetlink.h - requests to Linux's own rtnetlink, as ip(8) makes them.
 *
 * All are about the caller's network namespace, need CAP_NET_ADMIN in it, may sleep and
 * may load modules; without the RTNL.  They return 0 or -errno; why gets what Linux says
 * beyond that, or stays as it is.
 */
#ifndef RUMP_DRIVERS_NET_RTNETLINK_H
#define RUMP_DRIVERS_NET_RTNETLINK_H

#include <linux/socket.h>
#include <linux/types.h>

#define RUMP_WHY_SIZE 128

/* Text of Linux's extended acknowledgement. */
struct rump_why {
	char text[RUMP_WHY_SIZE];
};

struct rump_address {
	int family;			/* AF_INET, AF_INET6 */
	unsigned int length;		/* of the prefix, bits */
	u8 bytes[16];
};

static inline unsigned int rump_address_size(const struct rump_address *address)
{
	return address->family == AF_INET ? 4 : 16;
}

/* How long an address is good, in seconds; RUMP_FOREVER. */
#define RUMP_FOREVER 0xffffffffu

struct rump_route {
	struct rump_address destination;	/* length 0: default */
	const struct rump_address *gateway;	/* NULL: on the link */
	unsigned int ifindex;			/* 0: by the gateway */
	u8 protocol;				/* RTPROT_* */
	bool is_onlink;				/* the gateway need not be in a network that is known */
	bool may_replace;
};

/* A new interface; veth has a peer, others NULL. */
long rump_link_new(const char *kind, const char *name, const char *peer, struct rump_why *why);
/* mtu 0: as it is. */
long rump_link_up(const char *name, bool is_up, unsigned int mtu, struct rump_why *why);
/* master NULL: none any more */
long rump_link_enslave(const char *name, const char *master, struct rump_why *why);
/*
 * There already: only its lifetime changes.  IPv6 addresses are used at once, without
 * duplicate address detection: who writes one down means it.
 */
long rump_address_add(const char *name, const struct rump_address *address, u32 lifetime,
		      struct rump_why *why);
long rump_address_remove(const char *name, const struct rump_address *address,
			 struct rump_why *why);
long rump_route_add(const struct rump_route *route, struct rump_why *why);

#endif

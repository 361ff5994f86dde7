/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dhcp_link.h - frames of DHCP and ARP on an interface that has no address yet.
 *
 * Process context, without the RTNL; one task uses a link.
 */
#ifndef RUMP_DRIVERS_NET_DHCP_LINK_H
#define RUMP_DRIVERS_NET_DHCP_LINK_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/wait.h>

#include "dhcp_packet.h"

struct dhcp_link {
	struct net_device *dev;		/* held while is_open */
	struct packet_type ip, arp;
	struct notifier_block notifier;
	struct sk_buff_head messages;	/* IP packets with UDP to the client's port */
	wait_queue_head_t wait;		/* something below has changed */
	__be32 probed;			/* an address that nobody else should have; 0: none */
	bool is_taken;			/* but somebody has */
	bool is_gone;			/* the interface: only dhcp_link_close() is left to do */
	bool must_stop;
};

/* Holds dev.  -ENODEV: it goes away. */
long dhcp_link_open(struct dhcp_link *link, struct net_device *dev);
void dhcp_link_close(struct dhcp_link *link);

/* Frames are taken in only in between. */
void dhcp_link_listen(struct dhcp_link *link);
void dhcp_link_ignore(struct dhcp_link *link);

/* To everybody on the wire, from an address that may be 0. */
long dhcp_link_broadcast(struct dhcp_link *link, __be32 from, const u8 *message, size_t length);
/* To a server, by the routes, from the interface's own address. */
long dhcp_link_unicast(struct dhcp_link *link, __be32 from, __be32 to, const u8 *message,
		       size_t length);

/*
 * Sleeps until there is a message, or so many ms are over.  -ETIMEDOUT, -ENODEV (is_gone),
 * -EINTR (must_stop).
 */
long dhcp_link_wait(struct dhcp_link *link, unsigned int ms);
/* Sleeps for so long: 0, -ENODEV or -EINTR. */
long dhcp_link_pause(struct dhcp_link *link, u32 seconds);
/* As dhcp_link_wait(), for *ret_reply; broken messages and those for others are not waited for. */
long dhcp_link_receive(struct dhcp_link *link, u32 xid, unsigned long deadline,
		       struct dhcp_reply *ret_reply);

/* Whether somebody on the wire has the address: 0, -EADDRINUSE, or as dhcp_link_wait(). */
long dhcp_link_probe(struct dhcp_link *link, __be32 address);
/* Tells all neighbours whose the address is now. */
void dhcp_link_announce(struct dhcp_link *link, __be32 address);

#endif

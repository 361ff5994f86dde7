// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames of DHCP and ARP, below the stack: an interface without an address has no other way.
 *
 * The handlers run in softirq context and only queue; a queue that is full drops.  When the
 * interface is taken away its owner is told, who has to let go: unregistering waits for that.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/in.h>
#include <linux/jiffies.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/arp.h>
#include <net/sock.h>

#include "dhcp_link.h"

#define MESSAGES_MAX 16
#define CLIENT_PORT 68
#define SERVER_PORT 67
/* RFC 5227 probes for seconds; two questions and a moment find who is there */
#define PROBES 2
#define PROBE_MS 150

static int take_ip(struct sk_buff *skb, struct net_device *dev, struct packet_type *pt,
		   struct net_device *orig_dev)
{
	struct dhcp_link *link = pt->af_packet_priv;
	const struct iphdr *ip;
	const struct udphdr *udp;

	if (skb->pkt_type == PACKET_OTHERHOST || skb->pkt_type == PACKET_LOOPBACK)
		goto drop;
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return NET_RX_DROP;
	if (!pskb_may_pull(skb, sizeof(*ip)))
		goto drop;
	ip = ip_hdr(skb);
	if (ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_UDP ||
	    !pskb_may_pull(skb, ip->ihl * 4 + sizeof(*udp)))
		goto drop;
	udp = (const struct udphdr *)(skb->data + ip_hdr(skb)->ihl * 4);
	if (udp->dest != htons(CLIENT_PORT) ||
	    skb_queue_len_lockless(&link->messages) >= MESSAGES_MAX || skb_linearize(skb))
		goto drop;
	skb_queue_tail(&link->messages, skb);
	wake_up(&link->wait);
	return NET_RX_SUCCESS;
drop:
	kfree_skb(skb);
	return NET_RX_DROP;
}

/* Somebody speaks from the probed address, or probes it as well. */
static int take_arp(struct sk_buff *skb, struct net_device *dev, struct packet_type *pt,
		    struct net_device *orig_dev)
{
	struct dhcp_link *link = pt->af_packet_priv;
	__be32 probed = READ_ONCE(link->probed), sender, target;
	const u8 *at;

	if (!probed || !pskb_may_pull(skb, sizeof(struct arphdr) + 2 * (ETH_ALEN + 4)))
		goto out;
	if (arp_hdr(skb)->ar_pln != 4 || arp_hdr(skb)->ar_hln != ETH_ALEN)
		goto out;
	at = (const u8 *)(arp_hdr(skb) + 1);
	if (ether_addr_equal_unaligned(at, dev->dev_addr))
		goto out;
	memcpy(&sender, at + ETH_ALEN, 4);
	memcpy(&target, at + ETH_ALEN + 4 + ETH_ALEN, 4);
	if (sender == probed || (!sender && target == probed)) {
		WRITE_ONCE(link->is_taken, true);
		wake_up(&link->wait);
	}
out:
	kfree_skb(skb);
	return NET_RX_SUCCESS;
}

static int on_change(struct notifier_block *notifier, unsigned long event, void *info)
{
	struct dhcp_link *link = container_of(notifier, struct dhcp_link, notifier);

	if (event == NETDEV_UNREGISTER && netdev_notifier_info_to_dev(info) == link->dev) {
		WRITE_ONCE(link->is_gone, true);
		wake_up(&link->wait);
	}
	return NOTIFY_DONE;
}

long dhcp_link_open(struct dhcp_link *link, struct net_device *dev)
{
	memset(link, 0, sizeof(*link));
	init_waitqueue_head(&link->wait);
	skb_queue_head_init(&link->messages);
	link->dev = dev;
	link->ip.type = htons(ETH_P_IP);
	link->ip.func = take_ip;
	link->arp.type = htons(ETH_P_ARP);
	link->arp.func = take_arp;
	link->ip.dev = link->arp.dev = dev;
	link->ip.af_packet_priv = link->arp.af_packet_priv = link;
	link->notifier.notifier_call = on_change;
	dev_hold(dev);
	register_netdevice_notifier(&link->notifier);
	if (READ_ONCE(dev->reg_state) == NETREG_REGISTERED)
		return 0;
	dhcp_link_close(link);
	return -ENODEV;
}

void dhcp_link_close(struct dhcp_link *link)
{
	/* first: unregistering a notifier tells it of all interfaces' end */
	dev_put(link->dev);
	unregister_netdevice_notifier(&link->notifier);
	skb_queue_purge(&link->messages);
}

void dhcp_link_listen(struct dhcp_link *link)
{
	dev_add_pack(&link->ip);
	dev_add_pack(&link->arp);
}

void dhcp_link_ignore(struct dhcp_link *link)
{
	dev_remove_pack(&link->ip);
	dev_remove_pack(&link->arp);
	skb_queue_purge(&link->messages);
}

/* ---- out ---- */

#define HEADERS (sizeof(struct iphdr) + sizeof(struct udphdr))

long dhcp_link_broadcast(struct dhcp_link *link, __be32 from, const u8 *message, size_t length)
{
	struct net_device *dev = link->dev;
	unsigned int head = LL_RESERVED_SPACE(dev);
	struct sk_buff *skb = alloc_skb(head + HEADERS + length + dev->needed_tailroom, GFP_KERNEL);

	if (!skb)
		return -ENOMEM;
	skb_reserve(skb, head);
	skb_reset_network_header(skb);
	dhcp_wrap(skb_put(skb, HEADERS + length), from, htonl(INADDR_BROADCAST), message, length);
	skb->dev = dev;
	skb->protocol = htons(ETH_P_IP);
	if (dev_hard_header(skb, dev, ETH_P_IP, dev->broadcast, dev->dev_addr, skb->len) < 0) {
		kfree_skb(skb);
		return -EINVAL;
	}
	return dev_queue_xmit(skb) < 0 ? -EIO : 0;
}

/* The answer is seen as a frame, so the socket is gone before it comes. */
long dhcp_link_unicast(struct dhcp_link *link, __be32 from, __be32 to, const u8 *message,
		       size_t length)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(CLIENT_PORT),
				    .sin_addr.s_addr = from };
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(SERVER_PORT),
				     .sin_addr.s_addr = to };
	struct msghdr msg = { .msg_name = &there, .msg_namelen = sizeof(there) };
	struct kvec vec = { (void *)message, length };
	struct socket *sock;
	long err = sock_create_kern(dev_net(link->dev), PF_INET, SOCK_DGRAM, IPPROTO_UDP, &sock);

	if (err)
		return err;
	sock->sk->sk_bound_dev_if = link->dev->ifindex;
	err = kernel_bind(sock, (struct sockaddr *)&here, sizeof(here));
	if (!err)
		err = kernel_sendmsg(sock, &msg, &vec, 1, length);
	sock_release(sock);
	return min(err, 0L);
}

/* ---- in ---- */

static bool has_news(struct dhcp_link *link)
{
	return READ_ONCE(link->is_gone) || READ_ONCE(link->must_stop) ||
	       (READ_ONCE(link->is_taken) && link->probed) || !skb_queue_empty_lockless(&link->messages);
}

long dhcp_link_wait(struct dhcp_link *link, unsigned int ms)
{
	wait_event_idle_timeout(link->wait, has_news(link), msecs_to_jiffies(ms));
	if (READ_ONCE(link->is_gone))
		return -ENODEV;
	if (READ_ONCE(link->must_stop))
		return -EINTR;
	return has_news(link) ? 0 : -ETIMEDOUT;
}

long dhcp_link_pause(struct dhcp_link *link, u32 seconds)
{
	wait_event_idle_timeout(link->wait, READ_ONCE(link->is_gone) || READ_ONCE(link->must_stop),
				min_t(u64, (u64)seconds * HZ, MAX_JIFFY_OFFSET));
	return READ_ONCE(link->is_gone) ? -ENODEV : READ_ONCE(link->must_stop) ? -EINTR : 0;
}

long dhcp_link_receive(struct dhcp_link *link, u32 xid, unsigned long deadline,
		       struct dhcp_reply *ret_reply)
{
	const u8 *message;
	struct sk_buff *skb;
	size_t length;
	long err;

	for (;;) {
		long left = deadline - jiffies;

		err = dhcp_link_wait(link, left > 0 ? jiffies_to_msecs(left) : 0);
		if (err)
			return err;
		skb = skb_dequeue(&link->messages);
		if (!skb)
			continue;
		err = dhcp_unwrap(skb->data, skb->len, skb->ip_summed != CHECKSUM_NONE, &message,
				  &length);
		if (!err)
			err = dhcp_parse(message, length, xid, link->dev->dev_addr, ret_reply);
		kfree_skb(skb);
		if (!err)
			return 0;
	}
}

/* ---- ARP ---- */

long dhcp_link_probe(struct dhcp_link *link, __be32 address)
{
	unsigned int i;
	long err = 0;

	WRITE_ONCE(link->is_taken, false);
	WRITE_ONCE(link->probed, address);
	for (i = 0; i < PROBES && (!err || err == -ETIMEDOUT); i++) {
		skb_queue_purge(&link->messages);
		arp_send(ARPOP_REQUEST, ETH_P_ARP, address, link->dev, 0, NULL,
			 link->dev->dev_addr, NULL);
		err = dhcp_link_wait(link, PROBE_MS);
		if (READ_ONCE(link->is_taken))
			err = -EADDRINUSE;
	}
	WRITE_ONCE(link->probed, 0);
	return err == -ETIMEDOUT ? 0 : err;
}

void dhcp_link_announce(struct dhcp_link *link, __be32 address)
{
	arp_send(ARPOP_REQUEST, ETH_P_ARP, address, link->dev, address, NULL,
		 link->dev->dev_addr, NULL);
}

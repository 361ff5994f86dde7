// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DHCP client (RFC 2131): one kernel thread for each interface that has a lease.
 *
 *	acquire()	DISCOVER until an OFFER, REQUEST until an ACK, a question by ARP whether
 *			somebody has the address (then DECLINE, and again)
 *	lease_apply()	address with the lease's lifetime, routes, MTU, nameservers, by the
 *			same requests as everything else here
 *	keep()		at T1 the server is asked for more time, at T2 any server, until the
 *			lease ends; a NAK ends it at once
 *
 * Linux itself takes an address away when its time is over, so nothing stale is left whatever
 * becomes of the thread.  The thread sleeps between messages; frames are looked at only
 * while it waits for an answer (dhcp_link.c).  What came is judged by dhcp_packet.c.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/random.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/utsname.h>
#include <net/arp.h>
#include <net/net_namespace.h>

#include "dhcp.h"
#include "dhcp_link.h"
#include "netconfig.h"
#include "resolver.h"

#define FIRST_DELAY_MS 1000
#define MAX_DELAY_MS 64000
#define REQUESTS 4
#define DECLINE_PAUSE 10	/* seconds, RFC 2131, 3.1 (5) */
#define NAK_PAUSE 1
#define RELEASE_WAIT HZ
#define RELEASE_TRIES 10
#define RELEASE_TRY_MS 10

struct dhcp {
	struct list_head node;		/* of clients */
	struct kref users;
	struct dhcp_link link;
	bool is_oneshot;
	struct completion decided;	/* has a lease for the first time, or ends without */
	struct completion ended;
	long result;
	const char *trouble;		/* what has gone wrong so far, for messages */
	u32 xid;
	time64_t began;			/* the exchange, in seconds */
	bool is_bound;
	time64_t bound;			/* when the lease was asked for */
	struct dhcp_reply lease;	/* while is_bound */
	struct dhcp_reply reply;
	u8 message[DHCP_MESSAGE_MAX];
};

static DEFINE_MUTEX(clients_lock);
static LIST_HEAD(clients);

static time64_t now(void)
{
	return ktime_get_boottime_seconds();
}

static void dhcp_free(struct kref *users)
{
	kfree(container_of(users, struct dhcp, users));
}

/* ---- messages ---- */

static void new_exchange(struct dhcp *dhcp)
{
	dhcp->xid = get_random_u32();
	dhcp->began = now();
}

/* to 0: to everybody */
static long send(struct dhcp *dhcp, enum dhcp_type type, __be32 ciaddr, __be32 wanted,
		 __be32 server, __be32 to)
{
	struct dhcp_request request = {
		.type = type,
		.xid = dhcp->xid,
		.seconds = min_t(time64_t, now() - dhcp->began, U16_MAX),
		.ciaddr = ciaddr,
		.wanted = wanted,
		.server = server,
	};
	char name[__NEW_UTS_LEN + 1];
	size_t length;

	down_read(&uts_sem);
	strscpy(name, init_utsname()->nodename, sizeof(name));
	up_read(&uts_sem);
	/* the name that all kernels have tells nothing */
	if (strcmp(name, RUMP_DEFAULT_HOSTNAME))
		request.hostname = name;
	memcpy(request.hardware, dhcp->link.dev->dev_addr, sizeof(request.hardware));
	length = dhcp_build(dhcp->message, &request);
	return to ? dhcp_link_unicast(&dhcp->link, ciaddr, to, dhcp->message, length) :
		    dhcp_link_broadcast(&dhcp->link, ciaddr, dhcp->message, length);
}

/* Give or take a quarter: a room full of clients that start together shall not shout together. */
static unsigned long deadline_in(unsigned int ms)
{
	return jiffies + msecs_to_jiffies(ms - ms / 4 + get_random_u32_below(ms / 2 + 1));
}

/* ---- a lease ---- */

static bool is_near(const struct dhcp_reply *lease, __be32 address)
{
	return !((address ^ lease->address) & inet_make_mask(lease->length));
}

static void add_route(struct dhcp *dhcp, __be32 destination, u8 length, __be32 gateway)
{
	struct rump_address by = { .family = AF_INET, .length = 32 };
	struct rump_route route = {
		.destination = { .family = AF_INET, .length = length },
		.gateway = gateway ? &by : NULL,
		.ifindex = dhcp->link.dev->ifindex,
		.protocol = RTPROT_DHCP,
		.is_onlink = gateway && !is_near(&dhcp->lease, gateway),
		.may_replace = true,
	};
	struct rump_why why = {};
	long err;

	memcpy(route.destination.bytes, &destination, 4);
	memcpy(by.bytes, &gateway, 4);
	err = rump_route_add(&route, &why);
	if (err)
		pr_warn("rump: %s: a route of DHCP's, %pI4/%u by %pI4, is not possible: error %ld %s\n",
			dhcp->link.dev->name, &destination, length, &gateway, -err, why.text);
}

/* RFC 3442: who has classless routes ignores the routers. */
static void add_routes(struct dhcp *dhcp)
{
	const struct dhcp_reply *lease = &dhcp->lease;
	unsigned int i;

	for (i = 0; i < lease->route_count; i++)
		add_route(dhcp, lease->routes[i].destination, lease->routes[i].length,
			  lease->routes[i].gateway);
	if (!lease->route_count && lease->router_count)
		add_route(dhcp, 0, 0, lease->routers[0]);
}

static void set_mtu(struct net_device *dev, unsigned int mtu)
{
	rtnl_lock();
	if (mtu && mtu != dev->mtu && dev_set_mtu(dev, mtu))
		pr_warn("rump: %s: DHCP's MTU of %u is not possible\n", dev->name, mtu);
	rtnl_unlock();
}

static void set_resolver(struct dhcp *dhcp, bool is_bound)
{
	struct rump_resolver_link link = { .ifindex = dhcp->link.dev->ifindex };

	if (is_bound) {
		link.server_count = dhcp->lease.server_count;
		memcpy(link.servers, dhcp->lease.servers, sizeof(link.servers));
		strscpy(link.domain, dhcp->lease.domain, sizeof(link.domain));
	}
	rump_resolver_link(&link);
}

static struct rump_address address_of(const struct dhcp_reply *lease)
{
	struct rump_address address = { .family = AF_INET, .length = lease->length };

	memcpy(address.bytes, &lease->address, 4);
	return address;
}

static void lease_drop(struct dhcp *dhcp)
{
	struct rump_address address = address_of(&dhcp->lease);
	struct rump_why why = {};

	if (!dhcp->is_bound)
		return;
	dhcp->is_bound = false;
	set_resolver(dhcp, false);
	rump_address_remove(dhcp->link.dev->name, &address, &why);
}

/* The lease in dhcp->reply, which was asked for at `asked'. */
static long lease_apply(struct dhcp *dhcp, time64_t asked)
{
	bool is_first = !dhcp->is_bound;
	struct net_device *dev = dhcp->link.dev;
	struct rump_address address = address_of(&dhcp->reply);
	struct rump_why why = {};
	time64_t left;
	long err;

	if (!is_first && (dhcp->lease.address != dhcp->reply.address ||
			  dhcp->lease.length != dhcp->reply.length))
		return -EADDRNOTAVAIL;
	dhcp->lease = dhcp->reply;
	dhcp->bound = asked;
	left = max_t(time64_t, dhcp->lease.lease - (now() - asked), 1);
	err = rump_address_add(dev->name, &address,
			       dhcp->lease.lease == DHCP_FOREVER ? RUMP_FOREVER : left, &why);
	if (err) {
		pr_warn("rump: %s: cannot have the address of DHCP: error %ld %s\n", dev->name, -err,
			why.text);
		return err;
	}
	dhcp->is_bound = true;
	if (is_first) {
		set_mtu(dev, dhcp->lease.mtu);
		if (*dhcp->lease.hostname)
			rump_name_host(dhcp->lease.hostname);
		dhcp_link_announce(&dhcp->link, dhcp->lease.address);
	}
	add_routes(dhcp);
	set_resolver(dhcp, true);
	return 0;
}

/* ---- how one is had ---- */

/* -EAGAIN: from the beginning.  Fatal: -ENODEV, -EINTR. */
static long discover(struct dhcp *dhcp)
{
	unsigned int delay = FIRST_DELAY_MS;
	unsigned long deadline;
	long err;

	for (;; delay = min(delay * 2, MAX_DELAY_MS)) {
		send(dhcp, DHCP_DISCOVER, 0, 0, 0, 0);
		deadline = deadline_in(delay);
		do {
			err = dhcp_link_receive(&dhcp->link, dhcp->xid, deadline, &dhcp->reply);
		} while (!err && dhcp->reply.type != DHCP_OFFER);
		if (err != -ETIMEDOUT)
			return err;
	}
}

static long request(struct dhcp *dhcp, time64_t *ret_asked)
{
	__be32 address = dhcp->reply.address, server = dhcp->reply.server;
	unsigned int i, delay = FIRST_DELAY_MS;
	unsigned long deadline;
	long err;

	for (i = 0; i < REQUESTS; i++, delay *= 2) {
		*ret_asked = now();
		send(dhcp, DHCP_REQUEST, 0, address, server, 0);
		deadline = deadline_in(delay);
		do {
			err = dhcp_link_receive(&dhcp->link, dhcp->xid, deadline, &dhcp->reply);
		} while (!err && (dhcp->reply.type == DHCP_OFFER ||
				  dhcp->reply.server != server));
		if (!err && dhcp->reply.type == DHCP_ACK)
			return dhcp->reply.address == address ? 0 : -EAGAIN;
		if (!err) {
			dhcp->trouble = "a server offers an address, then refuses it";
			return dhcp_link_pause(&dhcp->link, NAK_PAUSE) ?: -EAGAIN;
		}
		if (err != -ETIMEDOUT)
			return err;
	}
	dhcp->trouble = "a server offers an address, then says nothing more";
	return -EAGAIN;
}

static long acquire_once(struct dhcp *dhcp)
{
	__be32 address;
	time64_t asked;
	long err;

	new_exchange(dhcp);
	err = discover(dhcp) ?: request(dhcp, &asked);
	if (err)
		return err;
	address = dhcp->reply.address;
	err = dhcp_link_probe(&dhcp->link, address);
	if (err == -EADDRINUSE) {
		dhcp->trouble = "somebody else uses the address that the server offers";
		send(dhcp, DHCP_DECLINE, 0, address, dhcp->reply.server, 0);
		return dhcp_link_pause(&dhcp->link, DECLINE_PAUSE) ?: -EAGAIN;
	}
	return err ?: lease_apply(dhcp, asked);
}

static long acquire(struct dhcp *dhcp)
{
	long err;

	dhcp_link_listen(&dhcp->link);
	do {
		err = acquire_once(dhcp);
	} while (err == -EAGAIN);
	dhcp_link_ignore(&dhcp->link);
	return err;
}

/* ---- how it is kept ---- */

/* One question; -EAGAIN: the lease is lost; -ETIMEDOUT. */
static long renew_once(struct dhcp *dhcp, bool is_rebinding, unsigned int ms)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(ms);
	__be32 address = dhcp->lease.address;
	time64_t asked = now();
	long err;

	send(dhcp, DHCP_REQUEST, address, 0, 0, is_rebinding ? 0 : dhcp->lease.server);
	do {
		err = dhcp_link_receive(&dhcp->link, dhcp->xid, deadline, &dhcp->reply);
	} while (!err && dhcp->reply.type == DHCP_OFFER);
	if (err)
		return err;
	if (dhcp->reply.type == DHCP_NAK)
		return -EAGAIN;
	return lease_apply(dhcp, asked) ? -EAGAIN : 0;
}

/* From T1 on, until there is an answer. */
static long renew(struct dhcp *dhcp)
{
	long err = -ETIMEDOUT;

	new_exchange(dhcp);
	dhcp_link_listen(&dhcp->link);
	while (err == -ETIMEDOUT) {
		time64_t passed = now() - dhcp->bound;
		bool is_rebinding = passed >= dhcp->lease.rebind;
		time64_t until = is_rebinding ? dhcp->lease.lease : dhcp->lease.rebind;

		if (passed >= dhcp->lease.lease) {
			err = -EAGAIN;
			break;
		}
		/* half of the time that is left, as 4.4.5 has it; no less than a second */
		err = renew_once(dhcp, is_rebinding,
				 clamp_t(time64_t, (until - passed) * 500, 1000, 3600 * 1000));
	}
	dhcp_link_ignore(&dhcp->link);
	return err;
}

/* -EAGAIN: it is lost. */
static long keep(struct dhcp *dhcp)
{
	long err;

	do {
		time64_t passed = now() - dhcp->bound;

		err = dhcp_link_pause(&dhcp->link, dhcp->lease.renew == DHCP_FOREVER ?
				      DHCP_FOREVER : max_t(time64_t, dhcp->lease.renew - passed, 0));
		/* a pause that is too long for a timer is cut */
		if (!err && now() - dhcp->bound >= dhcp->lease.renew)
			err = renew(dhcp);
	} while (!err);
	return err;
}

/* ---- the end ---- */

static bool is_resolving(struct net_device *dev, __be32 address)
{
	struct neighbour *neighbour = __ipv4_neigh_lookup(dev, (__force u32)address);
	bool result = neighbour && (READ_ONCE(neighbour->nud_state) & NUD_INCOMPLETE);

	if (neighbour)
		neigh_release(neighbour);
	return result;
}

/*
 * The message waits for ARP when nothing was sent to the server before, and the kernel
 * ends when we have: a moment for the answer.
 */
static void release(struct dhcp *dhcp)
{
	__be32 server = dhcp->lease.server;
	unsigned int i;

	new_exchange(dhcp);
	send(dhcp, DHCP_RELEASE, dhcp->lease.address, 0, server, server);
	for (i = 0; i < RELEASE_TRIES && is_resolving(dhcp->link.dev, server); i++)
		msleep(RELEASE_TRY_MS);
}

/* ---- the thread ---- */

static int dhcp_thread(void *arg)
{
	struct dhcp *dhcp = arg;
	long err;

	do {
		err = acquire(dhcp);
		dhcp->result = err;
		complete_all(&dhcp->decided);
		if (!err && dhcp->is_oneshot)
			break;
		if (!err)
			err = keep(dhcp);
		if (err == -EAGAIN) {
			pr_notice("rump: %s: the DHCP lease is lost\n", dhcp->link.dev->name);
			lease_drop(dhcp);
		}
	} while (err == -EAGAIN);
	if (err == -EINTR && dhcp->is_bound)
		release(dhcp);
	if (err)
		set_resolver(dhcp, false);
	mutex_lock(&clients_lock);
	list_del(&dhcp->node);
	mutex_unlock(&clients_lock);
	dhcp_link_close(&dhcp->link);
	complete_all(&dhcp->ended);
	kref_put(&dhcp->users, dhcp_free);
	return 0;
}

static void stop(struct dhcp *dhcp)
{
	WRITE_ONCE(dhcp->link.must_stop, true);
	wake_up(&dhcp->link.wait);
}

static bool has_client(const struct net_device *dev)
{
	struct dhcp *dhcp;

	list_for_each_entry(dhcp, &clients, node)
		if (dhcp->link.dev == dev)
			return true;
	return false;
}

/* A client with a thread; both have a user.  With clients_lock. */
static long start(struct net_device *dev, bool is_oneshot, struct dhcp **ret_dhcp)
{
	struct task_struct *task;
	struct dhcp *dhcp;
	long err;

	if (has_client(dev))
		return -EBUSY;
	dhcp = kzalloc(sizeof(*dhcp), GFP_KERNEL);
	if (!dhcp)
		return -ENOMEM;
	kref_init(&dhcp->users);
	init_completion(&dhcp->decided);
	init_completion(&dhcp->ended);
	dhcp->is_oneshot = is_oneshot;
	dhcp->trouble = "nobody answers";
	err = dhcp_link_open(&dhcp->link, dev);
	if (!err) {
		kref_get(&dhcp->users);
		list_add_tail(&dhcp->node, &clients);
		task = kthread_run(dhcp_thread, dhcp, "dhcp/%s", dev->name);
		err = PTR_ERR_OR_ZERO(task);
		if (err) {
			list_del(&dhcp->node);
			dhcp_link_close(&dhcp->link);
		}
	}
	if (err)
		kfree(dhcp);
	else
		*ret_dhcp = dhcp;
	return err;
}

static long await(struct dhcp *dhcp, const char *name, unsigned int timeout, char *why,
		  size_t why_size)
{
	if (wait_for_completion_timeout(&dhcp->decided, (unsigned long)timeout * HZ)) {
		if (dhcp->result)
			snprintf(why, why_size, "'%s': no lease: error %ld", name, -dhcp->result);
		return dhcp->result;
	}
	stop(dhcp);
	wait_for_completion(&dhcp->ended);
	snprintf(why, why_size,
		 "'%s': no DHCP lease within %u s: %s (timeout=SECONDS waits longer, timeout=0 not at all)",
		 name, timeout, dhcp->trouble);
	return -ETIMEDOUT;
}

static long start_on(struct net_device *dev, unsigned int timeout, bool is_oneshot, char *why,
		     size_t why_size)
{
	struct dhcp *dhcp;
	long err;

	if (dev->type != ARPHRD_ETHER || dev->addr_len != DHCP_HARDWARE_SIZE ||
	    dev->flags & IFF_LOOPBACK) {
		snprintf(why, why_size, "'%s': DHCP is for Ethernet", dev->name);
		return -EINVAL;
	}
	mutex_lock(&clients_lock);
	err = start(dev, is_oneshot, &dhcp);
	mutex_unlock(&clients_lock);
	if (err) {
		snprintf(why, why_size, err == -EBUSY ? "'%s': DHCP has it already" :
			 "'%s': DHCP cannot begin", dev->name);
		return err;
	}
	if (timeout)
		err = await(dhcp, dev->name, timeout, why, why_size);
	kref_put(&dhcp->users, dhcp_free);
	return err;
}

long rump_dhcp_start(const char *name, unsigned int timeout, bool is_oneshot, char *why,
		     size_t why_size)
{
	struct net *net = current->nsproxy->net_ns;
	struct net_device *dev;
	long err;

	/* whose thread works there */
	if (net != &init_net) {
		snprintf(why, why_size, "'%s': DHCP works in the first network namespace only", name);
		return -EOPNOTSUPP;
	}
	err = rump_netconfig_up(name, true, 0, why, why_size);
	if (err)
		return err;
	dev = dev_get_by_name(net, name);
	if (!dev)
		return -ENODEV;
	err = start_on(dev, timeout, is_oneshot, why, why_size);
	dev_put(dev);
	return err;
}

void rump_dhcp_release_all(void)
{
	struct dhcp *dhcp;

	for (;;) {
		mutex_lock(&clients_lock);
		dhcp = list_first_entry_or_null(&clients, struct dhcp, node);
		if (dhcp)
			kref_get(&dhcp->users);
		mutex_unlock(&clients_lock);
		if (!dhcp)
			return;
		stop(dhcp);
		if (!wait_for_completion_timeout(&dhcp->ended, RELEASE_WAIT)) {
			kref_put(&dhcp->users, dhcp_free);
			return;
		}
		kref_put(&dhcp->users, dhcp_free);
	}
}

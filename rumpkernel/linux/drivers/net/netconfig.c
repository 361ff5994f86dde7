// SPDX-License-Identifier: GPL-2.0-only
/*
 * Set-up of the network by name.
 *
 * Three ways lead here or to the same place: rump.conf's lines and the words of RUMPHIJACK
 * (netlines.c), the C calls (netconfig_calls.c), and ip(8) and its like by their netlink
 * messages, which this file makes as well (rtnetlink.c).  An address brings its interface
 * up, as SIOCSIFADDR does in Linux and SIOCAIFADDR in BSD: no other order of lines makes
 * sense, and a route needs it.
 */
#include <linux/if_arp.h>
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <net/addrconf.h>
#include <net/ndisc.h>

#include "../sockin/claim.h"
#include "interface.h"
#include "netconfig.h"

/* ---- texts ---- */

bool rump_parse_address(const char *text, struct rump_address *ret_address)
{
	struct rump_address address = { .family = AF_INET, .length = 32 };

	if (!in4_pton(text, -1, address.bytes, -1, NULL)) {
		address.family = AF_INET6;
		address.length = 128;
		if (!in6_pton(text, -1, address.bytes, -1, NULL))
			return false;
	}
	*ret_address = address;
	return true;
}

bool rump_parse_cidr(const char *text, struct rump_address *ret_address)
{
	char copy[64], *slash;
	struct rump_address address;
	unsigned int length;

	if (strscpy(copy, text, sizeof(copy)) < 0)
		return false;
	slash = strchr(copy, '/');
	if (!slash)
		return false;
	*slash = '\0';
	if (!rump_parse_address(copy, &address) || kstrtouint(slash + 1, 10, &length) ||
	    length > address.length)
		return false;
	address.length = length;
	*ret_address = address;
	return true;
}

/* what happened: "virt0: cannot go up: TEXT (error 22)" */
static long explain(long err, const char *name, const char *what, const struct rump_why *linux_says,
		    char *why, size_t why_size)
{
	if (!err)
		return 0;
	if (err == -ENODEV)
		snprintf(why, why_size,
			 "'%s': there is no such interface: make it first, by `interface %s ...'",
			 name, name);
	else if (err == -EPERM)
		snprintf(why, why_size, "'%s': %s: only root may do that", name, what);
	else
		snprintf(why, why_size, "'%s': %s: %s%serror %ld", name, what, linux_says->text,
			 *linux_says->text ? ", " : "", -err);
	return err;
}

/* ---- interfaces ---- */

static const struct {
	const char *prefix, *kind;
	bool has_peer;
} kinds[] = {
	{ "dummy", "dummy", false },
	{ "bridge", "bridge", false },
	{ "br", "bridge", false },
	{ "veth", "veth", true },
};

/* The number behind the prefix and nothing else. */
static bool has_prefix(const char *name, const char *prefix)
{
	size_t length = str_has_prefix(name, prefix);

	return length && name[length] && !name[length + strspn(name + length, "0123456789")];
}

bool rump_netconfig_needs_backend(const char *name)
{
	return has_prefix(name, "virt") || has_prefix(name, "shmif");
}

bool rump_netconfig_exists(const char *name)
{
	bool result;

	rcu_read_lock();
	result = dev_get_by_name_rcu(current->nsproxy->net_ns, name);
	rcu_read_unlock();
	return result;
}

long rump_netconfig_create(const char *name, const char *to, char *why, size_t why_size)
{
	bool is_there = rump_netconfig_exists(name);
	struct rump_why text = {};
	unsigned int i;
	long err;

	err = rump_claim_native(name, why, why_size);
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!has_prefix(name, kinds[i].prefix))
			continue;
		if (!*to == kinds[i].has_peer) {
			snprintf(why, why_size, kinds[i].has_peer ?
				 "'%s': want the name of the other end, such as veth1" :
				 "'%s' needs no backend: want its name only", name);
			return -EINVAL;
		}
		err = rump_link_new(kinds[i].kind, name, *to ? to : NULL, &text);
		/* dummy.ko has one to begin with */
		if (err == -EEXIST && !is_there && rump_netconfig_exists(name))
			err = 0;
		if (err == -EEXIST)
			snprintf(why, why_size, "'%s': there is an interface of that name", name);
		else if (err == -EOPNOTSUPP)
			snprintf(why, why_size, "'%s': the module for %s is not there (RUMP_MODULES)",
				 name, kinds[i].kind);
		else
			explain(err, name, "cannot be made", &text, why, why_size);
		return err;
	}
	return rump_interface_create(name, to, why, why_size);
}

long rump_netconfig_up(const char *name, bool is_up, unsigned int mtu, char *why,
		       size_t why_size)
{
	struct rump_why text = {};
	long err = rump_link_up(name, is_up, mtu, &text);

	return explain(err, name, is_up ? mtu ? "cannot go up with that mtu" : "cannot go up" :
		       "cannot go down", &text, why, why_size);
}

long rump_netconfig_bridge_add(const char *bridge, const char *port, char *why,
			       size_t why_size)
{
	struct rump_why text = {};
	long err = rump_link_new("bridge", bridge, NULL, &text);

	if (err && err != -EEXIST)
		return explain(err, bridge, "cannot be made", &text, why, why_size);
	err = rump_netconfig_up(bridge, true, 0, why, why_size);
	if (err || !port)
		return err;
	text.text[0] = '\0';
	err = rump_link_enslave(port, bridge, &text);
	if (err)
		return explain(err, port, "cannot be a port of the bridge", &text, why, why_size);
	return rump_netconfig_up(port, true, 0, why, why_size);
}

/* Whether port hangs at master. */
static bool is_port_of(const char *port, const char *bridge)
{
	struct net *net = current->nsproxy->net_ns;
	struct net_device *dev, *master;
	bool result;

	rcu_read_lock();
	dev = dev_get_by_name_rcu(net, port);
	master = dev ? netdev_master_upper_dev_get_rcu(dev) : NULL;
	result = master && !strcmp(master->name, bridge);
	rcu_read_unlock();
	return result;
}

long rump_netconfig_bridge_remove(const char *bridge, const char *port, char *why,
				  size_t why_size)
{
	struct rump_why text = {};

	if (!is_port_of(port, bridge)) {
		snprintf(why, why_size, "'%s' is no port of '%s'", port, bridge);
		return -ENOENT;
	}
	return explain(rump_link_enslave(port, NULL, &text), port, "cannot leave the bridge", &text,
		       why, why_size);
}

/* ---- addresses and routes ---- */

/*
 * By gratuitous ARP and unsolicited advertisements: they may know the address by the MAC that
 * its last owner had, who may have been this host before it was started again.
 */
static void tell_neighbours(const char *name)
{
	struct net_device *dev = dev_get_by_name(current->nsproxy->net_ns, name);

	if (!dev)
		return;
	netdev_notify_peers(dev);
	dev_put(dev);
}

long rump_netconfig_address(const char *name, const struct rump_address *address, char *why,
			    size_t why_size)
{
	struct rump_why text = {};
	/* up first: without IPv6's state, which comes with it, there is no IPv6 address */
	long err = rump_claim_native(name, why, why_size) ?:
		   rump_netconfig_up(name, true, 0, why, why_size);

	if (err)
		return err;
	err = rump_address_add(name, address, RUMP_FOREVER, &text);
	if (!err)
		tell_neighbours(name);
	return explain(err, name, "cannot have that address", &text, why, why_size);
}

long rump_netconfig_route(const struct rump_address *destination,
			  const struct rump_address *gateway, const char *name, char *why,
			  size_t why_size)
{
	struct rump_route route = { .gateway = gateway, .protocol = RTPROT_STATIC };
	struct net_device *dev;
	struct rump_why text = {};
	char at[64];
	long err;

	if (destination)
		route.destination = *destination;
	else
		route.destination.family = gateway->family;
	if (name) {
		dev = dev_get_by_name(current->nsproxy->net_ns, name);
		if (!dev)
			return explain(-ENODEV, name, "", &text, why, why_size);
		route.ifindex = dev->ifindex;
		dev_put(dev);
	}
	snprintf(at, sizeof(at), gateway->family == AF_INET ? "%pI4" : "%pI6c", gateway->bytes);
	err = rump_route_add(&route, &text);
	/* which IPv6 says */
	if (err == -EHOSTUNREACH)
		err = -ENETUNREACH;
	if (err == -ENETUNREACH)
		snprintf(why, why_size,
			 "no interface is in the network of the gateway %s: give one an address first",
			 at);
	else if (err == -EEXIST)
		snprintf(why, why_size, "there is such a route already, this one by %s is too much",
			 at);
	else
		explain(err, at, "cannot be the gateway", &text, why, why_size);
	return err;
}

/* With the RTNL. */
static long follow_routers(const char *name)
{
	struct net_device *dev = __dev_get_by_name(current->nsproxy->net_ns, name);
	struct inet6_dev *idev = dev ? __in6_dev_get(dev) : NULL;
	struct in6_addr from;

	if (!dev)
		return -ENODEV;
	if (!idev)
		return -EAFNOSUPPORT;
	/* 2: forwarding does not turn it off, it was asked for */
	WRITE_ONCE(idev->cnf.accept_ra, 2);
	WRITE_ONCE(idev->cnf.autoconf, 1);
	/* an interface that was up has asked, maybe before there was a router */
	if (!ipv6_get_lladdr(dev, &from, IFA_F_TENTATIVE))
		ndisc_send_rs(dev, &from, &in6addr_linklocal_allrouters);
	return 0;
}

long rump_netconfig_autoconf6(const char *name, char *why, size_t why_size)
{
	struct rump_why text = {};
	long err;

	rtnl_lock();
	err = follow_routers(name);
	rtnl_unlock();
	if (err == -EAFNOSUPPORT)
		snprintf(why, why_size, "'%s' has no IPv6: its MTU is below 1280, or disable_ipv6",
			 name);
	if (err)
		return err == -EAFNOSUPPORT ? err : explain(err, name, "", &text, why, why_size);
	return rump_netconfig_up(name, true, 0, why, why_size);
}

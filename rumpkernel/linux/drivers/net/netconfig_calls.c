// SPDX-License-Identifier: GPL-2.0-only
/*
 * rump_pub_netconfig_*(): set-up of the network by calls of the program.
 *
 * Each call is a request with up to three texts, copied on the caller's lwp.  Interfaces that
 * need something behind them are only names until ifsetlinkstr().
 */
#include <linux/err.h>
#include <linux/inet.h>
#include <linux/inetdevice.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/rump.h>

#include "dhcp.h"
#include "interface.h"
#include "netconfig.h"

#define TEXTS 3
#define TEXT_MAX PATH_MAX
#define WHY_SIZE 256
#define PROMISES_MAX 64

struct call {
	long (*run)(struct call *call);
	const char *user[TEXTS];	/* the program's; NULL ends */
	char *text[TEXTS];
	int length;
	char why[WHY_SIZE];
};

static void free_texts(struct call *call)
{
	unsigned int i;

	for (i = 0; i < TEXTS; i++)
		kfree(call->text[i]);
}

static long run_call(void *arg)
{
	struct call *call = arg;
	unsigned int i;
	long err = 0;

	for (i = 0; i < TEXTS && call->user[i] && !err; i++) {
		char *text = strndup_user((const char __user *)call->user[i], TEXT_MAX);

		err = PTR_ERR_OR_ZERO(text);
		if (!err)
			call->text[i] = text;
	}
	if (!err && strlen(call->text[0]) >= INET6_ADDRSTRLEN + IFNAMSIZ)
		err = -EINVAL;
	if (!err)
		err = call->run(call);
	if (err && *call->why)
		pr_notice("rump: %s\n", call->why);
	free_texts(call);
	return err;
}

/*
 * A NULL is a bad pointer, not the end of the texts.  On a host stack: the struct may be
 * touched there and in the kernel.
 */
static int make_call(long (*run)(struct call *call), const char *a, const char *b, const char *c,
		     unsigned int count, int length)
{
	struct call call = { .run = run, .user = { a, b, c }, .length = length };
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!call.user[i])
			return EFAULT;
	return -rump_kernel_call(run_call, &call);
}

/* ---- interfaces ---- */

struct promise {
	struct list_head node;
	struct net *net;		/* compared only */
	char name[IFNAMSIZ];
};

static DEFINE_MUTEX(promises_lock);
static LIST_HEAD(promises);

/* With promises_lock. */
static struct promise *find_promise(const char *name)
{
	struct promise *promise;

	list_for_each_entry(promise, &promises, node)
		if (promise->net == current->nsproxy->net_ns && !strcmp(promise->name, name))
			return promise;
	return NULL;
}

static bool drop_promise(const char *name)
{
	struct promise *promise;

	mutex_lock(&promises_lock);
	promise = find_promise(name);
	if (promise)
		list_del(&promise->node);
	mutex_unlock(&promises_lock);
	kfree(promise);
	return promise;
}

/* With promises_lock. */
static long add_promise(const char *name)
{
	struct promise *promise;

	if (find_promise(name))
		return -EEXIST;
	if (list_count_nodes(&promises) >= PROMISES_MAX)
		return -ENOSPC;
	promise = kzalloc(sizeof(*promise), GFP_KERNEL);
	if (!promise)
		return -ENOMEM;
	promise->net = current->nsproxy->net_ns;
	strscpy(promise->name, name, sizeof(promise->name));
	list_add(&promise->node, &promises);
	return 0;
}

static long ifcreate(struct call *call)
{
	const char *name = call->text[0];
	long err;

	if (!dev_valid_name(name))
		return -EINVAL;
	if (!rump_netconfig_needs_backend(name))
		return rump_netconfig_create(name, "", call->why, WHY_SIZE);
	if (rump_netconfig_exists(name))
		return -EEXIST;
	mutex_lock(&promises_lock);
	err = add_promise(name);
	mutex_unlock(&promises_lock);
	return err;
}

static long ifsetlinkstr(struct call *call)
{
	const char *name = call->text[0];
	bool is_promised;
	long err;

	mutex_lock(&promises_lock);
	is_promised = find_promise(name);
	mutex_unlock(&promises_lock);
	if (!is_promised)
		return rump_netconfig_exists(name) ? -EBUSY : -ENODEV;
	err = rump_netconfig_create(name, call->text[1], call->why, WHY_SIZE);
	if (!err)
		drop_promise(name);
	return err;
}

static long ifup(struct call *call)
{
	return rump_netconfig_up(call->text[0], true, 0, call->why, WHY_SIZE);
}

static long ifdown(struct call *call)
{
	return rump_netconfig_up(call->text[0], false, 0, call->why, WHY_SIZE);
}

static long ifdestroy(struct call *call)
{
	return drop_promise(call->text[0]) ? 0 : rump_interface_destroy(call->text[0]);
}

static long bradd(struct call *call)
{
	return rump_netconfig_bridge_add(call->text[0], call->text[1], call->why, WHY_SIZE);
}

static long brdel(struct call *call)
{
	return rump_netconfig_bridge_remove(call->text[0], call->text[1], call->why, WHY_SIZE);
}

/* ---- addresses ---- */

static long add_address(struct call *call, int family, int length)
{
	struct rump_address address;

	if (!rump_parse_address(call->text[1], &address) || address.family != family ||
	    length < 0 || length > (int)address.length)
		return -EINVAL;
	address.length = length;
	return rump_netconfig_address(call->text[0], &address, call->why, WHY_SIZE);
}

static long ipv4_ifaddr(struct call *call)
{
	struct rump_address mask;
	__be32 bits;

	if (!rump_parse_address(call->text[2], &mask) || mask.family != AF_INET)
		return -EINVAL;
	memcpy(&bits, mask.bytes, sizeof(bits));
	if (bad_mask(bits, 0))
		return -EINVAL;
	return add_address(call, AF_INET, inet_mask_len(bits));
}

static long ipv4_ifaddr_cidr(struct call *call)
{
	return add_address(call, AF_INET, call->length);
}

static long ipv6_ifaddr(struct call *call)
{
	return add_address(call, AF_INET6, call->length);
}

static long add_gateway(struct call *call, int family, const char *interface)
{
	struct rump_address gateway;

	if (!rump_parse_address(call->text[0], &gateway) || gateway.family != family)
		return -EINVAL;
	return rump_netconfig_route(NULL, &gateway, interface, call->why, WHY_SIZE);
}

static long ipv4_gw(struct call *call)
{
	return add_gateway(call, AF_INET, NULL);
}

static long ipv6_gw(struct call *call)
{
	char *interface = strchr(call->text[0], '%');

	if (interface)
		*interface++ = '\0';
	return add_gateway(call, AF_INET6, interface);
}

static long auto_ipv6(struct call *call)
{
	return rump_netconfig_autoconf6(call->text[0], call->why, WHY_SIZE);
}

static long dhcp_oneshot(struct call *call)
{
	return rump_dhcp_start(call->text[0], RUMP_DHCP_TIMEOUT, true, call->why, WHY_SIZE);
}

/* ---- on host stacks ---- */

#define CALL_1(name, run)						\
	rump_export int rump_pub_netconfig_##name(const char *a);	\
	int rump_pub_netconfig_##name(const char *a)			\
	{								\
		return make_call(run, a, NULL, NULL, 1, 0);		\
	}

#define CALL_2(name, run)							\
	rump_export int rump_pub_netconfig_##name(const char *a, const char *b);	\
	int rump_pub_netconfig_##name(const char *a, const char *b)		\
	{									\
		return make_call(run, a, b, NULL, 2, 0);			\
	}

CALL_1(ifcreate, ifcreate)
CALL_1(ifup, ifup)
CALL_1(ifdown, ifdown)
CALL_1(ifdestroy, ifdestroy)
CALL_1(ipv4_gw, ipv4_gw)
CALL_1(ipv6_gw, ipv6_gw)
CALL_1(auto_ipv6, auto_ipv6)
CALL_1(dhcp_ipv4_oneshot, dhcp_oneshot)
CALL_2(ifsetlinkstr, ifsetlinkstr)
CALL_2(bradd, bradd)
CALL_2(brdel, brdel)

rump_export int rump_pub_netconfig_ipv4_ifaddr(const char *name, const char *address,
					       const char *netmask);
int rump_pub_netconfig_ipv4_ifaddr(const char *name, const char *address, const char *netmask)
{
	return make_call(ipv4_ifaddr, name, address, netmask, 3, 0);
}

rump_export int rump_pub_netconfig_ipv4_ifaddr_cidr(const char *name, const char *address,
						    int length);
int rump_pub_netconfig_ipv4_ifaddr_cidr(const char *name, const char *address, int length)
{
	return make_call(ipv4_ifaddr_cidr, name, address, NULL, 2, length);
}

rump_export int rump_pub_netconfig_ipv6_ifaddr(const char *name, const char *address, int length);
int rump_pub_netconfig_ipv6_ifaddr(const char *name, const char *address, int length)
{
	return make_call(ipv6_ifaddr, name, address, NULL, 2, length);
}

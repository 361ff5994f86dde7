/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netconfig.h - set-up of the network by name: what rump.conf's lines and the
 * rump_pub_netconfig_*() calls have in common.
 *
 * In the caller's network namespace; process context, without the RTNL.  All return 0 or
 * -errno; why gets one line that names the word and the remedy, when there is an error.
 */
#ifndef RUMP_DRIVERS_NET_NETCONFIG_H
#define RUMP_DRIVERS_NET_NETCONFIG_H

#include <linux/types.h>

#include "rtnetlink.h"

struct rumpuser_boot_item;

/* Without a prefix length; ADDRESS/LENGTH. */
bool rump_parse_address(const char *text, struct rump_address *ret_address);
bool rump_parse_cidr(const char *text, struct rump_address *ret_address);

/*
 * virt and shmif, which need what stands behind them (`to`), and what Linux makes of
 * nothing: dummyN, brN, bridgeN, vethN with the name of its peer.
 */
long rump_netconfig_create(const char *name, const char *to, char *why, size_t why_size);
bool rump_netconfig_exists(const char *name);
/* virt and shmif: cannot be made without a `to` */
bool rump_netconfig_needs_backend(const char *name);
long rump_netconfig_up(const char *name, bool is_up, unsigned int mtu, char *why,
		       size_t why_size);
/* The interface goes up. */
long rump_netconfig_address(const char *name, const struct rump_address *address, char *why,
			    size_t why_size);
/* destination NULL: default; name NULL: by the gateway */
long rump_netconfig_route(const struct rump_address *destination,
			  const struct rump_address *gateway, const char *name, char *why,
			  size_t why_size);
/* Router advertisements are followed; the interface goes up and asks for one. */
long rump_netconfig_autoconf6(const char *name, char *why, size_t why_size);
/* The bridge is made when there is none; the port goes up. */
long rump_netconfig_bridge_add(const char *bridge, const char *port, char *why,
			       size_t why_size);
long rump_netconfig_bridge_remove(const char *bridge, const char *port, char *why,
				  size_t why_size);

/* The name of all kernels that nobody has named; rump_name_host() gives those another. */
#define RUMP_DEFAULT_HOSTNAME "rump"
void rump_name_host(const char *name);

/* A network line of rump.conf. */
long rump_net_item(const struct rumpuser_boot_item *item, char *why, size_t why_size);

#endif

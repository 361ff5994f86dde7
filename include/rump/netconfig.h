/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netconfig.h - the network of this process' kernel, set up by calls.
 *
 * For programs linked with -lrump, once rump_init() has succeeded; ENXIO before, ENOTCONN in a
 * child of fork(), which is a client and uses netlink by rump_sys_*().  All return 0 or a
 * positive errno value, as the functions of these names do elsewhere; all may block, act in
 * the caller's network namespace and need to be root there (EPERM).  Texts are those that
 * rump.conf(5) takes.  ENODEV: there is no such interface.  EINVAL: a text that is no address.
 * EFAULT: a bad pointer.  Manual: rump_netconfig(3).
 */
#ifndef RUMP_NETCONFIG_H
#define RUMP_NETCONFIG_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Makes an interface.  dummyN, brN and bridgeN are there at once; virtN and shmifN once
 * rump_pub_netconfig_ifsetlinkstr() tells what is behind them.  EEXIST: the name is taken.
 * ENODEV: no kind of interface is called so.
 */
int rump_pub_netconfig_ifcreate(const char *ifname);
/*
 * What is behind an interface that ifcreate() has promised: "tap0", "user", "/tmp/bus" ...: the
 * words of rump.conf's line `interface'.  EBUSY: it has something behind it.  Otherwise what
 * opening that gives.
 */
int rump_pub_netconfig_ifsetlinkstr(const char *ifname, const char *linkstr);
int rump_pub_netconfig_ifup(const char *ifname);
int rump_pub_netconfig_ifdown(const char *ifname);
/* EOPNOTSUPP: it cannot be taken away, as lo. */
int rump_pub_netconfig_ifdestroy(const char *ifname);

/* An address brings its interface up.  netmask: "255.255.255.0". */
int rump_pub_netconfig_ipv4_ifaddr(const char *ifname, const char *address, const char *netmask);
int rump_pub_netconfig_ipv4_ifaddr_cidr(const char *ifname, const char *address, int length);
/* At once, without duplicate address detection. */
int rump_pub_netconfig_ipv6_ifaddr(const char *ifname, const char *address, int length);

/* The default route.  ENETUNREACH: no interface is in the gateway's network.  EEXIST. */
int rump_pub_netconfig_ipv4_gw(const char *gateway);
/* A link-local gateway has its interface behind it: "fe80::1%virt0". */
int rump_pub_netconfig_ipv6_gw(const char *gateway);
/* Follows routers' advertisements and asks for one; does not wait. */
int rump_pub_netconfig_auto_ipv6(const char *ifname);

/* ifname becomes a port of the bridge, which is made if it is missing; is none any more (ENOENT). */
int rump_pub_netconfig_bradd(const char *bridge, const char *ifname);
int rump_pub_netconfig_brdel(const char *bridge, const char *ifname);

/*
 * One lease, which is not renewed: the address goes when it ends; rump.conf's line `dhcp' keeps
 * one.  ETIMEDOUT after 20 s.  EBUSY: there is a DHCP client for it.
 */
int rump_pub_netconfig_dhcp_ipv4_oneshot(const char *ifname);

#ifdef __cplusplus
}
#endif

#endif

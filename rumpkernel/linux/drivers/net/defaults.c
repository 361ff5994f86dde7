// SPDX-License-Identifier: GPL-2.0-only
/*
 * defaults.c - where the network of a rump kernel starts from other values than Linux
 */
#include <linux/init.h>
#include <net/hotdata.h>

/*
 * Packets that another CPU has allocated are freed where they are.  Linux gives them back
 * to that CPU in lots, by an interrupt, for the sake of its caches; here an interrupt of a
 * vCPU that nobody runs wakes its service thread, which costs as much as some 20 packets.
 */
static int __init set_defaults(void)
{
	net_hotdata.sysctl_skb_defer_max = 0;
	return 0;
}
core_initcall(set_defaults);

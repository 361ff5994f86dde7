// SPDX-License-Identifier: GPL-2.0-only
/*
 * defaults.c - where the network of a rump kernel starts from other values than Linux
 */
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <net/hotdata.h>
#include <net/net_namespace.h>
#include <net/tcp.h>
#include <asm/rump.h>

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

/*
 * How many connections may be about to end: Linux derives it from the size of a table that
 * it derives from the RAM, 512 in 128 MiB, and beyond that servers reset them: a client that
 * has yet to read the end of an answer is told of an error.  In TIME_WAIT one takes 280 bytes,
 * a fifteenth of a page; to one address there are never more than ephemeral ports, 28,232.
 */
#define ORPHANS		8192
#define WAITING		32768L

static int __net_init allow_endings(struct net *net)
{
	struct inet_timewait_death_row *row = &net->ipv4.tcp_death_row;
	int waiting = min_t(long, rump_memory_size >> PAGE_SHIFT, WAITING);

	row->sysctl_max_tw_buckets = max(row->sysctl_max_tw_buckets, waiting);
	return 0;
}

static struct pernet_operations endings = { .init = allow_endings };

static int __init set_endings(void)
{
	sysctl_tcp_max_orphans = max(sysctl_tcp_max_orphans, ORPHANS);
	return register_pernet_subsys(&endings);
}
late_initcall(set_endings);

/* Linux's receive buffer at first, 128 KiB, is for this much memory and more. */
#define ENOUGH_MEMORY	SZ_128M
/* its part of less: 16 KiB of 32 MiB */
#define BUFFER_SHIFT	11
/* the part of the pages before there is pressure that all CPUs together may keep */
#define KEPT_PART	8

/*
 * tcp_mem follows the size of RAM, but a socket without data may always take one segment more,
 * and on lo one of 64 KiB: a thousand connections that nobody reads from hold 64 MiB, whatever
 * the limit, and the OOM killer comes.  A segment is at most half of the window, and the window
 * of who has not read yet is that of the first receive buffer; it grows with what is read.
 * Other namespaces begin with what the first one has.
 *
 * Each CPU keeps up to 1 MiB of what sockets gave back, and it counts as used: four of them
 * would have half of what 128 MiB of RAM allow.  TCP drops data then, and a reset behind it is
 * out of the window: the other end stays.
 */
static int __init set_small_memory(void)
{
	long kept = sysctl_tcp_mem[0] / KEPT_PART / num_online_cpus();

	if (kept < net_hotdata.sysctl_mem_pcpu_rsv)
		net_hotdata.sysctl_mem_pcpu_rsv = max(kept, 1L);
	if (rump_memory_size < ENOUGH_MEMORY)
		init_net.ipv4.sysctl_tcp_rmem[1] = rump_memory_size >> BUFFER_SHIFT;
	return 0;
}
/* after tcp_init() */
late_initcall(set_small_memory);

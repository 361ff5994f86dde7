/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dhcp.h - a DHCPv4 client inside the kernel: an interface gets its address, routes,
 * nameservers and MTU, and keeps them.
 */
#ifndef RUMP_DRIVERS_NET_DHCP_H
#define RUMP_DRIVERS_NET_DHCP_H

#include <linux/types.h>

/* Seconds that a line `dhcp' waits for a lease. */
#define RUMP_DHCP_TIMEOUT 20

/*
 * Brings the interface up and waits until it has a lease, at most so many seconds; 0: goes
 * on in the background at once.  A thread renews it; is_oneshot: none does, the
 * address goes when the lease ends.
 * 0 or -errno, why gets one line: -EBUSY: there is one for the interface; -ETIMEDOUT.
 * Process context, without the RTNL.
 */
long rump_dhcp_start(const char *name, unsigned int timeout, bool is_oneshot, char *why,
		     size_t why_size);

/* Gives the leases back; the kernel ends. */
void rump_dhcp_release_all(void);

#endif

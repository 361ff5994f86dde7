/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * claim.h - whose PF_INET and PF_INET6 are: the native stack's, or the host's sockets'.
 */
#ifndef RUMP_DRIVERS_SOCKIN_CLAIM_H
#define RUMP_DRIVERS_SOCKIN_CLAIM_H

#include <linux/types.h>

struct net;
struct socket;

/* as net_proto_family.create */
typedef int (*rump_inet_create_t)(struct net *net, struct socket *sock, int protocol, int kern);

/*
 * From now on sockets of the first network namespace are made by these.  0; -EBUSY: the
 * native stack is in use, and rump_claim_why() tells by what.
 */
int rump_claim_sockin(rump_inet_create_t inet, rump_inet_create_t inet6);

/* Before an address, route or interface of the native stack is made: 0 or -EBUSY with why. */
int rump_claim_native(const char *what, char *why, size_t why_size);

/* Why the last rump_claim_sockin() failed; "": it did not. */
const char *rump_claim_why(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * interface.h - interfaces that have an end on the host: made by name.
 */
#ifndef RUMP_DRIVERS_NET_INTERFACE_H
#define RUMP_DRIVERS_NET_INTERFACE_H

#include <linux/types.h>

struct net;

struct rump_interface_type {
	const char *prefix;	/* "virt": virt0, virt1 ... */
	/*
	 * Makes the interface, down, in a namespace.  to: the words behind its name in
	 * rump.conf, one blank between them, for rump_next_word().  Returns 0 or -errno; why gets one line
	 * that names what is wrong and the remedy.  May sleep; without the RTNL.
	 */
	long (*create)(struct net *net, const char *name, const char *to, char *why,
		       size_t why_size);
};

extern const struct rump_interface_type rump_virtif, rump_shmif;

/*
 * Cuts off the first word of the line *at, which changes: without its quotes, which words with
 * blanks have; "" at the end.
 */
char *rump_next_word(char **at);

/* In the caller's network namespace.  Process context, without the RTNL. */
long rump_interface_create(const char *name, const char *to, char *why, size_t why_size);
/* -ENODEV: none of that name; -EOPNOTSUPP: of a kind that cannot be taken away. */
long rump_interface_destroy(const char *name);

/* The kernel ends: so do the connections of the calling process. */
void rump_net_end(void);

#endif

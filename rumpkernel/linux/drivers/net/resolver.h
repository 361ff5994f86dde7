/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * resolver.h - /etc/resolv.conf and /etc/hosts of the rump kernel.
 *
 * Process context; any task.  0 or -errno, why gets one line.
 */
#ifndef RUMP_DRIVERS_NET_RESOLVER_H
#define RUMP_DRIVERS_NET_RESOLVER_H

#include <linux/types.h>

struct rump_address;

#define RUMP_RESOLVER_SERVERS 4
#define RUMP_RESOLVER_DOMAIN 256

/* What DHCP says for an interface. */
struct rump_resolver_link {
	unsigned int ifindex;		/* 0: this row is free */
	unsigned int server_count;
	__be32 servers[RUMP_RESOLVER_SERVERS];
	char domain[RUMP_RESOLVER_DOMAIN];
};

/* `nameserver ADDRESS ...' and `host ADDRESS NAME ...': words with blanks between them. */
long rump_resolver_nameservers(const char *words, char *why, size_t why_size);
long rump_resolver_host(const char *address, const char *names, char *why, size_t why_size);

/* The files are there from now on, if only with what they had.  While the kernel boots. */
long rump_resolver_prepare(char *why, size_t why_size);

/*
 * Takes the place of what was said for that interface; server_count 0 takes it away.
 * Without files to write to nothing happens.
 */
void rump_resolver_link(const struct rump_resolver_link *link);

/*
 * new_root: where the file system that becomes the root hangs.  The files are mounted over
 * its own ones, which are not changed.  -ENOENT: it has none.
 */
long rump_resolver_enter(const char *new_root, char *why, size_t why_size);

#endif

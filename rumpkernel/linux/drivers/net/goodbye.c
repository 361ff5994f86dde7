// SPDX-License-Identifier: GPL-2.0-only
/*
 * goodbye.c - connections of a program that ends with the kernel inside
 *
 * On the host the kernel closes what a program has left open, and goes on to send what is
 * in its sockets.  This kernel ends with the program: it closes the sockets of the process
 * that stops it first, and waits until their peers have everything, as long as there is
 * progress.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <net/ip.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "interface.h"

/* Peers that have sent nothing for so long have gone; one that answers and takes nothing is
 * given up in the end, too. */
#define PATIENCE	(2 * HZ)
#define PATIENCE_MAX	(30 * HZ)

/* Ends the search at a socket, with its number + 1. */
static int find_socket(const void *unused, struct file *file, unsigned int fd)
{
	struct socket *sock = sock_from_file(file);

	if (!sock)
		return 0;
	/* a process that exits does not linger, but for the zero that means a reset */
	if (sock->sk && sock->sk->sk_lingertime)
		sock_reset_flag(sock->sk, SOCK_LINGER);
	return fd + 1;
}

static void close_sockets(void)
{
	unsigned int from = 0;
	int next;

	while ((next = iterate_fd(current->files, from, find_socket, NULL)) > 0) {
		from = next;
		close_fd(next - 1);
	}
	task_work_run();
}

/* What peers have sent so far, acknowledgements above all. */
static unsigned long segments_heard(void)
{
	struct net *net;
	unsigned long sum = 0;

	rcu_read_lock();
	for_each_net_rcu(net)
		sum += snmp_fold_field(net->mib.tcp_statistics, TCP_MIB_INSEGS);
	rcu_read_unlock();
	return sum;
}

void rump_net_end(void)
{
	unsigned long end = jiffies + PATIENCE_MAX, until = jiffies + PATIENCE;
	unsigned long heard = segments_heard(), now;

	close_sockets();
	while (tcp_orphan_count_sum() > 0 && time_before(jiffies, until) &&
	       time_before(jiffies, end)) {
		schedule_timeout_uninterruptible(1);
		now = segments_heard();
		if (now != heard)
			until = jiffies + PATIENCE;
		heard = now;
	}
}

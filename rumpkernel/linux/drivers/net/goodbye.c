// SPDX-License-Identifier: GPL-2.0-only
/*
 * goodbye.c - connections of a program that ends with the kernel inside
 *
 * On the host the kernel closes what a program has left open, and goes on to send what is
 * in its sockets.  This kernel ends with the program: it closes the sockets of the process
 * that stops it first, and waits for a moment until their peers have everything.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "interface.h"

/*
 * How many connections may be about to end: Linux derives it from the size of a table that
 * it derives from the RAM, 512 in 128 MiB, and beyond that servers reset them.
 */
#define ENDING	8192

/* A peer that has gone is not waited for any longer. */
#define PATIENCE	(2 * HZ)

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

void rump_net_end(void)
{
	unsigned long until = jiffies + PATIENCE;

	close_sockets();
	while (tcp_orphan_count_sum() > 0 && time_before(jiffies, until))
		schedule_timeout_uninterruptible(1);
}

static int __init allow_endings(void)
{
	struct inet_timewait_death_row *row = &init_net.ipv4.tcp_death_row;

	sysctl_tcp_max_orphans = max(sysctl_tcp_max_orphans, ENDING);
	row->sysctl_max_tw_buckets = max(row->sysctl_max_tw_buckets, ENDING);
	return 0;
}
late_initcall(allow_endings);

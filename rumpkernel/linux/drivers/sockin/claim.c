// SPDX-License-Identifier: GPL-2.0-only
/*
 * claim.c - a kernel has either a network of its own or the host's
 *
 * A program that asks for an address cannot mean two networks at once.  So what was
 * there first wins, and the other one is refused by a line that names both.
 *
 * The switch stands in front of both create functions: what must stay native does also when
 * sockin is on: sockets of inner network namespaces, and the sockets by which
 * the native stack sends its own packets (raw ones of the kernel).
 */
#include <linux/fdtable.h>
#include <linux/in.h>
#include <linux/init.h>
#include <linux/if_arp.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "claim.h"

static DEFINE_MUTEX(claim_lock);
static bool is_sockin;
static rump_inet_create_t native[2], hosted[2];	/* inet, inet6 */
static char claim_why[160];

static int create(unsigned int which, struct net *net, struct socket *sock, int protocol,
		  int kern)
{
	bool is_native = !READ_ONCE(is_sockin) || !net_eq(net, &init_net) ||
			 (kern && sock->type != SOCK_STREAM && sock->type != SOCK_DGRAM);

	return (is_native ? native : hosted)[which](net, sock, protocol, kern);
}

static int create_inet(struct net *net, struct socket *sock, int protocol, int kern)
{
	return create(0, net, sock, protocol, kern);
}

static int create_inet6(struct net *net, struct socket *sock, int protocol, int kern)
{
	return create(1, net, sock, protocol, kern);
}

static const struct net_proto_family families[] = {
	{ .family = PF_INET, .create = create_inet },
	{ .family = PF_INET6, .create = create_inet6 },
};

/* ---- what is in use ---- */

static int is_inet_file(const void *unused, struct file *file, unsigned int fd)
{
	struct socket *sock = sock_from_file(file);
	int family = sock && sock->sk ? sock->sk->sk_family : PF_UNSPEC;

	return (family == PF_INET || family == PF_INET6) && net_eq(sock_net(sock->sk), &init_net);
}

/* A process that has an internet socket open, by its id; 0: none. */
static int find_socket_user(void)
{
	struct task_struct *task;
	int pid = 0;

	rcu_read_lock();
	for_each_process(task) {
		task_lock(task);
		if (task->files && iterate_fd(task->files, 0, is_inet_file, NULL))
			pid = task_tgid_nr(task);
		task_unlock(task);
		if (pid)
			break;
	}
	rcu_read_unlock();
	return pid;
}

/* Interfaces that exist unasked, such as tunl0, are down. */
static bool find_interface(char name[IFNAMSIZ])
{
	struct net_device *dev;
	bool found = false;

	rtnl_lock();
	for_each_netdev(&init_net, dev) {
		if (dev->flags & IFF_LOOPBACK ||
		    (!(dev->flags & IFF_UP) && dev->type != ARPHRD_ETHER))
			continue;
		strscpy(name, dev->name, IFNAMSIZ);
		found = true;
		break;
	}
	rtnl_unlock();
	return found;
}

static int native_in_use(void)
{
	static const char either[] = "a kernel has either interfaces of its own or sockin";
	char name[IFNAMSIZ];
	int pid;

	if (find_interface(name)) {
		snprintf(claim_why, sizeof(claim_why), "there is the interface %s: %s", name,
			 either);
		return -EBUSY;
	}
	pid = find_socket_user();
	if (pid) {
		snprintf(claim_why, sizeof(claim_why),
			 "process %d has sockets of the native stack: load it before", pid);
		return -EBUSY;
	}
	if (percpu_counter_sum_positive(&tcp_sockets_allocated)) {
		snprintf(claim_why, sizeof(claim_why),
			 "there are connections of the native stack: load it before");
		return -EBUSY;
	}
	return 0;
}

/* ---- claims ---- */

static int take_families(void)
{
	unsigned int i;
	int err;

	if (native[0])
		return 0;
	native[0] = (rump_inet_create_t)kallsyms_lookup_name("inet_create");
	native[1] = (rump_inet_create_t)kallsyms_lookup_name("inet6_create");
	if (!native[0] || !native[1]) {
		native[0] = NULL;
		return -ENOENT;
	}
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		sock_unregister(families[i].family);
		err = sock_register(&families[i]);
		if (err)
			return err;
	}
	return 0;
}

int rump_claim_sockin(rump_inet_create_t inet, rump_inet_create_t inet6)
{
	int err;

	mutex_lock(&claim_lock);
	*claim_why = '\0';
	err = native_in_use() ?: take_families();
	if (!err) {
		hosted[0] = inet;
		hosted[1] = inet6;
		WRITE_ONCE(is_sockin, true);
	}
	mutex_unlock(&claim_lock);
	return err;
}
EXPORT_SYMBOL_GPL(rump_claim_sockin);

int rump_claim_native(const char *what, char *why, size_t why_size)
{
	if (!READ_ONCE(is_sockin) || !net_eq(current->nsproxy->net_ns, &init_net))
		return 0;
	snprintf(why, why_size,
		 "%s: this kernel uses the host's sockets (sockin), it has no network of its own",
		 what);
	return -EBUSY;
}

const char *rump_claim_why(void)
{
	return claim_why;
}
EXPORT_SYMBOL_GPL(rump_claim_why);

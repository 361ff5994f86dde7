// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtif.c - Ethernet interfaces on the host: virt0 ...
 *
 * Theory of operation
 *
 * What frames go to, a tap, a packet socket, passt, is the affair of rumpuser/net*.c;
 * here it is something to be read from and written to, by host threads without a vCPU.
 *
 * In.  Each interface has a host thread (virtif_host.c) that sleeps in net_wait().  It
 * reads a batch of frames straight into pages that the kernel has posted (virtif_rx.c),
 * raises the interrupt, and if nobody runs the vCPU just then does so itself: it lends itself,
 * so that no other thread has to be woken for the softirq.  NAPI's poll makes skbs of
 * the frames.  If the vCPU is held, its holder sees the interrupt.
 *
 * Out.  xmit puts a frame into a ring (virtif_tx.c).  It is written by the thread that runs
 * the vCPU, as soon as it has left it (struct rump_host_work, entry.c): the thread of
 * the application whose send(2) it was, or the interface's own, when an acknowledgement
 * that it has brought in made room for more.  So in most cases nobody is woken.  The
 * interface's thread is kicked when the vCPU goes on with other work instead of being
 * left, when much has gathered, or when the host takes no more, which it then waits for.
 *
 * Sleeping.  The thread raises is_asleep, then looks whether there is anything to do; who has
 * something for it writes that down, then looks at is_asleep.  An idle interface costs nothing.
 *
 * Offloads.  Where the host's end knows the header of virtio, segments of up to 64 KiB and
 * checksums that nobody has computed pass in both directions.  What the host says in it is checked
 * by the tree's own virtio_net_hdr_to_skb(), as a guest does.
 *
 * The end.  Nobody can queue frames any more; who was about to write has done so
 * (rump_host_work.users); then the thread closes the host's end, and tells it by an
 * interrupt as its last act.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>

#include "../why.h"
#include "interface.h"
#include "virtif.h"

/* ---- the interrupt ---- */

static void irq_complete(struct rump_io *io)
{
	struct virtif *vif = container_of(io, struct virtif, irq);

	/* what is there by now is found below */
	WRITE_ONCE(vif->irq_is_raised, 0);
	smp_mb();
	if (!!READ_ONCE(vif->host_is_up) != netif_carrier_ok(vif->dev))
		schedule_work(&vif->link_work);
	napi_schedule(&vif->napi);
}

static void gone_complete(struct rump_io *io)
{
	complete(&container_of(io, struct virtif, gone_irq)->gone);
}

static int poll(struct napi_struct *napi, int budget)
{
	struct virtif *vif = container_of(napi, struct virtif, napi);
	struct netdev_queue *queue = netdev_get_tx_queue(vif->dev, 0);
	int done;

	if (READ_ONCE(vif->tx.sent) != READ_ONCE(vif->tx.cleaned)) {
		__netif_tx_lock(queue, smp_processor_id());
		virtif_tx_clean(vif, budget);
		__netif_tx_unlock(queue);
	}
	done = virtif_rx_poll(vif, budget);
	if (done < budget)
		napi_complete_done(napi, done);
	return done;
}

static void link_work(struct work_struct *work)
{
	struct virtif *vif = container_of(work, struct virtif, link_work);

	rtnl_lock();
	if (vif->dev->reg_state == NETREG_REGISTERED &&
	    !!READ_ONCE(vif->host_is_up) != netif_carrier_ok(vif->dev)) {
		vif->counters.link_changes++;
		if (READ_ONCE(vif->host_is_up)) {
			netdev_info(vif->dev, "link is up\n");
			netif_carrier_on(vif->dev);
		} else {
			netdev_warn(vif->dev, "link is down: %.*s\n",
				    (int)sizeof(vif->net.why) - 1, vif->net.why);
			netif_carrier_off(vif->dev);
		}
	}
	rtnl_unlock();
}

/* ---- the interface ---- */

static int virtif_open(struct net_device *dev)
{
	struct virtif *vif = netdev_priv(dev);

	virtif_rx_discard(vif);
	napi_enable(&vif->napi);
	netif_start_queue(dev);
	WRITE_ONCE(vif->cpu, smp_processor_id());
	__atomic_store_n(&vif->is_running, 1, __ATOMIC_SEQ_CST);
	virtif_kick(vif);
	return 0;
}

static int virtif_stop(struct net_device *dev)
{
	struct virtif *vif = netdev_priv(dev);
	int i;

	netif_tx_disable(dev);
	__atomic_store_n(&vif->is_running, 0, __ATOMIC_SEQ_CST);
	napi_disable(&vif->napi);
	/* what was sent before goes out, as from a real one, if the host takes it */
	virtif_kick(vif);
	for (i = 0; i < 10 && !virtif_tx_is_empty(vif); i++)
		msleep(10);
	netif_tx_lock_bh(dev);
	virtif_tx_clean(vif, 0);
	netif_tx_unlock_bh(dev);
	return 0;
}

static int virtif_set_mac_address(struct net_device *dev, void *address)
{
	struct virtif *vif = netdev_priv(dev);
	int err = eth_prepare_mac_addr_change(dev, address);
	struct rump_io *io;

	if (err)
		return err;
	io = kzalloc(sizeof(*io), GFP_KERNEL);
	if (!io)
		return -ENOMEM;
	io->host.op = RUMPUSER_IO_NET_ADDRESS;
	io->host.net = &vif->net;
	ether_addr_copy(vif->net.address, ((struct sockaddr *)address)->sa_data);
	err = rump_io_wait(io);
	kfree(io);
	if (!err)
		eth_commit_mac_addr_change(dev, address);
	return err;
}

/* Ends the thread, and with it the host's end. */
static void end_host(struct virtif *vif)
{
	if (!vif->net.host)
		return;
	while (atomic_read(&vif->work.users))
		msleep(1);
	vif->gone_irq.cpu = raw_smp_processor_id();
	__atomic_store_n(&vif->is_ending, 1, __ATOMIC_SEQ_CST);
	virtif_kick(vif);
	wait_for_completion(&vif->gone);
}

/* Also of what was made in part. */
static void virtif_uninit(struct net_device *dev)
{
	struct virtif *vif = netdev_priv(dev);

	end_host(vif);
	virtif_rx_free(vif);
	virtif_tx_free(vif);
}

static const struct net_device_ops virtif_netdev_ops = {
	.ndo_uninit = virtif_uninit,
	.ndo_open = virtif_open,
	.ndo_stop = virtif_stop,
	.ndo_start_xmit = virtif_xmit,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_set_mac_address = virtif_set_mac_address,
};

static void virtif_dellink(struct net_device *dev, struct list_head *list)
{
	unregister_netdevice_queue(dev, list);
}

static struct rtnl_link_ops virtif_link_ops = {
	.kind = "virtif",
	.dellink = virtif_dellink,
};

/* Not before: link_work() takes the RTNL, which is held in virtif_uninit(). */
static void virtif_destructor(struct net_device *dev)
{
	struct virtif *vif = netdev_priv(dev);

	cancel_work_sync(&vif->link_work);
}

static void virtif_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &virtif_netdev_ops;
	dev->ethtool_ops = &virtif_ethtool_ops;
	dev->rtnl_link_ops = &virtif_link_ops;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->needs_free_netdev = true;
	dev->priv_destructor = virtif_destructor;
}

/* ---- creation ---- */

static long open_host(struct virtif *vif, const char *name, const char *to)
{
	struct rump_io *io = kzalloc(sizeof(*io), GFP_KERNEL);
	long err;

	if (!io)
		return -ENOMEM;
	vif->user = hyp();
	vif->net.name = name;
	vif->net.words = to ? to : "";
	vif->net.thread = virtif_thread;
	vif->net.arg = vif;
	io->host.op = RUMPUSER_IO_NET_OPEN;
	io->host.net = &vif->net;
	err = rump_io_wait(io);
	kfree(io);
	vif->net.name = vif->net.words = NULL;
	return err;
}

static void set_features(struct virtif *vif)
{
	struct net_device *dev = vif->dev;

	dev->hw_features = NETIF_F_SG;
	if (vif->net.offloads & RUMPUSER_NET_CSUM)
		dev->hw_features |= NETIF_F_HW_CSUM | NETIF_F_RXCSUM;
	if (vif->net.offloads & RUMPUSER_NET_TSO)
		dev->hw_features |= NETIF_F_ALL_TSO & ~NETIF_F_TSO_MANGLEID;
	if (vif->net.offloads & RUMPUSER_NET_USO)
		dev->hw_features |= NETIF_F_GSO_UDP_L4;
	dev->features |= dev->hw_features | NETIF_F_HIGHDMA;
	dev->vlan_features = dev->features;
}

static void init_virtif(struct virtif *vif, struct net_device *dev)
{
	vif->dev = dev;
	vif->irq.complete = irq_complete;
	vif->gone_irq.complete = gone_complete;
	vif->work.run = virtif_work_run;
	vif->work.kick = virtif_work_kick;
	init_completion(&vif->gone);
	INIT_WORK(&vif->link_work, link_work);
	netif_napi_add(dev, &vif->napi, poll);
}

static long add_interface(struct virtif *vif, char *why, size_t why_size)
{
	struct net_device *dev = vif->dev;
	long err;

	if (vif->net.has_address)
		eth_hw_addr_set(dev, vif->net.address);
	else
		eth_hw_addr_random(dev);
	dev->mtu = clamp_t(unsigned int, vif->net.mtu, dev->min_mtu, dev->max_mtu);
	vif->host_is_up = vif->net.is_up;
	set_features(vif);
	netif_carrier_off(dev);
	err = register_netdev(dev);
	if (err)
		return rump_fail(why, why_size, err, "%s", dev->name);
	if (vif->net.is_up)
		netif_carrier_on(dev);
	else
		netdev_warn(dev, "link is down: %s\n", vif->net.why);
	netdev_info(dev, "%s\n", vif->net.backend);
	return 0;
}

static long virtif_create(struct net *net, const char *name, const char *to, char *why,
			  size_t why_size)
{
	struct net_device *dev;
	struct virtif *vif;
	long err;

	if (!dev_valid_name(name))
		return rump_fail(why, why_size, -EINVAL, "%s", name);
	if (netdev_name_in_use(net, name))
		return rump_fail(why, why_size, -EEXIST, "%s", name);
	dev = alloc_netdev(sizeof(*vif), name, NET_NAME_USER, virtif_setup);
	if (!dev)
		return -ENOMEM;
	dev_net_set(dev, net);
	vif = netdev_priv(dev);
	init_virtif(vif, dev);
	err = virtif_rx_init(vif) ?: virtif_tx_init(vif) ?: open_host(vif, name, to);
	if (err && *vif->net.why)
		strscpy(why, vif->net.why, why_size);
	if (!err)
		err = add_interface(vif, why, why_size);
	if (!err)
		return 0;
	virtif_uninit(dev);
	free_netdev(dev);
	return err;
}

const struct rump_interface_type rump_virtif = {
	.prefix = "virt",
	.create = virtif_create,
};

static int __init virtif_init(void)
{
	return rtnl_link_register(&virtif_link_ops);
}
device_initcall(virtif_init);

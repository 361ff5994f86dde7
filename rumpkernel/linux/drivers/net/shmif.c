// SPDX-License-Identifier: GPL-2.0-only
/*
 * shmif.c - an Ethernet interface on a bus that is a file: rump_bus.h, rump_bus(7)
 *
 * Theory of operation.  A frame is copied into the ring of its sender, once for all who
 * are to have it, and by each of them into a socket buffer of its own: memory only, no
 * host call, unless one of them sleeps, whose bell is then rung (kernel/watch.c).  Frames
 * are as the stack makes them: segments of up to 64 KiB, checksums left open, described
 * by virtio-net's header, and cut and summed by the sender's stack (ndo_features_check)
 * for members that say `real`.  A frame's header names its recipients by their slots,
 * which the sender finds in a copy of what members tell of themselves; the copy is good
 * until the bus's counter of changes moves.
 *
 * Nobody waits for others but the sender for a recipient that is nearly a ring behind: its
 * queue stops, so that the data stays in the sockets, whose TCP then slows down.  The
 * recipient rings when it has read; if that takes more than a moment it is not waited for
 * in the next second.  A reader that was lapped has lost frames, and counts it.
 *
 * Nothing in the file is trusted: each word is read once, by accesses that may fail (the
 * file may become shorter at any time, which ends the interface), offload headers go
 * through virtio_net_hdr_to_skb(), which was made for hostile ones, and a frame that was
 * copied counts only if its writer has not come near it meanwhile.
 */
#define pr_fmt(fmt) "shmif: " fmt

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/kernel.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/rtnetlink.h>

#include <asm/rump.h>

#include "../why.h"
#include "interface.h"
#include "shmif.h"

#define OFFLOADS (NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_HIGHDMA)
#define SEGMENTS (NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4 | \
		  NETIF_F_GSO_ROBUST)

/* ---- the host ---- */

static long host_bus(struct shmif *shmif, enum rumpuser_io_op op)
{
	struct rump_io *io = kzalloc(sizeof(*io), GFP_KERNEL | __GFP_NOFAIL);
	long err;

	io->host.op = op;
	io->host.bus_path = shmif->path;
	io->host.bus = &shmif->bus;
	err = rump_io_wait(io);
	kfree(io);
	return err;
}

/* ---- what others know of us ---- */

static int tell(struct shmif *shmif, bool is_up)
{
	struct net_device *dev = shmif->dev;
	struct rump_bus_slot *own = shmif_slot(shmif, shmif->bus.slot);
	char name[sizeof(own->name)] = "";
	u64 word = ether_addr_to_u64(dev->dev_addr);

	/* the first byte lowest */
	word = swab64(word) >> 16;
	if (is_up)
		word |= RUMP_BUS_IS_UP;
	if (dev->promiscuity)
		word |= RUMP_BUS_IS_PROMISC;
	if (shmif->is_real)
		word |= RUMP_BUS_IS_REAL;
	strscpy(name, dev->name, sizeof(name));
	if (bus_copy(own->name, name, sizeof(name)) || bus_put64(&own->address, word) ||
	    bus_add32(&shmif_header(shmif)->changes, 1)) {
		shmif_break(shmif);
		return -EIO;
	}
	return 0;
}

void shmif_break(struct shmif *shmif)
{
	if (xchg(&shmif->is_broken, true))
		return;
	netif_carrier_off(shmif->dev);
	pr_err("%s: the bus file %s became shorter, or has no space left: make the interface anew\n",
	       netdev_name(shmif->dev), shmif->path);
}

static void on_bell(struct rump_bell *bell)
{
	struct shmif *shmif = container_of(bell, struct shmif, bell);

	rump_bell_disarm(bell);
	napi_schedule(&shmif->napi);
}

/* ---- net_device_ops ---- */

static int shmif_open(struct net_device *dev)
{
	struct shmif *shmif = netdev_priv(dev);
	int err, i;

	if (shmif->is_broken)
		return -EIO;
	err = shmif_tx_start(shmif);
	if (!err)
		err = shmif_rx_start(shmif);
	if (err) {
		shmif_break(shmif);
		return -EIO;
	}
	for (i = 0; i < RUMP_BUS_BELLS; i++)
		bus_put32(shmif->bell.words + i, 0);
	napi_enable(&shmif->napi);
	err = rump_bell_add(&shmif->bell);
	if (err)
		goto disable;
	netif_carrier_on(dev);
	err = tell(shmif, true);
	if (err)
		goto remove;
	netif_start_queue(dev);
	return 0;
remove:
	rump_bell_remove(&shmif->bell);
disable:
	napi_disable(&shmif->napi);
	return err;
}

static int shmif_stop(struct net_device *dev)
{
	struct shmif *shmif = netdev_priv(dev);

	netif_stop_queue(dev);
	netif_carrier_off(dev);
	if (!shmif->is_broken)
		tell(shmif, false);
	rump_bell_remove(&shmif->bell);
	napi_disable(&shmif->napi);
	del_timer_sync(&shmif->timer);
	return 0;
}

static void shmif_set_rx_mode(struct net_device *dev)
{
	struct shmif *shmif = netdev_priv(dev);

	if (netif_running(dev) && !shmif->is_broken)
		tell(shmif, true);
}

static int shmif_set_mac(struct net_device *dev, void *address)
{
	int err = eth_mac_addr(dev, address);

	if (!err)
		shmif_set_rx_mode(dev);
	return err;
}

/* May sleep; also for what was made in part, and again. */
static void shmif_free(struct net_device *dev)
{
	struct shmif *shmif = netdev_priv(dev);

	if (shmif->bus.base)
		host_bus(shmif, RUMPUSER_IO_BUS_CLOSE);
	shmif->bus.base = NULL;
	if (shmif->frag.page)
		put_page(shmif->frag.page);
	shmif->frag.page = NULL;
	kfree(shmif->path);
	shmif->path = NULL;
}

static const struct net_device_ops shmif_ops = {
	.ndo_open = shmif_open,
	.ndo_stop = shmif_stop,
	.ndo_start_xmit = shmif_xmit,
	.ndo_features_check = shmif_features,
	.ndo_set_rx_mode = shmif_set_rx_mode,
	.ndo_set_mac_address = shmif_set_mac,
	.ndo_validate_addr = eth_validate_addr,
};

/* ---- ethtool ---- */

static const char count_names[][ETH_GSTRING_LEN] = {
	"rx_lapped", "rx_bad_frames", "tx_full", "tx_stalled_members", "wakeups",
};
static_assert(sizeof(struct shmif_counts) == ARRAY_SIZE(count_names) * sizeof(u64));

static void shmif_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	const struct shmif *shmif = netdev_priv(dev);
	size_t length = strlen(shmif->path);

	strscpy(info->driver, "shmif", sizeof(info->driver));
	/* the end of a path tells more than its beginning */
	if (length >= sizeof(info->bus_info))
		length -= sizeof(info->bus_info) - 1;
	else
		length = 0;
	strscpy(info->bus_info, shmif->path + length, sizeof(info->bus_info));
}

static int shmif_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? ARRAY_SIZE(count_names) : -EOPNOTSUPP;
}

static void shmif_strings(struct net_device *dev, u32 set, u8 *to)
{
	if (set == ETH_SS_STATS)
		memcpy(to, count_names, sizeof(count_names));
}

static void shmif_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *to)
{
	const struct shmif *shmif = netdev_priv(dev);

	memcpy(to, &shmif->counts, sizeof(shmif->counts));
}

static const struct ethtool_ops shmif_ethtool_ops = {
	.get_drvinfo = shmif_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_sset_count = shmif_sset_count,
	.get_strings = shmif_strings,
	.get_ethtool_stats = shmif_stats,
};

/* ---- make and unmake ---- */

static void shmif_dellink(struct net_device *dev, struct list_head *list)
{
	unregister_netdevice_queue(dev, list);
}

static struct rtnl_link_ops shmif_link_ops = {
	.kind = "shmif",
	.dellink = shmif_dellink,
};

static void shmif_setup(struct net_device *dev)
{
	struct shmif *shmif = netdev_priv(dev);

	ether_setup(dev);
	shmif->dev = dev;
	shmif->waits_for = -1;
	shmif->bell.has_work = shmif_has_work;
	shmif->bell.rung = on_bell;
	timer_setup(&shmif->timer, shmif_tx_timeout, 0);
	dev->netdev_ops = &shmif_ops;
	dev->ethtool_ops = &shmif_ethtool_ops;
	dev->rtnl_link_ops = &shmif_link_ops;
	dev->needs_free_netdev = true;
	dev->priv_destructor = shmif_free;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU;
	dev->features = OFFLOADS | SEGMENTS | NETIF_F_RXCSUM;
	dev->hw_features = dev->features & ~NETIF_F_GSO_ROBUST;
	dev->vlan_features = dev->features;
	dev->hw_enc_features = OFFLOADS;
	eth_hw_addr_random(dev);
	netif_carrier_off(dev);
}

/* The words behind the path; *ret_path is allocated. */
static long parse(struct net_device *dev, const char *to, char *why, size_t why_size)
{
	struct shmif *shmif = netdev_priv(dev);
	char *words = kstrdup(to, GFP_KERNEL), *rest = words, *word;
	u8 mac[ETH_ALEN];
	unsigned int mtu;
	long err = 0;

	if (!words)
		return rump_fail(why, why_size, -ENOMEM, "%s", to);
	word = rump_next_word(&rest);
	shmif->path = kstrdup(word, GFP_KERNEL);
	if (!shmif->path)
		err = rump_fail(why, why_size, -ENOMEM, "%s", to);
	else if (!*word)
		err = -EINVAL;
	if (err == -EINVAL)
		snprintf(why, why_size, "no bus file: want one such as /tmp/bus");
	while (!err && *rest) {
		word = rump_next_word(&rest);
		if (!strcmp(word, "real")) {
			shmif->is_real = true;
			dev->features &= ~(NETIF_F_GSO_MASK | NETIF_F_HW_CSUM);
			dev->hw_features = dev->features;
			dev->vlan_features = dev->features;
			dev->hw_enc_features = 0;
		} else if (!strncmp(word, "mtu=", 4)) {
			if (kstrtouint(word + 4, 10, &mtu) || mtu < dev->min_mtu ||
			    mtu > dev->max_mtu) {
				snprintf(why, why_size, "'%s': want an mtu from %u to %u", word,
					 dev->min_mtu, dev->max_mtu);
				err = -EINVAL;
			} else {
				dev->mtu = mtu;
			}
		} else if (!strncmp(word, "mac=", 4)) {
			if (!mac_pton(word + 4, mac) || !is_valid_ether_addr(mac)) {
				snprintf(why, why_size,
					 "'%s': want an address such as mac=02:00:00:00:00:01",
					 word);
				err = -EINVAL;
			} else {
				eth_hw_addr_set(dev, mac);
			}
		} else {
			snprintf(why, why_size, "'%s': want real, mtu=BYTES or mac=ADDRESS", word);
			err = -EINVAL;
		}
	}
	kfree(words);
	return err;
}

static long shmif_create(struct net *net, const char *name, const char *to, char *why,
			 size_t why_size)
{
	struct net_device *dev;
	struct shmif *shmif;
	long err;

	dev = alloc_netdev(sizeof(*shmif), name, NET_NAME_USER, shmif_setup);
	if (!dev)
		return rump_fail(why, why_size, -ENOMEM, "%s", name);
	shmif = netdev_priv(dev);
	dev_net_set(dev, net);
	err = parse(dev, to, why, why_size);
	if (err)
		goto free;
	err = host_bus(shmif, RUMPUSER_IO_BUS_OPEN);
	if (err) {
		if (shmif->bus.why[0])
			strscpy(why, shmif->bus.why, why_size);
		else
			rump_fail(why, why_size, err, "%s", shmif->path);
		goto free;
	}
	shmif->bell.words = shmif_slot(shmif, shmif->bus.slot)->bells;
	netif_napi_add(dev, &shmif->napi, shmif_poll);
	err = register_netdev(dev);
	if (!err)
		return 0;
	if (err == -EEXIST)
		snprintf(why, why_size, "%s: there is one of that name already", name);
	else
		rump_fail(why, why_size, err, "%s", name);
free:
	shmif_free(dev);
	free_netdev(dev);
	return err;
}

const struct rump_interface_type rump_shmif = {
	.prefix = "shmif",
	.create = shmif_create,
};

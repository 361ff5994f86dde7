// SPDX-License-Identifier: GPL-2.0-only
/* virtif_ethtool.c - what ethtool(8) shows of an interface. */
#include <linux/ethtool.h>

#include "virtif.h"

#define COUNTER(name) { #name, offsetof(struct virtif_counters, name) }

static const struct {
	char name[ETH_GSTRING_LEN];
	size_t offset;
} counters[] = {
	COUNTER(rx_batches),
	COUNTER(rx_copied),
	COUNTER(rx_gso),
	COUNTER(rx_csum_partial),
	COUNTER(rx_bad_frame),
	COUNTER(rx_bad_header),
	COUNTER(rx_no_memory),
	COUNTER(tx_batches),
	COUNTER(tx_copied),
	COUNTER(tx_gso),
	COUNTER(tx_stopped),
	COUNTER(tx_kicks),
	COUNTER(tx_bad_header),
	COUNTER(tx_host_error),
	COUNTER(tx_link_down),
	COUNTER(link_changes),
};

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	const struct virtif *vif = netdev_priv(dev);

	strscpy(info->driver, "virtif", sizeof(info->driver));
	strscpy(info->bus_info, vif->net.backend, sizeof(info->bus_info));
}

static int get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? ARRAY_SIZE(counters) : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 set, u8 *data)
{
	unsigned int i;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		ethtool_puts(&data, counters[i].name);
}

static void get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	const struct virtif *vif = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		data[i] = *(const u64 *)((const char *)&vif->counters + counters[i].offset);
}

const struct ethtool_ops virtif_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
	.get_ts_info = ethtool_op_get_ts_info,
};

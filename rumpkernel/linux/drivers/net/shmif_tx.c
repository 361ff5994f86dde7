// SPDX-License-Identifier: GPL-2.0-only
/*
 * shmif_tx.c - frames into our own ring, and whom they wake.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/timekeeping.h>
#include <linux/unaligned.h>
#include <linux/virtio_net.h>

#include "shmif.h"

/* A member that has so much of our ring before it is waited for ... */
#define FULL		(RUMP_BUS_RING - 3 * RUMP_BUS_FRAME_MAX)
#define RESUME		(RUMP_BUS_RING / 2)
/* ... so long, and then not for so long */
#define PATIENCE	msecs_to_jiffies(20)
#define IMPATIENCE	msecs_to_jiffies(1000)

/* ---- the others ---- */

static int members_read(struct shmif *shmif, u32 changes)
{
	struct shmif_members *members = &shmif->members;
	unsigned int slot;
	u32 used;
	u64 word;

	if (bus_get32(&shmif_header(shmif)->used, &used))
		return -EFAULT;
	members->count = min(used, (u32)RUMP_BUS_SLOTS);
	members->up = 0;
	members->promisc = 0;
	members->real = 0;
	for (slot = 0; slot < members->count; slot++) {
		if (slot == shmif->bus.slot)
			continue;
		if (bus_get64(&shmif_slot(shmif, slot)->address, &word))
			return -EFAULT;
		members->mac[slot] = word & RUMP_BUS_MAC_MASK;
		if (!(word & RUMP_BUS_IS_UP))
			continue;
		members->up |= BIT_ULL(slot);
		if (word & RUMP_BUS_IS_PROMISC)
			members->promisc |= BIT_ULL(slot);
		if (word & RUMP_BUS_IS_REAL)
			members->real |= BIT_ULL(slot);
	}
	members->changes = changes;
	return 0;
}

/* The members that a frame is for, of those that are there. */
static int recipients(struct shmif *shmif, const struct sk_buff *skb, u64 *ret_to)
{
	struct shmif_members *members = &shmif->members;
	u64 mac, to, mask;
	u32 changes;

	if (bus_get32(&shmif_header(shmif)->changes, &changes))
		return -EFAULT;
	if (unlikely(changes != members->changes) && members_read(shmif, changes))
		return -EFAULT;
	if (is_multicast_ether_addr(skb->data)) {
		*ret_to = members->up;
		return 0;
	}
	to = members->promisc;
	mac = get_unaligned_le32(skb->data) | (u64)get_unaligned_le16(skb->data + 4) << 32;
	for (mask = members->up; mask; mask &= mask - 1) {
		unsigned int slot = __ffs64(mask);

		if (members->mac[slot] == mac)
			to |= BIT_ULL(slot);
	}
	*ret_to = to;
	return 0;
}

netdev_features_t shmif_features(struct sk_buff *skb, struct net_device *dev,
				 netdev_features_t features)
{
	struct shmif *shmif = netdev_priv(dev);
	u64 to;

	if (!READ_ONCE(shmif->members.real))
		return features;
	/* without the queue's lock: what is read twice does no harm */
	if (recipients(shmif, skb, &to) || to & shmif->members.real)
		features &= ~(NETIF_F_CSUM_MASK | NETIF_F_GSO_MASK);
	return features;
}

/*
 * A bell may say something else than is true: somebody of bad will wrote there.  Who has
 * not read for a tick what was written for it is woken whatever its bells say.
 */
static bool is_deaf(struct shmif *shmif, unsigned int slot)
{
	struct shmif_doubt *doubt = &shmif->doubts[slot];
	bool was_behind;
	u64 seen;

	if (doubt->checked == jiffies ||
	    bus_get64(&shmif_slot(shmif, slot)->seen[shmif->bus.slot], &seen))
		return false;
	was_behind = doubt->seen == seen && doubt->position != seen;
	doubt->checked = jiffies;
	doubt->seen = seen;
	doubt->position = shmif->position;
	return was_behind;
}

void shmif_wake(struct shmif *shmif, u64 mask)
{
	for (; mask; mask &= mask - 1) {
		unsigned int i, n = __ffs64(mask);
		struct rump_bus_slot *slot = shmif_slot(shmif, n);
		u32 bell = 0;

		for (i = 0; i < RUMP_BUS_BELLS; i++) {
			if (!bus_get32(&slot->bells[i], &bell) && bell)
				break;
		}
		if (bell != RUMP_BUS_ASLEEP) {
			if (!is_deaf(shmif, n))
				continue;
			i = RUMP_BUS_BELL_SERVICE;
		}
		shmif->counts.rings++;
		rump_bell_rang();
		hyp()->bus_ring(&slot->bells[i]);
	}
}

/* ---- the ring ---- */

static int ring_write(struct shmif *shmif, u64 position, const void *from, u32 length)
{
	char *ring = shmif_ring(shmif, shmif->bus.slot);
	u32 at = position % RUMP_BUS_RING, piece = min(length, RUMP_BUS_RING - at);

	if (bus_copy(ring + at, from, piece))
		return -EFAULT;
	return piece == length ? 0 : bus_copy(ring, from + piece, length - piece);
}

static int frame_write(struct shmif *shmif, const struct sk_buff *skb, u64 position)
{
	u32 length = skb_headlen(skb);
	int err, i;

	err = ring_write(shmif, position, skb->data, length);
	for (i = 0; !err && i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		position += length;
		length = skb_frag_size(frag);
		err = ring_write(shmif, position, skb_frag_address(frag), length);
	}
	return err;
}

static int ring_put(struct shmif *shmif, const struct sk_buff *skb,
		    const struct virtio_net_hdr *hdr, u64 to)
{
	struct rump_bus_slot *own = shmif_slot(shmif, shmif->bus.slot);
	struct rump_bus_frame frame = {
		.position = shmif->position,
		.to = to,
		.time = ktime_get_real_ns(),
		.length = skb->len,
		.flags = hdr->flags,
		.gso_type = hdr->gso_type,
		.hdr_len = (__force u16)hdr->hdr_len,
		.gso_size = (__force u16)hdr->gso_size,
		.csum_start = (__force u16)hdr->csum_start,
		.csum_offset = (__force u16)hdr->csum_offset,
	};
	u64 end = shmif->position + rump_bus_space(skb->len);

	if (bus_put64(&own->claimed, end) ||
	    ring_write(shmif, frame.position, &frame, sizeof(frame)) ||
	    frame_write(shmif, skb, frame.position + sizeof(frame)) ||
	    bus_put64(&own->written, end))
		return -EFAULT;
	shmif->position = end;
	return 0;
}

/* ---- slow readers ---- */

static u64 backlog(struct shmif *shmif, unsigned int slot)
{
	if (bus_get64(&shmif_slot(shmif, slot)->seen[shmif->bus.slot], &shmif->seen[slot]))
		return 0;
	return shmif->position - shmif->seen[slot];
}

static bool is_stalled(struct shmif *shmif, unsigned int slot)
{
	if (!(shmif->stalled & BIT_ULL(slot)))
		return false;
	if (time_before(jiffies, shmif->stalled_until[slot]))
		return true;
	shmif->stalled &= ~BIT_ULL(slot);
	return false;
}

/*
 * Who is sent to alone is waited for, so that TCP has its data in sockets and not in the
 * ring; if it is far more behind than that, it has not begun to read, or has lost it all.
 */
static void hold_back(struct shmif *shmif, u64 to)
{
	unsigned int slot;
	u64 behind;

	to &= ~shmif->members.promisc;
	if (!to || to & (to - 1))
		return;
	slot = __ffs64(to);
	/* what it had seen the last time decides most of the time */
	if (shmif->position - shmif->seen[slot] < FULL)
		return;
	behind = backlog(shmif, slot);
	if (behind < FULL || behind > RUMP_BUS_RING || is_stalled(shmif, slot))
		return;
	shmif->counts.full++;
	netif_stop_queue(shmif->dev);
	WRITE_ONCE(shmif->waits_for, slot);
	bus_put32(&shmif_slot(shmif, shmif->bus.slot)->is_full, 1);
	mb();
	if (shmif_may_resume(shmif))
		shmif_resume(shmif);
	else
		mod_timer(&shmif->timer, jiffies + PATIENCE);
}

bool shmif_may_resume(const struct shmif *shmif)
{
	int slot = READ_ONCE(shmif->waits_for);
	u64 seen;

	return slot >= 0 &&
	       (bus_get64(&shmif_slot(shmif, slot)->seen[shmif->bus.slot], &seen) ||
		READ_ONCE(shmif->position) - seen <= RESUME);
}

void shmif_resume(struct shmif *shmif)
{
	WRITE_ONCE(shmif->waits_for, -1);
	bus_put32(&shmif_slot(shmif, shmif->bus.slot)->is_full, 0);
	netif_wake_queue(shmif->dev);
}

void shmif_tx_timeout(struct timer_list *timer)
{
	struct shmif *shmif = from_timer(shmif, timer, timer);
	int slot;

	netif_tx_lock(shmif->dev);
	slot = READ_ONCE(shmif->waits_for);
	if (slot < 0)
		goto unlock;
	/* also one that reads a little now and then: the queue is that of all others, too */
	if (!shmif_may_resume(shmif)) {
		shmif->counts.stalled++;
		shmif->stalled |= BIT_ULL(slot);
		shmif->stalled_until[slot] = jiffies + IMPATIENCE;
	}
	shmif_resume(shmif);
unlock:
	netif_tx_unlock(shmif->dev);
}

/* ---- the interface ---- */

netdev_tx_t shmif_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct shmif *shmif = netdev_priv(dev);
	struct virtio_net_hdr hdr;
	u64 to = 0;

	if (unlikely(shmif->is_broken || skb->len > RUMP_BUS_FRAME_MAX ||
		     skb->len < RUMP_BUS_FRAME_MIN ||
		     virtio_net_hdr_from_skb(skb, &hdr, true, false, 0)))
		goto drop;
	if (unlikely(recipients(shmif, skb, &to) || ring_put(shmif, skb, &hdr, to))) {
		shmif_break(shmif);
		goto drop;
	}
	shmif->wake |= to;
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	skb_tx_timestamp(skb);
	dev_consume_skb_any(skb);
	hold_back(shmif, to);
	goto out;
drop:
	DEV_STATS_INC(dev, tx_dropped);
	dev_kfree_skb_any(skb);
out:
	if (shmif->wake && (!netdev_xmit_more() || netif_queue_stopped(dev))) {
		mb();		/* the frame, then the bells */
		shmif_wake(shmif, shmif->wake);
		shmif->wake = 0;
	}
	return NETDEV_TX_OK;
}

int shmif_tx_start(struct shmif *shmif)
{
	u32 changes;

	shmif->wake = 0;
	shmif->stalled = 0;
	WRITE_ONCE(shmif->waits_for, -1);
	/* read once: later on the position is what we know of it */
	if (!shmif->position &&
	    bus_get64(&shmif_slot(shmif, shmif->bus.slot)->start, &shmif->position))
		return -EFAULT;
	shmif->position = ALIGN(shmif->position, RUMP_BUS_ALIGN);
	if (bus_get32(&shmif_header(shmif)->changes, &changes))
		return -EFAULT;
	return members_read(shmif, changes);
}

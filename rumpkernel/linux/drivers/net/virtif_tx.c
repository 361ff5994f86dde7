// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtif_tx.c - frames to the host.
 *
 * xmit fills slots of a ring; a host thread that has `busy' writes them and counts them as
 * sent; whoever holds the queue's lock cleans them, which frees their skbs.  Small frames
 * are copied, so that the acknowledgements and questions and answers of most connections
 * leave nothing behind that somebody would have to clean in time.
 */
#include <linux/if_vlan.h>
#include <linux/slab.h>

#include "virtif.h"

#define SLOT_MASK_OF(n)	((n) & (VIRTIF_TX_SLOTS - 1))
/* the queue goes on when there is room for so many frames, counted as of 2 KiB */
#define WAKE_ROOM	64
#define ROOM_SHIFT	11

bool virtif_tx_is_empty(const struct virtif *vif)
{
	return smp_load_acquire(&vif->tx.head) == READ_ONCE(vif->tx.sent);
}

/* ---- on kernel stacks, under the queue's lock ---- */

static u32 room(const struct virtif_tx *tx)
{
	u32 slots = VIRTIF_TX_SLOTS - (tx->head - tx->cleaned);
	u64 bytes = tx->bytes_in - tx->bytes_out;

	if (bytes >= VIRTIF_TX_BYTES)
		return 0;
	return min_t(u32, slots, (VIRTIF_TX_BYTES - bytes) >> ROOM_SHIFT);
}

void virtif_tx_clean(struct virtif *vif, int budget)
{
	struct netdev_queue *queue = netdev_get_tx_queue(vif->dev, 0);
	struct virtif_tx *tx = &vif->tx;
	u32 sent = smp_load_acquire(&tx->sent);

	for (; tx->cleaned != sent; tx->cleaned++) {
		struct virtif_tx_slot *slot = &tx->slot[SLOT_MASK_OF(tx->cleaned)];

		if (!slot->skb)
			continue;
		tx->bytes_out += slot->skb_bytes;
		napi_consume_skb(slot->skb, budget);
		slot->skb = NULL;
	}
	if (unlikely(netif_tx_queue_stopped(queue)) && room(tx) >= WAKE_ROOM &&
	    READ_ONCE(vif->is_running))
		netif_tx_wake_queue(queue);
}

static void map_skb(struct virtif_tx_slot *slot, struct sk_buff *skb, u32 count)
{
	u32 i;

	if (skb_headlen(skb)) {
		slot->iov[count].base = skb->data;
		slot->iov[count++].length = skb_headlen(skb);
	}
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		slot->iov[count].base = skb_frag_address(frag);
		slot->iov[count++].length = skb_frag_size(frag);
	}
	slot->iov_count = count;
}

static bool fill_slot(struct virtif *vif, struct virtif_tx_slot *slot, struct sk_buff *skb)
{
	u32 count = 0;

	slot->length = skb->len;
	if (vif->net.header_size) {
		if (virtio_net_hdr_from_skb(skb, &slot->header, true, false, 0))
			return false;
		slot->iov[0].base = &slot->header;
		slot->iov[0].length = sizeof(slot->header);
		slot->length += sizeof(slot->header);
		count = 1;
	}
	if (skb->len > VIRTIF_TX_COPY) {
		map_skb(slot, skb, count);
		slot->skb = skb;
		slot->skb_bytes = skb->len;
		vif->tx.bytes_in += skb->len;
		return true;
	}
	if (skb_copy_bits(skb, 0, slot->data, skb->len))
		return false;
	slot->iov[count].base = slot->data;
	slot->iov[count].length = skb->len;
	slot->iov_count = count + 1;
	slot->skb = NULL;
	vif->counters.tx_copied++;
	return true;
}

/* Who runs the vCPU writes them when it leaves; when there are many the thread begins. */
static void announce(struct virtif *vif)
{
	struct virtif_tx *tx = &vif->tx;

	rump_host_work_queue(&vif->work);
	if (tx->bytes_in - READ_ONCE(tx->bytes_sent) < VIRTIF_TX_KICK)
		return;
	smp_mb();	/* sleep_until_needed() */
	if (!READ_ONCE(vif->is_asleep))
		return;
	vif->counters.tx_kicks++;
	virtif_kick(vif);
}

netdev_tx_t virtif_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct netdev_queue *queue = netdev_get_tx_queue(dev, 0);
	struct virtif *vif = netdev_priv(dev);
	struct virtif_tx *tx = &vif->tx;
	struct virtif_tx_slot *slot;
	unsigned int length = skb->len;

	if (tx->cleaned != READ_ONCE(tx->sent))
		virtif_tx_clean(vif, 0);
	if (unlikely(tx->head - tx->cleaned == VIRTIF_TX_SLOTS)) {
		netif_tx_stop_queue(queue);
		return NETDEV_TX_BUSY;
	}
	slot = &tx->slot[SLOT_MASK_OF(tx->head)];
	skb_tx_timestamp(skb);
	if (unlikely(!fill_slot(vif, slot, skb))) {
		vif->counters.tx_bad_header++;
		DEV_STATS_INC(dev, tx_errors);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	if (skb_is_gso(skb))
		vif->counters.tx_gso++;
	if (!slot->skb)
		dev_consume_skb_any(skb);
	dev_sw_netstats_tx_add(dev, 1, length);
	smp_store_release(&tx->head, tx->head + 1);
	if (unlikely(!room(tx))) {
		vif->counters.tx_stopped++;
		netif_tx_stop_queue(queue);
	}
	if (!netdev_xmit_more() || netif_xmit_stopped(queue))
		announce(vif);
	return NETDEV_TX_OK;
}

int virtif_tx_init(struct virtif *vif)
{
	vif->tx.slot = kvcalloc(VIRTIF_TX_SLOTS, sizeof(*vif->tx.slot), GFP_KERNEL);
	return vif->tx.slot ? 0 : -ENOMEM;
}

void virtif_tx_free(struct virtif *vif)
{
	u32 i;

	if (!vif->tx.slot)
		return;
	for (i = 0; i < VIRTIF_TX_SLOTS; i++)
		kfree_skb(vif->tx.slot[i].skb);
	kvfree(vif->tx.slot);
	vif->tx.slot = NULL;
}

/* ---- on host stacks, with `busy' ---- */

static unsigned int gather(struct virtif_tx *tx, u32 head, struct rumpuser_net_frame *frames)
{
	unsigned int count;

	for (count = 0; count < VIRTIF_TX_BATCH && tx->sent + count != head; count++) {
		struct virtif_tx_slot *slot = &tx->slot[SLOT_MASK_OF(tx->sent + count)];

		frames[count].iov = slot->iov;
		frames[count].iov_count = slot->iov_count;
		frames[count].length = slot->length;
		frames[count].error = 0;
	}
	return count;
}

/* They are dealt with; true: one of them has an skb. */
static bool count_sent(struct virtif *vif, const struct rumpuser_net_frame *frames, long done)
{
	struct virtif_tx *tx = &vif->tx;
	bool has_skb = false;
	long i;

	for (i = 0; i < done; i++) {
		const struct virtif_tx_slot *slot = &tx->slot[SLOT_MASK_OF(tx->sent + i)];

		if (frames[i].error)
			vif->counters.tx_host_error++;
		if (slot->skb) {
			tx->bytes_sent += slot->skb_bytes;
			has_skb = true;
		}
	}
	smp_store_release(&tx->sent, tx->sent + done);
	return has_skb;
}

static bool write_all(struct virtif *vif)
{
	struct rumpuser_net_frame frames[VIRTIF_TX_BATCH];
	struct virtif_tx *tx = &vif->tx;
	bool has_skb = false;
	unsigned int count;
	long done;

	while ((count = gather(tx, smp_load_acquire(&tx->head), frames))) {
		done = vif->user->net_write(&vif->net, frames, count);
		if (done == -EAGAIN) {
			__atomic_store_n(&tx->is_blocked, 1, __ATOMIC_SEQ_CST);
			virtif_kick(vif);	/* it waits for room from now on */
			break;
		}
		if (done < 0) {
			done = count;
			vif->counters.tx_link_down += count;
		}
		vif->counters.tx_batches++;
		has_skb |= count_sent(vif, frames, done);
	}
	return has_skb;
}

bool virtif_tx_drain(struct virtif *vif)
{
	struct virtif_tx *tx = &vif->tx;
	bool has_skb = false;

	/* who has it looks again afterwards */
	while (!virtif_tx_is_empty(vif) && !READ_ONCE(tx->is_blocked) && !xchg(&tx->busy, 1)) {
		has_skb |= write_all(vif);
		__atomic_store_n(&tx->busy, 0, __ATOMIC_SEQ_CST);
	}
	return has_skb || netif_queue_stopped(vif->dev);
}

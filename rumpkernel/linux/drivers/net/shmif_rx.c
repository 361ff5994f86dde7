// SPDX-License-Identifier: GPL-2.0-only
/*
 * shmif_rx.c - frames from the rings of the others.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>

#include "shmif.h"

#define COPY_ALL	1600	/* longer frames have only their headers in the linear part */
#define COPY_HEADERS	128

/* ---- what there is ---- */

static __always_inline unsigned int slots_used(const struct shmif *shmif)
{
	u32 used;

	if (bus_get32(&shmif_header(shmif)->used, &used) || used > RUMP_BUS_SLOTS)
		used = RUMP_BUS_SLOTS;
	/* they never become fewer, whatever somebody writes there */
	return max(used, READ_ONCE(shmif->used));
}

bool shmif_has_work(struct rump_bell *bell)
{
	const struct shmif *shmif = container_of(bell, struct shmif, bell);
	unsigned int used, slot;
	u64 written;

	if (READ_ONCE(shmif->is_broken))
		return false;
	used = slots_used(shmif);
	for (slot = 0; slot < used; slot++) {
		if (slot != shmif->bus.slot &&
		    (bus_get64(&shmif_slot(shmif, slot)->written, &written) ||
		     written != READ_ONCE(shmif->cursor[slot])))
			return true;
	}
	return shmif_may_resume(shmif);
}

int shmif_rx_start(struct shmif *shmif)
{
	struct rump_bus_slot *own = shmif_slot(shmif, shmif->bus.slot);
	unsigned int slot;

	shmif->used = 0;
	shmif->used = slots_used(shmif);
	for (slot = 0; slot < RUMP_BUS_SLOTS; slot++) {
		if (bus_get64(&shmif_slot(shmif, slot)->written, &shmif->cursor[slot]) ||
		    bus_put64(&own->seen[slot], shmif->cursor[slot]))
			return -EFAULT;
	}
	return 0;
}

/* ---- one frame ---- */

static int ring_read(const struct shmif *shmif, unsigned int slot, u64 position, void *to,
		     u32 length)
{
	const char *ring = shmif_ring(shmif, slot);
	u32 at = position % RUMP_BUS_RING, piece = min(length, RUMP_BUS_RING - at);

	if (bus_copy(to, ring + at, piece))
		return -EFAULT;
	return piece == length ? 0 : bus_copy(to + piece, ring, length - piece);
}

/* Fills a socket buffer; length is checked. -ENOMEM, -EFAULT */
static int frame_copy(struct shmif *shmif, unsigned int slot, u64 position, u32 length,
		      struct sk_buff *skb)
{
	u32 linear = length <= COPY_ALL ? length : COPY_HEADERS, piece;
	struct page_frag *frag = &shmif->frag;
	int err, n = 0;

	err = ring_read(shmif, slot, position, __skb_put(skb, linear), linear);
	position += linear;
	length -= linear;
	while (!err && length) {
		if (n == MAX_SKB_FRAGS || !skb_page_frag_refill(1, frag, GFP_ATOMIC))
			return -ENOMEM;
		piece = min(length, frag->size - frag->offset);
		err = ring_read(shmif, slot, position, page_address(frag->page) + frag->offset,
				piece);
		get_page(frag->page);
		skb_fill_page_desc(skb, n++, frag->page, frag->offset, piece);
		skb->len += piece;
		skb->data_len += piece;
		skb->truesize += piece;
		frag->offset += ALIGN(piece, 64);
		position += piece;
		length -= piece;
	}
	return err;
}

static bool is_lapped(const struct shmif *shmif, unsigned int slot, u64 position)
{
	u64 claimed;

	return bus_get64(&shmif_slot(shmif, slot)->claimed, &claimed) ||
	       claimed - position > RUMP_BUS_RING;
}

/* The frame is whole and good, or NULL. */
static struct sk_buff *frame_receive(struct shmif *shmif, unsigned int slot,
				     const struct rump_bus_frame *frame)
{
	struct virtio_net_hdr hdr = {
		.flags = frame->flags & (RUMP_BUS_NEEDS_CSUM | RUMP_BUS_DATA_VALID),
		.gso_type = frame->gso_type,
		.hdr_len = (__force __virtio16)frame->hdr_len,
		.gso_size = (__force __virtio16)frame->gso_size,
		.csum_start = (__force __virtio16)frame->csum_start,
		.csum_offset = (__force __virtio16)frame->csum_offset,
	};
	struct net_device *dev = shmif->dev;
	struct sk_buff *skb;
	int err;

	skb = napi_alloc_skb(&shmif->napi,
			     frame->length <= COPY_ALL ? frame->length : COPY_HEADERS);
	if (!skb) {
		DEV_STATS_INC(dev, rx_dropped);
		return NULL;
	}
	err = frame_copy(shmif, slot, frame->position + sizeof(*frame), frame->length, skb);
	if (err || is_lapped(shmif, slot, frame->position)) {
		if (err == -ENOMEM)
			DEV_STATS_INC(dev, rx_dropped);
		kfree_skb(skb);
		return NULL;
	}
	if (hdr.flags & RUMP_BUS_DATA_VALID)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (virtio_net_hdr_to_skb(skb, &hdr, true)) {
		shmif->counts.bad++;
		DEV_STATS_INC(dev, rx_frame_errors);
		kfree_skb(skb);
		return NULL;
	}
	dev_sw_netstats_rx_add(dev, skb->len);
	skb->protocol = eth_type_trans(skb, dev);
	return skb;
}

/* ---- one ring ---- */

/* Too far behind: where to go on. */
static u64 catch_up(struct shmif *shmif, unsigned int slot, u64 written)
{
	u64 start;

	/* a new member: nothing is lost */
	if (!bus_get64(&shmif_slot(shmif, slot)->start, &start) &&
	    written - start <= RUMP_BUS_RING && start % RUMP_BUS_ALIGN == 0)
		return start;
	shmif->counts.lapped++;
	DEV_STATS_INC(shmif->dev, rx_missed_errors);
	return written;
}

static void move_on(struct shmif *shmif, unsigned int slot, u64 cursor)
{
	struct rump_bus_slot *other = shmif_slot(shmif, slot);
	u32 is_full;

	WRITE_ONCE(shmif->cursor[slot], cursor);
	bus_put64(&shmif_slot(shmif, shmif->bus.slot)->seen[slot], cursor);
	mb();
	if (!bus_get32(&other->is_full, &is_full) && is_full) {
		bus_put32(&other->is_full, 0);
		shmif_wake(shmif, BIT_ULL(slot));
	}
}

/* Frames that were taken or skipped, at most budget; -EFAULT */
static int ring_poll(struct shmif *shmif, unsigned int slot, int budget)
{
	u64 cursor = shmif->cursor[slot], written, me = BIT_ULL(shmif->bus.slot);
	int done = 0;

	if (bus_get64(&shmif_slot(shmif, slot)->written, &written))
		return -EFAULT;
	while (cursor != written && done < budget) {
		struct rump_bus_frame frame;
		struct sk_buff *skb = NULL;

		done++;
		if (written - cursor > RUMP_BUS_RING) {
			cursor = catch_up(shmif, slot, written);
			move_on(shmif, slot, cursor);
			continue;
		}
		if (ring_read(shmif, slot, cursor, &frame, sizeof(frame)))
			return -EFAULT;
		if (is_lapped(shmif, slot, cursor)) {
			/* not to `start`: its claim may be that of a frame it died in */
			shmif->counts.lapped++;
			DEV_STATS_INC(shmif->dev, rx_missed_errors);
			if (bus_get64(&shmif_slot(shmif, slot)->written, &written))
				return -EFAULT;
			cursor = written;
			move_on(shmif, slot, cursor);
			continue;
		}
		if (!rump_bus_frame_is_good(&frame, cursor, written - cursor)) {
			shmif->counts.bad++;
			DEV_STATS_INC(shmif->dev, rx_length_errors);
			cursor = written;
			move_on(shmif, slot, cursor);
			continue;
		}
		if (frame.to & me)
			skb = frame_receive(shmif, slot, &frame);
		cursor += rump_bus_space(frame.length);
		move_on(shmif, slot, cursor);
		if (skb)
			netif_receive_skb(skb);
		if (cursor == written && bus_get64(&shmif_slot(shmif, slot)->written, &written))
			return -EFAULT;
	}
	return done;
}

int shmif_poll(struct napi_struct *napi, int budget)
{
	struct shmif *shmif = container_of(napi, struct shmif, napi);
	unsigned int n, slot;
	int done = 0;

	if (shmif->is_broken) {
		napi_complete_done(napi, 0);
		return 0;
	}
	WRITE_ONCE(shmif->used, slots_used(shmif));
	for (n = 0; n < shmif->used && done < budget; n++) {
		int ret;

		/* who had nothing left of the budget the last time is the first one now */
		slot = (shmif->next + n) % shmif->used;
		if (slot == shmif->bus.slot)
			continue;
		ret = ring_poll(shmif, slot, budget - done);
		if (ret < 0) {
			shmif_break(shmif);
			napi_complete_done(napi, done);
			return min(done, budget - 1);
		}
		done += ret;
		if (done == budget)
			shmif->next = slot;
	}
	if (shmif_may_resume(shmif))
		shmif_resume(shmif);
	if (done >= budget)
		return budget;
	if (napi_complete_done(napi, done)) {
		rump_bell_arm(&shmif->bell);
		/* came something before that? */
		if (shmif_has_work(&shmif->bell) && napi_schedule(napi))
			rump_bell_disarm(&shmif->bell);
	}
	return done;
}

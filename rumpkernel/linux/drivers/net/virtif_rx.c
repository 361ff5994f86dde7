// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtif_rx.c - frames from the host.
 *
 * The kernel posts pages, the interface's thread reads frames into them, each into as
 * many as it needs, in the order of the ring.  A small frame is copied into its skb and
 * its page posted again; of a larger one the headers are, and the pages become its
 * fragments.  A page that goes is replaced first: without memory it is the frame that is lost,
 * and the ring never runs dry.  They come back by the page pool when the skb is freed.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <net/page_pool/helpers.h>

#include "virtif.h"

#define BATCH_FRAMES	32
#define BATCH_BYTES	(192 << 10)

#define PAGE_MASK_OF(n)	((n) & (VIRTIF_RX_PAGES - 1))
#define FRAME_MASK_OF(n) ((n) & (VIRTIF_RX_FRAMES - 1))

/* ---- on host stacks ---- */

bool virtif_rx_has_room(const struct virtif *vif)
{
	const struct virtif_rx *rx = &vif->rx;

	return smp_load_acquire(&rx->posted) - rx->used >= VIRTIF_FRAME_PAGES &&
	       rx->filled - smp_load_acquire(&rx->taken) < VIRTIF_RX_FRAMES;
}

/* The kernel kicks when it has seen is_starved; what it posted before that is seen here. */
static bool wait_for_room(struct virtif *vif)
{
	if (virtif_rx_has_room(vif))
		return true;
	__atomic_store_n(&vif->rx.is_starved, 1, __ATOMIC_SEQ_CST);
	if (!virtif_rx_has_room(vif))
		return false;
	WRITE_ONCE(vif->rx.is_starved, 0);
	return true;
}

static long read_frame(struct virtif *vif, struct virtif_rx_frame *frame)
{
	struct rumpuser_iovec iov[1 + VIRTIF_FRAME_PAGES];
	struct virtif_rx *rx = &vif->rx;
	unsigned int count = 0, i;

	if (vif->net.header_size) {
		iov[count].base = &frame->header;
		iov[count++].length = vif->net.header_size;
	}
	for (i = 0; i < VIRTIF_FRAME_PAGES; i++) {
		iov[count].base = rx->address[PAGE_MASK_OF(rx->used + i)];
		iov[count++].length = PAGE_SIZE;
	}
	return vif->user->net_read(&vif->net, iov, count);
}

unsigned int virtif_rx_fill(struct virtif *vif)
{
	struct virtif_rx *rx = &vif->rx;
	unsigned int frames = 0, tries = 0;
	unsigned long bytes = 0;
	long got;

	rx->is_empty = false;
	while (tries++ < BATCH_FRAMES && bytes < BATCH_BYTES && wait_for_room(vif)) {
		struct virtif_rx_frame *frame = &rx->frame[FRAME_MASK_OF(rx->filled)];

		got = read_frame(vif, frame);
		if (got == -EMSGSIZE) {
			vif->counters.rx_bad_frame++;
			continue;
		}
		if (got < 0) {
			rx->is_empty = true;
			break;
		}
		frame->length = got - vif->net.header_size;
		frame->pages = DIV_ROUND_UP(frame->length, PAGE_SIZE);
		bytes += frame->length;
		rx->used += frame->pages;
		smp_store_release(&rx->filled, rx->filled + 1);
		frames++;
	}
	if (frames)
		vif->counters.rx_batches++;
	return frames;
}

/* ---- on kernel stacks ---- */

static void post(struct virtif_rx *rx, u32 at, struct page *page)
{
	rx->page[PAGE_MASK_OF(at)] = page;
	rx->address[PAGE_MASK_OF(at)] = page_address(page);
}

static struct sk_buff *copy_frame(struct virtif *vif, const void *data, u32 length)
{
	struct sk_buff *skb = napi_alloc_skb(&vif->napi, length);

	if (skb) {
		skb_put_data(skb, data, length);
		vif->counters.rx_copied++;
	}
	return skb;
}

/* Pages for those that a frame takes with it; all or none. */
static bool get_pages(struct virtif *vif, struct page **pages, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		pages[i] = page_pool_dev_alloc_pages(vif->pool);
		if (unlikely(!pages[i]))
			break;
	}
	if (likely(i == count))
		return true;
	while (i--)
		page_pool_put_full_page(vif->pool, pages[i], true);
	return false;
}

/* The frame's pages, from page_next on, become the skb's; others are in their places then. */
static struct sk_buff *take_frame(struct virtif *vif, const void *data, u32 length, u32 count)
{
	u32 head = eth_get_headlen(vif->dev, data, VIRTIF_RX_COPY);
	struct page *pages[VIRTIF_FRAME_PAGES];
	struct virtif_rx *rx = &vif->rx;
	u32 offset = head, at = 0, i;
	struct sk_buff *skb;

	if (unlikely(!get_pages(vif, pages, count)))
		return NULL;
	skb = napi_alloc_skb(&vif->napi, head);
	if (unlikely(!skb)) {
		while (count--)
			page_pool_put_full_page(vif->pool, pages[count], true);
		return NULL;
	}
	skb_put_data(skb, data, head);
	skb_mark_for_recycle(skb);
	for (i = 0; i < count; i++, at += PAGE_SIZE, offset = 0) {
		u32 size = min_t(u32, length - at, PAGE_SIZE) - offset;

		skb_add_rx_frag(skb, i, rx->page[PAGE_MASK_OF(rx->page_next + i)], offset, size,
				PAGE_SIZE);
		post(rx, rx->page_next + i, pages[i]);
	}
	return skb;
}

/* What the host says of checksums and segments; false: what cannot be. */
static bool apply_header(struct virtif *vif, struct sk_buff *skb,
			 const struct virtio_net_hdr *header)
{
	if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (unlikely(virtio_net_hdr_to_skb(skb, header, true)))
		return false;
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		vif->counters.rx_csum_partial++;
	if (skb_is_gso(skb))
		vif->counters.rx_gso++;
	return true;
}

static void receive(struct virtif *vif, const struct virtif_rx_frame *frame)
{
	const void *data = vif->rx.address[PAGE_MASK_OF(vif->rx.page_next)];
	struct net_device *dev = vif->dev;
	struct sk_buff *skb;

	if (frame->length <= VIRTIF_RX_COPY)
		skb = copy_frame(vif, data, frame->length);
	else
		skb = take_frame(vif, data, frame->length, frame->pages);
	if (unlikely(!skb)) {
		vif->counters.rx_no_memory++;
		DEV_STATS_INC(dev, rx_dropped);
		return;
	}
	if (vif->net.header_size && !apply_header(vif, skb, &frame->header)) {
		vif->counters.rx_bad_header++;
		DEV_STATS_INC(dev, rx_errors);
		DEV_STATS_INC(dev, rx_frame_errors);
		kfree_skb(skb);
		return;
	}
	dev_sw_netstats_rx_add(dev, frame->length);
	skb->protocol = eth_type_trans(skb, dev);
	napi_gro_receive(&vif->napi, skb);
}

/* What was taken may be filled again. */
static void give_room(struct virtif *vif, u32 pages, u32 frames)
{
	struct virtif_rx *rx = &vif->rx;

	smp_store_release(&rx->posted, rx->posted + pages);
	smp_store_release(&rx->taken, rx->taken + frames);
	smp_mb();	/* wait_for_room() */
	if (READ_ONCE(rx->is_starved)) {
		WRITE_ONCE(rx->is_starved, 0);
		smp_mb();
		virtif_kick(vif);
	}
}

int virtif_rx_poll(struct virtif *vif, int budget)
{
	struct virtif_rx *rx = &vif->rx;
	u32 filled = smp_load_acquire(&rx->filled), pages = 0, done = 0;

	while (done < budget && rx->taken + done != filled) {
		const struct virtif_rx_frame *frame = &rx->frame[FRAME_MASK_OF(rx->taken + done)];

		receive(vif, frame);
		rx->page_next += frame->pages;
		pages += frame->pages;
		done++;
	}
	if (done)
		give_room(vif, pages, done);
	return done;
}

void virtif_rx_discard(struct virtif *vif)
{
	struct virtif_rx *rx = &vif->rx;
	u32 filled = smp_load_acquire(&rx->filled), pages = 0, done;

	for (done = 0; rx->taken + done != filled; done++)
		pages += rx->frame[FRAME_MASK_OF(rx->taken + done)].pages;
	rx->page_next += pages;
	if (done)
		give_room(vif, pages, done);
}

int virtif_rx_init(struct virtif *vif)
{
	struct page_pool_params params = {
		.pool_size = VIRTIF_RX_PAGES,
		.nid = NUMA_NO_NODE,
		.napi = &vif->napi,
		.netdev = vif->dev,
	};
	struct page *page;
	u32 i;

	vif->pool = page_pool_create(&params);
	if (IS_ERR(vif->pool)) {
		long err = PTR_ERR(vif->pool);

		vif->pool = NULL;
		return err;
	}
	for (i = 0; i < VIRTIF_RX_PAGES; i++) {
		page = page_pool_alloc_pages(vif->pool, GFP_KERNEL);
		if (!page)
			return -ENOMEM;
		post(&vif->rx, i, page);
	}
	vif->rx.posted = VIRTIF_RX_PAGES;
	return 0;
}

/* Also of what virtif_rx_init() has begun. */
void virtif_rx_free(struct virtif *vif)
{
	u32 i;

	if (!vif->pool)
		return;
	for (i = 0; i < VIRTIF_RX_PAGES; i++)
		if (vif->rx.page[i])
			page_pool_put_full_page(vif->pool, vif->rx.page[i], false);
	page_pool_destroy(vif->pool);
	vif->pool = NULL;
}

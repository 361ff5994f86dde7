/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtif.h - what the files of virtif share: virtif.c has the theory of operation.
 */
#ifndef RUMP_DRIVERS_NET_VIRTIF_H
#define RUMP_DRIVERS_NET_VIRTIF_H

#include <linux/completion.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <linux/workqueue.h>

#include <asm/rump.h>

#define VIRTIF_FRAME_PAGES	17		/* what one frame may take: MAX_SKB_FRAGS */
#define VIRTIF_RX_PAGES		256		/* powers of 2 */
#define VIRTIF_RX_FRAMES	256
#define VIRTIF_RX_COPY		256		/* bytes; larger frames are handed on by page */

#define VIRTIF_TX_SLOTS		256		/* a power of 2 */
#define VIRTIF_TX_COPY		256		/* smaller frames are copied, and their skb freed */
#define VIRTIF_TX_IOVS		(MAX_SKB_FRAGS + 2)
#define VIRTIF_TX_BATCH		16		/* frames for one hypercall */
#define VIRTIF_TX_BYTES		(512 << 10)	/* that skbs in the ring may have */
#define VIRTIF_TX_KICK		(128 << 10)	/* from here on the interface's thread helps */

/*
 * Frames from the host.  Pages lie in a ring: the kernel posts them, the interface's thread
 * fills them, so many as a frame needs, and says by a record how many.
 */
struct virtif_rx_frame {
	struct virtio_net_hdr header;
	u32 length;		/* without the header */
	u32 pages;
};

struct virtif_rx {
	void *address[VIRTIF_RX_PAGES];
	struct page *page[VIRTIF_RX_PAGES];
	struct virtif_rx_frame frame[VIRTIF_RX_FRAMES];

	/* the kernel's */
	u32 posted ____cacheline_aligned_in_smp;	/* pages, ever */
	u32 taken;					/* frames, ever */
	u32 page_next;					/* of the next frame */

	/* the thread's */
	u32 used ____cacheline_aligned_in_smp;		/* pages, ever */
	u32 filled;					/* frames, ever */
	u32 is_starved;					/* it waits for room */
	bool is_empty;					/* the host had no more */
};

/* Frames to the host. */
struct virtif_tx_slot {
	struct sk_buff *skb;	/* NULL: its bytes are in data[] */
	u32 iov_count, length, skb_bytes;
	struct virtio_net_hdr header;
	struct rumpuser_iovec iov[VIRTIF_TX_IOVS];
	char data[VIRTIF_TX_COPY];
};

struct virtif_tx {
	struct virtif_tx_slot *slot;

	/* the kernel's: xmit, and the end of NAPI's poll */
	u32 head ____cacheline_aligned_in_smp;
	u64 bytes_in;		/* of skbs, ever */
	u32 cleaned ____cacheline_aligned_in_smp;
	u64 bytes_out;

	/* who has `busy`: a host thread */
	u32 busy ____cacheline_aligned_in_smp;
	u32 sent;
	u64 bytes_sent;		/* of skbs, ever */
	u32 is_blocked;		/* the host takes no more for now */
};

/* Counted by the kernel (NAPI, xmit) or by the host threads that hold tx.busy, or read. */
struct virtif_counters {
	u64 rx_gso, rx_csum_partial, rx_bad_header, rx_no_memory, rx_bad_frame, rx_batches;
	u64 rx_copied;
	u64 tx_gso, tx_copied, tx_stopped, tx_kicks, tx_bad_header;
	u64 tx_host_error, tx_link_down, tx_batches;
	u64 link_changes;
};

struct virtif {
	struct net_device *dev;
	struct rumpuser_net net;
	const struct rumpuser_ops *user;	/* of the process that has the host's end */
	struct napi_struct napi;
	struct page_pool *pool;
	struct virtif_rx rx;
	struct virtif_tx tx;
	struct virtif_counters counters;

	/* the interrupt */
	struct rump_io irq;
	u32 irq_is_raised;
	struct rump_io gone_irq;
	struct completion gone;

	/* for and of the thread */
	struct rump_host_work work;	/* of who has queued frames */
	unsigned int cpu;		/* that it raises interrupts on */
	u32 is_asleep, is_running, is_ending;
	u32 host_is_up;			/* what the thread has told last */
	struct work_struct link_work;
};

/* ---- virtif_rx.c ---- */
int virtif_rx_init(struct virtif *vif);
void virtif_rx_free(struct virtif *vif);
int virtif_rx_poll(struct virtif *vif, int budget);
/* frames that came while the interface was down */
void virtif_rx_discard(struct virtif *vif);
/* on host stacks */
bool virtif_rx_has_room(const struct virtif *vif);
/* reads what fits into a batch; the number of frames */
unsigned int virtif_rx_fill(struct virtif *vif);

/* ---- virtif_tx.c ---- */
int virtif_tx_init(struct virtif *vif);
void virtif_tx_free(struct virtif *vif);
netdev_tx_t virtif_xmit(struct sk_buff *skb, struct net_device *dev);
/* frees what was written; under the queue's lock */
void virtif_tx_clean(struct virtif *vif, int budget);
bool virtif_tx_is_empty(const struct virtif *vif);
/* on host stacks: writes what there is; true: virtif_tx_clean() is called for */
bool virtif_tx_drain(struct virtif *vif);

/* ---- virtif_host.c ---- */
void virtif_thread(void *arg);
void virtif_work_run(struct rump_host_work *work, unsigned int cpu);
void virtif_work_kick(struct rump_host_work *work);
/* the thread sleeps, and has to look again; on kernel and host stacks */
void virtif_kick(struct virtif *vif);

/* ---- virtif_ethtool.c ---- */
extern const struct ethtool_ops virtif_ethtool_ops;

#endif

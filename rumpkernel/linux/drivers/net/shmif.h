/* SPDX-License-Identifier: GPL-2.0-only */
/* shmif.h - what the files of shmif share. */
#ifndef RUMP_DRIVERS_NET_SHMIF_H
#define RUMP_DRIVERS_NET_SHMIF_H

#include <linux/netdevice.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <rump/rump_bus.h>

#include "../../kernel/watch.h"

struct shmif_counts {
	u64 lapped;		/* times that we were a whole ring behind a member */
	u64 bad;		/* frames that were none */
	u64 full;		/* times that we waited for a slow member */
	u64 stalled;		/* times that we gave up waiting */
	u64 rings;		/* wake-ups of others */
};

/* What a member tells of itself, as it was at `changes`. */
struct shmif_members {
	u32 changes;
	unsigned int count;	/* one more than the highest slot */
	u64 up, promisc, real;	/* a bit for each slot */
	u64 mac[RUMP_BUS_SLOTS];
};

/* Whether a member that need not be woken reads indeed. */
struct shmif_doubt {
	unsigned long checked;	/* jiffies */
	u64 seen, position;	/* then */
};

struct shmif {
	struct net_device *dev;
	struct napi_struct napi;
	struct rump_bell bell;
	struct rumpuser_bus bus;
	char *path;
	bool is_real;		/* takes and makes real frames only */
	bool is_broken;		/* the file went away under us */

	/* ---- sending: under the lock of the transmit queue ---- */
	u64 position;		/* in our ring */
	u64 wake;		/* members to be woken at the end of a batch */
	struct shmif_members members;
	u64 stalled;		/* members that are not waited for, until then */
	unsigned long stalled_until[RUMP_BUS_SLOTS];
	u64 seen[RUMP_BUS_SLOTS];	/* what we last saw of theirs */
	struct shmif_doubt doubts[RUMP_BUS_SLOTS];
	int waits_for;		/* the slot for which the queue is stopped, -1 */
	struct timer_list timer;

	/* ---- receiving: in the poll ---- */
	u64 cursor[RUMP_BUS_SLOTS];
	unsigned int used;	/* slots to look at */
	unsigned int next;	/* the slot to begin with */
	struct page_frag frag;

	struct shmif_counts counts;
};

static __always_inline struct rump_bus_header *shmif_header(const struct shmif *shmif)
{
	return shmif->bus.base;
}

static __always_inline struct rump_bus_slot *shmif_slot(const struct shmif *shmif,
							unsigned int slot)
{
	return (struct rump_bus_slot *)(shmif->bus.base + RUMP_BUS_SLOT_OFFSET) + slot;
}

static __always_inline char *shmif_ring(const struct shmif *shmif, unsigned int slot)
{
	return shmif->bus.base + RUMP_BUS_RING_OFFSET + (size_t)slot * RUMP_BUS_RING;
}

/*
 * The bus is read and written by these only: it may have become shorter, and anybody may
 * change it.  0 or -EFAULT.
 */
static __always_inline int bus_get64(const u64 *from, u64 *to)
{
	int err;

	barrier();
	err = rump_load(sizeof(*to), from, to);
	barrier();
	return err;
}

static __always_inline int bus_get32(const u32 *from, u32 *to)
{
	int err;

	barrier();
	err = rump_load(sizeof(*to), from, to);
	barrier();
	return err;
}

static __always_inline int bus_put64(u64 *to, u64 value)
{
	int err;

	barrier();
	err = rump_store(sizeof(value), to, &value);
	barrier();
	return err;
}

static __always_inline int bus_put32(u32 *to, u32 value)
{
	int err;

	barrier();
	err = rump_store(sizeof(value), to, &value);
	barrier();
	return err;
}

static __always_inline int bus_add32(u32 *to, u32 value)
{
	int err = 0;

	asm volatile("1:	lock; addl %2,%1\n"
		     "2:\n"
		     ".pushsection .fixup,\"ax\"\n"
		     "3:	mov $-14,%0\n"
		     "	jmp 2b\n"
		     ".popsection\n"
		     _ASM_EXTABLE(1b, 3b)
		     : "+r" (err), "+m" (*to)
		     : "r" (value)
		     : "memory", "cc");
	return err;
}

static __always_inline int bus_copy(void *to, const void *from, u32 length)
{
	return rump_copy_user(to, from, length) ? -EFAULT : 0;
}

/* The file went away: the interface is of no use any more. */
void shmif_break(struct shmif *shmif);

/* ---- shmif_tx.c ---- */
netdev_tx_t shmif_xmit(struct sk_buff *skb, struct net_device *dev);
netdev_features_t shmif_features(struct sk_buff *skb, struct net_device *dev,
				 netdev_features_t features);
/* Rings the members of a mask that sleep. */
void shmif_wake(struct shmif *shmif, u64 mask);
/* Is there room again? On any stack. */
bool shmif_may_resume(const struct shmif *shmif);
void shmif_resume(struct shmif *shmif);
void shmif_tx_timeout(struct timer_list *timer);
int shmif_tx_start(struct shmif *shmif);

/* ---- shmif_rx.c ---- */
int shmif_poll(struct napi_struct *napi, int budget);
bool shmif_has_work(struct rump_bell *bell);
/* What was sent until now is not for us. */
int shmif_rx_start(struct shmif *shmif);

#endif

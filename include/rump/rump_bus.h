/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump_bus.h - the file that is an Ethernet bus between rump kernels: rump_bus(7)
 *
 * A file of RUMP_BUS_SIZE bytes with holes, mapped by each member: a header, a slot for
 * each member, a ring for each slot.  A member is who has the slot's first byte locked
 * (F_OFD_SETLK): a member that dies loses it.
 *
 * The ring is written by its member only and read by all others, each with a cursor of
 * its own.  Positions count bytes for ever; the place of one in the ring is its remainder.
 *
 *	writer	claimed = end; the frame; written = end
 *	reader	written; copy the frame; claimed: if that is more than a ring ahead of the
 *		frame's position, what was copied is worth nothing
 *
 * Nobody waits for a reader that does not come: it finds itself more than a ring behind
 * and goes on at `start`, if that is less than a ring behind, else at `written`.
 *
 * Bells are futexes of their member: 1: wake me, 0: nobody hears this one, 2: no need, I
 * look.  Who rings clears and wakes in one call (FUTEX_WAKE_OP), for a member that is killed
 * between the two would leave one asleep whom nobody else wakes.  Bells are looked at after
 * the frame is written, and only up to the first that is not 0.
 *
 * All numbers are little-endian and aligned.  Everything here may be changed at any time by
 * whoever may write to the file: copy, check, use.
 */
#ifndef RUMP_RUMP_BUS_H
#define RUMP_RUMP_BUS_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
typedef u8 rump_bus_u8;
typedef u16 rump_bus_u16;
typedef u32 rump_bus_u32;
typedef u64 rump_bus_u64;
#else
#include <stddef.h>
#include <stdint.h>
typedef uint8_t rump_bus_u8;
typedef uint16_t rump_bus_u16;
typedef uint32_t rump_bus_u32;
typedef uint64_t rump_bus_u64;
#endif

#define RUMP_BUS_MAGIC 0x0a7375622d706d72ULL /* "rmp-bus\n" */
#define RUMP_BUS_VERSION 1
#define RUMP_BUS_SLOTS 64
#define RUMP_BUS_RING (1U << 20) /* bytes of one */
#define RUMP_BUS_FRAME_MAX (65536U + 256U)
#define RUMP_BUS_FRAME_MIN 14U

/* ---- the header, at 0 ---- */

struct rump_bus_header {
	/* written once */
	rump_bus_u64 magic; /* last */
	rump_bus_u32 version;
	rump_bus_u32 slots, slot_size, slot_offset; /* as below, to be told from other makes */
	rump_bus_u32 ring_size, ring_offset;
	rump_bus_u64 size;
	rump_bus_u64 reserved[3];
	/* counts what members tell of themselves: look at their `address` again */
	rump_bus_u32 changes;
	/* slots that were ever taken: one more than the highest */
	rump_bus_u32 used;
	rump_bus_u32 reserved2[14];
};

/* ---- slots ---- */

/* who hears a bell */
#define RUMP_BUS_BELL_THREAD 0	/* a thread that waits for frames itself, or none */
#define RUMP_BUS_BELL_SERVICE 1 /* the last resort */
#define RUMP_BUS_BELLS 2

#define RUMP_BUS_ASLEEP 1U
#define RUMP_BUS_LOOKS 2U

/* rump_bus_slot.address: the MAC address, its first byte lowest, and */
#define RUMP_BUS_IS_UP (1ULL << 48)	 /* wants frames */
#define RUMP_BUS_IS_PROMISC (1ULL << 49) /* wants those of others, too */
#define RUMP_BUS_IS_REAL (1ULL << 50)	 /* wants real frames: no segments, whole checksums */
#define RUMP_BUS_MAC_MASK ((1ULL << 48) - 1)

struct rump_bus_slot {
	/* the member's */
	rump_bus_u64 claimed, written; /* positions in its ring */
	rump_bus_u64 start;	       /* where it began */
	/* 1: waits for readers; who moves on clears it and rings */
	rump_bus_u32 is_full;
	rump_bus_u32 reserved[9];
	/* anybody's */
	rump_bus_u32 bells[RUMP_BUS_BELLS];
	rump_bus_u32 reserved2[14];
	/* the member's */
	rump_bus_u64 address;
	rump_bus_u32 pid; /* for people */
	rump_bus_u32 reserved3;
	char name[16]; /* its interface, for people; ends with a zero */
	rump_bus_u64 reserved4[4];
	/* up to where it has read the rings of others */
	rump_bus_u64 seen[RUMP_BUS_SLOTS];
	rump_bus_u64 reserved5[40];
};

/* ---- rings ---- */

#define RUMP_BUS_ALIGN 64U /* of frames */

/* the same as those of virtio-net's header */
#define RUMP_BUS_NEEDS_CSUM 1U
#define RUMP_BUS_DATA_VALID 2U

struct rump_bus_frame {
	rump_bus_u64 position; /* of itself */
	rump_bus_u64 to;       /* a bit for each slot that it is for */
	rump_bus_u64 time;     /* ns since 1970 */
	rump_bus_u32 length;   /* bytes behind this header */
	/* struct virtio_net_hdr */
	rump_bus_u8 flags, gso_type;
	rump_bus_u16 hdr_len, gso_size, csum_start, csum_offset;
	rump_bus_u16 reserved;
};

#define RUMP_BUS_SLOT_OFFSET 4096U
#define RUMP_BUS_RING_OFFSET \
	(RUMP_BUS_SLOT_OFFSET + RUMP_BUS_SLOTS * (rump_bus_u32)sizeof(struct rump_bus_slot))
#define RUMP_BUS_SIZE (RUMP_BUS_RING_OFFSET + (rump_bus_u64)RUMP_BUS_SLOTS * RUMP_BUS_RING)

/* What a frame takes in the ring: it never wraps within its header. */
static inline rump_bus_u32 rump_bus_space(rump_bus_u32 length)
{
	return (length + (rump_bus_u32)sizeof(struct rump_bus_frame) + RUMP_BUS_ALIGN - 1) &
	       ~(RUMP_BUS_ALIGN - 1);
}

/* A frame that was copied from a position with so many bytes up to `written`. */
static inline int rump_bus_frame_is_good(const struct rump_bus_frame *frame, rump_bus_u64 position,
					 rump_bus_u64 available)
{
	return frame->position == position && frame->length >= RUMP_BUS_FRAME_MIN &&
	       frame->length <= RUMP_BUS_FRAME_MAX && rump_bus_space(frame->length) <= available;
}

_Static_assert(sizeof(struct rump_bus_header) == 128, "the bus file's header");
_Static_assert(offsetof(struct rump_bus_header, changes) == 64, "the bus file's header");
_Static_assert(sizeof(struct rump_bus_slot) == 1024, "the bus file's slots");
_Static_assert(offsetof(struct rump_bus_slot, bells) == 64, "the bus file's slots");
_Static_assert(offsetof(struct rump_bus_slot, address) == 128, "the bus file's slots");
_Static_assert(offsetof(struct rump_bus_slot, seen) == 192, "the bus file's slots");
_Static_assert(sizeof(struct rump_bus_frame) == 40, "the bus file's frames");
_Static_assert(RUMP_BUS_RING_OFFSET % 4096 == 0, "the bus file's rings");

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A member of a bus that means harm: shmif_hostile BUS SEED SECONDS HOW.
 *
 *	noise	random words anywhere: header, slots, rings
 *	frames	well-formed frames with random contents and offload headers in its own ring
 *	rings	frames in the rings of others, with wrong lengths and positions
 *	bells	clears and sets the bells of all
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump_bus.h>

static char *base;
static unsigned long long state;

static unsigned int any(unsigned int below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 16) % below;
}

static struct rump_bus_slot *slot_of(unsigned int slot)
{
	return (struct rump_bus_slot *)(base + RUMP_BUS_SLOT_OFFSET) + slot;
}

static void noise(void)
{
	unsigned int area = any(4);
	size_t offset = area == 0   ? 64 + any(64)
			: area < 3 ? RUMP_BUS_SLOT_OFFSET + any(4 * sizeof(struct rump_bus_slot))
				   : RUMP_BUS_RING_OFFSET + any(4 * RUMP_BUS_RING);

	base[offset] = (char)any(256);
}

static void frame_at(unsigned int slot, int is_wrong)
{
	struct rump_bus_slot *it = slot_of(slot);
	unsigned long long position = it->written & ~(RUMP_BUS_ALIGN - 1ULL);
	struct rump_bus_frame frame = {
		.position = position,
		.to = ~0ULL,
		.length = RUMP_BUS_FRAME_MIN + any(any(4) ? 200 : RUMP_BUS_FRAME_MAX - 20),
		.flags = (unsigned char)any(8),
		.gso_type = (unsigned char)any(any(2) ? 6 : 256),
		.hdr_len = (unsigned short)any(65536),
		.gso_size = (unsigned short)any(any(2) ? 2000 : 65536),
		.csum_start = (unsigned short)any(any(2) ? 60 : 65536),
		.csum_offset = (unsigned short)any(any(2) ? 20 : 65536),
	};
	static const unsigned char begin[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9};
	char *ring = base + RUMP_BUS_RING_OFFSET + (size_t)slot * RUMP_BUS_RING;
	size_t at = position % RUMP_BUS_RING, room = RUMP_BUS_RING - at - sizeof(frame);
	unsigned char head[64];

	if (is_wrong && any(2))
		frame.length = any(2) ? any(1U << 31) : any(16);
	if (is_wrong && any(2))
		frame.position += any(1000);
	memcpy(head, begin, sizeof(begin));
	for (size_t i = sizeof(begin); i < sizeof(head); i++)
		head[i] = (unsigned char)any(256);
	head[12] = any(2) ? 0x08 : 0x86;
	head[13] = head[12] == 0x08 ? (any(8) ? 0 : 6) : 0xdd;
	if (any(2)) {
		head[14] = head[12] == 0x08 ? 0x45 : 0x60;
		head[23] = any(2) ? 6 : 17;
	}
	memcpy(ring + at, &frame, sizeof(frame));
	memcpy(ring + at + sizeof(frame), head, room < sizeof(head) ? room : sizeof(head));
	position += any(is_wrong ? 20 : 1000) ? rump_bus_space(frame.length) : any(1U << 30);
	__atomic_store_n(&it->claimed, position, __ATOMIC_SEQ_CST);
	__atomic_store_n(&it->written, position, __ATOMIC_SEQ_CST);
}

static void bells(void)
{
	slot_of(any(4))->bells[any(2)] = any(3);
	slot_of(any(4))->is_full = any(2);
	slot_of(any(4))->seen[any(4)] = any(2) ? 0 : ~0ULL;
}

int main(int argc, char **argv)
{
	struct rump_bus_header *header;
	time_t end;
	int fd;

	if (argc != 5)
		return 2;
	fd = open(argv[1], O_RDWR);
	base = fd < 0 ? MAP_FAILED
		      : mmap(NULL, RUMP_BUS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	header = (struct rump_bus_header *)base;
	state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15ULL + 1;
	end = time(NULL) + atoi(argv[3]);
	if (!strcmp(argv[4], "frames") && header->used < 4)
		header->used = 4;
	while (time(NULL) <= end) {
		for (int i = 0; i < 50; i++) {
			if (!strcmp(argv[4], "noise"))
				noise();
			else if (!strcmp(argv[4], "bells"))
				bells();
			else
				frame_at(!strcmp(argv[4], "frames") ? 3 : any(4),
					 !strcmp(argv[4], "rings"));
		}
		/* the others are to have time for what is left of their traffic */
		usleep(200);
	}
	return 0;
}

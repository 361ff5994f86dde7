/* SPDX-License-Identifier: BSD-2-Clause */
/* bus.c - reads the rings of a bus, and sends. */
#include "bus.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bus_file.h"
#include "message.h"

#define STEP_NSEC 5000000 /* between two looks where no bell is ours */
#define PATIENCE 20	  /* steps of a millisecond that a slow member gets */
#define BEHIND (RUMP_BUS_RING / 2)

/* ---- the file ---- */

static void on_bus_error(int signal)
{
	static const char text[] = "the bus file became shorter, or has no space left\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATUS_FAILED);
	_exit(STATUS_FAILED);
}

int bus_open(struct bus *bus, const char *path, bool is_member)
{
	const struct sigaction action = {.sa_handler = on_bus_error};
	void *base = NULL;
	char why[256];
	int error;

	*bus = (struct bus){.path = path, .fd = -1, .slot = -1};
	sigaction(SIGBUS, &action, NULL);
	error = bus_file_open(path, is_member, &bus->fd, &base, why, sizeof(why));
	bus->base = base;
	if (!error && is_member) {
		bus->slot = bus_file_join(path, bus->fd, base, why, sizeof(why));
		error = bus->slot < 0 ? bus->slot : 0;
		if (error)
			bus_close(bus);
		else
			bus->position = __atomic_load_n(
				&bus_slot(base, (unsigned int)bus->slot)->start, __ATOMIC_RELAXED);
	}
	if (error) {
		message("%s", why);
		return error;
	}
	for (unsigned int slot = 0; slot < RUMP_BUS_SLOTS; slot++)
		bus->cursor[slot] =
			__atomic_load_n(&bus_slot(base, slot)->written, __ATOMIC_ACQUIRE);
	return 0;
}

static void changed(struct bus *bus, uint64_t address)
{
	struct rump_bus_header *header = (struct rump_bus_header *)bus->base;

	__atomic_store_n(&bus_slot(bus->base, (unsigned int)bus->slot)->address, address,
			 __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&header->changes, 1, __ATOMIC_SEQ_CST);
}

void bus_close(struct bus *bus)
{
	if (bus->fd < 0)
		return;
	if (bus->slot >= 0)
		changed(bus, 0);
	bus_file_close(bus->fd, bus->base);
	bus->fd = -1;
}

/* ---- reading ---- */

static void ring_copy(const struct bus *bus, unsigned int slot, uint64_t position, void *to,
		      uint32_t length)
{
	const char *ring = bus_ring_of(bus->base, slot);
	uint32_t at = (uint32_t)(position % RUMP_BUS_RING), piece = RUMP_BUS_RING - at;

	if (piece > length)
		piece = length;
	memcpy(to, ring + at, piece);
	memcpy((char *)to + piece, ring, length - piece);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static bool is_lapped(const struct bus *bus, unsigned int slot, uint64_t position)
{
	return __atomic_load_n(&bus_slot(bus->base, slot)->claimed, __ATOMIC_ACQUIRE) - position >
	       RUMP_BUS_RING;
}

static uint64_t written_of(const struct bus *bus, unsigned int slot)
{
	return __atomic_load_n(&bus_slot(bus->base, slot)->written, __ATOMIC_ACQUIRE);
}

/* From position on one good frame after the other leads to `end`. */
static bool leads_to(const struct bus *bus, unsigned int slot, uint64_t position, uint64_t end)
{
	struct rump_bus_frame frame;

	while (position != end) {
		ring_copy(bus, slot, position, &frame, sizeof(frame));
		if (!rump_bus_frame_is_good(&frame, position, end - position))
			return false;
		position += rump_bus_space(frame.length);
	}
	return true;
}

void bus_rewind(struct bus *bus)
{
	for (unsigned int slot = 0; slot < RUMP_BUS_SLOTS; slot++) {
		uint64_t end = written_of(bus, slot);
		uint64_t start =
			__atomic_load_n(&bus_slot(bus->base, slot)->start, __ATOMIC_RELAXED);
		uint64_t oldest = end > RUMP_BUS_RING ? end - RUMP_BUS_RING : 0;

		/* what was there before its member came is not led to by frames */
		if (end - start <= RUMP_BUS_RING && start % RUMP_BUS_ALIGN == 0)
			oldest = start;
		oldest = (oldest + RUMP_BUS_ALIGN - 1) & ~(uint64_t)(RUMP_BUS_ALIGN - 1);
		while (oldest != end && end - oldest <= RUMP_BUS_RING &&
		       (is_lapped(bus, slot, oldest) || !leads_to(bus, slot, oldest, end)))
			oldest += RUMP_BUS_ALIGN;
		bus->cursor[slot] = end - oldest <= RUMP_BUS_RING ? oldest : end;
	}
}

/* A copy that is whole: 1, 0: nothing is there. */
static int next_frame(struct bus *bus, unsigned int slot, struct rump_bus_frame *frame, char *data)
{
	uint64_t *cursor = &bus->cursor[slot], start;

	for (;;) {
		uint64_t end = written_of(bus, slot), available = end - *cursor;

		if (!available)
			return 0;
		start = __atomic_load_n(&bus_slot(bus->base, slot)->start, __ATOMIC_RELAXED);
		if (available > RUMP_BUS_RING && end - start <= RUMP_BUS_RING &&
		    start % RUMP_BUS_ALIGN == 0) {
			*cursor = start; /* a new member's first frames */
			continue;
		}
		if (available <= RUMP_BUS_RING && !is_lapped(bus, slot, *cursor)) {
			ring_copy(bus, slot, *cursor, frame, sizeof(*frame));
			if (!is_lapped(bus, slot, *cursor) &&
			    rump_bus_frame_is_good(frame, *cursor, available)) {
				ring_copy(bus, slot, *cursor + sizeof(*frame), data, frame->length);
				if (!is_lapped(bus, slot, *cursor)) {
					*cursor += rump_bus_space(frame->length);
					return 1;
				}
			}
		}
		if (available > RUMP_BUS_RING || is_lapped(bus, slot, *cursor))
			bus->lapped++;
		else
			bus->bad++;
		*cursor = end;
	}
}

int bus_read(struct bus *bus, bus_frame_fn *fn, void *arg)
{
	static _Alignas(64) char data[RUMP_BUS_FRAME_MAX];
	struct rump_bus_frame frame;
	int result = 0;

	for (int slot = 0; slot < RUMP_BUS_SLOTS && !result; slot++) {
		while (slot != bus->slot && !result &&
		       next_frame(bus, (unsigned int)slot, &frame, data))
			result = fn(&frame, (unsigned int)slot, data, arg);
	}
	return result;
}

/* ---- waiting ---- */

void bus_listen(struct bus *bus)
{
	if (bus->slot >= 0)
		changed(bus, RUMP_BUS_IS_UP | RUMP_BUS_IS_PROMISC);
}

static bool has_news(const struct bus *bus)
{
	for (int slot = 0; slot < RUMP_BUS_SLOTS; slot++) {
		if (slot != bus->slot &&
		    written_of(bus, (unsigned int)slot) != bus->cursor[slot])
			return true;
	}
	return false;
}

int bus_wait(struct bus *const *buses, unsigned int count)
{
	const struct timespec step = {.tv_nsec = STEP_NSEC};
	rump_bus_u32 *bell;
	long result;

	/* one bell can be slept on; several buses, or one that may only be read, are looked at */
	if (count != 1 || buses[0]->slot < 0)
		return nanosleep(&step, NULL) ? -errno : 0;
	bell = &bus_slot(buses[0]->base, (unsigned int)buses[0]->slot)
			->bells[RUMP_BUS_BELL_SERVICE];
	__atomic_store_n(bell, 1, __ATOMIC_SEQ_CST);
	result = has_news(buses[0]) ? 0 : syscall(SYS_futex, bell, FUTEX_WAIT, 1, NULL);
	__atomic_store_n(bell, 0, __ATOMIC_SEQ_CST);
	return result < 0 && errno == EINTR ? -EINTR : 0;
}

/* ---- sending ---- */

static void ring_put(struct bus *bus, uint64_t position, const void *from, uint32_t length)
{
	char *ring = bus_ring_of(bus->base, (unsigned int)bus->slot);
	uint32_t at = (uint32_t)(position % RUMP_BUS_RING), piece = RUMP_BUS_RING - at;

	if (piece > length)
		piece = length;
	memcpy(ring + at, from, piece);
	memcpy(ring, (const char *)from + piece, length - piece);
}

/* Who has to have a frame for this address. */
static uint64_t recipients(const struct bus *bus, const unsigned char *address)
{
	uint64_t to = 0, mac = 0;

	memcpy(&mac, address, 6);
	for (int slot = 0; slot < RUMP_BUS_SLOTS; slot++) {
		uint64_t word = __atomic_load_n(&bus_slot(bus->base, (unsigned int)slot)->address,
						__ATOMIC_RELAXED);

		if (slot != bus->slot && word & RUMP_BUS_IS_UP &&
		    (address[0] & 1 || word & RUMP_BUS_IS_PROMISC ||
		     (word & RUMP_BUS_MAC_MASK) == mac))
			to |= 1ULL << slot;
	}
	return to;
}

/* Somebody has not yet read what we are about to write over. */
static bool is_behind(const struct bus *bus, uint64_t to)
{
	for (unsigned int slot = 0; slot < RUMP_BUS_SLOTS; slot++) {
		uint64_t seen;

		if (!(to & 1ULL << slot))
			continue;
		seen = __atomic_load_n(&bus_slot(bus->base, slot)->seen[bus->slot],
				       __ATOMIC_RELAXED);
		if (bus->position - seen > BEHIND && bus->position - seen <= RUMP_BUS_RING)
			return true;
	}
	return false;
}

static void ring_bells(const struct bus *bus, uint64_t to)
{
	for (unsigned int slot = 0; slot < RUMP_BUS_SLOTS; slot++) {
		rump_bus_u32 *bells = bus_slot(bus->base, slot)->bells;

		for (unsigned int i = 0; to & 1ULL << slot && i < RUMP_BUS_BELLS; i++) {
			rump_bus_u32 bell = __atomic_load_n(&bells[i], __ATOMIC_SEQ_CST);

			if (bell == RUMP_BUS_ASLEEP)
				bus_file_ring(&bells[i]);
			if (bell)
				break;
		}
	}
}

void bus_send(struct bus *bus, const void *data, uint32_t length, uint64_t time)
{
	const struct timespec step = {.tv_nsec = 1000000};
	struct rump_bus_slot *own = bus_slot(bus->base, (unsigned int)bus->slot);
	uint64_t to = recipients(bus, data), end = bus->position + rump_bus_space(length);
	struct rump_bus_frame frame = {
		.position = bus->position, .to = to, .time = time, .length = length};

	for (int i = 0; i < PATIENCE && is_behind(bus, to); i++)
		nanosleep(&step, NULL);
	__atomic_store_n(&own->claimed, end, __ATOMIC_SEQ_CST);
	ring_put(bus, frame.position, &frame, sizeof(frame));
	ring_put(bus, frame.position + sizeof(frame), data, length);
	__atomic_store_n(&own->written, end, __ATOMIC_SEQ_CST);
	bus->position = end;
	ring_bells(bus, to);
}

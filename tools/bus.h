/* SPDX-License-Identifier: BSD-2-Clause */
/* bus.h - a bus (rump_bus.h) as the tools see it. */
#ifndef RUMP_TOOLS_BUS_H
#define RUMP_TOOLS_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include <rump/rump_bus.h>

struct bus {
	const char *path;
	int fd;
	char *base;
	int slot; /* ours, or -1 */
	uint64_t position;
	uint64_t cursor[RUMP_BUS_SLOTS];
	uint64_t lapped, bad; /* times */
};

/*
 * Opens it to read or, is_member, to send and be woken, too; the position to read from
 * is now.  -errno: it has said why.  Whoever calls this ends with one line if the file becomes
 * shorter.
 */
int bus_open(struct bus *bus, const char *path, bool is_member);
void bus_close(struct bus *bus);

/* Back to the oldest frame of each ring that is still whole. */
void bus_rewind(struct bus *bus);

/*
 * Calls fn for each frame behind the cursors, which move; data stays good until it returns.
 * Stops when fn returns nonzero, and returns that.
 */
typedef int bus_frame_fn(const struct rump_bus_frame *frame, unsigned int slot, const void *data,
			 void *arg);
int bus_read(struct bus *bus, bus_frame_fn *fn, void *arg);

/* A member hears all frames from now on, and ... */
void bus_listen(struct bus *bus);
/* ... sleeps until there is one; others look so often.  -EINTR */
int bus_wait(struct bus *const *buses, unsigned int count);

/* Sends to all whom it concerns; waits a moment for those that are far behind. */
void bus_send(struct bus *bus, const void *data, uint32_t length, uint64_t time);

#endif

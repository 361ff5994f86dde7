/* SPDX-License-Identifier: BSD-2-Clause */
/* bus_file.h - the file of a bus (rump_bus.h), as hosts and tools open it. */
#ifndef RUMPUSER_BUS_FILE_H
#define RUMPUSER_BUS_FILE_H

#include <stddef.h>

#include <rump/rump_bus.h>

/*
 * Opens the file, checks it, maps it for reading or, if is_member, for writing, too; makes it
 * where there is none.  0, *ret_fd and *ret_base; or -errno and one line in why that names
 * the file and the remedy.
 */
int bus_file_open(const char *path, int is_member, int *ret_fd, void **ret_base, char *why,
		  size_t why_size);
/* Takes a slot: its number, or -errno, why as above. */
int bus_file_join(const char *path, int fd, void *base, char *why, size_t why_size);
void bus_file_close(int fd, void *base);
/* Clears a bell and wakes who sleeps on it. */
void bus_file_ring(rump_bus_u32 *bell);

static inline struct rump_bus_slot *bus_slot(void *base, unsigned int slot)
{
	return (struct rump_bus_slot *)((char *)base + RUMP_BUS_SLOT_OFFSET) + slot;
}

static inline char *bus_ring_of(void *base, unsigned int slot)
{
	return (char *)base + RUMP_BUS_RING_OFFSET + (size_t)slot * RUMP_BUS_RING;
}

#endif

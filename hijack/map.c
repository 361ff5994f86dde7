/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.c - mappings of rump files, and calls that change or look at the address space.
 *
 * Theory of operation
 * ===================
 * A mapping of a rump file is an area (areas.h).  In it the host has page mappings of
 * the kernel's memory where pages were touched, and elsewhere something that faults.
 *
 *	touch		SIGSEGV, SIGBUS -> signals.c: fault_entry -> the kernel here, or
 *			map_remote.c, makes the page there; or the signal is the program's
 *	munmap() ...	of a range: part by part, areas to the kernel, the rest to the host
 *	write(1, p, n)	the host takes no fault of ours: map_touch.c
 *
 * Only what is said here knows both sides: a call that changed the host's mappings alone
 * would leave the kernel with a mapping at an address that is soon something else's.
 *
 * The table is changed with its lock, together with what it is about.  A kernel here does
 * its faults by itself, without the lock.
 */
#include <sys/mman.h>

#include "boot.h"
#include "dispatch.h"
#include "fdtable.h"
#include "map.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static unsigned long round_up(unsigned long length)
{
	return (length + MAP_PAGE - 1) & -MAP_PAGE;
}

/* Nothing to do with areas, or the host finds the same fault with it. */
static bool is_odd(unsigned long start, unsigned long length)
{
	return start % MAP_PAGE || !length || round_up(length) < length ||
	       start + round_up(length) < start;
}

/* ---- ranges ---- */

/* The part of an area that lies in [start, end). */
static struct area part_of(const struct area *area, unsigned long start, unsigned long end)
{
	struct area part = *area;

	if (part.start < start)
		part.start = start;
	if (part.end > end)
		part.end = end;
	return part;
}

/* What is in the range is the application's no more. */
static long unmap_areas(struct call *call, unsigned long start, unsigned long end, bool of_host_too)
{
	long error = areas_split(start, end);

	while (!error && start < end) {
		struct area *area = areas_from(start);
		struct area part = {.start = end, .end = end};

		if (area && area->start < end)
			part = *area;
		if (start < part.start && of_host_too)
			error = host(SYS_munmap, start, part.start - start);
		if (!error && part.start < part.end) {
			error = part.is_elsewhere
					? map_remote_munmap(call, &part, !of_host_too)
					: rump(call, SYS_munmap, part.start, part.end - part.start);
			if (!error)
				error = areas_cut(part.start, part.end);
		}
		start = part.end;
	}
	return error;
}

long handle_munmap(struct call *call)
{
	unsigned long start = call->args[0], length = call->args[1], mask;
	long result;

	if (!areas_may_have(start, length) || is_odd(start, length) || self.spawned)
		return host_call(call);
	areas_lock(&mask);
	result = unmap_areas(call, start, start + round_up(length), true);
	areas_unlock(&mask);
	return result;
}

/* ---- mmap ---- */

/* The host maps something of its own over areas. */
static long mmap_over(struct call *call)
{
	unsigned long start = call->args[0], length = round_up(call->args[1]), mask;
	long result, error;

	if (is_odd(start, length) || !areas_may_have(start, length) || self.spawned)
		return host_call(call);
	areas_lock(&mask);
	error = unmap_areas(call, start, start + length, false);
	result = error ? error : host_call(call);
	areas_unlock(&mask);
	return result;
}

/* With the lock, after the kernel has mapped it. */
static void note_mapping(const struct call *call, unsigned long start)
{
	struct area area = {
		.start = start,
		.end = start + round_up(call->args[1]),
		.protection = call->args[2],
		.is_shared = (call->args[3] & MAP_TYPE) != MAP_PRIVATE,
	};

	/* reserved */
	areas_cut(area.start, area.end);
	areas_add(&area);
}

static long mmap_here(struct call *call, int rump_fd)
{
	unsigned long mask;
	long args[6], result;

	memcpy(args, call->args, sizeof(args));
	args[4] = rump_fd;
	areas_lock(&mask);
	result = areas_reserve(3);
	if (!result)
		result = rump_call(call, args);
	if (!is_error(result))
		note_mapping(call, result);
	areas_unlock(&mask);
	return result;
}

static long mmap_elsewhere(struct call *call, int rump_fd)
{
	unsigned long mask;
	long result;

	if (self.spawned || map_remote_ready(call))
		return map_copy(call, rump_fd);
	map_remote_check(call);
	areas_lock(&mask);
	result = map_remote_mmap(call, rump_fd);
	areas_unlock(&mask);
	if (!is_error(result) && call->args[3] & (MAP_POPULATE | MAP_LOCKED)) {
		struct call touch = {.nr = SYS_madvise,
				     .args = {result, call->args[1], MADV_POPULATE_READ}};

		handle_range(&touch);
	}
	return result;
}

long handle_mmap(struct call *call)
{
	int flags = call->args[3], fd = call->args[4], rump_fd;

	rump_fd = flags & MAP_ANONYMOUS ? FDTABLE_HOST : fdtable_get(fd);
	if (rump_fd == FDTABLE_HOST) {
		if (flags & MAP_FIXED && !(flags & MAP_FIXED_NOREPLACE))
			return mmap_over(call);
		return host_call(call);
	}
	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (boot_ensure(call))
		return -EBADF;
	return boot_place == PLACE_ELSEWHERE || self.spawned ? mmap_elsewhere(call, rump_fd)
							     : mmap_here(call, rump_fd);
}

/* ---- mremap ---- */

static long mremap_here(struct call *call, const struct area *old)
{
	unsigned long start = call->args[0], old_length = round_up(call->args[1]);
	unsigned long new_length = round_up(call->args[2]);
	struct area area = *old;
	long result = areas_reserve(5);

	if (!result)
		result = rump_call(call, call->args);
	if (is_error(result))
		return result;
	area.start = result;
	area.end = result + new_length;
	if (old_length && !(call->args[3] & MREMAP_DONTUNMAP))
		areas_cut(start, start + old_length);
	areas_cut(area.start, area.end);
	areas_add(&area);
	return result;
}

/* With the lock. */
static long mremap_locked(struct call *call)
{
	unsigned long start = call->args[0], old_length = round_up(call->args[1]);
	unsigned long new_length = round_up(call->args[2]), new_start = call->args[4];
	bool is_fixed = call->args[3] & MREMAP_FIXED;
	const struct area *area = areas_at(start);
	long error;

	if (area && (start % MAP_PAGE || !new_length || call->args[3] & ~7L))
		return -EINVAL;
	if (area && start + old_length > area->end)
		return -EFAULT;
	if (is_fixed && (is_odd(new_start, new_length) || !(call->args[3] & MREMAP_MAYMOVE) ||
			 (new_start < start + old_length && start < new_start + new_length)))
		return -EINVAL;
	if (is_fixed && (!area || area->is_elsewhere)) {
		error = unmap_areas(call, new_start, new_start + new_length, false);
		if (error)
			return error;
		area = areas_at(start);
	}
	if (!area)
		return host_call(call);
	return area->is_elsewhere ? map_remote_mremap(call, old_length, new_length)
				  : mremap_here(call, area);
}

long handle_mremap(struct call *call)
{
	unsigned long mask;
	long result;

	if (self.spawned || (!areas_may_have(call->args[0], 1) &&
			     !(call->args[3] & MREMAP_FIXED &&
			       areas_may_have(call->args[4], round_up(call->args[2])))))
		return host_call(call);
	areas_lock(&mask);
	result = mremap_locked(call);
	areas_unlock(&mask);
	return result;
}

/* ---- calls on a range that leave it where it is ---- */

/* The arguments for a part of the range. */
static void part_args(const struct call *call, unsigned long start, unsigned long end, long args[6])
{
	memcpy(args, call->args, 6 * sizeof(args[0]));
	args[0] = start;
	args[1] = end - start;
	if (call->nr == SYS_mincore) /* a byte for each page */
		args[2] += (start - call->args[0]) / MAP_PAGE;
}

/* Changes what the table or the host's mappings are: with the lock, an area as a whole. */
static bool is_change(const struct call *call)
{
	switch (call->nr) {
	case SYS_mprotect:
	case SYS_pkey_mprotect:
		return true;
	case SYS_madvise:
		return call->args[2] == MADV_DONTNEED || call->args[2] == MADV_DONTNEED_LOCKED;
	}
	return false;
}

static bool is_populate(const struct call *call)
{
	return call->nr == SYS_madvise &&
	       (call->args[2] == MADV_POPULATE_READ || call->args[2] == MADV_POPULATE_WRITE);
}

/* As a program would bring it in: that is all there is to it. */
static long populate(const struct call *call, const struct area *part)
{
	for (unsigned long at = part->start; at < part->end; at += MAP_PAGE)
		if (user_touch(at, call->args[2] == MADV_POPULATE_WRITE))
			return -EFAULT;
	return 0;
}

static long change(struct call *call, struct area *area, const long args[6])
{
	bool is_protect = call->nr != SYS_madvise;
	long result;

	if (call->nr == SYS_pkey_mprotect && (int)args[3] != -1)
		return -EINVAL; /* no key of the host's protects pages of the kernel's */
	if (area->is_elsewhere)
		result = is_protect ? map_remote_mprotect(call, area, args[2])
				    : map_remote_discard(call, area);
	else
		result = rump_call(call, args);
	if (!result && is_protect)
		area->protection = args[2];
	return result;
}

/* With the lock, which is given up where the call may take long. */
static long on_area(struct call *call, unsigned long start, unsigned long end, unsigned long *mask)
{
	struct area *area = areas_at(start), part;
	long args[6], result;

	part = part_of(area, start, end);
	part_args(call, part.start, part.end, args);
	if (is_change(call))
		return change(call, area, args);
	areas_unlock(mask);
	result = is_populate(call) ? populate(call, &part) : rump_call(call, args);
	if (part.is_elsewhere)
		map_remote_check(call);
	areas_lock(mask);
	return result;
}

long handle_range(struct call *call)
{
	unsigned long start = call->args[0], length = call->args[1], end, mask;
	long result = 0, args[6];

	if (!areas_may_have(start, length) || is_odd(start, length) || self.spawned)
		return host_call(call);
	end = start + round_up(length);
	areas_lock(&mask);
	if (is_change(call))
		result = areas_split(start, end);
	while (!result && start < end) {
		const struct area *area = areas_from(start);
		unsigned long stop = end;

		if (area && area->start <= start) {
			stop = area->end < end ? area->end : end;
			result = on_area(call, start, stop, &mask);
		} else {
			if (area && area->start < end)
				stop = area->start;
			part_args(call, start, stop, args);
			result = host6(call->nr, args[0], args[1], args[2], args[3], args[4],
				       args[5]);
		}
		start = stop;
	}
	areas_unlock(&mask);
	return result;
}

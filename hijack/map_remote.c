/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_remote.c - mappings of a kernel in another process that shares its memory with us.
 *
 * Theory of operation
 * ===================
 * We have the kernel's memory as a descriptor.  An area is at first a placeholder: a mapping
 * of that file behind its end, with the area's own protection, so that every access that
 * is allowed raises SIGBUS.  Then the kernel is asked which page it is (MAP_FAULT), with those
 * around it, and they are mapped over the placeholder.  The kernel keeps them for us until
 * we say that they are mapped no more (MAP_DROP), so that no page is ever another one's.
 *
 *	shared		The kernel's pages, read-only until the first write, of which the
 *			kernel has to know.
 *	private		Read-only: the kernel's pages too.  Once writable (is_copied): copies
 *			in memory of our own, a page at its first touch.
 *
 * Order.  Who takes something away does so on the host, then tells the kernel, all with the
 * areas' lock and `version' raised.  A fault asks the kernel without the lock, since a disk
 * may have to be read, and asks again when `version' has changed meanwhile.
 *
 * The kernel may have to take pages back: when a file is cut, or its memory is short.  It
 * raises a counter in its memory, which is looked at after each of our calls and at each
 * fault; a process that does neither goes on with the page that was there.  When it
 * gives us no more pages (ENOBUFS) we give back all that we have: those in use come again.
 *
 * A child of a fork has the same areas and asks for its own pages.  What was private and
 * written to it has from the host.
 */
#include <rump/rump_sp.h>
#include <sys/mman.h>

#include "boot.h"
#include "dispatch.h"
#include "fdtable.h"
#include "map.h"
#include "placeholder.h"
#include "remote.h"

#define RUNS 64		/* of pages, in one answer */
#define COPIES 16UL	/* pages that are copied with the one that was touched */
#define TRIES 100	/* of a fault that others get in the way of */
#define POPULATE_MIN 16 /* pages of a mapping that is used as soon as it is made */

enum state { NOT_ASKED, READY, REFUSED };

static struct {
	enum state state;
	int memory;  /* the kernel's */
	int carrier; /* its end tells the kernel that of our memory, see rump_sp(7) */
	unsigned long memory_size;
	const uint32_t *flushes;
	uint32_t seen; /* of it */
	unsigned long version;
} map = {.memory = -1, .carrier = -1};

static unsigned long round_up(unsigned long length)
{
	return (length + MAP_PAGE - 1) & -MAP_PAGE;
}

/* ---- the kernel ---- */

/* A child in shared memory has a process of its own; this memory is its parent's. */
static long ask_for_parent(long nr, const long args[4])
{
	struct rumpclient_fork *fork = self.spawned->prefork.fork;
	long result;

	if (!fork)
		return -ENXIO;
	remote.fork_enter(NULL);
	self.inside++;
	result = remote.syscall(nr, args[0], args[1], args[2], args[3], 0, 0);
	self.inside--;
	remote.fork_enter(fork);
	return result;
}

static long ask(long nr, long a, long b, long c, long d)
{
	struct call call = {.nr = nr, .door = DOOR_TRAP};
	const long args[4] = {a, b, c, d};

	return self.spawned ? ask_for_parent(nr, args) : rump6(&call, nr, a, b, c, d, 0, 0);
}

/* The host has nothing of it mapped any more. */
static void drop(unsigned long start, unsigned long end)
{
	ask(RUMP_SP_NR_MAP_DROP, start, end - start, 0, 0);
}

/* ---- placeholders ---- */

/* 0 or -ENOMEM; what lies there is replaced. */
static long place(unsigned long start, unsigned long end, int protection)
{
	/* so that neighbours are one mapping to the host */
	long result =
		host(SYS_mmap, start, end - start, protection,
		     MAP_SHARED | MAP_NORESERVE | MAP_FIXED, map.memory, map.memory_size + start);

	return is_error(result) ? result : 0;
}

/* Addresses for one. */
static long find_place(unsigned long hint, unsigned long length, int flags)
{
	long found = host(SYS_mmap, hint, length, PROT_NONE, MAP_SHARED | MAP_NORESERVE | flags,
			  map.memory, map.memory_size);

	if (!is_error(found) && flags & MAP_FIXED_NOREPLACE && (unsigned long)found != hint) {
		host(SYS_munmap, found, length);
		return -EEXIST;
	}
	return found;
}

/* The protection that the kernel knows: it only reads what is private. */
static int kernel_protection(const struct area *area, int protection)
{
	if (!protection)
		return protection;
	if (!area->is_shared)
		protection &= ~PROT_WRITE;
	return protection | PROT_READ;
}

/* ---- the connection ---- */

static void close_private_at(int *fd)
{
	if (*fd >= 0)
		private_close(*fd);
	*fd = -1;
}

static void detach(void)
{
	close_private_at(&map.carrier);
	if (map.flushes)
		host(SYS_munmap, map.flushes, MAP_PAGE);
	map.flushes = NULL;
	map.state = NOT_ASKED;
}

/* With the thread inside, on a large stack. */
static int attach(void)
{
	struct rump_sp_map answer = {0};
	int memory = remote.memory(), carrier = -1;
	long fd, address = -ENOMEM;

	if (memory < 0)
		return -errno;
	memory = private_fd(memory);
	fd = boot_syscall(RUMP_SP_NR_MAP_OPEN, (long)&answer, 0, 0, 0, 0, 0);
	if (!is_error(fd)) {
		carrier = remote.export(fd);
		boot_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
	}
	if (carrier >= 0) {
		carrier = private_fd(carrier);
		address = host(SYS_mmap, 0, MAP_PAGE, PROT_READ, MAP_SHARED, memory,
			       answer.flushes_offset);
	}
	if (is_error(address)) {
		close_private_at(&carrier);
		close_private_at(&memory);
		return -EPERM;
	}
	close_private_at(&map.memory);
	map.memory = memory;
	map.carrier = carrier;
	map.memory_size = answer.memory_size;
	map.flushes = (const uint32_t *)address;
	map.seen = 0;
	return 0;
}

/* What a fork has left as addresses without anything. */
static void place_all(void)
{
	for (struct area *area = areas_from(0); area; area = areas_next(area))
		if (area->is_elsewhere && !area->copies)
			place(area->start, area->end, area->protection);
}

static void attach_on_stack(void *result)
{
	*(int *)result = attach();
}

int map_remote_ready(struct call *call)
{
	unsigned long mask;
	int error = 0;

	if (__builtin_expect(__atomic_load_n(&map.state, __ATOMIC_ACQUIRE) == READY, 1))
		return 0;
	areas_lock(&mask);
	if (map.state == NOT_ASKED) {
		if (boot_run(call, CALL_STACK, true, attach_on_stack, &error))
			error = -ENOMEM;
		if (!error)
			place_all();
		__atomic_store_n(&map.state, error ? REFUSED : READY, __ATOMIC_RELEASE);
	}
	error = map.state == READY ? 0 : -EPERM;
	areas_unlock(&mask);
	return error;
}

/* ---- pages ---- */

/* The part of a run that lies in the area: false: none. */
static bool clip(const struct area *area, struct rump_sp_map_run *run)
{
	unsigned long end = run->address + run->pages * MAP_PAGE;

	if (run->address < area->start) {
		run->offset += area->start - run->address;
		run->address = area->start;
	}
	if (end > area->end)
		end = area->end;
	if (run->address >= end)
		return false;
	run->pages = (end - run->address) / MAP_PAGE;
	return true;
}

/* With the lock.  0, or the host's error. */
static long map_run(const struct area *area, struct rump_sp_map_run run)
{
	int protection = area->protection;
	long result;

	if (!clip(area, &run))
		return 0;
	if (area->is_shared && !run.is_writable)
		protection &= ~PROT_WRITE;
	result = host(SYS_mmap, run.address, run.pages * MAP_PAGE, protection,
		      (area->is_shared ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE | MAP_FIXED |
			      (run.pages >= POPULATE_MIN ? MAP_POPULATE : 0),
		      map.memory, run.offset);
	return is_error(result) ? result : 0;
}

/* All that we have of the kernel's pages; with the lock. */
static void give_back(void)
{
	map.version++;
	for (struct area *area = areas_from(0); area; area = areas_next(area))
		if (area->is_elsewhere && !area->is_copied)
			place(area->start, area->end, area->protection);
	drop(0, 1UL << 47);
}

/*
 * Memory of our own with the pages' contents goes to their place in one step: another
 * thread never sees half of it.  With the lock.
 */
static long copy_pages(struct area *area, unsigned long address, unsigned long pages,
		       unsigned long offset)
{
	unsigned long length = pages * MAP_PAGE;
	long made = host(SYS_mmap, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	long result;

	if (is_error(made))
		return made;
	result = host(SYS_pread64, map.memory, made, length, offset);
	if (result != (long)length)
		result = is_error(result) ? result : -EIO;
	else
		result = host(SYS_mprotect, made, length, area->protection);
	if (!result)
		result = area_set_copies(area, address, address + length, true);
	if (!result)
		result = host(SYS_mremap, made, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
			      address);
	if (!is_error(result))
		return 0;
	area_set_copies(area, address, address + length, false);
	host(SYS_munmap, made, length);
	return result;
}

/* Those around address that have no copy yet. */
static long copy_run(struct area *area, struct rump_sp_map_run run, unsigned long address)
{
	struct rump_sp_map_run window = {.address = address & -(COPIES * MAP_PAGE)};
	unsigned long end, pages;
	long error = 0;

	window.pages = COPIES;
	if (!clip(area, &run))
		return 0;
	end = run.address + run.pages * MAP_PAGE;
	if (end > window.address + COPIES * MAP_PAGE)
		end = window.address + COPIES * MAP_PAGE;
	for (unsigned long at = run.address > window.address ? run.address : window.address;
	     at < end && !error; at += pages * MAP_PAGE) {
		pages = 0;
		while (at + pages * MAP_PAGE < end && !area_has_copy(area, at + pages * MAP_PAGE))
			pages++;
		if (pages)
			error = copy_pages(area, at, pages, run.offset + (at - run.address));
		else
			pages = 1;
	}
	return error;
}

/* With the lock.  -EAGAIN: not there yet. */
static long take(unsigned long address, const struct rump_sp_map_run *runs, long count)
{
	struct area *area = areas_at(address);
	bool is_there = false;
	long error = 0;

	for (long i = 0; i < count && !error; i++) {
		is_there |= address - runs[i].address < runs[i].pages * MAP_PAGE;
		error = area->is_copied ? copy_run(area, runs[i], address) : map_run(area, runs[i]);
	}
	if (area->is_copied)
		for (long i = 0; i < count; i++)
			drop(runs[i].address, runs[i].address + runs[i].pages * MAP_PAGE);
	if (error == -ENOMEM) {
		/* the host allows so many mappings only */
		give_back();
		return -EAGAIN;
	}
	return error ? error : is_there ? 0 : -EAGAIN;
}

static long kind_of(const struct area *area, bool is_write)
{
	if (area->is_copied)
		return RUMP_SP_MAP_NEAR;
	return is_write && area->is_shared ? RUMP_SP_MAP_WRITE : 0;
}

/*
 * Not in the midst of a change: who reads it while somebody has the lock could not tell
 * whether the kernel gave its pages before or after that one dropped them.
 */
static unsigned long look_at_version(void)
{
	unsigned long version = __atomic_load_n(&map.version, __ATOMIC_SEQ_CST), mask;

	if (!areas_are_locked())
		return version;
	areas_lock(&mask);
	version = map.version;
	areas_unlock(&mask);
	return version;
}

static int fault_once(unsigned long address, bool is_write)
{
	struct rump_sp_map_run runs[RUNS];
	struct call call = {.nr = SYS_mmap, .door = DOOR_TRAP};
	unsigned long mask, version = look_at_version();
	struct area seen;
	long count;

	if (!areas_find(address, address + 1, &seen) || !seen.is_elsewhere)
		return -ENOENT;
	if (!(seen.protection & (is_write ? PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC)))
		return -EFAULT;
	if (map.state != READY && (self.spawned || map_remote_ready(&call)))
		return -EFAULT;
	count = ask(RUMP_SP_NR_MAP_FAULT, address, kind_of(&seen, is_write), (long)runs, RUNS);
	if (count == -EINTR)
		return -EAGAIN;
	if (is_error(count) && count != -ENOBUFS)
		return count == -EIO ? -EIO : -EFAULT;
	areas_lock(&mask);
	if (version != map.version)
		count = -EAGAIN;
	else if (count == -ENOBUFS)
		give_back();
	else
		count = take(address, runs, count);
	areas_unlock(&mask);
	return count == -ENOBUFS ? -EAGAIN : count;
}

int map_remote_fault(unsigned long address, bool is_write)
{
	int error = -EAGAIN;

	if (areas_are_locked_here())
		return -ENOENT;
	address &= -MAP_PAGE;
	for (int i = 0; i < TRIES && error == -EAGAIN; i++)
		error = fault_once(address, is_write);
	/* the program comes again by itself */
	return error == -EAGAIN ? 0 : error;
}

void map_remote_check(struct call *call)
{
	struct rump_sp_map_run runs[RUNS];
	unsigned long mask, end;
	uint32_t flushes;
	long count;

	(void)call;
	if (!map.flushes || self.inside || self.spawned)
		return;
	flushes = __atomic_load_n(map.flushes, __ATOMIC_ACQUIRE);
	if (__builtin_expect(flushes == map.seen, 1))
		return;
	areas_lock(&mask);
	map.seen = flushes;
	do {
		count = ask(RUMP_SP_NR_MAP_CHECK, (long)runs, RUNS, 0, 0);
		if (count > 0)
			map.version++;
		for (long i = 0; i < count; i++) {
			struct area *area = areas_from(runs[i].address);

			end = runs[i].address + runs[i].pages * MAP_PAGE;
			for (; area && area->start < end; area = areas_next(area)) {
				struct rump_sp_map_run run = runs[i];

				if (area->is_elsewhere && !area->is_copied && clip(area, &run))
					place(run.address, run.address + run.pages * MAP_PAGE,
					      area->protection);
			}
			drop(runs[i].address, end);
		}
	} while (count == RUNS);
	areas_unlock(&mask);
}

/* ---- calls, with the lock ---- */

long map_remote_mmap(struct call *call, int rump_fd)
{
	const int ours = MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_POPULATE | MAP_LOCKED | MAP_32BIT;
	unsigned long start = call->args[0], length = round_up(call->args[1]);
	int protection = call->args[2], flags = call->args[3];
	bool is_fixed = flags & MAP_FIXED && !(flags & MAP_FIXED_NOREPLACE);
	struct area area = {
		.protection = protection,
		.is_shared = (flags & MAP_TYPE) != MAP_PRIVATE,
		.is_elsewhere = true,
	};
	long args[6] = {0,
			length,
			kernel_protection(&area, protection),
			(flags & ~ours) | MAP_FIXED,
			rump_fd,
			call->args[5]};
	long result;

	if (!call->args[1] || call->args[5] % MAP_PAGE)
		return -EINVAL;
	if (length < (unsigned long)call->args[1])
		return -ENOMEM;
	result = areas_reserve(3);
	if (result)
		return result;
	if (!is_fixed) {
		result = find_place(start, length, flags & (MAP_FIXED_NOREPLACE | MAP_32BIT));
		if (is_error(result))
			return result;
		start = result;
	}
	args[0] = start;
	result = rump_call(call, args);
	if (!is_error(result)) {
		result = place(start, start + length, protection);
		if (result)
			rump(call, SYS_munmap, start, length);
	}
	if (is_error(result)) {
		if (!is_fixed)
			host(SYS_munmap, start, length);
		return result;
	}
	map.version++;
	if (is_fixed)
		drop(start, start + length);
	area.start = start;
	area.end = start + length;
	area.is_copied = !area.is_shared && protection & PROT_WRITE;
	areas_cut(area.start, area.end);
	areas_add(&area);
	return start;
}

long map_remote_munmap(struct call *call, const struct area *area, bool keeps_addresses)
{
	long error;

	map.version++;
	error = keeps_addresses ? place(area->start, area->end, PROT_NONE)
				: host(SYS_munmap, area->start, area->end - area->start);
	/* a kernel that is not there any more has forgotten it */
	if (!error)
		rump(call, SYS_munmap, area->start, area->end - area->start);
	return error;
}

long map_remote_mprotect(struct call *call, struct area *area, int protection)
{
	unsigned long length = area->end - area->start;
	long error =
		rump(call, SYS_mprotect, area->start, length, kernel_protection(area, protection));

	if (error)
		return error;
	map.version++;
	if (area->is_copied)
		return host(SYS_mprotect, area->start, length, protection);
	error = place(area->start, area->end, protection);
	drop(area->start, area->end);
	if (!error && !area->is_shared && protection & PROT_WRITE)
		area->is_copied = true;
	return error;
}

long map_remote_discard(struct call *call, struct area *area)
{
	long error = place(area->start, area->end, area->protection);

	(void)call;
	map.version++;
	if (error)
		return error;
	if (area->is_copied)
		return area_set_copies(area, area->start, area->end, false);
	drop(area->start, area->end);
	return 0;
}

/* Copies that lie one after the other may be several mappings to the host. */
static long move_copies(unsigned long from, unsigned long to, unsigned long length)
{
	unsigned long half = (length / 2 + MAP_PAGE - 1) & -MAP_PAGE;
	long result = host(SYS_mremap, from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	if (!is_error(result))
		return 0;
	if (result != -EFAULT || length <= MAP_PAGE)
		return result;
	result = move_copies(from, to, half);
	return result ? result : move_copies(from + half, to + half, length - half);
}

static long move_all_copies(const struct area *from, unsigned long length, struct area *to)
{
	unsigned long start = from->start, end = from->start + length, at;
	long error = 0;

	for (; start < end && !error; start = at) {
		at = start + MAP_PAGE;
		if (!area_has_copy(from, start))
			continue;
		while (at < end && area_has_copy(from, at))
			at += MAP_PAGE;
		error = area_set_copies(to, start - from->start + to->start,
					at - from->start + to->start, true);
		if (!error)
			error = move_copies(start, start - from->start + to->start, at - start);
	}
	return error;
}

/* old: what of an area is to be moved. */
static long move(struct call *call, const struct area *old, unsigned long old_length,
		 unsigned long new_length)
{
	bool is_fixed = call->args[3] & MREMAP_FIXED, stays = call->args[3] & MREMAP_DONTUNMAP;
	struct area new = *old;
	long result, error;

	result = is_fixed ? call->args[4] : find_place(0, new_length, 0);
	if (is_error(result))
		return result;
	new.start = result;
	new.end = new.start + new_length;
	new.copies = NULL;
	result = rump(call, SYS_mremap, old->start, old_length, new_length,
		      MREMAP_MAYMOVE | MREMAP_FIXED | (stays ? MREMAP_DONTUNMAP : 0), new.start);
	if (is_error(result)) {
		if (!is_fixed)
			host(SYS_munmap, new.start, new_length);
		return result;
	}
	map.version++;
	error = place(new.start, new.end, new.protection);
	if (!error && old->is_copied)
		error = move_all_copies(old, old_length, &new);
	if (stays)
		place(old->start, old->start + old_length, old->protection);
	else if (old_length)
		host(SYS_munmap, old->start, old_length);
	drop(old->start, old->start + old_length);
	if (old_length && stays && old->is_copied)
		area_set_copies((struct area *)old, old->start, old->start + old_length, false);
	else if (old_length && !stays)
		areas_cut(old->start, old->start + old_length);
	areas_add(&new);
	return error ? error : (long)new.start;
}

static long grow_in_place(struct call *call, struct area *area, unsigned long old_length,
			  unsigned long new_length)
{
	unsigned long end = area->start + old_length, more = new_length - old_length;
	long result = find_place(end, more, MAP_FIXED_NOREPLACE);

	if (is_error(result))
		return -ENOMEM;
	result = rump(call, SYS_mremap, area->start, old_length, new_length, 0);
	if (!is_error(result))
		result = place(end, end + more, area->protection);
	if (!result)
		result = area_grow(area, end + more);
	if (!result)
		return area->start;
	host(SYS_munmap, end, more);
	return -ENOMEM;
}

long map_remote_mremap(struct call *call, unsigned long old_length, unsigned long new_length)
{
	unsigned long start = call->args[0];
	bool is_special = call->args[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP);
	struct area tail;
	long result = areas_split(start, start + old_length);
	struct area *area;

	if (!result)
		result = areas_reserve(4);
	if (result)
		return result;
	area = areas_at(start);
	if (new_length <= old_length && !is_special) {
		tail = *area;
		tail.start = start + new_length;
		if (tail.start == tail.end)
			return start;
		result = map_remote_munmap(call, &tail, false);
		return result ? result : (areas_cut(tail.start, tail.end), (long)start);
	}
	if (!is_special && old_length) {
		result = grow_in_place(call, area, old_length, new_length);
		if (!is_error(result) || !(call->args[3] & MREMAP_MAYMOVE))
			return result;
		area = areas_at(start);
	}
	if (!(call->args[3] & MREMAP_MAYMOVE))
		return -EINVAL;
	return move(call, area, old_length, new_length);
}

/* ---- life ---- */

void map_remote_forked(void)
{
	bool has_memory = map.memory >= 0 && map.state == READY;

	for (struct area *area = areas_from(0); area; area = areas_next(area)) {
		if (area->is_elsewhere && has_memory) {
			if (!area->is_copied)
				place(area->start, area->end, area->protection);
			continue;
		}
		/* of the parent's own kernel: the addresses stay until we have its memory */
		if (!area->is_elsewhere)
			area->is_copied = !area->is_shared && area->protection & PROT_WRITE;
		area->is_elsewhere = true;
		if (!area->copies)
			host(SYS_mmap, area->start, area->end - area->start, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	}
	map.version++;
	detach();
}

void map_remote_lost(void)
{
	unsigned long mask;

	if (map.state == NOT_ASKED)
		return;
	areas_lock(&mask);
	map.version++;
	for (struct area *area = areas_from(0); area;) {
		unsigned long end = area->end;

		if (area->is_elsewhere) {
			if (!area->is_copied)
				place(area->start, end, area->protection);
			areas_cut(area->start, end);
		}
		area = areas_from(end);
	}
	detach();
	close_private_at(&map.memory);
	areas_unlock(&mask);
}

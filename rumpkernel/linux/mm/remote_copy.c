// SPDX-License-Identifier: GPL-2.0-only
/*
 * User memory of clients: copies that leave the process.
 *
 * Theory of operation
 *
 * A client's call comes with windows: pieces of its memory that the call is likely to
 * read.  What the kernel writes becomes records in the answer, which the client carries
 * out.  Most calls need no more.  Else the host side is asked to transfer a piece: at
 * once, where it may do so without waiting (may_direct), or by the lwp's own host thread
 * while the lwp sleeps (rump_io_wait_remote()).
 *
 * Code that may not sleep cannot wait for a client.  It gets a fault, as it would for a
 * page that is not there; its callers then touch the memory outside of the atomic
 * section (fault_in_readable()) and try again.  So what a transfer has brought is kept
 * for the rest of the call, whole pages of it.  After a fault in atomic code the pages
 * that are touched next are kept until it was tried again, or the two would chase each
 * other for ever.
 *
 * The memory of a call thus has four layers, the later ones above the earlier: the
 * windows, what was fetched, and the records; and the client's memory itself, once
 * records were sent there: then windows and fetched pages are old.  Other threads of the
 * client may see their writes to memory that a call under way reads come too late, as
 * they may on any Linux.
 *
 * Nothing that the client can change is trusted: windows only have data, and of the
 * records, which lie in memory of the client's as well, what matters is kept here.
 * Addresses are the client's and are never touched.
 */
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/pgalloc.h>
#include <asm/rump.h>

/* transfers that are kept, and the largest of them */
#define RANGES		16
#define FETCH_MAX	(64UL << 10)
/* bytes from which on an immediate transfer costs less than a record; a page does not */
#define DIRECT_MIN	(32UL << 10)

/* bytes of records for a byte of the smallest directory entries, and room for any entry */
#define RECORD_COST	6U
#define MIN_ROOM	1024U

/* struct rump_sp_record of rump_sp.h; the bytes follow, padded to a multiple of 8 */
struct record {
	u64 address;
	u32 length, reserved;
};

struct span {
	unsigned long start, end;	/* empty: start >= end */
};

struct fetched {
	unsigned long start;
	unsigned int length, order;
	char *data;
};

/* Of a lwp; all but host is of the call under way. */
struct rump_remote {
	struct rumpuser_remote *host;
	/* the last record, if out_used is still record_end */
	unsigned int record, record_end, record_length;
	unsigned int step;		/* bytes of the last transfer, which ended at next */
	unsigned long record_address, next;
	struct span written;		/* all that the kernel has written */
	struct span sent;		/* of that, what is not in records any more */
	bool was_missed;		/* by atomic code, since the last transfer */
	bool holds;			/* the ranges are for atomic code: none goes away */
	unsigned int range_count;
	struct fetched ranges[RANGES];
};

static bool overlaps(const struct span *span, unsigned long start, unsigned long n)
{
	return start < span->end && start + n > span->start;
}

static void extend(struct span *span, unsigned long start, unsigned long n)
{
	span->start = min(span->start, start);
	span->end = max(span->end, start + n);
}

/* ---- life ---- */

struct rump_remote *rump_remote_alloc(struct rumpuser_remote *host)
{
	struct rump_remote *remote = kzalloc(sizeof(*remote), GFP_KERNEL);

	if (remote)
		remote->host = host;
	return remote;
}

static void drop_ranges(struct rump_remote *remote)
{
	while (remote->range_count) {
		struct fetched *range = &remote->ranges[--remote->range_count];

		free_pages((unsigned long)range->data, range->order);
	}
	remote->next = 0;
}

void rump_remote_free(struct rump_remote *remote)
{
	drop_ranges(remote);
	kfree(remote);
}

void rump_remote_begin(struct rump_remote *remote)
{
	remote->record_end = 0;
	remote->written = remote->sent = (struct span){ .start = ULONG_MAX };
	remote->was_missed = remote->holds = false;
}

void rump_remote_end(struct rump_remote *remote)
{
	if (remote->range_count)
		drop_ranges(remote);
}

/* As exec does it: nothing of the old one is seen any more. */
int rump_become_remote(bool is_copy)
{
	struct mm_struct *mm, *old = current->mm;

	if (is_copy) {
		old->context.is_remote = true;
		current->thread.is_remote = true;
		local_irq_disable();
		switch_mm(old, old, current);
		local_irq_enable();
		return 0;
	}
	mm = mm_alloc();
	if (!mm)
		return -ENOMEM;
	mm->context.is_remote = true;
	pgd_free(mm, mm->pgd);
	mm->pgd = rump_empty_pgd;
	current->thread.is_remote = true;
	task_lock(current);
	local_irq_disable();
	current->active_mm = mm;
	current->mm = mm;
	activate_mm(old, mm);
	local_irq_enable();
	task_unlock(current);
	mmput(old);
	return 0;
}

/* ---- transfers ---- */

/* NULL: the way is closed, as for a task that exits. */
static struct rump_remote *current_remote(void)
{
	struct rump_remote *remote = current->thread.remote;

	if (!remote || current->flags & PF_EXITING || !READ_ONCE(current->thread.host))
		return NULL;
	return remote;
}

static bool may_wait(void)
{
	return !faulthandler_disabled() && !irqs_disabled() &&
	       READ_ONCE(current->thread.host->request);
}

/* The host's kernel takes the pages as they are mapped there, and faults none in. */
static void touch_vmalloc(const char *kernel, unsigned long n)
{
	const char *end = kernel + n;

	if (!is_vmalloc_or_module_addr(kernel))
		return;
	for (; kernel < end; kernel = (char *)PAGE_ALIGN((unsigned long)kernel + 1))
		READ_ONCE(*kernel);
}

/* 0, or -EFAULT also when this had to wait and may not. */
static int transfer(struct rump_remote *remote, bool is_write, void *kernel,
		    unsigned long address, unsigned long n)
{
	struct rumpuser_remote *host = remote->host;
	struct rumpuser_iovec iov = { .base = kernel, .length = n };
	struct rump_io io = {
		.host = {
			.op = is_write ? RUMPUSER_IO_REMOTE_WRITE : RUMPUSER_IO_REMOTE_READ,
			.iov = &iov,
			.iov_count = 1,
			.offset = address,
			.remote = host,
		},
	};

	if (host->may_direct) {
		touch_vmalloc(kernel, n);
		return is_write ? host->write(host, address, kernel, n) :
				  host->read(host, kernel, address, n);
	}
	return may_wait() ? rump_io_wait_remote(&io) : -EFAULT;
}

static unsigned long left_in_page(unsigned long address, unsigned long n)
{
	return min(n, PAGE_SIZE - (address & ~PAGE_MASK));
}

/* ---- reading ---- */

static unsigned long from_windows(struct rump_remote *remote, void *to, unsigned long from,
				  unsigned long n)
{
	const struct rumpuser_window *window = remote->host->windows;
	unsigned int i;

	for (i = 0; i < remote->host->window_count; i++, window++) {
		unsigned long offset = from - window->address;

		if (offset >= window->length)
			continue;
		n = min(n, window->length - offset);
		if (overlaps(&remote->sent, from, n))
			return 0;
		memcpy(to, window->data + offset, n);
		return n;
	}
	return 0;
}

static bool is_window_end(const struct rump_remote *remote, unsigned long address)
{
	const struct rumpuser_window *window = remote->host->windows;
	unsigned int i;

	for (i = 0; i < remote->host->window_count; i++, window++)
		if (address == window->address + window->length)
			return true;
	return false;
}

static unsigned long from_ranges(struct rump_remote *remote, void *to, unsigned long from,
				 unsigned long n)
{
	unsigned int i;

	for (i = 0; i < remote->range_count; i++) {
		const struct fetched *range = &remote->ranges[i];
		unsigned long offset = from - range->start;

		if (offset >= range->length)
			continue;
		n = min(n, range->length - offset);
		memcpy(to, range->data + offset, n);
		if (remote->holds && !may_wait())
			remote->holds = false;		/* it was tried again */
		return n;
	}
	return 0;
}

/* What can be had of it, at least within the first page; 0: a fault. */
static unsigned long fetch_exactly(struct rump_remote *remote, void *to, unsigned long from,
				   unsigned long n)
{
	unsigned long first = left_in_page(from, n);

	if (!transfer(remote, false, to, from, n))
		return n;
	return first < n && !transfer(remote, false, to, from, first) ? first : 0;
}

/* How much from the beginning of the page on: more where the call reads on. */
static unsigned long fetch_size(struct rump_remote *remote, unsigned long from, unsigned long n)
{
	unsigned long start = from & PAGE_MASK, size = PAGE_SIZE;

	if (is_window_end(remote, from))
		size = FETCH_MAX;
	else if (from == remote->next)
		size = remote->step * 4UL;
	size = clamp(size, PAGE_ALIGN(from + n - start), FETCH_MAX);
	return min(size, TASK_SIZE - start);
}

/* Whole pages, to be kept until the call ends. */
static unsigned long fetch_pages(struct rump_remote *remote, void *to, unsigned long from,
				 unsigned long n)
{
	struct fetched range = { .start = from & PAGE_MASK };

	if (remote->was_missed) {
		drop_ranges(remote);
		remote->was_missed = false;
		remote->holds = true;
	}
	if (n >= FETCH_MAX)
		return fetch_exactly(remote, to, from, n);
	if (remote->range_count == RANGES) {
		if (remote->holds)
			return fetch_exactly(remote, to, from, n);
		drop_ranges(remote);
	}
	range.length = fetch_size(remote, from, n);
	range.order = get_order(range.length);
	range.data = (char *)__get_free_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY,
					      range.order);
	if (!range.data)
		return fetch_exactly(remote, to, from, n);
	if (transfer(remote, false, range.data, range.start, range.length)) {
		/* something of it is not there: but what was asked for? */
		range.start = from;
		range.length = fetch_exactly(remote, range.data, from,
					     min(n, PAGE_SIZE << range.order));
	}
	if (!range.length) {
		free_pages((unsigned long)range.data, range.order);
		return 0;
	}
	remote->ranges[remote->range_count++] = range;
	remote->step = range.length;
	remote->next = range.start + range.length;
	return from_ranges(remote, to, from, n);
}

static unsigned long fetch(struct rump_remote *remote, void *to, unsigned long from,
			   unsigned long n)
{
	if (!may_wait()) {
		if (remote->host->may_direct)
			return fetch_exactly(remote, to, from, n);
		remote->was_missed = true;
		return 0;
	}
	/* words come one after the other, as those of a string */
	if (remote->host->may_direct && n > sizeof(u64))
		return fetch_exactly(remote, to, from, n);
	return fetch_pages(remote, to, from, n);
}

/* What this call has written there, and the client has not seen yet. */
static void apply_records(struct rump_remote *remote, char *to, unsigned long from,
			  unsigned long n)
{
	const struct rumpuser_remote *host = remote->host;
	unsigned long offset = 0, used = host->out_used;
	struct record record;

	while (offset + sizeof(record) <= used) {
		unsigned long start, end;

		memcpy(&record, host->out + offset, sizeof(record));
		offset += sizeof(record);
		if (record.length > used - offset)
			return;
		start = max_t(unsigned long, from, record.address);
		end = min_t(unsigned long, from + n, record.address + record.length);
		if (start < end && end - record.address <= record.length)
			memcpy(to + (start - from), host->out + offset + (start - record.address),
			       end - start);
		offset += ALIGN(record.length, 8);
	}
}

static unsigned long get(struct rump_remote *remote, char *to, unsigned long from,
			 unsigned long n)
{
	unsigned long done = 0, got;

	while (done < n) {
		got = from_windows(remote, to + done, from + done, n - done) ?:
		      from_ranges(remote, to + done, from + done, n - done) ?:
		      fetch(remote, to + done, from + done, n - done);
		if (!got)
			break;
		done += got;
	}
	if (remote->host->out_used && overlaps(&remote->written, from, done))
		apply_records(remote, to, from, done);
	return n - done;
}

unsigned long rump_remote_copy_from(void *to, const void __user *from, unsigned long n)
{
	struct rump_remote *remote = current_remote();

	return remote ? get(remote, to, (unsigned long)from, n) : n;
}
EXPORT_SYMBOL(rump_remote_copy_from);

int rump_remote_get(size_t size, const void __user *from, void *to)
{
	if (!rump_remote_copy_from(to, from, size))
		return 0;
	memset(to, 0, size);
	return -EFAULT;
}
EXPORT_SYMBOL(rump_remote_get);

/*
 * The bytes at address that a piece of memory has, up to 8; true: all that matters of a
 * word of a string.  Behind the piece, zeroes.
 */
static bool part_of_word(char *word, unsigned long address, unsigned long start,
			 unsigned long length, const char *data)
{
	unsigned long offset = address - start, n;

	if (offset >= length)
		return false;
	n = min(length - offset, 8UL);
	memset(word + n, 0, 8 - n);
	memcpy(word, data + offset, n);
	return n == 8 || memchr(word, '\0', n);
}

/*
 * Whether a window begins in the word, behind its first byte.  strnlen_user() reads whole,
 * aligned words: one that another string ends in may be asked for because of the string that
 * begins in it.
 */
static bool begins_in_word(const struct rump_remote *remote, unsigned long address)
{
	unsigned int i;

	for (i = 0; i < remote->host->window_count; i++)
		if (remote->host->windows[i].address - address - 1 < 7)
			return true;
	return false;
}

/*
 * The last word of a string may end behind a window or a page that was fetched: no
 * reason to ask the client for more.
 */
int rump_remote_get_word(const void __user *from, void *to)
{
	struct rump_remote *remote = current_remote();
	unsigned long address = (unsigned long)from;
	unsigned int i;
	char word[8];

	if (!remote)
		return -EFAULT;
	if (begins_in_word(remote, address))
		return rump_remote_get(sizeof(word), from, to);
	/* simple cases only: nothing was written there */
	for (i = 0; i < remote->host->window_count && !overlaps(&remote->written, address, 8); i++) {
		const struct rumpuser_window *window = &remote->host->windows[i];

		if (part_of_word(word, address, window->address, window->length, window->data))
			goto found;
	}
	for (i = 0; i < remote->range_count && !overlaps(&remote->written, address, 8); i++) {
		const struct fetched *range = &remote->ranges[i];

		if (part_of_word(word, address, range->start, range->length, range->data))
			goto found;
	}
	return rump_remote_get(sizeof(word), from, to);
found:
	memcpy(to, word, sizeof(word));
	return 0;
}
EXPORT_SYMBOL(rump_remote_get_word);

/* ---- writing ---- */

/* false: there is no room */
static bool append(struct rump_remote *remote, unsigned long to, const void *from,
		   unsigned long n)
{
	struct rumpuser_remote *host = remote->host;
	struct record record = { .address = to, .length = n };
	unsigned long used = ALIGN(host->out_used, 8), data;

	if (remote->record_end && remote->record_end == host->out_used &&
	    remote->record_address + remote->record_length == to) {
		used = remote->record;
		record.address = remote->record_address;
		record.length = remote->record_length + n;
	}
	if (n > host->out_size ||
	    used + sizeof(record) + ALIGN((unsigned long)record.length, 8) > host->out_size)
		return false;
	data = used + sizeof(record) + record.length - n;
	memcpy(host->out + used, &record, sizeof(record));
	memcpy(host->out + data, from, n);
	remote->record = used;
	remote->record_address = record.address;
	remote->record_length = record.length;
	host->out_used = ALIGN(data + n, 8);
	remote->record_end = host->out_used;
	return true;
}

/*
 * How much of n bytes a call may write in small pieces, a record each, without a wait for
 * the client: for one that locks meanwhile what others need.
 */
unsigned int rump_remote_room(unsigned int n)
{
	const struct rump_remote *remote = current_remote();

	if (!remote || remote->host->may_direct)
		return n;
	return min(n, max(remote->host->out_size / RECORD_COST, MIN_ROOM));
}

/* Into the client's memory now, after what is in the records. Returns what is left. */
static unsigned long write_through(struct rump_remote *remote, unsigned long to,
				   const char *from, unsigned long n)
{
	unsigned long left = n, piece = n;

	while (left) {
		if (transfer(remote, true, (void *)from, to, piece)) {
			if (piece <= left_in_page(to, left))
				break;
			piece = left_in_page(to, left);	/* as far as it goes */
			continue;
		}
		to += piece;
		from += piece;
		left -= piece;
		piece = left_in_page(to, left);
	}
	/* the records were sent in any case */
	remote->sent = remote->written;
	remote->record_end = 0;
	drop_ranges(remote);
	return left;
}

static unsigned long put(struct rump_remote *remote, unsigned long to, const void *from,
			 unsigned long n)
{
	if (!n)
		return 0;
	extend(&remote->written, to, n);
	if (remote->host->is_written_through ||
	    (n >= DIRECT_MIN && remote->host->may_direct))
		return write_through(remote, to, from, n);
	return append(remote, to, from, n) ? 0 : write_through(remote, to, from, n);
}

unsigned long rump_remote_copy_to(void __user *to, const void *from, unsigned long n)
{
	struct rump_remote *remote = current_remote();

	return remote ? put(remote, (unsigned long)to, from, n) : n;
}
EXPORT_SYMBOL(rump_remote_copy_to);

int rump_remote_put(size_t size, void __user *to, const void *from)
{
	return rump_remote_copy_to(to, from, size) ? -EFAULT : 0;
}
EXPORT_SYMBOL(rump_remote_put);

unsigned long rump_remote_clear(void __user *to, unsigned long n)
{
	struct rump_remote *remote = current_remote();
	unsigned long piece;

	if (!remote)
		return n;
	for (; n; n -= piece, to += piece) {
		piece = min(n, PAGE_SIZE);
		if (put(remote, (unsigned long)to, rump_zero_page, piece))
			break;
	}
	return n;
}
EXPORT_SYMBOL(rump_remote_clear);

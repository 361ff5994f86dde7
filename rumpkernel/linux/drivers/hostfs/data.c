// SPDX-License-Identifier: GPL-2.0-only
/*
 * data.c - hostfs file data: between the page cache and the host
 *
 * Reads ahead and writes back in batches of neighbouring pages, one preadv or
 * pwritev of the host for each; nobody waits for them but who needs the page.
 * Bytes beyond the end of the host's file read as zeroes.
 */
#include <linux/fcntl.h>
#include <linux/mempool.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/writeback.h>

#include <asm/unistd.h>

#include "hostfs.h"

#define BATCH	64

struct batch {
	struct rump_io io;
	struct hostfs_handle *handle;
	struct address_space *mapping;
	unsigned int count;
	struct folio *folios[BATCH];
	struct rumpuser_iovec iov[BATCH];
};

/* Write-back must go on when there is no memory: it makes some. */
static mempool_t *batch_pool;

int __init hostfs_data_init(void)
{
	batch_pool = mempool_create_kmalloc_pool(4, sizeof(struct batch));
	return batch_pool ? 0 : -ENOMEM;
}

/* ---- reading ---- */

/* Bytes from the start of the folio to the end of the window. */
static size_t folio_window(struct inode *inode, struct folio *folio)
{
	u64 end = hostfs_s(inode->i_sb)->size;
	loff_t pos = folio_pos(folio);

	if (end <= pos)
		return 0;
	return min_t(u64, end - pos, folio_size(folio));
}

static void read_complete(struct rump_io *io)
{
	struct batch *batch = container_of(io, struct batch, io);
	long left = io->host.result;

	for (unsigned int i = 0; i < batch->count; i++) {
		struct folio *folio = batch->folios[i];
		size_t got;

		if (left < 0) {
			folio_end_read(folio, false);
			continue;
		}
		got = min_t(size_t, left, batch->iov[i].length);
		folio_zero_segment(folio, got, folio_size(folio));
		folio_end_read(folio, true);
		left -= got;
	}
	hostfs_handle_put(batch->handle);
	kfree(batch);
}

static void submit_read(struct batch *batch)
{
	struct inode *inode = batch->mapping->host;
	struct rumpuser_io *host = &batch->io.host;

	host->op = RUMPUSER_IO_CALL;
	host->call_nr = __NR_preadv;
	host->call_handles = 1;
	host->call_args[0] = batch->handle->file;
	host->call_args[1] = (unsigned long)batch->iov;
	host->call_args[2] = batch->count;
	host->call_args[3] = hostfs_s(inode->i_sb)->begin + folio_pos(batch->folios[0]);
	batch->io.complete = read_complete;
	rump_io_submit(&batch->io);
}

static void hostfs_readahead(struct readahead_control *rac)
{
	struct inode *inode = rac->mapping->host;
	struct hostfs_handle *handle __free(hostfs_handle) = hostfs_data_handle(inode, false);
	struct batch *batch = NULL;
	struct folio *folio;

	if (!handle)
		return;
	for (;;) {
		if (!batch) {
			/* what is not taken now is read page by page, or not at all */
			batch = kzalloc(sizeof(*batch), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
			if (!batch)
				return;
			batch->mapping = rac->mapping;
		}
		folio = readahead_folio(rac);
		if (!folio)
			break;
		batch->folios[batch->count] = folio;
		batch->iov[batch->count].base = folio_address(folio);
		batch->iov[batch->count].length = folio_window(inode, folio);
		if (++batch->count == BATCH) {
			batch->handle = hostfs_handle_get(handle);
			submit_read(batch);
			batch = NULL;
		}
	}
	if (batch->count) {
		batch->handle = hostfs_handle_get(handle);
		submit_read(batch);
	} else {
		kfree(batch);
	}
}

/* Fills one locked folio and waits for it. */
static int read_folio_now(struct inode *inode, struct folio *folio)
{
	struct hostfs_handle *handle __free(hostfs_handle) = hostfs_data_handle(inode, false);
	struct hostfs_req *req __free(hostfs_req) = NULL;
	long got;

	if (!handle)
		return -EBADF;
	req = hostfs_req_alloc();
	if (!req)
		return -ENOMEM;
	req->iov.base = folio_address(folio);
	req->iov.length = folio_window(inode, folio);
	got = hostfs_call(req, __NR_preadv, 1, handle->file, (unsigned long)&req->iov, 1,
			  hostfs_s(inode->i_sb)->begin + folio_pos(folio));
	if (got < 0)
		return got;
	folio_zero_segment(folio, got, folio_size(folio));
	return 0;
}

static int hostfs_read_folio(struct file *file, struct folio *folio)
{
	int error = read_folio_now(folio->mapping->host, folio);

	folio_end_read(folio, !error);
	return error;
}

/* ---- writing back ---- */

static void write_complete(struct rump_io *io)
{
	struct batch *batch = container_of(io, struct batch, io);

	if (io->host.result < 0)
		mapping_set_error(batch->mapping, io->host.result);
	for (unsigned int i = 0; i < batch->count; i++)
		folio_end_writeback(batch->folios[i]);
	hostfs_handle_put(batch->handle);
	mempool_free(batch, batch_pool);
}

static void submit_write(struct batch *batch)
{
	struct inode *inode = batch->mapping->host;
	struct rumpuser_io *host = &batch->io.host;

	host->op = RUMPUSER_IO_WRITE;
	host->file = batch->handle->file;
	host->iov = batch->iov;
	host->iov_count = batch->count;
	host->offset = hostfs_s(inode->i_sb)->begin + folio_pos(batch->folios[0]);
	batch->io.complete = write_complete;
	rump_io_submit(&batch->io);
}

static bool is_next(const struct batch *batch, const struct folio *folio)
{
	const struct folio *last = batch->folios[batch->count - 1];

	return batch->count < BATCH && folio->index == last->index + folio_nr_pages(last);
}

static struct hostfs_handle *writeback_handle(struct inode *inode)
{
	struct hostfs_handle *handle = hostfs_data_handle(inode, true);
	struct dentry *dentry __free(hostfs_dput) = NULL;
	struct hostfs_req *req __free(hostfs_req) = NULL;
	unsigned int flags;

	if (handle)
		return handle;
	/* the last writer is gone but for its pages */
	dentry = d_find_any_alias(inode);
	if (!dentry)
		return ERR_PTR(-ESTALE);
	flags = memalloc_nofs_save();
	req = hostfs_req_alloc();
	handle = req ? hostfs_open_data(req, dentry, O_WRONLY) : ERR_PTR(-ENOMEM);
	memalloc_nofs_restore(flags);
	return handle;
}

static int hostfs_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct inode *inode = mapping->host;
	struct hostfs_handle *handle __free(hostfs_handle) = writeback_handle(inode);
	struct batch *batch = NULL;
	struct folio *folio = NULL;
	int error = 0;

	while ((folio = writeback_iter(mapping, wbc, folio, &error))) {
		loff_t size = i_size_read(inode), pos = folio_pos(folio);

		if (IS_ERR(handle)) {
			error = PTR_ERR(handle);
			mapping_set_error(mapping, error);
			folio_unlock(folio);
			continue;
		}
		if (pos >= size) {	/* was cut off */
			folio_unlock(folio);
			continue;
		}
		if (batch && !is_next(batch, folio)) {
			submit_write(batch);
			batch = NULL;
		}
		if (!batch) {
			batch = mempool_alloc(batch_pool, GFP_NOFS);
			memset(&batch->io, 0, sizeof(batch->io));
			batch->mapping = mapping;
			batch->handle = hostfs_handle_get(handle);
			batch->count = 0;
		}
		batch->folios[batch->count] = folio;
		batch->iov[batch->count].base = folio_address(folio);
		batch->iov[batch->count].length = min_t(loff_t, size - pos, folio_size(folio));
		batch->count++;
		/* mapped stores beyond the end must not show up when it moves */
		if (size - pos < folio_size(folio))
			folio_zero_segment(folio, size - pos, folio_size(folio));
		folio_start_writeback(folio);
		folio_unlock(folio);
	}
	if (batch)
		submit_write(batch);
	return error;
}

void hostfs_zero_tail(struct inode *inode)
{
	loff_t size = i_size_read(inode);
	struct folio *folio;
	size_t offset;

	if (!(size & (PAGE_SIZE - 1)))
		return;
	/* a folio that is not there, or not dirty, has zeroes: write-back puts them there */
	folio = filemap_lock_folio(inode->i_mapping, size >> PAGE_SHIFT);
	if (IS_ERR(folio))
		return;
	offset = offset_in_folio(folio, size);
	if (folio_test_uptodate(folio))
		folio_zero_segment(folio, offset, folio_size(folio));
	folio_unlock(folio);
	folio_put(folio);
}

/* ---- write(2) into the page cache ---- */

static int hostfs_write_begin(struct file *file, struct address_space *mapping, loff_t pos,
			      unsigned int length, struct folio **ret_folio, void **fsdata)
{
	struct inode *inode = mapping->host;
	struct folio *folio;
	size_t from, to;
	int error;

	folio = __filemap_get_folio(mapping, pos >> PAGE_SHIFT,
				    FGP_WRITEBEGIN | fgf_set_order(length),
				    mapping_gfp_mask(mapping));
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	from = offset_in_folio(folio, pos);
	to = min(from + length, folio_size(folio));
	if (!folio_test_uptodate(folio) && (from || to < folio_size(folio))) {
		if (folio_pos(folio) >= i_size_read(inode)) {
			folio_zero_range(folio, 0, folio_size(folio));
		} else {
			error = read_folio_now(inode, folio);
			if (error) {
				folio_unlock(folio);
				folio_put(folio);
				return error;
			}
		}
		folio_mark_uptodate(folio);
	}
	*ret_folio = folio;
	return 0;
}

static int hostfs_write_end(struct file *file, struct address_space *mapping, loff_t pos,
			    unsigned int length, unsigned int copied, struct folio *folio,
			    void *fsdata)
{
	struct inode *inode = mapping->host;
	loff_t old_size = i_size_read(inode), end;

	/* write_begin left the folio empty because all of it was to be written */
	if (!folio_test_uptodate(folio)) {
		if (copied < folio_size(folio))
			copied = 0;
		else
			folio_mark_uptodate(folio);
	}
	end = pos + copied;
	if (copied) {
		if (end > old_size)
			i_size_write(inode, end);
		folio_mark_dirty(folio);
	}
	folio_unlock(folio);
	folio_put(folio);
	if (copied && old_size < pos)
		pagecache_isize_extended(inode, old_size, pos);
	return copied;
}

const struct address_space_operations hostfs_aops = {
	.read_folio = hostfs_read_folio,
	.readahead = hostfs_readahead,
	.writepages = hostfs_writepages,
	.write_begin = hostfs_write_begin,
	.write_end = hostfs_write_end,
	.dirty_folio = filemap_dirty_folio,
	.migrate_folio = filemap_migrate_folio,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * file.c - hostfs open files
 *
 * Close-to-open consistency, as on NFS: close(2) has handed all data to the
 * host, open(2) notices what the host has changed.  In between the host's
 * changes are seen by the next stat of a file whose pages here are not newer.
 * Pages here never outlive a change of the host's file that was noticed.
 *
 * Locks: open_lock orders opens and releases; the handles change under i_lock
 * too, so that the data paths only take that.
 */
#include <linux/types.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include <asm/unistd.h>

#include "hostfs.h"

/*
 * A time stamp of the host moves on with its clock tick.  A state that was
 * noted sooner after the change than this may hide another one.
 */
#define RACY_NS		(20 * NSEC_PER_MSEC)

bool hostfs_is_ahead(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	return mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK);
}

u64 hostfs_window_size(struct super_block *sb, const struct statx *stx)
{
	struct hostfs_sb *sbi = hostfs_s(sb);
	u64 size = stx->stx_size > sbi->begin ? stx->stx_size - sbi->begin : 0;

	return sbi->size == HOSTFS_TO_END ? size : sbi->size;
}

static s64 to_ns(const struct statx_timestamp *time)
{
	return time->tv_sec * NSEC_PER_SEC + time->tv_nsec;
}

void hostfs_note_state(struct inode *inode, const struct statx *stx)
{
	struct hostfs_inode *hi = hostfs_i(inode);
	s64 age = hyp()->clock_real() - to_ns(&stx->stx_mtime);

	spin_lock(&inode->i_lock);
	hi->mtime = to_ns(&stx->stx_mtime);
	hi->ctime = to_ns(&stx->stx_ctime);
	hi->size = stx->stx_size;
	hi->is_racy = age < RACY_NS;
	spin_unlock(&inode->i_lock);
}

static bool state_differs(struct inode *inode, const struct statx *stx, bool is_open)
{
	struct hostfs_inode *hi = hostfs_i(inode);
	bool differs;

	spin_lock(&inode->i_lock);
	differs = hi->size != stx->stx_size || hi->mtime != to_ns(&stx->stx_mtime) ||
		  hi->ctime != to_ns(&stx->stx_ctime) || (is_open && hi->is_racy);
	spin_unlock(&inode->i_lock);
	return differs;
}

void hostfs_follow_host(struct inode *inode, const struct statx *stx, bool is_open)
{
	if (!state_differs(inode, stx, is_open))
		return;
	/* a writer or a truncate is at work: the file is its, for now */
	if (!inode_trylock(inode))
		return;
	if (!hostfs_is_ahead(inode)) {
		loff_t size = hostfs_window_size(inode->i_sb, stx);

		if (size != i_size_read(inode))
			i_size_write(inode, size);
		/* -EBUSY: a page became dirty just now and wins */
		if (!invalidate_inode_pages2(inode->i_mapping))
			hostfs_note_state(inode, stx);
	}
	inode_unlock(inode);
}

struct hostfs_handle *hostfs_data_handle(struct inode *inode, bool for_writing)
{
	struct hostfs_inode *hi = hostfs_i(inode);
	struct hostfs_handle *handle;

	spin_lock(&inode->i_lock);
	handle = hi->writer;
	if (!for_writing && hi->reader)
		handle = hi->reader;
	if (handle)
		hostfs_handle_get(handle);
	spin_unlock(&inode->i_lock);
	return handle;
}

struct hostfs_handle *hostfs_open_data(struct hostfs_req *req, struct dentry *dentry, int flags)
{
	struct hostfs_handle *parent __free(hostfs_handle) = NULL;
	struct hostfs_handle *handle;
	int error;

	parent = hostfs_parent_handle(req, dentry);
	if (IS_ERR(parent))
		return parent;
	/* NONBLOCK: should it have become a fifo, the statx below tells */
	handle = hostfs_call_open(req, __NR_openat, 1, parent->file, (unsigned long)req->name,
				  flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (IS_ERR(handle))
		return PTR_ERR(handle) == -ENOENT || PTR_ERR(handle) == -ELOOP ?
		       ERR_PTR(-ESTALE) : handle;
	error = hostfs_statx(req, handle);
	if (!error && !hostfs_is_same(d_inode(dentry), &req->stx))
		error = -ESTALE;
	if (error) {
		hostfs_handle_put(handle);
		return ERR_PTR(error);
	}
	return handle;
}

static void set_handles(struct inode *inode, struct hostfs_handle *reader,
			struct hostfs_handle *writer)
{
	struct hostfs_inode *hi = hostfs_i(inode);

	spin_lock(&inode->i_lock);
	if (reader && !hi->reader)
		hi->reader = hostfs_handle_get(reader);
	if (writer && !hi->writer)
		hi->writer = hostfs_handle_get(writer);
	spin_unlock(&inode->i_lock);
}

/* Makes sure of the handles that a file of this mode needs; open_lock is held. */
static int need_handles(struct hostfs_req *req, struct inode *inode, struct dentry *dentry,
			fmode_t mode)
{
	struct hostfs_inode *hi = hostfs_i(inode);
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;

	if (mode & FMODE_WRITE && !hi->writer) {
		/* to change a part of a page it must be read first */
		handle = hostfs_open_data(req, dentry, O_RDWR);
		if (!IS_ERR(handle)) {
			set_handles(inode, handle, handle);
			return 0;
		}
		if (PTR_ERR(handle) != -EACCES || mode & FMODE_READ)
			return PTR_ERR(handle);
		handle = hostfs_open_data(req, dentry, O_WRONLY);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		set_handles(inode, NULL, handle);
	} else if (mode & FMODE_READ && !hi->reader) {
		handle = hostfs_open_data(req, dentry, O_RDONLY);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		set_handles(inode, handle, NULL);
	}
	return 0;
}

static void drop_handles(struct inode *inode)
{
	struct hostfs_inode *hi = hostfs_i(inode);
	struct hostfs_handle *reader, *writer;

	spin_lock(&inode->i_lock);
	reader = hi->reader;
	writer = hi->writer;
	hi->reader = hi->writer = NULL;
	spin_unlock(&inode->i_lock);
	hostfs_handle_put(reader);
	hostfs_handle_put(writer);
}

static int hostfs_file_open(struct inode *inode, struct file *file)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	struct hostfs_inode *hi = hostfs_i(inode);
	int error;

	if (!req)
		return -ENOMEM;
	mutex_lock(&hi->open_lock);
	error = need_handles(req, inode, file_dentry(file), file->f_mode);
	if (!error)
		hi->openers++;
	mutex_unlock(&hi->open_lock);
	if (error)
		return error;

	handle = hostfs_data_handle(inode, false);
	if (handle && !hostfs_statx(req, handle) && !hostfs_is_ahead(inode))
		hostfs_follow_host(inode, &req->stx, true);
	return 0;
}

/* All data to the host; notes what its file looks like then. */
static int hand_over(struct inode *inode)
{
	struct hostfs_req *req __free(hostfs_req) = NULL;
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	int error;

	if (!hostfs_is_ahead(inode))
		return 0;
	error = filemap_write_and_wait(inode->i_mapping);
	if (error)
		return error;
	req = hostfs_req_alloc();
	handle = hostfs_data_handle(inode, true);
	if (req && handle && !hostfs_statx(req, handle) && !hostfs_is_ahead(inode))
		hostfs_note_state(inode, &req->stx);
	return 0;
}

static int hostfs_flush(struct file *file, fl_owner_t id)
{
	struct inode *inode = file_inode(file);
	int error;

	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	error = hand_over(inode);
	/* what write-back met on its own is told here too: it may be the last chance */
	return file_check_and_advance_wb_err(file) ?: error;
}

static int hostfs_release(struct inode *inode, struct file *file)
{
	struct hostfs_inode *hi = hostfs_i(inode);

	if (file->f_mode & FMODE_WRITE)
		hand_over(inode);	/* stores to mappings after the last close(2) */
	mutex_lock(&hi->open_lock);
	if (!--hi->openers)
		drop_handles(inode);
	mutex_unlock(&hi->open_lock);
	return 0;
}

static int hostfs_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	struct hostfs_req *req __free(hostfs_req) = NULL;
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	int error, own;

	error = file_write_and_wait_range(file, start, end);
	if (error)
		return error;
	req = hostfs_req_alloc();
	if (!req)
		return -ENOMEM;
	handle = hostfs_data_handle(inode, true);
	if (!handle)
		handle = hostfs_data_handle(inode, false);
	if (!handle)
		return 0;
	own = hostfs_call(req, datasync ? __NR_fdatasync : __NR_fsync, 1, handle->file);
	if (!own && !hostfs_is_ahead(inode) && !hostfs_statx(req, handle))
		hostfs_note_state(inode, &req->stx);
	return own;
}

/* ---- around the page cache ---- */

#define BOUNCE	(64 * 1024)

/* Files without a size that hold something: those of the host's proc and sysfs. */
static ssize_t read_directly(struct kiocb *iocb, struct iov_iter *to)
{
	size_t length = min_t(size_t, iov_iter_count(to), BOUNCE);
	struct hostfs_req *req __free(hostfs_req) = NULL;
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	void *buffer __free(kfree) = NULL;
	long got;

	if (!length)
		return 0;
	req = hostfs_req_alloc();
	buffer = kmalloc(length, GFP_KERNEL);
	if (!req || !buffer)
		return -ENOMEM;
	handle = hostfs_data_handle(file_inode(iocb->ki_filp), false);
	if (!handle)
		return -EBADF;
	got = hostfs_call(req, __NR_pread64, 1, handle->file, (unsigned long)buffer, length,
			  hostfs_s(file_inode(iocb->ki_filp)->i_sb)->begin + iocb->ki_pos);
	if (got <= 0)
		return got;
	if (copy_to_iter(buffer, got, to) != got)
		return -EFAULT;
	iocb->ki_pos += got;
	return got;
}

static ssize_t hostfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (!i_size_read(inode) && hostfs_s(inode->i_sb)->size == HOSTFS_TO_END)
		return read_directly(iocb, to);
	return generic_file_read_iter(iocb, to);
}

/* The host does not let it be read, so a page cannot be changed in part. */
static ssize_t write_directly(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct hostfs_handle *handle __free(hostfs_handle) = hostfs_data_handle(inode, true);
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	void *buffer __free(kfree) = kmalloc(BOUNCE, GFP_KERNEL);
	ssize_t done = 0;
	long put;

	if (!req || !buffer)
		return -ENOMEM;
	if (!handle)
		return -EBADF;
	while (iov_iter_count(from)) {
		size_t length = min_t(size_t, iov_iter_count(from), BOUNCE);

		length = copy_from_iter(buffer, length, from);
		if (!length)
			return done ?: -EFAULT;
		put = hostfs_call(req, __NR_pwrite64, 1, handle->file, (unsigned long)buffer,
				  length, hostfs_s(inode->i_sb)->begin + iocb->ki_pos);
		if (put < 0)
			return done ?: put;
		iocb->ki_pos += put;
		done += put;
		if (iocb->ki_pos > i_size_read(inode))
			i_size_write(inode, iocb->ki_pos);
		if (put < length)
			break;
	}
	return done;
}

static bool can_read(struct inode *inode)
{
	struct hostfs_inode *hi = hostfs_i(inode);
	bool yes;

	spin_lock(&inode->i_lock);
	yes = hi->reader;
	spin_unlock(&inode->i_lock);
	return yes;
}

static ssize_t hostfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	u64 end = hostfs_s(inode->i_sb)->size;
	ssize_t written;

	inode_lock(inode);
	written = generic_write_checks(iocb, from);
	if (written > 0 && end != HOSTFS_TO_END) {
		/* a window does not grow, as a device does not */
		if (iocb->ki_pos >= end)
			written = -ENOSPC;
		else
			iov_iter_truncate(from, end - iocb->ki_pos);
	}
	if (written > 0) {
		if (iocb->ki_pos > i_size_read(inode))
			hostfs_zero_tail(inode);
		if (can_read(inode))
			written = __generic_file_write_iter(iocb, from);
		else
			written = write_directly(iocb, from);
	}
	inode_unlock(inode);
	if (written > 0)
		written = generic_write_sync(iocb, written);
	return written;
}

static loff_t seek_data(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);
	struct hostfs_sb *sbi = hostfs_s(inode->i_sb);
	struct hostfs_req *req __free(hostfs_req) = NULL;
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	loff_t pos;
	int error;

	error = filemap_write_and_wait(inode->i_mapping);
	if (error)
		return error;
	if (offset < 0 || offset >= i_size_read(inode))
		return -ENXIO;
	req = hostfs_req_alloc();
	handle = hostfs_data_handle(inode, false);
	if (!req || !handle)
		return !req ? -ENOMEM : -EBADF;
	pos = hostfs_call(req, __NR_lseek, 1, handle->file, sbi->begin + offset, whence);
	if (pos < 0)
		return pos;
	pos -= sbi->begin;
	if (pos >= i_size_read(inode)) {	/* beyond the window */
		if (whence == SEEK_DATA)
			return -ENXIO;
		pos = i_size_read(inode);
	}
	return vfs_setpos(file, pos, inode->i_sb->s_maxbytes);
}

static loff_t hostfs_llseek(struct file *file, loff_t offset, int whence)
{
	if (whence == SEEK_HOLE || whence == SEEK_DATA)
		return seek_data(file, offset, whence);
	return generic_file_llseek(file, offset, whence);
}

static long hostfs_fallocate(struct file *file, int mode, loff_t offset, loff_t length)
{
	struct inode *inode = file_inode(file);
	struct hostfs_sb *sbi = hostfs_s(inode->i_sb);
	struct hostfs_req *req __free(hostfs_req) = NULL;
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	loff_t end = offset + length;
	long error;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (sbi->size != HOSTFS_TO_END && end > sbi->size)
		return -ENOSPC;
	req = hostfs_req_alloc();
	handle = hostfs_data_handle(inode, true);
	if (!req || !handle)
		return !req ? -ENOMEM : -EBADF;

	inode_lock(inode);
	filemap_invalidate_lock(inode->i_mapping);
	if (end > i_size_read(inode))
		hostfs_zero_tail(inode);
	error = filemap_write_and_wait(inode->i_mapping);
	if (!error)
		error = hostfs_call(req, __NR_fallocate, 1, handle->file, mode,
				    sbi->begin + offset, length);
	if (!error) {
		if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
			truncate_pagecache_range(inode, offset, end - 1);
		if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode)) {
			loff_t old_size = i_size_read(inode);

			i_size_write(inode, end);
			pagecache_isize_extended(inode, old_size, end);
		}
		if (!hostfs_statx(req, handle))
			hostfs_note_state(inode, &req->stx);
	}
	filemap_invalidate_unlock(inode->i_mapping);
	inode_unlock(inode);
	return error;
}

const struct inode_operations hostfs_file_iops = {
	.listxattr = hostfs_listxattr,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
};

const struct file_operations hostfs_file_fops = {
	.open = hostfs_file_open,
	.flush = hostfs_flush,
	.release = hostfs_release,
	.llseek = hostfs_llseek,
	.read_iter = hostfs_read_iter,
	.write_iter = hostfs_write_iter,
	.mmap = generic_file_mmap,
	.fsync = hostfs_fsync,
	.fallocate = hostfs_fallocate,
	.splice_read = filemap_splice_read,
	.splice_write = iter_file_splice_write,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * dir.c - hostfs directories are read
 *
 * A position is the host's own cookie (d_off), 64 bits wide and opaque, so
 * telldir and seekdir work as well as they do on the host, across remounts and
 * while entries come and go.
 */
#include <linux/types.h>
#include <linux/dirent.h>
#include <linux/fcntl.h>
#include <linux/fs_types.h>
#include <linux/slab.h>

#include <asm/unistd.h>

#include "hostfs.h"

#define BUFFER_SIZE	(32 * 1024)

struct dir_reader {
	struct hostfs_handle *handle;
	struct mutex lock;
	loff_t host_pos;	/* where the host will go on */
	loff_t pos;		/* of the next entry in the buffer */
	unsigned int next, filled;
	char buffer[BUFFER_SIZE] __aligned(8);
};

static int hostfs_dir_open(struct inode *inode, struct file *file)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *dir __free(hostfs_handle) = NULL;
	struct hostfs_handle *handle;
	struct dir_reader *reader;

	if (!req)
		return -ENOMEM;
	dir = hostfs_dir_handle(req, inode);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	handle = hostfs_call_open(req, __NR_openat, 1, dir->file, (unsigned long)".",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	reader = kmalloc(sizeof(*reader), GFP_KERNEL);
	if (!reader) {
		hostfs_handle_put(handle);
		return -ENOMEM;
	}
	reader->handle = handle;
	mutex_init(&reader->lock);
	reader->host_pos = reader->pos = 0;
	reader->next = reader->filled = 0;
	file->private_data = reader;
	return 0;
}

static int hostfs_dir_release(struct inode *inode, struct file *file)
{
	struct dir_reader *reader = file->private_data;

	hostfs_handle_put(reader->handle);
	kfree(reader);
	return 0;
}

/* The next entry of the buffer is the one at pos; -errno, 0: end, 1: there is one. */
static long fill(struct hostfs_req *req, struct dir_reader *reader, loff_t pos)
{
	long got;

	if (reader->next < reader->filled && reader->pos == pos)
		return 1;
	reader->next = reader->filled = 0;
	if (reader->host_pos != pos || !pos) {
		/* position 0 also makes the host look at the directory anew */
		loff_t set = hostfs_call(req, __NR_lseek, 1, reader->handle->file, pos, SEEK_SET);

		if (set < 0)
			return set;
		reader->host_pos = pos;
	}
	got = hostfs_call(req, __NR_getdents64, 1, reader->handle->file,
			  (unsigned long)reader->buffer, BUFFER_SIZE);
	if (got <= 0)
		return got;
	reader->filled = got;
	reader->pos = pos;
	return 1;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* A flat mount does not show subdirectories. */
static bool is_hidden(struct hostfs_req *req, struct super_block *sb, struct dir_reader *reader,
		      const struct linux_dirent64 *entry)
{
	if (!hostfs_s(sb)->is_flat || is_dots(entry->d_name))
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return !hostfs_statx_at(req, reader->handle, entry->d_name) &&
	       S_ISDIR(req->stx.stx_mode);
}

static int iterate(struct hostfs_req *req, struct super_block *sb, struct dir_reader *reader,
		   struct dir_context *ctx)
{
	long more;

	while ((more = fill(req, reader, ctx->pos)) > 0) {
		const struct linux_dirent64 *entry = (void *)(reader->buffer + reader->next);
		bool is_last = reader->next + entry->d_reclen >= reader->filled;

		if (!is_hidden(req, sb, reader, entry) &&
		    !dir_emit(ctx, entry->d_name, strnlen(entry->d_name, NAME_MAX), entry->d_ino,
			      entry->d_type))
			return 0;
		reader->next += entry->d_reclen;
		reader->pos = ctx->pos = entry->d_off;
		if (is_last)
			reader->host_pos = entry->d_off;
	}
	return more;
}

static int hostfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct dir_reader *reader = file->private_data;
	int error;

	if (!req)
		return -ENOMEM;
	mutex_lock(&reader->lock);
	error = iterate(req, file_inode(file)->i_sb, reader, ctx);
	mutex_unlock(&reader->lock);
	return error;
}

/* Any cookie that the host gave is valid, also beyond s_maxbytes. */
static loff_t hostfs_dir_llseek(struct file *file, loff_t offset, int whence)
{
	loff_t pos;

	inode_lock(file_inode(file));
	switch (whence) {
	case SEEK_SET:
		pos = offset;
		break;
	case SEEK_CUR:
		pos = offset ? -EINVAL : file->f_pos;
		break;
	default:
		pos = -EINVAL;
	}
	if (whence == SEEK_SET && pos < 0)
		pos = -EINVAL;
	if (pos >= 0)
		file->f_pos = pos;
	inode_unlock(file_inode(file));
	return pos;
}

static int hostfs_dir_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct dir_reader *reader = file->private_data;

	if (!req)
		return -ENOMEM;
	return hostfs_call(req, datasync ? __NR_fdatasync : __NR_fsync, 1, reader->handle->file);
}

const struct file_operations hostfs_dir_fops = {
	.open = hostfs_dir_open,
	.release = hostfs_dir_release,
	.iterate_shared = hostfs_iterate,
	.llseek = hostfs_dir_llseek,
	.read = generic_read_dir,
	.fsync = hostfs_dir_fsync,
};

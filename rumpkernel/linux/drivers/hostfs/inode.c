// SPDX-License-Identifier: GPL-2.0-only
/*
 * inode.c - hostfs inodes: identity and attributes
 *
 * The host is asked for attributes each time; nothing is believed for a while.
 * What is kept is identity: device, inode number, type and time of birth.
 * An inode number that was used again is another inode.
 */
#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/hash.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include <asm/unistd.h>

#include "hostfs.h"

/* utimensat(2); the kernel keeps them to itself */
#define HOST_UTIME_NOW	((1l << 30) - 1l)
#define HOST_UTIME_OMIT	((1l << 30) - 2l)

bool hostfs_is_same(struct inode *inode, const struct statx *stx)
{
	struct hostfs_inode *hi = hostfs_i(inode);

	return hi->ino == stx->stx_ino && hi->dev_major == stx->stx_dev_major &&
	       hi->dev_minor == stx->stx_dev_minor &&
	       hi->btime_sec == stx->stx_btime.tv_sec &&
	       hi->btime_nsec == stx->stx_btime.tv_nsec &&
	       (inode->i_mode & S_IFMT) == (stx->stx_mode & S_IFMT);
}

static int test_inode(struct inode *inode, void *stx)
{
	/* i_mode of an inode that is just being made is still 0 */
	return hostfs_i(inode)->ino == ((struct statx *)stx)->stx_ino && hostfs_is_same(inode, stx);
}

static int set_inode(struct inode *inode, void *data)
{
	const struct statx *stx = data;
	struct hostfs_inode *hi = hostfs_i(inode);

	hi->ino = stx->stx_ino;
	hi->dev_major = stx->stx_dev_major;
	hi->dev_minor = stx->stx_dev_minor;
	hi->btime_sec = stx->stx_btime.tv_sec;
	hi->btime_nsec = stx->stx_btime.tv_nsec;
	inode->i_mode = stx->stx_mode;
	return 0;
}

static struct timespec64 to_timespec(const struct statx_timestamp *time)
{
	return (struct timespec64){ time->tv_sec, time->tv_nsec };
}

/*
 * Inode numbers of other host file systems below the root are folded in, so
 * that two files rarely seem to be links of one.
 */
static unsigned long inode_number(struct super_block *sb, const struct statx *stx)
{
	struct inode *root = sb->s_root ? d_inode(sb->s_root) : NULL;

	if (!root || (hostfs_i(root)->dev_major == stx->stx_dev_major &&
		      hostfs_i(root)->dev_minor == stx->stx_dev_minor))
		return stx->stx_ino;
	return stx->stx_ino ^ ((u64)hash_64(((u64)stx->stx_dev_major << 32) | stx->stx_dev_minor,
					    16) << 47);
}

/* Takes over what the host says, but for what the page cache knows better. */
void hostfs_refresh(struct inode *inode, const struct statx *stx)
{
	inode->i_mode = stx->stx_mode;
	inode->i_uid = make_kuid(&init_user_ns, stx->stx_uid);
	inode->i_gid = make_kgid(&init_user_ns, stx->stx_gid);
	set_nlink(inode, stx->stx_nlink);
	inode->i_blocks = stx->stx_blocks;
	inode_set_atime_to_ts(inode, to_timespec(&stx->stx_atime));
	if (S_ISREG(inode->i_mode) && hostfs_is_ahead(inode))
		return;
	inode_set_mtime_to_ts(inode, to_timespec(&stx->stx_mtime));
	inode_set_ctime_to_ts(inode, to_timespec(&stx->stx_ctime));
	if (S_ISREG(inode->i_mode))
		hostfs_follow_host(inode, stx, false);
	else
		i_size_write(inode, stx->stx_size);
}

struct inode *hostfs_iget(struct super_block *sb, const struct statx *stx)
{
	struct inode *inode;
	dev_t rdev;

	inode = iget5_locked(sb, hash_64(stx->stx_ino, 32), test_inode, set_inode, (void *)stx);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!(inode->i_state & I_NEW)) {
		hostfs_refresh(inode, stx);
		return inode;
	}

	inode->i_ino = inode_number(sb, stx);
	inode->i_flags |= S_NOATIME;	/* the host keeps it */
	inode->i_blkbits = sb->s_blocksize_bits;
	switch (stx->stx_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &hostfs_file_iops;
		inode->i_fop = &hostfs_file_fops;
		inode->i_mapping->a_ops = &hostfs_aops;
		mapping_set_large_folios(inode->i_mapping);
		break;
	case S_IFDIR:
		inode->i_op = &hostfs_dir_iops;
		inode->i_fop = &hostfs_dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = &hostfs_symlink_iops;
		break;
	default:
		/* a fifo, socket or device node means one of this kernel */
		rdev = MKDEV(stx->stx_rdev_major, stx->stx_rdev_minor);
		inode->i_op = &hostfs_file_iops;
		init_special_inode(inode, stx->stx_mode, rdev);
	}
	if (S_ISREG(inode->i_mode)) {
		i_size_write(inode, hostfs_window_size(sb, stx));
		hostfs_note_state(inode, stx);
	}
	hostfs_refresh(inode, stx);
	unlock_new_inode(inode);
	return inode;
}

/* Asks the host for the attributes of a dentry, whatever way there is. */
static int stat_dentry(struct hostfs_req *req, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	int error;

	if (IS_ROOT(dentry))
		return hostfs_statx(req, hostfs_s(inode->i_sb)->root);
	if (S_ISREG(inode->i_mode)) {
		handle = hostfs_data_handle(inode, false);
		if (handle)
			return hostfs_statx(req, handle);
	}
	if (S_ISDIR(inode->i_mode)) {
		handle = hostfs_dir_handle(req, inode);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		return hostfs_statx(req, handle);
	}
	handle = hostfs_parent_handle(req, dentry);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	error = hostfs_statx_at(req, handle, req->name);
	if (error == -ENOENT || (!error && !hostfs_is_same(inode, &req->stx)))
		return -ESTALE;
	return error;
}

int hostfs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		   u32 request_mask, unsigned int flags)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct inode *inode = d_inode(path->dentry);
	int error;

	if (!req)
		return -ENOMEM;
	error = stat_dentry(req, path->dentry);
	if (error == -ESTALE && d_unhashed(path->dentry)) {
		/* open, but the last name is gone: what we knew is all there is */
		generic_fillattr(idmap, request_mask, inode, stat);
		return 0;
	}
	if (error)
		return error;
	hostfs_refresh(inode, &req->stx);
	generic_fillattr(idmap, request_mask, inode, stat);
	stat->blksize = req->stx.stx_blksize;
	stat->blocks = req->stx.stx_blocks;
	if (req->stx.stx_mask & STATX_BTIME) {
		stat->btime = to_timespec(&req->stx.stx_btime);
		stat->result_mask |= STATX_BTIME;
	}
	return 0;
}

/* An open handle, or the parent's and a name: what a change can be applied to. */
struct target {
	struct hostfs_handle *handle;
	bool is_parent;
};

static int set_mode(struct hostfs_req *req, struct target *target, umode_t mode)
{
	struct hostfs_handle *handle = target->handle;
	unsigned long name = (unsigned long)req->name;
	long error;

	if (!target->is_parent)
		return hostfs_call(req, __NR_fchmod, 1, handle->file, mode & 07777);
	error = hostfs_call(req, __NR_fchmodat2, 1, handle->file, name, mode & 07777,
			    AT_SYMLINK_NOFOLLOW);
	/* hosts before Linux 6.6; VFS has seen that it is no symlink */
	if (error == -ENOSYS || error == -EPERM)
		error = hostfs_call(req, __NR_fchmodat, 1, handle->file, name, mode & 07777);
	return error;
}

static int set_owner(struct hostfs_req *req, struct target *target, const struct iattr *attr)
{
	uid_t uid = attr->ia_valid & ATTR_UID ? from_kuid(&init_user_ns, attr->ia_uid) : -1;
	gid_t gid = attr->ia_valid & ATTR_GID ? from_kgid(&init_user_ns, attr->ia_gid) : -1;

	if (!target->is_parent)
		return hostfs_call(req, __NR_fchown, 1, target->handle->file, uid, gid);
	return hostfs_call(req, __NR_fchownat, 1, target->handle->file, (unsigned long)req->name,
			   uid, gid, AT_SYMLINK_NOFOLLOW);
}

static void fill_time(struct __kernel_timespec *time, unsigned int valid, unsigned int set,
		      struct timespec64 value)
{
	time->tv_sec = value.tv_sec;
	time->tv_nsec = !valid ? HOST_UTIME_OMIT : set ? value.tv_nsec : HOST_UTIME_NOW;
}

static int set_times(struct hostfs_req *req, struct target *target, const struct iattr *attr)
{
	unsigned int valid = attr->ia_valid;

	fill_time(&req->times[0], valid & ATTR_ATIME, valid & ATTR_ATIME_SET, attr->ia_atime);
	fill_time(&req->times[1], valid & ATTR_MTIME, valid & ATTR_MTIME_SET, attr->ia_mtime);
	if (!target->is_parent)
		return hostfs_call(req, __NR_utimensat, 1, target->handle->file, 0,
				   (unsigned long)req->times, 0);
	return hostfs_call(req, __NR_utimensat, 1, target->handle->file, (unsigned long)req->name,
			   (unsigned long)req->times, AT_SYMLINK_NOFOLLOW);
}

static int set_size(struct hostfs_req *req, struct dentry *dentry, loff_t size)
{
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	struct inode *inode = d_inode(dentry);
	struct hostfs_sb *sbi = hostfs_s(inode->i_sb);
	loff_t old_size = i_size_read(inode);
	int error;

	handle = hostfs_data_handle(inode, true);
	if (!handle) {
		handle = hostfs_open_data(req, dentry, O_WRONLY);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
	}
	/*
	 * The pages first: it waits for those that are on their way to the
	 * host, which would make the file long again.
	 */
	if (size > old_size)
		hostfs_zero_tail(inode);
	truncate_setsize(inode, size);
	error = hostfs_call(req, __NR_ftruncate, 1, handle->file, sbi->begin + size);
	if (error && size > old_size)
		truncate_setsize(inode, old_size);
	else if (error && size < old_size)
		i_size_write(inode, old_size);
	if (!error && !hostfs_statx(req, handle))
		hostfs_note_state(inode, &req->stx);
	return error;
}

int hostfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	struct inode *inode = d_inode(dentry);
	struct hostfs_sb *sbi = hostfs_s(inode->i_sb);
	unsigned int valid = attr->ia_valid;
	struct target target = {};
	int error;

	if (!req)
		return -ENOMEM;
	error = setattr_prepare(idmap, dentry, attr);
	if (error)
		return error;

	if (valid & ATTR_SIZE) {
		if (sbi->size != HOSTFS_TO_END) {
			/* > file is fine on a window, as on a device; a new size is not */
			if (!(valid & ATTR_OPEN) && attr->ia_size != i_size_read(inode))
				return -EPERM;
		} else {
			error = set_size(req, dentry, attr->ia_size);
			if (error)
				return error;
		}
		if (!(valid & (ATTR_MTIME_SET | ATTR_ATIME_SET)))
			valid &= ~(ATTR_MTIME | ATTR_ATIME);	/* the host did */
	}

	if (S_ISREG(inode->i_mode))
		handle = hostfs_data_handle(inode, false);
	if (!handle && IS_ROOT(dentry)) {
		handle = hostfs_handle_get(sbi->root);
		strscpy(req->name, ".", sizeof(req->name));
		target.is_parent = true;
	} else if (!handle) {
		handle = hostfs_parent_handle(req, dentry);
		target.is_parent = true;
	}
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	target.handle = handle;

	if (valid & (ATTR_UID | ATTR_GID)) {
		error = set_owner(req, &target, attr);
		if (error)
			return error;
	}
	if (valid & ATTR_MODE) {
		error = set_mode(req, &target, attr->ia_mode);
		if (error)
			return error;
	}
	if (valid & (ATTR_ATIME | ATTR_MTIME)) {
		/* or the pages would set the time once more when they are written */
		if (S_ISREG(inode->i_mode)) {
			error = filemap_write_and_wait(inode->i_mapping);
			if (error)
				return error;
		}
		error = set_times(req, &target, attr);
		if (error)
			return error;
	}
	error = stat_dentry(req, dentry);
	if (error)
		return error;
	hostfs_refresh(inode, &req->stx);
	return 0;
}

static int revalidate(struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = d_inode(dentry);
	struct hostfs_req *req __free(hostfs_req) = NULL;
	struct hostfs_handle *dir __free(hostfs_handle) = NULL;
	int error;

	if (flags & LOOKUP_RCU)
		return -ECHILD;
	if (!inode)
		return 0;		/* the host may have made it in between */
	if (IS_ROOT(dentry))
		return 1;
	req = hostfs_req_alloc();
	if (!req)
		return -ENOMEM;
	dir = hostfs_parent_handle(req, dentry);
	if (IS_ERR(dir))
		return PTR_ERR(dir) == -ESTALE ? 0 : PTR_ERR(dir);
	error = hostfs_statx_at(req, dir, req->name);
	if (error == -ENOENT || error == -ENOTDIR)
		return 0;
	if (error)
		return error;
	if (!hostfs_is_same(inode, &req->stx))
		return 0;
	hostfs_refresh(inode, &req->stx);
	return 1;
}

const struct dentry_operations hostfs_dentry_ops = {
	.d_revalidate = revalidate,
};

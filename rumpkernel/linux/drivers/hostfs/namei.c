// SPDX-License-Identifier: GPL-2.0-only
/*
 * namei.c - hostfs names: lookup, create, link, remove, rename
 *
 * VFS holds the parent's lock, so a dentry's name does not change under us.
 * New files belong to the identity of the host's process; their mode is what
 * the caller asked for, the host's umask is undone.
 */
#include <linux/fcntl.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include <asm/unistd.h>

#include "hostfs.h"

#define PERMISSIONS	(S_IRWXUGO | S_ISUID | S_ISVTX)

static struct dentry *hostfs_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct hostfs_req *req __free(hostfs_req) = NULL;
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	struct inode *inode = NULL;
	int error;

	if (dentry->d_name.len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	req = hostfs_req_alloc();
	if (!req)
		return ERR_PTR(-ENOMEM);
	handle = hostfs_dir_handle(req, dir);
	if (IS_ERR(handle))
		return ERR_CAST(handle);
	hostfs_copy_name(req, dentry);
	error = hostfs_statx_at(req, handle, req->name);
	if (!error && S_ISDIR(req->stx.stx_mode) && hostfs_s(dir->i_sb)->is_flat)
		error = -ENOENT;
	if (!error)
		inode = hostfs_iget(dir->i_sb, &req->stx);
	else if (error != -ENOENT)
		return ERR_PTR(error);
	return d_splice_alias(inode, dentry);
}

/* For a call on a name: its directory, and the name in a request that may be NULL. */
static int begin(struct hostfs_req *req, struct inode *dir, struct dentry *dentry,
		 struct hostfs_handle **ret_parent)
{
	struct hostfs_handle *parent;

	if (!req)
		return -ENOMEM;
	parent = hostfs_dir_handle(req, dir);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	hostfs_copy_name(req, dentry);
	*ret_parent = parent;
	return 0;
}

/* What the host has made under req->name becomes the dentry's inode. */
static int instantiate(struct hostfs_req *req, struct hostfs_handle *dir, struct inode *parent,
		       struct dentry *dentry)
{
	struct inode *inode;
	int error;

	error = hostfs_statx_at(req, dir, req->name);
	if (error)
		return error;
	inode = hostfs_iget(parent->i_sb, &req->stx);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	d_instantiate(dentry, inode);
	return 0;
}

static int hostfs_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			 umode_t mode, bool is_exclusive)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *parent __free(hostfs_handle) = NULL;
	struct hostfs_handle *file __free(hostfs_handle) = NULL;
	struct hostfs_inode *hi;
	struct inode *inode;
	int error;

	error = begin(req, dir, dentry, &parent);
	if (error)
		return error;
	file = hostfs_call_open(req, __NR_openat, 1, parent->file, (unsigned long)req->name,
				O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 07777);
	if (IS_ERR(file)) {
		/* the host made it a moment ago: then it is opened as it is */
		if (PTR_ERR(file) != -EEXIST || is_exclusive)
			return PTR_ERR(file);
		return instantiate(req, parent, dir, dentry);
	}
	error = hostfs_statx(req, file);
	if (!error && (req->stx.stx_mode ^ mode) & PERMISSIONS) {
		error = hostfs_call(req, __NR_fchmod, 1, file->file,
				    (mode & PERMISSIONS) | (req->stx.stx_mode & S_ISGID));
		if (!error)
			error = hostfs_statx(req, file);
	}
	if (error)
		return error;
	inode = hostfs_iget(dir->i_sb, &req->stx);
	if (IS_ERR(inode))
		return PTR_ERR(inode);

	/* for the open that follows: the mode may forbid a second one */
	hi = hostfs_i(inode);
	mutex_lock(&hi->open_lock);
	spin_lock(&inode->i_lock);
	if (!hi->reader)
		hi->reader = hostfs_handle_get(file);
	if (!hi->writer)
		hi->writer = hostfs_handle_get(file);
	spin_unlock(&inode->i_lock);
	mutex_unlock(&hi->open_lock);
	d_instantiate(dentry, inode);
	return 0;
}

/* mkdirat or mknodat, and the mode that was asked for. */
static int make(struct inode *dir, struct dentry *dentry, umode_t mode, dev_t rdev)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *parent __free(hostfs_handle) = NULL;
	unsigned long name;
	int error;

	error = begin(req, dir, dentry, &parent);
	if (error)
		return error;
	name = (unsigned long)req->name;
	if (S_ISDIR(mode))
		error = hostfs_call(req, __NR_mkdirat, 1, parent->file, name, mode & 07777);
	else
		error = hostfs_call(req, __NR_mknodat, 1, parent->file, name, mode,
				    new_encode_dev(rdev));
	if (error)
		return error;
	error = hostfs_statx_at(req, parent, req->name);
	if (!error && (req->stx.stx_mode ^ mode) & PERMISSIONS &&
	    (req->stx.stx_mode & S_IFMT) == (mode & S_IFMT))
		error = hostfs_call(req, __NR_fchmodat, 1, parent->file, name,
				    (mode & PERMISSIONS) | (req->stx.stx_mode & S_ISGID));
	if (!error)
		error = instantiate(req, parent, dir, dentry);
	return error;
}

static int hostfs_mkdir(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			umode_t mode)
{
	if (hostfs_s(dir->i_sb)->is_flat)
		return -EPERM;
	return make(dir, dentry, S_IFDIR | mode, 0);
}

static int hostfs_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			umode_t mode, dev_t rdev)
{
	return make(dir, dentry, mode, rdev);
}

static int hostfs_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			  const char *target)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *parent __free(hostfs_handle) = NULL;
	char *copy __free(kfree) = kstrdup(target, GFP_KERNEL);
	int error;

	if (!copy)
		return -ENOMEM;
	error = begin(req, dir, dentry, &parent);
	if (error)
		return error;
	error = hostfs_call(req, __NR_symlinkat, 2, (unsigned long)copy, parent->file,
			    (unsigned long)req->name);
	return error ?: instantiate(req, parent, dir, dentry);
}

static int hostfs_link(struct dentry *old_dentry, struct inode *dir, struct dentry *dentry)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *old_parent __free(hostfs_handle) = NULL;
	struct hostfs_handle *parent __free(hostfs_handle) = NULL;
	struct inode *inode = d_inode(old_dentry);
	int error;

	if (!req)
		return -ENOMEM;
	parent = hostfs_dir_handle(req, dir);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	old_parent = hostfs_parent_handle(req, old_dentry);
	if (IS_ERR(old_parent))
		return PTR_ERR(old_parent);
	strscpy(req->name2, dentry->d_name.name, sizeof(req->name2));
	error = hostfs_call(req, __NR_linkat, 1 | 4, old_parent->file, (unsigned long)req->name,
			    parent->file, (unsigned long)req->name2, 0);
	if (error)
		return error;
	error = hostfs_statx_at(req, parent, dentry->d_name.name);
	if (error)
		return error;
	if (!hostfs_is_same(inode, &req->stx))
		return -ESTALE;		/* the old name meant another file on the host */
	hostfs_refresh(inode, &req->stx);
	ihold(inode);
	d_instantiate(dentry, inode);
	return 0;
}

/* A name of it is gone on the host. */
static void lose_name(struct inode *inode)
{
	if (S_ISDIR(inode->i_mode)) {
		clear_nlink(inode);
		hostfs_dir_forget(inode);
	} else if (inode->i_nlink) {
		drop_nlink(inode);
	}
}

static int remove(struct inode *dir, struct dentry *dentry, int flags)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *parent __free(hostfs_handle) = NULL;
	int error;

	error = begin(req, dir, dentry, &parent);
	if (error)
		return error;
	error = hostfs_call(req, __NR_unlinkat, 1, parent->file, (unsigned long)req->name, flags);
	if (error)
		return error;
	lose_name(d_inode(dentry));
	return 0;
}

static int hostfs_unlink(struct inode *dir, struct dentry *dentry)
{
	return remove(dir, dentry, 0);
}

static int hostfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	return remove(dir, dentry, AT_REMOVEDIR);
}

static int hostfs_rename(struct mnt_idmap *idmap, struct inode *old_dir,
			 struct dentry *old_dentry, struct inode *new_dir,
			 struct dentry *new_dentry, unsigned int flags)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *old_parent __free(hostfs_handle) = NULL;
	struct hostfs_handle *new_parent __free(hostfs_handle) = NULL;
	struct inode *victim = d_inode(new_dentry);
	int error;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (!req)
		return -ENOMEM;
	old_parent = hostfs_dir_handle(req, old_dir);
	if (IS_ERR(old_parent))
		return PTR_ERR(old_parent);
	new_parent = hostfs_dir_handle(req, new_dir);
	if (IS_ERR(new_parent))
		return PTR_ERR(new_parent);
	hostfs_copy_name(req, old_dentry);
	strscpy(req->name2, new_dentry->d_name.name, sizeof(req->name2));
	if (flags)
		error = hostfs_call(req, __NR_renameat2, 1 | 4, old_parent->file,
				    (unsigned long)req->name, new_parent->file,
				    (unsigned long)req->name2, flags);
	else
		error = hostfs_call(req, __NR_renameat, 1 | 4, old_parent->file,
				    (unsigned long)req->name, new_parent->file,
				    (unsigned long)req->name2);
	if (error || !victim || flags & RENAME_EXCHANGE)
		return error;
	/* two names of one file: neither is gone */
	if (victim != d_inode(old_dentry))
		lose_name(victim);
	return 0;
}

static const char *hostfs_get_link(struct dentry *dentry, struct inode *inode,
				   struct delayed_call *done)
{
	struct hostfs_req *req __free(hostfs_req) = NULL;
	struct hostfs_handle *parent __free(hostfs_handle) = NULL;
	char *target __free(kfree) = NULL;
	long length;

	if (!dentry)
		return ERR_PTR(-ECHILD);
	req = hostfs_req_alloc();
	target = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!req || !target)
		return ERR_PTR(-ENOMEM);
	parent = hostfs_parent_handle(req, dentry);
	if (IS_ERR(parent))
		return ERR_CAST(parent);
	length = hostfs_call(req, __NR_readlinkat, 1, parent->file, (unsigned long)req->name,
			     (unsigned long)target, PATH_MAX - 1);
	if (length < 0)
		return ERR_PTR(length);
	target[length] = '\0';
	set_delayed_call(done, kfree_link, target);
	return no_free_ptr(target);
}

const struct inode_operations hostfs_dir_iops = {
	.listxattr = hostfs_listxattr,
	.lookup = hostfs_lookup,
	.create = hostfs_create,
	.link = hostfs_link,
	.unlink = hostfs_unlink,
	.symlink = hostfs_symlink,
	.mkdir = hostfs_mkdir,
	.rmdir = hostfs_rmdir,
	.mknod = hostfs_mknod,
	.rename = hostfs_rename,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
};

const struct inode_operations hostfs_symlink_iops = {
	.get_link = hostfs_get_link,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * xattr.c - hostfs passes user.* attributes through
 *
 * The others are not shown: security.* and system.* mean what the host's
 * kernel enforces, and looking for them at each write would cost a host call.
 */
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/xattr.h>

#include <asm/unistd.h>

#include "hostfs.h"

/* The host wants a real descriptor, not O_PATH. */
static struct hostfs_handle *open_for_xattr(struct hostfs_req *req, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	struct hostfs_handle *dir __free(hostfs_handle) = NULL;
	struct hostfs_handle *handle;

	if (S_ISDIR(inode->i_mode)) {
		dir = hostfs_dir_handle(req, inode);
		if (IS_ERR(dir))
			return dir;
		return hostfs_call_open(req, __NR_openat, 1, dir->file, (unsigned long)".",
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (!S_ISREG(inode->i_mode))
		return ERR_PTR(-EOPNOTSUPP);
	handle = hostfs_data_handle(inode, false);
	if (handle)
		return handle;
	handle = hostfs_open_data(req, dentry, O_RDONLY);
	if (PTR_ERR_OR_ZERO(handle) == -EACCES)
		handle = hostfs_open_data(req, dentry, O_WRONLY);
	return handle;
}

static int full_name(struct hostfs_req *req, const struct xattr_handler *handler,
		     const char *name)
{
	int length = snprintf(req->name2, sizeof(req->name2), "%s%s", handler->prefix, name);

	return length < sizeof(req->name2) ? 0 : -ERANGE;
}

static int xattr_get(const struct xattr_handler *handler, struct dentry *dentry,
		     struct inode *inode, const char *name, void *value, size_t size)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	void *buffer __free(kfree) = NULL;
	long length;

	if (!req)
		return -ENOMEM;
	handle = open_for_xattr(req, dentry);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	length = full_name(req, handler, name);
	if (length)
		return length;
	/* value may be vmalloc memory, which the host need not see */
	buffer = kmalloc(max(size, (size_t)1), GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	length = hostfs_call(req, __NR_fgetxattr, 1, handle->file, (unsigned long)req->name2,
			     (unsigned long)buffer, size);
	if (length > 0 && size)
		memcpy(value, buffer, length);
	return length;
}

static int xattr_set(const struct xattr_handler *handler, struct mnt_idmap *idmap,
		     struct dentry *dentry, struct inode *inode, const char *name,
		     const void *value, size_t size, int flags)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	void *buffer __free(kfree) = NULL;
	int error;

	if (!req)
		return -ENOMEM;
	handle = open_for_xattr(req, dentry);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	error = full_name(req, handler, name);
	if (error)
		return error;
	if (!value)
		return hostfs_call(req, __NR_fremovexattr, 1, handle->file,
				   (unsigned long)req->name2);
	buffer = kmemdup(value, max(size, (size_t)1), GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	return hostfs_call(req, __NR_fsetxattr, 1, handle->file, (unsigned long)req->name2,
			   (unsigned long)buffer, size, flags);
}

ssize_t hostfs_listxattr(struct dentry *dentry, char *list, size_t size)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct hostfs_handle *handle __free(hostfs_handle) = NULL;
	char *names __free(kfree) = kmalloc(XATTR_LIST_MAX, GFP_KERNEL);
	ssize_t used = 0;
	long total;

	if (!req || !names)
		return -ENOMEM;
	handle = open_for_xattr(req, dentry);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	total = hostfs_call(req, __NR_flistxattr, 1, handle->file, (unsigned long)names,
			    XATTR_LIST_MAX);
	if (total < 0)
		return total;
	for (char *name = names; name < names + total; name += strlen(name) + 1) {
		size_t length = strlen(name) + 1;

		if (strncmp(name, XATTR_USER_PREFIX, XATTR_USER_PREFIX_LEN))
			continue;
		if (size) {
			if (used + length > size)
				return -ERANGE;
			memcpy(list + used, name, length);
		}
		used += length;
	}
	return used;
}

static const struct xattr_handler user_handler = {
	.prefix = XATTR_USER_PREFIX,
	.get = xattr_get,
	.set = xattr_set,
};

const struct xattr_handler *const hostfs_xattr_handlers[] = {
	&user_handler,
	NULL,
};

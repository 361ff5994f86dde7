// SPDX-License-Identifier: GPL-2.0-only
/*
 * host.c - hostfs talks to the host
 *
 * Every operation is one or a few system calls of the host, carried out by a
 * host thread without a virtual CPU, relative to O_PATH handles of directories.
 * No call resolves more than one component of a name that came from a user,
 * except the one that finds a directory again, which forbids symlinks: what
 * was mounted cannot be left by a symlink, whoever plants it.
 *
 * Handles are host descriptors and thus scarce: only open files, and the last
 * DIR_HANDLES directories used, hold one.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/slab.h>

#include <asm/unistd.h>

#include "hostfs.h"

#define DIR_HANDLES	128

#define HOST_DIR_FLAGS	(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define HOST_STATX_MASK	(STATX_BASIC_STATS | STATX_BTIME)

struct hostfs_req *hostfs_req_alloc(void)
{
	return kmalloc(sizeof(struct hostfs_req), GFP_KERNEL);
}

void hostfs_req_free(struct hostfs_req *req)
{
	kfree(req);
}

long __hostfs_call(struct hostfs_req *req, long nr, unsigned int handles, unsigned int flags,
		   const unsigned long args[6])
{
	memset(&req->io, 0, sizeof(req->io));
	req->io.host.op = RUMPUSER_IO_CALL;
	req->io.host.flags = flags;
	req->io.host.call_nr = nr;
	req->io.host.call_handles = handles;
	memcpy(req->io.host.call_args, args, sizeof(req->io.host.call_args));
	return rump_io_wait(&req->io);
}

static struct hostfs_handle *handle_alloc(void)
{
	struct hostfs_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL);

	if (handle)
		refcount_set(&handle->refs, 1);
	return handle;
}

struct hostfs_handle *__hostfs_call_open(struct hostfs_req *req, long nr, unsigned int handles,
					 const unsigned long args[6])
{
	struct hostfs_handle *handle = handle_alloc();
	long file;

	if (!handle)
		return ERR_PTR(-ENOMEM);
	file = __hostfs_call(req, nr, handles, RUMPUSER_IO_NEW_HANDLE, args);
	if (file < 0) {
		kfree(handle);
		return ERR_PTR(file);
	}
	handle->file = file;
	return handle;
}

struct hostfs_handle *hostfs_open_path(const char *path, unsigned int flags,
				       struct rumpuser_file_info *info)
{
	struct hostfs_handle *handle = handle_alloc();
	struct rump_io *io;
	long file;

	if (!handle)
		return ERR_PTR(-ENOMEM);
	io = &handle->close;
	io->host.op = RUMPUSER_IO_OPEN;
	io->host.path = path;
	io->host.open_flags = flags;
	io->host.info = info;
	file = rump_io_wait(io);
	if (file < 0) {
		kfree(handle);
		return ERR_PTR(file);
	}
	handle->file = file;
	return handle;
}

struct hostfs_handle *hostfs_handle_get(struct hostfs_handle *handle)
{
	refcount_inc(&handle->refs);
	return handle;
}

static void handle_closed(struct rump_io *io)
{
	kfree(container_of(io, struct hostfs_handle, close));
}

/* Closing may take time on the host (the last name is gone): nobody waits. */
void hostfs_handle_put(struct hostfs_handle *handle)
{
	if (!handle || !refcount_dec_and_test(&handle->refs))
		return;
	memset(&handle->close, 0, sizeof(handle->close));
	handle->close.host.op = RUMPUSER_IO_CLOSE;
	handle->close.host.file = handle->file;
	handle->close.complete = handle_closed;
	rump_io_submit(&handle->close);
}

int hostfs_statx(struct hostfs_req *req, struct hostfs_handle *handle)
{
	return hostfs_call(req, __NR_statx, 1, handle->file, (unsigned long)"",
			   AT_EMPTY_PATH, HOST_STATX_MASK, (unsigned long)&req->stx);
}

int hostfs_statx_at(struct hostfs_req *req, struct hostfs_handle *dir, const char *name)
{
	return hostfs_call(req, __NR_statx, 1, dir->file, (unsigned long)name,
			   AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, HOST_STATX_MASK,
			   (unsigned long)&req->stx);
}

void hostfs_copy_name(struct hostfs_req *req, struct dentry *dentry)
{
	struct name_snapshot snapshot;

	take_dentry_name_snapshot(&snapshot, dentry);
	strscpy(req->name, snapshot.name.name, sizeof(req->name));
	release_dentry_name_snapshot(&snapshot);
}

/* Component by component, for hosts without openat2. */
static struct hostfs_handle *walk_to_dir(struct hostfs_req *req, struct hostfs_handle *root,
					 char *path)
{
	struct hostfs_handle *dir = hostfs_handle_get(root), *next;
	char *name;

	while ((name = strsep(&path, "/"))) {
		if (!*name)
			continue;
		next = hostfs_call_open(req, __NR_openat, 1, dir->file, (unsigned long)name,
					HOST_DIR_FLAGS);
		hostfs_handle_put(dir);
		if (IS_ERR(next))
			return next;
		dir = next;
	}
	return dir;
}

static struct hostfs_handle *open_dir_path(struct hostfs_req *req, struct hostfs_sb *sbi,
					   char *path)
{
	struct hostfs_handle *dir;
	int tries = 8;

	while (!READ_ONCE(sbi->no_openat2)) {
		req->how = (struct open_how) {
			.flags = HOST_DIR_FLAGS,
			.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
		};
		dir = hostfs_call_open(req, __NR_openat2, 1, sbi->root->file, (unsigned long)path,
				       (unsigned long)&req->how, sizeof(req->how));
		if (!IS_ERR(dir))
			return dir;
		if (PTR_ERR(dir) == -EAGAIN && --tries)	/* a rename on the host came between */
			continue;
		/* EPERM: seccomp filters that do not know it */
		if (PTR_ERR(dir) != -ENOSYS && PTR_ERR(dir) != -EPERM && PTR_ERR(dir) != -EAGAIN)
			return dir;
		if (PTR_ERR(dir) != -EAGAIN)
			WRITE_ONCE(sbi->no_openat2, true);
		break;
	}
	return walk_to_dir(req, sbi->root, path);
}

static struct hostfs_handle *open_dir(struct hostfs_req *req, struct inode *dir)
{
	struct dentry *dentry __free(hostfs_dput) = d_find_any_alias(dir);
	struct hostfs_handle *handle;
	char *buffer, *path;
	int error;

	if (!dentry)
		return ERR_PTR(-ESTALE);
	buffer = __getname();
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	path = dentry_path_raw(dentry, buffer, PATH_MAX);
	if (IS_ERR(path))
		handle = ERR_CAST(path);
	else
		handle = open_dir_path(req, hostfs_s(dir->i_sb), path + 1);
	__putname(buffer);
	if (IS_ERR(handle))
		return PTR_ERR(handle) == -ENOENT || PTR_ERR(handle) == -ENOTDIR ||
		       PTR_ERR(handle) == -ELOOP ? ERR_PTR(-ESTALE) : handle;

	/* the name may mean another directory by now */
	error = hostfs_statx(req, handle);
	if (!error && !hostfs_is_same(dir, &req->stx))
		error = -ESTALE;
	if (error) {
		hostfs_handle_put(handle);
		return ERR_PTR(error);
	}
	return handle;
}

struct hostfs_handle *hostfs_dir_handle(struct hostfs_req *req, struct inode *dir)
{
	struct hostfs_inode *hi = hostfs_i(dir), *oldest = NULL;
	struct hostfs_sb *sbi = hostfs_s(dir->i_sb);
	struct hostfs_handle *handle, *drop = NULL;

	if (dir == d_inode(dir->i_sb->s_root))
		return hostfs_handle_get(sbi->root);

	spin_lock(&sbi->lock);
	handle = hi->dir;
	if (handle) {
		hostfs_handle_get(handle);
		list_move_tail(&hi->dir_link, &sbi->dirs);
	}
	spin_unlock(&sbi->lock);
	if (handle)
		return handle;

	handle = open_dir(req, dir);
	if (IS_ERR(handle))
		return handle;

	spin_lock(&sbi->lock);
	if (!hi->dir) {
		hi->dir = hostfs_handle_get(handle);
		list_add_tail(&hi->dir_link, &sbi->dirs);
		if (++sbi->dir_count > DIR_HANDLES) {
			oldest = list_first_entry(&sbi->dirs, struct hostfs_inode, dir_link);
			list_del_init(&oldest->dir_link);
			drop = oldest->dir;
			oldest->dir = NULL;
			sbi->dir_count--;
		}
	}
	spin_unlock(&sbi->lock);
	hostfs_handle_put(drop);
	return handle;
}

struct hostfs_handle *hostfs_parent_handle(struct hostfs_req *req, struct dentry *dentry)
{
	struct dentry *parent __free(hostfs_dput) = dget_parent(dentry);
	struct hostfs_handle *dir = hostfs_dir_handle(req, d_inode(parent));

	if (!IS_ERR(dir))
		hostfs_copy_name(req, dentry);
	return dir;
}

void hostfs_dir_forget(struct inode *dir)
{
	struct hostfs_inode *hi = hostfs_i(dir);
	struct hostfs_sb *sbi = hostfs_s(dir->i_sb);
	struct hostfs_handle *drop;

	spin_lock(&sbi->lock);
	drop = hi->dir;
	if (drop) {
		hi->dir = NULL;
		list_del_init(&hi->dir_link);
		sbi->dir_count--;
	}
	spin_unlock(&sbi->lock);
	hostfs_handle_put(drop);
}

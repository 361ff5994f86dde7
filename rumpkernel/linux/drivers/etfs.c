// SPDX-License-Identifier: GPL-2.0-only
/*
 * etfs.c - host files under names of the rump kernel
 *
 * The registry behind rump_pub_etfs_*(): a key is a path here, its missing
 * parents are made.
 *
 *	BLK		a disk (disk.c) and a device node
 *	CHR		a character device (hostfs/chr.c) and a device node
 *	REG		an empty file with hostfs mounted on it
 *	DIR, _SUBDIRS	a directory with hostfs mounted on it
 *
 * It belongs to the program, not to a user of its kernel: whatever identity
 * the calling lwp has taken on, names are made as the kernel's root user.
 */
#define pr_fmt(fmt) "etfs: " fmt

#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/init_task.h>
#include <linux/list.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/linux/mount.h>

#include <asm/rump.h>
#include <asm/unistd.h>

/* path_mount(), path_umount(): what mount(2) does after reading its arguments */
#include "../../../fs/internal.h"

#include "disk.h"
#include "etfs.h"
#include "hostfs/chr.h"
#include "hostfs/hostfs.h"
#include "why.h"

#define WHY_SIZE	256

struct etfs {
	struct list_head list;
	char *key;
	int type;
	struct rump_disk *disk;		/* BLK */
	struct hostfs_chr *chr;		/* CHR */
	bool made_name;			/* the key did not exist before */
};

static DEFINE_MUTEX(etfs_lock);
static LIST_HEAD(etfs_list);

/* Without repeated and trailing slashes, so that one name is one key. */
static char *normal_key(const char *key)
{
	char *copy, *to;

	if (key[0] != '/')
		return ERR_PTR(-EINVAL);
	copy = to = kmalloc(strlen(key) + 1, GFP_KERNEL);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	for (; *key; key++) {
		if (key[0] == '/' && (key[1] == '/' || !key[1]))
			continue;
		*to++ = *key;
	}
	*to = '\0';
	if (to == copy) {	/* the root itself */
		kfree(copy);
		return ERR_PTR(-EINVAL);
	}
	return copy;
}

/* The working directory may be another one when the path is used again. */
static char *absolute_hostpath(struct hostfs_req *req, const char *hostpath)
{
	char *buffer, *path;
	long length;

	if (!*hostpath)
		return ERR_PTR(-ENOENT);
	if (*hostpath == '/')
		return kstrdup(hostpath, GFP_KERNEL) ?: ERR_PTR(-ENOMEM);
	buffer = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	length = hostfs_call(req, __NR_getcwd, 0, (unsigned long)buffer, PATH_MAX);
	if (length < 0)
		path = ERR_PTR(length);
	else
		path = kasprintf(GFP_KERNEL, "%s/%s", buffer, hostpath) ?: ERR_PTR(-ENOMEM);
	kfree(buffer);
	return path;
}

static struct etfs *find(const char *key)
{
	struct etfs *etfs;

	list_for_each_entry(etfs, &etfs_list, list)
		if (!strcmp(etfs->key, key))
			return etfs;
	return NULL;
}

/* ---- names here ---- */

static int make_name(const char *name, umode_t mode, dev_t dev)
{
	unsigned int flags = S_ISDIR(mode) ? LOOKUP_DIRECTORY : 0;
	struct dentry *dentry;
	struct inode *dir;
	struct path path;
	int error;

	dentry = kern_path_create(AT_FDCWD, name, &path, flags);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	dir = d_inode(path.dentry);
	if (S_ISDIR(mode))
		error = vfs_mkdir(mnt_idmap(path.mnt), dir, dentry, mode & 07777);
	else if (S_ISREG(mode))
		error = vfs_create(mnt_idmap(path.mnt), dir, dentry, mode, true);
	else
		error = vfs_mknod(mnt_idmap(path.mnt), dir, dentry, mode, dev);
	done_path_create(&path, dentry);
	return error;
}

static int make_parents(char *key)
{
	int error;

	for (char *slash = strchr(key + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		error = make_name(key, S_IFDIR | 0755, 0);
		*slash = '/';
		if (error && error != -EEXIST)
			return error;
	}
	return 0;
}

static int remove_name(const char *name)
{
	struct dentry *dentry;
	struct path path;
	int error;

	dentry = kern_path_locked(name, &path);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	if (d_is_negative(dentry))
		error = -ENOENT;
	else if (d_is_dir(dentry))
		error = vfs_rmdir(mnt_idmap(path.mnt), d_inode(path.dentry), dentry);
	else
		error = vfs_unlink(mnt_idmap(path.mnt), d_inode(path.dentry), dentry, NULL);
	inode_unlock(d_inode(path.dentry));
	dput(dentry);
	path_put(&path);
	return error;
}

/* Only the node that was made: it may have been replaced. */
static void remove_node(const char *name, umode_t type, dev_t dev)
{
	struct inode *inode;
	struct path path;
	bool is_ours;

	if (kern_path(name, 0, &path))
		return;
	inode = d_inode(path.dentry);
	is_ours = (inode->i_mode & S_IFMT) == type && inode->i_rdev == dev;
	path_put(&path);
	if (is_ours)
		remove_name(name);
}

static int mount_hostfs(const struct etfs *etfs, const char *hostpath, u64 begin, u64 size,
			bool is_readonly)
{
	char *options = (char *)get_zeroed_page(GFP_KERNEL);
	struct path path;
	int error;

	if (!options)
		return -ENOMEM;
	if (etfs->type == RUMP_ETFS_DIR)
		strscpy(options, "flat", PAGE_SIZE);
	else if (etfs->type == RUMP_ETFS_REG && size != RUMP_ETFS_SIZE_ENDOFF)
		snprintf(options, PAGE_SIZE, "begin=%llu,size=%llu", begin, size);
	else if (etfs->type == RUMP_ETFS_REG && begin)
		snprintf(options, PAGE_SIZE, "begin=%llu", begin);

	error = kern_path(etfs->key, LOOKUP_FOLLOW, &path);
	if (!error) {
		error = path_mount(hostpath, &path, "hostfs", is_readonly ? MS_RDONLY : 0,
				   *options ? options : NULL);
		path_put(&path);
	}
	free_page((unsigned long)options);
	return error;
}

static int unmount_hostfs(const struct etfs *etfs)
{
	struct path path;
	int error;

	error = kern_path(etfs->key, 0, &path);
	if (error)
		return error == -ENOENT ? 0 : error;
	if (path.dentry != path.mnt->mnt_root ||
	    path.dentry->d_sb->s_magic != HOSTFS_SUPER_MAGIC) {
		path_put(&path);	/* somebody has unmounted it */
		return 0;
	}
	return path_umount(&path, 0);
}

/* ---- add ---- */

static bool is_fit(int type, umode_t mode)
{
	switch (type) {
	case RUMP_ETFS_REG:
		return S_ISREG(mode);
	case RUMP_ETFS_BLK:
		return S_ISREG(mode) || S_ISBLK(mode);
	case RUMP_ETFS_CHR:
		return !S_ISDIR(mode) && !S_ISSOCK(mode);
	default:
		return S_ISDIR(mode);
	}
}

static const char *wanted(int type)
{
	static const char *const names[] = {
		[RUMP_ETFS_REG] = "a regular file",
		[RUMP_ETFS_BLK] = "a regular file or a block device",
		[RUMP_ETFS_CHR] = "a device, fifo or file",
		[RUMP_ETFS_DIR] = "a directory",
		[RUMP_ETFS_DIR_SUBDIRS] = "a directory",
	};

	return names[type];
}

static long add_blk(struct etfs *etfs, const struct rump_disk_spec *spec, char *why,
		    size_t why_size)
{
	long error;

	etfs->disk = rump_disk_add(spec, why, why_size);
	if (IS_ERR(etfs->disk))
		return PTR_ERR(etfs->disk);
	error = make_name(etfs->key, S_IFBLK | 0600, rump_disk_devt(etfs->disk));
	if (error) {
		rump_disk_remove(etfs->disk);
		return rump_fail(why, why_size, error, "%s", etfs->key);
	}
	return 0;
}

static long add_chr(struct etfs *etfs, const char *hostpath, char *why, size_t why_size)
{
	long error;

	etfs->chr = hostfs_chr_add(hostpath);
	if (IS_ERR(etfs->chr))
		return rump_fail(why, why_size, PTR_ERR(etfs->chr), "%s", etfs->key);
	error = make_name(etfs->key, S_IFCHR | 0600, hostfs_chr_devt(etfs->chr));
	if (error) {
		hostfs_chr_remove(etfs->chr);
		return rump_fail(why, why_size, error, "%s", etfs->key);
	}
	return 0;
}

static long add_mount(struct etfs *etfs, const struct rump_disk_spec *spec, char *why,
		      size_t why_size)
{
	bool is_dir = etfs->type != RUMP_ETFS_REG;
	long error;

	error = make_name(etfs->key, is_dir ? S_IFDIR | 0755 : S_IFREG | 0600, 0);
	etfs->made_name = !error;
	if (error && !(error == -EEXIST && is_dir))
		return rump_fail(why, why_size, error, "%s", etfs->key);
	error = mount_hostfs(etfs, spec->hostpath, spec->begin, spec->size, spec->readonly);
	if (error) {
		if (etfs->made_name)
			remove_name(etfs->key);
		if (error == -EINVAL)	/* the window: the types were looked at */
			snprintf(why, why_size, "%s: the window does not lie in the file",
				 spec->hostpath);
		else
			rump_fail(why, why_size, error, "%s", spec->hostpath);
	}
	return error;
}

static long add_locked(struct hostfs_req *req, struct etfs *etfs,
		       const struct rump_disk_spec *spec, char *why, size_t why_size)
{
	long error;

	if (find(etfs->key))
		return rump_fail(why, why_size, -EEXIST, "%s", etfs->key);
	error = hostfs_call(req, __NR_statx, 0, AT_FDCWD, (unsigned long)spec->hostpath, 0,
			    STATX_TYPE, (unsigned long)&req->stx);
	if (error)
		return rump_fail(why, why_size, error, "%s", spec->hostpath);
	if (!is_fit(etfs->type, req->stx.stx_mode)) {
		snprintf(why, why_size, "%s: not %s", spec->hostpath, wanted(etfs->type));
		return etfs->type == RUMP_ETFS_DIR || etfs->type == RUMP_ETFS_DIR_SUBDIRS ?
		       -ENOTDIR : S_ISDIR(req->stx.stx_mode) ? -EISDIR : -EINVAL;
	}
	error = make_parents(etfs->key);
	if (error)
		return rump_fail(why, why_size, error, "%s", etfs->key);

	if (etfs->type == RUMP_ETFS_BLK)
		error = add_blk(etfs, spec, why, why_size);
	else if (etfs->type == RUMP_ETFS_CHR)
		error = add_chr(etfs, spec->hostpath, why, why_size);
	else
		error = add_mount(etfs, spec, why, why_size);
	if (!error)
		list_add_tail(&etfs->list, &etfs_list);
	return error;
}

long rump_etfs_add(const char *key, const char *hostpath, int type, u64 begin, u64 size,
		   unsigned int is_readonly, unsigned int sector, char *why, size_t why_size)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct rump_disk_spec spec = {
		.begin = begin, .size = size, .sector = sector, .readonly = is_readonly,
	};
	const struct cred *cred;
	struct etfs *etfs;
	char *path;
	long error;

	if (type < RUMP_ETFS_REG || type > RUMP_ETFS_DIR_SUBDIRS) {
		snprintf(why, why_size, "%s: unknown type %d", key, type);
		return -EINVAL;
	}
	if ((begin || size != RUMP_ETFS_SIZE_ENDOFF) && type != RUMP_ETFS_REG &&
	    type != RUMP_ETFS_BLK) {
		snprintf(why, why_size, "%s: a window is for files and block devices", key);
		return -EINVAL;
	}
	etfs = kzalloc(sizeof(*etfs), GFP_KERNEL);
	if (!req || !etfs) {
		kfree(etfs);
		return rump_fail(why, why_size, -ENOMEM, "%s", key);
	}
	etfs->type = type;
	etfs->key = normal_key(key);
	if (IS_ERR(etfs->key)) {
		error = PTR_ERR(etfs->key);
		snprintf(why, why_size, "%s: want an absolute path below /", key);
		kfree(etfs);
		return error;
	}
	path = absolute_hostpath(req, hostpath);
	if (IS_ERR(path)) {
		error = rump_fail(why, why_size, PTR_ERR(path), "%s", hostpath);
	} else {
		spec.hostpath = path;
		cred = override_creds(&init_cred);
		mutex_lock(&etfs_lock);
		error = add_locked(req, etfs, &spec, why, why_size);
		mutex_unlock(&etfs_lock);
		revert_creds(cred);
		kfree(path);
	}
	if (error) {
		kfree(etfs->key);
		kfree(etfs);
	}
	return error;
}

/* ---- remove ---- */

static long remove_locked(struct etfs *etfs)
{
	dev_t dev;
	long error;

	switch (etfs->type) {
	case RUMP_ETFS_BLK:
		dev = rump_disk_devt(etfs->disk);
		error = rump_disk_remove(etfs->disk);
		if (!error)
			remove_node(etfs->key, S_IFBLK, dev);
		break;
	case RUMP_ETFS_CHR:
		dev = hostfs_chr_devt(etfs->chr);
		error = hostfs_chr_remove(etfs->chr);
		if (!error)
			remove_node(etfs->key, S_IFCHR, dev);
		break;
	default:
		error = unmount_hostfs(etfs);
		/* a directory that is in use by now stays: it is the user's */
		if (!error && etfs->made_name)
			remove_name(etfs->key);
	}
	return error;
}

long rump_etfs_remove(const char *key, char *why, size_t why_size)
{
	char *name __free(kfree) = normal_key(key);
	const struct cred *cred;
	struct etfs *etfs;
	long error = -ENOENT;

	if (IS_ERR(name))
		return rump_fail(why, why_size, -ENOENT, "%s", key);
	cred = override_creds(&init_cred);
	mutex_lock(&etfs_lock);
	etfs = find(name);
	if (etfs)
		error = remove_locked(etfs);
	if (!error) {
		list_del(&etfs->list);
		kfree(etfs->key);
		kfree(etfs);
	}
	mutex_unlock(&etfs_lock);
	revert_creds(cred);
	return error ? rump_fail(why, why_size, error, "%s", key) : 0;
}

/* ---- the program's side: host stacks up to rump_kernel_call() ---- */

struct register_call {
	const char *key, *hostpath;
	int type;
	u64 begin, size;
};

static long do_register(void *arg)
{
	const struct register_call *call = arg;
	char *key, *hostpath;
	char *why = kmalloc(WHY_SIZE, GFP_KERNEL);
	long error = -ENOMEM;

	if (!why)
		return error;
	key = strndup_user((const char __user *)call->key, PATH_MAX);
	hostpath = strndup_user((const char __user *)call->hostpath, PATH_MAX);
	if (IS_ERR(key) || IS_ERR(hostpath)) {
		error = IS_ERR(key) ? PTR_ERR(key) : PTR_ERR(hostpath);
	} else {
		error = rump_etfs_add(key, hostpath, call->type, call->begin, call->size, 0, 0,
				      why, WHY_SIZE);
		if (error) {
			hyp()->boot_error(why);
			pr_err("%s\n", why);
		}
	}
	if (!IS_ERR(key))
		kfree(key);
	if (!IS_ERR(hostpath))
		kfree(hostpath);
	kfree(why);
	return error == -EINVAL && (IS_ERR(key) || IS_ERR(hostpath)) ? -ENAMETOOLONG : error;
}

static long do_remove(void *arg)
{
	char *why = kmalloc(WHY_SIZE, GFP_KERNEL);
	char *key = strndup_user((const char __user *)arg, PATH_MAX);
	long error = -ENOMEM;

	if (IS_ERR(key))
		error = PTR_ERR(key) == -EINVAL ? -ENOENT : PTR_ERR(key);
	else if (why)
		error = rump_etfs_remove(key, why, WHY_SIZE);
	if (error && !IS_ERR(key) && why)
		hyp()->boot_error(why);
	if (!IS_ERR(key))
		kfree(key);
	kfree(why);
	return error;
}

rump_export int rump_pub_etfs_register_withsize(const char *key, const char *hostpath, int type,
						u64 begin, u64 size);
rump_export int rump_pub_etfs_register(const char *key, const char *hostpath, int type);
rump_export int rump_pub_etfs_remove(const char *key);
rump_export int rump_fakeblk_register(const char *path);
rump_export int rump_fakeblk_deregister(const char *path);

int rump_pub_etfs_register_withsize(const char *key, const char *hostpath, int type, u64 begin,
				    u64 size)
{
	struct register_call call = {
		.key = key, .hostpath = hostpath, .type = type, .begin = begin, .size = size,
	};

	return -rump_kernel_call(do_register, &call);
}

int rump_pub_etfs_register(const char *key, const char *hostpath, int type)
{
	return rump_pub_etfs_register_withsize(key, hostpath, type, 0, RUMP_ETFS_SIZE_ENDOFF);
}

int rump_pub_etfs_remove(const char *key)
{
	return -rump_kernel_call(do_remove, (void *)key);
}

int rump_fakeblk_register(const char *path)
{
	return rump_pub_etfs_register(path, path, RUMP_ETFS_BLK);
}

int rump_fakeblk_deregister(const char *path)
{
	return rump_pub_etfs_remove(path);
}

/* ---- registrations made before the kernel runs ---- */

struct rump_boot_etfs {		/* the layout of <rump/rump.h> */
	const char *key, *hostpath;
	int type;
	u64 begin, size;
	int error;
	struct rump_boot_etfs *next;
};

static struct rump_boot_etfs *boot_list, **boot_end = &boot_list;

rump_export void rump_boot_etfs_register(struct rump_boot_etfs *eb);

void rump_boot_etfs_register(struct rump_boot_etfs *eb)
{
	eb->error = 0;
	eb->next = NULL;
	*boot_end = eb;
	boot_end = &eb->next;
}

long rump_etfs_boot(void)
{
	char *why = kmalloc(WHY_SIZE, GFP_KERNEL);
	struct rump_boot_etfs *eb, *next;

	if (!why)
		return -ENOMEM;
	for (eb = boot_list; eb; eb = next) {
		next = eb->next;
		eb->error = -rump_etfs_add(eb->key, eb->hostpath, eb->type, eb->begin, eb->size,
					   0, 0, why, WHY_SIZE);
		if (eb->error)
			pr_err("%s\n", why);
	}
	boot_list = NULL;
	boot_end = &boot_list;
	kfree(why);
	return 0;
}

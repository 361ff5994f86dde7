// SPDX-License-Identifier: GPL-2.0-only
/*
 * super.c - hostfs: host files and host directories as a Linux file system
 *
 *	mount -t hostfs [-o begin=BYTES,size=BYTES,flat] HOSTPATH DIRECTORY-OR-FILE
 *
 * Theory of operation.  A mount shows one host directory and all below it, or
 * one host file (then the mount point is a file as well, and begin and size
 * choose a window of it).  Every look at a name asks the host, so both sides
 * see each other's changes at once; data goes through this kernel's page cache
 * and is consistent from close to open (file.c).  Symlinks of the host are
 * symlinks here and lead to names of this kernel.  Permissions are checked
 * twice: by this kernel for its own processes, and by the host for its
 * process, whose refusal comes back as it is.  sync(2) hands data to the host;
 * fsync(2) makes it stable there.
 *
 * Who may mount may see any host file that the host's process may see.
 *
 *	super.c  mount, options		namei.c  names
 *	inode.c  identity, attributes	dir.c    reading directories
 *	file.c   open files, close-to-open	data.c   page cache
 *	host.c   system calls of the host, handles	xattr.c  user.* attributes
 *	chr.c    what is no file: host devices and fifos, for etfs
 */
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/magic.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <asm/unistd.h>

#include "hostfs.h"

#define READAHEAD_BYTES	(512 * 1024)

static struct kmem_cache *inode_cache;

static struct inode *hostfs_alloc_inode(struct super_block *sb)
{
	struct hostfs_inode *hi = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);

	if (!hi)
		return NULL;
	hi->ino = 0;
	hi->openers = 0;
	hi->reader = hi->writer = hi->dir = NULL;
	hi->mtime = hi->ctime = hi->size = 0;
	hi->is_racy = false;
	return &hi->vfs;
}

static void hostfs_free_inode(struct inode *inode)
{
	kmem_cache_free(inode_cache, hostfs_i(inode));
}

static void hostfs_evict_inode(struct inode *inode)
{
	struct hostfs_inode *hi = hostfs_i(inode);

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	hostfs_dir_forget(inode);
	hostfs_handle_put(hi->reader);
	hostfs_handle_put(hi->writer);
	hi->reader = hi->writer = NULL;
}

static int hostfs_statfs(struct dentry *dentry, struct kstatfs *stat)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct super_block *sb = dentry->d_sb;
	int error;

	if (!req)
		return -ENOMEM;
	error = hostfs_call(req, __NR_fstatfs, 1, hostfs_s(sb)->root->file,
			    (unsigned long)&req->statfs);
	if (error)
		return error;
	stat->f_type = sb->s_magic;
	stat->f_bsize = req->statfs.f_bsize;
	stat->f_frsize = req->statfs.f_frsize;
	stat->f_blocks = req->statfs.f_blocks;
	stat->f_bfree = req->statfs.f_bfree;
	stat->f_bavail = req->statfs.f_bavail;
	stat->f_files = req->statfs.f_files;
	stat->f_ffree = req->statfs.f_ffree;
	stat->f_namelen = req->statfs.f_namelen;
	stat->f_fsid = u64_to_fsid(huge_encode_dev(sb->s_dev));
	return 0;
}

static int hostfs_show_options(struct seq_file *seq, struct dentry *root)
{
	struct hostfs_sb *sbi = hostfs_s(root->d_sb);

	if (sbi->is_flat)
		seq_puts(seq, ",flat");
	if (sbi->begin)
		seq_printf(seq, ",begin=%llu", sbi->begin);
	if (sbi->size != HOSTFS_TO_END)
		seq_printf(seq, ",size=%llu", sbi->size);
	return 0;
}

static const struct super_operations hostfs_sops = {
	.alloc_inode = hostfs_alloc_inode,
	.free_inode = hostfs_free_inode,
	.evict_inode = hostfs_evict_inode,
	.statfs = hostfs_statfs,
	.show_options = hostfs_show_options,
};

/* ---- mount ---- */

struct mount_options {
	u64 begin, size;
	bool is_flat;
};

enum { OPT_BEGIN, OPT_SIZE, OPT_FLAT };

static const struct fs_parameter_spec hostfs_parameters[] = {
	fsparam_u64("begin", OPT_BEGIN),
	fsparam_u64("size", OPT_SIZE),
	fsparam_flag("flat", OPT_FLAT),
	{}
};

static int hostfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct mount_options *options = fc->fs_private;
	struct fs_parse_result result;
	int option = fs_parse(fc, hostfs_parameters, param, &result);

	switch (option) {
	case OPT_BEGIN:
		options->begin = result.uint_64;
		return 0;
	case OPT_SIZE:
		options->size = result.uint_64;
		return 0;
	case OPT_FLAT:
		options->is_flat = true;
		return 0;
	default:
		return option;
	}
}

static int check_window(struct fs_context *fc, const struct mount_options *options,
			const struct statx *stx)
{
	bool is_window = options->begin || options->size != HOSTFS_TO_END;

	if (S_ISDIR(stx->stx_mode))
		return is_window ? invalf(fc, "hostfs: %s: begin and size are for files",
					  fc->source) : 0;
	if (!S_ISREG(stx->stx_mode))
		return invalf(fc, "hostfs: %s: neither a directory nor a regular file",
			      fc->source);
	if (options->is_flat)
		return invalf(fc, "hostfs: %s: flat is for directories", fc->source);
	if (is_window && options->begin >= stx->stx_size)
		return invalf(fc, "hostfs: %s: begins at %llu, the file ends at %llu", fc->source,
			      options->begin, stx->stx_size);
	if (options->size != HOSTFS_TO_END && options->size > stx->stx_size - options->begin)
		return invalf(fc, "hostfs: %s: ends at %llu, the file at %llu", fc->source,
			      options->begin + options->size, stx->stx_size);
	return 0;
}

/* The host's path is resolved by the host, once, with its symlinks. */
static struct hostfs_handle *open_root(struct super_block *sb, const char *source)
{
	unsigned int flags = RUMPUSER_OPEN_READ | RUMPUSER_OPEN_NONBLOCK;
	struct rumpuser_file_info *info __free(kfree) = kzalloc(sizeof(*info), GFP_KERNEL);
	struct hostfs_handle *root;

	if (!info)
		return ERR_PTR(-ENOMEM);
	root = hostfs_open_path(source, RUMPUSER_OPEN_PATH | RUMPUSER_OPEN_DIRECTORY, info);
	if (PTR_ERR_OR_ZERO(root) != -ENOTDIR)
		return root;
	if (!sb_rdonly(sb))
		flags |= RUMPUSER_OPEN_WRITE | RUMPUSER_OPEN_TRY_WRITE;
	root = hostfs_open_path(source, flags, info);
	if (!IS_ERR(root) && info->is_readonly)
		sb->s_flags |= SB_RDONLY;
	return root;
}

static int hostfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct mount_options *options = fc->fs_private;
	struct hostfs_sb *sbi = sb->s_fs_info;
	struct inode *inode;
	int error;

	if (!req)
		return -ENOMEM;
	sb->s_magic = HOSTFS_SUPER_MAGIC;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_time_gran = 1;
	sb->s_op = &hostfs_sops;
	sb->s_d_op = &hostfs_dentry_ops;
	sb->s_xattr = hostfs_xattr_handlers;
	sbi->begin = options->begin;
	sbi->size = options->size;
	sbi->is_flat = options->is_flat;

	sbi->root = open_root(sb, fc->source);
	if (IS_ERR(sbi->root)) {
		error = PTR_ERR(sbi->root);
		sbi->root = NULL;
		return error;
	}
	error = hostfs_statx(req, sbi->root);
	if (!error)
		error = check_window(fc, options, &req->stx);
	if (!error)
		error = super_setup_bdi(sb);
	if (error)
		return error;
	sb->s_bdi->ra_pages = READAHEAD_BYTES >> PAGE_SHIFT;
	sb->s_bdi->io_pages = READAHEAD_BYTES >> PAGE_SHIFT;

	inode = hostfs_iget(sb, &req->stx);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	if (S_ISREG(inode->i_mode)) {
		/* it has no name here to be opened by again */
		hostfs_i(inode)->openers = 1;
		hostfs_i(inode)->reader = hostfs_handle_get(sbi->root);
		if (!sb_rdonly(sb))
			hostfs_i(inode)->writer = hostfs_handle_get(sbi->root);
	}
	sb->s_root = d_make_root(inode);
	return sb->s_root ? 0 : -ENOMEM;
}

static int hostfs_get_tree(struct fs_context *fc)
{
	struct hostfs_sb *sbi;

	if (!fc->source || !*fc->source)
		return invalf(fc, "hostfs: no host path");
	if (fc->root)
		return -EBUSY;
	sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	spin_lock_init(&sbi->lock);
	INIT_LIST_HEAD(&sbi->dirs);
	fc->s_fs_info = sbi;
	return get_tree_nodev(fc, hostfs_fill_super);
}

static void hostfs_free_fc(struct fs_context *fc)
{
	kfree(fc->fs_private);
	kfree(fc->s_fs_info);	/* NULL once a super block has it */
}

static int hostfs_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;

	/* a file that is read-only on the host stays so */
	if (!(fc->sb_flags & SB_RDONLY) && sb_rdonly(sb) && S_ISREG(d_inode(sb->s_root)->i_mode))
		return -EROFS;
	return sync_filesystem(sb);
}

static const struct fs_context_operations hostfs_context_ops = {
	.parse_param = hostfs_parse_param,
	.get_tree = hostfs_get_tree,
	.reconfigure = hostfs_reconfigure,
	.free = hostfs_free_fc,
};

static int hostfs_init_context(struct fs_context *fc)
{
	struct mount_options *options = kzalloc(sizeof(*options), GFP_KERNEL);

	if (!options)
		return -ENOMEM;
	options->size = HOSTFS_TO_END;
	fc->fs_private = options;
	fc->ops = &hostfs_context_ops;
	return 0;
}

static void hostfs_kill_sb(struct super_block *sb)
{
	struct hostfs_sb *sbi = sb->s_fs_info;

	kill_anon_super(sb);
	if (sbi)
		hostfs_handle_put(sbi->root);
	kfree(sbi);
}

static struct file_system_type hostfs_type = {
	.owner = THIS_MODULE,
	.name = "hostfs",
	.init_fs_context = hostfs_init_context,
	.parameters = hostfs_parameters,
	.kill_sb = hostfs_kill_sb,
};

static void init_once(void *object)
{
	struct hostfs_inode *hi = object;

	inode_init_once(&hi->vfs);
	mutex_init(&hi->open_lock);
	INIT_LIST_HEAD(&hi->dir_link);
}

static int __init hostfs_init(void)
{
	int error = hostfs_data_init();

	if (error)
		return error;
	inode_cache = kmem_cache_create("hostfs_inode", sizeof(struct hostfs_inode), 0,
					SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, init_once);
	if (!inode_cache)
		return -ENOMEM;
	return register_filesystem(&hostfs_type);
}
fs_initcall(hostfs_init);

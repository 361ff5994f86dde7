/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostfs.h - a Linux file system on files and directories of the host
 */
#ifndef RUMP_DRIVERS_HOSTFS_H
#define RUMP_DRIVERS_HOSTFS_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/openat2.h>
#include <linux/refcount.h>
#include <linux/stat.h>
#include <linux/statfs.h>

#include <asm/rump.h>

#define HOSTFS_TO_END	(~(u64)0)	/* size: up to the host file's end, and it may grow */

/* An open file of the host, closed with the last reference. */
struct hostfs_handle {
	refcount_t refs;
	int file;
	struct rump_io close;
};

struct hostfs_sb {
	struct hostfs_handle *root;	/* O_PATH of a directory; open data of a file */
	u64 begin, size;		/* window, of a file as root */
	bool is_flat;			/* subdirectories are not shown */
	bool no_openat2;		/* the host lacks it, or forbids it */
	spinlock_t lock;		/* of the three below */
	struct list_head dirs;		/* inodes with a cached handle, oldest first */
	unsigned int dir_count;
};

struct hostfs_inode {
	struct inode vfs;
	/* identity on the host */
	u64 ino, btime_sec;
	u32 dev_major, dev_minor, btime_nsec;

	struct mutex open_lock;			/* of the three below */
	unsigned int openers;
	struct hostfs_handle *reader, *writer;	/* data; changed under i_lock as well */

	/* state of the host file that the page cache agrees with; under i_lock */
	s64 mtime, ctime;			/* ns */
	u64 size;
	bool is_racy;		/* mtime was too young to notice a later change by it */

	struct hostfs_handle *dir;		/* under sb->lock */
	struct list_head dir_link;
};

/* Room for one conversation with the host: may not lie in vmalloc memory. */
struct hostfs_req {
	struct rump_io io;
	union {
		struct statx stx;
		struct open_how how;
		struct statfs statfs;
		struct __kernel_timespec times[2];
		struct rumpuser_iovec iov;
	};
	char name[NAME_MAX + 1], name2[NAME_MAX + 1];
};

static inline struct hostfs_inode *hostfs_i(struct inode *inode)
{
	return container_of(inode, struct hostfs_inode, vfs);
}

static inline struct hostfs_sb *hostfs_s(struct super_block *sb)
{
	return sb->s_fs_info;
}

/* ---- host.c ---- */
struct hostfs_req *hostfs_req_alloc(void);
void hostfs_req_free(struct hostfs_req *req);
DEFINE_FREE(hostfs_req, struct hostfs_req *, if (!IS_ERR_OR_NULL(_T)) hostfs_req_free(_T))

/*
 * A system call of the host; bit n of handles: argument n is a handle.
 * Sleeps.  Returns what the host's system call returned.
 */
long __hostfs_call(struct hostfs_req *req, long nr, unsigned int handles, unsigned int flags,
		   const unsigned long args[6]);
#define hostfs_call(req, nr, handles, ...) \
	__hostfs_call(req, nr, handles, 0, (unsigned long[6]){ __VA_ARGS__ })
/* the same for calls that return a descriptor: a new hostfs_handle or ERR_PTR */
struct hostfs_handle *__hostfs_call_open(struct hostfs_req *req, long nr, unsigned int handles,
					 const unsigned long args[6]);
#define hostfs_call_open(req, nr, handles, ...) \
	__hostfs_call_open(req, nr, handles, (unsigned long[6]){ __VA_ARGS__ })

/* the host's file_open; follows symlinks; info may be NULL */
struct hostfs_handle *hostfs_open_path(const char *path, unsigned int flags,
				       struct rumpuser_file_info *info);
struct hostfs_handle *hostfs_handle_get(struct hostfs_handle *handle);
void hostfs_handle_put(struct hostfs_handle *handle);	/* any context; NULL is fine */
DEFINE_FREE(hostfs_dput, struct dentry *, dput(_T))
DEFINE_FREE(hostfs_handle, struct hostfs_handle *, if (!IS_ERR_OR_NULL(_T)) hostfs_handle_put(_T))

/* both fill req->stx */
int hostfs_statx(struct hostfs_req *req, struct hostfs_handle *handle);
int hostfs_statx_at(struct hostfs_req *req, struct hostfs_handle *dir, const char *name);
/* req->name = the dentry's name, safe against renames */
void hostfs_copy_name(struct hostfs_req *req, struct dentry *dentry);

/* O_PATH handle of a directory, from the cache or by its path */
struct hostfs_handle *hostfs_dir_handle(struct hostfs_req *req, struct inode *dir);
/* the same of a dentry's parent; the dentry's name is then in req->name */
struct hostfs_handle *hostfs_parent_handle(struct hostfs_req *req, struct dentry *dentry);
void hostfs_dir_forget(struct inode *dir);

/* ---- inode.c ---- */
extern const struct dentry_operations hostfs_dentry_ops;
struct inode *hostfs_iget(struct super_block *sb, const struct statx *stx);
bool hostfs_is_same(struct inode *inode, const struct statx *stx);
void hostfs_refresh(struct inode *inode, const struct statx *stx);
int hostfs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		   u32 request_mask, unsigned int flags);
int hostfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr);

/* ---- xattr.c ---- */
extern const struct xattr_handler *const hostfs_xattr_handlers[];
ssize_t hostfs_listxattr(struct dentry *dentry, char *list, size_t size);

/* ---- namei.c ---- */
extern const struct inode_operations hostfs_dir_iops;
extern const struct inode_operations hostfs_symlink_iops;

/* ---- dir.c ---- */
extern const struct file_operations hostfs_dir_fops;

/* ---- file.c, data.c ---- */
extern const struct inode_operations hostfs_file_iops;
extern const struct file_operations hostfs_file_fops;
extern const struct address_space_operations hostfs_aops;
int hostfs_data_init(void);
/* one of the open data handles, a reference; NULL if there is none */
struct hostfs_handle *hostfs_data_handle(struct inode *inode, bool for_writing);
/* opens the host's file for data: O_RDONLY, O_WRONLY or O_RDWR */
struct hostfs_handle *hostfs_open_data(struct hostfs_req *req, struct dentry *dentry, int flags);
/* pages here are newer than the host's file */
bool hostfs_is_ahead(struct inode *inode);
/* bytes that the file has here */
u64 hostfs_window_size(struct super_block *sb, const struct statx *stx);
/*
 * Before the file grows: stores to a mapping beyond its end do not become data.
 * The inode is locked.
 */
void hostfs_zero_tail(struct inode *inode);
/* remembers that size and pages here are what the host has */
void hostfs_note_state(struct inode *inode, const struct statx *stx);
/*
 * Gives up size and pages when the host's file has changed, unless ours are
 * newer.  is_open: for close-to-open consistency, doubts count as a change.
 */
void hostfs_follow_host(struct inode *inode, const struct statx *stx, bool is_open);

#endif

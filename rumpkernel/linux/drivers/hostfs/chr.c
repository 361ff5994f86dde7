// SPDX-License-Identifier: GPL-2.0-only
/*
 * chr.c - host devices, fifos and files as character devices
 *
 * A stream: read, write and lseek are the host's, on a description that each
 * open makes on the host.  It is opened non-blocking there, whatever was asked
 * for here: a call that waits for ever would keep one of the host's I/O
 * threads.  The price: a reader that waits looks again every few milliseconds
 * (only while one waits).  ioctl and poll do not reach the host.
 */
#include <linux/cdev.h>
#include <linux/fcntl.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/xarray.h>

#include <asm/unistd.h>

#include "chr.h"
#include "hostfs.h"

#define MINORS		256
#define MAX_TRANSFER	(64 * 1024)
#define FIRST_WAIT_MS	1
#define LAST_WAIT_MS	20

struct hostfs_chr {
	char *hostpath;
	dev_t devt;
	unsigned int openers;		/* under chr_lock */
};

struct chr_file {
	struct hostfs_chr *chr;
	struct hostfs_handle *handle;
};

static DEFINE_MUTEX(chr_lock);
static DEFINE_XARRAY_ALLOC(chr_devices);
static dev_t chr_base;
static struct cdev chr_cdev;

static int chr_open(struct inode *inode, struct file *file)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct chr_file *chr_file __free(kfree) = kzalloc(sizeof(*chr_file), GFP_KERNEL);
	struct hostfs_chr *chr;

	if (!req || !chr_file)
		return -ENOMEM;
	mutex_lock(&chr_lock);
	chr = xa_load(&chr_devices, iminor(inode));
	if (chr)
		chr->openers++;
	mutex_unlock(&chr_lock);
	if (!chr)
		return -ENXIO;

	chr_file->chr = chr;
	chr_file->handle = hostfs_call_open(req, __NR_openat, 0, AT_FDCWD,
					    (unsigned long)chr->hostpath,
					    (file->f_flags & (O_ACCMODE | O_APPEND | O_TRUNC)) |
					    O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (IS_ERR(chr_file->handle)) {
		mutex_lock(&chr_lock);
		chr->openers--;
		mutex_unlock(&chr_lock);
		return PTR_ERR(chr_file->handle);
	}
	file->private_data = no_free_ptr(chr_file);
	return 0;
}

static int chr_release(struct inode *inode, struct file *file)
{
	struct chr_file *chr_file = file->private_data;

	hostfs_handle_put(chr_file->handle);
	mutex_lock(&chr_lock);
	chr_file->chr->openers--;
	mutex_unlock(&chr_lock);
	kfree(chr_file);
	return 0;
}

/* One read or write of the host, again and again until it does not say EAGAIN. */
static ssize_t transfer(struct file *file, long nr, void *buffer, size_t length)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct chr_file *chr_file = file->private_data;
	unsigned int wait = FIRST_WAIT_MS;
	long done;

	if (!req)
		return -ENOMEM;
	for (;;) {
		done = hostfs_call(req, nr, 1, chr_file->handle->file, (unsigned long)buffer,
				   length);
		if (done != -EAGAIN || file->f_flags & O_NONBLOCK)
			return done;
		schedule_timeout_interruptible(msecs_to_jiffies(wait));
		if (signal_pending(current))
			return -ERESTARTSYS;
		wait = min(wait * 2, (unsigned int)LAST_WAIT_MS);
	}
}

static ssize_t chr_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	size_t length = min_t(size_t, iov_iter_count(to), MAX_TRANSFER);
	void *buffer __free(kfree) = kmalloc(max(length, (size_t)1), GFP_KERNEL);
	ssize_t got;

	if (!buffer)
		return -ENOMEM;
	got = transfer(iocb->ki_filp, __NR_read, buffer, length);
	if (got > 0 && copy_to_iter(buffer, got, to) != got)
		return -EFAULT;
	return got;
}

static ssize_t chr_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	size_t length = min_t(size_t, iov_iter_count(from), MAX_TRANSFER);
	void *buffer __free(kfree) = kmalloc(max(length, (size_t)1), GFP_KERNEL);
	ssize_t done = 0, part;

	if (!buffer)
		return -ENOMEM;
	do {
		length = min_t(size_t, iov_iter_count(from), MAX_TRANSFER);
		if (!copy_from_iter_full(buffer, length, from))
			return done ?: -EFAULT;
		part = transfer(iocb->ki_filp, __NR_write, buffer, length);
		if (part < 0)
			return done ?: part;
		done += part;
	} while (part == length && iov_iter_count(from));
	return done;
}

static loff_t chr_llseek(struct file *file, loff_t offset, int whence)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct chr_file *chr_file = file->private_data;

	if (!req)
		return -ENOMEM;
	return hostfs_call(req, __NR_lseek, 1, chr_file->handle->file, offset, whence);
}

static int chr_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct hostfs_req *req __free(hostfs_req) = hostfs_req_alloc();
	struct chr_file *chr_file = file->private_data;

	if (!req)
		return -ENOMEM;
	return hostfs_call(req, datasync ? __NR_fdatasync : __NR_fsync, 1,
			   chr_file->handle->file);
}

static const struct file_operations chr_fops = {
	.owner = THIS_MODULE,
	.open = chr_open,
	.release = chr_release,
	.read_iter = chr_read_iter,
	.write_iter = chr_write_iter,
	.llseek = chr_llseek,
	.fsync = chr_fsync,
};

/* Not at boot: most kernels never have one. */
static int chr_region(void)
{
	int error;

	if (chr_base)
		return 0;
	error = alloc_chrdev_region(&chr_base, 0, MINORS, "hostfs");
	if (error)
		return error;
	cdev_init(&chr_cdev, &chr_fops);
	error = cdev_add(&chr_cdev, chr_base, MINORS);
	if (error) {
		unregister_chrdev_region(chr_base, MINORS);
		chr_base = 0;
	}
	return error;
}

struct hostfs_chr *hostfs_chr_add(const char *hostpath)
{
	struct hostfs_chr *chr = kzalloc(sizeof(*chr), GFP_KERNEL);
	u32 minor;
	int error = -ENOMEM;

	if (!chr)
		return ERR_PTR(error);
	chr->hostpath = kstrdup(hostpath, GFP_KERNEL);
	if (!chr->hostpath)
		goto free;
	mutex_lock(&chr_lock);
	error = chr_region();
	if (!error)
		error = xa_alloc(&chr_devices, &minor, chr, XA_LIMIT(0, MINORS - 1), GFP_KERNEL);
	if (!error)
		chr->devt = MKDEV(MAJOR(chr_base), minor);
	mutex_unlock(&chr_lock);
	if (!error)
		return chr;
free:
	kfree(chr->hostpath);
	kfree(chr);
	return ERR_PTR(error);
}

int hostfs_chr_remove(struct hostfs_chr *chr)
{
	mutex_lock(&chr_lock);
	if (chr->openers) {
		mutex_unlock(&chr_lock);
		return -EBUSY;
	}
	xa_erase(&chr_devices, MINOR(chr->devt));
	mutex_unlock(&chr_lock);
	kfree(chr->hostpath);
	kfree(chr);
	return 0;
}

dev_t hostfs_chr_devt(const struct hostfs_chr *chr)
{
	return chr->devt;
}

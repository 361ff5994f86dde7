// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files that belong to no process: on their way from one client to another.
 *
 * Who knows the handle may have the file, so it is 128 random bits.  The host side
 * knows when a file is on its way no more.
 */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <asm/rump.h>

struct export {
	struct hlist_node node;
	unsigned long long handle[2];
	struct file *file;
	struct work_struct work;	/* its end: closing a file may take its time */
};

static DEFINE_HASHTABLE(exports, 6);
static DEFINE_SPINLOCK(lock);

/* With the lock. */
static struct export *find(const unsigned long long handle[2])
{
	struct export *export;

	hash_for_each_possible(exports, export, node, handle[0])
		if (export->handle[0] == handle[0] && export->handle[1] == handle[1])
			return export;
	return NULL;
}

struct file_request {
	int fd;
	unsigned long long *handle;
	bool is_done;		/* even if the caller was killed just then */
};

static long file_export(void *arg)
{
	struct file_request *request = arg;
	struct export *export = kzalloc(sizeof(*export), GFP_KERNEL);

	if (!export)
		return -ENOMEM;
	export->file = fget_raw(request->fd);
	if (!export->file) {
		kfree(export);
		return -EBADF;
	}
	get_random_bytes(export->handle, sizeof(export->handle));
	memcpy(request->handle, export->handle, sizeof(export->handle));
	spin_lock(&lock);
	hash_add(exports, &export->node, export->handle[0]);
	spin_unlock(&lock);
	request->is_done = true;
	return 0;
}

int rump_file_export(int fd, unsigned long long ret_handle[2])
{
	struct file_request request = { .fd = fd, .handle = ret_handle };

	long err = rump_kernel_call(file_export, &request);

	return request.is_done ? 0 : err;
}

static long file_import(void *arg)
{
	struct file_request *request = arg;
	struct file *file = NULL;
	struct export *export;
	int fd;

	spin_lock(&lock);
	export = find(request->handle);
	if (export)
		file = get_file(export->file);
	spin_unlock(&lock);
	if (!file)
		return -ESTALE;
	fd = get_unused_fd_flags(0);
	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}

int rump_file_import(const unsigned long long handle[2])
{
	struct file_request request = { .handle = (unsigned long long *)handle };

	return rump_kernel_call(file_import, &request);
}

static void release_work(struct work_struct *work)
{
	struct export *export = container_of(work, struct export, work);

	fput(export->file);
	kfree(export);
}

static long file_release(void *handle)
{
	struct export *export;

	spin_lock(&lock);
	export = find(handle);
	if (export)
		hash_del(&export->node);
	spin_unlock(&lock);
	if (!export)
		return -ENOENT;
	INIT_WORK(&export->work, release_work);
	queue_work(system_unbound_wq, &export->work);
	return 0;
}

void rump_file_release(const unsigned long long handle[2])
{
	rump_serve_call(file_release, (void *)handle);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * O_DIRECT from any memory.
 *
 * Direct I/O wants the pages that the caller's buffer lies in, and the application's own
 * memory is the host's: it has none.  File systems and block devices then say EFAULT,
 * after they have checked what they want of addresses and lengths.  So the call is made
 * once more with memory of the kernel's in between; it stays direct where that counts, at
 * the page cache and the device.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/linkage.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/uio.h>
#include <asm/rump.h>
#include "direct.h"

/* what goes to the disk as one */
#define PIECE		SZ_1M

static ssize_t move_piece(struct file *file, struct iov_iter *user, void *buffer, size_t n,
			  loff_t *pos, rwf_t flags, bool is_write)
{
	struct kvec kvec = { .iov_base = buffer, .iov_len = n };
	struct iov_iter iter;
	ssize_t ret;

	iov_iter_kvec(&iter, is_write ? ITER_SOURCE : ITER_DEST, &kvec, 1, n);
	if (is_write)
		return copy_from_iter_full(buffer, n, user) ?
		       vfs_iter_write(file, &iter, pos, flags) : -EFAULT;
	ret = vfs_iter_read(file, &iter, pos, flags);
	if (ret > 0 && copy_to_iter(buffer, ret, user) != ret)
		return -EFAULT;
	return ret;
}

static ssize_t move_all(struct file *file, struct iov_iter *user, loff_t *pos, rwf_t flags,
			bool is_write)
{
	size_t size = min_t(size_t, iov_iter_count(user), PIECE), n;
	void *buffer = kvmalloc(PAGE_ALIGN(size), GFP_KERNEL);
	ssize_t ret = 0, done = 0;

	if (!buffer)
		return -ENOMEM;
	while (iov_iter_count(user)) {
		n = min(iov_iter_count(user), size);
		ret = move_piece(file, user, buffer, n, pos, flags, is_write);
		if (ret <= 0)
			break;
		done += ret;
		if (ret < n || fatal_signal_pending(current))
			break;
	}
	kvfree(buffer);
	return done ?: ret;
}

struct transfer {
	int fd;
	bool is_write, has_pos;
	loff_t pos;
	rwf_t flags;
};

static ssize_t again(const struct transfer *transfer, struct iov_iter *user)
{
	bool has_pos = transfer->has_pos && transfer->pos != -1;
	struct fd f = has_pos ? fdget(transfer->fd) : fdget_pos(transfer->fd);
	struct file *file = fd_file(f);
	ssize_t ret = -EFAULT;
	loff_t pos;

	if (!file)
		return -EBADF;
	if (file->f_flags & O_DIRECT && (S_ISREG(file_inode(file)->i_mode) ||
					 S_ISBLK(file_inode(file)->i_mode))) {
		pos = has_pos ? transfer->pos : file->f_pos;
		ret = move_all(file, user, &pos, transfer->flags, transfer->is_write);
		if (!has_pos && ret > 0)
			file->f_pos = pos;
	}
	if (has_pos)
		fdput(f);
	else
		fdput_pos(f);
	return ret;
}

static noinline ssize_t again_buffer(const struct transfer *transfer, char __user *buffer,
				     size_t n)
{
	struct iov_iter user;
	int err = import_ubuf(transfer->is_write ? ITER_SOURCE : ITER_DEST, buffer,
			      min_t(size_t, n, MAX_RW_COUNT), &user);

	return err ?: again(transfer, &user);
}

static noinline ssize_t again_vector(const struct transfer *transfer,
				     const struct iovec __user *vector, unsigned long count)
{
	struct iovec on_stack[UIO_FASTIOV], *pieces = on_stack;
	struct iov_iter user;
	ssize_t ret = import_iovec(transfer->is_write ? ITER_SOURCE : ITER_DEST, vector, count,
				   ARRAY_SIZE(on_stack), &pieces, &user);

	if (ret < 0)
		return ret;
	ret = again(transfer, &user);
	kfree(pieces);
	return ret;
}

asmlinkage long rump_direct_read(unsigned int fd, char __user *buffer, size_t n)
{
	long ret = ksys_read(fd, buffer, n);

	return likely(ret != -EFAULT) ? ret :
	       again_buffer(&(struct transfer){ .fd = fd }, buffer, n);
}

asmlinkage long rump_direct_write(unsigned int fd, const char __user *buffer, size_t n)
{
	long ret = ksys_write(fd, buffer, n);

	return likely(ret != -EFAULT) ? ret :
	       again_buffer(&(struct transfer){ .fd = fd, .is_write = true },
			    (char __user *)buffer, n);
}

asmlinkage long rump_direct_pread(unsigned int fd, char __user *buffer, size_t n, loff_t pos)
{
	long ret = ksys_pread64(fd, buffer, n, pos);

	return likely(ret != -EFAULT || pos < 0) ? ret :
	       again_buffer(&(struct transfer){ .fd = fd, .has_pos = true, .pos = pos }, buffer, n);
}

asmlinkage long rump_direct_pwrite(unsigned int fd, const char __user *buffer, size_t n,
				   loff_t pos)
{
	long ret = ksys_pwrite64(fd, buffer, n, pos);

	return likely(ret != -EFAULT || pos < 0) ? ret :
	       again_buffer(&(struct transfer){ .fd = fd, .has_pos = true, .pos = pos,
						.is_write = true },
			    (char __user *)buffer, n);
}

#define VECTOR_CALL(name, is_it_write)							\
	asmlinkage long rump_direct_##name(unsigned long fd, const struct iovec __user *vector,	\
					   unsigned long count)				\
	{										\
		long ret = sys_##name(fd, vector, count);				\
											\
		return likely(ret != -EFAULT) ? ret :					\
		       again_vector(&(struct transfer){ .fd = fd,			\
							.is_write = is_it_write },	\
				    vector, count);					\
	}										\
	asmlinkage long rump_direct_p##name(unsigned long fd, const struct iovec __user *vector, \
					    unsigned long count, unsigned long low,	\
					    unsigned long high)				\
	{										\
		long ret = sys_p##name(fd, vector, count, low, high);			\
											\
		return likely(ret != -EFAULT) ? ret :					\
		       again_vector(&(struct transfer){ .fd = fd, .has_pos = true,	\
							.pos = low,			\
							.is_write = is_it_write },	\
				    vector, count);					\
	}										\
	asmlinkage long rump_direct_p##name##2(unsigned long fd,			\
					       const struct iovec __user *vector,	\
					       unsigned long count, unsigned long low,	\
					       unsigned long high, rwf_t flags)		\
	{										\
		long ret = sys_p##name##2(fd, vector, count, low, high, flags);		\
											\
		return likely(ret != -EFAULT) ? ret :					\
		       again_vector(&(struct transfer){ .fd = fd, .has_pos = true,	\
							.pos = low, .flags = flags,	\
							.is_write = is_it_write },	\
				    vector, count);					\
	}

VECTOR_CALL(readv, false)
VECTOR_CALL(writev, true)

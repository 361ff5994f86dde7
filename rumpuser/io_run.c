/* SPDX-License-Identifier: BSD-2-Clause */
/* io_run.c - what one I/O request does to its host file. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "host.h"
#include "private.h"

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif
#ifndef RWF_DSYNC
#define RWF_DSYNC 0x2
#endif

_Static_assert(sizeof(struct rumpuser_iovec) == sizeof(struct iovec), "the layout of iovec");

/* ---- transfers ---- */

struct transfer {
	int fd;
	bool is_write;
	int flags; /* RWF_ */
	unsigned long long offset;
};

static long transfer_call(struct transfer *t, const struct rumpuser_iovec *iov, unsigned int count)
{
	long nr = t->is_write ? SYS_pwritev2 : SYS_preadv2;
	long done;

	do
		done = host_call(nr, t->fd, iov, count, t->offset, 0, t->flags);
	while (done == -EINTR);
	/* hosts and file systems without RWF_DSYNC; sandboxes without p*v2 */
	if (done == -ENOSYS || (done == -EOPNOTSUPP && t->flags)) {
		do
			done = host_call(t->is_write ? SYS_pwritev : SYS_preadv, t->fd, iov, count,
					 t->offset, 0);
		while (done == -EINTR);
		if (done > 0 && t->flags) {
			long error = host_call(SYS_fdatasync, t->fd);

			if (error)
				return error;
		}
	}
	if (done > 0)
		t->offset += (unsigned long long)done;
	/* nothing read: the image ends here; nothing written: nor is there more to come */
	return done ? done : -EIO;
}

/* All of it, or an error. The caller's iov is left as it is. */
static long transfer_all(struct transfer *t, const struct rumpuser_iovec *iov, unsigned int count)
{
	struct rumpuser_iovec rest;
	unsigned long done = 0; /* of iov[0] */

	for (;;) {
		long moved;

		while (count && iov->length == done) {
			iov++;
			count--;
			done = 0;
		}
		if (!count)
			return 0;
		if (done) {
			rest.base = (char *)iov->base + done;
			rest.length = iov->length - done;
			moved = transfer_call(t, &rest, 1);
		} else {
			moved = transfer_call(t, iov, count < IOV_MAX ? count : IOV_MAX);
		}
		if (moved < 0)
			return moved;
		done += (unsigned long)moved;
		while (count && iov->length <= done) {
			done -= iov->length;
			iov++;
			count--;
		}
	}
}

static long do_transfer(const struct rumpuser_io *io, int fd, bool is_write)
{
	struct transfer transfer = {
		.fd = fd,
		.is_write = is_write,
		.flags = is_write && io->flags & RUMPUSER_IO_FUA ? RWF_DSYNC : 0,
		.offset = io->offset,
	};

	return transfer_all(&transfer, io->iov, io->iov_count);
}

/* ---- discard, zero ---- */

static bool is_unsupported(long error)
{
	return error == -EOPNOTSUPP || error == -ENOSYS || error == -ENOTTY || error == -EINVAL;
}

static bool is_block_device(int fd)
{
	struct stat status;

	return !host_call(SYS_fstat, fd, &status) && S_ISBLK(status.st_mode);
}

static long fallocate_retry(int fd, int mode, unsigned long long offset, unsigned long long length)
{
	long error;

	do
		error = host_call(SYS_fallocate, fd, mode, offset, length);
	while (error == -EINTR);
	return error;
}

static long do_discard(const struct rumpuser_io *io, int fd)
{
	unsigned long long range[2] = {io->offset, io->length};
	long error;

	if (!io->length)
		return 0;
	error = is_block_device(fd)
			? host_call(SYS_ioctl, fd, BLKDISCARD, range)
			: fallocate_retry(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					  io->offset, io->length);
	return error == -ENOSYS || error == -ENOTTY ? -EOPNOTSUPP : error;
}

/* Never written to: pages of zeroes that take no memory. */
static char zeroes[64 << 10];
#define ZERO_IOVS 16

static long write_zeroes(const struct rumpuser_io *io, int fd)
{
	struct rumpuser_iovec iov[ZERO_IOVS];
	struct transfer transfer = {.fd = fd, .is_write = true, .offset = io->offset};
	unsigned long long left = io->length;

	while (left) {
		unsigned int count = 0;
		long error;

		while (left && count < ZERO_IOVS) {
			unsigned long length = left < sizeof(zeroes) ? left : sizeof(zeroes);

			iov[count].base = zeroes;
			iov[count++].length = length;
			left -= length;
		}
		error = transfer_all(&transfer, iov, count);
		if (error)
			return error;
	}
	return 0;
}

static long do_zero(const struct rumpuser_io *io, int fd)
{
	unsigned long long range[2] = {io->offset, io->length};
	long error;

	if (!io->length)
		return 0;
	error = is_block_device(fd)
			? host_call(SYS_ioctl, fd, BLKZEROOUT, range)
			: fallocate_retry(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
					  io->offset, io->length);
	if (is_unsupported(error))
		error = write_zeroes(io, fd);
	if (!error && io->flags & RUMPUSER_IO_FUA)
		error = host_call(SYS_fdatasync, fd);
	return error;
}

/* ---- calls ---- */

static long do_call(const struct rumpuser_io *io)
{
	unsigned long args[6];
	long result;

	for (int i = 0; i < 6; i++) {
		args[i] = io->call_args[i];
		if (io->call_handles & 1U << i) {
			int fd = file_fd((int)args[i]);

			if (fd < 0)
				return fd;
			args[i] = (unsigned long)fd;
		}
	}
	result = host_call(io->call_nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (result >= 0 && io->flags & RUMPUSER_IO_NEW_HANDLE)
		result = file_adopt((int)result);
	return result;
}

static long do_poll(const struct rumpuser_io *io, int fd)
{
	struct pollfd poll = {.fd = fd, .events = (short)io->offset};
	long count;

	do
		count = host_call(SYS_poll, &poll, 1, 0);
	while (count == -EINTR);
	return count < 0 ? count : poll.revents;
}

long io_execute(struct rumpuser_io *io)
{
	int fd;

	switch (io->op) {
	case RUMPUSER_IO_CALL:
		return do_call(io);
	case RUMPUSER_IO_OPEN:
		return file_open(io->path, (unsigned int)io->open_flags, io->info);
	case RUMPUSER_IO_CLOSE:
		file_close(io->file);
		return 0;
	case RUMPUSER_IO_REMOTE_READ:
		return io->remote->read(io->remote, io->iov[0].base, io->offset,
					io->iov[0].length);
	case RUMPUSER_IO_REMOTE_WRITE:
		return io->remote->write(io->remote, io->offset, io->iov[0].base,
					 io->iov[0].length);
	case RUMPUSER_IO_BUS_OPEN:
		return bus_open(io->bus_path, io->bus);
	case RUMPUSER_IO_BUS_CLOSE:
		bus_close(io->bus);
		return 0;
	case RUMPUSER_IO_NET_OPEN:
		return net_open(io->net);
	case RUMPUSER_IO_NET_ADDRESS:
		return net_set_address(io->net);
	default:
		break;
	}
	fd = file_fd(io->file);
	if (fd < 0)
		return fd;
	switch (io->op) {
	case RUMPUSER_IO_READ:
		return do_transfer(io, fd, false);
	case RUMPUSER_IO_WRITE:
		return do_transfer(io, fd, true);
	case RUMPUSER_IO_SYNC:
		return host_call(SYS_fdatasync, fd);
	case RUMPUSER_IO_DISCARD:
		return do_discard(io, fd);
	case RUMPUSER_IO_ZERO:
		return do_zero(io, fd);
	case RUMPUSER_IO_POLL:
		return do_poll(io, fd);
	default:
		return -EINVAL;
	}
}

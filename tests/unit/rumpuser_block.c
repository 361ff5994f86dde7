/* SPDX-License-Identifier: BSD-2-Clause */
/* Block devices of the host: size, sector, claim, discard, zeroes. */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "rumpuser_common.h"

#define READ_WRITE (RUMPUSER_OPEN_READ | RUMPUSER_OPEN_WRITE)
#define LOCKED (READ_WRITE | RUMPUSER_OPEN_LOCK)
#define SIZE (8 * MIB)
#define LOOP_SET_FD 0x4c00
#define LOOP_CLR_FD 0x4c01
#define LOOP_CTL_GET_FREE 0x4c82

static const struct rumpuser_upcalls upcalls = {.version = RUMPUSER_VERSION};
static const struct rumpuser_ops *ops;
static char device[32];
static int loop_fd = -1;

static void loop_clear(void)
{
	ioctl(loop_fd, LOOP_CLR_FD, 0);
}

/* A loop device on the file, or the reason why there is none. */
static const char *loop_setup(const char *path)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), fd, number;

	if (control < 0)
		return "/dev/loop-control";
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(device, sizeof(device), "/dev/loop%d", number);
	/* nobody makes the node where there is no udev */
	if (number >= 0 && access(device, F_OK))
		mknod(device, S_IFBLK | 0600, makedev(7, (unsigned)number));
	loop_fd = open(device, O_RDWR | O_CLOEXEC);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (loop_fd < 0 || fd < 0 || ioctl(loop_fd, LOOP_SET_FD, fd))
		return "a free loop device";
	close(fd);
	atexit(loop_clear);
	return NULL;
}

static long run(enum rumpuser_io_op op, int file, unsigned long long offset,
		unsigned long long length)
{
	struct rumpuser_io io = {.op = op, .file = file, .offset = offset, .length = length};

	ops->io_run(&io);
	return io.result;
}

static int is_zero(int file, unsigned long long offset, size_t length)
{
	static unsigned char buffer[MIB];

	memset(buffer, 1, sizeof(buffer));
	if (ops->file_read(file, buffer, length, offset) != (long)length)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (buffer[i])
			return 0;
	}
	return 1;
}

int main(void)
{
	struct rumpuser_file_info info;
	const char *missing;
	struct rumpuser_iovec iov;
	struct rumpuser_io io = {
		.op = RUMPUSER_IO_WRITE, .iov = &iov, .iov_count = 1, .flags = RUMPUSER_IO_FUA};
	char sector[512];
	int file, other;

	make_file(temp_path("image"), SIZE, 1);
	missing = geteuid() ? "root, for loop devices" : loop_setup(temp_path("image"));
	if (missing)
		skip_all("%s", missing);
	ops = ops_of(&upcalls);
	file = ops->file_open(device, LOCKED, &info);
	if (!ok(file >= 0, "open"))
		bail_out("%s", rumpuser_boot_error());
	is(info.size, SIZE, "its size");
	is(info.block_size, 512, "its sector");
	ok(S_ISBLK(info.mode), "its mode");
	is(info.can_discard, 1, "it can discard");
	is(ops->file_open(device, LOCKED, &info), -EBUSY, "a second kernel gets EBUSY");
	ok(strstr(rumpuser_boot_error(), "in use by another kernel"), "and why");
	other = open(device, O_RDWR | O_EXCL | O_CLOEXEC);
	is(other, -1, "mount and mkfs see that it is claimed");
	other = ops->file_open(device, RUMPUSER_OPEN_READ | RUMPUSER_OPEN_LOCK, &info);
	ok(other >= 0 && !info.can_discard, "it can be read");
	ops->file_close(other);

	is(is_zero(file, MIB, MIB), 0, "there is data");
	is(run(RUMPUSER_IO_DISCARD, file, MIB, MIB), 0, "discard");
	is(is_zero(file, MIB, MIB), 1, "a loop device then reads as zeroes");
	is(is_zero(file, 2 * MIB, 512), 0, "only there");
	is(run(RUMPUSER_IO_ZERO, file, 3 * MIB, MIB), 0, "zero");
	is(is_zero(file, 3 * MIB, MIB), 1, "reads as zeroes");
	is(is_zero(file, 4 * MIB, 512), 0, "only there");
	is(run(RUMPUSER_IO_DISCARD, file, MIB + 1, 100), -EINVAL, "an odd discard is refused");
	is(run(RUMPUSER_IO_SYNC, file, 0, 0), 0, "sync");

	memset(sector, 0x77, sizeof(sector));
	iov = (struct rumpuser_iovec){sector, sizeof(sector)};
	io.file = file;
	io.offset = SIZE - 512;
	ops->io_run(&io);
	is(io.result, 0, "write the last sector, with FUA");
	io.offset = SIZE;
	ops->io_run(&io);
	ok(io.result < 0, "behind the end: %s", strerror((int)-io.result));
	memset(sector, 0, sizeof(sector));
	is(ops->file_read(file, sector, 512, SIZE - 512), 512, "read it");
	is(sector[511], 0x77, "it is there");
	ops->file_close(file);
	return done_testing();
}

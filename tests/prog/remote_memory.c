/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of clients: windows, transfers, records, and what must not be touched. */
#include "client.h"

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MIB (1UL << 20)
#define AT(offset) (CLIENT_BASE + (offset))
#define FILES 500
#define BIG 0x100000UL /* offset of a large piece */

static struct client *client;
static struct channel *channel;

static void fill(unsigned long offset, unsigned long length, unsigned int seed)
{
	for (unsigned long i = 0; i < length; i++)
		client->memory[offset + i] = (char)((i + seed) * 2654435761U >> 13);
}

static bool is_filled(const char *data, unsigned long length, unsigned int seed)
{
	for (unsigned long i = 0; i < length; i++)
		if (data[i] != (char)((i + seed) * 2654435761U >> 13))
			return false;
	return true;
}

static void strings(void)
{
	char cwd[16];
	int fd;

	fd = client_open(channel, "/tmp/strings", O_RDWR | O_CREAT);
	ok(fd >= 0, "a path in a window: %d", fd);
	is_int(channel->reads, 0, "needs no transfer");
	client_call(channel, close, (unsigned long)fd);

	text_at(client, 4096 - 13, "/tmp/strings");
	fd = (int)client_call(channel, openat, (unsigned long)AT_FDCWD, AT(4096 - 13), O_RDWR);
	ok(fd >= 0, "a path in no window: %d", fd);
	is_int(channel->reads, 1, "is one transfer");
	client_call(channel, close, (unsigned long)fd);

	client->is_missing[1] = true;
	fd = (int)client_call(channel, openat, (unsigned long)AT_FDCWD, AT(4096 - 13), O_RDWR);
	ok(fd >= 0, "a path up to where memory ends: %d", fd);
	client_call(channel, close, (unsigned long)fd);
	memset(client->memory + 4096 - 13, 'x', 13);
	is_int(client_call(channel, openat, (unsigned long)AT_FDCWD, AT(4096 - 13), O_RDWR),
	       -EFAULT, "a path beyond it");
	client->is_missing[1] = false;

	/* the first and the last word of it are in the window in part */
	for (unsigned int i = 0; i < 8; i++) {
		text_at(client, 200 + i, "/tmp/strings/nothing");
		window(channel, AT(200 + i), 21);
		is_int(client_call(channel, openat, (unsigned long)AT_FDCWD, AT(200 + i), O_RDWR),
		       -ENOTDIR, "a path at %u", i);
		is_int(channel->reads, 0, "needs no transfer");
	}
	/* a word with the end of one string and the beginning of the other's window */
	for (unsigned int i = 0; i < 8; i++) {
		char path[32] = "/tmp/target", link[] = "/tmp/link-12";
		unsigned long at = 200 + i, length = strlen(link) + 1;

		text_at(client, at, link);
		text_at(client, at + length, path);
		window(channel, AT(at + length), (unsigned int)strlen(path) + 1);
		window(channel, AT(at), (unsigned int)length);
		is_int(client_call(channel, symlink, AT(at + length), AT(at)), 0, "symlink at %u",
		       i);
		is_int(channel->reads, 0, "needs no transfer");
		is_int(client_call(channel, unlink, AT(at)), 0, "has its name");
	}
	text_at(client, 4096 * 2 - 20, "/tmp/strings-are-longer-than-windows");
	window(channel, AT(4096 * 2 - 20), 14);
	is_int(client_call(channel, openat, (unsigned long)AT_FDCWD, AT(4096 * 2 - 20), O_RDWR),
	       -ENOENT, "a window that ends in the middle of a path");
	ok(channel->reads > 0, "is no end of the path");

	is_int(client_call(channel, getcwd, AT(300), sizeof(cwd)), 2, "getcwd");
	is_str(client->memory + 300, "/", "writes");
	is_int(channel->writes, 0, "by a record");
}

static void write_and_read(const char *path, bool is_windowed)
{
	unsigned long fd;
	int ret = client_open(channel, path, O_RDWR | O_CREAT | O_TRUNC);

	ok(ret >= 0, "%s: %d", path, ret);
	fd = (unsigned long)ret;
	fill(BIG + 123, MIB, 1);
	if (is_windowed)
		window(channel, AT(BIG + 123), 100000);
	is_int(client_call(channel, pwrite64, fd, AT(BIG + 123), MIB, 0), MIB, "writes 1 MiB");
	diag("%u transfers", channel->reads);
	if (!client->may_direct)
		ok(channel->reads <= MIB / 65536 + 6, "in large pieces");
	memset(client->memory + BIG, 0, 2 * MIB);
	is_int(client_call(channel, pread64, fd, AT(BIG + 5), MIB, 0), MIB, "reads it");
	diag("%u transfers, %u records", channel->writes, channel->records);
	ok(is_filled(client->memory + BIG + 5, MIB, 1), "and it is what was written");
	ok(!client->memory[BIG + 4] && !client->memory[BIG + 5 + MIB], "nothing beside it");

	/* as far as there is memory */
	client->is_missing[(BIG + 65536 * 3) / 4096] = true;
	fill(BIG, 65536 * 3, 2);
	is_int(client_call(channel, pwrite64, fd, AT(BIG + 100), MIB, 0), 65536 * 3 - 100,
	       "a write ends where memory ends");
	is_int(client_call(channel, pwrite64, fd, AT(BIG + 65536 * 3), 10, 0), -EFAULT,
	       "no write without memory");
	client->is_missing[(BIG + 65536 * 3) / 4096] = false;
	is_int(client_call(channel, ftruncate, fd, MIB / 2), 0, "truncate");
	is_int(client_call(channel, fsync, fd), 0, "fsync");
	client_call(channel, close, fd);
}

/* Many small pieces, each in a page of its own: more than are kept. */
static void scattered(void)
{
	struct iovec *iov = (struct iovec *)(client->memory + 8192);
	unsigned long fd =
		(unsigned long)client_open(channel, "/tmp/scattered", O_RDWR | O_CREAT | O_TRUNC);

	for (unsigned int i = 0; i < 1000; i++) {
		iov[i].iov_base = (void *)AT(BIG + i * 4096UL + i);
		iov[i].iov_len = 100;
		fill(BIG + i * 4096UL + i, 100, i * 100);
	}
	window(channel, AT(8192), 1000 * sizeof(*iov));
	is_int(client_call(channel, writev, fd, AT(8192), 1000), 100000, "writev of 1,000 pieces");
	diag("%u transfers", channel->reads);
	is_int(client_call(channel, pread64, fd, AT(BIG), 100000, 0), 100000, "read at once");
	ok(is_filled(client->memory + BIG, 100000, 0), "is what was written");
	memset(client->memory + BIG, 0, 1000 * 4096);
	client_call(channel, lseek, fd, 0, SEEK_SET);
	is_int(client_call(channel, readv, fd, AT(8192), 1000), 100000, "readv of 1,000 pieces");
	ok(is_filled(client->memory + BIG + 4096 * 777 + 777, 100, 77700), "is that, too");
	client_call(channel, close, fd);
}

static void records(void)
{
	unsigned long fd = (unsigned long)client_open(channel, "/proc", O_RDONLY | O_DIRECTORY);
	int *fds = (int *)(client->memory + 512);
	long length;

	length = client_call(channel, getdents64, fd, AT(BIG), 65536);
	ok(length > 500, "getdents64: %ld bytes", length);
	diag("%u records, %u transfers", channel->records, channel->writes);
	ok(!memcmp(client->memory + BIG + 19, ".", 2), "begins with .");
	client_call(channel, close, fd);

	is_int(client_call(channel, pipe2, AT(512), 0), 0, "pipe2");
	is_int(channel->records, 1, "two descriptors are one record");
	fill(BIG, 60000, 5);
	is_int(client_call(channel, write, (unsigned long)fds[1], AT(BIG), 60000), 60000,
	       "write to a pipe");
	memset(client->memory + BIG, 0, 60000);
	is_int(client_call(channel, read, (unsigned long)fds[0], AT(BIG), 70000), 60000,
	       "read from it, more than there is room for records");
	ok(is_filled(client->memory + BIG, 60000, 5), "is what was written");
	client_call(channel, close, (unsigned long)fds[0]);
	is_int(client_call(channel, write, (unsigned long)fds[1], AT(BIG), 1), -EPIPE, "EPIPE");
	is_int(channel->signals[SIGPIPE], 1, "and SIGPIPE with the answer");
	client_call(channel, close, (unsigned long)fds[1]);
}

/* A client that takes its time does not hold up those who look for names there. */
static void directory(void)
{
	unsigned long fd, buffer = AT(BIG);
	unsigned int entries, waits;
	char path[32];
	long length;

	client_call(channel, mkdir, text_at(client, 64, "/tmp/many"), 0755);
	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "/tmp/many/%u", i);
		fd = (unsigned long)client_open(channel, path, O_RDWR | O_CREAT);
		client_call(channel, close, fd);
	}
	fd = (unsigned long)client_open(channel, "/tmp/many", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 2; i++) {
		const unsigned long args[6] = {fd, buffer, 65536};

		entries = waits = 0;
		client_call(channel, lseek, fd, 0, SEEK_SET);
		while ((length = client_syscall(channel, i ? SYS_getdents64 : SYS_getdents, args)) >
		       0) {
			for (long at = 0; at < length; entries++)
				at += *(unsigned short *)(client->memory + BIG + at + 16);
			waits += client->may_direct ? 0 : channel->writes;
		}
		is_int(length, 0, "the end of a directory");
		is_int(entries, FILES + 2, "has all entries");
		is_int(waits, 0, "without a wait while it is locked");
	}
	client_call(channel, close, fd);
}

/* The kernel reads again what it has written in the same call: the client has it not yet. */
static void overlaid(void)
{
	struct mmsghdr *messages = (struct mmsghdr *)(client->memory + 16384);
	struct iovec *iov = (struct iovec *)(client->memory + 20480);
	int *fds = (int *)(client->memory + 512);

	is_int(client_call(channel, socketpair, AF_UNIX, SOCK_DGRAM, 0, AT(512)), 0, "socketpair");
	for (unsigned int i = 0; i < 3; i++) {
		struct iovec *message = (struct iovec *)(client->memory + 24576);

		/* the first message is the iovec of the second one, and so on */
		message[0].iov_base = (void *)AT(20480 + sizeof(*iov) * (i + 2));
		message[0].iov_len = sizeof(*iov);
		is_int(client_call(channel, write, (unsigned long)fds[0], AT(24576), sizeof(*iov)),
		       sizeof(*iov), "message %u", i);
	}
	memset(messages, 0, 3 * sizeof(*messages));
	memset(iov, 0, 5 * sizeof(*iov));
	iov[0].iov_base = (void *)AT(20480 + sizeof(*iov));
	iov[0].iov_len = sizeof(*iov);
	for (unsigned int i = 0; i < 3; i++) {
		messages[i].msg_hdr.msg_iov = (struct iovec *)AT(20480 + sizeof(*iov) * i);
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	window(channel, AT(16384), 3 * sizeof(*messages));
	window(channel, AT(20480), 5 * sizeof(*iov));
	is_int(client_call(channel, recvmmsg, (unsigned long)fds[1], AT(16384), 3, MSG_DONTWAIT), 3,
	       "what a call writes it reads later");
	is_int(messages[2].msg_len, sizeof(*iov), "the third message");
	ok(iov[3].iov_base == (void *)AT(20480 + sizeof(*iov) * 4),
	   "lies where the second one said");
	client_call(channel, close, (unsigned long)fds[0]);
	client_call(channel, close, (unsigned long)fds[1]);
}

/* Addresses of the server, of the kernel, of nobody. */
static void hostile(void)
{
	static char ours[64] = "secret of the server";
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long addresses[] = {
		(unsigned long)ours,
		(unsigned long)page,
		(unsigned long)&client,
		RUMP_IMAGE_BASE,
		RUMP_MEMORY_BASE + 8192,
		RUMP_VMALLOC_BASE,
		0,
		8,
		~0UL,
		~0UL - 63,
		1UL << 47,
		(1UL << 47) - 8,
		0x8000000000000000UL,
	};
	unsigned long fd =
		(unsigned long)client_open(channel, "/tmp/hostile", O_RDWR | O_CREAT | O_TRUNC);
	unsigned long directory = (unsigned long)client_open(channel, "/proc", O_RDONLY);

	text_at(client, 0, "data of the client, more than sixty-four bytes, to be read by calls");
	is_int(client_call(channel, pwrite64, fd, AT(0), 64, 0), 64, "a file");
	strcpy(page, "page");
	for (unsigned int i = 0; i < LENGTH_OF(addresses); i++) {
		unsigned long address = addresses[i];

		is_int(client_call(channel, pwrite64, fd, address, 16, 64), -EFAULT, "write at %lx",
		       address);
		is_int(client_call(channel, openat, (unsigned long)AT_FDCWD, address, O_RDONLY),
		       -EFAULT, "a path there");
		is_int(client_call(channel, pread64, fd, address, 64, 0), -EFAULT, "read there");
		is_int(client_call(channel, pread64, directory, address, 2000, 0) < 0, 1,
		       "more than a record");
		client_call(channel, lseek, directory, 0, SEEK_SET);
		is_int(client_call(channel, getdents64, directory, address, 4096), -EFAULT,
		       "getdents");
		is_int(client_call(channel, newfstatat, fd, address, address, 0), -EFAULT, "stat");
		if (address)
			is_int(client_call(channel, select, 3, address, address, address, 0),
			       -EFAULT, "select");
	}
	is_str(ours, "secret of the server", "the server's memory is as it was");
	is_str(page, "page", "all of it");
	is_int(client_call(channel, lseek, fd, 0, SEEK_END), 64, "and in no file");
	client_call(channel, close, fd);
	client_call(channel, close, directory);
	munmap(page, 4096);
}

static void refused(void)
{
	static const struct {
		long number;
		int error;
		const char *name;
	} calls[] = {
#define REFUSED(name, error) {SYS_##name, error, #name}
		REFUSED(mmap, ENODEV),
		REFUSED(munmap, ENOSYS),
		REFUSED(mprotect, ENOSYS),
		REFUSED(mremap, ENOSYS),
		REFUSED(madvise, ENOSYS),
		REFUSED(mincore, ENOSYS),
		REFUSED(mlockall, ENOSYS),
		REFUSED(shmat, ENOSYS),
		REFUSED(io_setup, ENOSYS),
		REFUSED(io_uring_setup, ENOSYS),
		REFUSED(futex, ENOSYS),
		REFUSED(set_robust_list, ENOSYS),
		REFUSED(vmsplice, ENOSYS),
		REFUSED(process_vm_readv, ENOSYS),
		REFUSED(set_tid_address, ENOSYS),
		REFUSED(rt_sigaction, ENOSYS),
		REFUSED(membarrier, ENOSYS),
		REFUSED(rseq, ENOSYS),
		REFUSED(fork, ENOSYS),
		REFUSED(clone, ENOSYS),
		REFUSED(execve, ENOSYS),
		REFUSED(exit_group, ENOSYS),
		REFUSED(reboot, ENOSYS),
		REFUSED(ptrace, ENOSYS),
	};
	unsigned long fd = (unsigned long)client_open(channel, "/tmp/direct", O_RDWR | O_CREAT);

	for (unsigned int i = 0; i < LENGTH_OF(calls); i++) {
		unsigned long args[6] = {0, 4096, PROT_READ, MAP_SHARED, fd, 0};

		is_int(client_syscall(channel, calls[i].number, args), -calls[i].error, "%s",
		       calls[i].name);
	}
	client_call(channel, close, fd);
}

/* The same with transfers at once, and by the thread that has to sleep. */
static void all(bool may_direct)
{
	diag(may_direct ? "transfers at once" : "transfers that wait");
	client->may_direct = may_direct;
	strings();
	write_and_read("/tmp/file", false);
	write_and_read("/tmp/file", true);
	scattered();
	records();
	directory();
	overlaid();
	hostile();
}

/* A file system that copies with its pages locked, on a disk that takes its time. */
static void on_disk(void)
{
	char image[] = "/tmp/rump-remote-XXXXXX", command[128];
	int fd = mkstemp(image), other;
	int error;

	if (fd < 0 || ftruncate(fd, 64 << 20))
		bail_out("no image");
	close(fd);
	snprintf(command, sizeof(command), "mkfs.ext4 -q -F %s", image);
	if (system(command)) {
		skip("mkfs.ext4 is missing");
		unlink(image);
		return;
	}
	error = rump_pub_etfs_register("/dev/disk", image, RUMP_ETFS_BLK);
	is_int(error, 0, "a disk");
	unlink(image);
	succeeds(rump_sys_mkdir("/mnt", 0755));
	is_int(rump_pub_vfs_mount("ext4", "/dev/disk", "/mnt", 0, ""), 0, "with ext4");
	/* from here on this thread is the client's again */
	rump_pub_lwproc_switch(NULL);
	channel = channel_open(client);
	client->may_direct = false;
	write_and_read("/mnt/file", false);
	write_and_read("/mnt/file", true);
	fd = client_open(channel, "/mnt/file", O_RDWR | O_DIRECT);
	ok(fd >= 0, "O_DIRECT");
	memset(client->memory + BIG, 'x', 4096);
	is_int(client_call(channel, pread64, (unsigned long)fd, AT(BIG), 4096, 0), 4096,
	       "goes through memory of the kernel's");
	other = client_open(channel, "/mnt/file", O_RDONLY);
	is_int(client_call(channel, pread64, (unsigned long)other, AT(2 * BIG), 4096, 0), 4096,
	       "without it");
	ok(!memcmp(client->memory + BIG, client->memory + 2 * BIG, 4096), "the same bytes");
	client_call(channel, close, (unsigned long)other);
	is_int(client_call(channel, pread64, (unsigned long)fd, AT(BIG + 1), 4096, 0), -EINVAL,
	       "its rules stay");
	is_int(client_call(channel, pread64, (unsigned long)fd, (unsigned long)client->memory + BIG,
			   4096, 0),
	       -EFAULT, "memory of the server is none of the client's");
	client_call(channel, close, (unsigned long)fd);
	channel_close(channel);
}

int main(void)
{
	boot(NULL);
	rump_pub_lwproc_switch(NULL);
	client = client_new(0, 0);
	channel = channel_open(client);
	ok(channel != NULL, "a client");
	if (!channel)
		return done_testing();
	all(false);
	all(true);
	refused();
	channel_close(channel);
	on_disk();
	ok(client_end(client), "its end");
	return done_testing();
}

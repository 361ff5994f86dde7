/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's data on its way: every length at every door, checked byte by byte; threads
 * that wait hold nobody; what is lost with a connection.
 */
#include "prog.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <rump/rumpclient.h>

#define LARGEST (8UL << 20)

static unsigned char *data, *room;

static void fill(unsigned char *bytes, size_t length, unsigned int seed)
{
	for (size_t i = 0; i < length; i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (unsigned char)(seed >> 16);
	}
}

static void files(void)
{
	int fd = rump_sys_open("/tmp/client-io", O_RDWR | O_CREAT | O_TRUNC, 0600);
	unsigned int failures = 0, tried = 0;

	succeeds(fd);
	for (size_t length = 1; length <= LARGEST; length = length * 2 + (length & 1 ? 0 : 1)) {
		size_t off = length % 4099;

		tried++;
		memset(room, 0, length);
		if (rump_sys_pwrite(fd, data + off, length, (off_t)off) != (long)length ||
		    rump_sys_pread(fd, room, length, (off_t)off) != (long)length ||
		    memcmp(room, data + off, length)) {
			failures++;
			diag("%zu bytes: %s", length, strerror(errno));
		}
	}
	is_int(failures, 0, "%u lengths up to 8 MiB are written and read back", tried);
	rump_sys_close(fd);
}

static void vectors(void)
{
	int fd = rump_sys_open("/tmp/client-iov", O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct iovec out[40], in[3];
	size_t total = 0;

	for (int i = 0; i < 40; i++) {
		out[i] = (struct iovec){data + i * 5000, (size_t)i * 97 % 4000};
		total += out[i].iov_len;
	}
	is_int(rump_sys_writev(fd, out, 40), (long)total, "writev of more pieces than windows");
	in[0] = (struct iovec){room, 1};
	in[1] = (struct iovec){room + 100, 5000};
	in[2] = (struct iovec){room + 10000, total};
	is_int(rump_sys_preadv(fd, in, 3, 0), (long)total, "readv");
	for (int i = 0, at = 0; i < 40; i++)
		for (size_t k = 0; k < out[i].iov_len; k++, at++) {
			unsigned char got = at < 1      ? room[at]
					    : at < 5001 ? room[100 + at - 1]
							: room[10000 + at - 5001];

			if (got != data[i * 5000 + k]) {
				ok(false, "byte %d of it", at);
				return;
			}
		}
	ok(true, "puts each byte where it belongs");
	rump_sys_close(fd);
}

static void *receive_all(void *arg)
{
	int fd = (int)(long)arg;
	size_t have = 0;
	long got;

	while (have < LARGEST && (got = rump_sys_read(fd, room + have, 300000)) > 0)
		have += (size_t)got;
	return (void *)have;
}

static void sockets(void)
{
	pthread_t reader;
	size_t sent = 0;
	int pair[2];
	long done;

	succeeds(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	memset(room, 0, LARGEST);
	reader = start(receive_all, (void *)(long)pair[1]);
	while (sent < LARGEST && (done = rump_sys_write(pair[0], data + sent, LARGEST - sent)) > 0)
		sent += (size_t)done;
	is_int(sent, LARGEST, "8 MiB through a socket");
	is_int((long)join(reader), LARGEST, "come out of it");
	ok(!memcmp(room, data, LARGEST), "as they were");
	rump_sys_close(pair[0]);
	rump_sys_close(pair[1]);
}

static void bad_pointers(void)
{
	int fd = rump_sys_open("/tmp/client-io", O_RDWR, 0), pipes[2];
	unsigned char *edge = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(edge + 2 * 4096, 4096);
	mprotect(edge + 4096, 4096, PROT_READ);
	fails(rump_sys_read(fd, (void *)16, 100), EFAULT);
	fails(rump_sys_write(fd, (void *)16, 100), EFAULT);
	fails(rump_sys_read(fd, edge + 4096, 100), EFAULT);
	fails(rump_sys_read(fd, (void *)16, 1 << 20), EFAULT);
	fails(rump_sys_write(fd, (void *)16, 1 << 20), EFAULT);
	fails(rump_sys_open((char *)16, O_RDONLY), EFAULT);
	succeeds(rump_sys_pipe(pipes));
	fails(rump_sys_write(pipes[1], edge + 2 * 4096, 10), EFAULT);
	mprotect(edge + 4096, 4096, PROT_READ | PROT_WRITE);
	memcpy(edge + 2 * 4096 - 4, "abc", 4);
	fails(rump_sys_open((char *)edge + 2 * 4096 - 4, O_RDONLY), ENOENT);
	rump_sys_close(fd);
}

/* ---- threads ---- */

static int held[2];

static void *waits(void *arg)
{
	char byte;

	(void)arg;
	return (void *)(long)rump_sys_read(held[0], &byte, 1);
}

static void blocked(void)
{
	pthread_t threads[8];
	uint64_t begin;
	int bad = 0;

	succeeds(rump_sys_pipe(held));
	for (int i = 0; i < 8; i++)
		threads[i] = start(waits, NULL);
	host_sleep_ms(100);
	begin = now_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < 1000; i++)
		bad += rump_sys_getppid() < 0;
	is_int(bad, 0, "calls beside 8 that wait");
	ok(now_ns(CLOCK_MONOTONIC) - begin < 3000000000ull, "are not held up");
	is_int(rump_sys_write(held[1], "12345678", 8), 8, "write");
	for (int i = 0; i < 8; i++)
		is_int((long)join(threads[i]), 1, "thread %d goes on", i);
}

/* ---- processes ---- */

static void children(void)
{
	int pipes[2], status = -1;
	char byte = 0;
	pid_t pid;

	succeeds(rump_sys_pipe(pipes));
	pid = rumpclient_fork();
	if (!pid)
		_exit(rump_sys_write(pipes[1], "c", 1) != 1 || rump_sys_getppid() <= 0);
	is_int(rump_sys_read(pipes[0], &byte, 1), 1, "a child writes to its parent");
	is_int(waitpid(pid, &status, 0), pid, "and ends");
	is_int(status, 0, "well");
	rump_sys_close(pipes[1]);
	is_int(rump_sys_read(pipes[0], &byte, 1), 0, "with it all of its descriptors");
}

int main(void)
{
	boot(NULL);
	data = mmap(NULL, LARGEST + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	room = mmap(NULL, LARGEST + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	fill(data, LARGEST + 8192, 1);
	files();
	vectors();
	sockets();
	bad_pointers();
	blocked();
	children();
	rump_sys_unlink("/tmp/client-io");
	rump_sys_unlink("/tmp/client-iov");
	return done_testing();
}

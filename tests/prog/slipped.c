/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slipped.c - calls on a placeholder that nobody sees: this program is linked statically.
 *
 *	slipped FD	tells each call that did not fail
 *
 * What only looks at the inode succeeds on any O_PATH descriptor; that is the one kind of
 * call that the hijack must never miss, and is not made here: fstat, statx, AT_EMPTY_PATH.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <sys/file.h>
#include <unistd.h>

static int slipped;

#define FAILS(call)                                     \
	do {                                            \
		errno = 0;                              \
		if ((long)(call) != -1) {               \
			printf("slipped: %s\n", #call); \
			slipped = 1;                    \
		}                                       \
	} while (0)

int main(int argc, char **argv)
{
	int fd = argc > 1 ? atoi(argv[1]) : -1, pair[2], set = epoll_create1(0);
	char text[16] = "", link[40];
	struct iovec part = {text, sizeof(text)};
	struct epoll_event event = {.events = EPOLLIN};
	struct pollfd one = {fd, POLLIN | POLLOUT, 0};
	struct sockaddr address = {.sa_family = AF_UNIX};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct flock lock = {.l_type = F_RDLCK};
	socklen_t size = sizeof(address);
	off_t offset = 0;
	int value;

	if (pipe(pair) || write(pair[1], "x", 1) != 1 || fcntl(fd, F_GETFD) < 0)
		return 2;
	FAILS(read(fd, text, 1));
	FAILS(write(fd, text, 1));
	FAILS(pread(fd, text, 1, 0));
	FAILS(pwrite(fd, text, 1, 0));
	FAILS(readv(fd, &part, 1));
	FAILS(writev(fd, &part, 1));
	FAILS(lseek(fd, 0, SEEK_SET));
	FAILS(ftruncate(fd, 0));
	FAILS(posix_fallocate(fd, 0, 1) ? -1 : 0);
	FAILS(fsync(fd));
	FAILS(fdatasync(fd));
	FAILS(syncfs(fd));
	FAILS(fchmod(fd, 0600));
	FAILS(fchown(fd, 0, 0));
	FAILS(futimens(fd, NULL));
	FAILS(fsetxattr(fd, "user.x", "", 0, 0));
	FAILS(fgetxattr(fd, "user.x", text, sizeof(text)));
	FAILS(flistxattr(fd, text, sizeof(text)));
	FAILS(fremovexattr(fd, "user.x"));
	FAILS(flock(fd, LOCK_SH));
	FAILS(fcntl(fd, F_GETLK, &lock));
	FAILS(fcntl(fd, F_SETLK, &lock));
	FAILS(fcntl(fd, F_OFD_SETLK, &lock));
	FAILS(fcntl(fd, F_SETFL, O_NONBLOCK));
	FAILS(fcntl(fd, F_SETLEASE, F_RDLCK));
	FAILS(ioctl(fd, FIONREAD, &value));
	FAILS(ioctl(fd, FIONBIO, &value));
	FAILS(isatty(fd) ? 0 : -1);
	FAILS(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	FAILS(fchdir(fd));
	FAILS(openat(fd, "x", O_RDONLY));
	FAILS(openat(fd, "", O_RDONLY));
	FAILS(mkdirat(fd, "x", 0700));
	FAILS(unlinkat(fd, "x", 0));
	FAILS(bind(fd, &address, sizeof(address)));
	FAILS(connect(fd, &address, sizeof(address)));
	FAILS(listen(fd, 1));
	FAILS(accept(fd, NULL, NULL));
	FAILS(getsockname(fd, &address, &size));
	FAILS(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &fd, sizeof(fd)));
	FAILS(send(fd, text, 1, 0));
	FAILS(recv(fd, text, 1, MSG_DONTWAIT));
	FAILS(sendmsg(fd, &message, 0));
	FAILS(shutdown(fd, SHUT_RD));
	FAILS(sendfile(pair[1], fd, &offset, 1));
	FAILS(splice(fd, &offset, pair[1], NULL, 1, SPLICE_F_NONBLOCK));
	FAILS(splice(pair[0], NULL, fd, NULL, 1, SPLICE_F_NONBLOCK));
	FAILS(tee(pair[0], fd, 1, SPLICE_F_NONBLOCK));
	FAILS(vmsplice(fd, &part, 1, SPLICE_F_NONBLOCK));
	FAILS(copy_file_range(fd, &offset, fd, NULL, 1, 0));
	FAILS(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
	FAILS(poll(&one, 1, 0) == 1 && one.revents == POLLNVAL ? -1 : 0);
	FAILS(fexecve(fd, argv, argv + argc));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	FAILS(open(link, O_RDONLY));
	FAILS(open(link, O_RDWR | O_TRUNC));
	FAILS(truncate(link, 0));
	FAILS(access(link, R_OK | W_OK) == 0 && geteuid() ? 0 : -1);
	if (!slipped)
		puts("all of them failed");
	return slipped;
}

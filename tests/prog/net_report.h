/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_report.h - what programs of report.h that use sockets share.
 *
 *	NAME CASE FOLDER [ADDRESS]
 */
#ifndef RUMP_TESTS_NET_REPORT_H
#define RUMP_TESTS_NET_REPORT_H

#include "report.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#define MAYBE_UNUSED __attribute__((unused))
#define WAIT_MS 20000

static int family = AF_INET;
static const char *loopback = "127.0.0.1";

MAYBE_UNUSED static void need(const char *what, int condition)
{
	if (condition)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- addresses ---- */

MAYBE_UNUSED static void make_address(struct sockaddr_storage *address, socklen_t *length, int port)
{
	struct sockaddr_in *four = (void *)address;
	struct sockaddr_in6 *six = (void *)address;

	memset(address, 0, sizeof(*address));
	address->ss_family = family;
	if (family == AF_INET) {
		four->sin_port = htons(port);
		inet_pton(family, loopback, &four->sin_addr);
		*length = sizeof(*four);
	} else {
		six->sin6_port = htons(port);
		inet_pton(family, loopback, &six->sin6_addr);
		*length = sizeof(*six);
	}
}

/* One that nothing leads to. */
MAYBE_UNUSED static void foreign_address(struct sockaddr_storage *address)
{
	if (family == AF_INET)
		inet_pton(family, "192.0.2.77", &((struct sockaddr_in *)address)->sin_addr);
	else
		inet_pton(family, "2001:db8::77", &((struct sockaddr_in6 *)address)->sin6_addr);
}

MAYBE_UNUSED static void name_of(int fd, struct sockaddr_storage *address, socklen_t *length)
{
	*length = sizeof(*address);
	need("getsockname", !getsockname(fd, (void *)address, length));
}

/* A name without its port. */
MAYBE_UNUSED static void show_address(const struct sockaddr_storage *address, socklen_t length)
{
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;
	char text[INET6_ADDRSTRLEN] = "?";

	if (address->ss_family == AF_INET && length)
		printf(" %s%s", inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text)),
		       four->sin_port ? "" : ", no port");
	else if (address->ss_family == AF_INET6 && length)
		printf(" %s%s scope %u flow %u",
		       inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text)),
		       six->sin6_port ? "" : ", no port", six->sin6_scope_id, six->sin6_flowinfo);
	printf(" (family %d, %d bytes)\n", length ? address->ss_family : 0, (int)length);
}

MAYBE_UNUSED static void show_name(const char *what, int fd,
				   int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage address = {};
	socklen_t length = sizeof(address);

	printf("%s: %s:", what, get == getsockname ? "name" : "peer");
	if (get(fd, (void *)&address, &length))
		printf(" %s\n", strerrorname_np(errno));
	else
		show_address(&address, length);
}

/* ---- waiting ---- */

static inline short poll_mask(int fd, short events, int ms)
{
	struct pollfd one = {fd, events, 0};

	return poll(&one, 1, ms) > 0 ? one.revents : 0;
}

/* For what takes a moment: the other end acts behind our back. */
MAYBE_UNUSED static void wait_poll(int fd, short event)
{
	for (int ms = 0; ms < WAIT_MS; ms += 5) {
		if (poll_mask(fd, event, 5) & event)
			return;
		if (event & (POLLHUP | POLLERR))
			usleep(1000);
	}
	printf("event %x does not come\n", event);
}

MAYBE_UNUSED static long ask_int(int fd, unsigned long request)
{
	int value = -2;

	return ioctl(fd, request, &value) ? -1 : value;
}

MAYBE_UNUSED static void wait_bytes(int fd, int count)
{
	for (int ms = 0; ms < WAIT_MS && ask_int(fd, FIONREAD) < count; ms++)
		usleep(1000);
}

MAYBE_UNUSED static void show_poll(const char *what, int fd)
{
	printf("%s: poll %x\n", what,
	       (unsigned int)poll_mask(fd,
				       POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM |
					       POLLRDBAND | POLLWRBAND,
				       0));
	fflush(stdout);
}

MAYBE_UNUSED static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP};

	need("epoll_ctl", !epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

MAYBE_UNUSED static void show_epoll(const char *what, int epoll)
{
	struct epoll_event event = {};

	printf("%s: epoll %d", what, epoll_wait(epoll, &event, 1, 0));
	printf(" %x\n", event.events);
	fflush(stdout);
}

/* ---- sockets ---- */

MAYBE_UNUSED static long get_int(int fd, int level, int option)
{
	int value = -2;
	socklen_t length = sizeof(value);

	return getsockopt(fd, level, option, &value, &length) ? -1 : value;
}

MAYBE_UNUSED static int make_listener(struct sockaddr_storage *address)
{
	int fd = socket(family, SOCK_STREAM, 0);
	socklen_t length;

	make_address(address, &length, 0);
	need("listener", fd >= 0 && !bind(fd, (void *)address, length) && !listen(fd, 100));
	name_of(fd, address, &length);
	return fd;
}

MAYBE_UNUSED static int connected_to(int listener)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd = socket(family, SOCK_STREAM, 0);

	name_of(listener, &address, &length);
	need("connect", fd >= 0 && !connect(fd, (void *)&address, length));
	return fd;
}

/* a has been accepted, b has connected. */
MAYBE_UNUSED static void make_pair(int *a, int *b)
{
	struct sockaddr_storage address;
	int listener = make_listener(&address);

	*b = connected_to(listener);
	*a = accept(listener, NULL, NULL);
	need("accept", *a >= 0);
	close(listener);
}

MAYBE_UNUSED static int datagram_socket(void)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd = socket(family, SOCK_DGRAM, 0);

	make_address(&address, &length, 0);
	need("datagrams", fd >= 0 && !bind(fd, (void *)&address, length));
	return fd;
}

/* ---- messages ---- */

static inline void show_cmsg(struct cmsghdr *cmsg)
{
	size_t length = cmsg->cmsg_len - CMSG_LEN(0);

	printf(" [%d %d:", cmsg->cmsg_level, cmsg->cmsg_type);
	/* times, pids, numbers of descriptors, addresses with ports: their size */
	if (cmsg->cmsg_level == SOL_SOCKET &&
	    (cmsg->cmsg_type == SCM_RIGHTS || cmsg->cmsg_type == SCM_CREDENTIALS ||
	     cmsg->cmsg_type == SO_TIMESTAMPNS || cmsg->cmsg_type == SO_TIMESTAMPING))
		printf(" %zu bytes", length);
	else if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_RECVORIGDSTADDR)
		printf(" %zu bytes", length);
	else
		for (size_t n = 0; n < length && n < 16; n++)
			printf(" %02x", CMSG_DATA(cmsg)[n]);
	printf("]");
}

MAYBE_UNUSED static void show_message(const char *what, int fd, int flags)
{
	char data[2000], control[2000];
	struct sockaddr_storage address = {};
	struct iovec iov = {data, sizeof(data)};
	struct msghdr message = {.msg_name = &address,
				 .msg_namelen = sizeof(address),
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(fd, &message, flags | MSG_DONTWAIT);

	if (size < 0) {
		printf("%s: %s\n", what, strerrorname_np(errno));
		return;
	}
	printf("%s: %zd bytes, flags %x, control %zu:", what, size, message.msg_flags,
	       message.msg_controllen);
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message); cmsg;
	     cmsg = CMSG_NXTHDR(&message, cmsg))
		show_cmsg(cmsg);
	printf(" from");
	show_address(&address, message.msg_namelen);
}

static inline int net_report_main(const struct report *cases, int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc > 3) {
		loopback = argv[3];
		family = strchr(loopback, ':') ? AF_INET6 : AF_INET;
	}
	return report_main(cases, argc, argv);
}

#endif

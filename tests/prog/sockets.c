/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet sockets over loopback, told by what the calls give: see report.h.  No port and no
 * time is printed.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/time.h>

#include "sockets.h"

/* ---- cases ---- */

static void create(void)
{
	WORKS(socket(AF_INET, SOCK_STREAM, 0));
	WORKS(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
	WORKS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	WORKS(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
	WORKS(socket(AF_INET6, SOCK_DGRAM, 0));
	WORKS(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	WORKS(socket(AF_INET, SOCK_SEQPACKET, IPPROTO_TCP));
	WORKS(socket(AF_INET, SOCK_RDM, 0));
	WORKS(socket(AF_INET, SOCK_RAW, 0));
	WORKS(socket(AF_INET, SOCK_STREAM, -1));
	WORKS(socket(AF_INET, SOCK_STREAM, 255));
	WORKS(socket(AF_INET, SOCK_STREAM, 100000));
	WORKS(socket(AF_INET, 77, 0));

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	TELL(fcntl(fd, F_GETFL));
	TELL(option(fd, SOL_SOCKET, SO_TYPE));
	TELL(option(fd, SOL_SOCKET, SO_PROTOCOL));
	TELL(option(fd, SOL_SOCKET, SO_DOMAIN));
	TELL(option(fd, SOL_SOCKET, SO_ACCEPTCONN));
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	TELL(option(fd, SOL_SOCKET, SO_PROTOCOL));
	TELL(option(fd, SOL_SOCKET, SO_DOMAIN));
	int pair[2];

	TELL(socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

static void addresses(void)
{
	union address address, other;
	int fd = socket(AF_INET, SOCK_STREAM, 0), listener = listening(AF_INET, &address);
	socklen_t length;

	TELL(bind(fd, &address.sa, sizeof(address.in)));
	TELL(bind(fd, &address.sa, 3));
	TELL(bind(fd, &address.sa, 1000));
	TELL(bind(fd, (struct sockaddr *)8, sizeof(address.in)));
	TELL(bind(listener, &address.sa, sizeof(address.in)));
	other = address;
	other.in.sin_addr.s_addr = htonl(0x01020304);
	TELL(bind(fd, &other.sa, sizeof(other.in)));
	other = address;
	other.sa.sa_family = AF_INET6;
	TELL(bind(fd, &other.sa, sizeof(other.in6)));
	other.sa.sa_family = 99;
	TELL(bind(fd, &other.sa, sizeof(other.in)));
	length = sizeof(other);
	TELL(getpeername(fd, &other.sa, &length));
	TELL(getpeername(listener, &other.sa, &length));
	length = 4;
	TELL(getsockname(listener, &other.sa, &length));
	TELL(length);
	length = -1;
	TELL(getsockname(listener, &other.sa, &length));
	length = sizeof(other);
	TELL(getsockname(fd, (struct sockaddr *)8, &length));
	TELL(getsockname(fd, &other.sa, &length));
	TELL(other.in.sin_port);
	TELL(other.in.sin_addr.s_addr);
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	length = sizeof(other);
	TELL(getsockname(fd, &other.sa, &length));
	TELL(length);
	TELL(option(fd, IPPROTO_IPV6, IPV6_V6ONLY));
	/* IPv4 in IPv6 */
	check(inet_pton(AF_INET6, "::ffff:127.0.0.1", &other.in6.sin6_addr) == 1, "inet_pton");
	other.in6.sin6_port = address.in.sin_port;
	other.in6.sin6_family = AF_INET6;
	other.in6.sin6_scope_id = 0;
	TELL(connect(fd, &other.sa, sizeof(other.in6)));
	length = sizeof(other);
	TELL(getpeername(fd, &other.sa, &length));
	char text[INET6_ADDRSTRLEN];

	TEXT(inet_ntop(AF_INET6, &other.in6.sin6_addr, text, sizeof(text)));
}

static void connecting(void)
{
	union address address, other;
	int listener = listening(AF_INET, &address), fd, closed;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	TEXT(events(fd, ALL, 0));
	TELL(send(fd, "x", 1, MSG_NOSIGNAL));
	TELL(recv(fd, &other, 1, 0));
	TELL(shutdown(fd, SHUT_RD));
	TELL(accept(fd, NULL, NULL));
	TELL(connect(fd, &address.sa, sizeof(address.in)));
	TELL(connect(fd, &address.sa, sizeof(address.in)));
	TELL(listen(fd, 1));
	TELL(bind(fd, &address.sa, sizeof(address.in)));
	TEXT(events(fd, ALL, 0));
	WORKS(accept(listener, NULL, NULL));
	other = address;
	other.sa.sa_family = AF_UNSPEC;
	TELL(connect(fd, &other.sa, sizeof(other.in)));
	close(fd);

	closed = bound(AF_INET, SOCK_STREAM, &other);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	TELL(connect(fd, &other.sa, sizeof(other.in)));
	TELL(connect(fd, &other.sa, sizeof(other.in)));
	TELL(option(fd, SOL_SOCKET, SO_ERROR));
	TELL(connect(fd, &address.sa, sizeof(address.in)));
	WORKS(accept(listener, NULL, NULL));
	close(fd);

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TELL(connect(fd, &address.sa, sizeof(address.in)));
	TEXT(events(fd, POLLOUT, SOON));
	TELL(option(fd, SOL_SOCKET, SO_ERROR));
	TELL(connect(fd, &address.sa, sizeof(address.in)));
	TELL(connect(fd, &address.sa, sizeof(address.in)));
	close(fd);

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TELL(connect(fd, &other.sa, sizeof(other.in)));
	TEXT(events(fd, POLLOUT, SOON));
	TELL(option(fd, SOL_SOCKET, SO_ERROR));
	TELL(option(fd, SOL_SOCKET, SO_ERROR));
	TEXT(events(fd, ALL, 0));
	close(fd);

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TELL(connect(fd, &other.sa, sizeof(other.in)));
	TEXT(events(fd, POLLIN, SOON));
	TELL(recv(fd, &closed, 1, 0));
	TELL(option(fd, SOL_SOCKET, SO_ERROR));
	close(fd);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	TELL(connect(fd, &address.sa, 4));
	other.in.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	TELL(connect(fd, &other.sa, sizeof(other.in)));
	other.sa.sa_family = AF_INET6;
	TELL(connect(fd, &other.sa, sizeof(other)));
	other.sa.sa_family = 99;
	TELL(connect(fd, &other.sa, sizeof(other)));
	TELL(accept4(listener, NULL, NULL, 0x5));
	fcntl(listener, F_SETFL, O_NONBLOCK);
	while (accept(listener, NULL, NULL) >= 0)
		;
	TELL(accept(listener, NULL, NULL));
	TEXT(events(listener, ALL, 0));
	TELL(shutdown(listener, SHUT_RD));
	TELL(accept(listener, NULL, NULL));
	TEXT(events(listener, ALL, 0));
}

static void streams(void)
{
	char buffer[100];
	int ends[2], count;
	struct linger abort_it = {.l_onoff = 1};

	connected(AF_INET, ends);
	TEXT(events(ends[0], ALL, 0));
	TELL(send(ends[1], "0123456789", 10, 0));
	TEXT(events(ends[0], POLLIN, SOON));
	TELL(ioctl(ends[0], FIONREAD, &count));
	TELL(count);
	TELL(recv(ends[0], buffer, 4, MSG_PEEK));
	TELL(recv(ends[0], buffer, 4, 0));
	TELL(recv(ends[0], buffer, 4, MSG_TRUNC));
	TELL(recv(ends[0], NULL, 0, 0));
	TELL(recv(ends[0], buffer, sizeof(buffer), 0));
	TELL(recv(ends[0], buffer, sizeof(buffer), MSG_DONTWAIT));
	TEXT(events(ends[0], ALL, 0));
	TELL(send(ends[0], (char *)8, 2, 0));
	TELL(send(ends[0], "", 0, 0));
	/* urgent data */
	TELL(ioctl(ends[0], SIOCATMARK, &count));
	TELL(count);
	TELL(recv(ends[0], buffer, 1, MSG_OOB));
	TELL(send(ends[1], "ab!", 3, MSG_OOB));
	TEXT(events(ends[0], POLLPRI, SOON));
	TELL(recv(ends[0], buffer, 1, MSG_OOB));
	TELL(buffer[0]);
	TELL(recv(ends[0], buffer, 10, 0));
	TELL(ioctl(ends[0], SIOCATMARK, &count));
	TELL(count);
	/* halves */
	TELL(shutdown(ends[1], SHUT_WR));
	TEXT(events(ends[0], POLLIN, SOON));
	TEXT(events(ends[0], ALL, 0));
	TELL(recv(ends[0], buffer, 10, 0));
	TELL(recv(ends[0], buffer, 10, MSG_DONTWAIT));
	TELL(send(ends[1], "x", 1, MSG_NOSIGNAL));
	TELL(send(ends[0], "xyz", 3, 0));
	TELL(recv(ends[1], buffer, 3, MSG_WAITALL));
	TELL(shutdown(ends[0], SHUT_RDWR));
	TELL(recv(ends[1], buffer, 3, 0));
	TELL(shutdown(ends[0], 7));
	both_close(ends);

	/* the peer breaks it off */
	connected(AF_INET6, ends);
	TELL(send(ends[1], "rest", 4, 0));
	TEXT(events(ends[0], POLLIN, SOON));
	TELL(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it)));
	close(ends[1]);
	TEXT(events(ends[0], POLLRDHUP, SOON));
	TEXT(events(ends[0], ALL, 0));
	TELL(option(ends[0], SOL_SOCKET, SO_ERROR));
	TELL(send(ends[0], "x", 1, MSG_NOSIGNAL));
	TELL(recv(ends[0], buffer, 10, 0));
	close(ends[0]);
	connected(AF_INET6, ends);
	setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
	close(ends[1]);
	TEXT(events(ends[0], POLLRDHUP, SOON));
	TELL(recv(ends[0], buffer, 10, 0));
	TELL(recv(ends[0], buffer, 10, 0));
	TELL(send(ends[0], "x", 1, MSG_NOSIGNAL));
	close(ends[0]);
}

static void bad_memory(void)
{
	char buffer[10];
	int ends[2];

	connected(AF_INET, ends);
	send(ends[1], "0123456789", 10, 0);
	TEXT(events(ends[0], POLLIN, SOON));
	TELL(recv(ends[0], (char *)8, 4, 0));
	TEXT(events(ends[0], ALL, 0));
	TELL(recv(ends[0], buffer, 4, MSG_PEEK));
	TELL(recv(ends[0], buffer, 10, MSG_WAITALL));
	TELL(memcmp(buffer, "0123456789", 10));
	both_close(ends);
}

static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
	(void)signal;
	signals++;
}

static void broken_pipe(void)
{
	int ends[2];

	signal(SIGPIPE, on_signal);
	connected(AF_INET, ends);
	shutdown(ends[0], SHUT_WR);
	TELL(send(ends[0], "x", 1, 0));
	TELL(signals);
	TELL(send(ends[0], "x", 1, MSG_NOSIGNAL));
	TELL(write(ends[0], "x", 1));
	TELL(signals);
	both_close(ends);
}

static void waits(void)
{
	struct timeval soon = {.tv_usec = 50000};
	char buffer[8];
	int ends[2];

	connected(AF_INET, ends);
	TELL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
	TELL(recv(ends[0], buffer, 8, 0));
	send(ends[1], "abc", 3, 0);
	TELL(recv(ends[0], buffer, 8, MSG_WAITALL));
	TELL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0}, sizeof(soon)));
	signal(SIGALRM, on_signal);
	struct itimerval timer = {.it_value.tv_usec = 50000};

	/* with SA_RESTART, as signal() has it, it would wait for ever */
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	TELL(recv(ends[0], buffer, 8, 0));
	TELL(signals);
	setitimer(ITIMER_REAL, &timer, NULL);
	TELL(accept(ends[0], NULL, NULL));
	int low = 3;

	TELL(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)));
	TELL(option(ends[0], SOL_SOCKET, SO_RCVLOWAT));
	send(ends[1], "ab", 2, 0);
	TELL(recv(ends[0], buffer, 8, MSG_DONTWAIT));
	both_close(ends);
}

static void full(void)
{
	static char data[100000];
	int ends[2], size = 20000;
	long sent = 0, n, got = 0;

	connected(AF_INET, ends);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	TELL(option(ends[0], SOL_SOCKET, SO_SNDBUF));
	setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	TELL(option(ends[1], SOL_SOCKET, SO_RCVBUF));
	while ((n = send(ends[0], data, sizeof(data), MSG_DONTWAIT)) > 0)
		sent += n;
	TELL(n);
	/* what is on its way makes room yet */
	do
		while ((n = send(ends[0], data, sizeof(data), MSG_DONTWAIT)) > 0)
			sent += n;
	while (*events(ends[0], POLLOUT, 300));
	TEXT(events(ends[0], ALL, 0));
	struct timeval soon = {.tv_usec = 50000};

	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	TELL(send(ends[0], data, 1, 0));
	while (got < sent && (n = recv(ends[1], data, sizeof(data), 0)) > 0)
		got += n;
	TELL(got == sent);
	TEXT(events(ends[0], POLLOUT, SOON));
	both_close(ends);
}

static void datagrams(void)
{
	union address address, other, from;
	int fd = bound(AF_INET, SOCK_DGRAM, &address), sender = bound(AF_INET, SOCK_DGRAM, &other);
	char buffer[100], *large = calloc(1, 70000);
	socklen_t length = sizeof(from);

	TEXT(events(fd, ALL, 0));
	TELL(sendto(sender, "0123456789", 10, 0, &address.sa, sizeof(address.in)));
	TEXT(events(fd, POLLIN, SOON));
	TELL(recvfrom(fd, buffer, 4, MSG_PEEK, &from.sa, &length));
	TELL(length);
	TELL(from.in.sin_port == other.in.sin_port);
	TELL(recv(fd, buffer, 4, MSG_TRUNC));
	TELL(recv(fd, buffer, 4, MSG_DONTWAIT));
	TELL(sendto(sender, NULL, 0, 0, &address.sa, sizeof(address.in)));
	TEXT(events(fd, POLLIN, SOON));
	TELL(recv(fd, buffer, 4, 0));
	TELL(sendto(sender, large, 70000, 0, &address.sa, sizeof(address.in)));
	TELL(sendto(sender, large, 65508, 0, &address.sa, sizeof(address.in)));
	TELL(sendto(sender, large, 65507, 0, &address.sa, sizeof(address.in)));
	TEXT(events(fd, POLLIN, SOON));
	TELL(recv(fd, large, 70000, 0));
	TELL(send(sender, "x", 1, 0));
	TELL(sendto(sender, "x", 1, 0, &address.sa, 4));
	TELL(shutdown(sender, SHUT_RD));
	TELL(listen(sender, 1));
	TELL(accept(sender, NULL, NULL));
	from = address;
	from.in.sin_port = 0;
	TELL(sendto(sender, "x", 1, 0, &from.sa, sizeof(from.in)));
	from.in.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	from.in.sin_port = address.in.sin_port;
	TELL(sendto(sender, "x", 1, 0, &from.sa, sizeof(from.in)));
	/* nobody is there: it is told at the next call */
	close(fd);
	TELL(connect(sender, &address.sa, sizeof(address.in)));
	TELL(send(sender, "x", 1, 0));
	TEXT(events(sender, POLLIN, SOON));
	TELL(recv(sender, buffer, 4, MSG_DONTWAIT));
	TELL(recv(sender, buffer, 4, MSG_DONTWAIT));
	TELL(send(sender, "x", 1, 0));
	TEXT(events(sender, POLLIN, SOON));
	TELL(send(sender, "x", 1, 0));
	TEXT(events(sender, 0, SOON));
	TELL(option(sender, SOL_SOCKET, SO_ERROR));
	close(sender);
	free(large);
}

/* What of a level came along. */
static void tell_control(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		printf("control %d %d, %zu bytes\n", c->cmsg_level, c->cmsg_type,
		       (size_t)c->cmsg_len);
}

static void control(void)
{
	union address address, other;
	int fd = bound(AF_INET, SOCK_DGRAM, &address), sender = bound(AF_INET, SOCK_DGRAM, &other);
	char buffer[100], data[1000];
	struct iovec iov = {buffer, sizeof(buffer)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = data,
				 .msg_controllen = sizeof(data)};

	TELL(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)));
	TELL(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one)));
	TELL(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one)));
	TELL(option(fd, SOL_SOCKET, SO_TIMESTAMP));
	sendto(sender, "abc", 3, 0, &address.sa, sizeof(address.in));
	TEXT(events(fd, POLLIN, SOON));
	TELL(recvmsg(fd, &message, 0));
	TELL(message.msg_flags);
	TELL(message.msg_controllen);
	tell_control(&message);
	sendto(sender, "abc", 3, 0, &address.sa, sizeof(address.in));
	TEXT(events(fd, POLLIN, SOON));
	message.msg_controllen = 40;
	iov.iov_len = 2;
	TELL(recvmsg(fd, &message, 0));
	TELL(message.msg_flags);
	TELL(message.msg_controllen);
	tell_control(&message);
	/* a message says where it goes out, and how */
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct cmsghdr *c = (struct cmsghdr *)space;

	message = (struct msghdr){.msg_name = &address,
				  .msg_namelen = sizeof(address.in),
				  .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = space,
				  .msg_controllen = sizeof(space)};
	*c = (struct cmsghdr){CMSG_LEN(sizeof(int)), IPPROTO_IP, IP_TTL};
	*(int *)CMSG_DATA(c) = 77;
	TELL(sendmsg(sender, &message, 0));
	*(int *)CMSG_DATA(c) = 777;
	TELL(sendmsg(sender, &message, 0));
	c->cmsg_len = 1000;
	TELL(sendmsg(sender, &message, 0));
	/* errors as messages */
	close(fd);
	TELL(setsockopt(sender, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)));
	TELL(sendto(sender, "abc", 3, 0, &address.sa, sizeof(address.in)));
	TEXT(events(sender, 0, SOON));
	message = (struct msghdr){.msg_name = &other,
				  .msg_namelen = sizeof(other),
				  .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = data,
				  .msg_controllen = sizeof(data)};
	iov.iov_len = sizeof(buffer);
	TELL(recvmsg(sender, &message, MSG_ERRQUEUE));
	TELL(message.msg_flags);
	tell_control(&message);
	TELL(other.in.sin_port == address.in.sin_port);
	TELL(recvmsg(sender, &message, MSG_ERRQUEUE));
	/* many at once */
	struct mmsghdr many[3] = {0};
	struct iovec pieces[3];

	fd = bound(AF_INET6, SOCK_DGRAM, &address);
	close(sender);
	sender = bound(AF_INET6, SOCK_DGRAM, &other);
	for (int i = 0; i < 3; i++) {
		pieces[i] = (struct iovec){data + i * 10, 3 + (size_t)i};
		many[i].msg_hdr = (struct msghdr){.msg_name = &address,
						  .msg_namelen = sizeof(address.in6),
						  .msg_iov = &pieces[i],
						  .msg_iovlen = 1};
	}
	TELL(sendmmsg(sender, many, 3, 0));
	TEXT(events(fd, POLLIN, SOON));
	for (int i = 0; i < 3; i++)
		pieces[i].iov_len = 4;
	TELL(recvmmsg(fd, many, 3, MSG_WAITFORONE, NULL));
	for (int i = 0; i < 3; i++) {
		TELL(many[i].msg_len);
		TELL(many[i].msg_hdr.msg_flags);
		TELL(many[i].msg_hdr.msg_namelen);
	}
}

static void options(void)
{
	static const struct {
		int level, name, value;
	} list[] = {
		{SOL_SOCKET, SO_REUSEADDR, 1},
		{SOL_SOCKET, SO_REUSEPORT, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{SOL_SOCKET, SO_BROADCAST, 1},
		{SOL_SOCKET, SO_OOBINLINE, 1},
		{SOL_SOCKET, SO_PRIORITY, 3},
		{SOL_SOCKET, SO_RCVBUF, 50000},
		{SOL_SOCKET, SO_SNDBUF, 50000},
		{SOL_SOCKET, SO_RCVBUF, 0},
		{SOL_SOCKET, SO_RCVBUF, -1},
		{SOL_SOCKET, SO_TYPE, 1},
		{SOL_SOCKET, SO_ERROR, 1},
		{SOL_SOCKET, SO_ACCEPTCONN, 1},
		{SOL_SOCKET, 1000, 1},
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{IPPROTO_TCP, TCP_MAXSEG, 500},
		{IPPROTO_TCP, TCP_MAXSEG, 5},
		{IPPROTO_TCP, TCP_CORK, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 77},
		{IPPROTO_TCP, TCP_KEEPIDLE, 0},
		{IPPROTO_TCP, TCP_KEEPINTVL, 7},
		{IPPROTO_TCP, TCP_KEEPCNT, 7},
		{IPPROTO_TCP, TCP_SYNCNT, 300},
		{IPPROTO_TCP, TCP_DEFER_ACCEPT, 5},
		{IPPROTO_TCP, TCP_QUICKACK, 0},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, 1000},
		{IPPROTO_TCP, 500, 1},
		{IPPROTO_IP, IP_TTL, 33},
		{IPPROTO_IP, IP_TTL, 333},
		{IPPROTO_IP, IP_TOS, 0x10},
		{IPPROTO_IP, IP_MULTICAST_TTL, 3},
		{IPPROTO_IP, IP_MTU_DISCOVER, 0},
		{IPPROTO_IP, IP_MTU_DISCOVER, 9},
		{IPPROTO_IP, 500, 1},
		{IPPROTO_IPV6, IPV6_V6ONLY, 1},
		{IPPROTO_UDP, 1, 1},
		{12345, 1, 1},
	};
	static const int types[][2] = {
		{AF_INET, SOCK_STREAM}, {AF_INET6, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}};

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		int fd = socket(types[t][0], types[t][1], 0);

		TELL(option(fd, SOL_SOCKET, SO_RCVBUF));
		TELL(option(fd, SOL_SOCKET, SO_SNDBUF));
		for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
			printf("level %d, name %d, value %d\n", list[i].level, list[i].name,
			       list[i].value);
			TELL(setsockopt(fd, list[i].level, list[i].name, &list[i].value,
					sizeof(int)));
			TELL(option(fd, list[i].level, list[i].name));
			TELL(setsockopt(fd, list[i].level, list[i].name, &list[i].value, 1));
			TELL(setsockopt(fd, list[i].level, list[i].name, (void *)8, sizeof(int)));
		}
		char name[100];
		socklen_t length = sizeof(name);

		TELL(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length));
		TELL(length);
		TELL(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
		TELL(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "none such", 9));
		struct linger linger = {1, 5};

		TELL(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
		linger = (struct linger){0};
		length = sizeof(linger);
		TELL(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
		TELL(linger.l_onoff);
		TELL(linger.l_linger);
		struct timeval timeout = {1, 2000};

		TELL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
		length = sizeof(timeout);
		TELL(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &length));
		TELL(timeout.tv_sec);
		TELL(getsockopt(fd, SOL_SOCKET, SO_TYPE, name, (socklen_t *)8));
		length = -1;
		TELL(getsockopt(fd, IPPROTO_IP, IP_TTL, name, &length));
		close(fd);
	}
}

static void inherited(void)
{
	union address address;
	int listener = listening(AF_INET, &address), fd, peer, value = 44;

	TELL(option(listener, SOL_SOCKET, SO_ACCEPTCONN));
	setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof(value));
	setsockopt(listener, IPPROTO_IP, IP_TTL, &value, sizeof(value));
	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	peer = socket(AF_INET, SOCK_STREAM, 0);
	connect(peer, &address.sa, sizeof(address.in));
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	TELL(fcntl(fd, F_GETFL));
	TELL(fcntl(fd, F_GETFD));
	TELL(option(fd, SOL_SOCKET, SO_ACCEPTCONN));
	TELL(option(fd, SOL_SOCKET, SO_KEEPALIVE));
	TELL(option(fd, IPPROTO_TCP, TCP_KEEPIDLE));
	TELL(option(fd, IPPROTO_IP, IP_TTL));
	TELL(option(fd, IPPROTO_TCP, TCP_NODELAY));
	TELL(recv(fd, &value, 1, 0));
	fcntl(fd, F_SETFL, 0);
	send(peer, "x", 1, 0);
	TELL(recv(fd, &value, 1, 0));
	close(fd);
	close(peer);
}

static const char *epoll_events(int epoll, int timeout)
{
	static char text[40];
	struct epoll_event event;
	int n = epoll_wait(epoll, &event, 1, timeout);

	snprintf(text, sizeof(text), "%d: %#x", n, n > 0 ? event.events : 0);
	return text;
}

static void epolls(void)
{
	static const unsigned int modes[] = {0, EPOLLET, EPOLLONESHOT};
	char buffer[10];
	int ends[2];

	for (int i = 0; i < 3; i++) {
		int epoll = epoll_create1(0);
		struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | modes[i]};

		connected(AF_INET, ends);
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
		TELL(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
		TEXT(epoll_events(epoll, 0));
		send(ends[1], "0123456789", 10, 0);
		TEXT(epoll_events(epoll, SOON));
		TEXT(epoll_events(epoll, 0));
		TELL(recv(ends[0], buffer, 4, 0));
		TEXT(epoll_events(epoll, 0));
		TELL(recv(ends[0], buffer, 6, 0));
		TELL(recv(ends[0], buffer, 6, 0));
		TEXT(epoll_events(epoll, 0));
		if (modes[i] == EPOLLONESHOT)
			TELL(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event));
		send(ends[1], "x", 1, 0);
		TEXT(epoll_events(epoll, SOON));
		TELL(recv(ends[0], buffer, 6, 0));
		if (modes[i] == EPOLLONESHOT)
			TELL(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event));
		shutdown(ends[1], SHUT_WR);
		TEXT(epoll_events(epoll, SOON));
		TELL(recv(ends[0], buffer, 6, 0));
		event.events = EPOLLOUT | modes[i];
		TELL(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event));
		TEXT(epoll_events(epoll, SOON));
		both_close(ends);
		TEXT(epoll_events(epoll, 0));
		close(epoll);
	}
}

/* Data and the end of the stream at once, in a loop that reads what it is told of. */
static void ends(void)
{
	char buffer[10];
	int pair[2], epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};

	connected(AF_INET, pair);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
	send(pair[1], "0123", 4, 0);
	close(pair[1]);
	TEXT(events(pair[0], POLLRDHUP, SOON));
	TEXT(epoll_events(epoll, SOON));
	TELL(recv(pair[0], buffer, 10, 0));
	TEXT(epoll_events(epoll, 2000));
	TELL(recv(pair[0], buffer, 10, 0));
	close(pair[0]);
	/* a socket that was looked at before it was connected */
	union address address;
	int listener = listening(AF_INET, &address);

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	event.events = EPOLLIN | EPOLLOUT;
	epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
	TEXT(epoll_events(epoll, SOON));
	TELL(connect(pair[0], &address.sa, sizeof(address.in)));
	TEXT(events(pair[0], POLLOUT, SOON));
	TEXT(epoll_events(epoll, SOON));
	close(pair[0]);
	close(listener);
	close(epoll);
}

static void signal_driven(void)
{
	sigset_t set;
	int ends[2];
	struct timespec soon = {.tv_sec = 10};

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGURG);
	sigprocmask(SIG_BLOCK, &set, NULL);
	connected(AF_INET, ends);
	TELL(fcntl(ends[0], F_SETOWN, getpid()));
	TELL(fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	send(ends[1], "x", 1, 0);
	TELL(sigtimedwait(&set, NULL, &soon) == SIGIO);
	send(ends[1], "!", 1, MSG_OOB);
	int got = sigtimedwait(&set, NULL, &soon);

	/* both come, in no order */
	TELL(got == SIGIO || got == SIGURG);
	both_close(ends);
}

static void *send_later(void *fd)
{
	usleep(30000);
	send(*(int *)fd, "x", 1, 0);
	return NULL;
}

static void *connect_later(void *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	usleep(30000);
	connect(fd, address, sizeof(struct sockaddr_in));
	return NULL;
}

static void threads(void)
{
	union address address;
	int listener = listening(AF_INET, &address), ends[2];
	pthread_t thread;
	fd_set set;
	char c;

	connected(AF_INET, ends);
	pthread_create(&thread, NULL, send_later, &ends[1]);
	TELL(recv(ends[0], &c, 1, 0));
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, send_later, &ends[1]);
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	TELL(select(ends[0] + 1, &set, NULL, NULL, &(struct timeval){10, 0}));
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, connect_later, &address);
	WORKS(accept(listener, NULL, NULL));
	pthread_join(thread, NULL);
	both_close(ends);
}

int main(int argc, char **argv)
{
	static const struct report cases[] = {
		{"create", create},
		{"addresses", addresses},
		{"connecting", connecting},
		{"streams", streams},
		{"broken_pipe", broken_pipe},
		{"waits", waits},
		{"full", full},
		{"datagrams", datagrams},
		{"control", control},
		{"options", options},
		{"inherited", inherited},
		{"epolls", epolls},
		{"ends", ends},
		{"signal_driven", signal_driven},
		{"bad_memory", bad_memory},
		{"threads", threads},
		{NULL, NULL},
	};
	return report_main(cases, argc, argv);
}

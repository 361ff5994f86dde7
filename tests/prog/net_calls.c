/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_calls.c - what socket calls give: results, errors, lengths, flags, poll masks, what comes
 * beside the data.  CASE FOLDER ADDRESS, on the loopback address, in a network that nobody else
 * uses.  Ports and times are not printed.
 */
#include "net_report.h"

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- making ---- */

static void run_create(void)
{
	struct sockaddr_storage a;
	socklen_t length;
	int fd, other;

	TELL(socket(9999, SOCK_STREAM, 0));
	TELL(socket(-1, SOCK_STREAM, 0));
	TELL(socket(family, 77, 0));
	TELL(socket(family, SOCK_STREAM, IPPROTO_UDP));
	TELL(socket(family, SOCK_DGRAM, IPPROTO_TCP));
	TELL(socket(family, SOCK_RAW, 0));
	TELL(socket(family, SOCK_SEQPACKET, 0));
	TELL(socket(family, SOCK_STREAM | 0x10000000, 0));
	TELL(socketpair(family, SOCK_STREAM, 0, (int[2]){}));
	fd = WORKS(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	TELL(fcntl(fd, F_GETFD));
	TELL(fcntl(fd, F_GETFL));
	close(fd);

	fd = WORKS(socket(family, SOCK_STREAM, 0));
	show_name("fresh", fd, getsockname);
	show_name("fresh", fd, getpeername);
	TELL(accept(fd, NULL, NULL));
	TELL(send(fd, "x", 1, MSG_NOSIGNAL));
	TELL(recv(fd, (char[1]){}, 1, 0));
	TELL(shutdown(fd, SHUT_RDWR));
	show_poll("fresh", fd);
	make_address(&a, &length, 0);
	TELL(bind(fd, (void *)&a, 3));
	TELL(bind(fd, (void *)&a, 200));
	TELL(bind(fd, NULL, length));
	a.ss_family = AF_UNIX;
	TELL(bind(fd, (void *)&a, length));
	a.ss_family = AF_UNSPEC;
	TELL(bind(fd, (void *)&a, length));
	make_address(&a, &length, 0);
	foreign_address(&a);
	TELL(bind(fd, (void *)&a, length));
	make_address(&a, &length, 0);
	TELL(bind(fd, (void *)&a, length));
	TELL(bind(fd, (void *)&a, length));
	show_name("bound", fd, getsockname);
	other = WORKS(socket(family, SOCK_STREAM, 0));
	name_of(fd, &a, &length);
	TELL(bind(other, (void *)&a, length));
	TELL(listen(fd, 5));
	TELL(listen(fd, 0));
	show_poll("listening", fd);
	TELL(connect(fd, (void *)&a, length));
	TELL(send(fd, "x", 1, MSG_NOSIGNAL));
	TELL(recv(fd, (char[1]){}, 1, 0));
	TELL(fcntl(fd, F_SETFL, O_NONBLOCK));
	TELL(accept(fd, NULL, NULL));
	TELL(accept4(fd, NULL, NULL, 0x1));
	TELL(shutdown(fd, 7));
	TELL(shutdown(fd, SHUT_RDWR));
	show_poll("listening no more", fd);
	TELL(accept(fd, NULL, NULL));
	TELL(connect(other, (void *)&a, length));
	TELL(listen(other, 1));
	show_name("listening unbound", other, getsockname);
	close(other);
	close(fd);
	fd = WORKS(socket(family, SOCK_DGRAM, 0));
	TELL(listen(fd, 5));
	TELL(accept(fd, NULL, NULL));
	close(fd);
	TELL(bind(fd, (void *)&a, length));
	TELL(listen(0, 1));
	TELL(getsockname(0, (void *)&a, &length));
	/* into a line of a port below 1024 */
	fd = WORKS(socket(family, SOCK_STREAM, 0));
	make_address(&a, &length, 1);
	TELL(connect(fd, (void *)&a, length));
	show_poll("refused", fd);
	/* nothing leads there */
	foreign_address(&a);
	TELL(connect(fd, (void *)&a, length));
	TELL(connect(fd, (void *)&a, 5));
	TELL(connect(fd, NULL, length));
	TELL(fcntl(fd, F_SETFL, O_NONBLOCK));
	make_address(&a, &length, 1);
	TELL(connect(fd, (void *)&a, length));
	wait_poll(fd, POLLOUT);
	show_poll("refused", fd);
	TELL(get_int(fd, SOL_SOCKET, SO_ERROR));
	TELL(get_int(fd, SOL_SOCKET, SO_ERROR));
	TELL(write(fd, "x", 1));
	close(fd);
}

/* ---- streams ---- */

static void show_states(int a, int b)
{
	char buffer[100];
	int epoll = epoll_create1(0);

	watch(epoll, a);
	show_epoll("connected", epoll);
	TELL(write(b, "0123456789", 10));
	wait_poll(a, POLLIN);
	show_poll("data", a);
	show_epoll("data", epoll);
	TELL(ask_int(a, FIONREAD));
	TELL(recv(a, buffer, 3, MSG_PEEK));
	TELL(recv(a, buffer, 3, MSG_TRUNC));
	TELL(recv(a, NULL, 0, 0));
	TELL(recv(a, buffer, 0, MSG_PEEK));
	TELL(ask_int(a, FIONREAD));
	TELL(recv(a, buffer, 100, MSG_WAITALL | MSG_DONTWAIT));
	TELL(recv(a, buffer, 100, MSG_DONTWAIT));
	TELL(recv(a, buffer, 100, MSG_OOB));
	TELL(recv(a, buffer, 100, MSG_ERRQUEUE));
	TELL(send(b, "u", 1, MSG_OOB));
	wait_poll(a, POLLPRI);
	show_poll("urgent", a);
	show_epoll("urgent", epoll);
	TELL(ask_int(a, SIOCATMARK));
	TELL(recv(a, buffer, 100, MSG_OOB));
	TELL(recv(a, buffer, 100, MSG_OOB));
	TELL(recv(a, buffer, 100, MSG_DONTWAIT));
	TELL(shutdown(b, SHUT_WR));
	wait_poll(a, POLLRDHUP);
	show_poll("peer has ended", a);
	show_epoll("peer has ended", epoll);
	TELL(read(a, buffer, 10));
	TELL(send(b, "x", 1, MSG_NOSIGNAL));
	TELL(send(a, "back", 4, 0));
	wait_poll(b, POLLIN);
	TELL(shutdown(a, SHUT_WR));
	wait_poll(b, POLLRDHUP);
	show_poll("both have ended", a);
	show_poll("both have ended", b);
	show_epoll("both have ended", epoll);
	TELL(read(b, buffer, 10));
	TELL(read(b, buffer, 10));
	show_name("ended", a, getpeername);
	TELL(shutdown(a, SHUT_RD));
	TELL(shutdown(a, SHUT_RDWR));
	close(epoll);
}

static void run_stream(void)
{
	int a, b;

	make_pair(&a, &b);
	show_name("a", a, getsockname);
	show_name("b", b, getpeername);
	TELL(connect(a, NULL, 0));
	TELL(listen(a, 1));
	show_states(a, b);
	close(a);
	close(b);

	/* reset: data that nobody has read */
	make_pair(&a, &b);
	TELL(write(b, "unread", 6));
	wait_poll(a, POLLIN);
	close(a);
	wait_poll(b, POLLHUP);
	show_poll("reset", b);
	TELL(get_int(b, SOL_SOCKET, SO_ERROR));
	TELL(read(b, (char[4]){}, 4));
	TELL(send(b, "x", 1, MSG_NOSIGNAL));
	show_name("reset", b, getpeername);
	close(b);
	/* reset: by linger */
	make_pair(&a, &b);
	TELL(setsockopt(a, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)));
	close(a);
	wait_poll(b, POLLHUP);
	show_poll("reset", b);
	TELL(read(b, (char[4]){}, 4));
	TELL(read(b, (char[4]){}, 4));
	close(b);
	/* written to after the end */
	make_pair(&a, &b);
	close(a);
	wait_poll(b, POLLRDHUP);
	show_poll("closed", b);
	TELL(send(b, "x", 1, MSG_NOSIGNAL));
	wait_poll(b, POLLHUP);
	TELL(send(b, "x", 1, MSG_NOSIGNAL));
	TELL(read(b, (char[4]){}, 4));
	close(b);
	/* disconnected */
	make_pair(&a, &b);
	TELL(connect(a, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
	show_name("disconnected", a, getpeername);
	wait_poll(b, POLLHUP);
	TELL(read(b, (char[4]){}, 4));
	show_poll("disconnected", a);
	close(a);
	close(b);
}

static void run_accept(void)
{
	struct sockaddr_storage address = {};
	socklen_t length = 4;
	int listener = make_listener(&address), one, two;

	one = connected_to(listener);
	wait_poll(listener, POLLIN);
	show_poll("somebody waits", listener);
	memset(&address, 0x55, sizeof(address));
	length = 4;
	two = WORKS(accept4(listener, (void *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
	printf("length %d family %d next %x\n", (int)length, address.ss_family,
	       ((unsigned char *)&address)[4]);
	TELL(fcntl(two, F_GETFL));
	TELL(fcntl(two, F_GETFD));
	TELL(read(two, (char[1]){}, 1));
	close(two);
	close(one);
	one = connected_to(listener);
	length = -1;
	TELL(accept(listener, (void *)&address, &length));
	/* that took the connection with it */
	TELL(fcntl(listener, F_SETFL, O_NONBLOCK));
	TELL(accept(listener, NULL, NULL));
	close(one);
	/* gone before it is accepted */
	one = connected_to(listener);
	wait_poll(listener, POLLIN);
	setsockopt(one, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	close(one);
	two = WORKS(accept(listener, NULL, NULL));
	show_poll("reset in the queue", two);
	TELL(read(two, (char[1]){}, 1));
	show_name("reset in the queue", two, getpeername);
	close(two);
	/* options that are inherited */
	setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &(int){20000}, sizeof(int));
	one = connected_to(listener);
	wait_poll(listener, POLLIN);
	two = WORKS(accept(listener, NULL, NULL));
	TELL(fcntl(two, F_GETFL));
	TELL(get_int(two, SOL_SOCKET, SO_KEEPALIVE));
	TELL(get_int(two, IPPROTO_TCP, TCP_NODELAY));
	TELL(get_int(two, SOL_SOCKET, SO_RCVBUF));
	TELL(get_int(two, SOL_SOCKET, SO_ACCEPTCONN));
	TELL(get_int(listener, SOL_SOCKET, SO_ACCEPTCONN));
	close(one);
	close(two);
	close(listener);
}

/* ---- pointers, lengths, vectors ---- */

static void run_vectors(void)
{
	char *bad = (void *)16, buffer[20] = "", *large = calloc(1, 4 << 20);
	static struct iovec many[1025];
	struct iovec three[3] = {{"abc", 3}, {NULL, 0}, {"defg", 4}}, two[2];
	struct msghdr message = {.msg_iov = three, .msg_iovlen = 3};
	struct mmsghdr messages[3] = {};
	int a, b, n;

	make_pair(&a, &b);
	TELL(send(a, bad, 10, MSG_NOSIGNAL));
	TELL(sendto(a, "x", 1, MSG_NOSIGNAL, (void *)bad, 16));
	TELL(sendmsg(a, (void *)bad, 0));
	TELL(recvmsg(a, (void *)bad, 0));
	TELL(setsockopt(a, SOL_SOCKET, SO_KEEPALIVE, bad, 4));
	TELL(getsockopt(a, SOL_SOCKET, SO_KEEPALIVE, bad, &(socklen_t){4}));
	TELL(getsockopt(a, SOL_SOCKET, SO_KEEPALIVE, &n, (void *)bad));
	TELL(getsockname(a, (void *)bad, &(socklen_t){16}));
	TELL(getsockname(a, (void *)buffer, (void *)bad));
	TELL(getsockname(a, (void *)buffer, &(socklen_t){-1}));
	TELL(writev(a, three, 3));
	two[0] = (struct iovec){buffer, 2};
	two[1] = (struct iovec){buffer + 10, 5};
	wait_poll(b, POLLIN);
	TELL(readv(b, two, 2));
	TEXT(buffer);
	TEXT(buffer + 10);
	TELL(sendmsg(a, &message, 0));
	message.msg_iovlen = 1025;
	message.msg_iov = many;
	TELL(sendmsg(a, &message, 0));
	TELL(writev(a, many, 1025));
	message.msg_iovlen = 1024;
	TELL(sendmsg(a, &message, 0));
	message.msg_iovlen = 2;
	many[0] = (struct iovec){large, -1ul};
	TELL(sendmsg(a, &message, MSG_DONTWAIT));
	many[0] = (struct iovec){"good", 4};
	many[1] = (struct iovec){bad, 4};
	TELL(sendmsg(a, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
	message = (struct msghdr){
		.msg_iov = three, .msg_iovlen = 1, .msg_control = bad, .msg_controllen = 32};
	TELL(sendmsg(a, &message, 0));
	message.msg_control = large;
	message.msg_controllen = 32;
	TELL(sendmsg(a, &message, 0));
	message.msg_controllen = -1;
	TELL(sendmsg(a, &message, 0));
	wait_poll(b, POLLIN);
	TELL(recv(b, bad, 10, MSG_DONTWAIT));
	while (recv(b, large, 4 << 20, MSG_DONTWAIT) > 0)
		;
	for (n = 0; n < 3; n++)
		messages[n].msg_hdr = (struct msghdr){.msg_iov = three, .msg_iovlen = 3};
	TELL(sendmmsg(a, messages, 3, 0));
	TELL(messages[2].msg_len);
	wait_bytes(b, 21);
	for (n = 0; n < 3; n++)
		messages[n].msg_hdr = (struct msghdr){.msg_iov = two, .msg_iovlen = 2};
	TELL(recvmmsg(b, messages, 3, MSG_DONTWAIT, NULL));
	TELL(messages[2].msg_len);
	TELL(recvmmsg(b, messages, 3, MSG_DONTWAIT, NULL));
	TELL(sendmmsg(a, (void *)bad, 3, 0));
	TELL(recvmmsg(b, messages, 3, 0, (void *)bad));
	TELL(recvmmsg(b, messages, 3, 0, &(struct timespec){0, -5}));
	TELL(lseek(a, 0, SEEK_SET));
	TELL(pread(a, buffer, 1, 0));
	TELL(ftruncate(a, 0));
	TELL(fsync(a));
	close(a);
	close(b);
	free(large);
}

static void run_queues(void)
{
	static char data[1 << 16];
	ssize_t n, out = 0, in = 0;
	int a, b;

	/* the receiver stops; nothing is lost or said twice */
	make_pair(&a, &b);
	TELL(setsockopt(a, SOL_SOCKET, SO_SNDBUF, &(int){4000}, sizeof(int)));
	TELL(get_int(a, SOL_SOCKET, SO_SNDBUF));
	TELL(fcntl(a, F_SETFL, O_NONBLOCK));
	while ((n = write(a, data, sizeof(data))) > 0)
		out += n;
	TELL(write(a, data, 1));
	show_poll("full", a);
	TELL(ask_int(a, SIOCOUTQ) > 0);
	while (in < out && (n = read(b, data, sizeof(data))) > 0)
		in += n;
	printf("all of it: %d\n", in == out);
	wait_poll(a, POLLOUT);
	show_poll("empty", a);
	TELL(ask_int(b, FIONREAD));
	/* the end comes behind what is in the queue */
	TELL(write(a, data, 5000) > 0);
	close(a);
	for (in = 0; (n = read(b, data, 7)) > 0;)
		in += n;
	printf("before the end: %d, then %zd\n", in > 0, n);
	close(b);
	/* MSG_MORE and TCP_CORK keep it back */
	make_pair(&a, &b);
	TELL(setsockopt(a, IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int)));
	TELL(send(a, "abc", 3, 0));
	TELL(poll(&(struct pollfd){b, POLLIN, 0}, 1, 20));
	TELL(setsockopt(a, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int)));
	wait_poll(b, POLLIN);
	TELL(recv(b, data, 100, 0));
	TELL(send(a, "abc", 3, MSG_MORE));
	TELL(send(a, "def", 3, 0));
	wait_bytes(b, 6);
	TELL(recv(b, data, 100, 0));
	/* a low-water mark */
	TELL(setsockopt(b, SOL_SOCKET, SO_RCVLOWAT, &(int){5}, sizeof(int)));
	TELL(send(a, "abc", 3, 0));
	wait_bytes(b, 3);
	show_poll("below the mark", b);
	TELL(send(a, "abc", 3, 0));
	wait_poll(b, POLLIN);
	TELL(recv(b, data, 100, 0));
	close(a);
	close(b);
}

/* ---- datagrams ---- */

static void run_datagrams(void)
{
	struct sockaddr_storage address;
	socklen_t length;
	static char data[70000];
	struct mmsghdr messages[4] = {};
	struct iovec one = {data, 10};
	int a = datagram_socket(), b = datagram_socket();

	name_of(b, &address, &length);
	TELL(send(a, "x", 1, 0));
	TELL(sendto(a, "x", 1, 0, (void *)&address, 3));
	TELL(sendto(a, data, 65507, 0, (void *)&address, length));
	TELL(sendto(a, data, 65508, 0, (void *)&address, length));
	TELL(sendto(a, data, 65530, 0, (void *)&address, length));
	TELL(recv(b, data, sizeof(data), 0));
	TELL(recv(b, data, sizeof(data), MSG_DONTWAIT) > 0);
	TELL(sendto(a, NULL, 0, 0, (void *)&address, length));
	show_poll("an empty one", b);
	TELL(ask_int(b, FIONREAD));
	TELL(recv(b, data, 10, 0));
	TELL(sendto(a, "0123456789", 10, 0, (void *)&address, length));
	TELL(ask_int(b, FIONREAD));
	TELL(recv(b, data, 4, MSG_PEEK));
	TELL(recv(b, data, 4, MSG_PEEK | MSG_TRUNC));
	TELL(recv(b, (void *)16, 4, 0));
	TELL(recv(b, data, 4, MSG_DONTWAIT));
	TELL(recv(b, data, 4, MSG_DONTWAIT));
	TELL(connect(a, (void *)&address, length));
	show_name("connected", a, getpeername);
	TELL(send(a, "abc", 3, MSG_MORE));
	TELL(send(a, "def", 3, 0));
	TELL(recv(b, data, 100, 0));
	/* a stranger's does not arrive */
	name_of(a, &address, &length);
	TELL(sendto(b, "x", 1, 0, (void *)&address, length));
	TELL(recv(a, data, 10, 0));
	for (int n = 0; n < 4; n++)
		messages[n].msg_hdr = (struct msghdr){.msg_iov = &one, .msg_iovlen = 1};
	TELL(sendmmsg(a, messages, 4, 0));
	TELL(recvmmsg(b, messages, 4, 0, &(struct timespec){1, 0}));
	TELL(sendmmsg(a, messages, 2, 0));
	TELL(recvmmsg(b, messages, 4, MSG_WAITFORONE, NULL));
	TELL(setsockopt(a, IPPROTO_UDP, UDP_SEGMENT, &(int){100}, sizeof(int)));
	TELL(setsockopt(b, IPPROTO_UDP, UDP_GRO, &(int){1}, sizeof(int)));
	TELL(send(a, data, 450, 0));
	show_message("segments", b, 0);
	TELL(shutdown(a, SHUT_RD));
	TELL(recv(a, data, 10, 0));
	TELL(shutdown(a, SHUT_WR));
	TELL(send(a, "x", 1, MSG_NOSIGNAL));
	close(a);
	a = datagram_socket();
	name_of(b, &address, &length);
	connect(a, (void *)&address, length);
	close(b);
	TELL(send(a, "x", 1, 0));
	wait_poll(a, POLLIN);
	show_poll("nobody there", a);
	TELL(send(a, "x", 1, 0));
	TELL(connect(a, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
	show_name("disconnected", a, getpeername);
	show_name("disconnected", a, getsockname);
	close(a);
	/* a queue that is full drops */
	a = datagram_socket();
	b = datagram_socket();
	TELL(setsockopt(b, SOL_SOCKET, SO_RCVBUF, &(int){4000}, sizeof(int)));
	name_of(b, &address, &length);
	for (int n = 0; n < 100; n++)
		sendto(a, data, 1000, 0, (void *)&address, length);
	for (length = 0; recv(b, data, 2000, MSG_DONTWAIT) == 1000; length++)
		;
	printf("kept: %d\n", length > 0 && length < 10);
	foreign_address(&address);
	TELL(sendto(a, "x", 1, 0, (void *)&address, sizeof(address)));
	close(a);
	close(b);
}

static void run_ancillary(void)
{
	struct sockaddr_storage address;
	socklen_t length;
	int a = datagram_socket(), b = datagram_socket();

	name_of(b, &address, &length);
	if (family == AF_INET) {
		for (int option = 1; option < 26; option++)
			if (option == IP_PKTINFO || option == IP_RECVTTL || option == IP_RECVTOS ||
			    option == IP_RECVORIGDSTADDR || option == IP_RECVFRAGSIZE)
				TELL(setsockopt(b, IPPROTO_IP, option, &(int){1}, sizeof(int)));
		TELL(setsockopt(a, IPPROTO_IP, IP_TTL, &(int){7}, sizeof(int)));
		TELL(setsockopt(a, IPPROTO_IP, IP_TTL, &(int){256}, sizeof(int)));
		TELL(setsockopt(a, IPPROTO_IP, IP_TOS, &(int){0x10}, sizeof(int)));
		TELL(setsockopt(a, IPPROTO_IP, IP_RECVERR, &(int){1}, sizeof(int)));
	} else {
		TELL(setsockopt(b, IPPROTO_IPV6, IPV6_RECVPKTINFO, &(int){1}, sizeof(int)));
		TELL(setsockopt(b, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &(int){1}, sizeof(int)));
		TELL(setsockopt(b, IPPROTO_IPV6, IPV6_RECVTCLASS, &(int){1}, sizeof(int)));
		TELL(setsockopt(a, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &(int){7}, sizeof(int)));
		TELL(setsockopt(a, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &(int){256}, sizeof(int)));
		TELL(setsockopt(a, IPPROTO_IPV6, IPV6_RECVERR, &(int){1}, sizeof(int)));
	}
	TELL(setsockopt(b, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int)));
	TELL(setsockopt(b, SOL_SOCKET, SO_RXQ_OVFL, &(int){1}, sizeof(int)));
	TELL(setsockopt(b, SOL_SOCKET, SO_RCVMARK, &(int){1}, sizeof(int)));
	TELL(setsockopt(a, SOL_SOCKET, SO_MARK, &(int){0x1234}, sizeof(int)));
	TELL(sendto(a, "0123456789", 10, 0, (void *)&address, length));
	wait_poll(b, POLLIN);
	show_message("options", b, 0);
	close(b);
	TELL(sendto(a, "nobody", 6, 0, (void *)&address, length));
	wait_poll(a, POLLERR);
	show_poll("error queue", a);
	show_message("error queue", a, MSG_ERRQUEUE);
	TELL(recv(a, (char[4]){}, 4, MSG_DONTWAIT));
	/* the time it was sent */
	TELL(setsockopt(a, SOL_SOCKET, SO_TIMESTAMPING, &(int){1 << 1 | 1 << 4 | 1 << 7 | 1 << 11},
			sizeof(int)));
	b = datagram_socket();
	name_of(b, &address, &length);
	TELL(sendto(a, "x", 1, 0, (void *)&address, length));
	wait_poll(a, POLLERR);
	show_message("sent", a, MSG_ERRQUEUE);
	close(a);
	close(b);
}

/* ---- other families ---- */

static void run_raw(void)
{
	struct sockaddr_storage address;
	socklen_t length;
	char echo[12] = {family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
			 0,
			 0,
			 0,
			 1,
			 2,
			 3,
			 4,
			 'd',
			 'a',
			 't',
			 'a'};
	unsigned char got[200];
	ssize_t size;
	int fd;

	make_address(&address, &length, 0);
	fd = WORKS(socket(family, SOCK_RAW,
			  family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6));
	if (family == AF_INET) {
		TELL(setsockopt(fd, SOL_RAW, 1, &(int){~(1 << ICMP_ECHOREPLY)}, sizeof(int)));
		/* the ones' complement of the sum of 0800 0102 0304 6461 7461 */
		echo[2] = (char)0x1b;
		echo[3] = (char)0x37;
	}
	TELL(sendto(fd, echo, sizeof(echo), 0, (void *)&address, length));
	do
		size = recv(fd, got, sizeof(got), 0);
	while (size > 0 && family == AF_INET6 && got[0] != ICMP6_ECHO_REPLY);
	printf("answer %zd:", size);
	for (ssize_t n = family == AF_INET ? 20 : 0; n < size; n++)
		if (n - (family == AF_INET ? 20 : 0) < 2 || size - n <= 8)
			printf(" %02x", got[n]);
	printf("\n");
	close(fd);
	fd = WORKS(socket(family, SOCK_RAW, IPPROTO_RAW));
	TELL(recv(fd, got, 10, MSG_DONTWAIT));
	TELL(sendto(fd, echo, 5, 0, (void *)&address, length));
	TELL(get_int(fd, IPPROTO_IP, IP_HDRINCL));
	close(fd);
	/* ping sockets are for the groups that may */
	fd = WORKS(socket(family, SOCK_DGRAM,
			  family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6));
	TELL(socket(AF_PACKET, SOCK_STREAM, 0));
	fd = WORKS(socket(AF_PACKET, SOCK_DGRAM, 0));
	show_poll("packets", fd);
	TELL(recv(fd, got, 10, MSG_DONTWAIT));
	TELL(send(fd, got, 10, 0));
	close(fd);
}

static void run_unix(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX}, peer;
	socklen_t length;
	char control[CMSG_SPACE(sizeof(int) * 2)] = "", text[100];
	struct iovec data = {"xyz", 3};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	int pair[2], fd, types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

	for (int n = 0; n < 3; n++) {
		WORKS(socketpair(AF_UNIX, types[n], 0, pair));
		TELL(write(pair[0], "abc", 3));
		TELL(write(pair[0], "defg", 4));
		TELL(ask_int(pair[1], FIONREAD));
		TELL(recv(pair[1], text, 2, MSG_TRUNC));
		TELL(recv(pair[1], text, 100, 0));
		TELL(recv(pair[1], text, 100, MSG_DONTWAIT));
		length = sizeof(peer);
		TELL(getsockname(pair[0], (void *)&peer, &length));
		printf("length %d\n", (int)length);
		TELL(shutdown(pair[0], SHUT_WR));
		show_poll("peer has ended", pair[1]);
		TELL(recv(pair[1], text, 100, MSG_DONTWAIT));
		close(pair[0]);
		show_poll("peer is gone", pair[1]);
		TELL(send(pair[1], "x", 1, MSG_NOSIGNAL));
		close(pair[1]);
	}
	/* descriptors in transit */
	WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	cmsg = CMSG_FIRSTHDR(&message);
	*cmsg = (struct cmsghdr){CMSG_LEN(sizeof(int) * 2), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(cmsg), pair, sizeof(pair));
	TELL(sendmsg(pair[0], &message, 0));
	show_message("two descriptors", pair[1], MSG_CMSG_CLOEXEC);
	memcpy(CMSG_DATA(cmsg), (int[2]){pair[0], 999}, sizeof(pair));
	TELL(sendmsg(pair[0], &message, 0));
	TELL(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)));
	TELL(write(pair[0], "c", 1));
	show_message("credentials", pair[1], 0);
	close(pair[0]);
	close(pair[1]);
	/* abstract names */
	fd = WORKS(socket(AF_UNIX, SOCK_STREAM, 0));
	memcpy(name.sun_path, "\0an abstract name", 17);
	TELL(bind(fd, (void *)&name, sizeof(sa_family_t) + 17));
	TELL(bind(fd, (void *)&name, sizeof(sa_family_t) + 17));
	TELL(listen(fd, 1));
	pair[0] = WORKS(socket(AF_UNIX, SOCK_STREAM, 0));
	TELL(connect(pair[0], (void *)&name, sizeof(sa_family_t) + 16));
	TELL(connect(pair[0], (void *)&name, sizeof(sa_family_t) + 17));
	length = sizeof(peer);
	TELL(getpeername(pair[0], (void *)&peer, &length));
	printf("length %d %s\n", (int)length, peer.sun_path + 1);
	/* the queue is full */
	for (int n = 0; n < 5; n++) {
		pair[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		TELL(connect(pair[1], (void *)&name, sizeof(sa_family_t) + 17));
	}
	pair[1] = WORKS(accept(fd, (void *)&peer, &length));
	printf("length %d\n", (int)length);
	close(fd);
	TELL(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&name, sizeof(sa_family_t) + 17));
	/* a name by itself */
	fd = WORKS(socket(AF_UNIX, SOCK_DGRAM, 0));
	TELL(bind(fd, (void *)&name, sizeof(sa_family_t)));
	length = sizeof(peer);
	TELL(getsockname(fd, (void *)&peer, &length));
	printf("length %d\n", (int)length);
	TELL(socket(AF_UNIX, SOCK_RDM, 0));
}

static void run_multicast(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xef010203)};
	struct sockaddr_storage name;
	socklen_t length;
	struct ip_mreqn group = {{htonl(0xef010203)}, {htonl(INADDR_LOOPBACK)}, 0};
	int a = WORKS(socket(AF_INET, SOCK_DGRAM, 0)), b = WORKS(socket(AF_INET, SOCK_DGRAM, 0));

	TELL(bind(b, &(struct sockaddr){.sa_family = AF_INET}, sizeof(struct sockaddr_in)));
	length = sizeof(name);
	getsockname(b, (void *)&name, &length);
	to.sin_port = ((struct sockaddr_in *)&name)->sin_port;
	TELL(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, 3));
	TELL(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)));
	TELL(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)));
	TELL(setsockopt(a, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof(group)));
	TELL(setsockopt(a, IPPROTO_IP, IP_MULTICAST_TTL, &(int){3}, sizeof(int)));
	TELL(get_int(a, IPPROTO_IP, IP_MULTICAST_LOOP));
	TELL(sendto(a, "to all", 6, 0, (void *)&to, sizeof(to)));
	TELL(poll(&(struct pollfd){b, POLLIN, 0}, 1, 2000));
	TELL(recv(b, (char[10]){}, 10, MSG_DONTWAIT));
	TELL(setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof(group)));
	TELL(setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof(group)));
	to.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	TELL(sendto(a, "x", 1, 0, (void *)&to, sizeof(to)));
	TELL(setsockopt(a, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int)));
	TELL(sendto(a, "x", 1, 0, (void *)&to, sizeof(to)));
	to.sin_addr.s_addr = htonl(0x7fffffff);
	TELL(sendto(a, "to the network", 14, 0, (void *)&to, sizeof(to)));
	close(a);
	close(b);
}

/* Several listeners of a port: each connection goes to one of them. */
static void run_reuse(void)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd[4], a, b, accepted = 0;

	make_address(&address, &length, 0);
	for (int n = 0; n < 4; n++) {
		fd[n] = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		TELL(setsockopt(fd[n], SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)));
		TELL(bind(fd[n], (void *)&address, length));
		TELL(listen(fd[n], 100));
		name_of(fd[n], &address, &length);
	}
	for (int n = 0; n < 40; n++)
		connected_to(fd[0]);
	for (int n = 0; n < 4; n++)
		while (accept(fd[n], NULL, NULL) >= 0)
			accepted++;
	printf("accepted %d\n", accepted);
	a = socket(family, SOCK_STREAM, 0);
	TELL(bind(a, (void *)&address, length));
	for (int n = 0; n < 4; n++)
		close(fd[n]);
	TELL(bind(a, (void *)&address, length));
	close(a);
	/* a port whose last connection waits for its end */
	make_pair(&a, &b);
	name_of(a, &address, &length);
	close(a);
	wait_poll(b, POLLRDHUP);
	close(b);
	a = socket(family, SOCK_STREAM, 0);
	TELL(bind(a, (void *)&address, length));
	TELL(setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)));
	TELL(bind(a, (void *)&address, length));
	TELL(listen(a, 1));
	close(a);
}

int main(int argc, char **argv)
{
	static const struct report cases[] = {
		{"create", run_create},	      {"stream", run_stream}, {"accept", run_accept},
		{"vectors", run_vectors},     {"queues", run_queues}, {"datagrams", run_datagrams},
		{"ancillary", run_ancillary}, {"raw", run_raw},	      {"unix", run_unix},
		{"multicast", run_multicast}, {"reuse", run_reuse},   {}};

	return net_report_main(cases, argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_waits.c - what blocking socket calls give when something comes in between: signals, time
 * limits, threads that close and shut down, forks; and each option of each level.
 * CASE FOLDER ADDRESS, on the loopback address, in a network that nobody else uses.
 */
#include "net_report.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

static int a, b, listener; /* what the calls use */
static char large[4 << 20];

/* ---- the calls ---- */

static long call_recv(void)
{
	return recv(a, large, 10, 0);
}
static long call_read(void)
{
	return read(a, large, 10);
}
static long call_recvmsg(void)
{
	struct iovec iov = {large, 10};

	return recvmsg(a, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0);
}
static long call_recvmmsg(void)
{
	struct iovec iov = {large, 10};
	struct mmsghdr one = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

	return recvmmsg(a, &one, 1, 0, NULL);
}
static long call_waitall(void)
{
	return recv(a, large, 10, MSG_WAITALL);
}
static long call_send(void)
{
	return send(a, large, sizeof(large), MSG_NOSIGNAL);
}
static long call_write(void)
{
	return write(a, large, sizeof(large));
}
static long call_accept(void)
{
	return accept(listener, NULL, NULL);
}
static long call_accept4(void)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}
static long call_poll(void)
{
	return poll(&(struct pollfd){a, POLLIN, 0}, 1, -1);
}
static long call_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(a, &set);
	return select(a + 1, &set, NULL, NULL, NULL);
}
static long call_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0);
	long result;

	epoll_ctl(epoll, EPOLL_CTL_ADD, a, &event);
	result = epoll_wait(epoll, &event, 1, -1);
	close(epoll);
	return result;
}
/* The queue of the listener is full: nobody answers. */
static long call_connect(void)
{
	struct sockaddr_storage address;
	socklen_t length;

	name_of(listener, &address, &length);
	return connect(a, (void *)&address, length);
}

enum needs { CONNECTED, FULL, LISTENING, UNANSWERED };

static const struct blocking {
	const char *name;
	long (*call)(void);
	enum needs needs;
} blocking[] = {
	{"recv", call_recv, CONNECTED},
	{"read", call_read, CONNECTED},
	{"recvmsg", call_recvmsg, CONNECTED},
	{"recvmmsg", call_recvmmsg, CONNECTED},
	{"MSG_WAITALL", call_waitall, CONNECTED},
	{"send", call_send, FULL},
	{"write", call_write, FULL},
	{"accept", call_accept, LISTENING},
	{"accept4", call_accept4, LISTENING},
	{"connect", call_connect, UNANSWERED},
	{"poll", call_poll, CONNECTED},
	{"select", call_select, CONNECTED},
	{"epoll_wait", call_epoll, CONNECTED},
};
#define CALLS (sizeof(blocking) / sizeof(blocking[0]))

static void set_up(enum needs needs)
{
	struct sockaddr_storage address;

	listener = make_listener(&address);
	if (needs == LISTENING)
		return;
	if (needs == UNANSWERED) {
		int other;

		listen(listener, 0);
		for (int n = 0; n < 3; n++) {
			other = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
			a = other;
			call_connect();
		}
		usleep(50000);
		a = socket(family, SOCK_STREAM, 0);
		return;
	}
	b = connected_to(listener);
	a = accept(listener, NULL, NULL);
	if (needs == FULL) {
		setsockopt(a, SOL_SOCKET, SO_SNDBUF, &(int){10000}, sizeof(int));
		setsockopt(b, SOL_SOCKET, SO_RCVBUF, &(int){10000}, sizeof(int));
		/* full for longer than a probe of the window takes */
		while (send(a, large, 100000, MSG_DONTWAIT) > 0 || poll_mask(a, POLLOUT, 300))
			;
	}
}

static void take_down(void)
{
	for (int fd = 3; fd < 50; fd++)
		close(fd);
}

/* ---- what comes in between ---- */

static volatile sig_atomic_t hits;
static pthread_t waiter;
static int waiter_tid;
static const struct blocking *now;
static long result;
static int result_errno, ended;

static void count(int signal)
{
	(void)signal;
	hits++;
}

static void *wait_in_call(void *unused)
{
	int type;

	(void)unused;
	/* a thread's first call may wait for more than what it asks */
	getsockopt(listener, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof(type)});
	__atomic_store_n(&waiter_tid, gettid(), __ATOMIC_SEQ_CST);
	result = now->call();
	result_errno = errno;
	__atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Until the thread sleeps and goes on sleeping, or is back. */
static void wait_blocked(void)
{
	char path[64], text[256];
	int calm = 0;

	while (!__atomic_load_n(&waiter_tid, __ATOMIC_SEQ_CST))
		usleep(1000);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", waiter_tid);
	for (int i = 0; i < 3000 && calm < 40 && !__atomic_load_n(&ended, __ATOMIC_SEQ_CST); i++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		char *state;

		text[n > 0 ? n : 0] = '\0';
		state = strrchr(text, ')');
		calm = state && state[2] == 'S' ? calm + 1 : 0;
		close(fd);
		usleep(1000);
	}
}

static void start(const struct blocking *call)
{
	now = call;
	waiter_tid = ended = 0;
	need("thread", !pthread_create(&waiter, NULL, wait_in_call, NULL));
	wait_blocked();
}

/* Whether it comes back in time; it is never left behind. */
static void tell_end(const char *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	if (pthread_timedjoin_np(waiter, NULL, &until)) {
		printf("%s, %s: does not come back\n", now->name, what);
		exit(1);
	}
	printf("%s, %s: ", now->name, what);
	if (result < 0)
		printf("%s\n", strerrorname_np(result_errno));
	else
		/* a descriptor has any number */
		printf("%ld\n", now->needs == LISTENING ? 0 : result);
	fflush(stdout);
}

static void run_signals(void)
{
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		sigaction(SIGUSR1, &(struct sigaction){.sa_handler = count, .sa_flags = flags},
			  NULL);
		for (size_t n = 0; n < CALLS; n++) {
			set_up(blocking[n].needs);
			hits = 0;
			start(&blocking[n]);
			pthread_kill(waiter, SIGUSR1);
			if (flags) {
				wait_blocked();
				printf("%s: %s\n", blocking[n].name, ended ? "is over" : "goes on");
				if (blocking[n].needs == LISTENING)
					connected_to(listener);
				else if (blocking[n].needs == FULL)
					shutdown(a, SHUT_WR);
				else if (blocking[n].needs == UNANSWERED)
					shutdown(a, SHUT_RDWR);
				else
					send(b, "0123456789", 10, 0);
			}
			tell_end(flags ? "SA_RESTART" : "a signal");
			take_down();
		}
	}
}

static long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/*
 * SO_RCVTIMEO and SO_SNDTIMEO: not early by more than two ticks (one is Linux's own, another one
 * may be late on a busy machine), not much later; with SA_RESTART a signal ends them.
 */
static void run_limits(void)
{
	struct timeval limit = {0, 150000};

	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = count, .sa_flags = SA_RESTART}, NULL);
	for (size_t n = 0; n < CALLS; n++) {
		long start_ms, took;

		if (strstr("poll select epoll_wait", blocking[n].name))
			continue;
		for (int with_signal = 0; with_signal < 2; with_signal++) {
			limit = with_signal ? (struct timeval){5, 0} : (struct timeval){0, 150000};
			set_up(blocking[n].needs);
			for (int fd = 3; fd < 12; fd++) {
				setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
				setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
			}
			start_ms = now_ms();
			if (with_signal) {
				start(&blocking[n]);
				pthread_kill(waiter, SIGUSR1);
				tell_end("a signal in limited time");
			} else {
				result = blocking[n].call();
				took = now_ms() - start_ms;
				printf("%s: %s, %s\n", blocking[n].name,
				       result < 0 ? strerrorname_np(errno) : "success",
				       took < 129     ? "early"
				       : took < 30000 ? "in time"
						      : "late");
			}
			take_down();
		}
	}
	a = socket(family, SOCK_STREAM, 0);
	TELL(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 2000000}, sizeof(limit)));
	TELL(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){-1, 0}, sizeof(limit)));
	TELL(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &limit, 4));
}

static void run_shutdowns(void)
{
	static const char *const names[] = {"SHUT_RD", "SHUT_WR", "SHUT_RDWR"};

	for (size_t n = 0; n < CALLS; n++)
		for (int how = SHUT_RD; how <= SHUT_RDWR; how++) {
			/* what does not end by it */
			if ((how == SHUT_WR && blocking[n].needs != FULL) ||
			    (how == SHUT_RD && blocking[n].needs == FULL))
				continue;
			set_up(blocking[n].needs);
			start(&blocking[n]);
			shutdown(blocking[n].needs == LISTENING ? listener : a, how);
			tell_end(names[how]);
			take_down();
		}
}

/* close() of what another thread waits for: the call goes on until something comes. */
static void run_closes(void)
{
	for (size_t n = 0; n < CALLS; n++) {
		int copy;

		/* may end by it with EBADF or wait on: select(2) leaves it open */
		if (!strcmp(blocking[n].name, "select"))
			continue;
		set_up(blocking[n].needs);
		copy = fcntl(blocking[n].needs == LISTENING ? listener : a, F_DUPFD, 30);
		start(&blocking[n]);
		TELL(close(blocking[n].needs == LISTENING ? listener : a));
		wait_blocked();
		if (blocking[n].needs == LISTENING)
			connected_to(copy);
		else if (blocking[n].needs == CONNECTED)
			send(b, "0123456789", 10, 0);
		else
			shutdown(copy, SHUT_RDWR);
		tell_end("closed by another thread");
		take_down();
	}
	/* with nobody else who has it */
	for (size_t n = 0; n < CALLS; n++) {
		if (blocking[n].needs != CONNECTED ||
		    strstr("select epoll_wait poll", blocking[n].name))
			continue;
		set_up(blocking[n].needs);
		start(&blocking[n]);
		TELL(close(a));
		wait_blocked();
		send(b, "0123456789", 10, 0);
		tell_end("closed, the last one");
		/* now it is gone for the peer, too */
		wait_poll(b, POLLRDHUP);
		show_poll("peer", b);
		take_down();
	}
}

/* The peer's end in each way, for each call. */
static void run_peers(void)
{
	for (size_t n = 0; n < CALLS; n++)
		for (int reset = 0; reset < 2; reset++) {
			if (blocking[n].needs != CONNECTED && blocking[n].needs != FULL)
				continue;
			set_up(blocking[n].needs);
			start(&blocking[n]);
			if (reset)
				setsockopt(b, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
					   sizeof(struct linger));
			close(b);
			tell_end(reset ? "the peer resets" : "the peer closes");
			take_down();
		}
}

static void run_forks(void)
{
	char text[20] = "";
	int status;

	set_up(CONNECTED);
	/* both have the socket: the last one ends the connection */
	if (!fork()) {
		close(b);
		send(a, "child", 5, 0);
		_exit(0);
	}
	wait(&status);
	TELL(recv(b, text, 20, 0));
	TELL(send(a, "parent", 6, 0));
	TELL(recv(b, text, 20, 0));
	TEXT(text);
	if (!fork()) {
		usleep(50000);
		send(a, "late", 4, 0);
		_exit(0);
	}
	close(a);
	memset(text, 0, sizeof(text));
	TELL(recv(b, text, 20, 0));
	TEXT(text);
	TELL(recv(b, text, 20, 0));
	wait(&status);
	/* children of one listener */
	for (int n = 0; n < 4; n++)
		if (!fork()) {
			for (;;) {
				int peer = accept(listener, NULL, NULL);

				if (peer < 0)
					_exit(7);
				write(peer, "served", 6);
				close(peer);
			}
		}
	for (int n = 0; n < 20; n++) {
		memset(text, 0, sizeof(text));
		a = connected_to(listener);
		if (recv(a, text, 6, MSG_WAITALL) != 6 || strcmp(text, "served"))
			printf("not served: %s\n", text);
		close(a);
	}
	shutdown(listener, SHUT_RDWR);
	while (wait(&status) > 0)
		printf("child: %d\n", WEXITSTATUS(status));
	/* a child that is killed while it waits */
	take_down();
	set_up(CONNECTED);
	status = fork();
	if (!status) {
		recv(a, text, 1, 0);
		_exit(0);
	}
	close(a);
	usleep(50000);
	kill(status, SIGKILL);
	wait(NULL);
	TELL(recv(b, text, 1, 0));
}

static void run_many(void)
{
	enum { COUNT = 1200 };
	static struct pollfd polled[COUNT];
	static unsigned char set[COUNT * 2 / 8 + 64];
	int epoll = epoll_create1(0), one[2], ready = 0;
	struct epoll_event event;

	set_up(LISTENING);
	listen(listener, 4000);
	for (int n = 0; n < COUNT; n++) {
		one[0] = connected_to(listener);
		one[1] = accept(listener, NULL, NULL);
		need("many sockets", one[0] >= 0 && one[1] >= 0);
		polled[n] = (struct pollfd){one[1], POLLIN, 0};
		watch(epoll, one[1]);
		if (n % 100 == 7)
			TELL(send(one[0], "x", 1, 0));
	}
	for (int n = 0; n < COUNT; n++)
		if (n % 100 == 7)
			wait_poll(polled[n].fd, POLLIN);
	TELL(poll(polled, COUNT, 0));
	for (int n = 0; n < COUNT; n++)
		if (polled[n].fd < (int)sizeof(set) * 8)
			set[polled[n].fd / 8] |= 1 << polled[n].fd % 8;
	/* libc's fd_set ends at 1024, the kernel's sets do not */
	ready = syscall(SYS_select,
			one[1] + 1 < (int)sizeof(set) * 8 ? one[1] + 1 : (int)sizeof(set) * 8, set,
			NULL, NULL, &(struct timeval){1, 0});
	printf("select: %d\n", ready);
	for (ready = 0; ready < 100; ready++)
		if (epoll_wait(epoll, &event, 1, 0) != 1 || !(event.events & EPOLLOUT))
			break;
	printf("epoll: %d\n", ready);
}

/* ---- every option ---- */

/* Those whose values or errors two kernels need not have in common. */
static const struct {
	int level, first, last;
} untold[] = {
	/* cookies, CPUs, memory, processes */
	{SOL_SOCKET, SO_PEERCRED, SO_PEERCRED},
	{SOL_SOCKET, SO_BUSY_POLL, SO_BUSY_POLL},
	{SOL_SOCKET, SO_INCOMING_CPU, SO_INCOMING_CPU},
	{SOL_SOCKET, SO_MEMINFO, SO_PEERGROUPS},
	{SOL_SOCKET, SO_BINDTOIFINDEX, SO_NETNS_COOKIE},
	/* Linux 6.16 refuses them where they mean nothing: SO_PASSCRED, PASSSEC, PASSPIDFD,
	   PASSRIGHTS */
	{SOL_SOCKET, SO_PASSCRED, SO_PASSCRED},
	{SOL_SOCKET, SO_PASSSEC, SO_PASSSEC},
	{SOL_SOCKET, 74, 89},
	/* a rump kernel keeps no pages of programs: they are told to copy */
	{SOL_SOCKET, SO_ZEROCOPY, SO_ZEROCOPY},
	/* IPsec, the tables of netfilter: by configuration and modules */
	{IPPROTO_IP, 16, 17},
	{IPPROTO_IP, 64, 89},
	{IPPROTO_IPV6, 34, 35},
	{IPPROTO_IPV6, 64, 69},
	{IPPROTO_IPV6, 80, 89},
	/* names, times; MD5 and AO: by configuration; what is newer */
	{IPPROTO_TCP, TCP_INFO, TCP_CONGESTION},
	{IPPROTO_TCP, 14, 14},
	{IPPROTO_TCP, TCP_TIMESTAMP, TCP_TIMESTAMP},
	{IPPROTO_TCP, TCP_CC_INFO, TCP_SAVED_SYN},
	{IPPROTO_TCP, TCP_ULP, TCP_MD5SIG_EXT},
	{IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, 89},
};

static void sweep(const char *what, int fd, int level)
{
	unsigned char value[256];
	socklen_t length;

	for (int option = 0; option < 90; option++) {
		int skip = 0;

		for (size_t n = 0; n < sizeof(untold) / sizeof(untold[0]); n++)
			skip |= untold[n].level == level && untold[n].first <= option &&
				option <= untold[n].last;
		if (skip)
			continue;
		length = sizeof(value);
		memset(value, 0, sizeof(value));
		printf("%s %d %d:", what, level, option);
		if (getsockopt(fd, level, option, value, &length)) {
			printf(" get %s", strerrorname_np(errno));
		} else {
			printf(" %d bytes", (int)length);
			for (socklen_t n = 0; n < length && n < 8; n++)
				printf(" %02x", value[n]);
		}
		printf("; set 1: %s", setsockopt(fd, level, option, &(int){1}, sizeof(int))
					      ? strerrorname_np(errno)
					      : "works");
		printf(", -1: %s", setsockopt(fd, level, option, &(int){-1}, sizeof(int))
					   ? strerrorname_np(errno)
					   : "works");
		printf(", none: %s",
		       setsockopt(fd, level, option, NULL, 0) ? strerrorname_np(errno) : "works");
		printf(", bad: %s", setsockopt(fd, level, option, (void *)16, 4)
					    ? strerrorname_np(errno)
					    : "works");
		printf(", 1 byte: %s\n",
		       setsockopt(fd, level, option, "\1", 1) ? strerrorname_np(errno) : "works");
	}
}

static void run_options(void)
{
	int fd = socket(family, SOCK_STREAM, 0);
	int levels[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP,
			255,	    263,	4711,	      -1};

	for (size_t n = 0; n < sizeof(levels) / sizeof(levels[0]); n++) {
		fd = socket(family, SOCK_STREAM, 0);
		sweep("stream", fd, levels[n]);
		fd = socket(family, SOCK_DGRAM, 0);
		sweep("datagrams", fd, levels[n]);
		fd = socket(family, SOCK_RAW, IPPROTO_ICMP);
		sweep("raw", fd, levels[n]);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		sweep("unix", fd, levels[n]);
	}
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	sweep("packet", fd, SOL_SOCKET);
	sweep("packet", fd, 263);
	fd = socket(AF_NETLINK, SOCK_RAW, 0);
	sweep("netlink", fd, SOL_SOCKET);
	sweep("netlink", fd, 270);
}

static void run_ioctls(void)
{
	/* of lo, which both have; what no program may do as a matter of course */
	static const int requests[] = {SIOCGIFFLAGS,  SIOCGIFADDR,   SIOCGIFBRDADDR, SIOCGIFNETMASK,
				       SIOCGIFMTU,    SIOCGIFHWADDR, SIOCGIFINDEX,   SIOCGIFMETRIC,
				       SIOCGIFTXQLEN, SIOCGIFMAP,    SIOCGIFDSTADDR, SIOCGIFPFLAGS,
				       SIOCSIFMTU,    SIOCGIFBR,     SIOCGIFNAME};
	struct ifreq request;
	struct ifconf list = {};
	int fd = socket(family, SOCK_DGRAM, 0);

	for (size_t n = 0; n < sizeof(requests) / sizeof(requests[0]); n++) {
		memset(&request, 0, sizeof(request));
		strcpy(request.ifr_name, "lo");
		printf("%x: ", requests[n]);
		request.ifr_ifindex = requests[n] == SIOCGIFNAME ? 1 : 0;
		if (ioctl(fd, requests[n], &request)) {
			printf("%s\n", strerrorname_np(errno));
			continue;
		}
		for (int byte = 0; byte < 8; byte++)
			printf(" %02x", ((unsigned char *)&request.ifr_ifru)[byte]);
		printf(" %s\n", request.ifr_name);
	}
	strcpy(request.ifr_name, "none0");
	TELL(ioctl(fd, SIOCGIFINDEX, &request));
	TELL(ioctl(fd, SIOCGIFINDEX, (void *)16));
	TELL(ioctl(fd, SIOCGIFCONF, &list));
	TELL(ioctl(fd, SIOCETHTOOL, &request));
	TELL(ioctl(fd, SIOCGSTAMP, (char[16]){}));
	TELL(ioctl(fd, TCGETS, (char[60]){}));
	TELL(ioctl(fd, 0x12345678, NULL));
	TELL(ioctl(fd, FIONBIO, &(int){1}));
	TELL(fcntl(fd, F_GETFL));
	TELL(ioctl(fd, FIOASYNC, &(int){1}));
	TELL(fcntl(fd, F_GETFL));
	TELL(ioctl(fd, FIOSETOWN, &(int){getpid()}));
	TELL(fcntl(fd, F_GETOWN) == getpid());
	TELL(if_nametoindex("lo"));
	TEXT(if_indextoname(1, request.ifr_name));
}

int main(int argc, char **argv)
{
	static const struct report cases[] = {
		{"signals", run_signals},     {"limits", run_limits},
		{"shutdowns", run_shutdowns}, {"closes", run_closes},
		{"peers", run_peers},	      {"forks", run_forks},
		{"many", run_many},	      {"options", run_options},
		{"ioctls", run_ioctls},	      {}};

	return net_report_main(cases, argc, argv);
}

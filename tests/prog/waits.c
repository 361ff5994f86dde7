/* SPDX-License-Identifier: BSD-2-Clause */
/* waits.c - poll, select and epoll by one thread, see waits.h: waits CASE */
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "waits.h"

static struct epoll_event events[256];

#define READY(set, max) epoll_wait((set), events, (max), 0)
#define RUMP 1
#define HOST 2

/* a set with one of each */
static struct way rump_way, host_way;
static int set;

static void make_set(unsigned int flags)
{
	make_way(&rump_way, true);
	make_way(&host_way, false);
	CHECK((set = epoll_create1(EPOLL_CLOEXEC)) >= 0);
	add(set, rump_way.in[0], EPOLLIN | flags, RUMP);
	add(set, host_way.in[0], EPOLLIN | flags, HOST);
}

static void edges(void)
{
	make_set(EPOLLET);
	CHECK(READY(set, 8) == 0);
	for (int round = 0; round < 50; round++) {
		const struct way *way = round % 2 ? &rump_way : &host_way;

		put(way);
		CHECK(epoll_wait(set, events, 8, -1) == 1);
		CHECK(events[0].data.u64 == (round % 2 ? RUMP : HOST));
		CHECK(READY(set, 8) == 0 && READY(set, 8) == 0);
		/* a new one without the old one having been read */
		put(way);
		CHECK(READY(set, 8) == 1 && READY(set, 8) == 0);
		take(way);
		take(way);
		CHECK(READY(set, 8) == 0);
	}
	put(&rump_way);
	put(&host_way);
	CHECK(READY(set, 8) == 2 && events[0].data.u64 + events[1].data.u64 == RUMP + HOST);
	CHECK(READY(set, 8) == 0);
	/* a change tells it once more */
	change(set, rump_way.in[0], EPOLLIN | EPOLLET, RUMP);
	CHECK(READY(set, 8) == 1 && events[0].data.u64 == RUMP && READY(set, 8) == 0);
}

static void oneshots(void)
{
	make_set(EPOLLONESHOT);
	for (int round = 0; round < 20; round++) {
		const struct way *way = round % 2 ? &rump_way : &host_way;
		unsigned long data = round % 2 ? RUMP : HOST;

		put(way);
		CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == data);
		CHECK(READY(set, 8) == 0);
		put(way);
		CHECK(READY(set, 8) == 0);
		take(way);
		change(set, way->in[0], EPOLLIN | EPOLLONESHOT, data);
		CHECK(READY(set, 8) == 1 && READY(set, 8) == 0);
		take(way);
		change(set, way->in[0], EPOLLIN | EPOLLONESHOT, data);
		CHECK(READY(set, 8) == 0);
	}
}

static void changes(void)
{
	struct epoll_event none;
	struct way stream;
	char bytes[4096] = "";

	make_set(0);
	change(set, rump_way.in[0], EPOLLIN | EPOLLOUT, 0x123456789abcdef0);
	CHECK(READY(set, 8) == 1 && events[0].events == EPOLLOUT);
	CHECK(events[0].data.u64 == 0x123456789abcdef0);
	put(&rump_way);
	CHECK(READY(set, 8) == 1 && events[0].events == (EPOLLIN | EPOLLOUT));
	change(set, rump_way.in[0], EPOLLPRI, RUMP);
	CHECK(READY(set, 8) == 0);
	change(set, rump_way.in[0], EPOLLIN, RUMP);
	CHECK(READY(set, 8) == 1);
	CHECK(FAILS(epoll_ctl(set, EPOLL_CTL_ADD, rump_way.in[0], &events[0]), EEXIST));
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, rump_way.in[0], &none) == 0);
	CHECK(READY(set, 8) == 0);
	CHECK(FAILS(epoll_ctl(set, EPOLL_CTL_DEL, rump_way.in[0], &none), ENOENT));
	CHECK(FAILS(epoll_ctl(set, EPOLL_CTL_MOD, rump_way.in[0], &none), ENOENT));
	CHECK(FAILS(epoll_ctl(set, 17, rump_way.in[0], &none), EINVAL));
	CHECK(FAILS(epoll_ctl(rump_way.in[0], EPOLL_CTL_ADD, host_way.in[0], &none), EINVAL));
	CHECK(FAILS(epoll_ctl(host_way.in[0], EPOLL_CTL_ADD, rump_way.in[0], &none), EINVAL));
	CHECK(FAILS(epoll_ctl(999, EPOLL_CTL_ADD, rump_way.in[0], &none), EBADF));
	CHECK(FAILS(epoll_ctl(999, EPOLL_CTL_DEL, rump_way.in[0], &none), EBADF));
	CHECK(FAILS(epoll_wait(set, events, 0, 0), EINVAL));
	CHECK(FAILS(syscall(SYS_epoll_wait, set, events, -1, 0), EINVAL));

	/* the end of a stream, and a file that goes */
	make_way(&stream, true);
	add(set, stream.in[0], EPOLLIN | EPOLLRDHUP, 3);
	CHECK(shutdown(stream.in[1], SHUT_WR) == 0);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].events == (EPOLLIN | EPOLLRDHUP));
	CHECK(close(stream.in[1]) == 0);
	CHECK(epoll_wait(set, events, 8, -1) == 1 &&
	      events[0].events == (EPOLLIN | EPOLLRDHUP | EPOLLHUP));
	CHECK(close(stream.in[0]) == 0 && READY(set, 8) == 0);
	/* full, then not */
	make_way(&stream, true);
	CHECK(fcntl(stream.in[1], F_SETFL, O_NONBLOCK) == 0);
	while (write(stream.in[1], bytes, sizeof(bytes)) > 0)
		;
	add(set, stream.in[1], EPOLLOUT, 4);
	CHECK(READY(set, 8) == 0);
	while (recv(stream.in[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == 4);
	CHECK(FAILS(syscall(SYS_epoll_wait, set, 8, 8, 0), EFAULT));
}

/* Changes that no wait has followed yet count for whoever looks, and for what is left behind. */
static void unseen(void)
{
	enum { MANY = 200 };
	static struct way ways[MANY];
	struct epoll_event none;
	int copy, status, i;
	pid_t pid;

	make_set(0);
	/* taken out, then closed, while the file lives on */
	put(&rump_way);
	CHECK((copy = dup(rump_way.in[0])) >= 0);
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, rump_way.in[0], &none) == 0);
	CHECK(close(rump_way.in[0]) == 0);
	CHECK(READY(set, 8) == 0);
	/* the number is another file's now, which nobody has put in */
	CHECK(dup2(copy, rump_way.in[0]) == rump_way.in[0]);
	CHECK(FAILS(epoll_ctl(set, EPOLL_CTL_MOD, rump_way.in[0], &none), ENOENT));
	add(set, rump_way.in[0], EPOLLIN, 1);
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, rump_way.in[0], &none) == 0);
	CHECK(dup2(host_way.in[0], rump_way.in[0]) == rump_way.in[0]);
	CHECK(READY(set, 8) == 0);
	/* out and in again, more of them than are kept */
	for (i = 0; i < MANY; i++) {
		make_way(&ways[i], true);
		add(set, ways[i].in[0], EPOLLOUT, i);
	}
	for (i = 0; i < MANY; i++) {
		CHECK(epoll_ctl(set, EPOLL_CTL_DEL, ways[i].in[0], &none) == 0);
		CHECK(FAILS(epoll_ctl(set, EPOLL_CTL_DEL, ways[i].in[0], &none), ENOENT));
		CHECK(FAILS(epoll_ctl(set, EPOLL_CTL_MOD, ways[i].in[0], &none), ENOENT));
		add(set, ways[i].in[0], i % 2 ? EPOLLIN : EPOLLOUT, MANY + i);
		CHECK(FAILS(epoll_ctl(set, EPOLL_CTL_ADD, ways[i].in[0], &none), EEXIST));
	}
	CHECK(epoll_wait(set, events, 256, -1) == MANY / 2);
	for (i = 0; i < MANY / 2; i++)
		CHECK(events[i].events == EPOLLOUT && events[i].data.u64 >= MANY &&
		      events[i].data.u64 % 2 == 0);
	/* seen by poll(), and by a child */
	change(set, ways[1].in[0], EPOLLOUT, 1);
	for (i = 0; i < MANY; i += 2)
		CHECK(epoll_ctl(set, EPOLL_CTL_DEL, ways[i].in[0], &none) == 0);
	CHECK(poll(&(struct pollfd){set, POLLIN, 0}, 1, -1) == 1);
	CHECK(READY(set, 256) == 1 && events[0].data.u64 == 1);
	CHECK(close(set) == 0);
	CHECK((set = epoll_create1(0)) >= 0);
	add(set, ways[0].in[0], EPOLLIN, 1);
	add(set, ways[2].in[0], EPOLLOUT, 2);
	change(set, ways[0].in[0], EPOLLOUT, 3);
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, ways[2].in[0], &none) == 0);
	if (!(pid = fork()))
		_exit(!(READY(set, 8) == 1 && events[0].data.u64 == 3));
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
	CHECK(READY(set, 8) == 1 && events[0].data.u64 == 3);
}

/* Neither side starves where there is room for few. */
static void few(void)
{
	struct way rump[20], host[20];
	int seen[40], at[3] = {1, 3, 7};

	CHECK((set = epoll_create1(0)) >= 0);
	for (int i = 0; i < 20; i++) {
		make_way(&rump[i], true);
		make_way(&host[i], false);
		add(set, rump[i].in[0], EPOLLIN, i);
		add(set, host[i].in[0], EPOLLIN, 20 + i);
		put(&rump[i]);
		put(&host[i]);
	}
	for (int k = 0; k < 3; k++) {
		memset(seen, 0, sizeof(seen));
		for (int round = 0; round < 200; round++) {
			int n = epoll_wait(set, events, at[k], -1);

			CHECK(n > 0 && n <= at[k]);
			for (int i = 0; i < n; i++)
				seen[events[i].data.u64]++;
		}
		for (int i = 0; i < 40; i++)
			CHECK(seen[i] > 0);
	}
	CHECK(epoll_wait(set, events, 64, -1) == 40);
}

static void times(void)
{
	struct timespec time = {0, 20000000};
	struct pollfd fds[2];
	long start;

	make_set(0);
	fds[0] = (struct pollfd){rump_way.in[0], POLLIN, 0};
	fds[1] = (struct pollfd){host_way.in[0], POLLIN, 0};
	start = now_ms();
	CHECK(syscall(SYS_epoll_pwait2, set, events, 8, &time, NULL, 8) == 0);
	CHECK(now_ms() - start >= 19);
	time.tv_nsec = 1000000000;
	CHECK(FAILS(syscall(SYS_epoll_pwait2, set, events, 8, &time, NULL, 8), EINVAL));
	time = (struct timespec){0, 0};
	CHECK(syscall(SYS_epoll_pwait2, set, events, 8, &time, NULL, 8) == 0);
	start = now_ms();
	CHECK(poll(fds, 2, 20) == 0 && epoll_wait(set, events, 8, 20) == 0);
	CHECK(now_ms() - start >= 39);
	CHECK(poll(fds, 2, 0) == 0);
	put(&rump_way);
	CHECK(poll(fds, 2, -1) == 1 && fds[0].revents == POLLIN && !fds[1].revents);
	put(&host_way);
	CHECK(poll(fds, 2, -1) == 2 && fds[1].revents == POLLIN);
	CHECK(syscall(SYS_epoll_pwait2, set, events, 8, NULL, NULL, 8) == 2);
}

/* ---- nested ---- */

static void nested(void)
{
	int outer, inner;
	struct way way, other;
	struct pollfd fds[2];
	fd_set reads;

	make_way(&way, true);
	make_way(&other, true);
	CHECK((outer = epoll_create1(0)) >= 0 && (inner = epoll_create1(0)) >= 0);
	/* before the inner one has anything of the rump kernel */
	add(outer, inner, EPOLLIN, 7);
	CHECK(READY(outer, 8) == 0);
	add(inner, way.in[0], EPOLLIN, 8);
	CHECK(READY(outer, 8) == 0);
	for (int round = 0; round < 20; round++) {
		put(&way);
		CHECK(epoll_wait(outer, events, 8, -1) == 1 && events[0].data.u64 == 7);
		CHECK(epoll_wait(inner, events, 8, 0) == 1 && events[0].data.u64 == 8);
		CHECK(epoll_wait(inner, events, 8, 0) == 1);
		take(&way);
		CHECK(READY(inner, 8) == 0 && READY(outer, 8) == 0);
	}
	/* in poll and select, beside a rump descriptor */
	fds[0] = (struct pollfd){inner, POLLIN, 0};
	fds[1] = (struct pollfd){other.in[0], POLLIN, 0};
	for (int round = 0; round < 20; round++) {
		CHECK(poll(fds, 1 + round % 2, 1) == 0);
		put(&way);
		CHECK(poll(fds, 1 + round % 2, -1) == 1 && fds[0].revents == POLLIN);
		FD_ZERO(&reads);
		FD_SET(inner, &reads);
		CHECK(select(inner + 1, &reads, NULL, NULL, NULL) == 1 && FD_ISSET(inner, &reads));
		take(&way);
		CHECK(poll(fds, 2, 0) == 0);
		FD_SET(inner, &reads);
		CHECK(select(inner + 1, &reads, NULL, NULL, &(struct timeval){0, 0}) == 0);
		CHECK(READY(inner, 8) == 0);
	}
	/* both have both, and three deep */
	add(outer, other.in[0], EPOLLIN, 9);
	CHECK((set = epoll_create1(0)) >= 0);
	add(set, outer, EPOLLIN, 10);
	put(&other);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == 10);
	CHECK(READY(outer, 8) == 1 && events[0].data.u64 == 9);
	take(&other);
	CHECK(READY(outer, 8) == 0);
	put(&way);
	CHECK(epoll_wait(set, events, 8, -1) == 1);
	CHECK(READY(outer, 8) == 1 && events[0].data.u64 == 7);
	CHECK(READY(inner, 8) == 1 && events[0].data.u64 == 8);
	CHECK(close(inner) == 0 && READY(outer, 8) == 0);
}

/* ---- copies ---- */

static void copies(void)
{
	int copy, high;

	make_set(0);
	CHECK((copy = dup(set)) >= 0 && (high = fcntl(set, F_DUPFD_CLOEXEC, 300)) >= 300);
	put(&rump_way);
	CHECK(READY(copy, 8) == 1 && READY(set, 8) == 1 && READY(high, 8) == 1);
	take(&rump_way);
	CHECK(READY(copy, 8) == 0 && READY(set, 8) == 0);
	CHECK(close(set) == 0);
	CHECK(FAILS(READY(set, 8), EBADF));
	put(&rump_way);
	CHECK(epoll_wait(copy, events, 8, -1) == 1);
	CHECK(dup2(copy, high) == high && close(copy) == 0);
	take(&rump_way);
	CHECK(epoll_wait(high, events, 8, 1) == 0);
	put(&rump_way);
	put(&host_way);
	CHECK(epoll_wait(high, events, 8, -1) == 2);
	CHECK(close(high) == 0);
	/* many, one after the other: nothing is left behind */
	for (int round = 0; round < 3000; round++) {
		CHECK((set = epoll_create1(0)) >= 0);
		add(set, rump_way.in[0], EPOLLIN, 1);
		CHECK(READY(set, 8) == 1);
		CHECK(close(set) == 0);
	}
}

/* ---- other descriptors ---- */

static void kinds(void)
{
	struct itimerspec time = {.it_value = {0, 1000000}};
	struct inotify_event *change_event;
	char text[4096], path[] = "/tmp/rump-waits-XXXXXX";
	sigset_t mask;
	int counter, timer, signals, notes, child, file;
	pid_t pid;

	make_set(0);
	CHECK((counter = eventfd(0, EFD_NONBLOCK)) >= 0);
	CHECK((timer = timerfd_create(CLOCK_MONOTONIC, 0)) >= 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
	CHECK((signals = signalfd(-1, &mask, 0)) >= 0);
	CHECK((file = mkstemp(path)) >= 0 && (notes = inotify_init1(0)) >= 0);
	CHECK(inotify_add_watch(notes, path, IN_MODIFY) >= 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		pause();
		_exit(0);
	}
	CHECK((child = syscall(SYS_pidfd_open, pid, 0)) >= 0);
	add(set, counter, EPOLLIN, 3);
	add(set, timer, EPOLLIN, 4);
	add(set, signals, EPOLLIN, 5);
	add(set, notes, EPOLLIN, 6);
	add(set, child, EPOLLIN, 7);
	CHECK(FAILS(epoll_ctl(set, EPOLL_CTL_ADD, file, events), EPERM));
	CHECK(READY(set, 8) == 0);

	CHECK(eventfd_write(counter, 3) == 0);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == 3);
	CHECK(read(counter, text, 8) == 8);
	CHECK(timerfd_settime(timer, 0, &time, NULL) == 0);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == 4);
	CHECK(read(timer, text, 8) == 8);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == 5);
	CHECK(read(signals, text, sizeof(text)) == sizeof(struct signalfd_siginfo));
	CHECK(write(file, "x", 1) == 1);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == 6);
	change_event = (struct inotify_event *)text;
	CHECK(read(notes, text, sizeof(text)) > 0 && change_event->mask == IN_MODIFY);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == 7);
	put(&rump_way);
	CHECK(epoll_wait(set, events, 8, -1) == 2);
	CHECK(waitpid(pid, NULL, 0) == pid && unlink(path) == 0);
}

/* ---- poll and select ---- */

static void lists(void)
{
	struct pollfd fds[40];
	struct way ways[20];
	struct rlimit limit;
	unsigned long words[3][2048 / 64];
	int high;

	make_set(0);
	for (int i = 0; i < 20; i++)
		make_way(&ways[i], i % 2);
	for (int i = 0; i < 40; i++)
		fds[i] = (struct pollfd){i % 2 ? -1 - i : ways[i / 2].in[0], POLLIN, 77};
	CHECK(poll(fds, 40, 5) == 0 && fds[1].revents == 0);
	for (int i = 0; i < 20; i++) {
		put(&ways[i]);
		CHECK(poll(fds, 40, -1) == 1 && fds[2 * i].revents == POLLIN);
		take(&ways[i]);
	}
	CHECK(close(ways[3].in[0]) == 0);
	CHECK(poll(fds, 40, -1) == 1 && fds[6].revents == POLLNVAL);
	/* the same one twice */
	fds[6].fd = fds[10].fd;
	put(&ways[5]);
	CHECK(poll(fds, 40, -1) == 2 && fds[6].revents == POLLIN && fds[10].revents == POLLIN);

	/* beyond FD_SETSIZE */
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_max < 2048)
		return;
	limit.rlim_cur = 2048;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK((high = fcntl(rump_way.in[0], F_DUPFD, 1900)) >= 1900);
	memset(words, 0, sizeof(words));
	words[0][high / 64] = 1UL << high % 64;
	words[0][host_way.in[0] / 64] |= 1UL << host_way.in[0] % 64;
	put(&rump_way);
	CHECK(syscall(SYS_select, high + 1, words[0], NULL, NULL, NULL) == 1);
	CHECK(words[0][high / 64] == 1UL << high % 64 && !words[0][host_way.in[0] / 64]);
	CHECK(syscall(SYS_pselect6, high + 1, words[0], NULL, NULL, NULL, NULL) == 1);
	take(&rump_way);
	words[1][high / 64] = 1UL << high % 64;
	CHECK(syscall(SYS_select, high + 1, words[0], words[1], NULL, NULL) == 1);
	CHECK(close(high) == 0);
	words[0][high / 64] = 1UL << high % 64;
	CHECK(FAILS(syscall(SYS_select, high + 1, words[0], NULL, NULL, NULL), EBADF));
}

static void low_limit(void)
{
	struct rlimit limit = {40, 40};
	struct pollfd fds[2];
	struct way first;

	/* the kernel is there by then */
	make_way(&first, true);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	make_set(0);
	put(&rump_way);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].data.u64 == RUMP);
	take(&rump_way);
	fds[0] = (struct pollfd){rump_way.in[0], POLLIN, 0};
	fds[1] = (struct pollfd){host_way.in[0], POLLIN, 0};
	CHECK(poll(fds, 2, 5) == 0);
	put(&host_way);
	CHECK(poll(fds, 2, -1) == 1 && READY(set, 8) == 1);
}

static const struct test_case cases[] = {
	CASE(edges),  CASE(oneshots), CASE(changes), CASE(unseen), CASE(few),	    CASE(times),
	CASE(nested), CASE(copies),   CASE(kinds),   CASE(lists),  CASE(low_limit),
};

int main(int argc, char **argv)
{
	return run_case(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}

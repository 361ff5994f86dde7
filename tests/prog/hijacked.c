/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hijacked.c - a program that knows nothing of rump, for tests under the preload.
 *
 *	hijacked CASE FOLDER
 *
 * FOLDER lies in the rump kernel (or on the host: all cases but `slip` hold there too).
 * Exit status 0: it behaved as Linux does; else the line that did not hold is told.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static const char *folder;

static char *in_folder(const char *name)
{
	static __thread char path[4][4096];
	static __thread int n;
	char *result = path[n = (n + 1) % 4];

	snprintf(result, sizeof(path[0]), "%s/%s", folder, name);
	return result;
}

static int make_file(const char *name, const char *text)
{
	int fd = open(in_folder(name), O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static long raw_syscall(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static void sleep_ms(int ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

static long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---- descriptors ---- */

static void numbers(void)
{
	int first = open("/dev/null", O_RDONLY), fd, other;
	char text[16] = "";
	struct stat st;

	CHECK(first >= 0 && close(first) == 0);
	/* booting took no number away */
	fd = make_file("numbers", "0123456789");
	CHECK(fd == first);
	CHECK((other = dup(fd)) == first + 1);
	CHECK(read(other, text, 3) == 3 && !memcmp(text, "012", 3));
	CHECK(read(fd, text, 3) == 3 && !memcmp(text, "345", 3)); /* one file position */
	CHECK(close(fd) == 0);
	CHECK(FAILS(read(fd, text, 1), EBADF));
	CHECK(read(other, text, 1) == 1 && *text == '6');
	CHECK(open("/dev/null", O_RDONLY) == first);
	CHECK(dup2(other, first) == first); /* ours over the host's */
	CHECK(read(first, text, 1) == 1 && *text == '7');
	CHECK((fd = open("/dev/zero", O_RDONLY)) >= 0);
	CHECK(dup2(fd, first) == first); /* the host's over ours */
	CHECK(read(first, text, 1) == 1 && *text == '\0');
	CHECK(dup2(other, other) == other && FAILS(dup2(200, other), EBADF));
	CHECK(read(other, text, 1) == 1 && *text == '8');
	CHECK(FAILS(dup3(other, other, 0), EINVAL));
	CHECK(dup3(other, 77, O_CLOEXEC) == 77 && fcntl(77, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(77, F_SETFD, 0) == 0 && fcntl(77, F_GETFD) == 0);
	CHECK(fcntl(77, F_DUPFD, 50) == 50 && fcntl(77, F_DUPFD_CLOEXEC, 50) == 51);
	CHECK(fcntl(50, F_GETFD) == 0 && fcntl(51, F_GETFD) == FD_CLOEXEC);
	CHECK((fcntl(51, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(fstat(51, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 10);
	CHECK(read(51, text, 1) == 1 && *text == '9');
	fd = open(in_folder("numbers"), O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	fd = open(in_folder("numbers"), O_RDONLY);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == 0);
	CHECK(FAILS(open(in_folder("none"), O_RDONLY), ENOENT));
	CHECK(FAILS(close(300), EBADF));
}

/* RLIMIT_NOFILE holds, and running out of numbers makes no file. */
static void limits(void)
{
	struct rlimit limit, low;
	int fd, last = -1, count = 0;

	fd = make_file("limits", "x");
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	low = limit;
	low.rlim_cur = 40;
	CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
	while ((fd = open(in_folder("limits"), O_RDONLY)) >= 0) {
		last = fd;
		count++;
	}
	CHECK(errno == EMFILE && last == 39 && count > 20);
	CHECK(FAILS(open(in_folder("limit-new"), O_CREAT | O_RDWR, 0600), EMFILE));
	CHECK(FAILS(dup(last), EMFILE));
	CHECK(close(20) == 0 && open(in_folder("limits"), O_RDONLY) == 20);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(FAILS(access(in_folder("limit-new"), F_OK), ENOENT));
}

/* An application that closes everything it finds does not hurt the kernel. */
static void close_all(void)
{
	int fd = make_file("close", "abc");
	char text[4];

	for (int i = 3; i < 20000; i++)
		close(i);
	CHECK(FAILS(read(fd, text, 1), EBADF));
	fd = open(in_folder("close"), O_RDONLY);
	CHECK(fd == 3 && read(fd, text, 3) == 3 && !memcmp(text, "abc", 3));
	CHECK(close_range(3, ~0U, 0) == 0);
	CHECK(FAILS(read(fd, text, 1), EBADF));
	fd = open(in_folder("close"), O_RDONLY);
	CHECK(fd == 3 && read(fd, text, 3) == 3);
	CHECK(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(3, F_GETFD) == FD_CLOEXEC);
	CHECK(lseek(3, 0, SEEK_SET) == 0 && read(3, text, 1) == 1 && *text == 'a');
	CHECK(syscall(SYS_close_range, 3, 3, 0) == 0 && FAILS(read(3, text, 1), EBADF));
	/* and all over again with the raw instruction */
	fd = open(in_folder("close"), O_RDONLY);
	CHECK(fd == 3 && raw_syscall(SYS_close, 3, 0, 0) == 0);
	CHECK(raw_syscall(SYS_close, 3, 0, 0) == -EBADF);
}

/* What no symbol leads to. */
static void inside_libc(void)
{
	char line[64] = "", *name = in_folder("stdio");
	struct dirent *entry;
	int found = 0, fd;
	FILE *file;
	DIR *dir;

	CHECK((file = fopen(name, "w")));
	CHECK(fprintf(file, "one\ntwo\n") == 8 && fclose(file) == 0);
	CHECK((file = fopen(name, "r+")));
	CHECK(fgets(line, sizeof(line), file) && !strcmp(line, "one\n"));
	CHECK(fseek(file, 0, SEEK_END) == 0 && fputs("three\n", file) >= 0 && fclose(file) == 0);
	CHECK((dir = opendir(folder)));
	while ((entry = readdir(dir)))
		found += !strcmp(entry->d_name, "stdio");
	CHECK(found == 1 && closedir(dir) == 0);
	CHECK((fd = raw_syscall(SYS_open, (long)name, O_RDONLY, 0)) >= 0);
	CHECK(raw_syscall(SYS_read, fd, (long)line, 14) == 14 && !memcmp(line + 8, "three\n", 6));
	CHECK(syscall(SYS_lseek, fd, 4, SEEK_SET) == 4);
	CHECK(syscall(SYS_read, fd, line, 3) == 3 && !memcmp(line, "two", 3));
	CHECK(syscall(SYS_read, -1, line, 3) == -1 && errno == EBADF);
	for (int i = 0; i < 1000; i++) { /* until it is patched, and then some */
		CHECK((file = fopen(name, "r")));
		CHECK(fgets(line, sizeof(line), file) && !strcmp(line, "one\n"));
		fclose(file);
	}
	CHECK((file = tmpfile()) && fputs("x", file) >= 0 && fclose(file) == 0);
}

/* trap=off: a call that slips through fails loudly. */
static void slip(void)
{
	int fd = make_file("slip", "abc");
	char text[4];

	CHECK(raw_syscall(SYS_read, fd, (long)text, 1) == -EBADF);
	CHECK(raw_syscall(SYS_write, fd, (long)text, 1) == -EBADF);
	CHECK(raw_syscall(SYS_lseek, fd, 0, 0) == -EBADF);
	CHECK(raw_syscall(SYS_ftruncate, fd, 0, 0) < 0);
	CHECK(read(fd, text, 1) == 1 && *text == 'a');
}

/* ---- across the border ---- */

static void copies(void)
{
	char host[] = "/tmp/hijacked-XXXXXX", text[300001] = "", big[300000];
	int out, in, pair[2];
	off_t at;

	for (unsigned int i = 0; i < sizeof(big); i++)
		big[i] = 'a' + i % 23;
	CHECK((out = mkstemp(host)) >= 0 && unlink(host) == 0);
	in = make_file("copies", "");
	CHECK(write(in, big, sizeof(big)) == sizeof(big));
	at = 100;
	CHECK(sendfile(out, in, &at, sizeof(big)) == (ssize_t)sizeof(big) - 100 &&
	      at == sizeof(big));
	CHECK(pread(out, text, sizeof(text), 0) == (ssize_t)sizeof(big) - 100);
	CHECK(!memcmp(text, big + 100, sizeof(big) - 100));
	/* and back, by the file position */
	CHECK(ftruncate(in, 0) == 0 && lseek(in, 0, SEEK_SET) == 0 && lseek(out, 7, SEEK_SET) == 7);
	CHECK(sendfile(in, out, NULL, 1000) == 1000 && lseek(out, 0, SEEK_CUR) == 1007);
	CHECK(pread(in, text, sizeof(text), 0) == 1000 && !memcmp(text, big + 107, 1000));
	CHECK(pipe(pair) == 0);
	at = 0;
	CHECK(splice(in, &at, pair[1], NULL, 500, 0) == 500 && at == 500);
	CHECK(read(pair[0], text, sizeof(text)) == 500 && !memcmp(text, big + 107, 500));
	CHECK(write(pair[1], "hello", 5) == 5);
	CHECK(splice(pair[0], NULL, in, NULL, 5, 0) == 5);
	CHECK(pread(in, text, 5, 1000) == 5 && !memcmp(text, "hello", 5));
	at = 0;
	CHECK(FAILS(sendfile(out, in, (off_t *)8, 5), EFAULT));
	CHECK(copy_file_range(in, &at, out, NULL, 10, 0) == 10 || errno == EXDEV);
}

/* ---- signals and bad pointers ---- */

static volatile sig_atomic_t got;
static sigjmp_buf jump;

static void count(int signal)
{
	(void)signal;
	got++;
}

static void leave(int signal)
{
	(void)signal;
	siglongjmp(jump, 1);
}

static void pointers(void)
{
	int fd = make_file("pointers", "abc");
	char *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), text[8];
	struct sigaction action = {.sa_handler = leave}, old;

	CHECK(bad != MAP_FAILED);
	CHECK(FAILS(open(bad, O_RDONLY), EFAULT) && FAILS(access((char *)8, 0), EFAULT));
	CHECK(FAILS(rename(in_folder("pointers"), bad), EFAULT));
	CHECK(FAILS(stat(in_folder("pointers"), (struct stat *)bad), EFAULT));
	CHECK(FAILS(poll((struct pollfd *)bad, 3, 0), EFAULT));
	CHECK(FAILS(raw_syscall(SYS_open, (long)bad, 0, 0) == -EFAULT ? -1 : 0, 0));
	CHECK(FAILS(raw_syscall(SYS_open, 0x7fff00000000, 0, 0) == -EFAULT ? -1 : 0, 0));
	/* the program's own faults are the program's */
	CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
	CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == leave);
	if (!sigsetjmp(jump, 1)) {
		*(volatile char *)bad = 1;
		CHECK(!"a write to PROT_NONE works");
	}
	CHECK(FAILS(access(bad, 0), EFAULT));
	if (!sigsetjmp(jump, 1)) {
		raise(SIGSEGV);
		CHECK(!"raise returns");
	}
	CHECK(read(fd, text, 3) == 3);
}

static void signals(void)
{
	struct sigaction action = {.sa_handler = count}, old;
	struct timespec time = {0, 50000000};
	int pair[2];
	sigset_t set, mask;
	char text[4];
	timer_t timer;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == count);
	CHECK(timer_create(CLOCK_MONOTONIC,
			   &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1},
			   &timer) == 0);
	/* a blocked read is interrupted, and restarted where that is asked for */
	CHECK(timer_settime(timer, 0, &(struct itimerspec){.it_value = time}, NULL) == 0);
	CHECK(FAILS(read(pair[0], text, 1), EINTR) && got == 1);
	action.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(timer_settime(timer, 0, &(struct itimerspec){.it_value = time}, NULL) == 0);
	{
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) { /* not us: the socket is the kernel's, whom a child cannot reach */
			sleep_ms(200);
			kill(getppid(), SIGUSR2);
			_exit(0);
		}
	}
	action.sa_flags = 0;
	CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
	CHECK(FAILS(read(pair[0], text, 1), EINTR) && got == 3);
	CHECK(wait(NULL) > 0);
	/* poll never restarts; its mask lets in what is blocked otherwise */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &mask);
	raise(SIGUSR1);
	CHECK(got == 3);
	CHECK(FAILS(ppoll(&(struct pollfd){pair[0], POLLIN, 0}, 1, NULL, &mask), EINTR));
	CHECK(got == 4);
	raise(SIGUSR1);
	CHECK(poll(&(struct pollfd){pair[0], POLLIN, 0}, 1, 20) == 0 && got == 4);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	CHECK(got == 5);
}

static volatile unsigned long handler_text;

/* In the kernel from the signal stack, by symbol and by the trap. */
static void use_on_stack(int signal)
{
	char mine[512], text[16] = "";
	FILE *file;

	memset(mine, signal, sizeof(mine));
	file = fopen(in_folder("altstack"), "r");
	if (file && fgets(text, sizeof(text), file) && !strcmp(text, "hello\n"))
		got++;
	if (file)
		fclose(file);
	for (unsigned int i = 0; i < sizeof(mine); i++)
		if (mine[i] != signal)
			got = 99;
	handler_text = (unsigned long)mine;
}

/* A program with a signal stack: the trap runs on it too. */
static void altstack(void)
{
	static char memory[65536];
	stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)}, seen;
	struct sigaction action = {.sa_handler = use_on_stack, .sa_flags = SA_ONSTACK};
	char text[16];
	FILE *file;

	CHECK(sigaltstack(&stack, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK((file = fopen(in_folder("altstack"), "w"))); /* boots */
	CHECK(fputs("hello\n", file) >= 0 && fclose(file) == 0);
	for (int i = 1; i < 50; i++) {
		CHECK((file = fopen(in_folder("altstack"), "r")));
		CHECK(fgets(text, sizeof(text), file) && !strcmp(text, "hello\n"));
		CHECK(fclose(file) == 0);
		raise(SIGUSR1);
		CHECK(got == i);
		CHECK(handler_text - (unsigned long)memory < sizeof(memory));
	}
	CHECK(sigaltstack(NULL, &seen) == 0 && seen.ss_sp == memory);
	CHECK(seen.ss_size == sizeof(memory) && !seen.ss_flags);
}

/* ---- waits ---- */

static int rump_pair[2], host_pair[2];

static void *write_later(void *argument)
{
	sleep_ms(60);
	CHECK(write(*(int *)argument, "x", 1) == 1);
	return NULL;
}

static void later(int *fd, pthread_t *thread)
{
	CHECK(pthread_create(thread, NULL, write_later, fd) == 0);
}

static void polls(void)
{
	struct pollfd fds[4];
	pthread_t thread;
	char text[4];
	long start;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, rump_pair) == 0 && pipe(host_pair) == 0);
	for (int round = 0; round < 20; round++) {
		int *writer = round % 2 ? &host_pair[1] : &rump_pair[1];
		int reader = round % 2 ? host_pair[0] : rump_pair[0];

		fds[0] = (struct pollfd){rump_pair[0], POLLIN, 99};
		fds[1] = (struct pollfd){-1, POLLIN, 99};
		fds[2] = (struct pollfd){host_pair[0], POLLIN, 99};
		fds[3] = (struct pollfd){host_pair[0], 0, 99};
		CHECK(poll(fds, 4, 0) == 0);
		CHECK(!fds[0].revents && !fds[1].revents && !fds[2].revents && !fds[3].revents);
		start = now_ms();
		CHECK(poll(fds, 4, 30) == 0 && now_ms() - start >= 29);
		later(writer, &thread);
		CHECK(poll(fds, 4, round % 3 ? 5000 : -1) == 1);
		CHECK(fds[round % 2 ? 2 : 0].revents == POLLIN);
		CHECK(!fds[round % 2 ? 0 : 2].revents && !fds[1].revents);
		CHECK(poll(fds, 4, -1) == 1); /* still there */
		CHECK(pthread_join(thread, NULL) == 0 && read(reader, text, 4) == 1);
		CHECK(poll(fds, 4, 0) == 0);
	}
	CHECK(write(rump_pair[1], "x", 1) == 1 && write(host_pair[1], "x", 1) == 1);
	CHECK(poll(fds, 4, -1) == 2 && fds[0].revents == POLLIN && fds[2].revents == POLLIN);
	fds[1].fd = 500;
	CHECK(poll(fds, 4, -1) == 3 && fds[1].revents == POLLNVAL);
	fds[0].events = POLLIN | POLLOUT;
	CHECK(poll(fds, 1, -1) == 1 && fds[0].revents == (POLLIN | POLLOUT));
}

static void selects(void)
{
	struct timeval time = {0, 30000};
	fd_set in, out;
	pthread_t thread;
	char text[4];
	long start;
	int top;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, rump_pair) == 0 && pipe(host_pair) == 0);
	top = host_pair[1] + 1;
	for (int round = 0; round < 6; round++) {
		FD_ZERO(&in);
		FD_SET(rump_pair[0], &in);
		FD_SET(host_pair[0], &in);
		time = (struct timeval){0, 30000};
		start = now_ms();
		CHECK(select(top, &in, NULL, NULL, &time) == 0 && now_ms() - start >= 29);
		CHECK(!FD_ISSET(rump_pair[0], &in) && !FD_ISSET(host_pair[0], &in));
		CHECK(time.tv_sec == 0 && time.tv_usec == 0);
		FD_SET(rump_pair[0], &in);
		FD_SET(host_pair[0], &in);
		later(round % 2 ? &host_pair[1] : &rump_pair[1], &thread);
		time = (struct timeval){5, 0};
		CHECK(select(top, &in, NULL, NULL, &time) == 1);
		CHECK(time.tv_sec == 4);
		CHECK(FD_ISSET(rump_pair[0], &in) != round % 2);
		CHECK(FD_ISSET(host_pair[0], &in) == round % 2);
		CHECK(pthread_join(thread, NULL) == 0);
		CHECK(read(round % 2 ? host_pair[0] : rump_pair[0], text, 4) == 1);
	}
	FD_ZERO(&out);
	FD_SET(rump_pair[0], &out);
	FD_SET(host_pair[1], &out);
	FD_ZERO(&in);
	FD_SET(rump_pair[0], &in);
	CHECK(select(top, &in, &out, NULL, NULL) == 2 && !FD_ISSET(rump_pair[0], &in));
	CHECK((top = dup(0)) >= 0 && close(top) == 0);
	FD_SET(top, &in);
	CHECK(FAILS(select(FD_SETSIZE, &in, NULL, NULL, NULL), EBADF));
}

static int epoll_set;
static struct epoll_event events[8];

static void *wait_events(void *argument)
{
	*(int *)argument = epoll_wait(epoll_set, events, 8, 5000);
	return NULL;
}

static void epolls(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	pthread_t thread;
	char text[4];
	long start;
	int result = -1;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, rump_pair) == 0 && pipe(host_pair) == 0);
	CHECK((epoll_set = epoll_create1(EPOLL_CLOEXEC)) >= 0);
	event.data.u64 = 1;
	CHECK(epoll_ctl(epoll_set, EPOLL_CTL_ADD, host_pair[0], &event) == 0);
	/* a thread sleeps on the set before it has its first rump descriptor */
	CHECK(pthread_create(&thread, NULL, wait_events, &result) == 0);
	sleep_ms(50);
	event.data.u64 = 2;
	CHECK(epoll_ctl(epoll_set, EPOLL_CTL_ADD, rump_pair[0], &event) == 0);
	CHECK(FAILS(epoll_ctl(epoll_set, EPOLL_CTL_ADD, rump_pair[0], &event), EEXIST));
	sleep_ms(50);
	CHECK(write(rump_pair[1], "x", 1) == 1);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(result == 1 && events[0].data.u64 == 2 && events[0].events == EPOLLIN);
	CHECK(read(rump_pair[0], text, 4) == 1);
	for (int round = 0; round < 10; round++) {
		CHECK(epoll_wait(epoll_set, events, 8, 0) == 0);
		start = now_ms();
		CHECK(epoll_wait(epoll_set, events, 8, 30) == 0 && now_ms() - start >= 29);
		later(round % 2 ? &host_pair[1] : &rump_pair[1], &thread);
		CHECK(epoll_wait(epoll_set, events, 8, -1) == 1);
		CHECK(events[0].data.u64 == (round % 2 ? 1 : 2));
		CHECK(pthread_join(thread, NULL) == 0);
		CHECK(read(round % 2 ? host_pair[0] : rump_pair[0], text, 4) == 1);
	}
	CHECK(write(rump_pair[1], "x", 1) == 1 && write(host_pair[1], "x", 1) == 1);
	CHECK(epoll_wait(epoll_set, events, 8, -1) == 2);
	CHECK(events[0].data.u64 + events[1].data.u64 == 3);
	CHECK(epoll_wait(epoll_set, events, 1, -1) == 1);
	CHECK(poll(&(struct pollfd){epoll_set, POLLIN, 0}, 1, -1) == 1);
	CHECK(epoll_ctl(epoll_set, EPOLL_CTL_DEL, rump_pair[0], NULL) == 0);
	CHECK(epoll_wait(epoll_set, events, 8, -1) == 1 && events[0].data.u64 == 1);
	CHECK(FAILS(epoll_ctl(epoll_set, EPOLL_CTL_DEL, rump_pair[0], NULL), ENOENT));
	CHECK(close(epoll_set) == 0 && FAILS(epoll_wait(epoll_set, events, 8, 0), EBADF));
}

/* ---- processes and threads ---- */

static void *use_folder(void *argument)
{
	char name[32];
	struct stat st;

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "thread-%ld-%d", (long)argument, i % 5);
		close(make_file(name, name));
		CHECK(stat(in_folder(name), &st) == 0 && st.st_size == (off_t)strlen(name));
		CHECK(unlink(in_folder(name)) == 0);
	}
	return NULL;
}

/* All of them are the first to call. */
static void threads(void)
{
	pthread_t thread[8];

	for (long i = 0; i < 8; i++)
		CHECK(pthread_create(&thread[i], NULL, use_folder, (void *)i) == 0);
	for (int i = 0; i < 8; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
}

static void forks(void)
{
	int fd = make_file("forks", "abc"), status;
	char text[4];
	pid_t pid;

	fflush(NULL);
	CHECK((pid = fork()) >= 0);
	if (!pid) {
		/* the kernel stays with the parent; what is the host's works */
		CHECK(FAILS(read(fd, text, 1), ENOTCONN));
		CHECK(FAILS(open(in_folder("forks"), O_RDONLY), ENOTCONN));
		CHECK(access("/dev/null", F_OK) == 0);
		CHECK(dup2(fd, 60) == 60 && FAILS(read(60, text, 1), ENOTCONN));
		CHECK(dup2(1, fd) == fd && close(fd) == 0 && close(60) == 0);
		_exit(42);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42);
	CHECK(read(fd, text, 3) == 3 && !memcmp(text, "abc", 3));
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	/* the child of vfork closes its own descriptors, not ours */
	pid = vfork();
	if (!pid) {
		close(fd);
		dup2(1, 61);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
	CHECK(FAILS(fcntl(61, F_GETFD), EBADF));
	CHECK(read(fd, text, 3) == 3);
	CHECK(system("exit 3") >> 8 == 3);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, 3) == 3);
}

static void cwds(void)
{
	char here[4096], path[4096 + 16];
	int fd;

	CHECK(mkdir(in_folder("dir"), 0755) == 0 && mkdir(in_folder("dir/sub"), 0755) == 0);
	CHECK(chdir(in_folder("dir")) == 0);
	CHECK(getcwd(here, sizeof(here)) && !strcmp(here, in_folder("dir")));
	CHECK((fd = open("file", O_CREAT | O_RDWR, 0644)) >= 0 && close(fd) == 0);
	CHECK(access(in_folder("dir/file"), F_OK) == 0);
	CHECK(chdir("sub") == 0 && access("../file", F_OK) == 0);
	CHECK(getcwd(here, sizeof(here)) && !strcmp(here, in_folder("dir/sub")));
	CHECK(FAILS((long)(getcwd(here, 3) ? 0 : -1), ERANGE));
	CHECK((fd = open("/dev", O_RDONLY | O_DIRECTORY)) >= 0);
	CHECK(faccessat(fd, "null", F_OK, 0) == 0); /* the dirfd counts, not the cwd */
	CHECK(fchdir(fd) == 0 && access("null", F_OK) == 0);
	CHECK(getcwd(here, sizeof(here)) && !strcmp(here, "/dev"));
	close(fd);
	CHECK((fd = open(in_folder("dir"), O_RDONLY | O_DIRECTORY)) >= 0);
	CHECK(faccessat(fd, "sub/../file", F_OK, 0) == 0 && mkdirat(fd, "more", 0755) == 0);
	CHECK(fchdir(fd) == 0 && access("more", F_OK) == 0);
	CHECK(getcwd(here, sizeof(here)) && !strcmp(here, in_folder("dir")));
	/* out by dot-dot: as many as there are components, and some */
	CHECK(chdir("../../../../../../../../..") == 0);
	CHECK(getcwd(here, sizeof(here)) && !strcmp(here, "/") && access("dev/null", F_OK) == 0);
	snprintf(path, sizeof(path), "%s/dir", folder + 1); /* and in by a relative path */
	CHECK(chdir(path) == 0 && access("file", F_OK) == 0);
	CHECK(faccessat(fd, "../../../../../../../dev/null", F_OK, 0) == 0);
	CHECK(readlink("/proc/self/cwd", here, sizeof(here)) == (ssize_t)strlen(in_folder("dir")));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(here, 0, sizeof(here));
	CHECK(readlink(path, here, sizeof(here)) > 0 && !strcmp(here, in_folder("dir")));
}

static void borders(void)
{
	char host[] = "/tmp/hijacked-XXXXXX";
	struct stat a, b;
	int fd;

	CHECK((fd = mkstemp(host)) >= 0 && close(fd) == 0);
	close(make_file("border", "x"));
	CHECK(stat(host, &a) == 0 && stat(in_folder("border"), &b) == 0);
	CHECK(a.st_dev != b.st_dev);
	CHECK(FAILS(rename(host, in_folder("moved")), EXDEV));
	CHECK(FAILS(rename(in_folder("border"), host), EXDEV));
	CHECK(FAILS(link(host, in_folder("linked")), EXDEV));
	CHECK(rename(in_folder("border"), in_folder("border2")) == 0);
	CHECK(symlink(host, in_folder("border3")) == 0); /* only text */
	CHECK(unlink(host) == 0);
}

/* ---- ends ---- */

static void end_unflushed(void)
{
	FILE *file = fopen(in_folder("unflushed"), "w");

	CHECK(file && fputs("written at exit\n", file) >= 0);
}

static void end_exit(void)
{
	close(make_file("end", "x"));
	_exit(0);
}

static void end_quick(void)
{
	close(make_file("end", "x"));
	quick_exit(0);
}

static void end_signal(void)
{
	close(make_file("end", "x"));
	raise(SIGTERM);
}

static void end_fault(void)
{
	close(make_file("end", "x"));
	*(volatile char *)8 = 1;
}

#define CASE(name)          \
	{                   \
#name, name \
	}
static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	CASE(numbers),	 CASE(limits),	      CASE(close_all), CASE(inside_libc), CASE(slip),
	CASE(copies),	 CASE(pointers),      CASE(signals),   CASE(altstack),	  CASE(polls),
	CASE(selects),	 CASE(epolls),	      CASE(threads),   CASE(forks),	  CASE(cwds),
	CASE(borders),	 CASE(end_unflushed), CASE(end_exit),  CASE(end_quick),	  CASE(end_signal),
	CASE(end_fault),
};

int main(int argc, char **argv)
{
	if (argc == 3) {
		folder = argv[2];
		for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			if (strcmp(cases[i].name, argv[1]))
				continue;
			cases[i].run();
			return 0;
		}
	}
	fprintf(stderr, "usage: hijacked CASE FOLDER\n");
	return 2;
}

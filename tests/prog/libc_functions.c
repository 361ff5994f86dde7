/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls libc's functions by name on files below a folder: each is a door of the preload.
 * Ends with 0 when all do what they do on Linux, else with 1 and a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>
#include <utime.h>

#include "check.h"

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
	(void)signal;
	signals++;
}

static void data(void)
{
	struct iovec v[2];
	char bytes[8] = "", more[8] = "";
	int fd = open("data", O_RDWR | O_CREAT, 0600), copy;

	v[0] = (struct iovec){bytes, 2};
	v[1] = (struct iovec){more, 2};
	CHECK(fd >= 0);
	CHECK(write(fd, "hello", 5) == 5);
	CHECK(pwrite(fd, "J", 1, 0) == 1);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(readv(fd, v, 2) == 4 && !memcmp(bytes, "Je", 2) && !memcmp(more, "ll", 2));
	CHECK(preadv(fd, v, 1, 3) == 2 && !memcmp(bytes, "lo", 2));
	CHECK(pwritev(fd, v, 2, 8) == 4);
	CHECK(pread(fd, bytes, sizeof(bytes), 10) == 2);
	CHECK(!ftruncate(fd, 100) && !fsync(fd) && !fdatasync(fd) && !syncfs(fd));
	CHECK(!posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	CHECK(posix_fadvise(fd, 0, 0, 77) == EINVAL);
	CHECK(!posix_fallocate(fd, 0, 10000) && lseek(fd, 0, SEEK_END) == 10000);
	CHECK(posix_fallocate(fd, -1, 10) == EINVAL && posix_fallocate(999, 0, 10) == EBADF);
	CHECK(!flock(fd, LOCK_EX) && !flock(fd, LOCK_UN));
	CHECK((copy = fcntl(fd, F_DUPFD_CLOEXEC, 50)) >= 50 && !close(copy));
	CHECK((copy = dup(fd)) > fd && dup2(fd, copy) == copy && dup3(fd, copy, O_CLOEXEC) == copy);
	CHECK(fcntl(copy, F_GETFD) == FD_CLOEXEC && !close(copy));
	{
		char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), *grown;

		CHECK(map != MAP_FAILED && !memcmp(map, "Je", 2));
		map[1] = 'u';
		CHECK(!mprotect(map, 8192, PROT_READ) && !msync(map, 8192, MS_ASYNC));
		CHECK(!madvise(map, 8192, MADV_NORMAL) &&
		      !posix_madvise(map, 8192, POSIX_MADV_NORMAL));
		CHECK(posix_madvise(map + 1, 1, POSIX_MADV_NORMAL) == EINVAL);
		CHECK(!mlock(map, 4096) && !munlock(map, 4096));
		CHECK((grown = mremap(map, 8192, 4096, MREMAP_MAYMOVE)) != MAP_FAILED);
		CHECK(!memcmp(grown, "Ju", 2) && !munmap(grown, 4096));
		CHECK(FAILS(munmap(grown + 1, 1), EINVAL));
	}
	CHECK(FAILS(read(copy, bytes, 1), EBADF));
	CHECK(FAILS(isatty(fd) - 1, ENOTTY));
#ifdef __GLIBC__
	CHECK(!close_range(fd, fd, 0));
#else
	CHECK(!close(fd));
#endif
	CHECK(FAILS(lseek(fd, 0, SEEK_CUR), EBADF));
}

static void names(void)
{
	struct stat st, same;
#ifdef __GLIBC__ /* musl had these later */
	struct statx x;
#endif
	struct statfs fs;
	struct timespec times[2] = {{1000, 0}, {2000, 5}};
	struct timeval seconds[2] = {{3000, 0}, {4000, 0}};
	struct utimbuf old = {5000, 6000};
	/* volatile: the headers say that there is always one */
	const char *volatile no_path = NULL;
	char text[4096];
	int here = open(".", O_RDONLY | O_DIRECTORY), fd;

	CHECK(here >= 0);
	CHECK(!mkdir("d", 0755) && !mkdirat(here, "d/e", 0755) && !rmdir("d/e"));
	CHECK((fd = openat(here, "d/f", O_CREAT | O_WRONLY, 0640)) >= 0 && !close(fd));
	CHECK((fd = creat("d/g", 0600)) >= 0 && !fchmod(fd, 0644) && !futimens(fd, times));
	CHECK(!fstat(fd, &st) && st.st_mtime == 2000 && (st.st_mode & 0777) == 0644 && !close(fd));
	CHECK(!stat("d/g", &st) && !lstat("d/g", &same) && same.st_ino == st.st_ino);
	CHECK(!fstatat(here, "d/g", &same, 0) && same.st_ino == st.st_ino);
#ifdef __GLIBC__
	CHECK(!statx(here, "d/g", 0, STATX_ALL, &x) && x.stx_ino == st.st_ino);
#endif
	CHECK(!statfs("d", &fs) && !fstatfs(here, &fs));
	CHECK(!access("d/g", R_OK) && !faccessat(here, "d/g", W_OK, AT_EACCESS));
	CHECK(!rename("d/g", "d/h") && !renameat(here, "d/h", here, "d/g"));
#ifdef __GLIBC__
	CHECK(FAILS(renameat2(here, "d/f", here, "d/g", RENAME_NOREPLACE), EEXIST));
#endif
	CHECK(!link("d/f", "d/l") && !linkat(here, "d/f", here, "d/m", 0) && !unlink("d/m"));
	CHECK(!symlink("f", "d/s") && !symlinkat("f", here, "d/t") && !unlinkat(here, "d/t", 0));
	CHECK(readlink("d/s", text, sizeof(text)) == 1 && *text == 'f');
	CHECK(readlinkat(here, "d/s", text, sizeof(text)) == 1);
	CHECK(!chmod("d/f", 0600) && !fchmodat(here, "d/f", 0604, 0));
	CHECK(!stat("d/f", &st) && (st.st_mode & 0777) == 0604);
	CHECK(!fchmodat(here, "d/f", 0640, AT_SYMLINK_NOFOLLOW) && !stat("d/f", &st) &&
	      (st.st_mode & 0777) == 0640);
	CHECK(FAILS(fchmodat(here, "d/s", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP));
	CHECK(!chown("d/f", -1, -1) && !lchown("d/s", -1, -1) && !fchownat(here, "d/f", -1, -1, 0));
	CHECK(!truncate("d/f", 10) && !utime("d/f", &old) && !stat("d/f", &st));
	CHECK(st.st_size == 10 && st.st_mtime == 6000);
	CHECK(!utimes("d/f", seconds) && !utimensat(here, "d/f", times, 0));
	CHECK(FAILS(utimensat(here, no_path, times, 0), EINVAL));
	CHECK(!mkfifo("d/p", 0600) && !mkfifoat(here, "d/q", 0600) && !stat("d/p", &st));
	CHECK(S_ISFIFO(st.st_mode));
	CHECK(!chdir("d") && getcwd(text, sizeof(text)) && !strcmp(text + strlen(text) - 2, "/d"));
	CHECK(!getcwd(text, 0) && errno == EINVAL);
	CHECK(!getcwd(text, 1) && errno == ERANGE);
	CHECK(!fchdir(here) && !access("d/f", F_OK) && !close(here));
	CHECK(FAILS(open("none/x", O_RDONLY), ENOENT));
	CHECK(umask(022) != (mode_t)-1);
}

static void waits(void)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7}, got;
	struct itimerspec soon = {.it_value = {0, 1000000}};
	struct timeval timeout = {5, 0};
	uint64_t value = 3;
	sigset_t mask;
	int fds[2], set, fd, timer;
	fd_set in;

	CHECK(!pipe(fds) && write(fds[1], "x", 1) == 1);
	CHECK((set = epoll_create1(EPOLL_CLOEXEC)) >= 0);
	CHECK(!epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event));
	CHECK(epoll_wait(set, &got, 1, 5000) == 1 && got.data.u64 == 7 && !close(set));
	CHECK((set = epoll_create(1)) >= 0 && !close(set));
	FD_ZERO(&in);
	FD_SET(fds[0], &in);
	CHECK(select(fds[0] + 1, &in, NULL, NULL, &timeout) == 1 && FD_ISSET(fds[0], &in));
	{
		struct pollfd poller = {fds[0], POLLIN, 0};

		CHECK(poll(&poller, 1, 5000) == 1 && poller.revents == POLLIN);
	}
	CHECK(!close(fds[0]) && !close(fds[1]) && !pipe2(fds, O_CLOEXEC | O_NONBLOCK));
	CHECK(FAILS(read(fds[0], &value, 1), EAGAIN));
	value = 3;
	CHECK((fd = eventfd(0, EFD_NONBLOCK)) >= 0 && write(fd, &value, 8) == 8);
	CHECK(read(fd, &value, 8) == 8 && value == 3 && !close(fd));
	CHECK((timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) >= 0);
	CHECK(!timerfd_settime(timer, 0, &soon, NULL) && !timerfd_gettime(timer, &soon));
	CHECK(read(timer, &value, 8) == 8 && value == 1 && !close(timer));
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	CHECK((fd = signalfd(-1, &mask, SFD_NONBLOCK)) >= 0 && !close(fd));
	CHECK((fd = memfd_create("name", MFD_CLOEXEC)) >= 0 && write(fd, "x", 1) == 1 &&
	      !close(fd));
	CHECK((fd = inotify_init1(IN_CLOEXEC)) >= 0);
	CHECK(FAILS(inotify_rm_watch(fd, 77), EINVAL));
	CHECK(!close(fd) && !close(fds[0]) && !close(fds[1]));
}

static int fifo;

static void write_to_fifo(int signal)
{
	(void)signal;
	CHECK(write(fifo, "x", 1) == 1);
}

/* A handler that calls the kernel which its thread sleeps in. */
static void handler_in_call(void)
{
	struct itimerval soon = {.it_value = {0, 50000}};
	char byte = 0;

	CHECK((fifo = open("d/p", O_RDWR)) >= 0);
	CHECK(signal(SIGALRM, write_to_fifo) == SIG_DFL);
	CHECK(!setitimer(ITIMER_REAL, &soon, NULL));
	CHECK(read(fifo, &byte, 1) == 1 && byte == 'x');
	CHECK(!close(fifo));
}

static void signals_and_process(void)
{
	struct sigaction action = {.sa_handler = count_signal}, old;
	struct rlimit limit;
	struct utsname machine;
	sigset_t mask, before;
	char name[256];
	int status;
	pid_t pid;

	sigemptyset(&action.sa_mask);
	CHECK(!sigaction(SIGUSR1, &action, NULL) && !sigaction(SIGUSR1, NULL, &old));
	CHECK(old.sa_handler == count_signal && !raise(SIGUSR1) && signals == 1);
	CHECK(signal(SIGUSR1, SIG_IGN) == count_signal && !raise(SIGUSR1) && signals == 1);
	CHECK(signal(SIGUSR1, count_signal) == SIG_IGN);
	CHECK(!sigaction(SIGUSR1, NULL, &old) && old.sa_flags & SA_RESTART);
	CHECK(!sigismember(&old.sa_mask, SIGHUP) && sigismember(&old.sa_mask, SIGUSR1));
	CHECK(FAILS(sigaction(SIGKILL, &action, NULL), EINVAL));
	CHECK(FAILS(sigaction(0, &action, NULL), EINVAL));
	CHECK(signal(99, SIG_IGN) == SIG_ERR && errno == EINVAL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	CHECK(!sigprocmask(SIG_BLOCK, &mask, &before) && !raise(SIGUSR1) && signals == 1);
	CHECK(FAILS(sigsuspend(&before), EINTR));
	CHECK(signals == 2 && !pthread_sigmask(SIG_SETMASK, &before, &mask));
	CHECK(sigismember(&mask, SIGUSR1) && pthread_sigmask(77, &mask, NULL) == EINVAL);
	CHECK(FAILS(sigprocmask(77, &mask, NULL), EINVAL));

	CHECK(!getrlimit(RLIMIT_CORE, &limit) && !setrlimit(RLIMIT_CORE, &limit));
	CHECK(!prlimit(0, RLIMIT_CORE, NULL, &limit));
	CHECK(!uname(&machine) && !gethostname(name, sizeof(name)) &&
	      !strcmp(name, machine.nodename));
	CHECK(FAILS(gethostname(name, 1), ENAMETOOLONG));
	CHECK(!getdomainname(name, sizeof(name)) && !strcmp(name, machine.domainname));

	CHECK((pid = fork()) >= 0);
	if (!pid)
		_exit(access("d/f", F_OK) ? 1 : 3);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	mkdir(argv[1], 0755);
	CHECK(!chdir(argv[1]));
	data();
	names();
	waits();
	handler_in_call();
	signals_and_process();
	return 0;
}

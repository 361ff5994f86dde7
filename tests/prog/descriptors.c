/* SPDX-License-Identifier: BSD-2-Clause */
/* descriptors.c - numbers, copies, limits and locks of descriptors, on either side; see report.h */
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "report.h"

static char text[64];

/* Runs fn in a child; what it returns is the exit status. */
static int child(int (*fn)(int), int argument)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(fn(argument));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- numbers ---- */

static void copies(void)
{
	int fd = make("file", "0123456789"), pair[2];
	struct stat st;

	TELL(fd);
	TELL(dup(fd));
	TELL(dup(99));
	TELL(dup2(fd, 20));
	TELL(dup2(fd, fd));
	TELL(dup2(99, 20));
	TELL(dup2(fd, -1));
	TELL(dup2(fd, 1 << 28));
	TELL(dup3(fd, 21, O_CLOEXEC));
	TELL(dup3(fd, fd, 0));
	TELL(dup3(fd, 21, 1));
	TELL(fcntl(21, F_GETFD));
	TELL(fcntl(fd, F_DUPFD, 30));
	TELL(fcntl(fd, F_DUPFD, 30));
	TELL(fcntl(fd, F_DUPFD_CLOEXEC, 30));
	TELL(fcntl(32, F_GETFD));
	TELL(fcntl(fd, F_DUPFD, -1));
	TELL(fcntl(fd, F_DUPFD, 1 << 30));
	TELL(read(20, text, 3));
	TELL(lseek(32, 0, SEEK_CUR));
	TELL(fcntl(32, F_SETFL, O_APPEND));
	TELL(fcntl(fd, F_GETFL) & O_APPEND ? 1 : 0);
	TELL(fcntl(32, F_SETFL, 0));
	TELL(close(20));
	TELL(close(20));
	TELL(read(20, text, 1));
	TELL(open(in("file"), O_RDONLY)); /* the lowest that is free */
	TELL(dup2(0, 30));
	TELL(fstat(30, &st));
	TELL(dup2(fd, 0));
	TELL(read(0, text, 1));
	TELL(ioctl(fd, FIOCLEX));
	TELL(fcntl(fd, F_GETFD));
	TELL(ioctl(fd, FIONCLEX));
	TELL(fcntl(fd, F_GETFD));
	TELL(fcntl(fd, F_SETFD, FD_CLOEXEC));
	TELL(fcntl(fd, F_GETFD));
	TELL(pipe(pair));
	TELL(pair[0]);
	TELL(dup2(fd, pair[1]) == pair[1]); /* the other end is at its end now */
	TELL(read(pair[0], text, 1));
	TELL(fcntl(99, F_GETFD));
	TELL(fcntl(fd, 9999));
	TELL(fcntl(fd, F_GETPIPE_SZ));
}

static void closing(void)
{
	int fd = make("file", "abc");

	TELL(dup2(fd, 10));
	TELL(dup2(fd, 12));
	TELL(dup2(fd, 14));
	TELL(close_range(11, 13, 0));
	TELL(read(12, text, 1));
	TELL(read(14, text, 1));
	TELL(close_range(14, 14, CLOSE_RANGE_CLOEXEC));
	TELL(fcntl(14, F_GETFD));
	TELL(close_range(14, 13, 0));
	TELL(close_range(1000000, ~0U, 0));
	TELL(close_range(3, 4, 1 << 10));
	TELL(close_range(14, ~0U, CLOSE_RANGE_UNSHARE));
	TELL(read(14, text, 1));
	closefrom(3);
	TELL(read(fd, text, 1));
	TELL(fd = open(in("file"), O_RDONLY));
	for (int i = 3; i < 65536; i++)
		close(i);
	TELL(read(fd, text, 1));
	TELL(fd = open(in("file"), O_RDONLY));
	TELL(read(fd, text, 3));
	/* over every number that select can name */
	for (int i = 4; i < 1000; i++)
		if (dup2(fd, i) != i)
			printf("dup2 over %d: %s\n", i, strerrorname_np(errno));
	TELL(pread(999, text, 3, 0));
	TELL(syscall(SYS_close, 999));
	closefrom(3);
	TELL(fd = open(in("file"), O_RDONLY));
	TELL(read(fd, text, 3));
}

static void limits(void)
{
	struct rlimit limit, low = {24, 0};
	int fd = make("file", "x"), pair[2];

	getrlimit(RLIMIT_NOFILE, &limit);
	low.rlim_max = limit.rlim_max;
	TELL(setrlimit(RLIMIT_NOFILE, &low));
	while ((fd = open(in("file"), O_RDONLY)) >= 0)
		;
	TELL(open(in("file"), O_RDONLY));
	TELL(open(in("new"), O_CREAT | O_RDWR, 0600));
	TELL(access(in("new"), F_OK));
	TELL(dup(3));
	TELL(dup2(3, 24));
	TELL(fcntl(3, F_DUPFD, 0));
	TELL(fcntl(3, F_DUPFD, 24));
	TELL(pipe(pair));
	TELL(socket(AF_UNIX, SOCK_STREAM, 0));
	TELL(close(9));
	TELL(pipe(pair));
	TELL(open(in("file"), O_RDONLY));
	TELL(close(9) | close(11));
	TELL(pipe(pair));
	TELL(pair[0] + pair[1]);
	TELL(setrlimit(RLIMIT_NOFILE, &limit));
}

/* What select can name, and more. */
static void many(void)
{
	struct rlimit limit, more;
	char *set = calloc(1, 4096 / 8);
	int fd, fifo;

	getrlimit(RLIMIT_NOFILE, &limit);
	more = limit;
	more.rlim_cur = 4096;
	if (setrlimit(RLIMIT_NOFILE, &more)) {
		puts("no room");
		return;
	}
	TELL(mkfifo(in("fifo"), 0600));
	fifo = open(in("fifo"), O_RDWR);
	TELL(dup2(fifo, 3000));
	TELL(dup2(fifo, 1023));
	set[1023 / 8] = (char)(1 << 1023 % 8);
	TELL(select(1024, (fd_set *)set, NULL, NULL, &(struct timeval){0, 0}));
	TELL(write(fifo, "x", 1));
	set[1023 / 8] = (char)(1 << 1023 % 8);
	set[3000 / 8] = (char)(1 << 3000 % 8);
	TELL(syscall(SYS_select, 3001, set, NULL, NULL, &(struct timeval){0, 0}));
	TELL(poll(&(struct pollfd){3000, POLLIN, 0}, 1, 0));
	for (fd = 0; fd >= 0 && fd < 2500;)
		fd = open(in("fifo"), O_RDWR);
	TELL(fd);
	TELL(write(fd, "y", 1));
	TELL(read(3000, text, 5));
	closefrom(3);
	TELL(open(in("fifo"), O_RDWR));
}

/* ---- processes ---- */

static int reads(int fd)
{
	return read(fd, text, 2) == 2 ? text[0] : 255;
}

static int closes(int fd)
{
	return close(fd) ? 255 : 7;
}

static int has_only_three(int unused)
{
	(void)unused;
	for (int i = 3; i < 300; i++)
		if (fcntl(i, F_GETFD) >= 0)
			return i;
	return 0;
}

static void processes(void)
{
	char *const cat[] = {"cat", NULL}, *const shell[] = {"sh", "-c",
							     "cat <&9; cat 0<&8; echo $?", NULL};
	posix_spawn_file_actions_t actions;
	int fd = make("file", "0123456789"), status, spawned;
	pid_t pid;

	TELL(child(reads, fd));
	TELL(child(closes, fd));
	TELL(read(fd, text, 1)); /* one position */
	TELL(text[0]);
	pid = vfork();
	if (!pid) {
		if (dup2(fd, 0) < 0 || lseek(0, 6, SEEK_SET) != 6)
			_exit(1);
		execlp("cat", "cat", NULL);
		_exit(2);
	}
	TELL(waitpid(pid, &status, 0) == pid);
	puts("");
	TELL(status);
	TELL(lseek(fd, 4, SEEK_SET));
	fflush(stdout);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, 0);
	posix_spawn_file_actions_addclose(&actions, fd);
	/* told when the child has said its text */
	spawned = posix_spawnp(&pid, "cat", &actions, NULL, cat, environ);
	waitpid(pid, &status, 0);
	puts("");
	TELL(spawned);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 9, in("file"), O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, in("out"), O_WRONLY | O_CREAT, 0600);
	posix_spawn_file_actions_addchdir_np(&actions, folder);
	TELL(fcntl(fd, F_SETFD, FD_CLOEXEC));
	TELL(dup2(fd, 8));
	TELL(posix_spawnp(&pid, "sh", &actions, NULL, shell, environ));
	waitpid(pid, &status, 0);
	TELL(status);
	fd = open(in("out"), O_RDONLY);
	status = TELL(read(fd, text, sizeof(text) - 1));
	text[status] = '\0';
	TEXT(text);
	closefrom(3);
	TELL(child(has_only_three, 0));
	TELL(posix_spawn_file_actions_addclosefrom_np(&actions, 3));
}

/* ---- locks ---- */

static struct flock lock_of(int type, int start, int length)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

static int set_lock(int fd, int command, int type, int start, int length)
{
	struct flock lock = lock_of(type, start, length);

	return fcntl(fd, command, &lock);
}

static int locks_posix(int fd)
{
	struct flock lock = lock_of(F_WRLCK, 0, 10);

	if (set_lock(fd, F_SETLK, F_RDLCK, 0, 4) != -1 || errno != EAGAIN)
		return 1;
	if (fcntl(fd, F_GETLK, &lock) || lock.l_type != F_WRLCK || lock.l_pid != getppid())
		return 2;
	if (set_lock(fd, F_SETLK, F_WRLCK, 20, 5))
		return 3;
	return 0;
}

static int locks_open(int fd)
{
	int other = open(in("file"), O_RDWR);

	/* the parent's open file has it, and so have we */
	if (set_lock(fd, F_OFD_SETLK, F_WRLCK, 0, 4))
		return 1;
	if (set_lock(other, F_OFD_SETLK, F_RDLCK, 0, 1) != -1 || errno != EAGAIN)
		return 2;
	return 0;
}

static int locks_flock(int fd)
{
	int other = open(in("file"), O_RDONLY);

	if (flock(fd, LOCK_EX | LOCK_NB))
		return 1;
	return flock(other, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK ? 0 : 2;
}

static int waits_for_lock(int fd)
{
	return set_lock(fd, F_SETLKW, F_WRLCK, 0, 1) ? errno : 0;
}

static void alarmed(int signal)
{
	(void)signal;
}

static void locks(void)
{
	int fd = make("file", "0123456789"), other, status;
	pid_t pid;

	TELL(set_lock(fd, F_SETLK, F_WRLCK, 0, 4));
	TELL(child(locks_posix, fd));
	TELL(set_lock(fd, F_SETLK, F_UNLCK, 0, 0));
	TELL(set_lock(fd, F_SETLK, 77, 0, 0));
	TELL(set_lock(fd, F_OFD_SETLK, F_WRLCK, 0, 4));
	TELL(child(locks_open, fd));
	TELL(set_lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
	TELL(flock(fd, LOCK_EX));
	TELL(child(locks_flock, fd));
	TELL(flock(fd, LOCK_UN));
	TELL(flock(fd, 99));
	TELL(lockf(fd, F_TLOCK, 3));
	TELL(lockf(fd, F_ULOCK, 0));
	/* one that has to be waited for, until we let go or a signal comes */
	TELL(set_lock(fd, F_SETLK, F_WRLCK, 0, 1));
	fflush(stdout);
	if (!(pid = fork()))
		_exit(waits_for_lock(fd));
	usleep(100000);
	TELL(waitpid(pid, &status, WNOHANG));
	TELL(set_lock(fd, F_SETLK, F_UNLCK, 0, 0));
	TELL(waitpid(pid, &status, 0) == pid);
	TELL(status);
	TELL(set_lock(fd, F_SETLK, F_WRLCK, 0, 1));
	fflush(stdout);
	if (!(pid = fork())) {
		struct sigaction action = {.sa_handler = alarmed};

		sigaction(SIGALRM, &action, NULL);
		/* more than one: the first may come before the call */
		ualarm(100000, 100000);
		_exit(waits_for_lock(fd) == EINTR ? 0 : 1);
	}
	TELL(waitpid(pid, &status, 0) == pid);
	TELL(status);
	/* closing any descriptor of the file lets go of POSIX locks */
	other = open(in("file"), O_RDONLY);
	TELL(close(other));
	TELL(child(waits_for_lock, fd));
	TELL(fcntl(fd, F_SETLEASE, F_RDLCK));
	other = open(in("leased"), O_RDONLY | O_CREAT, 0600);
	TELL(fcntl(other, F_SETLEASE, F_RDLCK));
	TELL(fcntl(other, F_GETLEASE));
	TELL(fcntl(other, F_SETLEASE, F_UNLCK));
	TELL(fcntl(fd, F_SETOWN, getpid()));
	TELL(fcntl(fd, F_GETOWN) == getpid());
	TELL(fcntl(fd, F_SETSIG, SIGUSR1));
	TELL(fcntl(fd, F_GETSIG));
	other = memfd_create("x", MFD_ALLOW_SEALING);
	TELL(fcntl(other, F_GET_SEALS));
	TELL(fcntl(fd, F_GET_SEALS));
}

/* ---- in messages ---- */

#define MANY 180

static int send_fds(int socket, const int *fds, int count)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = "";
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	*head = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(head), fds, count * sizeof(int));
	return sendmsg(socket, &message, 0);
}

static int receive_fds(int socket, int *fds, int count, size_t room, int flags)
{
	char control[CMSG_SPACE(MANY * sizeof(int))], data;
	struct iovec part = {&data, 1};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
	int result = recvmsg(socket, &message, flags);
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	for (int i = 0; i < count; i++)
		fds[i] = -1;
	if (result < 0)
		return result;
	if (head)
		memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
	return message.msg_flags & MSG_CTRUNC ? 1000 : (int)message.msg_controllen;
}

static int receiver;

static int receives(int unused)
{
	int fds[3];

	(void)unused;
	if (receive_fds(receiver, fds, 3, CMSG_SPACE(sizeof(fds)), 0) < 0)
		return 255;
	if (read(fds[0], text, 1) != 1 || read(fds[1], text + 1, 1) != 1)
		return 254;
	return text[0] == 'a' && text[1] == 'r' ? fds[1] : 253;
}

/* Each descriptor behind a header of its own: more control data than a page. */
static void many_headers(int from, int to, int fd)
{
	static char control[MANY * CMSG_SPACE(sizeof(int))];
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int got[MANY] = {0};

	for (int i = 0; i < MANY; i++) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
		if (i < MANY - 1)
			header = CMSG_NXTHDR(&message, header);
	}
	TELL(sendmsg(from, &message, 0));
	TELL(receive_fds(to, got, MANY, CMSG_SPACE(sizeof(got)), 0));
	TELL(lseek(fd, 1, SEEK_SET));
	TELL(read(got[0], text, 1));
	TELL(text[0]);
	TELL(read(got[MANY - 1], text, 1));
	TELL(text[0]);
	for (int i = 0; i < MANY; i++)
		close(got[i]);
}

static void messages(void)
{
	int fd = make("file", "abcdef"), pair[2], fds[3] = {fd}, got[3], host;

	host = open("/etc/passwd", O_RDONLY);
	fds[1] = host;
	TELL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	TELL(send_fds(pair[0], fds, 2));
	receiver = pair[1];
	TELL(child(receives, 0));
	TELL(read(fd, text, 1));
	TELL(text[0]);
	TELL(send_fds(pair[0], fds, 2));
	TELL(receive_fds(pair[1], got, 3, CMSG_SPACE(2 * sizeof(int)), MSG_CMSG_CLOEXEC));
	TELL(got[0]);
	TELL(got[1]);
	TELL(fcntl(got[0], F_GETFD) + fcntl(got[1], F_GETFD));
	TELL(read(got[0], text, 1));
	TELL(text[0]);
	TELL(close(got[0]) | close(got[1]));
	fds[1] = 99;
	TELL(send_fds(pair[0], fds, 2));
	/* on their way, the number they had is gone */
	fds[1] = host;
	TELL(send_fds(pair[0], fds, 2));
	TELL(close(fd) | close(host));
	TELL(receive_fds(pair[1], got, 3, CMSG_SPACE(2 * sizeof(int)), 0));
	TELL(read(got[0], text, 1));
	TELL(text[0]);
	/* no room for all */
	fds[0] = got[0];
	fds[1] = got[1];
	TELL(send_fds(pair[0], fds, 2));
	TELL(receive_fds(pair[1], got, 3, CMSG_LEN(sizeof(int)), 0));
	TELL(got[1]);
	TELL(read(got[0], text, 1));
	TELL(text[0]);
	many_headers(pair[0], pair[1], got[0]);
}

static const struct report cases[] = {
	{"copies", copies},	  {"closing", closing}, {"limits", limits},	{"many", many},
	{"processes", processes}, {"locks", locks},	{"messages", messages}, {0},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* whatever the test was started with */
	closefrom(3);
	return report_main(cases, argc, argv);
}

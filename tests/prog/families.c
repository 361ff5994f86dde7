/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * families CASE FOLDER: processes made in C's ways that share files of FOLDER, which lies
 * in a rump kernel or on the host.  Any difference from Linux ends it with status 1 and a
 * line that tells where.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *folder;

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static _Noreturn void fail(int line, const char *what)
{
	fprintf(stderr, "families: line %d: %s: %s\n", line, what, strerror(errno));
	_exit(1);
}

#define must(condition)                             \
	do {                                        \
		if (!(condition))                   \
			fail(__LINE__, #condition); \
	} while (0)

static const char *at(const char *name)
{
	static _Thread_local char path[4][4096];
	static _Thread_local unsigned int next;
	char *text = path[next++ % 4];

	snprintf(text, sizeof(path[0]), "%s/%s", folder, name);
	return text;
}

static void write_file(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd >= 0);
	must(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	must(close(fd) == 0);
}

/* The content is text. */
static int has(const char *name, const char *text)
{
	char buffer[256];
	int fd = open(at(name), O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, buffer, sizeof(buffer));
	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(buffer, text, n);
}

static int status_of(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* What a descriptor of a child's says about its table: run by exec as "CASE FOLDER". */
static int child_fds(void)
{
	const char *inherited = getenv("INHERITED"), *closed = getenv("CLOSED");
	char byte;

	if (inherited)
		must(read(atoi(inherited), &byte, 1) == 1);
	if (closed)
		must(read(atoi(closed), &byte, 1) == -1 && errno == EBADF);
	must(has("f", "text"));
	return 7;
}

static void number(char *text, const char *name, int value)
{
	sprintf(text, "%s=%d", name, value);
}

/* Executes this program as child_fds in the calling process. */
static void exec_self(int inherited, int closed)
{
	char first[64], second[64];
	char *argv[] = {"families", "child_fds", (char *)folder, NULL};
	char *env[16];
	unsigned int count = 0;
	static const char *const kept[] = {"LD_PRELOAD",      "RUMPHIJACK",   "LD_LIBRARY_PATH",
					   "RUMP_SERVER",     "RUMP_MODULES", "RUMP_TEST_TAG",
					   "RUMP_SECRET_FILE"};

	number(first, "INHERITED", inherited);
	number(second, "CLOSED", closed);
	env[count++] = first;
	env[count++] = second;
	for (unsigned int i = 0; i < LENGTH_OF(kept); i++)
		for (char **e = environ; *e; e++)
			if (!strncmp(*e, kept[i], strlen(kept[i])) && (*e)[strlen(kept[i])] == '=')
				env[count++] = *e;
	env[count] = NULL;
	execve("/proc/self/exe", argv, env);
}

/* ---- cases ---- */

static int vforks(void)
{
	int kept, closed;
	pid_t pid;

	write_file("f", "text");
	kept = open(at("f"), O_RDONLY);
	closed = open(at("f"), O_RDONLY | O_CLOEXEC);
	must(kept >= 0 && closed >= 0);
	pid = vfork();
	must(pid >= 0);
	if (pid == 0) {
		exec_self(kept, closed);
		_exit(127);
	}
	must(status_of(pid) == 7);
	/* the offset is shared */
	must(lseek(kept, 0, SEEK_CUR) == 1);
	pid = vfork();
	if (pid == 0)
		_exit(3);
	must(status_of(pid) == 3);
	/* one that fails to execute */
	pid = vfork();
	if (pid == 0) {
		execl(at("none"), "none", NULL);
		_exit(errno == ENOENT ? 4 : 5);
	}
	must(status_of(pid) == 4);
	must(fcntl(kept, F_GETFD) == 0 && fcntl(closed, F_GETFD) == FD_CLOEXEC);
	return 0;
}

static int raw_clones(void)
{
	static const int flags[] = {SIGCHLD, CLONE_PARENT_SETTID | SIGCHLD};
	int fd, tid = 0;

	write_file("f", "text");
	fd = open(at("f"), O_RDONLY);
	must(fd >= 0);
	for (unsigned int i = 0; i < LENGTH_OF(flags); i++) {
		pid_t pid = syscall(SYS_clone, flags[i], 0, &tid, 0, 0);
		char byte;

		must(pid >= 0);
		if (pid == 0)
			_exit(read(fd, &byte, 1) == 1 && byte == "te"[i] && has("f", "text") ? 6
											     : 1);
		must(status_of(pid) == 6);
	}
	pid_t pid = syscall(SYS_fork);

	must(pid >= 0);
	if (pid == 0) {
		close(fd);
		write_file("g", "by fork");
		_exit(0);
	}
	must(status_of(pid) == 0);
	must(has("g", "by fork"));
	must(lseek(fd, 0, SEEK_CUR) == 2);
	return 0;
}

static int daemons(void)
{
	pid_t pid, first = getpid();

	write_file("f", "text");
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		must(chdir(folder) == 0);
		must(daemon(1, 0) == 0);
		/* the same directory, other descriptors, another process */
		must(getpid() != first && has("f", "text"));
		write_file("daemon.new", "lives");
		must(rename("daemon.new", "daemon") == 0);
		_exit(0);
	}
	must(status_of(pid) == 0);
	for (int i = 0; !has("daemon", "lives"); i++) {
		must(i < 1000);
		usleep(10000);
	}
	return 0;
}

static int spawns(void)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = {"sh", "-c", "cat; pwd; ls f; cat <&9; exit 8", NULL};
	int status, kept;
	pid_t pid;

	write_file("f", "text");
	kept = open(at("f"), O_RDONLY | O_CLOEXEC);
	must(kept >= 0);
	must(posix_spawn_file_actions_init(&actions) == 0);
	must(posix_spawn_file_actions_addopen(&actions, 0, at("f"), O_RDONLY, 0) == 0);
	must(posix_spawn_file_actions_addopen(&actions, 1, at("out"), O_WRONLY | O_CREAT, 0600) ==
	     0);
	must(posix_spawn_file_actions_adddup2(&actions, kept, 9) == 0);
	must(posix_spawn_file_actions_addclose(&actions, kept) == 0);
	must(posix_spawn_file_actions_addchdir_np(&actions, folder) == 0);
	for (int i = 0; i < 20; i++) {
		char want[8192];

		must(posix_spawnp(&pid, "sh", &actions, NULL, argv, environ) == 0);
		status = status_of(pid);
		must(status == 8);
		snprintf(want, sizeof(want), "text%s\nf\ntext", folder);
		must(has("out", want));
		must(lseek(kept, 0, SEEK_CUR) == 4);
		must(lseek(kept, 0, SEEK_SET) == 0);
		must(unlink(at("out")) == 0);
	}
	/* the parent has its own: nothing of the child's actions is left */
	must(fcntl(kept, F_GETFD) == FD_CLOEXEC);
	must(fcntl(9, F_GETFD) == -1 && errno == EBADF);
	must(!has("out", ""));
	must(system("exit 3") == 3 << 8);
	FILE *pipe = popen("cat >\"$OUT\"", "w");

	must(pipe != NULL);
	must(fputs("by popen", pipe) >= 0 && pclose(pipe) == 0);
	must(has("popen", "by popen"));
	return 0;
}

static void *exec_in_thread(void *arg)
{
	int *fds = arg;

	exec_self(fds[0], fds[1]);
	fail(__LINE__, "exec");
}

/* Another thread than the first executes a program while a third is in a call. */
static void *block(void *arg)
{
	char byte;

	return (void *)read(*(int *)arg, &byte, 1);
}

static int exec_of_thread(void)
{
	int fds[2], fifo;
	pthread_t thread;
	pid_t pid;

	write_file("f", "text");
	must(mkfifo(at("fifo"), 0600) == 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		fifo = open(at("fifo"), O_RDWR);
		fds[0] = open(at("f"), O_RDONLY);
		fds[1] = open(at("f"), O_RDONLY | O_CLOEXEC);
		must(fifo >= 0 && fds[0] >= 0 && fds[1] >= 0);
		must(pthread_create(&thread, NULL, block, &fifo) == 0);
		usleep(100000);
		must(pthread_create(&thread, NULL, exec_in_thread, fds) == 0);
		pause();
	}
	must(status_of(pid) == 7);
	return 0;
}

/* The first process itself executes another program: it has the kernel. */
static int exec_of_first(void)
{
	int kept, closed;

	write_file("f", "text");
	kept = open(at("f"), O_RDONLY);
	closed = open(at("f"), O_RDONLY | O_CLOEXEC);
	must(kept >= 0 && closed >= 0);
	exec_self(kept, closed);
	return 1;
}

static void on_signal(int number)
{
	(void)number;
}

/* A call of a child is interrupted, and restarted, as Linux says. */
static int interrupted(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	int fifo, ready[2], status = 0;
	pid_t pid;
	char byte;

	must(mkfifo(at("fifo"), 0600) == 0);
	fifo = open(at("fifo"), O_RDWR);
	must(fifo >= 0);
	for (int restart = 0; restart < 2; restart++) {
		must(pipe(ready) == 0);
		pid = fork();
		must(pid >= 0);
		if (pid == 0) {
			action.sa_flags = restart ? SA_RESTART : 0;
			must(sigaction(SIGUSR1, &action, NULL) == 0);
			must(write(ready[1], "r", 1) == 1);
			ssize_t n = read(fifo, &byte, 1);

			_exit(n == 1 ? 10 : n == -1 && errno == EINTR ? 11 : 12);
		}
		must(read(ready[0], &byte, 1) == 1 && close(ready[0]) == 0 && close(ready[1]) == 0);
		/* more than one: the first may come before the read */
		for (int i = 0; i < 300 && (!restart || i < 3); i++) {
			usleep(200000);
			if (waitpid(pid, &status, WNOHANG) == pid)
				break;
			must(kill(pid, SIGUSR1) == 0);
		}
		if (restart) {
			must(write(fifo, "x", 1) == 1);
			must(waitpid(pid, &status, 0) == pid);
		}
		must(WIFEXITED(status) && WEXITSTATUS(status) == (restart ? 10 : 11));
	}
	return 0;
}

/* One thread's blocking call holds no other of the same child. */
static int blocked(void)
{
	pid_t pid;

	write_file("f", "text");
	must(mkfifo(at("fifo"), 0600) == 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		pthread_t threads[8];
		void *result;
		int fifo = open(at("fifo"), O_RDWR);

		must(fifo >= 0);
		for (unsigned int i = 0; i < LENGTH_OF(threads); i++)
			must(pthread_create(&threads[i], NULL, block, &fifo) == 0);
		usleep(100000);
		for (int i = 0; i < 1000; i++)
			must(has("f", "text"));
		must(write(fifo, "12345678", 8) == 8);
		for (unsigned int i = 0; i < LENGTH_OF(threads); i++)
			must(pthread_join(threads[i], &result) == 0 && (long)result == 1);
		_exit(0);
	}
	must(status_of(pid) == 0);
	return 0;
}

/* A session of its own, a socket pair to the parent, a descriptor passed each way. */
static int passed(void)
{
	int pair[2], fd;
	pid_t pid;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	write_file("f", "text");
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		must(close(pair[0]) == 0);
		must(recvmsg(pair[1], &message, 0) == 1);
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
		must(read(fd, &byte, 1) == 1 && byte == 't');
		must(write(pair[1], "", 1) == 1);
		_exit(0);
	}
	must(close(pair[1]) == 0);
	/* opened after the fork: the child has it by the message alone */
	fd = open(at("f"), O_RDONLY);
	must(fd >= 0);
	control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	must(sendmsg(pair[0], &message, 0) == 1);
	must(read(pair[0], &byte, 1) == 1);
	must(lseek(fd, 0, SEEK_CUR) == 1);
	must(status_of(pid) == 0);
	return 0;
}

/* What a network server's sandbox leaves to the process that reads from strangers. */
static void confine(void)
{
	static const int allowed[] = {SYS_read,	  SYS_write,	      SYS_poll,		 SYS_ppoll,
				      SYS_futex,  SYS_getpid,	      SYS_clock_gettime, SYS_mmap,
				      SYS_munmap, SYS_rt_sigprocmask, SYS_exit_group};
	struct sock_filter filter[2 * LENGTH_OF(allowed) + 2];
	struct sock_fprog program = {LENGTH_OF(filter), filter};
	unsigned int n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (unsigned int i = 0; i < LENGTH_OF(allowed); i++) {
		filter[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* Calls that take their time, so that both sides of a connection sleep meanwhile. */
static int confined(void)
{
	int fifo, back;
	pid_t pid;
	char byte;

	must(mkfifo(at("fifo"), 0600) == 0 && mkfifo(at("back"), 0600) == 0);
	fifo = open(at("fifo"), O_RDWR);
	back = open(at("back"), O_RDWR);
	must(fifo >= 0 && back >= 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		confine();
		for (int i = 0; i < 20; i++)
			if (read(fifo, &byte, 1) != 1 || byte != 'a' + i ||
			    write(back, &byte, 1) != 1)
				_exit(1);
		_exit(7);
	}
	for (int i = 0; i < 20; i++) {
		usleep(i * 2000);
		byte = 'a' + i;
		must(write(fifo, &byte, 1) == 1);
		must(read(back, &byte, 1) == 1 && byte == 'a' + i);
	}
	must(status_of(pid) == 7);
	return 0;
}

static void keep_capabilities(unsigned int mask)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{mask, mask, 0}, {0, 0, 0}};

	must(syscall(SYS_capset, &header, data) == 0);
}

/* Root gives up all but one capability, then that: libc's way is by all threads at once. */
static int drops(void)
{
	gid_t group = 65534;
	int fd;

	write_file("f", "text");
	fd = open(at("f"), O_RDWR);
	must(fd >= 0);
	must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	must(setresuid(65534, 65534, 65534) == 0);
	keep_capabilities(1 << CAP_SETGID);
	must(setgroups(1, &group) == 0);
	must(setresgid(65534, 65534, 65534) == 0);
	keep_capabilities(0);
	must(write(fd, "more", 4) == 4);
	must(setresuid(0, 0, 0) == -1 && errno == EPERM);
	must(open(at("f"), O_RDWR) == -1 && errno == EACCES);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} cases[] = {
	{"vforks", vforks},
	{"raw_clones", raw_clones},
	{"daemons", daemons},
	{"spawns", spawns},
	{"exec_of_thread", exec_of_thread},
	{"exec_of_first", exec_of_first},
	{"interrupted", interrupted},
	{"blocked", blocked},
	{"passed", passed},
	{"confined", confined},
	{"drops", drops},
	{"child_fds", child_fds},
};

int main(int argc, char **argv)
{
	if (argc == 3) {
		folder = argv[2];
		setenv("OUT", at("popen"), 1);
		for (unsigned int i = 0; i < LENGTH_OF(cases); i++)
			if (!strcmp(argv[1], cases[i].name))
				return cases[i].run();
	}
	fprintf(stderr, "usage: families CASE FOLDER; cases:");
	for (unsigned int i = 0; i < LENGTH_OF(cases); i++)
		fprintf(stderr, " %s", cases[i].name);
	fprintf(stderr, "\n");
	return 2;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes: fork, children that share memory, exec, daemon. */
#include "rumpclient_fake.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { DO_NOTHING = 1000, DO_WHOSE };

#define call(...) rumpclient_syscall(__VA_ARGS__)

/* The child's connection is served as any. */
static int64_t fork_process(struct fake_channel *channel)
{
	static uint32_t ids = 100;
	struct rump_sp_message message = {.type = RUMP_SP_SOCKET, .id = ++ids};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	fake_thread(fake_serve_client, (void *)(long)pair[1]);
	fake_send(channel->socket, &message, sizeof(message), pair[0]);
	close(pair[0]);
	return message.id;
}

static int64_t answer(struct fake_channel *channel)
{
	struct rlimit limit = {12, 12};

	switch (channel->turn.number) {
	case RUMP_SP_CALL_FORK:
		return fork_process(channel);
	case DO_WHOSE:
		return fake.hello.pid;
	case SYS_prlimit64:
		fake_record(channel, channel->turn.args[3], &limit, sizeof(limit));
		return 0;
	case SYS_fcntl: /* 0, 1, 2, 5 are open, 5 is close-on-exec; so is 9 */
		switch (channel->turn.args[0]) {
		case 0:
		case 1:
		case 2:
			return 0;
		case 5:
			return FD_CLOEXEC;
		case 9:
			return 0;
		}
		return -EBADF;
	}
	return (int64_t)channel->turn.args[5];
}

static int status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* In a child: calls work, as that process, and nothing of the parent's is left. */
static int check_child(int parents)
{
	if (rumpclient_generation() != 1)
		return 2;
	if (call(DO_NOTHING, 0, 0, 0, 0, 0, 6) != 6)
		return 3;
	if (call(DO_WHOSE, 0, 0, 0, 0, 0, 0) != getpid())
		return 4;
	if (rumpclient_fork_socket(NULL) != parents && is_open(parents))
		return 5;
	return 0;
}

static void forks(void)
{
	struct rumpclient_fork *fork_;
	int own = rumpclient_fork_socket(NULL);
	uint32_t connections = fake.connections;
	pid_t pid;

	ok(is_open(own), "the own connection is a descriptor");
	pid = rumpclient_fork();
	if (!pid)
		_exit(check_child(own));
	is_int(status_of(pid), 0, "rumpclient_fork()");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 9), 9, "the parent goes on");

	fork_ = rumpclient_prefork();
	ok(fork_ && is_open(rumpclient_fork_socket(fork_)), "a prefork has a connection");
	pid = fork();
	if (!pid) {
		if (rumpclient_fork_init(fork_))
			_exit(1);
		_exit(check_child(own));
	}
	rumpclient_fork_cancel(fork_);
	is_int(status_of(pid), 0, "fork by hand");

	/* as the preload does it: fork_init before libc's handlers */
	fork_ = rumpclient_prefork();
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		if (rumpclient_fork_init(fork_))
			_exit(1);
		_exit(check_child(own));
	}
	rumpclient_fork_cancel(fork_);
	is_int(status_of(pid), 0, "a child that libc does not know of");

	/* a grandchild */
	pid = rumpclient_fork();
	if (!pid) {
		int mine = rumpclient_fork_socket(NULL);

		pid = rumpclient_fork();
		if (!pid)
			_exit(check_child(mine));
		_exit(status_of(pid));
	}
	is_int(status_of(pid), 0, "a child's child");

	fork_ = rumpclient_prefork();
	own = rumpclient_fork_socket(fork_);
	rumpclient_fork_cancel(fork_);
	ok(!is_open(own), "a prefork without a fork leaves nothing");
	is_int(fake.connections, connections, "nobody connected by itself");
}

static void plain_fork(void)
{
	pid_t pid = fork();

	if (!pid) {
		long lost = call(DO_NOTHING, 0, 0, 0, 0, 0, 6), found;

		rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_ONCE);
		found = call(DO_NOTHING, 0, 0, 0, 0, 0, 6);
		_exit(lost != -ENOTCONN		     ? 1
		      : found != 6		     ? 2
		      : rumpclient_generation() != 2 ? 3
						     : 0);
	}
	is_int(status_of(pid), 0, "fork() without us: lost, and connected as the policy says");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 9), 9, "the parent is not touched");
}

static void shares_memory(void)
{
	struct rumpclient_fork *fork_ = rumpclient_prefork();
	volatile long in_child = 0, whose = 0;
	int own = rumpclient_fork_socket(NULL), fd = rumpclient_fork_socket(fork_);
	volatile pid_t child = 0;
	pid_t pid;

	rumpclient_fork_enter(fork_);
	is_int(rumpclient_fork_socket(NULL), fd, "entered: the child's connection is the own");
	pid = vfork();
	if (!pid) {
		child = getpid();
		in_child = call(DO_NOTHING, 0, 0, 0, 0, 0, 77);
		whose = call(DO_WHOSE, 0, 0, 0, 0, 0, 0);
		_exit(0);
	}
	rumpclient_fork_enter(NULL);
	is_int(rumpclient_fork_socket(NULL), own, "left");
	rumpclient_fork_cancel(fork_);
	is_int(status_of(pid), 0, "a child that shares memory");
	is_int(in_child, 77, "made a call");
	is_int(whose, child, "as itself");
	ok(!is_open(fd), "its connection is gone here");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 9), 9, "the parent goes on");
	ok(call(DO_WHOSE, 0, 0, 0, 0, 0, 0), "with its own channel");
}

static void given_socket(void)
{
	struct rumpclient_fork *fork_;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		bail_out("no socketpair");
	fake_thread(fake_serve_client, (void *)(long)pair[1]);
	fork_ = rumpclient_fork_of_socket(pair[0]);
	pid = fork();
	if (!pid) {
		rumpclient_fork_init(fork_);
		_exit(call(DO_NOTHING, 0, 0, 0, 0, 0, 6) == 6 ? 0 : 1);
	}
	rumpclient_fork_cancel(fork_);
	is_int(status_of(pid), 0, "a child with a socket from elsewhere");
	ok(!is_open(pair[0]), "which the parent has no more");
}

/* ---- exec ---- */

static int exec_child(void)
{
	if (getenv("_RUMPCLIENT") == NULL)
		return 10;
	if (rumpclient_init())
		return 11;
	if (getenv("_RUMPCLIENT"))
		return 12;
	if (call(DO_WHOSE, 0, 0, 0, 0, 0, 0) != getpid())
		return 13;
	if (!(fcntl(rumpclient_fork_socket(NULL), F_GETFD) & FD_CLOEXEC))
		return 14;
	return getenv("OTHER") ? 0 : 15;
}

static void execs(void)
{
	char *args[] = {"program", "exec", NULL}, *environment[] = {"OTHER=1", NULL};
	pid_t pid = rumpclient_fork();

	if (!pid) {
		if (rumpclient_exec("/nonexistent/program", args, environment) != -1 ||
		    errno != ENOENT)
			_exit(1);
		if (call(DO_NOTHING, 0, 0, 0, 0, 0, 6) != 6)
			_exit(2);
		rumpclient_exec("/proc/self/exe", args, environment);
		_exit(3);
	}
	is_int(status_of(pid), 0, "a program that was executed goes on");
	is_int(fake.execs, 1, "the server was told, once");
	is_int(fake.exec_count, 4, "of the descriptors that stay");
	ok(fake.exec_keep[0] == 0 && fake.exec_keep[2] == 2 && fake.exec_keep[3] == 9,
	   "the right ones");
}

static void daemons(void)
{
	int pipes[2];
	char byte = 0;
	pid_t pid;

	if (pipe(pipes))
		bail_out("no pipe");
	pid = rumpclient_fork();
	if (!pid) {
		if (rumpclient_daemon(0, 0) || getsid(0) != getpid() ||
		    call(DO_WHOSE, 0, 0, 0, 0, 0, 0) != getpid())
			_exit(1);
		_exit(write(pipes[1], "x", 1) != 1);
	}
	close(pipes[1]);
	is_int(status_of(pid), 0, "the one who calls rumpclient_daemon() ends");
	is_int(read(pipes[0], &byte, 1), 1, "the daemon goes on as a client");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exec"))
		return exec_child();
	fake.call = answer;
	fake_listen();
	is_int(rumpclient_init_url(fake.url, NULL), 0, "connects");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 6), 6, "calls");
	forks();
	plain_fork();
	shares_memory();
	given_socket();
	execs();
	daemons();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* fork, exit, and the two steps of a daemon. */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "rumpuser_common.h"

#define CHECK(condition)                                           \
	do {                                                       \
		if (!(condition)) {                                \
			diag("line %d: %s", __LINE__, #condition); \
			return 1;                                  \
		}                                                  \
	} while (0)

struct rump_thread {
	int unused;
};

static const struct rumpuser_ops *ops;
static struct rump_thread self;
static int forked_calls, exit_calls;
static int report = -1; /* shutdown() and atexit handlers write a letter here */

static void tell(const char *letter)
{
	if (report >= 0 && write(report, letter, 1) != 1)
		_exit(90);
}

static void forked(void)
{
	forked_calls++;
	if (ops->get_thread())
		_exit(91);
}

static void shutdown_kernel(void)
{
	tell("S");
}

static void thread_exit(struct rump_thread *t)
{
	(void)t;
	exit_calls++;
}

static const struct rumpuser_upcalls upcalls = {
	.version = RUMPUSER_VERSION,
	.forked = forked,
	.shutdown = shutdown_kernel,
	.thread_exit = thread_exit,
};

static int boot(void)
{
	struct rumpuser_memory memory;

	ops = ops_of(&upcalls);
	return ops->memory_create(MIB, &memory);
}

/* ---- fork ---- */

static int child_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void *fork_in_thread(void *arg)
{
	pid_t pid;

	ops->set_thread(arg);
	pid = fork();
	if (!pid) {
		/* its only thread ends: there is nobody to tell */
		exit_calls = 0;
		if (forked_calls != 1)
			_exit(70);
		pthread_exit(NULL);
	}
	return (void *)(long)child_status(pid);
}

static int fork_tells(void)
{
	struct rumpuser_io io = {.op = RUMPUSER_IO_CALL, .call_nr = SYS_getpid};
	void *result;
	pthread_t thread;
	int file;
	pid_t pid;

	CHECK(!boot());
	ops->set_thread(&self);
	file = ops->file_open("/", RUMPUSER_OPEN_PATH, NULL);
	CHECK(file >= 0);
	pid = fork();
	if (!pid) {
		char byte;

		if (forked_calls != 1 || ops->get_thread())
			_exit(70);
		if (ops->file_read(file, &byte, 1, 0) != -EBADF)
			_exit(71);
		ops->io_run(&io);
		if (io.result != getpid())
			_exit(72);
		/* a grandchild hears nothing more */
		pid = fork();
		_exit(pid ? child_status(pid) : forked_calls == 1 ? 20 : 73);
	}
	CHECK(child_status(pid) == 20);
	CHECK(!forked_calls && ops->get_thread() == &self);
	pthread_create(&thread, NULL, fork_in_thread, &self);
	pthread_join(thread, &result);
	CHECK(!result && exit_calls == 1);
	return 0;
}

static int fork_before_boot(void)
{
	pid_t pid;

	ops = ops_of(&upcalls);
	CHECK(!ops->boot_conf("mkdir /a\n", "text"));
	pid = fork();
	if (!pid) {
		const struct rumpuser_boot_item *items;
		unsigned int count;

		/* as good as its parent */
		if (forked_calls || boot() || ops->boot_items(&items, &count) || count != 1)
			_exit(1);
		_exit(*(char *)RUMP_MEMORY_BASE ? 2 : 20);
	}
	CHECK(child_status(pid) == 20);
	CHECK(!boot());
	return 0;
}

static volatile bool stop;

static void *keep_busy(void *arg)
{
	while (!stop) {
		struct rumpuser_io io = {.op = RUMPUSER_IO_CALL, .call_nr = SYS_getppid};

		ops->boot_conf("mkdir /a\n", "text");
		ops->io_run(&io);
		rumpuser_component_add("xfs");
	}
	return arg;
}

static void nothing(struct rumpuser_io *io)
{
	__atomic_store_n((int *)(io + 1), 1, __ATOMIC_SEQ_CST);
}

/* Locks that other threads hold at the moment of fork must not stop the child. */
static int fork_never_hangs(void)
{
	struct {
		struct rumpuser_io io;
		int is_done;
	} request = {.io = {.op = RUMPUSER_IO_CALL, .call_nr = SYS_getpid, .done = nothing}};
	pthread_t threads[2];

	ops = ops_of(&upcalls);
	ops->io_submit(&request.io);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, keep_busy, NULL);
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(20);
			ops->boot_conf("mkdir /b\n", "text");
			__atomic_store_n(&request.is_done, 0, __ATOMIC_SEQ_CST);
			ops->io_submit(&request.io);
			while (!__atomic_load_n(&request.is_done, __ATOMIC_SEQ_CST))
				ops->yield();
			_exit(request.io.result == getpid() ? 20 : 21);
		}
		CHECK(child_status(pid) == 20);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* ---- exit ---- */

static char letters[64];

/* What shutdown() and the atexit handler write while fn runs in a child that then exits. */
static const char *exit_of(int (*fn)(void))
{
	int fds[2];
	pid_t pid;
	ssize_t length;

	if (pipe(fds))
		bail_out("pipe");
	fflush(NULL);
	pid = fork();
	if (!pid) {
		report = fds[1];
		exit(fn());
	}
	close(fds[1]);
	waitpid(pid, NULL, 0);
	length = read(fds[0], letters, sizeof(letters) - 1);
	letters[length < 0 ? 0 : length] = '\0';
	close(fds[0]);
	return letters;
}

static void at_exit(void)
{
	tell("A");
}

static int boot_and_exit(void)
{
	atexit(at_exit);
	return boot();
}

static int exit_without_boot(void)
{
	ops_of(&upcalls);
	return 0;
}

static int exit_of_child(void)
{
	pid_t pid;

	boot();
	pid = fork();
	if (!pid)
		exit(0);
	child_status(pid);
	report = -1;
	return 0;
}

static int exit_of_bare_clone(void)
{
	pid_t pid;

	boot();
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		exit(0);
	child_status(pid);
	report = -1;
	return 0;
}

static int exit_by_caller(void)
{
	boot();
	rumpuser_shutdown_by_caller(1);
	return 0;
}

/* ---- daemons ---- */

/* The parent's status, and what it printed. */
static char printed[256];

static int daemon_of(int (*fn)(void))
{
	ssize_t length, total = 0;
	int fds[2], status;
	pid_t pid;

	if (pipe(fds))
		bail_out("pipe");
	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		dup2(fds[1], STDERR_FILENO);
		report = fds[1];
		_exit(fn());
	}
	close(fds[1]);
	status = child_status(pid);
	/* up to the end of the daemon, which has the pipe */
	while ((length = read(fds[0], printed + total, sizeof(printed) - 1 - (size_t)total)) > 0)
		total += length;
	printed[total] = '\0';
	close(fds[0]);
	return status;
}

static int daemon_good(void)
{
	pid_t parent = getpid();

	ops = ops_of(&upcalls);
	if (ops->daemonize_done(0) != -EINVAL)
		return 60;
	if (ops->daemonize_begin())
		return 61;
	if (getpid() == parent || getsid(0) != getpid())
		tell("1");
	if (ops->daemonize_begin() != -EALREADY)
		tell("2");
	/* a daemon has the kernel that it boots */
	if (boot() || ops->daemonize_begin() != -EBUSY)
		tell("3");
	usleep(100000);
	tell("B");
	if (ops->daemonize_done(0))
		tell("4");
	if (isatty(0) || write(2, "lost", 4) != 4)
		tell("5");
	if (forked_calls)
		tell("6");
	usleep(100000);
	tell("D");
	return 0;
}

static int daemon_fails(void)
{
	ops = ops_of(&upcalls);
	ops->daemonize_begin();
	ops->daemonize_done(EBUSY);
	return 0;
}

static int daemon_exits(void)
{
	ops = ops_of(&upcalls);
	ops->daemonize_begin();
	tell("E");
	return 7;
}

static int daemon_leaves(void)
{
	ops = ops_of(&upcalls);
	ops->daemonize_begin();
	return 0;
}

static int daemon_dies(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	ops = ops_of(&upcalls);
	ops->daemonize_begin();
	abort();
}

static int daemon_forks(void)
{
	pid_t pid;

	ops = ops_of(&upcalls);
	ops->daemonize_begin();
	if (boot())
		return 1;
	pid = fork();
	if (!pid)
		_exit(forked_calls);
	tell(child_status(pid) == 1 ? "F" : "N");
	ops->daemonize_done(0);
	return 0;
}

int main(void)
{
	is(daemon_of(daemon_fails), 1, "a daemon that failed: status 1");
	snprintf(letters, sizeof(letters), "rump: %s\n", strerror(EBUSY));
	is_str(printed, letters, "and why");
	is(daemon_of(daemon_exits), 7, "a daemon that ended early: its status");
	is_str(printed, "E", "and what it said itself");
	is(daemon_of(daemon_leaves), 1, "one that ended as if all were well: status 1");
	is_str(printed, "rump: ended before it was ready\n", "and that");
	is(daemon_of(daemon_dies), 1, "a daemon that died: status 1");
	is_str(printed, "rump: ended by signal 6 (Aborted)\n", "and of what");
	is_str(exit_of(exit_without_boot), "", "exit without a kernel shuts nothing down");
#if defined(__SANITIZE_THREAD__)
	diag("the thread sanitizer keeps the kernel's addresses, and forbids threads after fork");
#else
	is(in_child(fork_before_boot), 0, "a child forked before boot boots its own kernel");
	is(in_child(fork_never_hangs), 0, "fork in the midst of everything");
	is(in_child(fork_tells), 0, "fork is told to the child, once");
	is(daemon_of(daemon_good), 0, "a daemon that came up: status 0");
	is_str(printed, "BD", "after it said so; it goes on, on /dev/null");
	is(daemon_of(daemon_forks), 0, "a daemon that forks");
	is_str(printed, "F", "is the owner of its kernel, its child is not");
	is_str(exit_of(boot_and_exit), "AS", "exit shuts down, after the program's handlers");
	is_str(exit_of(exit_of_child), "", "not in a child of fork");
	is_str(exit_of(exit_of_bare_clone), "", "nor of clone");
	is_str(exit_of(exit_by_caller), "", "nor when the caller does it");
#endif
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes and lwps: rump_pub_lwproc_*(), rump_schedule(). */
#include "prog.h"

static bool is_open(int fd)
{
	return rump_sys_fcntl(fd, F_GETFD) >= 0;
}

static void *occupy(void *arg)
{
	int *pipes = arg;
	char byte;

	is_int(rump_pub_lwproc_rfork(RUMP_RFFDG), 0, "another thread gets a process");
	/* hand over who we are, then stay in a call */
	struct lwp *self = rump_pub_lwproc_curlwp();

	rump_sys_write(pipes[3], &self, sizeof(self));
	rump_sys_read(pipes[0], &byte, 1);
	rump_pub_lwproc_releaselwp();
	return NULL;
}

/* An lwp to come back to: an implicit one ends when its thread leaves it. */
static struct lwp *lwp_of_our_own(void)
{
	is_int(rump_pub_lwproc_newlwp(0), 0, "an lwp of our own");
	return rump_pub_lwproc_curlwp();
}

static void implicit(void)
{
	struct lwp *first;

	rump_sys_getpid();
	first = rump_pub_lwproc_curlwp();
	ok(first != NULL, "a call makes an lwp");
	rump_sys_getpid();
	ok(rump_pub_lwproc_curlwp() == first, "the next call has the same");
	is_int(rump_pub_lwproc_switch(NULL), 0, "switch(NULL)");
	ok(rump_pub_lwproc_curlwp() == NULL, "now there is none");
	is_int(rump_pub_lwproc_switch(first), EINVAL, "the implicit one has ended");
	ok(rump_sys_getpid() > 0, "a call makes one again");
	rump_pub_lwproc_releaselwp();
	ok(rump_pub_lwproc_curlwp() == NULL, "releaselwp leaves none");
	rump_pub_lwproc_releaselwp();
	ok(rump_sys_getpid() > 0, "releaselwp without one does nothing");
}

static void descriptors(void)
{
	struct lwp *home = lwp_of_our_own(), *copied, *shared;
	pid_t parent = rump_sys_getpid();
	int fd = rump_sys_open("/tmp/file", O_RDWR | O_CREAT, 0600), other;
	pid_t pid;

	succeeds(fd);
	is_int(rump_pub_lwproc_rfork(RUMP_RFFDG), 0, "rfork(RFFDG)");
	copied = rump_pub_lwproc_curlwp();
	ok(copied && copied != home, "goes on as the new lwp");
	pid = rump_sys_getpid();
	ok(pid > 0 && pid != parent, "in a process of its own");
	ok(is_open(fd), "descriptors are copied");
	succeeds(rump_sys_close(fd));

	is_int(rump_pub_lwproc_switch(home), 0, "switch back");
	is_int(rump_sys_getpid(), parent, "is the first process");
	ok(is_open(fd), "which kept its descriptor");

	is_int(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0, "rfork(RFCFDG)");
	ok(!is_open(fd), "starts without descriptors");
	rump_pub_lwproc_releaselwp();

	is_int(rump_pub_lwproc_switch(home), 0, "switch back");
	is_int(rump_pub_lwproc_rfork(0), 0, "rfork(0)");
	shared = rump_pub_lwproc_curlwp();
	ok(rump_sys_getpid() != parent, "is another process");
	ok(is_open(fd), "with the same descriptors");
	other = rump_sys_open("/tmp/file", O_RDONLY);
	succeeds(other);
	is_int(rump_pub_lwproc_switch(home), 0, "switch back");
	ok(is_open(other), "what it opens is open here");
	succeeds(rump_sys_close(other));
	is_int(rump_pub_lwproc_switch(shared), 0, "and there");
	ok(!is_open(other), "what is closed here is closed");
	rump_pub_lwproc_releaselwp();
	is_int(rump_pub_lwproc_switch(copied), 0, "the copied process is still there");
	is_int(rump_sys_getpid(), pid, "with its pid");
	rump_pub_lwproc_releaselwp();
	is_int(rump_pub_lwproc_switch(home), 0, "home");
	ok(rump_sys_kill(pid, 0) == -1 && errno == ESRCH, "a process ends with its last lwp");
	rump_sys_close(fd);
	rump_pub_lwproc_releaselwp();
}

/* cwd, umask, credentials and limits are a process' own. */
static void attributes(void)
{
	struct lwp *home = lwp_of_our_own();
	char cwd[64] = "";

	succeeds(rump_sys_chdir("/"));
	rump_sys_umask(022);
	succeeds(rump_sys_mkdir("/tmp/own", 0777));
	is_int(rump_pub_lwproc_rfork(RUMP_RFFDG), 0, "rfork");
	is_str(rump_sys_getcwd(cwd, sizeof(cwd)), "/", "the working directory is inherited");
	succeeds(rump_sys_chdir("/tmp/own"));
	is_int(rump_sys_umask(077), 022, "so is the umask");
	is_int(rump_sys_getuid(), 0, "and root");
	succeeds(rump_sys_setresuid(1000, 1000, 1000));
	fails(rump_sys_chroot("/tmp"), EPERM);
	fails(rump_sys_setuid(0), EPERM);
	is_int(rump_pub_lwproc_switch(home), 0, "the first process");
	is_int(rump_sys_geteuid(), 0, "is root");
	is_str(rump_sys_getcwd(cwd, sizeof(cwd)), "/", "in its directory");
	is_int(rump_sys_umask(022), 022, "with its umask");
	rump_pub_lwproc_releaselwp();
}

static void several_lwps(void)
{
	struct lwp *home = lwp_of_our_own(), *second, *third;
	pid_t home_pid = rump_sys_getpid(), home_tid = rump_sys_gettid(), pid, tid;

	is_int(rump_pub_lwproc_newlwp(0), 0, "newlwp(0)");
	second = rump_pub_lwproc_curlwp();
	ok(second != home, "is another lwp");
	is_int(rump_sys_getpid(), home_pid, "in the same process");
	ok(rump_sys_gettid() != home_tid, "with its own thread id");
	rump_pub_lwproc_releaselwp();
	is_int(rump_pub_lwproc_switch(home), 0, "home");

	is_int(rump_pub_lwproc_rfork(RUMP_RFFDG), 0, "rfork");
	second = rump_pub_lwproc_curlwp();
	pid = rump_sys_getpid();
	tid = rump_sys_gettid();
	is_int(rump_pub_lwproc_switch(home), 0, "home");
	is_int(rump_pub_lwproc_newlwp(pid), 0, "newlwp in the other process");
	third = rump_pub_lwproc_curlwp();
	is_int(rump_sys_getpid(), pid, "is in it");
	ok(rump_sys_gettid() != tid, "beside its first lwp");
	is_int(rump_pub_lwproc_switch(second), 0, "switch between the two");
	is_int(rump_sys_gettid(), tid, "is the first");
	rump_pub_lwproc_releaselwp();
	is_int(rump_pub_lwproc_switch(third), 0, "the process lives on with the other");
	is_int(rump_sys_getpid(), pid, "in the same process");
	rump_pub_lwproc_releaselwp();
	is_int(rump_pub_lwproc_switch(home), 0, "home");
	ok(rump_sys_kill(pid, 0) == -1 && errno == ESRCH, "which ends with it");
	rump_pub_lwproc_releaselwp();
}

static void errors(void)
{
	struct lwp *home = lwp_of_our_own(), *busy = NULL, *gone;
	int pipes[4];
	pthread_t thread;

	is_int(rump_pub_lwproc_rfork(RUMP_RFFDG | RUMP_RFCFDG), EINVAL, "rfork of both flags");
	is_int(rump_pub_lwproc_rfork(0x1000), EINVAL, "rfork of an unknown flag");
	ok(rump_pub_lwproc_curlwp() == home, "changes nothing");
	is_int(rump_pub_lwproc_newlwp(999999), ESRCH, "newlwp in no process");
	ok(rump_pub_lwproc_curlwp() == home, "changes nothing");
	is_int(rump_pub_lwproc_switch((struct lwp *)&pipes), EINVAL, "switch to what is no lwp");
	is_int(rump_pub_lwproc_switch((struct lwp *)8), EINVAL, "switch to a wild pointer");
	is_int(rump_pub_lwproc_switch(home), 0, "switch to oneself");

	is_int(rump_pub_lwproc_newlwp(0), 0, "newlwp");
	gone = rump_pub_lwproc_curlwp();
	rump_pub_lwproc_releaselwp();
	is_int(rump_pub_lwproc_switch(gone), EINVAL, "switch to an lwp that ended");

	is_int(rump_pub_lwproc_switch(home), 0, "home");
	succeeds(rump_sys_pipe(pipes));
	succeeds(rump_sys_pipe(pipes + 2));
	thread = start(occupy, pipes);
	succeeds(rump_sys_read(pipes[2], &busy, sizeof(busy)));
	ok(busy != NULL, "the other thread's lwp");
	is_int(rump_pub_lwproc_switch(busy), EBUSY, "switch to it while it runs");
	is_int(rump_sys_write(pipes[1], "x", 1), 1, "let it go");
	join(thread);
	is_int(rump_pub_lwproc_switch(busy), EINVAL, "switch to it after it ended");
	rump_pub_lwproc_releaselwp();
}

/* A pipe's reader sees the end when the process that held the writing end has ended. */
static void last_close(void)
{
	struct lwp *home = lwp_of_our_own();
	int pipes[2];
	char byte;

	succeeds(rump_sys_pipe(pipes));
	is_int(rump_pub_lwproc_rfork(RUMP_RFFDG), 0, "a process holds a copy of a pipe");
	is_int(rump_sys_write(pipes[1], "y", 1), 1, "writes into it");
	rump_pub_lwproc_releaselwp();
	is_int(rump_pub_lwproc_switch(home), 0, "and ends");
	succeeds(rump_sys_close(pipes[1]));
	is_int(rump_sys_read(pipes[0], &byte, 1), 1, "what it wrote is there");
	is_int(rump_sys_read(pipes[0], &byte, 1), 0, "then the end");
	rump_pub_lwproc_releaselwp();
}

static void scheduled(void)
{
	pid_t pid = rump_sys_getpid();
	int pipes[2], i, same = 0;
	char byte = 0;

	rump_schedule();
	rump_schedule();
	for (i = 0; i < 1000; i++)
		same += rump_sys_getpid() == pid;
	rump_unschedule();
	for (i = 0; i < 1000; i++)
		same += rump_sys_getpid() == pid;
	is_int(same, 2000, "calls between rump_schedule and rump_unschedule");
	succeeds(rump_sys_pipe(pipes));
	is_int(rump_sys_write(pipes[1], "z", 1), 1, "write to a pipe");
	is_int(rump_sys_read(pipes[0], &byte, 1), 1, "and read");
	rump_unschedule();
	rump_unschedule();
	is_int(rump_sys_getpid(), pid, "a call after one rump_unschedule too many");

	/* the vCPU is not kept for an lwp that is left */
	rump_schedule();
	is_int(rump_pub_lwproc_switch(NULL), 0, "switch(NULL) after rump_schedule");
	ok(rump_sys_getpid() > 0, "a call makes an lwp");
	is_int(rump_pub_lwproc_rfork(RUMP_RFFDG), 0, "rfork after rump_schedule");
	ok(rump_sys_getpid() != pid, "is another process");
	rump_pub_lwproc_releaselwp();
	is_int(rump_sys_getpid(), pid, "releaselwp after rump_schedule");
	rump_unschedule();
}

static void *elsewhere(void *arg)
{
	(void)arg;
	return (void *)(long)rump_sys_getpid();
}

int main(void)
{
	ok(rump_sys_getpid() == -1, "no call before rump_init");
	is_int(rump_syscall(39, 0, 0, 0, 0, 0, 0), -ENXIO, "rump_syscall before rump_init");
	boot(NULL);
	implicit();
	descriptors();
	attributes();
	several_lwps();
	errors();
	last_close();
	scheduled();
	is_int((long)join(start(elsewhere, NULL)), rump_sys_getpid(),
	       "threads share the first process");
	is_int(rump_pub_shutdown(), 0, "rump_pub_shutdown");
	is_int(rump_syscall(39, 0, 0, 0, 0, 0, 0), -ENXIO, "rump_syscall after it");
	return done_testing();
}

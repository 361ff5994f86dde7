/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One lwp goes from network namespace to network namespace, and its process with it, while
 * threads come, call and end: their lwps are cloned at the moment of a move.
 */
#include <sched.h>
#include <sys/socket.h>

#include "prog.h"

#define SECONDS 3
#define SPAWNERS 4

static volatile bool is_over;
static unsigned long failed;

static void *comer(void *arg)
{
	int fd = rump_sys_socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || rump_sys_close(fd))
		__atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);
	return arg;
}

/* A host thread that never calls is no lwp. */
static void *spawner(void *arg)
{
	pthread_t thread;

	while (!is_over) {
		if (pthread_create(&thread, NULL, comer, NULL))
			continue;
		pthread_join(thread, NULL);
	}
	return arg;
}

static unsigned long inode_of(const char *path)
{
	struct stat st;

	return rump_sys_stat(path, &st) ? 0 : st.st_ino;
}

static unsigned long inode_of_fd(int fd)
{
	struct stat st;

	return rump_sys_fstat(fd, &st) ? 0 : st.st_ino;
}

/* Where the process of one lwp is, the main thread of it is. */
static void follows(int home)
{
	bool held = true;

	for (int i = 0; i < 100 && held; i++) {
		int fd;

		held = !rump_sys_unshare(CLONE_NEWNET) &&
		       (fd = rump_sys_open("/proc/thread-self/ns/net", O_RDONLY)) >= 0 &&
		       inode_of("/proc/self/ns/net") == inode_of_fd(fd) &&
		       inode_of_fd(fd) != inode_of_fd(home) && !rump_sys_close(fd) &&
		       !rump_sys_setns(home, CLONE_NEWNET) &&
		       inode_of("/proc/self/ns/net") == inode_of_fd(home);
	}
	ok(held, "the process is where its only lwp went");
}

static void storm(int home)
{
	pthread_t threads[SPAWNERS];
	uint64_t end = now_ns(CLOCK_MONOTONIC) + SECONDS * 1000000000ULL;
	unsigned long moves = 0;
	int error = 0, other;

	/* new network namespaces would be made faster than they go */
	succeeds(rump_sys_unshare(CLONE_NEWNET));
	other = rump_sys_open("/proc/thread-self/ns/net", O_RDONLY);
	succeeds(other);

	for (int i = 0; i < SPAWNERS; i++)
		threads[i] = start(spawner, NULL);
	do {
		/* with another lwp it is a thread of several, which may move as well */
		if (rump_sys_setns(home, CLONE_NEWNET) || rump_sys_setns(other, CLONE_NEWNET) ||
		    rump_sys_unshare(CLONE_FS | CLONE_NEWIPC))
			error = errno;
		moves += 3;
	} while (!error && now_ns(CLOCK_MONOTONIC) < end);
	is_over = true;
	for (int i = 0; i < SPAWNERS; i++)
		pthread_join(threads[i], NULL);
	diag("%lu moves", moves);
	is_str(strerror(error), strerror(0), "all moves were made");
	is_int(failed, 0, "all threads that came were served");
	succeeds(rump_sys_setns(home, CLONE_NEWNET));
	succeeds(rump_sys_close(other));
}

int main(void)
{
	int home;

	boot(NULL);
	home = rump_sys_open("/proc/self/ns/net", O_RDONLY);
	succeeds(home);
	follows(home);
	storm(home);
	follows(home);
	return done_testing();
}

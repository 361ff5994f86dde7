/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is different in a C library other than glibc: stdio, directories, threads that
 * end by themselves, children, programs and shared objects, below a folder.
 *
 *	musl_program FOLDER [LIBRARY]
 *
 * Ends with 0 when all holds, else with 1 and a line.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

extern char **environ;

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	CHECK(file);
	CHECK(fputs(text, file) >= 0 && !fclose(file));
}

static int file_holds(const char *name, const char *text)
{
	char line[100] = "";
	FILE *file = fopen(name, "r");
	int result = file && fgets(line, sizeof(line), file) && !strcmp(line, text);

	if (file)
		fclose(file);
	return result;
}

static void files(void)
{
	struct dirent *entry;
	struct stat st;
	char path[4096];
	int found = 0;
	DIR *folder;

	write_file("file", "text\n");
	CHECK(file_holds("file", "text\n"));
	CHECK(!stat("file", &st) && st.st_size == 5 && !access("file", R_OK));
	CHECK((folder = opendir(".")) != NULL);
	while ((entry = readdir(folder)))
		found |= !strcmp(entry->d_name, "file");
	CHECK(!closedir(folder) && found);
	CHECK(realpath("file", path) && !strcmp(path + strlen(path) - 5, "/file"));
	CHECK(!rename("file", "other") && !symlink("other", "link") &&
	      readlink("link", path, 9) == 5);
	CHECK(!fopen("none", "r") && errno == ENOENT);
}

static atomic_int ended;

static void *detached(void *name)
{
	write_file(name, "thread\n");
	ended++;
	return NULL; /* its stack is unmapped by musl itself */
}

static void *reads_for_ever(void *fd)
{
	char byte;

	/* a pipe of the host's: a cancellation point */
	while (read(*(int *)fd, &byte, 1) >= 0)
		;
	return NULL;
}

static void threads(void)
{
	static char names[50][20];
	pthread_attr_t attributes;
	pthread_t thread;
	void *result;
	int fds[2];

	CHECK(!pthread_attr_init(&attributes));
	CHECK(!pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
	for (int i = 0; i < 50; i++) {
		sprintf(names[i], "thread-%d", i);
		CHECK(!pthread_create(&thread, &attributes, detached, names[i]));
	}
	while (ended < 50)
		usleep(1000);
	for (int i = 0; i < 50; i++)
		CHECK(file_holds(names[i], "thread\n"));
	CHECK(!pipe(fds) && !pthread_create(&thread, NULL, reads_for_ever, fds));
	usleep(10000);
	CHECK(!pthread_cancel(thread) && !pthread_join(thread, &result));
	CHECK(result == PTHREAD_CANCELED);
}

static volatile sig_atomic_t caught;

static void catch (int signal)
{
	(void)signal;
	caught++;
	CHECK(!access("other", F_OK));
}

static void waits(void)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = 1}, got;
	struct sigaction action = {.sa_handler = catch};
	struct pollfd pollers[2];
	int rump[2], fifo, set;
	char byte;

	CHECK(!mkfifo("fifo", 0600) && (fifo = open("fifo", O_RDWR)) >= 0 && !pipe(rump));
	pollers[0] = (struct pollfd){fifo, POLLIN, 0};
	pollers[1] = (struct pollfd){rump[0], POLLIN, 0};
	CHECK(poll(pollers, 2, 10) == 0);
	CHECK(write(fifo, "x", 1) == 1 && poll(pollers, 2, 5000) == 1 && pollers[0].revents);
	CHECK(write(rump[1], "x", 1) == 1 && poll(pollers, 2, 5000) == 2);
	CHECK((set = epoll_create1(0)) >= 0 && !epoll_ctl(set, EPOLL_CTL_ADD, fifo, &event));
	CHECK(epoll_wait(set, &got, 1, 5000) == 1 && got.data.fd == 1);
	CHECK(read(fifo, &byte, 1) == 1);
	/* a handler interrupts a read in the rump kernel and uses it */
	CHECK(!sigaction(SIGALRM, &action, NULL));
	/* more than one: the first may come before the read */
	ualarm(20000, 20000);
	CHECK(read(fifo, &byte, 1) == -1 && errno == EINTR);
	ualarm(0, 0);
	CHECK(caught > 0);
}

static int status_of(pid_t pid)
{
	int status = -1;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void children(void)
{
	char *const args[] = {"sh", "-c", "read line && test \"$line\" = text && echo child", NULL};
	posix_spawn_file_actions_t actions;
	char line[20] = "";
	pid_t pid;
	FILE *file;

	write_file("input", "text\n");
	pid = fork();
	if (!pid) {
		write_file("forked", "child\n");
		_exit(7);
	}
	CHECK(status_of(pid) == 7 && file_holds("forked", "child\n"));
	/* programs of whatever C library the host's are of */
	CHECK(!posix_spawn_file_actions_init(&actions));
	CHECK(!posix_spawn_file_actions_addopen(&actions, 0, "input", O_RDONLY, 0));
	CHECK(!posix_spawn_file_actions_addopen(&actions, 1, "output", O_WRONLY | O_CREAT, 0600));
	CHECK(!posix_spawn(&pid, "/bin/sh", &actions, NULL, args, environ));
	CHECK(status_of(pid) == 0 && file_holds("output", "child\n"));
	CHECK(system("test -f output && test ! -f none") == 0);
	CHECK((file = popen("cat output", "r")) != NULL);
	CHECK(fgets(line, sizeof(line), file) && !strcmp(line, "child\n") && !pclose(file));
}

static void objects(const char *library)
{
	int (*answer)(void);
	void *handle;

	if (!library)
		return;
	CHECK((handle = dlopen(library, RTLD_NOW)) != NULL);
	CHECK((answer = (int (*)(void))dlsym(handle, "answer")) != NULL && answer() == 42);
}

int main(int argc, char **argv)
{
	CHECK(argc > 1);
	mkdir(argv[1], 0755);
	CHECK(!chdir(argv[1]));
	files();
	threads();
	waits();
	children();
	objects(argv[2]);
	return 0;
}

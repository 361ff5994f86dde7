/* SPDX-License-Identifier: BSD-2-Clause */
/* watches.c - inotify and fanotify, on either side and on both; see report.h */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "report.h"

static int watches[8];

static const char *name_of_watch(int watch)
{
	static const char *const names[] = {"first", "second", "third", "fourth"};

	for (int i = 0; i < 4; i++)
		if (watches[i] == watch)
			return names[i];
	return watch < 0 ? "none" : "unknown";
}

/* What there is; -1 when nothing is. */
static long events(int fd)
{
	char buffer[8192] __attribute__((aligned(8)));
	long length = read(fd, buffer, sizeof(buffer));
	struct inotify_event *event;

	for (long at = 0; at < length; at += sizeof(*event) + event->len) {
		event = (struct inotify_event *)(buffer + at);
		printf("event of %s: mask %x name %s%s\n", name_of_watch(event->wd), event->mask,
		       event->len ? event->name : "", event->cookie ? " moved" : "");
	}
	return length > 0 ? 1 : length;
}

static void one_side(void)
{
	int fd, other, set, count;
	struct epoll_event ready;
	char text[8];
	pid_t pid;

	fd = TELL(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	TELL(inotify_add_watch(fd, in("none"), IN_ALL_EVENTS));
	watches[0] = TELL(inotify_add_watch(fd, folder, IN_ALL_EVENTS));
	TELL(events(fd));
	close(make("file", "text"));
	TELL(events(fd));
	TELL(rename(in("file"), in("other")));
	TELL(events(fd));
	watches[1] = TELL(inotify_add_watch(fd, in("other"), IN_ATTRIB | IN_DELETE_SELF));
	TELL(inotify_add_watch(fd, in("other"), IN_MODIFY | IN_MASK_ADD) == watches[1]);
	TELL(inotify_add_watch(fd, in("other"), IN_MODIFY | IN_MASK_CREATE));
	TELL(inotify_add_watch(fd, in("other"), IN_MODIFY | IN_ONLYDIR));
	TELL(inotify_add_watch(fd, in("other"), 0));
	TELL(chmod(in("other"), 0600));
	TELL(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000));
	TELL(ioctl(fd, FIONREAD, &count));
	TELL(count);
	TELL(read(fd, text, sizeof(text)));
	TELL(events(fd));
	TELL(ioctl(fd, FIONREAD, &count));
	TELL(count);
	TELL(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0));
	TELL(mkdir(in("d"), 0755));
	other = TELL(dup(fd));
	TELL(events(other));
	TELL(events(fd));
	TELL(close(fd));
	set = TELL(epoll_create1(0));
	TELL(epoll_ctl(set, EPOLL_CTL_ADD, other, &(struct epoll_event){EPOLLIN, {.u32 = 7}}));
	TELL(epoll_wait(set, &ready, 1, 0));
	TELL(rmdir(in("d")));
	TELL(epoll_wait(set, &ready, 1, 1000));
	TELL(ready.data.u32);
	TELL(events(other));
	TELL(epoll_wait(set, &ready, 1, 0));
	TELL(inotify_rm_watch(other, watches[0]));
	TELL(inotify_rm_watch(other, watches[0]));
	TELL(events(other));
	TELL(unlink(in("other")));
	TELL(events(other));
	TELL(inotify_rm_watch(other, watches[1]));
	/* a read that waits for what a child does */
	TELL(fcntl(other, F_SETFL, 0));
	watches[2] = TELL(inotify_add_watch(other, folder, IN_CREATE));
	if (!(pid = fork())) {
		usleep(100000);
		_exit(mkdir(in("by-child"), 0755) ? 1 : 0);
	}
	TELL(events(other));
	TELL(waitpid(pid, NULL, 0) == pid);
	/* a child reads the queue that both have */
	TELL(mkdir(in("for-child"), 0755));
	if (!(pid = fork())) {
		TELL(events(other));
		_exit(0);
	}
	TELL(waitpid(pid, NULL, 0) == pid);
	TELL(ioctl(other, FIONREAD, &count));
	TELL(count);
	TELL(inotify_add_watch(0, folder, IN_CREATE));
	TELL(inotify_add_watch(99, folder, IN_CREATE));
	TELL(inotify_rm_watch(99, 1));
	TELL(inotify_rm_watch(0, 1));
}

/* A folder of the host beside the other one. */
static void both_sides(int host_first)
{
	char host[] = "/tmp/watches-XXXXXX", path[64];
	int fd, file;
	pid_t pid;

	TELL(mkdtemp(host) != NULL);
	fd = TELL(inotify_init1(0));
	watches[0] = WORKS(inotify_add_watch(fd, host_first ? host : folder, IN_CREATE));
	TELL(watches[0]);
	watches[1] = WORKS(inotify_add_watch(fd, host_first ? folder : host, IN_CREATE));
	TELL(watches[0] == watches[1]);
	snprintf(path, sizeof(path), "%s/file", host);
	TELL(mkdir(in("d"), 0755));
	TELL(events(fd));
	file = TELL(open(path, O_CREAT | O_RDWR, 0600));
	TELL(close(file));
	TELL(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000));
	TELL(events(fd));
	TELL(unlink(path));
	for (int i = 0; i < 2; i++) {
		fflush(stdout);
		if (!(pid = fork())) {
			usleep(100000);
			_exit(i ? mkdir(path, 0755) : mkdir(in("e"), 0755));
		}
		TELL(events(fd));
		TELL(waitpid(pid, NULL, 0) == pid);
	}
	TELL(rmdir(path));
	TELL(inotify_rm_watch(fd, watches[0]));
	TELL(events(fd));
	TELL(inotify_rm_watch(fd, watches[1]));
	TELL(events(fd));
	TELL(inotify_rm_watch(fd, watches[1]));
	TELL(rmdir(host));
	TELL(close(fd));
	TELL(fcntl(fd, F_GETFD));
}

static void host_first(void)
{
	both_sides(1);
}

static void rump_first(void)
{
	both_sides(0);
}

static void tell_files(int fd)
{
	char buffer[4096] __attribute__((aligned(8))), link[40], target[4200];
	long length = read(fd, buffer, sizeof(buffer)), n;
	struct fanotify_event_metadata *event = (void *)buffer;

	if (length < 0)
		printf("no event: %s\n", strerrorname_np(errno));
	for (; length > 0 && FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", event->fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		printf("event: mask %llx %s, cloexec %d, by %s\n", event->mask, target,
		       fcntl(event->fd, F_GETFD), event->pid == getpid() ? "us" : "another");
		close(event->fd);
	}
	fflush(stdout);
}

static void files(void)
{
	int fd = TELL(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC));

	TELL(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN | FAN_CLOSE | FAN_EVENT_ON_CHILD, AT_FDCWD,
			   in("none")));
	TELL(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN | FAN_CLOSE | FAN_EVENT_ON_CHILD, AT_FDCWD,
			   folder));
	tell_files(fd);
	close(make("file", "text"));
	TELL(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000));
	tell_files(fd);
	TELL(fanotify_mark(fd, FAN_MARK_REMOVE, FAN_OPEN, AT_FDCWD, folder));
	close(make("file", "text"));
	tell_files(fd);
	TELL(fanotify_mark(fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL));
	close(make("file", "text"));
	tell_files(fd);
	TELL(fanotify_mark(0, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, folder));
	TELL(close(fd));
}

static const struct report cases[] = {
	{"one_side", one_side},
	{"host_first", host_first},
	{"rump_first", rump_first},
	{"files", files},
	{0},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	return report_main(cases, argc, argv);
}

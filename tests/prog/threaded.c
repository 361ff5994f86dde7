/* SPDX-License-Identifier: BSD-2-Clause */
/* threaded.c - threads and their ends, cancellation and forks around calls on files. */
#include "interrupted.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>

static volatile int cleaned;

/* ---- threads ---- */

#define MANY 5000

static pthread_barrier_t all_there;

static void *open_read_write(void *argument)
{
	long n = (long)argument, seen = -1, error = 0;
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/many.%d.%ld", folder, getpid(), n % 50);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || pwrite(fd, &n, sizeof(n), n / 50 * sizeof(n)) != sizeof(n) ||
	    pread(fd, &seen, sizeof(seen), n / 50 * sizeof(n)) != sizeof(seen) || seen != n)
		error = errno;
	/* all are there at once, and have called */
	pthread_barrier_wait(&all_there);
	if (fd >= 0 && close(fd) && !error)
		error = errno;
	return (void *)error;
}

static void many_threads(void)
{
	static pthread_t threads[MANY];
	struct rlimit files;
	pthread_attr_t small;
	long bad = 0, made = 0, error = 0;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	pthread_barrier_init(&all_there, NULL, MANY);
	for (long i = 0; i < MANY; i++, made++)
		need("a thread", !pthread_create(&threads[i], &small, open_read_write, (void *)i));
	for (long i = 0; i < made; i++) {
		void *result;

		pthread_join(threads[i], &result);
		bad += !!result;
		if (result)
			error = (long)result;
	}
	if (bad)
		printf("# %ld of %ld threads failed: %s\n", bad, made, strerror(error));
	holds("5,000 threads open, write, read and close", !bad);
	for (int i = 0; i < 50; i++) {
		char path[400];
		struct stat st;

		snprintf(path, sizeof(path), "%s/many.%d.%d", folder, getpid(), i);
		bad += stat(path, &st) || st.st_size != MANY / 50 * (long)sizeof(long);
		unlink(path);
	}
	holds("what they wrote is there", !bad);
}

static void *short_life(void *argument)
{
	char c = 0;
	int fd = open(argument, O_RDONLY);

	if (fd < 0 || read(fd, &c, 1) != 1 || close(fd))
		return (void *)1L;
	return NULL;
}

static void *block_on(void *argument)
{
	char c = 0;

	return (void *)(long)(read(*(int *)argument, &c, 1) == 1 ? c : -errno);
}

static void thread_ends(void)
{
	int fifo = open_fifo("ends"), file = open(name("file"), O_RDWR | O_CREAT, 0600), bad = 0;
	pthread_t blocked, thread;
	pthread_attr_t detached;
	char path[400];
	void *result;

	strcpy(path, name("file"));
	need("a file", file >= 0 && write(file, "x", 1) == 1);
	pthread_create(&blocked, NULL, block_on, &fifo);
	for (int i = 0; i < 300; i++) {
		bad += pthread_create(&thread, NULL, short_life, path);
		pthread_join(thread, &result);
		bad += !!result;
	}
	holds("threads end while another is in the kernel", !bad);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 300; i++)
		bad += !!pthread_create(&thread, &detached, short_life, path);
	holds("detached ones too", !bad);
	need("write", write(fifo, "q", 1) == 1);
	pthread_join(blocked, &result);
	holds("the other one was not disturbed", result == (void *)'q');
	unlink(path);
}

/* ---- cancellation ---- */

enum wait_kind { READ, POLL, SELECT, HOST_READ, RECV, OPEN, WAITS };
static const char *const wait_names[] = {"read", "poll", "select", "host read", "recv", "open"};

static struct waiter {
	enum wait_kind kind;
	int fd, tid, type, kept;
	const char *path;
} waiter;

static void clean(void *argument)
{
	struct waiter *w = argument;

	/* calls still work here */
	w->kept = w->fd < 0 || fcntl(w->fd, F_GETFD) >= 0;
	cleaned++;
}

static void *wait_for_ever(void *argument)
{
	struct waiter *w = argument;
	struct pollfd entry = {w->fd, POLLIN, 0};
	fd_set set;
	char c;

	FD_ZERO(&set);
	if (w->fd >= 0)
		FD_SET(w->fd, &set);
	pthread_cleanup_push(clean, w);
	pthread_setcanceltype(w->type, NULL);
	__atomic_store_n(&w->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	switch (w->kind) {
	case POLL:
		poll(&entry, 1, -1);
		break;
	case SELECT:
		select(w->fd + 1, &set, NULL, NULL, NULL);
		break;
	case RECV:
		recv(w->fd, &c, 1, 0);
		break;
	case OPEN:
		open(w->path, O_RDONLY);
		break;
	default:
		read(w->fd, &c, 1);
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_one(enum wait_kind kind, int type)
{
	char text[100], path[400];
	int pair[2] = {-1, -1};
	pthread_t thread;
	void *result = NULL;

	waiter = (struct waiter){.kind = kind, .fd = -1, .type = type};
	cleaned = 0;
	if (kind == HOST_READ) {
		need("pipe", !pipe(pair));
		waiter.fd = pair[0];
	} else if (kind == RECV) {
		need("socketpair", !socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		waiter.fd = pair[0];
	} else if (kind == OPEN) {
		strcpy(path, name("open"));
		need("mkfifo", !mkfifo(path, 0600));
		waiter.path = path;
	} else {
		waiter.fd = open_fifo("cancel");
	}
	need("a thread", !pthread_create(&thread, NULL, wait_for_ever, &waiter));
	while (!__atomic_load_n(&waiter.tid, __ATOMIC_ACQUIRE))
		sleep_ms(1);
	wait_blocked(waiter.tid);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	snprintf(text, sizeof(text), "cancellation of %s, %s", wait_names[kind],
		 type == PTHREAD_CANCEL_DEFERRED ? "deferred" : "asynchronous");
	holds(text, result == PTHREAD_CANCELED && cleaned == 1 && waiter.kept);
	if (kind == OPEN)
		unlink(path);
	else
		close(waiter.fd);
	if (pair[1] >= 0)
		close(pair[1]);
}

static void *late(void *argument)
{
	char c = 0;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	__atomic_store_n(&waiter.tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	/* not to be cancelled, nor to see EINTR */
	waiter.kept = read(*(int *)argument, &c, 1) == 1 && c == 'z';
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	read(*(int *)argument, &c, 1);
	return NULL;
}

static void cancellation(void)
{
	int fifo;
	pthread_t thread;
	void *result;

	for (int kind = READ; kind < WAITS; kind++)
		cancel_one(kind, PTHREAD_CANCEL_DEFERRED);
	for (int kind = READ; kind < WAITS; kind++)
		cancel_one(kind, PTHREAD_CANCEL_ASYNCHRONOUS);
	for (int i = 0; i < 20; i++)
		cancel_one(READ, PTHREAD_CANCEL_DEFERRED);
	fifo = open_fifo("late");
	waiter = (struct waiter){.fd = fifo};
	pthread_create(&thread, NULL, late, &fifo);
	while (!__atomic_load_n(&waiter.tid, __ATOMIC_ACQUIRE))
		sleep_ms(1);
	wait_blocked(waiter.tid);
	pthread_cancel(thread);
	sleep_ms(20);
	need("write", write(fifo, "z", 1) == 1);
	pthread_join(thread, &result);
	holds("a disabled cancellation waits", result == PTHREAD_CANCELED && waiter.kept);
	close(fifo);
}

/* ---- fork beside threads ---- */

static volatile int stop;

static void *keep_busy(void *argument)
{
	char path[400], block[3000];
	long n = 0;

	snprintf(path, sizeof(path), "%s/busy.%d.%ld", folder, getpid(), (long)argument);
	memset(block, 'b', sizeof(block));
	while (!stop) {
		int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		void *memory = malloc(n % 10000);

		if (fd < 0 || write(fd, block, sizeof(block)) != sizeof(block) || close(fd))
			return (void *)-1L;
		free(memory);
		n++;
	}
	unlink(path);
	return (void *)n;
}

static void fork_under_load(void)
{
	pthread_t threads[4];
	char path[400], c = 0;
	int bad = 0, status;
	void *result;
	int fd;

	strcpy(path, name("shared"));
	fd = open(path, O_RDWR | O_CREAT, 0600);
	need("a file", fd >= 0 && write(fd, "shared", 6) == 6);
	for (long i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, keep_busy, (void *)i);
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();

		if (!pid) {
			/* an inherited descriptor, a path, and malloc */
			int other = open(path, O_RDONLY);
			void *memory = malloc(100000);
			int good = pread(fd, &c, 1, 1) == 1 && c == 'h' && other >= 0 &&
				   read(other, &c, 1) == 1 && c == 's' && memory;

			free(memory);
			if (i % 3 == 0)
				execl("/bin/sh", "sh", "-c", "exit 3", NULL);
			_exit(good ? 3 : 1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 3 << 8) {
			printf("# fork %d: pid %d status %x\n", i, pid, status);
			bad++;
		}
	}
	stop = 1;
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		bad += (long)result <= 0;
	}
	holds("60 forks beside four busy threads", !bad);
	unlink(path);
}

/* ---- all ---- */

static const struct one_case cases[] = {
	{"many_threads", many_threads},
	{"thread_ends", thread_ends},
	{"cancellation", cancellation},
	{"fork_under_load", fork_under_load},
};

int main(int argc, char **argv)
{
	return run_case(argc, argv, cases, LENGTH_OF(cases));
}

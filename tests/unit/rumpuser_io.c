/* SPDX-License-Identifier: BSD-2-Clause */
/* Host files: open, information, and every request, in both ways to carry it out. */
#include <dirent.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "rumpuser_common.h"

#if defined(__SANITIZE_THREAD__)
/* the children here start a worker; nothing else runs in the parent meanwhile */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}
#endif

static const struct rumpuser_upcalls upcalls = {.version = RUMPUSER_VERSION};
static const struct rumpuser_ops *ops;

/* A request and how to wait for it. */
struct request {
	struct rumpuser_io io;
	unsigned int is_done;
	int thread;
};

static void done(struct rumpuser_io *io)
{
	struct request *request = (struct request *)io;

	request->thread = ops->thread_id();
	__atomic_store_n(&request->is_done, 1, __ATOMIC_SEQ_CST);
	ops->wake(&request->is_done, 1);
}

static void submit(struct request *request)
{
	request->io.done = done;
	request->is_done = 0;
	ops->io_submit(&request->io);
}

static long wait_for(struct request *request)
{
	unsigned long long until = ops->clock_mono() + 20 * 1000000000ULL;

	while (!__atomic_load_n(&request->is_done, __ATOMIC_SEQ_CST)) {
		if (ops->wait(&request->is_done, 0, until) == -ETIMEDOUT)
			bail_out("a request is not finished after 20 s");
	}
	return request->io.result;
}

/* false: io_submit, true: io_run */
static bool in_this_thread;

static long run(struct rumpuser_io io)
{
	struct request request = {.io = io};

	if (in_this_thread) {
		request.io.done = done;
		ops->io_run(&request.io);
		if (!request.is_done || request.thread != ops->thread_id())
			return -ECHRNG;
		return request.io.result;
	}
	submit(&request);
	wait_for(&request);
	return request.thread == ops->thread_id() ? -ECHRNG : request.io.result;
}

static long transfer(enum rumpuser_io_op op, int file, void *buffer, unsigned long length,
		     unsigned long long offset, unsigned int flags)
{
	struct rumpuser_iovec iov = {buffer, length};

	return run((struct rumpuser_io){.op = op,
					.file = file,
					.iov = &iov,
					.iov_count = 1,
					.offset = offset,
					.flags = flags});
}

static long range(enum rumpuser_io_op op, int file, unsigned long long offset,
		  unsigned long long length)
{
	return run(
		(struct rumpuser_io){.op = op, .file = file, .offset = offset, .length = length});
}

static int open_file(const char *path, unsigned int flags, struct rumpuser_file_info *info)
{
	int file = ops->file_open(path, flags, info);

	if (file < 0)
		diag("%s: %s", path, strerror(-file));
	return file;
}

#define READ_WRITE (RUMPUSER_OPEN_READ | RUMPUSER_OPEN_WRITE)

/* ---- open ---- */

static void test_open(void)
{
	char path[128];
	struct rumpuser_file_info info;
	struct stat status;
	char text[8];
	int file;

	strcpy(path, temp_path("file"));
	make_file(path, 12345, 0);
	file = open_file(path, RUMPUSER_OPEN_READ, &info);
	ok(file >= 0, "open for reading");
	is(info.size, 12345, "its size");
	ok(S_ISREG(info.mode), "its mode");
	is(info.block_size, 512, "its sector");
	is(info.is_readonly, 0, "read-only is what was asked for");
	is(info.can_discard, 0, "no discards without writing");
	is(ops->file_read(file, text, 4, 12343), 2, "file_read gives what there is");
	is((unsigned char)text[1], (unsigned char)(12344 * 7), "the right bytes");
	is(transfer(RUMPUSER_IO_WRITE, file, text, 4, 0, 0), -EBADF, "a write to it fails");
	is(transfer(RUMPUSER_IO_READ, file, text, 4, 0, 0), 0, "a read works");
	is(fcntl(3, F_GETFD), -1, "descriptor 3 is left to the program");
	ops->file_close(file);
	is(transfer(RUMPUSER_IO_READ, file, text, 4, 0, 0), -EBADF, "a closed handle");
	is(transfer(RUMPUSER_IO_READ, -1, text, 4, 0, 0), -EBADF, "a bad handle");
	is(transfer(RUMPUSER_IO_READ, 1 << 30, text, 4, 0, 0), -EBADF, "a wild handle");

	file = open_file(path, READ_WRITE, &info);
	ok(file >= 0 && info.can_discard, "writable, with discards");
	stat(path, &status);
	is(status.st_size, 12345, "the question leaves the size");
	ops->file_close(file);
	is(ops->file_open(temp_path("none"), READ_WRITE, &info), -ENOENT, "no such file");
	is(ops->file_open(temp_path("file"), RUMPUSER_OPEN_READ | RUMPUSER_OPEN_DIRECTORY, NULL),
	   -ENOTDIR, "no folder");
	file = open_file("/", RUMPUSER_OPEN_PATH | RUMPUSER_OPEN_DIRECTORY, &info);
	ok(file >= 0 && S_ISDIR(info.mode), "a folder by O_PATH");
	ops->file_close(file);
	file = open_file("/", RUMPUSER_OPEN_READ | RUMPUSER_OPEN_TRY_WRITE, &info);
	ok(file >= 0 && info.is_readonly, "TRY_WRITE of a folder reads");
	ops->file_close(file);
}

static int open_as_nobody(void)
{
	struct rumpuser_file_info info;
	int file;

	if (getuid() == 0 && setuid(65534))
		return 1;
	if (ops->file_open(temp_path("readonly"), READ_WRITE, &info) != -EACCES)
		return 2;
	file = ops->file_open(temp_path("readonly"), RUMPUSER_OPEN_READ | RUMPUSER_OPEN_TRY_WRITE,
			      &info);
	return file < 0 ? 3 : info.is_readonly != 1;
}

static void test_readonly(void)
{
	make_file(temp_path("readonly"), 100, 0);
	chmod(temp_path("readonly"), 0444);
	temp_path("");
	chmod(temp_folder, 0755);
	is(in_child(open_as_nobody), 0, "TRY_WRITE falls back, WRITE does not");
}

/* ---- requests ---- */

#define IMAGE (1 << 20)
static unsigned char buffer[IMAGE], expected[IMAGE];

static void check_image(const char *what)
{
	int fd = open(temp_path("image"), O_RDONLY | O_CLOEXEC);

	ok(read(fd, buffer, IMAGE) == IMAGE && !memcmp(buffer, expected, IMAGE), "%s", what);
	close(fd);
}

static void test_transfers(int file)
{
	struct rumpuser_iovec *iov = calloc(3000, sizeof(*iov));
	unsigned char *to = buffer;
	struct rumpuser_io io = {.op = RUMPUSER_IO_READ, .file = file, .iov = iov};

	for (size_t i = 0; i < IMAGE; i++)
		expected[i] = (unsigned char)(i * 7);
	memset(buffer, 0, sizeof(buffer));
	is(transfer(RUMPUSER_IO_READ, file, buffer, IMAGE, 0, 0), 0, "read it all");
	ok(!memcmp(buffer, expected, IMAGE), "the right bytes");

	/* more pieces than the host takes at once, some of them empty */
	memset(buffer, 0, sizeof(buffer));
	for (int i = 0; i < 3000; i++) {
		iov[i].base = to;
		iov[i].length = i % 5 ? 100 : 0;
		to += iov[i].length;
	}
	io.iov_count = 3000;
	io.offset = 4096;
	is(run(io), 0, "read 3000 pieces");
	ok(!memcmp(buffer, expected + 4096, (size_t)(to - buffer)) && !*to, "the right bytes");
	is(iov[2999].length, 100, "the caller's pieces are left as they are");

	for (size_t i = 0; i < 10000; i++)
		expected[70000 + i] = (unsigned char)(i * 13 + in_this_thread);
	io.op = RUMPUSER_IO_WRITE;
	io.offset = 70000;
	io.iov_count = 2;
	iov[0] = (struct rumpuser_iovec){expected + 70000, 3333};
	iov[1] = (struct rumpuser_iovec){expected + 73333, 6667};
	is(run(io), 0, "write");
	check_image("it is there");
	expected[5] = 99;
	is(transfer(RUMPUSER_IO_WRITE, file, expected, 512, 0, RUMPUSER_IO_FUA), 0,
	   "write with FUA");
	check_image("it is there");
	is(range(RUMPUSER_IO_SYNC, file, 0, 0), 0, "sync");

	is(transfer(RUMPUSER_IO_READ, file, buffer, 1000, IMAGE - 999, 0), -EIO,
	   "a read over the end of the image");
	is(transfer(RUMPUSER_IO_READ, file, buffer, 1000, 2 * IMAGE, 0), -EIO,
	   "a read behind the end");
	is(transfer(RUMPUSER_IO_READ, file, NULL, 1000, 0, 0), -EFAULT, "a bad buffer");
	free(iov);
}

static bool has_hole(unsigned long long offset, unsigned long long length)
{
	int fd = open(temp_path("image"), O_RDONLY | O_CLOEXEC);
	off_t hole = lseek(fd, (off_t)offset, SEEK_HOLE);
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

	close(fd);
	return hole == (off_t)offset && data >= (off_t)(offset + length);
}

static void test_discard(int file, bool can_discard)
{
	struct stat status;

	if (can_discard) {
		is(range(RUMPUSER_IO_DISCARD, file, 128 << 10, 256 << 10), 0, "discard");
		memset(expected + (128 << 10), 0, 256 << 10);
		ok(has_hole(128 << 10, 256 << 10), "the host has the space back");
		check_image("and it reads as zeroes");
		is(range(RUMPUSER_IO_DISCARD, file, IMAGE, 64 << 10), 0, "discard behind the end");
	} else {
		is(range(RUMPUSER_IO_DISCARD, file, 0, 4096), -EOPNOTSUPP, "discard is told");
	}
	is(range(RUMPUSER_IO_DISCARD, file, 0, 0), 0, "discard nothing");

	is(range(RUMPUSER_IO_ZERO, file, 600 << 10, 200 << 10), 0, "zero");
	memset(expected + (600 << 10), 0, 200 << 10);
	check_image("it reads as zeroes");
	is(run((struct rumpuser_io){.op = RUMPUSER_IO_ZERO,
				    .file = file,
				    .offset = 900001,
				    .length = 3,
				    .flags = RUMPUSER_IO_FUA}),
	   0, "zero odd bytes, with FUA");
	memset(expected + 900001, 0, 3);
	check_image("only those");
	is(range(RUMPUSER_IO_ZERO, file, 0, 0), 0, "zero nothing");
	stat(temp_path("image"), &status);
	is(status.st_size, IMAGE, "the size stays");
}

static void test_calls(void)
{
	struct rumpuser_file_info info;
	struct stat status;
	char path[128], text[16] = "";
	long folder, file;

	temp_path("");
	strcpy(path, temp_folder);
	folder = run((struct rumpuser_io){
		.op = RUMPUSER_IO_OPEN,
		.path = path,
		.open_flags = RUMPUSER_OPEN_READ | RUMPUSER_OPEN_DIRECTORY,
		.info = &info,
	});
	ok(folder >= 0 && S_ISDIR(info.mode), "open as a request");
	is(run((struct rumpuser_io){.op = RUMPUSER_IO_OPEN, .path = "/nonexistent"}), -ENOENT,
	   "and its failure");
	is(run((struct rumpuser_io){
		   .op = RUMPUSER_IO_CALL,
		   .call_nr = SYS_mkdirat,
		   .call_handles = 1,
		   .call_args = {(unsigned long)folder, (unsigned long)"sub", 0700}}),
	   0, "a call with a handle");
	ok(!stat(temp_path("sub"), &status) && S_ISDIR(status.st_mode), "is done");
	rmdir(temp_path("sub"));
	file = run((struct rumpuser_io){.op = RUMPUSER_IO_CALL,
					.call_nr = SYS_openat,
					.call_handles = 1,
					.flags = RUMPUSER_IO_NEW_HANDLE,
					.call_args = {(unsigned long)folder, (unsigned long)"made",
						      O_CREAT | O_RDWR, 0600}});
	ok(file >= 0, "a call that makes a handle");
	is(transfer(RUMPUSER_IO_WRITE, (int)file, "hello", 5, 0, 0), 0, "write to it");
	is(run((struct rumpuser_io){
		   .op = RUMPUSER_IO_CALL,
		   .call_nr = SYS_read,
		   .call_handles = 1,
		   .call_args = {(unsigned long)file, (unsigned long)text, sizeof(text)}}),
	   5, "a call gives what the host gives");
	is_str(text, "hello", "and does what it should");
	is(run((struct rumpuser_io){.op = RUMPUSER_IO_CALL,
				    .call_nr = SYS_read,
				    .call_handles = 1,
				    .call_args = {(unsigned long)-100}}),
	   -EBADF, "a handle that is none");
	is(run((struct rumpuser_io){.op = RUMPUSER_IO_CLOSE, .file = (int)file}), 0, "close");
	is(range(RUMPUSER_IO_SYNC, (int)file, 0, 0), -EBADF, "closed it is");
	unlink(temp_path("made"));
	run((struct rumpuser_io){.op = RUMPUSER_IO_CLOSE, .file = (int)folder});
	is(run((struct rumpuser_io){.op = (enum rumpuser_io_op)99, .file = (int)folder}), -EBADF,
	   "an unknown request with a bad handle");
}

static void test_requests(void)
{
	struct rumpuser_file_info info;
	int file;

	make_file(temp_path("image"), IMAGE, 0);
	file = open_file(temp_path("image"), READ_WRITE, &info);
	test_transfers(file);
	test_discard(file, info.can_discard);
	is(range((enum rumpuser_io_op)99, file, 0, 0), -EINVAL, "an unknown request");
	ops->file_close(file);
	test_calls();
}

/* ---- signals that writing raises ---- */

static int writes_into_a_closed_pipe(void)
{
	struct rumpuser_io io = {.op = RUMPUSER_IO_CALL, .call_nr = SYS_write, .call_handles = 1};
	int fds[2], file;
	char path[64];
	sigset_t mask, pending;

	if (pipe(fds))
		return 1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	file = ops->file_open(path, RUMPUSER_OPEN_WRITE, NULL);
	close(fds[0]);
	close(fds[1]);
	io.call_args[0] = (unsigned long)file;
	io.call_args[1] = (unsigned long)"x";
	io.call_args[2] = 1;
	ops->io_run(&io); /* the default action would end us */
	if (io.result != -EPIPE)
		return 2;

	/* a SIGPIPE that is the program's own stays */
	sigemptyset(&mask);
	sigaddset(&mask, SIGPIPE);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	ops->io_run(&io);
	if (sigpending(&pending) || sigismember(&pending, SIGPIPE))
		return 3;
	raise(SIGPIPE);
	ops->io_run(&io);
	return sigpending(&pending) || !sigismember(&pending, SIGPIPE);
}

static int writes_over_the_limit(void)
{
	const struct rlimit limit = {4096, 4096};
	struct rumpuser_iovec iov = {buffer, 4096};
	struct rumpuser_io io = {
		.op = RUMPUSER_IO_WRITE, .iov = &iov, .iov_count = 1, .offset = 8192};

	io.file = ops->file_open(temp_path("image"), READ_WRITE, NULL);
	setrlimit(RLIMIT_FSIZE, &limit);
	ops->io_run(&io);
	return io.result != -EFBIG;
}

/* ---- many ---- */

#define MANY 5000
#define BLOCKERS 20

static _Atomic int finished;

static void count(struct rumpuser_io *io)
{
	if (!io->result)
		finished++;
}

/* Threads of the pool. */
static int thread_count(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(tasks))) {
		char path[300], name[16] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, name, sizeof(name)) > 0)
			count += !strcmp(name, "rump-io\n");
		close(fd);
	}
	closedir(tasks);
	return count;
}

static void test_many(void)
{
	struct rumpuser_io *requests = calloc(MANY, sizeof(*requests));
	struct rumpuser_iovec *iov = calloc(MANY, sizeof(*iov));
	unsigned char *bytes = malloc(MANY * 512);
	int file = open_file(temp_path("image"), READ_WRITE, NULL);
	int good = 0, most = 0;

	for (int round = 0; round < 4; round++) {
		finished = 0;
		for (int i = 0; i < MANY; i++) {
			iov[i] = (struct rumpuser_iovec){bytes + i * 512, 512};
			requests[i] = (struct rumpuser_io){.op = RUMPUSER_IO_READ,
							   .file = file,
							   .iov = &iov[i],
							   .iov_count = 1,
							   .offset = (unsigned)i % 2048 * 512,
							   .done = count};
			ops->io_submit(&requests[i]);
		}
		for (int i = 0; i < 20000 && finished < MANY; i++) {
			int count = thread_count();

			most = count > most ? count : most;
			usleep(1000);
		}
		if (finished != MANY)
			bail_out("%d of %d requests are lost", MANY - finished, MANY);
	}
	ok(1, "%d requests at once, four times", MANY);
	for (int i = 0; i < MANY; i++)
		good += !memcmp(bytes + i * 512, expected + i % 2048 * 512, 512);
	is(good, MANY, "each with its own bytes");
	ok(most > 1 && most <= 8, "by several, at most 8 threads: %d", most);
	ops->file_close(file);
	free(requests);
	free(iov);
	free(bytes);
}

/* Reads of a FIFO that nobody writes must not hold up a disk. */
static void test_blocked_calls(void)
{
	static struct request blockers[BLOCKERS];
	static char byte[BLOCKERS];
	struct request request;
	char path[64];
	int fds[2], file, good = 0;

	in_this_thread = false;
	if (pipe(fds))
		bail_out("pipe");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	file = open_file(path, RUMPUSER_OPEN_READ, NULL);
	for (int i = 0; i < BLOCKERS; i++) {
		blockers[i].io = (struct rumpuser_io){
			.op = RUMPUSER_IO_CALL,
			.call_nr = SYS_read,
			.call_handles = 1,
			.call_args = {(unsigned long)file, (unsigned long)&byte[i], 1}};
		submit(&blockers[i]);
	}
	for (int i = 0; i < 100; i++) {
		request = (struct request){.io = {.op = RUMPUSER_IO_CALL, .call_nr = SYS_getppid}};
		submit(&request);
		good += wait_for(&request) == getppid();
	}
	is(good, 100, "requests go on while %d calls are blocked", BLOCKERS);
	good = 0;
	for (int i = 0; i < BLOCKERS; i++)
		good += !__atomic_load_n(&blockers[i].is_done, __ATOMIC_SEQ_CST);
	is(good, BLOCKERS, "the calls are blocked");
	if (write(fds[1], "01234567890123456789", BLOCKERS) != BLOCKERS)
		bail_out("write");
	for (int i = 0; i < BLOCKERS; i++)
		wait_for(&blockers[i]);
	ok(1, "and end when there is something");
	ops->file_close(file);
	close(fds[0]);
	close(fds[1]);
	/* they wait for 5 s */
	for (int i = 0; i < 60 && thread_count() > 2; i++)
		sleep(1);
	good = thread_count();
	ok(good == 1 || good == 2, "idle threads have ended: %d", good);
	request = (struct request){.io = {.op = RUMPUSER_IO_CALL, .call_nr = SYS_getpid}};
	submit(&request);
	is(wait_for(&request), getpid(), "the one that is left works");
}

static void test_handles(void)
{
	static int files[3000];
	struct rlimit limit;
	int made = 0, distinct = 1;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (size_t i = 0; i < ARRAY_SIZE(files) && i + 100 < limit.rlim_cur; i++) {
		files[i] = ops->file_open("/", RUMPUSER_OPEN_PATH, NULL);
		if (files[i] < 0)
			break;
		made++;
		distinct &= !i || files[i] > files[i - 1];
	}
	ok(made > 500 && distinct, "%d handles", made);
	for (int i = 0; i < made; i += 2)
		ops->file_close(files[i]);
	is(ops->file_open("/", RUMPUSER_OPEN_PATH, NULL), files[0],
	   "the lowest free is used again");
	ops->file_close(files[0]);
	for (int i = 1; i < made; i += 2)
		ops->file_close(files[i]);
}

int main(void)
{
	ops = ops_of(&upcalls);
	test_open();
	test_readonly();
	for (int i = 0; i < 2; i++) {
		in_this_thread = i;
		diag("%s", i ? "io_run" : "io_submit");
		test_requests();
	}
	is(in_child(writes_into_a_closed_pipe), 0, "io_run hides its SIGPIPE and no other");
	is(in_child(writes_over_the_limit), 0, "and SIGXFSZ");
	test_many();
	test_blocked_calls();
	test_handles();
	return done_testing();
}

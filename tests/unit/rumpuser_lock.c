/* SPDX-License-Identifier: BSD-2-Clause */
/* One kernel at a time writes an image. */
#include <sys/file.h>
#include <sys/mman.h>

#include "rumpuser_common.h"

#define READ_WRITE (RUMPUSER_OPEN_READ | RUMPUSER_OPEN_WRITE)
#define LOCKED (READ_WRITE | RUMPUSER_OPEN_LOCK)

static void forked(void)
{
}

static const struct rumpuser_upcalls upcalls = {.version = RUMPUSER_VERSION, .forked = forked};
static const struct rumpuser_ops *ops;
static char image[128];
static char reason[1024];

/* A process that opens the image and stays; its answer comes through the pipe. */
static pid_t holder_start(int *ret_result)
{
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		bail_out("pipe");
	pid = fork();
	if (!pid) {
		int result = ops_of(&upcalls)->file_open(image, LOCKED, NULL);

		if (write(fds[1], &result, sizeof(result)) != sizeof(result))
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (read(fds[0], ret_result, sizeof(*ret_result)) != sizeof(*ret_result))
		bail_out("the holder says nothing");
	close(fds[0]);
	return pid;
}

static void holder_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_two_processes(void)
{
	struct rumpuser_file_info info = {.lock_owner = -1};
	int result, file;
	pid_t holder = holder_start(&result);

	ok(result >= 0, "the first process opens the image");
	is(ops->file_open(image, LOCKED, &info), -EBUSY, "a second one does not");
	is(info.lock_owner, holder, "it knows who has it");
	snprintf(reason, sizeof(reason), "%s: in use by another kernel (locked by pid %d)", image,
		 holder);
	is_str(rumpuser_boot_error(), reason, "and says it");
	is(ops->file_open(image, LOCKED, NULL), -EBUSY, "again, and nobody asks for details");
	is(ops->file_open(image, RUMPUSER_OPEN_READ | RUMPUSER_OPEN_TRY_WRITE | RUMPUSER_OPEN_LOCK,
			  NULL),
	   -EBUSY, "trying to write does not quietly become reading");
	file = ops->file_open(image, RUMPUSER_OPEN_READ | RUMPUSER_OPEN_LOCK, NULL);
	ok(file >= 0, "who only reads may");
	ops->file_close(file);
	holder_end(holder);
	file = ops->file_open(image, LOCKED, NULL);
	ok(file >= 0, "after kill -9 of the holder the image is free");
	holder = holder_start(&result);
	is(result, -EBUSY, "and now ours");
	holder_end(holder);
	ops->file_close(file);
	holder = holder_start(&result);
	ok(result >= 0, "until we close it");
	holder_end(holder);
}

static void test_one_process(void)
{
	struct rumpuser_file_info info;
	int first = ops->file_open(image, LOCKED, NULL);
	int fd;

	ok(first >= 0, "open");
	is(ops->file_open(image, LOCKED, &info), -EBUSY, "a second time in the same process");
	is(info.lock_owner, getpid(), "held by ourselves");
	/* what would drop a lock of fcntl(F_SETLK) */
	fd = open(image, O_RDWR);
	close(fd);
	is(ops->file_open(image, LOCKED, NULL), -EBUSY,
	   "an unrelated close does not drop the lock");
	ops->file_close(first);
}

static void test_other_programs(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
	struct rumpuser_file_info info = {.lock_owner = -1};
	pid_t pid;
	int fds[2];
	char byte;

	if (pipe(fds))
		bail_out("pipe");
	pid = fork();
	if (!pid) {
		/* one byte, as other emulators lock images */
		int fd = open(image, O_RDWR);

		if (fcntl(fd, F_SETLK, &lock) || write(fds[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	if (read(fds[0], &byte, 1) != 1)
		bail_out("no lock");
	is(ops->file_open(image, LOCKED, &info), -EBUSY, "another program's POSIX lock counts");
	is(info.lock_owner, pid, "and its pid is known");
	holder_end(pid);
	close(fds[0]);
	close(fds[1]);
}

/* A child that outlives the process with the kernel must not keep the image. */
static int dies_with_a_child_left(void)
{
	const struct rumpuser_ops *child_ops = ops_of(&upcalls);
	struct rumpuser_memory memory;

	if (child_ops->memory_create(MIB, &memory))
		return 1;
	if (child_ops->file_open(image, LOCKED, NULL) < 0)
		return 2;
	if (!fork()) {
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		sleep(20);
		_exit(0);
	}
	return 0;
}

int main(void)
{
	int file;

#if defined(__SANITIZE_THREAD__)
	skip_all("the thread sanitizer forbids threads after fork");
#endif
	strcpy(image, temp_path("image"));
	make_file(image, MIB, 0);
	is(in_child(dies_with_a_child_left), 0, "a kernel ends, a child of it lives on");
	ops = ops_of(&upcalls);
	/* once that child has come to run */
	for (int i = 0; i < 1500; i++) {
		file = ops->file_open(image, LOCKED, NULL);
		if (file >= 0)
			break;
		usleep(10000);
	}
	ok(file >= 0, "the image is free");
	ops->file_close(file);
	test_two_processes();
	test_one_process();
	test_other_programs();
	return done_testing();
}

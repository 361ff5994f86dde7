/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that have a special row in hijack/syscalls.def.
 *
 *	table_calls CASE FOLDER
 *
 * Ends with 0 when all holds, else with 1 and a line that says what does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, \
				strerror(errno));                                           \
			exit(1);                                                            \
		}                                                                           \
	} while (0)

static const char *folder;

static int make(const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	return fd;
}

static void many(void)
{
	struct rlimit limit = {6000, 6000};

	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < 5000; i++)
		make("file");
	/* and the program's own limit holds */
	limit.rlim_cur = limit.rlim_max = 5020;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < 20; i++) {
		int fd = dup(1);

		if (fd < 0) {
			CHECK(errno == EMFILE);
			return;
		}
		CHECK(fd < 5020);
	}
	CHECK(!"the limit does not hold");
}

static void fsize(void)
{
	struct rlimit limit = {1000, RLIM_INFINITY};
	char bytes[2000] = "";
	int fd = make("limited");

	signal(SIGXFSZ, SIG_IGN);
	CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK(write(fd, bytes, sizeof(bytes)) == 1000);
	CHECK(write(fd, bytes, sizeof(bytes)) == -1 && errno == EFBIG);
	limit.rlim_cur = 3000;
	CHECK(!syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, &limit, NULL));
	CHECK(write(fd, bytes, sizeof(bytes)) == 2000);
	CHECK(write(fd, bytes, sizeof(bytes)) == -1 && errno == EFBIG);
}

static long submit(int fd, int first)
{
	static char buffer[512];
	struct iocb write = {.aio_lio_opcode = IOCB_CMD_PWRITE,
			     .aio_fildes = first,
			     .aio_buf = (uint64_t)(uintptr_t)buffer,
			     .aio_nbytes = sizeof(buffer)},
		    second = write, *list[2] = {&write, &second};
	struct io_event events[2];
	aio_context_t context = 0;
	long result, done;

	second.aio_fildes = fd;
	CHECK(!syscall(SYS_io_setup, 8, &context));
	result = syscall(SYS_io_submit, context, 2L, list);
	if (result < 0)
		result = -errno;
	done = syscall(SYS_io_getevents, context, result > 0 ? result : 0, 2L, events, NULL);
	CHECK(done == (result > 0 ? result : 0));
	CHECK(!syscall(SYS_io_destroy, context));
	return result;
}

static void inner(void)
{
	int a = make("a"), b = make("b"), host = open("/dev/null", O_RDWR), pid = getpid(), pidfd;
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	struct {
		uint64_t allowed;
		int32_t parent;
	} __attribute__((packed)) rule = {4, a};
	struct {
		uint64_t files;
	} ruleset = {4};
	int copy = dup(host), rules, fd;

	CHECK(host >= 0 && copy >= 0);
	/* placeholders are one file to the host */
	CHECK(syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, b) > 0);
	CHECK(syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, host) > 0);
	CHECK(syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, a) == 0);
	CHECK(syscall(SYS_kcmp, pid, pid, KCMP_FILE, host, copy) == 0);
	CHECK(syscall(SYS_kcmp, pid, pid, KCMP_FILE, host, 0) != 0);

	pidfd = syscall(SYS_pidfd_open, pid, 0);
	CHECK(pidfd >= 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, host, 0);
	CHECK(fd >= 0 && !close(fd));
	CHECK(syscall(SYS_pidfd_getfd, pidfd, a, 0) == -1 && errno == EPERM);

	/* a host without landlock has nothing to be checked */
	rules = syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (rules >= 0) {
		CHECK(syscall(SYS_landlock_add_rule, rules, 1, &rule, 0) == -1 &&
		      errno == EOPNOTSUPP);
		rule.parent = open("/", O_PATH);
		CHECK(!syscall(SYS_landlock_add_rule, rules, 1, &rule, 0));
	}

	if (file >= 0) {
		CHECK(submit(file, file) == 2);
		CHECK(submit(a, file) == 1);
		CHECK(submit(file, a) == -EINVAL);
	}
}

static void uring(void)
{
	char parameters[120] = "";

	close(make("a"));
	CHECK(syscall(SYS_io_uring_setup, 4, parameters) == -1 && errno == ENOSYS);
	CHECK(syscall(SYS_io_uring_enter, 0, 0, 0, 0, NULL, 0) == -1 && errno == ENOSYS);
	CHECK(syscall(SYS_io_uring_register, 0, 0, NULL, 0) == -1 && errno == ENOSYS);
}

static void thread_exit(void)
{
	int fd = make("ended");

	CHECK(write(fd, "x", 1) == 1);
	syscall(SYS_exit, 0);
}

static void capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	uint32_t override = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;
	char path[4096];
	int fd = make("another's");

	snprintf(path, sizeof(path), "%s/another's", folder);
	CHECK(!fchown(fd, 1234, 1234) && !fchmod(fd, 0600));
	CHECK(!close(open(path, O_RDONLY)));
	CHECK(!syscall(SYS_capget, &header, data));
	data[0].effective &= ~override;
	data[0].permitted &= ~override;
	CHECK(!syscall(SYS_capset, &header, data));
	CHECK(open(path, O_RDONLY) == -1 && errno == EACCES);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {{"many", many},
	     {"fsize", fsize},
	     {"inner", inner},
	     {"uring", uring},
	     {"thread_exit", thread_exit},
	     {"capabilities", capabilities}};

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	folder = argv[2];
	mkdir(folder, 0777);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].run();
			return 0;
		}
	}
	fprintf(stderr, "no case %s\n", argv[1]);
	return 2;
}

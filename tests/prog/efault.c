/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bad pointers to every system call that takes one: null, wild, unmapped,
 * read-only, ending at an unmapped page.  The program must go on, a call must not
 * claim that it read what cannot be read, and the usual calls must say EFAULT.
 *
 * Which arguments are pointers comes from the generated table.  The other
 * arguments are a few fixed values each, so that a call gets far enough to look.
 */
#include "prog.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

#define PAGE 4096
#define GOOD_SIZE (64 * 1024)
#define WATCH_MS 100

struct call {
	const char *name;
	int number;
	const char *kinds; /* gen_syscalls.py: i number, s string, r read, w written */
};

#define RUMP_SYSCALL_ARGUMENTS(name, number, kinds) {#name, number, kinds},
static const struct call calls[] = {
#include "rump_syscall_args.inc"
};

/* Calls that would change what the test stands on, whatever their pointers are. */
static const char *const left_out[] = {
	"set_tid_address",
	"set_robust_list", /* written, walked when the thread ends: see robust() */
	"rseq",		   /* looked at at each return to the program */
	"setrlimit",
	"prlimit64", /* a limit of 0 s of CPU time ends the program */
	"seccomp",   /* strict mode ends it at the next call */
};

/* What is there to be read may be ignored by these: other arguments decide. */
static const char *const may_ignore[] = {
	"add_key",	 "fsconfig",   "futex",		 "get_mempolicy", "io_getevents",
	"io_pgetevents", "kexec_load", "keyctl",	 "mount",	  "move_pages",
	"ptrace",	 "quotactl",   "rt_sigprocmask", "semctl",	  "sendto",
	"setgroups",	 "shmat",      "timer_settime",	 "utimensat",
};

static struct {
	const char *name;
	char *pointer;
} bad[] = {
	{"null", NULL},
	{"small", (char *)8},
	{"unmapped", NULL}, /* set_up() has this one and the last two */
	{"not canonical", (char *)0x8000000000000000},
	{"in the host kernel", (char *)0xffffffff81000000},
	{"the last byte", (char *)-1},
	{"read-only", NULL},
	{"ending at an unmapped page", NULL},
};
enum {
	BAD_NULL,
	BAD_SMALL,
	BAD_UNMAPPED,
	BAD_NONCANONICAL,
	BAD_KERNEL,
	BAD_LAST,
	BAD_READONLY,
	BAD_CROSSING
};

static char *good_memory;
static char *unmapped; /* a page; the one before it is writable */
static char *readonly;
static int file_fd;

/* the thread that is in a call, and since when: the watchdog's */
static pid_t caller;
static uint64_t call_since;
static bool is_over;

static bool is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

/* A call with a null timeout may wait for ever: it is interrupted. */
static void *watch(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
		uint64_t since = __atomic_load_n(&call_since, __ATOMIC_ACQUIRE);

		if (since && now_ns(CLOCK_MONOTONIC) - since > WATCH_MS * 1000000ull)
			rump_pub_interrupt(caller);
		host_sleep_ms(20);
	}
	return NULL;
}

static long guarded(int number, const long *a)
{
	long ret;

	__atomic_store_n(&call_since, now_ns(CLOCK_MONOTONIC), __ATOMIC_RELEASE);
	ret = rump_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	__atomic_store_n(&call_since, 0, __ATOMIC_RELEASE);
	return ret;
}

static void set_up(void)
{
	char *area =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	good_memory =
		mmap(NULL, GOOD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED || good_memory == MAP_FAILED)
		bail_out("mmap: %s", strerror(errno));
	unmapped = area + PAGE;
	munmap(unmapped, PAGE);
	readonly = area + 2 * PAGE;
	mprotect(readonly, PAGE, PROT_READ);
	bad[BAD_UNMAPPED].pointer = unmapped;
	bad[BAD_READONLY].pointer = readonly;
	/* 3 bytes: less than any number that a call could want */
	bad[BAD_CROSSING].pointer = unmapped - 3;
	memset(area, 'x', PAGE);
	file_fd = rump_sys_open("/tmp/file", O_RDWR | O_CREAT, 0600);
	if (file_fd < 0 || rump_sys_symlink("a target longer than the edge", "/tmp/link"))
		bail_out("/tmp/file: %s", strerror(errno));
}

/* What the arguments that are not pointers are, by round. */
static long plain_argument(int round, int index)
{
	static const long values[][6] = {
		{0, 0, 0, 0, 0, 0}, {-1, 16, 16, 16, 16, 16}, /* -1 stands for the file */
		{1, 1, 1, 1, 1, 1}, {-1, 64, 8, 8, 8, 8},     {2, 4096, 4096, 0, 0, 0},
	};
	long value = values[round][index];

	return value == -1 ? file_fd : value;
}
enum { ROUNDS = 5 };

/* The string or memory of a good argument: an empty name would be ENOENT too early. */
static char *good_argument(int index)
{
	char *p = good_memory + index * 8192;

	memset(p, 0, 8192);
	return p;
}

/* Whether memory of kind s or r at this pointer cannot be read to its end. */
static bool is_unreadable(char kind, int n)
{
	if (kind == 's') /* "xxx" and no end */
		return n != BAD_READONLY && n != BAD_NULL;
	return kind == 'r' && n != BAD_READONLY && n != BAD_NULL && n != BAD_CROSSING;
}

/* Returns how often a call claimed success for something unreadable; counts EFAULTs. */
static int try_call(const struct call *call, unsigned int *faults, unsigned int *tried)
{
	int claims = 0, count = strlen(call->kinds);

	for (int at = 0; at < count; at++) {
		if (call->kinds[at] == 'i')
			continue;
		for (int n = 0; n < (int)LENGTH_OF(bad); n++)
			for (int round = 0; round < ROUNDS; round++) {
				long a[6] = {0}, ret;

				for (int i = 0; i < count; i++) {
					if (i == at)
						a[i] = (long)bad[n].pointer;
					else if (call->kinds[i] == 's')
						a[i] = (long)strcpy(good_argument(i), "/tmp/none");
					else if (call->kinds[i] == 'i')
						a[i] = plain_argument(round, i);
					else
						a[i] = (long)good_argument(i);
				}
				/* a call before this one may have put an end there */
				memset(unmapped - 3, 'x', 3);
				ret = guarded(call->number, a);
				++*tried;
				*faults += ret == -EFAULT;
				/* rounds of zeroes ask for nothing */
				if (ret >= 0 && (round == 1 || round == 3) &&
				    is_unreadable(call->kinds[at], n) &&
				    !is_in(may_ignore, LENGTH_OF(may_ignore), call->name)) {
					claims++;
					diag("%s: argument %d %s gives %ld (round %d)", call->name,
					     at + 1, bad[n].name, ret, round);
				}
			}
	}
	return claims;
}

static void all_calls(void)
{
	unsigned int with_pointers = 0, faulting = 0;

	for (size_t i = 0; i < LENGTH_OF(calls); i++) {
		const struct call *call = &calls[i];
		unsigned int faults = 0, tried = 0;
		int claims;

		if (!strpbrk(call->kinds, "srw") ||
		    is_in(left_out, LENGTH_OF(left_out), call->name))
			continue;
		with_pointers++;
		claims = try_call(call, &faults, &tried);
		faulting += faults > 0;
		ok(!claims, "%s: %u calls with bad pointers, %u EFAULT", call->name, tried, faults);
	}
	ok(with_pointers > 230, "%u system calls take pointers", with_pointers);
	ok(faulting > 140, "%u of them said EFAULT", faulting);
	ok(rump_sys_getpid() > 0, "the kernel goes on");
}

/* ---- calls that must say EFAULT, with all else right ---- */

#define F(call, name) is_efault(call, name, n)
static void is_efault(long ret, const char *name, int n)
{
	int error = errno;

	if (!ok(ret == -1 && error == EFAULT, "%s, %s: EFAULT", name, bad[n].name))
		diag("  returned %ld, errno %s", ret, strerror(error));
}

static void must_fault_reading(int n)
{
	char *p = bad[n].pointer;
	int sockets[2], epoll = rump_sys_epoll_create1(0), pipes[2];
	struct iovec iov = {p, 64};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
	rump_sys_pipe(pipes);
	F(rump_sys_open(p, O_RDONLY), "open");
	F(rump_sys_openat(AT_FDCWD, p, O_RDONLY), "openat");
	F(rump_sys_stat(p, (void *)good_memory), "stat of a path");
	F(rump_sys_statx(AT_FDCWD, p, 0, 0x7ff, (void *)good_memory), "statx of a path");
	F(rump_sys_mkdir(p, 0755), "mkdir");
	F(rump_sys_rename("/tmp/file", p), "rename");
	F(rump_sys_symlink(p, "/tmp/symlink"), "symlink");
	F(rump_sys_unlink(p), "unlink");
	F(rump_sys_chdir(p), "chdir");
	F(rump_sys_truncate(p, 0), "truncate");
	F(rump_sys_setxattr("/tmp/file", p, "v", 1, 0), "setxattr");
	F(rump_sys_write(pipes[1], p, 64), "write to a pipe");
	F(rump_sys_sendmsg(sockets[0], &message, MSG_NOSIGNAL), "sendmsg");
	if (n == BAD_CROSSING) {
		rump_sys_close(pipes[0]), rump_sys_close(pipes[1]);
		rump_sys_close(sockets[0]), rump_sys_close(sockets[1]);
		rump_sys_close(epoll);
		return;
	}
	F(rump_sys_pwrite(file_fd, p, 64, 0), "pwrite");
	F(rump_sys_writev(file_fd, (void *)p, 2), "writev");
	F(rump_sys_bind(sockets[0], (void *)p, 16), "bind");
	F(rump_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], (void *)p), "epoll_ctl");
	F(rump_sys_nanosleep((void *)p, NULL), "nanosleep");
	F(rump_sys_setsockopt(sockets[0], SOL_SOCKET, SO_SNDBUF, p, 4), "setsockopt");
	F(rump_sys_setrlimit(RLIMIT_CORE, (void *)p), "setrlimit");
	F(rump_sys_ppoll((void *)good_memory, 0, (void *)p, NULL), "ppoll, timeout");
	F(rump_sys_pselect(0, NULL, NULL, NULL, (void *)p, NULL), "pselect, timeout");
	F(rump_sys_mq_unlink(p), "mq_unlink");
	F(rump_sys_fcntl(file_fd, F_SETLK, p), "fcntl F_SETLK");
	F(rump_sys_prctl(PR_SET_NAME, p), "prctl PR_SET_NAME");
	rump_sys_close(pipes[0]), rump_sys_close(pipes[1]);
	rump_sys_close(sockets[0]), rump_sys_close(sockets[1]);
	rump_sys_close(epoll);
}

static void must_fault_writing(int n)
{
	char *p = bad[n].pointer;
	int sockets[2], pipes[2], folder = rump_sys_open("/", O_RDONLY);
	struct iovec iov = {p, 64};
	cpu_set_t *set = (void *)p;

	rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
	rump_sys_pipe(pipes);
	rump_sys_write(pipes[1], good_memory, 128);
	rump_sys_send(sockets[1], good_memory, 128, 0);
	F(rump_sys_stat("/tmp/file", (void *)p), "stat");
	F(rump_sys_fstat(file_fd, (void *)p), "fstat");
	F(rump_sys_statx(AT_FDCWD, "/tmp/file", 0, 0x7ff, (void *)p), "statx");
	F(rump_sys_statfs("/tmp", (void *)p), "statfs");
	F(rump_sys_uname((void *)p), "uname");
	F(rump_sys_sysinfo((void *)p), "sysinfo");
	F(rump_sys_times((void *)p), "times");
	F(rump_sys_getrusage(RUSAGE_SELF, (void *)p), "getrusage");
	F(rump_sys_getrlimit(RLIMIT_CORE, (void *)p), "getrlimit");
	F(rump_sys_clock_gettime(CLOCK_MONOTONIC, (void *)p), "clock_gettime");
	F(rump_sys_gettimeofday((void *)p, NULL), "gettimeofday");
	F(rump_sys_getitimer(ITIMER_REAL, (void *)p), "getitimer");
	F(rump_sys_getdents64(folder, p, 4096), "getdents64");
	F(rump_sys_pipe((void *)p), "pipe");
	F(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)p), "socketpair");
	F(rump_sys_getsockname(sockets[0], (void *)good_memory, (void *)p), "getsockname, length");
	F(rump_sys_getresuid((void *)p, (void *)good_memory, (void *)good_memory), "getresuid");
	F(rump_sys_sched_getparam(0, (void *)p), "sched_getparam");
	F(rump_sys_sched_getaffinity(0, sizeof(*set), set), "sched_getaffinity");
	*(int *)good_memory = 4;
	F(rump_sys_getsockopt(sockets[0], SOL_SOCKET, SO_TYPE, p, (void *)good_memory),
	  "getsockopt");
	F(rump_sys_readlink("/tmp/link", p, 64), "readlink");
	F(rump_sys_fcntl(file_fd, F_GETLK, p), "fcntl F_GETLK");
	F(rump_sys_ioctl(pipes[0], FIONREAD, p), "ioctl FIONREAD");
	F(rump_sys_prctl(PR_GET_NAME, p), "prctl PR_GET_NAME");
	/* a pipe gives what fits before it faults: nothing here but where bytes do fit */
	if (n != BAD_CROSSING) {
		F(rump_sys_read(pipes[0], p, 64), "read from a pipe");
		F(rump_sys_readv(pipes[0], &iov, 1), "readv from a pipe");
		F(rump_sys_recv(sockets[0], p, 64, MSG_DONTWAIT), "recv");
		rump_sys_pwrite(file_fd, good_memory, 128, 0);
		F(rump_sys_pread(file_fd, p, 64, 0), "pread");
		F(rump_sys_getrandom(p, 64, 0), "getrandom");
		rump_sys_ftruncate(file_fd, 0);
	}
	rump_sys_close(pipes[0]), rump_sys_close(pipes[1]);
	rump_sys_close(sockets[0]), rump_sys_close(sockets[1]);
	rump_sys_close(folder);
}

/* ---- what lies before the unmapped page is transferred, and nothing else ---- */

static void partly(void)
{
	char *edge = unmapped - 100, want[100];
	struct stat st;
	long n;
	int i;

	for (i = 0; i < 100; i++)
		edge[i] = want[i] = i + 1;
	rump_sys_ftruncate(file_fd, 0);
	n = rump_sys_pwrite(file_fd, edge, 200, 0);
	ok(n == 100 || (n == -1 && errno == EFAULT), "a write of 200 bytes of which 100 are there");
	rump_sys_fstat(file_fd, &st);
	is_int(st.st_size, n > 0 ? n : 0, "the file has as many as it said (%ld)", n);

	rump_sys_ftruncate(file_fd, 0);
	is_int(rump_sys_pwrite(file_fd, edge, 100, 0), 100, "a write up to the edge");
	is_int(rump_sys_pwrite(file_fd, want, 100, 100), 100, "and 100 bytes more");
	memset(edge, 0, 100);
	n = rump_sys_pread(file_fd, edge, 200, 0);
	ok(n == 100 || (n == -1 && errno == EFAULT), "a read of 200 bytes into 100");
	ok(n != 100 || !memcmp(edge, want, 100), "has the bytes that it says");
	is_int(rump_sys_pread(file_fd, edge, 100, 0), 100, "a read up to the edge");
	ok(!memcmp(edge, want, 100), "has the bytes");

	strcpy(unmapped - sizeof("/tmp/file"), "/tmp/file");
	ok(!rump_sys_stat(unmapped - sizeof("/tmp/file"), &st), "a name that ends at the edge");
	memset(unmapped - 5, 'y', 5);
	ok(rump_sys_stat(unmapped - 5, &st) == -1 && errno == EFAULT, "a name without an end");
	memset(unmapped - sizeof(st), 0, sizeof(st));
	ok(!rump_sys_fstat(file_fd, (void *)(unmapped - sizeof(st))), "a struct up to the edge");
	ok(rump_sys_fstat(file_fd, (void *)(unmapped - sizeof(st) + 1)) == -1 && errno == EFAULT,
	   "a struct one byte beyond it");
}

/* The robust list is walked when the thread ends; the pointers in it are the program's. */
static void *robust(void *arg)
{
	rump_syscall(SYS_set_robust_list, (long)arg, 24, 0, 0, 0, 0);
	return NULL;
}

int main(void)
{
	pthread_t watchdog;
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	size_t n;

	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGALRM, &ignore, NULL);
	boot(NULL);
	set_up();
	caller = gettid();
	watchdog = start(watch, NULL);

	for (n = 0; n < LENGTH_OF(bad); n++) {
		memset(unmapped - 3, 'x', 3);
		if (n != BAD_READONLY && n != BAD_NULL)
			must_fault_reading(n);
		if (n != BAD_NULL)
			must_fault_writing(n);
	}
	partly();
	for (n = 0; n < LENGTH_OF(bad); n++)
		join(start(robust, bad[n].pointer));
	ok(rump_sys_getpid() > 0, "threads that end with a bad robust list");

	/* last: calls at random may do anything to the kernel but stop it */
	all_calls();
	partly();
	__atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
	join(watchdog);
	return done_testing();
}

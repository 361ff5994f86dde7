/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random system calls with random arguments, from both sides of the border.
 *
 *	random_calls SEED CALLS HOST RUMP LAST
 *
 * HOST and RUMP: folders.  LAST: a file that says which call was the last one.  Ends with 0
 * when the process and the rump kernel live.  What it did to the host is the caller's to look
 * at.  HOST "-": all arguments are of the rump kernel, so that nothing of the host may have
 * changed, be it writable: not what lies under the same names.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "syscall_numbers.h"

#define NUMBERS 470 /* some beyond the table */
#define POOL 100    /* the first descriptor of ours */
#define ARENA (64 * 1024)
#define PIECE 1024
#define ROUND 40 /* calls between new descriptors */

/* ---- what would end the test itself, or outlive it ---- */

static const int excluded[] = {
	/* the process and its memory: addresses are any */
	SYS_exit,
	SYS_exit_group,
	SYS_fork,
	SYS_vfork,
	SYS_clone,
	SYS_clone3,
	SYS_execve,
	SYS_execveat,
	SYS_rt_sigreturn,
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_mprotect,
	SYS_pkey_mprotect,
	SYS_madvise,
	SYS_process_madvise,
	SYS_remap_file_pages,
	SYS_mbind,
	SYS_mseal,
	SYS_mlockall,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_shmat,
	SYS_arch_prctl,
	SYS_modify_ldt,
	SYS_uretprobe,
	SYS_sigaltstack,
	SYS_userfaultfd,
	/* signals that end it, or never come */
	SYS_kill,
	SYS_tkill,
	SYS_tgkill,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	SYS_pidfd_send_signal,
	SYS_rt_sigaction,
	SYS_rt_sigsuspend,
	SYS_setitimer,
	SYS_timer_create,
	/* limits and confinement from which there is no way back */
	SYS_setrlimit,
	SYS_prlimit64,
	SYS_prctl,
	SYS_seccomp,
	SYS_ptrace,
	SYS_personality,
	SYS_unshare,
	SYS_landlock_restrict_self,
	SYS_sched_setaffinity,
	SYS_sched_setscheduler,
	SYS_sched_setattr,
	SYS_setpriority,
	/* what stays on the host when the process has gone */
	SYS_shmget,
	SYS_semget,
	SYS_msgget,
	SYS_mq_open,
	SYS_mq_unlink,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
};

#define SYSCALL_SHOWN(name, kinds) [SYS_##name] = {#name, kinds},
static const struct {
	const char *name, *kinds;
} known[NUMBERS] = {SYSCALLS_SHOWN};

static int is_excluded(int number)
{
	for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++)
		if (excluded[i] == number)
			return 1;
	return 0;
}

/* ---- chance ---- */

static uint64_t state;

/* xorshift64* */
static uint32_t draw(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32) % below;
}

/* ---- arguments ---- */

static const char *host, *rump;
static char *arena;
static char *closed, *readonly; /* pages */
static int pool_size;

static long any_fd(void)
{
	static const int odd[] = {-1, AT_FDCWD, 9999, 0x7fffffff, 63};

	if (!draw(8))
		return odd[draw(5)];
	return POOL + (int)draw((uint32_t)pool_size);
}

static long any_number(void)
{
	static const long edges[] = {0,
				     1,
				     2,
				     3,
				     4,
				     7,
				     8,
				     16,
				     64,
				     255,
				     512,
				     4095,
				     4096,
				     4097,
				     65536,
				     1 << 20,
				     -1,
				     -2,
				     -4096,
				     0x7fffffff,
				     0x80000000L,
				     0xffffffffL,
				     0x7fffffffffffffffL,
				     0x100000000L};

	switch (draw(4)) {
	case 0:
		return 1L << draw(31);
	case 1:
		return (int)draw(1U << 12);
	case 2:
		return (long)draw(0xffffffff);
	}
	return edges[draw(sizeof(edges) / sizeof(edges[0]))];
}

static long bad_pointer(void)
{
	const long pointers[] = {0,
				 1,
				 -1,
				 (long)0xffff800000000000L,
				 (long)0x8000000000000000L,
				 (long)closed,
				 (long)closed - 3};

	return pointers[draw(sizeof(pointers) / sizeof(pointers[0]))];
}

static long any_path(void)
{
	static const char *const names[] = {
		"",   "file", "folder", "link", "none",	   "folder/deep", "../x", ".",
		"..", "fifo", "socket", "out",	"folder/", "//file",	  "x"};
	char *to = arena + PIECE * draw(8);

	switch (draw(10)) {
	case 0:
		return bad_pointer();
	case 1:
		memset(to, 'n', PIECE - 1);
		to[PIECE - 1] = '\0';
		return (long)to;
	case 2:
		snprintf(to, PIECE, "/proc/self/fd/%ld", any_fd());
		return (long)to;
	case 3:
		strcpy(to, names[draw(sizeof(names) / sizeof(names[0]))]);
		return (long)to;
	case 4:
		if (!host)
			break;
		snprintf(to, PIECE, "%s/../%s", rump, host);
		return (long)to;
	case 5:
	case 6:
		if (!host)
			break;
		snprintf(to, PIECE, "%s/%s", host, names[draw(sizeof(names) / sizeof(names[0]))]);
		return (long)to;
	}
	snprintf(to, PIECE, "%s/%s", rump, names[draw(sizeof(names) / sizeof(names[0]))]);
	return (long)to;
}

/* Pieces hold descriptors, vectors, addresses, bytes; the arena ends before a closed page. */
static void fill_arena(void)
{
	struct iovec *vector = (struct iovec *)(arena + 10 * PIECE);
	struct pollfd *polled = (struct pollfd *)(arena + 11 * PIECE);
	struct msghdr *message = (struct msghdr *)(arena + 12 * PIECE);
	struct sockaddr *address = (struct sockaddr *)(arena + 13 * PIECE);
	int *fds = (int *)(arena + 14 * PIECE);

	memset(arena + 10 * PIECE, 0, 8 * PIECE);
	for (int i = 0; i < 8; i++) {
		vector[i].iov_base =
			draw(6) ? arena + 20 * PIECE + draw(8) * PIECE : (void *)bad_pointer();
		vector[i].iov_len = draw(2 * PIECE);
		polled[i].fd = (int)any_fd();
		polled[i].events = (short)draw(64);
		fds[i] = (int)any_fd();
	}
	message->msg_iov = vector;
	message->msg_iovlen = draw(8);
	address->sa_family = (sa_family_t)draw(20);
	snprintf(address->sa_data, 100, "%s/socket", draw(2) || !host ? rump : host);
}

static long any_pointer(void)
{
	if (!draw(6))
		return bad_pointer();
	if (!draw(12))
		return (long)readonly;
	if (!draw(6)) /* near the end */
		return (long)arena + ARENA - draw(64);
	return (long)arena + PIECE * (8 + draw(24));
}

static long any_argument(char kind)
{
	if (!draw(8))
		kind = "isrwz"[draw(5)];
	switch (kind) {
	case 's':
		return any_path();
	case 'r':
	case 'w':
		return any_pointer();
	case 'z':
		return draw(2) ? (long)draw(8192) : any_number();
	case 'm':
		return draw(010000);
	}
	return draw(2) ? any_fd() : any_number();
}

/* ---- descriptors ---- */

static void keep(int fd)
{
	if (fd < 0)
		return;
	dup2(fd, POOL + pool_size++);
	close(fd);
}

static int open_in(const char *folder, const char *name, int flags)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return open(path, flags, 0600);
}

static void fill_pool(void)
{
	int pair[2];

	pool_size = 0;
	keep(open_in(rump, "file", O_RDWR | O_CREAT));
	keep(open_in(rump, "file", O_RDONLY));
	keep(open_in(rump, "folder", O_RDONLY | O_DIRECTORY));
	keep(open_in(rump, "fifo", O_RDWR | O_NONBLOCK));
	keep(open_in(rump, "file", O_PATH));
	if (!socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
		keep(pair[0]);
		keep(pair[1]);
	}
	keep(socket(AF_INET, SOCK_STREAM, 0));
	keep(socket(AF_INET, SOCK_DGRAM, 0));
	if (!host)
		return;
	keep(open_in(host, "file", O_RDONLY));
	keep(open_in(host, "folder", O_RDONLY | O_DIRECTORY));
	keep(open_in(host, "file", O_PATH));
	if (!pipe2(pair, O_NONBLOCK)) {
		keep(pair[0]);
		keep(pair[1]);
	}
	keep(epoll_create1(0));
	keep(eventfd(1, EFD_NONBLOCK));
}

static void make_tree(void)
{
	char path[4096];

	mkdir(rump, 0755);
	snprintf(path, sizeof(path), "%s/folder", rump);
	mkdir(path, 0755);
	close(open_in(rump, "folder/deep", O_RDWR | O_CREAT));
	snprintf(path, sizeof(path), "%s/fifo", rump);
	mkfifo(path, 0600);
	snprintf(path, sizeof(path), "%s/link", rump);
	if (symlink("file", path) < 0 && errno != EEXIST)
		return;
	/* out of the rump kernel, as a program sees it */
	snprintf(path, sizeof(path), "%s/out", rump);
	if (host && symlink(host, path) < 0)
		return;
}

/* ---- the run ---- */

static void nothing(int signal)
{
	(void)signal;
}

/* No call lasts: SIGALRM comes every few milliseconds, whatever calls before have blocked. */
static void arm(void)
{
	struct itimerval often = {{0, 5000}, {0, 5000}};
	struct sigaction action = {.sa_handler = nothing};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int signal = 1; signal < 32; signal++)
		if (signal != SIGKILL && signal != SIGSTOP && signal != SIGSEGV &&
		    signal != SIGBUS && signal != SIGILL && signal != SIGFPE && signal != SIGSYS &&
		    signal != SIGTRAP && signal != SIGABRT && signal != SIGTERM)
			sigaction(signal, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static char *map_last(const char *path)
{
	int fd = open(path, O_RDWR);
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	return fd < 0 || map == MAP_FAILED ? NULL : map;
}

static void call_once(char *last)
{
	int number = (int)draw(NUMBERS);
	const char *kinds;
	long args[6];

	while (is_excluded(number))
		number = (int)draw(NUMBERS);
	kinds = known[number].kinds ? known[number].kinds : "";
	fill_arena();
	for (int i = 0; i < 6; i++) {
		args[i] = any_argument(*kinds ? *kinds : 'i');
		kinds += !!*kinds;
	}
	/* never over what is there; and not all of the memory */
	if (number == SYS_mmap) {
		args[0] = 0;
		args[1] &= 0xfffff;
		args[3] &= ~(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN);
	}
	/* Linux warns of it, in words as for its own faults */
	if (number == SYS_mount)
		args[3] &= ~64; /* MS_MANDLOCK */
	/* a mask of chance may hold SIGALRM back for ever */
	if (number == SYS_ppoll)
		args[3] = 0;
	if (number == SYS_epoll_pwait || number == SYS_epoll_pwait2)
		args[4] = 0;
	if (number == SYS_pselect6)
		args[5] = 0;
	/* SIGALRM would end the one that the timer is for */
	if (number == SYS_alarm)
		args[0] = 0;
	snprintf(last, 4096, "%s %d(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n",
		 known[number].name ? known[number].name : "?", number, args[0], args[1], args[2],
		 args[3], args[4], args[5]);
	syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* A pipe of the rump kernel, which needs no path: calls have changed roots and mounts. */
static int lives(void)
{
	char byte = 0;
	int pair[2];

	arm();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 0;
	while (write(pair[0], "x", 1) < 0 && errno == EINTR)
		;
	while (read(pair[1], &byte, 1) < 0 && errno == EINTR)
		;
	return byte == 'x';
}

int main(int argc, char **argv)
{
	char *last;
	long calls;

	if (argc != 6)
		return 2;
	state = strtoull(argv[1], NULL, 0) * 2 + 0x9e3779b97f4a7c15u;
	calls = atol(argv[2]);
	host = strcmp(argv[3], "-") ? argv[3] : NULL;
	rump = argv[4];
	last = map_last(argv[5]);
	arena = mmap(NULL, ARENA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!last || arena == MAP_FAILED || readonly == MAP_FAILED)
		return 3;
	closed = arena + ARENA;
	mprotect(closed, 4096, PROT_NONE);
	make_tree();
	if (!host && chdir(rump))
		return 3;
	for (long i = 0; i < calls; i++) {
		if (i % ROUND == 0)
			fill_pool();
		arm();
		call_once(last);
	}
	if (!lives()) {
		strcpy(last, "the kernel does not answer\n");
		return 1;
	}
	strcpy(last, "all\n");
	return 0;
}

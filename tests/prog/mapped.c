/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapped.c - mappings of files, for tests/mmap.bats
 *
 *	mapped FOLDER [NAME...]
 *
 * An ordinary program that says what it sees; it runs on the host and under the preload,
 * and what it says has to be the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define PAGES 64UL
#define SIZE (PAGES * PAGE)
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static const char *folder, *doing;

static void die(const char *what)
{
	printf("%s: %s: %s\n", doing, what, strerror(errno));
	exit(1);
}

static void is(bool condition, const char *what)
{
	printf("%s: %s: %s\n", doing, what, condition ? "yes" : "NO");
}

static void result(long value, const char *what)
{
	printf("%s: %s: %s\n", doing, what, value == -1 ? strerror(errno) : "done");
}

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int open_file(const char *name, int flags)
{
	int fd = open(path_of(name), flags, 0644);

	if (fd < 0)
		die("open");
	return fd;
}

/* Page n begins with n and is full of its last digit. */
static int make_file(const char *name, unsigned long pages)
{
	int fd = open_file(name, O_RDWR | O_CREAT | O_TRUNC);
	char page[PAGE];

	for (unsigned long i = 0; i < pages; i++) {
		memset(page, '0' + i % 10, sizeof(page));
		snprintf(page, 16, "page %lu", i);
		if (write(fd, page, sizeof(page)) != sizeof(page))
			die("write");
	}
	return fd;
}

static char *map_at(void *at, int fd, size_t size, int protection, int flags, off_t offset)
{
	char *map = mmap(at, size, protection, flags, fd, offset);

	if (map == MAP_FAILED)
		die("mmap");
	return map;
}

static char *map(int fd, int protection, int flags)
{
	return map_at(NULL, fd, SIZE, protection, flags, 0);
}

static bool is_page(const char *at, unsigned long n)
{
	char text[16];

	snprintf(text, sizeof(text), "page %lu", n);
	return !strcmp(at, text) && at[PAGE - 1] == '0' + (char)(n % 10);
}

static void wait_for(pid_t pid, const char *what)
{
	int status;

	fflush(stdout);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (WIFSIGNALED(status))
		printf("%s: %s: signal %d\n", doing, what, WTERMSIG(status));
	else
		printf("%s: %s: status %d\n", doing, what, WEXITSTATUS(status));
}

static pid_t start(void)
{
	fflush(stdout);
	return fork();
}

/* ---- faults ---- */

static sigjmp_buf jump;
static volatile sig_atomic_t got_signal, got_code;
static void *volatile got_address;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	got_signal = signal;
	got_code = info->si_code;
	got_address = info->si_addr;
	siglongjmp(jump, 1);
}

static void catch_faults(bool is_on)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	if (!is_on)
		action.sa_handler = SIG_DFL;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static void tell_access(volatile char *at, bool is_write, const char *what)
{
	got_signal = 0;
	if (!sigsetjmp(jump, 1)) {
		if (is_write)
			*at = 'x';
		else
			(void)*at;
	}
	if (!got_signal)
		printf("%s: %s: no fault\n", doing, what);
	else
		printf("%s: %s: signal %d code %d, address is %s\n", doing, what, got_signal,
		       got_code, got_address == at ? "right" : "WRONG");
}

static void faults(void)
{
	int fd = make_file("faults", 3), other;
	char *shared = map_at(NULL, fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	char *readable = map(fd, PROT_READ, MAP_SHARED);
	char *private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char *none = map(fd, PROT_NONE, MAP_SHARED);
	pid_t pid;

	catch_faults(true);
	tell_access(shared + 2 * PAGE, false, "the last page");
	tell_access(shared + 3 * PAGE + 5, false, "behind the end");
	tell_access(shared + 3 * PAGE + 6, true, "a write behind the end");
	tell_access(private + 3 * PAGE, true, "private, behind the end");
	tell_access(private + 3 * PAGE, false, "private, read behind the end");
	tell_access(readable, true, "a write where one may read");
	tell_access(readable, false, "and a read");
	tell_access(none, false, "where one may nothing");
	/* the mapping grows with the file, and shrinks with it */
	if (ftruncate(fd, 5 * PAGE))
		die("ftruncate");
	tell_access(shared + 4 * PAGE, true, "the file has grown");
	if (ftruncate(fd, PAGE + 10))
		die("ftruncate");
	tell_access(shared + 4 * PAGE, false, "and is cut");
	tell_access(shared + 2 * PAGE, true, "a page that was there");
	tell_access(shared + PAGE, true, "the page with the end");
	is(!shared[PAGE + 10] && !shared[PAGE + PAGE - 1], "zeroes behind the end");
	if (ftruncate(fd, 3 * PAGE))
		die("ftruncate");
	is(!shared[2 * PAGE] && !shared[PAGE + 20], "cut and grown: zeroes");
	other = open_file("faults", O_RDWR);
	if (ftruncate(other, 0))
		die("ftruncate");
	tell_access(shared, false, "cut by another descriptor");
	catch_faults(false);
	pid = start();
	if (!pid) {
		(void)*(volatile char *)shared;
		_exit(0);
	}
	wait_for(pid, "a child that does not catch it");
	pid = start();
	if (!pid) {
		*(volatile char *)readable = 1;
		_exit(0);
	}
	wait_for(pid, "a child that writes where one may not");
	munmap(shared, SIZE);
	munmap(readable, SIZE);
	munmap(private, SIZE);
	munmap(none, SIZE);
	close(other);
	close(fd);
}

/* ---- what others see ---- */

static void coherence(void)
{
	int fd = make_file("coherence", PAGES), reader;
	char *one = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *two = map_at(NULL, fd, SIZE / 2, PROT_READ | PROT_WRITE, MAP_SHARED, SIZE / 2);
	char *private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char buffer[32] = "";
	pid_t pid;

	for (unsigned long i = 0; i < PAGES; i++)
		if (!is_page(one + i * PAGE, i))
			is(false, "all pages");
	memcpy(one + SIZE / 2 + 100, "by the first", 13);
	is(!strcmp(two + 100, "by the first"), "two mappings");
	if (pread(fd, buffer, sizeof(buffer), SIZE / 2 + 100) != sizeof(buffer))
		die("pread");
	is(!strcmp(buffer, "by the first"), "pread");
	if (pwrite(fd, "by pwrite", 10, 5 * PAGE) != 10)
		die("pwrite");
	is(!strcmp(one + 5 * PAGE, "by pwrite"), "pwrite");
	strcpy(private + 6 * PAGE, "mine");
	is(is_page(one + 6 * PAGE, 6), "private");
	pid = start();
	if (!pid) {
		int own = open_file("coherence", O_RDWR);
		char *map_of_child = map(own, PROT_READ | PROT_WRITE, MAP_SHARED);

		is(!strcmp(map_of_child + SIZE / 2 + 100, "by the first"), "a child's own mapping");
		is(!strcmp(one + 5 * PAGE, "by pwrite"), "an inherited mapping");
		is(!strcmp(private + 6 * PAGE, "mine"), "an inherited private one");
		is(is_page(private + 7 * PAGE, 7), "and what nobody had touched");
		strcpy(private + 6 * PAGE, "child's");
		strcpy(one + 8 * PAGE, "by the child");
		strcpy(map_of_child + 9 * PAGE, "by the child");
		if (pwrite(own, "by the child", 13, 10 * PAGE) != 13)
			die("pwrite");
		fflush(stdout);
		_exit(3);
	}
	wait_for(pid, "the child");
	is(!strcmp(one + 8 * PAGE, "by the child"), "an inherited mapping was written to");
	is(!strcmp(one + 9 * PAGE, "by the child"), "a mapping of its own");
	is(!strcmp(one + 10 * PAGE, "by the child"), "and the file");
	is(!strcmp(private + 6 * PAGE, "mine"), "private stays so");
	result(msync(one, SIZE, MS_SYNC), "msync");
	result(msync(one, SIZE, MS_ASYNC), "msync, async");
	result(msync(one, SIZE, MS_SYNC | MS_ASYNC), "msync, both");
	munmap(one, SIZE);
	munmap(two, SIZE / 2);
	close(fd);
	is(!strcmp(private + 6 * PAGE, "mine"), "a mapping outlives its descriptor");
	munmap(private, SIZE);
	reader = open_file("coherence", O_RDONLY);
	for (unsigned long i = 8; i < 11; i++) {
		if (pread(reader, buffer, sizeof(buffer), (off_t)(i * PAGE)) != sizeof(buffer))
			die("pread");
		is(!strcmp(buffer, "by the child"), "what is left in the file");
	}
	errno = 0;
	is(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED &&
		   errno == EACCES,
	   "a file open for reading is not written to");
	one = map(reader, PROT_READ, MAP_SHARED);
	result(mprotect(one, PAGE, PROT_READ | PROT_WRITE), "nor by mprotect");
	munmap(one, SIZE);
	close(reader);
}

/* ---- addresses ---- */

static void addresses(void)
{
	int fd = make_file("addresses", PAGES);
	char *host = map_at(NULL, -1, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	char *map_there, *other;

	memset(host, 'h', SIZE);
	map_there = map_at(host + 4 * PAGE, fd, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
			   (off_t)(8 * PAGE));
	is(map_there == host + 4 * PAGE && is_page(map_there, 8) &&
		   is_page(map_there + 3 * PAGE, 11),
	   "MAP_FIXED in other memory");
	is(host[4 * PAGE - 1] == 'h' && host[8 * PAGE] == 'h', "its neighbours");
	other = mmap(host, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	is(other == MAP_FAILED && errno == EEXIST && host[0] == 'h', "MAP_FIXED_NOREPLACE");
	other = mmap(map_there, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		     -1, 0);
	is(other == MAP_FAILED && errno == EEXIST, "the other way round");
	map_at(map_there + PAGE, -1, PAGE, PROT_READ | PROT_WRITE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	is(map_there[PAGE] == 0 && is_page(map_there, 8) && is_page(map_there + 2 * PAGE, 10),
	   "memory over a part of it");
	map_there[PAGE] = 'm';
	other = map_at(host + 5 * PAGE, fd, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_FIXED, 0);
	is(is_page(other, 0) && is_page(other + PAGE, 1), "a mapping over both");
	result(munmap(host + 2 * PAGE, 4 * PAGE), "munmap over the border");
	is(host[2 * PAGE - 1] == 'h' && is_page(host + 6 * PAGE, 1) && is_page(host + 7 * PAGE, 11),
	   "what is left");
	catch_faults(true);
	tell_access(host + 3 * PAGE, false, "what is not, memory");
	tell_access(host + 5 * PAGE, false, "what is not, a file");
	catch_faults(false);
	/* the addresses are anybody's again */
	other = map_at(host + 2 * PAGE, -1, 4 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, 0);
	memset(other, 'n', 4 * PAGE);
	if (ftruncate(fd, 0) || ftruncate(fd, SIZE))
		die("ftruncate");
	is(other[0] == 'n' && other[4 * PAGE - 1] == 'n', "new memory there is left alone");
	result(munmap(host, SIZE), "munmap of all");
	other = map_at(host, fd, SIZE, PROT_READ, MAP_SHARED, 0);
	is(other == host, "a hint is taken");
	result(munmap(other, SIZE), "munmap");
	result(munmap(other, SIZE), "once more");
	result(munmap(other + 1, SIZE), "a bad address");
	result(munmap(other, 0), "no length");
	close(fd);
}

static void bad_calls(void)
{
	static const struct {
		const char *what;
		size_t length;
		int protection, flags;
		off_t offset;
	} calls[] = {
		{"no length", 0, PROT_READ, MAP_SHARED, 0},
		{"an offset within a page", PAGE, PROT_READ, MAP_SHARED, 100},
		{"neither shared nor private", PAGE, PROT_READ, 0, 0},
		{"too long", SIZE_MAX - 2 * PAGE, PROT_READ, MAP_PRIVATE, 0},
		{"behind all offsets", PAGE, PROT_READ, MAP_PRIVATE,
		 (off_t)(LONG_MAX & ~(PAGE - 1))},
		{"huge pages", PAGE, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, 0},
		{"MAP_SYNC", PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, 0},
		{"MAP_SHARED_VALIDATE", PAGE, PROT_READ, MAP_SHARED_VALIDATE, 0},
		{"MAP_DENYWRITE", PAGE, PROT_READ, MAP_PRIVATE | MAP_DENYWRITE, 0},
		{"MAP_LOCKED", PAGE, PROT_READ, MAP_SHARED | MAP_LOCKED, 0},
		{"MAP_POPULATE", SIZE, PROT_READ, MAP_SHARED | MAP_POPULATE, 0},
		{"MAP_NORESERVE", SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, 0},
	};
	int fd = make_file("bad_calls", 2), closed, folder_fd, path_fd, writer;
	char *at;

	for (size_t i = 0; i < LENGTH_OF(calls); i++) {
		at = mmap(NULL, calls[i].length, calls[i].protection, calls[i].flags, fd,
			  calls[i].offset);
		result(at == MAP_FAILED ? -1 : 0, calls[i].what);
		if (at != MAP_FAILED)
			munmap(at, calls[i].length);
	}
	closed = dup(fd);
	close(closed);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, closed, 0);
	result(at == MAP_FAILED ? -1 : 0, "a closed descriptor");
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, folder_fd, 0);
	result(at == MAP_FAILED ? -1 : 0, "a folder");
	path_fd = open_file("bad_calls", O_PATH);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, path_fd, 0);
	result(at == MAP_FAILED ? -1 : 0, "O_PATH");
	writer = open_file("bad_calls", O_WRONLY);
	at = mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, writer, 0);
	result(at == MAP_FAILED ? -1 : 0, "O_WRONLY");
	close(folder_fd);
	close(path_fd);
	close(writer);
	close(fd);
}

/* ---- mremap ---- */

static void moves(int type, const char *name)
{
	int fd = make_file(name, PAGES);
	char *one = map_at(NULL, fd, 8 * PAGE, PROT_READ | PROT_WRITE, type, 0), *two, *wall;

	one[0] = 'P';
	one[3 * PAGE] = 'Q';
	two = mremap(one, 8 * PAGE, 4 * PAGE, 0);
	is(two == one && one[0] == 'P' && one[3 * PAGE] == 'Q', "shrinks");
	two = mremap(one, 4 * PAGE, 6 * PAGE, 0);
	is(two == one && one[3 * PAGE] == 'Q' && is_page(one + 5 * PAGE, 5), "grows in place");
	wall = mmap(one + 6 * PAGE, PAGE, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	is(wall != MAP_FAILED, "something lies behind");
	two = mremap(one, 6 * PAGE, 16 * PAGE, 0);
	result(two == MAP_FAILED ? -1 : 0, "no room to grow");
	two = mremap(one, 6 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
	is(two != MAP_FAILED && two != one && two[0] == 'P' && two[3 * PAGE] == 'Q' &&
		   is_page(two + PAGE, 1) && is_page(two + 15 * PAGE, 15),
	   "moves");
	two[10 * PAGE] = 'R';
	catch_faults(true);
	tell_access(one, false, "the old place");
	catch_faults(false);
	one = map_at(NULL, -1, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	memset(one, 'h', 32 * PAGE);
	two = mremap(two, 16 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, one + 8 * PAGE);
	is(two == one + 8 * PAGE && two[0] == 'P' && two[10 * PAGE] == 'R' &&
		   is_page(two + 11 * PAGE, 11),
	   "to a fixed place");
	is(one[8 * PAGE - 1] == 'h' && one[24 * PAGE] == 'h', "its neighbours");
	/* a piece out of the middle */
	wall = mremap(two + 2 * PAGE, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, one);
	is(wall == one && is_page(one, 2) && one[PAGE] == 'Q' && is_page(two + 6 * PAGE, 6) &&
		   two[0] == 'P',
	   "a part");
	result(mremap(two, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0,
	       "over a hole");
	/* what a private mapping sees of later writes to the file is not specified */
	if (type == MAP_SHARED)
		is(pwrite(fd, "new", 4, (off_t)(2 * PAGE)) == 4 && !strcmp(one, "new"),
		   "written to");
	munmap(one, 32 * PAGE);
	close(fd);
}

static void mremaps(void)
{
	moves(MAP_SHARED, "shared");
	moves(MAP_PRIVATE, "private");
}

/* ---- calls on ranges ---- */

static void ranges(void)
{
	int fd = make_file("ranges", PAGES);
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *private = map(fd, PROT_READ, MAP_PRIVATE);
	unsigned char resident[PAGES];

	catch_faults(true);
	result(mprotect(shared + PAGE, PAGE, PROT_READ), "mprotect to reading");
	tell_access(shared + PAGE, true, "a write");
	tell_access(shared, true, "beside it");
	result(mprotect(shared + PAGE, PAGE, PROT_NONE), "to nothing");
	tell_access(shared + PAGE, false, "a read");
	result(mprotect(shared, SIZE, PROT_READ | PROT_WRITE), "to all");
	tell_access(shared + PAGE, true, "a write");
	is(is_page(private, 0) || private[0] == 'x', "private, read");
	result(mprotect(private, 4 * PAGE, PROT_READ | PROT_WRITE), "private, to writing");
	private[2 * PAGE] = 'W';
	is(is_page(shared + 2 * PAGE, 2) && private[2 * PAGE] == 'W', "copy on write");
	result(mprotect(private, 4 * PAGE, PROT_READ), "and back");
	is(private[2 * PAGE] == 'W', "the copy stays");
	tell_access(private + 2 * PAGE, true, "a write");
	result(madvise(private, 4 * PAGE, MADV_DONTNEED), "DONTNEED");
	is(is_page(private + 2 * PAGE, 2), "the file's page again");
	shared[3 * PAGE] = 'S';
	result(madvise(shared, SIZE, MADV_DONTNEED), "DONTNEED, shared");
	is(shared[3 * PAGE] == 'S', "nothing is lost");
	result(madvise(shared, SIZE, MADV_WILLNEED), "WILLNEED");
	result(madvise(shared, SIZE, MADV_SEQUENTIAL), "SEQUENTIAL");
	result(madvise(shared, SIZE, MADV_RANDOM), "RANDOM");
	result(madvise(shared, SIZE, 12345), "no such advice");
	result(madvise(shared + 1, SIZE, MADV_NORMAL), "no page");
	result(madvise(shared, 8 * PAGE, MADV_POPULATE_WRITE), "POPULATE_WRITE");
	result(madvise(private + 8 * PAGE, 8 * PAGE, MADV_POPULATE_READ), "POPULATE_READ");
	result(mincore(shared, SIZE, resident), "mincore");
	is(resident[0] & 1, "what was touched is there");
	result(mlock(shared, 2 * PAGE), "mlock");
	result(munlock(shared, 2 * PAGE), "munlock");
	result(munmap(shared + 8 * PAGE, 8 * PAGE), "a hole");
	result(msync(shared, SIZE, MS_SYNC), "msync over it");
	result(mincore(shared, SIZE, resident), "mincore over it");
	result(mprotect(shared, SIZE, PROT_READ), "mprotect over it");
	tell_access(shared, true, "in front of it");
	is(is_page(shared + 20 * PAGE, 20), "behind it");
	catch_faults(false);
	munmap(shared, SIZE);
	munmap(private, SIZE);
	close(fd);
}

/* ---- as arguments ---- */

static void arguments(void)
{
	int fd = make_file("arguments", PAGES), pipes[2], sockets[2], zero, plain;
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char *readable = map(fd, PROT_READ, MAP_SHARED);
	struct iovec pieces[4];
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 4};
	static char buffer[SIZE];
	struct stat status;

	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		die("pipe");
	plain = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	zero = open("/dev/zero", O_RDONLY);
	/* nothing of it was touched yet */
	is(write(plain, shared, SIZE) == (ssize_t)SIZE, "write of all");
	is(pread(plain, buffer, SIZE, 0) == (ssize_t)SIZE && is_page(buffer + 17 * PAGE, 17),
	   "what was written");
	is(write(pipes[1], readable + 5 * PAGE, 3 * PAGE) == (ssize_t)(3 * PAGE), "to a pipe");
	is(read(pipes[0], private + 40 * PAGE + 7, 3 * PAGE) == (ssize_t)(3 * PAGE) &&
		   is_page(private + 41 * PAGE + 7, 6),
	   "from a pipe, private");
	is(pread(zero, shared + 50 * PAGE + 100, 2 * PAGE, 0) == (ssize_t)(2 * PAGE) &&
		   !shared[52 * PAGE] && shared[52 * PAGE + 100] == '2',
	   "into it");
	errno = 0;
	result(read(zero, readable, PAGE), "into what may be read only");
	for (unsigned long i = 0; i < 4; i++)
		pieces[i] = (struct iovec){readable + (20 + 3 * i) * PAGE, PAGE / 2};
	is(writev(pipes[1], pieces, 4) == 2 * PAGE, "writev");
	for (unsigned long i = 0; i < 4; i++)
		pieces[i] = (struct iovec){private + (20 + 3 * i) * PAGE, PAGE / 2};
	is(readv(pipes[0], pieces, 4) == 2 * PAGE && !strcmp(private + 29 * PAGE, "page 29"),
	   "readv");
	for (unsigned long i = 0; i < 4; i++)
		pieces[i] = (struct iovec){shared + (2 + i) * PAGE, 100};
	is(sendmsg(sockets[0], &message, 0) == 400, "sendmsg");
	for (unsigned long i = 0; i < 4; i++)
		pieces[i] = (struct iovec){private + (55 + i) * PAGE, 100};
	is(recvmsg(sockets[1], &message, 0) == 400 && !strcmp(private + 57 * PAGE, "page 4"),
	   "recvmsg");
	strcpy(shared + 62 * PAGE - 5, path_of("arguments"));
	munmap(private, SIZE);
	private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	is(!stat(private + 62 * PAGE - 5, (struct stat *)(private + 30 * PAGE)) &&
		   ((struct stat *)(private + 30 * PAGE))->st_size == SIZE,
	   "a path and a struct");
	is(!fstat(fd, &status) && status.st_size == SIZE, "fstat");
	/* the file into its own mapping, and out of it */
	munmap(shared, SIZE);
	shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	is(pwrite(fd, shared + 33 * PAGE, 2 * PAGE, 0) == (ssize_t)(2 * PAGE) &&
		   is_page(shared, 33),
	   "pwrite from the file's own mapping");
	munmap(shared, SIZE);
	shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	is(pread(fd, shared + 10 * PAGE, 2 * PAGE, (off_t)(21 * PAGE)) == (ssize_t)(2 * PAGE) &&
		   is_page(shared + 10 * PAGE, 21),
	   "pread into it");
	errno = 0;
	result(write(plain, shared + SIZE - 100, 200), "beyond the mapping");
	munmap(shared, SIZE);
	munmap(private, SIZE);
	munmap(readable, SIZE);
	close(fd);
}

/* ---- words that processes wait on ---- */

static long futex(uint32_t *word, int op, uint32_t value)
{
	const struct timespec limit = {20, 0};

	return syscall(SYS_futex, word, op, value, op == FUTEX_WAIT ? &limit : NULL, NULL, 0);
}

static void futexes(void)
{
	int fd = make_file("futexes", 1);
	uint32_t *words = (uint32_t *)map_at(NULL, fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	pthread_mutex_t *mutex = (pthread_mutex_t *)(words + 64);
	pthread_mutexattr_t attributes;
	pid_t pid;

	words[0] = words[1] = 0;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(mutex, &attributes);
	pid = start();
	if (!pid) {
		uint32_t *own = (uint32_t *)map_at(NULL, open_file("futexes", O_RDWR), PAGE,
						   PROT_READ | PROT_WRITE, MAP_SHARED, 0);

		for (int i = 0; i < 20000; i++) {
			pthread_mutex_lock((pthread_mutex_t *)(own + 64));
			own[1]++;
			pthread_mutex_unlock((pthread_mutex_t *)(own + 64));
		}
		__atomic_store_n(&own[0], 1, __ATOMIC_SEQ_CST);
		futex(own, FUTEX_WAKE, INT_MAX);
		_exit(0);
	}
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(mutex);
		words[1]++;
		pthread_mutex_unlock(mutex);
	}
	while (!__atomic_load_n(&words[0], __ATOMIC_SEQ_CST))
		if (futex(words, FUTEX_WAIT, 0) && errno == ETIMEDOUT)
			die("nobody wakes us");
	wait_for(pid, "the other process");
	is(words[1] == 40000, "one at a time");
	munmap(words, PAGE);
	close(fd);
}

/* ---- threads ---- */

#define THREADS 8
#define MANY 512UL

static char *all_map;

static void *fault_all(void *arg)
{
	unsigned long seed = (unsigned long)arg * 2654435761UL + 1, bad = 0;

	for (unsigned long i = 0; i < 4 * MANY; i++) {
		unsigned long n;

		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		n = seed >> 33 & (MANY - 1);
		bad += !is_page(all_map + n * PAGE, n);
		__atomic_fetch_add((uint32_t *)(all_map + n * PAGE + 64), 1, __ATOMIC_RELAXED);
	}
	return (void *)bad;
}

static void threads_on(int fd, int type, const char *what)
{
	unsigned long sum = 0;
	pthread_t threads[THREADS];
	bool all_right = true;
	void *bad;

	all_map = map_at(NULL, fd, MANY * PAGE, PROT_READ | PROT_WRITE, type, 0);
	for (unsigned long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, fault_all, (void *)(i + 1)))
			die("pthread_create");
	for (unsigned long i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		all_right &= !bad;
	}
	for (unsigned long n = 0; n < MANY; n++) {
		uint32_t start = (uint32_t)('0' + n % 10) * 0x01010101U;

		sum += *(uint32_t *)(all_map + n * PAGE + 64) - start;
	}
	is(all_right, what);
	is(sum == THREADS * 4 * MANY, "no write is lost");
	munmap(all_map, MANY * PAGE);
}

static void threads(void)
{
	int fd = make_file("threads", MANY);

	threads_on(fd, MAP_PRIVATE, "eight threads, private");
	threads_on(fd, MAP_SHARED, "eight threads, shared");
	close(fd);
}

/* ---- life ---- */

static void life(void)
{
	int fd = make_file("life", PAGES);
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char line[32] = "";
	pid_t pid, self = getpid();
	int reader;

	strcpy(private, "private, dirty");
	for (int generation = 0; generation < 3; generation++) {
		pid = start();
		if (pid) {
			wait_for(pid, "a child");
			break;
		}
		is(!strcmp(private, "private, dirty"), "private memory of an ancestor");
		is(is_page(private + (20UL + generation) * PAGE, 20 + generation),
		   "a page of the file");
		strcpy(shared + (30UL + generation) * PAGE, "by a descendant");
	}
	if (getpid() != self) {
		fflush(stdout);
		_exit(0);
	}
	is(!strcmp(shared + 30 * PAGE, "by a descendant") &&
		   !strcmp(shared + 32 * PAGE, "by a descendant"),
	   "what descendants wrote");
	/* another program: nothing of it is in the way */
	pid = start();
	if (!pid) {
		execlp("sh", "sh", "-c", "cat \"$0\" >/dev/null && kill -9 $$", path_of("life"),
		       (char *)NULL);
		_exit(127);
	}
	wait_for(pid, "one that is killed");
	/* a process that is killed loses nothing that it wrote to a shared mapping */
	pid = start();
	if (!pid) {
		strcpy(shared + 40 * PAGE, "last words");
		kill(getpid(), SIGKILL);
	}
	wait_for(pid, "one that kills itself");
	munmap(shared, SIZE);
	munmap(private, SIZE);
	close(fd);
	reader = open_file("life", O_RDONLY);
	if (pread(reader, line, sizeof(line) - 1, (off_t)(40 * PAGE)) < 0)
		die("pread");
	is(!strcmp(line, "last words"), "its last words");
	close(reader);
	unlink(path_of("life"));
}

/* A file that has gone lives on in its mapping. */
static void unlinked(void)
{
	int fd = make_file("unlinked", PAGES);
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);

	unlink(path_of("unlinked"));
	close(fd);
	is(is_page(shared + 9 * PAGE, 9), "its pages");
	strcpy(shared + 9 * PAGE, "still");
	is(!strcmp(shared + 9 * PAGE, "still"), "a write");
	result(msync(shared, SIZE, MS_SYNC), "msync");
	munmap(shared, SIZE);
}

static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
	{"coherence", coherence}, {"faults", faults},	  {"addresses", addresses},
	{"bad calls", bad_calls}, {"mremap", mremaps},	  {"ranges", ranges},
	{"arguments", arguments}, {"futexes", futexes},	  {"threads", threads},
	{"life", life},		  {"unlinked", unlinked},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (argc < 2)
		return 2;
	folder = argv[1];
	for (size_t i = 0; i < LENGTH_OF(tests); i++) {
		bool is_wanted = argc == 2;

		for (int j = 2; j < argc; j++)
			is_wanted |= !strcmp(argv[j], tests[i].name);
		if (!is_wanted)
			continue;
		doing = tests[i].name;
		tests[i].fn();
		fflush(stdout);
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical memory and addresses. Each case in a process of its own. */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "rumpuser_common.h"

#define BASE ((unsigned char *)RUMP_MEMORY_BASE)
#define SIZE (256 * MIB)
#define PAGE 4096UL

/* Of a child: says what did not hold, and gives up. */
#define CHECK(condition)                                                                      \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			diag("line %d: %s; %s", __LINE__, #condition, rumpuser_boot_error()); \
			return 1;                                                             \
		}                                                                             \
	} while (0)

static const struct rumpuser_upcalls upcalls = {.version = RUMPUSER_VERSION};
static const struct rumpuser_ops *ops;
static struct rumpuser_memory memory;

static int create(unsigned long size)
{
	ops = ops_of(&upcalls);
	return ops->memory_create(size, &memory);
}

/* What the host has given for the memory, in units of 512 bytes. */
static long file_blocks(void)
{
	struct stat status;
	char path[64];

	for (int fd = 3; fd < 2048; fd++) {
		char link[128];
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, link, sizeof(link) - 1);
		if (length <= 0)
			continue;
		link[length] = '\0';
		if (strstr(link, "rump-memory") && !fstat(fd, &status))
			return status.st_blocks;
	}
	return -1;
}

static sigjmp_buf fault_jump;

static void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

/* 0, or the signal that reading gives */
static int touch(const void *address)
{
	int sig;

	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	sig = sigsetjmp(fault_jump, 1);
	if (!sig)
		(void)*(const volatile char *)address;
	return sig;
}

static int creates(void)
{
	errno = EXDEV;
	CHECK(create(SIZE - 5) == 0);
	CHECK(errno == EXDEV);
	CHECK(memory.base == BASE && memory.size == SIZE);
	/* what boot fills at once, and nothing more */
	CHECK((unsigned long)file_blocks() * 512 <= SIZE / 64 + MIB / 4);
	CHECK(!BASE[0] && !BASE[SIZE - 1]);
	memset(BASE + MIB, 0x5a, MIB);
	CHECK(BASE[MIB] == 0x5a && !BASE[2 * MIB]);
	CHECK(ops->memory_create(SIZE, &memory) == -EEXIST);
	return 0;
}

static int maps(void)
{
	unsigned char *alias = (unsigned char *)RUMP_VMALLOC_BASE + 16 * PAGE;
	unsigned long address = (unsigned long)alias;
	static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};

	CHECK(create(SIZE) == 0);
	CHECK(touch(alias) == SIGSEGV);
	CHECK(ops->map(address, 8 * PAGE, 2 * PAGE, RUMPUSER_PROT_READ | RUMPUSER_PROT_WRITE) == 0);
	BASE[8 * PAGE] = 1;
	alias[PAGE] = 2;
	CHECK(alias[0] == 1 && BASE[9 * PAGE] == 2);
	CHECK(touch(alias + 2 * PAGE) == SIGSEGV);

	memcpy(BASE + 10 * PAGE, code, sizeof(code));
	CHECK(ops->map(address, 10 * PAGE, PAGE, RUMPUSER_PROT_READ | RUMPUSER_PROT_EXEC) == 0);
	CHECK(((int (*)(void))alias)() == 42);
	CHECK(alias[PAGE] == 2);

	CHECK(ops->unmap(address, PAGE) == 0);
	CHECK(touch(alias) == SIGSEGV);
	CHECK(touch(alias + PAGE) == 0);
	CHECK(mmap(alias, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		   0) == MAP_FAILED);
	CHECK(ops->map(address + 1, 0, PAGE, RUMPUSER_PROT_READ) == -EINVAL);
	return 0;
}

/* the program closed what it did not know */
static int maps_without_descriptor(void)
{
	unsigned char *alias = (unsigned char *)RUMP_VMALLOC_BASE;

	CHECK(create(SIZE) == 0);
	for (int fd = 3; fd < 4096; fd++)
		close(fd);
	CHECK(ops->map(RUMP_VMALLOC_BASE, 3 * PAGE, PAGE, RUMPUSER_PROT_READ) == 0);
	BASE[3 * PAGE + 7] = 77;
	CHECK(alias[7] == 77);
	CHECK(touch(alias + PAGE) == SIGSEGV);
	CHECK(touch(BASE + 3 * PAGE) == 0);
	return 0;
}

static int releases(void)
{
	long before;

	CHECK(create(SIZE) == 0);
	memset(BASE, 1, 4 * MIB);
	before = file_blocks();
	CHECK(before >= (long)(4 * MIB / 512));
	ops->memory_release(MIB, 2 * MIB);
	CHECK(file_blocks() <= before - (long)(2 * MIB / 512));
	CHECK(BASE[MIB - 1] == 1 && !BASE[MIB] && !BASE[3 * MIB - 1] && BASE[3 * MIB] == 1);
	return 0;
}

static int reserves(void)
{
	unsigned long free, fixed;

	CHECK(create(SIZE) == 0);
	free = ops->reserve(0, 4 * PAGE, 0);
	CHECK(free && touch((void *)free) == SIGSEGV);
	CHECK(ops->map(free + PAGE, 0, PAGE, RUMPUSER_PROT_READ) == 0);
	CHECK(touch((void *)(free + PAGE)) == 0);
	ops->unreserve(free, 4 * PAGE);
	CHECK(touch((void *)(free + PAGE)) == SIGSEGV);
	fixed = ops->reserve(free, 2 * PAGE, 1);
	CHECK(fixed == free);
	CHECK(!ops->reserve(free + 1, PAGE, 1));
	CHECK(!ops->reserve(0, 1UL << 60, 0));
	return 0;
}

static int address_is_taken(void)
{
	void *other = mmap(BASE + MIB, PAGE, PROT_READ,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(other == BASE + MIB);
	CHECK(create(SIZE) == -EEXIST);
	CHECK(strstr(rumpuser_boot_error(), "something else lies there"));
	/* nothing stays behind: it works when the place is free */
	munmap(other, PAGE);
	CHECK(create(SIZE) == 0);
	return 0;
}

static int vmalloc_is_taken(void)
{
	void *at = (void *)(RUMP_VMALLOC_BASE + MIB);

	CHECK(mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	      at);
	CHECK(create(SIZE) == -EEXIST);
	CHECK(touch(BASE) == SIGSEGV);
	return 0;
}

static int addresses_are_limited(void)
{
	const struct rlimit limit = {1024 * MIB, 1024 * MIB};

	CHECK(!setrlimit(RLIMIT_AS, &limit));
	CHECK(create(4096 * MIB) == -ENOMEM);
	CHECK(strstr(rumpuser_boot_error(), "ulimit -v"));
	return 0;
}

static int file_size_is_limited(void)
{
	struct rlimit limit = {MIB, RLIM_INFINITY};

	CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK(create(SIZE) == 0);
	CHECK(!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur == MIB);
	return 0;
}

static int file_size_is_limited_hard(void)
{
	struct rlimit limit = {MIB, MIB};

	CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK(create(SIZE) == -EFBIG);
	CHECK(strstr(rumpuser_boot_error(), "ulimit -f"));
	return 0;
}

static int no_descriptors(void)
{
	const struct rlimit limit = {3, 3};

	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	CHECK(create(SIZE) == -EMFILE);
	CHECK(strstr(rumpuser_boot_error(), strerror(EMFILE)));
	return 0;
}

static int impossible_sizes(void)
{
	CHECK(create(0) == -EINVAL);
	CHECK(create(~0UL) == -EINVAL);
	CHECK(create(1UL << 62) == -EINVAL);
	CHECK(strlen(rumpuser_boot_error()) > 10);
	return 0;
}

/* A child must not write into its parent's kernel, and sees what it had mapped. */
static int is_not_inherited(void)
{
	unsigned long view;
	int status;
	pid_t pid;

	CHECK(create(SIZE) == 0);
	view = ops->reserve(0, PAGE, 0);
	CHECK(ops->map(view, 5 * PAGE, PAGE, RUMPUSER_PROT_READ) == 0);
	BASE[5 * PAGE] = 55;
	pid = fork();
	if (!pid)
		_exit(touch(BASE) == SIGSEGV && *(unsigned char *)view == 55 ? 21 : 22);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 21);
	CHECK(BASE[5 * PAGE] == 55);
	return 0;
}

int main(void)
{
	static const struct {
		int (*fn)(void);
		const char *name;
	} cases[] = {
		{creates, "memory is made, sparse, once"},
		{maps, "pieces are mapped, executable, and unmapped to a reserve"},
		{maps_without_descriptor, "also after the program closed our descriptor"},
		{releases, "released pages go back to the host and read as zeroes"},
		{reserves, "addresses for the application"},
		{address_is_taken, "an address that is taken is told, and nothing stays behind"},
		{vmalloc_is_taken, "the same of the vmalloc range"},
		{addresses_are_limited, "RLIMIT_AS is told"},
		{file_size_is_limited, "a soft RLIMIT_FSIZE does not matter"},
		{file_size_is_limited_hard, "a hard one is told, without SIGXFSZ"},
		{no_descriptors, "no descriptor left is told"},
		{impossible_sizes, "impossible sizes"},
		{is_not_inherited, "a child of fork has no kernel memory but its mappings"},
	};

#if defined(__SANITIZE_THREAD__)
	skip_all("the thread sanitizer keeps these addresses for itself");
#endif
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		is(in_child(cases[i].fn), 0, "%s", cases[i].name);
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - physical memory, and what of it is visible where.
 *
 * Physical memory is one file without a name; physical address = file offset.
 * It is sparse: the host gives a page when it is first touched.  The whole of
 * it lies at RUMP_MEMORY_BASE, readable and writable; map() shows pieces of it
 * again elsewhere (vmalloc space, modules with execution, mappings of the
 * application).
 *
 * The mapping at RUMP_MEMORY_BASE is not inherited by fork(): it is shared, so
 * kernel code that ran in a child by mistake would write into the parent's
 * kernel.  Pieces made by map() are inherited; a child keeps on seeing the
 * rump files that it had mapped.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "host.h"
#include "private.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define HOST_PAGE 4096UL
#define POPULATE_MIN (64UL << 10) /* bytes of a mapping that is used as soon as it is made */
#define RESERVED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static int memory_fd = -1;

static long map_fd(unsigned long address, unsigned long length, int protection, int flags, int fd,
		   unsigned long offset)
{
	return host_call(SYS_mmap, address, length, protection, flags, fd, offset);
}

/* ---- the file ---- */

/* Modules lie in it: a file on a file system mounted with noexec is of no use. */
static bool is_executable(int fd)
{
	long address = map_fd(0, HOST_PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);

	if (is_error(address))
		return false;
	host_call(SYS_munmap, address, HOST_PAGE);
	return true;
}

static int unnamed_file_in(const char *folder)
{
	char path[128];
	long fd = host_call(SYS_openat, AT_FDCWD, folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	unsigned int salt;

	if (fd >= 0)
		return (int)fd;
	for (int i = 0; i < 16; i++) {
		random_bytes(&salt, sizeof(salt));
		snprintf(path, sizeof(path), "%.100s/rump-memory-%08x", folder, salt);
		fd = host_call(SYS_openat, AT_FDCWD, path,
			       O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			host_call(SYS_unlinkat, AT_FDCWD, path, 0);
		if (fd != -EEXIST)
			break;
	}
	return (int)fd;
}

static int memory_file(void)
{
	static const char *const folders[] = {"/dev/shm", "/tmp", "/var/tmp"};
	long fd = host_call(SYS_memfd_create, "rump-memory", MFD_CLOEXEC | MFD_EXEC);

	if (fd == -EINVAL) /* hosts before Linux 6.3 do not know MFD_EXEC */
		fd = host_call(SYS_memfd_create, "rump-memory", MFD_CLOEXEC);
	if (fd >= 0 || fd == -EMFILE || fd == -ENFILE)
		return (int)fd;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		int other = unnamed_file_in(folders[i]);

		if (other < 0)
			continue;
		if (!host_call(SYS_ftruncate, other, HOST_PAGE) && is_executable(other))
			return other;
		host_close(other);
	}
	return (int)fd;
}

/*
 * `ulimit -f' is about files that stay, so up to the hard limit it does not
 * stop us; a blocked SIGXFSZ gives EFBIG and no more.
 */
static int set_size(int fd, unsigned long size)
{
	const uint64_t mask = 1ULL << (SIGXFSZ - 1);
	const struct timespec now = {0, 0};
	struct rlimit limit, raised;
	uint64_t old_mask;
	long result;

	host_call(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &old_mask, sizeof(mask));
	result = host_call(SYS_ftruncate, fd, size);
	if (result == -EFBIG && !host_call(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit)) {
		if (!(old_mask & mask))
			host_call(SYS_rt_sigtimedwait, &mask, NULL, &now, sizeof(mask));
		raised = (struct rlimit){limit.rlim_max, limit.rlim_max};
		if (limit.rlim_max >= size && limit.rlim_cur < size &&
		    !host_call(SYS_prlimit64, 0, RLIMIT_FSIZE, &raised, NULL)) {
			result = host_call(SYS_ftruncate, fd, size);
			host_call(SYS_prlimit64, 0, RLIMIT_FSIZE, &limit, NULL);
		}
	}
	host_call(SYS_rt_sigprocmask, SIG_SETMASK, &old_mask, NULL, sizeof(mask));
	return (int)result;
}

/* ---- addresses ---- */

/* Hosts before Linux 4.17 take MAP_FIXED_NOREPLACE as a hint. */
static int map_exactly(unsigned long address, unsigned long length, int protection, int flags,
		       int fd)
{
	long result = map_fd(address, length, protection, flags | MAP_FIXED_NOREPLACE, fd, 0);

	if (is_error(result))
		return (int)result;
	if ((unsigned long)result == address)
		return 0;
	host_call(SYS_munmap, result, length);
	return -EEXIST;
}

static int cannot_map(int error, unsigned long address, unsigned long length, const char *what)
{
	struct rlimit limit;

	if (error == -EEXIST)
		boot_error_set("cannot map %s at %#lx: something else lies there", what, address);
	else if (error == -ENOMEM && !host_call(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) &&
		 limit.rlim_cur != RLIM_INFINITY)
		boot_error_set(
			"cannot map %lu MiB of %s: this process may have %llu MiB of addresses "
			"(ulimit -v)",
			length >> 20, what, (unsigned long long)limit.rlim_cur >> 20);
	else
		boot_error_set("cannot map %lu MiB of %s: %s", length >> 20, what,
			       strerror(-error));
	return error;
}

/*
 * Boot touches the table of pages (64 bytes for each) and what it allocates
 * beside it, at the end of memory: at once that costs a third of one by one.
 */
static void populate(unsigned long size)
{
	unsigned long length = (size / 64 + (256UL << 10)) & ~(HOST_PAGE - 1);

	host_call(SYS_madvise, RUMP_MEMORY_BASE + size - length, length, MADV_POPULATE_WRITE);
}

int memory_create(unsigned long size, struct rumpuser_memory *ret_memory)
{
	int fd CLOSED_AT_END = -1;
	int error;
	KEEPS_ERRNO;

	if (kernel_was_made())
		return -EEXIST;
	size = (size + HOST_PAGE - 1) & -HOST_PAGE;
	if (!size || size > (1UL << 46)) {
		boot_error_set("no memory of %lu bytes can be had", size);
		return -EINVAL;
	}
	fd = memory_file();
	if (fd < 0) {
		boot_error_set("cannot make the file for memory: %s", strerror(-fd));
		return fd;
	}
	error = set_size(fd, size);
	if (error) {
		boot_error_set("cannot make %lu MiB of memory: %s%s", size >> 20, strerror(-error),
			       error == -EFBIG ? " (ulimit -f)" : "");
		return error;
	}
	error = map_exactly(RUMP_MEMORY_BASE, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_NORESERVE, fd);
	if (error)
		return cannot_map(error, RUMP_MEMORY_BASE, size, "memory");
	error = map_exactly(RUMP_VMALLOC_BASE, RUMP_VMALLOC_SIZE, PROT_NONE, RESERVED, -1);
	if (error) {
		host_call(SYS_munmap, RUMP_MEMORY_BASE, size);
		return cannot_map(error, RUMP_VMALLOC_BASE, RUMP_VMALLOC_SIZE, "kernel addresses");
	}
	host_call(SYS_madvise, RUMP_MEMORY_BASE, size, MADV_DONTFORK);
	populate(size);
	error = signal_start();
	if (error) {
		host_call(SYS_munmap, RUMP_MEMORY_BASE, size);
		host_call(SYS_munmap, RUMP_VMALLOC_BASE, RUMP_VMALLOC_SIZE);
		return error;
	}
	memory_fd = fd_move_high(fd);
	fd = -1;
	kernel_is_here();
	ret_memory->base = (void *)RUMP_MEMORY_BASE;
	ret_memory->size = size;
	return 0;
}

int memory_map(unsigned long address, unsigned long offset, unsigned long length, int protection)
{
	/* the host's own faults cost more than to be told that all of it is wanted */
	int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED |
		    (length >= POPULATE_MIN ? MAP_POPULATE : 0);
	long result = map_fd(address, length, protection, flags, memory_fd, offset);

	if (!is_error(result))
		return 0;
	if (result != -EBADF)
		return (int)result;
	/* The program has closed all descriptors it could find; a shared mapping can be copied. */
	result = host_call(SYS_mremap, RUMP_MEMORY_BASE + offset, 0, length,
			   MREMAP_MAYMOVE | MREMAP_FIXED, address);
	if (is_error(result))
		return (int)result;
	host_call(SYS_madvise, address, length, MADV_DOFORK);
	return (int)host_call(SYS_mprotect, address, length, protection);
}

int memory_unmap(unsigned long address, unsigned long length)
{
	long result = map_fd(address, length, PROT_NONE, RESERVED | MAP_FIXED, -1, 0);

	return is_error(result) ? (int)result : 0;
}

unsigned long memory_reserve(unsigned long hint, unsigned long length, int is_fixed)
{
	long result = map_fd(hint, length, PROT_NONE, RESERVED | (is_fixed ? MAP_FIXED : 0), -1, 0);

	return is_error(result) ? 0 : (unsigned long)result;
}

void memory_unreserve(unsigned long address, unsigned long length)
{
	host_call(SYS_munmap, address, length);
}

void memory_release(unsigned long offset, unsigned long length)
{
	void *memory = (void *)(RUMP_MEMORY_BASE + offset);

	/* no hole can be punched where the file had to be made on some other file system */
	if (host_call(SYS_madvise, memory, length, MADV_REMOVE))
		memset(memory, 0, length);
}

int memory_handle(void)
{
	long fd = host_call(SYS_fcntl, memory_fd, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? (int)fd : file_adopt((int)fd);
}

void memory_forked(void)
{
	fd_close_private(memory_fd);
	memory_fd = -1;
}

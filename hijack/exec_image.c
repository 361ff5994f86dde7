/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_image.c - a program of the rump kernel as the host can run it; see exec_image.h
 *
 * The loader brings a program's libraries before the preload can see its calls, so it
 * cannot open those that lie in the rump kernel.  They are looked for here, where the
 * loader would, and copied like the program; its copy then wants them by the names
 * /proc/self/fd/N, for which the descriptors stay open over the exec until the new
 * program's constructor closes them (exec.c).
 *
 * What the loader finds on the host is left to it.  Not known here: DT_RPATH of other
 * libraries than the program and the one that asks, glibc-hwcaps folders.  What the loader
 * did not find on the host at the start, such a folder of the rump kernel, dlopen() of a
 * name alone does not look at again.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dispatch.h"
#include "elf_names.h"
#include "exec_image.h"
#include "own.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

#define ENTRIES_MAX (1 << 20) /* pointers in an environment */

/* A file that is being made. */
struct copy {
	int fd;
	char *memory;
	long size; /* a page more than that of the file */
	struct elf elf;
	unsigned long device, inode; /* in the rump kernel */
	char folder[ROUTE_PATH_MAX]; /* where it lies, as that is outside: $ORIGIN */
};

struct work {
	struct call *call;
	struct exec_image *image;
	struct scratch scratch;
	char library_path[ROUTE_PATH_MAX]; /* LD_LIBRARY_PATH of the program */
	char candidate[ROUTE_PATH_MAX], inside[ROUTE_PATH_MAX], path[ROUTE_PATH_MAX];
	struct copy program, libraries[IMAGE_LIBRARIES];
};

/* ---- copies ---- */

static void copy_close(struct copy *copy)
{
	if (copy->memory)
		host(SYS_munmap, copy->memory, copy->size);
	if (copy->fd >= 0)
		host(SYS_close, copy->fd);
	copy->memory = NULL;
	copy->fd = -1;
}

static long copy_fill(struct call *call, int rump_fd, long size, struct copy *copy)
{
	long done = 0, got, memory = host(SYS_ftruncate, copy->fd, copy->size);

	if (!is_error(memory))
		memory = host(SYS_mmap, 0, copy->size, PROT_READ | PROT_WRITE, MAP_SHARED, copy->fd,
			      0);
	if (is_error(memory))
		return memory;
	copy->memory = (char *)memory;
	while (done < size) {
		got = rump(call, SYS_pread64, rump_fd, memory + done, size - done, done);
		if (got <= 0)
			return got < 0 ? got : -EIO;
		done += got;
	}
	return 0;
}

/* The file's own path as it is outside, and with it the folder. */
static void find_folder(struct work *work, int rump_fd, char *path, char *folder)
{
	int proc = rump_proc(work->call);
	char link[64], *inside = work->inside;
	const char *outside;
	long length;

	*path = *folder = '\0';
	put_decimal(rump_proc_path(link, proc, "self/fd/"), rump_fd);
	length = rump(work->call, SYS_readlinkat, proc, link, inside, ROUTE_PATH_MAX - 1);
	if (length <= 0 || *inside != '/')
		return;
	inside[length] = '\0';
	outside = outside_of(inside);
	if (length + strlen(outside) >= ROUTE_PATH_MAX)
		return;
	put_text(put_text(path, outside), inside);
	put_text(folder, path);
	for (length = strlen(folder); length && folder[length] != '/'; length--)
		;
	folder[length] = '\0';
}

/* path: ROUTE_PATH_MAX bytes for where it lies. */
static long copy_make(struct work *work, int rump_fd, long size, struct copy *copy, char *path)
{
	long result = host(SYS_memfd_create, "rump", 1 /* MFD_CLOEXEC */ | MFD_EXEC);

	if (result == -EINVAL)
		result = host(SYS_memfd_create, "rump", 1);
	copy->memory = NULL;
	copy->fd = is_error(result) ? -1 : result;
	copy->size = ((size + ELF_ROOM - 1) & -ELF_ROOM) + ELF_ROOM;
	if (copy->fd < 0)
		return result;
	result = copy_fill(work->call, rump_fd, size, copy);
	if (result) {
		copy_close(copy);
		return result;
	}
	find_folder(work, rump_fd, path, copy->folder);
	return 0;
}

/* ---- the loader's search ---- */

/* Text with $ORIGIN put in: its end, or NULL where it does not fit. */
static char *put_expanded(char *to, const char *text, size_t length, const char *origin)
{
	char *end = to + ROUTE_PATH_MAX - 1;

	while (length) {
		size_t skip = !strncmp(text, "$ORIGIN", 7)     ? 7
			      : !strncmp(text, "${ORIGIN}", 9) ? 9
							       : 0;

		if (skip > length)
			skip = 0;
		if (to + (skip ? strlen(origin) : 1) >= end)
			return NULL;
		if (skip)
			to = put_text(to, origin);
		else
			*to++ = *text;
		text += skip ? skip : 1;
		length -= skip ? skip : 1;
	}
	*to = '\0';
	return to;
}

/* One folder of a list and a name: false: it does not fit. */
static bool put_candidate(char *to, const char *part, size_t length, const char *origin,
			  const char *name)
{
	char *end = put_expanded(to, part, length, origin);

	if (!end || end - to + strlen(name) + 2 > ROUTE_PATH_MAX)
		return false;
	/* an empty part is the working directory */
	if (end != to && end[-1] != '/')
		*end++ = '/';
	put_text(end, name);
	return true;
}

/* What is at work->candidate: a rump descriptor; -ENOENT: nothing; -EXDEV: the host has it. */
static long look(struct work *work)
{
	struct place place;
	long fd = place_find(work->call, AT_FDCWD, work->candidate, &work->scratch, 0, &place);

	if (fd)
		return -ENOENT;
	if (place.side == ROUTE_HOST)
		return host(SYS_faccessat, place.dirfd, place.path, R_OK) ? -ENOENT : -EXDEV;
	fd = rump(work->call, SYS_openat, place.dirfd, place.path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -ENOENT : fd;
}

static long look_in(struct work *work, const char *list, const char *separators, const char *origin,
		    const char *name)
{
	long fd = -ENOENT;
	size_t length;

	while (list && *list && fd == -ENOENT) {
		for (length = 0; list[length] && !strchr(separators, list[length]); length++)
			;
		if (put_candidate(work->candidate, list, length, origin, name))
			fd = look(work);
		list += length + !!list[length];
	}
	return fd;
}

static long find(struct work *work, const struct copy *by, const char *name)
{
	const char *runpath = elf_string(&by->elf, DT_RUNPATH, 0);
	long fd = -ENOENT;

	if (strchr(name, '/'))
		return put_expanded(work->candidate, name, strlen(name), by->folder) ? look(work)
										     : -ENOENT;
	if (!runpath) {
		fd = look_in(work, elf_string(&by->elf, DT_RPATH, 0), ":", by->folder, name);
		if (fd == -ENOENT && by != &work->program &&
		    !elf_string(&work->program.elf, DT_RUNPATH, 0))
			fd = look_in(work, elf_string(&work->program.elf, DT_RPATH, 0), ":",
				     work->program.folder, name);
	}
	if (fd == -ENOENT)
		fd = look_in(work, work->library_path, ":;", work->program.folder, name);
	if (fd == -ENOENT)
		fd = look_in(work, runpath, ":", by->folder, name);
	return fd;
}

/* ---- libraries ---- */

/* The number of the copy that rump_fd has, an old or a new one; -1. */
static int library_of(struct work *work, int rump_fd)
{
	unsigned int count = work->image->count;
	struct copy *copy = &work->libraries[count];
	struct stat st;

	if (rump(work->call, SYS_fstat, rump_fd, &st) || !S_ISREG(st.st_mode))
		return -1;
	for (unsigned int i = 0; i < count; i++)
		if (work->libraries[i].device == st.st_dev && work->libraries[i].inode == st.st_ino)
			return i;
	if (count == IMAGE_LIBRARIES || st.st_size < (long)sizeof(Elf64_Ehdr) ||
	    copy_make(work, rump_fd, st.st_size, copy, work->path))
		return -1;
	copy->device = st.st_dev;
	copy->inode = st.st_ino;
	elf_parse(&copy->elf, copy->memory, copy->size);
	work->image->libraries[count] = copy->fd;
	work->image->count = count + 1;
	return count;
}

static void give_libraries(struct work *work, struct copy *by)
{
	const char *name;
	char path[40];

	for (unsigned int n = 0; (name = elf_string(&by->elf, DT_NEEDED, n)); n++) {
		long fd = *name ? find(work, by, name) : -ENOENT;
		int library;

		if (fd < 0)
			continue;
		library = library_of(work, fd);
		rump(work->call, SYS_close, fd);
		if (library < 0)
			continue;
		put_decimal(put_text(path, "/proc/self/fd/"), work->libraries[library].fd);
		elf_rename(&by->elf, name, path);
	}
}

static void find_library_path(char *const *envp, char *to)
{
	static const char name[] = "LD_LIBRARY_PATH=";
	char start[sizeof(name) - 1];
	const char *entry;
	long length;

	*to = '\0';
	for (long i = 0; envp && i < ENTRIES_MAX; i++) {
		if (user_copy(&entry, envp + i, sizeof(entry)) || !entry)
			return;
		length = user_strlen(entry, ROUTE_PATH_MAX);
		if (length < (long)sizeof(start) || user_copy(start, entry, sizeof(start)) ||
		    memcmp(start, name, sizeof(start)))
			continue;
		if (user_copy(to, entry + sizeof(start), length - sizeof(start) + 1))
			*to = '\0';
		return;
	}
}

/* Libraries of libraries, too: the list grows meanwhile. */
static void give_all_libraries(struct work *work)
{
	struct copy *program = &work->program;

	if (!elf_parse(&program->elf, program->memory, program->size))
		return;
	give_libraries(work, program);
	for (unsigned int i = 0; i < work->image->count; i++)
		give_libraries(work, &work->libraries[i]);
	for (unsigned int i = 0; i < work->image->count; i++)
		host(SYS_munmap, work->libraries[i].memory, work->libraries[i].size);
}

/* ---- the whole ---- */

/* One that nobody can write to, or it were busy. */
static long read_only(int fd)
{
	char path[40];

	put_decimal(put_text(path, "/proc/self/fd/"), fd);
	return host(SYS_open, path, O_RDONLY | O_CLOEXEC);
}

static long make(struct work *work, int rump_fd, long size, char *const *envp)
{
	struct copy *program = &work->program;
	long result = copy_make(work, rump_fd, size, program, work->image->path);

	if (result)
		return result;
	find_library_path(envp, work->library_path);
	give_all_libraries(work);
	scratch_free(&work->scratch);
	result = read_only(program->fd);
	copy_close(program);
	work->image->fd = is_error(result) ? -1 : result;
	return is_error(result) ? result : 0;
}

static void *memory_of(size_t size)
{
	long memory =
		host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return is_error(memory) ? NULL : (void *)memory;
}

static void put_name(struct exec_image *image, const char *path)
{
	long length = path ? user_strlen(path, ROUTE_PATH_MAX) : 0, start = length;
	char c;

	/* the last component of what it was called by */
	while (start > 0 && !user_copy(&c, path + start - 1, 1) && c != '/')
		start--;
	if (length > start) {
		length = length - start < (long)sizeof(image->name) ? length - start
								    : (long)sizeof(image->name) - 1;
		if (user_copy(image->name, path + start, length))
			*image->name = '\0';
	}
}

long exec_image_make(struct call *call, int rump_fd, long size, const char *name, char *const *envp,
		     struct exec_image **ret)
{
	struct exec_image *image = memory_of(sizeof(*image));
	struct work *work = memory_of(sizeof(*work));
	long result = -ENOMEM;

	if (image)
		image->fd = -1;
	if (image && work) {
		put_name(image, name);
		work->call = call;
		work->image = image;
		result = make(work, rump_fd, size, envp);
	}
	if (work)
		host(SYS_munmap, work, sizeof(*work));
	if (!result)
		*ret = image;
	else if (image)
		exec_image_free(image);
	return result;
}

void exec_image_free(struct exec_image *image)
{
	for (unsigned int i = 0; i < image->count; i++)
		host(SYS_close, image->libraries[i]);
	if (image->fd >= 0)
		host(SYS_close, image->fd);
	host(SYS_munmap, image, sizeof(*image));
}

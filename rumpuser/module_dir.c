/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module_dir.c - where the kernel's modules are.
 *
 * RUMP_MODULES, or a folder that lies beside this library in the same way when
 * it is installed (LIBDIR/rump/modules) as in a build folder
 * (rumpuser/../rumpkernel/rump/modules).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "private.h"

static const char *const places[] = {"rump/modules", "../rumpkernel/rump/modules"};

/* Static, not on the stack: this may run on a kernel's. */
static char found[PATH_MAX], tried[PATH_MAX], line[2 * PATH_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool is_there(const char *folder, size_t length, const char *place)
{
	int size =
		snprintf(tried, sizeof(tried), "%.*s/%s/modules.index", (int)length, folder, place);

	return size > 0 && (size_t)size < sizeof(tried) &&
	       !host_call(SYS_faccessat, AT_FDCWD, tried, R_OK);
}

/* Looks beside the library at path; without `or_guess' only what is there counts. */
static bool look_beside(const char *path, bool or_guess)
{
	const char *end = strrchr(path, '/');
	size_t length = end ? (size_t)(end - path) : 0;

	if (path[0] != '/')
		return false;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (is_there(path, length, places[i]) || or_guess) {
			snprintf(found, sizeof(found), "%.*s/%s", (int)length, path, places[i]);
			return true;
		}
	}
	return false;
}

/* The path in a line of /proc/self/maps, if it is about address. */
static const char *path_of_line(const char *text, unsigned long address)
{
	char *end;
	unsigned long first = strtoul(text, &end, 16);
	unsigned long last = *end == '-' ? strtoul(end + 1, &end, 16) : 0;

	return address >= first && address < last ? strchr(end, '/') : NULL;
}

/*
 * What the loader was told may be relative or a link; the host knows the file
 * itself.  No stdio: this is asked for in the midst of a boot.
 */
static const char *mapped_path(unsigned long address)
{
	const char *path = NULL;
	size_t length = 0;
	int fd CLOSED_AT_END = -1;

	fd = (int)host_call(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	while (fd >= 0 && !path) {
		long got = host_call(SYS_read, fd, line + length, sizeof(line) - 1 - length);
		char *end;

		if (got <= 0)
			break;
		length += (size_t)got;
		line[length] = '\0';
		while (!path && (end = strchr(line, '\n'))) {
			*end++ = '\0';
			path = path_of_line(line, address);
			if (path)
				break;
			length -= (size_t)(end - line);
			memmove(line, end, length + 1);
		}
	}
	return path;
}

static void find(void)
{
	const void *address = places;
	const char *mapped;
	Dl_info info = {.dli_fname = NULL};

	dladdr(address, &info);
	if (info.dli_fname && look_beside(info.dli_fname, false))
		return;
	mapped = mapped_path((unsigned long)address);
	if (mapped && look_beside(mapped, false))
		return;
	/* nowhere: messages shall name where it should be */
	if ((mapped && look_beside(mapped, true)) ||
	    (info.dli_fname && look_beside(info.dli_fname, true)))
		return;
	strcpy(found, places[0]);
}

const char *module_dir(void)
{
	const char *named = param("RUMP_MODULES");
	KEEPS_ERRNO;

	if (named && *named)
		return named;
	pthread_once(&once, find);
	return found;
}

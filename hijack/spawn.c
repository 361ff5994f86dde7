/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn.c - libc's functions that make processes and start programs.
 *
 * With the trap their system calls are seen, and these wrappers do nothing.  Without it
 * (trap=off) the functions around execve are made here; posix_spawn(), system() and
 * popen() keep theirs, whose clone and what the child does before its exec are seen by
 * the trap after all: the calling thread has it for as long as they last.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hijack.h"
#include "route.h"
#include "trap.h"

#define EXPORT __attribute__((visibility("default")))
#define DEFAULT_PATH "/bin:/usr/bin"

/* ---- programs ---- */

static int failed(long error)
{
	errno = -error;
	return -1;
}

static long execute(const char *path, char *const argv[], char *const envp[])
{
	return hijack_call(SYS_execve, (long)path, (long)argv, (long)envp, 0, 0, 0);
}

/* A file without a first line is the shell's. */
static long by_shell(const char *path, char *const argv[], char *const envp[])
{
	int count = 0;

	while (argv[count])
		count++;
	{
		const char *list[count + 3];
		int n = 0;

		list[n++] = "/bin/sh";
		list[n++] = path;
		for (int i = 1; i < count; i++)
			list[n++] = argv[i];
		list[n] = NULL;
		return execute(list[0], (char *const *)list, envp);
	}
}

EXPORT int execv(const char *path, char *const argv[])
{
	return failed(execute(path, argv, environ));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	return failed(hijack_call(SYS_execveat, fd, (long)"", (long)argv, (long)envp,
				  AT_EMPTY_PATH, 0));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	const char *search = getenv("PATH");
	char path[ROUTE_PATH_MAX];
	size_t length = strlen(file), part;
	long error, seen = -ENOENT;

	if (!length)
		return failed(-ENOENT);
	if (strchr(file, '/')) {
		error = execute(file, argv, envp);
		return failed(error == -ENOEXEC ? by_shell(file, argv, envp) : error);
	}
	if (length > NAME_MAX)
		return failed(-ENAMETOOLONG);
	for (search = search ? search : DEFAULT_PATH;; search += part + 1) {
		for (part = 0; search[part] && search[part] != ':'; part++)
			;
		if (part + length + 2 <= sizeof(path)) {
			memcpy(path, search, part);
			path[part] = '/';
			/* an empty part is the working directory */
			memcpy(path + part + !!part, file, length + 1);
			error = execute(path, argv, envp);
			if (error == -ENOEXEC)
				error = by_shell(path, argv, envp);
			if (error == -EACCES)
				seen = error;
			else if (error != -ENOENT && error != -ENOTDIR && error != -ESTALE &&
				 error != -ENODEV && error != -ETIMEDOUT)
				return failed(error);
		}
		if (!search[part])
			return failed(seen);
	}
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* What stands between the first argument and the NULL; `rest` reads on behind that. */
#define LIST_OF(argv, first)                                                \
	va_list list, rest;                                                 \
	int count = 1;                                                      \
	va_start(list, first);                                              \
	va_copy(rest, list);                                                \
	while (va_arg(list, char *))                                        \
		count++;                                                    \
	va_end(list);                                                       \
	char *argv[count + 1];                                              \
	argv[0] = (char *)(first);                                          \
	for (int i = 1; i <= count; i++)                                    \
	argv[i] = va_arg(rest, char *)

EXPORT int execl(const char *path, const char *first, ...)
{
	LIST_OF(argv, first);
	va_end(rest);
	return execv(path, argv);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
	LIST_OF(argv, first);
	va_end(rest);
	return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *first, ...)
{
	char *const *envp;

	LIST_OF(argv, first);
	envp = va_arg(rest, char *const *);
	va_end(rest);
	return failed(execute(path, argv, envp));
}

/* ---- processes ---- */

/* libc's function of this name. */
static void *next(const char *name, void **cache)
{
	void *function = __atomic_load_n(cache, __ATOMIC_ACQUIRE);

	if (!function) {
		function = dlsym(RTLD_NEXT, name);
		__atomic_store_n(cache, function, __ATOMIC_RELEASE);
	}
	return function;
}

#define NEXT(name)                                        \
	({                                                \
		static void *cache;                       \
		(__typeof__(&name))next(#name, &cache); \
	})

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
		       const posix_spawn_file_actions_t *restrict actions,
		       const posix_spawnattr_t *restrict attributes, char *const argv[restrict],
		       char *const envp[restrict])
{
	int (*libcs)(pid_t *, const char *, const posix_spawn_file_actions_t *,
		     const posix_spawnattr_t *, char *const *, char *const *) = NEXT(posix_spawn);
	bool is_borrowed = trap_borrow();
	int result = libcs(pid, path, actions, attributes, argv, envp);

	trap_return(is_borrowed);
	return result;
}

EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file,
			const posix_spawn_file_actions_t *restrict actions,
			const posix_spawnattr_t *restrict attributes, char *const argv[restrict],
			char *const envp[restrict])
{
	int (*libcs)(pid_t *, const char *, const posix_spawn_file_actions_t *,
		     const posix_spawnattr_t *, char *const *, char *const *) = NEXT(posix_spawnp);
	bool is_borrowed = trap_borrow();
	int result = libcs(pid, file, actions, attributes, argv, envp);

	trap_return(is_borrowed);
	return result;
}

EXPORT int system(const char *command)
{
	int (*libcs)(const char *) = NEXT(system);
	bool is_borrowed = trap_borrow();
	int result = libcs(command);

	trap_return(is_borrowed);
	return result;
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	FILE *(*libcs)(const char *, const char *) = NEXT(popen);
	bool is_borrowed = trap_borrow();
	FILE *result = libcs(command, mode);

	trap_return(is_borrowed);
	return result;
}

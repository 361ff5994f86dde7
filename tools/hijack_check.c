/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hijack_check.c - whether the preload gets into a program, and what it would not see.
 *
 * The loader reads LD_PRELOAD, so a program needs one, of a C library that there is a
 * preload for, and no privileges that make the loader ignore it.  Of a script its
 * interpreter counts.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hijack_check.h"

#define LIBRARY "librumphijack.so"
#define MUSL_LIBRARY "rump-musl/" LIBRARY
#define DEPTH_MAX 5 /* scripts of scripts, as Linux has it */

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#endif

__attribute__((format(printf, 2, 3))) static void tell(struct hijack_check *check,
						       const char *format, ...)
{
	char line[2 * PATH_MAX + 256];
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	check->tell(line);
}

#define UNSEEN(check, ...)                 \
	do {                               \
		(check)->is_unseen = true; \
		tell(check, __VA_ARGS__);  \
	} while (0)

/* ---- the library ---- */

static bool holds_library(char *folder)
{
	char path[PATH_MAX + sizeof(MUSL_LIBRARY) + 1];
	char *real = realpath(folder, NULL);

	if (!real)
		return false;
	snprintf(folder, PATH_MAX, "%s", real);
	free(real);
	snprintf(path, sizeof(path), "%s/" LIBRARY, folder);
	return !access(path, R_OK);
}

void hijack_check_init(struct hijack_check *check)
{
	/* a build folder, an installation that may have been moved, one that was not */
	static const char *const places[] = {"../lib", "../" RUMP_LIBDIR, "."};
	char here[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", here, sizeof(here) - 1);

	if (length > 0) {
		here[length] = '\0';
		*strrchr(here, '/') = '\0';
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			if (snprintf(check->folder, PATH_MAX, "%s/%s", here, places[i]) <
				    PATH_MAX &&
			    holds_library(check->folder))
				return;
		}
	}
	strcpy(check->folder, RUMP_PREFIX "/" RUMP_LIBDIR);
	if (!holds_library(check->folder))
		*check->folder = '\0';
}

const char *hijack_check_library(const struct hijack_check *check, enum program_libc libc)
{
	static char path[PATH_MAX + sizeof(MUSL_LIBRARY) + 1];

	if (!*check->folder)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", check->folder,
		 libc == PROGRAM_MUSL ? MUSL_LIBRARY : LIBRARY);
	return access(path, R_OK) ? NULL : path;
}

/* ---- programs ---- */

/* Where PATH has it, as execvp(3) looks; errno says why nowhere. */
static bool find_program(const char *name, char *path)
{
	const char *search = getenv("PATH"), *end;
	int error = ENOENT;
	struct stat st;

	if (strchr(name, '/')) {
		errno = ENAMETOOLONG;
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && !access(path, F_OK);
	}
	for (search = search ? search : "/bin:/usr/bin"; *name; search = end + 1) {
		end = strchrnul(search, ':');
		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - search), search,
			     end > search ? "/" : "", name) < PATH_MAX &&
		    !stat(path, &st) && !S_ISDIR(st.st_mode)) {
			if (!access(path, X_OK))
				return true;
			error = EACCES;
		}
		if (!*end)
			break;
	}
	errno = error;
	return false;
}

static void check_privileges(struct hijack_check *check, const char *path, int fd)
{
	struct stat st;
	char value[64];

	if (fstat(fd, &st))
		return;
	if (st.st_mode & S_ISUID && st.st_uid != geteuid())
		UNSEEN(check, "%s: set-user-id: its loader ignores LD_PRELOAD", path);
	else if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		 st.st_gid != getegid())
		UNSEEN(check, "%s: set-group-id: its loader ignores LD_PRELOAD", path);
	else if (geteuid() && fgetxattr(fd, "security.capability", value, sizeof(value)) > 0)
		UNSEEN(check, "%s: has file capabilities: its loader ignores LD_PRELOAD", path);
}

/* Go's linker leaves a section of that name. */
static bool is_go(int fd)
{
	static const char mark[] = ".go.buildinfo";
	Elf64_Ehdr elf;
	Elf64_Shdr names;
	bool is_found = false;
	char *text;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf) || elf.e_shentsize != sizeof(names) ||
	    pread(fd, &names, sizeof(names),
		  (off_t)(elf.e_shoff + elf.e_shstrndx * sizeof(names))) != sizeof(names) ||
	    names.sh_size > 1 << 20)
		return false;
	text = malloc(names.sh_size + 1);
	if (text &&
	    pread(fd, text, names.sh_size, (off_t)names.sh_offset) == (ssize_t)names.sh_size)
		is_found = memmem(text, names.sh_size, mark, sizeof(mark));
	free(text);
	return is_found;
}

static void check_dynamic(struct hijack_check *check, const char *path, const char *loader)
{
	check->libc = program_libc(loader);
	if (check->libc == PROGRAM_OTHER_LIBC)
		UNSEEN(check, "%s: its loader, %s, is neither glibc's nor musl's", path, loader);
	else if (access(loader, X_OK))
		UNSEEN(check, "%s: its loader, %s: %s", path, loader, strerror(errno));
	else if (check->libc == PROGRAM_MUSL && !hijack_check_library(check, PROGRAM_MUSL))
		UNSEEN(check,
		       "%s: a program of musl: the library for those, %s/" MUSL_LIBRARY
		       ", is missing",
		       path, check->folder);
}

static void check_file(struct hijack_check *check, const char *name, int depth);

static void check_script(struct hijack_check *check, const char *path, const char *head,
			 size_t length, const struct program *program, int depth)
{
	const char *end = memchr(head, '\n', length), *at, *base;
	char argument[PROGRAM_INTERPRETER] = "";

	check_file(check, program->interpreter, depth + 1);
	/* "#!/usr/bin/env python3" */
	base = strrchr(program->interpreter, '/');
	if (strcmp(base ? base + 1 : program->interpreter, "env") || !end)
		return;
	at = memmem(head, (size_t)(end - head), program->interpreter, strlen(program->interpreter));
	if (at && sscanf(at + strlen(program->interpreter), " %255[^ \t\n]", argument) == 1 &&
	    *argument != '-' && !strchr(argument, '='))
		check_file(check, argument, depth + 1);
	else
		tell(check, "%s: starts a program by env: that one was not looked at", path);
}

static void check_file(struct hijack_check *check, const char *name, int depth)
{
	char path[PATH_MAX], head[PROGRAM_HEAD + 1];
	struct program program;
	struct stat st;
	ssize_t length;
	int fd;

	if (depth > DEPTH_MAX) {
		UNSEEN(check, "%s: too many scripts of scripts", name);
		return;
	}
	if (!find_program(name, path)) {
		UNSEEN(check, "%s: %s", name, strerror(errno));
		return;
	}
	if (!stat(path, &st) && (!S_ISREG(st.st_mode) || access(path, X_OK))) {
		UNSEEN(check, "%s: not executable", path);
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : pread(fd, head, PROGRAM_HEAD, 0);
	if (length < 0) {
		UNSEEN(check, "%s: cannot be read, so what it is is not known: %s", path,
		       strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	head[length] = '\0';
	program_parse(head, (size_t)length, &program);
	if (program.kind == PROGRAM_DYNAMIC && !*program.interpreter &&
	    program.interpreter_size < sizeof(program.interpreter) &&
	    pread(fd, program.interpreter, program.interpreter_size,
		  (off_t)program.interpreter_at) < 0)
		*program.interpreter = '\0';
	switch (program.kind) {
	case PROGRAM_SCRIPT:
		check_script(check, path, head, (size_t)length, &program, depth);
		break;
	case PROGRAM_NONE:
		/* execvp() and shells give such a file to a shell */
		check_file(check, "/bin/sh", depth + 1);
		break;
	case PROGRAM_FOREIGN:
		UNSEEN(check, "%s: not for x86-64", path);
		break;
	case PROGRAM_STATIC:
		/* a loader is a program without one */
		check->libc = program_libc(path);
		if (check->libc != PROGRAM_OTHER_LIBC)
			tell(check, "%s: a loader: the program that it is given was not looked at",
			     path);
		else if (is_go(fd))
			UNSEEN(check,
			       "%s: a Go program without cgo, statically linked: no library can be "
			       "preloaded (build it with CGO_ENABLED=1, "
			       "-ldflags=-linkmode=external)",
			       path);
		else
			UNSEEN(check, "%s: statically linked: no library can be preloaded", path);
		break;
	case PROGRAM_DYNAMIC:
		check_dynamic(check, path, program.interpreter);
		check_privileges(check, path, fd);
		break;
	}
	close(fd);
}

void hijack_check_program(struct hijack_check *check, const char *name)
{
	check->libc = PROGRAM_GLIBC;
	check_file(check, name, 0);
}

/* ---- the host ---- */

/* The number at the start of a file, or after a word in it; -1. */
static long number_in(const char *path, const char *word)
{
	char line[256];
	long number = -1;
	FILE *file = fopen(path, "re");

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, word, strlen(word)))
			number = atol(line + strlen(word));
	if (file)
		fclose(file);
	return number;
}

void hijack_check_host(struct hijack_check *check)
{
	if (!*check->folder)
		UNSEEN(check, LIBRARY " is neither beside this program nor where it was installed");
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0))
		UNSEEN(check, "the host's kernel has no Syscall User Dispatch (Linux 5.11): only "
			      "calls by functions of the C library are seen");
	if (number_in("/proc/self/status", "Seccomp:") > 0)
		tell(check, "note: a seccomp filter is in force here, which may refuse what the "
			    "preload needs");
	if (number_in("/proc/sys/kernel/yama/ptrace_scope", "") > 1)
		tell(check,
		     "note: kernel.yama.ptrace_scope is above 1: large buffers go to a server "
		     "through its connection, which is slower");
}

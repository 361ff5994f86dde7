/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_look.c - what a host's file that is to be executed is.
 *
 * LD_PRELOAD names one library, and one of another C library than the program's ends the
 * program before it begins.  So the name is changed on the way (exec.c): the folder
 * rump-musl/ beside the preload has what programs of musl load.
 *
 * A program that no preload gets into runs all the same, as it would run anywhere.  Only if
 * that takes something from it, descriptors or the working directory, it is told.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "dispatch.h"
#include "exec_look.h"
#include "fdtable.h"
#include "program.h"

#define DEPTH_MAX 5 /* interpreters that are scripts */

#ifdef __GLIBC__
#define OUR_LIBC PROGRAM_GLIBC
#define OTHER_LIBRARY "rump-musl/librumphijack.so"
#else
#define OUR_LIBC PROGRAM_MUSL
#define OTHER_LIBRARY "../librumphijack.so"
#endif

char exec_other_library[ROUTE_PATH_MAX + sizeof(OTHER_LIBRARY)];

void exec_look_start(void)
{
	if (boot_folder(exec_other_library, ROUTE_PATH_MAX))
		*exec_other_library = '\0';
	else
		put_text(exec_other_library + strlen(exec_other_library), OTHER_LIBRARY);
}

/* ---- files ---- */

static long open_file(const struct call *call)
{
	if (call->nr == SYS_execve)
		return host(SYS_open, call->args[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (call->args[4] & AT_EMPTY_PATH && call->args[1] &&
	    !user_strlen((const char *)call->args[1], 2)) {
		char path[40];

		put_decimal(put_text(path, "/proc/self/fd/"), (int)call->args[0]);
		return host(SYS_open, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	return host(SYS_openat, call->args[0], call->args[1], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* Whether the host's kernel would give it rights that the process has not. */
static bool is_privileged(int fd)
{
	struct vfs_cap_data capabilities;
	struct stat st;

	if (host(SYS_fstat, fd, &st))
		return false;
	if (st.st_mode & S_ISUID && st.st_uid != host(SYS_geteuid))
		return true;
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    st.st_gid != host(SYS_getegid))
		return true;
	return host(SYS_geteuid) && host(SYS_fgetxattr, fd, "security.capability", &capabilities,
					 sizeof(capabilities)) > 0;
}

static enum reach reach_of_loader(const char *loader)
{
	enum program_libc libc = program_libc(loader);

	if (libc == OUR_LIBC || libc == PROGRAM_OTHER_LIBC)
		return REACH_SAME;
	if (!*exec_other_library || host(SYS_access, exec_other_library, R_OK))
		return REACH_NO_LIBRARY;
	return REACH_OTHER_LIBC;
}

/* A loader that is run by name has none itself. */
static bool is_loader(const struct call *call)
{
	const char *path = (const char *)call->args[call->nr == SYS_execveat];
	char text[PROGRAM_INTERPRETER];
	long length = path ? user_strlen(path, sizeof(text)) : -EFAULT;

	return length > 0 && !user_copy(text, path, length + 1) &&
	       program_libc(text) != PROGRAM_OTHER_LIBC;
}

static enum reach look_at(int fd, const struct call *call, struct program *program, char *head)
{
	long length = host(SYS_pread64, fd, head, PROGRAM_HEAD, 0);

	program_parse(head, is_error(length) ? 0 : length, program);
	if (program->kind != PROGRAM_SCRIPT && is_privileged(fd))
		return REACH_PRIVILEGED;
	switch (program->kind) {
	case PROGRAM_NONE:
	case PROGRAM_SCRIPT:
		break;
	case PROGRAM_STATIC:
		if (!is_loader(call))
			return REACH_STATIC;
		return reach_of_loader((const char *)call->args[call->nr == SYS_execveat]);
	case PROGRAM_FOREIGN:
		return REACH_FOREIGN;
	case PROGRAM_DYNAMIC:
		if (!*program->interpreter &&
		    program->interpreter_size <= sizeof(program->interpreter))
			host(SYS_pread64, fd, program->interpreter, program->interpreter_size,
			     program->interpreter_at);
		program->interpreter[sizeof(program->interpreter) - 1] = '\0';
		return reach_of_loader(program->interpreter);
	}
	return REACH_SAME;
}

enum reach exec_look(const struct call *call)
{
	enum reach reach = REACH_SAME;
	struct scratch scratch = {NULL};
	struct program program = {.kind = PROGRAM_SCRIPT};
	struct call next = *call;
	char *head = scratch_buffer(&scratch, 0);
	int depth;
	long fd;

	if (!head)
		return REACH_SAME;
	for (depth = 0; depth < DEPTH_MAX && program.kind == PROGRAM_SCRIPT; depth++) {
		if (depth) {
			/* program is filled anew while this is read */
			put_text(scratch_buffer(&scratch, 1), program.interpreter);
			next.nr = SYS_execve;
			next.args[0] = (long)scratch_buffer(&scratch, 1);
		}
		fd = open_file(&next);
		if (is_error(fd))
			break;
		reach = look_at(fd, &next, &program, head);
		host(SYS_close, fd);
	}
	scratch_free(&scratch);
	return reach;
}

/* ---- what is lost ---- */

static bool has_something(void)
{
	if (cwd_outside())
		return true;
	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
		long flags = fdtable_get(fd) >= 0 ? host(SYS_fcntl, fd, F_GETFD) : -EBADF;

		if (!is_error(flags) && !(flags & FD_CLOEXEC))
			return true;
	}
	return false;
}

void exec_complain(const struct call *call, enum reach reach)
{
	const char *path = (const char *)call->args[call->nr == SYS_execveat];
	char text[PROGRAM_INTERPRETER];
	const char *why = "";
	long length;

	switch (reach) {
	case REACH_SAME:
	case REACH_OTHER_LIBC:
		return;
	case REACH_NO_LIBRARY:
		why = OUR_LIBC == PROGRAM_GLIBC ? " is a program of musl, and there is no "
						: " is a program of glibc, and there is no ";
		break;
	case REACH_STATIC:
		why = " is statically linked";
		break;
	case REACH_FOREIGN:
		why = " is for another processor";
		break;
	case REACH_PRIVILEGED:
		why = " is set-user-id, set-group-id or has capabilities";
		break;
	}
	/* without its library a program of the other libc would not even start */
	if (reach != REACH_NO_LIBRARY && !has_something())
		return;
	length = path ? user_strlen(path, sizeof(text)) : -EFAULT;
	if (length <= 0 || user_copy(text, path, length + 1))
		put_text(text, "a program");
	complain(text, why, reach == REACH_NO_LIBRARY ? exec_other_library : "",
		 ": it runs without the rump kernel",
		 has_something() ? ", whose descriptors and working directory it has not" : "",
		 NULL);
}

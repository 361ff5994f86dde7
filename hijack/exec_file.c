/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_file.c - programs that lie in the rump kernel; see exec.h
 *
 * The host runs a copy in its own memory (exec_image.c).  A script's interpreter is looked for
 * where its first line says, on either side, and reads the script itself through the preload.
 *
 * Limits: set-user-id bits mean nothing, and the file may be written to meanwhile.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dispatch.h"
#include "exec.h"
#include "exec_image.h"

#define DEPTH_MAX 5	  /* interpreters that are scripts, as Linux has it */
#define LINE_MAX_SIZE 256 /* of a first line, likewise */
#define ARGUMENTS_MAX (1 << 20)

/* The rump descriptor of the file; *ret_is_ours: it is to be closed. */
static long open_file(struct call *call, const struct resolved *resolved, bool *ret_is_ours)
{
	const char *path = (const char *)resolved->args[call->nr == SYS_execveat];
	int flags = call->nr == SYS_execveat ? resolved->args[4] : 0;
	char first = 1;

	*ret_is_ours = true;
	if (call->nr == SYS_execve)
		return rump(call, SYS_open, path, O_RDONLY | O_CLOEXEC);
	if (path && user_copy(&first, path, 1))
		return -EFAULT;
	if (!path || !first) {
		*ret_is_ours = false;
		return flags & AT_EMPTY_PATH ? resolved->args[0] : -ENOENT;
	}
	return rump(call, SYS_openat, resolved->args[0], path,
		    O_RDONLY | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0));
}

/* ---- scripts ---- */

struct script {
	char line[LINE_MAX_SIZE + 1];
	char *interpreter, *argument; /* in line; argument may be NULL */
	char path[40];		      /* of a file that has a descriptor only */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Cuts the first line up; false: it names nothing, or a path that is longer than what Linux
 * looks at, of which line has all.
 */
static bool cut_line(struct script *script, long length)
{
	char *at = script->line + 2, *end = script->line + length, *name_end;

	for (char *p = at; p < end; p++)
		if (*p == '\n' || !*p)
			end = p;
	while (at < end && is_blank(*at))
		at++;
	for (name_end = at; name_end < end && !is_blank(*name_end); name_end++)
		;
	if (name_end == script->line + LINE_MAX_SIZE)
		return false;
	while (end > at && is_blank(end[-1]))
		end--;
	*end = '\0';
	script->interpreter = at;
	at = name_end;
	while (is_blank(*at))
		*at++ = '\0';
	script->argument = *at ? at : NULL;
	return *script->interpreter;
}

/* interpreter [argument] path, then the arguments from the first on. */
static long run_script(struct call *call, struct script *script, const char *path, int depth)
{
	int argv_at = call->nr == SYS_execve ? 1 : 2;
	char *const *theirs = (char *const *)call->args[argv_at];
	struct call next = {.nr = SYS_execve, .door = call->door, .regs = call->regs};
	unsigned long size;
	const char **argv;
	long count, n = 0, memory, result = 0;
	char *entry;

	if (depth == DEPTH_MAX)
		return -ELOOP;
	for (count = 0; theirs; count++) {
		if (count == ARGUMENTS_MAX)
			return -E2BIG;
		if (user_copy(&entry, theirs + count, sizeof(entry)))
			return -EFAULT;
		if (!entry)
			break;
	}
	size = (count + 4) * sizeof(*argv);
	memory =
		host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(memory))
		return -ENOMEM;
	argv = (const char **)memory;
	argv[n++] = script->interpreter;
	if (script->argument)
		argv[n++] = script->argument;
	argv[n++] = path;
	for (long i = 1; i < count && !result; i++)
		result = user_copy(&argv[n++], theirs + i, sizeof(*argv));
	argv[n] = NULL;
	if (!result) {
		next.args[0] = (long)script->interpreter;
		next.args[1] = (long)argv;
		next.args[2] = call->args[argv_at + 1];
		result = exec_by_path(&next, depth + 1);
	}
	host(SYS_munmap, memory, size);
	return result;
}

/*
 * A script of the host whose interpreter the host does not find: it may be one of the rump
 * kernel's, or a script that has such a one.
 */
long exec_host_script(struct call *call, int depth)
{
	int is_at = call->nr == SYS_execveat;
	const char *path = (const char *)call->args[is_at];
	struct scratch scratch = {NULL};
	struct script script;
	struct place place;
	long fd, length, result = -ENOENT;

	if (user_strlen(path, ROUTE_PATH_MAX) <= 0)
		return result;
	fd = host(SYS_openat, is_at ? call->args[0] : AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (is_error(fd))
		return result;
	length = host(SYS_read, fd, script.line, LINE_MAX_SIZE);
	host(SYS_close, fd);
	if (length < 4 || memcmp(script.line, "#!", 2) || !cut_line(&script, length) ||
	    place_find_path(call, script.interpreter, &scratch, &place))
		goto out;
	if (place.side == ROUTE_RUMP || !host(SYS_access, place.path, X_OK))
		result = run_script(call, &script, path, depth);
out:
	scratch_free(&scratch);
	return result;
}

/* ---- others ---- */

static long run_copy(struct call *call, int rump_fd, long size)
{
	int argv_at = call->nr == SYS_execve ? 1 : 2;
	struct call next = {.nr = SYS_execveat, .door = call->door, .regs = call->regs};
	struct exec_image *image;
	const char *name = (const char *)call->args[call->nr == SYS_execveat];
	long result = exec_image_make(call, rump_fd, size, name,
				      (char *const *)call->args[argv_at + 1], &image);

	if (result)
		return result;
	next.args[0] = image->fd;
	next.args[1] = (long)"";
	next.args[2] = call->args[argv_at];
	next.args[3] = call->args[argv_at + 1];
	next.args[4] = AT_EMPTY_PATH;
	result = exec_host_file(&next, image);
	exec_image_free(image);
	return result;
}

long exec_rump_file(struct call *call, const struct resolved *resolved, int depth)
{
	bool is_ours;
	long fd = open_file(call, resolved, &is_ours), length, result;
	struct script script;
	struct stat st;

	if (fd < 0)
		return fd;
	result = rump(call, SYS_fstat, fd, &st);
	if (!result && !S_ISREG(st.st_mode))
		result = -EACCES;
	if (!result)
		result = rump(call, SYS_faccessat2, fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS);
	if (result)
		goto out;
	length = rump(call, SYS_pread64, fd, script.line, LINE_MAX_SIZE, 0);
	if (length < 4) {
		result = length < 0 ? length : -ENOEXEC;
	} else if (memcmp(script.line, "#!", 2)) {
		result = run_copy(call, fd, st.st_size);
	} else if (!cut_line(&script, length)) {
		result = -ENOEXEC;
	} else {
		const char *path = (const char *)call->args[call->nr == SYS_execveat];

		if (!is_ours) {
			put_decimal(put_text(script.path, "/proc/self/fd/"), call->args[0]);
			path = script.path;
		}
		result = run_script(call, &script, path, depth);
	}
out:
	if (is_ours)
		rump(call, SYS_close, fd);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* files.c - handlers of calls on files that need more than their side */
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "boot.h"
#include "dispatch.h"
#include "exec.h"
#include "fdtable.h"
#include "links.h"
#include "log.h"
#include "mountinfo.h"
#include "netns.h"
#include "own.h"

/*
 * Device numbers of both kernels are small and alike, and programs take files with
 * equal st_dev and st_ino for one: cp would refuse to copy.  So rump devices get
 * a major number that no host has.
 */

static long mark_stat(void *buffer)
{
	unsigned long dev; /* the first member of struct stat */

	if (user_copy(&dev, buffer, sizeof(dev)))
		return -EFAULT;
	dev |= (unsigned long)RUMP_MAJOR << 32;
	return user_copy(buffer, &dev, sizeof(dev));
}

static long mark_statx(void *buffer)
{
	struct statx_ids {
		unsigned int major, minor;
		unsigned long mount;
	} ids, *at = (void *)((char *)buffer + offsetof(struct statx, stx_dev_major));

	_Static_assert(offsetof(struct statx, stx_mnt_id) ==
			       offsetof(struct statx, stx_dev_major) + 2 * sizeof(int),
		       "statx has other members there");
	if (user_copy(&ids, at, sizeof(ids)))
		return -EFAULT;
	ids.major |= RUMP_MAJOR;
	/* unique ids are larger */
	if (ids.mount && ids.mount < 0x7fffffff)
		ids.mount += RUMP_MOUNT_IDS;
	return user_copy(at, &ids, sizeof(ids));
}

static long stat_rump(struct call *call, const struct resolved *resolved, struct scratch *scratch)
{
	long result = rump_call(call, resolved->args);

	if (result)
		return result;
	if (call->nr == SYS_statx)
		return mark_statx((void *)call->args[4]);
	return mark_stat((void *)call->args[call->nr == SYS_newfstatat ? 2 : 1]);
}

long handle_stat(struct call *call)
{
	return links_call(call, links_host_call, stat_rump);
}

/* Puts `outside` in front of a path of the rump kernel. */
static long show_path(const char *outside, const char *path, long length, char *to, long size)
{
	long start = strlen(outside);

	if (start && length == 1 && *path == '/')
		length = 0;
	if (start + length > size)
		length = size > start ? size - start : 0;
	if (start > size)
		start = size;
	if (user_copy(to, outside, start) || user_copy(to + start, path, length))
		return -EFAULT;
	return start + length;
}

/* A link of the rump kernel's /proc: where a descriptor is, as it is outside. */
static long show_link(struct call *call, const struct resolved *resolved, char *buffer, char *to,
		      long size)
{
	long length;

	if (!buffer)
		return -ENOMEM;
	if (call->nr == SYS_readlink)
		length = rump(call, SYS_readlink, resolved->args[0], buffer, ROUTE_PATH_MAX - 1);
	else
		length = rump(call, SYS_readlinkat, resolved->args[0], resolved->args[1], buffer,
			      ROUTE_PATH_MAX - 1);
	if (length <= 0)
		return length;
	buffer[length] = '\0';
	return show_path(*buffer == '/' ? outside_of(buffer) : "", buffer, length, to, size);
}

/* "/proc/self/cwd" and others */
static bool is_own_link(const char *path, const char *name)
{
	const char *rest = user_strlen(path, 64) > 0 ? own_proc_path(path) : NULL;

	return rest && !strcmp(rest, name);
}

/* readlink and readlinkat: where the buffer stands among the arguments. */
static int readlink_to(const struct call *call)
{
	return call->nr == SYS_readlinkat ? 2 : 1;
}

static long readlink_host(struct call *call, const struct resolved *resolved,
			  struct scratch *scratch)
{
	int to_at = readlink_to(call), at = to_at - 1, proc;
	char *to = (char *)call->args[to_at], *buffer, link[20];
	long size = (int)call->args[to_at + 1], result;

	if (cwd_outside() && size > 0 && is_own_link((const char *)resolved->args[at], "cwd")) {
		buffer = scratch_buffer(scratch, SCRATCH_LINKS - 1);
		if (!buffer)
			return -ENOMEM;
		/* rather than getcwd(), which does not tell of a directory that was removed */
		proc = rump_proc(call);
		rump_proc_path(link, proc, "self/cwd");
		result = rump(call, SYS_readlinkat, proc, link, buffer, ROUTE_PATH_MAX - 1);
		if (result < 0) {
			result = rump(call, SYS_getcwd, buffer, ROUTE_PATH_MAX);
			result = result > 0 ? result - 1 : result;
		}
		if (result <= 0)
			return result;
		buffer[result] = '\0';
		return show_path(*buffer == '/' ? cwd_outside() : "", buffer, result, to, size);
	}
	if (exec_path && size > 0 && is_own_link((const char *)resolved->args[at], "exe"))
		return show_path("", exec_path, strlen(exec_path), to, size);
	return links_host_call(call, resolved, scratch);
}

static long readlink_rump(struct call *call, const struct resolved *resolved,
			  struct scratch *scratch)
{
	int to_at = readlink_to(call);
	long size = (int)call->args[to_at + 1];

	if (resolved->is_link && size > 0)
		return show_link(call, resolved, scratch_buffer(scratch, SCRATCH_LINKS - 1),
				 (char *)call->args[to_at], size);
	return rump_call(call, resolved->args);
}

long handle_readlink(struct call *call)
{
	return links_call(call, readlink_host, readlink_rump);
}

/* ---- handles ---- */

#define UNIQUE_MOUNT_ID 1 /* AT_HANDLE_MNT_ID_UNIQUE: eight bytes, another number */

long handle_name_to_handle(struct call *call)
{
	struct scratch scratch = {NULL};
	struct resolved resolved;
	int mount, *theirs = (int *)call->args[3];
	long result = call_resolve(call, &scratch, &resolved);

	if (!result && !resolved.rump) {
		memcpy(call->args, resolved.args, sizeof(call->args));
		result = host_call(call);
	} else if (!result) {
		result = rump_call(call, resolved.args);
		/* as the table of mounts shows it */
		if ((!result || result == -EOVERFLOW) && !(call->args[4] & UNIQUE_MOUNT_ID)) {
			if (user_copy(&mount, theirs, sizeof(mount)))
				mount = 0;
			mount += RUMP_MOUNT_IDS;
			if (user_copy(theirs, &mount, sizeof(mount)))
				result = -EFAULT;
		}
	}
	scratch_free(&scratch);
	return result;
}

/* Without a descriptor nothing but the directory, or vfs=fhcalls, tells whose handle it is. */
long handle_open_by_handle(struct call *call)
{
	int fd = call->args[0];
	long args[6], result;

	if (fd != AT_FDCWD)
		return handle_fd(call);
	if (!cwd_outside() && !(config.vfs & HIJACK_VFS_FHCALLS))
		return host_call(call);
	memcpy(args, call->args, sizeof(args));
	result = rump_call(call, args);
	return result < 0 ? result : install_fd(call, result, wants_cloexec(call));
}

/* ---- working directory ---- */

static long chdir_host(struct call *call, const struct resolved *resolved, struct scratch *scratch)
{
	long result = links_host_call(call, resolved, scratch);

	if (!result)
		cwd_set(NULL);
	return result;
}

static long chdir_rump(struct call *call, const struct resolved *resolved, struct scratch *scratch)
{
	long result = rump_call(call, resolved->args);

	if (!result)
		cwd_set(resolved->outside);
	return result;
}

long handle_chdir(struct call *call)
{
	return links_call(call, chdir_host, chdir_rump);
}

long handle_chroot(struct call *call)
{
	struct scratch scratch = {NULL};
	struct resolved resolved;
	long result = call_resolve(call, &scratch, &resolved);

	if (!result && !resolved.rump) {
		memcpy(call->args, resolved.args, sizeof(call->args));
		result = host_call(call);
	} else if (!result) {
		result = rump_call(call, resolved.args);
		if (!result) {
			root_is_rump = true;
			if (cwd_outside())
				cwd_set("");
		}
	}
	scratch_free(&scratch);
	return result;
}

long handle_fchdir(struct call *call)
{
	struct scratch scratch = {NULL};
	struct resolved resolved;
	char *buffer;
	long result = call_resolve(call, &scratch, &resolved);

	if (result)
		return result;
	if (!resolved.rump) {
		result = host_call(call);
		if (!result)
			cwd_set(NULL);
		return result;
	}
	result = rump_call(call, resolved.args);
	if (!result) {
		/* only a blanket prefix makes the directory's own path matter */
		buffer = config.blanket_count ? scratch_buffer(&scratch, 0) : NULL;
		if (buffer && rump(call, SYS_getcwd, buffer, ROUTE_PATH_MAX) > 0)
			cwd_set(outside_of(buffer));
		else
			cwd_set(outside_of("/"));
		scratch_free(&scratch);
	}
	return result;
}

long handle_getcwd(struct call *call)
{
	char *to = (char *)call->args[0];
	unsigned long size = call->args[1];
	const char *outside = cwd_outside();
	struct scratch scratch = {NULL};
	char *buffer;
	long result, length;

	if (!outside)
		return host_call(call);
	buffer = scratch_buffer(&scratch, 0);
	if (!buffer)
		return -ENOMEM;
	result = rump(call, SYS_getcwd, buffer, ROUTE_PATH_MAX);
	if (result > 0) {
		length = strlen(outside);
		if (length && !strcmp(buffer, "/"))
			result = 1; /* "/rump", not "/rump/" */
		if ((unsigned long)(length + result) > size)
			result = -ERANGE;
		else if (length && result == 1)
			result = user_copy(to, outside, length + 1) ? -EFAULT : length + 1;
		else if (user_copy(to, outside, length) || user_copy(to + length, buffer, result))
			result = -EFAULT;
		else
			result += length;
	}
	scratch_free(&scratch);
	return result;
}

/* ---- others ---- */

/* A source that is a path; the file system's type decides what others mean. */
static bool find_source(struct call *call, struct scratch *scratch, struct place *ret)
{
	const char *text = (const char *)call->args[0];
	bool is_tree = call->args[3] & (MS_BIND | MS_MOVE);

	return text && user_strlen(text, ROUTE_PATH_MAX) > 0 && (*text == '/' || is_tree) &&
	       !place_find(call, AT_FDCWD, text, scratch, 1, ret) && ret->dirfd == AT_FDCWD;
}

long handle_mount(struct call *call)
{
	struct scratch scratch = {NULL};
	struct resolved resolved;
	struct place source;
	long result;
	bool is_found;

	if (netns_mount(call, &result))
		return result;
	result = call_resolve(call, &scratch, &resolved);
	if (result)
		goto out;
	is_found = find_source(call, &scratch, &source);
	/* a tree of one kernel cannot be at a place of the other's */
	if (is_found && call->args[3] & (MS_BIND | MS_MOVE) &&
	    (source.side == ROUTE_RUMP) != resolved.rump) {
		result = -EXDEV;
	} else if (!resolved.rump) {
		memcpy(call->args, resolved.args, sizeof(call->args));
		result = host_call(call);
	} else {
		/* a source under /rump is a device or directory of the rump kernel */
		if (is_found && source.side == ROUTE_RUMP)
			resolved.args[0] = (long)source.path;
		result = rump_call(call, resolved.args);
	}
out:
	scratch_free(&scratch);
	return result;
}

long handle_umount(struct call *call)
{
	long result;

	return netns_mount(call, &result) ? result : handle_paths(call);
}

long handle_sync(struct call *call)
{
	if (boot_in_use())
		rump(call, SYS_sync);
	return host_call(call);
}

/* One umask for both kernels; the first call of the kernel takes over what is set then. */
long handle_umask(struct call *call)
{
	if (boot_is_ready())
		rump(call, SYS_umask, call->args[0]);
	return host_call(call);
}

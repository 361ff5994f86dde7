/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_address.c - socket files: made, found in the way, removed.
 *
 * A socket file that nobody listens on is replaced if it is of our own user.  Two servers
 * that find the same one at the same time keep out of each other's way by a lock of the
 * folder, for the moment from the look to listen().  A socket that is not listened on
 * yet refuses everybody, so its file may have any mode until then.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "sp.h"

#define BACKLOG 4096
#define LOCK_TRIES 100 /* of 10 ms: somebody else may hold it for ever */

struct address {
	struct sockaddr_un name;
	socklen_t length;
};

static void address_make(struct address *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->name.sun_family = AF_UNIX;
	/* the parser has measured it */
	strncpy(address->name.sun_path, path, sizeof(address->name.sun_path) - 1);
	address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
	if (path[0] == '@') { /* abstract: without a file, and without a NUL at the end */
		address->name.sun_path[0] = '\0';
		address->length--;
	}
}

/* 0: whoever was there is gone; -errno: told */
static int look_at_owner(const char *path)
{
	int fd CLOSED_AT_END = -1;
	struct address address;
	struct ucred who;
	socklen_t length = sizeof(who);
	long error;

	fd = (int)host_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		boot_error_set("%s: %s", path, strerror(-fd));
		return fd;
	}
	address_make(&address, path);
	error = host_call(SYS_connect, fd, &address.name, address.length);
	if (error == -ECONNREFUSED || error == -ENOENT)
		return 0;
	if (!error && !host_call(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &who, &length))
		boot_error_set("%s: another server is there (pid %d)", path, (int)who.pid);
	else if (error == -EPROTOTYPE)
		boot_error_set("%s: a socket of another program, which listens on it", path);
	else if (error && error != -EAGAIN)
		boot_error_set("%s: a socket is there, of which nothing can be known: %s", path,
			       strerror((int)-error));
	else
		boot_error_set("%s: another server is there", path);
	return -EADDRINUSE;
}

/* Makes way at path, or tells why not. */
static int make_way(const char *path)
{
	struct stat status;
	long error = host_call(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW);

	if (error == -ENOENT)
		return 0;
	if (error) {
		boot_error_set("%s: %s", path, strerror((int)-error));
		return (int)error;
	}
	if (!S_ISSOCK(status.st_mode)) {
		boot_error_set("%s: is there and is not a socket; remove it or take another path",
			       path);
		return -EEXIST;
	}
	error = look_at_owner(path);
	if (error)
		return (int)error;
	if (status.st_uid != (uid_t)host_call(SYS_geteuid)) {
		boot_error_set("%s: a socket that uid %u has left there; remove it or take "
			       "another path",
			       path, (unsigned int)status.st_uid);
		return -EEXIST;
	}
	error = host_call(SYS_unlinkat, AT_FDCWD, path, 0);
	if (error && error != -ENOENT) {
		boot_error_set("%s: cannot be replaced: %s", path, strerror((int)-error));
		return (int)error;
	}
	return 0;
}

/* Of the folder that path is in; without the lock two servers may meet, but go on. */
static int lock_folder(const char *path)
{
	char folder[sizeof(struct sockaddr_un)];
	const struct timespec pause = {0, 10000000};
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	long fd;

	if (!slash)
		strcpy(folder, ".");
	else if (!length)
		strcpy(folder, "/");
	else
		snprintf(folder, sizeof(folder), "%.*s", (int)length, path);
	fd = host_call(SYS_openat, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
		if (host_call(SYS_flock, fd, LOCK_EX | LOCK_NB) != -EAGAIN)
			break;
		host_call(SYS_nanosleep, &pause, NULL);
	}
	return (int)fd;
}

static int bind_and_listen(int fd, const char *path, const struct rumpuser_sp_options *options,
			   struct sp_listener *listener)
{
	bool is_file = path[0] != '@';
	struct address address;
	long error;

	address_make(&address, path);
	error = host_call(SYS_bind, fd, &address.name, address.length);
	if (error == -EADDRINUSE && !is_file)
		boot_error_set("%s: another server is there", path);
	else if (error)
		boot_error_set("%s: %s", path, strerror((int)-error));
	if (error || !is_file)
		return error ? (int)error : (int)host_call(SYS_listen, fd, BACKLOG);
	error = host_call(SYS_fchmodat, AT_FDCWD, path, options->mode ? options->mode : 0600);
	if (!error && options->group >= 0)
		error = host_call(SYS_fchownat, AT_FDCWD, path, -1, options->group, 0);
	if (!error)
		error = host_call(SYS_listen, fd, BACKLOG);
	if (error) {
		boot_error_set("%s: %s", path, strerror((int)-error));
		host_call(SYS_unlinkat, AT_FDCWD, path, 0);
		return (int)error;
	}
	sp_address_note(listener, path);
	return 0;
}

int sp_address_listen(const char *path, const struct rumpuser_sp_options *options,
		      struct sp_listener *listener)
{
	int folder CLOSED_AT_END = -1;
	int error = 0;
	long fd;

	fd = host_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		boot_error_set("%s: %s", path, strerror((int)-fd));
		return (int)fd;
	}
	if (path[0] != '@') {
		folder = lock_folder(path);
		error = make_way(path);
	}
	if (!error)
		error = bind_and_listen((int)fd, path, options, listener);
	if (error)
		host_close((int)fd);
	return error ? error : (int)fd;
}

void sp_address_note(struct sp_listener *listener, const char *path)
{
	struct stat status;

	if (path[0] == '@' ||
	    host_call(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISSOCK(status.st_mode))
		return;
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	/* the working directory may be another one when it is removed */
	if (path[0] != '/') {
		char folder[sizeof(listener->path) - sizeof(struct sockaddr_un)];
		long length = host_call(SYS_getcwd, folder, sizeof(folder));

		if (length < 1 || folder[0] != '/')
			return;
		snprintf(listener->path, sizeof(listener->path), "%s/%s", folder, path);
	} else {
		snprintf(listener->path, sizeof(listener->path), "%s", path);
	}
}

void sp_address_remove(const struct sp_listener *listener)
{
	struct stat status;

	/* not if somebody has put something else there */
	if (listener->path[0] &&
	    !host_call(SYS_newfstatat, AT_FDCWD, listener->path, &status, AT_SYMLINK_NOFOLLOW) &&
	    S_ISSOCK(status.st_mode) && status.st_dev == listener->device &&
	    status.st_ino == listener->inode)
		host_call(SYS_unlinkat, AT_FDCWD, listener->path, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connect.c - sockets to servers, and descriptors that the program does not see.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "private.h"

#define CONNECT_TIME (10 * NSEC_PER_SEC)
#define FIRST_FD 1000 /* where our descriptors begin, if so many are allowed */

/*
 * The preload's, when it is there: a descriptor that the program neither sees nor
 * closes, until it is told that it is one no more.
 */
__attribute__((weak, visibility("default"))) void rumphijack_private_fd(int fd, int is_private);

static int make_private(int fd)
{
	if (rumphijack_private_fd)
		rumphijack_private_fd(fd, 1);
	return fd;
}

int fd_make_private(int fd)
{
	struct rlimit limit = {.rlim_cur = 0};
	long moved, from = FIRST_FD;

	host(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	if (limit.rlim_cur <= FIRST_FD)
		from = (long)limit.rlim_cur * 3 / 4;
	/* where the highest numbers are taken, something lower still beats something low */
	for (; from > fd; from /= 2) {
		moved = host(SYS_fcntl, fd, F_DUPFD_CLOEXEC, from);
		if (moved >= 0) {
			host_close(fd);
			return make_private((int)moved);
		}
	}
	host(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
	return make_private(fd);
}

void fd_close_private(int fd)
{
	if (fd < 0)
		return;
	if (rumphijack_private_fd)
		rumphijack_private_fd(fd, 0);
	host_close(fd);
}

void fd_make_public(int fd)
{
	if (rumphijack_private_fd)
		rumphijack_private_fd(fd, 0);
}

bool connect_is_saved(int fd)
{
	struct stat status;

	return !host(SYS_fstat, fd, &status) && S_ISREG(status.st_mode);
}

static socklen_t address_of(const char *path, struct sockaddr_un *ret_address)
{
	size_t length = strlen(path);

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	memcpy(ret_address->sun_path, path, length);
	if (path[0] != '@')
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	/* abstract: a name without a file, of exactly that length */
	ret_address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* A server's queue may be full: then there is nothing to wait on but time. */
static int connect_unix(const char *path, int *ret_fd)
{
	uint64_t until = host_now() + CONNECT_TIME;
	struct sockaddr_un address;
	socklen_t length = address_of(path, &address);
	long fd, result;

	fd = host(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return (int)fd;
	while ((result = host(SYS_connect, fd, &address, length)) == -EAGAIN || result == -EINTR) {
		if (host_now() >= until) {
			result = -ETIMEDOUT;
			break;
		}
		if (result == -EAGAIN)
			host_sleep(5 * NSEC_PER_MSEC);
	}
	if (result) {
		host_close((int)fd);
		/* a socket of another type is somebody's, but no server's */
		return result == -EPROTOTYPE ? -ECONNREFUSED : (int)result;
	}
	*ret_fd = (int)fd;
	return 0;
}

static void explain(const char *path, int error)
{
	const char *hint = "";

	if (error == ENOENT || error == ECONNREFUSED)
		hint = ": no server is there";
	config_error_set(&last_error, "cannot connect to unix://", path, ": ", error_text(error),
			 hint, NULL);
}

/*
 * The old socket's number gets the new one in one step: other threads may be about to use it.
 */
static void replace_fd(struct session *session, int fd)
{
	int old = __atomic_load_n(&session->fd, __ATOMIC_ACQUIRE);

	if (old >= 0 && host(SYS_dup3, fd, old, O_CLOEXEC) == old) {
		host_close(fd);
		return;
	}
	__atomic_store_n(&session->fd, fd_make_private(fd), __ATOMIC_RELEASE);
}

int connect_once(struct session *session)
{
	int fd = -1, error;

	if (session->url.kind == RUMP_URL_TCP)
		return tcp_connect(session);
	error = connect_unix(session->url.path, &fd);
	if (error) {
		explain(session->url.path, -error);
		return error;
	}
	session->transport = &transport_unix;
	replace_fd(session, fd);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec.c - a new program in the same process of the rump kernel.
 *
 * The control connection stays open over exec and its number travels in the environment
 * (_RUMPCLIENT=number).  The new program says RUMP_SP_EXEC first of all: with it go the
 * channels of the old one, and its descriptors that are close-on-exec.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config_text.h"
#include "private.h"

#define VARIABLE "_RUMPCLIENT"
/* descriptors that a message has room for */
#define KEEP_MAX ((RUMP_SP_MESSAGE_MAX - sizeof(struct rump_sp_exec)) / sizeof(uint32_t))

extern char **environ;

/* ---- the old program ---- */

/* Rump descriptors that are not close-on-exec: fills keep, returns their count. */
static long list_kept(uint32_t *keep, size_t max)
{
	struct rlimit limit;
	long result = call(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit), flags;
	size_t count = 0;

	if (result)
		return result;
	for (unsigned long fd = 0; fd < limit.rlim_cur && count < max; fd++) {
		flags = call(SYS_fcntl, fd, F_GETFD);
		if (flags == -ENOTCONN)
			return flags;
		if (flags >= 0 && !(flags & FD_CLOEXEC))
			keep[count++] = (uint32_t)fd;
	}
	return (long)count;
}

/* On the socket, or on the session's stream. */
static int send_exec(int fd, struct session *stream, const char *name, const uint32_t *keep,
		     uint32_t count)
{
	struct rump_sp_exec message = {
		.head =
			{
				.length = (uint32_t)(sizeof(message) + count * sizeof(*keep)),
				.type = RUMP_SP_EXEC,
			},
		.count = count,
	};
	struct iovec pieces[2] = {{&message, sizeof(message)},
				  {(void *)keep, count * sizeof(*keep)}};
	struct msghdr head = {.msg_iov = pieces, .msg_iovlen = 2};
	size_t length = strlen(name);
	long done;

	if (count > KEEP_MAX)
		return -E2BIG;
	memcpy(message.name, name,
	       length < sizeof(message.name) ? length : sizeof(message.name) - 1);
	if (stream)
		return tcp_send_pieces(stream, pieces, 2);
	done = host(SYS_sendmsg, fd, &head, MSG_DONTWAIT | MSG_NOSIGNAL);
	return done < 0 ? (int)done : 0;
}

/* A stream of tcp:// is taken over first: only it can send. */
static int exec_done(int fd, const char *name, const uint32_t *keep, uint32_t count)
{
	struct session *session = &session_own;
	int error;

	if (!connect_is_saved(fd))
		return send_exec(fd, NULL, name, keep, count);
	if (session->state != SESSION_NONE)
		return -EBUSY;
	error = session_adopt(session, fd);
	return error ? error : send_exec(-1, session, name, keep, count);
}

int rumpclient_exec_done(int fd, const char *name, const uint32_t *keep, uint32_t count)
{
	return error_return(exec_done(fd, name, keep, count));
}

void rumpclient_exec_failed(int fd)
{
	struct session *session = session_current();

	if (session->transport == &transport_tcp)
		tcp_unsave(session, fd);
	else
		host(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
}

static bool is_variable(const char *entry)
{
	return !strncmp(entry, VARIABLE "=", sizeof(VARIABLE));
}

/* envp with our variable, in memory that the caller frees. */
static char **with_variable(char *const envp[], const char *variable)
{
	size_t count = 0, out = 0;
	char **copy;

	while (envp && envp[count])
		count++;
	copy = malloc((count + 2) * sizeof(*copy));
	if (!copy)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!is_variable(envp[i]))
			copy[out++] = envp[i];
	copy[out++] = (char *)variable;
	copy[out] = NULL;
	return copy;
}

/*
 * What the new program keeps is written into a memfd that it finds by its number: only the
 * old one can ask for it, and only the new one may send it.
 */
static long kept_file(void)
{
	uint32_t *keep = malloc(KEEP_MAX * sizeof(*keep));
	long fd, count;

	if (!keep)
		return -ENOMEM;
	fd = count = list_kept(keep, KEEP_MAX);
	if (count >= 0) {
		fd = host(SYS_memfd_create, "rumpclient-exec", 0);
		if (fd >= 0 && host(SYS_write, fd, keep, (size_t)count * sizeof(*keep)) !=
				       count * (long)sizeof(*keep)) {
			host_close((int)fd);
			fd = -ENOMEM;
		}
	}
	free(keep);
	return fd;
}

int rumpclient_exec(const char *path, char *const argv[], char *const envp[])
{
	struct config_error variable;
	struct session *session = session_current();
	int error = session_ensure(session), socket;
	char **environment;
	long kept;

	if (error)
		return error_return(error);
	kept = kept_file();
	if (kept < 0)
		return error_return((int)kept);
	socket = rumpclient_fork_socket(NULL);
	if (socket < 0) {
		host_close((int)kept);
		return error_return(socket);
	}
	config_error_set(&variable, VARIABLE "=", config_number((unsigned long)socket).text, ",",
			 config_number((unsigned long)kept).text, NULL);
	environment = with_variable(envp, variable.text);
	if (!environment) {
		rumpclient_exec_failed(socket);
		host_close((int)kept);
		return error_return(-ENOMEM);
	}
	host(SYS_fcntl, socket, F_SETFD, 0);
	execve(path, argv, environment);
	error = errno;
	rumpclient_exec_failed(socket);
	free(environment);
	host_close((int)kept);
	return error_return(-error);
}

/* ---- the new program ---- */

/* "socket,file" */
static bool parse_variable(const char *text, int *ret_socket, int *ret_kept)
{
	const char *comma = strchr(text, ',');
	char socket[16];
	uint64_t a, b;

	if (!comma || (size_t)(comma - text) >= sizeof(socket))
		return false;
	memcpy(socket, text, (size_t)(comma - text));
	socket[comma - text] = '\0';
	if (config_parse_number(socket, INT32_MAX, &a) ||
	    config_parse_number(comma + 1, INT32_MAX, &b))
		return false;
	*ret_socket = (int)a;
	*ret_kept = (int)b;
	return true;
}

int exec_inherited(void)
{
	const char *text = getenv(VARIABLE);
	char name[RUMP_SP_NAME_SIZE] = "";
	int socket = -1, kept = -1, error;
	uint32_t *keep;
	long length;

	if (!text || !parse_variable(text, &socket, &kept))
		return -1;
	unsetenv(VARIABLE);
	host(SYS_fcntl, socket, F_SETFD, FD_CLOEXEC);
	host(SYS_prctl, PR_GET_NAME, name);
	keep = malloc(KEEP_MAX * sizeof(*keep));
	length = keep ? host(SYS_pread64, kept, keep, KEEP_MAX * sizeof(*keep), 0) : -ENOMEM;
	host_close(kept);
	error = length < 0
			? (int)length
			: exec_done(socket, name, keep, (uint32_t)((size_t)length / sizeof(*keep)));
	free(keep);
	if (error) {
		/* the connection is of no use: the process there ends with it */
		host_close(socket);
		return -1;
	}
	return socket;
}

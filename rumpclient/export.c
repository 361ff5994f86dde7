/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export.c - descriptors on their way between processes, and the server's end.
 *
 * An exported file is a socket of the server's that waits in the host's kernel, in which
 * lies the file's handle: it may be queued anywhere, be received by any client of the
 * server, or be thrown away, and the file lives for as long as it does.
 */
#include <string.h>
#include <sys/socket.h>

#include "private.h"

/* What a call has made comes as a message with a descriptor. */
static int take_socket(long id)
{
	struct session *session = session_current();
	struct parked message = {.fd = -1};
	int error;

	if (!is_message_id(id))
		return error_return(is_error(id) ? (int)id : -EPROTO);
	error = fork_take(session, RUMP_SP_SOCKET, id, &message);
	if (error)
		return error_return(error);
	if (message.fd < 0)
		return error_return(-EPROTO);
	fd_make_public(message.fd);
	return message.fd;
}

int rumpclient_export(int rump_fd)
{
	return take_socket(call(RUMP_SP_CALL_EXPORT, rump_fd));
}

int rumpclient_memory(void)
{
	return take_socket(call(RUMP_SP_CALL_MEMORY));
}

int rumpclient_import(int fd)
{
	struct session *session = session_current();
	struct rump_sp_export export;
	long imported;
	long length = host(SYS_recvfrom, fd, &export, sizeof(export), MSG_PEEK | MSG_DONTWAIT, NULL,
			   NULL);
	int error;

	if (length != sizeof(export) || export.magic != RUMP_SP_MAGIC ||
	    export.version != RUMP_SP_VERSION)
		return error_return(-EINVAL);
	error = session_ensure(session);
	if (error)
		return error_return(error);
	if (memcmp(export.server_id, session->server_id, sizeof(export.server_id)))
		return error_return(-EXDEV);
	imported = call(RUMP_SP_CALL_IMPORT, export.handle[0], export.handle[1]);
	return error_return(imported == (int)imported ? (int)imported : -EPROTO);
}

int rumpclient_event(int notifier)
{
	struct session *session = session_current();
	struct parked message = {.fd = -1};
	long id = call(RUMP_SP_CALL_EVENT, notifier);
	int error, fd;

	if (!is_message_id(id))
		return error_return(is_error(id) ? (int)id : -EPROTO);
	error = fork_take(session, RUMP_SP_EVENT, id, &message);
	if (error)
		return error_return(error);
	fd = message.fd;
	if (session->transport->event)
		fd = session->transport->event(
			session, message.fd,
			(const void *)(message.bytes + sizeof(struct rump_sp_message)));
	else if (fd >= 0)
		fd_make_public(fd);
	return error_return(fd == -1 ? -EPROTO : fd);
}

int rumpclient_halt(int flags)
{
	struct session *session = session_current();
	struct rump_sp_halt question = {
		.flags = flags & RUMPCLIENT_HALT_RESTART ? RUMP_SP_HALT_RESTART : 0,
	};
	struct rump_sp_message answer;
	int error;

	if (flags & ~RUMPCLIENT_HALT_RESTART)
		return error_return(-EINVAL);
	error = session_ensure(session);
	if (error)
		return error_return(error);
	return error_return(control_ask(session, RUMP_SP_HALT, &question.head, sizeof(question),
					&answer, sizeof(answer), NULL, 0));
}

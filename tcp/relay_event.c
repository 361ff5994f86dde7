/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay_event.c - between an event of the server's, a socket, and a connection that becomes
 * readable when it is raised.
 *
 * A client that does not read fills its connection, whose relay then waits with it; the end
 * of the session cuts it.
 */
#include "server.h"

/* Takes what is in the socket: 1 with something, 0: nothing, -errno or -ENOTCONN at its end. */
static int take_raises(int event)
{
	char bytes[4096];
	long length = host_call(SYS_read, event, bytes, sizeof(bytes));

	if (length == -EAGAIN || length == -EINTR)
		return 0;
	return length > 0 ? 1 : length ? (int)length : -ENOTCONN;
}

static void run(struct rumpsp_tcp *stream, int event)
{
	struct iovec piece = {"!", 1};

	for (;;) {
		struct pollfd fds[2] = {
			{.fd = event, .events = POLLIN},
			/* nothing is to come from there */
			{.fd = stream_fd(stream), .events = POLLIN | POLLRDHUP},
		};
		int raised;

		if (host_poll(fds, 2, 0) < 0)
			continue;
		if (fds[1].revents)
			return;
		raised = take_raises(event);
		if (raised < 0 || (raised && stream_send(stream, &piece, 1)))
			return;
	}
}

void relay_event(struct rumpsp_tcp *stream, struct parcel *parcel)
{
	struct session_channel attached = {.stream = stream};

	if (session_attach(parcel->session, &attached)) {
		run(stream, parcel->fd);
		session_detach(parcel->session, &attached);
	}
	parcel_free(parcel);
}

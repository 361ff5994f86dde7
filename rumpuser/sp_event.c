/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_event.c - host descriptors that the kernel makes readable, <rump/rump_calls.h>.
 *
 * In this process V is an eventfd.  A client gets one end of a socketpair: the flags of an
 * eventfd would be its own as much as ours, so that it could make our write wait; and the
 * end of a pipe's reader would be a SIGPIPE in whatever thread.  A full socket is readable, too.
 *
 * The kernel gives an event up on a stack of its own, in a thread that may be within
 * malloc().  The memory therefore waits in a list for the control thread, or for the next
 * event that is made.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "sp.h"

struct sp_event {
	int handle; /* of what is written to */
	struct sp_client *owner;
	struct sp_event *next; /* in `dead` */
};

static _Atomic(struct sp_event *) dead;

/* ---- for the kernel ---- */

void event_raise(void *pointer)
{
	const struct sp_event *event = pointer;
	int fd = file_fd(event->handle);
	const uint64_t one = 1;

	if (event->owner)
		host_call(SYS_sendto, fd, &one, 1, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
	else
		host_call(SYS_write, fd, &one, sizeof(one));
}

void event_close(void *pointer)
{
	struct sp_event *event = pointer;

	file_close(event->handle);
	if (event->owner)
		atomic_fetch_sub(&event->owner->host_events, 1);
	/* first: once it is in the list, others may drop its reference to the client.  If the
	 * control thread comes too early, it stays there until the next one */
	if (event->owner)
		sp_notify(event->owner, SP_EVENT_BURY);
	event->next = atomic_load(&dead);
	while (!atomic_compare_exchange_weak(&dead, &event->next, event))
		;
}

/* ---- making them ---- */

void sp_events_bury(void)
{
	struct sp_event *event = atomic_exchange(&dead, NULL), *next;

	for (; event; event = next) {
		next = event->next;
		if (event->owner)
			sp_client_unref(event->owner);
		free(event);
	}
}

/* fds[0] is V, fds[1] what is written to. */
static int make(bool is_clients, int fds[2])
{
	long fd;

	if (is_clients)
		return (int)host_call(SYS_socketpair, AF_UNIX,
				      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
	fd = host_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return (int)fd;
	fds[0] = (int)fd;
	fd = host_call(SYS_fcntl, fds[0], F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		host_close(fds[0]);
		return (int)fd;
	}
	fds[1] = (int)fd;
	return 0;
}

static bool owner_may(struct sp_client *owner)
{
	if (!owner || atomic_fetch_add(&owner->host_events, 1) < SP_EVENTS_MAX)
		return true;
	atomic_fetch_sub(&owner->host_events, 1);
	return false;
}

/* V, not yet a handle. */
static int start(struct sp_client *owner, int notifier)
{
	struct sp_event *event = calloc(1, sizeof(*event));
	int fds[2], error = event ? make(owner, fds) : -ENOMEM;

	if (error) {
		free(event);
		return error;
	}
	event->handle = file_adopt(fds[1]);
	if (event->handle < 0) {
		error = event->handle;
	} else {
		event->owner = owner;
		if (owner)
			sp_client_ref(owner);
		error = rumpuser_upcalls->event_attach(notifier, event);
		if (!error)
			return fds[0];
		if (owner)
			sp_client_unref(owner);
		file_close(event->handle);
	}
	free(event);
	host_close(fds[0]);
	return error;
}

int sp_event(struct sp_client *owner, int notifier)
{
	int fd;

	sp_events_bury();
	if (!owner_may(owner))
		return -ENFILE;
	fd = start(owner, notifier);
	if (fd < 0 && owner)
		atomic_fetch_sub(&owner->host_events, 1);
	return fd < 0 || !owner ? fd : file_adopt(fd);
}

int rumpuser_sp_event(int notifier)
{
	KEEPS_ERRNO;

	if (!kernel_was_made() || kernel_is_forked())
		return -ENXIO;
	return sp_event(NULL, notifier);
}

/* In a child of fork(): they are the parent's, whose handles file.c closes. */
void sp_events_forked(void)
{
	atomic_store(&dead, NULL);
}

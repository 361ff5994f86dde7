/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll.c - epoll sets with descriptors of both sides.
 *
 * The application's epoll descriptor is one of the host.  With its first rump
 * descriptor it gets a companion: an epoll descriptor of the rump kernel that holds
 * those (fdtable.h).  A wait asks both; what blocks is a poll of the two (wait.c).
 *
 * A thread may already be asleep on the host's set when the companion comes: a descriptor
 * that is ready joins the set, with KICK for data, and everyone who sees it looks again.
 *
 * Limit: a set that is nested in another before it has a companion keeps its rump half
 * to itself.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "dispatch.h"
#include "fdtable.h"
#include "placeholder.h"
#include "signals.h"
#include "wait.h"

#define KICK 0x72756d706b69636bUL /* "rumpkick": no pointer, no descriptor */

static int kick_fd = -1;

/* One counter that is always ready serves all sets. */
static int kick(void)
{
	int fd = __atomic_load_n(&kick_fd, __ATOMIC_ACQUIRE), none = -1;

	if (fd >= 0)
		return fd;
	fd = host(SYS_eventfd2, 1, EFD_CLOEXEC);
	if (fd < 0)
		return fd;
	fd = private_fd(fd);
	if (!__atomic_compare_exchange_n(&kick_fd, &none, fd, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		fdtable_set(fd, FDTABLE_HOST);
		host(SYS_close, fd);
		fd = none;
	}
	return fd;
}

static int make_companion(struct call *call, int set)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = KICK};
	int companion = fdtable_companion(set), other;
	long result;

	if (companion >= 0)
		return companion;
	if (fdtable_reserve(set))
		return -EMFILE;
	companion = rump(call, SYS_epoll_create1, EPOLL_CLOEXEC);
	if (companion < 0)
		return companion;
	other = fdtable_set_companion(set, companion);
	if (other >= 0) {
		/* another thread was faster, and may have added to its own already */
		fdtable_set_companion(set, other);
		rump(call, SYS_close, companion);
		return other;
	}
	/* whoever wakes up by this finds the companion; only an epoll descriptor takes it */
	result = host(SYS_epoll_ctl, set, EPOLL_CTL_ADD, kick(), &event);
	if (is_error(result) && result != -EEXIST) {
		fdtable_set_companion(set, -1);
		rump(call, SYS_close, companion);
		return result;
	}
	return companion;
}

long handle_epoll_ctl(struct call *call)
{
	int set = call->args[0], fd = call->args[2], companion;
	int rump_fd = fdtable_get(fd);
	const long *args = call->args;
	long result;

	if (fdtable_get(set) == FDTABLE_PRIVATE || rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (fdtable_get(set) >= 0)
		return -EINVAL; /* a rump descriptor, but no epoll descriptor is one */
	if (rump_fd >= 0) {
		companion = make_companion(call, set);
		if (companion < 0)
			return companion;
		{
			const long theirs[6] = {companion, args[1], rump_fd, args[3]};

			return rump_call(call, theirs);
		}
	}
	result = host_call(call);
	companion = fdtable_companion(fd);
	if (!result && companion >= 0) {
		int outer = make_companion(call, set);

		if (outer >= 0)
			result = rump(call, SYS_epoll_ctl, outer, args[1], companion, args[3]);
	}
	return result;
}

/* Takes the kick out of what a wait gave; whether it was there. */
static bool drop_kick(int set, struct epoll_event *events, long *count)
{
	struct epoll_event event;

	for (long i = 0; i < *count; i++) {
		if (user_copy(&event, &events[i], sizeof(event)) || event.data.u64 != KICK)
			continue;
		user_copy(&events[i], &events[*count - 1], sizeof(event));
		--*count;
		host(SYS_epoll_ctl, set, EPOLL_CTL_DEL, kick(), &event);
		return true;
	}
	return false;
}

/* What is ready now on both sides. */
static long collect(struct call *call, int companion, struct epoll_event *events, int max)
{
	long ready = rump(call, SYS_epoll_wait, companion, events, max, 0), more;

	if (ready < 0 || ready == max)
		return ready;
	more = host(SYS_epoll_wait, call->args[0], events + ready, max - ready, 0);
	if (is_error(more))
		return ready ? ready : more;
	drop_kick(call->args[0], events + ready, &more);
	return ready + more;
}

static long deadline_of(struct call *call, unsigned long *until)
{
	struct timespec timeout;
	int milliseconds = call->args[3];

	*until = WAIT_FOREVER;
	if (call->nr == SYS_epoll_pwait2) {
		if (!call->args[3])
			return 0;
		if (user_copy(&timeout, (void *)call->args[3], sizeof(timeout)))
			return -EFAULT;
		return wait_deadline(&timeout, until);
	}
	if (milliseconds >= 0)
		*until = milliseconds ? wait_now() + milliseconds * 1000000UL : 0;
	return 0;
}

long handle_epoll_wait(struct call *call)
{
	int set = call->args[0], max = call->args[2], companion;
	struct epoll_event *events = (struct epoll_event *)call->args[1];
	unsigned long until, mask, *masked = NULL;
	long result;

	if (fdtable_get(set) == FDTABLE_PRIVATE)
		return -EBADF;
	if (fdtable_get(set) >= 0 || max <= 0)
		return -EINVAL;
	if (call->nr != SYS_epoll_wait && call->args[4]) {
		result = signals_strip((void *)call->args[4], call->args[5], &mask);
		if (result)
			return result;
		masked = &mask;
	}
	result = deadline_of(call, &until);
	if (result)
		return result;
	companion = fdtable_companion(set);
	if (companion < 0) {
		struct call host = *call;

		if (call->nr != SYS_epoll_wait)
			host.args[4] = (long)masked;
		result = host_call(&host);
		if (result <= 0 || is_error(result) || !drop_kick(set, events, &result) || result)
			return result;
		companion = fdtable_companion(set);
		if (companion < 0)
			return 0;
	}
	for (;;) {
		/* wait_poll() finds the companion by itself */
		struct pollfd both = {set, POLLIN, 0};

		result = collect(call, companion, events, max);
		if (result || !until)
			return result;
		result = wait_poll(call, &both, 1, until, masked);
		if (result <= 0)
			return result;
	}
}

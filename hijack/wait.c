/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.c - poll and select on descriptors of both sides.
 *
 * A set that is all the host's or all the rump kernel's sleeps there.  In a mixed one the
 * thread sleeps on the host, and an event of the host's stands for the rump descriptors
 * (poller.c).  Nothing polls, and no other thread helps.
 *
 * An epoll descriptor is the host's; its rump half makes it readable (epoll.c).
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>

#include "dispatch.h"
#include "epoll.h"
#include "fdtable.h"
#include "plain.h"
#include "signals.h"
#include "wait.h"

#define ON_STACK 16 /* entries that need no mapping */
#define SECOND 1000000000UL
#define NO_FD 0x7fffffff /* gives POLLNVAL */

unsigned long wait_now(void)
{
	struct timespec now;

	host(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

int wait_deadline(const struct timespec *timeout, unsigned long *ret_until)
{
	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= (long)SECOND)
		return -EINVAL;
	if (!timeout->tv_sec && !timeout->tv_nsec)
		*ret_until = 0;
	else if (timeout->tv_sec > 1L << 33)
		*ret_until = WAIT_FOREVER; /* 270 years */
	else
		*ret_until = wait_now() + timeout->tv_sec * SECOND + timeout->tv_nsec;
	return 0;
}

struct timespec *wait_left(unsigned long until, struct timespec *left)
{
	unsigned long now;

	if (until == WAIT_FOREVER)
		return NULL;
	*left = (struct timespec){0, 0};
	if (until && until > (now = wait_now())) {
		left->tv_sec = (until - now) / SECOND;
		left->tv_nsec = (until - now) % SECOND;
	}
	return left;
}

/* What sort() notes for merge() in revents, since another thread may change the table. */
enum { NO_SIDE, HOST_SIDE = 1, RUMP_SIDE = 2 };

static void sort(struct pollfd *fds, unsigned int count, struct sides *ret)
{
	ret->host_count = ret->rump_count = 0;
	for (unsigned int i = 0; i < count; i++) {
		int fd = fds[i].fd, value = fd < 0 ? FDTABLE_HOST : fdtable_get(fd);

		fds[i].revents = fd < 0 ? NO_SIDE : value < 0 ? HOST_SIDE : RUMP_SIDE;
		/* inotify and fanotify */
		if (fdtable_on_host(value) && value != FDTABLE_HOST) {
			fds[i].revents = HOST_SIDE | RUMP_SIDE;
			value = fdtable_companion(fd);
		}
		if (fds[i].revents & RUMP_SIDE)
			ret->rump[ret->rump_count++] = (struct pollfd){value, fds[i].events, 0};
		if (fds[i].revents & HOST_SIDE)
			ret->host[ret->host_count++] = (struct pollfd){
				value == FDTABLE_PRIVATE ? NO_FD : fd, fds[i].events, 0};
	}
}

/* Back to the application's entries, in the order of sort(). */
static long merge(struct pollfd *fds, unsigned int count, const struct sides *sides)
{
	const struct pollfd *on_host = sides->host, *in_rump = sides->rump;
	long ready = 0;

	for (unsigned int i = 0; i < count; i++) {
		short side = fds[i].revents;

		fds[i].revents = 0;
		if (side & HOST_SIDE)
			fds[i].revents |= on_host++->revents;
		if (side & RUMP_SIDE)
			fds[i].revents |= in_rump++->revents;
		ready += fds[i].revents != 0;
	}
	return ready;
}

static long poll_rump(struct call *call, struct pollfd *fds, unsigned int count,
		      unsigned long until, const unsigned long *mask)
{
	struct timespec left;
	const long args[6] = {(long)fds, count, (long)wait_left(until, &left), 0, 8};

	return rump_masked(call, SYS_ppoll, args, mask);
}

static long poll_host(struct pollfd *fds, unsigned int count, unsigned long until,
		      const unsigned long *mask)
{
	struct timespec left;

	return host(SYS_ppoll, fds, count, wait_left(until, &left), mask, 8);
}

/* Both without waiting; a signal that the mask lets in counts if nothing is ready. */
static long look_at_both(struct call *call, struct sides *sides, const unsigned long *mask)
{
	long in_rump = poll_rump(call, sides->rump, sides->rump_count, 0, NULL), on_host;

	if (in_rump < 0)
		return in_rump;
	on_host = poll_host(sides->host, sides->host_count, 0, in_rump ? NULL : mask);
	return is_error(on_host) ? on_host : in_rump + on_host;
}

/*
 * Epoll descriptors whose rump half has nothing after all are looked at again, without that:
 * how many of the ready entries stay.
 */
static long settle(struct call *call, struct sides *sides, long ready)
{
	for (unsigned int i = 0; i < sides->host_count; i++) {
		struct pollfd *entry = &sides->host[i];

		if (!(entry->revents & (POLLIN | POLLRDNORM)) ||
		    fdtable_get(entry->fd) != FDTABLE_HOST || fdtable_companion(entry->fd) < 0 ||
		    epoll_is_ready(call, entry->fd))
			continue;
		if (poll_host(entry, 1, 0, NULL) != 1)
			ready--;
	}
	return ready;
}

static long wait_once(struct call *call, struct sides *sides, unsigned long until,
		      const unsigned long *mask)
{
	if (!sides->rump_count)
		return poll_host(sides->host, sides->host_count, until, mask);
	if (!sides->host_count)
		return poll_rump(call, sides->rump, sides->rump_count, until, mask);
	if (!until)
		return look_at_both(call, sides, mask);
	return poller_wait(call, sides, until, mask);
}

static long wait_sides(struct call *call, struct sides *sides, unsigned long until,
		       const unsigned long *mask)
{
	long ready;

	for (;;) {
		ready = wait_once(call, sides, until, mask);
		if (ready > 0)
			ready = settle(call, sides, ready);
		/* the thread has slept: a handler since then has interrupted the wait */
		if (!ready && until && self.handled != sides->handled)
			return -EINTR;
		if (ready || !until || (until != WAIT_FOREVER && wait_now() >= until))
			return ready;
	}
}

long wait_poll(struct call *call, struct pollfd *fds, unsigned int count, unsigned long until,
	       const unsigned long *mask)
{
	struct pollfd few[2][ON_STACK + 1];
	struct sides sides = {few[0], few[1], 0, 0, self.handled};
	unsigned long size = 0;
	long memory, result;

	if (count > ON_STACK) {
		size = 2 * (count + 1UL) * sizeof(*fds);
		memory = host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (is_error(memory))
			return -ENOMEM;
		sides.host = (struct pollfd *)memory;
		sides.rump = sides.host + count + 1;
	}
	sort(fds, count, &sides);
	result = wait_sides(call, &sides, until, mask);
	if (result >= 0)
		result = merge(fds, count, &sides);
	if (size)
		host(SYS_munmap, sides.host, size);
	return result;
}

/* ---- poll, ppoll ---- */

/*
 * Whether the wait is more than the host's: a rump descriptor, or an epoll descriptor with a
 * rump half.  One that gets it while we wait shall be readable by it.
 */
static bool concerns_rump(struct call *call, const struct pollfd *theirs, unsigned int count)
{
	struct pollfd some[8];
	bool result = false;

	if (fdtable_next(0) < 0 && !(fdtable_has_lonely() && may_be_cancelled()))
		return false;
	for (unsigned int at = 0; at < count; at += 8) {
		unsigned int n = count - at < 8 ? count - at : 8;

		if (user_copy(some, theirs + at, n * sizeof(*some)))
			return false; /* the host says EFAULT */
		for (unsigned int i = 0; i < n; i++) {
			if (some[i].fd < 0)
				continue;
			epoll_share(call, some[i].fd);
			result |= fdtable_get(some[i].fd) != FDTABLE_HOST ||
				  fdtable_companion(some[i].fd) >= 0;
		}
	}
	return result;
}

/* The mask argument of a call, at its pointer; NULL in *ret: none. */
static int fetch_mask(long at, long size, unsigned long *mask, unsigned long **ret)
{
	*ret = NULL;
	if (!at)
		return 0;
	*ret = mask;
	return signals_strip((const void *)at, size, mask);
}

static long host_ppoll(struct call *call)
{
	unsigned long mask, *masked;
	int error = fetch_mask(call->args[3], call->args[4], &mask, &masked);

	if (error)
		return error;
	return host(SYS_ppoll, call->args[0], call->args[1], call->args[2], masked, call->args[4]);
}

/* Writes back what is left of a timeout, as the kernel does for ppoll and select. */
static void store_left(long at, unsigned long until, bool is_timeval)
{
	struct timespec left;

	if (!at || !wait_left(until, &left))
		return;
	if (is_timeval)
		left.tv_nsec /= 1000;
	user_copy((void *)at, &left, sizeof(left));
}

long handle_poll(struct call *call)
{
	struct pollfd *theirs = (struct pollfd *)call->args[0], few[ON_STACK], *fds = few;
	unsigned int count = call->args[1];
	unsigned long until = WAIT_FOREVER, mask, *masked = NULL, size = count * sizeof(*fds);
	struct timespec timeout;
	long result, memory;
	int error;

	if (!concerns_rump(call, theirs, count))
		return call->nr == SYS_ppoll ? host_ppoll(call) : host_call(call);
	if (call->nr == SYS_poll) {
		int milliseconds = call->args[2];

		if (milliseconds >= 0)
			until = milliseconds ? wait_now() + milliseconds * 1000000UL : 0;
	} else {
		if (call->args[2]) {
			if (user_copy(&timeout, (void *)call->args[2], sizeof(timeout)))
				return -EFAULT;
			error = wait_deadline(&timeout, &until);
			if (error)
				return error;
		}
		error = fetch_mask(call->args[3], call->args[4], &mask, &masked);
		if (error)
			return error;
	}
	if (count > ON_STACK) {
		memory = host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (is_error(memory))
			return -ENOMEM;
		fds = (struct pollfd *)memory;
	}
	result = -EFAULT;
	if (!user_copy(fds, theirs, size)) {
		result = wait_poll(call, fds, count, until, masked);
		for (unsigned int i = 0; result >= 0 && i < count; i++)
			if (user_copy(&theirs[i].revents, &fds[i].revents, sizeof(short)))
				result = -EFAULT;
		if (call->nr == SYS_ppoll)
			store_left(call->args[2], until, false);
	}
	if (fds != few)
		host(SYS_munmap, fds, size);
	return result;
}

/* ---- select, pselect6 ---- */

#define READ_EVENTS (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define WRITE_EVENTS (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define EXCEPT_EVENTS POLLPRI

static const short select_events[3] = {READ_EVENTS, WRITE_EVENTS, EXCEPT_EVENTS};

/* Sets larger than FD_SETSIZE are legal for the kernel. */
struct sets {
	unsigned long *word[3]; /* copies of the application's, or NULL */
	unsigned int words;
	unsigned int fds;
};

static bool is_in(const unsigned long *words, unsigned int fd)
{
	return words && words[fd / 64] >> (fd % 64) & 1;
}

static bool sets_concern_rump(struct call *call, const struct sets *sets)
{
	for (unsigned int fd = 0; fdtable_has_lonely() && fd < sets->fds; fd++)
		if (is_in(sets->word[0], fd))
			epoll_share(call, fd);
	for (int fd = fdtable_next(0); fd >= 0 && (unsigned int)fd < sets->fds;
	     fd = fdtable_next(fd + 1))
		for (int i = 0; i < 3; i++)
			if (is_in(sets->word[i], fd))
				return true;
	return false;
}

static long select_by_poll(struct call *call, struct sets *sets, struct pollfd *fds,
			   unsigned long until, const unsigned long *mask)
{
	unsigned int count = 0;
	long result, ready = 0;

	for (unsigned int fd = 0; fd < sets->fds; fd++) {
		short events = 0;

		for (int i = 0; i < 3; i++)
			if (is_in(sets->word[i], fd))
				events |= select_events[i];
		if (events)
			fds[count++] = (struct pollfd){fd, events, 0};
	}
	result = wait_poll(call, fds, count, until, mask);
	if (result < 0)
		return result;
	for (unsigned int k = 0; k < count; k++) {
		if (fds[k].revents & POLLNVAL)
			return -EBADF;
		for (int i = 0; i < 3; i++) {
			unsigned int fd = fds[k].fd;

			if (!is_in(sets->word[i], fd))
				continue;
			if (fds[k].revents & select_events[i])
				ready++;
			else
				sets->word[i][fd / 64] &= ~(1UL << (fd % 64));
		}
	}
	return ready;
}

static long select_timeout(struct call *call, unsigned long *until)
{
	struct timespec timeout;

	*until = WAIT_FOREVER;
	if (!call->args[4])
		return 0;
	if (user_copy(&timeout, (void *)call->args[4], sizeof(timeout)))
		return -EFAULT;
	if (call->nr == SYS_select) {
		if (timeout.tv_sec < 0 || timeout.tv_nsec < 0)
			return -EINVAL;
		timeout.tv_sec += timeout.tv_nsec / 1000000;
		timeout.tv_nsec = timeout.tv_nsec % 1000000 * 1000;
	}
	return wait_deadline(&timeout, until);
}

long handle_select(struct call *call)
{
	struct {
		long at, size;
	} masks = {0, 0};
	unsigned int count = call->args[0];
	unsigned long size, set_size, until, mask, *masked = NULL;
	struct sets sets = {.fds = count, .words = (count + 63) / 64};
	long result, memory;
	struct call host = *call;

	if (call->nr == SYS_pselect6 && call->args[5]) {
		if (user_copy(&masks, (void *)call->args[5], sizeof(masks)))
			return -EFAULT;
		result = fetch_mask(masks.at, masks.size, &mask, &masked);
		if (result)
			return result;
		masks.at = (long)masked;
		host.args[5] = (long)&masks;
	}
	if ((fdtable_next(0) < 0 && !(fdtable_has_lonely() && may_be_cancelled())) ||
	    (int)count <= 0 || count > 1 << 20)
		return host_call(&host);
	set_size = sets.words * 8UL;
	size = 3 * set_size + count * sizeof(struct pollfd);
	memory =
		host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(memory))
		return -ENOMEM;
	result = 0;
	for (int i = 0; i < 3; i++) {
		if (!call->args[1 + i])
			continue;
		sets.word[i] = (unsigned long *)(memory + i * set_size);
		if (user_copy(sets.word[i], (void *)call->args[1 + i], set_size))
			result = -EFAULT;
	}
	if (!result && !sets_concern_rump(call, &sets)) {
		host(SYS_munmap, memory, size);
		return host_call(&host);
	}
	if (!result)
		result = select_timeout(call, &until);
	if (!result) {
		result = select_by_poll(call, &sets, (struct pollfd *)(memory + 3 * set_size),
					until, masked);
		for (int i = 0; result >= 0 && i < 3; i++)
			if (sets.word[i] &&
			    user_copy((void *)call->args[1 + i], sets.word[i], set_size))
				result = -EFAULT;
		store_left(call->args[4], until, call->nr == SYS_select);
	}
	host(SYS_munmap, memory, size);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c - inotify and fanotify with marks on both sides.
 *
 * The application's descriptor is one of the host.  With its first mark in the rump kernel
 * it gets a companion, a descriptor of the rump kernel that has those, as an epoll
 * descriptor does: waits find it there.  Its value in the table says that a read has two
 * places to look at.
 *
 * Both kernels number their watches from 1.  Programs use the numbers to index arrays, so
 * those of the side that came first stay as they are and the others' are RAISED.
 *
 * Limit: a thread that sleeps in a read or a wait when the companion comes does not see its
 * events before it is woken by something else.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "fdtable.h"
#include "links.h"
#include "own.h"
#include "signals.h"
#include "wait.h"
#include "watch.h"

#define RAISED 0x20000000

/* ---- the companion ---- */

enum kind { KIND_NONE, KIND_INOTIFY, KIND_FANOTIFY };

static bool is_link_to(const char *link, const char *text)
{
	char target[40];
	long length = host(SYS_readlink, link, target, sizeof(target));

	return length == (long)strlen(text) && !memcmp(target, text, length);
}

static enum kind kind_of(int fd)
{
	char link[40];

	put_decimal(put_text(link, "/proc/self/fd/"), fd);
	if (is_link_to(link, "anon_inode:inotify"))
		return KIND_INOTIFY;
	return is_link_to(link, "anon_inode:[fanotify]") ? KIND_FANOTIFY : KIND_NONE;
}

/* Behind `word` in the host's fdinfo of fd, or NULL. */
static const char *find_info(int fd, const char *word, char *buffer, long size)
{
	char path[40];
	long info, length;
	size_t n = strlen(word);

	put_decimal(put_text(path, "/proc/self/fdinfo/"), fd);
	info = host(SYS_open, path, O_RDONLY | O_CLOEXEC);
	if (is_error(info))
		return NULL;
	length = host(SYS_read, info, buffer, size - 1);
	host(SYS_close, info);
	if (is_error(length))
		return NULL;
	buffer[length] = '\0';
	for (const char *at = buffer; *at; at++)
		if (!strncmp(at, word, n))
			return at + n;
	return NULL;
}

static unsigned int get_hex(const char *text)
{
	unsigned int value = 0;

	for (; text && *text; text++) {
		if (*text >= '0' && *text <= '9')
			value = value << 4 | (*text - '0');
		else if (*text >= 'a' && *text <= 'f')
			value = value << 4 | (*text - 'a' + 10);
		else
			break;
	}
	return value;
}

/* Non-blocking in any case: who waits, waits for both. */
static long make_half(struct call *call, int fd, enum kind kind)
{
	char info[512];
	unsigned int flags, event_flags;

	if (kind == KIND_INOTIFY)
		return rump(call, SYS_inotify_init1, IN_NONBLOCK | IN_CLOEXEC);
	flags = get_hex(find_info(fd, "fanotify flags:", info, sizeof(info)));
	event_flags = get_hex(find_info(fd, "event-flags:", info, sizeof(info)));
	return rump(call, SYS_fanotify_init, flags | FAN_NONBLOCK | FAN_CLOEXEC, event_flags);
}

static int companion_of(struct call *call, int fd, enum kind wanted)
{
	int companion = fdtable_companion(fd), other, value = FDTABLE_MIXED;
	char info[512];
	enum kind kind;

	if (companion >= 0)
		return companion;
	if (is_error(host(SYS_fcntl, fd, F_GETFD)))
		return -EBADF;
	kind = kind_of(fd);
	if (kind != wanted)
		return -EINVAL;
	if (kind == KIND_INOTIFY && !find_info(fd, "inotify wd:", info, sizeof(info)))
		value = FDTABLE_MIXED_RUMP;
	if (fdtable_reserve(fd))
		return -EMFILE;
	companion = make_half(call, fd, kind);
	if (companion < 0)
		return companion;
	other = fdtable_set_companion(fd, companion);
	if (other >= 0) {
		/* another thread was faster */
		fdtable_set_companion(fd, other);
		rump(call, SYS_close, companion);
		return other;
	}
	fdtable_set(fd, value);
	return companion;
}

/* ---- marks ---- */

/* Whether watches of that side have numbers of their own. */
static bool is_raised(int fd, bool is_rump)
{
	int value = fdtable_get(fd);

	return value == (is_rump ? FDTABLE_MIXED : FDTABLE_MIXED_RUMP);
}

static long add_mark(struct call *call, const struct resolved *resolved, enum kind kind)
{
	int fd = call->args[0], companion;
	long args[6], result;

	/* a descriptor of the rump kernel is neither of them */
	if (fdtable_get(fd) >= 0)
		return -EINVAL;
	companion = companion_of(call, fd, kind);
	if (companion < 0)
		return companion;
	memcpy(args, resolved->args, sizeof(args));
	args[0] = companion;
	result = rump_call(call, args);
	return result >= 0 && kind == KIND_INOTIFY && is_raised(fd, true) ? result + RAISED
									  : result;
}

static bool is_flush(struct call *call)
{
	return call->nr == SYS_fanotify_mark && call->args[1] & FAN_MARK_FLUSH;
}

/* inotify_add_watch, fanotify_mark */
long handle_watch(struct call *call)
{
	enum kind kind = call->nr == SYS_inotify_add_watch ? KIND_INOTIFY : KIND_FANOTIFY;
	int path_at = kind == KIND_INOTIFY ? 1 : 4, fd = call->args[0];
	struct scratch scratch = {NULL};
	struct resolved resolved;
	bool is_second = false;
	struct place place;
	long result;

	if (fdtable_get(fd) == FDTABLE_PRIVATE)
		return -EBADF;
	if (is_flush(call)) {
		int companion = fdtable_companion(fd);

		result = companion < 0 ? 0
				       : rump(call, SYS_fanotify_mark, companion, call->args[1], 0,
					      AT_FDCWD, NULL);
		return result < 0 ? result : host_call(call);
	}
	do {
		result = place_find(call, kind == KIND_INOTIFY ? AT_FDCWD : (int)call->args[3],
				    (const char *)call->args[path_at], &scratch, 0, &place);
		if (!result && kind == KIND_INOTIFY && place.dirfd != AT_FDCWD)
			result = own_as_text(call, &scratch, 0, &place);
		if (result)
			break;
		memcpy(resolved.args, call->args, sizeof(resolved.args));
		resolved.args[path_at] = (long)place.path;
		if (kind == KIND_FANOTIFY)
			resolved.args[3] = place.dirfd;
		if (place.side == ROUTE_HOST) {
			memcpy(call->args, resolved.args, sizeof(resolved.args));
			result = host_call(call);
			if (!is_error(result) && kind == KIND_INOTIFY && is_raised(fd, false))
				result += RAISED;
			break;
		}
		result = add_mark(call, &resolved, kind);
	} while (result == -ENOENT && links_followed(call, &scratch, &is_second, &result));
	scratch_free(&scratch);
	return result;
}

long handle_unwatch(struct call *call)
{
	int fd = call->args[0], watch = call->args[1], value = fdtable_get(fd);
	bool is_high = watch >= RAISED;

	if (value != FDTABLE_MIXED && value != FDTABLE_MIXED_RUMP)
		return handle_fd(call);
	if (is_high)
		watch -= RAISED;
	if (is_high == (value == FDTABLE_MIXED))
		return rump(call, SYS_inotify_rm_watch, fdtable_companion(fd), watch);
	return host(SYS_inotify_rm_watch, fd, watch);
}

/* ---- events ---- */

static long raise_watches(char *events, long length)
{
	struct inotify_event event;

	for (long at = 0; at + (long)sizeof(event) <= length; at += sizeof(event) + event.len) {
		if (user_copy(&event, events + at, sizeof(event)))
			return -EFAULT;
		/* -1: the queue has overflown */
		if (event.wd < 0)
			continue;
		event.wd += RAISED;
		if (user_copy(events + at, &event, sizeof(event)))
			return -EFAULT;
	}
	return length;
}

/* The files that fanotify has opened get numbers of the application's. */
static long install_files(struct call *call, int fd, char *events, long length)
{
	struct fanotify_event_metadata event;
	char info[512];
	unsigned int flags = get_hex(find_info(fd, "event-flags:", info, sizeof(info)));

	for (long at = 0; at + (long)sizeof(event) <= length; at += event.event_len) {
		if (user_copy(&event, events + at, sizeof(event)))
			return -EFAULT;
		if (event.event_len < sizeof(event))
			break;
		if (event.fd < 0)
			continue;
		event.fd = install_fd(call, event.fd, flags & O_CLOEXEC);
		if (event.fd < 0)
			event.fd = FAN_NOFD;
		if (user_copy(events + at, &event, sizeof(event)))
			return -EFAULT;
	}
	return length;
}

/* What is there on both sides, the rump kernel's first. -EAGAIN: nothing. */
static long take(struct call *call, int fd, int value, enum kind kind, char *to, long size)
{
	long first = rump(call, SYS_read, fdtable_companion(fd), to, size), more;
	struct pollfd ready = {fd, POLLIN, 0};
	struct timespec now = {0, 0};

	if (first < 0 && first != -EAGAIN)
		return first;
	if (first > 0 && kind == KIND_FANOTIFY)
		first = install_files(call, fd, to, first);
	else if (first > 0 && value == FDTABLE_MIXED)
		first = raise_watches(to, first);
	if (first < 0 && first != -EAGAIN)
		return first;
	if (first < 0)
		first = 0;
	if (first == size || host(SYS_ppoll, &ready, 1, &now, NULL, 8) <= 0)
		return first ? first : -EAGAIN;
	more = host(SYS_read, fd, to + first, size - first);
	if (!is_error(more) && kind == KIND_INOTIFY && value == FDTABLE_MIXED_RUMP)
		more = raise_watches(to + first, more);
	if (is_error(more))
		return first ? first : more;
	return first + more;
}

static long read_events(struct call *call, int value)
{
	int fd = call->args[0];
	char *to = (char *)call->args[1];
	long size = call->args[2], result;
	enum kind kind = kind_of(fd);
	struct iovec part;

	if (call->nr == SYS_readv) {
		if (user_copy(&part, (const void *)call->args[1], sizeof(part)))
			return -EFAULT;
		to = part.iov_base;
		size = part.iov_len;
	}
	if (size < 0)
		return -EINVAL;
	for (;;) {
		struct pollfd both = {fd, POLLIN, 0};

		result = take(call, fd, value, kind, to, size);
		if (result != -EAGAIN || host(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK)
			return result;
		/* it finds the companion by itself */
		result = wait_poll(call, &both, 1, WAIT_FOREVER, NULL);
		if (result < 0 && (result != -EINTR || !signals_may_restart()))
			return result;
	}
}

/* An answer to a question of fanotify's goes to the side that has asked. */
static long answer(struct call *call)
{
	struct fanotify_response response;
	int rump_fd;

	if ((unsigned long)call->args[2] < sizeof(response) ||
	    user_copy(&response, (const void *)call->args[1], sizeof(response)))
		return host_call(call);
	rump_fd = fdtable_get(response.fd);
	if (rump_fd < 0)
		return host_call(call);
	response.fd = rump_fd;
	return rump(call, SYS_write, fdtable_companion(call->args[0]), &response, sizeof(response));
}

long watch_pending(struct call *call, int *ret)
{
	int there = 0;
	long result = host(SYS_ioctl, call->args[0], FIONREAD, ret);

	if (result)
		return result;
	result = rump(call, SYS_ioctl, fdtable_companion(call->args[0]), FIONREAD, &there);
	*ret += there;
	return result;
}

long watch_call(struct call *call, int value)
{
	switch (call->nr) {
	case SYS_read:
	case SYS_readv:
		return read_events(call, value);
	case SYS_write:
		return answer(call);
	}
	return host_call(call);
}

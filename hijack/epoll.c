/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll.c - epoll sets with descriptors of both sides.
 *
 * Theory of operation
 * ===================
 * The application's epoll descriptor E is one of the host, and who waits for it sleeps
 * there.  With its first rump descriptor it gets a rump half:
 *
 *	R	an epoll descriptor of the rump kernel, which has the rump descriptors
 *	N	its notifier, <rump/rump_calls.h>
 *	V	an event of the host, in E, that N raises
 *
 * epoll_wait: wait on the host; if V is among the events, drop it, empty V and ask R.
 * What R has may stay ready, so R is asked first until it has nothing more (`pending` is
 * set); then V has been emptied and N is armed again.  While only host descriptors are
 * ready the rump kernel is not entered.
 *
 * Sets that are shared.  Over a fork E, R, N and V are the same for parent and child, and N
 * raises V whoever waits.  Each emptying of V is followed by a question to R, and if that
 * has something N raises V again: no waiter takes the others' wake-up away.  An E that is
 * nested in another one or polled is readable by V.
 *
 * Sets that are lonely (fdtable.h), with the kernel in this process.  Raising V costs a
 * call of the host, and mostly nobody waits: the program itself is at work.  So N looks at
 * words in our memory whether somebody does, and tells there what `pending` it sees.
 * Waiters are counted for all lonely sets, since a thread may be asleep before there is a
 * rump half.  With the kernel elsewhere N has its own words; but while nobody else waits R is
 * asked quietly, which raises no V for what we come back for anyway, and changes of a
 * lonely set go along with that question: interest.c.
 *
 *	waiter: waiters++, is it pending?	N: pending = 1, is anybody waiting?
 *
 * Over tcp:// V is a connection, and may tell of an event after a wait has returned that
 * should have had it.  There R is asked at the beginning of each wait; a poll of E, or of a
 * set that E is nested in, sees it later.
 *
 * Handlers of signals may leave a wait by longjmp().  What is left behind then is a count
 * that is too high, or a V that is still raised: both cost time only.  Between the emptying
 * of V and the question to R no handler runs.
 *
 * Limit: a process that shares E without its rump half (forked before the first rump
 * descriptor came, or E came by SCM_RIGHTS from a program that is not ours) cannot answer
 * V.  It is told once, and then looks every now and then.
 */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include <rump/rump_calls.h>

#include "boot.h"
#include "dispatch.h"
#include "epoll.h"
#include "fdtable.h"
#include "interest.h"
#include "placeholder.h"
#include "plain.h"
#include "signals.h"
#include "wait.h"

#define KICK 0x72756d706b69636bUL /* "rumpkick": no pointer, no descriptor */
#define LOOK_AGAIN (-4000L)	  /* no errno value */
#define STRANGERS_PAUSE 10000000L /* ns */

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum mode {
	LONELY,	  /* N has words of ours */
	UNSHARED, /* it may have, but others may wait now: NOTIFY_SHARE comes first */
	SHARED,
};

struct set {
	struct interest changes; /* that R does not know yet */
	int epoll, notifier;	 /* R and N */
	int event;		 /* V */
	uint8_t mode;
	bool is_used;
	/* R alone has filled the last answer: the host's turn */
	bool is_hosts_turn;
	/* V comes by a network, later than what it tells of: R is asked each time */
	bool is_late;
};

/* Never given back: a thread may be waiting for a set that another one closes. */
#define SETS 128
#define BLOCKS 128
static struct set *blocks[BLOCKS];

static struct set *set_at(int number)
{
	return number < 0
		       ? NULL
		       : &__atomic_load_n(&blocks[number / SETS], __ATOMIC_ACQUIRE)[number % SETS];
}

static struct set *set_of(int fd)
{
	return fdtable_get(fd) == FDTABLE_HOST ? set_at(fdtable_companion(fd)) : NULL;
}

static int set_new(void)
{
	for (int b = 0; b < BLOCKS; b++) {
		struct set *block = __atomic_load_n(&blocks[b], __ATOMIC_ACQUIRE), *none = NULL;

		if (!block) {
			long memory =
				host(SYS_mmap, 0, SETS * sizeof(*block), PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (is_error(memory))
				return -ENOMEM;
			block = (struct set *)memory;
			if (!__atomic_compare_exchange_n(&blocks[b], &none, block, 0,
							 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
				host(SYS_munmap, block, SETS * sizeof(*block));
				block = none;
			}
		}
		for (int i = 0; i < SETS; i++)
			if (!__atomic_exchange_n(&block[i].is_used, true, __ATOMIC_ACQUIRE))
				return b * SETS + i;
	}
	return -EMFILE;
}

static void set_free(int number)
{
	/* a child in shared memory has descriptors of its own, but no sets */
	interest_end(&set_at(number)->changes, number);
	if (!self.spawned)
		__atomic_store_n(&set_at(number)->is_used, false, __ATOMIC_RELEASE);
}

/* Where changes of a set go to. fd: E, if that matters. */
static struct interest_of changes_of(int number, int fd)
{
	struct set *set = set_at(number);

	return (struct interest_of){&set->changes, number, set->epoll, set->notifier, fd};
}

static void tell_changes(struct call *call, int number)
{
	struct interest_of of = changes_of(number, -1);

	interest_wait(call, &of, NULL, 0, 0);
}

void epoll_leave(struct call *call, int fd)
{
	int number = interest_set_of(fd);

	if (number >= 0)
		tell_changes(call, number);
	interest_forget(fd);
}

/* ---- sharing ---- */

/* Asks N after V has been emptied whether R has something, which raises V again. */
static bool is_ready(struct call *call, struct set *set)
{
	long ready;

	self.inside++;
	event_drain(set->event);
	ready = rump(call, RUMP_SYS_NOTIFY_LOOK, set->notifier);
	self.inside--;
	if (self.deferred && !self.inside)
		signals_deliver();
	return ready > 0;
}

static void make_shared(struct call *call, struct set *set)
{
	if (__atomic_load_n(&set->mode, __ATOMIC_ACQUIRE) == SHARED)
		return;
	if (rump(call, RUMP_SYS_NOTIFY_SHARE, set->notifier) < 0)
		return;
	/* the parent of a child in shared memory asks by itself */
	if (!self.spawned)
		__atomic_store_n(&set->mode, SHARED, __ATOMIC_RELEASE);
	is_ready(call, set);
}

void epoll_share(struct call *call, int fd)
{
	struct set *set;

	if (!fdtable_is_lonely(fd))
		return;
	fdtable_set_lonely(fd, false);
	set = set_of(fd);
	if (!set)
		return;
	tell_changes(call, fdtable_companion(fd));
	make_shared(call, set);
}

void epoll_prefork(struct call *call)
{
	for (int b = 0; b < BLOCKS && blocks[b]; b++)
		for (int i = 0; i < SETS; i++)
			if (blocks[b][i].is_used && interest_waits(&blocks[b][i].changes))
				tell_changes(call, b * SETS + i);
}

void epoll_forked(bool is_child)
{
	fdtable_share_all();
	if (is_child)
		interest_forked();
	for (int b = 0; b < BLOCKS && blocks[b]; b++)
		for (int i = 0; i < SETS; i++) {
			if (is_child)
				blocks[b][i].changes.count = 0;
			if (blocks[b][i].is_used && blocks[b][i].mode == LONELY)
				__atomic_store_n(&blocks[b][i].mode, UNSHARED, __ATOMIC_RELEASE);
		}
}

/* ---- rump halves ---- */

static void end_halves(struct call *call, struct set *set)
{
	/* N may live on, in a child or for a moment: it shall forget our words */
	if (set->mode != SHARED)
		rump(call, RUMP_SYS_NOTIFY_SHARE, set->notifier);
	rump(call, SYS_close, set->notifier);
	rump(call, SYS_close, set->epoll);
}

static bool is_network(int event)
{
	int domain = AF_UNIX;
	unsigned int size = sizeof(domain);

	host(SYS_getsockopt, event, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	return domain != AF_UNIX;
}

static int make_halves(struct call *call, struct set *set, int fd)
{
	bool is_lonely = fdtable_is_lonely(fd) && !self.spawned && !boot_ensure(call);
	struct rump_notify_words *words = NULL;
	long both;

	if (is_lonely && boot_is_here())
		words = fdtable_words(fd);
	both = rump(call, RUMP_SYS_NOTIFY_EPOLL, words);
	if (both < 0)
		return both;
	set->epoll = (int)both;
	set->notifier = both >> 32;
	set->mode = is_lonely ? LONELY : SHARED;
	set->is_hosts_turn = false;
	__atomic_store_n(&fdtable_words(fd)->pending, 0, __ATOMIC_RELAXED);
	set->event = event_of(call, set->notifier);
	set->is_late = set->event >= 0 && is_network(set->event);
	if (set->event >= 0)
		return 0;
	end_halves(call, set);
	return set->event;
}

/* Gives E a rump half: its number, or -errno. */
static int make_set(struct call *call, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = KICK};
	int number = fdtable_companion(fd), other;
	struct set *set;
	long error;

	if (number >= 0)
		return number;
	if (fdtable_reserve(fd))
		return -EMFILE;
	number = set_new();
	if (number < 0)
		return number;
	set = set_at(number);
	error = make_halves(call, set, fd);
	if (error) {
		set_free(number);
		return error;
	}
	/* who wakes up by this finds the rump half; only an epoll descriptor takes it */
	other = fdtable_claim_companion(fd, number);
	error = other >= 0 ? 0 : host(SYS_epoll_ctl, fd, EPOLL_CTL_ADD, set->event, &event);
	if (other < 0 && !error) {
		if (!fdtable_is_lonely(fd))
			make_shared(call, set);
		return number;
	}
	if (error)
		fdtable_set_companion(fd, -1);
	/* another thread was faster, and has its own words in no other set's way */
	end_halves(call, set);
	private_close(set->event);
	set_free(number);
	return error ? error : other;
}

static bool is_used_by_another(int number)
{
	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1))
		if (fdtable_get(fd) == FDTABLE_HOST && fdtable_companion(fd) == number)
			return true;
	return false;
}

void epoll_close(struct call *call, int fd)
{
	int number;
	struct set *set;

	if (fdtable_companion(fd) < 0)
		return;
	number = fdtable_set_companion(fd, -1);
	if (number < 0 || is_used_by_another(number))
		return;
	set = set_at(number);
	/* of two threads that have closed the last two copies one gets it */
	if (fdtable_set(set->event, FDTABLE_HOST) != FDTABLE_PRIVATE)
		return;
	host(SYS_close, set->event);
	end_halves(call, set);
	set_free(number);
}

void epoll_copy(struct call *call, int from, int to)
{
	int number = fdtable_companion(from);

	epoll_share(call, from);
	fdtable_set_lonely(to, false);
	if (number < 0 || fdtable_reserve(to))
		return;
	__atomic_store_n(&fdtable_words(to)->pending, 1, __ATOMIC_RELAXED);
	fdtable_set_companion(to, number);
}

bool epoll_halves(int fd, int ret_rump_fds[2])
{
	struct set *set = set_of(fd);

	if (!set)
		return false;
	ret_rump_fds[0] = set->epoll;
	ret_rump_fds[1] = set->notifier;
	return true;
}

void epoll_lost(int fd)
{
	int number = fdtable_set_companion(fd, -1);
	struct epoll_event event;
	struct set *set = set_at(number);

	if (!set)
		return;
	host(SYS_epoll_ctl, fd, EPOLL_CTL_DEL, set->event, &event);
	if (is_used_by_another(number))
		return;
	if (fdtable_set(set->event, FDTABLE_HOST) == FDTABLE_PRIVATE)
		host(SYS_close, set->event);
	set_free(number);
}

bool epoll_numbers(int fd, int ret_numbers[EPOLL_NUMBERS])
{
	struct set *set = set_of(fd);

	if (!set)
		return false;
	ret_numbers[0] = set->epoll;
	ret_numbers[1] = set->notifier;
	ret_numbers[2] = set->event;
	return true;
}

void epoll_take(int fd, const int numbers[EPOLL_NUMBERS])
{
	int number = fdtable_reserve(fd) ? -EMFILE : set_new();
	struct set *set = set_at(number);

	if (!set)
		return;
	set->epoll = numbers[0];
	set->notifier = numbers[1];
	set->event = numbers[2];
	set->mode = UNSHARED;
	set->is_hosts_turn = false;
	set->is_late = is_network(set->event);
	private_keep(set->event);
	fdtable_words(fd)->pending = 1;
	fdtable_set_companion(fd, number);
}

bool epoll_is_ready(struct call *call, int fd)
{
	struct set *set = set_of(fd);

	if (!set)
		return false;
	make_shared(call, set);
	return is_ready(call, set);
}

/* ---- the calls ---- */

long handle_epoll_create(struct call *call)
{
	long fd = host_call(call);

	if (!is_error(fd) && !fdtable_reserve(fd))
		fdtable_set_lonely(fd, true);
	return fd;
}

static long change_rump(struct call *call, int number, int rump_fd)
{
	const long args[6] = {set_at(number)->epoll, call->args[1], rump_fd, call->args[3]};
	struct interest_of of = changes_of(number, call->args[0]);
	long result;

	/* the rump half of a descriptor of both sides has no number of the application's */
	if (fdtable_get(call->args[2]) != rump_fd)
		return rump_call(call, args);
	if (interest_change(call, &of, rump_fd, &result))
		return result;
	result = rump_call(call, args);
	interest_told(call, &of, rump_fd, result);
	return result;
}

long handle_epoll_ctl(struct call *call)
{
	int set = call->args[0], fd = call->args[2], number = fdtable_companion(set);
	int rump_fd = fdtable_get(fd);
	long result;

	if (fdtable_get(set) == FDTABLE_PRIVATE || rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (fdtable_get(set) >= 0)
		return -EINVAL; /* a rump descriptor, but no epoll descriptor is one */
	if (rump_fd < 0) {
		/* nested: its readers are not ours to count */
		if ((int)call->args[1] == EPOLL_CTL_ADD && fd != set)
			epoll_share(call, fd);
		result = host_call(call);
		if (result || rump_fd == FDTABLE_HOST)
			return result;
		/* an inotify or fanotify descriptor with a half on each side */
		rump_fd = fdtable_companion(fd);
	}
	if (number < 0 && (int)call->args[1] != EPOLL_CTL_ADD)
		return is_error(host(SYS_fcntl, set, 1 /* F_GETFD */)) ? -EBADF : -ENOENT;
	if (number < 0)
		number = make_set(call, set);
	if (number < 0)
		return number;
	return change_rump(call, number, rump_fd);
}

/* ---- epoll_wait ---- */

struct wait {
	struct call *call;
	int fd, max;
	struct epoll_event *events;
	unsigned long until;
	const unsigned long *mask;
	struct rump_notify_words *words;
	long found; /* in events */
};

static long host_wait(struct wait *w, unsigned long until, const unsigned long *mask)
{
	struct timespec left, *timeout = wait_left(until, &left);
	long result, milliseconds;

	result = host(SYS_epoll_pwait2, w->fd, w->events + w->found, w->max - w->found, timeout,
		      mask, 8);
	if (result != -ENOSYS)
		return result;
	milliseconds = timeout ? left.tv_sec * 1000 + (left.tv_nsec + 999999) / 1000000 : -1;
	if (milliseconds > 0x7fffffff)
		milliseconds = 0x7fffffff;
	return host(SYS_epoll_pwait, w->fd, w->events + w->found, w->max - w->found, milliseconds,
		    mask, 8);
}

/* Takes V out of count events; whether it was there. */
static bool drop_kick(struct epoll_event *events, long *count)
{
	struct epoll_event event;

	for (long i = 0; i < *count; i++) {
		if (user_copy(&event, &events[i], sizeof(event)) || event.data.u64 != KICK)
			continue;
		for (long k = i + 1; k < *count; k++)
			user_copy(&events[k - 1], &events[k], sizeof(event));
		--*count;
		return true;
	}
	return false;
}

/* What R has: 0 or -errno, and w->found.  has_kicked: V has just been seen, raised. */
static long ask_rump(struct wait *w, struct set *set, bool has_kicked)
{
	bool is_shared = set->mode == SHARED;
	/* nobody else waits, and we come again while there is something */
	unsigned int quiet = is_shared || __atomic_load_n(&w->words->waiters, __ATOMIC_SEQ_CST)
				     ? 0
				     : RUMP_NOTIFY_QUIET;
	struct interest_of of = changes_of(fdtable_companion(w->fd), w->fd);
	long n = 0;

	if (w->found == w->max) {
		__atomic_store_n(&w->words->pending, 1, __ATOMIC_RELAXED);
		return 0;
	}
	/* V stays raised for the others, and for us when R has more */
	if (has_kicked && is_shared)
		n = rump(w->call, SYS_epoll_wait, set->epoll, w->events + w->found,
			 w->max - w->found, 0);
	if (!n) {
		self.inside++;
		if (has_kicked || is_shared)
			event_drain(set->event);
		__atomic_store_n(&w->words->pending, 0, __ATOMIC_RELAXED);
		n = interest_wait(w->call, &of, w->events + w->found, w->max - w->found, quiet);
		self.inside--;
	}
	if (n)
		__atomic_store_n(&w->words->pending, 1, __ATOMIC_SEQ_CST);
	/* who has begun to wait since then may not have seen `pending`, and V was not raised */
	if (n && quiet && __atomic_load_n(&w->words->waiters, __ATOMIC_SEQ_CST))
		rump(w->call, RUMP_SYS_NOTIFY_LOOK, set->notifier);
	if (self.deferred && !self.inside)
		signals_deliver();
	if (n > 0)
		w->found += n;
	/* a signal has interrupted a call that does not wait: asked again later */
	return n < 0 && n != -EINTR ? n : 0;
}

/* The host's part, after R's: a wait if there is nothing yet. */
static long ask_host(struct wait *w, struct set *set, bool *ret_has_kicked)
{
	long count;

	*ret_has_kicked = false;
	__atomic_add_fetch(&w->words->waiters, 1, __ATOMIC_SEQ_CST);
	if (!w->found && (__atomic_load_n(&w->words->pending, __ATOMIC_SEQ_CST) ||
			  interest_waits(&set->changes))) {
		__atomic_sub_fetch(&w->words->waiters, 1, __ATOMIC_RELEASE);
		return 1; /* once more */
	}
	count = w->found ? host_wait(w, 0, NULL) : host_wait(w, w->until, w->mask);
	__atomic_sub_fetch(&w->words->waiters, 1, __ATOMIC_RELEASE);
	if (is_error(count))
		return w->found ? 0 : count;
	if (count > 0)
		*ret_has_kicked = drop_kick(w->events + w->found, &count);
	w->found += count;
	return 0;
}

static long wait_set(struct wait *w, struct set *set)
{
	bool has_kicked, has_asked;
	long result;

	if (set->mode == UNSHARED)
		make_shared(w->call, set);
	w->found = 0;
	/* neither side shall starve where maxevents is small */
	if (set->is_hosts_turn) {
		set->is_hosts_turn = false;
		result = host_wait(w, 0, NULL);
		if (result > 0) {
			has_kicked = drop_kick(w->events, &result);
			w->found = result;
			if (has_kicked || __atomic_load_n(&w->words->pending, __ATOMIC_ACQUIRE))
				ask_rump(w, set, has_kicked);
			if (w->found)
				return w->found;
		}
	}
	if (set->is_late || __atomic_load_n(&w->words->pending, __ATOMIC_ACQUIRE) ||
	    interest_waits(&set->changes)) {
		result = ask_rump(w, set, false);
		if (result)
			return result;
		if (w->found == w->max) {
			set->is_hosts_turn = true;
			return w->found;
		}
	}
	/* R has been asked: a second answer would have the same events once more */
	has_asked = w->found;
	result = ask_host(w, set, &has_kicked);
	if (!result && has_kicked && !has_asked)
		result = ask_rump(w, set, true);
	if (result < 0)
		return w->found ? w->found : result;
	if (!w->found && !result && !has_kicked)
		return 0; /* time is up */
	return w->found ? w->found : LOOK_AGAIN;
}

static int deadline_of(struct call *call, unsigned long *until)
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

/* V of another process' rump half: see Limit above. */
static void meet_stranger(void)
{
	struct timespec pause = {0, STRANGERS_PAUSE};
	static bool has_complained;

	if (!__atomic_exchange_n(&has_complained, true, __ATOMIC_RELAXED))
		complain("an epoll descriptor is shared with a process that has put descriptors "
			 "of the rump kernel into it: they are not seen here",
			 NULL);
	host(SYS_nanosleep, &pause, NULL);
}

/* As long as E has no rump half. LOOK_AGAIN: look again. */
static long wait_plain(struct wait *w)
{
	struct call call = *w->call;
	long result;

	if (call.nr != SYS_epoll_wait)
		call.args[4] = (long)w->mask;
	/* a thread that makes the rump half meanwhile knows of us */
	if (w->words)
		__atomic_add_fetch(&w->words->waiters, 1, __ATOMIC_SEQ_CST);
	if (fdtable_companion(w->fd) < 0)
		result = host_call(&call);
	else
		result = LOOK_AGAIN;
	if (w->words)
		__atomic_sub_fetch(&w->words->waiters, 1, __ATOMIC_RELEASE);
	if (result <= 0 || (fdtable_is_lonely(w->fd) && fdtable_companion(w->fd) < 0))
		return result;
	if (!drop_kick(w->events, &result) || result)
		return result;
	if (fdtable_companion(w->fd) < 0)
		meet_stranger();
	return LOOK_AGAIN;
}

long handle_epoll_wait(struct call *call)
{
	struct wait w = {
		.call = call,
		.fd = call->args[0],
		.max = call->args[2],
		.events = (struct epoll_event *)call->args[1],
	};
	unsigned long mask;
	unsigned int handled = self.handled;
	bool has_deadline = false;
	struct set *set;
	long result;

	if (fdtable_get(w.fd) == FDTABLE_PRIVATE)
		return -EBADF;
	if (fdtable_get(w.fd) >= 0)
		return -EINVAL;
	if (call->nr != SYS_epoll_wait && call->args[4]) {
		result = signals_strip((void *)call->args[4], call->args[5], &mask);
		if (result)
			return result;
		w.mask = &mask;
	}
	do {
		w.words = fdtable_words(w.fd);
		set = set_of(w.fd);
		/* a plain wait may have to go on as another one */
		if (!has_deadline && (set || (boot_is_ready() && may_be_cancelled()))) {
			result = deadline_of(call, &w.until);
			if (result)
				return result;
			has_deadline = true;
		}
		if (set && w.max <= 0)
			return -EINVAL;
		result = set ? wait_set(&w, set) : wait_plain(&w);
		/* the thread may have slept: a handler since then has interrupted the wait */
	} while (result == LOOK_AGAIN && self.handled == handled);
	return result == LOOK_AGAIN ? -EINTR : result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatch.c - one dispatcher per system call.
 *
 * Theory of operation
 * ===================
 * The goal: an unmodified program sees /rump as a directory and the chosen sockets
 * as the machine's, at the price of one function call where it uses them and of
 * nothing where it does not.
 *
 * Doors.  A call arrives by one of three:
 *	symbols.c	an interposed libc function (symbols.def);
 *	trap.c		a system call instruction that no symbol led to, such as those
 *			inside fopen() or opendir(), caught by Syscall User Dispatch;
 *	patch.c		the same instruction once it has been caught often enough to
 *			be worth replacing by a jump; also syscall(2).
 * Each makes a struct call and asks hijack_dispatch().
 *
 * Rows.  syscalls.def says for each number which arguments are descriptors,
 * directories and paths, and which handler decides.  Most use `fd`, `fds` or
 * `paths`: look at each such argument, see which side it is on, translate, hand over.  Handler
 * `none`: the host's.
 *
 * Sides.  A descriptor is on the side that fdtable.c says; a path is judged by its
 * text (route.c), a relative one by its directory.  Arguments on both sides: EXDEV, or
 * the handler copies (copy.c) or waits on both (wait.c).
 *
 *	open("/rump/etc/motd")		symbol `open`, row open, PATH is on the rump side as
 *					"/etc/motd"; boot.c boots the kernel if this is
 *					the first time; the kernel's openat gives its
 *					descriptor 5; placeholder.c makes a host descriptor
 *					3 for it; fdtable[3] = 5
 *	read(3)				row read, FD 3 is 5 of the rump kernel
 *	dup2(3, 0)			the kernel dups 5 to 6, the host dups the
 *					placeholder 3 over 0, fdtable[0] = 6
 *	close(3)			fdtable[3] is taken out, then the kernel's 5, then
 *					the placeholder goes: the number is free only now
 *
 * Inside.  While a thread is in the kernel (or boots it) its host calls are the
 * kernel's: they pass, and the descriptors they make are moved out of the
 * application's way and hidden (FDTABLE_PRIVATE).  In a call of the kernel not even the
 * trap looks at them; there the kernel's side tells of its descriptors by
 * rumphijack_private_fd().
 *
 * Processes.  A child is a process of the kernel too, over the client's library
 * (children.c); its table starts as a copy.  A new program learns by an environment
 * variable which descriptors it has (exec.c).  Who had the kernel in itself stays behind
 * when it runs another program or ends (proxy.c).
 *
 * Limits.  Not seen: static and setuid programs, ld.so before our constructor.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "boot.h"
#include "dispatch.h"
#include "family.h"
#include "fdtable.h"
#include "fork.h"
#include "links.h"
#include "log.h"
#include "map.h"
#include "mountinfo.h"
#include "own.h"
#include "placeholder.h"
#include "plain.h"
#include "posts.h"
#include "remote.h"
#include "signals.h"
#include "trap.h"
#include "watch.h"

#define POINTER(name) handle_##name,
static long (*const handlers[])(struct call *) = {HIJACK_HANDLERS(POINTER)};
#undef POINTER

#define KINDS(a, b, c, d, e, f, ...)                                 \
	{                                                            \
		ARG_##a, ARG_##b, ARG_##c, ARG_##d, ARG_##e, ARG_##f \
	}
#define SYSCALL(name, handler, result, ...) \
	[SYS_##name] = {HANDLER_##handler, RESULT_##result, KINDS(__VA_ARGS__, _, _, _, _, _, _)},
static const struct row rows[HIJACK_NR_MAX] = {
#include "syscalls.def"
};
#undef SYSCALL

#define SYSCALL(name, ...) [SYS_##name] = #name,
static const char names[HIJACK_NR_MAX][24] = {
#include "syscalls.def"
};
#undef SYSCALL

__thread struct self self __attribute__((tls_model("initial-exec")));
const char *cwd_of_process;
bool root_is_rump;

const struct row *row_of(long nr)
{
	return (unsigned long)nr < HIJACK_NR_MAX ? &rows[nr] : &rows[HIJACK_NR_MAX - 1];
}

const char *name_of(long nr)
{
	return (unsigned long)nr < HIJACK_NR_MAX ? names[nr] : "";
}

bool hijack_is_handled(long nr)
{
	return row_of(nr)->handler != HANDLER_none;
}

/* ---- steps ---- */

char *scratch_buffer(struct scratch *scratch, int n)
{
	if (!scratch->pages) {
		long address = host(SYS_mmap, 0, SCRATCH_BUFFERS * ROUTE_PATH_MAX,
				    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (is_error(address))
			return NULL;
		scratch->pages = (char *)address;
	}
	return scratch->pages + n * ROUTE_PATH_MAX;
}

void scratch_free(struct scratch *scratch)
{
	if (scratch->pages)
		host(SYS_munmap, scratch->pages, SCRATCH_BUFFERS * ROUTE_PATH_MAX);
}

bool wants_cloexec(struct call *call)
{
	unsigned long flags;

	switch (call->nr) {
	case SYS_open:
	case SYS_socket:
	case SYS_socketpair:
		return call->args[1] & O_CLOEXEC;
	case SYS_openat:
	case SYS_open_by_handle_at:
	case SYS_open_tree:
		return call->args[2] & O_CLOEXEC;
	case SYS_accept4:
	case SYS_signalfd4:
		return call->args[3] & O_CLOEXEC;
	case SYS_openat2:
		if (user_copy(&flags, (const void *)call->args[2], sizeof(flags)))
			return false;
		return flags & O_CLOEXEC;
	case SYS_fsmount:
		return call->args[1] & 1; /* FSMOUNT_CLOEXEC */
	case SYS_fspick:
		return call->args[2] & 1; /* FSPICK_CLOEXEC */
	}
	return false;
}

long install_fd(struct call *call, int rump_fd, bool is_cloexec)
{
	int fd = placeholder_make(is_cloexec);

	if (fd < 0) {
		rump(call, SYS_close, rump_fd);
		return fd;
	}
	fdtable_set(fd, rump_fd);
	return fd;
}

static long finish(struct call *call, long result)
{
	if (result >= 0 && row_of(call->nr)->result == RESULT_NEWFD)
		return install_fd(call, result, wants_cloexec(call));
	return result;
}

int call_resolve(struct call *call, struct scratch *scratch, struct resolved *ret)
{
	const struct row *row = row_of(call->nr);
	struct place place;
	int dirfd = AT_FDCWD, dirfd_at = -1, paths = 0, fd, error;

	ret->rump = ret->host = 0;
	ret->outside = NULL;
	ret->is_link = false;
	for (int i = 0; i < 6; i++) {
		ret->args[i] = call->args[i];
		switch (row->kinds[i]) {
		case ARG_FD:
			if ((int)call->args[i] < 0)
				break;
			fd = fdtable_get(call->args[i]);
			if (fd == FDTABLE_PRIVATE)
				return -EBADF;
			if (fd >= 0) {
				ret->args[i] = fd;
				ret->rump++;
			} else {
				ret->host++;
			}
			break;
		case ARG_DIRFD:
			dirfd = call->args[i];
			dirfd_at = i;
			break;
		case ARG_PATH:
			error = place_find(call, dirfd, (const char *)call->args[i], scratch, paths,
					   &place);
			if (error)
				return error;
			if (__builtin_expect(dirfd_at < 0 && place.dirfd != AT_FDCWD, 0)) {
				if (own_give_directory(call))
					return call_resolve(call, scratch, ret);
				error = own_as_text(call, scratch, paths, &place);
				if (error)
					return error;
			}
			paths++;
			ret->is_link |= place.is_link;
			ret->args[i] = (long)place.path;
			if (dirfd_at >= 0)
				ret->args[dirfd_at] = place.dirfd;
			if (place.side == ROUTE_RUMP) {
				ret->rump++;
				if (!ret->outside)
					ret->outside = place.outside;
			} else {
				ret->host++;
			}
			dirfd = AT_FDCWD;
			dirfd_at = -1;
			break;
		}
	}
	return 0;
}

/* ---- the two sides ---- */

long host_call(struct call *call)
{
	if (__builtin_expect(__atomic_load_n(&posts_are_out, __ATOMIC_RELAXED), 0))
		posts_before_host(call);
	return host6(call->nr, call->args[0], call->args[1], call->args[2], call->args[3],
		     call->args[4], call->args[5]);
}

/* Waits with a time or a signal mask of their own never restart: signal(7). */
static bool is_restartable(long nr)
{
	switch (nr) {
	case SYS_poll:
	case SYS_ppoll:
	case SYS_select:
	case SYS_pselect6:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		return false;
	}
	return true;
}

static inline __attribute__((always_inline)) long kernel_call(long nr, const long args[6])
{
	if (__builtin_expect(self.spawned != NULL, 0))
		return children_syscall(nr, args);
	return boot_syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* The time limit that a socket has for what nr does, an option's number; 0: nr has none. */
static int limit_of(long nr)
{
	switch (nr) {
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_accept:
	case SYS_accept4:
		return SO_RCVTIMEO;
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_connect:
		return SO_SNDTIMEO;
	}
	return 0;
}

/* With a limit it would start anew: signal(7) has these calls end, too. */
static __attribute__((noinline)) bool is_limited(long nr, const long args[6])
{
	struct {
		long seconds, microseconds;
	} limit = {0, 0};
	unsigned int size = sizeof(limit);
	const long ask[6] = {args[0], SOL_SOCKET, limit_of(nr), (long)&limit, (long)&size};
	unsigned char old;
	long result;

	if (!ask[2])
		return false;
	self.inside++;
	old = trap_open();
	result = kernel_call(SYS_getsockopt, ask);
	trap_close(old);
	self.inside--;
	return !result && (limit.seconds || limit.microseconds);
}

static inline __attribute__((always_inline)) long enter(long nr, const long args[6])
{
	unsigned char old;
	bool is_over;
	long result;

	for (;;) {
		self.inside++;
		old = trap_open();
		result = kernel_call(nr, args);
		trap_close(old);
		self.inside--;
		if (__builtin_expect(!self.deferred || self.inside, 1))
			return result;
		/* asked before: a signal that comes meanwhile is delivered with the others */
		is_over = result != -EINTR || !is_restartable(nr) || is_limited(nr, args);
		signals_deliver();
		if (is_over || !signals_may_restart())
			return result;
	}
}

/*
 * With another signal mask for the time of the call, as ppoll: a signal that the mask
 * lets in is deferred, makes the call return, and its handler runs before the mask is
 * set back.
 */
static long enter_masked(long nr, const long args[6], unsigned long mask)
{
	unsigned char selector;
	unsigned long old;
	long result = -EINTR;

	self.inside++;
	host(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, 8);
	if (!__atomic_load_n(&self.deferred, __ATOMIC_SEQ_CST)) {
		selector = trap_open();
		result = kernel_call(nr, args);
		trap_close(selector);
	}
	self.inside--;
	if (self.deferred && !self.inside)
		signals_deliver();
	host(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	return result;
}

static long enter_booted(struct call *call, long nr, const long args[6], const unsigned long *mask)
{
	long result =
		__builtin_expect(self.spawned != NULL, 0) ? children_join(call) : boot_ensure(call);

	if (result)
		return result;
	/* what the arguments name is of a connection that was lost */
	if (boot_place == PLACE_ELSEWHERE && remote_has_changed(call))
		return -ENOTCONN;
	result = mask ? enter_masked(nr, args, *mask) : enter(nr, args);
	if (boot_place == PLACE_ELSEWHERE) {
		if (__builtin_expect(__atomic_load_n(&family_leaver, __ATOMIC_ACQUIRE), 0))
			family_stay_in();
		remote_has_changed(call);
	}
	return result;
}

static __attribute__((noinline)) long enter_from_stub(struct call *call, long nr,
						      const long args[6], const unsigned long *mask)
{
	long result;

	TRAP_SAVE_VECTORS();
	result = enter_booted(call, nr, args, mask);
	TRAP_RESTORE_VECTORS();
	return result;
}

static __attribute__((noinline)) long enter_off_stack(struct call *call, long nr,
						      const long args[6], const unsigned long *mask)
{
	struct lent_stack lent;
	long result;

	signal_stack_lend(&lent);
	result = call->door == DOOR_STUB ? enter_from_stub(call, nr, args, mask)
					 : enter_booted(call, nr, args, mask);
	signal_stack_return(&lent);
	return result;
}

static long enter_kernel(struct call *call, long nr, const long args[6], const unsigned long *mask)
{
	self.has_entered = true;
	if (__builtin_expect(is_on_signal_stack(), 0))
		return enter_off_stack(call, nr, args, mask);
	if (call->door == DOOR_STUB)
		return enter_from_stub(call, nr, args, mask);
	return enter_booted(call, nr, args, mask);
}

long rump_masked(struct call *call, long nr, const long args[6], const unsigned long *mask)
{
	return enter_kernel(call, nr, args, mask);
}

long rump6(struct call *call, long nr, long a, long b, long c, long d, long e, long f)
{
	const long args[6] = {a, b, c, d, e, f};

	return enter_kernel(call, nr, args, NULL);
}

long rump_call(struct call *call, const long args[6])
{
	return enter_kernel(call, call->nr, args, NULL);
}

/* ---- generic handlers ---- */

long handle_none(struct call *call)
{
	return host_call(call);
}

long handle_host(struct call *call)
{
	return host_call(call);
}

long handle_fd(struct call *call)
{
	int rump_fd = fdtable_get(call->args[0]);
	long args[6];

	if (rump_fd == FDTABLE_HOST)
		return host_call(call);
	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (rump_fd < 0)
		return watch_call(call, rump_fd);
	memcpy(args, call->args, sizeof(args));
	args[0] = rump_fd;
	return finish(call, rump_call(call, args));
}

long handle_fds(struct call *call)
{
	struct resolved resolved;
	int error = call_resolve(call, NULL, &resolved);

	if (error)
		return error;
	if (!resolved.rump)
		return host_call(call);
	if (resolved.host)
		return -EXDEV;
	return finish(call, rump_call(call, resolved.args));
}

static long paths_rump(struct call *call, const struct resolved *resolved, struct scratch *scratch)
{
	if (resolved->host)
		return -EXDEV;
	return finish(call, rump_call(call, resolved->args));
}

long handle_paths(struct call *call)
{
	return links_call(call, links_host_call, paths_rump);
}

/*
 * The number must be had before the file is made or cut, as Linux does: EMFILE
 * leaves no trace.  Where nothing can be lost the cheaper order is taken, because
 * most opens that fail do so with ENOENT.
 */
static bool open_changes(struct call *call)
{
	unsigned long flags = 0;

	switch (call->nr) {
	case SYS_creat:
		return true;
	case SYS_open:
		flags = call->args[1];
		break;
	case SYS_openat:
		flags = call->args[2];
		break;
	case SYS_openat2:
		if (user_copy(&flags, (const void *)call->args[2], sizeof(flags)))
			return false;
		break;
	}
	return flags & (O_CREAT | O_TRUNC);
}

static long open_host(struct call *call, const struct resolved *resolved, struct scratch *scratch)
{
	long result;

	memcpy(call->args, resolved->args, sizeof(call->args));
	result = mountinfo_open(call);
	return result == -ENODATA ? host_call(call) : result;
}

static long open_rump(struct call *call, const struct resolved *resolved, struct scratch *scratch)
{
	long result;
	int fd;

	if (!open_changes(call))
		return finish(call, rump_call(call, resolved->args));
	fd = placeholder_make(wants_cloexec(call));
	if (fd < 0)
		return fd;
	result = rump_call(call, resolved->args);
	if (result < 0) {
		host(SYS_close, fd);
		return result;
	}
	fdtable_set(fd, result);
	return fd;
}

long handle_open(struct call *call)
{
	return links_call(call, open_host, open_rump);
}

long handle_missing(struct call *call)
{
	(void)call;
	return -ENOSYS;
}

long handle_machine(struct call *call)
{
	return config.has_sysctl ? rump_call(call, call->args) : host_call(call);
}

/* ---- the dispatcher ---- */

/* A host call of the kernel's: hides the descriptors that come of it. */
static long inside_call(struct call *call)
{
	const struct row *row = row_of(call->nr);
	long result;

	if (call->nr == SYS_close)
		fdtable_set(call->args[0], FDTABLE_HOST);
	if (call->nr == SYS_rt_sigaction)
		return signals_inside_sigaction(call);
	if (call->nr == SYS_rt_sigprocmask)
		return handle_sigprocmask(call); /* the thread is armed all the same */
	result = host_call(call);
	if (is_error(result))
		return result;
	if (call->nr == SYS_fcntl) {
		int command = call->args[1];

		return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? private_fd(result)
									: result;
	}
	if (call->nr == SYS_dup2 || call->nr == SYS_dup3)
		return result; /* the number was asked for */
	if (row->result == RESULT_NEWFD)
		return private_fd(result);
	if (row->result == RESULT_PAIR) {
		int *pair = (int *)call->args[call->nr == SYS_socketpair ? 3 : 0];

		pair[0] = private_fd(pair[0]);
		pair[1] = private_fd(pair[1]);
	}
	return result;
}

static long cancellable(struct call *call, const struct row *row)
{
	long result;
	int type;

	if (pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type))
		return handlers[row->handler](call);
	result = handlers[row->handler](call);
	pthread_setcanceltype(type, &type);
	return result;
}

static long handle(struct call *call, const struct row *row)
{
	if (call->is_cancellable && may_be_cancelled())
		return cancellable(call, row);
	return handlers[row->handler](call);
}

/*
 * Handlers write over the arguments.  A signal handler that runs meanwhile has calls of its
 * own: what they did is not this one's.
 */
static __attribute__((noinline)) long logged_call(struct call *call, const struct row *row)
{
	const struct call before = *call;
	bool outer = self.has_entered;
	long result;

	self.has_entered = false;
	result = handle(call, row);
	log_call(&before, result, self.has_entered);
	self.has_entered = outer;
	return result;
}

static long app_call(struct call *call, const struct row *row)
{
	if (__builtin_expect(log_looks, 0))
		return logged_call(call, row);
	return handle(call, row);
}

/*
 * The host gives a number to the application that the kernel's side had and closed
 * where we do not see it: it is private no more.
 */
static long new_fd_call(struct call *call, const struct row *row)
{
	long fd = app_call(call, row);

	if (fd >= 0 && fdtable_get(fd) == FDTABLE_PRIVATE)
		fdtable_set(fd, FDTABLE_HOST);
	return fd;
}

/*
 * A thread that was made where the trap does not look is not armed, and no thread of the
 * application is without the trap.
 */
static inline bool is_kernels_thread(void)
{
	return hijack_has_trap && self.selector == SELECTOR_ALLOW;
}

/* The kernel's libraries clean up after a thread of the application that ends. */
static inline bool is_kernels_call(const struct call *call)
{
	return call->door != DOOR_SYMBOL && boot_is_own_text(call->regs->ip);
}

static inline __attribute__((always_inline)) long route(struct call *call, const struct row *row)
{
	if (row->result == RESULT_NEWFD)
		return new_fd_call(call, row);
	return app_call(call, row);
}

#define MAPPED_TRIES 4

/* What the arguments point to may lie in a mapped rump file. */
static __attribute__((noinline)) long mapped_call(struct call *call, const struct row *row)
{
	long result = -EFAULT;

	map_touch(call);
	for (int i = 0; i < MAPPED_TRIES; i++) {
		struct call attempt = *call;

		result = route(&attempt, row);
		/* pages may be taken away again before they are used */
		if (result != -EFAULT || !map_touch_again(call))
			break;
	}
	map_remote_check(call);
	return result;
}

long hijack_dispatch(struct call *call)
{
	const struct row *row = row_of(call->nr);
	bool is_mapped = __builtin_expect(__atomic_load_n(&areas_exist, __ATOMIC_RELAXED), 0);

	if ((row->handler == HANDLER_none && !is_mapped) || !hijack_is_active)
		return host_call(call);
	if (self.inside || is_kernels_thread() || is_kernels_call(call))
		return inside_call(call);
	if (is_mapped && call->nr != SYS_rt_sigreturn)
		return mapped_call(call, row);
	return route(call, row);
}

long hijack_call(long nr, long a, long b, long c, long d, long e, long f)
{
	struct call call = {.nr = nr, .args = {a, b, c, d, e, f}};

	return hijack_dispatch(&call);
}

long hijack_call_cancellable(long nr, long a, long b, long c, long d, long e, long f)
{
	struct call call = {.nr = nr, .args = {a, b, c, d, e, f}, .is_cancellable = true};

	return hijack_dispatch(&call);
}

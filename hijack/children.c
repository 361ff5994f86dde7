/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * children.c - what the child of a fork gets; see children.h
 *
 * The copy is made before the host's fork, by the parent: it is an lwp of the process
 * that is copied, and the child has an open connection from its first instruction on.
 * What is opened in between by another thread the child finds in its table, but not in
 * its rump process: such a descriptor gives EBADF.
 *
 * libc's fork() holds its locks, such as malloc's, when its system call comes by.  So the
 * copy is made by a pthread_atfork() handler, before that, and waits in `prepared`.  For
 * the same reason the client's library is loaded when a local kernel boots.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "boot.h"
#include "children.h"
#include "dispatch.h"
#include "epoll.h"
#include "family.h"
#include "fdtable.h"
#include "fork.h"
#include "local.h"
#include "log.h"
#include "map.h"
#include "placeholder.h"
#include "remote.h"
#include "signals.h"
#include "trap.h"
#include "wait.h"

/* What the handler of the fork() under way has made. */
static __thread struct {
	struct prefork prefork;
	bool is_there;
	int error; /* of children_prefork() */
} prepared __attribute__((tls_model("initial-exec")));

static int prefork_local(struct prefork *prefork)
{
	static bool has_complained;
	int fd;

	if (!remote.exec_failed) {
		if (!has_complained)
			complain("children have no rump kernel: there is no librumpclient.so.0 "
				 "that fits",
				 NULL);
		has_complained = true;
		return -ENOSYS;
	}
	fd = local_fork();
	if (fd < 0)
		return fd;
	prefork->fork = remote.fork_of_socket(fd);
	if (prefork->fork)
		return 0;
	host(SYS_close, fd);
	return -ENOMEM;
}

static void prefork_on_stack(void *argument)
{
	struct prefork *prefork = argument;

	if (boot_place == PLACE_HERE && !self.spawned) {
		prefork->error = prefork_local(prefork);
		return;
	}
	boot_is_untouched = false;
	prefork->fork = remote.prefork();
	prefork->error = prefork->fork ? 0 : -errno;
}

static bool kernel_is_gone(int error)
{
	return error == -ENOTCONN || error == -ENXIO || error == -ENOSYS;
}

int children_prefork(struct call *call, struct prefork *ret)
{
	int state, error;

	*ret = (struct prefork){NULL, 0};
	if (prepared.is_there) {
		*ret = prepared.prefork;
		prepared.is_there = false;
		return prepared.error;
	}
	if (!hijack_is_active || self.inside)
		return 0;
	if (self.spawned && !self.spawned->prefork.fork)
		return 0;
	for (;;) {
		/* one that an exec left has to be there first, as it is to be copied */
		if (boot_inherited >= 0)
			boot_ensure(call);
		state = boot_settle();
		if (state != BOOT_NONE)
			break;
		if (boot_kind() == HIJACK_KERNEL_SERVER || family.exists)
			return 0;
		error = family_make();
		if (error)
			return error == -ENOMEM ? error : -EAGAIN;
		/* a thread that has begun to boot meanwhile did not see the family */
	}
	if (state == BOOT_FAILED)
		return 0;
	epoll_prefork(call);
	error = boot_run(call, CALL_STACK, true, prefork_on_stack, ret);
	if (error)
		return error;
	if (!ret->error)
		return 0;
	if (!kernel_is_gone(ret->error))
		return ret->error == -ENOMEM ? -ENOMEM : -EAGAIN;
	ret->error = -ENOTCONN;
	return 0;
}

static void cancel(void *fork)
{
	remote.fork_cancel(fork);
}

static void take(void *argument)
{
	struct prefork *prefork = argument;

	if (remote.fork_init(prefork->fork)) {
		prefork->fork = NULL;
		prefork->error = -ENOTCONN;
	}
}

/* The calling thread is the only one, with the memory of the parent. */
static void become_child(struct prefork *prefork)
{
	if (self.spawned) {
		fdtable_adopt();
		cwd_of_process = self.spawned->cwd_outside;
		self.spawned = NULL;
	}
	signals_forked();
	areas_forked();
	map_remote_forked();
	poller_forked();
	epoll_forked(true);
	family_forked();
	if (prefork->fork && boot_run(NULL, CALL_STACK, true, take, prefork))
		*prefork = (struct prefork){NULL, -ENOTCONN};
	boot_forked(prefork->fork, prefork->error);
	remote_forked();
}

void children_forked(struct prefork *prefork, long pid)
{
	if (!pid) {
		become_child(prefork);
		return;
	}
	epoll_forked(false);
	if (prefork->fork)
		boot_run(NULL, CALL_STACK, true, cancel, prefork->fork);
}

/* ---- libc's fork() ---- */

static void before_fork(void)
{
	struct call call = {.nr = SYS_fork};

	prepared.error = children_prefork(&call, &prepared.prefork);
	prepared.is_there = true;
}

/* Where the system call is trapped, that has been there before. */
static void after_fork(void)
{
	if (prepared.is_there && !prepared.error)
		children_forked(&prepared.prefork, 1);
	prepared.is_there = false;
}

static void in_child(void)
{
	/* without the trap nobody could make the fork fail */
	if (prepared.is_there && prepared.error)
		prepared.prefork = (struct prefork){NULL, -ENOTCONN};
	if (prepared.is_there)
		children_forked(&prepared.prefork, 0);
	prepared.is_there = false;
}

void children_start(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

/* ---- children in shared memory ---- */

int children_spawn(struct call *call)
{
	struct spawned *spawned;
	long memory = host(SYS_mmap, 0, sizeof(*spawned), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	if (is_error(memory))
		return -ENOMEM;
	spawned = (struct spawned *)memory;
	error = children_prefork(call, &spawned->prefork);
	if (error) {
		host(SYS_munmap, spawned, sizeof(*spawned));
		return error;
	}
	/* descriptors of ours that the child would make in its own table */
	if (hijack_is_active) {
		log_prepare();
		placeholder_prepare();
	}
	spawned->fds = fdtable_copy();
	if (!spawned->fds) {
		children_forked(&spawned->prefork, 1);
		host(SYS_munmap, spawned, sizeof(*spawned));
		return -ENOMEM;
	}
	spawned->cwd_outside = cwd_outside();
	spawned->shown_mask = self.shown_mask;
	if (spawned->prefork.fork)
		remote.fork_enter(spawned->prefork.fork);
	self.spawned = spawned;
	fdtable_enter(spawned->fds);
	return 0;
}

void children_spawned(void)
{
	struct spawned *spawned = self.spawned;

	self.spawned = NULL;
	fdtable_enter(NULL);
	self.shown_mask = spawned->shown_mask;
	if (spawned->prefork.fork)
		remote.fork_enter(NULL);
	fdtable_free(spawned->fds);
	children_forked(&spawned->prefork, 1);
	host(SYS_munmap, spawned, sizeof(*spawned));
}

static void join_on_stack(void *error)
{
	*(int *)error =
		boot_kind() == HIJACK_KERNEL_SERVER ? remote_spawned_connect() : family_join(false);
}

/*
 * What the loader and libc do here they do as the parent's thread, whose memory and
 * thread-local storage it is; only the descriptors are the child's.
 */
int children_join(struct call *call)
{
	struct prefork *prefork = &self.spawned->prefork;
	int error = -ENOMEM, none;

	if (prefork->fork)
		return 0;
	if (prefork->error)
		return prefork->error;
	if (boot_settle() == BOOT_FAILED)
		return boot_ensure(call);
	none = boot_run(call, BOOT_STACK, false, join_on_stack, &error);
	return none ? none : error;
}

long children_syscall(long nr, const long args[6])
{
	if (!self.spawned->prefork.fork)
		return -ENOTCONN;
	return remote.syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

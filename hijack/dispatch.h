/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatch.h - for those who handle calls: the steps that handlers are made of.
 */
#ifndef HIJACK_DISPATCH_H
#define HIJACK_DISPATCH_H

#include "children.h"
#include "hijack.h"
#include "route.h"

/*
 * Every handler that syscalls.def names.  It returns a value or -errno and may
 * use the steps below in any order.
 */
/* clang-format off */
#define HIJACK_HANDLERS(X)							\
	X(none) X(host) X(fd) X(address) X(fds) X(paths) X(open) X(stat) X(readlink)	\
	X(mmap) X(ioctl) X(fcntl) X(close) X(close_range) X(dup) X(dup2)	\
	X(chdir) X(fchdir) X(getcwd) X(execve) X(mount) X(sync) X(umask)	\
	X(socket) X(sendmsg) X(recvmsg) X(sendfile) X(copy_file_range)		\
	X(splice) X(poll) X(select) X(epoll_create) X(epoll_ctl) X(epoll_wait) X(sigaction)	\
	X(sigprocmask) X(sigsuspend) X(prctl) X(ptrace) X(exit_group)		\
	X(missing) X(setid) X(machine) X(kcmp) X(pidfd_getfd)			\
	X(landlock_add_rule) X(io_submit) X(exit) X(capset) X(limits)		\
	X(name_to_handle) X(open_by_handle) X(name) X(sendto)	\
	X(watch) X(unwatch) X(vmsplice) X(getdents) X(chroot) X(setns) X(unshare) X(umount) X(munmap) X(mremap) X(range)	\
	X(setsockopt)
/* clang-format on */

#define NUMBER(name) HANDLER_##name,
enum { HIJACK_HANDLERS(NUMBER) };
#undef NUMBER

#define DECLARE(name) long handle_##name(struct call *call);
HIJACK_HANDLERS(DECLARE)
#undef DECLARE

enum arg_kind { ARG__, ARG_FD, ARG_DIRFD, ARG_PATH };
enum result_kind { RESULT_VALUE, RESULT_NEWFD, RESULT_PAIR };

struct row {
	uint8_t handler;
	uint8_t result;
	uint8_t kinds[6];
};

const struct row *row_of(long nr);
const char *name_of(long nr);

/* Buffers for paths, mapped when first asked for; freed by the handler. */
struct scratch {
	char *pages;
};

#define SCRATCH_BUFFERS 9
#define SCRATCH_LINKS 4 /* from here on they are links.c's */
/* n-th buffer of ROUTE_PATH_MAX bytes, or NULL. */
char *scratch_buffer(struct scratch *scratch, int n);
void scratch_free(struct scratch *scratch);

/* Where a dirfd and a path lead. */
struct place {
	enum route_side side;
	int dirfd; /* for that side */
	const char *path;
	const char *outside; /* as in struct route */
	bool is_link;	     /* one of the kernel's /proc, which shows a descriptor */
};

/*
 * Whether a call on this path is the host's as it is.  Quick; no: look closer.  From any
 * wrapper, with any pointer.
 */
bool place_is_hosts(const char *path);

/*
 * n: which of a call's paths this is, 0 or 1.  path NULL: the dirfd itself, and
 * without one the host's affair.  0 or -errno: EFAULT, ENAMETOOLONG, EBADF.
 */
int place_find(struct call *call, int dirfd, const char *path, struct scratch *scratch, int n,
	       struct place *ret_place);

/* One that no directory comes with; neither has what it leads to. */
int place_find_path(struct call *call, const char *path, struct scratch *scratch,
		    struct place *ret_place);

/*
 * The absolute path, as the application has it, of what place_find() found for `path`;
 * work: a buffer, to: another one.  -errno: it has none.
 */
int place_as_text(struct call *call, const struct place *place, const char *path, char *work,
		  char *to);

/* What all FD, DIRFD and PATH arguments of a call come to. */
struct resolved {
	int rump, host;	     /* how many arguments lie on that side */
	long args[6];	     /* translated, each for its own side */
	const char *outside; /* of the first path in the rump kernel */
	bool is_link;	     /* as in struct place, of any path */
};

/* The call may become the one that takes a directory: look at call->nr afterwards. */
int call_resolve(struct call *call, struct scratch *scratch, struct resolved *ret_resolved);

/* Gives a rump descriptor to the application: the placeholder's number or -errno. */
long install_fd(struct call *call, int rump_fd, bool is_cloexec);
/* Whether the call asks for close-on-exec. */
bool wants_cloexec(struct call *call);

/* prctl(2) has succeeded on the host: the rump process follows. */
void ids_prctl(struct call *call);

/* The working directory is in the rump kernel: its `outside`; NULL: on the host. */
extern const char *cwd_of_process;

static inline const char *cwd_outside(void)
{
	return self.spawned ? self.spawned->cwd_outside : cwd_of_process;
}

static inline void cwd_set(const char *outside)
{
	if (self.spawned)
		self.spawned->cwd_outside = outside;
	else
		cwd_of_process = outside;
}

/*
 * The root directory is in the rump kernel, by chroot(2): so are all absolute paths, as the
 * rump kernel has them.
 */
extern bool root_is_rump;

/* The `outside` of a directory of the rump kernel when no path led to it. */
const char *outside_of(const char *directory);

#endif

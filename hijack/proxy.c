/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy.c - a process that stays as the kernel of others; see proxy.h
 *
 * The program is over: by exec, then a child runs the next one and its end is passed on,
 * or by exit.  So none of its threads may go on, its descriptors have to be closed (who
 * reads the other end of a pipe waits for that), and signals are for the child.
 *
 * What differs from an exec for those who look closely: the program has another process
 * id, its parent is this process, and children of the old program are this process'.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "boot.h"
#include "children.h"
#include "dispatch.h"
#include "epoll.h"
#include "exec.h"
#include "family.h"
#include "fdtable.h"
#include "launch.h"
#include "local.h"
#include "proxy.h"
#include "signals.h"
#include "threads.h"
#include "trap.h"

#define SA_RESTORER_FLAG 0x04000000UL
#define FREEZE_NS 2000000000L /* for threads that do not answer */
#define GRACE_NS 200000000UL  /* for clients that are about to go */

/* ---- threads ---- */

static int freezer;	  /* who freezes the others, 0: nobody */
static unsigned int said; /* a futex: how many have taken the signal */

bool proxy_freezes(int signal, siginfo_t *info)
{
	static int never;
	int by = __atomic_load_n(&freezer, __ATOMIC_ACQUIRE);

	if (!by || signal != SIGSEGV || info->si_code != SI_TKILL)
		return false;
	if (!self.is_kernels && self.inside)
		signals_defer(signal, info);
	__atomic_add_fetch(&said, 1, __ATOMIC_RELEASE);
	host(SYS_futex, &said, FUTEX_WAKE_PRIVATE, 1);
	if (self.is_kernels || self.inside || by == host(SYS_gettid))
		return true;
	for (;;)
		host(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, NULL);
}

/* One of the kernel's that is stopped may have the kernel stopped with it. */
static bool freeze(int tid)
{
	return !thread_is_kernels(tid) && !host(SYS_tgkill, host(SYS_getpid), tid, SIGSEGV);
}

static void freeze_threads(void)
{
	struct timespec timeout = {FREEZE_NS / 1000000000, FREEZE_NS % 1000000000};
	unsigned int asked = 0, more, now;
	struct threads_seen seen;

	threads_seen_make(&seen);
	__atomic_store_n(&freezer, host(SYS_gettid), __ATOMIC_RELEASE);
	while ((more = threads_each_new(&seen, freeze))) {
		asked += more;
		while ((now = __atomic_load_n(&said, __ATOMIC_ACQUIRE)) < asked)
			if (host(SYS_futex, &said, FUTEX_WAIT_PRIVATE, now, &timeout) == -ETIMEDOUT)
				break;
	}
	threads_seen_free(&seen);
}

/* ---- descriptors ---- */

static void close_rump(struct call *call)
{
	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
		int value = fdtable_get(fd), companion;

		if (value == FDTABLE_HOST) {
			epoll_close(call, fd);
			continue;
		}
		companion = fdtable_set_companion(fd, -1);
		if (companion >= 0)
			rump(call, SYS_close, companion);
		if (value < 0)
			continue;
		fdtable_set(fd, FDTABLE_HOST);
		rump(call, SYS_close, value);
	}
	/* or it would keep a file system in use */
	rump(call, SYS_chdir, "/");
	cwd_set(NULL);
}

static void close_host(void)
{
	unsigned int first = 0;
	long null;

	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
		if (fdtable_get(fd) != FDTABLE_PRIVATE)
			continue;
		if ((unsigned int)fd > first)
			host(SYS_close_range, first, fd - 1, 0);
		first = fd + 1;
	}
	host(SYS_close_range, first, ~0U, 0);
	/* nobody shall get these numbers and be written to */
	null = host(SYS_open, "/dev/null", O_RDWR);
	while (!is_error(null) && null < 2)
		null = host(SYS_dup, null);
	host(SYS_chdir, "/");
}

/* ---- signals ---- */

static int child;	/* who runs the program now; 0: nobody */
static int told_to_end; /* a signal that came while only others were waited for */

static bool is_from_terminal(int signal, const siginfo_t *info)
{
	/* the child has had it too: it is in the same process group */
	return info->si_code == SI_KERNEL &&
	       (signal == SIGINT || signal == SIGQUIT || signal == SIGWINCH);
}

static void pass_on(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (!child) {
		told_to_end = signal;
		return;
	}
	if (is_from_terminal(signal, info))
		return;
	if (info->si_code != SI_QUEUE || is_error(host(SYS_rt_sigqueueinfo, child, signal, info)))
		host(SYS_kill, child, signal);
}

/* What ends a process by default, and what a program may want to know of. */
static void take_signals(bool has_child)
{
	struct kernel_sigaction ours = {pass_on, SA_SIGINFO | SA_RESTORER_FLAG, trap_restorer, 0};
	struct kernel_sigaction none = {(void *)SIG_DFL, SA_RESTORER_FLAG, trap_restorer, 0};
	struct kernel_sigaction old;

	for (int signal = 1; signal <= 64; signal++) {
		bool is_default;

		if (SIGNAL_BIT(signal) & SIGNALS_KEPT || signal == SIGKILL || signal == SIGSTOP ||
		    host(SYS_rt_sigaction, signal, NULL, &old, 8))
			continue;
		/* stopping and its end are for all of the process group */
		is_default = signal == SIGCHLD || signal == SIGTSTP || signal == SIGTTIN ||
			     signal == SIGTTOU || signal == SIGURG ||
			     (!has_child && (signal == SIGCONT || signal == SIGWINCH));
		if (old.handler == (void *)SIG_IGN && signal != SIGCHLD)
			continue; /* ignored by the program then as well */
		host(SYS_rt_sigaction, signal, is_default ? &none : &ours, NULL, 8);
	}
}

/* ---- staying ---- */

static void become_proxy(struct call *call)
{
	freeze_threads();
	take_signals(child);
	close_rump(call);
	close_host();
}

struct wait {
	unsigned long timeout; /* ns, 0: for ever */
	bool is_over;	       /* nobody is there any more */
};

/*
 * Clients, and members of the family that may become some: they have the lifeline, whose
 * end for reading hangs up with the last of them.
 */
static void wait_on_stack(void *argument)
{
	struct wait *wait = argument;
	struct timespec timeout = {wait->timeout / 1000000000, wait->timeout % 1000000000};
	struct pollfd lifeline = {family_lifeline_end(), 0, 0};
	long result = 0;

	while (!told_to_end && lifeline.fd >= 0 && !(lifeline.revents & POLLHUP) &&
	       result != -ETIMEDOUT) {
		result = host(SYS_ppoll, &lifeline, 1, wait->timeout ? &timeout : NULL, NULL, 8);
		if (!result)
			result = -ETIMEDOUT;
	}
	result = result == -ETIMEDOUT ? result : 0;
	while (!told_to_end && result != -ETIMEDOUT && local_clients())
		result = local_wait(wait->timeout);
	wait->is_over = result != -ETIMEDOUT;
}

/* Whether nobody is left. */
static bool wait_for_others(unsigned long timeout)
{
	struct wait wait = {timeout, true};

	boot_run(NULL, CALL_STACK, true, wait_on_stack, &wait);
	return wait.is_over;
}

static void say_who_waits(void)
{
	unsigned int count = local_clients();
	char pid[24], number[24];

	put_decimal(pid, host(SYS_getpid));
	put_decimal(number, count);
	if (!count)
		complain("rump kernel: process ", pid,
			 " waits for its children, which may use its kernel", NULL);
	else
		complain("rump kernel: process ", pid, " waits for ", number,
			 count == 1 ? " process that uses its kernel"
				    : " processes that use its kernel",
			 NULL);
}

/* All signals are let in here only: nobody else is to see one. */
static void wait_for_end(void)
{
	unsigned long none = 0, all = ~SIGNALS_KEPT;

	host(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
	wait_for_others(0);
	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
}

void proxy_leave(void)
{
	struct call call = {.nr = SYS_exit_group};
	unsigned long all = ~SIGNALS_KEPT, old;

	if (!boot_is_here() || local_has_ended())
		return;
	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	/* a child that has just ended is still there for a moment */
	if (!wait_for_others(GRACE_NS)) {
		say_who_waits();
		become_proxy(&call);
		wait_for_end();
	}
	local_shutdown();
	host(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
}

/* As the program ended, so do we; its core is the only one. */
static __attribute__((noreturn)) void end_as(int status)
{
	struct kernel_sigaction none = {(void *)SIG_DFL, SA_RESTORER_FLAG, trap_restorer, 0};
	struct rlimit no_core = {0, 0};
	int signal = WTERMSIG(status);
	unsigned long mask = WIFSIGNALED(status) ? ~SIGNAL_BIT(signal) : 0;

	if (WIFSIGNALED(status)) {
		host(SYS_prlimit64, 0, RLIMIT_CORE, &no_core, NULL);
		host(SYS_rt_sigaction, signal, &none, NULL, 8);
		host(SYS_tgkill, host(SYS_getpid), host(SYS_gettid), signal);
		host(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	}
	for (;;)
		host(SYS_exit_group, WIFSIGNALED(status) ? 128 + signal : WEXITSTATUS(status));
}

static __attribute__((noreturn)) void stay(struct call *call, int pid)
{
	unsigned long none = 0, all = ~SIGNALS_KEPT;
	int status = 0;

	child = pid;
	become_proxy(call);
	host(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
	/* children that the old program left are reaped as well */
	for (;;) {
		long ended = host(SYS_wait4, -1, &status, __WALL, NULL);

		if (ended == pid)
			break;
		if (is_error(ended) && ended != -EINTR)
			break;
	}
	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	child = 0;
	wait_for_end();
	local_shutdown();
	end_as(status);
}

/* ---- exec ---- */

struct program {
	struct exec *exec;
	unsigned long mask;
	long error;
};

static int run_program(void *argument)
{
	struct program *program = argument;

	launch_signals(&program->mask);
	program->error = exec_now(program->exec);
	return 127;
}

long proxy_exec(struct call *call, int envp_at, const struct exec_image *image)
{
	unsigned long all = ~SIGNALS_KEPT;
	struct program program = {.error = 0};
	struct exec exec;
	long result, pid = -1;

	/* the new program gets a copy of our rump process */
	result = children_spawn(call);
	if (result)
		return result;
	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, &program.mask, 8);
	result = exec_prepare(call, envp_at, image, &exec);
	if (!result) {
		program.exec = &exec;
		pid = launch(run_program, &program, 0);
		exec_release(&exec);
		result = pid < 0 ? pid : program.error;
	}
	children_spawned();
	if (result) {
		if (pid > 0)
			host(SYS_wait4, pid, NULL, __WALL, NULL);
		host(SYS_rt_sigprocmask, SIG_SETMASK, &program.mask, NULL, 8);
		return result;
	}
	stay(call, pid);
}

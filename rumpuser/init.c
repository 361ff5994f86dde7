/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init.c - the hypercalls on POSIX threads: how a rump kernel meets its host.
 *
 * A kernel calls rumpuser_init() once, with what the host may call in it, and
 * gets the table below; there is no other way in.  The same process may hold
 * no kernel yet (rumpuser_init was called to take configuration), a kernel, or,
 * after fork(), the useless copy of its parent's: see forked().
 *
 * Hypercalls run on kernel stacks of a few pages, with %gs changed, in threads
 * of the application.  So: little stack; raw system calls (host/host_call.h) where
 * data flows; errno as it was; and in what may be called while a virtual CPU
 * is held (clocks, wait, wake, yield, map, unmap, console, io_submit) no
 * allocation, no stdio, no lock that another thread may keep.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "private.h"

const struct rumpuser_upcalls *rumpuser_upcalls;

static struct {
	pid_t owner; /* the process whose kernel it is; 0: none was made */
	bool is_forked;
	bool keeps_kernel; /* the fork() under way is daemonize_begin's */
	bool caller_shuts_down;
} state;

/* ---- why boot failed ---- */

static char boot_error[1024];

void boot_error_set(const char *format, ...)
{
	KEEPS_ERRNO;
	va_list args;

	va_start(args, format);
	vsnprintf(boot_error, sizeof(boot_error), format, args);
	va_end(args);
}

void boot_error_text(const char *text)
{
	size_t length = strnlen(text, sizeof(boot_error) - 1);

	/* text may be the buffer itself, or a part of it */
	memmove(boot_error, text, length);
	boot_error[length] = '\0';
}

const char *rumpuser_boot_error(void)
{
	return boot_error;
}

/* ---- parameters ---- */

const char *param(const char *name)
{
	/* nothing from the environment in programs with more rights than their user */
	return secure_getenv(name);
}

static void set_errno(int error)
{
	errno = error;
}

/* ---- life of the kernel ---- */

void kernel_is_here(void)
{
	state.owner = (pid_t)host_call(SYS_getpid);
}

bool kernel_was_made(void)
{
	return state.owner != 0;
}

bool kernel_is_forked(void)
{
	return state.is_forked;
}

/*
 * The child of a fork has a copy of the image's data and no kernel memory
 * (memory.c): it cannot run the kernel, and must give up what would keep the
 * parent's images locked after the parent's end.  Where no kernel was made yet
 * the child is as good as the parent was, and may boot one of its own.
 */
static void forked(void)
{
	io_forked();
	boot_conf_forked();
	if (!state.owner || state.keeps_kernel || state.is_forked)
		return;
	state.is_forked = true;
	thread_forked();
	file_forked();
	sp_forked();
	memory_forked();
	if (rumpuser_upcalls->forked)
		rumpuser_upcalls->forked();
}

pid_t fork_with_kernel(void)
{
	pid_t pid;

	state.keeps_kernel = true;
	pid = fork();
	if (pid < 0)
		pid = -errno;
	state.keeps_kernel = false;
	return pid;
}

void rumpuser_shutdown_by_caller(int is_caller)
{
	state.caller_shuts_down = is_caller;
}

/*
 * A destructor runs after every atexit() handler of the program, which may
 * still use the kernel.  The comparison of ids keeps children of vfork() and
 * of a bare clone() out, whom forked() does not see.
 */
__attribute__((destructor)) static void at_exit(void)
{
	if (!state.owner || state.caller_shuts_down || state.is_forked)
		return;
	if (state.owner != (pid_t)host_call(SYS_getpid))
		return;
	rumpuser_sp_stop();
	if (rumpuser_upcalls->shutdown)
		rumpuser_upcalls->shutdown();
}

/* ---- the table ---- */

static struct rumpuser_ops ops = {
	.version = RUMPUSER_VERSION,

	.get_thread = thread_get,
	.set_thread = thread_set,
	.thread_id = thread_id,
	.thread_create = thread_create,
	.signal = thread_signal,
	.yield = thread_yield,
	.wait = futex_wait_call,
	.wake = futex_wake,
	.set_gs = thread_set_gs,
	.host_cpus = thread_host_cpus,

	.clock_mono = clock_mono,
	.clock_real = clock_real,
	.random = random_bytes,

	.console_write = console_write,
	.param = param,
	.set_errno = set_errno,
	.boot_error = boot_error_text,
	.panic = panic_now,
	.exit = exit_now,
	.complain = console_complain,
	.tell = sp_client_tell,

	.memory_create = memory_create,
	.map = memory_map,
	.unmap = memory_unmap,
	.reserve = memory_reserve,
	.unreserve = memory_unreserve,
	.memory_release = memory_release,

	.file_open = file_open,
	.file_close = file_close,
	.file_read = file_read,
	.io_submit = io_submit,
	.io_run = io_run,

	.event_raise = event_raise,
	.event_close = event_close,

	.bus_open = bus_open,
	.bus_close = bus_close,
	.bus_ring = bus_ring,
	.wait_any = wait_any,

	.net_read = net_read,
	.net_write = net_write,
	.net_wait = net_wait,
	.net_kick = net_kick,
	.net_close = net_close,

	.module_dir = module_dir,
	.boot_items = boot_items,
	.boot_conf = boot_conf,
	.daemonize_begin = daemonize_begin,
	.daemonize_done = daemonize_done,
};

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;

const struct rumpuser_ops *rumpuser_init(int version, const struct rumpuser_upcalls *upcalls)
{
	const struct rumpuser_ops *table = NULL;
	int error = 0;
	KEEPS_ERRNO;

	if (version != RUMPUSER_VERSION || !upcalls || upcalls->version != RUMPUSER_VERSION) {
		boot_error_set("librumpuser has hypercall version %d, the kernel wants %d",
			       RUMPUSER_VERSION,
			       version == RUMPUSER_VERSION && upcalls ? upcalls->version : version);
		return NULL;
	}
	pthread_mutex_lock(&init_lock);
	if (!rumpuser_upcalls) {
		error = thread_init();
		if (!error)
			error = -pthread_atfork(boot_conf_fork, boot_conf_forked, forked);
		if (!error) {
			ops.has_fsgsbase = thread_has_fsgsbase();
			console_init();
			rumpuser_upcalls = upcalls;
		}
	}
	if (error)
		boot_error_set("cannot set up threads: %s", strerror(-error));
	else
		table = &ops;
	pthread_mutex_unlock(&init_lock);
	return table;
}

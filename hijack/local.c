/* SPDX-License-Identifier: BSD-2-Clause */
/* local.c - a kernel in this process; see local.h */
#include <dlfcn.h>
#include <sys/mman.h>

#define RUMPUSER_HOST
#include <rump/rumpuser.h>

#include "boot.h"
#include "children.h"
#include "family.h"
#include "fork.h"
#include "local.h"
#include "log.h"
#include "placeholder.h"
#include "remote.h"
#include "signals.h"
#include "trap.h"

#define LIBRARY "librump.so.0"

static int has_shut_down;

static struct {
	int (*init)(void);
	int (*boot_conf)(const char *, const char *);
	const char *(*boot_error)(void);
	long (*syscall)(long, long, long, long, long, long, long);
	int (*shutdown)(void);
	int (*interrupt)(int);
	/* librumpuser's; NULL: a library that does not serve */
	void (*shutdown_by_caller)(int);
	int (*serve)(const struct rumpuser_sp_options *);
	int (*fork)(void);
	int (*export)(int);
	int (*import)(int);
	int (*event)(int);
	unsigned int (*clients)(void);
	int (*wait)(unsigned long long);
	void (*stop)(void);
} ops;

static const struct {
	const char *name;
	void **at;
	bool may_miss;
} names[] = {
	{"rump_init", (void **)&ops.init, false},
	{"rump_boot_conf", (void **)&ops.boot_conf, false},
	{"rump_boot_error", (void **)&ops.boot_error, false},
	{"rump_syscall", (void **)&ops.syscall, false},
	{"rump_pub_shutdown", (void **)&ops.shutdown, false},
	{"rump_pub_interrupt", (void **)&ops.interrupt, true},
	{"rumpuser_shutdown_by_caller", (void **)&ops.shutdown_by_caller, true},
	{"rumpuser_sp_serve", (void **)&ops.serve, true},
	{"rumpuser_sp_fork", (void **)&ops.fork, true},
	{"rumpuser_sp_export", (void **)&ops.export, true},
	{"rumpuser_sp_import", (void **)&ops.import, true},
	{"rumpuser_sp_event", (void **)&ops.event, true},
	{"rumpuser_sp_clients", (void **)&ops.clients, true},
	{"rumpuser_sp_wait", (void **)&ops.wait, true},
	{"rumpuser_sp_stop", (void **)&ops.stop, true},
};

static int load(void)
{
	void *library = boot_library(LIBRARY, false);

	if (!library)
		return -ENOSYS;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*names[i].at = dlsym(library, names[i].name);
		if (*names[i].at || names[i].may_miss)
			continue;
		complain(LIBRARY " is of another version: it has no ", names[i].name, NULL);
		return -ENOSYS;
	}
	boot_own_text(ops.syscall);
	boot_own_text(ops.shutdown_by_caller); /* librumpuser */
	return 0;
}

static int configure(void)
{
	long address;
	int error;

	if (!config.boot_count)
		return 0;
	address = host(SYS_mmap, 0, HIJACK_CONFIG_BOOT_TEXT_MAX, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(address))
		return ENOMEM;
	if (hijack_config_boot_text(&config, *boot_directory ? boot_directory : NULL,
				    (char *)address,
				    HIJACK_CONFIG_BOOT_TEXT_MAX) >= HIJACK_CONFIG_BOOT_TEXT_MAX)
		error = E2BIG;
	else
		error = ops.boot_conf((const char *)address, "RUMPHIJACK");
	if (error)
		complain("cannot boot the rump kernel: ", ops.boot_error(), NULL);
	host(SYS_munmap, address, HIJACK_CONFIG_BOOT_TEXT_MAX);
	return error;
}

/* Members of the family that were forked before this boot come by its socket. */
static int serve(int listen_fd)
{
	struct rumpuser_sp_options options = {
		.listen_fd = listen_fd,
		.group = -1,
		.secret = family.secret,
	};

	if (listen_fd < 0)
		return 0;
	if (ops.serve)
		return ops.serve(&options);
	/* nobody is to wait there */
	private_close(listen_fd);
	return 0;
}

int local_boot(int listen_fd)
{
	int error = load();

	if (error)
		goto out;
	/* for children: a fork cannot load it; what is missing is told then */
	remote_load(true);
	/* exit_group() ends the kernel, after all that atexit handlers and stdio write */
	if (ops.shutdown_by_caller)
		ops.shutdown_by_caller(1);
	error = -configure();
	if (error)
		goto out;
	error = -ops.init();
	if (!error)
		error = serve(listen_fd);
	if (error) {
		complain("cannot boot the rump kernel: ", ops.boot_error(), NULL);
		goto out;
	}
	listen_fd = -1;
	boot_syscall = ops.syscall;
	boot_place = PLACE_HERE;
	boot_owner = (struct boot_owner){host(SYS_geteuid), host(SYS_getegid), true};
	boot_settle_in(boot_syscall);
	signals_booted();
	log_kernel("in this process", NULL);
out:
	if (listen_fd >= 0)
		private_close(listen_fd);
	return error;
}

int local_fork(void)
{
	if (!ops.fork)
		return -ENOSYS;
	/* the caller becomes an lwp by its first call */
	ops.syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
	return ops.fork();
}

int local_export(int rump_fd)
{
	return ops.export ? ops.export(rump_fd) : -ENOSYS;
}

int local_import(int fd)
{
	return ops.import ? ops.import(fd) : -ENOSYS;
}

int local_event(int notifier)
{
	return ops.event ? ops.event(notifier) : -ENOSYS;
}

void local_interrupt(int tid)
{
	if (ops.interrupt)
		ops.interrupt(tid);
}

unsigned int local_clients(void)
{
	return ops.clients && ops.wait ? ops.clients() : 0;
}

int local_wait(unsigned long timeout)
{
	return ops.wait ? ops.wait(timeout) : -ETIMEDOUT;
}

static void shutdown_on_stack(void *unused)
{
	(void)unused;
	if (ops.stop)
		ops.stop();
	ops.shutdown();
}

void local_shutdown(void)
{
	if (!boot_is_here() || __atomic_exchange_n(&has_shut_down, 1, __ATOMIC_ACQ_REL))
		return;
	/* no memory for a stack: this one may do */
	if (boot_run(NULL, CALL_STACK, true, shutdown_on_stack, NULL))
		shutdown_on_stack(NULL);
}

bool local_has_ended(void)
{
	return __atomic_load_n(&has_shut_down, __ATOMIC_ACQUIRE);
}

void local_forked(void)
{
	has_shut_down = 0;
}

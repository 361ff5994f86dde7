/* SPDX-License-Identifier: BSD-2-Clause */
/* remote.c - a kernel in another process; see remote.h */
#include <dlfcn.h>
#include <stddef.h>

#include "boot.h"
#include "dispatch.h"
#include "epoll.h"
#include "fdtable.h"
#include "log.h"
#include "map.h"
#include "own.h"
#include "posts.h"
#include "remote.h"
#include "wait.h"

#define LIBRARY "librumpclient.so.0"

struct remote remote;
bool remote_is_confined;

static const struct {
	const char *name;
	void **at;
} names[] = {
	{"rumpclient_init_url", (void **)&remote.init_url},
	{"rumpclient_init_socket", (void **)&remote.init_socket},
	{"rumpclient_error", (void **)&remote.error},
	{"rumpclient_syscall", (void **)&remote.syscall},
	{"rumpclient_interrupt", (void **)&remote.interrupt},
	{"rumpclient_prefork", (void **)&remote.prefork},
	{"rumpclient_fork_init", (void **)&remote.fork_init},
	{"rumpclient_fork_cancel", (void **)&remote.fork_cancel},
	{"rumpclient_fork_enter", (void **)&remote.fork_enter},
	{"rumpclient_fork_socket", (void **)&remote.fork_socket},
	{"rumpclient_fork_of_socket", (void **)&remote.fork_of_socket},
	{"rumpclient_fork_of_url", (void **)&remote.fork_of_url},
	{"rumpclient_exec_done", (void **)&remote.exec_done},
	{"rumpclient_exec_failed", (void **)&remote.exec_failed},
	{"rumpclient_confine", (void **)&remote.confine},
	{"rumpclient_is_connected", (void **)&remote.is_connected},
	{"rumpclient_generation", (void **)&remote.generation},
	{"rumpclient_export", (void **)&remote.export},
	{"rumpclient_import", (void **)&remote.import},
	{"rumpclient_memory", (void **)&remote.memory},
	{"rumpclient_event", (void **)&remote.event},
};

/* The connection that the descriptors in fdtable belong to; 0: there was none yet. */
static unsigned int generation;
static int generation_lock;
static bool has_complained;

int remote_load(bool is_quiet)
{
	static bool is_loaded;
	void *library;

	if (__atomic_load_n(&is_loaded, __ATOMIC_ACQUIRE))
		return 0;
	library = boot_library(LIBRARY, is_quiet);
	if (!library)
		return -ENOSYS;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*names[i].at = dlsym(library, names[i].name);
		if (*names[i].at)
			continue;
		complain(LIBRARY " is of another version: it has no ", names[i].name, NULL);
		return -ENOSYS;
	}
	boot_own_text(remote.syscall);
	__atomic_store_n(&is_loaded, true, __ATOMIC_RELEASE);
	return 0;
}

/* A server that is not there is told once: each call tries again. */
static int failed(const char *what)
{
	if (!has_complained)
		complain(what, remote.error(), NULL);
	has_complained = true;
	return -ENOTCONN;
}

static void connected(void)
{
	has_complained = false;
	boot_syscall = remote.syscall;
	boot_place = PLACE_ELSEWHERE;
	generation = remote.generation();
	boot_settle_in(boot_syscall);
}

int remote_connect(void)
{
	int error = remote_load(false);

	if (error)
		return error;
	if (remote.init_url(boot_server, NULL))
		return failed("no rump kernel: ");
	connected();
	log_kernel("in the server ", boot_server);
	return 0;
}

int remote_connect_url(const char *url, const uint8_t *secret)
{
	int error = remote_load(false);

	if (error)
		return error;
	if (remote.init_url(url, secret))
		return errno == ECONNREFUSED ? -ECONNREFUSED : failed("no rump kernel: ");
	connected();
	log_kernel("in the process that serves ", url);
	return 0;
}

int remote_adopt(int fd)
{
	int error = remote_load(false);

	if (error)
		return error;
	if (remote.init_socket(fd)) {
		/* without an address there is no second try */
		failed("the rump kernel of the parent process: ");
		return -ENXIO;
	}
	connected();
	log_kernel("the one of the parent process", NULL);
	return 0;
}

int remote_spawned_connect_url(const char *url, const uint8_t *secret)
{
	struct rumpclient_fork *fork;
	int error = remote_load(false);

	if (error)
		return error;
	fork = remote.fork_of_url(url, secret);
	if (!fork)
		return errno == ECONNREFUSED ? -ECONNREFUSED : failed("no rump kernel: ");
	self.spawned->prefork.fork = fork;
	remote.fork_enter(fork);
	boot_settle_in(remote.syscall);
	log_kernel("in the process that serves ", url);
	return 0;
}

int remote_spawned_connect(void)
{
	int error = remote_spawned_connect_url(boot_server, NULL);

	return error == -ECONNREFUSED ? failed("no rump kernel: ") : error;
}

void remote_interrupt(int tid)
{
	remote.interrupt(tid);
}

/* Everything that was known of the old rump process. */
static void forget_all(struct call *call)
{
	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
		if (fdtable_get(fd) >= 0)
			fdtable_set(fd, FDTABLE_LOST);
		if (fdtable_get(fd) == FDTABLE_HOST)
			epoll_lost(fd);
		else
			fdtable_set_companion(fd, -1);
	}
	poller_lost();
	rump_proc_forget();
	map_remote_lost();
	boot_settle_in(boot_syscall);
	(void)call;
}

bool remote_has_changed(struct call *call)
{
	unsigned int now = remote.generation();
	bool is_new;

	if (__builtin_expect(now == __atomic_load_n(&generation, __ATOMIC_ACQUIRE), 1) ||
	    self.spawned)
		return false;
	while (__atomic_exchange_n(&generation_lock, 1, __ATOMIC_ACQUIRE))
		host(SYS_sched_yield);
	is_new = now != generation && generation;
	if (is_new)
		forget_all(call);
	__atomic_store_n(&generation, now, __ATOMIC_RELEASE);
	__atomic_store_n(&generation_lock, 0, __ATOMIC_RELEASE);
	return is_new;
}

void remote_confine(struct call *call)
{
	remote_is_confined = true;
	if (!boot_in_use() || self.inside || self.spawned || boot_ensure(call) ||
	    boot_place != PLACE_ELSEWHERE)
		return;
	/* its channel, and what mixed waits need */
	rump(call, SYS_getpid);
	poller_prepare(call);
	remote.confine();
}

void remote_forked(void)
{
	posts_are_out = false; /* what there is are the parent's */
	generation_lock = 0;
	if (remote.generation)
		generation = remote.generation();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_tcp.c - tcp:// addresses: librumpsp_tcp.so listens, and gives us a socketpair's end
 * for each client that has proved the secret.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "rumpsp_tcp.h"
#include "sp.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct rumpsp_tcp_ops *_Atomic loaded;

/* Beside this library, else where the loader looks. */
static void *library_open(void)
{
	char path[4096];
	void *library = NULL;
	Dl_info info;
	const char *slash;

	if (dladdr(&loaded, &info) && info.dli_fname && (slash = strrchr(info.dli_fname, '/'))) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - info.dli_fname),
			 info.dli_fname, RUMPSP_TCP_LIBRARY);
		library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	}
	return library ? library : dlopen(RUMPSP_TCP_LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

static const struct rumpsp_tcp_ops *library_load(void)
{
	static const struct rumpsp_tcp_host host = {
		.keep_fd = fd_move_high,
		.drop_fd = fd_close_private,
	};
	const struct rumpsp_tcp_ops *(*get)(int) = NULL;
	void *library;

	pthread_mutex_lock(&lock);
	if (!atomic_load(&loaded)) {
		library = library_open();
		if (library)
			get = (const struct rumpsp_tcp_ops *(*)(int))(uintptr_t)dlsym(
				library, RUMPSP_TCP_SYMBOL);
		if (get)
			atomic_store(&loaded, get(RUMPSP_TCP_VERSION));
		if (atomic_load(&loaded))
			atomic_load(&loaded)->set_host(&host);
		else if (!library)
			boot_error_set("tcp:// is not here: %s", dlerror());
		else
			boot_error_set("%s is of another version", RUMPSP_TCP_LIBRARY);
	}
	pthread_mutex_unlock(&lock);
	return atomic_load(&loaded);
}

static void log_line(void *arg, const char *line)
{
	(void)arg;
	sp_log("%s", line);
}

static int connected(void *arg, int fd, const char *peer)
{
	struct sp_listener *listener = arg;
	int error = sp_client_connect(fd, &listener->policy, true);

	if (error)
		sp_log("%s was not let in: %s", peer, strerror(-error));
	return error;
}

int sp_tcp_serve(const struct rump_url *url, const struct rumpuser_sp_options *options,
		 struct sp_listener *listener)
{
	struct rumpsp_tcp_serve how = {
		.url = url,
		.is_any_address = options->is_any_address,
		.arg = listener,
		.thread = thread_create,
		.log = log_line,
		.connected = connected,
	};
	const struct rumpsp_tcp_ops *tcp;
	struct rumpsp_tcp_server *server;
	struct config_error why;
	int error;

	if (options->listen_fd >= 0) {
		boot_error_set("a socket cannot be given for a tcp:// address");
		return -EINVAL;
	}
	if (!options->secret_file) {
		boot_error_set("tcp:// needs a secret file");
		return -ENOENT;
	}
	tcp = library_load();
	if (!tcp)
		return -EOPNOTSUPP;
	/* those who come in have proved it before they get here; HELLO needs no other one */
	listener->policy.has_secret = false;
	error = tcp->secret_read(options->secret_file, how.secret, &why);
	if (!error)
		error = tcp->serve(&how, &server, &why);
	explicit_bzero(how.secret, sizeof(how.secret));
	if (error)
		boot_error_set("%s", why.text);
	else
		listener->tcp = server;
	return error;
}

void sp_tcp_stop(struct sp_listener *listener)
{
	if (listener->tcp)
		atomic_load(&loaded)->stop(listener->tcp);
	listener->tcp = NULL;
}

void sp_tcp_forked(void)
{
	const struct rumpsp_tcp_ops *tcp = atomic_load(&loaded);

	if (tcp)
		tcp->forked();
}

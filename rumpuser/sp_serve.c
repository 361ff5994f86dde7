/* SPDX-License-Identifier: BSD-2-Clause */
/* sp_serve.c - the addresses of the server, and who comes in there. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "sp.h"
#include "url.h"

#define ACCEPTS_MAX 64 /* in a round */

static struct {
	struct host_lock lock;
	/* oldest first; they stay, since clients point to their policies */
	struct sp_listener *_Atomic first;
	bool is_halted;	     /* nobody is let in any more; under the lock */
	_Atomic int reserve; /* a handle that is given up to refuse somebody clearly, + 1 */
} serve;

/* ---- coming in ---- */

static void reserve_take(void)
{
	long fd = host_call(SYS_openat, AT_FDCWD, "/", O_PATH | O_CLOEXEC);
	int handle = fd < 0 ? -1 : file_adopt((int)fd);

	atomic_store(&serve.reserve, handle + 1);
}

static void refuse(int fd, int error)
{
	const struct rump_sp_welcome welcome = {
		.head = {.length = sizeof(welcome),
			 .type = RUMP_SP_HELLO,
			 .is_answer = 1,
			 .error = -error},
		.magic = RUMP_SP_MAGIC,
		.version = RUMP_SP_VERSION,
	};

	host_call(SYS_sendto, fd, &welcome, sizeof(welcome), MSG_DONTWAIT | MSG_NOSIGNAL);
	host_close(fd);
}

static long accept_one(const struct sp_listener *listener)
{
	return host_call(SYS_accept4, file_fd(listener->socket), NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* No descriptor is left: who is first in the queue learns it. */
static bool refuse_one(const struct sp_listener *listener, int error)
{
	int reserve = atomic_exchange(&serve.reserve, 0) - 1;
	long fd;

	if (reserve < 0)
		return false;
	file_close(reserve);
	fd = accept_one(listener);
	if (fd >= 0)
		refuse((int)fd, error);
	reserve_take();
	return fd >= 0;
}

/* With the lock, so that sp_listeners_halt() is between two rounds. */
static bool accept_some(struct sp_listener *listener)
{
	for (int i = 0;
	     i < ACCEPTS_MAX && listener->socket >= 0 && !serve.is_halted && !sp_is_stopping();
	     i++) {
		long fd = accept_one(listener);

		if (fd >= 0) {
			int error = sp_client_connect((int)fd, &listener->policy, false);

			if (error)
				sp_log("a client was not let in: %s", strerror(-error));
			continue;
		}
		if (fd == -EAGAIN)
			return true;
		if (fd == -EINTR || fd == -ECONNABORTED)
			continue;
		sp_log("a client was not let in: %s", strerror((int)-fd));
		if (refuse_one(listener, (int)fd))
			continue;
		/* the queue stays as it is: look again when something may have changed */
		listener->is_paused = true;
		sp_unwatch(listener->socket);
		return false;
	}
	return true;
}

bool sp_listener_ready(struct sp_listener *listener)
{
	bool is_done;

	host_lock(&serve.lock);
	is_done = accept_some(listener);
	host_unlock(&serve.lock);
	return is_done;
}

void sp_listeners_resume(void)
{
	if (!atomic_load(&serve.reserve))
		reserve_take();
	host_lock(&serve.lock);
	for (struct sp_listener *l = atomic_load(&serve.first); l; l = atomic_load(&l->next)) {
		if (!l->is_paused || l->socket < 0 || serve.is_halted)
			continue;
		l->is_paused = false;
		sp_watch(l->socket, SP_LISTENER, l, EPOLLIN);
	}
	host_unlock(&serve.lock);
}

void sp_listeners_halt(void)
{
	host_lock(&serve.lock);
	serve.is_halted = true;
	for (struct sp_listener *l = atomic_load(&serve.first); l; l = atomic_load(&l->next)) {
		if (l->socket >= 0)
			sp_unwatch(l->socket);
	}
	host_unlock(&serve.lock);
}

void sp_listeners_stop(void)
{
	host_lock(&serve.lock);
	for (struct sp_listener *l = atomic_load(&serve.first); l; l = atomic_load(&l->next)) {
		if (l->socket < 0)
			continue;
		if (!l->is_kept)
			sp_address_remove(l);
		sp_unwatch(l->socket);
		file_close(l->socket);
		l->socket = -1;
	}
	host_unlock(&serve.lock);
}

/* ---- addresses ---- */

static void policy_make(struct sp_policy *policy, const struct rumpuser_sp_options *options)
{
	policy->is_root_set = options->is_root_set;
	policy->root_uid = options->root_uid;
	policy->is_memory_private = options->is_memory_private;
	policy->halt = options->halt;
	policy->leave = options->leave;
	policy->has_secret = options->secret != NULL;
	if (options->secret)
		memcpy(policy->secret, options->secret, sizeof(policy->secret));
}

static int option_of(int fd, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	return host_call(SYS_getsockopt, fd, SOL_SOCKET, option, &value, &length) ? -1 : value;
}

static bool is_listening(int fd)
{
	return option_of(fd, SO_DOMAIN) == AF_UNIX && option_of(fd, SO_TYPE) == SOCK_SEQPACKET &&
	       option_of(fd, SO_ACCEPTCONN) == 1;
}

/* The listening socket of a unix address, made or taken over. */
static int socket_of(const char *path, const struct rumpuser_sp_options *options,
		     struct sp_listener *listener)
{
	if (options->listen_fd < 0)
		return sp_address_listen(path, options, listener);
	if (!is_listening(options->listen_fd)) {
		boot_error_set("descriptor %d is not a listening SOCK_SEQPACKET unix socket",
			       options->listen_fd);
		return -EINVAL;
	}
	host_call(SYS_fcntl, options->listen_fd, F_SETFL,
		  host_call(SYS_fcntl, options->listen_fd, F_GETFL) | O_NONBLOCK);
	if (path)
		sp_address_note(listener, path);
	return options->listen_fd;
}

static int unix_serve(const char *path, const struct rumpuser_sp_options *options,
		      struct sp_listener *listener)
{
	int fd = socket_of(path, options, listener), error;
	const int yes = 1;

	if (fd < 0)
		return fd;
	listener->socket = file_adopt(fd);
	if (listener->socket < 0)
		return listener->socket;
	/* those who come in inherit it, so that their first message already tells its sender */
	error = (int)host_call(SYS_setsockopt, file_fd(listener->socket), SOL_SOCKET, SO_PASSCRED,
			       &yes, sizeof(yes));
	if (!error)
		error = sp_watch(listener->socket, SP_LISTENER, listener, EPOLLIN);
	if (error) {
		boot_error_set("cannot serve: %s", strerror(-error));
		sp_address_remove(listener);
		file_close(listener->socket);
		listener->socket = -1;
	}
	return error;
}

static void listener_add(struct sp_listener *listener)
{
	struct sp_listener *_Atomic *link = &serve.first;

	host_lock(&serve.lock);
	while (atomic_load(link))
		link = &atomic_load(link)->next;
	atomic_store(link, listener);
	host_unlock(&serve.lock);
}

static int serve_url(const struct rumpuser_sp_options *options, struct sp_listener *listener)
{
	struct config_error why;
	struct rump_url url;

	if (!options->url && options->listen_fd < 0) {
		boot_error_set("neither an address nor a socket to serve on");
		return -EINVAL;
	}
	if (!options->url)
		return unix_serve(NULL, options, listener);
	if (rump_url_parse(options->url, &url, &why)) {
		boot_error_set("%s", why.text);
		return -EINVAL;
	}
	if (url.kind == RUMP_URL_UNIX)
		return unix_serve(url.path, options, listener);
	return sp_tcp_serve(&url, options, listener);
}

int rumpuser_sp_serve(const struct rumpuser_sp_options *options)
{
	struct sp_listener *listener;
	int error;
	KEEPS_ERRNO;

	if (!kernel_was_made() || kernel_is_forked()) {
		boot_error_set("there is no kernel to serve");
		return -ENXIO;
	}
	if (sp_is_stopping()) {
		boot_error_set("the server stops");
		return -ESHUTDOWN;
	}
	error = sp_start();
	if (error) {
		boot_error_set("cannot serve: %s", strerror(-error));
		return error;
	}
	listener = calloc(1, sizeof(*listener));
	if (!listener) {
		boot_error_set("cannot serve: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	if (!atomic_load(&serve.reserve))
		reserve_take();
	listener->socket = -1;
	policy_make(&listener->policy, options);
	error = serve_url(options, listener);
	if (error) {
		free(listener);
		return error;
	}
	listener_add(listener);
	return 0;
}

static struct sp_listener *listener_at(unsigned int n)
{
	struct sp_listener *listener = atomic_load(&serve.first);

	while (listener && n--)
		listener = atomic_load(&listener->next);
	return listener;
}

int rumpuser_sp_keep_listener(unsigned int n)
{
	struct sp_listener *listener = listener_at(n);
	long fd = -ENOENT;

	host_lock(&serve.lock);
	if (listener && listener->socket >= 0)
		fd = host_call(SYS_fcntl, file_fd(listener->socket), F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		listener->is_kept = true;
	host_unlock(&serve.lock);
	return (int)fd;
}

void rumpuser_sp_stop(void)
{
	KEEPS_ERRNO;

	for (struct sp_listener *l = atomic_load(&serve.first); l; l = atomic_load(&l->next))
		sp_tcp_stop(l);
	sp_stop_clients();
}

void sp_serve_forked(void)
{
	memset(&serve, 0, sizeof(serve));
}

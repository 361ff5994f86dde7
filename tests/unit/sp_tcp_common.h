/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_tcp_common.h - what the tests of tcp/ share: a server without a kernel on a free port
 * of loopback, whose clients' control connections come to serve_control(), and a way to
 * it.  One source file of a program includes it.
 */
#ifndef RUMP_TESTS_SP_TCP_COMMON_H
#define RUMP_TESTS_SP_TCP_COMMON_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"
#include "tcp.h"

static const struct rumpsp_tcp_ops *tcp;
static struct rumpsp_tcp_server *server;
static struct rump_url server_url;
static const uint8_t good_secret[RUMP_SP_SECRET_SIZE] = "a secret of the tests, 32 bytes";
static const uint8_t bad_secret[RUMP_SP_SECRET_SIZE] = "another secret of 32 bytes, say";

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[65536];

/* what the server does with the control connection of a client, in a thread of its own */
static void serve_control(int fd);

TAP_UNUSED static bool log_has(const char *text)
{
	bool result = false;

	/* the client may hear of its refusal before the line is written */
	for (int i = 0; i < 200 && !result; i++) {
		pthread_mutex_lock(&log_lock);
		result = strstr(log_text, text);
		pthread_mutex_unlock(&log_lock);
		if (!result)
			usleep(10000);
	}
	return result;
}

TAP_UNUSED static void log_clear(void)
{
	pthread_mutex_lock(&log_lock);
	log_text[0] = '\0';
	pthread_mutex_unlock(&log_lock);
}

static void log_line(void *arg, const char *line)
{
	size_t used;

	(void)arg;
	pthread_mutex_lock(&log_lock);
	used = strlen(log_text);
	snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
	pthread_mutex_unlock(&log_lock);
}

struct start {
	void (*fn)(void *);
	void *arg;
};

static void *run_start(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	start.fn(start.arg);
	return NULL;
}

static int start_thread(void (*fn)(void *), void *arg, const char *name)
{
	struct start *start = malloc(sizeof(*start));
	sigset_t all, old;
	pthread_t thread;
	int error;

	(void)name;
	*start = (struct start){fn, arg};
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	error = pthread_create(&thread, NULL, run_start, start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!error)
		pthread_detach(thread);
	return -error;
}

static void control_main(void *arg)
{
	int fd = (int)(intptr_t)arg;

	serve_control(fd);
	close(fd);
}

static int connected(void *arg, int fd, const char *peer)
{
	(void)arg;
	(void)peer;
	return start_thread(control_main, (void *)(intptr_t)fd, "control");
}

static struct rump_url loopback_url(uint16_t port)
{
	struct rump_url url = {
		.kind = RUMP_URL_TCP, .host_kind = RUMP_URL_HOST_IPV4, .host = "127.0.0.1"};

	url.port = port;
	return url;
}

/* A port of loopback that nobody listens on. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, size) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		bail_out("no port of loopback: %s", strerror(errno));
	close(fd);
	return ntohs(address.sin_port);
}

static struct rumpsp_tcp_serve serve_options(const struct rump_url *url)
{
	struct rumpsp_tcp_serve how = {
		.url = url, .thread = start_thread, .log = log_line, .connected = connected};

	memcpy(how.secret, good_secret, sizeof(how.secret));
	return how;
}

static void start_server(void)
{
	struct config_error error = {""};
	struct rumpsp_tcp_serve how;

	tcp = rumpsp_tcp(RUMPSP_TCP_VERSION);
	if (!tcp)
		bail_out("no table");
	server_url = loopback_url(free_port());
	how = serve_options(&server_url);
	if (tcp->serve(&how, &server, &error))
		bail_out("cannot serve: %s", error.text);
}

TAP_UNUSED static struct rumpsp_tcp *connect_to(const struct rump_url *url, const uint8_t *secret,
						uint32_t kind, const void *cookie, int *ret_result,
						struct config_error *error)
{
	struct rumpsp_tcp_connect how = {.url = url, .kind = kind, .cookie = cookie};
	struct rumpsp_tcp *stream = NULL;
	int result;

	memcpy(how.secret, secret, sizeof(how.secret));
	result = tcp->connect(&how, &stream, error);
	if (ret_result)
		*ret_result = result;
	return result ? NULL : stream;
}

/* A control connection of a client that knows the secret. */
TAP_UNUSED static struct rumpsp_tcp *connect_good(void)
{
	struct config_error error = {""};
	struct rumpsp_tcp *stream =
		connect_to(&server_url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, NULL, &error);

	if (!stream)
		diag("%s", error.text);
	return stream;
}

/* A plain connection to the server's port, as strangers make them. */
TAP_UNUSED static int connect_plain(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		bail_out("connect: %s", strerror(errno));
	return fd;
}

TAP_UNUSED static unsigned int count_in(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* descriptors and threads of this process are as many as they were, within five seconds */
TAP_UNUSED static bool is_flat(unsigned int fds, unsigned int threads)
{
	for (int i = 0; i < 500; i++) {
		if (count_in("/proc/self/fd") == fds && count_in("/proc/self/task") == threads)
			return true;
		usleep(10000);
	}
	diag("descriptors: %u, were %u; threads: %u, were %u", count_in("/proc/self/fd"), fds,
	     count_in("/proc/self/task"), threads);
	return false;
}

#endif

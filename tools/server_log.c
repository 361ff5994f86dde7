/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log of a server.
 */
#include "server_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "message.h"
#include "url.h"

#define NAME_SIZE 128

/* what the kernel prints: warnings and worse */
#define LEVEL_OF_WARNINGS "loglevel=5"

/* "/run/user/1000/disk.sock" is "disk" */
static void name_of_path(const char *path, char *name)
{
	const char *slash = strrchr(path, '/');
	char *dot;

	snprintf(name, NAME_SIZE, "%s", slash ? slash + 1 : path);
	dot = strrchr(name, '.');
	if (dot && dot != name)
		*dot = '\0';
}

static void name_of_socket(int fd, char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNSPEC};
	/* the last byte stays a NUL */
	socklen_t length = sizeof(address) - 1;

	snprintf(name, NAME_SIZE, "server");
	if (!getsockname(fd, (struct sockaddr *)&address, &length) &&
	    address.sun_family == AF_UNIX && address.sun_path[0] == '/')
		name_of_path(address.sun_path, name);
}

static void name_of_server(const struct server_options *options, char *name)
{
	const struct server_address *first = &options->addresses[0];
	struct rump_url url;

	if (options->is_private)
		snprintf(name, NAME_SIZE, "private");
	else if (!first->url || rump_url_parse(first->url, &url, NULL))
		name_of_socket(first->listen_fd, name);
	else if (url.kind == RUMP_URL_UNIX)
		name_of_path(url.path, name);
	else
		snprintf(name, NAME_SIZE, "tcp-%u", (unsigned int)url.port);
}

/* The folder for logs; -ENOENT: there is no home. */
static int log_folder(char *folder)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const struct passwd *user;
	int length;

	if (!geteuid()) {
		snprintf(folder, PATH_MAX, "/var/log/rump");
		return 0;
	}
	if (state && *state == '/') {
		length = snprintf(folder, PATH_MAX, "%s/rump", state);
	} else {
		if (!home || *home != '/') {
			user = getpwuid(geteuid());
			home = user ? user->pw_dir : NULL;
		}
		if (!home || *home != '/')
			return -ENOENT;
		length = snprintf(folder, PATH_MAX, "%s/.local/state/rump", home);
	}
	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int make_folders(char *path)
{
	mode_t mode = geteuid() ? 0700 : 0755;

	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		int error;

		if (slash)
			*slash = '\0';
		error = mkdir(path, mode) && errno != EEXIST ? errno : 0;
		if (slash)
			*slash = '/';
		/* a folder on the way may forbid what is not needed: it is there */
		if (!slash)
			return -error;
	}
}

static int default_path(const struct server_options *options, char *path)
{
	char folder[PATH_MAX], name[NAME_SIZE];
	int error = log_folder(folder);

	if (error)
		return error;
	error = make_folders(folder);
	name_of_server(options, name);
	if (snprintf(path, PATH_MAX, "%s/%s.log", folder, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	return error;
}

static int open_file(const char *path)
{
	char whole[PATH_MAX];
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return -errno;
	message_log(fd);
	/* the kernel opens it later, when the working directory may be another */
	if (!realpath(path, whole))
		return -errno;
	return setenv("RUMP_CONSOLE", whole, 1) ? -errno : 0;
}

/* Warnings and worse, and what the user may have asked for. */
static int set_level(bool is_verbose)
{
	const char *more = getenv("RUMP_CMDLINE");
	char *line;
	int error = 0;

	if (is_verbose)
		return setenv("RUMP_VERBOSE", "1", 1) ? -errno : 0;
	if (asprintf(&line, "%s %s", LEVEL_OF_WARNINGS, more ? more : "") < 0)
		return -ENOMEM;
	if (setenv("RUMP_CMDLINE", line, 1))
		error = -errno;
	free(line);
	return error;
}

static int use_stderr(void)
{
	message_log(STDERR_FILENO);
	if (!setenv("RUMP_CONSOLE", "-", 1))
		return 0;
	message("environment: %s", strerror(errno));
	return STATUS_FAILED;
}

int server_log_open(const struct server_options *options, char *ret_path)
{
	const char *console = getenv("RUMP_CONSOLE");
	int error = set_level(options->is_verbose);
	bool is_file = console && *console && strcmp(console, "-");

	*ret_path = '\0';
	if (error) {
		message("environment: %s", strerror(-error));
		return STATUS_FAILED;
	}
	if (options->log)
		error = snprintf(ret_path, PATH_MAX, "%s", options->log) < PATH_MAX ? 0
										    : -ENAMETOOLONG;
	else if (is_file)
		snprintf(ret_path, PATH_MAX, "%s", console);
	else if (options->is_foreground)
		return use_stderr();
	else
		error = default_path(options, ret_path);
	if (!error)
		error = open_file(ret_path);
	if (!error)
		return 0;
	/* nobody asked for the private server's log, and nobody reads its command line */
	if (options->is_private && !options->log) {
		*ret_path = '\0';
		return 0;
	}
	message("log %s: %s%s", ret_path, strerror(-error),
		options->log ? "" : "; --log FILE names another");
	return message_status(-error);
}

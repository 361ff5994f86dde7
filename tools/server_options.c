/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command line of rump_server.
 */
#include "server_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <rump/rump.h>

#include "message.h"
#include "notify.h"
#include "secret.h"
#include "url.h"

enum {
	OPTION_GROUP = 0x100,
	OPTION_SECRET_FILE,
	OPTION_MAKE_SECRET,
	OPTION_ROOT,
	OPTION_ANY_ADDRESS,
	OPTION_PRIVATE_MEMORY,
	OPTION_LOG,
	OPTION_PIDFILE,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_PRIVATE,
	OPTION_LISTEN_FD,
	OPTION_LIFELINE_FD,
	OPTION_SECRET_FD,
};

static const struct option long_options[] = {
	{"group", required_argument, NULL, OPTION_GROUP},
	{"secret-file", required_argument, NULL, OPTION_SECRET_FILE},
	{"make-secret", required_argument, NULL, OPTION_MAKE_SECRET},
	{"root", required_argument, NULL, OPTION_ROOT},
	{"private-memory", no_argument, NULL, OPTION_PRIVATE_MEMORY},
	{"any-address", no_argument, NULL, OPTION_ANY_ADDRESS},
	{"log", required_argument, NULL, OPTION_LOG},
	{"pidfile", required_argument, NULL, OPTION_PIDFILE},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	/* for the preload, see server_private.h */
	{"private", no_argument, NULL, OPTION_PRIVATE},
	{"listen-fd", required_argument, NULL, OPTION_LISTEN_FD},
	{"lifeline-fd", required_argument, NULL, OPTION_LIFELINE_FD},
	{"secret-fd", required_argument, NULL, OPTION_SECRET_FD},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	printf("Usage: %s [options] url...\n"
	       "Runs a rump kernel that serves other processes at unix://path or tcp://host:port/\n"
	       "\n"
	       "  -c NCPU          virtual CPUs, or host: as many as there are\n"
	       "  -d SPEC          a host file in the kernel:\n"
	       "                   key=/dev/vda,hostpath=FILE[,size=N|host][,offset=N]\n"
	       "                   [,type=blk|chr|reg|dir|dirsubdirs][,ro][,sector=512|4096]\n"
	       "  -f FILE          lines of rump.conf(5)\n"
	       "  -l COMPONENT     such as xfs\n"
	       "  -m MODULE        a file NAME.ko, or a name\n"
	       "  -r SIZE          memory of the kernel, such as 256m\n"
	       "  -s               stay in the foreground\n"
	       "  -v               show the kernel's messages\n"
	       "  --group NAME     members may connect: the socket gets this group and mode 0660\n"
	       "  --root USER      who is root in the kernel besides nobody: none, or a user\n"
	       "                   (default: the server's own)\n"
	       "  --secret-file F  what clients of tcp:// must know\n"
	       "  --make-secret F  makes such a file, and that is all\n"
	       "  --private-memory no client maps the kernel's memory: files are mapped as copies\n"
	       "  --any-address    tcp:// may bind other addresses than loopback\n"
	       "  --log FILE       messages of the kernel and the server; default when detached:\n"
	       "                   /var/log/rump/NAME.log (root), else\n"
	       "                   ${XDG_STATE_HOME:-~/.local/state}/rump/NAME.log\n"
	       "  --pidfile FILE   gets the process id while it serves\n"
	       "  --help, --version\n"
	       "\n"
	       "Without -s it detaches when it serves. Exit status: 0 serves (-s: was stopped in\n"
	       "order), 1 the kernel does not start, 2 options or configuration are wrong, 3 the\n"
	       "address is taken, 4 no permission. rump.halt stops it, rump.ps shows its "
	       "clients.\n",
	       message_program());
}

/* ---- values ---- */

static int parse_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const char *suffix = text + digits;

	if (digits && (!*suffix || (strchr("kmgtKMGT", *suffix) && !suffix[1])))
		return 0;
	return message_usage("-r '%.80s': want a size such as 256m, at least 16m", text);
}

static int parse_ncpu(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (!strcmp(text, "host") || (digits && !text[digits]))
		return 0;
	return message_usage("-c '%.80s': want a number of virtual CPUs, or host", text);
}

/* A user's or group's id that was written as a number. */
static bool parse_id(const char *text, long *ret_id)
{
	char *end;
	unsigned long id;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	id = strtoul(text, &end, 10);
	/* the largest means "no id" to the system */
	if (*end || errno || id >= UINT_MAX)
		return false;
	*ret_id = (long)id;
	return true;
}

static int parse_group(const char *text, long *ret_group)
{
	const struct group *group = getgrnam(text);

	if (group)
		*ret_group = (long)group->gr_gid;
	else if (!parse_id(text, ret_group))
		return message_usage("--group '%.80s': there is no such group", text);
	return 0;
}

static int parse_root(const char *text, struct server_options *options)
{
	const struct passwd *user = getpwnam(text);
	long id;

	options->is_root_set = true;
	if (!strcmp(text, "none"))
		options->root_uid = (uid_t)-1;
	else if (user)
		options->root_uid = user->pw_uid;
	else if (parse_id(text, &id))
		options->root_uid = (uid_t)id;
	else
		return message_usage("--root '%.80s': there is no such user; none: nobody is root",
				     text);
	return 0;
}

static int parse_fd(const char *option, const char *text, int *ret_fd)
{
	long fd;

	if (!parse_id(text, &fd) || fd > INT_MAX)
		return message_usage("%s '%.80s': want a descriptor", option, text);
	*ret_fd = (int)fd;
	return 0;
}

/* ---- addresses ---- */

static int add_address(struct server_options *options, const char *url, int listen_fd)
{
	if (options->address_count == SERVER_ADDRESSES_MAX)
		return message_usage("more than %d addresses", SERVER_ADDRESSES_MAX);
	options->addresses[options->address_count++] = (struct server_address){url, listen_fd};
	return 0;
}

static int add_url(struct server_options *options, const char *text)
{
	struct config_error error;
	struct rump_url url;

	if (rump_url_parse(text, &url, &error))
		return message_usage("%s", error.text);
	if (url.kind == RUMP_URL_TCP && !options->secret_file && !getenv("RUMP_SECRET_FILE"))
		return message_usage("%s: want --secret-file FILE: clients of tcp:// must prove "
				     "that they know a secret",
				     text);
	return add_address(options, text, server_restart_socket(options->address_count));
}

static int socket_option(int fd, int name)
{
	int value;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) ? -1 : value;
}

/* what: where the descriptor was named */
static int add_socket(struct server_options *options, const char *what, int fd)
{
	if (socket_option(fd, SO_DOMAIN) != AF_UNIX ||
	    socket_option(fd, SO_TYPE) != SOCK_SEQPACKET || socket_option(fd, SO_ACCEPTCONN) != 1)
		return message_usage("%s: descriptor %d is no listening unix socket of type "
				     "SOCK_SEQPACKET (ListenSequentialPacket= in a .socket unit)",
				     what, fd);
	return add_address(options, NULL, fd);
}

static int add_manager_sockets(struct server_options *options)
{
	bool is_resumed = server_restart_is_resumed();
	int count = notify_listen_fds(), status = 0;

	/* they were taken over by the life before */
	if (is_resumed)
		count = (int)server_restart_handed_over();
	if (count < 0)
		return message_usage("LISTEN_FDS, LISTEN_PID: %s", strerror(-count));
	for (int i = 0; !status && i < count; i++)
		status = add_socket(options, "LISTEN_FDS",
				    is_resumed ? server_restart_socket((unsigned int)i)
					       : NOTIFY_FIRST_FD + i);
	options->handed_over = (unsigned int)count;
	return status;
}

/* ---- all of it ---- */

static int take_option(int letter, const char *value, struct server_options *options,
		       int *ret_listen_fd)
{
	switch (letter) {
	case 'c':
		options->ncpu = value;
		return parse_ncpu(value);
	case 'd':
		return server_conf_drive(&options->conf, value);
	case 'f':
		return server_conf_file(&options->conf, value);
	case 'l':
		return server_conf_component(&options->conf, value);
	case 'm':
		return server_conf_module(&options->conf, value);
	case 'r':
		options->memory = value;
		return parse_size(value);
	case 's':
		options->is_foreground = true;
		return 0;
	case 'v':
		options->is_verbose = true;
		return 0;
	case OPTION_GROUP:
		return parse_group(value, &options->group);
	case OPTION_SECRET_FILE:
		options->secret_file = value;
		return 0;
	case OPTION_ROOT:
		return parse_root(value, options);
	case OPTION_ANY_ADDRESS:
		options->is_any_address = true;
		return 0;
	case OPTION_PRIVATE_MEMORY:
		options->is_memory_private = true;
		return 0;
	case OPTION_LOG:
		options->log = value;
		return *value ? 0 : message_usage("--log: want a file");
	case OPTION_PIDFILE:
		options->pidfile = value;
		return *value ? 0 : message_usage("--pidfile: want a file");
	case OPTION_PRIVATE:
		options->is_private = true;
		return 0;
	case OPTION_LISTEN_FD:
		return parse_fd("--listen-fd", value, ret_listen_fd);
	case OPTION_LIFELINE_FD:
		return parse_fd("--lifeline-fd", value, &options->lifeline_fd);
	default:
		return parse_fd("--secret-fd", value, &options->secret_fd);
	}
}

static int check_private(const struct server_options *options, int listen_fd)
{
	if (!options->is_private &&
	    (listen_fd >= 0 || options->lifeline_fd >= 0 || options->secret_fd >= 0))
		return message_usage(
			"--listen-fd, --lifeline-fd and --secret-fd go with --private");
	if (options->is_private && (listen_fd < 0 || options->lifeline_fd < 0))
		return message_usage("--private wants --listen-fd and --lifeline-fd");
	return 0;
}

static int check_addresses(const struct server_options *options)
{
	if (!options->address_count)
		return message_usage("no address: want unix://path or tcp://host:port/");
	if (options->is_private && options->address_count != 1)
		return message_usage("--private has no address but --listen-fd");
	return 0;
}

static int make_secret(const char *path)
{
	int error = -secret_make(path);

	if (!error)
		return STATUS_OK;
	message("--make-secret %s: %s", path, strerror(error));
	return error == EEXIST ? STATUS_FAILED : message_status(error);
}

int server_options_parse(int argc, char **argv, bool is_all, struct server_options *options)
{
	int letter, status = 0, listen_fd = -1;

	*options = (struct server_options){.group = -1, .lifeline_fd = -1, .secret_fd = -1};
	if (is_all)
		status = server_conf_all_components(&options->conf);
	while (!status &&
	       (letter = getopt_long(argc, argv, "c:d:f:l:m:r:sv", long_options, NULL)) != -1) {
		switch (letter) {
		case '?':
			/* getopt has said what is wrong */
			fprintf(stderr, "Try '%s --help'.\n", message_program());
			return STATUS_USAGE;
		case OPTION_HELP:
			print_help();
			return STATUS_OK;
		case OPTION_MAKE_SECRET:
			return make_secret(optarg);
		case OPTION_VERSION:
			printf("%s %d.%d (Linux %s)\n", message_program(), RUMP_VERSION_MAJOR,
			       RUMP_VERSION_MINOR, rump_getrelease());
			return STATUS_OK;
		default:
			status = take_option(letter, optarg, options, &listen_fd);
		}
	}
	if (!status)
		status = check_private(options, listen_fd);
	if (!status)
		status = add_manager_sockets(options);
	if (!status && listen_fd >= 0)
		status = add_socket(options, "--listen-fd", listen_fd);
	for (int i = optind; !status && i < argc; i++)
		status = add_url(options, argv[i]);
	if (!status)
		status = check_addresses(options);
	return status ? status : -1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump.halt - stops a server, or restarts it.  Manual: rump.halt(1).
 *
 * The connection that asked outlives all others: the server leaves it open until its
 * process has ended, or is replaced by the next life.  So its hangup says that
 * everything is written and unmounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rump/rumpclient.h>

#include "client.h"
#include "message.h"
#include "preload.h"

/* how long a tcp:// address may be free in the midst of a restart */
#define TCP_GAP_SECONDS 30
#define SECONDS_MAX 1000000

enum {
	OPTION_HELP = 0x100,
	OPTION_VERSION,
};

static void print_help(void)
{
	printf("Usage: %s [-r] [-t seconds] [url]\n"
	       "Stops the rump kernel server at url (default: RUMP_SERVER) and waits until all is\n"
	       "written and unmounted.\n"
	       "\n"
	       "  -r          the server starts again; waits until it serves\n"
	       "  -t SECONDS  wait no longer; the server goes on with what it does\n"
	       "\n"
	       "Exit status: 0 done, 1 no server, or not in time, 2 options are wrong, 4 no\n"
	       "permission.\n",
	       message_program());
}

static void on_alarm(int signal)
{
	static const char text[] = "rump.halt: the server has not ended in time\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATUS_FAILED);
	_exit(STATUS_FAILED);
}

static int start_timer(const char *text)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	char *end;
	long seconds;

	errno = 0;
	seconds = strtol(text, &end, 10);
	if (end == text || *end || errno || seconds < 1 || seconds > SECONDS_MAX)
		return message_usage("-t '%.80s': want seconds, 1 or more", text);
	sigaction(SIGALRM, &action, NULL);
	alarm((unsigned int)seconds);
	return 0;
}

static void wait_for_hangup(int fd)
{
	struct pollfd polled = {.fd = fd, .events = 0};

	while (poll(&polled, 1, -1) < 0 && errno == EINTR)
		;
}

/* The next life has kept the address, so one try is enough, but for tcp://. */
static int wait_for_next_life(void)
{
	bool is_tcp = !strncmp(client_url(), "tcp:", 4);
	long result;

	rumpclient_setconnretry(is_tcp ? TCP_GAP_SECONDS : RUMPCLIENT_RETRYCONN_ONCE);
	result = rumpclient_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
	if (result >= 0)
		return STATUS_OK;
	message("%s: the server has stopped but does not serve again: %s; its log tells why",
		client_url(), *rumpclient_error() ? rumpclient_error() : strerror((int)-result));
	return STATUS_FAILED;
}

static int halt(bool is_restart)
{
	int fd = fcntl(rumpclient_fork_socket(NULL), F_DUPFD_CLOEXEC, 0);

	if (fd < 0) {
		message("%s: %s", client_url(), strerror(errno));
		return STATUS_FAILED;
	}
	if (rumpclient_halt(is_restart ? RUMPCLIENT_HALT_RESTART : 0)) {
		if (errno == EPERM) {
			message("%s: you are not root in that kernel: only the server's own user "
				"is, or who was named by --root",
				client_url());
			return STATUS_DENIED;
		}
		message("%s: %s", client_url(),
			*rumpclient_error() ? rumpclient_error() : strerror(errno));
		return STATUS_FAILED;
	}
	wait_for_hangup(fd);
	close(fd);
	return is_restart ? wait_for_next_life() : STATUS_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, OPTION_HELP},
		{"version", no_argument, NULL, OPTION_VERSION},
		{NULL, 0, NULL, 0},
	};
	bool is_restart = false;
	int letter, status;

	message_init(argv[0]);
	preload_leave(argv);
	while ((letter = getopt_long(argc, argv, "rt:", options, NULL)) != -1) {
		switch (letter) {
		case 'r':
			is_restart = true;
			break;
		case 't':
			status = start_timer(optarg);
			if (status)
				return status;
			break;
		case OPTION_HELP:
			print_help();
			return STATUS_OK;
		case OPTION_VERSION:
			return message_version();
		default:
			fprintf(stderr, "Try '%s --help'.\n", message_program());
			return STATUS_USAGE;
		}
	}
	if (argc - optind > 1)
		return message_usage("'%.80s': one address is enough", argv[optind + 1]);
	status = client_connect(argv[optind]);
	return status ? status : halt(is_restart);
}

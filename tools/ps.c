/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump.ps - who uses a server, and what they have open.  Manual: rump.ps(1).
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "message.h"
#include "preload.h"
#include "proc.h"

#define INIT 1 /* the kernel's, without a program */

enum {
	OPTION_HELP = 0x100,
	OPTION_VERSION,
};

struct listing {
	int root, self;
	bool has_files, has_kernels_own;
	const struct proc *proc; /* whose descriptors are listed */
};

static void print_help(void)
{
	printf("Usage: %s [-af] [url]\n"
	       "Lists the processes that use the rump kernel server at url (default: "
	       "RUMP_SERVER).\n"
	       "\n"
	       "  -a  the kernel's own threads and its init, too\n"
	       "  -f  their descriptors, a line for each\n"
	       "\n"
	       "Exit status: 0 done, 1 no server, 2 options are wrong, 4 no permission.\n",
	       message_program());
}

static int print_fd(int fd, const char *target, void *arg)
{
	const struct listing *listing = arg;
	const struct proc *proc = listing->proc;
	char number[16] = "cwd";

	if (fd >= 0)
		snprintf(number, sizeof(number), "%d", fd);
	printf("%7d %6u %-16s %4s %s\n", proc->pid, proc->uid, proc->name, number, target);
	return 0;
}

static int print_files(struct listing *listing, const struct proc *proc)
{
	int error;

	listing->proc = proc;
	error = proc_walk_fds(listing->root, proc->pid, print_fd, listing);
	if (error == -EACCES || error == -EPERM)
		printf("%7d %6u %-16s    - (not yours)\n", proc->pid, proc->uid, proc->name);
	/* one that has ended meanwhile has none */
	return error == -ENOTCONN ? error : 0;
}

static int print_process(const struct proc *proc, void *arg)
{
	struct listing *listing = arg;
	char fds[16] = "-";

	if (proc->pid == listing->self)
		return 0;
	if ((proc->is_kernel_thread || proc->pid == INIT) && !listing->has_kernels_own)
		return 0;
	if (listing->has_files)
		return print_files(listing, proc);
	if (proc->fds >= 0)
		snprintf(fds, sizeof(fds), "%d", proc->fds);
	printf("%7d %7d %6u %7u %5s %c     %s\n", proc->pid, proc->parent, proc->uid, proc->threads,
	       fds, proc->state, proc->name);
	return 0;
}

static int list(struct listing *listing)
{
	int error;

	listing->self = proc_self();
	listing->root = proc_open();
	if (listing->root < 0) {
		message("%s: no /proc in that kernel, and none can be mounted: %s", client_url(),
			strerror(-listing->root));
		return listing->root == -EPERM ? STATUS_DENIED : STATUS_FAILED;
	}
	if (listing->has_files)
		printf("    PID    UID NAME               FD FILE\n");
	else
		printf("    PID    PPID    UID THREADS   FDS STATE NAME\n");
	error = proc_walk(listing->root, print_process, listing);
	if (!error && (fflush(stdout) || ferror(stdout)))
		error = -errno;
	if (!error)
		return STATUS_OK;
	message("%s: %s", client_url(), strerror(-error));
	return STATUS_FAILED;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, OPTION_HELP},
		{"version", no_argument, NULL, OPTION_VERSION},
		{NULL, 0, NULL, 0},
	};
	struct listing listing = {.root = -1};
	int letter, status;

	message_init(argv[0]);
	preload_leave(argv);
	while ((letter = getopt_long(argc, argv, "af", options, NULL)) != -1) {
		switch (letter) {
		case 'a':
			listing.has_kernels_own = true;
			break;
		case 'f':
			listing.has_files = true;
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
	return status ? status : list(&listing);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_options.h - the command line of rump_server, checked.
 */
#ifndef RUMP_TOOLS_SERVER_OPTIONS_H
#define RUMP_TOOLS_SERVER_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "server_conf.h"
#include "server_restart.h"

struct server_address {
	const char *url; /* NULL: a socket that was handed over */
	int listen_fd;	 /* -1: to be made */
};

struct server_options {
	bool is_foreground, is_verbose, is_any_address, is_memory_private;
	const char *ncpu, *memory; /* NULL: what the environment says */
	const char *log, *pidfile, *secret_file;
	long group; /* -1: not given */
	bool is_root_set;
	uid_t root_uid;
	/* a private server, see server_private.h */
	bool is_private;
	int lifeline_fd, secret_fd; /* -1: not given */
	struct server_conf conf;
	struct server_address addresses[SERVER_ADDRESSES_MAX];
	unsigned int address_count;
	unsigned int handed_over; /* so many of them, the first, by a service manager */
};

/*
 * is_all: as rump_allserver, with every component.  Takes over the sockets of a service
 * manager, or of the life before a restart.  Returns -1 to go on, or an exit status: of an error
 * that was told, of --help.
 */
int server_options_parse(int argc, char **argv, bool is_all, struct server_options *options);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump_server - a rump kernel that serves other processes; under the name
 * rump_allserver with every component that was built.  Manual: rump_server(1).
 */
#include <string.h>

#include "message.h"
#include "preload.h"
#include "server_options.h"
#include "server_restart.h"
#include "server_serve.h"

int main(int argc, char **argv)
{
	static struct server_options options;
	int error, status;

	message_init(argv[0]);
	preload_leave(argv);
	error = server_restart_prepare();
	if (error) {
		message("restart: %s", strerror(-error));
		return STATUS_FAILED;
	}
	status = server_options_parse(argc, argv, !strcmp(message_program(), "rump_allserver"),
				      &options);
	return status < 0 ? server_serve(&options, argv) : status;
}

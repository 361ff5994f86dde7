/* SPDX-License-Identifier: BSD-2-Clause */
/* sp_public.c - the server's entry points that are not about one subject, and fork(). */
#include "sp.h"

#pragma GCC visibility push(default)
#include <rump/rump.h>
#pragma GCC visibility pop

int rumpuser_sp_fork(void)
{
	int error;
	KEEPS_ERRNO;

	if (!kernel_was_made() || kernel_is_forked())
		return -ENXIO;
	error = sp_start();
	return error ? error : sp_client_fork(NULL);
}

unsigned int rumpuser_sp_clients(void)
{
	return sp_client_count();
}

int rumpuser_sp_wait(unsigned long long timeout)
{
	return sp_client_wait(timeout);
}

int rump_init_server(const char *url)
{
	const struct rumpuser_sp_options options = {
		.url = url,
		.listen_fd = -1,
		.group = -1,
		.secret_file = param("RUMP_SECRET_FILE"),
	};

	if (!url) {
		boot_error_set("no address to serve on");
		return EINVAL;
	}
	return -rumpuser_sp_serve(&options);
}

/* The child has no threads of ours, and file.c has closed what was the parent's. */
void sp_forked(void)
{
	sp_control_forked();
	sp_clients_forked();
	sp_events_forked();
	sp_serve_forked();
	sp_tcp_forked();
}

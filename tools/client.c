/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connecting to a server.
 */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rump/rumpclient.h>

#include "message.h"
#include "url.h"

static const char *server_url = "";

const char *client_url(void)
{
	return server_url;
}

static int status_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return STATUS_DENIED;
	case EINVAL:
		return STATUS_USAGE;
	default:
		return STATUS_FAILED;
	}
}

int client_connect(const char *url)
{
	struct config_error error;
	struct rump_url parsed;

	if (!url)
		url = getenv("RUMP_SERVER");
	if (!url || !*url)
		return message_usage("no address: want unix://path or tcp://host:port/, or "
				     "RUMP_SERVER in the environment");
	if (rump_url_parse(url, &parsed, &error))
		return message_usage("%s", error.text);
	server_url = url;
	/* a tool tells what it finds; patience is for programs */
	rumpclient_setconnretry(0);
	if (!rumpclient_init_url(url, NULL))
		return 0;
	message("%s: %s", url, *rumpclient_error() ? rumpclient_error() : strerror(errno));
	return status_of(errno);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * url.h - the address of a rump kernel server, as in RUMP_SERVER:
 *
 *	unix://path		a socket file; relative to the working directory
 *				unless there are three slashes
 *	tcp://host:port/	host: IPv4 address, [IPv6 address] or name;
 *				host 0 means every address of this host (for servers);
 *				the slash at the end may be left out
 */
#ifndef RUMP_CONFIG_URL_H
#define RUMP_CONFIG_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "config_error.h"

#define RUMP_URL_PATH_SIZE 108 /* sizeof(sockaddr_un.sun_path) */
#define RUMP_URL_HOST_SIZE 254 /* the longest DNS name and a NUL */

enum rump_url_kind {
	RUMP_URL_UNIX,
	RUMP_URL_TCP,
};

enum rump_url_host {
	RUMP_URL_HOST_NAME, /* to be looked up */
	RUMP_URL_HOST_IPV4, /* for inet_pton(AF_INET) */
	RUMP_URL_HOST_IPV6, /* for inet_pton(AF_INET6); the brackets are gone */
	RUMP_URL_HOST_ANY,  /* host 0 */
};

struct rump_url {
	enum rump_url_kind kind;
	char path[RUMP_URL_PATH_SIZE]; /* UNIX */
	enum rump_url_host host_kind;  /* TCP ... */
	char host[RUMP_URL_HOST_SIZE];
	uint16_t port; /* host byte order, never 0 */
};

/* 0 or -EINVAL. Does not allocate, look names up or touch errno. */
int rump_url_parse(const char *text, struct rump_url *ret_url, struct config_error *error);

#endif

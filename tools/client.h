/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - what the tools that are clients of a server share.
 */
#ifndef RUMP_TOOLS_CLIENT_H
#define RUMP_TOOLS_CLIENT_H

/*
 * Connects to the server at url, or, if that is NULL, at RUMP_SERVER.  Returns 0, or an
 * exit status with the error told.
 */
int client_connect(const char *url);
/* What client_connect() was given, or RUMP_SERVER, for messages. */
const char *client_url(void);

#endif

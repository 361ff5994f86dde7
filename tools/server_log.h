/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_log.h - where the messages of a server and its kernel go.
 *
 *	foreground	stderr, or the file of --log
 *	detached	the file of --log, or NAME.log in /var/log/rump (root) or in
 *			$XDG_STATE_HOME/rump, ~/.local/state/rump (others); NAME is the
 *			first address' (unix://DIR/NAME.sock, tcp-PORT), or "private"
 */
#ifndef RUMP_TOOLS_SERVER_LOG_H
#define RUMP_TOOLS_SERVER_LOG_H

#include <limits.h>

#include "server_options.h"

/*
 * Opens the log, gives it to message_log() and, by the environment, to the kernel that
 * is to be booted.  Returns 0 or an exit status with the error told.
 * ret_path: PATH_MAX bytes, "" when there is no file.
 */
int server_log_open(const struct server_options *options, char *ret_path);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_serve.h - the life of a server after its options are known.
 */
#ifndef RUMP_TOOLS_SERVER_SERVE_H
#define RUMP_TOOLS_SERVER_SERVE_H

#include "server_options.h"

/*
 * Boots, serves until it is told to stop, stops; returns the exit status.  Detaches on
 * the way, unless the options say otherwise, or this is the second life of a restart.
 */
int server_serve(const struct server_options *options, char **argv);

#endif

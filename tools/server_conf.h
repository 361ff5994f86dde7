/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_conf.h - what the kernel of a server starts with: options become lines of
 * rump.conf(5), in the order of the command line.
 */
#ifndef RUMP_TOOLS_SERVER_CONF_H
#define RUMP_TOOLS_SERVER_CONF_H

#include <stddef.h>

#define SERVER_MODULES_MAX 64

struct server_conf {
	char *text; /* lines; NULL: none */
	size_t length;
	char *letters; /* of the option that each line comes from */
	unsigned int line_count;
	/* module files, loaded when the kernel is there */
	const char *modules[SERVER_MODULES_MAX];
	unsigned int module_count;
};

/* Each returns 0, or an exit status with the error told. */
int server_conf_drive(struct server_conf *conf, const char *spec);
int server_conf_file(struct server_conf *conf, const char *path);
/* xfs, and as a linker's -l takes it: rumpfs_xfs, librumpfs_xfs.so */
int server_conf_component(struct server_conf *conf, const char *name);
/* A file, which has a slash or ends in .ko, or a name. */
int server_conf_module(struct server_conf *conf, const char *name);
int server_conf_all_components(struct server_conf *conf);

/*
 * The option that the kernel's message is about, such as "-d: ", or ""; *text goes on to
 * what it says of it.
 */
const char *server_conf_option(const struct server_conf *conf, const char **text);

/* Gives the kernel the lines, before it is booted; and the module files, afterwards. */
int server_conf_apply(const struct server_conf *conf);
int server_conf_load_modules(const struct server_conf *conf);

#endif

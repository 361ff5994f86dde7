/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump_conf.h - rump.conf: what a rump kernel starts with; the language: rump.conf(5).
 *
 * Several texts and files may be read into one struct rump_conf, whose items keep
 * their order.  A text that fails leaves the struct as it was.  The functions
 * allocate, and read the files named; they neither print nor lock, so callers
 * serialise calls on one struct.
 *
 * What an item's fields hold beyond rumpuser.h (strings are never NULL):
 *	DRIVE	sector_size 0: what the host file has
 *	MOUNT	fstype "": find out by looking
 *	SYSCTL	name as in net/ipv4/ip_forward, without a '/' in front
 *	NET	name: the whole line with one blank between words, quoted where that is
 *		needed; also cut up: fstype: its first word; source: the second, the
 *		interface, for route the destination ("default" or CIDR); options: the
 *		rest.  Host paths in it are absolute.
 */
#ifndef RUMP_CONFIG_RUMP_CONF_H
#define RUMP_CONFIG_RUMP_CONF_H

#include <stdbool.h>
#include <stddef.h>

#if !defined(RUMPUSER_PRIVATE) && !defined(RUMPUSER_HOST)
#define RUMPUSER_HOST
#endif
#include <rump/rumpuser.h>

#include "config_error.h"

#define RUMP_CONF_LINE_MAX 16384     /* bytes, continued lines together */
#define RUMP_CONF_WORDS_MAX 64	     /* words of a line */
#define RUMP_CONF_FILE_MAX (1 << 20) /* bytes of a file */
#define RUMP_CONF_DEPTH_MAX 8	     /* files that include files */

struct rump_conf {
	struct rumpuser_boot_item *items;
	unsigned int count;
	unsigned int capacity;		/* private */
	struct rump_conf_chunk *chunks; /* private: the strings */
};

#define RUMP_CONF_INIT           \
	{                        \
		NULL, 0, 0, NULL \
	}

/*
 * Adds the lines of a text.  name: what messages call it.  base_dir: the absolute
 * directory that relative host paths mean; NULL: the working directory of this call.
 * Returns 0; -EINVAL (error->text is "name:3: mount: ..."); -ENOMEM.
 */
int rump_conf_parse_text(const char *text, const char *name, const char *base_dir,
			 struct rump_conf *conf, struct config_error *error);
/* The same for bytes that may hold a NUL, which is an error with its line. */
int rump_conf_parse_bytes(const char *bytes, size_t length, const char *name, const char *base_dir,
			  struct rump_conf *conf, struct config_error *error);

/*
 * Adds the lines of a host file; relative host paths mean the file's directory.
 * Also -errno of open(2) and read(2), -EFBIG. [blocks]
 */
int rump_conf_parse_file(const char *path, struct rump_conf *conf, struct config_error *error);

/* Frees the items and all strings; conf is as new. NULL and RUMP_CONF_INIT are fine. */
void rump_conf_free(struct rump_conf *conf);

/*
 * Writes one line that means exactly these words (up to a NULL), newline at its end:
 * how tools turn their options into a text for rump_boot_conf().  Like snprintf:
 * returns the length of the whole line, cut when >= size.  A word with a control
 * byte cannot be written: -EINVAL.
 */
long rump_conf_write_line(char *buffer, size_t size, const char *const *words);

#endif

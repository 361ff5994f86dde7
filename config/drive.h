/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive.h - a host file or directory under a rump name, as `rump_server -d`, drive= in
 * RUMPHIJACK and `drive` in rump.conf say it.
 *
 * The spec is a list of words with commas between them; a comma inside of a word is
 * written \, and a backslash \\:
 *	key=/dev/vda		absolute rump path; must be given
 *	hostpath=disk.img	must be given
 *	size=16m | host		bytes, or up to the host file's end (default)
 *	offset=0		bytes into the host file
 *	type=blk | chr | reg | dir | dirsubdirs		default blk
 *	ro			never written
 *	sector=512 | 4096	logical sector of a blk; default: what the host file has
 * Numbers may end in k, m, g or t: powers of 1024.
 */
#ifndef RUMP_CONFIG_DRIVE_H
#define RUMP_CONFIG_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config_error.h"

struct drive_spec {
	const char *key;       /* normalised; points into the caller's buffer */
	const char *hostpath;  /* as written; points into the caller's buffer */
	int type;	       /* enum rump_etfs_type, rump.h */
	uint64_t offset, size; /* bytes; size RUMP_ETFS_SIZE_ENDOFF: to the host file's end */
	bool is_readonly;
	unsigned int sector_size; /* 0: what the host file has */
	unsigned int given;	  /* private: which words were seen */
};

/*
 * buffer: holds the strings of ret_spec afterwards; strlen(text) + 1 bytes are enough,
 * less gives -EINVAL.  Returns 0 or -EINVAL.  Does not allocate, look at the host, or
 * touch errno.
 */
int drive_spec_parse(const char *text, char *buffer, size_t size, struct drive_spec *ret_spec,
		     struct config_error *error);

/*
 * For parsers that have cut the words themselves.  Start with drive_spec_init(); word()
 * takes one word without key= and hostpath=; check() says whether they fit together.
 */
void drive_spec_init(struct drive_spec *spec);
int drive_spec_word(struct drive_spec *spec, const char *word, struct config_error *error);
int drive_spec_check(const struct drive_spec *spec, struct config_error *error);

#endif

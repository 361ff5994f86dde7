/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_words.h - the lines of rump.conf that need no memory of their own: words are
 * checked, and paths normalised, where they stand.  Error texts do not name the line.
 * Private to config/.
 */
#ifndef RUMP_CONFIG_CONF_WORDS_H
#define RUMP_CONFIG_CONF_WORDS_H

#include "conf_lex.h"

/* words[0] is the first behind the line's own name; ends with NULL. Fills item. */
int conf_component(char **words, struct rumpuser_boot_item *item, struct config_error *error);
int conf_mount(char **words, struct rumpuser_boot_item *item, struct config_error *error);
int conf_sockin(char **words, struct rumpuser_boot_item *item, struct config_error *error);
int conf_hostname(char **words, struct rumpuser_boot_item *item, struct config_error *error);
int conf_mkdir(char **words, struct rumpuser_boot_item *item, struct config_error *error);

/* The name of a sysctl to a path below /proc/sys, in place. */
int conf_sysctl_name(char *name, struct config_error *error);

/*
 * The network lines, words[0] being the line's name.  *ret_host_path: the word that
 * is a path on the host, or NULL.
 */
int conf_net(char **words, char ***ret_host_path, struct config_error *error);

/* "unknown word 'x': want ..." when a word is left over. */
int conf_no_more(char **words, const char *want, struct config_error *error);
/* "'word': want ..." */
int conf_want(const char *word, const char *want, struct config_error *error);

#endif

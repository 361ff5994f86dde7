/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What RUMPHIJACK gives the kernel to start with, as lines of rump.conf.
 */
#include <string.h>

#include <rump/rump.h>

#include "conf_words.h"
#include "config_text.h"
#include "drive.h"
#include "hijack_config.h"

/* No word holds a control byte, hijack_config_parse() saw to that; a base_dir might. */
static bool is_writable(const char *word)
{
	struct config_text nothing;

	config_text_init(&nothing, NULL, 0);
	return !conf_write_word(&nothing, word);
}

/*
 * A host path.  Relative to a directory that no line can name it stays relative: then it
 * means the working directory of rump_boot_conf(), mostly the same.
 */
static void write_host_path(struct config_text *text, const char *base_dir, const char *path)
{
	char whole[2 * 4096];
	struct config_text joined;

	config_text_init(&joined, whole, sizeof(whole));
	if (*path != '/' && base_dir && is_writable(base_dir)) {
		config_text_add(&joined, base_dir);
		config_text_add(&joined, "/");
	}
	config_text_add(&joined, path);
	config_text_add(text, " ");
	conf_write_word(text, joined.length < sizeof(whole) ? whole : path);
}

static void write_option(struct config_text *text, const char *name, uint64_t value)
{
	config_text_add(text, " ");
	config_text_add(text, name);
	config_text_add(text, config_number(value).text);
}

static void write_drive(struct config_text *text, const char *base_dir, const char *drive)
{
	static const char *const types[] = {
		[RUMP_ETFS_REG] = " type=reg",
		[RUMP_ETFS_BLK] = "",
		[RUMP_ETFS_CHR] = " type=chr",
		[RUMP_ETFS_DIR] = " type=dir",
		[RUMP_ETFS_DIR_SUBDIRS] = " type=dirsubdirs",
	};
	char buffer[HIJACK_CONFIG_TEXT_MAX + 1];
	struct drive_spec spec;

	/* it was parsed once already, so it can be now */
	if (drive_spec_parse(drive, buffer, sizeof(buffer), &spec, NULL))
		return;
	config_text_add(text, "drive ");
	conf_write_word(text, spec.key);
	write_host_path(text, base_dir, spec.hostpath);
	if (spec.size != RUMP_ETFS_SIZE_ENDOFF)
		write_option(text, "size=", spec.size);
	if (spec.offset)
		write_option(text, "offset=", spec.offset);
	config_text_add(text, types[spec.type]);
	if (spec.is_readonly)
		config_text_add(text, " ro");
	if (spec.sector_size)
		write_option(text, "sector=", spec.sector_size);
	config_text_add(text, "\n");
}

/* The words of a value, which hijack_config_parse() has read before; false: it is empty. */
static bool lex_value(const char *value, char *buffer, size_t size, struct conf_line *ret_line)
{
	struct conf_lexer lexer = {
		.at = value,
		.end = value + strlen(value),
		.line = 1,
		.buffer = buffer,
		.size = size,
	};

	return conf_lexer_next(&lexer, ret_line, NULL) > 0;
}

static void write_line(struct config_text *text, const char *base_dir, const char *name,
		       const char *value)
{
	char buffer[HIJACK_CONFIG_TEXT_MAX + 1];
	char *words[RUMP_CONF_WORDS_MAX + 2], **host_path = NULL, first[16];
	struct conf_line line;

	if (!lex_value(value, buffer, sizeof(buffer), &line))
		return;
	config_text_add(text, name);
	if (strcmp(name, "mount")) {
		strcpy(first, name);
		words[0] = first;
		memcpy(words + 1, line.words, (line.count + 1) * sizeof(*words));
		if (conf_net(words, &host_path, NULL))
			host_path = NULL;
	}
	for (unsigned int i = 0; i < line.count; i++) {
		if (host_path == &words[i + 1]) {
			write_host_path(text, base_dir, line.words[i]);
			continue;
		}
		config_text_add(text, " ");
		conf_write_word(text, line.words[i]);
	}
	config_text_add(text, "\n");
}

/* Components come first, as a file system may be one; then the root, as others lie in it. */
static unsigned int rank(enum hijack_boot_kind kind)
{
	return kind == HIJACK_BOOT_COMPONENT ? 0 : kind == HIJACK_BOOT_IMAGE ? 1 : 2;
}

size_t hijack_config_boot_text(const struct hijack_config *config, const char *base_dir,
			       char *buffer, size_t size)
{
	struct config_text text;

	config_text_init(&text, buffer, size);
	for (unsigned int now = 0; now <= 2; now++) {
		for (unsigned int i = 0; i < config->boot_count; i++) {
			const char *word = config->boot[i].text;

			if (rank(config->boot[i].kind) != now)
				continue;
			switch (config->boot[i].kind) {
			case HIJACK_BOOT_COMPONENT:
				config_text_add(&text, "component ");
				conf_write_word(&text, word);
				config_text_add(&text, "\n");
				break;
			case HIJACK_BOOT_IMAGE:
				config_text_add(&text, "drive /dev/image");
				write_host_path(&text, base_dir, word);
				config_text_add(&text, "\nmount auto /dev/image /\n");
				break;
			case HIJACK_BOOT_CONF:
				config_text_add(&text, "include");
				write_host_path(&text, base_dir, word);
				config_text_add(&text, "\n");
				break;
			case HIJACK_BOOT_DRIVE:
				write_drive(&text, base_dir, word);
				break;
			case HIJACK_BOOT_MOUNT:
			case HIJACK_BOOT_NET:
				write_line(&text, base_dir, config->boot[i].name, word);
				break;
			}
		}
	}
	return text.length;
}

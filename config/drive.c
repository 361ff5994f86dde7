/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drive specs.
 */
#include "drive.h"

#include <errno.h>
#include <string.h>

#include <rump/rump.h>

#include "config_text.h"

/* Host files end here: off_t. */
#define OFFSET_MAX ((uint64_t)INT64_MAX)

enum {
	GIVEN_KEY = 0x01,
	GIVEN_HOSTPATH = 0x02,
	GIVEN_SIZE = 0x04,
	GIVEN_OFFSET = 0x08,
	GIVEN_TYPE = 0x10,
	GIVEN_RO = 0x20,
	GIVEN_SECTOR = 0x40,
};

/* Word n has bit n. The first two are not for drive_spec_word(): rump.conf has them bare. */
#define BARE_WORDS 2
static const char *const words[] = {
	"key", "hostpath", "size", "offset", "type", "ro", "sector", NULL,
};

static const char *const types[] = {
	[RUMP_ETFS_REG] = "reg",
	[RUMP_ETFS_BLK] = "blk",
	[RUMP_ETFS_CHR] = "chr",
	[RUMP_ETFS_DIR] = "dir",
	[RUMP_ETFS_DIR_SUBDIRS] = "dirsubdirs",
	NULL,
};

/* The bit of a known word, or 0. */
static unsigned int word_bit(const char *word, size_t length)
{
	for (unsigned int i = 0; words[i]; i++) {
		if (config_equal(word, length, words[i]))
			return 1u << i;
	}
	return 0;
}

static int word_error(struct config_error *error, const char *word, const char *want)
{
	return config_error_set(error, "'", config_show(word, strlen(word)).text, "': ", want,
				NULL);
}

static int set_size(struct drive_spec *spec, const char *word, const char *value,
		    struct config_error *error)
{
	int result;

	if (!strcmp(value, "host")) {
		spec->size = RUMP_ETFS_SIZE_ENDOFF;
		return 0;
	}
	result = config_parse_size(value, OFFSET_MAX, &spec->size);
	if (result == -ERANGE)
		return word_error(error, word, "too large: files end before 8388608t");
	if (result)
		return word_error(error, word, "want bytes such as 512, 64k, 16m, 2g, or host");
	if (!spec->size)
		return word_error(error, word, "nothing would be left: want 1 or more, or host");
	return 0;
}

static int set_offset(struct drive_spec *spec, const char *word, const char *value,
		      struct config_error *error)
{
	int result;

	if (!strncmp(value, "disklabel", strlen("disklabel")))
		return word_error(error, word,
				  "disk labels are not read: give the partition's offset= and "
				  "size= in bytes (fdisk -l shows them in sectors)");
	result = config_parse_size(value, OFFSET_MAX, &spec->offset);
	if (result == -ERANGE)
		return word_error(error, word, "too large: files end before 8388608t");
	if (result)
		return word_error(error, word, "want bytes such as 0, 512, 1m");
	return 0;
}

static int set_type(struct drive_spec *spec, const char *value, struct config_error *error)
{
	for (int i = 0; types[i]; i++) {
		if (!strcmp(value, types[i])) {
			spec->type = i;
			return 0;
		}
	}
	return config_error_unknown(error, "type", value, strlen(value), types);
}

static int set_sector(struct drive_spec *spec, const char *word, const char *value,
		      struct config_error *error)
{
	if (!strcmp(value, "512"))
		spec->sector_size = 512;
	else if (!strcmp(value, "4096") || !strcmp(value, "4k"))
		spec->sector_size = 4096;
	else
		return word_error(error, word, "want sector=512 or sector=4096");
	return 0;
}

void drive_spec_init(struct drive_spec *spec)
{
	*spec = (struct drive_spec){
		.type = RUMP_ETFS_BLK,
		.size = RUMP_ETFS_SIZE_ENDOFF,
	};
}

/* Marks a word as seen. */
static int give(struct drive_spec *spec, unsigned int bit, const char *word, size_t length,
		struct config_error *error)
{
	if (spec->given & bit)
		return config_error_set(error, "'", config_show(word, length).text,
					"' is given twice", NULL);
	spec->given |= bit;
	return 0;
}

int drive_spec_word(struct drive_spec *spec, const char *word, struct config_error *error)
{
	struct drive_spec new = *spec;
	size_t length = strcspn(word, "=");
	const char *value = word[length] ? word + length + 1 : NULL;
	unsigned int bit = word_bit(word, length);
	int result;

	if (bit < 1u << BARE_WORDS)
		return config_error_unknown(error, "word", word, length, words + BARE_WORDS);
	result = give(&new, bit, word, length, error);
	if (result)
		return result;
	if (bit == GIVEN_RO) {
		if (value)
			return word_error(error, word, "want ro alone");
		new.is_readonly = true;
	} else if (!value || !*value) {
		return config_error_set(error, "'", config_show(word, length).text,
					"' has no value: want ", config_show(word, length).text,
					bit == GIVEN_TYPE     ? "=blk"
					: bit == GIVEN_SECTOR ? "=512"
					: bit == GIVEN_OFFSET ? "=0"
							      : "=16m",
					" for example", NULL);
	} else if (bit == GIVEN_SIZE) {
		result = set_size(&new, word, value, error);
	} else if (bit == GIVEN_OFFSET) {
		result = set_offset(&new, word, value, error);
	} else if (bit == GIVEN_TYPE) {
		result = set_type(&new, value, error);
	} else {
		result = set_sector(&new, word, value, error);
	}
	if (!result)
		*spec = new;
	return result;
}

int drive_spec_check(const struct drive_spec *spec, struct config_error *error)
{
	bool has_window = spec->type == RUMP_ETFS_BLK || spec->type == RUMP_ETFS_REG;
	unsigned int sector = spec->sector_size ? spec->sector_size : 512;

	if (!has_window && (spec->given & (GIVEN_SIZE | GIVEN_OFFSET)))
		return config_error_set(
			error, spec->given & GIVEN_SIZE ? "size=" : "offset=",
			" is for type=blk and type=reg, not for type=", types[spec->type], NULL);
	if (spec->type != RUMP_ETFS_BLK && spec->sector_size)
		return config_error_set(
			error, "sector= is for type=blk, not for type=", types[spec->type], NULL);
	if (spec->size == RUMP_ETFS_SIZE_ENDOFF)
		return 0;
	if (spec->size > OFFSET_MAX - spec->offset)
		return config_error_set(error, "offset=", config_number(spec->offset).text,
					" and size=", config_number(spec->size).text,
					" together are too large: files end before 8388608t", NULL);
	if (spec->type == RUMP_ETFS_BLK && spec->size % sector)
		return config_error_set(error, "size=", config_number(spec->size).text,
					" is no multiple of the sector, ",
					config_number(sector).text, " bytes", NULL);
	return 0;
}

/*
 * Copies text up to a comma or its end, with \, and \\ made one byte.  ret_length: what
 * was read.
 */
static int cut_word(const char *text, char *to, size_t *ret_length, struct config_error *error)
{
	const char *from = text;

	for (; *from && *from != ','; from++) {
		if (config_is_control(*from))
			return config_error_set(error, "'",
						config_show(text, strcspn(text, ",")).text,
						"' holds a control byte", NULL);
		if (*from == '\\') {
			from++;
			if (*from != ',' && *from != '\\')
				return config_error_set(
					error, "'", config_show(from - 1, 1 + !!*from).text,
					"': want \\, for a comma in a word, \\\\ for "
					"a backslash",
					NULL);
		}
		*to++ = *from;
	}
	*to = '\0';
	*ret_length = (size_t)(from - text);
	return 0;
}

static int set_key(struct drive_spec *spec, char *value, struct config_error *error)
{
	if (config_normalise_path(value) || !strcmp(value, "/"))
		return config_error_set(error, "key '", config_show(value, strlen(value)).text,
					"': want an absolute path such as key=/dev/vda", NULL);
	spec->key = value;
	return 0;
}

/* One word of a spec in buffer. Says in ret_is_kept whether its bytes are part of the result. */
static int parse_word(struct drive_spec *spec, char *word, bool *ret_is_kept,
		      struct config_error *error)
{
	size_t length = strcspn(word, "=");
	char *value = word[length] ? word + length + 1 : NULL;
	unsigned int bit = word_bit(word, length);
	bool is_key = bit == GIVEN_KEY;

	*ret_is_kept = bit & (GIVEN_KEY | GIVEN_HOSTPATH);
	if (*ret_is_kept) {
		int result = give(spec, bit, word, length, error);

		if (result)
			return result;
		if (!value || !*value)
			return config_error_set(error,
						is_key ? "'key' has no value: want key=/dev/vda"
						       : "'hostpath' has no value: want "
							 "hostpath=disk.img",
						NULL);
		if (is_key)
			return set_key(spec, value, error);
		spec->hostpath = value;
		return 0;
	}
	if (!length)
		return config_error_set(error, "empty word: want key=/dev/vda,hostpath=disk.img",
					NULL);
	if (!bit)
		return config_error_unknown(error, "word", word, length, words);
	return drive_spec_word(spec, word, error);
}

int drive_spec_parse(const char *text, char *buffer, size_t size, struct drive_spec *ret_spec,
		     struct config_error *error)
{
	struct drive_spec spec;
	char *word = buffer;
	int result;

	if (strlen(text) >= size)
		return config_error_set(error, "too long: at most ",
					config_number(size ? size - 1 : 0).text, " bytes", NULL);
	drive_spec_init(&spec);
	for (;;) {
		bool is_kept = false;
		size_t length = 0;

		result = cut_word(text, word, &length, error);
		if (!result)
			result = parse_word(&spec, word, &is_kept, error);
		if (result)
			return result;
		if (is_kept)
			word += strlen(word) + 1;
		text += length;
		if (!*text)
			break;
		text++;
	}
	if (!spec.key)
		return config_error_set(error, "no key: want key=/dev/vda", NULL);
	if (!spec.hostpath)
		return config_error_set(error, "no hostpath: want hostpath=disk.img", NULL);
	result = drive_spec_check(&spec, error);
	if (!result)
		*ret_spec = spec;
	return result;
}

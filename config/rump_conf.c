/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump.conf: texts and files to boot items.
 *
 * A line is cut into words (conf_lex.c), its first word chooses a row of the table
 * `statements`, whose function checks the rest and fills an item.  Strings move from
 * the lexer's buffer to chunks of memory that live as long as the struct rump_conf.
 */
#include "rump_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rump/rump.h>

#include "conf_lex.h"
#include "conf_words.h"
#include "config_text.h"
#include "drive.h"

#define CHUNK_SIZE 4000
#define ITEMS_MAX 4096 /* bounds the search for drives of the same key */

struct rump_conf_chunk {
	struct rump_conf_chunk *next;
	size_t size, used;
	char bytes[];
};

/* One text being read. */
struct parser {
	struct rump_conf *conf;
	const char *name;     /* for messages; in the chunks */
	const char *base_dir; /* or NULL: ask for the working directory when it is needed */
	unsigned int line;
	unsigned int depth; /* of included files */
	bool has_place;	    /* error begins with file and line already */
	struct config_error *error;
};

static void free_memory(void *pointer)
{
	free(*(void **)pointer);
}
#define cleanup_free __attribute__((cleanup(free_memory)))

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define cleanup_close __attribute__((cleanup(close_fd)))

/* ---- memory ---- */

/* The bytes live until rump_conf_free(), or until the text that needed them fails. */
static char *allocate(struct rump_conf *conf, size_t size)
{
	struct rump_conf_chunk *chunk = conf->chunks;
	char *bytes;

	if (!chunk || chunk->size - chunk->used < size) {
		size_t chunk_size = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		chunk = malloc(sizeof(*chunk) + chunk_size);
		if (!chunk)
			return NULL;
		*chunk = (struct rump_conf_chunk){.next = conf->chunks, .size = chunk_size};
		conf->chunks = chunk;
	}
	bytes = chunk->bytes + chunk->used;
	chunk->used += size;
	return bytes;
}

static const char *keep(struct rump_conf *conf, const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy;

	if (size == 1)
		return "";
	copy = allocate(conf, size);
	return copy ? memcpy(copy, string, size) : NULL;
}

/* Where a text began, to go back to when it fails. */
struct mark {
	unsigned int count;
	struct rump_conf_chunk *chunk;
	size_t used;
};

static struct mark mark(const struct rump_conf *conf)
{
	return (struct mark){
		.count = conf->count,
		.chunk = conf->chunks,
		.used = conf->chunks ? conf->chunks->used : 0,
	};
}

static void free_chunks(struct rump_conf *conf, const struct rump_conf_chunk *until)
{
	while (conf->chunks != until) {
		struct rump_conf_chunk *chunk = conf->chunks;

		conf->chunks = chunk->next;
		free(chunk);
	}
}

static void go_back(struct rump_conf *conf, const struct mark *mark)
{
	free_chunks(conf, mark->chunk);
	if (conf->chunks)
		conf->chunks->used = mark->used;
	conf->count = mark->count;
}

void rump_conf_free(struct rump_conf *conf)
{
	if (!conf)
		return;
	free_chunks(conf, NULL);
	free(conf->items);
	*conf = (struct rump_conf)RUMP_CONF_INIT;
}

static int out_of_memory(struct parser *parser)
{
	config_error_set(parser->error, "out of memory", NULL);
	return -ENOMEM;
}

/* ---- items ---- */

static int add_item(struct parser *parser, const struct rumpuser_boot_item *item)
{
	struct rump_conf *conf = parser->conf;
	struct rumpuser_boot_item *new;

	if (conf->count == ITEMS_MAX)
		return config_error_set(parser->error, "more than ", config_number(ITEMS_MAX).text,
					" lines that ask for something", NULL);
	if (conf->count == conf->capacity) {
		unsigned int capacity = conf->capacity ? conf->capacity * 2 : 16;

		new = realloc(conf->items, capacity * sizeof(*new));
		if (!new)
			return out_of_memory(parser);
		conf->items = new;
		conf->capacity = capacity;
	}
	new = &conf->items[conf->count];
	*new = *item;
	new->name = keep(conf, item->name ? item->name : "");
	new->source = keep(conf, item->source ? item->source : "");
	new->fstype = keep(conf, item->fstype ? item->fstype : "");
	new->options = keep(conf, item->options ? item->options : "");
	if (!new->name || !new->source || !new->fstype || !new->options)
		return out_of_memory(parser);
	new->file = parser->name;
	new->line = parser->line;
	conf->count++;
	return 0;
}

/* A path of the host made absolute, in the chunks. */
static int resolve(struct parser *parser, const char *path, const char **ret_path)
{
	const char *directory = parser->base_dir;
	cleanup_free char *working = NULL;
	size_t length;
	char *whole;

	if (*path == '/') {
		*ret_path = keep(parser->conf, path);
		return *ret_path ? 0 : out_of_memory(parser);
	}
	if (!directory) {
		directory = working = getcwd(NULL, 0);
		if (!working && errno == ENOMEM)
			return out_of_memory(parser);
		if (!working || *working != '/')
			return config_error_set(
				parser->error, "'", config_show(path, strlen(path)).text,
				"': the working directory is gone: want an absolute "
				"path",
				NULL);
	}
	length = strlen(directory);
	while (length && directory[length - 1] == '/')
		length--;
	whole = allocate(parser->conf, length + 1 + strlen(path) + 1);
	if (!whole)
		return out_of_memory(parser);
	memcpy(whole, directory, length);
	whole[length] = '/';
	strcpy(whole + length + 1, path);
	*ret_path = whole;
	return 0;
}

/* ---- lines ---- */

struct statement {
	const char *name;
	/* fills an item that is added; words begins behind the name */
	int (*fill)(char **words, struct rumpuser_boot_item *item, struct config_error *error);
	/* or does it all; words begins with the name */
	int (*run)(struct parser *parser, char **words);
};

static int check_key_is_new(struct parser *parser, const char *key)
{
	for (unsigned int i = 0; i < parser->conf->count; i++) {
		const struct rumpuser_boot_item *item = &parser->conf->items[i];

		if (item->kind == RUMPUSER_BOOT_DRIVE && !strcmp(item->name, key))
			return config_error_set(parser->error, "'",
						config_show(key, strlen(key)).text,
						"' is a drive already: ", item->file, ":",
						config_number(item->line).text, NULL);
	}
	return 0;
}

static int run_drive(struct parser *parser, char **words)
{
	struct rumpuser_boot_item item = {.kind = RUMPUSER_BOOT_DRIVE};
	struct drive_spec spec;
	int result;

	words++;
	if (!words[0] || !words[1])
		return conf_want(
			NULL,
			"KEY HOSTPATH [size=N] [offset=N] [type=blk|chr|reg|dir|dirsubdirs] "
			"[ro] [sector=512|4096]",
			parser->error);
	if (config_normalise_path(words[0]) || !strcmp(words[0], "/"))
		return conf_want(words[0], "a KEY that is an absolute path such as /dev/vda",
				 parser->error);
	if (!*words[1])
		return conf_want(words[1], "a HOSTPATH such as disk.img", parser->error);
	drive_spec_init(&spec);
	for (char **word = words + 2; *word; word++) {
		result = drive_spec_word(&spec, *word, parser->error);
		if (result)
			return result;
	}
	result = drive_spec_check(&spec, parser->error);
	if (!result)
		result = check_key_is_new(parser, words[0]);
	if (!result)
		result = resolve(parser, words[1], &item.source);
	if (result)
		return result;
	item.name = words[0];
	item.type = spec.type;
	item.offset = spec.offset;
	item.size = spec.size;
	item.is_readonly = spec.is_readonly;
	item.sector_size = spec.sector_size;
	return add_item(parser, &item);
}

/* The words with one blank between them, in the chunks; is_quoted: as they can be read again. */
static int join_words(struct parser *parser, char **words, bool is_quoted, char **ret_joined)
{
	struct config_text text;
	char *joined = NULL;

	/* once to measure, once to write */
	for (int pass = 0; pass < 2; pass++) {
		config_text_init(&text, joined, joined ? text.length + 1 : 0);
		for (char **word = words; *word; word++) {
			if (word != words)
				config_text_add(&text, " ");
			if (!is_quoted)
				config_text_add(&text, *word);
			else if (conf_write_word(&text, *word))
				return conf_want(*word, "no control bytes", parser->error);
		}
		if (!joined)
			joined = allocate(parser->conf, text.length + 1);
		if (!joined)
			return out_of_memory(parser);
	}
	*ret_joined = joined;
	return 0;
}

static int run_sysctl(struct parser *parser, char **words)
{
	struct rumpuser_boot_item item = {.kind = RUMPUSER_BOOT_SYSCTL};
	char *name, *value, *end;
	int result = join_words(parser, words + 1, false, &name);

	if (result)
		return result;
	value = strchr(name, '=');
	if (!value || value == name)
		return conf_want(*name ? name : NULL, "NAME=VALUE such as net.ipv4.ip_forward=1",
				 parser->error);
	for (end = value; end > name && end[-1] == ' '; end--)
		;
	value++;
	value += strspn(value, " ");
	*end = '\0';
	if (!*value)
		return config_error_set(parser->error, "no value for '",
					config_show(name, strlen(name)).text,
					"': want NAME=VALUE such as net.ipv4.ip_forward=1", NULL);
	result = conf_sysctl_name(name, parser->error);
	if (result)
		return result;
	item.name = name;
	item.source = value;
	return add_item(parser, &item);
}

static int run_net(struct parser *parser, char **words)
{
	struct rumpuser_boot_item item = {.kind = RUMPUSER_BOOT_NET};
	char **host_path, *line, *rest = NULL;
	int result = conf_net(words, &host_path, parser->error);

	if (!result && host_path) {
		const char *path;

		result = resolve(parser, *host_path, &path);
		if (!result)
			*host_path = (char *)path;
	}
	if (!result)
		result = join_words(parser, words, true, &line);
	if (!result && words[2])
		result = join_words(parser, words + 2, true, &rest);
	if (result)
		return result;
	item.name = line;
	item.fstype = words[0];
	item.source = words[1];
	item.options = rest;
	return add_item(parser, &item);
}

static int run_include(struct parser *parser, char **words);

static const struct statement statements[] = {
	{"component", conf_component, NULL},
	{"sockin", conf_sockin, NULL},
	{"drive", NULL, run_drive},
	{"mount", conf_mount, NULL},
	{"mkdir", conf_mkdir, NULL},
	{"hostname", conf_hostname, NULL},
	{"sysctl", NULL, run_sysctl},
	{"interface", NULL, run_net},
	{"address", NULL, run_net},
	{"route", NULL, run_net},
	{"dhcp", NULL, run_net},
	{"up", NULL, run_net},
	{"autoconf6", NULL, run_net},
	{"bridge", NULL, run_net},
	{"nameserver", NULL, run_net},
	{"host", NULL, run_net},
	{"include", NULL, run_include},
};
#define STATEMENT_COUNT (sizeof(statements) / sizeof(statements[0]))

static int run_line(struct parser *parser, char **words)
{
	const char *names[STATEMENT_COUNT + 1] = {NULL};
	struct rumpuser_boot_item item = {.name = NULL};

	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		const struct statement *statement = &statements[i];
		int result;

		names[i] = statement->name;
		if (strcmp(words[0], statement->name))
			continue;
		if (statement->run) {
			result = statement->run(parser, words);
		} else {
			result = statement->fill(words + 1, &item, parser->error);
			if (!result)
				result = add_item(parser, &item);
		}
		if (result && !parser->has_place)
			config_error_prefix(parser->error, statement->name, ": ", NULL);
		return result;
	}
	return config_error_unknown(parser->error, "word", words[0], strlen(words[0]), names);
}

/* ---- texts and files ---- */

/* A path in an error: of a long one the end tells more. */
static struct config_shown show_path(const char *path)
{
	size_t length = strlen(path);
	size_t most = sizeof(struct config_shown) - 8;

	return config_show(length > most ? path + length - most : path,
			   length > most ? most : length);
}

/* An error of an included file keeps the place that it has. */
static void say_where(struct parser *parser, unsigned int line)
{
	if (parser->has_place)
		return;
	config_error_prefix(parser->error, show_path(parser->name).text, ":",
			    config_number(line).text, ": ", NULL);
	parser->has_place = true;
}

static int read_text(struct parser *parser, const char *bytes, size_t length)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	cleanup_free char *buffer = malloc(RUMP_CONF_LINE_MAX + 1);
	struct conf_lexer lexer = {
		.at = bytes,
		.end = bytes + length,
		.line = 1,
		.buffer = buffer,
		.size = RUMP_CONF_LINE_MAX + 1,
	};
	struct conf_line line;
	int result;

	if (!buffer)
		return out_of_memory(parser);
	if (length >= 3 && !memcmp(bytes, byte_order_mark, 3))
		lexer.at += 3;
	while ((result = conf_lexer_next(&lexer, &line, parser->error)) > 0) {
		parser->line = line.number;
		result = run_line(parser, line.words);
		if (result)
			break;
	}
	if (result)
		say_where(parser, line.number);
	return result;
}

static int file_error(struct parser *parser, const char *path, int error)
{
	static const struct {
		int error;
		const char *text;
	} texts[] = {
		{ENOENT, "no such file"},	 {ENOTDIR, "a part of the path is no directory"},
		{EACCES, "permission denied"},	 {EPERM, "permission denied"},
		{EISDIR, "is a directory"},	 {ELOOP, "too many symbolic links"},
		{EMFILE, "too many open files"}, {EFBIG, "larger than 1 MiB: this is no rump.conf"},
		{ENOMEM, "out of memory"},
	};
	const char *text = NULL;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].error == -error)
			text = texts[i].text;
	}
	config_error_set(parser->error, show_path(path).text, ": ",
			 text ? text : "cannot be read, errno ",
			 text ? "" : config_number((unsigned int)-error).text, NULL);
	return error;
}

/* Reads a whole file. Returns its length. */
static long slurp(const char *path, char **ret_bytes)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_free char *bytes = NULL;
	size_t size = 0, length = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t count;

		if (length == size) {
			char *larger;

			if (size > RUMP_CONF_FILE_MAX)
				return -EFBIG;
			size = size ? size * 4 : 4096;
			/* one more byte than allowed, to see that there is one */
			if (size > RUMP_CONF_FILE_MAX)
				size = RUMP_CONF_FILE_MAX + 1;
			larger = realloc(bytes, size);
			if (!larger)
				return -ENOMEM;
			bytes = larger;
		}
		count = read(fd, bytes + length, size - length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!count)
			break;
		length += (size_t)count;
	}
	*ret_bytes = bytes;
	bytes = NULL;
	return (long)length;
}

/* path: as messages name it, and as it is opened. */
static int read_file(struct parser *parser, const char *path)
{
	cleanup_free char *bytes = NULL;
	const char *slash, *absolute;
	char *directory;
	long length;
	int result;

	length = slurp(path, &bytes);
	if (length < 0)
		return file_error(parser, path, (int)length);
	parser->name = keep(parser->conf, path);
	if (!parser->name)
		return out_of_memory(parser);
	result = resolve(parser, path, &absolute);
	if (result)
		return result;
	slash = strrchr(absolute, '/');
	directory = allocate(parser->conf, (size_t)(slash - absolute) + 2);
	if (!directory)
		return out_of_memory(parser);
	memcpy(directory, absolute, (size_t)(slash - absolute) + 1);
	directory[slash - absolute + 1] = '\0';
	parser->base_dir = directory;
	return read_text(parser, bytes, (size_t)length);
}

static int run_include(struct parser *parser, char **words)
{
	struct parser included = *parser;
	const char *path;
	int result;

	if (!words[1] || !*words[1])
		result = conf_want(words[1], "a FILE", parser->error);
	else
		result = conf_no_more(words + 2, "one FILE a line", parser->error);
	if (!result && parser->depth == RUMP_CONF_DEPTH_MAX)
		result = config_error_set(
			parser->error, "'", config_show(words[1], strlen(words[1])).text,
			"': files that include files go ", config_number(RUMP_CONF_DEPTH_MAX).text,
			" deep: does one include itself?", NULL);
	if (!result)
		result = resolve(parser, words[1], &path);
	if (result)
		return result;
	included.depth++;
	result = read_file(&included, path);
	parser->has_place = included.has_place;
	return result;
}

int rump_conf_parse_bytes(const char *bytes, size_t length, const char *name, const char *base_dir,
			  struct rump_conf *conf, struct config_error *error)
{
	struct mark start = mark(conf);
	struct parser parser = {.conf = conf, .base_dir = base_dir, .error = error};
	int result;

	parser.name = keep(conf, name);
	result = parser.name ? read_text(&parser, bytes, length) : out_of_memory(&parser);
	if (result)
		go_back(conf, &start);
	return result;
}

int rump_conf_parse_text(const char *text, const char *name, const char *base_dir,
			 struct rump_conf *conf, struct config_error *error)
{
	return rump_conf_parse_bytes(text, strlen(text), name, base_dir, conf, error);
}

int rump_conf_parse_file(const char *path, struct rump_conf *conf, struct config_error *error)
{
	struct mark start = mark(conf);
	struct parser parser = {.conf = conf, .error = error};
	int result = read_file(&parser, path);

	if (result)
		go_back(conf, &start);
	return result;
}

long rump_conf_write_line(char *buffer, size_t size, const char *const *words)
{
	struct config_text text;

	config_text_init(&text, buffer, size);
	for (const char *const *word = words; *word; word++) {
		if (word != words)
			config_text_add(&text, " ");
		if (conf_write_word(&text, *word))
			return -EINVAL;
	}
	config_text_add(&text, "\n");
	return (long)text.length;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes to every parser of config/, with what must hold for all of them: a result of 0
 * or -errno, an error text on failure and only then, nothing kept of a text that failed, and
 * what is written from a result can be read again and means the same.
 *
 * The libFuzzer program of `meson setup -Dfuzz=true` (CC=clang), and, with bytes that it
 * makes up itself, the unit test config_random.c.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "hijack_config.h"
#include "program.h"
#include "rump_conf.h"
#include "url.h"

#define REQUIRE(condition)                                                              \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_result(int result, struct config_error *error)
{
	size_t length = strnlen(error->text, sizeof(error->text));

	REQUIRE(length < sizeof(error->text));
	REQUIRE(result ? length > 0 : length == 0);
	for (size_t i = 0; i < length; i++)
		REQUIRE((unsigned char)error->text[i] >= 0x20 && error->text[i] != 0x7f);
	error->text[0] = '\0';
}

static void check_items(const struct rump_conf *conf)
{
	for (unsigned int i = 0; i < conf->count; i++) {
		const struct rumpuser_boot_item *item = &conf->items[i];

		REQUIRE(item->name && item->source && item->fstype && item->options && item->file);
		REQUIRE(item->line > 0 && *item->name);
		if (item->kind == RUMPUSER_BOOT_DRIVE)
			REQUIRE(*item->name == '/' && *item->source == '/' &&
				(item->size == ~0ull || item->offset + item->size <= INT64_MAX));
		if (item->kind == RUMPUSER_BOOT_MOUNT || item->kind == RUMPUSER_BOOT_MKDIR)
			REQUIRE(*item->name == '/' && !strstr(item->name, "//") &&
				!strstr(item->name, "/../"));
		if (item->kind == RUMPUSER_BOOT_SYSCTL)
			REQUIRE(*item->name != '/' && !strstr(item->name, "..//") && *item->source);
	}
}

static void conf(const char *bytes, size_t size)
{
	struct rump_conf conf = RUMP_CONF_INIT;
	struct config_error error = {""};
	unsigned int count;
	int result;

	/*
	 * Includes would read files of the host.  Quotes can hide the word, but what stays is
	 * reading some file, once in a very long time.
	 */
	if (memmem(bytes, size, "incl", 4) || memmem(bytes, size, "ude", 3))
		return;
	result = rump_conf_parse_bytes(bytes, size, "fuzz", "/base", &conf, &error);
	check_result(result, &error);
	REQUIRE(!result || (!conf.count && !conf.chunks));
	check_items(&conf);
	count = conf.count;
	/* the lines of the network are kept as text: it must be as good as the first */
	for (unsigned int i = 0; i < count; i++) {
		struct rump_conf again = RUMP_CONF_INIT;

		if (conf.items[i].kind != RUMPUSER_BOOT_NET)
			continue;
		/* a long path may have become longer than a line */
		if (strlen(conf.items[i].name) > RUMP_CONF_LINE_MAX / 3)
			continue;
		REQUIRE(!rump_conf_parse_text(conf.items[i].name, "again", "/", &again, &error));
		REQUIRE(again.count == 1 && !strcmp(again.items[0].name, conf.items[i].name));
		rump_conf_free(&again);
	}
	rump_conf_free(&conf);
}

static void check_prefix(const struct hijack_prefix *prefix)
{
	REQUIRE(prefix->text[0] == '/' && prefix->text[1] &&
		prefix->length == strlen(prefix->text));
	REQUIRE(prefix->text[prefix->length - 1] != '/' && !strstr(prefix->text, "//"));
}

static void hijack(const char *text)
{
	static struct hijack_config config;
	static char buffer[HIJACK_CONFIG_BOOT_TEXT_MAX];
	struct config_error error = {""};
	struct rump_conf conf = RUMP_CONF_INIT;
	size_t length;
	int result;

	memset(&config, 0x55, sizeof(config));
	result = hijack_config_parse(text, &config, &error);
	check_result(result, &error);
	REQUIRE(!result || !hijack_config_is_active(&config));
	REQUIRE(config.storage_used <= sizeof(config.storage));
	for (unsigned int i = 0; i < config.path_count; i++)
		check_prefix(&config.path[i]);
	for (unsigned int i = 0; i < config.blanket_count; i++)
		check_prefix(&config.blanket[i]);
	length = hijack_config_boot_text(&config, "/base dir", buffer, sizeof(buffer));
	REQUIRE(length == strlen(buffer));
	REQUIRE(hijack_config_boot_text(&config, "/base dir", NULL, 0) == length);
	for (unsigned int i = 0; i < config.boot_count; i++) {
		/* the files of conf= are the host's */
		if (config.boot[i].kind == HIJACK_BOOT_CONF)
			return;
	}
	result = rump_conf_parse_text(buffer, "RUMPHIJACK", "/", &conf, &error);
	/* only drives of one key are found no earlier than here */
	REQUIRE(!result || strstr(error.text, "is a drive already"));
	check_items(&conf);
	rump_conf_free(&conf);
}

static void drive(const char *text, size_t size)
{
	char *buffer = malloc(size + 1);
	struct config_error error = {""};
	struct drive_spec spec;
	int result = drive_spec_parse(text, buffer, strlen(text) + 1, &spec, &error);

	check_result(result, &error);
	if (!result) {
		REQUIRE(*spec.key == '/' && spec.key[1] && *spec.hostpath);
		REQUIRE(spec.size == ~0ull || (spec.size && spec.offset + spec.size <= INT64_MAX));
	}
	free(buffer);
}

static void url(const char *text)
{
	struct config_error error = {""};
	struct rump_url url;
	int result = rump_url_parse(text, &url, &error);

	check_result(result, &error);
	if (!result && url.kind == RUMP_URL_UNIX)
		REQUIRE(*url.path && strnlen(url.path, sizeof(url.path)) < sizeof(url.path));
	if (!result && url.kind == RUMP_URL_TCP)
		REQUIRE(*url.host && url.port &&
			strnlen(url.host, sizeof(url.host)) < sizeof(url.host));
}

/* The first bytes of a program; they are seldom ELF by themselves. */
static void executable(const char *bytes, size_t size)
{
	static const char magic[] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76";
	struct program program;
	char *elf = malloc(size + sizeof(magic));

	REQUIRE(elf);
	memcpy(elf, magic, sizeof(magic));
	memcpy(elf + sizeof(magic), bytes, size);
	for (int i = 0; i < 2; i++) {
		program_parse(i ? elf : bytes, i ? size + sizeof(magic) : size, &program);
		REQUIRE(memchr(program.interpreter, 0, sizeof(program.interpreter)));
		REQUIRE(!*program.interpreter || program.kind == PROGRAM_SCRIPT ||
			program.kind == PROGRAM_DYNAMIC);
		program_libc(program.interpreter);
	}
	free(elf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of exactly that size, so that a byte too far is seen */
	char *bytes = malloc(size ? size : 1), *text = malloc(size + 1);

	REQUIRE(bytes && text);
	memcpy(bytes, data, size);
	memcpy(text, data, size);
	text[size] = '\0';
	conf(bytes, size);
	hijack(text);
	drive(text, size);
	url(text);
	executable(bytes, size);
	free(bytes);
	free(text);
	return 0;
}

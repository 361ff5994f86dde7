/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of rump_server as lines of rump.conf.
 */
#include "server_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rump/rump.h>

#include "drive.h"
#include "message.h"
#include "rump_conf.h"

#define DRIVE_WORDS_MAX 9

/* what the kernel calls our text: with ':' and the line it begins messages */
#define TEXT_NAME "options"

static int no_memory(void)
{
	message("no memory for the configuration");
	return STATUS_FAILED;
}

/* option: "-d", for messages */
static int add_line(struct server_conf *conf, const char *option, const char *const *words)
{
	long length = rump_conf_write_line(NULL, 0, words);
	char *text, *letters;

	if (length < 0)
		return message_usage("%s: a name has a control byte in it", option);
	if (length > RUMP_CONF_LINE_MAX)
		return message_usage("%s: too long", option);
	text = realloc(conf->text, conf->length + (size_t)length + 1);
	if (text)
		conf->text = text;
	letters = realloc(conf->letters, conf->line_count + 1);
	if (letters)
		conf->letters = letters;
	if (!text || !letters)
		return no_memory();
	letters[conf->line_count++] = option[1];
	rump_conf_write_line(text + conf->length, (size_t)length + 1, words);
	conf->length += (size_t)length;
	return 0;
}

/* ---- drives ---- */

static const char *const drive_types[] = {
	[RUMP_ETFS_REG] = "type=reg",
	[RUMP_ETFS_BLK] = "type=blk",
	[RUMP_ETFS_CHR] = "type=chr",
	[RUMP_ETFS_DIR] = "type=dir",
	[RUMP_ETFS_DIR_SUBDIRS] = "type=dirsubdirs",
};

static int add_drive(struct server_conf *conf, const struct drive_spec *spec)
{
	const char *words[DRIVE_WORDS_MAX] = {"drive", spec->key, spec->hostpath,
					      drive_types[spec->type]};
	char offset[40], size[40], sector[40];
	unsigned int count = 4;

	if (spec->offset) {
		snprintf(offset, sizeof(offset), "offset=%llu", (unsigned long long)spec->offset);
		words[count++] = offset;
	}
	if (spec->size != RUMP_ETFS_SIZE_ENDOFF) {
		snprintf(size, sizeof(size), "size=%llu", (unsigned long long)spec->size);
		words[count++] = size;
	}
	if (spec->sector_size) {
		snprintf(sector, sizeof(sector), "sector=%u", spec->sector_size);
		words[count++] = sector;
	}
	if (spec->is_readonly)
		words[count++] = "ro";
	words[count] = NULL;
	return add_line(conf, "-d", words);
}

int server_conf_drive(struct server_conf *conf, const char *text)
{
	size_t size = strlen(text) + 1;
	char *buffer = malloc(size);
	struct config_error error;
	struct drive_spec spec;
	int status;

	if (!buffer)
		return no_memory();
	if (drive_spec_parse(text, buffer, size, &spec, &error))
		status = message_usage("-d: %s", error.text);
	else
		status = add_drive(conf, &spec);
	free(buffer);
	return status;
}

/* ---- files, components, modules ---- */

int server_conf_file(struct server_conf *conf, const char *path)
{
	const char *const words[] = {"include", path, NULL};

	return add_line(conf, "-f", words);
}

/* The part of a library's name that is the component's: [*ret_from, returned end). */
static const char *component_of_library(const char **ret_from)
{
	static const char *const prefixes[] = {"rumpfs_", "rumpnet_", "rumpdev_", "rumpkern_"};
	const char *from = *ret_from, *end = strstr(from, ".so");

	if (!strncmp(from, "lib", 3))
		from += 3;
	for (unsigned int i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i]);

		if (strncmp(from, prefixes[i], length))
			continue;
		*ret_from = from + length;
		return end ? end : from + strlen(from);
	}
	return *ret_from + strlen(*ret_from);
}

int server_conf_component(struct server_conf *conf, const char *name)
{
	const char *from = name, *end = component_of_library(&from);
	char component[64];
	const char *const words[] = {"component", component, NULL};

	if (end == from || (size_t)(end - from) >= sizeof(component))
		return message_usage("-l '%.80s': want the name of a component, such as xfs", name);
	memcpy(component, from, (size_t)(end - from));
	component[end - from] = '\0';
	return add_line(conf, "-l", words);
}

static bool is_module_file(const char *name)
{
	size_t length = strlen(name);

	return strchr(name, '/') || (length > 3 && !strcmp(name + length - 3, ".ko"));
}

int server_conf_module(struct server_conf *conf, const char *name)
{
	const char *const words[] = {"component", name, NULL};

	if (!*name)
		return message_usage("-m: want a module's name, or its file");
	if (!is_module_file(name))
		return add_line(conf, "-m", words);
	if (conf->module_count == SERVER_MODULES_MAX)
		return message_usage("-m: more than %d module files", SERVER_MODULES_MAX);
	if (access(name, R_OK)) {
		message("-m %s: %s", name, strerror(errno));
		return message_status(errno);
	}
	conf->modules[conf->module_count++] = name;
	return 0;
}

int server_conf_all_components(struct server_conf *conf)
{
	static const char *const names[] = {RUMP_COMPONENTS};
	int status = 0;

	for (unsigned int i = 0; !status && i < sizeof(names) / sizeof(names[0]); i++)
		status = server_conf_component(conf, names[i]);
	return status;
}

/* ---- into the kernel ---- */

const char *server_conf_option(const struct server_conf *conf, const char **text)
{
	static const char name[] = TEXT_NAME ":";
	static char option[] = "-?: ";
	unsigned long line;
	char *end;

	if (strncmp(*text, name, strlen(name)))
		return "";
	line = strtoul(*text + strlen(name), &end, 10);
	if (!line || line > conf->line_count || strncmp(end, ": ", 2))
		return "";
	*text = end + 2;
	option[1] = conf->letters[line - 1];
	return option;
}

int server_conf_apply(const struct server_conf *conf)
{
	int error = conf->text ? rump_boot_conf(conf->text, TEXT_NAME) : 0;
	const char *text = rump_boot_error(), *option;

	if (!error)
		return 0;
	option = server_conf_option(conf, &text);
	message("%s%s", option, text);
	return message_status(error);
}

static int load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *image = MAP_FAILED;
	struct stat info;
	long error = 0;

	if (fd < 0 || fstat(fd, &info))
		error = -errno;
	else if (!S_ISREG(info.st_mode) || !info.st_size)
		error = -ENOEXEC;
	if (!error) {
		image = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (image == MAP_FAILED)
			error = -errno;
	}
	if (!error) {
		error = rump_syscall(SYS_init_module, (long)image, info.st_size, (long)"", 0, 0, 0);
		munmap(image, (size_t)info.st_size);
	}
	if (fd >= 0)
		close(fd);
	return (int)error;
}

int server_conf_load_modules(const struct server_conf *conf)
{
	for (unsigned int i = 0; i < conf->module_count; i++) {
		int error = load_module(conf->modules[i]);

		if (!error)
			continue;
		message("-m %s: %s", conf->modules[i],
			error == -ENOEXEC  ? "no module of this kernel"
			: error == -ENOENT ? "it needs symbols that no loaded module has"
					   : strerror(-error));
		return error == -ENOEXEC ? STATUS_USAGE : message_status(-error);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The index of the modules folder (modules.index, made by the build):
 *
 *	module NAME FILE DEPENDENCY...	in load order
 *	alias PATTERN MODULE		patterns as in glob(7)
 *	component NAME MODULE...
 *	options MODULE PARAMETER...	what it is loaded with
 *	magic FSTYPE OFFSET HEXBYTES
 *
 * '-' and '_' are the same in names of modules.  The index is read at the
 * first need and kept as its text.
 */
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/file.h>
#include <linux/glob.h>
#include <linux/hex.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/syscalls.h>
#include <linux/vmalloc.h>
#include <asm/rump.h>
#include "module_index.h"

#define INDEX_NAME	"modules.index"
#define MAX_MAGIC	16
#define BOUNCE_SIZE	(64UL << 10)

static char missing_file[64];
static char *index_text;
static unsigned long index_size;
static DEFINE_MUTEX(index_mutex);

/* ---- reading host files ---- */

static int open_host(const char *path, struct rumpuser_file_info *info)
{
	struct rump_io io = {
		.host = {
			.op = RUMPUSER_IO_OPEN,
			.call_args = { (unsigned long)path, RUMPUSER_OPEN_READ,
				       (unsigned long)info },
		},
	};

	return rump_io_wait(&io);
}

static void close_host(int file)
{
	struct rump_io io = { .host = { .op = RUMPUSER_IO_CLOSE, .file = file } };

	rump_io_wait(&io);
}

static long read_host(int file, void *buffer, unsigned long length, u64 offset)
{
	struct rumpuser_iovec iov = { .base = buffer, .length = length };
	struct rump_io io = {
		.host = {
			.op = RUMPUSER_IO_READ,
			.file = file,
			.iov = &iov,
			.iov_count = 1,
			.offset = offset,
		},
	};

	return rump_io_wait(&io);
}

/*
 * buffer is vmalloc memory: the host may not see all of it at any time, since
 * its mappings go with a purge of neighbours and come back by a fault, which
 * a system call of the host has not.
 */
static long read_host_vmalloc(int file, void *buffer, unsigned long length)
{
	char *bounce = kmalloc(min(length, BOUNCE_SIZE), GFP_KERNEL);
	unsigned long at, n;
	long err = 0;

	if (!bounce)
		return -ENOMEM;
	for (at = 0; !err && at < length; at += n) {
		n = min(length - at, BOUNCE_SIZE);
		err = read_host(file, bounce, n, at);
		if (!err)
			memcpy(buffer + at, bounce, n);
	}
	kfree(bounce);
	return err;
}

/* The whole file dir/name in vmalloc memory with a NUL behind it. */
static void *read_whole(const char *name, unsigned long *ret_size)
{
	struct rumpuser_file_info info;
	char *path, *data = ERR_PTR(-ENOMEM);
	const char *dir = hyp()->module_dir();
	int file;
	long err;

	if (!dir)
		return ERR_PTR(-ENOENT);
	path = kasprintf(GFP_KERNEL, "%s/%s", dir, name);
	if (!path)
		return data;
	file = open_host(path, &info);
	kfree(path);
	if (file < 0)
		return ERR_PTR(file);
	data = vmalloc(info.size + 1);
	if (data) {
		err = read_host_vmalloc(file, data, info.size);
		if (err < 0) {
			vfree(data);
			data = ERR_PTR(err);
		} else {
			data[info.size] = '\0';
			*ret_size = info.size;
		}
	} else {
		data = ERR_PTR(-ENOMEM);
	}
	close_host(file);
	return data;
}

/* -ENOENT is for names that nobody knows, not for a folder that lacks a file. */
static long read_failed(const char *name, long err)
{
	if (err != -ENOENT)
		return err;
	strscpy(missing_file, name);
	return -ELIBACC;
}

/* ---- the index ---- */

static int load_index(void)
{
	int err = 0;
	char *text;

	mutex_lock(&index_mutex);
	if (!index_text) {
		text = read_whole(INDEX_NAME, &index_size);
		if (IS_ERR(text))
			err = read_failed(INDEX_NAME, PTR_ERR(text));
		else
			index_text = text;
	}
	mutex_unlock(&index_mutex);
	return err;
}

/* One line at a time, cut into a private buffer. */
struct cursor {
	const char *next;
	char *line;
	size_t line_size;
};

static int cursor_open(struct cursor *c)
{
	int err = load_index();

	if (err)
		return err;
	c->next = index_text;
	c->line_size = PAGE_SIZE;
	c->line = kmalloc(c->line_size, GFP_KERNEL);
	return c->line ? 0 : -ENOMEM;
}

static void cursor_close(struct cursor *c)
{
	kfree(c->line);
}

/* The next line that begins with `keyword `: what follows it, or NULL. */
static char *cursor_next(struct cursor *c, const char *keyword)
{
	size_t length = strlen(keyword), n;
	const char *start, *end;

	while (*c->next) {
		start = c->next;
		end = strchrnul(start, '\n');
		c->next = *end ? end + 1 : end;
		if (strncmp(start, keyword, length) || start[length] != ' ')
			continue;
		start += length + 1;
		n = min_t(size_t, end - start, c->line_size - 1);
		memcpy(c->line, start, n);
		c->line[n] = '\0';
		return c->line;
	}
	return NULL;
}

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

/* ---- parameters ---- */

static void add_parameter(char *parameters, const char *word, size_t length)
{
	size_t used = strlen(parameters);

	scnprintf(parameters + used, PAGE_SIZE - used, "%s%.*s", used ? " " : "", (int)length,
		  word);
}

/*
 * As modprobe(8): the words NAME.PARAMETER=VALUE of the kernel's command line.  They come
 * after those of the index, the last one counts.
 */
static void add_command_line(char *parameters, const char *name)
{
	const char *at = saved_command_line, *word, *p, *n;

	while (*(word = skip_spaces(at))) {
		char quote = 0;

		for (at = word; *at && (quote || !isspace(*at)); at++)
			if (*at == '"')
				quote = !quote;
		for (p = word, n = name; p < at && *n; p++, n++)
			if ((*p == '-' ? '_' : *p) != (*n == '-' ? '_' : *n))
				break;
		if (!*n && p + 1 < at && *p == '.')
			add_parameter(parameters, p + 1, at - p - 1);
	}
}

/* What the module is loaded with: a page of text that the caller frees, or NULL. */
static char *parameters_of(const char *name)
{
	char *parameters = kzalloc(PAGE_SIZE, GFP_KERNEL), *line;
	struct cursor c;

	if (!parameters || cursor_open(&c))
		return parameters;
	while ((line = cursor_next(&c, "options")))
		if (same_name(strsep(&line, " "), name) && line)
			add_parameter(parameters, line, strlen(line));
	cursor_close(&c);
	add_command_line(parameters, name);
	return parameters;
}

/* ---- loading ---- */

static int load_file(const char *name, const char *file)
{
	unsigned long size;
	void *data = read_whole(file, &size);
	char *parameters;
	long err;

	if (IS_ERR(data))
		return read_failed(file, PTR_ERR(data));
	parameters = parameters_of(name);
	/* a kernel address is as good as a user's: one address space */
	err = parameters ? sys_init_module((char __user *)data, size,
					   (const char __user *)parameters) : -ENOMEM;
	kfree(parameters);
	vfree(data);
	return err == -EEXIST ? 0 : err;
}

/* One that is coming is not: whoever asks for it has to wait, which sys_init_module() does. */
static bool is_live(const char *name)
{
	struct module *module;
	bool live;
	char *canonical = kstrdup(name, GFP_KERNEL);

	if (!canonical)
		return false;
	strreplace(canonical, '-', '_');
	preempt_disable();
	module = find_module(canonical);
	live = module && module->state == MODULE_STATE_LIVE;
	preempt_enable();
	kfree(canonical);
	return live;
}

/* One module by its exact name, and before it what it needs: that list has what those need. */
static int load_module(const char *name, bool with_needed)
{
	struct cursor c;
	char *line, *word, *file, *needed;
	int err = cursor_open(&c);

	if (err)
		return err;
	err = -ENOENT;
	while ((line = cursor_next(&c, "module"))) {
		word = strsep(&line, " ");
		if (!same_name(word, name))
			continue;
		file = strsep(&line, " ");
		err = 0;
		if (is_live(word))
			break;
		while (with_needed && !err && line && (needed = strsep(&line, " ")))
			if (*needed)
				err = load_module(needed, false);
		if (!err)
			err = load_file(word, file);
		else
			pr_err("rump: module %s needs %s: error %d\n", word, needed, err);
		break;
	}
	cursor_close(&c);
	return err;
}

const char *rump_module_missing(void)
{
	return missing_file;
}

int rump_component_load(const char *name)
{
	struct cursor c;
	char *line, *word;
	int err = cursor_open(&c);

	if (err)
		return err;
	err = -ENOENT;
	while ((line = cursor_next(&c, "component"))) {
		if (strcmp(strsep(&line, " "), name))
			continue;
		err = 0;
		while (!err && line && (word = strsep(&line, " ")))
			if (*word)
				err = load_module(word, true);
		break;
	}
	cursor_close(&c);
	return err == -ENOENT ? load_module(name, true) : err;
}

int rump_module_load_by_alias(const char *alias)
{
	struct cursor c;
	char *line, *pattern;
	int err, found = -ENOENT;

	err = load_module(alias, true);
	if (err != -ENOENT)
		return err;
	err = cursor_open(&c);
	if (err)
		return err;
	while ((line = cursor_next(&c, "alias"))) {
		pattern = strsep(&line, " ");
		if (!line || !(glob_match(pattern, alias) || same_name(pattern, alias)))
			continue;
		err = load_module(line, true);
		if (found)
			found = err;
	}
	cursor_close(&c);
	return found;
}

void rump_component_names(char *text, size_t size)
{
	struct cursor c;
	char *line;
	size_t used = 0;

	*text = '\0';
	if (cursor_open(&c))
		return;
	while ((line = cursor_next(&c, "component")))
		used += scnprintf(text + used, size - used, "%s%s", used ? " " : "",
				  strsep(&line, " "));
	cursor_close(&c);
}

/* ---- file system detection ---- */

static bool has_magic(struct file *device, char *line, const char **ret_type)
{
	const char *type = strsep(&line, " "), *offset_word = line ? strsep(&line, " ") : NULL;
	u8 want[MAX_MAGIC], have[MAX_MAGIC];
	size_t length;
	loff_t offset;

	if (!line)
		return false;
	length = strlen(line) / 2;
	if (kstrtoll(offset_word, 0, &offset) || !length || length > MAX_MAGIC ||
	    hex2bin(want, line, length))
		return false;
	if (kernel_read(device, have, length, &offset) != length || memcmp(want, have, length))
		return false;
	*ret_type = type;
	return true;
}

const char *rump_detect_fstype(const char *path)
{
	struct file *device = filp_open(path, O_RDONLY, 0);
	const char *type, *found = NULL;
	struct cursor c;
	char *line;

	if (IS_ERR(device))
		return NULL;
	if (!cursor_open(&c)) {
		while (!found && (line = cursor_next(&c, "magic")))
			if (has_magic(device, line, &type))
				found = kstrdup_const(type, GFP_KERNEL);
		cursor_close(&c);
	}
	fput(device);
	return found;
}

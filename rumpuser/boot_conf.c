/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_conf.c - what a kernel starts with, from three places, in this order:
 * components whose libraries the program was linked with, the file that
 * RUMP_CONF names, and the texts that the program gave.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "private.h"

#include "rump_conf.h"

struct component {
	struct component *next;
	char name[];
};

static struct {
	pthread_mutex_t lock;
	struct component *components, **components_end;
	unsigned int component_count;
	struct rump_conf texts, file;
	struct rumpuser_boot_item *items; /* all of them; the kernel has taken them */
	unsigned int count;
} boot = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.components_end = &boot.components,
};

static void unlock(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}
#define UNLOCKED_AT_END __attribute__((cleanup(unlock), unused))
#define LOCKED() \
	pthread_mutex_t *locked UNLOCKED_AT_END = (pthread_mutex_lock(&boot.lock), &boot.lock)

/* Around fork(): the child shall not find a configuration that is half read. */
void boot_conf_fork(void)
{
	pthread_mutex_lock(&boot.lock);
}

void boot_conf_forked(void)
{
	pthread_mutex_unlock(&boot.lock);
}

int boot_conf(const char *text, const char *name)
{
	struct config_error why;
	int error;
	KEEPS_ERRNO;
	LOCKED();

	if (boot.items) {
		boot_error_set("%s: the kernel has started already", name);
		return -EBUSY;
	}
	error = rump_conf_parse_text(text, name, NULL, &boot.texts, &why);
	if (error)
		boot_error_text(why.text);
	return error;
}

/* The library's constructor may run before or after the kernel is there. */
void rumpuser_component_add(const char *name)
{
	struct component *component;
	size_t length = strlen(name) + 1;
	char text[160];
	int error;
	KEEPS_ERRNO;

	pthread_mutex_lock(&boot.lock);
	if (!boot.items) {
		component = malloc(sizeof(*component) + length);
		if (component) {
			component->next = NULL;
			/* a copy: the library may be unloaded before the kernel boots */
			memcpy(component->name, name, length);
			*boot.components_end = component;
			boot.components_end = &component->next;
			boot.component_count++;
		}
		pthread_mutex_unlock(&boot.lock);
		error = component ? 0 : -ENOMEM;
	} else {
		/* not under the lock: loading may call us */
		pthread_mutex_unlock(&boot.lock);
		error = kernel_is_forked()		   ? -ENOTCONN
			: rumpuser_upcalls->component_load ? rumpuser_upcalls->component_load(name)
							   : -ENOSYS;
	}
	if (!error)
		return;
	snprintf(text, sizeof(text), "rump: component %.64s: %s\n", name, strerror(-error));
	console_complain(text, strlen(text));
}

static int collect(void)
{
	unsigned int count = boot.component_count + boot.file.count + boot.texts.count;
	struct rumpuser_boot_item *item;

	/* one more, so that no items is not NULL */
	item = calloc(count + 1, sizeof(*item));
	if (!item)
		return -ENOMEM;
	boot.items = item;
	boot.count = count;
	for (const struct component *c = boot.components; c; c = c->next)
		*item++ = (struct rumpuser_boot_item){
			.kind = RUMPUSER_BOOT_COMPONENT,
			.name = c->name,
			.source = "",
			.fstype = "",
			.options = "",
			.file = "component library",
		};
	if (boot.file.count)
		memcpy(item, boot.file.items, boot.file.count * sizeof(*item));
	item += boot.file.count;
	if (boot.texts.count)
		memcpy(item, boot.texts.items, boot.texts.count * sizeof(*item));
	return 0;
}

int boot_items(const struct rumpuser_boot_item **ret_items, unsigned int *ret_count)
{
	const char *path = param("RUMP_CONF");
	struct config_error why;
	int error = 0;
	KEEPS_ERRNO;
	LOCKED();

	if (!boot.items) {
		if (path && *path) {
			error = rump_conf_parse_file(path, &boot.file, &why);
			if (error) {
				boot_error_text(why.text);
				return error;
			}
		}
		error = collect();
		if (error) {
			boot_error_set("no memory for the configuration");
			return error;
		}
	}
	*ret_items = boot.items;
	*ret_count = boot.count;
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init.c - the start: reads RUMPHIJACK and turns on what it asks for.
 *
 * Nothing boots here.  Calls that come before, from constructors of other libraries, go
 * to the host.  Order:
 *	configuration	everything below depends on it
 *	directory	the one that relative host paths mean, before main() changes it
 *	server		RUMP_SERVER, likewise
 *	signals		faults on the application's pointers become EFAULT
 *	trap		from here on every system call is looked at
 *	exec		what the program before left: descriptors, a connection
 */
#include <link.h>

#include "boot.h"
#include "children.h"
#include "dispatch.h"
#include "exec.h"
#include "exec_look.h"
#include "log.h"
#include "signals.h"
#include "trap.h"
#include "url.h"

struct hijack_config config;
bool hijack_is_active;
bool hijack_has_trap;
bool hijack_has_threads;

extern char **environ;
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static const char *variable(const char *name)
{
	size_t length = strlen(name);

	for (char **entry = environ; entry && *entry; entry++)
		if (!strncmp(*entry, name, length) && (*entry)[length] == '=')
			return *entry + length + 1;
	return NULL;
}

/* RUMP_SERVER is kept: the program may change its environment. 0 or -EINVAL. */
static int remember_server(struct config_error *error)
{
	const char *text = variable("RUMP_SERVER");
	struct rump_url url;

	if (!text || config.kernel_is_set) {
		if (config.kernel != HIJACK_KERNEL_SERVER || !config.kernel_is_set)
			return 0;
		if (!text)
			return config_error_set(error, "kernel=server: RUMP_SERVER is not set",
						NULL);
	}
	if (rump_url_parse(text, &url, error)) {
		config_error_prefix(error, "RUMP_SERVER: ", NULL);
		return -EINVAL;
	}
	if (strlen(text) >= BOOT_SERVER_MAX)
		return config_error_set(error, "RUMP_SERVER is too long", NULL);
	put_text(boot_server, text);
	return 0;
}

/* Ends at the first object of this name. */
static int find_library(struct dl_phdr_info *info, size_t size, void *ret_base)
{
	const char *name = info->dlpi_name ? info->dlpi_name : "", *last = name;

	(void)size;
	for (; *name; name++)
		if (*name == '/')
			last = name + 1;
	if (strncmp(last, "librumphijack", strlen("librumphijack")))
		return 0;
	*(unsigned long *)ret_base = info->dlpi_addr;
	return 1;
}

/* Of two builds or copies of this library the functions that programs find are the first one's. */
static bool is_first(void)
{
	unsigned long base = 0;

	dl_iterate_phdr(find_library, &base);
	return !base || base == (unsigned long)__ehdr_start;
}

__attribute__((constructor)) static void start(void)
{
	struct config_error error;

	if (!is_first()) {
		complain("preloaded twice: the first one is used", NULL);
		return;
	}
	if (hijack_config_parse(variable("RUMPHIJACK"), &config, &error)) {
		complain("RUMPHIJACK: ", error.text, NULL);
		goto refuse;
	}
	if (!hijack_config_is_active(&config)) {
		exec_start(false);
		return;
	}
	if (remember_server(&error)) {
		complain(error.text, NULL);
		goto refuse;
	}
	if (config.kernel == HIJACK_KERNEL_FAMILY) {
		complain("kernel=family is not supported by this version: kernel=local is", NULL);
		goto refuse;
	}
	boot_remember_directory();
	exec_look_start();
	log_start();
	hijack_is_active = true;
	signals_start();
	if (config.trap != HIJACK_TRAP_OFF) {
		int result = trap_start();

		if (result)
			complain(
				result == -EBUSY ? "under valgrind"
						 : "without Syscall User Dispatch on this host",
				" only calls by libc's functions are seen (trap=off says that this "
				"is fine)",
				NULL);
	}
	exec_start(true);
	children_start();
	return;
refuse:
	exec_start(false);
	if (config.is_strict)
		host(SYS_exit_group, 2);
}

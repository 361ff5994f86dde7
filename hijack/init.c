/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init.c - the start: reads RUMPHIJACK and turns on what it asks for.
 *
 * Nothing boots here.  Calls that come before, from constructors of other libraries, go
 * to the host.  Order:
 *	configuration	everything below depends on it
 *	directory	the one that relative host paths mean, before main() changes it
 *	signals		faults on the application's pointers become EFAULT
 *	trap		last: from here on every system call is looked at
 */
#include "boot.h"
#include "dispatch.h"
#include "log.h"
#include "signals.h"
#include "trap.h"

struct hijack_config config;
bool hijack_is_active;
bool hijack_has_trap;
bool hijack_has_threads;

extern char **environ;

static const char *variable(const char *name)
{
	size_t length = strlen(name);

	for (char **entry = environ; entry && *entry; entry++)
		if (!strncmp(*entry, name, length) && (*entry)[length] == '=')
			return *entry + length + 1;
	return NULL;
}

static const char *kernel_name(enum hijack_kernel kernel)
{
	switch (kernel) {
	case HIJACK_KERNEL_SPAWN:
		return "kernel=spawn";
	case HIJACK_KERNEL_FAMILY:
		return "kernel=family";
	default:
		return "kernel=server (RUMP_SERVER)";
	}
}

__attribute__((constructor)) static void start(void)
{
	struct config_error error;
	enum hijack_kernel kernel;

	if (hijack_config_parse(variable("RUMPHIJACK"), &config, &error)) {
		complain("RUMPHIJACK: ", error.text, NULL);
		goto refuse;
	}
	if (!hijack_config_is_active(&config))
		return;
	kernel = config.kernel;
	if (!config.kernel_is_set && variable("RUMP_SERVER"))
		kernel = HIJACK_KERNEL_SERVER;
	if (kernel != HIJACK_KERNEL_LOCAL) {
		complain(kernel_name(kernel), " is not supported by this version: kernel=local is",
			 NULL);
		goto refuse;
	}
	if (config.boot_count)
		boot_remember_directory();
	log_is_on = config.log;
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
	return;
refuse:
	if (config.is_strict)
		host(SYS_exit_group, 2);
}

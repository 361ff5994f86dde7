// SPDX-License-Identifier: GPL-2.0-only
/*
 * What mount.nfs(8) would add to the options of an NFS mount: the kernel looks up no names
 * and knows no default for the server's address.
 */
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "nfs_options.h"

/* The value of an option, or NULL; options are parted by commas. */
static const char *find_option(const char *data, const char *name)
{
	size_t length = strlen(name);

	while (data) {
		if (!strncmp(data, name, length) && data[length] == '=')
			return data + length + 1;
		data = strchr(data, ',');
		if (data)
			data++;
	}
	return NULL;
}

/* HOST of HOST:/PATH or [HOST]:/PATH; false: there is none. */
static bool source_host(const char *source, char *host, size_t size)
{
	const char *end;

	if (*source == '[') {
		source++;
		end = strchr(source, ']');
	} else {
		end = strchr(source, ':');
	}
	if (!end || end == source || end - source >= size)
		return false;
	memcpy(host, source, end - source);
	host[end - source] = '\0';
	return true;
}

static bool is_version_4(const char *type, const char *data)
{
	const char *version = find_option(data, "vers") ?: find_option(data, "nfsvers");

	return version ? *version == '4' : !strcmp(type, "nfs4");
}

static void add_option(char *data, size_t size, const char *name, const char *value)
{
	size_t used = strlen(data);

	scnprintf(data + used, size - used, "%s%s=%s", used ? "," : "", name, value);
}

long rump_nfs_options(const char *type, const char *source, char *data, size_t size, char *why,
		      size_t why_size)
{
	char host[64];
	u8 address[16];

	if (strcmp(type, "nfs") && strcmp(type, "nfs4"))
		return 0;
	if (!find_option(data, "addr")) {
		if (!source_host(source, host, sizeof(host)) ||
		    !(in4_pton(host, -1, address, -1, NULL) ||
		      in6_pton(host, -1, address, '%', NULL))) {
			snprintf(why, why_size,
				 "'%s': want ADDRESS:/PATH such as 10.0.0.9:/home, or addr= with the server's address",
				 source);
			return -EINVAL;
		}
		add_option(data, size, "addr", host);
	}
	/* the server cannot call back: no delegations, which are an optimisation */
	if (is_version_4(type, data) && !find_option(data, "clientaddr"))
		add_option(data, size, "clientaddr", "0.0.0.0");
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* net_backend.c - the words behind `interface virt0'. */
#include "net_backend.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "conf_words.h"
#include "config_text.h"

#define INTERFACE_MAX_BYTES 15	  /* IFNAMSIZ - 1 */
#define SOCKET_PATH_MAX_BYTES 107 /* sun_path, with its end */
#define FD_MAX 1048575

static const char *const kind_names[] = {"tap",	   "macvtap", "packet", "fd",
					 "stream", "dgram",   "user",	NULL};

/* The options of `user', and what passt(1) calls them. */
static const struct {
	const char *name, *flag;
	const char *want; /* NULL: there is no value */
} user_options[] = {
	{"tcp", "-t", "ports of the host that lead to the rump kernel, such as tcp=8080:80"},
	{"udp", "-u", "ports of the host that lead to the rump kernel, such as udp=5353:53"},
	{"address", "-a", "an address for the rump kernel, such as address=10.0.2.15"},
	{"netmask", "-n", "a netmask, such as netmask=24"},
	{"gateway", "-g", "an address that stands for the host, such as gateway=10.0.2.2"},
	{"dns", "-D", "a name server, such as dns=10.0.2.3"},
	{"interface", "-i", "an interface of the host, such as interface=eth0"},
	{"pcap", "-p", "a file for all frames, such as pcap=/tmp/virt0.pcap"},
	{"ipv4", "-4", NULL},
	{"ipv6", "-6", NULL},
};
#define USER_OPTIONS (sizeof(user_options) / sizeof(user_options[0]))

static int check_host_interface(const char *name, struct config_error *error)
{
	if (!config_is_name(name, INTERFACE_MAX_BYTES, "_-.@+") || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return conf_want(name,
				 "an interface of the host such as tap0, or one of tap:NAME "
				 "macvtap:NAME packet:NAME fd:N stream:PATH dgram:PATH user",
				 error);
	return 0;
}

static int check_socket_path(const char *path, struct config_error *error)
{
	if (*path != '/')
		return conf_want(path, "the absolute path of a socket", error);
	if (strlen(path) > SOCKET_PATH_MAX_BYTES)
		return conf_want(path, "a socket's path of at most 107 bytes", error);
	return 0;
}

static int parse_fd(const char *word, struct config_net_backend *backend,
		    struct config_error *error)
{
	uint64_t number;

	if (config_parse_number(word, FD_MAX, &number))
		return conf_want(word, "the number of an open descriptor such as fd:5", error);
	backend->fd = (int)number;
	return 0;
}

/* The words between commas. */
static int parse_user(char *word, struct config_net_backend *backend, struct config_error *error)
{
	const char *names[USER_OPTIONS + 1] = {NULL};
	char *next, *value;
	size_t i;

	for (i = 0; i < USER_OPTIONS; i++)
		names[i] = user_options[i].name;
	for (; word; word = next) {
		next = strchr(word, ',');
		if (next)
			*next++ = '\0';
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		for (i = 0; i < USER_OPTIONS && strcmp(word, names[i]); i++)
			;
		if (i == USER_OPTIONS)
			return config_error_unknown(error, "option", word, strlen(word), names);
		if (user_options[i].want && (!value || !*value || *value == '-'))
			return conf_want(value && *value ? value : word, user_options[i].want,
					 error);
		if (!user_options[i].want && value)
			return conf_want(value, "nothing behind ipv4 and ipv6", error);
		if (backend->option_count == CONFIG_NET_OPTIONS_MAX)
			return config_error_set(error, "more than 32 options of user", NULL);
		backend->options[backend->option_count].flag = user_options[i].flag;
		backend->options[backend->option_count++].value = value;
	}
	return 0;
}

static int parse_kind(char *word, struct config_net_backend *backend, struct config_error *error)
{
	size_t length = strcspn(word, ":,");
	char *rest = word[length] ? word + length + 1 : NULL;
	unsigned int kind;
	char *comma;
	int result;

	for (kind = 0; kind_names[kind] && !config_equal(word, length, kind_names[kind]); kind++)
		;
	/* a plain word is a tap of that name, be it `dgram' */
	if (!kind_names[kind] || (word[length] != ':' && kind != CONFIG_NET_USER)) {
		if (word[length] == ':')
			return config_error_unknown(error, "kind of backend", word, length,
						    kind_names);
		kind = CONFIG_NET_TAP;
		rest = word;
	} else if (word[length] == ':' && kind == CONFIG_NET_USER) {
		return conf_want(word, "options behind a comma: user,tcp=8080:80", error);
	}
	backend->kind = (enum config_net_kind)kind;
	switch (backend->kind) {
	case CONFIG_NET_USER:
		return parse_user(rest, backend, error);
	case CONFIG_NET_FD:
		return parse_fd(rest, backend, error);
	case CONFIG_NET_STREAM:
		backend->name = rest;
		return check_socket_path(rest, error);
	case CONFIG_NET_DGRAM:
		backend->name = rest;
		comma = strchr(rest, ',');
		if (comma) {
			*comma = '\0';
			backend->local = comma + 1;
		}
		result = check_socket_path(rest, error);
		if (!result && backend->local)
			result = check_socket_path(backend->local, error);
		return result;
	default:
		backend->name = rest;
		return check_host_interface(rest, error);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int parse_mac(const char *word, struct config_net_backend *backend,
		     struct config_error *error)
{
	static const char want[] = "an address such as mac=02:00:00:00:00:01, not a group's";
	unsigned char address[6], all = 0;
	const char *p = word;

	for (int i = 0; i < 6; i++, p += 3) {
		int high = hex_digit(p[0]), low = high < 0 ? -1 : hex_digit(p[1]);

		if (low < 0 || p[2] != (i < 5 ? ':' : '\0'))
			return conf_want(word, want, error);
		address[i] = (unsigned char)(high << 4 | low);
		all |= address[i];
	}
	if (address[0] & 1 || !all)
		return conf_want(word, want, error);
	memcpy(backend->address, address, sizeof(address));
	backend->has_address = true;
	return 0;
}

static int parse_option(char *word, struct config_net_backend *backend, struct config_error *error)
{
	uint64_t number;

	if (!strncmp(word, "mac=", 4)) {
		if (backend->has_address)
			return conf_want(word, "mac= once", error);
		return parse_mac(word + 4, backend, error);
	}
	if (!strncmp(word, "mtu=", 4)) {
		if (backend->mtu)
			return conf_want(word, "mtu= once", error);
		if (config_parse_number(word + 4, CONFIG_NET_MTU_MAX, &number) ||
		    number < CONFIG_NET_MTU_MIN)
			return conf_want(word, "bytes from 68 to 65535 such as mtu=9000", error);
		backend->mtu = (unsigned int)number;
		return 0;
	}
	return config_error_set(error, "unknown word '", config_show(word, strlen(word)).text,
				"': want mac=ADDRESS or mtu=BYTES behind the backend", NULL);
}

int config_net_backend_parse(char *text, struct config_net_backend *ret_backend,
			     struct config_error *error)
{
	struct config_net_backend backend = {.fd = -1};
	char *word = text, *next;
	int result;

	next = strchr(word, ' ');
	if (next)
		*next++ = '\0';
	result = parse_kind(word, &backend, error);
	while (!result && next) {
		word = next;
		next = strchr(word, ' ');
		if (next)
			*next++ = '\0';
		if (*word)
			result = parse_option(word, &backend, error);
	}
	if (!result)
		*ret_backend = backend;
	return result;
}

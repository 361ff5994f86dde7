/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RUMP_SERVER addresses.
 */
#include "url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "config_text.h"

#define WANT ": want unix://path or tcp://host:port/"

static int parse_unix(const char *path, struct rump_url *url, struct config_error *error)
{
	size_t length = strlen(path);

	if (!length)
		return config_error_set(error, "no path behind unix://", WANT, NULL);
	if (path[length - 1] == '/')
		return config_error_set(error, "'", config_show(path, length).text,
					"' is a directory" WANT, NULL);
	if (length >= RUMP_URL_PATH_SIZE)
		return config_error_set(error, "path '", config_show(path, length).text, "' has ",
					config_number(length).text,
					" bytes: a socket's path has at most ",
					config_number(RUMP_URL_PATH_SIZE - 1).text, NULL);
	url->kind = RUMP_URL_UNIX;
	memcpy(url->path, path, length + 1);
	return 0;
}

static bool is_host_name(const char *host)
{
	size_t label = 0;

	for (; *host; host++) {
		if (*host == '.') {
			if (!label)
				return false;
			label = 0;
		} else if (!config_is_alnum(*host) && *host != '-' && *host != '_') {
			return false;
		} else if (++label > 63) {
			return false;
		}
	}
	return true;
}

/* A name of digits and dots only is an address that somebody mistyped. */
static bool looks_like_ipv4(const char *host)
{
	return host[strspn(host, "0123456789.")] == '\0';
}

static int parse_host(const char *text, size_t length, bool is_bracketed, struct rump_url *url,
		      struct config_error *error)
{
	struct in6_addr address;

	if (!length)
		return config_error_set(error, "no host", WANT, NULL);
	if (length >= RUMP_URL_HOST_SIZE)
		return config_error_set(error, "host '", config_show(text, length).text,
					"' is too long" WANT, NULL);
	memcpy(url->host, text, length);
	url->host[length] = '\0';
	if (is_bracketed) {
		url->host_kind = RUMP_URL_HOST_IPV6;
		if (inet_pton(AF_INET6, url->host, &address) != 1)
			return config_error_set(error, "'", config_show(text, length).text,
						"' is no IPv6 address: want one such as "
						"tcp://[fd00::1]:2000/",
						NULL);
	} else if (config_equal(text, length, "0")) {
		url->host_kind = RUMP_URL_HOST_ANY;
	} else if (inet_pton(AF_INET, url->host, &address) == 1) {
		url->host_kind = RUMP_URL_HOST_IPV4;
	} else {
		url->host_kind = RUMP_URL_HOST_NAME;
		if (looks_like_ipv4(url->host) || !is_host_name(url->host))
			return config_error_set(error, "'", config_show(text, length).text,
						"' is neither a host name nor an IPv4 address" WANT,
						NULL);
	}
	return 0;
}

static int parse_tcp(const char *text, struct rump_url *url, struct config_error *error)
{
	bool is_bracketed = *text == '[';
	const char *host = text + is_bracketed;
	const char *host_end = is_bracketed ? strchr(host, ']') : host + strcspn(host, ":/");
	const char *port;
	size_t port_length;
	char digits[8];
	uint64_t number;
	int result;

	if (!host_end)
		return config_error_set(error,
					"no ']' behind the IPv6 address: want one such as "
					"tcp://[fd00::1]:2000/",
					NULL);
	result = parse_host(host, (size_t)(host_end - host), is_bracketed, url, error);
	if (result)
		return result;
	port = host_end + is_bracketed;
	if (*port != ':')
		return config_error_set(error, "no port", WANT, NULL);
	port++;
	port_length = strcspn(port, "/");
	if (port[port_length] && port[port_length + 1])
		return config_error_set(
			error, "'",
			config_show(port + port_length, strlen(port + port_length)).text,
			"' behind the port" WANT, NULL);
	if (port_length < sizeof(digits)) {
		memcpy(digits, port, port_length);
		digits[port_length] = '\0';
	}
	if (port_length >= sizeof(digits) || config_parse_number(digits, 65535, &number) || !number)
		return config_error_set(error, "port '", config_show(port, port_length).text,
					"': want a number from 1 to 65535", NULL);
	url->kind = RUMP_URL_TCP;
	url->port = (uint16_t)number;
	return 0;
}

int rump_url_parse(const char *text, struct rump_url *ret_url, struct config_error *error)
{
	static const char *const schemes[] = {"unix", "tcp", NULL};
	const char *scheme_end = strstr(text, "://");
	struct rump_url url = {.kind = RUMP_URL_UNIX};
	int result;

	for (const char *c = text; *c; c++) {
		if (config_is_control(*c))
			return config_error_set(error, "'", config_show(text, strlen(text)).text,
						"' holds a control byte", NULL);
	}
	if (!scheme_end)
		return config_error_set(error, "'", config_show(text, strlen(text)).text,
					"' is no address" WANT, NULL);
	if (config_equal(text, (size_t)(scheme_end - text), "unix"))
		result = parse_unix(scheme_end + 3, &url, error);
	else if (config_equal(text, (size_t)(scheme_end - text), "tcp"))
		result = parse_tcp(scheme_end + 3, &url, error);
	else
		result = config_error_unknown(error, "kind of address", text,
					      (size_t)(scheme_end - text), schemes);
	if (!result)
		*ret_url = url;
	return result;
}

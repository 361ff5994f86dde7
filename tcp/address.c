/* SPDX-License-Identifier: BSD-2-Clause */
/* address.c - the addresses behind tcp://host:port/ */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tcp.h"

static void set_ipv4(struct address *address, in_addr_t host, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;

	memset(address, 0, sizeof(*address));
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	in->sin_addr.s_addr = host;
	address->length = sizeof(*in);
}

static void set_ipv6(struct address *address, const struct in6_addr *host, uint16_t port)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&address->storage;

	memset(address, 0, sizeof(*address));
	in->sin6_family = AF_INET6;
	in->sin6_port = htons(port);
	in->sin6_addr = *host;
	address->length = sizeof(*in);
}

static int resolve_name(const struct rump_url *url, bool is_server, struct address *ret_addresses,
			struct config_error *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = is_server ? AI_PASSIVE : AI_ADDRCONFIG};
	struct addrinfo *list = NULL;
	char port[8];
	int failed, saved = errno, count = 0;

	snprintf(port, sizeof(port), "%u", url->port);
	failed = getaddrinfo(url->host, port, &hints, &list);
	/* names of loopback, on a host that has no other addresses */
	if (failed && !is_server) {
		hints.ai_flags = 0;
		failed = getaddrinfo(url->host, port, &hints, &list);
	}
	errno = saved;
	if (failed) {
		config_error_set(error, gai_strerror(failed), NULL);
		return failed == EAI_MEMORY ? -ENOMEM : -ENOENT;
	}
	for (struct addrinfo *info = list; info && count < ADDRESSES_MAX; info = info->ai_next) {
		struct address *address = &ret_addresses[count];

		if ((info->ai_family != AF_INET && info->ai_family != AF_INET6) ||
		    info->ai_addrlen > sizeof(address->storage))
			continue;
		memcpy(&address->storage, info->ai_addr, info->ai_addrlen);
		address->length = info->ai_addrlen;
		count++;
	}
	freeaddrinfo(list);
	if (!count) {
		config_error_set(error, "the name has no address", NULL);
		return -ENOENT;
	}
	return count;
}

int address_resolve(const struct rump_url *url, bool is_server, struct address *ret_addresses,
		    struct config_error *error)
{
	struct in6_addr ipv6;
	struct in_addr ipv4;

	switch (url->host_kind) {
	case RUMP_URL_HOST_IPV4:
		if (inet_pton(AF_INET, url->host, &ipv4) != 1)
			break;
		set_ipv4(ret_addresses, ipv4.s_addr, url->port);
		return 1;
	case RUMP_URL_HOST_IPV6:
		if (inet_pton(AF_INET6, url->host, &ipv6) != 1)
			break;
		set_ipv6(ret_addresses, &ipv6, url->port);
		return 1;
	case RUMP_URL_HOST_ANY:
		if (!is_server) {
			config_error_set(error, "host 0 is for servers: name the server's host",
					 NULL);
			return -EINVAL;
		}
		/* the first one that can be bound takes both kinds of addresses */
		set_ipv6(&ret_addresses[0], &in6addr_any, url->port);
		set_ipv4(&ret_addresses[1], htonl(INADDR_ANY), url->port);
		return 2;
	case RUMP_URL_HOST_NAME:
		return resolve_name(url, is_server, ret_addresses, error);
	}
	config_error_set(error, "not an address", NULL);
	return -EINVAL;
}

bool address_is_loopback(const struct address *address)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;

	if (address->storage.ss_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) &&
		in6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
}

void address_text(const struct address *address, char text[ADDRESS_TEXT])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->storage.ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "%s:%u", host, ntohs(in->sin_port));
	} else {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "[%s]:%u", host, ntohs(in6->sin6_port));
	}
}

int address_error(const struct rump_url *url, int result, struct config_error *error)
{
	const char *open = url->host_kind == RUMP_URL_HOST_IPV6 ? "[" : "";
	const char *close = url->host_kind == RUMP_URL_HOST_IPV6 ? "]" : "";

	config_error_prefix(error, "tcp://", open,
			    url->host_kind == RUMP_URL_HOST_ANY ? "0" : url->host, close, ":",
			    config_number(url->port).text, ": ", NULL);
	return result;
}

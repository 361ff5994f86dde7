/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands behind `interface virt0': each backend, each option, each error.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net_backend.h"
#include "tap.h"

static const char *const kinds[] = {"tap", "macvtap", "packet", "fd", "stream", "dgram", "user"};

static const struct {
	const char *text, *shown;
} good[] = {
	{"tap0", "tap tap0"},
	{"tap:tap0", "tap tap0"},
	{"dgram", "tap dgram"},
	{"tap:user", "tap user"},
	{"macvtap:eth0.5", "macvtap eth0.5"},
	{"packet:veth-a", "packet veth-a"},
	{"fd:0", "fd 0"},
	{"fd:1048575", "fd 1048575"},
	{"stream:/run/passt.socket", "stream /run/passt.socket"},
	{"stream:/run/a,b:c", "stream /run/a,b:c"},
	{"dgram:/tmp/b", "dgram /tmp/b"},
	{"dgram:/tmp/b,/tmp/a", "dgram /tmp/b /tmp/a"},
	{"user", "user"},
	{"user,tcp=8080:80", "user -t 8080:80"},
	{"user,tcp=127.0.0.1/80,tcp=22,udp=53,ipv4", "user -t 127.0.0.1/80 -t 22 -u 53 -4"},
	{"user,address=10.0.2.15,netmask=24,gateway=10.0.2.2,dns=1.1.1.1",
	 "user -a 10.0.2.15 -n 24 -g 10.0.2.2 -D 1.1.1.1"},
	{"tap0 mtu=9000", "tap tap0 mtu 9000"},
	{"tap0 mtu=68", "tap tap0 mtu 68"},
	{"tap0 mtu=65535 mac=02:00:00:00:00:0A", "tap tap0 mtu 65535 mac 02:00:00:00:00:0a"},
	{"user mac=fe:ff:ff:ff:ff:ff", "user mac fe:ff:ff:ff:ff:ff"},
};

static const struct {
	const char *text, *error;
} bad[] = {
	{"", "'': want an interface of the host such as tap0, *"},
	{"tap:", "'': want an interface of the host such as tap0, *"},
	{"a-name-that-is-too-long", "'a-name-that-is-too-long': want an interface *"},
	{"/dev/tap3", "'/dev/tap3': want an interface *"},
	{"..", "'..': want an interface *"},
	{"tpa:tap0", "unknown kind of backend 'tpa': did you mean 'tap'? *"},
	{"fd:", "'': want the number of an open descriptor such as fd:5"},
	{"fd:x", "'x': want the number *"},
	{"fd:-1", "'-1': want the number *"},
	{"fd:1048576", "'1048576': want the number *"},
	{"stream:socket", "'socket': want the absolute path of a socket"},
	{"dgram:/a,b", "'b': want the absolute path of a socket"},
	{"user:tcp=80", "*want options behind a comma: user,tcp=8080:80"},
	{"user,", "unknown option ''*"},
	{"user,tpc=80", "unknown option 'tpc': did you mean 'tcp'?*"},
	{"user,tcp", "'tcp': want ports *"},
	{"user,tcp=", "'tcp': want ports *"},
	{"user,dns=--foo", "'--foo': want a name server*"},
	{"user,ipv4=1", "'1': want nothing behind ipv4 and ipv6"},
	{"tap0 mtu=67", "'mtu=67': want bytes from 68 to 65535 such as mtu=9000"},
	{"tap0 mtu=65536", "'mtu=65536': want bytes*"},
	{"tap0 mtu=9k", "'mtu=9k': want bytes*"},
	{"tap0 mtu=1500 mtu=1500", "'mtu=1500': want mtu= once"},
	{"tap0 mac=", "'': want an address such as mac=02:00:00:00:00:01, *"},
	{"tap0 mac=00:00:00:00:00:00", "'00:00:00:00:00:00': want an address*"},
	{"tap0 mac=01:00:00:00:00:00", "'01:00:00:00:00:00': want an address*"},
	{"tap0 mac=02:00:00:00:00:0", "'02:00:00:00:00:0': want an address*"},
	{"tap0 mac=02:00:00:00:00:01:02", "'02:00:00:00:00:01:02': want an address*"},
	{"tap0 mac=02-00-00-00-00-01", "'02-00-00-00-00-01': want an address*"},
	{"tap0 mac=02:00:00:00:00:01 mac=02:00:00:00:00:01", "*want mac= once"},
	{"tap0 up", "unknown word 'up': want mac=ADDRESS or mtu=BYTES behind the backend"},
};

static const char *show(const struct config_net_backend *b)
{
	static char text[4096];
	int used = snprintf(text, sizeof(text), "%s", kinds[b->kind]);

#define ADD(...) used += snprintf(text + used, sizeof(text) - (size_t)used, __VA_ARGS__)
	if (b->name)
		ADD(" %s", b->name);
	if (b->local)
		ADD(" %s", b->local);
	if (b->kind == CONFIG_NET_FD)
		ADD(" %d", b->fd);
	for (unsigned int i = 0; i < b->option_count; i++) {
		ADD(" %s", b->options[i].flag);
		if (b->options[i].value)
			ADD(" %s", b->options[i].value);
	}
	if (b->mtu)
		ADD(" mtu %u", b->mtu);
	if (b->has_address)
		ADD(" mac %02x:%02x:%02x:%02x:%02x:%02x", b->address[0], b->address[1],
		    b->address[2], b->address[3], b->address[4], b->address[5]);
#undef ADD
	return text;
}

/* A '*' stands for any text at the beginning or the end. */
static bool matches(const char *text, const char *pattern)
{
	size_t length = strlen(pattern);

	if (*pattern == '*')
		return strlen(text) >= length - 1 &&
		       !strcmp(text + strlen(text) - (length - 1), pattern + 1);
	if (length && pattern[length - 1] == '*')
		return !strncmp(text, pattern, length - 1);
	return !strcmp(text, pattern);
}

int main(void)
{
	struct config_net_backend backend;
	struct config_error error;
	char text[4096];
	size_t used = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int result;

		strcpy(text, good[i].text);
		error.text[0] = '\0';
		result = config_net_backend_parse(text, &backend, &error);
		ok(!result, "%s: taken %s", good[i].text, error.text);
		if (!result)
			is_str(show(&backend), good[i].shown, "%s", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(text, bad[i].text);
		ok(config_net_backend_parse(text, &backend, &error) == -EINVAL &&
			   matches(error.text, bad[i].error),
		   "'%s': %s", bad[i].text, error.text);
	}

	used = (size_t)snprintf(text, sizeof(text), "stream:/");
	memset(text + used, 'a', 107);
	text[used + 107] = '\0';
	ok(config_net_backend_parse(text, &backend, &error) == -EINVAL, "a path of 108 bytes");
	used = (size_t)snprintf(text, sizeof(text), "user");
	for (int i = 0; i <= CONFIG_NET_OPTIONS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, ",tcp=%d", i + 1);
	ok(config_net_backend_parse(text, &backend, &error) == -EINVAL &&
		   !strcmp(error.text, "more than 32 options of user"),
	   "too many options: %s", error.text);
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RUMP_SERVER addresses.
 */
#include <errno.h>

#include "tap.h"
#include "url.h"

static const struct {
	const char *text;
	enum rump_url_kind kind;
	const char *place; /* path or host */
	enum rump_url_host host_kind;
	unsigned int port;
} good[] = {
	{"unix://sock", RUMP_URL_UNIX, "sock", 0, 0},
	{"unix:///tmp/sock", RUMP_URL_UNIX, "/tmp/sock", 0, 0},
	{"unix://../a b:c", RUMP_URL_UNIX, "../a b:c", 0, 0},
	{"unix://tcp://x", RUMP_URL_UNIX, "tcp://x", 0, 0},
	{"tcp://10.1.1.1:2000/", RUMP_URL_TCP, "10.1.1.1", RUMP_URL_HOST_IPV4, 2000},
	{"tcp://10.1.1.1:2000", RUMP_URL_TCP, "10.1.1.1", RUMP_URL_HOST_IPV4, 2000},
	{"tcp://0:1/", RUMP_URL_TCP, "0", RUMP_URL_HOST_ANY, 1},
	{"tcp://[::1]:65535/", RUMP_URL_TCP, "::1", RUMP_URL_HOST_IPV6, 65535},
	{"tcp://[fd00::1]:007/", RUMP_URL_TCP, "fd00::1", RUMP_URL_HOST_IPV6, 7},
	{"tcp://localhost:80/", RUMP_URL_TCP, "localhost", RUMP_URL_HOST_NAME, 80},
	{"tcp://a-b.example.org.:80", RUMP_URL_TCP, "a-b.example.org.", RUMP_URL_HOST_NAME, 80},
};

static const struct {
	const char *text, *error;
} bad[] = {
	{"", "'' is no address: want unix://path or tcp://host:port/"},
	{"/tmp/sock", "'/tmp/sock' is no address: want unix://path or tcp://host:port/"},
	{"unix:/tmp/sock", "'unix:/tmp/sock' is no address: want unix://path or tcp://host:port/"},
	{"unx://a", "unknown kind of address 'unx': did you mean 'unix'? known: unix tcp"},
	{"://a", "unknown kind of address '': known: unix tcp"},
	{"http://a:80/", "unknown kind of address 'http': known: unix tcp"},
	{"TCP://a:80/", "unknown kind of address 'TCP': did you mean 'tcp'? known: unix tcp"},
	{"unix://", "no path behind unix://: want unix://path or tcp://host:port/"},
	{"unix:///tmp/", "'/tmp/' is a directory: want unix://path or tcp://host:port/"},
	{"unix://a\nb", "'unix://a\\x0ab' holds a control byte"},
	{"tcp://", "no host: want unix://path or tcp://host:port/"},
	{"tcp://:80/", "no host: want unix://path or tcp://host:port/"},
	{"tcp://host", "no port: want unix://path or tcp://host:port/"},
	{"tcp://host/", "no port: want unix://path or tcp://host:port/"},
	{"tcp://host:/", "port '': want a number from 1 to 65535"},
	{"tcp://host:0/", "port '0': want a number from 1 to 65535"},
	{"tcp://host:65536/", "port '65536': want a number from 1 to 65535"},
	{"tcp://host:80x/", "port '80x': want a number from 1 to 65535"},
	{"tcp://host:-1/", "port '-1': want a number from 1 to 65535"},
	{"tcp://host:00000000080/", "port '00000000080': want a number from 1 to 65535"},
	{"tcp://host:80/x", "'/x' behind the port: want unix://path or tcp://host:port/"},
	{"tcp://host:80//", "'//' behind the port: want unix://path or tcp://host:port/"},
	{"tcp://1.2.3:80/", "'1.2.3' is neither a host name nor an IPv4 address: want unix://path "
			    "or tcp://host:port/"},
	{"tcp://1.2.3.256:80/", "'1.2.3.256' is neither a host name nor an IPv4 address: want "
				"unix://path or tcp://host:port/"},
	{"tcp://a..b:80/", "'a..b' is neither a host name nor an IPv4 address: want unix://path or "
			   "tcp://host:port/"},
	{"tcp://user@host:80/", "'user@host' is neither a host name nor an IPv4 address: want "
				"unix://path or tcp://host:port/"},
	{"tcp://::1:80/", "no host: want unix://path or tcp://host:port/"},
	{"tcp://fd00::1:80/", "port ':1:80': want a number from 1 to 65535"},
	{"tcp://[::1:80/", "no ']' behind the IPv6 address: want one such as "
			   "tcp://[fd00::1]:2000/"},
	{"tcp://[]:80/", "no host: want unix://path or tcp://host:port/"},
	{"tcp://[1.2.3.4]:80/", "'1.2.3.4' is no IPv6 address: want one such as "
				"tcp://[fd00::1]:2000/"},
	{"tcp://[::1]80/", "no port: want unix://path or tcp://host:port/"},
};

int main(void)
{
	struct config_error error;
	struct rump_url url;
	char text[600];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&url, 0x55, sizeof(url));
		if (!is_int(rump_url_parse(good[i].text, &url, &error), 0, "%s is read",
			    good[i].text)) {
			diag("%s", error.text);
			continue;
		}
		is_int(url.kind, good[i].kind, "... of that kind");
		is_str(url.kind == RUMP_URL_UNIX ? url.path : url.host, good[i].place,
		       "... to that place");
		if (url.kind == RUMP_URL_TCP) {
			is_int(url.host_kind, good[i].host_kind, "... a host of that kind");
			is_int(url.port, good[i].port, "... that port");
		}
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&url, 0x55, sizeof(url));
		is_int(rump_url_parse(bad[i].text, &url, &error), -EINVAL, "%s is refused",
		       bad[i].text);
		is_str(error.text, bad[i].error, "... and told");
		is_int(url.port, 0x5555, "... and the result is untouched");
		is_int(rump_url_parse(bad[i].text, &url, NULL), -EINVAL,
		       "... without an error too");
	}

	memset(text, 'p', sizeof(text));
	memcpy(text, "unix://", 7);
	text[7 + 107] = '\0';
	is_int(rump_url_parse(text, &url, &error), 0, "the longest path of a socket");
	is_int(strlen(url.path), 107, "... is whole");
	strcat(text, "p");
	is_int(rump_url_parse(text, &url, &error), -EINVAL, "one more byte is refused");
	ok(strstr(error.text, "has 108 bytes: a socket's path has at most 107"), "%s", error.text);

	memset(text, 'h', sizeof(text));
	memcpy(text, "tcp://", 6);
	text[6 + 63] = '\0';
	strcat(text, ":80/");
	is_int(rump_url_parse(text, &url, &error), 0, "the longest part of a host name");
	text[6 + 63] = 'h';
	text[6 + 64] = '\0';
	strcat(text, ":80/");
	is_int(rump_url_parse(text, &url, &error), -EINVAL, "one more byte is refused");
	for (int i = 6; i < 6 + 253; i++)
		text[i] = i % 60 ? 'h' : '.';
	strcpy(text + 6 + 253, ":80/");
	is_int(rump_url_parse(text, &url, &error), 0, "the longest host name");
	is_int(strlen(url.host), 253, "... is whole");
	strcpy(text + 6 + 253, "h:80/");
	is_int(rump_url_parse(text, &url, &error), -EINVAL, "one more byte is refused");
	ok(strstr(error.text, "is too long"), "%s", error.text);
	return done_testing();
}

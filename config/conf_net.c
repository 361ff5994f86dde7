/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network lines of rump.conf: checked as far as that goes without a network.
 *
 *	interface virtN BACKEND [OPTION...]	(net_backend.h)
 *	interface shmifN BUSFILE [OPTION...]
 *	interface dummyN|brN|bridgeN
 *	interface vethN PEER
 *	address INTERFACE ADDRESS/LENGTH
 *	route default|DESTINATION/LENGTH GATEWAY [INTERFACE]
 *	dhcp INTERFACE [timeout=SECONDS]
 *	up INTERFACE [mtu=BYTES]
 *	autoconf6 INTERFACE
 *	bridge BRIDGE INTERFACE...
 *	nameserver ADDRESS...
 *	host ADDRESS NAME...
 */
#include "conf_words.h"
#include "net_backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define INTERFACE_MAX_BYTES 15 /* IFNAMSIZ - 1 */

struct address {
	int family; /* AF_INET, AF_INET6 */
	unsigned char bytes[16];
	unsigned int length; /* of the prefix, bits */
};

/* Bits in an address of the family. */
static unsigned int bits_of(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* dev_valid_name() of the kernel, in ASCII. */
static int check_interface(const char *word, struct config_error *error)
{
	if (!word)
		return conf_want(NULL, "an INTERFACE such as virt0", error);
	if (!config_is_name(word, INTERFACE_MAX_BYTES, "_-.@+") || !strcmp(word, ".") ||
	    !strcmp(word, ".."))
		return conf_want(word,
				 "an interface such as virt0: at most 15 letters, digits, _ - .",
				 error);
	return 0;
}

static bool parse_address(const char *word, struct address *ret_address)
{
	struct address address = {.family = AF_INET};

	if (inet_pton(AF_INET, word, address.bytes) != 1) {
		address.family = AF_INET6;
		if (inet_pton(AF_INET6, word, address.bytes) != 1)
			return false;
	}
	*ret_address = address;
	return true;
}

/* word is changed and put right again. */
static int parse_cidr(char *word, struct address *ret_address, struct config_error *error)
{
	static const char want[] = "ADDRESS/LENGTH such as 10.0.0.2/24 or fd00::2/64";
	char *slash = word ? strchr(word, '/') : NULL;
	struct address address;
	uint64_t length;
	bool is_address;

	if (!word)
		return conf_want(NULL, want, error);
	if (!slash) {
		if (parse_address(word, &address))
			return config_error_set(error, "'", config_show(word, strlen(word)).text,
						"': no prefix length: want ", word,
						address.family == AF_INET ? "/24" : "/64",
						" for example", NULL);
		return conf_want(word, want, error);
	}
	*slash = '\0';
	is_address = parse_address(word, &address);
	*slash = '/';
	if (!is_address)
		return conf_want(word, want, error);
	if (config_parse_number(slash + 1, bits_of(address.family), &length))
		return conf_want(word,
				 address.family == AF_INET ? "a prefix length from 0 to 32"
							   : "a prefix length from 0 to 128",
				 error);
	address.length = (unsigned int)length;
	*ret_address = address;
	return 0;
}

/* The network that a destination lies in, when bits behind its prefix are set. */
static int check_destination(const char *word, const struct address *address,
			     struct config_error *error)
{
	struct address network = *address;
	char text[INET6_ADDRSTRLEN];

	for (unsigned int bit = network.length; bit < bits_of(network.family); bit++)
		network.bytes[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
	if (!memcmp(network.bytes, address->bytes, sizeof(network.bytes)))
		return 0;
	if (!inet_ntop(network.family, network.bytes, text, sizeof(text)))
		return -EINVAL;
	return config_error_set(error, "'", config_show(word, strlen(word)).text,
				"' has bits behind its prefix: want ", text, "/",
				config_number(network.length).text, NULL);
}

#define BACKEND_MAX_BYTES 1024

/* Joins the words as the kernel gets them. */
static int check_virt(char **words, struct config_error *error)
{
	struct config_net_backend backend;
	char joined[BACKEND_MAX_BYTES];
	struct config_text text;

	config_text_init(&text, joined, sizeof(joined));
	for (char **word = words; *word; word++) {
		if (strchr(*word, ' '))
			return conf_want(*word, "words without blanks", error);
		if (word != words)
			config_text_add(&text, " ");
		config_text_add(&text, *word);
	}
	if (text.length >= sizeof(joined))
		return config_error_set(error, "a backend of more than 1023 bytes", NULL);
	return config_net_backend_parse(joined, &backend, error);
}

static int check_veth(char **words, struct config_error *error)
{
	if (!words[1])
		return conf_want(NULL, "the name of the other end, such as veth1", error);
	if (!strcmp(words[0], words[1]))
		return conf_want(words[1], "another name for the other end", error);
	return check_interface(words[1], error)
		       ?: conf_no_more(words + 2, "the name of the other end only", error);
}

/* Whether name is the prefix and a number. */
static bool is_numbered(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);

	return !strncmp(name, prefix, length) && name[length] &&
	       !name[length + strspn(name + length, "0123456789")];
}

static int check_backend(char **words, char ***ret_host_path, struct config_error *error)
{
	const char *name = words[0], *backend = words[1];
	bool is_shmif;
	int result = check_interface(name, error);

	if (result)
		return result;
	if (is_numbered(name, "dummy") || is_numbered(name, "br") || is_numbered(name, "bridge"))
		return conf_no_more(words + 1, "its name only", error);
	if (is_numbered(name, "veth"))
		return check_veth(words, error);
	is_shmif = is_numbered(name, "shmif");
	if (!is_shmif && !is_numbered(name, "virt"))
		return conf_want(name,
				 "virt0, virt1 ... on an interface of the host, shmif0 ... on a "
				 "bus file, dummy0, br0 or veth0",
				 error);
	if (!backend || !*backend)
		return config_error_set(error, "no backend for ", name, ": want ",
					is_shmif ? "a bus file such as /tmp/bus"
						 : "an interface of the host such as tap0",
					NULL);
	if (!is_shmif)
		return check_virt(words + 1, error);
	/* the kernel knows the words behind it */
	*ret_host_path = &words[1];
	return 0;
}

static int check_address(char **words, struct config_error *error)
{
	struct address address;
	int result = check_interface(words[0], error);

	if (!result)
		result = parse_cidr(words[1], &address, error);
	if (!result)
		result = conf_no_more(words + 2, "one address a line", error);
	return result;
}

static int check_route(char **words, struct config_error *error)
{
	struct address destination, gateway;
	bool is_default;
	int result;

	if (!words[0])
		return conf_want(NULL, "default|DESTINATION/LENGTH GATEWAY [INTERFACE]", error);
	is_default = !strcmp(words[0], "default");
	if (!is_default) {
		result = parse_cidr(words[0], &destination, error);
		if (!result)
			result = check_destination(words[0], &destination, error);
		if (result)
			return result;
	}
	if (!words[1] || !parse_address(words[1], &gateway))
		return conf_want(words[1], "a GATEWAY that is an address such as 10.0.0.1", error);
	if (!is_default && gateway.family != destination.family)
		return conf_want(words[1],
				 destination.family == AF_INET
					 ? "an IPv4 gateway, as the destination is one"
					 : "an IPv6 gateway, as the destination is one",
				 error);
	if (!words[2]) {
		if (gateway.family == AF_INET6 && gateway.bytes[0] == 0xfe &&
		    (gateway.bytes[1] & 0xc0) == 0x80)
			return conf_want(
				words[1],
				"an INTERFACE behind it: link-local addresses mean nothing "
				"without",
				error);
		return 0;
	}
	result = check_interface(words[2], error);
	if (!result)
		result = conf_no_more(words + 3, "GATEWAY and INTERFACE only", error);
	return result;
}

/* An interface and at most one word behind it: NAME= and a number. */
static int check_option(char **words, const char *name, uint64_t least, uint64_t most,
			const char *want, struct config_error *error)
{
	size_t length = strlen(name);
	uint64_t value;
	int result = check_interface(words[0], error);

	if (result || !words[1])
		return result;
	if (strncmp(words[1], name, length) ||
	    config_parse_number(words[1] + length, most, &value) || value < least)
		return conf_want(words[1], want, error);
	return conf_no_more(words + 2, want, error);
}

static int check_up(char **words, struct config_error *error)
{
	return check_option(words, "mtu=", 68, 65535, "mtu=BYTES from 68 to 65535", error);
}

static int check_dhcp(char **words, struct config_error *error)
{
	return check_option(words, "timeout=", 0, 3600,
			    "timeout=SECONDS from 0 to 3600; 0 does not wait for a lease", error);
}

static int check_autoconf6(char **words, struct config_error *error)
{
	return check_interface(words[0], error)
		       ?: conf_no_more(words + 1, "one interface a line", error);
}

static int check_bridge(char **words, struct config_error *error)
{
	int result = check_interface(words[0], error);

	if (!result && !words[1])
		return conf_want(NULL, "BRIDGE INTERFACE..., such as br0 virt0 shmif0", error);
	for (char **word = words + 1; !result && *word; word++) {
		result = check_interface(*word, error);
		if (!result && !strcmp(*word, words[0]))
			return conf_want(*word, "interfaces other than the bridge itself", error);
	}
	return result;
}

#define NAMESERVERS_MAX 3 /* MAXNS of <resolv.h>: programs ask no more */

static int check_nameserver(char **words, struct config_error *error)
{
	struct address address;

	if (!words[0])
		return conf_want(NULL, "an ADDRESS such as 10.0.0.53", error);
	for (unsigned int i = 0; words[i]; i++) {
		if (!parse_address(words[i], &address))
			return conf_want(words[i], "an address such as 10.0.0.53 or fd00::53",
					 error);
		if (i == NAMESERVERS_MAX)
			return conf_want(words[i], "three nameservers at most", error);
	}
	return 0;
}

static int check_host(char **words, struct config_error *error)
{
	struct address address;

	if (!words[0] || !words[1])
		return conf_want(NULL, "ADDRESS NAME..., such as 10.0.0.1 server", error);
	if (!parse_address(words[0], &address))
		return conf_want(words[0], "an address such as 10.0.0.1 or fd00::1", error);
	for (char **word = words + 1; *word; word++) {
		if (!config_is_name(*word, 253, "_-."))
			return conf_want(*word, "a host's name such as server.example.org", error);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*check)(char **words, struct config_error *error);
} lines[] = {
	{"address", check_address},
	{"route", check_route},
	{"dhcp", check_dhcp},
	{"up", check_up},
	{"autoconf6", check_autoconf6},
	{"bridge", check_bridge},
	{"nameserver", check_nameserver},
	{"host", check_host},
};

int conf_net(char **words, char ***ret_host_path, struct config_error *error)
{
	const char *name = *words++;

	*ret_host_path = NULL;
	if (!strcmp(name, "interface"))
		return check_backend(words, ret_host_path, error);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!strcmp(name, lines[i].name))
			return lines[i].check(words, error);
	}
	return -EINVAL;
}

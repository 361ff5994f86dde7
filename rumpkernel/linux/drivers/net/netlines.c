// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network lines of rump.conf, in the order in which they stand.  config/conf_net.c has
 * looked at the words; what cannot be judged without a network is judged here.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/rump.h>

#include "dhcp.h"
#include "interface.h"
#include "netconfig.h"
#include "resolver.h"

#define WORDS_MAX 64

/* A line's words behind the first two. */
struct words {
	unsigned int count;
	char *word[WORDS_MAX];
	char *copy;
};

static long split_words(const char *text, struct words *words)
{
	char *at;

	words->count = 0;
	words->copy = at = kstrdup(text ? text : "", GFP_KERNEL);
	if (!at)
		return -ENOMEM;
	while (*at && words->count < WORDS_MAX)
		words->word[words->count++] = rump_next_word(&at);
	return *at ? -E2BIG : 0;
}

/* ---- lines: name is the second word ---- */

static long line_interface(const char *name, const struct rumpuser_boot_item *item,
			   struct words *words, char *why, size_t why_size)
{
	return rump_netconfig_create(name, item->options ? item->options : "", why, why_size);
}

static long line_address(const char *name, const struct rumpuser_boot_item *item,
			 struct words *words, char *why, size_t why_size)
{
	struct rump_address address;

	if (words->count != 1 || !rump_parse_cidr(words->word[0], &address))
		return -EINVAL;
	return rump_netconfig_address(name, &address, why, why_size);
}

static long line_route(const char *name, const struct rumpuser_boot_item *item,
		       struct words *words, char *why, size_t why_size)
{
	bool is_default = !strcmp(name, "default");
	struct rump_address destination, gateway;

	if (!words->count || (!is_default && !rump_parse_cidr(name, &destination)) ||
	    !rump_parse_address(words->word[0], &gateway))
		return -EINVAL;
	return rump_netconfig_route(is_default ? NULL : &destination, &gateway,
				    words->count > 1 ? words->word[1] : NULL, why, why_size);
}

/* The number behind name= among the words; otherwise, when there is no such word. */
static unsigned int option(const struct words *words, const char *name, unsigned int otherwise)
{
	unsigned int i, value = otherwise;

	for (i = 0; i < words->count; i++) {
		size_t length = str_has_prefix(words->word[i], name);

		if (length && kstrtouint(words->word[i] + length, 10, &value))
			return otherwise;
	}
	return value;
}

static long line_up(const char *name, const struct rumpuser_boot_item *item, struct words *words,
		    char *why, size_t why_size)
{
	return rump_netconfig_up(name, true, option(words, "mtu=", 0), why, why_size);
}

static long line_dhcp(const char *name, const struct rumpuser_boot_item *item,
		      struct words *words, char *why, size_t why_size)
{
	return rump_resolver_prepare(why, why_size) ?:
	       rump_dhcp_start(name, option(words, "timeout=", RUMP_DHCP_TIMEOUT), false, why,
			       why_size);
}

static long line_bridge(const char *name, const struct rumpuser_boot_item *item,
			struct words *words, char *why, size_t why_size)
{
	long err = rump_netconfig_bridge_add(name, NULL, why, why_size);
	unsigned int i;

	for (i = 0; i < words->count && !err; i++)
		err = rump_netconfig_bridge_add(name, words->word[i], why, why_size);
	return err;
}

static long line_autoconf6(const char *name, const struct rumpuser_boot_item *item,
			   struct words *words, char *why, size_t why_size)
{
	return rump_netconfig_autoconf6(name, why, why_size);
}

static long line_nameserver(const char *name, const struct rumpuser_boot_item *item,
			    struct words *words, char *why, size_t why_size)
{
	long err = rump_resolver_nameservers(name, why, why_size);

	return err || !item->options ? err :
	       rump_resolver_nameservers(item->options, why, why_size);
}

static long line_host(const char *name, const struct rumpuser_boot_item *item,
		      struct words *words, char *why, size_t why_size)
{
	return rump_resolver_host(name, item->options ? item->options : "", why, why_size);
}

static const struct {
	const char *name;
	long (*carry_out)(const char *name, const struct rumpuser_boot_item *item,
			  struct words *words, char *why, size_t why_size);
} lines[] = {
	{ "interface", line_interface },
	{ "address", line_address },
	{ "route", line_route },
	{ "up", line_up },
	{ "dhcp", line_dhcp },
	{ "bridge", line_bridge },
	{ "autoconf6", line_autoconf6 },
	{ "nameserver", line_nameserver },
	{ "host", line_host },
};

long rump_net_item(const struct rumpuser_boot_item *item, char *why, size_t why_size)
{
	struct words *words = kmalloc(sizeof(*words), GFP_KERNEL);
	unsigned int i;
	size_t used;
	long err;

	if (!words)
		return -ENOMEM;
	used = scnprintf(why, why_size, "%s: ", item->fstype);
	err = split_words(item->options, words);
	for (i = 0; i < ARRAY_SIZE(lines) && !err; i++) {
		if (strcmp(item->fstype, lines[i].name))
			continue;
		err = lines[i].carry_out(item->source, item, words, why + used, why_size - used);
		break;
	}
	if (i == ARRAY_SIZE(lines))
		err = -EOPNOTSUPP;
	if (err && !why[used])
		snprintf(why + used, why_size - used, "'%s': error %ld", item->source, -err);
	kfree(words->copy);
	kfree(words);
	return err;
}

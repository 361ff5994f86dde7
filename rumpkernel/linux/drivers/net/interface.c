// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interfaces are made by name, with what stands behind it in rump.conf, and go by
 * the function that `ip link del` uses.
 */
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <net/rtnetlink.h>

#include <asm/rump.h>

#include "interface.h"

static const struct rump_interface_type *const types[] = {
	&rump_shmif,
	&rump_virtif,
};

char *rump_next_word(char **at)
{
	char *word = *at, *to = word, *from = word;
	bool is_quoted = *from == '"';

	from += is_quoted;
	while (*from && *from != (is_quoted ? '"' : ' ')) {
		if (is_quoted && *from == '\\' && from[1])
			from++;
		*to++ = *from++;
	}
	if (*from && is_quoted)
		from++;
	while (*from == ' ')
		from++;
	*to = '\0';
	*at = from;
	return word;
}

/* virt0, but not virt, virt0.5 or virtual0. */
static bool is_of_type(const char *name, const struct rump_interface_type *type)
{
	size_t length = strlen(type->prefix);

	if (strncmp(name, type->prefix, length))
		return false;
	name += length;
	return *name && !name[strspn(name, "0123456789")];
}

long rump_interface_create(const char *name, const char *to, char *why, size_t why_size)
{
	unsigned int i;
	long err;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (!is_of_type(name, types[i]))
			continue;
		*why = '\0';
		err = types[i]->create(current->nsproxy->net_ns, name, to, why, why_size);
		if (err && !*why)
			snprintf(why, why_size, "cannot make %s: error %ld", name, -err);
		return err;
	}
	snprintf(why, why_size, "'%s': no kind of interface has that name", name);
	return -ENODEV;
}

long rump_interface_destroy(const char *name)
{
	const struct rtnl_link_ops *ops;
	struct net_device *dev;
	LIST_HEAD(list);
	long err = 0;

	rtnl_lock();
	dev = __dev_get_by_name(current->nsproxy->net_ns, name);
	ops = dev ? dev->rtnl_link_ops : NULL;
	if (!dev)
		err = -ENODEV;
	else if (!ops || !ops->dellink)
		err = -EOPNOTSUPP;
	else
		ops->dellink(dev, &list);
	unregister_netdevice_many(&list);
	rtnl_unlock();
	return err;
}

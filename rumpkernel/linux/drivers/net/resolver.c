// SPDX-License-Identifier: GPL-2.0-only
/*
 * /etc/resolv.conf and /etc/hosts, for those programs' libraries that read them.
 *
 * The files lie in the kernel's first root, which is memory.  Where an image becomes the
 * root, they are mounted over its files of that name: an image is data of the user's, which
 * no set-up changes, and the next boot may have other nameservers.  An image without such a
 * file has nothing to mount over; that is an error where a line asked for it.
 *
 * Both stay open, so that DHCP can write them later, from a thread with another root.  They
 * are written in place, since a mount shows the inode that it was made of.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/inet.h>
#include <linux/init_syscalls.h>
#include <linux/kernel.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/mount.h>

#include "netconfig.h"
#include "resolver.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS "/etc/hosts"
#define FILE_MAX 65536		/* bytes of an image's hosts that are kept */
#define LINKS 8

static const char localhost[] = "127.0.0.1\tlocalhost\n"
				"::1\tlocalhost ip6-localhost ip6-loopback\n";

/* all under the lock */
static DEFINE_MUTEX(lock);
static struct file *resolv_conf, *hosts;
static struct rump_address nameservers[RUMP_RESOLVER_SERVERS];
static unsigned int nameserver_count;
static struct rump_resolver_link links[LINKS];
static char *host_lines;
static bool is_dhcp_used;

/* ---- files ---- */

static long __ref open_file(const char *path, const char *text, struct file **ret_file)
{
	struct file *file;
	loff_t pos = 0;

	if (*ret_file)
		return 0;
	init_mkdir("/etc", 0755);
	file = filp_open(path, O_RDWR | O_CREAT, 0644);
	if (IS_ERR(file))
		return PTR_ERR(file);
	kernel_write(file, text, strlen(text), &pos);
	*ret_file = file;
	return 0;
}

static long replace_text(struct file *file, const char *text, size_t length)
{
	loff_t pos = 0;
	ssize_t written = kernel_write(file, text, length, &pos);

	if (written < 0)
		return written;
	return (size_t)written < length ? -ENOSPC : vfs_truncate(&file->f_path, length);
}

static size_t add_server(char *text, size_t size, const void *bytes, int family)
{
	return scnprintf(text, size, family == AF_INET ? "nameserver %pI4\n" : "nameserver %pI6c\n",
			 bytes);
}

static long write_resolv_conf(void)
{
	char *text = kmalloc(PAGE_SIZE, GFP_KERNEL);
	size_t used = 0;
	unsigned int i, j;
	long err;

	if (!text)
		return -ENOMEM;
	for (i = 0; i < nameserver_count; i++)
		used += add_server(text + used, PAGE_SIZE - used, nameservers[i].bytes,
				   nameservers[i].family);
	for (i = 0; i < LINKS; i++) {
		if (!links[i].ifindex)
			continue;
		for (j = 0; j < links[i].server_count; j++)
			used += add_server(text + used, PAGE_SIZE - used, &links[i].servers[j],
					   AF_INET);
		if (*links[i].domain)
			used += scnprintf(text + used, PAGE_SIZE - used, "search %s\n",
					  links[i].domain);
	}
	err = replace_text(resolv_conf, text, used);
	kfree(text);
	return err;
}

static long write_hosts(const char *begin)
{
	char *text = kasprintf(GFP_KERNEL, "%s%s", begin, host_lines ?: "");
	long err;

	if (!text)
		return -ENOMEM;
	err = replace_text(hosts, text, strlen(text));
	kfree(text);
	return err;
}

static long prepare(char *why, size_t why_size)
{
	long err = open_file(RESOLV_CONF, "", &resolv_conf) ?: open_file(HOSTS, localhost, &hosts);

	if (err)
		snprintf(why, why_size, "cannot make /etc/resolv.conf and /etc/hosts: error %ld", -err);
	return err;
}

long rump_resolver_prepare(char *why, size_t why_size)
{
	long err;

	mutex_lock(&lock);
	is_dhcp_used = true;
	err = prepare(why, why_size);
	mutex_unlock(&lock);
	return err;
}

/* ---- lines ---- */

static long add_nameservers(const char *words, char *why, size_t why_size)
{
	char word[INET6_ADDRSTRLEN];
	size_t length;

	for (; *words; words += length + !!words[length]) {
		length = strcspn(words, " ");
		strscpy(word, words, min(length + 1, sizeof(word)));
		if (length >= sizeof(word) ||
		    !rump_parse_address(word, &nameservers[nameserver_count])) {
			snprintf(why, why_size, "'%s' is no address", word);
			return -EINVAL;
		}
		if (++nameserver_count == RUMP_RESOLVER_SERVERS) {
			nameserver_count--;
			snprintf(why, why_size, "more than %d nameservers: programs ask three at most",
				 RUMP_RESOLVER_SERVERS - 1);
			return -E2BIG;
		}
	}
	return 0;
}

long rump_resolver_nameservers(const char *words, char *why, size_t why_size)
{
	long err;

	mutex_lock(&lock);
	err = prepare(why, why_size) ?: add_nameservers(words, why, why_size) ?:
	      write_resolv_conf();
	mutex_unlock(&lock);
	return err;
}

long rump_resolver_host(const char *address, const char *names, char *why, size_t why_size)
{
	char *lines;
	long err;

	mutex_lock(&lock);
	err = prepare(why, why_size);
	if (!err) {
		lines = kasprintf(GFP_KERNEL, "%s%s\t%s\n", host_lines ?: "", address, names);
		if (lines) {
			kfree(host_lines);
			host_lines = lines;
		}
		err = lines ? write_hosts(localhost) : -ENOMEM;
	}
	mutex_unlock(&lock);
	return err;
}

void rump_resolver_link(const struct rump_resolver_link *link)
{
	unsigned int i, free = LINKS;

	mutex_lock(&lock);
	for (i = LINKS; i-- > 0;) {
		if (links[i].ifindex == link->ifindex)
			break;
		if (!links[i].ifindex)
			free = i;
	}
	if (i >= LINKS)
		i = free;
	if (i < LINKS) {
		links[i] = *link;
		if (!link->server_count)
			links[i].ifindex = 0;
		if (resolv_conf && write_resolv_conf())
			pr_warn("rump: /etc/resolv.conf cannot be written\n");
	}
	mutex_unlock(&lock);
}

/* ---- a root that is an image ---- */

/* The image's own lines come first. */
static long take_hosts(const char *new_root)
{
	char *path = kasprintf(GFP_KERNEL, "%s" HOSTS, new_root);
	char *text = kzalloc(FILE_MAX + 1, GFP_KERNEL);
	long err = path && text ? 0 : -ENOMEM;
	struct file *file;
	loff_t pos = 0;
	ssize_t length;

	if (!err) {
		file = filp_open(path, O_RDONLY, 0);
		err = PTR_ERR_OR_ZERO(file);
	}
	if (!err) {
		length = kernel_read(file, text, FILE_MAX, &pos);
		fput(file);
		if (length > 0 && length < FILE_MAX && text[length - 1] != '\n')
			text[length] = '\n';
		err = length < 0 ? length : write_hosts(text);
	}
	kfree(text);
	kfree(path);
	return err;
}

static long __ref mount_over(const char *new_root, const char *path)
{
	char *target = kasprintf(GFP_KERNEL, "%s%s", new_root, path);
	long err = target ? init_mount(path, target, NULL, MS_BIND, NULL) : -ENOMEM;

	kfree(target);
	return err;
}

static void explain(long err, const char *path, char *why, size_t why_size)
{
	if (err == -ENOENT)
		snprintf(why, why_size,
			 "the root file system has no file %s to mount ours over: make one (images are never changed)",
			 path);
	else if (err)
		snprintf(why, why_size, "cannot mount over %s of the root file system: error %ld",
			 path, -err);
}

long rump_resolver_enter(const char *new_root, char *why, size_t why_size)
{
	long err = 0;

	mutex_lock(&lock);
	if (nameserver_count || is_dhcp_used) {
		err = mount_over(new_root, RESOLV_CONF);
		explain(err, RESOLV_CONF, why, why_size);
		if (err && !nameserver_count) {
			pr_notice("rump: nameservers of DHCP are not used: %s\n", why);
			err = 0;
		}
	}
	if (!err && host_lines) {
		err = take_hosts(new_root) ?: mount_over(new_root, HOSTS);
		explain(err, HOSTS, why, why_size);
	}
	mutex_unlock(&lock);
	return err;
}

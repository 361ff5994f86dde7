/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_files.c - files that tell of the network, and its names.
 *
 * Who has sockets of the rump kernel has its network: netstat and ifconfig look at
 * /proc/net and /sys/class/net, a server at /proc/sys/net/core/somaxconn, getaddrinfo() at
 * /etc/resolv.conf.  What they find there has to be of the same network, or it is wrong
 * without a word.  So with net=yes, which is the default where sockets of inet or inet6 are
 * routed,
 *
 *	/proc/net /proc/self/net /proc/PID/net /proc/sys/net
 *	/sys/class/net /sys/class/bluetooth /sys/class/ieee80211 /sys/devices/virtual/net
 *	/dev/net/tun /dev/ppp /dev/rfkill /dev/vhci
 *	/run/netns /var/run/netns, /proc/PID/ns/net, /proc/PID/fd of others: netns.c
 *
 * are the rump kernel's, whether it has mounted its /proc and /sys or not.  /proc/PID/net of
 * a process that the rump kernel does not know stays the host's.
 *
 * With resolver=yes, by the same default,
 *
 *	/etc/resolv.conf /etc/hosts /etc/gai.conf, and what begins with "/etc/resolv.conf."
 *
 * are the rump kernel's when it has them, else the host's: as `ip netns exec' does it.  The
 * name servers of the host's file are then asked through the rump network.  That is for
 * reading.  What is written is always the rump kernel's: a DHCP client or an editor changes
 * the names of its own network, never the host's.  A file that is there on the host alone is
 * copied first if what it says is to stay.  Temporary names beside resolv.conf go with it, so
 * that they can be renamed.
 *
 * Services of the host that answer for its own network are refused, as if they did not run:
 * nscd, systemd-resolved (nss-resolve), avahi (nss-mdns).  libc then looks names up itself.
 * nscd is refused for users and groups, too: it is one socket, and libc does as well without.
 *
 * Limits: paths are judged by their text; resolvectl asks over D-Bus and is not refused.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "net_files.h"
#include "own.h"

/* Behind `word' if path is that or below it, else NULL. */
static const char *below(const char *path, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(path, word, length) || (path[length] && path[length] != '/'))
		return NULL;
	return path + length;
}

static bool is_below_any(const char *path, const char *const *words, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (below(path, words[i]))
			return true;
	return false;
}

/* ---- what tells of the network ---- */

/* tree: the kernel's /proc or /sys; before, rest: the path in there */
static int place_in(struct scratch *scratch, int n, int tree, const char *mounted_on,
		    const char *before, const char *rest, struct place *ret)
{
	char *buffer = scratch_buffer(scratch, 2 * n);

	if (!buffer)
		return -ENOMEM;
	if (strlen(rest) >= ROUTE_PATH_MAX - 16)
		return -ENAMETOOLONG;
	put_text(put_text(put_text(buffer, tree == AT_FDCWD ? mounted_on : ""), before), rest);
	*ret = (struct place){ROUTE_RUMP, tree, buffer, "", false};
	return 1;
}

/* "PID/net" */
static bool is_of_process(const char *path)
{
	return get_decimal(&path) > 0 && below(path, "/net");
}

static int find_in_proc(struct call *call, const char *path, struct scratch *scratch, int n,
			struct place *ret)
{
	const char *rest, *before = "";

	int error = netns_find(call, path, scratch, n, ret);

	if (error)
		return error;
	if (below(path, "/proc/net") || below(path, "/proc/sys/net")) {
		rest = path + strlen("/proc/");
	} else if ((rest = own_proc_path(path)) && below(rest, "net")) {
		/* the process may have another number there */
		before = "self/";
	} else {
		rest = path + strlen("/proc/");
		if (!is_of_process(rest) ||
		    place_in(scratch, n, rump_proc(call), "/proc/", "", rest, ret) < 0 ||
		    rump(call, SYS_faccessat, ret->dirfd, ret->path, 0) < 0)
			return 0;
		return 1;
	}
	return place_in(scratch, n, rump_proc(call), "/proc/", before, rest, ret);
}

static int find_in_sys(struct call *call, const char *path, struct scratch *scratch, int n,
		       struct place *ret)
{
	static const char *const trees[] = {
		"/sys/class/net",
		"/sys/class/bluetooth",
		"/sys/class/ieee80211",
		"/sys/devices/virtual/net",
	};

	if (!is_below_any(path, trees, sizeof(trees) / sizeof(trees[0])))
		return 0;
	return place_in(scratch, n, rump_sys(call), "/sys/", "", path + strlen("/sys/"), ret);
}

static int find_in_dev(const char *path, struct place *ret)
{
	static const char *const devices[] = {"/dev/net/tun", "/dev/ppp", "/dev/rfkill",
					      "/dev/vhci"};

	if (!is_below_any(path, devices, sizeof(devices) / sizeof(devices[0])))
		return 0;
	*ret = (struct place){ROUTE_RUMP, AT_FDCWD, path, "", false};
	return 1;
}

/* ---- names ---- */

static bool is_of_names(const char *path)
{
	static const char resolv_conf[] = "/etc/resolv.conf";
	size_t length = sizeof(resolv_conf) - 1;

	return !strcmp(path, "/etc/hosts") || !strcmp(path, "/etc/gai.conf") ||
	       (!strncmp(path, resolv_conf, length) && (!path[length] || path[length] == '.'));
}

/* Of other calls those that keep nothing. */
static unsigned long open_flags(struct call *call)
{
	struct open_how how;

	switch (call->nr) {
	case SYS_open:
		return call->args[1];
	case SYS_openat:
		return call->args[2];
	case SYS_openat2:
		if (!user_copy(&how, (const void *)call->args[2], sizeof(how)))
			return how.flags;
	}
	return O_TRUNC;
}

static bool is_reading(struct call *call)
{
	switch (call->nr) {
	case SYS_open:
	case SYS_openat:
	case SYS_openat2:
		return !(open_flags(call) & (O_ACCMODE | O_CREAT | O_TRUNC));
	case SYS_stat:
	case SYS_lstat:
	case SYS_newfstatat:
	case SYS_statx:
	case SYS_access:
	case SYS_faccessat:
	case SYS_faccessat2:
	case SYS_readlink:
	case SYS_readlinkat:
	case SYS_statfs:
	case SYS_getxattr:
	case SYS_lgetxattr:
	case SYS_listxattr:
	case SYS_llistxattr:
	case SYS_inotify_add_watch:
	case SYS_name_to_handle_at:
		return true;
	}
	return false;
}

/* A file of the host for who opens it to change it; what goes wrong leaves it shorter. */
static void copy_from_host(struct call *call, const char *path, struct scratch *scratch, int n)
{
	char *buffer = scratch_buffer(scratch, 2 * n);
	long from, to, length;

	if (!buffer || rump(call, SYS_faccessat, AT_FDCWD, path, 0) != -ENOENT)
		return;
	from = host(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (is_error(from))
		return;
	to = rump(call, SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	while (to >= 0) {
		length = host(SYS_read, from, buffer, ROUTE_PATH_MAX);
		if (length <= 0 || rump(call, SYS_write, to, buffer, length) < length)
			break;
	}
	if (to >= 0)
		rump(call, SYS_close, to);
	host(SYS_close, from);
}

static int find_names(struct call *call, const char *path, struct scratch *scratch, int n,
		      struct place *ret)
{
	struct route route;

	/* what a prefix says of it holds */
	if (!is_of_names(path) || route_absolute(&config, path, NULL, &route) ||
	    route.side == ROUTE_RUMP)
		return 0;
	if (is_reading(call)) {
		if (rump(call, SYS_faccessat, AT_FDCWD, path, 0) < 0)
			return 0;
	} else {
		/* a root that is empty until now; if it cannot be made the call says why */
		rump(call, SYS_mkdir, "/etc", 0755);
		if (!(open_flags(call) & (O_TRUNC | O_EXCL)))
			copy_from_host(call, path, scratch, n);
	}
	*ret = (struct place){ROUTE_RUMP, AT_FDCWD, path, "", false};
	return 1;
}

int net_files_find(struct call *call, const char *path, struct scratch *scratch, int n,
		   struct place *ret)
{
	/* what is below another root is what lies there */
	if (root_is_rump)
		return 0;
	if (config.has_net && netns_is_folder(path))
		return netns_find_name(path, ret);
	if (config.has_net && below(path, "/proc"))
		return find_in_proc(call, path, scratch, n, ret);
	if (config.has_net && below(path, "/sys"))
		return find_in_sys(call, path, scratch, n, ret);
	if (config.has_net && below(path, "/dev"))
		return find_in_dev(path, ret);
	if (config.has_resolver && below(path, "/etc"))
		return find_names(call, path, scratch, n, ret);
	return 0;
}

bool net_files_is_name_service(const char *path)
{
	static const char *const services[] = {
		"/nscd/socket",
		"/systemd/resolve/io.systemd.Resolve",
		"/systemd/resolve/io.systemd.Resolve.Monitor",
		"/avahi-daemon/socket",
	};

	if (!config.has_resolver)
		return false;
	if (!strncmp(path, "/var", 4))
		path += 4;
	if (strncmp(path, "/run/", 5))
		return false;
	for (unsigned int i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (!strcmp(path + 4, services[i]))
			return true;
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns.c - network namespaces of the rump kernel.
 *
 * With net=yes the network is the rump kernel's, and so are the namespaces of networks: what
 * /proc/PID/ns/net leads to, what unshare(CLONE_NEWNET) makes, and their names in /run/netns.
 * The others stay the host's.
 *
 * `ip netns exec NAME COMMAND' takes one by setns(2), then wants a /sys that shows it: it makes
 * a mount namespace, keeps its mounts to itself and mounts another sysfs.  The rump kernel has
 * to do that too, for /sys/class/net is its own.  So a thread that came to its namespace by
 * setns() gets a mount namespace of each kernel - of the host if that allows it, which it need
 * not to those who are no root there - and `/sys' means the rump kernel's in these calls.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "boot.h"
#include "fdtable.h"
#include "netns.h"
#include "own.h"

/* By setns(), in this program: `ip' does it once and has one thread. */
static bool has_joined;
/* The mounts of the rump kernel are our own since then. */
static bool has_mounts;

long handle_unshare(struct call *call)
{
	unsigned long flags = call->args[0];
	bool has_net = config.has_net && flags & CLONE_NEWNET;
	long result = 0;

	if (has_joined && flags & CLONE_NEWNS) {
		result = rump_call(call, (long[6]){flags & (CLONE_NEWNS | CLONE_NEWNET)});
		if (result)
			return result;
		has_mounts = true;
		flags &= ~CLONE_NEWNET;
		call->args[0] = flags;
		result = host_call(call);
		/* the host need not allow that */
		return flags == CLONE_NEWNS ? 0 : result;
	}
	if (!has_net)
		return host_call(call);
	call->args[0] = flags & ~CLONE_NEWNET;
	if (call->args[0])
		result = host_call(call);
	if (result)
		return result;
	call->args[0] = flags;
	result = rump_call(call, (long[6]){CLONE_NEWNET});
	/* a user who may do nothing in a server's kernel: as on the host */
	if (result == -EPERM && flags & CLONE_NEWUSER)
		result = rump(call, SYS_unshare, CLONE_NEWNET | CLONE_NEWUSER);
	rump_sys_renew(call);
	return result;
}

long handle_setns(struct call *call)
{
	long result = handle_fd(call);

	if (!result && fdtable_get(call->args[0]) >= 0) {
		has_joined = true;
		rump_sys_renew(call);
	}
	return result;
}

bool netns_mount(struct call *call, long *ret_result)
{
	int n = call->nr == SYS_mount ? 1 : 0;
	const char *target = (const char *)call->args[n];
	long length;

	if (!has_mounts || !target)
		return false;
	length = user_strlen(target, ROUTE_PATH_MAX);
	if (length == 4 && !memcmp(target, "/sys", 4)) {
		*ret_result = rump_call(call, call->args);
		return true;
	}
	/* what is done to all mounts, such as to make them private */
	if (n && length == 1 && *target == '/' &&
	    call->args[3] & (MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE)) {
		*ret_result = rump_call(call, call->args);
		host_call(call);
		return true;
	}
	return false;
}

int netns_find_name(const char *path, struct place *ret)
{
	if (path[1] == 'v')
		path += strlen("/var");
	*ret = (struct place){ROUTE_RUMP, AT_FDCWD, path, "", false};
	return 1;
}

/* ---- /proc/PID/ns/net, /proc/PID/fd of others ---- */

#define NAMESPACE "ns/net"

/* One of the words, or the number `own` written out; returns what follows and the slash. */
static const char *behind_own(const char *text, const char *word, long own)
{
	size_t length = strlen(word);
	const char *end = text;

	if (!strncmp(text, word, length) && text[length] == '/')
		return text + length + 1;
	if (*text < '1' || *text > '9' || get_decimal(&end) != own || *end != '/')
		return NULL;
	return end + 1;
}

/* NAMESPACE, or descriptors: whose socket it is that `ss -p' lists. */
static bool is_of_network(const char *text)
{
	return !strcmp(text, NAMESPACE) ||
	       (!strncmp(text, "fd", 2) && (!text[2] || text[2] == '/'));
}

/* "PID/" or "PID/task/TID/" of somebody else, and what tells of its network. */
static bool names_process(const char *text)
{
	long number;

	if (*text < '1' || *text > '9')
		return false;
	number = get_decimal(&text);
	if (number < 0 || *text++ != '/' || number == host(SYS_getpid))
		return false;
	if (!strncmp(text, "task/", 5)) {
		text += 5;
		number = get_decimal(&text);
		if (number < 0 || *text++ != '/')
			return false;
	}
	return is_of_network(text);
}

/* Our own processes have other numbers there when theirs were taken. */
static const char *own_namespace(const char *text)
{
	const char *rest = behind_own(text, "self", host(SYS_getpid));

	if (!strncmp(text, "thread-self/", 12))
		return strcmp(text + 12, NAMESPACE) ? NULL : text;
	if (!rest)
		return NULL;
	if (!strcmp(rest, NAMESPACE))
		return "self/" NAMESPACE;
	if (strncmp(rest, "task/", 5))
		return NULL;
	rest = behind_own(rest + 5, "", host(SYS_gettid));
	return rest && !strcmp(rest, NAMESPACE) ? "thread-self/" NAMESPACE : NULL;
}

int netns_find(struct call *call, const char *path, struct scratch *scratch, int n,
	       struct place *ret)
{
	const char *text = path + strlen("/proc/"), *own;
	struct place found = {ROUTE_RUMP, AT_FDCWD, NULL, "", false};
	char *buffer;

	if (strncmp(path, "/proc/", strlen("/proc/")))
		return 0;
	own = own_namespace(text);
	if (!own && (!names_process(text) || !boot_in_use()))
		return 0;
	buffer = scratch_buffer(scratch, 2 * n);
	if (!buffer)
		return -ENOMEM;
	found.dirfd = rump_proc(call);
	found.path = buffer;
	if (strlen(own ? own : text) >= ROUTE_PATH_MAX - 8)
		return -ENAMETOOLONG;
	rump_proc_path(buffer, found.dirfd, own ? own : text);
	/* processes that are none of the rump kernel's are the host's affair */
	if (!own && rump(call, SYS_faccessat, found.dirfd, buffer, F_OK))
		return 0;
	*ret = found;
	return 1;
}

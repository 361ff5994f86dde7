/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioctls.c - ioctl, whose argument may be a descriptor, have one in a struct, or be a new
 * one.  Those of both kernels are numbers that the other one does not know.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dispatch.h"
#include "fdtable.h"
#include "watch.h"

#define EXT4_IOC_MOVE_EXT 0xc028660f
/* include/net/bluetooth/bnep.h: an L2CAP socket becomes an interface */
#define BNEPCONNADD _IOW('B', 200, int)
/* linux/wireless.h: it and net/if.h do not go together */
#define SIOCIWFIRST 0x8B00
#define SIOCIWLAST 0x8BFF

/* ---- a second descriptor ---- */

/* Where a request has it. */
static const struct second {
	unsigned int request;
	unsigned short size;   /* of the struct, 0: the argument is the descriptor */
	unsigned short offset; /* in the struct, of an int; the rest of a wider one is 0 */
} seconds[] = {
	{FICLONE, 0, 0},
	{FICLONERANGE, sizeof(struct file_clone_range), 0},
	{LOOP_SET_FD, 0, 0},
	{LOOP_CHANGE_FD, 0, 0},
	{LOOP_CONFIGURE, sizeof(struct loop_config), 0},
	{EXT4_IOC_MOVE_EXT, 40, 4},
	{BNEPCONNADD, 28, 0},
};

static const struct second *second_of(unsigned int request)
{
	for (unsigned int i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		if (seconds[i].request == request)
			return &seconds[i];
	return NULL;
}

/* Two descriptors of different sides, if they are any. */
static long not_both(int a, int b)
{
	return is_error(host(SYS_fcntl, a, F_GETFD)) || is_error(host(SYS_fcntl, b, F_GETFD))
		       ? -EBADF
		       : -EXDEV;
}

static long with_second(struct call *call, const struct second *second, int rump_fd)
{
	char copy[512];
	void *theirs = (void *)call->args[2];
	long args[6], result;
	int other = call->args[2], rump_other;

	_Static_assert(sizeof(struct loop_config) <= sizeof(copy), "no room for a loop_config");
	if (second->size) {
		if (user_copy(copy, theirs, second->size))
			return -EFAULT;
		memcpy(&other, copy + second->offset, sizeof(other));
	}
	rump_other = fdtable_get(other);
	if ((rump_other >= 0) != (rump_fd >= 0))
		return not_both(call->args[0], other);
	if (rump_fd < 0)
		return host_call(call);
	memcpy(args, call->args, sizeof(args));
	args[0] = rump_fd;
	args[2] = rump_other;
	if (second->size) {
		memcpy(copy + second->offset, &rump_other, sizeof(rump_other));
		args[2] = (long)copy;
	}
	result = rump_call(call, args);
	if (second->size && result >= 0) {
		memcpy(copy + second->offset, &other, sizeof(other));
		if (user_copy(theirs, copy, second->size))
			return -EFAULT;
	}
	return result;
}

/* ---- many descriptors ---- */

/* Each target has a result of its own; those of the other side get EXDEV. */
static long deduplicate(struct call *call, int rump_fd, struct file_dedupe_range *copy)
{
	struct file_dedupe_range *theirs = (void *)call->args[2];
	struct call host = *call;
	long args[6], result;
	size_t size;

	if (user_copy(copy, theirs, sizeof(*copy)))
		return -EFAULT;
	size = sizeof(*copy) + copy->dest_count * sizeof(copy->info[0]);
	if (size > ROUTE_PATH_MAX)
		return -ENOMEM; /* as Linux has it */
	if (user_copy(copy, theirs, size))
		return -EFAULT;
	for (unsigned int i = 0; i < copy->dest_count; i++) {
		int fd = fdtable_get(copy->info[i].dest_fd);

		if ((fd >= 0) != (rump_fd >= 0))
			copy->info[i].dest_fd = -1;
		else if (fd >= 0)
			copy->info[i].dest_fd = fd;
	}
	memcpy(args, call->args, sizeof(args));
	args[0] = rump_fd;
	args[2] = host.args[2] = (long)copy;
	result = rump_fd >= 0 ? rump_call(call, args) : host_call(&host);
	if (result < 0)
		return result;
	for (unsigned int i = 0; i < copy->dest_count; i++) {
		struct file_dedupe_range_info *to = &theirs->info[i], info = copy->info[i];

		if (info.dest_fd == -1)
			info.status = -EXDEV;
		if (user_copy(&info.dest_fd, &to->dest_fd, sizeof(info.dest_fd)) ||
		    user_copy(to, &info, sizeof(info)))
			return -EFAULT;
	}
	return result;
}

/* ---- of interfaces ---- */

/*
 * Those that any socket takes: routes, interfaces and their addresses, bridges, bonds, the
 * drivers' and wireless ones.
 */
static bool is_of_interfaces(unsigned int request)
{
	return (request >= SIOCADDRT && request < SIOCPROTOPRIVATE) ||
	       (request >= SIOCDEVPRIVATE && request < SIOCDEVPRIVATE + 16) ||
	       (request >= SIOCIWFIRST && request <= SIOCIWLAST);
}

/*
 * if_nametoindex() asks with an AF_UNIX socket, which is the host's and knows the host's
 * interfaces.  So for these requests a socket of the rump kernel takes its place.
 */
static long on_interfaces(struct call *call)
{
	unsigned int size = sizeof(int);
	int family, fd;
	long result;

	if (host(SYS_getsockopt, call->args[0], SOL_SOCKET, SO_DOMAIN, &family, &size) ||
	    family != AF_UNIX)
		return host_call(call);
	fd = rump(call, SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	result = rump(call, SYS_ioctl, fd, call->args[1], call->args[2]);
	rump(call, SYS_close, fd);
	return result;
}

/* ---- all of them ---- */

static long with_range(struct call *call, int rump_fd)
{
	struct scratch scratch = {NULL};
	void *copy = scratch_buffer(&scratch, 0);
	long result = copy ? deduplicate(call, rump_fd, copy) : -ENOMEM;

	scratch_free(&scratch);
	return result;
}

/* Whether a request gives a descriptor. */
static bool is_open(unsigned int request)
{
	return request == TIOCGPTPEER || request == NS_GET_USERNS || request == NS_GET_PARENT;
}

static long on_rump(struct call *call, int rump_fd)
{
	unsigned int request = call->args[1];
	long args[6], result;

	memcpy(args, call->args, sizeof(args));
	args[0] = rump_fd;
	result = rump_call(call, args);
	if (result < 0 || !is_open(request))
		return result;
	return install_fd(call, result, request != TIOCGPTPEER || call->args[2] & O_CLOEXEC);
}

long handle_ioctl(struct call *call)
{
	int fd = call->args[0], rump_fd = fdtable_get(fd), there;
	unsigned int request = call->args[1];
	const struct second *second;
	long result;

	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	switch (request) {
	case FIOCLEX:
	case FIONCLEX:
		/* the placeholder carries the flag */
		if (rump_fd >= 0)
			return host(SYS_fcntl, fd, F_SETFD, request == FIOCLEX ? FD_CLOEXEC : 0);
		return host_call(call);
	case FIDEDUPERANGE:
		return with_range(call, rump_fd);
	case FIONREAD:
		if (rump_fd >= FDTABLE_PRIVATE)
			break;
		result = watch_pending(call, &there);
		if (!result)
			result = user_copy((void *)call->args[2], &there, sizeof(there));
		return result;
	}
	if (rump_fd < 0 && config.has_net && is_of_interfaces(request))
		return on_interfaces(call);
	second = second_of(request);
	if (second)
		return with_second(call, second, rump_fd);
	return rump_fd < 0 ? host_call(call) : on_rump(call, rump_fd);
}

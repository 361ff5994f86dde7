/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockets.c - sockets of routed families, and descriptors that travel over them.
 *
 * A message that carries descriptors over a rump AF_UNIX socket may carry rump
 * descriptors only, in the kernel's numbers; those that arrive get placeholders.  Over
 * a socket of the host they travel as rights.c says.
 */
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "dispatch.h"
#include "epoll.h"
#include "fdtable.h"
#include "netlink.h"
#include "placeholder.h"
#include "posts.h"
#include "rights.h"
#include "unix.h"

/*
 * What belongs to the machine and not to a network, whatever family it has: devices come and
 * go for udev, PAM writes to the host's audit log.
 */
static bool is_hosts_netlink(int protocol)
{
	switch (protocol) {
	case NETLINK_AUDIT:
	case NETLINK_CONNECTOR:
	case NETLINK_ECRYPTFS:
	case NETLINK_KOBJECT_UEVENT:
	case NETLINK_SCSITRANSPORT:
	case NETLINK_SELINUX:
		return true;
	}
	return false;
}

long handle_socket(struct call *call)
{
	long result;
	int pair[2];

	if (!hijack_config_has_family(&config, (int)call->args[0]) ||
	    ((int)call->args[0] == AF_NETLINK && is_hosts_netlink(call->args[2])))
		return host_call(call);
	if (call->nr == SYS_socket) {
		result = rump_call(call, call->args);
		return result < 0 ? result : install_fd(call, result, wants_cloexec(call));
	}
	{
		long args[6];

		memcpy(args, call->args, sizeof(args));
		args[3] = (long)pair;
		result = rump_call(call, args);
	}
	if (result)
		return result;
	for (int i = 0; i < 2; i++) {
		int rump_fd = pair[i];

		pair[i] = install_fd(call, rump_fd, wants_cloexec(call));
		if (pair[i] < 0) {
			result = pair[i];
			if (i)
				hijack_call(SYS_close, pair[0], 0, 0, 0, 0, 0);
			else
				rump(call, SYS_close, pair[1]);
			return result;
		}
	}
	if (user_copy((void *)call->args[3], pair, sizeof(pair)))
		return -EFAULT;
	return 0;
}

static int refuse_epoll(void)
{
	static bool has_complained;

	if (!__atomic_exchange_n(&has_complained, true, __ATOMIC_RELAXED))
		complain("an epoll descriptor that has descriptors of the rump kernel in it "
			 "cannot be sent to another process",
			 NULL);
	return -EOPNOTSUPP;
}

/*
 * Copies the control data of a message that is to be sent, with descriptors in the
 * numbers of the side it goes to.  0; 1: there are none, nothing to change; -errno.
 */
static int translate_rights(struct call *call, const struct msghdr *message, bool to_rump,
			    char *control, struct carriers *carriers)
{
	struct cmsghdr *header;
	size_t offset = 0;
	int *fds, found = 0;

	if (!message->msg_control || message->msg_controllen < sizeof(*header))
		return 1;
	if (message->msg_controllen > RIGHTS_CONTROL_MAX)
		return 1; /* the kernel refuses it */
	if (user_copy(control, message->msg_control, message->msg_controllen))
		return -EFAULT;
	while ((header = rights_next(control, message->msg_controllen, &offset))) {
		for (int i = 0, n = rights_of(header, &fds); i < n; i++) {
			int rump_fd = fdtable_get(fds[i]);

			if (rump_fd == FDTABLE_PRIVATE)
				return -EBADF;
			if (to_rump && rump_fd < 0)
				return host(SYS_fcntl, fds[i], F_GETFD) < 0 ? -EBADF : -EXDEV;
			if (rump_fd < 0) {
				if (rump_fd == FDTABLE_HOST && fdtable_companion(fds[i]) >= 0)
					return refuse_epoll();
				epoll_share(call, fds[i]);
				continue;
			}
			fds[i] = to_rump ? rump_fd : rights_carry(call, rump_fd, carriers);
			if (fds[i] < 0)
				return fds[i];
			found = 1;
		}
	}
	return found ? 0 : 1;
}

static long send_with_rights(struct call *call, int rump_fd, struct msghdr *message, long at,
			     long flags)
{
	struct carriers carriers;
	char *control;
	long memory, result;
	int change;

	memory = host(SYS_mmap, 0, RIGHTS_CONTROL_MAX, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(memory))
		return -ENOMEM;
	control = (char *)memory;
	carriers.count = 0;
	if (rump_fd < 0)
		posts_settle(call);
	change = translate_rights(call, message, rump_fd >= 0, control, &carriers);
	if (change < 0) {
		result = change;
	} else {
		if (!change) {
			message->msg_control = control;
			at = (long)message;
		}
		result = rump_fd < 0 ? host(SYS_sendmsg, call->args[0], at, flags)
				     : rump(call, SYS_sendmsg, rump_fd, at, flags);
	}
	rights_done(&carriers);
	host(SYS_munmap, memory, RIGHTS_CONTROL_MAX);
	return result;
}

static long send_to_rump(struct call *call, int rump_fd, struct msghdr *message, long at,
			 long flags)
{
	struct scratch scratch = {NULL};
	struct iovec copy;
	long result = netlink_translate(call, rump_fd, message->msg_iov, message->msg_iovlen,
					&scratch, &copy);

	if (result > 0) {
		message->msg_iov = &copy;
		message->msg_iovlen = 1;
		at = (long)message;
	}
	if (result >= 0)
		result = rump(call, SYS_sendmsg, rump_fd, at, flags);
	scratch_free(&scratch);
	return result;
}

static long send_one(struct call *call, long at, long flags)
{
	struct unix_address address;
	struct msghdr message;
	int rump_fd, change = 0;

	if (user_copy(&message, (const void *)at, sizeof(message)))
		return -EFAULT;
	if (message.msg_name)
		change = unix_use(call, call->args[0], message.msg_name, message.msg_namelen,
				  &address);
	if (change < 0)
		return change;
	if (change) {
		message.msg_name = &address.un;
		message.msg_namelen = address.length;
		at = (long)&message;
	}
	rump_fd = fdtable_get(call->args[0]);
	if (message.msg_control && message.msg_controllen && fdtable_next(0) >= 0)
		return send_with_rights(call, rump_fd, &message, at, flags);
	if (rump_fd < 0) {
		posts_settle(call);
		return host(SYS_sendmsg, call->args[0], at, flags);
	}
	return send_to_rump(call, rump_fd, &message, at, flags);
}

/* Whether a message of a host socket is the host's affair alone. */
static bool is_plain(const struct msghdr *theirs)
{
	struct {
		const void *name;
		unsigned int length;
	} head;
	unsigned short family;

	return !user_copy(&head, theirs, sizeof(head)) &&
	       (!head.name ||
		(!user_copy(&family, head.name, sizeof(family)) && family != AF_UNIX));
}

long handle_sendmsg(struct call *call)
{
	int rump_fd = fdtable_get(call->args[0]);
	struct mmsghdr *messages = (struct mmsghdr *)call->args[1];
	unsigned int count = call->args[2], sent;
	long result = 0;

	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	/* nothing of ours can travel while nothing of ours is open */
	if (rump_fd < 0 && fdtable_next(0) < 0 && call->nr == SYS_sendmsg &&
	    is_plain((const struct msghdr *)messages))
		return host_call(call);
	if (call->nr == SYS_sendmsg)
		return send_one(call, call->args[1], call->args[2]);
	for (sent = 0; sent < count && sent < 1024; sent++) {
		unsigned int length;

		result = send_one(call, (long)&messages[sent].msg_hdr, call->args[3]);
		if (result < 0)
			break;
		length = result;
		if (user_copy(&messages[sent].msg_len, &length, sizeof(length)))
			return -EFAULT;
	}
	return sent ? (long)sent : result;
}

/* Gives placeholders to descriptors that arrived in a message. */
static long install_rights(struct call *call, struct msghdr *theirs, int flags)
{
	struct msghdr message;
	struct cmsghdr *header;
	size_t offset = 0;
	int *fds;

	if (user_copy(&message, theirs, sizeof(message)))
		return -EFAULT;
	if (!message.msg_control)
		return 0;
	/* the kernel has just written it: it can be read, and is well-formed */
	while ((header = rights_next(message.msg_control, message.msg_controllen, &offset)))
		for (int i = 0, n = rights_of(header, &fds); i < n; i++)
			fds[i] = install_fd(call, fds[i], flags & MSG_CMSG_CLOEXEC);
	return 0;
}

static long receive_on_host(struct call *call, struct mmsghdr *messages)
{
	long result = host_call(call);

	if (is_error(result))
		return result;
	if (call->nr == SYS_recvmsg)
		rights_received(call, (struct msghdr *)call->args[1]);
	else
		for (long i = 0; i < result; i++)
			rights_received(call, &messages[i].msg_hdr);
	return result;
}

/* room: bytes for the name of who sent it. */
static long finish_message(struct call *call, struct msghdr *theirs, unsigned int room, int flags)
{
	struct msghdr message;
	long shown;

	if (user_copy(&message, theirs, sizeof(message)))
		return -EFAULT;
	if (message.msg_name) {
		shown = unix_show(message.msg_name, room, message.msg_namelen);
		if (shown < 0)
			return shown;
		if (shown != message.msg_namelen &&
		    user_copy(&theirs->msg_namelen, &(unsigned int){shown}, sizeof(int)))
			return -EFAULT;
	}
	return install_rights(call, theirs, flags);
}

#define NAMES_MAX 64 /* messages of recvmmsg whose names are shown with a prefix */

long handle_recvmsg(struct call *call)
{
	int rump_fd = fdtable_get(call->args[0]);
	struct mmsghdr *messages = (struct mmsghdr *)call->args[1];
	unsigned int room[NAMES_MAX] = {0};
	long args[6], result, error;

	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (rump_fd < 0)
		return receive_on_host(call, messages);
	memcpy(args, call->args, sizeof(args));
	args[0] = rump_fd;
	if (call->nr == SYS_recvmsg) {
		if (user_copy(room, &((struct msghdr *)args[1])->msg_namelen, sizeof(*room)))
			return -EFAULT;
		result = rump_call(call, args);
		if (result < 0)
			return result;
		error = finish_message(call, (struct msghdr *)args[1], *room, args[2]);
		return error ? error : result;
	}
	for (unsigned int i = 0; i < (unsigned int)args[2] && i < NAMES_MAX; i++)
		if (user_copy(&room[i], &messages[i].msg_hdr.msg_namelen, sizeof(*room)))
			break;
	result = rump_call(call, args);
	for (long i = 0; i < result; i++) {
		error = finish_message(call, &messages[i].msg_hdr, i < NAMES_MAX ? room[i] : 0,
				       args[3]);
		if (error)
			return error;
	}
	return result;
}

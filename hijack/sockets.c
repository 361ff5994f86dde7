/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockets.c - sockets of routed families, and descriptors that travel over them.
 *
 * A message that carries descriptors over a rump AF_UNIX socket may carry rump
 * descriptors only, in the kernel's numbers; those that arrive get placeholders.  Over
 * a socket of the host they travel as rights.c says.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "dispatch.h"
#include "fdtable.h"
#include "placeholder.h"
#include "rights.h"

#define CONTROL_MAX 4096 /* of one message; the kernel's limit is SCM_MAX_FD = 253 */

long handle_socket(struct call *call)
{
	long result;
	int pair[2];

	if (!hijack_config_has_family(&config, (int)call->args[0]))
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
	if (message->msg_controllen > CONTROL_MAX)
		return 1; /* the kernel refuses it */
	if (user_copy(control, message->msg_control, message->msg_controllen))
		return -EFAULT;
	while ((header = rights_next(control, message->msg_controllen, &offset))) {
		for (int i = 0, n = rights_of(header, &fds); i < n; i++) {
			int rump_fd = fdtable_get(fds[i]);

			if (rump_fd == FDTABLE_PRIVATE)
				return -EBADF;
			if (to_rump && rump_fd < 0)
				return fds[i] < 0 ? -EBADF : -EXDEV;
			if (rump_fd < 0)
				continue;
			fds[i] = to_rump ? rump_fd : rights_carry(call, rump_fd, carriers);
			if (fds[i] < 0)
				return fds[i];
			found = 1;
		}
	}
	return found ? 0 : 1;
}

static long send_one(struct call *call, int rump_fd, long at, long flags)
{
	struct msghdr message;
	const struct msghdr *theirs = (const struct msghdr *)at;
	struct carriers carriers;
	char *control;
	long memory, result;
	int change;

	if (user_copy(&message, theirs, sizeof(message)))
		return -EFAULT;
	if (!message.msg_control || !message.msg_controllen) {
		const long args[6] = {rump_fd < 0 ? call->args[0] : rump_fd, at, flags};

		return rump_fd < 0 ? host(SYS_sendmsg, args[0], at, flags)
				   : rump(call, SYS_sendmsg, rump_fd, at, flags);
	}
	memory = host(SYS_mmap, 0, CONTROL_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (is_error(memory))
		return -ENOMEM;
	control = (char *)memory;
	carriers.count = 0;
	change = translate_rights(call, &message, rump_fd >= 0, control, &carriers);
	if (change < 0) {
		result = change;
	} else {
		if (!change) {
			message.msg_control = control;
			at = (long)&message;
		}
		result = rump_fd < 0 ? host(SYS_sendmsg, call->args[0], at, flags)
				     : rump(call, SYS_sendmsg, rump_fd, at, flags);
	}
	rights_done(&carriers);
	host(SYS_munmap, memory, CONTROL_MAX);
	return result;
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
	if (rump_fd == FDTABLE_HOST && fdtable_next(0) < 0)
		return host_call(call);
	if (call->nr == SYS_sendmsg)
		return send_one(call, rump_fd, call->args[1], call->args[2]);
	for (sent = 0; sent < count && sent < 1024; sent++) {
		unsigned int length;

		result = send_one(call, rump_fd, (long)&messages[sent].msg_hdr, call->args[3]);
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

long handle_recvmsg(struct call *call)
{
	int rump_fd = fdtable_get(call->args[0]);
	struct mmsghdr *messages = (struct mmsghdr *)call->args[1];
	long args[6], result, error;

	if (rump_fd == FDTABLE_PRIVATE)
		return -EBADF;
	if (rump_fd == FDTABLE_HOST)
		return receive_on_host(call, messages);
	memcpy(args, call->args, sizeof(args));
	args[0] = rump_fd;
	result = rump_call(call, args);
	if (result < 0)
		return result;
	if (call->nr == SYS_recvmsg) {
		error = install_rights(call, (struct msghdr *)args[1], args[2]);
		return error ? error : result;
	}
	for (long i = 0; i < result; i++) {
		error = install_rights(call, &messages[i].msg_hdr, args[3]);
		if (error)
			return error;
	}
	return result;
}

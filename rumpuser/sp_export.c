/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_export.c - open files of the rump kernel on their way between processes.
 *
 * What travels by SCM_RIGHTS through the host is a carrier: one end of a socketpair, with
 * a message in it that names the file.  The other end is ours: when it hangs up, no
 * copy of the carrier is left anywhere, in no process and in no queue, and the
 * file's last reference of ours goes.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sp.h"

static void release_job(void *arg)
{
	struct sp_carrier *carrier = arg;

	/* may be the last close of the file, which may take its time */
	rumpuser_upcalls->file_release(carrier->handle);
	free(carrier);
}

void sp_carrier_closed(struct sp_carrier *carrier)
{
	sp_unwatch(carrier->socket);
	file_close(carrier->socket);
	if (carrier->owner) {
		atomic_fetch_sub(&carrier->owner->carriers, 1);
		sp_client_unref(carrier->owner);
	}
	sp_job(release_job, carrier, "rump-sp-job");
}

static int carrier_send(int fd, const struct sp_carrier *carrier)
{
	struct rump_sp_export message = {.magic = RUMP_SP_MAGIC, .version = RUMP_SP_VERSION};
	long length;

	memcpy(message.server_id, sp_server_id(), sizeof(message.server_id));
	message.handle[0] = carrier->handle[0];
	message.handle[1] = carrier->handle[1];
	length = host_call(SYS_sendto, fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
	return length < 0 ? (int)length : 0;
}

/* The carrier's socket, in *ret_fd and not yet a handle. */
static int carrier_start(struct sp_carrier *carrier, int *ret_fd)
{
	int fds[2];
	int error = (int)host_call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds);

	if (error)
		return error;
	error = carrier_send(fds[0], carrier);
	carrier->socket = file_adopt(fds[0]);
	if (carrier->socket < 0)
		error = carrier->socket;
	/* nobody needs to be told of more than the hang-up */
	else if (!error)
		error = sp_watch(carrier->socket, SP_CARRIER, carrier, 0);
	if (error) {
		if (carrier->socket >= 0)
			file_close(carrier->socket);
		host_close(fds[1]);
		return error;
	}
	*ret_fd = fds[1];
	return 0;
}

static bool owner_may(struct sp_client *owner)
{
	if (!owner)
		return true;
	if (atomic_fetch_add(&owner->carriers, 1) < SP_CARRIERS_MAX)
		return true;
	atomic_fetch_sub(&owner->carriers, 1);
	return false;
}

int sp_export(struct sp_client *owner, int rump_fd)
{
	struct sp_carrier *carrier;
	int error, fd = -1;

	if (!owner_may(owner))
		return -ENFILE;
	carrier = calloc(1, sizeof(*carrier));
	error = carrier ? rumpuser_upcalls->file_export(rump_fd, carrier->handle) : -ENOMEM;
	if (!error) {
		carrier->owner = owner;
		error = carrier_start(carrier, &fd);
		if (error)
			rumpuser_upcalls->file_release(carrier->handle);
	}
	if (error) {
		free(carrier);
		if (owner)
			atomic_fetch_sub(&owner->carriers, 1);
		return error;
	}
	if (!owner)
		return fd;
	/* fd is open yet, so the carrier has not been closed either */
	sp_client_ref(owner);
	return file_adopt(fd);
}

int rumpuser_sp_export(int rump_fd)
{
	int error;
	KEEPS_ERRNO;

	if (!kernel_was_made() || kernel_is_forked())
		return -ENXIO;
	error = sp_start();
	return error ? error : sp_export(NULL, rump_fd);
}

int rumpuser_sp_import(int fd)
{
	struct rump_sp_export message;
	unsigned long long handle[2];
	long length;
	KEEPS_ERRNO;

	if (!kernel_was_made() || kernel_is_forked())
		return -ENXIO;
	length = host_call(SYS_recvfrom, fd, &message, sizeof(message),
			   MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
	if (length != sizeof(message) || message.magic != RUMP_SP_MAGIC ||
	    message.version != RUMP_SP_VERSION)
		return -EINVAL;
	if (memcmp(message.server_id, sp_server_id(), sizeof(message.server_id)))
		return -EXDEV;
	handle[0] = message.handle[0];
	handle[1] = message.handle[1];
	return rumpuser_upcalls->file_import(handle);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rights.c - rump descriptors that travel over sockets of the host.
 *
 * A placeholder means nothing to another process.  So a carrier goes in its stead, a
 * socket that the server of the kernel makes for the open file; who receives one asks his
 * server for the file, and a placeholder takes the number that the carrier has arrived
 * under.  A carrier of another server, or in a program that is not hijacked, stays what
 * it is: a socket that is good for nothing.
 */
#include <fcntl.h>
#include <rump/rump_sp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "boot.h"
#include "dispatch.h"
#include "fdtable.h"
#include "local.h"
#include "placeholder.h"
#include "remote.h"
#include "rights.h"

struct cmsghdr *rights_next(char *control, size_t length, size_t *offset)
{
	struct cmsghdr *header;

	if (*offset + sizeof(*header) > length)
		return NULL;
	header = (struct cmsghdr *)(control + *offset);
	if (header->cmsg_len < sizeof(*header) || header->cmsg_len > length - *offset)
		return NULL;
	*offset += CMSG_ALIGN(header->cmsg_len);
	return header;
}

int rights_of(struct cmsghdr *header, int **ret_fds)
{
	if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return 0;
	*ret_fds = (int *)CMSG_DATA(header);
	return (header->cmsg_len - sizeof(*header)) / sizeof(int);
}

/* ---- there and back ---- */

struct conversion {
	int from, result;
};

static bool is_here(void)
{
	return boot_place == PLACE_HERE && !self.spawned;
}

static void export_on_stack(void *argument)
{
	struct conversion *c = argument;

	if (is_here())
		c->result = local_export(c->from);
	else
		c->result = (c->result = remote.export(c->from)) < 0 ? -errno : c->result;
}

static void import_on_stack(void *argument)
{
	struct conversion *c = argument;

	if (is_here())
		c->result = local_import(c->from);
	else
		c->result = (c->result = remote.import(c->from)) < 0 ? -errno : c->result;
}

static int convert(struct call *call, void (*how)(void *), int from)
{
	struct conversion conversion = {from, -ENOTCONN};
	int error = boot_ensure(call);

	if (error)
		return error;
	boot_is_untouched = false;
	error = boot_run(call, CALL_STACK, true, how, &conversion);
	return error ? error : conversion.result;
}

int rights_carry(struct call *call, int rump_fd, struct carriers *carriers)
{
	int fd;

	if (carriers->count == RIGHTS_MAX)
		return -EINVAL;
	fd = convert(call, export_on_stack, rump_fd);
	if (fd >= 0)
		carriers->fd[carriers->count++] = fd;
	return fd;
}

void rights_done(struct carriers *carriers)
{
	while (carriers->count)
		private_close(carriers->fd[--carriers->count]);
}

/* ---- what arrives ---- */

static long option(int fd, int name)
{
	int value = -1;
	unsigned int size = sizeof(value);

	host(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &size);
	return value;
}

/* Looks without taking anything out; sockets of other kinds are not touched at all. */
static bool is_carrier(int fd)
{
	struct rump_sp_export export;
	struct stat st;

	if (host(SYS_fstat, fd, &st) || !S_ISSOCK(st.st_mode) || option(fd, SO_DOMAIN) != AF_UNIX ||
	    option(fd, SO_TYPE) != SOCK_SEQPACKET)
		return false;
	return host(SYS_recvfrom, fd, &export, sizeof(export), MSG_PEEK | MSG_DONTWAIT, NULL,
		    NULL) == sizeof(export) &&
	       export.magic == RUMP_SP_MAGIC;
}

static void receive(struct call *call, int fd)
{
	long flags;
	int rump_fd;

	/* a number that the kernel's side had and closed where we do not see it */
	if (fdtable_get(fd) == FDTABLE_PRIVATE)
		fdtable_set(fd, FDTABLE_HOST);
	fdtable_set_lonely(fd, false);
	if (!is_carrier(fd))
		return;
	rump_fd = convert(call, import_on_stack, fd);
	if (rump_fd < 0)
		return;
	flags = host(SYS_fcntl, fd, F_GETFD);
	if (placeholder_put(fd, flags & FD_CLOEXEC)) {
		rump(call, SYS_close, rump_fd);
		return;
	}
	fdtable_set(fd, rump_fd);
}

void rights_received(struct call *call, const struct msghdr *theirs)
{
	struct msghdr message;
	struct cmsghdr *header;
	size_t offset = 0;
	long memory;
	int *fds;

	if (user_copy(&message, theirs, sizeof(message)) || !message.msg_control ||
	    message.msg_controllen < sizeof(*header) || message.msg_controllen > RIGHTS_CONTROL_MAX)
		return;
	memory = host(SYS_mmap, 0, RIGHTS_CONTROL_MAX, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(memory))
		return;
	if (!user_copy((void *)memory, message.msg_control, message.msg_controllen))
		while ((header = rights_next((char *)memory, message.msg_controllen, &offset)))
			for (int i = 0, n = rights_of(header, &fds); i < n; i++)
				receive(call, fds[i]);
	host(SYS_munmap, memory, RIGHTS_CONTROL_MAX);
}

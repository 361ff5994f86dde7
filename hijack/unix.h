/* SPDX-License-Identifier: BSD-2-Clause */
/* unix.h - addresses of AF_UNIX sockets that are paths */
#ifndef HIJACK_UNIX_H
#define HIJACK_UNIX_H

#include <sys/socket.h>
#include <sys/un.h>

#include "dispatch.h"

/* An address as the side has it that its path is on. */
struct unix_address {
	struct sockaddr_un un;
	unsigned int length;
};

/*
 * A socket is about to use an address.  If that is a path, the socket moves to its side
 * when it is fresh, and *ret has the address there.  1: *ret is to be used; 0: the address
 * is none of these, it goes as it is; -errno.
 */
int unix_use(struct call *call, int fd, const void *address, unsigned long length,
	     struct unix_address *ret);

/*
 * An address that the rump kernel has written: its path as it is outside.  room: bytes
 * there; length: as the kernel gave it.  The new length or -EFAULT.
 */
long unix_show(void *address, unsigned int room, unsigned int length);

#endif

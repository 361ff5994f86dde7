/* SPDX-License-Identifier: BSD-2-Clause */
/* rights.h - rump descriptors that travel over sockets of the host; theory in rights.c */
#ifndef HIJACK_RIGHTS_H
#define HIJACK_RIGHTS_H

#include <sys/socket.h>

#include "hijack.h"

#define RIGHTS_MAX 253 /* descriptors in a message, SCM_MAX_FD of Linux */
/* Bytes of control data in a message: more than sysctl net.core.optmem_max lets pass.  Who maps
 * as much uses the pages that a message needs. */
#define RIGHTS_CONTROL_MAX (1 << 20)

/* The sockets that stand for rump descriptors in one message. */
struct carriers {
	int fd[RIGHTS_MAX];
	unsigned int count;
};

/* A carrier for rump_fd: its number, or -errno. */
int rights_carry(struct call *call, int rump_fd, struct carriers *carriers);
/* The message has been sent, or not. */
void rights_done(struct carriers *carriers);

/* A message has been received on the host: carriers in it become what they stand for. */
void rights_received(struct call *call, const struct msghdr *theirs);

/* ---- control messages ---- */

/* The next one, or NULL; lengths are not to be trusted. */
struct cmsghdr *rights_next(char *control, size_t length, size_t *offset);
/* The descriptors in one, and how many; 0 in those that have none. */
int rights_of(struct cmsghdr *header, int **ret_fds);

#endif

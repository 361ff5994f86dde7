/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_image.h - a program of the rump kernel as the host can run it: a copy in memory,
 * and copies of its libraries that lie in the rump kernel, too.
 */
#ifndef HIJACK_EXEC_IMAGE_H
#define HIJACK_EXEC_IMAGE_H

#include "hijack.h"
#include "route.h"

#define IMAGE_LIBRARIES 64

struct exec_image {
	int fd;				/* the program, read-only, close-on-exec */
	int libraries[IMAGE_LIBRARIES]; /* close-on-exec; kept over the exec by exec_now() */
	unsigned int count;
	char name[16];		   /* that Linux would give the process; "": not known */
	char path[ROUTE_PATH_MAX]; /* of the program, as it is outside; "": not known */
};

/*
 * rump_fd: the file, of that size.  name: by which it was called, or NULL.  envp: what the
 * program will have.  0 or -errno.
 */
long exec_image_make(struct call *call, int rump_fd, long size, const char *name, char *const *envp,
		     struct exec_image **ret_image);
void exec_image_free(struct exec_image *image);

#endif

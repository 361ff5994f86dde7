/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec.h - a new program in the process keeps the rump process, as it keeps the host's
 */
#ifndef HIJACK_EXEC_H
#define HIJACK_EXEC_H

#include "hijack.h"

struct exec_image;

/* The call itself, whose path is on the host; control: the rump process' connection. */
struct exec {
	struct call *call;
	char **envp;			/* with what the new program has to know, in `memory` */
	long memory;			/* or 0: nothing is to be known, envp is the program's */
	unsigned long size;		/* of memory */
	int control;			/* -1: there is none */
	bool is_lent;			/* the client's library wants it back */
	const struct exec_image *image; /* or NULL */
};

/* 0 or -errno. */
int exec_prepare(struct call *call, int envp_at, const struct exec_image *image,
		 struct exec *ret_exec);
void exec_release(struct exec *exec);
/* The host's exec, for as long as it lasts with our descriptors open over it. */
long exec_now(struct exec *exec);

/*
 * In the constructor: takes what exec_prepare() left out of the environment.  is_wanted:
 * this program uses a kernel; if not, the connection ends.
 */
void exec_start(bool is_wanted);

/* execve or execveat of a file of the host; image: the copy that it is, or NULL. */
long exec_host_file(struct call *call, const struct exec_image *image);

/* Of a program that lies in the rump kernel: its path, as it is outside; else NULL. */
extern const char *exec_path;
/* Of one of either side; depth: how many scripts have led to it. */
long exec_by_path(struct call *call, int depth);
/* Once the host has said ENOENT of it. */
long exec_host_script(struct call *call, int depth);
/* Of one in the rump kernel, named by what call_resolve() gave. */
struct resolved;
long exec_rump_file(struct call *call, const struct resolved *resolved, int depth);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * own.h - paths by which a process names what is its own: /proc/self, /dev/fd, and with
 * sysctl=yes /proc/sys.  On the host they show placeholders.
 */
#ifndef HIJACK_OWN_H
#define HIJACK_OWN_H

#include "dispatch.h"

/*
 * An absolute path.  1: it leads to the rump kernel; 0: it is a path like others; -errno.
 * The place may have a directory that the call has no argument for: call_resolve() sees to
 * that.
 */
int own_find(struct call *call, const char *path, struct scratch *scratch, int n,
	     struct place *ret_place);

/* Likewise a path that starts with a digit in a directory of the host: /proc/self/fd? */
int own_find_number(struct call *call, int dirfd, const char *path, struct scratch *scratch, int n,
		    struct place *ret_place);

/*
 * "/proc/self/NAME", "/proc/PID/NAME" and so on of this process, by the path that follows
 * the process' directory; NULL: no such path.
 */
const char *own_proc_path(const char *path);

/* Turns a call without a directory argument into the one that has it; false: there is none. */
bool own_give_directory(struct call *call);

/* For those: what place->dirfd and path come to as an absolute path, in a buffer of n's. */
int own_as_text(struct call *call, struct scratch *scratch, int n, struct place *place);

/*
 * A rump descriptor of the kernel's /proc, AT_FDCWD if there is none; for openat and
 * readlinkat with rump_proc_path(), which writes the path for it.
 */
int rump_proc(struct call *call);
char *rump_proc_path(char *to, int proc, const char *rest);

/* Likewise of the kernel's /sys. */
int rump_sys(struct call *call);

/* Those that were kept belong to a rump process that has gone. */
void rump_proc_forget(void);
/* The thread has another network namespace: /sys shows the one that it was mounted in. */
void rump_sys_renew(struct call *call);

#endif

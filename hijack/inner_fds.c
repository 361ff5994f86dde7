/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inner_fds.c - calls whose descriptors no row can name: they lie in structs, or are
 * another process'.
 *
 * A placeholder is a real descriptor of the host, so each of these could take one for
 * what it is not.
 */
#include <linux/aio_abi.h>
#include <linux/kcmp.h>

#include "dispatch.h"
#include "fdtable.h"
#include "placeholder.h"

/* ---- comparing ---- */

static int compare(long a, long b)
{
	return a == b ? 0 : a < b ? 1 : 2;
}

/*
 * All placeholders are one file to the host.  Among rump descriptors of this process the
 * kernel is not asked, which has no kcmp: copies of a descriptor are not told from files
 * opened apart, so nothing but the number itself is called equal.
 */
static long compare_files(struct call *call)
{
	int pids[2] = {call->args[0], call->args[1]}, fds[2] = {call->args[3], call->args[4]};
	int here = host(SYS_getpid), rump_fds[2] = {FDTABLE_HOST, FDTABLE_HOST};

	for (int i = 0; i < 2; i++)
		if (pids[i] == here)
			rump_fds[i] = fdtable_get(fds[i]);
	if (rump_fds[0] < 0 && rump_fds[1] < 0)
		return host_call(call);
	/* which of its descriptors are of the kernel another process does not say */
	if (pids[0] != here || pids[1] != here)
		return -EPERM;
	return compare(rump_fds[0], rump_fds[1]);
}

long handle_kcmp(struct call *call)
{
	return (int)call->args[2] == KCMP_FILE ? compare_files(call) : host_call(call);
}

/* ---- of another process ---- */

long handle_pidfd_getfd(struct call *call)
{
	long fd = host_call(call);

	/* what it stands for is in that process' table only */
	if (!is_error(fd))
		fdtable_set_lonely(fd, false);
	if (is_error(fd) || !placeholder_is(fd))
		return fd;
	host(SYS_close, fd);
	return -EPERM;
}

/* ---- confinement ---- */

/* In linux/landlock.h, which older headers do not have: all rules begin like this. */
struct path_rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));
#define RULE_PATH_BENEATH 1

/* The host's rules do not reach what is in the rump kernel: not supported, says errno. */
long handle_landlock_add_rule(struct call *call)
{
	struct path_rule rule;

	if ((int)call->args[1] == RULE_PATH_BENEATH &&
	    !user_copy(&rule, (const void *)call->args[2], sizeof(rule)) &&
	    fdtable_get(rule.parent) >= 0)
		return -EOPNOTSUPP;
	return host_call(call);
}

/* ---- asynchronous ---- */

/*
 * A ring of the host's cannot read a rump file.  EINVAL is what a file without such
 * operations gives; as for any bad request those before it are submitted.
 */
long handle_io_submit(struct call *call)
{
	struct iocb **requests = (struct iocb **)call->args[2], *request;
	long count = call->args[1], n;
	struct iocb copy;

	if (fdtable_next(0) < 0 || count <= 0)
		return host_call(call);
	for (n = 0; n < count; n++) {
		if (user_copy(&request, requests + n, sizeof(request)) ||
		    user_copy(&copy, request, sizeof(copy)))
			break; /* the host says what is wrong with it */
		if (fdtable_get(copy.aio_fildes) >= 0) {
			if (!n)
				return -EINVAL;
			call->args[1] = n;
			break;
		}
	}
	return host_call(call);
}

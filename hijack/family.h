/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * family.h - how the processes of one program find the same kernel when none of them had
 * one yet at the time they parted.
 *
 * The first fork makes a name, a secret and a lifeline, which all descendants inherit.
 * Whoever needs a kernel first binds the name; EADDRINUSE means that somebody else has
 * been first.
 */
#ifndef HIJACK_FAMILY_H
#define HIJACK_FAMILY_H

#include "hijack.h"

#define FAMILY_NAME_SIZE 16
#define FAMILY_SECRET_SIZE 32

struct family {
	bool exists;
	int root_pid; /* the process that may have the kernel in itself */
	int lifeline; /* the write end of a pipe, private: open as long as a member lives; or -1 */
	unsigned char name[FAMILY_NAME_SIZE];
	unsigned char secret[FAMILY_SECRET_SIZE];
};

extern struct family family;

/* Makes the family, if there is none. 0 or -errno. */
int family_make(void);

/*
 * Boots the family's kernel or connects to it.  may_be_here: the family's first process
 * has it in itself, others start a private server.  0 or -errno, told on stderr.
 * [libc, blocks]
 */
int family_join(bool may_be_here);

/* Whether somebody of the family has a kernel already. */
bool family_has_kernel(void);

/*
 * Leaves the family: the lifeline's end for reading, private, which hangs up when nobody
 * else is left; -1: there is no family.
 */
int family_lifeline_end(void);

/* The process ends; the last member waits until the private server has unmounted. [blocks] */
void family_leave(void);

/* Who ends the process, and has let go of its kernel; 0: nobody. */
extern int family_leaver;
/*
 * By a thread that comes back from the kernel when there is a leaver: nothing of the program
 * runs any more.  Returns in the leaver alone.
 */
void family_stay_in(void);

/* In the child of a fork. */
void family_forked(void);

#endif

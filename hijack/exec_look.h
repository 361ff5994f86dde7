/* SPDX-License-Identifier: BSD-2-Clause */
/* exec_look.h - what a host's file that is to be executed is; see exec_look.c */
#ifndef HIJACK_EXEC_LOOK_H
#define HIJACK_EXEC_LOOK_H

#include "hijack.h"

/* How the preload gets into a program. */
enum reach {
	REACH_SAME,	  /* as into this one, or nothing is known: the host will tell */
	REACH_OTHER_LIBC, /* the preload of the other C library is there */
	REACH_NO_LIBRARY, /* it would be, but is not installed */
	REACH_STATIC,
	REACH_FOREIGN,	  /* another processor's */
	REACH_PRIVILEGED, /* the loader ignores LD_PRELOAD */
};

/* At start: where the preload of the other C library would be. [libc] */
void exec_look_start(void);
/* Its path. */
extern char exec_other_library[];

enum reach exec_look(const struct call *call);
/* "PATH is statically linked ...", told where the program loses what it has of the kernel. */
void exec_complain(const struct call *call, enum reach reach);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* interest.h - changes of epoll sets that wait for the next wait; theory in interest.c */
#ifndef HIJACK_INTEREST_H
#define HIJACK_INTEREST_H

#include "hijack.h"

struct epoll_event;

#define INTEREST_MAX 64

/* Of a set: the descriptors whose changes R has not been told.  Zeroes at first. */
struct interest {
	unsigned int count;
	int fds[INTEREST_MAX];
};

/* Where they go to. */
struct interest_of {
	struct interest *list;
	int set;	     /* its number */
	int epoll, notifier; /* R and N */
	int fd;		     /* E */
};

/*
 * An epoll_ctl() for a rump descriptor.  true: done as far as the application is concerned,
 * with *ret_result.  false: R has to be asked; interest_told() hears what it said.
 */
bool interest_change(struct call *call, const struct interest_of *of, int rump_fd,
		     long *ret_result);
void interest_told(struct call *call, const struct interest_of *of, int rump_fd, long result);

/* Whether R has to be told something before a thread may sleep. */
static inline bool interest_waits(const struct interest *list)
{
	return __atomic_load_n(&list->count, __ATOMIC_SEQ_CST);
}

/* RUMP_SYS_NOTIFY_WAIT, R being told first.  max 0: only that. */
long interest_wait(struct call *call, const struct interest_of *of, struct epoll_event *events,
		   int max, unsigned int flags);

/* The set that has a change of fd waiting, or -1; then fd is forgotten. */
int interest_set_of(int fd);
void interest_forget(int fd);
/* A set has gone. */
void interest_end(struct interest *list, int set);
/* In the child of a fork. */
void interest_forked(void);

#endif

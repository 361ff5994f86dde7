/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * placeholder.h - host descriptors that stand for rump descriptors.
 *
 * A placeholder is a dup of one O_PATH descriptor of an unlinked socket inode with
 * mode 0: its number is a true one of the process, and a call that slips past the
 * hijack fails on it with EBADF, ENXIO or ENOTDIR.  It never succeeds silently.
 */
#ifndef HIJACK_PLACEHOLDER_H
#define HIJACK_PLACEHOLDER_H

#include "hijack.h"

/* A new one under the lowest free number, entered in no table but reserved there. */
int placeholder_make(bool is_cloexec);

/* One under a number that is in use by what it replaces; reserved as well. 0 or -errno. */
int placeholder_put(int fd, bool is_cloexec);

/*
 * Moves a host descriptor of the kernel's or ours out of the application's way and
 * hides it.  Returns the new number; the old one if there is no room elsewhere.
 */
int private_fd(int fd);
/* Hides it where it is, close-on-exec: one that an exec left. */
void private_keep(int fd);
/* The end of a private descriptor. */
void private_close(int fd);

/* Whether fd, which this process did not make, is a placeholder. */
bool placeholder_is(int fd);
/* Sees to it that placeholder_make() needs no new descriptor of ours. */
void placeholder_prepare(void);

/*
 * For librumpuser, whose own threads call the host where we do not see it: a descriptor
 * is the kernel's from now on, or no more.  Async-signal-safe.  It refers to this as a
 * weak symbol: programs that are not hijacked have none.
 */
__attribute__((visibility("default"))) void rumphijack_private_fd(int fd, int is_private);

/*
 * Likewise: the calling thread is one of the kernel's.  Needed without the trap, by threads
 * whose calls of libc's functions come by here.
 */
__attribute__((visibility("default"))) void rumphijack_private_thread(void);

/*
 * Likewise, for a while: what a library does in a thread of the application without
 * having been called by us, such as the destructor of a thread's value.  Nests.
 */
__attribute__((visibility("default"))) void rumphijack_private_calls(int is_begin);

/*
 * What a thread asks before it sleeps in a call: 0, or signals wait for the end of the call,
 * and may have come before it was one that could be interrupted.  Each one changes the number.
 */
__attribute__((visibility("default"))) unsigned int rumphijack_interrupts(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hijack.h - what the parts of the preload share; how they work together is told
 * at the top of dispatch.c.
 *
 * Everything between a door and its way back runs in any state the application
 * may be in: in a signal handler, with locks held, on a small stack, before
 * main().  So: no libc calls but behind boot.c, small frames, no locks.
 */
#ifndef HIJACK_HIJACK_H
#define HIJACK_HIJACK_H

#include <stdbool.h>

#include "hijack_config.h"
#include "sys.h"

/* Numbers at and above this go to the host unseen; the tree's table ends below it. */
#define HIJACK_NR_MAX 512

enum hijack_door {
	DOOR_SYMBOL, /* an interposed libc function */
	DOOR_STUB,   /* syscall(2) or a patched instruction: vector registers are live */
	DOOR_TRAP,   /* SIGSYS */
};

struct trap_regs;
struct poller;
struct scratch;
struct spawned;

/* One system call on its way. */
struct call {
	long nr;
	long args[6];
	enum hijack_door door;
	bool is_cancellable;	/* DOOR_SYMBOL: a cancellation point */
	struct trap_regs *regs; /* not DOOR_SYMBOL: registers to return with */
};

/* What a thread is to the hijack. */
struct self {
	/* the trap's selector: SELECTOR_BLOCK traps, SELECTOR_ALLOW lets everything pass */
	unsigned char selector;
	/*
	 * > 0: in the kernel, in boot, or a host thread of the kernel: all its calls
	 * are the host's and the descriptors it makes are private.
	 */
	int inside;
	/* a host thread of the kernel's: never armed */
	int is_kernels;
	/* a call of the rump kernel was made, for log.c */
	bool has_entered;
	/* the trap is on in this thread alone, trap_borrow() */
	int has_borrowed;
	/* a child in memory shared with its parent (posix_spawn), children.h; else NULL */
	struct spawned *spawned;
	/* the application's signal stack; size 0: none, or one that disarms itself */
	unsigned long stack_base, stack_size;
	/* which of SIGNALS_KEPT the application believes to have blocked */
	unsigned long shown_mask;
	/* sleeps on the host, watched by a notifier of the kernel's: poller.c */
	struct poller *poller;
	volatile bool is_watched;
	/* handlers that have begun to run while the thread was outside */
	volatile unsigned int handled;
	/* bit n - 1: signal n came while inside, its siginfo waits in signals.c */
	unsigned long deferred;
	volatile unsigned int deferrals; /* how often that was; never 0 after the first */
};

#define SELECTOR_ALLOW 0
#define SELECTOR_BLOCK 1

extern __thread struct self self __attribute__((tls_model("initial-exec")));

extern struct hijack_config config; /* filled by init.c, constant afterwards */
extern bool hijack_is_active;	    /* some route exists */
extern bool hijack_has_trap;	    /* Syscall User Dispatch is on in this process */
extern bool hijack_has_threads;	    /* the application made some; with the trap only */

/* The one way of a call: a value or -errno. */
long hijack_dispatch(struct call *call);
/* The same for wrappers. */
long hijack_call(long nr, long a, long b, long c, long d, long e, long f);
long hijack_call_cancellable(long nr, long a, long b, long c, long d, long e, long f);
/* Whether a number needs more than `syscall` at all. */
bool hijack_is_handled(long nr);
/* The call as it is, on the host. */
long host_call(struct call *call);

/*
 * A call of the rump kernel with what surrounds one: boot, inside, registers,
 * deferred signals.  rump(): for calls in between, without a log line.
 */
long rump_call(struct call *call, const long args[6]);
long rump6(struct call *call, long nr, long a, long b, long c, long d, long e, long f);
/* mask: the signal mask during the call, NULL: as it is */
long rump_masked(struct call *call, long nr, const long args[6], const unsigned long *mask);
#define RUMP_PAD(call, nr, a, b, c, d, e, f, ...) \
	rump6((call), (nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define rump(...) RUMP_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

#endif

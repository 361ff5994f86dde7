/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols_signal.c - libc's functions around rt_sigaction and rt_sigprocmask.
 *
 * With the trap their instructions are seen anyway.  Without it (trap=off, an old host,
 * valgrind) these keep the application's handlers out of the kernel.
 */
#include <pthread.h>
#include <signal.h>

#include "signals.h"
#include "symbols.h"
#include "trap.h"

#define SA_RESTORER_FLAG 0x04000000UL
#define SET_SIZE 8 /* of the kernel's */

/* libc's own: thread cancellation and setuid() of all threads, in musl one more */
#ifdef __GLIBC__
#define IS_LIBCS(signal) ((unsigned int)(signal)-32U < 2U)
#define LIBCS_BITS (3UL << 31)
#else
#define IS_LIBCS(signal) ((unsigned int)(signal)-32U < 3U)
#define LIBCS_BITS (7UL << 31)
#endif

/* which signals siginterrupt() made interrupt calls */
static unsigned long interrupting;

EXPORT int sigaction(int signal, const struct sigaction *new, struct sigaction *old)
{
	struct kernel_sigaction kernels, before;
	long result;

	if (IS_LIBCS(signal))
		return symbol_failed(EINVAL);
	if (new) {
		kernels.handler = new->sa_sigaction;
		kernels.flags = (unsigned int)new->sa_flags | SA_RESTORER_FLAG;
		kernels.restorer = trap_restorer;
		memcpy(&kernels.mask, &new->sa_mask, SET_SIZE);
	}
	result = PLAIN(SYS_rt_sigaction, signal, new ? &kernels : NULL, old ? &before : NULL,
		       SET_SIZE);
	if (!result && old) {
		memset(old, 0, sizeof(*old));
		old->sa_sigaction = before.handler;
		old->sa_flags = before.flags & ~SA_RESTORER_FLAG;
		memcpy(&old->sa_mask, &before.mask, SET_SIZE);
	}
	return result;
}

static void (*install(int signal, void (*handler)(int), int flags))(int)
{
	struct sigaction new = {.sa_handler = handler, .sa_flags = flags}, old;
	unsigned long self = SIGNAL_BIT(signal);

	if (handler == SIG_ERR || signal < 1 || signal > 64) {
		symbol_failed(EINVAL);
		return SIG_ERR;
	}
	if (!(flags & SA_NODEFER))
		memcpy(&new.sa_mask, &self, SET_SIZE);
	return sigaction(signal, &new, &old) ? SIG_ERR : old.sa_handler;
}

EXPORT void (*signal(int signal, void (*handler)(int)))(int)
{
	bool is_interrupting = signal >= 1 && signal <= 64 && interrupting & SIGNAL_BIT(signal);

	return install(signal, handler, is_interrupting ? 0 : SA_RESTART);
}

/* System V's, which a handler survives once */
void (*__sysv_signal(int signal, void (*handler)(int)))(int);
EXPORT void (*__sysv_signal(int signal, void (*handler)(int)))(int)
{
	return install(signal, handler, SA_RESETHAND | SA_NODEFER);
}

EXPORT int siginterrupt(int signal, int is_interrupting)
{
	struct sigaction action;

	if (sigaction(signal, NULL, &action))
		return -1;
	if (is_interrupting) {
		__atomic_fetch_or(&interrupting, SIGNAL_BIT(signal), __ATOMIC_RELAXED);
		action.sa_flags &= ~SA_RESTART;
	} else {
		__atomic_fetch_and(&interrupting, ~SIGNAL_BIT(signal), __ATOMIC_RELAXED);
		action.sa_flags |= SA_RESTART;
	}
	return sigaction(signal, &action, NULL);
}

/* libc's own signals are not blocked by programs. */
EXPORT int pthread_sigmask(int how, const sigset_t *new, sigset_t *old)
{
	unsigned long set;

	if (new) {
		memcpy(&set, new, SET_SIZE);
		if (how != SIG_UNBLOCK)
			set &= ~LIBCS_BITS;
	}
	return -RESULT(SYS_rt_sigprocmask, how, new ? &set : NULL, old, SET_SIZE);
}

EXPORT int sigprocmask(int how, const sigset_t *new, sigset_t *old)
{
	int error = pthread_sigmask(how, new, old);

	return error ? symbol_failed(error) : 0;
}

EXPORT int sigsuspend(const sigset_t *mask)
{
	return CANCELLABLE(SYS_rt_sigsuspend, mask, SET_SIZE);
}

/* ---- older names of the same ---- */

SYMBOL_ALIAS(bsd_signal, signal)
#ifdef __GLIBC__
SYMBOL_ALIAS(ssignal, signal)
SYMBOL_ALIAS(sysv_signal, __sysv_signal)
SYMBOL_ALIAS(__sigaction, sigaction)
SYMBOL_ALIAS(__sigsuspend, sigsuspend)
#endif

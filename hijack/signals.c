/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signals.c - the application's signals beside ours.
 *
 * Theory of operation
 * ===================
 * A handler of the application must not run while its thread is in the kernel: it
 * may call the kernel again, or leave by longjmp() with the kernel's locks held.  So
 * the host gets signal_entry() instead of each handler.  It runs the handler at once
 * if the thread is outside; inside it notes the signal and makes the blocked kernel
 * call return (rump_pub_interrupt).  On the way out the signal is raised again with
 * the same siginfo, and the kernel call's EINTR becomes a restart if all handlers
 * have SA_RESTART, as Linux has it.  The application reads back what it installed.
 *
 * SIGSEGV and SIGBUS are ours from the start, for user_copy().  The handler that the
 * kernel's host side installs is called next, with the trap off: it does things with
 * the signal stack that no other signal may come between.  What is not the kernel's
 * comes back to the handler it found installed, fault_chain(), and is the application's.
 * SIGSYS is the trap's (trap.c).
 *
 * Once the kernel runs, signals that end the process by default are caught to sync
 * and unmount first: killing `cp` on a host file system loses nothing either.
 */
#include <sched.h>
#include <ucontext.h>

#include "boot.h"
#include "dispatch.h"
#include "local.h"
#include "map.h"
#include "proxy.h"
#include "signals.h"
#include "threads.h"
#include "trap.h"
#include "wait.h"

#define SA_RESTORER_FLAG 0x04000000UL
#define SIGNALS 64
#define TRAP_PAGE_FAULT 14
#define ERROR_IS_WRITE 2 /* of the processor's page-fault error code */
#define KEPT 8		 /* siginfos a thread keeps while inside */

static struct {
	struct kernel_sigaction action;
	bool is_known; /* action holds what the application believes is installed */
} table[SIGNALS + 1];
static int table_lock;
/* of SIGSEGV and SIGBUS */
static void (*kernel_handlers[2])(int, siginfo_t *, void *);

static __thread struct {
	int signal;
	siginfo_t info;
} kept[KEPT] __attribute__((tls_model("initial-exec")));
static __thread bool all_restart __attribute__((tls_model("initial-exec")));

static const int fatal_signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE,   SIGALRM,
				    SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF};

static bool is_function(void (*handler)(int, siginfo_t *, void *))
{
	return (unsigned long)handler > 1;
}

static bool is_fault(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS;
}

/* All signals are blocked meanwhile, so a handler never waits for its own thread. */
static void lock_table(unsigned long *mask)
{
	unsigned long all = ~SIGNALS_KEPT;

	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, mask, 8);
	while (__atomic_exchange_n(&table_lock, 1, __ATOMIC_ACQUIRE))
		host(SYS_sched_yield);
}

static void unlock_table(const unsigned long *mask)
{
	__atomic_store_n(&table_lock, 0, __ATOMIC_RELEASE);
	host(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, 8);
}

static long host_sigaction(int signal, const struct kernel_sigaction *action,
			   struct kernel_sigaction *old)
{
	return host(SYS_rt_sigaction, signal, action, old, 8);
}

/* With the table locked. */
static void learn(int signal)
{
	if (!table[signal].is_known) {
		host_sigaction(signal, NULL, &table[signal].action);
		table[signal].is_known = true;
	}
}

struct kernel_sigaction signals_application(int signal)
{
	struct kernel_sigaction action;
	unsigned long mask;

	lock_table(&mask);
	learn(signal);
	action = table[signal].action;
	unlock_table(&mask);
	return action;
}

static void raise_again(int signal, siginfo_t *info)
{
	host(SYS_rt_tgsigqueueinfo, host(SYS_getpid), host(SYS_gettid), signal, info);
}

/* ---- what the host calls ---- */

/* Runs the application's handler as the host would have. */
static void run_handler(int signal, siginfo_t *info, void *context, bool set_mask)
{
	struct kernel_sigaction action = signals_application(signal);
	unsigned long mask;

	if (!is_function(action.handler))
		return;
	if (action.flags & SA_RESETHAND) {
		lock_table(&mask);
		table[signal].action.handler = (void *)SIG_DFL;
		unlock_table(&mask);
	}
	if (set_mask) {
		mask = action.mask | (action.flags & SA_NODEFER ? 0 : SIGNAL_BIT(signal));
		mask &= ~SIGNALS_KEPT;
		host(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, 8);
	}
	action.handler(signal, info, context);
}

void signals_defer(int signal, siginfo_t *info)
{
	for (int i = 0; i < KEPT; i++) {
		if (kept[i].signal && kept[i].signal != signal)
			continue;
		/* a standard signal is not queued twice */
		kept[i].signal = signal;
		kept[i].info = *info;
		break;
	}
	if (!++self.deferrals)
		self.deferrals = 1;
	__atomic_or_fetch(&self.deferred, SIGNAL_BIT(signal), __ATOMIC_SEQ_CST);
	boot_interrupt(host(SYS_gettid));
}

static void signal_entry(int signal, siginfo_t *info, void *context)
{
	/* faults of this very instruction cannot wait */
	bool is_synchronous = info->si_code > 0 && (signal == SIGFPE || signal == SIGILL ||
						    signal == SIGTRAP || is_fault(signal));
	bool is_watched = false;

	if (self.inside && !is_synchronous) {
		signals_defer(signal, info);
		return;
	}
	if (!self.inside) {
		self.handled++;
		is_watched = self.is_watched;
	}
	if (is_watched)
		poller_interrupted();
	run_handler(signal, info, context, false);
	/* a wait of the handler's own has taken it: the sleep may have yet to begin */
	if (is_watched)
		poller_interrupted();
}

/* The default action, now: as if we had never been there. */
static void die_of(int signal, siginfo_t *info)
{
	struct kernel_sigaction action = {(void *)SIG_DFL, SA_RESTORER_FLAG, trap_restorer, 0};
	unsigned long mask = SIGNAL_BIT(signal);

	host_sigaction(signal, &action, NULL);
	raise_again(signal, info);
	host(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, 8);
}

/* Who sends it again does not want to wait for a sync. */
static void fatal_entry(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (self.inside && !(self.deferred & SIGNAL_BIT(signal)) && !local_has_ended()) {
		signals_defer(signal, info);
		return;
	}
	if (!self.inside)
		proxy_leave();
	die_of(signal, info);
}

/*
 * Whether the host has raised another signal, or may: in a mapping of a rump file it is the
 * kernel that says which one it is.
 */
static bool was_changed(const siginfo_t *info, const ucontext_t *uc)
{
	return areas_may_have((unsigned long)info->si_addr, 1) &&
	       uc->uc_mcontext.gregs[REG_TRAPNO] == TRAP_PAGE_FAULT;
}

/* What is neither ours nor the kernel's. */
static void fault_chain(int signal, siginfo_t *info, void *context)
{
	struct kernel_sigaction action = signals_application(signal);
	ucontext_t *uc = context;
	unsigned char old;

	if (info->si_code > 0 && user_is_touch(uc->uc_mcontext.gregs[REG_RIP])) {
		uc->uc_mcontext.gregs[REG_RIP] = user_fault_fixup(uc->uc_mcontext.gregs[REG_RIP]);
		return;
	}
	if (is_function(action.handler) &&
	    !(info->si_code > 0 && self.shown_mask & SIGNAL_BIT(signal))) {
		if (self.inside && info->si_code <= 0) {
			signals_defer(signal, info);
			return;
		}
		old = self.selector;
		trap_close(hijack_has_trap && !self.is_kernels ? SELECTOR_BLOCK : old);
		run_handler(signal, info, context, true);
		trap_close(old);
		return;
	}
	if (action.handler == (void *)SIG_IGN && info->si_code <= 0)
		return;
	/* a true fault comes again on return and then finds the default */
	if (info->si_code > 0 && !was_changed(info, uc)) {
		action = (struct kernel_sigaction){(void *)SIG_DFL, SA_RESTORER_FLAG, trap_restorer,
						   0};
		host_sigaction(signal, &action, NULL);
		return;
	}
	proxy_leave();
	die_of(signal, info);
}

/* In a mapping of a kernel elsewhere.  true: the page is there; else the signal may be another. */
static bool map_fault(int *signal, siginfo_t *info, bool is_write)
{
	int error = map_remote_fault((unsigned long)info->si_addr, is_write);

	if (!error)
		return true;
	if (error == -EIO) {
		*signal = info->si_signo = SIGBUS;
		info->si_code = BUS_ADRERR;
	} else if (error != -ENOENT) {
		*signal = info->si_signo = SIGSEGV;
		info->si_code = SEGV_ACCERR;
	}
	return false;
}

static void fault_entry(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	unsigned long pc = user_fault_fixup(uc->uc_mcontext.gregs[REG_RIP]);
	void (*kernels)(int, siginfo_t *, void *) =
		__atomic_load_n(&kernel_handlers[signal == SIGBUS], __ATOMIC_ACQUIRE);
	unsigned char old;

	if (proxy_freezes(signal, info) || threads_obey(signal, info))
		return;
	if (pc && info->si_code > 0 && !user_is_touch(uc->uc_mcontext.gregs[REG_RIP])) {
		uc->uc_mcontext.gregs[REG_RIP] = pc;
		return;
	}
	if (info->si_code > 0 && areas_may_have((unsigned long)info->si_addr, 1) &&
	    map_fault(&signal, info, uc->uc_mcontext.gregs[REG_ERR] & ERROR_IS_WRITE))
		return;
	if (!kernels || self.spawned) {
		fault_chain(signal, info, context);
		return;
	}
	old = trap_open();
	kernels(signal, info, context);
	trap_close(old);
}

/* ---- the way out of the kernel ---- */

void signals_deliver(void)
{
	bool restart = true;

	for (;;) {
		unsigned long bits = __atomic_exchange_n(&self.deferred, 0, __ATOMIC_SEQ_CST);

		if (!bits)
			break;
		for (int signal = 1; signal <= SIGNALS; signal++) {
			siginfo_t info = {.si_signo = signal, .si_code = SI_TKILL};

			if (!(bits & SIGNAL_BIT(signal)))
				continue;
			for (int i = 0; i < KEPT; i++) {
				if (kept[i].signal != signal)
					continue;
				info = kept[i].info;
				kept[i].signal = 0;
				break;
			}
			if (!(signals_application(signal).flags & SA_RESTART))
				restart = false;
			raise_again(signal, &info);
		}
	}
	all_restart = restart;
}

bool signals_may_restart(void)
{
	return all_restart;
}

/* ---- calls ---- */

int signals_strip(const void *set, size_t size, unsigned long *ret_set)
{
	if (size != 8)
		return -EINVAL;
	if (user_copy(ret_set, set, 8))
		return -EFAULT;
	*ret_set &= ~SIGNALS_KEPT;
	return 0;
}

static bool is_fatal_default(int signal)
{
	for (unsigned int i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++)
		if (fatal_signals[i] == signal)
			return true;
	return false;
}

/* What the host gets for an action of the application. */
static struct kernel_sigaction disguise(int signal, const struct kernel_sigaction *action)
{
	struct kernel_sigaction ours = *action;

	ours.mask &= ~SIGNALS_KEPT;
	ours.flags |= SA_RESTORER_FLAG;
	ours.restorer = trap_restorer;
	if (is_function(action->handler)) {
		ours.handler = signal_entry;
		ours.flags |= SA_SIGINFO;
	} else if (action->handler == (void *)SIG_DFL && is_fatal_default(signal) &&
		   boot_is_here()) {
		ours.handler = fatal_entry;
		ours.flags |= SA_SIGINFO;
	}
	return ours;
}

/* A child in shared memory sets the host's actions back; the table is its parent's. */
static long spawned_sigaction(struct call *call, long signal, const struct kernel_sigaction *new)
{
	struct kernel_sigaction old;
	long result = host_sigaction(signal, NULL, &old);

	if (result)
		return result;
	if (table[signal].is_known && (old.handler == signal_entry || old.handler == fatal_entry))
		old = table[signal].action;
	if (new && !is_function(new->handler))
		result = host_sigaction(signal, new, NULL);
	if (!result && call->args[2] && user_copy((void *)call->args[2], &old, sizeof(old)))
		result = -EFAULT;
	return result;
}

long handle_sigaction(struct call *call)
{
	long signal = (int)call->args[0], result = 0;
	struct kernel_sigaction new, old, ours;
	bool is_ours =
		is_fault(signal) || (signal == SIGSYS && (hijack_has_trap || self.has_borrowed));
	unsigned long mask;

	if (signal < 1 || signal > SIGNALS || call->args[3] != 8 || signal == SIGKILL ||
	    signal == SIGSTOP)
		return host_call(call);
	if (call->args[1] && user_copy(&new, (const void *)call->args[1], sizeof(new)))
		return -EFAULT;
	if (self.spawned && !is_ours)
		return spawned_sigaction(call, signal, call->args[1] ? &new : NULL);
	lock_table(&mask);
	learn(signal);
	old = table[signal].action;
	if (call->args[1]) {
		if (!is_ours) {
			ours = disguise(signal, &new);
			result = host_sigaction(signal, &ours, NULL);
		}
		/* what a child in shared memory sets is of no use to its parent */
		if (!result && !self.spawned)
			table[signal].action = new;
	}
	unlock_table(&mask);
	if (!result && call->args[2] && user_copy((void *)call->args[2], &old, sizeof(old)))
		result = -EFAULT;
	return result;
}

/* A fault of the kernel's goes by way of fault_entry(), on its stack and with its mask. */
static long inside_fault_action(struct call *call, const struct kernel_sigaction *action)
{
	struct kernel_sigaction *old = (struct kernel_sigaction *)call->args[2];
	int at = call->args[0] == SIGBUS;

	if (old) {
		*old = (struct kernel_sigaction){
			fault_chain, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER_FLAG,
			trap_restorer, 0};
		if (kernel_handlers[at])
			old->handler = kernel_handlers[at];
	}
	if (action)
		__atomic_store_n(&kernel_handlers[at],
				 is_function(action->handler) && action->handler != fault_chain
					 ? action->handler
					 : NULL,
				 __ATOMIC_RELEASE);
	return 0;
}

long signals_inside_sigaction(struct call *call)
{
	const struct kernel_sigaction *action = (const void *)call->args[1];
	struct kernel_sigaction ours;

	if (is_fault(call->args[0]))
		return inside_fault_action(call, action);
	if (action) {
		/* libc's restorer would trap */
		ours = *action;
		ours.mask &= ~SIGNALS_KEPT;
		ours.flags |= SA_RESTORER_FLAG;
		ours.restorer = trap_restorer;
		action = &ours;
	}
	return host_sigaction(call->args[0], action, (void *)call->args[2]);
}

/*
 * SIGNALS_KEPT are never blocked; that the application believes so is kept and shown.  A
 * fault of its own while it has the signal "blocked" ends it, as on Linux; one that is
 * sent by kill() meanwhile is not held back.
 */
long handle_sigprocmask(struct call *call)
{
	unsigned long set, old, shown = self.shown_mask, asked;
	const void *new = (const void *)call->args[1];
	long result;

	if (call->args[3] != 8)
		return host_call(call);
	if (new &&user_copy(&set, new, sizeof(set)))
		return -EFAULT;
	asked = new ? set &SIGNALS_KEPT : 0;
	if (new)
		set &= ~SIGNALS_KEPT;
	result = host(SYS_rt_sigprocmask, call->args[0], new ? &set : NULL, &old, 8);
	if (result)
		return result;
	if (new) {
		if (call->args[0] == SIG_BLOCK)
			self.shown_mask = shown | asked;
		else
			self.shown_mask = call->args[0] == SIG_UNBLOCK ? shown & ~asked : asked;
	}
	old = (old & ~SIGNALS_KEPT) | shown;
	if (call->args[2] && user_copy((void *)call->args[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

long handle_sigsuspend(struct call *call)
{
	unsigned long set;
	int error = signals_strip((const void *)call->args[0], call->args[1], &set);

	if (error)
		return error;
	return host(SYS_rt_sigsuspend, &set, 8);
}

/* ---- life ---- */

void signals_start(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS};
	struct kernel_sigaction ours = {fault_entry,
					SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER_FLAG,
					trap_restorer, 0};

	for (int i = 0; i < 2; i++) {
		host_sigaction(faults[i], &ours, &table[faults[i]].action);
		table[faults[i]].is_known = true;
	}
}

void signals_booted(void)
{
	unsigned long mask;

	lock_table(&mask);
	for (unsigned int i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++) {
		int signal = fatal_signals[i];
		struct kernel_sigaction ours = {fatal_entry, SA_SIGINFO | SA_RESTORER_FLAG,
						trap_restorer, 0};

		learn(signal);
		if (table[signal].action.handler == (void *)SIG_DFL)
			host_sigaction(signal, &ours, NULL);
	}
	unlock_table(&mask);
}

/* The kernel is the parent's: what it had the signals caught for is not ours. */
void signals_forked(void)
{
	struct kernel_sigaction action;

	table_lock = 0;
	self.deferred = 0;
	if (!boot_is_here())
		return;
	for (unsigned int i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++) {
		int signal = fatal_signals[i];

		if (table[signal].is_known && table[signal].action.handler == (void *)SIG_DFL &&
		    !host_sigaction(signal, NULL, &action) && action.handler == fatal_entry)
			host_sigaction(signal, &table[signal].action, NULL);
	}
}

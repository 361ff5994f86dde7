/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SIGSEGV and SIGBUS between the kernel and the program.  Each case runs in a
 * process of its own, in which the kernel below takes faults in one window of
 * addresses.
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>

#include "rumpuser_common.h"

#define CHECK(condition)                                           \
	do {                                                       \
		if (!(condition)) {                                \
			diag("line %d: %s", __LINE__, #condition); \
			return 1;                                  \
		}                                                  \
	} while (0)

#define WINDOW_PAGES 16
#define PAGE 4096UL

static const struct rumpuser_ops *ops;
static volatile char *window;  /* the kernel's */
static volatile char *nothing; /* nobody's: not mapped */
static char seen_byte;	       /* emulators leave out a read that nobody uses */
static char *small_stack;      /* an alternate stack */

/* ---- the kernel ---- */

static struct {
	int calls, nested;
	struct rump_thread *thread;
	unsigned long pc, address, sp;
	unsigned int is_write;
	bool skips; /* go on behind the access instead of trying again */
	bool faults_itself;
	bool raises;
} kernel;

static unsigned long after_access;
static char kernel_stack[64 << 10] __attribute__((aligned(16)));

/* What the kernel does while it looks at a fault: on its own stack. */
static void use_kernel(void *arg)
{
	(void)arg;
	if (kernel.raises) {
		kernel.raises = false;
		raise(SIGUSR1);
	}
	/* last: the fault in here finds nothing more to do on this stack */
	if (kernel.faults_itself) {
		kernel.faults_itself = false;
		kernel.nested = window[8 * PAGE] + 1;
	}
}

/* Calls fn on another stack, as a kernel does. */
static void call_on_stack(char *top, void (*fn)(void *))
{
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %0, %%rsp\n\t"
			 "call *%1\n\t"
			 "mov %%rbx, %%rsp"
			 :
			 : "r"(top), "r"(fn), "D"(NULL)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory",
			   "cc");
}

static unsigned long fault(struct rump_thread *t, unsigned long pc, unsigned long address,
			   unsigned int is_write, const unsigned long *regs)
{
	kernel.calls++;
	kernel.thread = t;
	kernel.pc = pc;
	kernel.address = address;
	kernel.is_write = is_write;
	kernel.sp = regs[REG_RSP];
	errno = EBADMSG;
	if (address - (unsigned long)window >= WINDOW_PAGES * PAGE)
		return 0;
	if (kernel.skips)
		return after_access;
	if (kernel.faults_itself || kernel.raises)
		call_on_stack(kernel_stack + sizeof(kernel_stack), use_kernel);
	if (mprotect((void *)(address & -PAGE), PAGE, PROT_READ | PROT_WRITE))
		return 0;
	return pc;
}

static const struct rumpuser_upcalls upcalls = {.version = RUMPUSER_VERSION, .fault = fault};

static int start(void)
{
	const struct rlimit none = {0, 0};
	struct rumpuser_memory memory;

	setrlimit(RLIMIT_CORE, &none);
	window = mmap(NULL, WINDOW_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	nothing = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ops = ops_of(&upcalls);
	return ops->memory_create(MIB, &memory);
}

/* ---- the kernel's faults ---- */

static int kernel_takes(void)
{
	static struct rump_thread *const self = (struct rump_thread *)0x1230;

	CHECK(!start());
	errno = EXDEV;
	CHECK(window[3] == 0);
	CHECK(errno == EXDEV);
	CHECK(kernel.calls == 1 && !kernel.thread && !kernel.is_write);
	CHECK(kernel.address == (unsigned long)window + 3);
	CHECK(kernel.pc > (unsigned long)kernel_takes &&
	      kernel.pc < (unsigned long)kernel_takes + 4096);
	ops->set_thread(self);
	window[PAGE] = 5;
	ops->set_thread(NULL);
	CHECK(kernel.calls == 2 && kernel.thread == self && kernel.is_write == 1);
	CHECK(window[PAGE] == 5);
	kernel.skips = true;
	/* an exception table in small */
	__asm__ volatile("lea 1f(%%rip), %%rax\n\t"
			 "mov %%rax, %0\n\t"
			 "movb $1, (%1)\n\t"
			 "1:"
			 : "=m"(after_access)
			 : "r"(window + 2 * PAGE)
			 : "rax", "memory");
	CHECK(kernel.calls == 3 && kernel.pc < after_access);
	return 0;
}

static int kernel_faults_itself(void)
{
	CHECK(!start());
	kernel.faults_itself = true;
	CHECK(window[0] == 0);
	CHECK(kernel.calls == 2 && kernel.nested == 1);
	return 0;
}

static volatile sig_atomic_t usr1;

static void on_usr1(int sig)
{
	char room[2048];

	memset(room, 0xee, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
	(void)sig;
	usr1++;
}

/*
 * The handler runs on the alternate stack, the kernel leaves it, and there
 * another signal comes that wants the alternate stack too.
 */
static int kernel_leaves_the_alternate_stack(void)
{
	stack_t stack = {.ss_sp = small_stack, .ss_size = 64 << 10}, now;
	struct sigaction action = {.sa_handler = on_usr1, .sa_flags = SA_ONSTACK};

	CHECK(!start());
	CHECK(!sigaltstack(&stack, NULL));
	sigaction(SIGUSR1, &action, NULL);
	kernel.faults_itself = true;
	kernel.raises = true;
	CHECK(window[0] == 0);
	CHECK(kernel.calls == 2 && kernel.nested == 1 && usr1 == 1);
	CHECK(!sigaltstack(NULL, &now) && now.ss_sp == small_stack && !now.ss_flags);
	return 0;
}

static void *touch_window(void *arg)
{
	for (int i = 0; i < WINDOW_PAGES; i++)
		window[(size_t)i * PAGE + (size_t)(long)arg] = 1;
	return NULL;
}

static int kernel_takes_from_many_threads(void)
{
	pthread_t threads[8];

	CHECK(!start());
	for (long i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, touch_window, (void *)i);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	CHECK(kernel.calls >= 1);
	return 0;
}

/* ---- the program's faults ---- */

static int default_action(void)
{
	CHECK(!start());
	return *nothing + 50;
}

static int default_action_of_kill(void)
{
	CHECK(!start());
	raise(SIGBUS);
	return 50;
}

static int kill_from_outside(void)
{
	CHECK(!start());
	kill(getpid(), SIGSEGV);
	return 50;
}

static int ignored_fault(void)
{
	signal(SIGSEGV, SIG_IGN);
	CHECK(!start());
	return *nothing + 50;
}

static int ignored_kill(void)
{
	signal(SIGSEGV, SIG_IGN);
	signal(SIGBUS, SIG_IGN);
	CHECK(!start());
	raise(SIGSEGV);
	raise(SIGBUS);
	CHECK(!kernel.calls);
	return 33;
}

static sigjmp_buf jump;
static struct {
	int calls, sig, code;
	void *address;
	sigset_t mask;
	bool is_on_alternate;
} program;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	stack_t stack;

	(void)context;
	program.calls++;
	program.sig = sig;
	program.code = info->si_code;
	program.address = info->si_addr;
	sigaltstack(NULL, &stack);
	program.is_on_alternate = stack.ss_flags & SS_ONSTACK;
	sigprocmask(SIG_SETMASK, NULL, &program.mask);
	if (program.sig == SIGSEGV && info->si_code > 0)
		siglongjmp(jump, 1);
}

static void install(int (*set)(int, const struct sigaction *, struct sigaction *), int flags)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | flags};

	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGUSR2);
	set(SIGSEGV, &action, NULL);
	set(SIGBUS, &action, NULL);
}

static int handler_checks(int flags)
{
	sigset_t mask;

	if (!sigsetjmp(jump, 1))
		seen_byte = *nothing;
	CHECK(program.calls == 1 && program.sig == SIGSEGV && program.code == SEGV_ACCERR);
	CHECK(program.address == nothing);
	CHECK(sigismember(&program.mask, SIGUSR2));
	CHECK(sigismember(&program.mask, SIGSEGV) == !(flags & SA_NODEFER));
	CHECK(!sigismember(&program.mask, SIGINT));
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGSEGV));
	/* kill() comes back here, by itself */
	raise(SIGBUS);
	CHECK(program.calls == 2 && program.sig == SIGBUS && program.code == SI_TKILL);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGBUS));
	/* and the kernel still has its own */
	CHECK(window[5] == 0);
	CHECK(program.calls == 2 && kernel.calls == 2);
	return 0;
}

static int handler_from_before(void)
{
	install(sigaction, 0);
	CHECK(!start());
	return handler_checks(0);
}

static int handler_from_after(void)
{
	CHECK(!start());
	install(rumpuser_sigaction, 0);
	return handler_checks(0);
}

static int handler_with_nodefer(void)
{
	install(rumpuser_sigaction, SA_NODEFER);
	CHECK(!start());
	return handler_checks(SA_NODEFER);
}

static int handler_on_alternate_stack(void)
{
	stack_t stack = {.ss_sp = small_stack, .ss_size = 64 << 10};

	CHECK(!sigaltstack(&stack, NULL));
	CHECK(!start());
	install(rumpuser_sigaction, SA_ONSTACK);
	CHECK(!handler_checks(0));
	CHECK(program.is_on_alternate);
	return 0;
}

static int handler_once(void)
{
	struct sigaction old;

	CHECK(!start());
	install(rumpuser_sigaction, SA_RESETHAND);
	if (!sigsetjmp(jump, 1))
		seen_byte = *nothing;
	CHECK(program.calls == 1);
	CHECK(!rumpuser_sigaction(SIGSEGV, NULL, &old) && old.sa_handler == SIG_DFL);
	CHECK(!rumpuser_sigaction(SIGBUS, NULL, &old) && old.sa_handler != SIG_DFL);
	return *nothing + 50;
}

/* A handler that repairs: it may change the context. */
static unsigned long repaired_at;

static void repair(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)sig;
	(void)info;
	program.calls++;
	u->uc_mcontext.gregs[REG_RIP] = (greg_t)repaired_at;
	sigaddset(&u->uc_sigmask, SIGUSR1);
}

static int handler_changes_the_context(void)
{
	struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
	sigset_t mask;

	CHECK(!start());
	rumpuser_sigaction(SIGSEGV, &action, NULL);
	__asm__ volatile("lea 1f(%%rip), %%rax\n\t"
			 "mov %%rax, %0\n\t"
			 "movb $1, (%1)\n\t"
			 "1:"
			 : "=m"(repaired_at)
			 : "r"(nothing)
			 : "rax", "memory");
	CHECK(program.calls == 1);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(sigismember(&mask, SIGUSR1));
	return 0;
}

static void old_style(int sig)
{
	program.calls++;
	program.sig = sig;
	siglongjmp(jump, 1);
}

static int sigaction_reads_back(void)
{
	struct sigaction action = {.sa_handler = old_style, .sa_flags = SA_RESTART}, old;

	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGHUP);
	CHECK(rumpuser_sigaction(SIGUSR1, &action, NULL) == -EINVAL);
	CHECK(!rumpuser_sigaction(SIGSEGV, &action, NULL));
	CHECK(!sigaction(SIGSEGV, NULL, &old) && old.sa_handler == old_style);
	CHECK(!start());
	CHECK(!sigaction(SIGSEGV, NULL, &old) && old.sa_handler != old_style);
	memset(&old, 0xee, sizeof(old));
	CHECK(!rumpuser_sigaction(SIGSEGV, NULL, &old));
	CHECK(old.sa_handler == old_style && old.sa_flags == SA_RESTART);
	CHECK(sigismember(&old.sa_mask, SIGHUP) && !sigismember(&old.sa_mask, SIGINT));
	if (!sigsetjmp(jump, 1))
		seen_byte = *nothing;
	CHECK(program.calls == 1 && program.sig == SIGSEGV);
	return 0;
}

/* Another thread changes the action while faults come. */
static volatile int stop;

static void *change(void *arg)
{
	struct sigaction one = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	struct sigaction two = {.sa_handler = old_style};

	while (!stop) {
		rumpuser_sigaction(SIGSEGV, &one, NULL);
		rumpuser_sigaction(SIGSEGV, &two, NULL);
	}
	return arg;
}

static int handler_changes_under_way(void)
{
	pthread_t thread;
	volatile int i;

	CHECK(!start());
	install(rumpuser_sigaction, 0);
	pthread_create(&thread, NULL, change, NULL);
	for (i = 0; i < 20000; i++) {
		if (!sigsetjmp(jump, 1))
			seen_byte = *nothing;
	}
	stop = 1;
	pthread_join(thread, NULL);
	CHECK(program.calls == 20000);
	return 0;
}

/* A child of fork has no kernel, only the program's actions. */
static int child_without_kernel(void)
{
	int status;
	pid_t pid;

	CHECK(!start());
	install(rumpuser_sigaction, 0);
	pid = fork();
	if (!pid) {
		if (!sigsetjmp(jump, 1))
			seen_byte = *window;
		_exit(program.calls == 1 && !kernel.calls ? 40 : 41);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

int main(void)
{
	static const struct {
		int (*fn)(void);
		int want;
		const char *name;
	} cases[] = {
		{kernel_takes, 0, "the kernel takes its faults, with thread, pc, address, kind"},
		{kernel_faults_itself, 0, "and may fault meanwhile"},
		{kernel_leaves_the_alternate_stack, 0, "and leave an alternate stack"},
		{kernel_takes_from_many_threads, 0, "of many threads at once"},
		{default_action, 1000 + SIGSEGV, "SIG_DFL: a fault ends the process"},
		{default_action_of_kill, 1000 + SIGBUS, "SIG_DFL: raise does"},
		{kill_from_outside, 1000 + SIGSEGV, "SIG_DFL: kill does"},
		{ignored_fault, 1000 + SIGSEGV, "SIG_IGN: a fault ends the process all the same"},
		{ignored_kill, 33, "SIG_IGN: raise is ignored"},
		{handler_from_before, 0, "a handler installed before boot"},
		{handler_from_after, 0, "a handler installed after boot"},
		{handler_with_nodefer, 0, "SA_NODEFER"},
		{handler_on_alternate_stack, 0, "SA_ONSTACK"},
		{handler_once, 1000 + SIGSEGV, "SA_RESETHAND"},
		{handler_changes_the_context, 0, "the context is the real one"},
		{sigaction_reads_back, 0, "sigaction gives back what it got"},
		{handler_changes_under_way, 0, "the action is never seen half"},
		{child_without_kernel, 40, "a child of fork has the program's actions only"},
	};

#if defined(__SANITIZE_THREAD__)
	skip_all("the thread sanitizer keeps the kernel's addresses for itself");
#endif
	small_stack =
		mmap(NULL, 64 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* sanitizers and debuggers may have actions of their own */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		is(in_child(cases[i].fn), cases[i].want, "%s", cases[i].name);
	}
	return done_testing();
}

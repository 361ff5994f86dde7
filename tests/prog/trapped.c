/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trapped.c - what goes wrong when system calls are caught by a signal, if it goes wrong.
 *
 * Knows nothing of rump and holds without the preload too.  Each line tells one case; the
 * exit status counts those that do not hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int failed;
static volatile sig_atomic_t hits, nested;
static char *volatile handler_stack;
static sigjmp_buf jump;

static void holds(const char *what, int condition)
{
	printf("%s %s\n", condition ? "ok" : "not ok", what);
	fflush(stdout);
	failed += !condition;
}

static void count(int signal)
{
	(void)signal;
	hits++;
	getppid();
}

static void nest(int signal)
{
	if (++nested < 4)
		raise(signal);
	getppid();
}

static void leave(int signal)
{
	(void)signal;
	siglongjmp(jump, 1);
}

static void on_stack(int signal, siginfo_t *info, void *context)
{
	char here;

	(void)signal, (void)info, (void)context;
	handler_stack = &here;
	getppid();
	hits++;
}

static void install(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigaction(signal, &action, NULL);
}

static void alarm_ms(int ms)
{
	struct itimerval time = {{0, 0}, {0, ms * 1000}};

	setitimer(ITIMER_REAL, &time, NULL);
}

static long raw(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

/* A leaf function keeps its variables below the stack pointer. */
static __attribute__((noinline)) int red_zone(int a)
{
	volatile long x[8];
	long result, sum = 0;

	for (int i = 0; i < 8; i++)
		x[i] = a + i;
	__asm__ volatile("syscall" : "=a"(result) : "a"(SYS_getppid) : "rcx", "r11", "memory");
	for (int i = 0; i < 8; i++)
		sum += x[i];
	return sum == 8 * a + 28;
}

/* Vector registers live across a call, as the compiler may keep them. */
static __attribute__((noinline)) int vectors(void)
{
	double in = 1.2345, out = 0;
	int same = 1;

	for (int i = 0; i < 50; i++) {
		__asm__ volatile("movsd %1, %%xmm7\n\t"
				 "mov %2, %%eax\n\t"
				 "syscall\n\t"
				 "movsd %%xmm7, %0"
				 : "=m"(out)
				 : "m"(in), "i"(SYS_getppid)
				 : "rax", "rcx", "r11", "xmm7", "memory");
		same &= out == in;
	}
	return same;
}

static void masks(void)
{
	sigset_t all, old, now;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	holds("a call with all signals blocked", getppid() > 0);
	raw(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, 0, 8);
	holds("the same by the raw instruction", raw(SYS_getpid, 0, 0, 0, 0) > 0);
	sigprocmask(SIG_SETMASK, NULL, &now);
	holds("the mask is read back", sigismember(&now, SIGTERM));
	holds("the mask is read back, SIGSYS too", sigismember(&now, SIGSYS));
	sigprocmask(SIG_SETMASK, &old, NULL);
	sigprocmask(SIG_SETMASK, NULL, &now);
	holds("the mask is set back", !sigismember(&now, SIGTERM) && !sigismember(&now, SIGSYS));
}

static void handlers(void)
{
	struct sigaction action = {.sa_handler = count}, old;
	struct epoll_event event;
	stack_t stack, seen;
	sigset_t set, now;
	int pair[2], ep;
	char c;

	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	hits = 0;
	raise(SIGUSR1);
	holds("a handler with a full mask", hits == 1);
	install(SIGUSR2, nest, SA_NODEFER);
	raise(SIGUSR2);
	holds("nested handlers", nested == 4);

	if (pipe(pair))
		abort();
	install(SIGALRM, leave, 0);
	for (int i = 0; i < 3; i++) {
		if (!sigsetjmp(jump, 1)) {
			alarm_ms(20);
			holds("not reached", read(pair[0], &c, 1) == -2);
		}
	}
	sigprocmask(SIG_SETMASK, NULL, &now);
	holds("siglongjmp out of a blocked read", !sigismember(&now, SIGALRM));
	install(SIGALRM, count, 0);
	alarm_ms(20);
	holds("EINTR", read(pair[0], &c, 1) == -1 && errno == EINTR);

	sigfillset(&set);
	sigdelset(&set, SIGALRM);
	alarm_ms(20);
	holds("sigsuspend with all but one", sigsuspend(&set) == -1 && errno == EINTR);
	alarm_ms(20);
	holds("ppoll with all but one", ppoll(NULL, 0, NULL, &set) == -1 && errno == EINTR);
	alarm_ms(20);
	holds("pselect with all but one",
	      pselect(0, NULL, NULL, NULL, NULL, &set) == -1 && errno == EINTR);
	ep = epoll_create1(0);
	alarm_ms(20);
	holds("epoll_pwait with all but one",
	      epoll_pwait(ep, &event, 1, -1, &set) == -1 && errno == EINTR);
	close(ep);

	stack = (stack_t){.ss_sp = malloc(65536), .ss_size = 65536};
	sigaltstack(&stack, NULL);
	sigaltstack(NULL, &seen);
	holds("sigaltstack is read back", seen.ss_sp == stack.ss_sp && !seen.ss_flags);
	action = (struct sigaction){.sa_sigaction = on_stack, .sa_flags = SA_ONSTACK | SA_SIGINFO};
	sigaction(SIGUSR1, &action, NULL);
	hits = 0;
	raise(SIGUSR1);
	holds("a handler on the signal stack", hits == 1 && handler_stack > (char *)stack.ss_sp &&
						       handler_stack < (char *)stack.ss_sp + 65536);
	/* a change of the stack while the trap itself may run on it */
	stack.ss_sp = malloc(65536);
	holds("sigaltstack again", sigaltstack(&stack, NULL) == 0);
	sigaltstack(NULL, &seen);
	holds("and read back", seen.ss_sp == stack.ss_sp);

	install(SIGSYS, count, 0);
	hits = 0;
	kill(getpid(), SIGSYS);
	raise(SIGSYS);
	sigaction(SIGSYS, NULL, &old);
	holds("the program's own SIGSYS handler", hits == 2 && old.sa_handler == count);
	close(pair[0]);
	close(pair[1]);
}

static int clone_main(void *argument)
{
	*(volatile int *)argument = getppid() > 0 ? 7 : 0;
	return 5;
}

static void processes(void)
{
	char *true_argv[] = {"true", NULL}, *stack = malloc(65536);
	static volatile int shared;
	int status;
	pid_t pid;

	pid = vfork();
	if (!pid) {
		getppid();
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	holds("vfork and exec", pid > 0 && status == 0);
	pid = raw(SYS_vfork, 0, 0, 0, 0);
	if (!pid) {
		char big[20000];

		memset(big, 1, sizeof(big));
		syscall(SYS_exit, big[77] + 3);
	}
	waitpid(pid, &status, 0);
	holds("a raw vfork whose child writes to the stack", WEXITSTATUS(status) == 4);
	holds("posix_spawn", !posix_spawn(&pid, "/bin/true", NULL, NULL, true_argv, environ) &&
				     waitpid(pid, &status, 0) == pid && status == 0);
	holds("posix_spawn of what is not there",
	      posix_spawn(&pid, "/nonexistent", NULL, NULL, true_argv, environ) == ENOENT);
	holds("system", system("exit 3") >> 8 == 3);
	pid = fork();
	if (!pid) {
		getppid();
		_exit(getppid() > 0 ? 2 : 1);
	}
	waitpid(pid, &status, 0);
	holds("fork", WEXITSTATUS(status) == 2);
	pid = clone(clone_main, stack + 65536, CLONE_VM | SIGCHLD, (void *)&shared);
	waitpid(pid, &status, 0);
	holds("clone in shared memory", shared == 7 && WEXITSTATUS(status) == 5);
	shared = 0;
	pid = clone(clone_main, stack + 65536, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&shared);
	waitpid(pid, &status, 0);
	holds("clone as posix_spawn does it", shared == 7 && WEXITSTATUS(status) == 5);
	pid = clone(clone_main, stack + 65536, SIGCHLD, (void *)&shared);
	waitpid(pid, &status, 0);
	holds("clone with a stack and memory of its own", WEXITSTATUS(status) == 5);
	free(stack);
}

static void *rounding(void *argument)
{
	(void)argument;
	return (void *)(long)(fegetround() == FE_UPWARD && getppid() > 0);
}

static volatile int cleaned;

static void clean(void *argument)
{
	(void)argument;
	cleaned = 1;
}

static void *read_for_ever(void *argument)
{
	int pair[2];
	char c;

	(void)argument;
	if (pipe(pair))
		abort();
	pthread_cleanup_push(clean, NULL);
	read(pair[0], &c, 1);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *open_for_ever(void *argument)
{
	pthread_cleanup_push(clean, NULL);
	fclose(fopen(argument, "r")); /* deep inside libc, by the trap */
	pthread_cleanup_pop(0);
	return NULL;
}

/* By an instruction in libc, which is patched when it has been trapped often enough. */
static void write_often(FILE *file, int count)
{
	setvbuf(file, NULL, _IONBF, 0);
	for (int i = 0; i < count; i++)
		fputc('x', file);
}

static void *write_for_ever(void *argument)
{
	pthread_cleanup_push(clean, NULL);
	write_often(argument, 1 << 20);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancelled_write(void)
{
	FILE *file = fopen("/dev/null", "w");
	pthread_t thread;
	void *result;
	int ends[2];

	write_often(file, 64);
	fclose(file);
	if (pipe(ends))
		return;
	file = fdopen(ends[1], "w");
	cleaned = 0;
	pthread_create(&thread, NULL, write_for_ever, file);
	usleep(50000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	holds("cancellation of a write that was patched", result == PTHREAD_CANCELED && cleaned);
	close(ends[0]);
	close(ends[1]);
}

static void *nothing(void *argument)
{
	getppid();
	return argument;
}

static volatile int stop;

static void *many_calls(void *argument)
{
	long n = 0;

	while (!stop) {
		if (getppid() <= 0 || sched_getaffinity(0, 0, NULL) >= 0)
			return (void *)-1;
		umask(umask(022));
		n++;
	}
	(void)argument;
	return (void *)n;
}

static void threads(void)
{
	pthread_t thread, many[4];
	void *result;
	char fifo[64];
	int same = 1;

	cancelled_write();
	fesetround(FE_UPWARD);
	pthread_create(&thread, NULL, rounding, NULL);
	pthread_join(thread, &result);
	fesetround(FE_TONEAREST);
	holds("a new thread inherits the rounding mode", result == (void *)1);

	pthread_create(&thread, NULL, read_for_ever, NULL);
	usleep(20000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	holds("cancellation of a read", result == PTHREAD_CANCELED && cleaned);
	snprintf(fifo, sizeof(fifo), "/tmp/trapped-%d", getpid());
	cleaned = 0;
	if (!mkfifo(fifo, 0600)) {
		pthread_create(&thread, NULL, open_for_ever, fifo);
		usleep(20000);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		holds("cancellation of an open inside fopen",
		      result == PTHREAD_CANCELED && cleaned);
		unlink(fifo);
	}
	for (int i = 0; i < 200; i++) {
		pthread_attr_t attributes;

		pthread_attr_init(&attributes);
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstacksize(&attributes, 16384);
		same &= !pthread_create(&thread, &attributes, nothing, NULL);
		pthread_attr_destroy(&attributes);
	}
	usleep(50000);
	holds("200 detached threads with 16 KiB of stack", same);

	for (int i = 0; i < 4; i++)
		pthread_create(&many[i], NULL, many_calls, NULL);
	usleep(200000);
	stop = 1;
	for (int i = 0; i < 4; i++) {
		pthread_join(many[i], &result);
		same &= (long)result > 0;
	}
	holds("four threads at sites that get patched", same);
}

static void pointers(void)
{
	holds("EFAULT: open", open((char *)8, O_RDONLY) == -1 && errno == EFAULT);
	holds("EFAULT: sigprocmask",
	      syscall(SYS_rt_sigprocmask, 0, 8, 0, 8) == -1 && errno == EFAULT);
	holds("EFAULT: open high", syscall(SYS_open, 0x7fff00000000, 0) == -1 && errno == EFAULT);
	holds("EFAULT: sigaction",
	      syscall(SYS_rt_sigaction, SIGUSR1, 8, 0, 8) == -1 && errno == EFAULT);
	errno = 0;
	holds("errno stays on success", getppid() > 0 && access("/", F_OK) == 0 && errno == 0);
	holds("an unknown number", syscall(9999) == -1 && errno == ENOSYS);
}

int main(void)
{
	int same = 1;

	masks();
	handlers();
	processes();
	threads();
	pointers();
	for (int i = 0; i < 20; i++)
		same &= red_zone(i);
	holds("the red zone", same);
	holds("vector registers", vectors());
	return failed;
}

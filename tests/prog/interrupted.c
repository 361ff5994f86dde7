/* SPDX-License-Identifier: BSD-2-Clause */
/* interrupted.c - signals around calls on files, and ends in the middle of them. */
#include "interrupted.h"

#include <poll.h>
#include <setjmp.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

static volatile int handler_result, handler_fd = -1;
static sigjmp_buf jump;

/* A fifo whose reader has gone: for writing. */
static int open_broken(void)
{
	int reader, writer;

	unlink(name("broken"));
	need("mkfifo", !mkfifo(name("broken"), 0600));
	reader = open(name("broken"), O_RDONLY | O_NONBLOCK);
	writer = open(name("broken"), O_WRONLY);
	need("a fifo with both ends", reader >= 0 && writer >= 0);
	close(reader);
	unlink(name("broken"));
	return writer;
}

/* ---- signals ---- */

static pid_t poke_later(int ms, int signal, int times)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (int i = 0; i < times; i++) {
		sleep_ms(ms);
		kill(getppid(), signal);
	}
	_exit(0);
}

static void poked(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* writes a byte by itself, later */
static pid_t feed_later(int fd, int ms)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	sleep_ms(ms);
	_exit(write(fd, "f", 1) != 1);
}

static void interruption(void)
{
	int fifo = open_fifo("interruption"), status;
	struct pollfd entry = {fifo, POLLIN, 0};
	pid_t pid, feeder;
	char c;

	install(SIGUSR1, count, 0);
	hits = 0;
	pid = poke_later(60, SIGUSR1, 1);
	holds("a read without SA_RESTART is interrupted",
	      read(fifo, &c, 1) == -1 && errno == EINTR && hits == 1);
	poked(pid);
	pid = poke_later(60, SIGUSR1, 1);
	holds("a poll", poll(&entry, 1, -1) == -1 && errno == EINTR && hits == 2);
	poked(pid);

	install(SIGUSR1, count, SA_RESTART);
	hits = 0;
	pid = poke_later(30, SIGUSR1, 3);
	feeder = feed_later(fifo, 300);
	holds("with SA_RESTART it goes on", read(fifo, &c, 1) == 1 && c == 'f');
	poked(pid);
	while (waitpid(feeder, &status, 0) < 0)
		;
	holds("and the handler ran each time", hits == 3 && !status);
	pid = poke_later(60, SIGUSR1, 1);
	holds("a poll is interrupted all the same", poll(&entry, 1, -1) == -1 && errno == EINTR);
	poked(pid);

	/* ignored and blocked signals disturb nobody */
	install(SIGUSR1, SIG_IGN, 0);
	pid = poke_later(20, SIGUSR1, 3);
	holds("an ignored signal", poll(&entry, 1, 300) == 0);
	poked(pid);
	close(fifo);
}

static void write_in_handler(int signal)
{
	char c = 0;

	(void)signal;
	/* the same file, another one, and a stat */
	handler_result = write(handler_fd, "h", 1) == 1 && pread(handler_fd, &c, 1, 0) == 1 &&
			 c == 'h' && fsync(handler_fd) == 0;
	hits++;
}

static void feed_in_handler(int signal)
{
	(void)signal;
	handler_result = write(handler_fd, "s", 1) == 1;
	hits++;
}

static void handlers(void)
{
	int fifo = open_fifo("handlers"),
	    file = open(name("log"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct stat st;
	pid_t pid;
	char c = 0;

	need("a file", file >= 0);
	handler_fd = file;
	install(SIGUSR1, write_in_handler, 0);
	hits = 0;
	pid = poke_later(60, SIGUSR1, 1);
	holds("read is interrupted", read(fifo, &c, 1) == -1 && errno == EINTR);
	holds("its handler wrote to a file", hits == 1 && handler_result);
	poked(pid);
	/* what the thread waits for comes from its own handler */
	handler_fd = fifo;
	install(SIGUSR1, feed_in_handler, SA_RESTART);
	hits = 0;
	pid = poke_later(60, SIGUSR1, 1);
	holds("a read that its handler feeds", read(fifo, &c, 1) == 1 && c == 's' && hits == 1);
	poked(pid);
	holds("the file has what was written", !fstat(file, &st) && st.st_size == 1);
	unlink(name("log"));
	close(fifo);
	close(file);
}

static void leave(int signal)
{
	(void)signal;
	hits++;
	siglongjmp(jump, 1);
}

static void start_timer(int us)
{
	struct itimerval time = {{0, us}, {0, us}};

	setitimer(ITIMER_REAL, &time, NULL);
}

static void longjmp_out(void)
{
	int fifo = open_fifo("jump"), file = open(name("jump.file"), O_RDWR | O_CREAT, 0600);
	static char buffer[100000];
	volatile int jumps = 0;
	sigset_t now;
	char c = 0;

	install(SIGALRM, leave, 0);
	hits = 0;
	while (jumps < 100) {
		if (!sigsetjmp(jump, 1)) {
			start_timer(3000);
			read(fifo, &c, 1);
			holds("not reached", 0);
		}
		start_timer(0);
		jumps++;
	}
	sigprocmask(SIG_SETMASK, NULL, &now);
	holds("100 longjmps out of a read", jumps == 100 && !sigismember(&now, SIGALRM));
	need("write", write(fifo, "j", 1) == 1);
	holds("the pipe works", read(fifo, &c, 1) == 1 && c == 'j');

	/* and out of calls that are at work */
	jumps = 0;
	if (sigsetjmp(jump, 1))
		jumps++;
	if (jumps < 100) {
		start_timer(2000);
		for (;;)
			pwrite(file, buffer, sizeof(buffer), 0);
	}
	start_timer(0);
	holds("100 longjmps while writing", jumps == 100);
	holds("the file works", ftruncate(file, 0) == 0 && pwrite(file, "x", 1, 0) == 1 &&
					pread(file, &c, 1, 0) == 1 && c == 'x');
	unlink(name("jump.file"));
	close(fifo);
	close(file);
}

static void timers(void)
{
	int file = open(name("timers"), O_RDWR | O_CREAT, 0600), bad = 0;
	struct itimerspec each = {{0, 1000000}, {0, 1000000}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
	unsigned int in[1024], out[1024];
	time_t end = time(NULL) + 2, limit = end + 60;
	timer_t timer;

	need("a file", file >= 0);
	hits = 0;
	install(SIGALRM, count, SA_RESTART);
	install(SIGRTMIN + 2, count, SA_RESTART);
	need("timer_create", !timer_create(CLOCK_MONOTONIC, &event, &timer));
	timer_settime(timer, 0, &each, NULL);
	start_timer(700);
	for (unsigned int n = 0; time(NULL) < end || (hits <= 100 && time(NULL) < limit); n++) {
		for (unsigned int i = 0; i < LENGTH_OF(in); i++)
			out[i] = n + i;
		bad += pwrite(file, out, sizeof(out), n % 16 * sizeof(out)) != sizeof(out);
		bad += pread(file, in, sizeof(in), n % 16 * sizeof(in)) != sizeof(in);
		bad += memcmp(in, out, sizeof(in)) != 0;
	}
	start_timer(0);
	timer_delete(timer);
	holds("timers go off beside calls", hits > 100);
	holds("and the calls do what they shall", !bad);
	install(SIGALRM, count, 0);
	hits = 0;
	alarm(1);
	{
		int fifo = open_fifo("alarm");
		char c;

		holds("alarm() ends a read",
		      read(fifo, &c, 1) == -1 && errno == EINTR && hits == 1);
		close(fifo);
	}
	unlink(name("timers"));
	close(file);
}

static int status_of(void (*child)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		child();
		_exit(77);
	}
	while (waitpid(pid, &status, 0) < 0)
		need("waitpid", errno == EINTR);
	return status;
}

static void write_broken(void)
{
	signal(SIGPIPE, SIG_DFL);
	write(open_broken(), "x", 1);
}

static void broken_pipes(void)
{
	int status = status_of(write_broken), fd = open_broken(), pair[2], seen;
	struct timespec none = {0, 0};
	sigset_t set;

	holds("SIGPIPE ends who writes to a pipe without readers",
	      WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	install(SIGPIPE, count, 0);
	hits = 0;
	holds("with a handler: EPIPE and the handler",
	      write(fd, "x", 1) == -1 && errno == EPIPE && hits == 1);
	install(SIGPIPE, SIG_IGN, 0);
	holds("ignored: EPIPE", write(fd, "x", 1) == -1 && errno == EPIPE);
	install(SIGPIPE, count, 0);
	need("socketpair", !socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	close(pair[1]);
	hits = 0;
	holds("a socket", write(pair[0], "x", 1) == -1 && errno == EPIPE && hits == 1);
	holds("MSG_NOSIGNAL",
	      send(pair[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE && hits == 1);

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	seen = write(fd, "x", 1) == -1 && errno == EPIPE;
	holds("blocked: it is pending", seen && sigtimedwait(&set, NULL, &none) == SIGPIPE);
	holds("and no more then", sigtimedwait(&set, NULL, &none) == -1 && errno == EAGAIN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	holds("its handler did not run", hits == 1);
	close(fd);
	close(pair[0]);
}

/* Until a signal's handler has run, for some seconds. */
static int wait_hits(int n)
{
	for (int i = 0; i < 2000 && hits < n; i++)
		sleep_ms(2);
	return hits >= n;
}

static void asynchronous(void)
{
	struct timespec time = {5, 0};
	struct signalfd_siginfo read_info;
	sigset_t set;
	int pair[2], fd;

	need("socketpair", !socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	install(SIGIO, count, SA_RESTART);
	hits = 0;
	holds("F_SETOWN is read back",
	      !fcntl(pair[0], F_SETOWN, getpid()) && fcntl(pair[0], F_GETOWN) == getpid());
	fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	need("write", write(pair[1], "x", 1) == 1);
	holds("SIGIO by O_ASYNC", wait_hits(1));
	install(SIGRTMIN + 3, count, SA_RESTART);
	holds("F_SETSIG is read back",
	      !fcntl(pair[0], F_SETSIG, SIGRTMIN + 3) && fcntl(pair[0], F_GETSIG) == SIGRTMIN + 3);
	hits = 0;
	need("write", write(pair[1], "y", 1) == 1);
	holds("the signal of F_SETSIG", wait_hits(1));

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	need("write", write(pair[1], "z", 1) == 1);
	holds("sigtimedwait takes it", sigtimedwait(&set, NULL, &time) == SIGRTMIN + 3);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	need("write", write(pair[1], "z", 1) == 1);
	holds("signalfd reads it", read(fd, &read_info, sizeof(read_info)) == sizeof(read_info) &&
					   read_info.ssi_signo == (unsigned)SIGRTMIN + 3);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

static void stopping(void)
{
	int fifo = open_fifo("stop"), status;
	pid_t pid = fork();
	char c = 0;

	if (!pid) {
		signal(SIGCONT, count);
		signal(SIGCONT, SIG_DFL);
		_exit(read(fifo, &c, 1) == 1 && c == 'c' ? 12 : 1);
	}
	sleep_ms(100);
	kill(pid, SIGSTOP);
	holds("a blocked reader is stopped",
	      waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	kill(pid, SIGCONT);
	holds("and goes on", waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	kill(pid, SIGTSTP);
	holds("SIGTSTP", waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) &&
				 WSTOPSIG(status) == SIGTSTP);
	need("write", write(fifo, "c", 1) == 1);
	kill(pid, SIGCONT);
	holds("it reads what came meanwhile",
	      waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 12);
	close(fifo);
}

static struct {
	int fd, tid;
	long result;
} targets[4];

static void *be_target(void *argument)
{
	char c;

	__atomic_store_n(&targets[(long)argument].tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	targets[(long)argument].result = read(targets[(long)argument].fd, &c, 1) == 1 ? c : -errno;
	return NULL;
}

static void one_thread(void)
{
	pthread_t threads[4];

	install(SIGUSR2, count, 0);
	hits = 0;
	for (long i = 0; i < 4; i++) {
		targets[i].fd = open_fifo("target");
		pthread_create(&threads[i], NULL, be_target, (void *)i);
	}
	for (int i = 0; i < 4; i++) {
		while (!__atomic_load_n(&targets[i].tid, __ATOMIC_ACQUIRE))
			sleep_ms(1);
		wait_blocked(targets[i].tid);
	}
	pthread_kill(threads[2], SIGUSR2);
	pthread_join(threads[2], NULL);
	holds("pthread_kill ends the call of that thread",
	      targets[2].result == -EINTR && hits == 1);
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			continue;
		need("write", write(targets[i].fd, "t", 1) == 1);
		pthread_join(threads[i], NULL);
		holds("and of no other", targets[i].result == 't');
	}
}

/* ---- ends ---- */

static void *tell_return(void *argument)
{
	char c;

	read(*(int *)argument, &c, 1);
	/* nobody may come back from a call when the process ends */
	write(2, "returned\n", 9);
	_exit(66);
}

static void *poll_return(void *argument)
{
	struct pollfd entry = {*(int *)argument, POLLIN, 0};

	poll(&entry, 1, -1);
	write(2, "returned\n", 9);
	_exit(66);
}

static int end_fds[4];

static void block_threads(void)
{
	pthread_t thread;

	for (int i = 0; i < 4; i++) {
		end_fds[i] = open_fifo("end");
		pthread_create(&thread, NULL, i & 1 ? tell_return : poll_return, &end_fds[i]);
	}
	sleep_ms(100);
}

static void exit_with_blocked(void)
{
	block_threads();
	exit(5);
}

static void quick_exit_with_blocked(void)
{
	block_threads();
	_exit(6);
}

static void main_ends(void)
{
	block_threads();
	/* the process goes on without its first thread */
	if (!fork()) {
		sleep_ms(100);
		kill(getppid(), SIGTERM);
		_exit(0);
	}
	pthread_exit(NULL);
}

static void abort_in_handler(int signal)
{
	(void)signal;
	abort();
}

static void abort_while_blocked(void)
{
	int fifo = open_fifo("abort");
	struct rlimit none = {0, 0};
	char c;

	setrlimit(RLIMIT_CORE, &none);
	install(SIGALRM, abort_in_handler, 0);
	alarm(1);
	read(fifo, &c, 1);
	_exit(1);
}

static void exit_in_handler(int signal)
{
	(void)signal;
	exit(9);
}

static void exit_while_blocked(void)
{
	int fifo = open_fifo("exit");
	char c;

	install(SIGALRM, exit_in_handler, 0);
	alarm(1);
	read(fifo, &c, 1);
	_exit(1);
}

static void *exit_from_thread(void *argument)
{
	(void)argument;
	exit(8);
}

static void thread_exits_process(void)
{
	pthread_t thread;
	char c;

	block_threads();
	pthread_create(&thread, NULL, exit_from_thread, NULL);
	read(end_fds[0], &c, 1);
	_exit(1);
}

static void ends(void)
{
	int status;

	holds("exit() with threads in calls", status_of(exit_with_blocked) == 5 << 8);
	holds("_exit() with threads in calls", status_of(quick_exit_with_blocked) == 6 << 8);
	holds("exit() of a thread, others in calls", status_of(thread_exits_process) == 8 << 8);
	holds("exit() in a handler that interrupted a call",
	      status_of(exit_while_blocked) == 9 << 8);
	status = status_of(abort_while_blocked);
	holds("abort() in a handler that interrupted a call",
	      WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	status = status_of(main_ends);
	holds("a signal ends a process whose first thread has ended",
	      WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* ends while threads are in calls, as the whole program */
static void last_exit(void)
{
	block_threads();
	exit(0);
}

/* ---- all ---- */

static const struct one_case cases[] = {
	{"interruption", interruption},
	{"handlers", handlers},
	{"longjmp_out", longjmp_out},
	{"timers", timers},
	{"broken_pipes", broken_pipes},
	{"asynchronous", asynchronous},
	{"stopping", stopping},
	{"one_thread", one_thread},
	{"ends", ends},
	{"last_exit", last_exit},
};

int main(int argc, char **argv)
{
	return run_case(argc, argv, cases, LENGTH_OF(cases));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* How connections are made, refused, lost and made again; interrupts; signals. */
#include "rumpclient_fake.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

enum { DO_NOTHING = 1000, DO_BLOCK, DO_CLOSE, DO_HANG_UP, DO_SIGNAL, DO_EXPORT };

#define call(...) rumpclient_syscall(__VA_ARGS__)

static uint32_t blocked; /* calls that the server has not answered yet */
static bool let_go;

/* Ends when it is interrupted, or let go. */
static int64_t block(struct fake_channel *channel)
{
	const uint32_t *interrupted = &fake.interrupted[channel->number % 256];
	uint32_t first = channel->request;
	struct timespec moment = {0, 1000000};

	__atomic_add_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(interrupted, __ATOMIC_SEQ_CST) != first &&
	       !__atomic_load_n(&let_go, __ATOMIC_SEQ_CST))
		nanosleep(&moment, NULL);
	__atomic_sub_fetch(&blocked, 1, __ATOMIC_SEQ_CST);
	return *interrupted == first ? -EINTR : 7;
}

static int64_t export(struct fake_channel *channel)
{
	struct rump_sp_message message = {.type = RUMP_SP_SOCKET, .id = 4711};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		return -errno;
	fake_send(channel->socket, &message, sizeof(message), pair[0]);
	close(pair[0]);
	if (write(pair[1], "hello", 5) != 5)
		return -EIO;
	close(pair[1]);
	return 4711;
}

static int64_t answer(struct fake_channel *channel)
{
	struct rump_sp_channel *shared = channel->shared;

	switch (channel->turn.number) {
	case DO_BLOCK:
		return block(channel);
	case DO_CLOSE:
		__atomic_store_n(&shared->is_closed, 1, __ATOMIC_SEQ_CST);
		__atomic_xor_fetch(&shared->reply, 1U << 31, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &shared->reply, FUTEX_WAKE, 1, NULL, NULL, 0);
		return 0;
	case DO_HANG_UP:
		shutdown(channel->socket, SHUT_RDWR);
		pause();
		return 0;
	case DO_SIGNAL:
		shared->answer.signals = 1UL << (SIGUSR1 - 1) | 1UL << (SIGUSR2 - 1);
		return 0;
	case RUMP_SP_CALL_EXPORT:
		return export(channel);
	}
	return (int64_t)channel->turn.args[5];
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- connecting ---- */

static void bad_servers(void)
{
	uint64_t start = now_ms();

	is_int(rumpclient_init_url("nonsense", NULL), -1, "not a URL");
	ok(errno == EINVAL && strstr(rumpclient_error(), "nonsense"), "EINVAL: %s",
	   rumpclient_error());
	is_int(rumpclient_init_url("unix:///nonexistent/socket", NULL), -1, "no such socket");
	ok(errno == ENOENT && strstr(rumpclient_error(), "/nonexistent/socket"), "ENOENT: %s",
	   rumpclient_error());
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_INFTIME);
	is_int(rumpclient_init_url("unix://@rump-nobody", NULL), -1, "nobody at a name");
	ok(errno == ECONNREFUSED && now_ms() - start < 20000, "ECONNREFUSED, at once");
	rumpclient_setconnretry(0);
	unsetenv("RUMP_SERVER");
	is_int(rumpclient_init(), -1, "RUMP_SERVER is not set");
	is_int(errno, ENOENT, "ENOENT");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 0), -ENOTCONN, "calls give ENOTCONN");

	fake.version = 7;
	fake.error = EPROTO;
	is_int(rumpclient_init_url(fake.url, NULL), -1, "another version");
	ok(errno == EPROTO && strstr(rumpclient_error(), "version 7"), "EPROTO: %s",
	   rumpclient_error());
	fake.version = RUMP_SP_VERSION;
	fake.error = EACCES;
	is_int(rumpclient_init_url(fake.url, NULL), -1, "a server that refuses");
	is_int(errno, EACCES, "its reason");
	fake.error = 0;
	fake.closes_at = RUMP_SP_HELLO;
	is_int(rumpclient_init_url(fake.url, NULL), -1, "a server that hangs up");
	is_int(errno, ENOTCONN, "ENOTCONN");
}

static void losing(void)
{
	uint64_t start;

	shutdown(fake.last_socket, SHUT_RDWR);
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 5), -ENOTCONN, "lost before the first call");
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_ONCE);
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 5), 5, "the next one connects");
	rumpclient_setconnretry(0);
	is_int(call(DO_CLOSE, 0, 0, 0, 0, 0, 0), -ENOTCONN, "the server leaves in a call");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 5), -ENOTCONN, "retry 0: no more calls");
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_ONCE);
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 5), 5, "once: a new connection");
	is_int(rumpclient_generation(), 3, "the next generation");
	start = now_ms();
	is_int(call(DO_HANG_UP, 0, 0, 0, 0, 0, 0), -ENOTCONN, "the server hangs up in a call");
	ok(now_ms() - start < 20000, "which is seen soon");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 6), 6, "once again");
	fake.closes_at = RUMP_SP_CHANNEL;
	call(DO_CLOSE, 0, 0, 0, 0, 0, 0);
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 6), 6, "lost while a channel is made: tried again");
	is_int(rumpclient_generation(), 6, "on another connection");

	call(DO_CLOSE, 0, 0, 0, 0, 0, 0);
	fake.error = EAGAIN;
	rumpclient_setconnretry(3);
	start = now_ms();
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 6), -ENOTCONN, "three seconds of trying");
	ok(now_ms() - start >= 2400 && now_ms() - start < 30000, "took about three");
	ok(fake.hellos > 8, "with several attempts");
	start = now_ms();
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 6), -ENOTCONN, "the next call tries once");
	ok(now_ms() - start < 2000, "without waiting again");
	fake.error = 0;
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 6), 6, "and the next call connects");
}

static void *comes_back(void *arg)
{
	struct timespec time = {0, 300000000};

	(void)arg;
	nanosleep(&time, NULL);
	fake.error = 0;
	return NULL;
}

static void patience(void)
{
	pthread_t thread;

	call(DO_CLOSE, 0, 0, 0, 0, 0, 0);
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_INFTIME);
	fake.error = EAGAIN;
	pthread_create(&thread, NULL, comes_back, NULL);
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 8), 8, "inftime waits for the server");
	pthread_join(thread, NULL);
}

/* What the policy of the environment makes of a lost connection: the exit status. */
static int with_word(const char *word, char *ret_stderr, size_t size)
{
	int pipes[2], status;
	ssize_t length;
	pid_t pid;

	if (pipe(pipes))
		bail_out("no pipe");
	pid = fork();
	if (!pid) {
		dup2(pipes[1], 2);
		setenv("RUMPHIJACK_RETRYCONNECT", word, 1);
		execl("/proc/self/exe", "child", "word", fake.url, NULL);
		_exit(99);
	}
	close(pipes[1]);
	length = read(pipes[0], ret_stderr, size - 1);
	ret_stderr[length > 0 ? length : 0] = '\0';
	close(pipes[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int word_child(const char *url)
{
	long first, second;

	if (rumpclient_init_url(url, NULL))
		return 90;
	first = call(DO_CLOSE, 0, 0, 0, 0, 0, 0);
	second = call(DO_NOTHING, 0, 0, 0, 0, 0, 0);
	return first != -ENOTCONN ? 91 : second ? 10 : 20;
}

static void words(void)
{
	char text[600];

	is_int(with_word("0", text, sizeof(text)), 10, "RETRYCONNECT=0");
	is_str(text, "", "without words");
	is_int(with_word("once", text, sizeof(text)), 20, "once");
	is_int(with_word("5", text, sizeof(text)), 20, "5");
	is_int(with_word("inftime", text, sizeof(text)), 20, "inftime");
	is_int(with_word("die", text, sizeof(text)), 1, "die");
	ok(strstr(text, "rumpclient: ") == text && strchr(text, '\n'), "with a line");
	is_int(with_word("-3", text, sizeof(text)), 10, "a bad word is 0");
	ok(strstr(text, "RUMPHIJACK_RETRYCONNECT=-3: want die, once, inftime or a number"),
	   "and is told");
}

/* ---- interrupts ---- */

static volatile int handled, usr2;
static sigjmp_buf back;
static bool jumps, calls;
static long inner;

static void handler(int signal)
{
	handled++;
	usr2 += signal == SIGUSR2;
	if (calls)
		inner = call(DO_NOTHING, 0, 0, 0, 0, 0, 55);
	if (jumps)
		siglongjmp(back, 1);
}

static void install(int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	handled = usr2 = 0;
}

static pthread_t main_thread;
static pid_t main_tid;

static void wait_blocked(void)
{
	struct timespec moment = {0, 30000000};

	while (!__atomic_load_n(&blocked, __ATOMIC_SEQ_CST))
		sched_yield();
	nanosleep(&moment, NULL);
}

static void *sends_signal(void *arg)
{
	(void)arg;
	wait_blocked();
	pthread_kill(main_thread, SIGUSR1);
	return NULL;
}

static void *sends_and_lets_go(void *arg)
{
	struct timespec time = {0, 100000000};

	sends_signal(arg);
	nanosleep(&time, NULL);
	__atomic_store_n(&let_go, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *interrupts(void *arg)
{
	(void)arg;
	wait_blocked();
	if (rumpclient_interrupt(main_tid))
		return "failed";
	return NULL;
}

static long blocked_with(void *(*fn)(void *))
{
	pthread_t thread;
	long result;

	main_thread = pthread_self();
	main_tid = gettid();
	let_go = false;
	pthread_create(&thread, NULL, fn, NULL);
	result = call(DO_BLOCK, 0, 0, 0, 0, 0, 0);
	pthread_join(thread, NULL);
	return result;
}

static bool none_blocked(void)
{
	for (int i = 0; i < 3000 && __atomic_load_n(&blocked, __ATOMIC_SEQ_CST); i++)
		usleep(10000);
	return !blocked;
}

static void __attribute__((noinline)) leave_call(void)
{
	pthread_t thread;

	let_go = false;
	pthread_create(&thread, NULL, sends_signal, NULL);
	if (!sigsetjmp(back, 1))
		call(DO_BLOCK, 0, 0, 0, 0, 0, 0);
	pthread_join(thread, NULL);
}

static long __attribute__((noinline)) call_deeper(int depth)
{
	volatile char room[200];
	long result;

	room[0] = 0;
	if (!depth)
		return call(DO_NOTHING, 0, 0, 0, 0, 0, 44);
	result = call_deeper(depth - 1);
	return result + room[0];
}

static void interrupted(void)
{
	uint32_t before = fake.interrupts;

	install(0);
	is_int(blocked_with(sends_signal), -EINTR, "a handler without SA_RESTART: EINTR");
	is_int(handled, 1, "it ran");
	install(SA_RESTART);
	before = fake.interrupts;
	is_int(blocked_with(sends_and_lets_go), 7, "SA_RESTART: the call goes on");
	is_int(handled, 1, "the handler ran");
	is_int(fake.interrupts, before, "the server was not told");
	is_int(blocked_with(interrupts), -EINTR, "rumpclient_interrupt()");
	is_int(rumpclient_interrupt(main_tid), 0, "without effect between calls");
	is_int(rumpclient_interrupt(1), -1, "a thread that made no calls");
	is_int(errno, ESRCH, "ESRCH");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 4), 4, "the next call is not interrupted");

	install(0);
	calls = true;
	is_int(blocked_with(sends_signal), -EINTR, "a call in the handler");
	is_int(inner, 55, "is made");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 4), 4, "and then the next one");
	calls = false;

	jumps = true;
	for (int i = 0; i < 3; i++) {
		leave_call();
		is_int(call_deeper(20), 44, "a call after siglongjmp() out of one");
		is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 4), 4, "and another one");
		ok(none_blocked(), "the server was told to end what was left");
	}
	jumps = false;
}

static void *leaves_by_exit(void *arg)
{
	(void)arg;
	main_thread = pthread_self();
	call(DO_BLOCK, 0, 0, 0, 0, 0, 0);
	return NULL;
}

static void exiting(int signal)
{
	(void)signal;
	pthread_exit(NULL);
}

static void thread_left(void)
{
	struct sigaction action = {.sa_handler = exiting};
	uint32_t ends = fake.channel_ends;
	pthread_t thread, sender;

	sigaction(SIGUSR1, &action, NULL);
	let_go = false;
	pthread_create(&thread, NULL, leaves_by_exit, NULL);
	pthread_create(&sender, NULL, sends_signal, NULL);
	pthread_join(thread, NULL);
	pthread_join(sender, NULL);
	ok(fake_comes(&fake.channel_ends, ends + 1), "pthread_exit() in a call ends its channel");
}

/* ---- what the server sends ---- */

static void signals(void)
{
	install(0);
	is_int(call(DO_SIGNAL, 0, 0, 0, 0, 0, 0), 0, "an answer with signals");
	ok(handled == 2 && usr2 == 1, "they are raised before the call returns");
}

static void send_signal(int socket)
{
	struct rump_sp_signal message = {
		.head = {.type = RUMP_SP_SIGNAL},
		.signal = SIGUSR1,
	};

	fake_send(socket, &message.head, sizeof(message), -1);
}

static void messages(void)
{
	char text[8] = "";
	int fd;

	fd = rumpclient_export(3);
	ok(fd >= 0 && read(fd, text, sizeof(text)) == 5 && !strcmp(text, "hello"),
	   "a socket that the server sends");
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
	close(fd);
	is_int(rumpclient_import(0), -1, "what is no such socket");
	is_int(errno, EINVAL, "EINVAL");
	is_int(rumpclient_halt(99), -1, "unknown flags of a halt");
	is_int(rumpclient_halt(RUMPCLIENT_HALT_RESTART), 0, "a halt");
	is_int(fake.halts, 1, "comes to the server");

	/* a server that cannot send signals to our process sends messages */
	install(0);
	fake.flags = RUMP_SP_SIGNALS;
	call(DO_CLOSE, 0, 0, 0, 0, 0, 0);
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 0), 0, "a connection with such");
	send_signal(fake.last_socket);
	for (int i = 0; i < 500 && !handled; i++)
		usleep(10000);
	is_int(handled, 1, "is looked at while nothing is called");
	is_int(call(DO_NOTHING, 0, 0, 0, 0, 0, 3), 3, "calls go on");
	fd = rumpclient_export(3);
	ok(fd >= 0, "so do questions");
	close(fd);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_DFL);
	if (argc > 2 && !strcmp(argv[1], "word"))
		return word_child(argv[2]);
	fake.call = answer;
	fake_listen();
	bad_servers();
	is_int(rumpclient_init_url(fake.url, NULL), 0, "connects");
	losing();
	patience();
	words();
	interrupted();
	thread_left();
	signals();
	messages();
	return done_testing();
}

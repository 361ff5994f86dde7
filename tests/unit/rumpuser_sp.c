/* SPDX-License-Identifier: BSD-2-Clause */
/* The server against clients, good and bad; the kernel is a stand-in. */
#include <poll.h>
#include <sys/resource.h>

#include "rumpuser_sp_fake.h"

static char path[128];

static unsigned int clients(void)
{
	return rumpuser_sp_clients();
}

static int threads(void)
{
	return count_entries("/proc/self/task");
}

static int descriptors(void)
{
	return count_entries("/proc/self/fd");
}

/* ---- hello ---- */

static void test_hello(void)
{
	struct peer peer = {.fd = peer_connect_socket(path)};
	struct rump_sp_hello hello = hello_make(true);
	const struct rump_sp_welcome *welcome = &peer.welcome;
	struct fake_process *process;

	is(peer_hello(&peer, hello), 0, "hello");
	ok(welcome->head.type == RUMP_SP_HELLO && welcome->head.is_answer == 1 &&
		   welcome->head.id == 1 && welcome->magic == RUMP_SP_MAGIC,
	   "is answered");
	is(welcome->flags, RUMP_SP_DIRECT, "memory directly, signals by the host");
	is(welcome->server_pid, getpid(), "the server's pid");
	ok(welcome->server_id[0] || welcome->server_id[1], "the server has an id");
	process = fake_find(welcome->pid);
	ok(process && process->parent == 1, "a process of its own");
	is(process->client.uid, 0, "who has the server's uid is root inside");
	is(process->client.pid, getpid(), "with the host's pid wished for");
	is_str(process->client.name, "tester", "and the program's name");
	is(clients(), 1, "one client");
	is(peer_hello(&peer, hello_make(false)), 0, "hello again, with a wrong probe");
	ok(welcome->pid == process->pid && !(welcome->flags & RUMP_SP_DIRECT),
	   "the same process, memory not directly any more");
	peer_close(&peer);
	ok(eventually(!clients()), "the end of the connection is that of the process");

	peer = (struct peer){.fd = peer_connect_socket(path)};
	hello.version = 77;
	is(peer_hello(&peer, hello), EPROTO, "another version");
	is(welcome->version, RUMP_SP_VERSION, "is told ours");
	ok(is_ended(&peer), "and has to go");
	close(peer.fd);

	fake.refuse_new = ENOMEM;
	peer = (struct peer){.fd = peer_connect_socket(path)};
	is(peer_hello(&peer, hello_make(true)), ENOMEM, "what the kernel says is passed on");
	ok(is_ended(&peer), "and that was it");
	close(peer.fd);
	fake.refuse_new = 0;
	ok(eventually(!clients()), "nothing is left");
}

/* ---- garbage ---- */

static void bad(const char *what, bool after_hello, const void *bytes, size_t length)
{
	struct peer peer = {.fd = peer_connect_socket(path)};

	if (after_hello && peer_hello(&peer, hello_make(true)))
		bail_out("hello");
	if (send(peer.fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
		bail_out("send: %s", strerror(errno));
	ok(is_ended(&peer), "%s", what);
	close(peer.fd);
}

static void test_garbage(void)
{
	static char large[RUMP_SP_MESSAGE_MAX + 2];
	struct peer good = peer_open(path, true);
	struct rump_sp_message head = {.length = sizeof(head), .type = RUMP_SP_CHANNEL};
	struct rump_sp_hello hello = hello_make(true);
	struct {
		struct rump_sp_exec exec;
		uint32_t keep[3];
	} exec = {.exec = {.head = {.length = sizeof(exec), .type = RUMP_SP_EXEC}, .count = 3},
		  .keep = {1, 3, 3}};

	bad("not even a head", false, "abc", 3);
	bad("nothing", true, "", 0);
	bad("a channel before hello", false, &head, sizeof(head));
	bad("a channel without its thread", true, &head, sizeof(head));
	head.length = 20;
	bad("a length that is not true", true, &head, sizeof(head));
	head = (struct rump_sp_message){.length = sizeof(head), .type = 999};
	bad("a type that is none", true, &head, sizeof(head));
	head.type = RUMP_SP_SOCKET;
	bad("a type that only servers send", true, &head, sizeof(head));
	head.type = RUMP_SP_CHILD;
	bad("who is a child, before hello", false, &head, sizeof(head));
	head.type = RUMP_SP_HELLO;
	bad("hello without magic", false, &head, sizeof(head));
	hello.head = (struct rump_sp_message){.length = sizeof(hello), .type = RUMP_SP_HELLO};
	hello.magic++;
	bad("wrong magic", false, &hello, sizeof(hello));
	hello.magic--;
	hello.head.is_answer = 1;
	bad("an answer", false, &hello, sizeof(hello));
	hello.head.is_answer = 0;
	hello.head.length = sizeof(hello) - 8;
	bad("a truncated hello", false, &hello, sizeof(hello) - 8);
	memset(large, 'x', sizeof(large));
	((struct rump_sp_message *)large)->length = sizeof(large);
	bad("more than a message may have", true, large, sizeof(large));
	bad("descriptors in disorder", true, &exec, sizeof(exec));
	exec.exec.count = 0x40000001;
	bad("a count beyond the message", true, &exec, sizeof(exec));
	exec.exec.count = 2;
	bad("a count short of the message", true, &exec, sizeof(exec));
	is(peer_call(&good, FAKE_PLUS_ONE, 6, 0), 7, "others are not disturbed");
	is(fake.execs, 0, "nothing was executed");
	peer_close(&good);
	ok(eventually(!clients()), "nothing is left");
}

/* ---- channels ---- */

static void bad_turn(const char *what, struct rump_sp_turn turn)
{
	struct peer peer = peer_open(path, true);

	peer.channel->turn = turn;
	turn_begin(&peer);
	ok(!turn_end(&peer), "%s", what);
	ok(is_ended(&peer), "ends the connection");
	peer_close(&peer);
}

static void test_bad_turns(void)
{
	struct rump_sp_turn turn = {.number = FAKE_PLUS_ONE};

	turn.flags = RUMP_SP_CONTINUE;
	bad_turn("CONTINUE where nothing was asked", turn);
	turn.flags = 0;
	turn.window_count = RUMP_SP_WINDOWS + 1;
	bad_turn("too many windows", turn);
	turn.window_count = 1;
	turn.in_used = RUMP_SP_IN_MAX + 1;
	bad_turn("more windows' data than there is room", turn);
	turn.in_used = 64;
	turn.windows[0] = (struct rump_sp_window){.length = 65};
	bad_turn("a window beyond what is used", turn);
	turn.windows[0] = (struct rump_sp_window){.offset = 72};
	bad_turn("a window that begins beyond", turn);
	turn.windows[0] = (struct rump_sp_window){.offset = 0xfffffff8, .length = 16};
	bad_turn("a window that wraps around", turn);
	turn.windows[0] = (struct rump_sp_window){.offset = 4, .length = 8};
	bad_turn("a window at an odd place", turn);
	ok(eventually(!clients()), "nothing is left");
}

static void fill(unsigned char *memory, size_t length)
{
	for (size_t i = 0; i < length; i++)
		memory[i] = (unsigned char)(i * 3 + 7);
}

static long sum_of(const unsigned char *memory, size_t length)
{
	long sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += memory[i];
	return sum;
}

static bool is_filled(const unsigned char *memory, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (memory[i] != (unsigned char)(i * 5 + 1))
			return false;
	}
	return true;
}

static void test_memory(bool is_direct)
{
	static unsigned char memory[300001];
	struct peer peer = peer_open(path, is_direct);
	const char *how = is_direct ? "directly" : "by turns";
	struct rump_sp_turn *turn = &peer.channel->turn;
	char *data = (char *)peer.channel + RUMP_SP_DATA_OFFSET;
	char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int good = 0;

	edge += 4096; /* the end of what may be touched */
	mprotect(edge, 4096, PROT_NONE);
	for (long i = 0; i < 1000; i++)
		good += peer_call(&peer, FAKE_PLUS_ONE, (unsigned long)i, 0) == i + 1;
	is(good, 1000, "a thousand calls");
	is(peer_call(&peer, FAKE_TID, 0, 0), syscall(SYS_gettid), "by an lwp with our number");
	is(peer_call(&peer, 4711, 0, 0), -ENOSYS, "a call that is none");
	is(peer_call(&peer, -1, 0, 0), -ENOSYS, "a negative one");
	is(peer_call(&peer, RUMP_SP_CALL_EVENT + 1, 0, 0), -ENOSYS, "one beyond the protocol's");

	fill(memory, sizeof(memory));
	turn->window_count = 2;
	turn->in_used = 128;
	turn->windows[0] = (struct rump_sp_window){.address = 0x1000, .length = 100};
	turn->windows[1] = (struct rump_sp_window){.address = 0x9000, .length = 20, .offset = 104};
	memcpy(data, memory, 128);
	is(peer_call(&peer, FAKE_WINDOWS, 0, 0), 2, "windows come along");
	is(peer_call(&peer, FAKE_SUM, 0x9001, 19), sum_of(memory + 105, 19), "and are read");
	is(transfers, 0, "without a transfer");
	is(peer_call(&peer, FAKE_SUM, (unsigned long)memory, sizeof(memory)),
	   sum_of(memory, sizeof(memory)), "other memory %s", how);
	ok(is_direct ? !transfers : transfers > 1, "as many transfers as that takes");
	is(peer_call(&peer, FAKE_SUM, 0x1000, 100), sum_of(memory, 100),
	   "windows stay as they are");

	memset(memory, 0, sizeof(memory));
	is(peer_call(&peer, FAKE_FILL, (unsigned long)memory, 400), 400, "a small result");
	ok(is_filled(memory, 400) && !transfers && records_are_good, "comes as records");
	memset(memory, 0, sizeof(memory));
	is(peer_call(&peer, FAKE_FILL, (unsigned long)memory, sizeof(memory)), sizeof(memory),
	   "a large one %s", how);
	ok(is_filled(memory, sizeof(memory)) && records_are_good, "comes whole");
	turn->in_used = RUMP_SP_IN_MAX;
	memset(memory, 0, sizeof(memory));
	is(peer_call(&peer, FAKE_FILL, (unsigned long)memory, sizeof(memory)), sizeof(memory),
	   "with windows that leave little room");
	ok(is_filled(memory, sizeof(memory)) && records_are_good, "too");
	turn->window_count = turn->in_used = 0;

	if (is_direct) {
		is(peer_call(&peer, FAKE_SUM, 16, 8), -EFAULT, "a bad address");
		is(peer_call(&peer, FAKE_SUM, ~0UL - 3, 8), -EFAULT, "one that wraps around");
		is(peer_call(&peer, FAKE_FILL, 16, 8000), -EFAULT, "to be written");
		/* the first 600 bytes are good, and collected before the rest goes wrong */
		is(peer_call(&peer, FAKE_FILL, (unsigned long)edge - 600, 8000), 600,
		   "what got there counts");
		ok(is_filled((unsigned char *)edge - 600, 600), "and did");
	} else {
		copy_error = EIO;
		is(peer_call(&peer, FAKE_SUM, 16, 8), -EFAULT, "a copy that fails");
		is(peer_call(&peer, FAKE_FILL, (unsigned long)memory, sizeof(memory)), -EFAULT,
		   "to be written");
		copy_error = 0;
		turn->number = FAKE_SUM;
		turn->args[0] = (unsigned long)memory;
		turn->args[1] = 8;
		turn->flags = 0;
		turn_begin(&peer);
		turn_end(&peer);
		is(peer.channel->answer.kind, RUMP_SP_COPYIN, "a transfer");
		turn_begin(&peer);
		ok(!turn_end(&peer) && is_ended(&peer), "has to be answered by CONTINUE");
	}
	munmap(edge - 4096, 8192);
	peer_close(&peer);
	ok(eventually(!clients()), "nothing is left");
}

static void test_channels(void)
{
	struct peer peer = peer_open(path, true), second = peer;
	struct rump_sp_channel_end end = {.reserved = 0};
	int before = threads();

	is(peer_channel(&second), 0, "a second channel");
	ok(second.number != peer.number, "has a number of its own");
	is(peer_call(&second, FAKE_PID, 0, 0), peer.welcome.pid, "and is of the same process");
	peer.channel->turn.number = FAKE_BLOCK;
	turn_begin(&peer);
	ok(eventually(fake.blocked == 1), "one blocks");
	is(peer_call(&second, FAKE_PLUS_ONE, 1, 0), 2, "the other one goes on");
	end.channel = peer.number;
	peer.id = second.id;
	peer_send(&peer, &end, sizeof(end), RUMP_SP_CHANNEL_END);
	ok(!turn_end(&peer), "a channel that ends in a call");
	ok(peer.channel->is_closed && !fake.blocked, "ends the call");
	is(peer_call(&second, FAKE_PLUS_ONE, 1, 0), 2, "and no other");
	ok(eventually(threads() == before), "its thread is gone");
	munmap(second.channel, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE);
	peer_close(&peer);
	ok(eventually(!clients()), "nothing is left");
}

/* The client puts the words back, to keep the server's thread. */
static void test_kept(void)
{
	struct peer peer = peer_open(path, true);
	int before = threads();

	close(peer.fd);
	for (int i = 0; i < 100000; i++)
		__atomic_store_n(&peer.channel->request, 0, __ATOMIC_SEQ_CST);
	ok(eventually(threads() == before - 1 && !clients()), "a thread that is held back ends");
	munmap(peer.channel, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE);
}

/* ---- interrupts, signals ---- */

static void interrupt(struct peer *peer, uint32_t number, uint32_t request)
{
	struct rump_sp_interrupt message = {.channel = number, .request = request};

	peer_send(peer, &message, sizeof(message), RUMP_SP_INTERRUPT);
}

static void test_interrupt(void)
{
	struct peer peer = peer_open(path, true);
	uint32_t next = peer.channel->request + 1;

	peer.channel->turn.number = FAKE_BLOCK;
	interrupt(&peer, peer.number, next + 5);
	interrupt(&peer, peer.number + 100, next);
	turn_begin(&peer);
	ok(eventually(fake.blocked == 1), "interrupts of other requests and channels");
	usleep(30000);
	is(fake.blocked, 1, "are none of this one");
	interrupt(&peer, peer.number, next);
	ok(turn_end(&peer) && peer.channel->answer.result == -EINTR, "its own ends it");
	interrupt(&peer, peer.number, next);
	is(peer_call(&peer, FAKE_PLUS_ONE, 1, 0), 2, "one that comes late does nothing");
	turn_begin(&peer);
	interrupt(&peer, peer.number, peer.channel->request);
	peer.channel->turn.number = FAKE_BLOCK;
	turn_end(&peer);
	/* raised in shared memory, but the thread is not woken */
	peer.channel->turn.number = FAKE_BLOCK;
	usleep(20000);
	__atomic_add_fetch(&peer.channel->request, 1, __ATOMIC_SEQ_CST);
	interrupt(&peer, peer.number, peer.channel->request);
	ok(turn_end(&peer) && peer.channel->answer.result == -EINTR,
	   "one that is there before its call is");
	peer_close(&peer);
	ok(eventually(!clients()), "nothing is left");
}

static volatile sig_atomic_t got_signal;

static void on_signal(int signal)
{
	got_signal = signal;
}

static void test_signals(void)
{
	struct peer peer = peer_open(path, true);

	is(peer_call(&peer, FAKE_SIGNAL, SIGPIPE, 0), 0, "a signal for the thread");
	is(peer.channel->answer.signals, 1ULL << (SIGPIPE - 1), "is in the answer");
	is(peer_call(&peer, FAKE_PLUS_ONE, 1, 0), 2, "and in no other");
	is(peer.channel->answer.signals, 0, "indeed");
	signal(SIGUSR1, on_signal);
	peer_call(&peer, FAKE_SIGNAL_PROCESS, SIGUSR1, 0);
	ok(eventually(got_signal == SIGUSR1), "one for the process comes from the host");
	signal(SIGUSR1, SIG_DFL);
	peer_close(&peer);
	ok(eventually(!clients()), "nothing is left");
}

/* ---- fork, exec ---- */

static struct peer fork_peer(struct peer *parent)
{
	struct peer child = {.fd = -1};
	struct rump_sp_message message;
	long id = peer_call(parent, RUMP_SP_CALL_FORK, 0, 0);

	if (id < 0 || peer_receive(parent, &message, sizeof(message)) != sizeof(message))
		bail_out("fork: %ld", id);
	ok(message.type == RUMP_SP_SOCKET && !message.is_answer && (long)message.id == id,
	   "the child's connection comes by the parent's");
	child.fd = parent->passed;
	return child;
}

static void test_fork(void)
{
	struct peer parent = peer_open(path, true);
	struct peer child = fork_peer(&parent), other;
	struct fake_process *process;
	int status;
	pid_t pid;

	is(clients(), 2, "a client more");
	is(peer_hello(&child, hello_make(true)), 0, "the child says hello");
	process = fake_find(child.welcome.pid);
	ok(process && process->parent == parent.welcome.pid, "it is a child inside, too");
	is(peer_channel(&child), 0, "has channels");
	is(peer_call(&child, FAKE_PID, 0, 0), child.welcome.pid, "and calls as itself");
	is(peer_call(&parent, FAKE_PID, 0, 0), parent.welcome.pid, "as does the parent");
	peer_close(&parent);
	ok(eventually(clients() == 1), "the parent ends");
	is(peer_call(&child, FAKE_PID, 0, 0), child.welcome.pid, "the child does not");
	other = fork_peer(&child);
	is(clients(), 2, "another one");
	close(other.fd);
	ok(eventually(clients() == 1), "ends before it has said anything");

	/* in a process of its own: who it is the host says */
	other = fork_peer(&child);
	fake.knowns = 0;
	pid = fork();
	if (!pid) {
		struct rump_sp_hello hello = hello_make(true);
		struct rump_sp_message here;

		hello.pid = 1;
		_exit(peer_send(&other, &here, sizeof(here), RUMP_SP_CHILD) ? 7
		      : peer_hello(&other, hello)			   ? 1
		      : !(other.welcome.flags & RUMP_SP_DIRECT)		   ? 2
		      : peer_channel(&other)				   ? 3
		      : peer_call(&other, FAKE_SIGNAL_PROCESS, SIGTERM, 0) ? 4
		      : sleep(20)					   ? 5
									   : 6);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "a forked process gets its signals");
	ok(fake.knowns == 2 && fake.known_host_pid == pid, "which it is was told twice");
	/* we have a copy of its connection, and yet it has ended */
	ok(eventually(clients() == 1), "its end is seen in spite of copies");
	close(other.fd);
	peer_close(&child);
	ok(eventually(!clients()), "nothing is left");
}

static void test_exec(void)
{
	struct peer peer = peer_open(path, true), child;
	struct {
		struct rump_sp_exec exec;
		uint32_t keep[3];
	} exec = {.exec = {.name = "new program, l", .count = 3}, .keep = {0, 7, 0x7fffffff}};
	struct rump_sp_channel *old = peer.channel;

	peer.channel->turn.number = FAKE_BLOCK;
	turn_begin(&peer);
	eventually(fake.blocked == 1);
	is(peer_send(&peer, &exec, sizeof(exec), RUMP_SP_EXEC), 0, "exec");
	/* at once: must find the new program's state */
	is(peer_hello(&peer, hello_make(true)), 0, "hello of the new program");
	is(fake.execs, 1, "comes behind the exec");
	is_str(fake.exec_name, "new program, l", "the name");
	ok(fake.exec_count == 3 && fake.exec_keep[1] == 7 && fake.exec_keep[2] == 0x7fffffff,
	   "the descriptors");
	ok(eventually(old->is_closed), "the channel of the old program has ended, with its call");
	munmap(old, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE);
	is(peer_channel(&peer), 0, "a new one");
	is(peer_call(&peer, FAKE_PID, 0, 0), peer.welcome.pid, "in the same process");

	child = fork_peer(&peer);
	exec.exec.count = 0;
	is(peer_send(&child, &exec, sizeof(exec.exec), RUMP_SP_EXEC), 0, "exec before hello");
	is(peer_hello(&child, hello_make(true)), 0, "in a child");
	ok(fake.execs == 2 && !fake.exec_count, "nothing is kept");
	peer_close(&child);
	peer_close(&peer);
	ok(eventually(!clients()), "nothing is left");
}

/* ---- death ---- */

static void test_killed(void)
{
	int threads_before = threads(), fds_before = descriptors();
	pid_t pids[8];

	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			struct peer peer = peer_open(path, i & 1);

			if (i & 2)
				_exit((int)peer_call(&peer, FAKE_BLOCK, 0, 0));
			for (;;)
				peer_call(&peer, FAKE_PLUS_ONE, 1, 0);
		}
	}
	ok(eventually(clients() == 8 && fake.blocked == 4), "eight processes");
	for (int i = 0; i < 8; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	is(rumpuser_sp_wait(10 * NSEC_PER_SEC), 0, "killed, they all end");
	ok(eventually(threads() == threads_before), "threads as before");
	ok(eventually(descriptors() == fds_before), "descriptors as before");
	is(fake.blocked, 0, "calls, too");
}

/* A child of the server's process must not keep its connections. */
static void test_forked_server(void)
{
	struct peer peer = peer_open(path, true);
	pid_t pid = fork();

	if (!pid) {
		close(peer.fd);
		if (rumpuser_sp_clients() || rumpuser_sp_fork() != -ENXIO)
			_exit(1);
		pause();
	}
	peer_close(&peer);
	ok(eventually(!clients()), "the end of a client is seen although a child of ours lives");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is(rumpuser_sp_wait(0), 0, "nobody to wait for");
}

static void test_local_fork(void)
{
	int fd = rumpuser_sp_fork();
	struct peer child = {.fd = fd};
	int status;
	pid_t pid;

	ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "a connection for a child of ours");
	is(clients(), 1, "which is a client");
	is(rumpuser_sp_wait(1000000), -ETIMEDOUT, "and is waited for");
	pid = fork();
	if (!pid)
		_exit(peer_hello(&child, hello_make(true))	    ? 1
		      : peer_channel(&child)			    ? 2
		      : peer_call(&child, FAKE_PLUS_ONE, 3, 0) == 4 ? (int)(child.welcome.flags)
								    : 3);
	close(fd);
	waitpid(pid, &status, 0);
	is(status, RUMP_SP_DIRECT << 8, "the child calls");
	ok(eventually(!clients()), "and ends");
}

/* ---- files on their way ---- */

static void test_carriers(void)
{
	struct peer peer = peer_open(path, true), other = peer_open(path, true);
	struct rump_sp_export export = {.magic = 0};
	struct rump_sp_message message;
	int carriers[SP_CARRIERS_MAX], carrier, copy, before;
	long id = peer_call(&peer, RUMP_SP_CALL_EXPORT, 5, 0);

	is(peer_receive(&peer, &message, sizeof(message)), sizeof(message), "a carrier comes");
	carrier = peer.passed;
	ok((long)message.id == id, "with its message");
	is(recv(carrier, &export, sizeof(export), MSG_PEEK), sizeof(export), "it has a message");
	ok(export.magic == RUMP_SP_MAGIC && export.server_id[0] == peer.welcome.server_id[0],
	   "of this server");
	is(peer_call(&other, RUMP_SP_CALL_IMPORT, export.handle[0], export.handle[1]), 1005,
	   "another client takes the file");
	is(rumpuser_sp_import(carrier), 1005, "and so does the server's own program");
	is(peer_call(&other, RUMP_SP_CALL_IMPORT, 1, 2), -ENOENT, "a guess does not help");
	copy = dup(carrier);
	close(carrier);
	peer_close(&peer);
	usleep(20000);
	is(fake.releases, 0, "it lives as long as a copy of the carrier");
	close(copy);
	ok(eventually(fake.releases == 1), "and no longer");
	is(peer_call(&other, RUMP_SP_CALL_EXPORT, (unsigned long)-1, 0), -EBADF, "no such file");

	before = fake.exports;
	for (int i = 0; i < SP_CARRIERS_MAX; i++) {
		id = peer_call(&other, RUMP_SP_CALL_EXPORT, 5, 0);
		if (id < 0 || peer_receive(&other, &message, sizeof(message)) < 0)
			bail_out("carrier %d: %ld", i, id);
		carriers[i] = other.passed;
	}
	is(peer_call(&other, RUMP_SP_CALL_EXPORT, 5, 0), -ENFILE, "there is a limit");
	for (int i = 0; i < SP_CARRIERS_MAX; i++)
		close(carriers[i]);
	ok(eventually(fake.releases == 1 + fake.exports - before), "all are released");
	id = peer_call(&other, RUMP_SP_CALL_EXPORT, 5, 0);
	ok(id > 0, "then there may be more");
	peer_close(&other);
	ok(eventually(fake.releases == fake.exports), "also of a client that never took it");

	carrier = rumpuser_sp_export(9);
	is(rumpuser_sp_import(carrier), 1009, "the server's own program gives files away, too");
	is(rumpuser_sp_import(0), -EINVAL, "what is no carrier");
	close(carrier);
	ok(eventually(!clients() && fake.releases == fake.exports), "nothing is left");
}

/* ---- events ---- */

static bool is_readable(int fd)
{
	struct pollfd entry = {fd, POLLIN, 0};

	return poll(&entry, 1, 0) == 1;
}

/* Returns the descriptor that a client gets for its notifier. */
static int take_event(struct peer *peer)
{
	struct rump_sp_message message;
	long id = peer_call(peer, RUMP_SP_CALL_EVENT, 5, 0);

	if (id < 0 || peer_receive(peer, &message, sizeof(message)) < 0)
		return (int)id;
	ok(message.type == RUMP_SP_EVENT && (long)message.id == id, "its message");
	return peer->passed;
}

static void test_events(void)
{
	const struct rumpuser_ops *ops = ops_of(&fake_upcalls);
	struct peer peer = peer_open(path, true);
	int fd = take_event(&peer), own, count = 0;
	struct rump_sp_message message;
	char bytes[64];
	void *held[SP_EVENTS_MAX]; /* by the kernel, until their process has ended */

	ok(fd >= 0 && !is_readable(fd), "an event that was not raised");
	ops->event_raise(fake.event);
	ops->event_raise(fake.event);
	ok(is_readable(fd), "one that was");
	is(read(fd, bytes, sizeof(bytes)), 2, "it is emptied");
	is(read(fd, bytes, sizeof(bytes)), -1, "without waiting");
	/* a client that wants to make the server wait */
	fcntl(fd, F_SETFL, 0);
	alarm(10);
	for (int i = 0; i < 100000; i++)
		ops->event_raise(fake.event);
	alarm(0);
	ok(is_readable(fd), "a full one is readable, and nobody has waited");
	ops->event_close(fake.event);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	is(read(fd, bytes, sizeof(bytes)), 0, "the end of its notifier is its end");
	close(fd);
	is(peer_call(&peer, RUMP_SP_CALL_EVENT, (unsigned long)-1, 0), -EBADF, "no notifier");

	while (count <= SP_EVENTS_MAX && peer_call(&peer, RUMP_SP_CALL_EVENT, 5, 0) >= 0) {
		if (peer_receive(&peer, &message, sizeof(message)) < 0)
			bail_out("event %d", count);
		close(peer.passed);
		held[count++ % SP_EVENTS_MAX] = fake.event;
	}
	is(count, SP_EVENTS_MAX, "there is a limit");
	ops->event_close(fake.event);
	fd = take_event(&peer);
	ok(fd >= 0, "below it there are more");
	held[SP_EVENTS_MAX - 1] = fake.event;
	close(fd);
	ops->event_raise(fake.event);
	peer_close(&peer);
	for (int i = 0; i < SP_EVENTS_MAX; i++)
		ops->event_close(held[i]);

	own = rumpuser_sp_event(7);
	ok(own >= 0 && !is_readable(own), "the process' own");
	ops->event_raise(fake.event);
	is(read(own, bytes, sizeof(bytes)), 8, "is an eventfd");
	ops->event_close(fake.event);
	close(own);
	is(rumpuser_sp_event(-1), -EBADF, "no notifier of our own");
	ok(eventually(!clients()), "nothing is left");
}

/* ---- limits ---- */

/* A client that does not read what it asks for. */
static void test_deaf(void)
{
	struct peer peer = peer_open(path, true), good = peer_open(path, true);
	struct rump_sp_hello hello = hello_make(true);
	int sent = 0;

	while (sent < 100000 && !peer_send(&peer, &hello, sizeof(hello), RUMP_SP_HELLO))
		sent++;
	ok(sent < 100000, "a client that does not read is ended");
	is(peer_call(&good, FAKE_PLUS_ONE, 1, 0), 2, "others are not disturbed");
	peer_close(&peer);
	peer_close(&good);
	ok(eventually(!clients()), "nothing is left");
}

static void test_no_descriptors(void)
{
	struct peer good = peer_open(path, true), peer;
	struct rlimit old, limit;
	int used = open("/", O_PATH);
	int fds[4];

	close(used);
	for (int i = 0; i < 4; i++)
		fds[i] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = 1;
	setrlimit(RLIMIT_NOFILE, &limit);
	/* the kernel looks at the number only when a new one is made */
	for (int i = 0; i < 4; i++) {
		struct sockaddr_un name = {.sun_family = AF_UNIX};

		strcpy(name.sun_path, path);
		if (connect(fds[i], (struct sockaddr *)&name, sizeof(name)))
			bail_out("connect: %s", strerror(errno));
	}
	usleep(50000);
	is(peer_call(&good, FAKE_PLUS_ONE, 1, 0), 2, "out of descriptors: others go on");
	is(peer_channel(&good), EMFILE, "a new channel is refused clearly");
	setrlimit(RLIMIT_NOFILE, &old);
	for (int i = 0; i < 4; i++) {
		int error;

		peer = (struct peer){.fd = fds[i]};
		error = peer_hello(&peer, hello_make(true));
		ok(error == EMFILE || !error, "who came meanwhile learns it, or gets in: %d",
		   error);
		close(fds[i]);
	}
	peer = peer_open(path, true);
	is(peer_call(&peer, FAKE_PLUS_ONE, 1, 0), 2, "afterwards all is well");
	peer_close(&peer);
	peer_close(&good);
	ok(eventually(!clients()), "nothing is left");
}

/* Connections that never say who they are. */
static void test_silent(void)
{
	struct peer peer = {.fd = peer_connect_socket(path)}, good = peer_open(path, true);
	struct peer child = fork_peer(&good);
	struct timeval limit = {30, 0};

	setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	ok(is_ended(&peer), "a connection that says nothing is closed after some seconds");
	is(peer_call(&good, FAKE_PLUS_ONE, 1, 0), 2, "not so a client that calls nothing");
	is(peer_hello(&child, hello_make(true)), 0, "nor the child of one, before its first call");
	close(peer.fd);
	peer_close(&child);
	peer_close(&good);
	ok(eventually(!clients()), "nothing is left");
}

static void test_many(void)
{
	int threads_before = threads(), fds_before = descriptors(), good = 0;

	for (int i = 0; i < 2000; i++) {
		struct peer peer = {.fd = peer_connect_socket(path)};

		if (i % 3 == 0) {
			good++;
		} else if (!peer_hello(&peer, hello_make(true))) {
			if (i % 3 == 1)
				good++;
			else if (!peer_channel(&peer))
				good += peer_call(&peer, FAKE_PLUS_ONE, 1, 0) == 2;
		}
		peer_close(&peer);
	}
	is(good, 2000, "2,000 connections come and go");
	is(rumpuser_sp_wait(10 * NSEC_PER_SEC), 0, "all clients end");
	ok(eventually(threads() == threads_before), "threads as before");
	ok(eventually(descriptors() == fds_before), "descriptors as before");
}

int main(void)
{
	strcpy(path, temp_path("server"));
	fake_start();
	is(fake_serve(path), 0, "serves");
	test_hello();
	test_garbage();
	test_bad_turns();
	test_memory(true);
	test_memory(false);
	test_channels();
	test_kept();
	test_interrupt();
	test_signals();
	test_fork();
	test_exec();
	test_killed();
	test_forked_server();
	test_local_fork();
	test_carriers();
	test_events();
	test_deaf();
	test_no_descriptors();
	test_many();
	test_silent();
	rumpuser_sp_stop();
	ok(access(path, F_OK), "the socket file is removed at the end");
	return done_testing();
}

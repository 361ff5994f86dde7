/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relays of tcp://: what a server says to unix clients, and its channels, reach clients
 * over TCP.  The server here is a small one that speaks the protocol and whose "kernel"
 * knows a few calls: the relays see all that a real one would send.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "sp_tcp_common.h"

/* calls of the small kernel: sum of the windows' bytes; text to an address; text from one */
enum { CALL_SUM = 1, CALL_WRITE, CALL_READ, CALL_BLOCK, CALL_GARBAGE };

static _Atomic int channel_ends, channels_closed, interrupts, hello_is_clean;
static _Atomic uint32_t last_interrupted;

/* ---- the server's side of a channel ---- */

struct served {
	int control;
	uint32_t number, seen;
	struct rump_sp_channel *channel;
	_Atomic uint32_t is_interrupted;
};

/* one at a time is enough for the tests that interrupt or close */
static struct served *_Atomic last_served;

static uint8_t *data_of(struct rump_sp_channel *channel)
{
	return (uint8_t *)channel + RUMP_SP_DATA_OFFSET;
}

static bool take_request(struct served *served)
{
	struct rump_sp_channel *channel = served->channel;

	for (;;) {
		uint32_t request = __atomic_load_n(&channel->request, __ATOMIC_SEQ_CST);

		if (__atomic_load_n(&channel->is_closed, __ATOMIC_SEQ_CST))
			return false;
		if (request != served->seen) {
			served->seen = request;
			return true;
		}
		__atomic_store_n(&channel->server_sleeps, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&channel->request, __ATOMIC_SEQ_CST) == request)
			syscall(SYS_futex, &channel->request, FUTEX_WAIT_SHARED, request, NULL);
		__atomic_store_n(&channel->server_sleeps, 0, __ATOMIC_SEQ_CST);
	}
}

static void give_answer(struct served *served, struct rump_sp_answer answer)
{
	struct rump_sp_channel *channel = served->channel;

	channel->answer = answer;
	__atomic_store_n(&channel->reply, served->seen, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&channel->client_sleeps, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &channel->reply, FUTEX_WAKE_SHARED, 1);
}

/* The client's process gets a brother: the id of the message that brings its socket. */
static int64_t fork_client(struct served *served)
{
	struct rump_sp_message head = {.length = sizeof(head), .type = RUMP_SP_SOCKET, .id = 4711};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = {0};
	struct iovec piece = {&head, sizeof(head)};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fds[1], sizeof(int));
	start_thread(control_main, (void *)(intptr_t)fds[0], "control");
	sendmsg(served->control, &message, MSG_NOSIGNAL);
	close(fds[1]);
	return head.id;
}

static struct rump_sp_answer do_call(struct served *served)
{
	struct rump_sp_channel *channel = served->channel;
	struct rump_sp_answer answer = {.kind = RUMP_SP_RESULT};
	struct rump_sp_turn turn = channel->turn;
	struct rump_sp_record *record = (struct rump_sp_record *)(data_of(channel) + turn.in_used);
	static const char text[] = "written by the kernel";

	switch (turn.number) {
	case CALL_SUM:
		for (uint32_t i = 0; i < turn.in_used; i++)
			answer.result += data_of(channel)[i];
		break;
	case CALL_WRITE:
		*record = (struct rump_sp_record){.address = turn.args[0], .length = sizeof(text)};
		memcpy(record + 1, text, sizeof(text));
		answer.out_offset = turn.in_used;
		answer.out_used = sizeof(*record) + 24;
		answer.result = sizeof(text);
		answer.signals = 1ULL << (SIGPIPE - 1);
		break;
	case CALL_READ:
		answer.kind = RUMP_SP_COPYIN;
		answer.copy_address = turn.args[0];
		answer.copy_length = (uint32_t)turn.args[1];
		answer.out_offset = 4096;
		give_answer(served, answer);
		if (!take_request(served))
			break;
		answer = (struct rump_sp_answer){.kind = RUMP_SP_RESULT};
		answer.result = -channel->turn.copy_error;
		for (uint32_t i = 0; !channel->turn.copy_error && i < turn.args[1]; i++)
			answer.result += data_of(channel)[4096 + i];
		break;
	case CALL_BLOCK:
		while (!atomic_load(&served->is_interrupted) &&
		       !__atomic_load_n(&channel->is_closed, __ATOMIC_SEQ_CST))
			usleep(1000);
		answer.result = -EINTR;
		break;
	case CALL_GARBAGE:
		answer.out_offset = 0x7fffffff;
		answer.out_used = 0x80000010;
		break;
	case RUMP_SP_CALL_FORK:
		answer.result = fork_client(served);
		break;
	default:
		answer.result = -ENOSYS;
	}
	return answer;
}

static void channel_main(void *arg)
{
	struct served *served = arg;

	while (take_request(served))
		give_answer(served, do_call(served));
	munmap(served->channel, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE);
	free(served);
	atomic_fetch_add(&channels_closed, 1);
}

static void close_channel(struct rump_sp_channel *channel)
{
	__atomic_store_n(&channel->is_closed, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_xor(&channel->reply, 1U << 31, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &channel->reply, FUTEX_WAKE_SHARED, 1);
	/* the server's own thread too */
	__atomic_fetch_add(&channel->request, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &channel->request, FUTEX_WAKE_SHARED, 1);
}

/* ---- the server's side of a control connection ---- */

static _Atomic uint32_t channel_numbers;

static struct served *new_channel(int control, const struct rump_sp_message *question)
{
	struct rump_sp_channel_answer answer = {
		.head = {.length = sizeof(answer),
			 .type = RUMP_SP_CHANNEL,
			 .is_answer = 1,
			 .id = question->id},
		.channel = atomic_fetch_add(&channel_numbers, 1) + 1,
		.size = RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE,
	};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} room = {0};
	struct iovec piece = {&answer, sizeof(answer)};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = &room,
				 .msg_controllen = sizeof(room)};
	struct served *served = calloc(1, sizeof(*served));
	int fd = memfd_create("channel", MFD_CLOEXEC);

	if (ftruncate(fd, answer.size))
		bail_out("memfd");
	served->control = control;
	served->number = answer.channel;
	served->channel = mmap(NULL, answer.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	room.head.cmsg_level = SOL_SOCKET;
	room.head.cmsg_type = SCM_RIGHTS;
	room.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&room.head), &fd, sizeof(int));
	atomic_store(&last_served, served);
	start_thread(channel_main, served, "channel");
	sendmsg(control, &message, MSG_NOSIGNAL);
	close(fd);
	return served;
}

static void answer_hello(int fd, const struct rump_sp_hello *hello)
{
	struct rump_sp_welcome welcome = {
		.head = {.length = sizeof(welcome),
			 .type = RUMP_SP_HELLO,
			 .is_answer = 1,
			 .id = hello->head.id},
		.magic = RUMP_SP_MAGIC,
		.version = RUMP_SP_VERSION,
		.pid = 1234,
		.flags = RUMP_SP_SIGNALS,
	};
	struct rump_sp_signal signal = {.head = {.length = sizeof(signal), .type = RUMP_SP_SIGNAL},
					.signal = SIGUSR1};

	hello_is_clean = !hello->pid && !hello->probe_address && !hello->probe_value &&
			 !strcmp(hello->name, "tester");
	send(fd, &welcome, sizeof(welcome), MSG_NOSIGNAL);
	send(fd, &signal, sizeof(signal), MSG_NOSIGNAL);
}

static void serve_control(int fd)
{
	struct served *served[16];
	unsigned int count = 0;
	union {
		struct rump_sp_message head;
		struct rump_sp_hello hello;
		struct rump_sp_interrupt interrupt;
		struct rump_sp_channel_end end;
		char room[RUMP_SP_MESSAGE_MAX];
	} message;

	while (recv(fd, &message, sizeof(message), 0) > 0) {
		switch (message.head.type) {
		case RUMP_SP_HELLO:
			answer_hello(fd, &message.hello);
			break;
		case RUMP_SP_CHANNEL:
			if (count < 16)
				served[count++] = new_channel(fd, &message.head);
			break;
		case RUMP_SP_INTERRUPT:
			atomic_store(&last_interrupted, message.interrupt.channel);
			for (unsigned int i = 0; i < count; i++) {
				if (served[i] && served[i]->number == message.interrupt.channel)
					atomic_store(&served[i]->is_interrupted, 1);
			}
			atomic_fetch_add(&interrupts, 1);
			break;
		case RUMP_SP_CHANNEL_END:
			for (unsigned int i = 0; i < count; i++) {
				if (!served[i] || served[i]->number != message.end.channel)
					continue;
				close_channel(served[i]->channel);
				served[i] = NULL;
			}
			atomic_fetch_add(&channel_ends, 1);
			break;
		}
	}
	for (unsigned int i = 0; i < count; i++) {
		if (served[i])
			close_channel(served[i]->channel);
	}
}

/* ---- the client ---- */

static union {
	struct rump_sp_message head;
	struct rump_sp_welcome welcome;
	struct rump_sp_signal signal;
	struct {
		struct rump_sp_channel_answer answer;
		struct rump_sp_cookie cookie;
	} channel;
	struct {
		struct rump_sp_message head;
		struct rump_sp_cookie cookie;
	} socket;
	char room[RUMP_SP_MESSAGE_MAX];
} got;

static long next_message(struct rumpsp_tcp *stream)
{
	return tcp->receive(stream, &got, sizeof(got), host_now() + 5 * NSEC_PER_SEC);
}

static int say(struct rumpsp_tcp *stream, const void *message, size_t length)
{
	struct iovec piece = {(void *)message, length};

	return tcp->send(stream, &piece, 1);
}

/* what a process on the server's host could make of the first one */
static bool greets(struct rumpsp_tcp *stream)
{
	struct rump_sp_hello hello = {
		.head = {.length = sizeof(hello), .type = RUMP_SP_HELLO, .id = 7},
		.magic = RUMP_SP_MAGIC,
		.version = RUMP_SP_VERSION,
		.pid = getpid(),
		.probe_address = (uintptr_t)&got,
		.probe_value = 99,
		.name = "tester",
	};

	return !say(stream, &hello, sizeof(hello)) &&
	       next_message(stream) == sizeof(struct rump_sp_welcome) && got.head.id == 7 &&
	       got.welcome.pid == 1234 && next_message(stream) == sizeof(struct rump_sp_signal) &&
	       got.head.type == RUMP_SP_SIGNAL && got.signal.signal == SIGUSR1;
}

static int ask_channel(struct rumpsp_tcp *stream, struct rump_sp_cookie *ret_cookie,
		       uint32_t *ret_number)
{
	struct rump_sp_channel_open ask = {
		.head = {.length = sizeof(ask), .type = RUMP_SP_CHANNEL, .id = 5}, .tid = 77};

	if (say(stream, &ask, sizeof(ask)) || next_message(stream) != sizeof(got.channel) ||
	    got.head.length != sizeof(got.channel) || got.head.type != RUMP_SP_CHANNEL ||
	    got.head.id != 5)
		return -1;
	*ret_cookie = got.channel.cookie;
	*ret_number = got.channel.answer.channel;
	return 0;
}

static struct rumpsp_tcp *connect_cookie(uint32_t kind, const struct rump_sp_cookie *cookie,
					 int *ret_result)
{
	struct config_error error = {""};

	return connect_to(&server_url, good_secret, kind, cookie->bytes, ret_result, &error);
}

static struct rump_sp_channel *new_memory(void)
{
	void *memory = mmap(NULL, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		bail_out("mmap");
	return memory;
}

struct client {
	struct rumpsp_tcp *control, *stream;
	struct rump_sp_channel *channel;
	uint32_t number;
};

static struct client new_client(void)
{
	struct client client = {.control = connect_good(), .channel = new_memory()};
	struct rump_sp_cookie cookie;
	int result;

	if (!client.control || !greets(client.control) ||
	    ask_channel(client.control, &cookie, &client.number))
		bail_out("no control connection");
	client.stream = connect_cookie(RUMP_SP_OPEN_CHANNEL, &cookie, &result);
	if (!client.stream)
		bail_out("no channel: %s", strerror(-result));
	return client;
}

static void end_client(struct client *client)
{
	tcp->close(client->stream, 1);
	tcp->close(client->control, 1);
	munmap(client->channel, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE);
}

static int turn(struct client *client)
{
	int result = tcp->turn_send(client->stream, client->channel);

	return result ? result : tcp->turn_receive(client->stream, client->channel);
}

/* ---- tests ---- */

static void test_control(void)
{
	struct rumpsp_tcp *stream = connect_good();
	struct rump_sp_channel_end end = {
		.head = {.length = sizeof(end), .type = RUMP_SP_CHANNEL_END}, .channel = 1};
	struct rump_sp_message bad = {.length = 17, .type = RUMP_SP_HELLO};
	int ends = channel_ends;

	ok(stream && greets(stream), "welcome and a signal arrive");
	ok(hello_is_clean, "the server sees no address and no pid of another host");
	say(stream, &end, sizeof(end));
	ok(greets(stream), "CHANNEL_END is followed by what comes behind it");
	is_int(channel_ends, ends, "but does not reach the server");
	say(stream, &bad, sizeof(bad));
	is_int(next_message(stream), -ENOTCONN, "a wrong length ends the connection");
	tcp->close(stream, 1);
	stream = connect_good();
	say(stream, "short", 5);
	is_int(next_message(stream), -ENOTCONN, "so does a short message");
	tcp->close(stream, 1);
	stream = connect_good();
	say(stream, "", 0);
	is_int(next_message(stream), -ENOTCONN, "so does one of no bytes");
	tcp->close(stream, 1);
}

static void test_turns(void)
{
	struct client client = new_client();
	struct rump_sp_channel *channel = client.channel;
	struct rump_sp_record record;
	int64_t sum;
	int wrong = 0;

	channel->turn = (struct rump_sp_turn){.number = 12345};
	is_int(turn(&client), 0, "a call without data");
	is_int(channel->answer.result, -ENOSYS, "has its result");
	ok(channel->reply == channel->request && channel->request == 1, "the turns are counted");
	for (uint32_t length = 0; length <= RUMP_SP_IN_MAX; length += length < 64 ? 8 : 16312) {
		channel->turn = (struct rump_sp_turn){.number = CALL_SUM, .in_used = length};
		sum = 0;
		for (uint32_t i = 0; i < length; i++)
			sum += data_of(channel)[i] = (uint8_t)(i * 13 + length);
		wrong += turn(&client) || channel->answer.result != sum;
	}
	is_int(wrong, 0, "windows up to the largest arrive");
	channel->turn =
		(struct rump_sp_turn){.number = CALL_WRITE, .in_used = 64, .args = {0x1000}};
	is_int(turn(&client), 0, "a call that writes");
	memcpy(&record, data_of(channel) + channel->answer.out_offset, sizeof(record));
	ok(channel->answer.out_offset == 64 && channel->answer.out_used == 40 &&
		   record.address == 0x1000 && record.length == 22 &&
		   !strcmp((char *)data_of(channel) + 64 + 16, "written by the kernel"),
	   "its record is where the answer says");
	is_int(channel->answer.signals, 1 << (SIGPIPE - 1), "signals come along");

	channel->turn = (struct rump_sp_turn){.number = CALL_READ, .args = {0x2000, 5000}};
	is_int(turn(&client), 0, "a call that reads");
	ok(channel->answer.kind == RUMP_SP_COPYIN && channel->answer.copy_length == 5000 &&
		   channel->answer.copy_address == 0x2000,
	   "asks for the bytes");
	sum = 0;
	for (uint32_t i = 0; i < 5000; i++)
		sum += data_of(channel)[channel->answer.out_offset + i] = (uint8_t)(i * 3);
	channel->turn.flags = RUMP_SP_CONTINUE;
	is_int(turn(&client), 0, "gets them");
	is_int(channel->answer.result, sum, "unchanged");
	channel->turn = (struct rump_sp_turn){.number = CALL_READ, .args = {0x2000, 5000}};
	turn(&client);
	channel->turn.flags = RUMP_SP_CONTINUE;
	channel->turn.copy_error = EFAULT;
	is_int(turn(&client), 0, "or hears that there are none");
	is_int(channel->answer.result, -EFAULT, "and why");
	wrong = 0;
	for (int i = 0; i < 3000; i++) {
		channel->turn = (struct rump_sp_turn){.number = 12345};
		wrong += turn(&client) || channel->answer.result != -ENOSYS;
	}
	is_int(wrong, 0, "3000 calls");
	end_client(&client);
}

static void *interrupt_soon(void *arg)
{
	struct client *client = arg;
	struct rump_sp_interrupt interrupt = {
		.head = {.length = sizeof(interrupt), .type = RUMP_SP_INTERRUPT},
		.channel = client->number,
		.request = 1,
	};

	usleep(100000);
	say(client->control, &interrupt, sizeof(interrupt));
	return NULL;
}

static void test_blocked(void)
{
	struct client client = new_client(), other = new_client();
	unsigned long long start = host_now();
	pthread_t thread;
	int closed;

	pthread_create(&thread, NULL, interrupt_soon, &client);
	client.channel->turn = (struct rump_sp_turn){.number = CALL_BLOCK};
	is_int(tcp->turn_send(client.stream, client.channel), 0, "a call that blocks");
	other.channel->turn = (struct rump_sp_turn){.number = 12345};
	is_int(turn(&other), 0, "holds no other client");
	is_int(tcp->turn_receive(client.stream, client.channel), 0, "and ends");
	ok(client.channel->answer.result == -EINTR && last_interrupted == client.number,
	   "when it is interrupted");
	ok(host_now() - start > NSEC_PER_SEC / 20, "not earlier");
	pthread_join(thread, NULL);

	/* a client that goes away in the midst of a call */
	closed = channels_closed;
	other.channel->turn = (struct rump_sp_turn){.number = CALL_BLOCK};
	tcp->turn_send(other.stream, other.channel);
	tcp->close(other.control, 1);
	is_int(tcp->turn_receive(other.stream, other.channel), -ENOTCONN,
	       "the end of the control connection cuts its channels");
	for (int i = 0; i < 2000 && channels_closed == closed; i++)
		usleep(10000);
	is_int(channels_closed, closed + 1, "and the server's thread is free");
	tcp->close(other.stream, 1);
	munmap(other.channel, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE);
	end_client(&client);
}

/* What earlier clients have left behind has ended. */
static int settled_ends(void)
{
	int ends;

	do {
		ends = channel_ends;
		usleep(100000);
	} while (ends != channel_ends);
	return ends;
}

static void test_bad_turns(void)
{
	static uint8_t message[sizeof(struct rump_sp_turn) + RUMP_SP_DATA_SIZE];
	struct client client;
	struct rump_sp_turn turn_;
	struct {
		uint32_t flags, in_used;
		size_t length;
		const char *name;
	} bad[] = {
		{0, 0, 8, "a piece of a turn"},
		{0, 100, 0, "fewer bytes than it says"},
		{0, 0, 100, "more bytes than it says"},
		{0, 0xfffffff8, 100, "an absurd length"},
		{RUMP_SP_CONTINUE, 0, 100, "bytes nobody asked for"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int ends = settled_ends();

		client = new_client();
		turn_ = (struct rump_sp_turn){
			.number = CALL_SUM, .flags = bad[i].flags, .in_used = bad[i].in_used};
		memcpy(message, &turn_, sizeof(turn_));
		say(client.stream, message, bad[i].length == 8 ? 8 : sizeof(turn_) + bad[i].length);
		is_int(tcp->turn_receive(client.stream, client.channel), -ENOTCONN,
		       "%s ends the channel", bad[i].name);
		for (int j = 0; j < 200 && channel_ends == ends; j++)
			usleep(10000);
		is_int(channel_ends, ends + 1, "which the server is told");
		ok(greets(client.control), "the control connection lives on");
		end_client(&client);
	}
	client = new_client();
	client.channel->turn = (struct rump_sp_turn){.number = CALL_GARBAGE};
	is_int(turn(&client), -ENOTCONN, "an answer that is none ends the channel");
	end_client(&client);
	client = new_client();
	client.channel->turn = (struct rump_sp_turn){.number = CALL_SUM, .in_used = 0x7fffffff};
	is_int(tcp->turn_send(client.stream, client.channel), -EINVAL,
	       "the client's side does not send what is not there");
	end_client(&client);
}

static void test_cookies(void)
{
	struct rumpsp_tcp *control = connect_good(), *stream;
	struct rump_sp_cookie cookie, wrong;
	int result, ends = settled_ends();
	uint32_t number;

	greets(control);
	ask_channel(control, &cookie, &number);
	wrong = cookie;
	wrong.bytes[31] ^= 1;
	ok(!connect_cookie(RUMP_SP_OPEN_CHANNEL, &wrong, &result) && result == -ENOENT,
	   "a cookie with a flipped bit opens nothing");
	ok(!connect_cookie(RUMP_SP_OPEN_FORKED, &cookie, &result) && result == -ENOENT,
	   "nor does a channel's as a process");
	stream = connect_cookie(RUMP_SP_OPEN_CHANNEL, &cookie, &result);
	ok(stream, "the right one does");
	ok(!connect_cookie(RUMP_SP_OPEN_CHANNEL, &cookie, &result) && result == -ENOENT, "once");
	tcp->close(stream, 1);
	for (int i = 0; i < 2000 && channel_ends == ends; i++)
		usleep(10000);
	is_int(channel_ends, ends + 1, "a closed connection ends its channel");

	ask_channel(control, &cookie, &number);
	tcp->close(control, 1);
	usleep(200000);
	ok(!connect_cookie(RUMP_SP_OPEN_CHANNEL, &cookie, &result) && result == -ENOENT,
	   "cookies end with the connection that they came by");

	control = connect_good();
	greets(control);
	ask_channel(control, &cookie, &number);
	ends = channel_ends;
	for (int i = 0; i < RUMP_SP_COOKIE_SECONDS * 10 + 30 && channel_ends == ends; i++)
		usleep(100000);
	is_int(channel_ends, ends + 1, "a channel that nobody opens is ended after a while");
	ok(!connect_cookie(RUMP_SP_OPEN_CHANNEL, &cookie, &result) && result == -ENOENT,
	   "its cookie too");
	ok(greets(control), "the control connection lives on");
	tcp->close(control, 1);
}

static void test_fork(void)
{
	struct client client = new_client();
	struct rumpsp_tcp *forked;
	struct rump_sp_cookie cookie;
	int result, status;
	pid_t pid;

	client.channel->turn = (struct rump_sp_turn){.number = RUMP_SP_CALL_FORK};
	is_int(turn(&client), 0, "FORK");
	ok(next_message(client.control) == sizeof(got.socket) && got.head.type == RUMP_SP_SOCKET &&
		   got.head.id == client.channel->answer.result,
	   "its message brings a cookie");
	cookie = got.socket.cookie;
	forked = connect_cookie(RUMP_SP_OPEN_FORKED, &cookie, &result);
	if (!ok(forked, "a connection for the child"))
		return;
	pid = fork();
	if (!pid) {
		tcp->close(client.stream, 0);
		tcp->close(client.control, 0);
		_exit(!greets(forked));
	}
	tcp->close(forked, 0);
	waitpid(pid, &status, 0);
	is_int(status, 0, "which the child uses");
	client.channel->turn = (struct rump_sp_turn){.number = 12345};
	ok(!turn(&client) && greets(client.control), "and the parent keeps its own");
	end_client(&client);
}

static void test_server_forks(void)
{
	unsigned int fds = count_in("/proc/self/fd");
	struct client client = new_client();
	int status;
	pid_t pid = fork();

	if (!pid) {
		tcp->close(client.stream, 0);
		tcp->close(client.control, 0);
		tcp->forked();
		/* what is left is this test's own: ends of socketpairs and the log */
		_exit(count_in("/proc/self/fd") > fds + 1);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "a child of the server's process has none of its connections");
	client.channel->turn = (struct rump_sp_turn){.number = 12345};
	is_int(turn(&client), 0, "and the server goes on");
	end_client(&client);
}

int main(void)
{
	unsigned int fds, threads;

	signal(SIGPIPE, SIG_IGN);
	start_server();
	usleep(100000);
	fds = count_in("/proc/self/fd");
	threads = count_in("/proc/self/task");
	test_control();
	test_turns();
	test_blocked();
	test_bad_turns();
	test_fork();
	ok(is_flat(fds, threads), "no descriptor and no thread is left");
	test_server_forks();
	test_cookies();
	ok(is_flat(fds, threads), "no descriptor and no thread is left");
	tcp->stop(server);
	return done_testing();
}

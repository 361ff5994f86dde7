/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of a server that does what no good one would:
 *
 *	hostile SOCKET-FILE WAY [COUNT]
 *
 * Exits with 0 when the server has done what it should each time: ended the connection,
 * or given an error; 1 and a line when it has not, for example read memory for us that is
 * not ours.  What the others notice of it is for tests/hostile.bats to see.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump_sp.h>

#define CHANNEL_SIZE (RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE)

static const char *path;
static uint64_t probe = 0x6162636465666768;

static __attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	exit(1);
}

static uint32_t draw(uint32_t below)
{
	static uint64_t state = 0x9e3779b97f4a7c15u;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32) % below;
}

/* ---- a client ---- */

struct client {
	int fd, passed;
	uint32_t id, number;
	struct rump_sp_welcome welcome;
	struct rump_sp_channel *channel;
	bool is_lost;
};

static int connect_socket(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct timeval limit = {20, 0};

	strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
	for (int tries = 0; tries < 2000; tries++) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (!connect(fd, (struct sockaddr *)&name, sizeof(name)))
			return fd;
		close(fd);
		if (errno != EAGAIN)
			break;
		usleep(1000);
	}
	fail("connect: %s", strerror(errno));
}

/* 0: the connection has ended */
static long receive(struct client *client, void *message, size_t size)
{
	char ancillary[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {message, size};
	struct msghdr header = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = ancillary,
				.msg_controllen = sizeof(ancillary)};
	long length = recvmsg(client->fd, &header, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	if (length < 0 && errno == EAGAIN)
		fail("the server neither answers nor ends the connection");
	client->passed = -1;
	if (length <= 0) {
		client->is_lost = true;
		return 0;
	}
	c = CMSG_FIRSTHDR(&header);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&client->passed, CMSG_DATA(c), sizeof(int));
	return length;
}

static void say(struct client *client, void *message, size_t length, int type)
{
	struct rump_sp_message *head = message;

	head->length = (uint32_t)length;
	head->type = (uint16_t)type;
	head->id = ++client->id;
	if (send(client->fd, message, length, MSG_NOSIGNAL) < 0 && errno == EAGAIN)
		fail("the server does not read");
}

static void must_end(struct client *client, const char *after)
{
	char message[RUMP_SP_MESSAGE_MAX];

	for (int i = 0; i < 1000; i++) {
		if (!receive(client, message, sizeof(message))) {
			close(client->fd);
			return;
		}
		if (client->passed >= 0)
			close(client->passed);
	}
	fail("after %s the connection lives on", after);
}

static struct rump_sp_hello a_hello(void)
{
	struct rump_sp_hello hello = {
		.magic = RUMP_SP_MAGIC,
		.version = RUMP_SP_VERSION,
		.pid = getpid(),
		.name = "hostile",
	};

	return hello;
}

static struct client greet(const struct rump_sp_hello *with)
{
	struct client client = {.fd = connect_socket(), .passed = -1};
	struct rump_sp_hello hello = *with;

	say(&client, &hello, sizeof(hello), RUMP_SP_HELLO);
	if (receive(&client, &client.welcome, sizeof(client.welcome)) != sizeof(client.welcome) ||
	    client.welcome.head.error)
		fail("no welcome");
	return client;
}

static void open_channel(struct client *client)
{
	struct rump_sp_channel_open question = {.tid = gettid()};
	struct rump_sp_channel_answer answer;

	say(client, &question, sizeof(question), RUMP_SP_CHANNEL);
	if (receive(client, &answer, sizeof(answer)) != sizeof(answer) || answer.head.error ||
	    client->passed < 0)
		fail("no channel");
	client->number = answer.channel;
	client->channel =
		mmap(NULL, CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, client->passed, 0);
	/* the memory must not shrink under the server */
	if (!ftruncate(client->passed, 0) || !ftruncate(client->passed, 1 << 20))
		fail("the channel's size can be changed");
	close(client->passed);
	if (client->channel == MAP_FAILED)
		fail("mmap");
}

static struct client a_client(bool is_direct)
{
	struct rump_sp_hello hello = a_hello();
	struct client client;

	if (is_direct) {
		hello.probe_address = (uintptr_t)&probe;
		hello.probe_value = probe;
	}
	client = greet(&hello);
	open_channel(&client);
	return client;
}

static void leave(struct client *client)
{
	if (client->channel)
		munmap(client->channel, CHANNEL_SIZE);
	close(client->fd);
}

static void post(struct rump_sp_channel *channel)
{
	__atomic_add_fetch(&channel->request, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &channel->request, FUTEX_WAKE, 1);
}

/* The next answer: false: the channel was closed. */
static bool answered(struct client *client)
{
	struct rump_sp_channel *channel = client->channel;
	struct timespec second = {1, 0};

	__atomic_store_n(&channel->client_sleeps, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 20; i++) {
		uint32_t reply = __atomic_load_n(&channel->reply, __ATOMIC_SEQ_CST);

		if (__atomic_load_n(&channel->is_closed, __ATOMIC_SEQ_CST))
			return false;
		if (reply == channel->request)
			return true;
		syscall(SYS_futex, &channel->reply, FUTEX_WAIT, reply, &second);
	}
	fail("the server does not answer");
}

/* A call whose memory nobody sends: transfers fail as if it were not there. */
static long call(struct client *client, long number, long a, long b, long c, long d)
{
	struct rump_sp_channel *channel = client->channel;

	channel->turn = (struct rump_sp_turn){.number = number, .args = {a, b, c, d}};
	for (int turns = 0; turns < 10000; turns++) {
		post(channel);
		if (!answered(client))
			return -ENOTCONN;
		if (channel->answer.kind == RUMP_SP_RESULT)
			return (long)channel->answer.result;
		channel->turn.flags = RUMP_SP_CONTINUE;
		channel->turn.copy_error = EFAULT;
	}
	fail("a call has no end");
}

/* One with a string in a window. */
static long call_path(struct client *client, long number, const char *text, int at, long c, long d)
{
	struct rump_sp_channel *channel = client->channel;

	channel->turn = (struct rump_sp_turn){.number = number, .args = {AT_FDCWD, 0x1000, c, d}};
	channel->turn.args[at] = 0x1000;
	channel->turn.window_count = 1;
	channel->turn.windows[0].address = 0x1000;
	channel->turn.windows[0].length = (uint32_t)strlen(text) + 1;
	channel->turn.in_used = (channel->turn.windows[0].length + 7) & ~7U;
	strcpy((char *)channel + RUMP_SP_DATA_OFFSET, text);
	post(channel);
	if (!answered(client) || channel->answer.kind != RUMP_SP_RESULT)
		return -ENOTCONN;
	return (long)channel->answer.result;
}

/* ---- messages ---- */

static void garbage(int count)
{
	static uint8_t bytes[80000];

	for (int i = 0; i < count; i++) {
		struct client client = {.fd = connect_socket()};
		size_t length = 1 + draw(draw(2) ? 200 : sizeof(bytes) - 1);

		for (size_t j = 0; j < length; j++)
			bytes[j] = (uint8_t)draw(256);
		if (send(client.fd, bytes, length, MSG_NOSIGNAL) < 0 && errno != EPIPE)
			fail("send: %s", strerror(errno));
		must_end(&client, "garbage");
	}
}

static void truncated(int count)
{
	struct rump_sp_hello hello = a_hello();

	for (int i = 0; i < count; i++) {
		struct client client = {.fd = connect_socket()};
		size_t length = 1 + draw(sizeof(hello) - 1);

		hello.head.length = (uint32_t)(draw(2) ? length : sizeof(hello));
		hello.head.type = RUMP_SP_HELLO;
		send(client.fd, &hello, length, MSG_NOSIGNAL);
		must_end(&client, "half a hello");
	}
}

/* Each is no message of the protocol, the first in a connection or after a good hello. */
static void out_of_order(int count)
{
	static union {
		struct rump_sp_message head;
		struct rump_sp_exec exec;
		uint8_t bytes[RUMP_SP_MESSAGE_MAX];
	} message;
	struct rump_sp_hello hello = a_hello();

	for (int i = 0; i < count; i++) {
		struct client client;

		memset(&message, 0, 256);
		switch (i % 6) {
		case 0: /* before hello */
			client = (struct client){.fd = connect_socket()};
			say(&client, &message, sizeof(struct rump_sp_channel_open),
			    RUMP_SP_CHANNEL);
			break;
		case 1: /* what only servers say */
			client = greet(&hello);
			say(&client, &message, 32, RUMP_SP_SOCKET + draw(2));
			break;
		case 2: /* an answer */
			client = greet(&hello);
			message.head.is_answer = 1;
			say(&client, &message, 96, RUMP_SP_HELLO);
			break;
		case 3: /* more descriptors than there are */
			client = greet(&hello);
			message.exec.count = 0x40000000;
			say(&client, &message, sizeof(message.exec) + 8, RUMP_SP_EXEC);
			break;
		case 4: /* not ascending */
			client = greet(&hello);
			message.exec.count = 2;
			message.exec.keep[0] = 3;
			message.exec.keep[1] = 3;
			say(&client, &message, sizeof(message.exec) + 8, RUMP_SP_EXEC);
			break;
		default: /* an unknown type, the longest */
			client = greet(&hello);
			say(&client, &message, sizeof(message), 77);
		}
		must_end(&client, "a wrong message");
	}
}

/* Descriptors that the server did not ask for. */
static void descriptors(int count)
{
	char room[CMSG_SPACE(16 * sizeof(int))] = {0};
	struct rump_sp_interrupt interrupt = {
		.head = {.length = sizeof(interrupt), .type = RUMP_SP_INTERRUPT}, .channel = 1};
	struct iovec iov = {&interrupt, sizeof(interrupt)};
	struct msghdr header = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = room,
				.msg_controllen = sizeof(room)};
	struct rump_sp_hello hello = a_hello();
	struct client client = greet(&hello);
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(16 * sizeof(int));
	for (int i = 0; i < 16; i++)
		((int *)CMSG_DATA(c))[i] = client.fd;
	for (int i = 0; i < count; i++) {
		if (sendmsg(client.fd, &header, MSG_NOSIGNAL) < 0 && errno != ETOOMANYREFS)
			break;
	}
	leave(&client);
}

/* Asks and asks, and reads no answer. */
static void deaf(int count)
{
	struct rump_sp_hello hello = a_hello();
	struct rump_sp_channel_open question = {.tid = 0};
	struct client client = greet(&hello);

	for (int i = 0; i < count; i++) {
		question.head = (struct rump_sp_message){.length = sizeof(question),
							 .type = RUMP_SP_CHANNEL};
		if (send(client.fd, &question, sizeof(question), MSG_NOSIGNAL) < 0)
			break;
	}
	leave(&client);
}

/* ---- channels ---- */

static void turns(int count)
{
	for (int i = 0; i < count; i++) {
		struct client client = a_client(i & 1);
		struct rump_sp_turn *turn = &client.channel->turn;

		*turn = (struct rump_sp_turn){.number = SYS_write, .args = {1, 0x1000, 100}};
		turn->window_count = 1;
		turn->in_used = 128;
		turn->windows[0] = (struct rump_sp_window){.address = 0x1000, .length = 100};
		switch (i % 8) {
		case 0:
			turn->window_count = RUMP_SP_WINDOWS + 1;
			break;
		case 1:
			turn->window_count = ~0U;
			break;
		case 2:
			turn->in_used = RUMP_SP_IN_MAX + 8;
			break;
		case 3:
			turn->in_used = ~0U;
			break;
		case 4:
			turn->windows[0].length = 129;
			break;
		case 5:
			turn->windows[0].offset = 0xfffffff8;
			break;
		case 6:
			turn->windows[0].offset = 4;
			break;
		case 7: /* nothing was asked */
			turn->flags = RUMP_SP_CONTINUE;
			break;
		}
		post(client.channel);
		must_end(&client, "a turn that is none");
		munmap(client.channel, CHANNEL_SIZE);
	}
}

/* Memory that is not ours: the server's, its kernel's, the host kernel's. */
static void addresses(int count)
{
	static const uint64_t theirs[] = {
		0x5a0000000000, /* the image of the kernel */
		0x5a0008000000, /* its modules */
		0x5a1000000000, /* its memory */
		0x7ffff7fff000,
		0x7fffffffe000,
		0xffffffff81000000,
		0xffff888000000000,
		0x8000000000000000,
		0,
		1,
		~0ULL - 4095,
		~0ULL,
		0x00007ffffffff000,
	};
	static const int lengths[] = {1, 8, 100, 5000, 200000};

	for (int i = 0; i < count; i++) {
		struct client client = a_client(i & 1);
		long zero = call_path(&client, SYS_openat, "/dev/zero", 1, O_RDWR, 0);
		long fd = call_path(&client, SYS_openat, "/tmp/hostile", 1, O_RDWR | O_CREAT, 0600);
		long result;

		if (zero < 0 || fd < 0)
			fail("open: %ld, %ld", zero, fd);
		for (size_t j = 0; j < sizeof(theirs) / sizeof(theirs[0]); j++) {
			long at = (long)theirs[j];
			int length = lengths[draw(5)];

			/* mapped here after all: then it is ours */
			if (!mincore((void *)(at & ~4095L), 4096, &(unsigned char){0}))
				continue;
			/*
			 * What the kernel writes comes as records, which are ours to carry out,
			 * or fail to; what it reads it must not have.
			 */
			result = call(&client, SYS_read, zero, at, length, 0);
			if (result != -EFAULT && (result <= 0 || result > length))
				fail("read to %#lx: %ld", at, result);
			result = call(&client, SYS_write, fd, at, length, 0);
			if (result != -EFAULT)
				fail("write from %#lx: %ld", at, result);
			result = call(&client, SYS_openat, AT_FDCWD, at, O_RDONLY, 0);
			if (result != -EFAULT && result != -ENOTCONN)
				fail("open of %#lx: %ld", at, result);
			result = call(&client, SYS_newfstatat, AT_FDCWD, at, at, 0);
			if (result != -EFAULT && result != -ENOTCONN)
				fail("stat of %#lx: %ld", at, result);
			result = call(&client, SYS_sethostname, at, 8, 0, 0);
			if (result >= 0)
				fail("sethostname from %#lx: %ld", at, result);
			if (client.is_lost)
				fail("lost at %#lx", at);
		}
		leave(&client);
	}
}

static volatile bool is_over;

static void *scribbler(void *arg)
{
	struct client *client = arg;
	uint64_t state = 88172645463325252ULL;

	while (!is_over) {
		uint32_t at;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		/* turn and answer, mostly; the words of the turns sometimes; the data */
		at = (uint32_t)(state >> 40);
		if (at & 1)
			at = 192 + at % 600;
		else if (at & 2)
			at = RUMP_SP_DATA_OFFSET + at % 4096;
		else
			at = 64 + at % 128;
		((volatile uint8_t *)client->channel)[at] = (uint8_t)(state >> 8);
	}
	return NULL;
}

/* A thread that writes over the channel while calls go on in it; the connection may end. */
static void scribble(int seconds)
{
	struct timespec now;
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (end = now.tv_sec + seconds; now.tv_sec < end; clock_gettime(CLOCK_MONOTONIC, &now)) {
		struct client client = a_client(draw(2));
		struct rump_sp_channel *channel = client.channel;
		pthread_t thread;

		is_over = false;
		pthread_create(&thread, NULL, scribbler, &client);
		for (int i = 0; i < 200; i++) {
			struct timespec moment = {0, 200000};

			channel->turn.number = draw(4) ? SYS_writev : (int64_t)draw(460);
			/* nothing that would stop the machine's clock or mount things */
			if (channel->turn.number == SYS_reboot)
				continue;
			channel->turn.window_count = draw(RUMP_SP_WINDOWS);
			channel->turn.in_used = draw(4096) & ~7U;
			channel->turn.flags = draw(8) ? 0 : 1;
			post(channel);
			syscall(SYS_futex, &channel->reply, FUTEX_WAIT, channel->reply, &moment);
			if (channel->is_closed)
				break;
		}
		is_over = true;
		pthread_join(thread, NULL);
		leave(&client);
	}
}

/* Calls that wait for memory that never comes; then the client is gone. */
static void silent(int count)
{
	for (int i = 0; i < count; i++) {
		struct client client = a_client(false);

		client.channel->turn =
			(struct rump_sp_turn){.number = SYS_openat, .args = {AT_FDCWD, 0x1000}};
		post(client.channel);
		if (!answered(&client) || client.channel->answer.kind != RUMP_SP_COPYIN)
			fail("no transfer is asked for");
		leave(&client);
	}
}

/* ---- others' things ---- */

static void interrupts(int count)
{
	struct client client = a_client(false);

	for (int i = 0; i < count; i++) {
		struct rump_sp_interrupt interrupt = {.channel = draw(2) ? draw(64) : draw(~0U),
						      .request = draw(64)};
		struct rump_sp_channel_end end = {.channel = 1 + draw(1000000)};

		say(&client, &interrupt, sizeof(interrupt), RUMP_SP_INTERRUPT);
		if (end.channel != client.number)
			say(&client, &end, sizeof(end), RUMP_SP_CHANNEL_END);
	}
	if (call(&client, SYS_getpid, 0, 0, 0, 0) != client.welcome.pid)
		fail("the channel is lost");
	leave(&client);
}

static void imports(int count)
{
	struct client client = a_client(false);

	for (int i = 0; i < count; i++) {
		long low = i < 1000 ? i : (long)draw(~0U) << 32 | draw(~0U);
		long result = call(&client, RUMP_SP_CALL_IMPORT, low, i & 1 ? low : (long)draw(~0U),
				   0, 0);

		if (result >= 0)
			fail("a handle was guessed");
	}
	leave(&client);
}

/* Claims to be others, to have their memory read. */
static void pids(int count)
{
	struct rump_sp_hello hello = a_hello();
	struct client client = greet(&hello);
	int32_t server = client.welcome.server_pid;

	leave(&client);
	for (int i = 0; i < count; i++) {
		long fd, result;

		hello.pid = i % 3 ? (int32_t)draw(32768) : i % 2 ? server : 1;
		hello.probe_address = i & 1 ? 0x5a1000000000 : (uintptr_t)&probe;
		hello.probe_value = i & 1 ? draw(4) : probe;
		client = greet(&hello);
		if (client.welcome.flags & RUMP_SP_DIRECT && i & 1)
			fail("the server takes pid %d's memory for ours", hello.pid);
		open_channel(&client);
		fd = call_path(&client, SYS_openat, "/tmp/hostile", 1, O_RDWR | O_CREAT, 0600);
		result = call(&client, SYS_write, fd, 0x5a1000000000, 64, 0);
		if (result != -EFAULT)
			fail("write from the server's memory: %ld", result);
		leave(&client);
	}
}

/* ---- numbers ---- */

static void connects(int count)
{
	struct rump_sp_hello hello = a_hello();

	for (int i = 0; i < count; i++) {
		struct client client;

		if (i % 3) {
			client = greet(&hello);
			if (i % 3 == 2)
				open_channel(&client);
		} else {
			client = (struct client){.fd = connect_socket()};
		}
		leave(&client);
	}
}

/* Holds connections, with and without a hello, until it is killed. */
static void idle(int count)
{
	struct rump_sp_hello hello = a_hello();

	for (int i = 0; i < count; i++) {
		if (i & 1)
			greet(&hello);
		else
			connect_socket();
	}
	printf("%d\n", count);
	fflush(stdout);
	pause();
}

static const struct {
	const char *name;
	void (*fn)(int count);
	int count;
} ways[] = {
	{"garbage", garbage, 1000},
	{"truncated", truncated, 500},
	{"out-of-order", out_of_order, 600},
	{"descriptors", descriptors, 2000},
	{"deaf", deaf, 20000},
	{"turns", turns, 400},
	{"addresses", addresses, 20},
	{"scribble", scribble, 10},
	{"silent", silent, 500},
	{"interrupts", interrupts, 5000},
	{"imports", imports, 20000},
	{"pids", pids, 200},
	{"connects", connects, 10000},
	{"idle", idle, 1000},
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	path = argv[1];
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[2]))
			continue;
		ways[i].fn(argc > 3 ? atoi(argv[3]) : ways[i].count);
		return 0;
	}
	fprintf(stderr, "hostile: %s?\n", argv[2]);
	return 2;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile client against the server's host side (rumpuser/sp_*.c): control messages of any
 * bytes in any order, and channels whose memory says anything and changes while it
 * is read.  One thread does all, so that an input does the same each time: threads are not to be
 * had (jobs then run at once, channels are refused and made here), and what the control
 * thread would be told is done between two operations.
 *
 * The kernel is a small one that looks at what it is given as the real one does, and
 * checks that windows and room for records lie where they may.  The client's memory is
 * that of a child of ours.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "sp.h"

#define CLIENTS_MAX 64

static struct fuzz_input *input; /* for the kernel, which acts on the client's behalf */
static struct sp_channel *serving;
static pid_t victim; /* whose memory a direct client names */
static uint64_t probe = 0x70726f6265;

/* ---- no threads ---- */

int __wrap_thread_create(void (*fn)(void *), void *arg, const char *name);
void __wrap_sp_notify(struct sp_client *client, unsigned int events);

int __wrap_thread_create(void (*fn)(void *), void *arg, const char *name)
{
	(void)fn;
	(void)arg;
	(void)name;
	return -EAGAIN;
}

static struct sp_client *queue[CLIENTS_MAX];
static unsigned int queued;

void __wrap_sp_notify(struct sp_client *client, unsigned int events)
{
	atomic_fetch_or(&client->events, events);
	if (atomic_exchange(&client->is_queued, true))
		return;
	REQUIRE(queued < CLIENTS_MAX);
	sp_client_ref(client);
	queue[queued++] = client;
}

/* As the control thread does it. */
static void run_events(void)
{
	while (queued) {
		struct sp_client *client = queue[--queued];
		unsigned int events;

		atomic_store(&client->is_queued, false);
		events = atomic_exchange(&client->events, 0);
		if (events & SP_EVENT_SIGNAL)
			sp_client_send_signals(client);
		if (events & SP_EVENT_RESUME)
			client->is_paused = false;
		if (events & SP_EVENT_BURY)
			sp_events_bury();
		if (events & SP_EVENT_GONE)
			sp_client_gone(client);
		if (events & (SP_EVENT_END | SP_EVENT_GONE))
			sp_client_end(client);
		if (events & SP_EVENT_FORGET)
			sp_client_unref(client);
		if (events & SP_EVENT_GONE)
			sp_client_unref(client);
		sp_client_unref(client);
	}
}

/* ---- the kernel ---- */

static struct rumpuser_client processes[CLIENTS_MAX];
static int exports;

static int make_process(const struct rumpuser_client *client)
{
	if (!(fuzz_u8(input) & 15))
		return -ENOMEM;
	REQUIRE(strnlen(client->name, sizeof(client->name)) < sizeof(client->name));
	REQUIRE(client->group_count <= RUMPUSER_GROUPS_MAX);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (processes[i].host)
			continue;
		processes[i] = *client;
		return i + 1;
	}
	return -EAGAIN;
}

static int process_end(int pid)
{
	struct rumpuser_client process;

	REQUIRE(pid >= 1 && pid <= CLIENTS_MAX);
	process = processes[pid - 1];
	if (!process.host)
		return -ESRCH;
	processes[pid - 1].host = NULL;
	process.gone(process.host);
	return 0;
}

static int process_known(int pid, int host_pid)
{
	REQUIRE(pid >= 1 && pid <= CLIENTS_MAX && host_pid > 0);
	/* the host's number is taken, always */
	return fuzz_u8(input) & 1 ? pid : -ESRCH;
}

static int process_exec(const char *name, const unsigned int *keep, unsigned int count)
{
	REQUIRE(strnlen(name, 16) < 16);
	for (unsigned int i = 1; i < count; i++)
		REQUIRE(keep[i] > keep[i - 1]);
	return fuzz_u8(input) & 7 ? 0 : -EIO;
}

static int thread_join(int pid, int tid, struct rumpuser_remote *remote)
{
	(void)remote;
	REQUIRE(pid >= 1 && pid <= CLIENTS_MAX && tid >= 0);
	return processes[pid - 1].host ? 0 : -ESRCH;
}

static void thread_leave(void)
{
}

/* The client does what it likes with its memory while a call is under way. */
static void scribble(void)
{
	struct rump_sp_channel *shared = serving->shared;

	switch (fuzz_u8(input) & 7) {
	case 0:
		fuzz_take(input, &shared->turn, sizeof(shared->turn));
		break;
	case 1:
		fuzz_take(input, serving->data, 64);
		fuzz_take(input, serving->remote.out, 64);
		break;
	case 2:
		memset(&shared->answer, 0xff, sizeof(shared->answer));
		shared->magic = shared->data_offset = shared->data_size = ~0U;
		break;
	case 3:
		shared->reply = fuzz_u32(input);
		shared->is_closed = 1;
		break;
	}
	/* the next turn is there already, or the server would wait for it */
	shared->turn.flags = fuzz_u8(input) & 7 ? RUMP_SP_CONTINUE : fuzz_u8(input);
	shared->turn.copy_error = fuzz_u8(input) & 3 ? 0 : (int32_t)fuzz_u32(input);
	shared->request = serving->request + 1 + (fuzz_u8(input) & 1 ? fuzz_u32(input) / 2 : 0);
}

static void check_remote(const struct rumpuser_remote *remote)
{
	const char *data = serving->data, *end = data + RUMP_SP_DATA_SIZE;
	unsigned int sum = 0;

	REQUIRE(remote->window_count <= RUMP_SP_WINDOWS);
	for (unsigned int i = 0; i < remote->window_count; i++) {
		const struct rumpuser_window *window = &remote->windows[i];

		REQUIRE(window->data >= data && window->data <= end &&
			window->length <= (size_t)(end - window->data));
		/* nothing of them is where the records go */
		REQUIRE(window->data + window->length <= remote->out);
		for (unsigned int j = 0; j < window->length; j += 512)
			sum += (unsigned char)window->data[j];
	}
	__asm__ volatile("" ::"r"(sum));
	REQUIRE(remote->out >= data && remote->out + remote->out_size <= end);
	REQUIRE(remote->out_used <= remote->out_size);
}

static void put_record(struct rumpuser_remote *remote)
{
	struct rump_sp_record record = {.address = fuzz_u32(input),
					.length = fuzz_edge(input, remote->out_size)};
	unsigned int room;

	if (record.length > remote->out_size)
		record.length = fuzz_u8(input);
	room = (unsigned int)sizeof(record) + ((record.length + 7) & ~7U);
	if (remote->out_size - remote->out_used < room)
		return;
	memcpy(remote->out + remote->out_used, &record, sizeof(record));
	memset(remote->out + remote->out_used + sizeof(record), 'r', record.length);
	remote->out_used += room;
}

static unsigned long some_address(void)
{
	switch (fuzz_u8(input) & 3) {
	case 0:
		return (unsigned long)fuzz_u32(input) << 12;
	case 1:
		return ~0UL - fuzz_u8(input);
	case 2:
		/* the server's: in the victim it is as good as any */
		return (unsigned long)serving;
	default:
		return 0x5a1000000000UL + fuzz_u32(input);
	}
}

static long kernel_call(long number, const unsigned long args[6])
{
	static char buffer[8192];
	struct rumpuser_remote *remote;
	struct rumpuser_window windows[RUMP_SP_WINDOWS];

	(void)number;
	(void)args;
	if (!serving) /* HALT asks who calls */
		return fuzz_u8(input) & 1;
	remote = &serving->remote;
	memcpy(windows, remote->windows, sizeof(windows));
	for (int i = fuzz_u8(input) & 63; i && input->size; i--) {
		/* no more than fits into one turn of the client's */
		unsigned long length = fuzz_edge(input, 4000) % 4096;
		int error = 0;

		check_remote(remote);
		scribble();
		switch (fuzz_u8(input) & 3) {
		case 0:
			error = remote->read(remote, buffer, some_address(), length);
			break;
		case 1:
			memset(buffer, 'w', length);
			error = remote->write(remote, some_address(), buffer, length);
			break;
		case 2:
			put_record(remote);
			break;
		case 3:
			remote->signal(remote, (int)fuzz_u8(input) - 5);
			break;
		}
		REQUIRE(!error || error == -EFAULT || error == -ENOTCONN);
		check_remote(remote);
		/* what was checked is what is used, whatever the client writes now */
		REQUIRE(!memcmp(windows, remote->windows, sizeof(windows)));
		if (error == -ENOTCONN)
			return -EINTR;
	}
	return (long)fuzz_u32(input) - 4096;
}

static int kernel_interrupt(int tid)
{
	(void)tid;
	return 0;
}

static int file_export(int fd, unsigned long long ret_handle[2])
{
	if (fd & 1)
		return -EBADF;
	ret_handle[0] = ret_handle[1] = (unsigned int)fd;
	exports++;
	return 0;
}

static int file_import(const unsigned long long handle[2])
{
	return handle[0] == handle[1] ? 3 : -ENOENT;
}

static void file_release(const unsigned long long handle[2])
{
	REQUIRE(handle[0] == handle[1]);
	exports--;
}

static void halt(int is_restart)
{
	REQUIRE(is_restart == 0 || is_restart == 1);
}

static int may_leave(void)
{
	return fuzz_u8(input) & 1;
}

/* A notifier that is raised and gone before the client hears of it. */
static int event_attach(int fd, void *event)
{
	if (fd & 1)
		return -EBADF;
	event_raise(event);
	event_close(event);
	return 0;
}

static const struct rumpuser_upcalls upcalls = {
	.version = RUMPUSER_VERSION,
	.process_new = make_process,
	.process_fork = make_process,
	.process_exec = process_exec,
	.process_known = process_known,
	.process_end = process_end,
	.thread_join = thread_join,
	.thread_leave = thread_leave,
	.syscall = kernel_call,
	.interrupt = kernel_interrupt,
	.file_export = file_export,
	.file_import = file_import,
	.file_release = file_release,
	.event_attach = event_attach,
};

/* ---- the client ---- */

/* What the server says has to be well-formed, too. */
static void drain(int fd)
{
	static char buffer[RUMP_SP_MESSAGE_MAX];
	char ancillary[CMSG_SPACE(4 * sizeof(int))];

	for (;;) {
		struct iovec iov = {buffer, sizeof(buffer)};
		struct msghdr header = {.msg_iov = &iov,
					.msg_iovlen = 1,
					.msg_control = ancillary,
					.msg_controllen = sizeof(ancillary)};
		ssize_t length = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		struct rump_sp_message head;
		struct cmsghdr *c;

		if (length <= 0)
			return;
		REQUIRE(length >= (ssize_t)sizeof(head));
		memcpy(&head, buffer, sizeof(head));
		REQUIRE(head.length == (size_t)length && head.error >= 0);
		c = CMSG_FIRSTHDR(&header);
		if (c && c->cmsg_type == SCM_RIGHTS) {
			int passed;

			memcpy(&passed, CMSG_DATA(c), sizeof(passed));
			close(passed);
		}
	}
}

static void fill_hello(uint8_t *message, size_t length)
{
	struct rump_sp_hello hello;

	if (length < sizeof(hello))
		return;
	memcpy(&hello, message, sizeof(hello));
	hello.magic = RUMP_SP_MAGIC;
	hello.version = fuzz_u8(input) & 7 ? RUMP_SP_VERSION : hello.version;
	if (fuzz_u8(input) & 3) {
		hello.probe_address = (uintptr_t)&probe;
		hello.probe_value = probe;
	}
	memcpy(message, &hello, sizeof(hello));
}

static void fill_exec(uint8_t *message, size_t length)
{
	struct rump_sp_exec exec;

	if (length < sizeof(exec))
		return;
	memcpy(&exec, message, sizeof(exec));
	exec.count = (uint32_t)((length - sizeof(exec)) / sizeof(uint32_t));
	if (!(fuzz_u8(input) & 7))
		exec.count = fuzz_edge(input, exec.count);
	memcpy(message, &exec, sizeof(exec));
}

/* What a message of that type has, most of the time. */
static size_t some_length(uint8_t type)
{
	uint8_t how = fuzz_u8(input);

	if (!(how & 7))
		return fuzz_u8(input);
	switch (type) {
	case RUMP_SP_HELLO:
	case RUMP_SP_LEAVE:
		return sizeof(struct rump_sp_hello);
	case RUMP_SP_CHANNEL:
		return sizeof(struct rump_sp_channel_open);
	case RUMP_SP_CHANNEL_END:
		return sizeof(struct rump_sp_channel_end);
	case RUMP_SP_INTERRUPT:
		return sizeof(struct rump_sp_interrupt);
	case RUMP_SP_EXEC:
		return sizeof(struct rump_sp_exec) + (how >> 5) * sizeof(uint32_t);
	case RUMP_SP_HALT:
		return sizeof(struct rump_sp_halt);
	case RUMP_SP_CHILD:
		return sizeof(struct rump_sp_message);
	}
	return how;
}

/* false: the connection has ended */
static bool one_message(struct sp_client *client, uint8_t type)
{
	struct sp_sender sender = {.pid = fuzz_u8(input) & 3 ? victim : 0, .uid = geteuid()};
	size_t length = some_length(type);
	/* of exactly that size */
	uint8_t *message = malloc(length ? length : 1);
	struct rump_sp_message head;
	int error;

	fuzz_take(input, message, length);
	if (length >= sizeof(head)) {
		memcpy(&head, message, sizeof(head));
		head.length = (uint32_t)length - (fuzz_u8(input) == 1);
		head.type = type;
		head.is_answer = fuzz_u8(input) == 1;
		memcpy(message, &head, sizeof(head));
		if (type == RUMP_SP_HELLO || type == RUMP_SP_LEAVE)
			fill_hello(message, length);
		if (type == RUMP_SP_EXEC)
			fill_exec(message, length);
	}
	error = sp_message(client, message, length, &sender);
	free(message);
	REQUIRE(error <= 0 && error >= -4095);
	return !error;
}

static bool one_turn(struct sp_channel *channel)
{
	struct rump_sp_turn turn;
	int error;

	fuzz_take(input, &turn, offsetof(struct rump_sp_turn, windows));
	if (!(fuzz_u8(input) & 3))
		turn.number = RUMP_SP_CALL_FORK - 1 + (fuzz_u8(input) & 7);
	else if (fuzz_u8(input) & 15)
		turn.number &= 0x1ff;
	turn.flags = fuzz_u8(input) & 15 ? 0 : turn.flags;
	turn.window_count =
		fuzz_u8(input) & 15 ? fuzz_u8(input) % 4 : fuzz_edge(input, RUMP_SP_WINDOWS);
	turn.in_used = fuzz_edge(input, RUMP_SP_IN_MAX);
	if (turn.in_used > RUMP_SP_IN_MAX && fuzz_u8(input))
		turn.in_used = RUMP_SP_IN_MAX - fuzz_u8(input);
	for (int i = 0; i < RUMP_SP_WINDOWS; i++) {
		turn.windows[i] = (struct rump_sp_window){.address = fuzz_u32(input)};
		if (i >= 3)
			continue;
		if (!(fuzz_u8(input) & 7)) {
			turn.windows[i].length = fuzz_edge(input, turn.in_used / 2);
			turn.windows[i].offset = fuzz_edge(input, turn.in_used / 2);
		} else if (turn.in_used) {
			turn.windows[i].offset = (fuzz_u32(input) % turn.in_used) & ~7U;
			turn.windows[i].length =
				fuzz_u32(input) % (1ULL + turn.in_used - turn.windows[i].offset);
		}
	}
	channel->shared->turn = turn;
	channel->request = fuzz_u32(input);
	channel->shared->request = channel->request;
	channel->shared->client_sleeps = fuzz_u8(input) & 1;
	serving = channel;
	error = sp_channel_turn(channel);
	serving = NULL;
	return !error;
}

static void start(void)
{
	if (victim)
		return;
	REQUIRE(rumpuser_init(RUMPUSER_VERSION, &upcalls));
	kernel_is_here();
	victim = fork();
	if (!victim) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct sp_policy policy = {.halt = halt, .leave = may_leave};
	struct sp_channel *channel = NULL;
	struct sp_client *client;
	int fds[2], error;
	bool is_going = true;

	start();
	input = &in;
	policy.has_secret = !(fuzz_u8(input) & 7);
	REQUIRE(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
	client = sp_client_new(&policy);
	REQUIRE(client);
	sp_client_ref(client); /* ours */
	client->control = file_adopt(fds[0]);
	client->host_uid = fuzz_u8(input) & 3 ? geteuid() : 12345;
	client->is_elsewhere = !(fuzz_u8(input) & 7);
	if (fuzz_u8(input) & 7)
		is_going = one_message(client, RUMP_SP_HELLO);
	while (is_going && in.size) {
		if (fuzz_u8(input) & 1 || !client->is_entered) {
			is_going = one_message(client, fuzz_u8(input) % (RUMP_SP_CHILD + 2));
		} else {
			if (!channel)
				channel = sp_channel_new(client, &error);
			REQUIRE(channel);
			is_going = one_turn(channel);
		}
		run_events();
		drain(fds[1]);
		is_going = is_going && !client->is_ended;
	}
	sp_client_end(client);
	if (channel)
		sp_channel_free(channel);
	run_events();
	/* nothing else has it any more */
	REQUIRE(client->refs == 1);
	sp_client_unref(client);
	drain(fds[1]);
	close(fds[1]);
	REQUIRE(!exports && !sp_client_count());
	for (int i = 0; i < CLIENTS_MAX; i++)
		REQUIRE(!processes[i].host);
	return 0;
}

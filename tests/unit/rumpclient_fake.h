/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server without a kernel, in a thread of the test: what it answers is the test's to say.
 */
#ifndef RUMPCLIENT_FAKE_H
#define RUMPCLIENT_FAKE_H

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump_sp.h>
#include <rump/rumpclient.h>

#include "tap.h"

struct fake_channel {
	int socket; /* the client's control connection */
	struct rump_sp_channel *shared;
	uint32_t number, request;
	bool is_posting; /* the client wakes us accordingly */
	struct rump_sp_turn turn; /* the first of the call */
	uint32_t out_used;
};

/* What the test says. */
struct fake {
	char url[128];
	int listener;
	/* a call: the result */
	int64_t (*call)(struct fake_channel *channel);
	/* of the hello's answer */
	int error;
	uint32_t version, flags;
	/* set: the connection is closed instead of answering this type once */
	int closes_at;
	/* what came */
	int last_socket;
	uint32_t hellos, connections, interrupts, channel_ends, execs, halts;
	uint32_t interrupted[256]; /* request of the last INTERRUPT of each channel */
	struct rump_sp_hello hello;
	uint32_t exec_count, exec_keep[64];
	char exec_name[16];
};

static struct fake fake = {.version = RUMP_SP_VERSION};

TAP_UNUSED static char *fake_data(struct fake_channel *channel)
{
	return (char *)channel->shared + channel->shared->data_offset;
}

static void fake_answer(struct fake_channel *channel)
{
	struct rump_sp_channel *shared = channel->shared;

	channel->out_used = 0;
	__atomic_store_n(&shared->reply, channel->request, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &shared->reply, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* false: the client has gone. */
static bool fake_wait(struct fake_channel *channel)
{
	struct rump_sp_channel *shared = channel->shared;
	struct timespec second = {1, 0};
	struct pollfd fd = {channel->socket, 0, 0};

	while (__atomic_load_n(&shared->request, __ATOMIC_SEQ_CST) == channel->request) {
		__atomic_store_n(&shared->server_sleeps, 1, __ATOMIC_SEQ_CST);
		if (channel->is_posting)
			syscall(SYS_futex, &shared->server_sleeps, FUTEX_WAIT, 1, &second, NULL, 0);
		else
			syscall(SYS_futex, &shared->request, FUTEX_WAIT, channel->request, &second,
				NULL, 0);
		if (poll(&fd, 1, 0) == 1)
			return false;
	}
	channel->request++;
	return true;
}

/* Asks the client; its copy_error. */
TAP_UNUSED static int fake_copyin(struct fake_channel *channel, void *to, uint64_t from,
				  uint32_t length)
{
	uint32_t at = (channel->turn.in_used + 63) & ~63U;

	channel->shared->answer = (struct rump_sp_answer){
		.kind = RUMP_SP_COPYIN,
		.copy_address = from,
		.copy_length = length,
		.out_offset = at,
	};
	fake_answer(channel);
	if (!fake_wait(channel))
		return ENOTCONN;
	memcpy(to, fake_data(channel) + at, length);
	return channel->shared->turn.copy_error;
}

TAP_UNUSED static void fake_record(struct fake_channel *channel, uint64_t to, const void *from,
				   uint32_t length)
{
	uint32_t at = ((channel->turn.in_used + 63) & ~63U) + channel->out_used;
	struct rump_sp_record record = {.address = to, .length = length};

	memcpy(fake_data(channel) + at, &record, sizeof(record));
	memcpy(fake_data(channel) + at + sizeof(record), from, length);
	channel->shared->answer.out_offset = at - channel->out_used;
	channel->out_used += (uint32_t)sizeof(record) + ((length + 7) & ~7U);
}

TAP_UNUSED static int fake_copyout(struct fake_channel *channel)
{
	channel->shared->answer.kind = RUMP_SP_COPYOUT;
	channel->shared->answer.out_used = channel->out_used;
	fake_answer(channel);
	return fake_wait(channel) ? channel->shared->turn.copy_error : ENOTCONN;
}

/* What was sent along for an address, or NULL. */
TAP_UNUSED static const char *fake_window(struct fake_channel *channel, uint64_t address,
					  uint32_t *ret_length)
{
	for (uint32_t i = 0; i < channel->turn.window_count; i++) {
		const struct rump_sp_window *window = &channel->turn.windows[i];

		if (window->address != address)
			continue;
		*ret_length = window->length;
		return fake_data(channel) + window->offset;
	}
	return NULL;
}

TAP_UNUSED static void fake_send(int socket, struct rump_sp_message *head, size_t length, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec piece = {head, length};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

	head->length = (uint32_t)length;
	if (fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	if (sendmsg(socket, &message, MSG_NOSIGNAL) != (ssize_t)length)
		diag("the fake server cannot send: %s", strerror(errno));
}

static void *fake_serve_channel(void *arg)
{
	struct fake_channel *channel = arg;

	while (fake_wait(channel)) {
		channel->turn = channel->shared->turn;
		channel->is_posting |= (channel->turn.flags & RUMP_SP_POSTING) != 0;
		channel->shared->answer = (struct rump_sp_answer){.kind = RUMP_SP_RESULT};
		channel->out_used = 0;
		channel->shared->answer.result = fake.call(channel);
		if (channel->shared->is_closed)
			break;
		if (channel->shared->answer.kind == RUMP_SP_COPYOUT ||
		    channel->shared->answer.kind == RUMP_SP_COPYIN)
			channel->shared->answer.kind = RUMP_SP_RESULT;
		channel->shared->answer.out_used = channel->out_used;
		fake_answer(channel);
	}
	munmap(channel->shared, RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE);
	free(channel);
	return NULL;
}

static void fake_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, arg))
		bail_out("no thread for the fake server");
	pthread_detach(thread);
}

static void fake_make_channel(int socket, const struct rump_sp_message *question)
{
	static uint32_t numbers;
	size_t size = RUMP_SP_DATA_OFFSET + RUMP_SP_DATA_SIZE;
	struct fake_channel *channel = calloc(1, sizeof(*channel));
	int fd = memfd_create("fake-channel", MFD_CLOEXEC);
	struct rump_sp_channel_answer answer = {
		.head = {.type = RUMP_SP_CHANNEL, .is_answer = 1, .id = question->id},
		.size = (uint32_t)size,
	};

	if (fd < 0 || ftruncate(fd, (off_t)size))
		bail_out("no memory for the fake server");
	channel->shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	channel->socket = socket;
	channel->number = answer.channel = __atomic_add_fetch(&numbers, 1, __ATOMIC_SEQ_CST);
	channel->shared->magic = RUMP_SP_MAGIC;
	channel->shared->version = RUMP_SP_VERSION;
	channel->shared->data_offset = RUMP_SP_DATA_OFFSET;
	channel->shared->data_size = RUMP_SP_DATA_SIZE;
	fake_send(socket, &answer.head, sizeof(answer), fd);
	close(fd);
	fake_thread(fake_serve_channel, channel);
}

static void fake_welcome(int socket, const void *message)
{
	struct rump_sp_welcome welcome = {
		.magic = RUMP_SP_MAGIC,
		.version = fake.version,
		.flags = fake.flags,
		.pid = 1,
		.server_id = {11, 22},
	};

	memcpy(&fake.hello, message, sizeof(fake.hello));
	welcome.head.type = RUMP_SP_HELLO;
	welcome.head.is_answer = 1;
	welcome.head.id = fake.hello.head.id;
	welcome.head.error = fake.error;
	fake_send(socket, &welcome.head, sizeof(welcome), -1);
	__atomic_add_fetch(&fake.hellos, 1, __ATOMIC_SEQ_CST);
}

static void fake_message(int socket, const struct rump_sp_message *head)
{
	const struct rump_sp_interrupt *interrupt = (const void *)head;
	const struct rump_sp_exec *exec = (const void *)head;
	struct rump_sp_message answer = {
		.type = head->type,
		.is_answer = 1,
		.id = head->id,
	};

	switch (head->type) {
	case RUMP_SP_HELLO:
		fake_welcome(socket, head);
		break;
	case RUMP_SP_CHANNEL:
		fake_make_channel(socket, head);
		break;
	case RUMP_SP_CHANNEL_END:
		__atomic_add_fetch(&fake.channel_ends, 1, __ATOMIC_SEQ_CST);
		break;
	case RUMP_SP_INTERRUPT:
		fake.interrupted[interrupt->channel % 256] = interrupt->request;
		__atomic_add_fetch(&fake.interrupts, 1, __ATOMIC_SEQ_CST);
		break;
	case RUMP_SP_EXEC:
		fake.exec_count = exec->count;
		memcpy(fake.exec_keep, exec->keep,
		       exec->count < 64 ? exec->count * 4 : sizeof(fake.exec_keep));
		memcpy(fake.exec_name, exec->name, sizeof(fake.exec_name));
		__atomic_add_fetch(&fake.execs, 1, __ATOMIC_SEQ_CST);
		break;
	case RUMP_SP_HALT:
		__atomic_add_fetch(&fake.halts, 1, __ATOMIC_SEQ_CST);
		fake_send(socket, &answer, sizeof(answer), -1);
		break;
	}
}

static void *fake_serve_client(void *arg)
{
	static char buffers[64][RUMP_SP_MESSAGE_MAX] __attribute__((aligned(8)));
	int socket = (int)(long)arg;
	char *buffer = buffers[socket % 64];
	ssize_t length;

	while ((length = recv(socket, buffer, RUMP_SP_MESSAGE_MAX, 0)) > 0) {
		const struct rump_sp_message *head = (const void *)buffer;

		if (fake.closes_at == head->type) {
			fake.closes_at = 0;
			break;
		}
		fake_message(socket, head);
	}
	/* the number stays taken: channels look at it */
	shutdown(socket, SHUT_RDWR);
	return NULL;
}

static void *fake_accept(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept4(fake.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		fake.last_socket = fd;
		__atomic_add_fetch(&fake.connections, 1, __ATOMIC_SEQ_CST);
		fake_thread(fake_serve_client, (void *)(long)fd);
	}
	return NULL;
}

TAP_UNUSED static void fake_listen(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "rump-fake-%d",
			      getpid());

	snprintf(fake.url, sizeof(fake.url), "unix://@%s", address.sun_path + 1);
	fake.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(fake.listener, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) ||
	    listen(fake.listener, 64))
		bail_out("the fake server cannot listen: %s", strerror(errno));
	fake_thread(fake_accept, NULL);
}

TAP_UNUSED static bool fake_comes(const uint32_t *counter, uint32_t value)
{
	struct timespec moment = {0, 5000000};

	for (int i = 0; i < 1000; i++) {
		if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) >= value)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

#endif

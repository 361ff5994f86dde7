/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_control.c - the control thread: it waits for everything at once and for nobody.
 *
 * Other threads, and the kernel on its stacks, reach it through a list of clients with
 * events, without a lock, and an eventfd.  References that an event of the
 * same round may still name are dropped by such events too, which come last.
 *
 * A tick, a millisecond at first and rarer from then on, repeats what may have come at the
 * wrong moment: an interrupt that found its call not yet in the kernel, a wake-up of
 * a thread whose word the client has written back.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "sp.h"

#define EVENTS_MAX 64
#define MESSAGES_MAX 8 /* of a client in a round, so that all get their turn */
#define TICK_FIRST 1   /* ms */
#define TICK_LAST 128
#define LISTENER_PAUSE 100	   /* ms */
#define SILENCE (5 * NSEC_PER_SEC) /* once or twice that is the time for HELLO */
#define LOG_LINES 8		   /* in LOG_NSEC */
#define LOG_NSEC (4 * NSEC_PER_SEC)
#define SOURCE_MASK 7UL

static struct {
	struct host_lock start_lock;
	_Atomic bool is_started;
	int epoll, wake; /* handles */
	uint64_t server_id[2];
	_Atomic(struct sp_client *) queue; /* of clients with events, newest first */
	_Atomic bool is_stopping;
	_Atomic unsigned int stop_wanted, stop_done;
	/* the control thread's */
	struct sp_client *ticking;
	unsigned int tick_length;	/* ms */
	unsigned long long tick_at;	/* ns */
	unsigned long long listener_at; /* ns; 0: all listen */
	unsigned long long silence_at;	/* ns; 0: nobody is silent */
} control;

/* ---- log ---- */

static struct {
	_Atomic unsigned long long since;
	_Atomic unsigned int lines;
} log_state;

void sp_log(const char *format, ...)
{
	unsigned long long now = clock_mono();
	char text[256] = "rump: ";
	va_list args;
	size_t length;
	KEEPS_ERRNO;

	if (now - atomic_load(&log_state.since) > LOG_NSEC) {
		atomic_store(&log_state.since, now);
		atomic_store(&log_state.lines, 0);
	}
	if (atomic_fetch_add(&log_state.lines, 1) >= LOG_LINES)
		return;
	length = strlen(text);
	va_start(args, format);
	vsnprintf(text + length, sizeof(text) - length - 1, format, args);
	va_end(args);
	length = strlen(text);
	text[length] = '\n';
	console_write(text, length + 1);
}

/* ---- from other threads ---- */

static void wake_up(void)
{
	const uint64_t one = 1;

	host_call(SYS_write, file_fd(control.wake), &one, sizeof(one));
}

void sp_notify(struct sp_client *client, unsigned int events)
{
	struct sp_client *head;

	/* first: it may be in the queue, and the caller's reference goes with what we tell */
	sp_client_ref(client);
	atomic_fetch_or(&client->events, events);
	if (atomic_exchange(&client->is_queued, true)) {
		sp_client_unref(client);
		return;
	}
	head = atomic_load(&control.queue);
	do
		client->next_event = head;
	while (!atomic_compare_exchange_weak(&control.queue, &head, client));
	wake_up();
}

void sp_job(void (*fn)(void *), void *arg, const char *name)
{
	/* without a thread the others must wait */
	if (thread_create(fn, arg, name))
		fn(arg);
}

bool sp_is_stopping(void)
{
	return atomic_load(&control.is_stopping);
}

const uint64_t *sp_server_id(void)
{
	return control.server_id;
}

void sp_stop_clients(void)
{
	unsigned int mine, done;

	atomic_store(&control.is_stopping, true);
	if (!atomic_load(&control.is_started))
		return;
	mine = atomic_fetch_add(&control.stop_wanted, 1) + 1;
	wake_up();
	while ((int)((done = atomic_load(&control.stop_done)) - mine) < 0)
		futex_wait((unsigned int *)&control.stop_done, done, 0);
}

/* ---- what is waited for ---- */

static int watch(int op, int handle, enum sp_source source, void *object, uint32_t events)
{
	struct epoll_event event = {.events = events};

	event.data.u64 = (uint64_t)(uintptr_t)object | source;
	return (int)host_call(SYS_epoll_ctl, file_fd(control.epoll), op, file_fd(handle), &event);
}

int sp_watch(int handle, enum sp_source source, void *object, uint32_t events)
{
	return watch(EPOLL_CTL_ADD, handle, source, object, events);
}

void sp_watch_change(int handle, enum sp_source source, void *object, uint32_t events)
{
	watch(EPOLL_CTL_MOD, handle, source, object, events);
}

void sp_unwatch(int handle)
{
	watch(EPOLL_CTL_DEL, handle, SP_WAKE, NULL, 0);
}

/* ---- control connections ---- */

static _Alignas(8) char message_buffer[RUMP_SP_MESSAGE_MAX + 8];

/* Who has sent it; descriptors that nobody has asked for are closed. */
static void read_ancillary(struct msghdr *header, struct sp_sender *sender)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred who;

			memcpy(&who, CMSG_DATA(c), sizeof(who));
			sender->pid = who.pid;
			sender->uid = who.uid;
		} else if (c->cmsg_type == SCM_RIGHTS) {
			size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			for (size_t i = 0; i < count; i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
				host_close(fd);
			}
		}
	}
}

/* 1: there may be more; 0: none now; -errno: the connection is at its end */
static int read_message(struct sp_client *client)
{
	_Alignas(8) char ancillary[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {message_buffer, sizeof(message_buffer)};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ancillary,
		.msg_controllen = sizeof(ancillary),
	};
	struct sp_sender sender = {.pid = 0, .uid = ~0U};
	long length;
	int error;

	length = host_call(SYS_recvmsg, file_fd(client->control), &header,
			   MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (length == -EAGAIN || length == -EINTR)
		return 0;
	if (length <= 0)
		return -ENOTCONN;
	read_ancillary(&header, &sender);
	if (header.msg_flags & MSG_TRUNC || length > RUMP_SP_MESSAGE_MAX) {
		sp_log("client %d: a message of more than %d bytes", sender.pid,
		       RUMP_SP_MESSAGE_MAX);
		return -EMSGSIZE;
	}
	error = sp_message(client, message_buffer, (size_t)length, &sender);
	if (error == -EBADMSG)
		sp_log("client %d: not a message of the protocol, %ld bytes", sender.pid, length);
	return error ? error : 1;
}

static void connection_ready(struct sp_client *client, uint32_t events)
{
	int more = 1;

	if (client->is_ended)
		return;
	if (client->is_paused) {
		/* nothing is read now, but the end is seen at once */
		if (events & (EPOLLHUP | EPOLLERR))
			sp_client_end(client);
		return;
	}
	for (int i = 0; i < MESSAGES_MAX && more > 0 && !client->is_paused; i++)
		more = read_message(client);
	if (more < 0)
		sp_client_end(client);
}

/* ---- rounds ---- */

static void tick_begin(struct sp_client *client)
{
	control.tick_length = TICK_FIRST;
	control.tick_at = clock_mono() + TICK_FIRST * 1000000ULL;
	if (client->is_ticking)
		return;
	client->is_ticking = true;
	client->next_tick = control.ticking;
	control.ticking = client;
	sp_client_ref(client);
}

static void tick(void)
{
	struct sp_client **link = &control.ticking;

	if (!control.ticking || clock_mono() < control.tick_at)
		return;
	while (*link) {
		struct sp_client *client = *link;

		if (sp_channels_tick(client)) {
			link = &client->next_tick;
			continue;
		}
		*link = client->next_tick;
		client->is_ticking = false;
		sp_client_unref(client);
	}
	if (control.tick_length < TICK_LAST)
		control.tick_length *= 2;
	control.tick_at = clock_mono() + control.tick_length * 1000000ULL;
}

static void client_events(struct sp_client *client)
{
	unsigned int events;

	atomic_store(&client->is_queued, false);
	events = atomic_exchange(&client->events, 0);
	if (events & SP_EVENT_SIGNAL)
		sp_client_send_signals(client);
	if (events & SP_EVENT_RESUME && client->is_paused) {
		client->is_paused = false;
		if (!client->is_ended)
			sp_watch_change(client->control, SP_CONTROL, client, EPOLLIN);
	}
	if (events & SP_EVENT_BURY)
		sp_events_bury();
	if (events & SP_EVENT_TICK)
		tick_begin(client);
	if (events & SP_EVENT_GONE)
		sp_client_gone(client);
	if (events & (SP_EVENT_END | SP_EVENT_GONE))
		sp_client_end(client);
	if (events & SP_EVENT_FORGET)
		sp_client_unref(client); /* the connection's */
	if (events & SP_EVENT_GONE)
		sp_client_unref(client); /* the kernel's */
	sp_client_unref(client);	 /* the queue's */
}

static void queue_run(void)
{
	struct sp_client *client = atomic_exchange(&control.queue, NULL), *next;

	for (; client; client = next) {
		next = client->next_event;
		client_events(client);
	}
}

static void stop_if_wanted(void)
{
	unsigned int wanted = atomic_load(&control.stop_wanted);

	if (wanted == atomic_load(&control.stop_done))
		return;
	sp_listeners_stop();
	sp_clients_end_all();
	atomic_store(&control.stop_done, wanted);
	futex_wake((unsigned int *)&control.stop_done, INT_MAX);
}

static void event_run(const struct epoll_event *event)
{
	void *object = (void *)(uintptr_t)(event->data.u64 & ~SOURCE_MASK);
	uint64_t count;

	switch ((enum sp_source)(event->data.u64 & SOURCE_MASK)) {
	case SP_WAKE:
		host_call(SYS_read, file_fd(control.wake), &count, sizeof(count));
		break;
	case SP_LISTENER:
		if (!sp_listener_ready(object))
			control.listener_at = clock_mono() + LISTENER_PAUSE * 1000000ULL;
		break;
	case SP_CONTROL:
		connection_ready(object, event->events);
		break;
	case SP_PROCESS:
		sp_client_end(object);
		break;
	case SP_CARRIER:
		sp_carrier_closed(object);
		break;
	}
}

static int milliseconds_until(unsigned long long when, int otherwise)
{
	unsigned long long now;
	int left;

	if (!when)
		return otherwise;
	now = clock_mono();
	left = now >= when ? 0 : (int)((when - now) / 1000000 + 1);
	return otherwise < 0 || left < otherwise ? left : otherwise;
}

/* Connections that say nothing take descriptors that others may need. */
static void end_silence(void)
{
	unsigned long long now;

	if (!control.silence_at && !sp_clients_are_awaited())
		return;
	now = clock_mono();
	if (control.silence_at && now < control.silence_at)
		return;
	/* the first time there is nobody yet who has been silent since */
	control.silence_at = sp_clients_expire() ? now + SILENCE : 0;
}

static void control_main(void *arg)
{
	struct epoll_event events[EVENTS_MAX];

	(void)arg;
	for (;;) {
		int timeout = milliseconds_until(control.ticking ? control.tick_at : 0, -1);
		long count;

		timeout = milliseconds_until(control.listener_at, timeout);
		timeout = milliseconds_until(control.silence_at, timeout);
		count = host_call(SYS_epoll_wait, file_fd(control.epoll), events, EVENTS_MAX,
				  timeout);
		for (long i = 0; i < count; i++)
			event_run(&events[i]);
		if (control.listener_at && clock_mono() >= control.listener_at) {
			control.listener_at = 0;
			sp_listeners_resume();
		}
		end_silence();
		stop_if_wanted();
		queue_run();
		tick();
	}
}

/* ---- start ---- */

static int start(void)
{
	long fd = host_call(SYS_epoll_create1, EPOLL_CLOEXEC);
	int error;

	if (fd < 0)
		return (int)fd;
	control.epoll = file_adopt((int)fd);
	if (control.epoll < 0)
		return control.epoll;
	fd = host_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	control.wake = fd < 0 ? (int)fd : file_adopt((int)fd);
	error = control.wake < 0 ? control.wake : 0;
	if (!error)
		error = sp_watch(control.wake, SP_WAKE, NULL, EPOLLIN);
	if (!error) {
		random_bytes(control.server_id, sizeof(control.server_id));
		error = thread_create(control_main, NULL, "rump-sp");
	}
	if (error) {
		if (control.wake >= 0)
			file_close(control.wake);
		file_close(control.epoll);
	}
	return error;
}

int sp_start(void)
{
	int error = 0;

	if (atomic_load(&control.is_started))
		return 0;
	host_lock(&control.start_lock);
	if (!atomic_load(&control.is_started))
		error = start();
	if (!error)
		atomic_store(&control.is_started, true);
	host_unlock(&control.start_lock);
	return error;
}

void sp_control_forked(void)
{
	memset(&control, 0, sizeof(control));
	memset(&log_state, 0, sizeof(log_state));
}

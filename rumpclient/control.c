/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.c - the control connection: questions, answers, what comes unasked.
 *
 * Any thread may ask at any time.  One of those that wait, the receiver, reads from the
 * connection and sleeps on it; the others sleep on `arrivals`.  It parks what is not its
 * own and tells the others; when it goes, the next one is the receiver.  Nobody else
 * reads: a message taken away from the one who sleeps on the connection would leave it
 * asleep.
 *
 * No lock is held while anybody sleeps.  A receiver that has left its wait by longjmp(),
 * or has died, is replaced after a while; its answer stays parked.
 */
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "private.h"

#define SEND_TIME (5 * NSEC_PER_SEC)
/* how often the others see whether there still is a receiver; when they take its place */
#define RECEIVER_LOOK (50 * NSEC_PER_MSEC)
#define RECEIVER_TIME NSEC_PER_SEC

static uint32_t thread_id(void)
{
	return (uint32_t)host(SYS_gettid);
}

static struct timespec time_of(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)};
}

/* Sleeps on the connection; what comes of it the caller finds out. */
static void poll_connection(struct session *session, short events, uint64_t timeout)
{
	struct pollfd fd = {__atomic_load_n(&session->fd, __ATOMIC_ACQUIRE), events, 0};
	struct timespec time = time_of(timeout);

	host(SYS_ppoll, &fd, 1, timeout == UINT64_MAX ? NULL : &time, NULL, 8);
}

bool control_is_hung_up(struct session *session)
{
	struct pollfd fd = {__atomic_load_n(&session->fd, __ATOMIC_ACQUIRE), 0, 0};
	struct timespec none = {0, 0};

	return host(SYS_ppoll, &fd, 1, &none, NULL, 8) == 1 &&
	       fd.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static int send_message(struct session *session, const void *message, size_t length)
{
	uint64_t until = 0, now;
	int error;

	while ((error = session->transport->send(session, message, length)) == -EAGAIN) {
		now = host_now();
		if (!until)
			until = now + SEND_TIME;
		if (now >= until)
			return -ETIMEDOUT;
		poll_connection(session, POLLOUT, until - now);
	}
	return error;
}

int control_send(struct session *session, enum rump_sp_type type, struct rump_sp_message *head,
		 size_t length)
{
	uint32_t live = __atomic_load_n(&session->live, __ATOMIC_ACQUIRE);
	int error;

	head->length = (uint32_t)length;
	head->type = type;
	head->is_answer = 0;
	head->error = 0;
	head->id = __atomic_add_fetch(&session->next_id, 1, __ATOMIC_RELAXED);
	error = send_message(session, head, length);
	if (error == -ENOTCONN)
		session_lost(session, live);
	return error;
}

/* ---- receiving, with the session's lock ---- */

/* Those who wait for id are among those that wait for its bit. */
static uint32_t bit_of(uint32_t id)
{
	return 1U << id % 32;
}

static void tell_arrival(struct session *session, uint32_t id)
{
	__atomic_add_fetch(&session->arrivals, 1, __ATOMIC_RELEASE);
	host(SYS_futex, &session->arrivals, HOST_FUTEX_WAKE_BITSET | HOST_FUTEX_PRIVATE, INT_MAX,
	     NULL, NULL, bit_of(id));
}

static void raise_for_process(const struct rump_sp_signal *message)
{
	if (message->head.length >= sizeof(*message) && message->signal > 0 &&
	    message->signal <= 64)
		host(SYS_kill, host(SYS_getpid), message->signal);
}

static struct parked *free_place(struct session *session)
{
	long address;

	if (!session->parked) {
		address = host(SYS_mmap, NULL, PARKED_MAX * sizeof(struct parked),
			       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			       -1, 0);
		if (is_error(address))
			return NULL;
		session->parked = (struct parked *)address;
	}
	for (uint32_t i = 0; i < session->parked_end; i++)
		if (!session->parked[i].is_used)
			return &session->parked[i];
	return session->parked_end < PARKED_MAX ? &session->parked[session->parked_end++] : NULL;
}

/* false: no room */
static bool park(struct session *session, const struct parked *message)
{
	struct parked *place = free_place(session);

	if (!place) {
		fd_close_private(message->fd);
		return false;
	}
	*place = *message;
	place->is_used = true;
	tell_arrival(session, message->head.id);
	return true;
}

static bool is_wanted(const struct parked *message, enum rump_sp_type type, uint32_t id)
{
	if (message->head.type != type)
		return false;
	/* a server that could not read the question refuses with id 0 */
	return message->head.id == id || (type == RUMP_SP_HELLO && message->head.id == 0);
}

static bool unpark(struct session *session, enum rump_sp_type type, uint32_t id,
		   struct parked *ret_message)
{
	for (uint32_t i = 0; i < session->parked_end; i++) {
		struct parked *parked = &session->parked[i];

		if (!parked->is_used || !is_wanted(parked, type, id))
			continue;
		*ret_message = *parked;
		parked->is_used = false;
		while (session->parked_end && !session->parked[session->parked_end - 1].is_used)
			session->parked_end--;
		return true;
	}
	return false;
}

/* 0: it is in ret_message; -EAGAIN: nothing more is there; another error: lost. */
static int receive(struct session *session, enum rump_sp_type type, uint32_t id,
		   struct parked *ret_message)
{
	struct parked message;
	long length;

	for (;;) {
		message = (struct parked){.fd = -1};
		length = session->transport->receive(session, message.bytes, sizeof(message.bytes),
						     &message.fd);
		if (length < 0)
			return (int)length;
		if (length < (long)sizeof(message.head) ||
		    message.head.length != (uint32_t)length) {
			host_close(message.fd);
			return -EPROTO;
		}
		if (message.fd >= 0)
			message.fd = fd_make_private(message.fd);
		if (message.head.type == RUMP_SP_SIGNAL && !message.head.is_answer) {
			raise_for_process((const struct rump_sp_signal *)message.bytes);
			fd_close_private(message.fd);
			continue;
		}
		if (is_wanted(&message, type, id)) {
			*ret_message = message;
			return 0;
		}
		if (!park(session, &message))
			return -ENOMEM;
	}
}

/* ---- waiting ---- */

struct waiting {
	enum rump_sp_type type;
	uint32_t id, generation;
	uint64_t until;
	uint64_t patience; /* until then with a receiver that gets nothing; UINT64_MAX: always */
};

static bool may_receive(const struct session *session, uint32_t tid, const struct waiting *wanted)
{
	if (!session->receiver || session->receiver == tid)
		return true;
	return host_now() > wanted->patience ||
	       host(SYS_tgkill, host(SYS_getpid), session->receiver, 0) == -ESRCH;
}

/* One look and one sleep: 0, -EAGAIN: look again, else the end of it. */
static int look_and_sleep(struct session *session, const struct waiting *wanted,
			  struct parked *ret_message)
{
	uint64_t mask = lock_take(&session->lock), timeout = UINT64_MAX, now;
	uint32_t tid = thread_id(), seen;
	bool is_receiver = false;
	int error = 0;

	if (!unpark(session, wanted->type, wanted->id, ret_message)) {
		error = -EAGAIN;
		is_receiver = may_receive(session, tid, wanted);
	}
	if (is_receiver) {
		session->receiver = tid;
		error = receive(session, wanted->type, wanted->id, ret_message);
	}
	seen = __atomic_load_n(&session->arrivals, __ATOMIC_RELAXED);
	lock_release(&session->lock, mask);
	if (error != -EAGAIN)
		return error;
	if (wanted->until) {
		now = host_now();
		if (now >= wanted->until)
			return -ETIMEDOUT;
		timeout = wanted->until - now;
	}
	if (is_receiver) {
		/* another one may have lost its patience with us: not for ever */
		if (wanted->patience != UINT64_MAX && timeout > RECEIVER_TIME)
			timeout = RECEIVER_TIME;
		poll_connection(session, POLLIN, timeout);
	} else {
		struct timespec time =
			time_of(host_now() + (timeout < RECEIVER_LOOK ? timeout : RECEIVER_LOOK));

		host(SYS_futex, &session->arrivals, HOST_FUTEX_WAIT_BITSET | HOST_FUTEX_PRIVATE,
		     seen, &time, NULL, bit_of(wanted->id));
	}
	return -EAGAIN;
}

static void leave(struct session *session)
{
	uint64_t mask = lock_take(&session->lock);

	if (session->receiver == thread_id())
		session->receiver = 0;
	/* one of those that wait shall be the next */
	if (!session->receiver) {
		__atomic_add_fetch(&session->arrivals, 1, __ATOMIC_RELEASE);
		host(SYS_futex, &session->arrivals, HOST_FUTEX_WAKE | HOST_FUTEX_PRIVATE, 1);
	}
	lock_release(&session->lock, mask);
}

int control_wait(struct session *session, enum rump_sp_type type, uint32_t id, void *ret_message,
		 size_t size, int *ret_fd, uint64_t until)
{
	struct waiting wanted = {
		.type = type,
		.id = id,
		.generation = __atomic_load_n(&session->live, __ATOMIC_ACQUIRE),
		.until = until,
		.patience = host_now() + RECEIVER_TIME,
	};
	struct parked message;
	int error;

	while ((error = look_and_sleep(session, &wanted, &message)) == -EAGAIN)
		;
	leave(session);
	if (error) {
		if (error != -ETIMEDOUT) {
			session_lost(session, wanted.generation);
			error = error == -EPROTO ? error : -ENOTCONN;
		}
		return error;
	}
	memcpy(ret_message, message.bytes,
	       size < sizeof(message.bytes) ? size : sizeof(message.bytes));
	if (ret_fd)
		*ret_fd = message.fd;
	else
		fd_close_private(message.fd);
	return message.head.error ? -(message.head.error & 0xfff) : 0;
}

int control_ask(struct session *session, enum rump_sp_type type, struct rump_sp_message *head,
		size_t length, void *ret_message, size_t size, int *ret_fd, uint64_t until)
{
	int error = control_send(session, type, head, length);

	if (error)
		return error;
	return control_wait(session, type, head->id, ret_message, size, ret_fd, until);
}

/* ---- what comes unasked ---- */

/* The preload's, when it is there: the calling thread is none of the program's. */
__attribute__((weak, visibility("default"))) void rumphijack_private_thread(void);

/*
 * Nothing that it waits for ever comes: it takes the signals, and parks the rest for who
 * asked.
 */
static void *listen_main(void *arg)
{
	struct session *session = arg;
	struct waiting nothing = {
		.type = RUMP_SP_SIGNAL,
		.patience = UINT64_MAX,
		.generation = __atomic_load_n(&session->live, __ATOMIC_ACQUIRE),
	};
	struct parked message;

	if (rumphijack_private_thread)
		rumphijack_private_thread();
	host(SYS_prctl, PR_SET_NAME, "rump-signals");
	while (nothing.generation &&
	       __atomic_load_n(&session->live, __ATOMIC_ACQUIRE) == nothing.generation)
		if (look_and_sleep(session, &nothing, &message) != -EAGAIN)
			break;
	leave(session);
	session_lost(session, nothing.generation);
	return NULL;
}

int control_listen(struct session *session)
{
	/* libc's own stay open: setuid() waits for every thread to take one */
	uint64_t all = HOST_ALL_SIGNALS & ~(7ULL << 31), mask;
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	error = pthread_attr_init(&attributes);
	if (error)
		return -error;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof(mask));
	error = pthread_create(&thread, &attributes, listen_main, session);
	host(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	pthread_attr_destroy(&attributes);
	return -error;
}

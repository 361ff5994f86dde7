// SPDX-License-Identifier: GPL-2.0-only
/*
 * events.c - readiness: from the host's epoll to waits, poll, signals and callbacks
 *
 * Events are edges and hints.  A wait ends with the next event after the number `seq`
 * that was read before the host said EAGAIN; so none is lost, and one that
 * was under way already costs another look.
 *
 * poll() must not tell more than there is: a program that then reads from a blocking socket
 * would hang.  An event may be told after its data was read, so it is believed for
 * non-blocking descriptors only; for others, and for what calls have made
 * unknown, poll() asks the host.  That nothing is ready is always believed: the host would have told.
 */
#include <linux/interrupt.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "ready.h"
#include "sockin.h"

static DEFINE_XARRAY_ALLOC1(socks);
static u32 next_id;

/* ---- what is known ---- */

u32 sockin_seq(struct sockin_sock *s)
{
	return READ_ONCE(s->seq);
}

void sockin_changed(struct sockin_sock *s, u32 events, u32 seq, bool is_empty)
{
	spin_lock_bh(&s->lock);
	/* behind the last byte there may be the end of the stream, or an urgent one */
	if (s->mask & (SOCKIN_RDHUP | SOCKIN_HUP | (__force u32)EPOLLPRI))
		is_empty = false;
	if (is_empty && s->seq == seq) {
		s->mask &= ~events;
		s->known |= events;
	} else {
		s->known &= ~events;
	}
	spin_unlock_bh(&s->lock);
}

/* ---- events, in softirq context ---- */

static void set_state(struct sock *sk, int state)
{
	if (sk->sk_state == state)
		return;
	inet_sk_set_state(sk, state);
	sk->sk_state_change(sk);
}

static void stream_event(struct sock *sk, u32 events)
{
	bool is_out = events & SOCKIN_OUT;

	if (events & SOCKIN_HUP) {
		/* one that is not yet connected is in HUP, too */
		if (sk->sk_state == TCP_CLOSE)
			return;
		sk->sk_shutdown = SHUTDOWN_MASK;
		set_state(sk, TCP_CLOSE);
		return;
	}
	if (sk->sk_state == TCP_SYN_SENT && is_out && !(events & SOCKIN_ERR))
		set_state(sk, TCP_ESTABLISHED);
	if (events & SOCKIN_RDHUP) {
		sk->sk_shutdown |= RCV_SHUTDOWN;
		if (sk->sk_state == TCP_ESTABLISHED)
			set_state(sk, TCP_CLOSE_WAIT);
		else if (sk->sk_state == TCP_FIN_WAIT1)
			set_state(sk, TCP_CLOSE);
		else
			sk->sk_state_change(sk);
	}
}

/* The socket is not locked by a process. */
static void tell(struct sockin_sock *s, u32 events)
{
	struct sock *sk = (struct sock *)s;

	if (sock_flag(sk, SOCK_DEAD))
		return;
	if (sockin_is_stream(sk) && sk->sk_state != TCP_LISTEN)
		stream_event(sk, events);
	if (sk->sk_err)
		sk_error_report(sk);
	if (events & (__force u32)EPOLLPRI)
		sk_send_sigurg(sk);
	if (events & (SOCKIN_IN | SOCKIN_RDHUP | SOCKIN_HUP | SOCKIN_ERR))
		sk->sk_data_ready(sk);
	if (events & SOCKIN_OUT) {
		sk->sk_wmem_queued = 0;
		sk->sk_write_space(sk);
	}
}

static void deliver(struct sockin_sock *s, u32 events)
{
	struct sock *sk = (struct sock *)s;

	spin_lock(&s->lock);
	WRITE_ONCE(s->seq, s->seq + 1);
	/* an event tells all that was watched for, and these two always */
	s->mask = (s->mask & ~(READ_ONCE(s->watched) | SOCKIN_ERR | SOCKIN_HUP)) | events;
	s->known |= READ_ONCE(s->watched) | SOCKIN_ERR | SOCKIN_HUP;
	/* is it SO_ERROR, which has been fetched now, or the queue of errors? */
	if (events & SOCKIN_ERR)
		s->known &= ~SOCKIN_ERR;
	spin_unlock(&s->lock);

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk))
		s->deferred |= events;
	else
		tell(s, events);
	bh_unlock_sock(sk);
}

/* Of release_sock(). */
void sockin_release_cb(struct sock *sk)
{
	struct sockin_sock *s = sockin_sk(sk);
	u32 events = s->deferred;

	s->deferred = 0;
	if (events)
		tell(s, events);
}

static void error_irq(struct rump_io *io)
{
	tasklet_schedule(&container_of(io, struct sockin_sock, error_io)->error_tasklet);
}

static void error_fetched(struct tasklet_struct *tasklet)
{
	struct sockin_sock *s = from_tasklet(s, tasklet, error_tasklet);
	struct sock *sk = (struct sock *)s;
	u32 events;

	if (!s->error_io.host.result && s->error_value)
		WRITE_ONCE(sk->sk_err, s->error_value);
	spin_lock(&s->lock);
	events = s->error_events;
	s->error_events = 0;
	s->fetches_error = false;
	spin_unlock(&s->lock);
	deliver(s, events);
	wake_up_all(&s->error_wait);
	sock_put(sk);
}

/*
 * SO_ERROR is the core's to answer, so the host's is fetched before anybody hears of it.
 * sendmsg, recvmsg and connect may get it first; either way it is told once.
 */
static void fetch_error(struct sockin_sock *s, u32 events)
{
	struct rump_io *io = &s->error_io;
	bool is_first;

	spin_lock(&s->lock);
	is_first = !s->fetches_error && !s->is_closed;
	s->fetches_error |= is_first;
	s->error_events |= events;
	spin_unlock(&s->lock);
	if (!is_first)
		return;
	sock_hold((struct sock *)s);
	memset(io, 0, sizeof(*io));
	s->error_value = 0;
	s->error_size = sizeof(s->error_value);
	io->complete = error_irq;
	io->host.op = RUMPUSER_IO_CALL;
	io->host.flags = RUMPUSER_IO_QUIET;
	io->host.call_nr = __NR_getsockopt;
	io->host.call_args[0] = s->file;
	io->host.call_args[1] = SOL_SOCKET;
	io->host.call_args[2] = SO_ERROR;
	io->host.call_args[3] = (unsigned long)&s->error_value;
	io->host.call_args[4] = (unsigned long)&s->error_size;
	io->host.call_handles = 1;
	rump_io_submit(io);
}

static void event(u32 id, u32 events)
{
	struct sockin_sock *s;

	rcu_read_lock();
	s = xa_load(&socks, id);
	if (s && !refcount_inc_not_zero(&((struct sock *)s)->sk_refcnt))
		s = NULL;
	rcu_read_unlock();
	if (!s)
		return;		/* closed meanwhile */
	if (events & SOCKIN_ERR)
		fetch_error(s, events);
	else
		deliver(s, events);
	sock_put((struct sock *)s);
}

static bool is_fetched(struct sockin_sock *s)
{
	bool is_over;

	spin_lock_bh(&s->lock);
	is_over = !s->fetches_error;
	spin_unlock_bh(&s->lock);
	return is_over;
}

int sockin_error(struct sockin_sock *s)
{
	wait_event(s->error_wait, is_fetched(s));
	return sock_error((struct sock *)s);
}

/* ---- life ---- */

int sockin_events_init(void)
{
	return rump_ready_start(event);
}

int sockin_events_add(struct sockin_sock *s)
{
	int err;

	spin_lock_init(&s->lock);
	mutex_init(&s->watch_lock);
	init_waitqueue_head(&s->error_wait);
	tasklet_setup(&s->error_tasklet, error_fetched);
	err = xa_alloc_cyclic(&socks, &s->id, s, XA_LIMIT(1, U32_MAX), &next_id, GFP_KERNEL);
	return min(err, 0);
}

void sockin_events_remove(struct sockin_sock *s)
{
	xa_erase(&socks, s->id);
	spin_lock_bh(&s->lock);
	s->is_closed = true;
	spin_unlock_bh(&s->lock);
	/* the handle must not mean another socket while it is asked for its error */
	wait_event(s->error_wait, is_fetched(s));
}

int sockin_watch(struct sockin_sock *s, u32 events)
{
	u32 want = events | SOCKIN_BASE;
	int err = 0;

	if (!(want & ~READ_ONCE(s->watched)))
		return 0;
	mutex_lock(&s->watch_lock);
	if (want & ~s->watched) {
		u32 before = s->watched;

		/* first: the event that it brings tells of these */
		WRITE_ONCE(s->watched, before | want);
		err = rump_ready_watch(s->file, s->id, before | want, before);
		if (err)
			WRITE_ONCE(s->watched, before);
	}
	mutex_unlock(&s->watch_lock);
	return err;
}

/* ---- waits ---- */

int sockin_wait(struct sockin_sock *s, u32 events, u32 seq, long *timeo)
{
	struct sock *sk = (struct sock *)s;
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err;

	err = sockin_watch(s, events);
	if (err)
		return err;
	add_wait_queue(sk_sleep(sk), &wait);
	for (;;) {
		if (sockin_seq(s) != seq)
			break;
		if (!*timeo) {
			err = -EAGAIN;
			break;
		}
		if (signal_pending(current)) {
			err = sock_intr_errno(*timeo);
			break;
		}
		*timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, *timeo);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/* ---- poll ---- */

static u32 ask_host(struct sockin_sock *s, u32 seq)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sock *sk = (struct sock *)s;
	long mask;

	if (!req)
		return SOCKIN_ERR;
	mask = sockin_host_poll(req, s, SOCKIN_ALL);
	if (mask < 0)
		return SOCKIN_ERR;
	if (mask & SOCKIN_ERR) {
		/* the caller may ask for SO_ERROR next: the event may be on its way yet */
		req->values[0] = 0;
		req->values[1] = sizeof(int);
		sockin_call(req, s, __NR_getsockopt, SOL_SOCKET, SO_ERROR,
			    (unsigned long)&req->values[0], (unsigned long)&req->values[1]);
		if (req->values[0])
			WRITE_ONCE(sk->sk_err, req->values[0]);
	}
	/* an event may have fetched it just before */
	wait_event(s->error_wait, is_fetched(s));
	if (READ_ONCE(sk->sk_err))
		mask &= ~SOCKIN_ERR;
	spin_lock_bh(&s->lock);
	if (s->seq == seq) {
		s->mask = mask;
		s->known = SOCKIN_ALL;
	}
	spin_unlock_bh(&s->lock);
	return mask;
}

__poll_t sockin_poll(struct file *file, struct socket *sock, struct poll_table_struct *wait)
{
	struct sock *sk = sock->sk;
	struct sockin_sock *s = sockin_sk(sk);
	u32 wanted = (__force u32)poll_requested_events(wait), mask, known, seq;
	bool is_blocking = !(file->f_flags & O_NONBLOCK);
	__poll_t result;

	if (wanted & (__force u32)(EPOLLRDNORM | EPOLLRDBAND))
		wanted |= (__force u32)EPOLLIN;
	if (wanted & (__force u32)(EPOLLWRNORM | EPOLLWRBAND))
		wanted |= SOCKIN_OUT;
	wanted = (wanted & SOCKIN_ALL) | SOCKIN_ERR | SOCKIN_HUP;
	sock_poll_wait(file, sock, wait);
	if (sockin_watch(s, wanted & SOCKIN_OUT))
		return EPOLLERR;
	spin_lock_bh(&s->lock);
	seq = s->seq;
	mask = s->mask;
	known = s->known;
	spin_unlock_bh(&s->lock);
	if (wanted & ~known || (is_blocking && mask & wanted))
		mask = ask_host(s, seq);
	if (READ_ONCE(sk->sk_err))
		mask |= SOCKIN_ERR;
	if (READ_ONCE(s->back_length))
		mask |= (__force u32)EPOLLIN;
	result = (__force __poll_t)mask;
	if (mask & (__force u32)EPOLLIN)
		result |= EPOLLRDNORM;
	if (mask & SOCKIN_OUT)
		result |= EPOLLWRNORM | (sockin_is_stream(sk) ? 0 : EPOLLWRBAND);
	return result;
}

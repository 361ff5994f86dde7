// SPDX-License-Identifier: GPL-2.0-only
/*
 * data.c - sendmsg and recvmsg, one piece of SOCKIN_PIECE bytes at a time
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "sockin.h"

#define CONTROL_MAX	4096
#define DATAGRAM_MAX	65535

/* MSG_ZEROCOPY is not among them: the buffer is used again at once */
#define SEND_FLAGS	(MSG_OOB | MSG_DONTROUTE | MSG_EOR | MSG_CONFIRM | MSG_MORE | \
			 MSG_FASTOPEN | MSG_PROBE)
#define RECV_FLAGS	(MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE)

static int set_control(struct sockin_req *req, size_t length, const void *from)
{
	req->msg.msg_control = NULL;
	req->msg.msg_controllen = 0;
	if (!length)
		return 0;
	if (length > CONTROL_MAX && from)
		return -ENOBUFS;
	length = min_t(size_t, length, CONTROL_MAX);
	req->control = kzalloc(length, GFP_KERNEL);
	if (!req->control)
		return -ENOMEM;
	if (from)
		memcpy(req->control, from, length);
	req->msg.msg_control = (void __user *)req->control;
	req->msg.msg_controllen = length;
	return 0;
}

static void set_piece(struct sockin_req *req, void *buffer, size_t length)
{
	req->iov.iov_base = (void __user *)buffer;
	req->iov.iov_len = length;
	req->msg.msg_iov = (struct iovec __user *)&req->iov;
	req->msg.msg_iovlen = 1;
	req->msg.msg_flags = 0;
}

static long call_msg(struct sockin_req *req, struct sockin_sock *s, long nr, int flags)
{
	return sockin_call(req, s, nr, (unsigned long)&req->msg, flags | MSG_DONTWAIT);
}

/* ---- sending ---- */

/* The host's socket is full: sunrpc has to see that. */
static void mark_full(struct sockin_sock *s, u32 seq)
{
	struct sock *sk = (struct sock *)s;

	sockin_watch(s, SOCKIN_OUT);
	spin_lock_bh(&s->lock);
	if (s->seq == seq)
		sk->sk_wmem_queued = sk->sk_sndbuf;
	spin_unlock_bh(&s->lock);
}

static int send_failed(struct sock *sk, int flags, int err)
{
	if (err != -EPIPE)
		return err;
	err = sockin_error(sockin_sk(sk)) ?: err;
	if (err == -EPIPE && sockin_is_stream(sk) && !(flags & MSG_NOSIGNAL))
		send_sig(SIGPIPE, current, 0);
	return err;
}

/* One piece until the host has taken some of it; the number of bytes. */
static long send_piece(struct sockin_req *req, struct sockin_sock *s, struct msghdr *msg,
		       int flags, long *timeo)
{
	struct sock *sk = (struct sock *)s;
	long n;
	u32 seq;
	int err;

	for (;;) {
		seq = sockin_seq(s);
		n = call_msg(req, s, __NR_sendmsg, flags | MSG_NOSIGNAL);
		sockin_changed(s, SOCKIN_OUT, seq, n == -EAGAIN);
		if (n == -EINPROGRESS && *timeo) {
			/* MSG_FASTOPEN: connects first, then it is a send as any other */
			flags &= ~MSG_FASTOPEN;
			req->msg.msg_name = NULL;
			req->msg.msg_namelen = 0;
		} else if (n != -EAGAIN) {
			return n < 0 ? send_failed(sk, msg->msg_flags, n) : n;
		}
		if (!*timeo) {
			mark_full(s, seq);
			return n;
		}
		err = sockin_wait(s, SOCKIN_OUT, seq, timeo);
		if (err)
			return err;
		err = sockin_is_stream(sk) ? 0 : sock_error(sk);
		if (err)
			return err;
	}
}

int sockin_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sock *sk = sock->sk;
	struct sockin_sock *s = sockin_sk(sk);
	size_t piece = min_t(size_t, size, SOCKIN_PIECE), done = 0, length;
	long timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT), n;
	bool is_stream = sockin_is_stream(sk);
	void *buffer;
	int err;

	if (!req)
		return -ENOMEM;
	if (!is_stream) {
		if (size > DATAGRAM_MAX)
			return -EMSGSIZE;
		err = sock_error(sk);
		if (err)
			return err;
	}
	if (msg->msg_controllen && !sockin_control_is_allowed(sk, msg))
		return -EPERM;
	err = set_control(req, msg->msg_controllen, msg->msg_control);
	if (err)
		return err;
	req->msg.msg_name = NULL;
	req->msg.msg_namelen = 0;
	if (msg->msg_name) {
		req->msg.msg_namelen = min_t(int, msg->msg_namelen, sizeof(req->name));
		memcpy(&req->name, msg->msg_name, req->msg.msg_namelen);
		req->msg.msg_name = (void __user *)&req->name;
	}
	buffer = sockin_buffer_get(piece);
	if (!buffer)
		return -ENOMEM;
	do {
		length = min(size - done, piece);
		n = -EFAULT;
		if (!copy_from_iter_full(buffer, length, &msg->msg_iter))
			break;
		set_piece(req, buffer, length);
		n = send_piece(req, s, msg, msg->msg_flags & SEND_FLAGS, &timeo);
		if (n < 0)
			break;
		done += n;
		if (n < length)
			iov_iter_revert(&msg->msg_iter, length - n);
		/* what came with the first byte */
		req->msg.msg_controllen = 0;
		req->msg.msg_namelen = 0;
		req->msg.msg_name = NULL;
	} while (is_stream && done < size);
	sockin_buffer_put(buffer, piece);
	if (!READ_ONCE(s->watched) && !is_stream)
		sockin_watch(s, 0);	/* the answer may be wanted by SIGIO */
	return done || n >= 0 ? (int)done : (int)n;
}

/* ---- receiving ---- */

/*
 * What the host gave and the caller's memory did not take: a stream keeps it for
 * the next call, as if it had never been read.
 */
static void put_back(struct sockin_sock *s, const void *data, size_t length)
{
	void *copy = kmemdup(data, length, GFP_KERNEL);

	if (!copy)
		return;
	mutex_lock(&s->back_lock);
	swap(s->back, copy);
	s->back_length = length;
	mutex_unlock(&s->back_lock);
	kfree(copy);
}

/* All or, as for a segment of TCP's, nothing. */
static bool copy_all(struct msghdr *msg, const void *data, size_t length)
{
	size_t copied = copy_to_iter(data, length, &msg->msg_iter);

	if (copied == length)
		return true;
	iov_iter_revert(&msg->msg_iter, copied);
	return false;
}

/* Of what was put back; 0: there is none. */
static long recv_back(struct sockin_sock *s, struct msghdr *msg, size_t size, int flags)
{
	size_t n, given;

	mutex_lock(&s->back_lock);
	n = min(size, s->back_length);
	given = flags & MSG_TRUNC || copy_all(msg, s->back, n) ? n : 0;
	if (!(flags & MSG_PEEK)) {
		s->back_length -= given;
		memmove(s->back, s->back + given, s->back_length);
	}
	mutex_unlock(&s->back_lock);
	return given || !n ? (long)given : -EFAULT;
}

/* What the host gave goes to the caller; bytes, or -EFAULT. */
static long take_piece(struct sockin_req *req, struct sockin_sock *s, struct msghdr *msg,
		       void *buffer, size_t length, long n, int flags)
{
	bool is_stream = sockin_is_stream((struct sock *)s);
	size_t given = min_t(size_t, n, length);

	if (!(is_stream && flags & MSG_TRUNC)) {
		if (!copy_all(msg, buffer, given)) {
			if (is_stream && !(flags & (MSG_PEEK | MSG_OOB)))
				put_back(s, buffer, given);
			return -EFAULT;
		}
		n = is_stream ? given : n;
	}
	msg->msg_flags |= req->msg.msg_flags &
			  (MSG_OOB | MSG_TRUNC | MSG_EOR | MSG_ERRQUEUE | MSG_CTRUNC);
	if (msg->msg_name && req->msg.msg_name) {
		msg->msg_namelen = min_t(int, req->msg.msg_namelen, sizeof(req->name));
		memcpy(msg->msg_name, &req->name, msg->msg_namelen);
	}
	if (req->msg.msg_controllen)
		sockin_put_control(msg, req->control, req->msg.msg_controllen);
	return n;
}

/* One piece as it comes from the host. */
static long recv_piece(struct sockin_req *req, struct sockin_sock *s, struct msghdr *msg,
		       void *buffer, size_t length, size_t room, int flags)
{
	struct sock *sk = (struct sock *)s;
	bool is_stream = sockin_is_stream(sk);
	u32 seq = sockin_seq(s);
	long n;

	req->msg.msg_name = msg->msg_name ? (void __user *)&req->name : NULL;
	req->msg.msg_namelen = msg->msg_name ? sizeof(req->name) : 0;
	req->msg.msg_controllen = room;
	set_piece(req, buffer, length);
	n = call_msg(req, s, __NR_recvmsg, flags & RECV_FLAGS);
	if (!(flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))
		/* a stream gives all it has */
		sockin_changed(s, SOCKIN_IN, seq,
			       n == -EAGAIN || (is_stream && n > 0 && n < length));
	sockin_changed(s, SOCKIN_ERR, 0, false);
	if (n < 0)
		return n;
	if (flags & MSG_ERRQUEUE)
		/* the host has taken back the error that told of it */
		WRITE_ONCE(sk->sk_err, 0);
	return take_piece(req, s, msg, buffer, length, n, flags);
}

int sockin_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sock *sk = sock->sk;
	struct sockin_sock *s = sockin_sk(sk);
	bool is_stream = sockin_is_stream(sk);
	size_t piece = min_t(size_t, size, SOCKIN_PIECE), done = 0, room;
	long timeo = sock_rcvtimeo(sk, flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE)), n;
	int target = is_stream ? sock_rcvlowat(sk, flags & MSG_WAITALL, size) : 0;
	void *buffer;
	u32 seq;
	int err;

	if (!req)
		return -ENOMEM;
	/* the answer's flags are the host's */
	msg->msg_flags = 0;
	err = set_control(req, msg->msg_control ? msg->msg_controllen : 0, NULL);
	if (err)
		return err;
	if (unlikely(READ_ONCE(s->back_length)) && !(flags & (MSG_OOB | MSG_ERRQUEUE)) && size) {
		n = recv_back(s, msg, size, flags);
		if (n < 0 || n == size || (n && flags & MSG_PEEK))
			return n;
		done = n;
	}
	room = req->msg.msg_controllen;
	buffer = sockin_buffer_get(piece);
	if (!buffer)
		return -ENOMEM;
	for (;;) {
		size_t length = min(size - done, piece);

		seq = sockin_seq(s);
		n = recv_piece(req, s, msg, buffer, length, room, flags);
		if (n > 0)
			done += n;
		if (n >= 0) {
			if (!is_stream || !n || done >= size || flags & (MSG_PEEK | MSG_OOB))
				break;
			/* there may be more behind a full piece */
			if (n == length || done < target)
				continue;
			break;
		}
		if (n != -EAGAIN || (done && done >= target) || flags & MSG_ERRQUEUE)
			break;
		n = sockin_error(s);
		if (n)
			break;
		n = -EAGAIN;
		if (!timeo)
			break;
		err = sockin_wait(s, 0, seq, &timeo);
		if (err) {
			n = err;
			break;
		}
	}
	sockin_buffer_put(buffer, piece);
	/* the end of a stream that broke */
	if (!done && !n && size && is_stream && !(flags & MSG_PEEK))
		n = sockin_error(s);
	return done ? (int)done : (int)n;
}

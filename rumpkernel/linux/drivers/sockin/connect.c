// SPDX-License-Identifier: GPL-2.0-only
/*
 * connect.c - addresses, connections and their ends
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/slab.h>
#include <linux/sockios.h>
#include <linux/termios.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>

#include "sockin.h"

#define PROT_SOCK_FIRST_FREE	1024	/* lower ports are root's */

static bool is_low_port(const struct sockaddr *address, int length)
{
	unsigned short port = 0;

	if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in))
		port = ntohs(((const struct sockaddr_in *)address)->sin_port);
	else if (address->sa_family == AF_INET6 && length >= SIN6_LEN_RFC2133)
		port = ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return port && port < PROT_SOCK_FIRST_FREE;
}

int sockin_bind(struct socket *sock, struct sockaddr *address, int length)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sockin_sock *s = sockin_sk(sock->sk);
	int err;

	if (!req)
		return -ENOMEM;
	if (is_low_port(address, length) &&
	    !ns_capable(sock_net(sock->sk)->user_ns, CAP_NET_BIND_SERVICE))
		return -EACCES;
	memcpy(&req->name, address, min_t(size_t, length, sizeof(req->name)));
	err = sockin_call(req, s, __NR_bind, (unsigned long)&req->name, length);
	/* datagrams may come from now on */
	if (!err && !sockin_is_stream(sock->sk))
		err = sockin_watch(s, 0);
	return err;
}

static int call_connect(struct sockin_req *req, struct sockin_sock *s, int length)
{
	return sockin_call(req, s, __NR_connect, (unsigned long)&req->name, length);
}

/* The host's SO_ERROR has been fetched: its second connect() can tell only that it failed. */
static int connect_failed(struct sock *sk, int err)
{
	if (err == -ECONNABORTED)
		err = sockin_error(sockin_sk(sk)) ?: err;
	return err;
}

static int connect_wait(struct sockin_req *req, struct sock *sk, int length, int flags, int err)
{
	struct sockin_sock *s = sockin_sk(sk);
	long timeo = sock_sndtimeo(sk, flags & O_NONBLOCK);
	int watched = sockin_watch(s, SOCKIN_OUT), again = err, waited;
	u32 seq;

	if (watched)
		return watched;
	if (!timeo)
		return err;
	while (again == -EINPROGRESS || again == -EALREADY) {
		seq = sockin_seq(s);
		/* over the host's loopback it is there at once */
		again = call_connect(req, s, length);
		if (again != -EALREADY && again != -EINPROGRESS)
			return connect_failed(sk, again);
		waited = sockin_wait(s, SOCKIN_OUT, seq, &timeo);
		if (waited)
			return waited == -EAGAIN ? err : waited;
	}
	return again;
}

int sockin_connect(struct socket *sock, struct sockaddr *address, int length, int flags)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sock *sk = sock->sk;
	struct sockin_sock *s = sockin_sk(sk);
	bool is_stream = sockin_is_stream(sk);
	int err;

	if (!req)
		return -ENOMEM;
	if (length > sizeof(req->name))
		return -EINVAL;
	memcpy(&req->name, address, length);
	if (sk->sk_kern_sock)
		sockin_apply_fields(s);
	if (is_stream && address->sa_family != AF_UNSPEC && sk->sk_state == TCP_CLOSE) {
		sk->sk_shutdown = 0;
		inet_sk_set_state(sk, TCP_SYN_SENT);
	}
	err = call_connect(req, s, length);
	if (err == -EINPROGRESS || err == -EALREADY) {
		sock->state = SS_CONNECTING;
		err = connect_wait(req, sk, length, flags, err);
	} else if (err) {
		err = connect_failed(sk, err);
	} else {
		sockin_watch(s, 0);
	}
	sockin_changed(s, SOCKIN_ALL, 0, false);
	if (!is_stream)
		return err;
	lock_sock(sk);
	if (!err && address->sa_family == AF_UNSPEC) {
		sock->state = SS_UNCONNECTED;
		inet_sk_set_state(sk, TCP_CLOSE);
	} else if (!err) {
		sock->state = SS_CONNECTED;
		if (sk->sk_state == TCP_SYN_SENT) {
			inet_sk_set_state(sk, TCP_ESTABLISHED);
			sk->sk_state_change(sk);
		}
	} else if (err != -EINPROGRESS && err != -EALREADY && err != -EISCONN &&
		   err != -EINTR && err != -ERESTARTSYS && sk->sk_state == TCP_SYN_SENT) {
		sock->state = SS_UNCONNECTED;
		inet_sk_set_state(sk, TCP_CLOSE);
	}
	release_sock(sk);
	return err;
}

int sockin_listen(struct socket *sock, int backlog)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sockin_sock *s = sockin_sk(sock->sk);
	int err;

	if (!req)
		return -ENOMEM;
	err = sockin_call(req, s, __NR_listen, backlog);
	if (err)
		return err;
	inet_sk_set_state(sock->sk, TCP_LISTEN);
	sockin_changed(s, SOCKIN_ALL, 0, false);
	return sockin_watch(s, 0);
}

int sockin_accept(struct socket *sock, struct socket *new, struct proto_accept_arg *arg)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sock *sk = sock->sk, *new_sk;
	struct sockin_sock *s = sockin_sk(sk), *new_s;
	long timeo = sock_rcvtimeo(sk, arg->flags & O_NONBLOCK), file;
	u32 seq;
	int err;

	if (!req)
		return -ENOMEM;
	for (;;) {
		seq = sockin_seq(s);
		file = sockin_host_accept(req, s);
		sockin_changed(s, SOCKIN_IN, seq, file == -EAGAIN);
		if (file == -ECONNABORTED)
			continue;
		if (file != -EAGAIN)
			break;
		if (!timeo)
			return -EAGAIN;
		err = sockin_wait(s, 0, seq, &timeo);
		if (err)
			return err;
	}
	if (file < 0)
		return file;
	new_sk = sockin_sock_new(sock_net(sk), new, sk->sk_family, sk->sk_protocol, file,
				 arg->kern);
	if (!new_sk)
		return -ENOMEM;
	sockin_inherit(new_sk, sk);
	inet_sk_set_state(new_sk, TCP_ESTABLISHED);
	new->state = SS_CONNECTED;
	new_s = sockin_sk(new_sk);
	new_s->peer_length = min_t(int, req->values[0], sizeof(new_s->peer));
	memcpy(&new_s->peer, &req->name, new_s->peer_length);
	return sockin_watch(new_s, 0);
}

int sockin_getname(struct socket *sock, struct sockaddr *address, int which)
{
	struct sockin_sock *s = sockin_sk(sock->sk);
	struct sockin_req *req;
	int result;

	/* of accept(), also when the peer has gone */
	if (which == 2 && s->peer_length) {
		memcpy(address, &s->peer, s->peer_length);
		return s->peer_length;
	}
	req = sockin_req_alloc();
	if (!req)
		return -ENOMEM;
	req->values[0] = sizeof(req->name);
	result = sockin_call(req, s, which ? __NR_getpeername : __NR_getsockname,
			     (unsigned long)&req->name, (unsigned long)&req->values[0]);
	if (!result) {
		result = min_t(int, req->values[0], sizeof(req->name));
		memcpy(address, &req->name, result);
	}
	sockin_req_free(req);
	return result;
}

int sockin_shutdown(struct socket *sock, int how)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sock *sk = sock->sk;
	struct sockin_sock *s = sockin_sk(sk);
	int err;

	if (!req)
		return -ENOMEM;
	err = sockin_call(req, s, __NR_shutdown, how);
	sockin_changed(s, SOCKIN_ALL, 0, false);
	if (err)
		return err;
	lock_sock(sk);
	sk->sk_shutdown |= how + 1;
	if (sockin_is_stream(sk) && how != SHUT_RD) {
		if (sk->sk_state == TCP_ESTABLISHED)
			inet_sk_set_state(sk, TCP_FIN_WAIT1);
		else if (sk->sk_state == TCP_CLOSE_WAIT)
			inet_sk_set_state(sk, TCP_LAST_ACK);
	}
	sk->sk_state_change(sk);
	release_sock(sk);
	return 0;
}

static int get_int(struct sockin_req *req, struct sockin_sock *s, unsigned int cmd,
		   unsigned long arg)
{
	int err = sockin_call(req, s, __NR_ioctl, cmd, (unsigned long)req->values);

	if (cmd == FIONREAD)
		req->values[0] += READ_ONCE(s->back_length);
	return err ?: put_user(req->values[0], (int __user *)arg);
}

/* What the host says of its interfaces, by name or index. */
static int get_ifreq(struct sockin_req *req, struct sockin_sock *s, unsigned int cmd,
		     unsigned long arg)
{
	struct ifreq *ifreq = (struct ifreq *)&req->name;
	int err;

	BUILD_BUG_ON(sizeof(*ifreq) > sizeof(req->name));
	if (copy_from_user(ifreq, (void __user *)arg, sizeof(*ifreq)))
		return -EFAULT;
	err = sockin_call(req, s, __NR_ioctl, cmd, (unsigned long)ifreq);
	if (!err && copy_to_user((void __user *)arg, ifreq, sizeof(*ifreq)))
		err = -EFAULT;
	return err;
}

int sockin_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sockin_sock *s = sockin_sk(sock->sk);

	if (!req)
		return -ENOMEM;
	switch (cmd) {
	case FIONREAD:
	case SIOCOUTQ:
	case SIOCOUTQNSD:
	case SIOCATMARK:
		return get_int(req, s, cmd, arg);
	case SIOCGIFNAME:
	case SIOCGIFINDEX:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFHWADDR:
	case SIOCGIFMTU:
	case SIOCGIFMETRIC:
	case SIOCGIFTXQLEN:
		return get_ifreq(req, s, cmd, arg);
	}
	return -ENOIOCTLCMD;
}

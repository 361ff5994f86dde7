// SPDX-License-Identifier: GPL-2.0-only
/*
 * options.c - socket options: the host's, and their copies here
 *
 * Options of SOL_SOCKET are read from fields of struct sock, by the core; so
 * what the host has accepted is set here as well.  Time-outs are the core's alone, for the host's
 * sockets never wait.
 *
 * Only options that are known to be plain values pass: one with a pointer or a
 * descriptor in it would mean something else on the host.
 */
#include <linux/filter.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/net_tstamp.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/inet_sock.h>

#include "sockin.h"

#define VALUE_MAX	8192

enum socket_option {
	OPTION_REFUSED,
	OPTION_OURS,		/* the core's alone */
	OPTION_HOST,		/* the host's alone */
	OPTION_BOTH,
	OPTION_SIZE,		/* of a buffer: the host decides */
	OPTION_FILTER,
};

static const u8 socket_options[] = {
	[SO_DEBUG] = OPTION_BOTH,
	[SO_REUSEADDR] = OPTION_BOTH,
	[SO_DONTROUTE] = OPTION_BOTH,
	[SO_BROADCAST] = OPTION_BOTH,
	[SO_SNDBUF] = OPTION_SIZE,
	[SO_RCVBUF] = OPTION_SIZE,
	[SO_KEEPALIVE] = OPTION_BOTH,
	[SO_OOBINLINE] = OPTION_BOTH,
	[SO_NO_CHECK] = OPTION_BOTH,
	[SO_PRIORITY] = OPTION_BOTH,
	[SO_LINGER] = OPTION_BOTH,
	[SO_REUSEPORT] = OPTION_BOTH,
	[SO_PASSCRED] = OPTION_OURS,
	[SO_RCVLOWAT] = OPTION_BOTH,
	[SO_RCVTIMEO_OLD] = OPTION_OURS,
	[SO_SNDTIMEO_OLD] = OPTION_OURS,
	[SO_BINDTODEVICE] = OPTION_HOST,
	[SO_ATTACH_FILTER] = OPTION_FILTER,
	[SO_DETACH_FILTER] = OPTION_HOST,
	[SO_TIMESTAMP_OLD] = OPTION_BOTH,
	[SO_SNDBUFFORCE] = OPTION_SIZE,
	[SO_RCVBUFFORCE] = OPTION_SIZE,
	[SO_PASSSEC] = OPTION_OURS,
	[SO_TIMESTAMPNS_OLD] = OPTION_BOTH,
	[SO_MARK] = OPTION_BOTH,
	[SO_TIMESTAMPING_OLD] = OPTION_BOTH,
	[SO_RXQ_OVFL] = OPTION_BOTH,
	[SO_PEEK_OFF] = OPTION_BOTH,
	[SO_LOCK_FILTER] = OPTION_HOST,
	[SO_SELECT_ERR_QUEUE] = OPTION_BOTH,
	[SO_INCOMING_CPU] = OPTION_HOST,
	[SO_ATTACH_REUSEPORT_CBPF] = OPTION_FILTER,
	[SO_CNX_ADVICE] = OPTION_HOST,
	[SO_MAX_PACING_RATE] = OPTION_BOTH,
	[SO_TXTIME] = OPTION_BOTH,
	[SO_BINDTOIFINDEX] = OPTION_HOST,
	[SO_TIMESTAMP_NEW] = OPTION_BOTH,
	[SO_TIMESTAMPNS_NEW] = OPTION_BOTH,
	[SO_TIMESTAMPING_NEW] = OPTION_BOTH,
	[SO_RCVTIMEO_NEW] = OPTION_OURS,
	[SO_SNDTIMEO_NEW] = OPTION_OURS,
	[SO_DETACH_REUSEPORT_BPF] = OPTION_HOST,
	[SO_BUF_LOCK] = OPTION_BOTH,
	[SO_RCVMARK] = OPTION_BOTH,
};

static int host_set(struct sockin_req *req, struct sockin_sock *s, int level, int name,
		    const void *value, unsigned int length)
{
	return sockin_call(req, s, __NR_setsockopt, level, name, (unsigned long)value, length);
}

static int host_get(struct sockin_req *req, struct sockin_sock *s, int level, int name,
		    void *value, int *length)
{
	return sockin_call(req, s, __NR_getsockopt, level, name, (unsigned long)value,
			   (unsigned long)length);
}

/* A buffer's size as getsockopt() of the host tells it; 0: it does not. */
static int host_size(struct sockin_req *req, struct sockin_sock *s, int name)
{
	req->values[0] = 0;
	req->values[1] = sizeof(int);
	return host_get(req, s, SOL_SOCKET, name, &req->values[0], &req->values[1]) ?
	       0 : req->values[0];
}

/* ---- sizes of buffers ---- */

/* the host's for new sockets: streams, others */
static int default_sizes[2][2];

void sockin_buffer_sizes(struct sockin_sock *s)
{
	struct sock *sk = (struct sock *)s;
	int *sizes = default_sizes[!sockin_is_stream(sk)];
	struct sockin_req *req;

	if (!READ_ONCE(sizes[0])) {
		req = sockin_req_alloc();
		if (!req)
			return;
		sizes[1] = host_size(req, s, SO_SNDBUF);
		WRITE_ONCE(sizes[0], host_size(req, s, SO_RCVBUF));
		sockin_req_free(req);
	}
	if (sizes[0])
		sk->sk_rcvbuf = sizes[0];
	if (sizes[1])
		sk->sk_sndbuf = sizes[1];
}

static int set_size(struct sockin_req *req, struct sockin_sock *s, int name, const void *value,
		    unsigned int length)
{
	struct sock *sk = (struct sock *)s;
	bool is_send = name == SO_SNDBUF || name == SO_SNDBUFFORCE;
	int err = host_set(req, s, SOL_SOCKET, name, value, length), size;

	if (err)
		return err;
	size = host_size(req, s, is_send ? SO_SNDBUF : SO_RCVBUF);
	if (size && is_send)
		WRITE_ONCE(sk->sk_sndbuf, size);
	else if (size)
		WRITE_ONCE(sk->sk_rcvbuf, size);
	return 0;
}

/* ---- rights ---- */

/* What needs more than an ordinary user on a host: whoever runs this process may have it. */
static bool is_for_administrators(int level, int name, const void *value, unsigned int length)
{
	switch (level) {
	case SOL_SOCKET:
		if (name == SO_PRIORITY)
			return length >= sizeof(int) && (*(u32 *)value) > 6;
		return name == SO_DEBUG || name == SO_MARK || name == SO_SNDBUFFORCE ||
		       name == SO_RCVBUFFORCE;
	case SOL_IP:
		return name == IP_TRANSPARENT || name == IP_IPSEC_POLICY ||
		       name == IP_XFRM_POLICY;
	case SOL_IPV6:
		return name == IPV6_TRANSPARENT || name == IPV6_IPSEC_POLICY ||
		       name == IPV6_XFRM_POLICY || name == IPV6_HOPOPTS ||
		       name == IPV6_RTHDRDSTOPTS || name == IPV6_DSTOPTS;
	case SOL_TCP:
		return name == TCP_REPAIR || name == TCP_CONGESTION;
	}
	return false;
}

/* Numbers of packet filters and load balancers begin here, among others of IPv6. */
#define FILTER_FIRST	64

/* Not what has pointers or descriptors in it, or belongs to the host's administrator. */
static bool is_plain(int level, int name)
{
	switch (level) {
	case SOL_IP:
		return name < FILTER_FIRST;
	case SOL_IPV6:
		/* not those of packet filters: 64 and 65, 68, 69, 80 and more */
		return !(name == 64 || name == 65 || name == 68 || name == 69 || name >= 80);
	case SOL_TCP:
		/* into memory by address; protocols with modules of their own */
		return name != TCP_ZEROCOPY_RECEIVE && name != TCP_ULP;
	case SOL_MPTCP:
	case SOL_TLS:
	case SOL_SMC:
		return false;
	}
	/* what the host does not know it refuses in its own words */
	return true;
}

/* ---- setting ---- */

/* A program of filters: what it points at comes along. */
static int set_filter(struct sockin_req *req, struct sockin_sock *s, int name, sockptr_t value,
		      unsigned int length)
{
	struct sock_fprog program, *host;
	void *code;
	int err;

	err = copy_bpf_fprog_from_user(&program, value, length);
	if (err)
		return err;
	if (!program.len || program.len > BPF_MAXINSNS)
		return -EINVAL;
	code = memdup_user(program.filter, program.len * sizeof(struct sock_filter));
	if (IS_ERR(code))
		return PTR_ERR(code);
	host = (struct sock_fprog *)&req->name;
	host->len = program.len;
	host->filter = (struct sock_filter __user *)code;
	err = host_set(req, s, SOL_SOCKET, name, host, sizeof(*host));
	kfree(code);
	return err;
}

static int set_socket_option(struct sockin_req *req, struct socket *sock, int name,
			     sockptr_t value, unsigned int length, const void *copy)
{
	struct sockin_sock *s = sockin_sk(sock->sk);
	int kind = name >= 0 && name < ARRAY_SIZE(socket_options) ? socket_options[name] :
		   OPTION_REFUSED;
	int err;

	switch (kind) {
	case OPTION_OURS:
		return sock_setsockopt(sock, SOL_SOCKET, name, value, length);
	case OPTION_HOST:
		return host_set(req, s, SOL_SOCKET, name, copy, length);
	case OPTION_BOTH:
		err = host_set(req, s, SOL_SOCKET, name, copy, length);
		if (!err)
			sock_setsockopt(sock, SOL_SOCKET, name, value, length);
		return err;
	case OPTION_SIZE:
		return set_size(req, s, name, copy, length);
	case OPTION_FILTER:
		return set_filter(req, s, name, value, length);
	}
	return length < sizeof(int) ? -EINVAL : -ENOPROTOOPT;
}

int sockin_setsockopt(struct socket *sock, int level, int name, sockptr_t value,
		      unsigned int length)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	void *copy __free(kfree) = kzalloc(min_t(unsigned int, length, VALUE_MAX) + 1, GFP_KERNEL);
	int err;

	if (!req || !copy)
		return -ENOMEM;
	if (level != SOL_SOCKET && !is_plain(level, name))
		return -ENOPROTOOPT;
	if (length > VALUE_MAX)
		return -ENOBUFS;
	if (copy_from_sockptr(copy, value, length))
		/* an option that there is not is told first: by the host, where 8 is no address */
		return level != SOL_SOCKET ?
		       host_set(req, sockin_sk(sock->sk), level, name, (void *)8, length) : -EFAULT;
	if (is_for_administrators(level, name, copy, length) &&
	    !ns_capable(sock_net(sock->sk)->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (level == SOL_SOCKET)
		err = set_socket_option(req, sock, name, value, length, copy);
	else
		err = host_set(req, sockin_sk(sock->sk), level, name, copy, length);
	sockin_changed(sockin_sk(sock->sk), SOCKIN_ALL, 0, false);
	return err;
}

/* ---- getting ---- */

int sockin_getsockopt(struct socket *sock, int level, int name, char __user *value,
		      int __user *length)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	void *copy __free(kfree) = NULL;
	int room, err;

	if (!req)
		return -ENOMEM;
	if (get_user(room, length))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (!is_plain(level, name))
		return -ENOPROTOOPT;
	room = min(room, VALUE_MAX);
	copy = kzalloc(room + 1, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	/* some are asked with what is there; most are not, and room may be more than there is */
	if (copy_from_user(copy, value, room))
		memset(copy, 0, room);
	req->values[0] = room;
	err = host_get(req, sockin_sk(sock->sk), level, name, copy, &req->values[0]);
	if (err)
		return err;
	if (req->values[0] < 0 || req->values[0] > room)
		return -EIO;
	if (copy_to_user(value, copy, req->values[0]) || put_user(req->values[0], length))
		return -EFAULT;
	return 0;
}

/* ---- without a call of ours ---- */

void sockin_inherit(struct sock *sk, const struct sock *parent)
{
	static const enum sock_flags flags[] = {
		SOCK_KEEPOPEN, SOCK_URGINLINE, SOCK_LINGER, SOCK_BROADCAST, SOCK_LOCALROUTE,
		SOCK_RCVTSTAMP, SOCK_RCVTSTAMPNS, SOCK_TSTAMP_NEW, SOCK_DBG, SOCK_RXQ_OVFL,
		SOCK_SELECT_ERR_QUEUE, SOCK_RCVMARK,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (sock_flag(parent, flags[i]))
			sock_set_flag(sk, flags[i]);
	sk->sk_reuse = parent->sk_reuse;
	sk->sk_reuseport = parent->sk_reuseport;
	sk->sk_priority = parent->sk_priority;
	sk->sk_mark = parent->sk_mark;
	sk->sk_tsflags = parent->sk_tsflags;
	sk->sk_lingertime = parent->sk_lingertime;
	sk->sk_rcvlowat = parent->sk_rcvlowat;
	sk->sk_rcvtimeo = parent->sk_rcvtimeo;
	sk->sk_sndtimeo = parent->sk_sndtimeo;
	sk->sk_rcvbuf = parent->sk_rcvbuf;
	sk->sk_sndbuf = parent->sk_sndbuf;
	sk->sk_max_pacing_rate = parent->sk_max_pacing_rate;
}

static void apply(struct sockin_req *req, struct sockin_sock *s, int level, int name, int value)
{
	req->values[0] = value;
	host_set(req, s, level, name, &req->values[0], sizeof(int));
}

void sockin_apply_fields(struct sockin_sock *s)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();
	struct sock *sk = (struct sock *)s;
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!req)
		return;		/* they make it better, not right */
	if (sk->sk_reuseport)
		apply(req, s, SOL_SOCKET, SO_REUSEPORT, 1);
	if (sk->sk_protocol != IPPROTO_TCP)
		return;
	/* whole messages are sent, and waited for */
	apply(req, s, SOL_TCP, TCP_NODELAY, 1);
	if (!sock_flag(sk, SOCK_KEEPOPEN))
		return;
	apply(req, s, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (tp->keepalive_time)
		apply(req, s, SOL_TCP, TCP_KEEPIDLE, tp->keepalive_time / HZ);
	if (tp->keepalive_intvl)
		apply(req, s, SOL_TCP, TCP_KEEPINTVL, tp->keepalive_intvl / HZ);
	if (tp->keepalive_probes)
		apply(req, s, SOL_TCP, TCP_KEEPCNT, tp->keepalive_probes);
	if (inet_csk(sk)->icsk_user_timeout)
		apply(req, s, SOL_TCP, TCP_USER_TIMEOUT, inet_csk(sk)->icsk_user_timeout);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * family.c - PF_INET and PF_INET6 by the host's sockets
 *
 * Theory of operation.  Each socket here has one of the host, non-blocking, by
 * a handle.  A call is the host's call, made by the caller's own host thread once its lwp sleeps
 * (kernel/hostio.c); when the host says EAGAIN and the caller may wait, it waits on the
 * socket's wait queue here, where signals, time-outs and other threads are Linux's own
 * affair.  One host thread watches all sockets (ready.c) and events.c makes
 * the usual callbacks of its events, so poll, epoll, SIGIO and users within the kernel (sunrpc) find
 * a struct sock that behaves.
 *
 * Data goes through one buffer of the kernel's, on its way to memory of whatever kind:
 * the caller's own, a client's elsewhere, pages of a file.
 *
 * Errors are the host's.  SO_ERROR alone is answered by the core: events.c fetches it.
 *
 * Rights.  The host decides by who runs this process.  A process of this kernel that
 * is not root here gets no more than the same process would get on a host: raw sockets,
 * low ports and options for administrators are refused here first.
 */
#include <linux/errqueue.h>
#include <linux/in.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/inet_connection_sock.h>
#include <net/inet_sock.h>

#include "claim.h"
#include "sockin.h"

static struct proto sockin_prot = {
	.name = "SOCKIN",
	.owner = THIS_MODULE,
	.obj_size = sizeof(struct sockin_sock),
	.release_cb = sockin_release_cb,
};

#define OPS(the_family) {					\
	.family = the_family,					\
	.owner = THIS_MODULE,					\
	.release = sockin_release,				\
	.bind = sockin_bind,					\
	.connect = sockin_connect,				\
	.socketpair = sock_no_socketpair,			\
	.accept = sockin_accept,				\
	.getname = sockin_getname,				\
	.poll = sockin_poll,					\
	.ioctl = sockin_ioctl,					\
	.listen = sockin_listen,				\
	.shutdown = sockin_shutdown,				\
	.setsockopt = sockin_setsockopt,			\
	.getsockopt = sockin_getsockopt,			\
	.sendmsg = sockin_sendmsg,				\
	.recvmsg = sockin_recvmsg,				\
	.mmap = sock_no_mmap,					\
	.set_peek_off = sk_set_peek_off,			\
}

const struct proto_ops sockin_ops = OPS(PF_INET), sockin_ops6 = OPS(PF_INET6);

/* The timer of a real TCP socket that sunrpc's setters may start; it has a reference to the sock. */
static void no_keepalive(struct timer_list *timer)
{
	struct inet_connection_sock *icsk = from_timer(icsk, timer, icsk_keepalive_timer);

	sock_put(&icsk->icsk_inet.sk);
}

struct sock *sockin_sock_new(struct net *net, struct socket *sock, int family, int protocol,
			     int file, int kern)
{
	struct sock *sk = sk_alloc(net, family, GFP_KERNEL, &sockin_prot, kern);
	struct sockin_sock *s = sockin_sk(sk);

	if (!sk)
		goto close;
	sock_init_data(sock, sk);
	sock_set_flag(sk, SOCK_RCU_FREE);
	sk->sk_protocol = protocol;
	timer_setup(&inet_csk(sk)->icsk_keepalive_timer, no_keepalive, 0);
	if (family == PF_INET6)
		inet_sk(sk)->pinet6 = &s->tcp.inet6;
	/* SOL_SOCKET comes to us, too */
	set_bit(SOCK_CUSTOM_SOCKOPT, &sock->flags);
	mutex_init(&s->back_lock);
	s->file = file;
	if (sockin_events_add(s))
		goto free;
	return sk;
free:
	sock->sk = NULL;
	sk_free(sk);
close:
	sockin_host_close(file);
	return NULL;
}

int sockin_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct sockin_sock *s = sockin_sk(sk);

	if (!sk)
		return 0;
	sockin_events_remove(s);
	lock_sock(sk);
	sock_orphan(sk);
	inet_sk_set_state(sk, TCP_CLOSE);
	sk->sk_shutdown = SHUTDOWN_MASK;
	s->deferred = 0;
	release_sock(sk);
	sk_stop_timer(sk, &inet_csk(sk)->icsk_keepalive_timer);
	sock->sk = NULL;
	sockin_host_close(s->file);
	kfree(s->back);
	sock_put(sk);
	return 0;
}

/* What else the host may have takes descriptors or pointers in its options. */
static bool is_known(int type, int protocol)
{
	if (type == SOCK_RAW)
		return true;
	switch (protocol) {
	case IPPROTO_IP:
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
	case IPPROTO_MPTCP:
		return true;
	}
	return false;
}

static int default_protocol(int type, int protocol)
{
	if (protocol != IPPROTO_IP)
		return protocol;
	return type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : protocol;
}

static int create(struct net *net, struct socket *sock, int family, int protocol, int kern)
{
	struct sock *sk;
	long file;

	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	if (!is_known(sock->type, protocol))
		return -EPROTONOSUPPORT;
	if (sock->type == SOCK_RAW && !kern && !ns_capable(net->user_ns, CAP_NET_RAW))
		return -EPERM;
	file = sockin_host_socket(family, sock->type, protocol);
	if (file < 0)
		return file;
	sock->state = SS_UNCONNECTED;
	sock->ops = family == PF_INET ? &sockin_ops : &sockin_ops6;
	sk = sockin_sock_new(net, sock, family, default_protocol(sock->type, protocol), file, kern);
	if (!sk)
		return -ENOMEM;
	sockin_buffer_sizes(sockin_sk(sk));
	return 0;
}

static int create_inet(struct net *net, struct socket *sock, int protocol, int kern)
{
	return create(net, sock, PF_INET, protocol, kern);
}

static int create_inet6(struct net *net, struct socket *sock, int protocol, int kern)
{
	return create(net, sock, PF_INET6, protocol, kern);
}

/* A kernel that has the native stack in use refuses: nothing of the module may be left behind. */
static int __init sockin_init(void)
{
	int err = sockin_host_init();

	if (err)
		goto tell;
	err = proto_register(&sockin_prot, 1);
	if (err)
		goto host_exit;
	err = sockin_events_init() ?: rump_claim_sockin(create_inet, create_inet6);
	if (!err)
		return 0;
	proto_unregister(&sockin_prot);
host_exit:
	sockin_host_exit();
tell:
	pr_err("sockin: %s (error %d)\n", rump_claim_why(), err);
	return err;
}
module_init(sockin_init);

MODULE_DESCRIPTION("Internet sockets by the host's");
MODULE_LICENSE("GPL");

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sockin.h - what the files of sockin share.  family.c has the theory of operation.
 */
#ifndef RUMP_DRIVERS_SOCKIN_SOCKIN_H
#define RUMP_DRIVERS_SOCKIN_SOCKIN_H

#include <uapi/linux/eventpoll.h>
#include <linux/ipv6.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/tcp.h>
#include <linux/wait.h>
#include <net/sock.h>

#include <asm/rump.h>
#include <asm/unistd.h>

/* what is always watched for, and what ends every wait */
#define SOCKIN_BASE	((__force u32)(EPOLLIN | EPOLLPRI | EPOLLRDHUP))
#define SOCKIN_OUT	((__force u32)EPOLLOUT)
#define SOCKIN_IN	((__force u32)(EPOLLIN | EPOLLPRI))
#define SOCKIN_ERR	((__force u32)EPOLLERR)
#define SOCKIN_HUP	((__force u32)EPOLLHUP)
#define SOCKIN_RDHUP	((__force u32)EPOLLRDHUP)
#define SOCKIN_ALL	(SOCKIN_BASE | SOCKIN_OUT | SOCKIN_ERR | SOCKIN_HUP)

#define SOCKIN_PIECE	(64 * 1024)	/* bytes that go through a buffer at once */

struct sockin_sock {
	/*
	 * The core and sunrpc set fields of tcp_sock and ipv6_pinfo of whatever socket is
	 * TCP's; here they are memory and no more.
	 */
	struct tcp6_sock tcp;
	int file;			/* handle of the host socket */
	u32 id;

	/* what is known of its readiness */
	spinlock_t lock;		/* seq, mask, known; taken in softirqs */
	u32 seq;			/* changes with every event */
	u32 mask;			/* EPOLL bits ... */
	u32 known;			/* ... as far as these */
	struct mutex watch_lock;
	u32 watched;			/* EPOLL bits; 0: nothing yet */
	u32 deferred;			/* events while the socket was locked */

	/* the host's SO_ERROR is fetched when an event tells that there is one */
	struct rump_io error_io;
	struct tasklet_struct error_tasklet;
	int error_value, error_size;
	u32 error_events;		/* those that wait for it */
	bool fetches_error;		/* under way; under lock */
	bool is_closed;			/* none is to be fetched any more; under lock */
	wait_queue_head_t error_wait;

	/* bytes of a stream that were read on the host, but not here */
	struct mutex back_lock;
	void *back;
	size_t back_length;

	struct sockaddr_storage peer;	/* of an accepted one */
	int peer_length;
};

/* One host call and what it points at, for host threads: not on a stack, not in a module. */
struct sockin_req {
	struct rump_io io;
	struct user_msghdr msg;
	struct iovec iov;
	struct sockaddr_storage name;
	int values[4];
	char *control;
};

static inline struct sockin_sock *sockin_sk(const struct sock *sk)
{
	return (struct sockin_sock *)sk;
}

static inline bool sockin_is_stream(const struct sock *sk)
{
	return sk->sk_type == SOCK_STREAM;
}

/* ---- family.c ---- */
extern const struct proto_ops sockin_ops, sockin_ops6;
/* a sock for a host socket, whose handle it takes over; NULL: no memory, the handle is closed */
struct sock *sockin_sock_new(struct net *net, struct socket *sock, int family, int protocol,
			     int file, int kern);
int sockin_release(struct socket *sock);

/* ---- host.c ---- */
int sockin_host_init(void);
void sockin_host_exit(void);
struct sockin_req *sockin_req_alloc(void);
void sockin_req_free(struct sockin_req *req);
DEFINE_FREE(sockin_req, struct sockin_req *, if (_T) sockin_req_free(_T))
/* A call of the host by number; argument 0 is the handle of s.  Its result. */
long __sockin_call(struct sockin_req *req, struct sockin_sock *s, long nr,
		   const unsigned long args[5]);
#define sockin_call(req, s, nr, ...)	\
	__sockin_call(req, s, nr, (const unsigned long [5]){ __VA_ARGS__ })
/* a new host socket: its handle or -errno */
long sockin_host_socket(int family, int type, int protocol);
long sockin_host_accept(struct sockin_req *req, struct sockin_sock *s);
void sockin_host_close(int file);
/* which of the EPOLL bits are so now, or -errno */
long sockin_host_poll(struct sockin_req *req, struct sockin_sock *s, u32 events);
/* a buffer of SOCKIN_PIECE bytes at most, that the host may fill */
void *sockin_buffer_get(size_t size);
void sockin_buffer_put(void *buffer, size_t size);

/* ---- events.c ---- */
int sockin_events_init(void);
int sockin_events_add(struct sockin_sock *s);
/* no event comes any more; sleeps */
void sockin_events_remove(struct sockin_sock *s);
/* from now on events are told; OUT only when asked for */
int sockin_watch(struct sockin_sock *s, u32 events);
u32 sockin_seq(struct sockin_sock *s);
/*
 * Sleeps until an event has come since seq: 0; -ERESTARTSYS and its like; -EAGAIN when
 * *timeo is over.
 */
int sockin_wait(struct sockin_sock *s, u32 events, u32 seq, long *timeo);
/* takes the error of the socket, 0 or -errno, also one that is just being fetched; sleeps */
int sockin_error(struct sockin_sock *s);
/* a call may have changed these bits; is_empty: it told that they are off, unless seq changed */
void sockin_changed(struct sockin_sock *s, u32 events, u32 seq, bool is_empty);
__poll_t sockin_poll(struct file *file, struct socket *sock, struct poll_table_struct *wait);
void sockin_release_cb(struct sock *sk);

/* ---- connect.c ---- */
int sockin_bind(struct socket *sock, struct sockaddr *address, int length);
int sockin_connect(struct socket *sock, struct sockaddr *address, int length, int flags);
int sockin_listen(struct socket *sock, int backlog);
int sockin_accept(struct socket *sock, struct socket *new, struct proto_accept_arg *arg);
int sockin_getname(struct socket *sock, struct sockaddr *address, int which);
int sockin_shutdown(struct socket *sock, int how);
int sockin_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg);
/* sockets that the kernel made have their options only in their fields */
void sockin_apply_fields(struct sockin_sock *s);

/* ---- data.c ---- */
int sockin_sendmsg(struct socket *sock, struct msghdr *msg, size_t size);
int sockin_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags);

/* ---- control.c ---- */
bool sockin_control_is_allowed(struct sock *sk, struct msghdr *msg);
/* from the host's buffer to the caller's */
void sockin_put_control(struct msghdr *msg, void *control, size_t size);

/* ---- options.c ---- */
int sockin_setsockopt(struct socket *sock, int level, int name, sockptr_t value,
		      unsigned int length);
int sockin_getsockopt(struct socket *sock, int level, int name, char __user *value,
		      int __user *length);
/* what an accepted socket has from the one that listens */
void sockin_inherit(struct sock *sk, const struct sock *parent);
/* the sizes of buffers as the host has them */
void sockin_buffer_sizes(struct sockin_sock *s);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* private.h - what the files of rumpclient/ share.  One block for each file. */
#ifndef RUMPCLIENT_PRIVATE_H
#define RUMPCLIENT_PRIVATE_H

#include <sys/uio.h>

#pragma GCC visibility push(default)
#include <rump/rumpclient.h>
#pragma GCC visibility pop
#include <rump/rump_sp.h>

#include "../sp/spin.h"
#include "host.h"
#include "url.h"

/*
 * initial-exec is one instruction; musl refuses it in libraries that dlopen()
 * brings, and glibc keeps room for such.
 */
#ifdef __GLIBC__
#define FAST_TLS __attribute__((tls_model("initial-exec")))
#else
#define FAST_TLS
#endif

struct channel;
struct session;

/* ---- transports: unix.c, tcp.c ---- */

/* Whose channel it is that goes. */
enum channel_owner {
	CHANNEL_OURS,
	CHANNEL_PARENTS, /* in a child of fork: without its memory, with copies of descriptors */
	CHANNEL_CHILDS,	 /* of a child that shared our memory, but not the table of descriptors */
};

struct transport {
	/*
	 * The control connection.  send may be made in handlers of signals and by several
	 * threads at once.  receive does not wait (-EAGAIN), has the session's lock, and
	 * gives the length and in *ret_fd a descriptor that came along, or -1.
	 */
	int (*send)(struct session *session, const void *message, size_t length);
	long (*receive)(struct session *session, void *message, size_t size, int *ret_fd);
	/*
	 * is_ours: nothing passes any more, for any process, but what there is stays until
	 * the next connection.  Else this process' copy goes.
	 */
	void (*close)(struct session *session, bool is_ours);
	/* the answer to RUMP_SP_CHANNEL becomes the channel's memory; fd is the callee's */
	int (*channel_open)(struct channel *channel, const struct rump_sp_channel_answer *answer,
			    int fd);
	void (*channel_close)(struct channel *channel, enum channel_owner owner);
	/* the server has to be told the end of a channel: closing it does not */
	bool has_channel_end;
	/* whether the server is known to have gone, looked at before a call after a pause */
	bool (*has_gone)(struct channel *channel);
	/* sends the turn that is in the channel and waits for its answer: 0 or -ENOTCONN */
	int (*turn)(struct channel *channel);
	/*
	 * Enters a posted call in the channel: 0, or -EAGAIN, it is to be made as any other.
	 * is_lazy: to be begun with what comes next.  settle: waits until all are done; by any
	 * thread.  NULL: the transport has none.
	 */
	int (*post)(struct channel *channel, const struct rump_sp_posted *posted, bool is_lazy);
	void (*settle)(struct channel *channel);
	/* what came with a RUMP_SP_SOCKET message becomes a session of this transport */
	int (*adopt)(struct session *session, struct session *child, int fd,
		     const struct rump_sp_cookie *cookie);
	/* what came with a RUMP_SP_EVENT message becomes a descriptor, not private; NULL: it is one
	 */
	int (*event)(struct session *session, int fd, const struct rump_sp_cookie *cookie);
};

extern const struct transport transport_unix, transport_tcp;

/* ---- session.c: this program as a process of a rump kernel ---- */

enum session_state {
	SESSION_NONE,	   /* rumpclient_init() was not called */
	SESSION_INHERITED, /* has a connection that was not used yet */
	SESSION_READY,
	SESSION_LOST, /* the connection is gone */
};

/* more than threads that can ask at once, and what some have asked for and left by longjmp() */
#define PARKED_MAX 16384

/* An answer that another thread than its own has received. */
struct parked {
	bool is_used;
	int fd; /* that came with it, or -1 */
	union {
		struct rump_sp_message head;
		uint8_t bytes[64];
	};
};

struct session {
	struct lock lock;    /* of what is not said to be atomic */
	uint32_t state;	     /* atomic; enum session_state */
	uint32_t generation; /* atomic; of the connection */
	uint32_t live;	     /* atomic; the generation, or 0 without a connection */
	uint32_t flags;	     /* of the welcome */
	int32_t server_pid;
	int32_t pid; /* host pid of the process that this is true for */
	uint64_t server_id[2];
	const struct transport *transport;
	int fd; /* atomic; the control connection, -1: none */
	/* tcp: it; the one before; what proves us, of RUMP_SECRET_FILE */
	struct rumpsp_tcp *stream, *retired;
	uint8_t tcp_secret[RUMP_SP_SECRET_SIZE];
	uint32_t opening; /* tcp, atomic, a futex; tid of the thread that connects a channel */
	/* where to connect again; hello's secret */
	bool has_url;
	struct rump_url url;
	uint8_t secret[RUMP_SP_SECRET_SIZE];
	bool has_waited; /* the seconds of the retry policy, in vain */
	/* one thread connects, the others wait */
	uint32_t connecting; /* atomic, a futex; tid of the one */
	/* channel.c, atomic: threads that ask now; a futex, + 1 when one has its answer */
	uint32_t asking, answered;
	/* control.c */
	uint32_t next_id;      /* atomic */
	uint32_t arrivals;     /* a futex: + 1 when somebody should look again */
	uint32_t receiver;     /* tid of the thread that waits for messages */
	uint32_t parked_end;   /* above it none is used */
	struct parked *parked; /* memory for PARKED_MAX, mapped when the first one comes */
};

/* The process' own; the caller's, which in a child that shares memory is another. */
extern struct session session_own;
struct session *session_current(void);
/* Connected, as the retry policy says: 0 or -errno (-ENOTCONN). [blocks] */
int session_ensure(struct session *session);
/* The connection of that generation is gone. Async-signal-safe. */
void session_lost(struct session *session, uint32_t generation);
void session_clear(struct session *session);
/* Finds the server of a URL for the first time: 0 or -errno, told to error_set(). [blocks] */
int session_connect(struct session *session, const char *url, const uint8_t *secret);
/* a control connection that was not used yet: a socket, or what tcp_save() gave */
int session_adopt(struct session *session, int fd);
/* The first words on a connection. 0 or -errno, told to error_set(). [blocks] */
int session_hello(struct session *session);
static inline bool session_is_ready(const struct session *session)
{
	return __atomic_load_n(&session->state, __ATOMIC_ACQUIRE) == SESSION_READY;
}

/* ---- connect.c ---- */
/* one attempt: session->transport, fd, stream; 0 or -errno, told to error_set() */
int connect_once(struct session *session);
/* fd is what a tcp session has left to a new program */
bool connect_is_saved(int fd);
/* moves a descriptor out of the numbers that programs use and hides it; never fails */
int fd_make_private(int fd);
void fd_close_private(int fd);
/* the program gets it after all */
void fd_make_public(int fd);

/* ---- tcp.c ---- */
int tcp_connect(struct session *session);
/* For exec: a descriptor that stands for the session, or -errno; it was not executed; the
 * session again. */
int tcp_save(struct session *session);
/* what a child in shared memory has connected: its memory here */
void tcp_forget(struct session *session);
void tcp_unsave(struct session *session, int fd);
int tcp_load(struct session *session, int fd);
int tcp_send_pieces(struct session *session, const struct iovec *pieces, unsigned int count);

/* ---- control.c ---- */
/* fills in head's length, type and id, and sends: 0 or -errno. Async-signal-safe. */
int control_send(struct session *session, enum rump_sp_type type, struct rump_sp_message *head,
		 size_t length);
/*
 * Waits for the message of that type and id: its answer's error as -errno, or 0 with the
 * first size bytes of it and, where ret_fd is not NULL, the descriptor that came with it
 * or -1.  until: monotonic ns; 0: for ever.
 */
int control_wait(struct session *session, enum rump_sp_type type, uint32_t id, void *ret_message,
		 size_t size, int *ret_fd, uint64_t until);
/* control_send() and control_wait() for its answer */
int control_ask(struct session *session, enum rump_sp_type type, struct rump_sp_message *head,
		size_t length, void *ret_message, size_t size, int *ret_fd, uint64_t until);
/* The other side has closed the control connection.  Does not wait; changes nothing. */
bool control_is_hung_up(struct session *session);
/* a thread that takes what comes unasked, for sessions with RUMP_SP_SIGNALS */
int control_listen(struct session *session);

/* ---- channel.c ---- */

/* A thread's; all memory of it stays for ever, for handlers that look. */
struct channel {
	uint32_t tid; /* atomic; 0: free */
	uint32_t number;
	struct session *session;
	uint32_t generation; /* of the session */
	struct rump_sp_channel *shared;
	size_t size;
	struct rumpsp_tcp *stream;
	/* this side's own copies: the server may write anything */
	uint32_t request; /* of the last turn */
	uint32_t reply;	  /* what `reply` was before it */
	char *data;
	/* the call under way: `request` of its first turn; 0: none.  atomic */
	uint32_t call;
	bool is_interrupted; /* INTERRUPT was sent for it; atomic */
	struct sp_spin spin;
	uint64_t last; /* cycles of the TSC at the end of the last call */
	/* post.c */
	bool wants_posting, is_posting; /* the server is to be told with the next call; knows */
	bool has_posted;		/* since the last call; atomic */
	uint32_t posted;		/* how many ever; atomic */
};

struct thread {
	struct channel *channel;
	struct session *session; /* the caller's; NULL: the process' own */
	void *frame;		 /* of the call under way, NULL: none */
	/* for a call in a handler that interrupted another one, or left it by longjmp() */
	struct channel *spare;
	void *outer_frame;
	bool is_nested;
};

extern __thread FAST_TLS struct thread self;

static inline bool channel_is_live(const struct channel *channel)
{
	return channel->generation == __atomic_load_n(&channel->session->live, __ATOMIC_ACQUIRE);
}
/*
 * A channel of the caller's session in *place, which is one of the caller's: what is
 * there, or a new one.  0 or -errno. [blocks]
 */
int channel_get(struct channel **place);
/* The next channel that is in use, from *at on; NULL: there are no more. */
struct channel *channel_next(int *at);
/* Tells the server and frees it. */
void channel_drop(struct channel *channel);
/* Frees all of a session that has ended. */
void channel_drop_all(struct session *session, enum channel_owner owner);
/* Those who sleep shall see that the session is lost. */
void channel_wake_all(const struct session *session);
/* In a child of fork(): there are none. */
void channel_forked(void);
/* The call that the channel is in shall end by EINTR. Async-signal-safe. */
void channel_interrupt(struct channel *channel);
/* The same before the thread sleeps, the request being made, for what came too early. */
void channel_interrupt_late(struct channel *channel);

/* ---- call.c ---- */
/* rumpclient_syscall() for the library itself, RUMP_SP_CALL_* among them */
#define CALL_PAD(number, a, b, c, d, e, f, ...)                                             \
	rumpclient_syscall((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
			   (long)(f))
#define call(...) CALL_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

/* ---- fork.c, exec.c ---- */
/* whether the result of RUMP_SP_CALL_FORK, _EXPORT or _EVENT names a message */
static inline bool is_message_id(long result)
{
	return result >= 0 && result <= UINT32_MAX;
}
/* its message, of type RUMP_SP_SOCKET or _EVENT, with what came along */
int fork_take(struct session *session, enum rump_sp_type type, long id, struct parked *ret_message);
/* the connection that rumpclient_exec() has left this program, or -1; only once */
int exec_inherited(void);

/* ---- post.c ---- */
/* RUMPCLIENT_CALL_POST: 0, or -EAGAIN */
long post(const long args[6]);
/* Channels with posted calls that may not be done. */
extern uint32_t posters;
/* what others than this channel's thread have posted is done on return; NULL: all.  0 */
long post_settle(const struct channel *except);
/* a call has been answered: what was posted before it is done */
void post_done(struct channel *channel);
/* The channel goes, and its memory. */
void post_end(struct channel *channel);
void post_forked(void);

/* ---- gather.c ---- */
/* fills in windows and data of the channel's turn */
void gather(struct channel *channel, struct rump_sp_turn *turn, long number, const long args[6]);

/* ---- records.c ---- */
/* carries out the answer's records: 0, -EFAULT, or -EPROTO */
int records_write(const struct channel *channel, const struct rump_sp_answer *answer);

/* ---- copy.c: the application's memory, which may not be there ---- */
/* 0 or -EFAULT */
int copy_in(void *to, uint64_t from, size_t length);
int copy_out(uint64_t to, const void *from, size_t length);
/* up to size bytes, with the NUL: the length with it, or -EFAULT, -ENAMETOOLONG */
/*
 * false: a call that takes what it reads out of a queue would write to memory that is not
 * there, or it is not known.
 */
bool target_is_there(long number, const long args[6]);
long copy_in_string(char *to, uint64_t from, size_t size);

/* ---- retry.c ---- */
struct retry {
	time_t policy;
	uint64_t until, pause;
};
/* Whether to try to connect at all. is_first: there was no connection before. */
bool retry_start(struct retry *retry, bool is_first, const struct rump_url *url);
/* An attempt has failed: whether to make another one, after a pause that it makes. */
bool retry_again(struct retry *retry);
/* All have failed: does not return where the policy says so. */
void retry_failed(const struct retry *retry, const struct rump_url *url);

/* ---- error.c ---- */
/* what rumpclient_error() says; for config_error_set() */
extern struct config_error last_error;
const char *error_text(int error);
/* -1 and errno for an error below 0, else the value */
int error_return(int error);

#endif

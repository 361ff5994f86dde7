/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp.h - this kernel's clients: processes that use it from outside.
 *
 * Theory of operation.  The control thread ("rump-sp", sp_control.c) owns the listening
 * sockets, one control connection for each client, and their ends.  It never waits
 * for a client, nor for what may take long in the kernel: that is done by short-lived
 * threads (jobs) while the client's further messages stay in its socket.  Each channel,
 * that is each client thread, has a thread here (sp_channel.c), which is an lwp of the
 * client's process in the kernel and so carries out one call after the other.
 *
 * A client (sp_client.c) is its connection, its process in the kernel, and its
 * channels.  It ends when one of the first two does; its memory goes with the last
 * reference: the connection's, the kernel's (until gone()), each channel's, and one
 * while it is in the queue of events.
 *
 * Descriptors are handles (file.c), so that the program does not see them, and a child of
 * fork() closes them: a copy of a control connection would hide its end from us.
 * What a client sends and writes is copied once, checked, and then used.
 *
 * Locks, none of which is held while anything blocks: sp.lock, then a client's.
 */
#ifndef RUMPUSER_SP_H
#define RUMPUSER_SP_H

#include <stddef.h>
#include <stdint.h>

#include <rump/rump_sp.h>

#include "host.h"
#include "private.h"
#include "spin.h"

#define SP_CHANNELS_MAX 16384 /* of a client */
/* of these, whose answers a client has not read: it asks for far fewer at once */
#define SP_UNREAD_MAX 128
#define SP_CARRIERS_MAX 256   /* of a client */
#define SP_EVENTS_MAX 1024    /* of a client */

/* What the server's options make of the clients of one address. */
struct sp_policy {
	bool is_root_set;
	unsigned int root_uid;
	bool is_memory_private;
	bool has_secret;
	uint8_t secret[RUMP_SP_SECRET_SIZE];
	void (*halt)(int is_restart);
	int (*leave)(void);
};

/* Who sent a message, as the host says; pid 0: a process that we cannot see */
struct sp_sender {
	int pid;
	unsigned int uid;
};

struct sp_channel;

/* sp_client.events */
#define SP_EVENT_GONE 1	   /* the kernel's: the process is no more */
#define SP_EVENT_SIGNAL 2  /* signals are to be sent */
#define SP_EVENT_END 4	   /* the connection is to be ended */
#define SP_EVENT_RESUME 8  /* the job is done, go on reading */
#define SP_EVENT_TICK 16   /* a channel has to be seen to again and again */
#define SP_EVENT_FORGET 32 /* no event names the connection any more */
#define SP_EVENT_BURY 64   /* sp_events_bury() */

struct sp_client {
	_Atomic unsigned int refs;
	const struct sp_policy *policy;
	struct sp_client *next, *previous; /* of all; under sp.lock */
	struct rumpuser_client kernel;	   /* what the kernel is told */
	unsigned int host_uid;		   /* of the connection's maker */
	bool is_elsewhere;  /* on another machine: its pid and addresses mean nothing */
	bool is_pid_shared; /* it sees the ids that we see */

	/* the control thread's */
	int pidfd; /* handle or -1 */
	bool is_paused, is_ticking;
	bool is_ended;
	bool is_entered;      /* has been given a process */
	bool is_late;	      /* has not said HELLO for a while */
	_Atomic bool is_kept; /* its connection ends with the server's process and tells of that */
	struct sp_client *next_tick;

	_Atomic int pid; /* of the process in the kernel; 0: none yet, or gone */
	_Atomic bool is_gone;
	_Atomic int host_pid; /* 0: not known */
	_Atomic bool may_direct;
	_Atomic unsigned int carriers;
	_Atomic unsigned int host_events;

	_Atomic unsigned int events;
	_Atomic uint64_t signals; /* bit n - 1 */
	_Atomic bool is_queued;
	struct sp_client *next_event;

	struct host_lock lock; /* of the rest */
	int control;	       /* handle or -1 */
	unsigned int next_id;  /* of messages unasked for */
	/* when the last message found room, once one has not */
	unsigned long long sent_at;
	unsigned int next_channel;
	unsigned int channel_count;
	unsigned int unread_count; /* channels whose answer is not sent */
	struct sp_channel *channels;
	bool is_closed; /* no new channels */
};

struct sp_channel {
	struct sp_client *client;
	struct sp_channel *next, *previous; /* under the client's lock */
	uint32_t number;
	uint32_t question; /* id of the CHANNEL message */
	int memfd;	   /* handle, until it has been sent */
	bool is_unread;	   /* the answer is not sent; under the client's lock */
	int wanted_tid;
	_Atomic int tid; /* of our thread */
	_Atomic bool is_closing;
	/* request of the call under way in the low half, bit 32: there is one */
	_Atomic uint64_t serving;
	bool is_interrupted; /* INTERRUPT came for `interrupt`; under the client's lock */
	uint32_t interrupt;
	_Atomic uint64_t signals; /* for the answer */

	struct rump_sp_channel *shared;
	char *data;
	uint32_t request;  /* the last that was taken */
	uint32_t posted;   /* posted calls that were done */
	_Atomic bool is_posting; /* the client may post, and wakes us accordingly */
	bool client_slept; /* when the last answer came */
	bool is_bad;	   /* has got a turn that is none, within a call */
	bool is_lost;	   /* what the kernel has written in this call did not get there */
	struct sp_spin spin;
	uint32_t follows_cpu; /* where the client was when we slept, + 1 ... */
	uint32_t follows;     /* so many times running */
	struct rumpuser_remote remote;
	uint32_t out_offset;
	struct rump_sp_turn turn;
	struct rumpuser_window windows[RUMP_SP_WINDOWS];
	int posted_value; /* of the posted call under way */
};

/* An open file on its way between processes, see sp_export.c. */
struct sp_carrier {
	int socket; /* handle: our end */
	struct sp_client *owner;
	unsigned long long handle[2];
};

struct sp_listener {
	struct sp_listener *_Atomic next;
	struct sp_policy policy;
	int socket; /* handle, -1: closed, or of tcp:// */
	bool is_paused;
	bool is_kept;			  /* a successor has it: the file stays */
	char path[4096];		  /* absolute, "": there is no file to remove */
	unsigned long long device, inode; /* of that file */
	struct rumpsp_tcp_server *tcp;
};

/* ---- sp_control.c ---- */
enum sp_source { SP_WAKE, SP_LISTENER, SP_CONTROL, SP_PROCESS, SP_CARRIER };

/* starts the control thread: 0 or -errno */
int sp_start(void);
/* watches a handle for the control thread */
int sp_watch(int handle, enum sp_source source, void *object, uint32_t events);
void sp_watch_change(int handle, enum sp_source source, void *object, uint32_t events);
void sp_unwatch(int handle);
/* events for the control thread; any thread, kernel stacks too, does not block */
void sp_notify(struct sp_client *client, unsigned int events);
/* the addresses and all connections close; returns when they have. [blocks] */
void sp_stop_clients(void);
bool sp_is_stopping(void);
/* runs fn in a thread of its own, or here if there is none to be had */
void sp_job(void (*fn)(void *), void *arg, const char *name);
/* a line for the log; not more than a few a second */
void sp_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sp_control_forked(void);
const uint64_t *sp_server_id(void);

/* ---- sp_client.c ---- */
/* takes the socket over, also when it fails */
int sp_client_connect(int fd, const struct sp_policy *policy, bool is_elsewhere);
/* with one reference, without a connection */
struct sp_client *sp_client_new(const struct sp_policy *policy);
void sp_client_ref(struct sp_client *client);
void sp_client_unref(struct sp_client *client);
/* gives it a process in the kernel, by process_new() or process_fork() */
int sp_client_enter(struct sp_client *client, int (*make)(const struct rumpuser_client *));
/* it has said who it is.  The control thread only */
void sp_client_entered(struct sp_client *client);
/*
 * A copy of the caller's process, with a connection of its own.  The other end of that: a
 * handle; where the caller is no client (NULL), a descriptor as of fd_move_high().
 */
int sp_client_fork(const struct sp_client *parent);
/* the connection and the process end, the channels close.  The control thread only */
void sp_client_end(struct sp_client *client);
void sp_clients_end_all(void);
/* those that have said nothing since the last time; true: there are more to look after */
bool sp_clients_expire(void);
/* connections that are not clients yet */
bool sp_clients_are_awaited(void);
/* reads no more of its messages before SP_EVENT_RESUME */
void sp_client_pause(struct sp_client *client);
/* the process has ended: it counts no more */
void sp_client_gone(struct sp_client *client);
unsigned int sp_client_count(void);
int sp_client_wait(unsigned long long timeout);
void sp_clients_forked(void);

/* ---- sp_peer.c ---- */
/* whose connection it is, and what that makes it in the kernel: 0 or -errno */
int sp_client_credentials(struct sp_client *client);
/* which process it is now.  The control thread only, as the next two */
void sp_client_identify(struct sp_client *client, const struct sp_sender *sender, int claimed_pid);
/* finds out whether its memory can be had directly */
void sp_client_probe(struct sp_client *client, const struct sp_sender *sender,
		     const struct rump_sp_hello *hello);
bool sp_client_is_signallable(const struct sp_client *client);
void sp_client_send_signals(struct sp_client *client);
/*
 * Sends a whole message (struct rump_sp_message and on), with a copy of a handle's
 * descriptor unless that is -1.  Does not block.  -ENOTCONN: the client will be ended.
 */
int sp_client_send(struct sp_client *client, const void *message, int handle);
/* By a thread of a channel: the client has some seconds to read.  [blocks] */
int sp_client_send_patiently(struct sp_client *client, const void *message, int handle);
/* the same for a new RUMP_SP_SOCKET message; returns its id */
long sp_client_send_fd(struct sp_client *client, enum rump_sp_type type, int handle);

/* ---- sp_message.c ---- */
/*
 * Does what a control message says.  0, or -errno: the connection is to be ended.
 * The control thread only.
 */
int sp_message(struct sp_client *client, const void *message, size_t length,
	       const struct sp_sender *sender);

/* ---- sp_channel.c ---- */
/* starts the thread, which answers the CHANNEL message; 0 or -errno */
int sp_channel_open(struct sp_client *client, uint32_t question, int tid);
/* without a thread: for sp_channel_open() and tests */
struct sp_channel *sp_channel_new(struct sp_client *client, int *ret_error);
void sp_channel_free(struct sp_channel *channel);
/* takes and does the call whose turn is in the channel: 0 or -errno, the channel is then closed */
int sp_channel_turn(struct sp_channel *channel);
/* number 0: all; is_end: and there will be no more */
void sp_channels_close(struct sp_client *client, uint32_t number, bool is_end);
void sp_channel_interrupt(struct sp_client *client, uint32_t number, uint32_t request);
/* Repeats what may have come at the wrong moment; false: nothing left to do */
bool sp_channels_tick(struct sp_client *client);
/* answers and waits for the next turn of the call, which has to be a CONTINUE */
int sp_channel_transfer(struct sp_channel *channel, struct rump_sp_answer *answer);

/* ---- sp_posted.c ---- */
/* does what the client has posted; not within a call.  Sets is_bad. */
void sp_posted_do(struct sp_channel *channel);

/* ---- sp_memory.c ---- */
/* of a call that reads one int, at an address of no client */
unsigned long sp_memory_of_int(struct sp_channel *channel, int *value);
void sp_memory_init(struct sp_channel *channel);
/* what the turn says of memory: 0, or -EBADMSG */
int sp_memory_begin(struct sp_channel *channel);

/* ---- sp_export.c ---- */
/*
 * A carrier for a descriptor of the caller's: its socket, a handle; where the caller is no
 * client (NULL), a descriptor.
 */
int sp_export(struct sp_client *owner, int rump_fd);
/* the carrier has been closed everywhere.  The control thread only */
void sp_carrier_closed(struct sp_carrier *carrier);

/* ---- sp_event.c ---- */
/* an event for a notifier of the caller's: a handle of what the client gets to wait for */
int sp_event(struct sp_client *owner, int notifier);
/* frees what the kernel has given up */
void sp_events_bury(void);
void sp_events_forked(void);

/* ---- sp_address.c ---- */
/* a listening socket at path, "@name" for an abstract one; failures are boot errors */
int sp_address_listen(const char *path, const struct rumpuser_sp_options *options,
		      struct sp_listener *listener);
/* remembers which file it is that will have to be removed */
void sp_address_note(struct sp_listener *listener, const char *path);
void sp_address_remove(const struct sp_listener *listener);

/* ---- sp_serve.c ---- */
/* somebody wants in; false: no descriptors, listens again after sp_listeners_resume() */
bool sp_listener_ready(struct sp_listener *listener);
void sp_listeners_resume(void);
/* from now on nobody is let in; who comes waits for what comes after the halt */
void sp_listeners_halt(void);
void sp_listeners_stop(void);
void sp_serve_forked(void);

/* ---- sp_tcp.c ---- */
struct rump_url;
int sp_tcp_serve(const struct rump_url *url, const struct rumpuser_sp_options *options,
		 struct sp_listener *listener);
void sp_tcp_stop(struct sp_listener *listener);
void sp_tcp_forked(void);

#endif

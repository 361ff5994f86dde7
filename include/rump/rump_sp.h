/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump_sp.h - what a client of a rump kernel and its server say to each other.
 *
 * rump_sp(7) is the manual of this protocol.  Widths are fixed, byte order is the
 * host's (x86-64).  Nothing here is trusted by the side that reads it.
 *
 * Control connection.  One for each client process: a SOCK_SEQPACKET unix socket, a
 * message a packet; or a TCP connection, a message a record of the encrypted stream.
 * Either side may close it at any time: the client's process in the rump kernel then
 * ends, with its descriptors.
 *
 * Channel.  One for each client thread that calls: struct rump_sp_channel in memory of
 * the server's that both map (a sealed memfd, sent with the answer to CHANNEL).  The two
 * sides take turns: the client fills in a request and raises `request`, the server
 * answers by raising `reply`.  An answer is the result, or asks for a transfer first;
 * then the client does it and raises `request` again.  Over TCP a channel is a
 * connection of its own, which carries the same turns as struct rump_sp_turn.
 */
#ifndef RUMP_SP_H
#define RUMP_SP_H

#include <stdint.h>

#define RUMP_SP_MAGIC	0x706d7572U	/* "rump" */
#define RUMP_SP_VERSION 4

/* ---- control messages ---- */

enum rump_sp_type {
	/* first, from the client; the answer carries struct rump_sp_welcome */
	RUMP_SP_HELLO = 1,
	/*
	 * rump_sp_channel_open: a channel for one thread; the answer is
	 * rump_sp_channel_answer and carries the memfd
	 */
	RUMP_SP_CHANNEL,
	/* the thread of a channel is gone; no answer */
	RUMP_SP_CHANNEL_END,
	/* rump_sp_interrupt: the call that the channel is in shall end by EINTR; no answer */
	RUMP_SP_INTERRUPT,
	/*
	 * rump_sp_exec: a new program runs in the process.  The channels of the old one
	 * are gone, and all descriptors but those listed are closed; no answer.
	 */
	RUMP_SP_EXEC,
	/* rump_sp_halt: sync, unmount, stop; answered when the server has begun to */
	RUMP_SP_HALT,
	/*
	 * from the server (is_answer 0): what RUMP_SP_CALL_FORK or _EXPORT has made; carries a
	 * socket; sent before the call's result
	 */
	RUMP_SP_SOCKET,
	/* from the server, unasked: rump_sp_signal, a signal for the client's process */
	RUMP_SP_SIGNAL,
	/*
	 * instead of HELLO, as struct rump_sp_hello with the secret: the sender's family ends
	 * with it.  A private server that agrees ends, and then the connection does; else the
	 * answer is EBUSY (others live).
	 */
	RUMP_SP_LEAVE,
	/*
	 * from the server (is_answer 0): carries what RUMP_SP_CALL_EVENT has made; sent before
	 * the call's result
	 */
	RUMP_SP_EVENT,
	/*
	 * struct rump_sp_message, from a forked child before anything else: its credentials
	 * say which process of the host it is; no answer
	 */
	RUMP_SP_CHILD,
};

struct rump_sp_message {
	uint32_t length;	/* of the whole message in bytes */
	uint16_t type;		/* enum rump_sp_type; an answer has the type of its question */
	uint16_t is_answer;
	uint32_t id;		/* chosen by who asks, the same in the answer */
	int32_t error;		/* in answers: 0 or an errno value */
};

#define RUMP_SP_MESSAGE_MAX 65536 /* bytes; longer ones end the connection */

#define RUMP_SP_SECRET_SIZE 32
#define RUMP_SP_NAME_SIZE 16

struct rump_sp_hello {
	struct rump_sp_message head;
	uint32_t magic;		/* RUMP_SP_MAGIC */
	uint32_t version;	/* RUMP_SP_VERSION; another: EPROTO, with the server's in welcome */
	int32_t pid;		/* the client's, as it sees it */
	uint32_t reserved;
	/* the server reads 8 bytes there by process_vm_readv: `probe_value` if it can */
	uint64_t probe_address, probe_value;
	char name[RUMP_SP_NAME_SIZE];		/* of the program, NUL-terminated */
	/* of a private server's family */
	uint8_t secret[RUMP_SP_SECRET_SIZE];
};

struct rump_sp_welcome {
	struct rump_sp_message head;
	uint32_t magic, version;
	int32_t pid;		/* of the client's process in the rump kernel */
	uint32_t flags;		/* RUMP_SP_DIRECT, _SIGNALS */
	uint64_t server_id[2];	/* random, made when the server starts */
	int32_t server_pid;	/* as it sees it; for PR_SET_PTRACER */
	uint32_t reserved;
};

/* The server reads and writes the client's memory itself: large buffers need no windows. */
#define RUMP_SP_DIRECT	1
/* The server cannot send signals to the client's process: they come as RUMP_SP_SIGNAL. */
#define RUMP_SP_SIGNALS	2

struct rump_sp_channel_open {
	struct rump_sp_message head;
	int32_t tid;		/* of the thread, as the client sees it */
	uint32_t reserved;
};

struct rump_sp_channel_answer {
	struct rump_sp_message head;
	uint32_t channel;	/* its number in RUMP_SP_CHANNEL_END and _INTERRUPT */
	uint32_t size;		/* bytes of the memfd */
};

struct rump_sp_channel_end {
	struct rump_sp_message head;
	uint32_t channel, reserved;
};

struct rump_sp_interrupt {
	struct rump_sp_message head;
	uint32_t channel;
	uint32_t request;	/* the value of rump_sp_channel.request of that call's first turn */
};

struct rump_sp_exec {
	struct rump_sp_message head;
	char name[RUMP_SP_NAME_SIZE];
	uint32_t count, reserved;
	uint32_t keep[];	/* descriptors, ascending */
};

#define RUMP_SP_HALT_RESTART 1

struct rump_sp_halt {
	struct rump_sp_message head;
	uint32_t flags, reserved;
};

struct rump_sp_signal {
	struct rump_sp_message head;
	int32_t signal, reserved;
};

/* ---- channels ---- */

/*
 * Calls that are not system calls.  FORK: a new process in the rump kernel, a copy of
 * the caller's with its descriptors; the result is the id of the RUMP_SP_SOCKET message
 * on the control connection whose socket is the new process' control connection.
 * EXPORT (descriptor): the result is the id of a RUMP_SP_SOCKET message whose socket
 * stands for the open file for as long as a copy of it is open anywhere; any client
 * that gets hold of it finds in it, by recv(MSG_PEEK), a struct rump_sp_export.
 * IMPORT (handle low, handle high): the result is a descriptor for that file.
 * EVENT (notifier, see rump_calls.h): the result is the id of a RUMP_SP_EVENT message whose
 * descriptor is a stream socket, O_NONBLOCK: readable when the notifier was raised.
 */
#define RUMP_SP_CALL_FORK	0x10000
#define RUMP_SP_CALL_EXPORT	0x10001
#define RUMP_SP_CALL_IMPORT	0x10002
#define RUMP_SP_CALL_EVENT	0x10004

/*
 * Mappings, for clients whose memory the server may read directly (RUMP_SP_DIRECT), unless
 * the server keeps its memory to itself.  MEMORY: the result is the id of a RUMP_SP_SOCKET
 * message that carries a descriptor of the kernel's memory; -EPERM.  The others are
 * numbers of system calls that Linux has not; rump_sp(7) tells how they go together.
 */
#define RUMP_SP_CALL_MEMORY	0x10003
#define RUMP_SP_NR_MAP_OPEN	400 /* (struct rump_sp_map *): a rump descriptor, to be exported */
#define RUMP_SP_NR_MAP_FAULT	401 /* (address, flags, struct rump_sp_map_run *, count): how many */
#define RUMP_SP_NR_MAP_DROP	402 /* (start, length): nothing is mapped there any more */
#define RUMP_SP_NR_MAP_CHECK	403 /* (struct rump_sp_map_run *, count): how many are to be dropped */

/* flags of MAP_FAULT: to be written to; no more than what lies near is of use */
#define RUMP_SP_MAP_WRITE	1
#define RUMP_SP_MAP_NEAR	2

struct rump_sp_map {
	uint64_t flushes_offset; /* in the memory: a uint32_t that rises when there is something to drop */
	uint64_t memory_size;	 /* bytes */
};

/* Pages of a mapping, which lie one after the other in the memory. */
struct rump_sp_map_run {
	uint64_t address, offset;
	uint32_t pages, is_writable;
};

struct rump_sp_export {
	uint32_t magic, version;
	uint64_t server_id[2];
	uint64_t handle[2];	/* random */
};

/* Memory of the client that the call will read, sent along: data[offset ...]. */
struct rump_sp_window {
	uint64_t address;	/* in the client */
	uint32_t length;	/* bytes */
	uint32_t offset;	/* in the data area; a multiple of 8 */
};

#define RUMP_SP_WINDOWS 24

/* What the kernel has written, to be carried out by the client: header, then the bytes,
 * padded to a multiple of 8.  In order. */
struct rump_sp_record {
	uint64_t address;
	uint32_t length;
	uint32_t reserved;
};

enum rump_sp_kind {
	RUMP_SP_RESULT = 1,	/* the call has ended */
	/* copy_length bytes from copy_address wanted in data[out_offset ...]; no records */
	RUMP_SP_COPYIN,
	RUMP_SP_COPYOUT,	/* the records are to be carried out now, then go on */
};

/* flags of a request */
#define RUMP_SP_CONTINUE 1	/* the answer to COPYIN or COPYOUT; copy_error tells how it went */
#define RUMP_SP_POSTING	 2	/* from this call on the channel has posted calls */
/* where the call will write something is not there: it shall learn of that when it writes */
#define RUMP_SP_WRITE_THROUGH 4

struct rump_sp_turn {
	/* from the client */
	int64_t number;		/* system call, or RUMP_SP_CALL_* */
	uint64_t args[6];
	uint32_t flags;
	int32_t copy_error;	/* 0 or an errno value */
	uint32_t window_count;
	uint32_t in_used;	/* bytes of the data area that the windows need; RUMP_SP_IN_MAX */
	struct rump_sp_window windows[RUMP_SP_WINDOWS];
};

struct rump_sp_answer {
	/* from the server */
	int64_t result;		/* value or -errno */
	uint32_t kind;		/* enum rump_sp_kind */
	uint32_t out_offset;	/* where the records begin in the data area, or the bytes go */
	uint32_t out_used;	/* bytes of records */
	uint32_t copy_length;
	uint64_t copy_address;
	uint64_t signals;	/* bit n - 1: signal n, for the calling thread, to be raised now */
};

/*
 * A posted call: setsockopt() of an int, whose result the client knows to be 0.  It is done
 * before the next call of the channel, and nobody waits for it.  Others than TCP_NODELAY and
 * TCP_CORK end the channel.
 */
struct rump_sp_posted {
	int32_t fd, level, name, value;
};

#define RUMP_SP_POSTED_MAX 16 /* not yet done */

/* data area: the client's windows from 0 on, behind them what the server writes and asks for */
#define RUMP_SP_DATA_SIZE	(128 << 10)
#define RUMP_SP_DATA_OFFSET	4096
/* for windows; the rest is the server's in any case */
#define RUMP_SP_IN_MAX		(RUMP_SP_DATA_SIZE - (16 << 10))

struct rump_sp_channel {
	uint32_t magic, version;
	uint32_t data_offset, data_size;	/* bytes */
	uint8_t pad0[48];
	/* written by the client */
	uint32_t request;	/* + 1 for each turn; the server's futex */
	uint32_t posted_count;	/* + 1 for each posted call */
	uint32_t client_cpu;	/* it runs on, + 1; 0: not known */
	uint32_t client_sleeps;	/* it waits for `reply` on the futex: wake it */
	uint32_t pad1[12];
	/* written by the server */
	uint32_t reply;		/* = request when it has answered that; the client's futex */
	uint32_t server_cpu;
	/* it waits for `request`: wake it.  With RUMP_SP_POSTING for either count, and this is the
	 * futex: make it 0 */
	uint32_t server_sleeps;
	/* the server has gone from this channel: is_closed, then `reply` ^= 1U << 31, then a wake-up */
	uint32_t is_closed;
	uint32_t posted_done;	/* of posted_count */
	uint32_t pad2[11];
	struct rump_sp_turn turn;
	uint8_t pad3[24];
	struct rump_sp_answer answer;
	struct rump_sp_posted posted[RUMP_SP_POSTED_MAX]; /* posted_count % RUMP_SP_POSTED_MAX is next */
};

/* ---- tcp ---- */

/*
 * Over TCP everything is in records of an encrypted stream, see rump_sp(7).  The first
 * record says what the connection is for; the answer comes before anything else.
 *
 * Where a unix socket would carry a descriptor (the answer to CHANNEL, SOCKET, EVENT), struct
 * rump_sp_cookie follows the message instead, counted in its length: the client opens a
 * connection with it, within RUMP_SP_COOKIE_SECONDS.  A cookie is good for one.
 *
 * A connection of a channel carries turns: struct rump_sp_turn and behind it the windows'
 * in_used bytes, or the copy_length bytes that COPYIN asked for.  Answers: struct
 * rump_sp_answer and behind it the out_used bytes of records; out_offset is where they
 * shall lie in the client's data area.  Both sides count `request` from 0.
 */
enum rump_sp_open_kind {
	RUMP_SP_OPEN_CONTROL = 1,	/* a new client; no cookie */
	RUMP_SP_OPEN_FORKED,		/* the control connection of a forked one */
	RUMP_SP_OPEN_CHANNEL,
	/* what EVENT has made: from here on the server sends a record of one byte for each raise,
	 * and the client need not read them as such */
	RUMP_SP_OPEN_EVENT,
};

#define RUMP_SP_COOKIE_SIZE	32
#define RUMP_SP_COOKIE_SECONDS	10

struct rump_sp_cookie {
	uint8_t bytes[RUMP_SP_COOKIE_SIZE];	/* random */
};

struct rump_sp_open {
	uint32_t magic, version;
	uint32_t kind, reserved;
	struct rump_sp_cookie cookie;
};

struct rump_sp_opened {
	uint32_t magic, version;
	int32_t error;		/* 0 or an errno value; the connection then ends */
	uint32_t reserved;
};

#define RUMP_SP_RECORD_MAX	(RUMP_SP_DATA_SIZE + 4096)

_Static_assert(sizeof(struct rump_sp_open) == 48, "wire format");
_Static_assert(sizeof(struct rump_sp_opened) == 16, "wire format");
_Static_assert(sizeof(struct rump_sp_message) == 16, "wire format");
_Static_assert(sizeof(struct rump_sp_hello) == 96, "wire format");
_Static_assert(sizeof(struct rump_sp_welcome) == 56, "wire format");
_Static_assert(sizeof(struct rump_sp_window) == 16, "wire format");
_Static_assert(sizeof(struct rump_sp_turn) == 72 + 16 * RUMP_SP_WINDOWS, "wire format");
_Static_assert(sizeof(struct rump_sp_answer) == 40, "wire format");
_Static_assert(sizeof(struct rump_sp_map) == 16, "wire format");
_Static_assert(sizeof(struct rump_sp_map_run) == 24, "wire format");
_Static_assert(__builtin_offsetof(struct rump_sp_channel, request) == 64, "wire format");
_Static_assert(__builtin_offsetof(struct rump_sp_channel, reply) == 128, "wire format");
_Static_assert(__builtin_offsetof(struct rump_sp_channel, turn) == 192, "wire format");
_Static_assert(sizeof(struct rump_sp_posted) == 16, "wire format");
_Static_assert(sizeof(struct rump_sp_channel) <= RUMP_SP_DATA_OFFSET, "wire format");

#endif

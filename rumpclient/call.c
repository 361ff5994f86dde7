/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call.c - one system call: turns with the server until it has the result.
 */
#include <signal.h>
#include <string.h>

#include "private.h"

/* about 5 ms; what is looked at then costs 1 us */
#define PAUSE_CYCLES (2000UL * SP_SPIN_US)

/* ---- what the server wants first ---- */

static int copy_what_is_wanted(const struct channel *channel, const struct rump_sp_answer *answer)
{
	if (answer->copy_length > RUMP_SP_DATA_SIZE ||
	    answer->out_offset > RUMP_SP_DATA_SIZE - answer->copy_length)
		return -EPROTO;
	return copy_in(channel->data + answer->out_offset, answer->copy_address,
		       answer->copy_length);
}

static void raise_signals(uint64_t signals)
{
	long pid = host(SYS_getpid), tid = host(SYS_gettid);

	for (int signal = 1; signals; signal++, signals >>= 1)
		if (signals & 1)
			host(SYS_tgkill, pid, tid, signal);
}

static long finish(const struct channel *channel, const struct rump_sp_answer *answer,
		   int copyout_error)
{
	int error = records_write(channel, answer);
	long result = answer->result;

	if (__builtin_expect(answer->signals != 0, 0))
		raise_signals(answer->signals);
	/*
	 * The kernel believes that what it wrote last has arrived, or takes the failure of
	 * earlier writes for that of the latest: no count may tell so.
	 */
	if (error)
		return error;
	return copyout_error && result >= 0 ? -EFAULT : result;
}

/*
 * A server that breaks the rules is none.
 */
static long lose(struct channel *channel)
{
	session_lost(channel->session, channel->generation);
	return -ENOTCONN;
}

static long converse(struct channel *channel, long number, const long args[6])
{
	struct rump_sp_turn *turn = &channel->shared->turn;
	struct rump_sp_answer answer;
	int copyout_error = 0;
	bool is_through;
	long result;

	turn->number = number;
	memcpy(turn->args, args, sizeof(turn->args));
	turn->flags = channel->wants_posting ? RUMP_SP_POSTING : 0;
	is_through = !target_is_there(number, args);
	if (__builtin_expect(is_through, 0))
		turn->flags |= RUMP_SP_WRITE_THROUGH;
	turn->copy_error = 0;
	gather(channel, turn, number, args);
	__atomic_store_n(&channel->is_interrupted, false, __ATOMIC_RELAXED);
	__atomic_store_n(&channel->call, channel->request + 1, __ATOMIC_RELEASE);
	for (;;) {
		if (channel->session->transport->turn(channel)) {
			result = lose(channel);
			break;
		}
		/* once: it may change while it is looked at */
		memcpy(&answer, &channel->shared->answer, sizeof(answer));
		if (answer.kind == RUMP_SP_RESULT) {
			result = finish(channel, &answer, copyout_error);
			break;
		}
		if (answer.kind == RUMP_SP_COPYIN) {
			turn->copy_error = copy_what_is_wanted(channel, &answer);
		} else if (answer.kind == RUMP_SP_COPYOUT) {
			turn->copy_error = records_write(channel, &answer);
			if (turn->copy_error && !is_through)
				copyout_error = -EFAULT;
		} else {
			result = lose(channel);
			break;
		}
		turn->flags = RUMP_SP_CONTINUE;
	}
	__atomic_store_n(&channel->call, 0, __ATOMIC_RELEASE);
	channel->last = __builtin_ia32_rdtsc();
	return result;
}

/* What is posted is done in the order that it was made in, also that of other threads. */
static inline __attribute__((always_inline)) long call_on(struct channel *channel, long number,
							  const long args[6])
{
	long result;

	if (__builtin_expect(__atomic_load_n(&posters, __ATOMIC_ACQUIRE) != channel->has_posted, 0))
		post_settle(channel);
	result = converse(channel, number, args);
	if (__builtin_expect(channel->has_posted || channel->wants_posting, 0))
		post_done(channel);
	return result;
}

/* ---- calls in handlers of signals ---- */

static bool is_on_signal_stack(void)
{
	stack_t stack = {.ss_flags = 0};

	return !host(SYS_sigaltstack, NULL, &stack) && stack.ss_flags & SS_ONSTACK;
}

/*
 * The thread is in a call already: this is a handler that interrupted it, or the handler
 * has left by longjmp() and this is the program going on.  Which of them cannot always
 * be told, and need not: the call ends by EINTR either way, and this one is made on
 * another channel.  Where the old call's frame is no more, its channel goes.
 */
static __attribute__((noinline)) long nested_call(void *frame, long number, const long args[6])
{
	void *outer;
	long result;
	int error;

	if (self.is_nested) {
		if (frame < self.frame || is_on_signal_stack())
			return -EDEADLK;
		if (self.spare)
			channel_drop(self.spare);
		self.spare = NULL;
		self.is_nested = false;
		self.frame = self.outer_frame;
	}
	if (self.channel)
		channel_interrupt(self.channel);
	if (frame >= self.frame && !is_on_signal_stack()) {
		if (self.channel)
			channel_drop(self.channel);
		self.channel = NULL;
		self.frame = NULL;
		return rumpclient_syscall(number, args[0], args[1], args[2], args[3], args[4],
					  args[5]);
	}
	outer = self.outer_frame = self.frame;
	self.is_nested = true;
	self.frame = frame;
	error = self.spare && channel_is_live(self.spare) &&
				self.spare->session == session_current()
			? 0
			: channel_get(&self.spare);
	result = error ? error : call_on(self.spare, number, args);
	self.frame = outer;
	self.is_nested = false;
	return result;
}

/*
 * A connection that was lost while nobody called is lost for what was there before, not
 * for this call, which has not been made: so it is looked at after a pause.
 */
static bool channel_is_good(struct channel *channel)
{
	if (!channel_is_live(channel))
		return false;
	if (__builtin_expect(__builtin_ia32_rdtsc() - channel->last < PAUSE_CYCLES, 1) ||
	    !channel->session->transport->has_gone(channel))
		return true;
	session_lost(channel->session, channel->generation);
	return false;
}

long rumpclient_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6)
{
	const long args[6] = {a1, a2, a3, a4, a5, a6};
	void *frame = __builtin_frame_address(0);
	struct thread *thread = &self;
	long result;

	if (__builtin_expect(number >= RUMPCLIENT_CALL_POST, 0)) {
		if (number == RUMPCLIENT_CALL_POST)
			return post(args);
		if (number == RUMPCLIENT_CALL_SETTLE)
			return post_settle(NULL);
	}
	if (__builtin_expect(thread->frame != NULL, 0))
		return nested_call(frame, number, args);
	thread->frame = frame;
	/* a handler from here on finds the thread in a call */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (__builtin_expect(!thread->channel || !channel_is_good(thread->channel), 0))
		result = channel_get(&thread->channel);
	else
		result = 0;
	if (!result)
		result = call_on(thread->channel, number, args);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread->frame = NULL;
	return result;
}

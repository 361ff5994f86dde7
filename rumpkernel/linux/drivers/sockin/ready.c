// SPDX-License-Identifier: GPL-2.0-only
/*
 * ready.c - one host thread waits for all descriptors
 *
 * Theory of operation.  The thread sleeps in the host's epoll_wait() and fills
 * one of two batches.  A full batch is an interrupt, which whoever let the vCPU go idle
 * takes: most likely the thread that waits for just this.  A softirq then hands the events to
 * the driver, and the batch back to the thread, which meanwhile has filled the other one.
 * With both full it waits, so a flood of events costs no memory.
 *
 * Code and data are the image's, not a module's: what host threads touch must not lie in
 * vmalloc space, whose mappings on the host may be missing.
 */
#include <uapi/linux/eventpoll.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include <asm/rump.h>
#include <asm/unistd.h>

#include "ready.h"

#define BATCH_EVENTS	64

enum { BATCH_FREE, BATCH_FULL, BATCH_AWAITED };

struct batch {
	struct rump_io io;
	struct tasklet_struct tasklet;
	u32 state;
	int count;
	struct epoll_event events[BATCH_EVENTS];
};

static struct batch batches[2];
static int epoll_file = -1;
static bool is_running;
static u32 ready_cpu;			/* where the last watch was asked for */
static void (*ready_fn)(u32 id, u32 events);

/* ---- the thread, on its host stack ---- */

static void call_done(struct rumpuser_io *io)
{
}

static int wait_events(const struct rumpuser_ops *user, struct batch *batch)
{
	struct rumpuser_io call = {
		.op = RUMPUSER_IO_CALL,
		.flags = RUMPUSER_IO_QUIET,
		.call_nr = __NR_epoll_wait,
		.call_args = { epoll_file, (unsigned long)batch->events, BATCH_EVENTS, -1 },
		.call_handles = 1,
		.done = call_done,
	};

	user->io_run(&call);
	return call.result;
}

static void wait_free(const struct rumpuser_ops *user, struct batch *batch)
{
	u32 seen = BATCH_FULL;

	while (__atomic_load_n(&batch->state, __ATOMIC_ACQUIRE) != BATCH_FREE) {
		__atomic_compare_exchange_n(&batch->state, &seen, BATCH_AWAITED, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		seen = BATCH_FULL;
		user->wait(&batch->state, BATCH_AWAITED, 0);
	}
}

static void ready_loop(void *arg)
{
	const struct rumpuser_ops *user = arg;
	struct rump_vcpu *v;
	unsigned int n;

	for (n = 0;; n = !n) {
		struct batch *batch = &batches[n];

		wait_free(user, batch);
		do
			batch->count = wait_events(user, batch);
		while (batch->count == -EINTR);
		if (batch->count < 0)
			return;		/* the handle is gone, and the kernel with it */
		__atomic_store_n(&batch->state, BATCH_FULL, __ATOMIC_RELEASE);
		v = &rump_vcpus[READ_ONCE(ready_cpu)];
		llist_add(&batch->io.node, &v->io_done);
		rump_raise(v->p.cpu, RUMP_IRQ_IO, user);
	}
}

/* ---- the kernel's side ---- */

static void batch_complete(struct rump_io *io)
{
	tasklet_schedule(&container_of(io, struct batch, io)->tasklet);
}

static void batch_run(struct tasklet_struct *tasklet)
{
	struct batch *batch = from_tasklet(batch, tasklet, tasklet);
	int i;

	for (i = 0; i < batch->count; i++)
		ready_fn(batch->events[i].data, (__force u32)batch->events[i].events);
	if (__atomic_exchange_n(&batch->state, BATCH_FREE, __ATOMIC_SEQ_CST) == BATCH_AWAITED)
		hyp()->wake(&batch->state, 1);
}

static int make_epoll(void)
{
	struct rump_io *io = kzalloc(sizeof(*io), GFP_KERNEL);
	long file;

	if (!io)
		return -ENOMEM;
	io->host.op = RUMPUSER_IO_CALL;
	io->host.flags = RUMPUSER_IO_NEW_HANDLE;
	io->host.call_nr = __NR_epoll_create1;
	io->host.call_args[0] = EPOLL_CLOEXEC;
	file = rump_io_wait(io);
	kfree(io);
	if (file < 0)
		return file;
	epoll_file = file;
	return 0;
}

int rump_ready_start(void (*fn)(u32 id, u32 events))
{
	unsigned int i;
	int err;

	/* of a module that was refused, and comes again: it has watched nothing */
	ready_fn = fn;
	if (is_running)
		return 0;
	err = epoll_file < 0 ? make_epoll() : 0;
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(batches); i++) {
		batches[i].io.complete = batch_complete;
		tasklet_setup(&batches[i].tasklet, batch_run);
	}
	err = hyp()->thread_create(ready_loop, (void *)hyp(), "rump-ready");
	is_running = !err;
	return err;
}
EXPORT_SYMBOL_GPL(rump_ready_start);

struct watch_call {
	struct rump_io io;
	struct epoll_event event;
};

int rump_ready_watch(int file, u32 id, u32 events, bool is_change)
{
	struct watch_call *call = kzalloc(sizeof(*call), GFP_KERNEL);
	int err;

	if (!call)
		return -ENOMEM;
	WRITE_ONCE(ready_cpu, this_vcpu()->p.cpu);
	call->event.events = (__force __poll_t)events | EPOLLET;
	call->event.data = id;
	call->io.host.op = RUMPUSER_IO_CALL;
	call->io.host.flags = RUMPUSER_IO_QUIET;
	call->io.host.call_nr = __NR_epoll_ctl;
	call->io.host.call_args[0] = epoll_file;
	call->io.host.call_args[1] = is_change ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	call->io.host.call_args[2] = file;
	call->io.host.call_args[3] = (unsigned long)&call->event;
	call->io.host.call_handles = BIT(0) | BIT(2);
	err = rump_io_wait(&call->io);
	kfree(call);
	return err;
}
EXPORT_SYMBOL_GPL(rump_ready_watch);

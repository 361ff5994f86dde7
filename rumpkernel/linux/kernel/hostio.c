// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host I/O, always without a vCPU.
 *
 * A request of an lwp whose own host thread runs the vCPU is left to that
 * thread: it carries it out in thread_wait(), once the lwp has gone to sleep
 * and the vCPU is free, and saves two wake-ups of other threads.  If the vCPU
 * has other work for it (__switch_to), or the request comes from a kernel
 * thread, rumpuser's I/O threads do it.  Either way the end is an interrupt.
 *
 * A transfer of a client's memory may last as long as the client likes, and uses
 * the channel that is the thread's: it is always left to that thread.
 */
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/sched.h>
#include <asm/rump.h>

/* In a host thread without a vCPU. */
static void host_done(struct rumpuser_io *host)
{
	struct rump_io *io = container_of(host, struct rump_io, host);
	struct rump_thread *thread = rump_user->get_thread();
	struct rump_vcpu *v = &rump_vcpus[io->cpu];

	llist_add(&io->node, &v->io_done);
	/* run_own_io() takes the vCPU next: to wake another thread for it costs far more */
	if (thread && thread->runs_io)
		__atomic_fetch_or(&v->p.pending, RUMP_IRQ_IO, __ATOMIC_SEQ_CST);
	else
		rump_raise(v->p.cpu, RUMP_IRQ_IO, rump_user);
}

/* Whoever calls takes the vCPU next, if it is free. */
void rump_io_signal(struct rump_io *io)
{
	struct rump_vcpu *v = &rump_vcpus[io->cpu];

	llist_add(&io->node, &v->io_done);
	__atomic_fetch_or(&v->p.pending, RUMP_IRQ_IO, __ATOMIC_SEQ_CST);
}

void rump_io_irq(void)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&this_vcpu()->io_done));
	struct rump_io *io, *next;

	llist_for_each_entry_safe(io, next, list, node)
		io->complete(io);
}

/* The thread will not get to them soon. */
void rump_io_flush_thread(struct rump_thread *thread)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&thread->io_queue));
	struct rump_io *io, *next;

	llist_for_each_entry_safe(io, next, list, node)
		thread->user->io_submit(&io->host);
}

void rump_io_submit(struct rump_io *io)
{
	struct rump_vcpu *v = this_vcpu();
	struct rump_thread *thread = v->thread;

	io->host.done = host_done;
	io->cpu = v->p.cpu;
	if (current->thread.host == thread && !thread->done && !thread->is_service)
		llist_add(&io->node, &thread->io_queue);
	else
		thread->user->io_submit(&io->host);
}
EXPORT_SYMBOL(rump_io_submit);

void rump_host_work_queue(struct rump_host_work *work)
{
	if (READ_ONCE(work->is_queued) || xchg(&work->is_queued, 1))
		return;
	atomic_inc(&work->users);
	llist_add(&work->node, &this_vcpu()->host_work);
}
EXPORT_SYMBOL(rump_host_work_queue);

/* The thread that runs the vCPU goes on with something else. */
void rump_host_work_kick(struct rump_vcpu *v)
{
	struct rump_host_work *work, *next;

	llist_for_each_entry_safe(work, next, llist_del_all(&v->host_work), node) {
		smp_store_release(&work->is_queued, 0);
		work->kick(work);
		atomic_dec(&work->users);
	}
}

static void wait_complete(struct rump_io *io)
{
	complete(io->waiter);
}

long rump_io_wait(struct rump_io *io)
{
	DECLARE_COMPLETION_ONSTACK(finished);

	io->complete = wait_complete;
	io->waiter = &finished;
	rump_io_submit(io);
	wait_for_completion(&finished);
	return io->host.result;
}
EXPORT_SYMBOL(rump_io_wait);

/*
 * The thread sits in thread_wait() already, or gets there when this lwp sleeps: then
 * after_switch() sees to it that other work of the vCPU does not keep it.
 */
long rump_io_wait_remote(struct rump_io *io)
{
	DECLARE_COMPLETION_ONSTACK(finished);
	struct rump_thread *thread = current->thread.host;
	struct rump_vcpu *v = this_vcpu();

	io->complete = wait_complete;
	io->waiter = &finished;
	io->host.done = host_done;
	io->cpu = v->p.cpu;
	__atomic_store_n(&thread->remote_io, io, __ATOMIC_SEQ_CST);
	if (v->thread != thread)
		rump_kick(thread);
	wait_for_completion(&finished);
	return io->host.result;
}

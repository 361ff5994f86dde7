// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtif_host.c - the host threads' side of an interface.  This file runs on host stacks.
 */
#include "virtif.h"

/* On kernel stacks, too. */
void virtif_kick(struct virtif *vif)
{
	if (READ_ONCE(vif->is_asleep) && xchg(&vif->is_asleep, 0))
		vif->user->net_kick(&vif->net);
}

/* NAPI's poll is called for.  Who calls runs the vCPU next, if nobody else does. */
static void raise_irq(struct virtif *vif, unsigned int cpu)
{
	if (xchg(&vif->irq_is_raised, 1))
		return;
	vif->irq.cpu = cpu;
	rump_io_signal(&vif->irq);
}

/* ---- who has queued frames ---- */

void virtif_work_run(struct rump_host_work *work, unsigned int cpu)
{
	struct virtif *vif = container_of(work, struct virtif, work);

	if (virtif_tx_drain(vif))
		raise_irq(vif, cpu);
}

/* On kernel stacks. */
void virtif_work_kick(struct rump_host_work *work)
{
	virtif_kick(container_of(work, struct virtif, work));
}

/* ---- the interface's own thread ---- */

/* Frames for us to write: who writes already looks for more afterwards. */
static bool has_output(const struct virtif *vif)
{
	return !virtif_tx_is_empty(vif) && !READ_ONCE(vif->tx.is_blocked) &&
	       !READ_ONCE(vif->tx.busy);
}

/* Frames that are there for the writing are tried, and lost, on a link that is down, too. */
static void unblock(struct virtif *vif, unsigned int events)
{
	if (events & RUMPUSER_NET_OUTPUT || !vif->net.is_up)
		WRITE_ONCE(vif->tx.is_blocked, 0);
}

static void sleep_until_needed(struct virtif *vif)
{
	unsigned int events = 0;

	/* first: who has something for us afterwards sees it */
	__atomic_store_n(&vif->is_asleep, 1, __ATOMIC_SEQ_CST);
	if (READ_ONCE(vif->is_running) && !READ_ONCE(vif->rx.is_starved))
		events |= RUMPUSER_NET_INPUT;
	if (READ_ONCE(vif->tx.is_blocked))
		events |= RUMPUSER_NET_OUTPUT;
	if (!has_output(vif) && !READ_ONCE(vif->is_ending))
		unblock(vif, vif->user->net_wait(&vif->net, events));
	WRITE_ONCE(vif->is_asleep, 0);
}

static void run_vcpu(struct virtif *vif, struct rump_thread *thread)
{
	/* where no object for a thread was to be had, another one is woken */
	if (thread)
		rump_run_pending(&rump_vcpus[vif->cpu], thread);
	else
		rump_raise(vif->cpu, RUMP_IRQ_IO, vif->user);
}

static void tell_link(struct virtif *vif)
{
	if (READ_ONCE(vif->host_is_up) == vif->net.is_up)
		return;
	WRITE_ONCE(vif->host_is_up, vif->net.is_up);
	unblock(vif, 0);
	raise_irq(vif, vif->cpu);
}

static void end(struct virtif *vif)
{
	const struct rumpuser_ops *user = vif->user;
	unsigned int cpu = vif->gone_irq.cpu;

	user->net_close(&vif->net);
	rump_io_signal(&vif->gone_irq);	/* vif is gone from here on */
	rump_raise(cpu, RUMP_IRQ_IO, user);
}

void virtif_thread(void *arg)
{
	struct virtif *vif = arg;
	struct rump_thread *thread = rump_thread_own(vif->user);
	unsigned int frames;

	if (thread)
		vif->user->set_thread(thread);
	while (!READ_ONCE(vif->is_ending)) {
		frames = READ_ONCE(vif->is_running) ? virtif_rx_fill(vif) : 0;
		tell_link(vif);
		if (frames)
			raise_irq(vif, vif->cpu);
		run_vcpu(vif, thread);
		/* what was queued there is written already, unless others ran the vCPU */
		if (virtif_tx_drain(vif)) {
			raise_irq(vif, vif->cpu);
			run_vcpu(vif, thread);
		}
		if (!frames || vif->rx.is_empty || vif->rx.is_starved)
			sleep_until_needed(vif);
	}
	end(vif);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Clocks are the host's; a clock event is a deadline of the vCPU's service thread. */
#include <linux/clockchips.h>
#include <linux/clocksource.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/sched/clock.h>
#include <linux/time.h>
#include <linux/timekeeping.h>
#include <asm/rump.h>

unsigned long long notrace sched_clock(void)
{
	return this_vcpu()->thread ? hyp()->clock_mono() : 0;
}

static u64 clocksource_read(struct clocksource *cs)
{
	return hyp()->clock_mono();
}

static struct clocksource rump_clocksource = {
	.name = "rump",
	.rating = 500,
	.read = clocksource_read,
	.mask = CLOCKSOURCE_MASK(64),
	/* nanoseconds */
	.mult = 1 << 23,
	.shift = 23,
	.flags = CLOCK_SOURCE_IS_CONTINUOUS | CLOCK_SOURCE_VALID_FOR_HRES,
};

/*
 * From the first moment on: before its first tick the kernel's own default stands still, and
 * CLOCK_REALTIME, which is set then, would stay behind the host's by that.
 */
struct clocksource *__init clocksource_default_clock(void)
{
	return &rump_clocksource;
}

static int set_next_event(unsigned long delta, struct clock_event_device *device)
{
	struct rump_vcpu *v = this_vcpu();
	u64 deadline = hyp()->clock_mono() + delta;

	__atomic_store_n(&v->deadline, deadline, __ATOMIC_SEQ_CST);
	/* a sleep that would last too long; the service thread clears it itself when it wakes */
	if (deadline < READ_ONCE(v->service_until)) {
		WRITE_ONCE(v->service_until, deadline);
		rump_kick(v->service);
	}
	return 0;
}

static int set_shutdown(struct clock_event_device *device)
{
	WRITE_ONCE(this_vcpu()->deadline, 0);
	return 0;
}

static DEFINE_PER_CPU(struct clock_event_device, clock_event);

void rump_timer_irq(void)
{
	struct clock_event_device *device = this_cpu_ptr(&clock_event);

	device->event_handler(device);
}

void rump_timer_init_cpu(void)
{
	struct clock_event_device *device = this_cpu_ptr(&clock_event);

	device->name = "rump";
	device->rating = 400;
	device->features = CLOCK_EVT_FEAT_ONESHOT;
	device->set_next_event = set_next_event;
	device->set_state_shutdown = set_shutdown;
	device->set_state_oneshot_stopped = set_shutdown;
	device->cpumask = cpumask_of(smp_processor_id());
	clockevents_config_and_register(device, NSEC_PER_SEC, 1000, LONG_MAX >> 8);
}

void read_persistent_clock64(struct timespec64 *ts)
{
	*ts = ns_to_timespec64(hyp()->clock_real());
}

void __init time_init(void)
{
	__clocksource_register(&rump_clocksource);
	rump_timer_init_cpu();
}

void calibrate_delay(void)
{
	loops_per_jiffy = 1000000;
}

void rump_ndelay(unsigned long ns)
{
	u64 end = hyp()->clock_mono() + ns;

	while (hyp()->clock_mono() < end)
		cpu_relax();
}
EXPORT_SYMBOL(rump_ndelay);

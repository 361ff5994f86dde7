/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a bus: made once, checked, slots that go with their process; waits for bells. */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <rump/rump_bus.h>

#include "rumpuser_common.h"

static const struct rumpuser_upcalls upcalls = {.version = RUMPUSER_VERSION};
static const struct rumpuser_ops *ops;
static char path[128];

static struct rump_bus_slot *slot_of(const struct rumpuser_bus *bus)
{
	return (struct rump_bus_slot *)((char *)bus->base + RUMP_BUS_SLOT_OFFSET) + bus->slot;
}

static int open_bus(struct rumpuser_bus *bus)
{
	memset(bus, 0, sizeof(*bus));
	return ops->bus_open(path, bus);
}

static void test_slots(void)
{
	static struct rumpuser_bus buses[RUMP_BUS_SLOTS], one_more;
	struct rump_bus_header *header;
	struct stat status;
	unsigned int taken = 0;
	uint64_t start;

	umask(027);
	for (unsigned int i = 0; i < RUMP_BUS_SLOTS; i++)
		taken += !open_bus(&buses[i]) && buses[i].slot == i;
	is_int(taken, RUMP_BUS_SLOTS, "each member has a slot of its own, the lowest");
	is_int(open_bus(&one_more), -EUSERS, "no more than that");
	ok(strstr(one_more.why, "64 members") != NULL, "it says so: %s", one_more.why);
	is_int(stat(path, &status) ? -1 : (int)(status.st_mode & 0777), 0640, "the umask's mode");
	ok((uint64_t)status.st_size == RUMP_BUS_SIZE, "the size of the header file");
	header = buses[0].base;
	is_int(header->used, RUMP_BUS_SLOTS, "the header knows how many slots were used");

	start = slot_of(&buses[5])->start;
	ok(start >= RUMP_BUS_RING, "a member begins where no reader has been");
	/* as one that died in a frame */
	slot_of(&buses[5])->claimed = start + 4096;
	slot_of(&buses[5])->written = start + 1024;
	ops->bus_close(&buses[5]);
	is_int(open_bus(&buses[5]), 0, "a slot that was left is free");
	is_int(buses[5].slot, 5, "the same one");
	ok(slot_of(&buses[5])->start - (start + 4096) > RUMP_BUS_RING,
	   "its next member begins more than a ring further on");
	ok(slot_of(&buses[5])->written == slot_of(&buses[5])->start, "with nothing in it");
	for (unsigned int i = 0; i < RUMP_BUS_SLOTS; i++)
		ops->bus_close(&buses[i]);
}

static int dies_as_member(void)
{
	struct rumpuser_bus bus;

	if (open_bus(&bus))
		return 1;
	kill(getpid(), SIGKILL);
	return 2;
}

static void test_death(void)
{
	struct rumpuser_bus bus;

	is_int(in_child(dies_as_member), 1000 + SIGKILL, "a member is killed");
	is_int(open_bus(&bus), 0, "then");
	is_int(bus.slot, 0, "its slot is free");
	ops->bus_close(&bus);
}

/* ---- bells ---- */

static unsigned int own_word;

static void *wait_for_both(void *arg)
{
	unsigned int *bell = arg;
	const struct rumpuser_wait waits[] = {{.word = &own_word},
					      {.word = bell, .value = 1, .is_shared = 1}};
	int result = -EAGAIN;

	while (!__atomic_load_n(&own_word, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(bell, __ATOMIC_SEQ_CST) == 1)
		result = ops->wait_any(waits, 2);
	return (void *)(long)result;
}

static void test_bells(void)
{
	struct rumpuser_bus bus;
	unsigned int *bell;
	pthread_t thread;
	void *result;

	is_int(open_bus(&bus), 0, "a bus for bells");
	bell = slot_of(&bus)->bells;
	*bell = 1;
	pthread_create(&thread, NULL, wait_for_both, bell);
	usleep(20000); /* it may sleep by now; both ways it has to come back */
	ops->bus_ring(bell);
	pthread_join(thread, &result);
	ok((long)result == 0 || (long)result == -EAGAIN, "a bell ends the wait");
	is_int(*bell, 0, "and is cleared");
	*bell = 1;
	pthread_create(&thread, NULL, wait_for_both, bell);
	usleep(20000);
	__atomic_store_n(&own_word, 1, __ATOMIC_SEQ_CST);
	ops->wake(&own_word, 1);
	pthread_join(thread, &result);
	ok((long)result == 0 || (long)result == -EAGAIN, "so does the thread's own word");
	is_int(*bell, 1, "which leaves the bell");
	ops->bus_close(&bus);
}

int main(void)
{
	ops = ops_of(&upcalls);
	strcpy(path, temp_path("bus"));
	test_slots();
	test_death();
	test_bells();
	return done_testing();
}

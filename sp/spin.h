/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spin.h - how long the two sides of a channel look for the other's turn before they
 * sleep.  Used by rumpuser/ (servers) and rumpclient/.
 *
 * A wake-up across cores costs 5 us on bare metal and 25 to 50 us on virtual machines, a
 * turn that both sides look for less than one.  But looking costs a core, so it is done
 * only where recent waits were short, for about as long as they were:
 *
 *	- never when enough threads of the process look already;
 *	- when the other side was last seen on our own CPU it is let run between two looks.
 *	  That is cheaper than sleep and wake-up, and two threads that can run at any time are
 *	  two for the host's balancer: it moves one to an idle CPU, where sleepers who
 *	  wake each other would share theirs for ever.  Not so where a third one takes the
 *	  CPU: who gives way then has given up a whole slice of time;
 *	- a wait that was looked out makes the average; one that was not raises it, and above
 *	  SP_SPIN_LIMIT nobody looks;
 *	- then a probe now and then finds out whether times have changed, rarer and rarer
 *	  while they have not.
 *
 * Both sides asleep after each turn is a state that stays: each finds the other slow
 * because of the wake-up.  The server gets out of it by probes that are as long as a
 * wake-up, after which the client finds it awake and looks, too.
 *
 * Times are cycles of the TSC, taken as SP_SPIN_US a microsecond: everything here is a
 * rule of thumb, and right within a factor of two on all that runs x86-64 today.
 */
#ifndef RUMP_SP_SPIN_H
#define RUMP_SP_SPIN_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define SP_SPIN_US 2500U
#define SP_SPIN_LIMIT (50 * SP_SPIN_US) /* the longest average that is worth it */
#define SP_SPIN_LEAST (3 * SP_SPIN_US)
#define SP_SPIN_WAKEUP (150 * SP_SPIN_US) /* and what the other one does then */
#define SP_SPIN_STOLEN (12 * SP_SPIN_US) /* between two looks: somebody else ran */
#define SP_SPIN_RARELY 16		 /* waits from one probe to the next ... */
#define SP_SPIN_RAREST 256
/* on a CPU that others want, too: waits without giving way, at first and at most */
#define SP_SPIN_CROWDED 512
#define SP_SPIN_CROWDED_MOST 32768
#define SP_SPIN_CALM 8192 /* waits without such others after which half of that will do */

/* One for each side of a channel; zeroes at first. */
struct sp_spin {
	uint32_t average;  /* of waits */
	uint16_t skipped;  /* waits since the last probe */
	uint16_t interval; /* of probes - SP_SPIN_RARELY */
	uint16_t crowded;  /* waits to go without giving way ... */
	uint16_t crowd;	   /* of so many */
	uint16_t calm;	   /* waits since somebody else had the CPU */
};

/* What is looked at: until one of the words is not the old one any more. */
struct sp_words {
	const uint32_t *word, *other; /* other: NULL, or a second one */
	uint32_t old, other_old;
};

/* One for each process. */
struct sp_spinners {
	uint32_t now;
	/* set once: half of the CPUs that the process may use, at least one */
	uint32_t limit;
};

static inline uint32_t sp_spinners_limit(uint32_t cpus)
{
	return cpus < 4 ? 1 : cpus / 2;
}

static inline bool sp_has_come(const struct sp_words *words)
{
	return __atomic_load_n(words->word, __ATOMIC_ACQUIRE) != words->old ||
	       (words->other &&
		__atomic_load_n(words->other, __ATOMIC_ACQUIRE) != words->other_old);
}

static inline uint32_t sp_spin_budget(struct sp_spin *spin, bool peer_slept, bool is_server)
{
	uint32_t budget = spin->average * 3;

	if (!peer_slept && spin->average <= SP_SPIN_LIMIT) {
		if (budget < SP_SPIN_LEAST)
			return SP_SPIN_LEAST;
		return budget > 2 * SP_SPIN_LIMIT ? 2 * SP_SPIN_LIMIT : budget;
	}
	if (peer_slept && !is_server) {
		/* what its wake-ups took says nothing about a server that is found awake again */
		spin->average = SP_SPIN_LIMIT / 4;
		return 0;
	}
	if (++spin->skipped < SP_SPIN_RARELY + spin->interval)
		return 0;
	spin->skipped = 0;
	return peer_slept ? SP_SPIN_WAKEUP : SP_SPIN_LIMIT;
}

static inline void sp_spin_learn(struct sp_spin *spin, bool has_come, uint32_t cycles,
				 bool peer_slept)
{
	if (has_come) {
		/* the first wait after the other's sleep says nothing about the next */
		if (peer_slept)
			spin->average = SP_SPIN_LIMIT / 4;
		else
			spin->average += (int32_t)(cycles - spin->average) / 4;
		spin->interval = 0;
		return;
	}
	if (peer_slept || spin->average > SP_SPIN_LIMIT) { /* a probe */
		spin->interval = spin->interval * 2 + SP_SPIN_RARELY;
		if (spin->interval > SP_SPIN_RAREST)
			spin->interval = SP_SPIN_RAREST;
	} else {
		spin->average = spin->average * 2 + SP_SPIN_LIMIT / 4;
	}
}

/*
 * The other side, which shares our CPU, runs between two looks.  Who is not back soon was
 * kept out by a third one.
 */
static inline bool sp_spin_give_way(struct sp_spin *spin, const struct sp_words *words,
				    uint32_t budget)
{
	uint64_t start = __builtin_ia32_rdtsc(), before = start, now;
	bool has_come;

	do {
		sched_yield();
		has_come = sp_has_come(words);
		now = __builtin_ia32_rdtsc();
		if (now - before > SP_SPIN_STOLEN) {
			if (spin->crowd < SP_SPIN_CROWDED)
				spin->crowd = SP_SPIN_CROWDED;
			else if (spin->crowd < SP_SPIN_CROWDED_MOST)
				spin->crowd *= 2;
			spin->crowded = spin->crowd;
			spin->calm = 0;
			return has_come;
		}
		before = now;
	} while (!has_come && now - start < budget);
	if (has_come && spin->crowd && ++spin->calm == SP_SPIN_CALM) {
		spin->calm = 0;
		spin->crowd /= 2;
	}
	sp_spin_learn(spin, has_come, (uint32_t)(now - start), false);
	return has_come;
}

static inline bool sp_spin_look(struct sp_spin *spin, const struct sp_words *words, uint32_t budget,
				bool peer_slept)
{
	uint64_t start = __builtin_ia32_rdtsc();
	uint32_t cycles;
	bool has_come;

	do {
		__builtin_ia32_pause();
		has_come = sp_has_come(words);
		cycles = (uint32_t)(__builtin_ia32_rdtsc() - start);
	} while (!has_come && cycles < budget);
	sp_spin_learn(spin, has_come, cycles, peer_slept);
	return has_come;
}

/*
 * Looks until it has come: true; false: the caller is to sleep.
 * peer_slept: the other side had to be woken for the turn that we wait the answer of
 * (client), or for the answer that we have given (server).  own_cpu, peer_cpu: + 1, as in
 * struct rump_sp_channel; 0: not known.
 */
static inline bool sp_spin(struct sp_spin *spin, struct sp_spinners *spinners,
			   const struct sp_words *words, bool peer_slept, bool is_server,
			   uint32_t own_cpu, uint32_t peer_cpu)
{
	bool has_come = false;
	uint32_t budget;

	if (sp_has_come(words))
		return true;
	if (own_cpu && own_cpu == peer_cpu && spin->crowded) {
		spin->crowded--;
		return false;
	}
	budget = sp_spin_budget(spin, peer_slept, is_server);
	if (!budget)
		return false;
	if (own_cpu && own_cpu == peer_cpu)
		return sp_spin_give_way(spin, words, budget);
	if (__atomic_fetch_add(&spinners->now, 1, __ATOMIC_RELAXED) < spinners->limit)
		has_come = sp_spin_look(spin, words, budget, peer_slept);
	__atomic_fetch_sub(&spinners->now, 1, __ATOMIC_RELAXED);
	return has_come;
}

#endif

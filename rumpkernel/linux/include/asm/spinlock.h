/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_SPINLOCK_H
#define _ASM_RUMP_SPINLOCK_H
#include <asm/vdso/processor.h>
#include <asm/spinlock_types.h>

/*
 * Test and set.  Queued and ticket locks hand over in order, also to a vCPU
 * whose host thread is not running; on a few host CPUs that costs time slices.
 */
void rump_spin_wait(arch_spinlock_t *lock);

static __always_inline int arch_spin_is_locked(arch_spinlock_t *lock)
{
	return READ_ONCE(lock->locked) != 0;
}

static __always_inline int arch_spin_value_unlocked(arch_spinlock_t lock)
{
	return !lock.locked;
}

static __always_inline int arch_spin_is_contended(arch_spinlock_t *lock)
{
	return 0;
}

static __always_inline int arch_spin_trylock(arch_spinlock_t *lock)
{
	return !__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE);
}

static __always_inline void arch_spin_lock(arch_spinlock_t *lock)
{
	if (__builtin_expect(!arch_spin_trylock(lock), 0))
		rump_spin_wait(lock);
}

static __always_inline void arch_spin_unlock(arch_spinlock_t *lock)
{
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

#include <asm/qrwlock.h>
#endif

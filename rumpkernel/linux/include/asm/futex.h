/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_FUTEX_H
#define _ASM_RUMP_FUTEX_H
#include <linux/futex.h>
#include <linux/uaccess.h>
#include <asm/errno.h>

/* Host threads touch the word at the same time: atomic against them too. */
static __always_inline int rump_futex_cmpxchg(u32 __user *uaddr, u32 *old, u32 new)
{
	int err = 0;

	if (unlikely(rump_pcpu(foreign)))
		return -EFAULT;
	asm volatile("1:	lock; cmpxchgl %3,%2\n"
		     "2:\n"
		     ".pushsection .fixup,\"ax\"\n"
		     "3:	mov %4,%0\n"
		     "	jmp 2b\n"
		     ".popsection\n"
		     _ASM_EXTABLE(1b, 3b)
		     : "+r" (err), "+a" (*old), "+m" (*(u32 __force *)uaddr)
		     : "r" (new), "i" (-EFAULT) : "memory");
	return err;
}

static inline int arch_futex_atomic_op_inuser(int op, u32 oparg, int *oval, u32 __user *uaddr)
{
	u32 old, seen, new;
	int err;

	if (!access_ok(uaddr, sizeof(u32)) || __get_user(old, uaddr))
		return -EFAULT;
	for (;;) {
		switch (op) {
		case FUTEX_OP_SET:
			new = oparg;
			break;
		case FUTEX_OP_ADD:
			new = old + oparg;
			break;
		case FUTEX_OP_OR:
			new = old | oparg;
			break;
		case FUTEX_OP_ANDN:
			new = old & ~oparg;
			break;
		case FUTEX_OP_XOR:
			new = old ^ oparg;
			break;
		default:
			return -ENOSYS;
		}
		seen = old;
		err = rump_futex_cmpxchg(uaddr, &seen, new);
		if (err)
			return err;
		if (seen == old)
			break;
		old = seen;
	}
	*oval = old;
	return 0;
}

static inline int futex_atomic_cmpxchg_inatomic(u32 *uval, u32 __user *uaddr,
						u32 oldval, u32 newval)
{
	int err;

	if (!access_ok(uaddr, sizeof(u32)))
		return -EFAULT;
	err = rump_futex_cmpxchg(uaddr, &oldval, newval);
	*uval = oldval;
	return err;
}
#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_RUMP_PERCPU_H
#define _ASM_RUMP_PERCPU_H
#include <asm/irqflags.h>

#define __my_cpu_offset (rump_pcpu(cpu_offset))

/*
 * A task leaves its vCPU and interrupts come only at well-known points, so a
 * per-CPU operation needs no protection at all.
 */
#define this_cpu_add_1(p, v)		raw_cpu_generic_to_op(p, v, +=)
#define this_cpu_add_2(p, v)		raw_cpu_generic_to_op(p, v, +=)
#define this_cpu_add_4(p, v)		raw_cpu_generic_to_op(p, v, +=)
#define this_cpu_add_8(p, v)		raw_cpu_generic_to_op(p, v, +=)
#define this_cpu_and_1(p, v)		raw_cpu_generic_to_op(p, v, &=)
#define this_cpu_and_2(p, v)		raw_cpu_generic_to_op(p, v, &=)
#define this_cpu_and_4(p, v)		raw_cpu_generic_to_op(p, v, &=)
#define this_cpu_and_8(p, v)		raw_cpu_generic_to_op(p, v, &=)
#define this_cpu_or_1(p, v)		raw_cpu_generic_to_op(p, v, |=)
#define this_cpu_or_2(p, v)		raw_cpu_generic_to_op(p, v, |=)
#define this_cpu_or_4(p, v)		raw_cpu_generic_to_op(p, v, |=)
#define this_cpu_or_8(p, v)		raw_cpu_generic_to_op(p, v, |=)
#define this_cpu_read_1(p)		raw_cpu_generic_read(p)
#define this_cpu_read_2(p)		raw_cpu_generic_read(p)
#define this_cpu_read_4(p)		raw_cpu_generic_read(p)
#define this_cpu_read_8(p)		raw_cpu_generic_read(p)
#define this_cpu_write_1(p, v)		raw_cpu_generic_to_op(p, v, =)
#define this_cpu_write_2(p, v)		raw_cpu_generic_to_op(p, v, =)
#define this_cpu_write_4(p, v)		raw_cpu_generic_to_op(p, v, =)
#define this_cpu_write_8(p, v)		raw_cpu_generic_to_op(p, v, =)
#define this_cpu_add_return_1(p, v)	raw_cpu_generic_add_return(p, v)
#define this_cpu_add_return_2(p, v)	raw_cpu_generic_add_return(p, v)
#define this_cpu_add_return_4(p, v)	raw_cpu_generic_add_return(p, v)
#define this_cpu_add_return_8(p, v)	raw_cpu_generic_add_return(p, v)
#define this_cpu_xchg_1(p, n)		raw_cpu_generic_xchg(p, n)
#define this_cpu_xchg_2(p, n)		raw_cpu_generic_xchg(p, n)
#define this_cpu_xchg_4(p, n)		raw_cpu_generic_xchg(p, n)
#define this_cpu_xchg_8(p, n)		raw_cpu_generic_xchg(p, n)
#define this_cpu_try_cmpxchg_1(p, o, n)	raw_cpu_generic_try_cmpxchg(p, o, n)
#define this_cpu_try_cmpxchg_2(p, o, n)	raw_cpu_generic_try_cmpxchg(p, o, n)
#define this_cpu_try_cmpxchg_4(p, o, n)	raw_cpu_generic_try_cmpxchg(p, o, n)
#define this_cpu_try_cmpxchg_8(p, o, n)	raw_cpu_generic_try_cmpxchg(p, o, n)
#define this_cpu_cmpxchg_1(p, o, n)	raw_cpu_generic_cmpxchg(p, o, n)
#define this_cpu_cmpxchg_2(p, o, n)	raw_cpu_generic_cmpxchg(p, o, n)
#define this_cpu_cmpxchg_4(p, o, n)	raw_cpu_generic_cmpxchg(p, o, n)
#define this_cpu_cmpxchg_8(p, o, n)	raw_cpu_generic_cmpxchg(p, o, n)

#include <asm-generic/percpu.h>
#endif

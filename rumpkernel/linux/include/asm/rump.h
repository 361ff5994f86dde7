/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The overlay's own objects: host threads, vCPUs, rump processes, host I/O.
 * kernel/entry.c has the theory of operation.
 */
#ifndef _ASM_RUMP_RUMP_H
#define _ASM_RUMP_RUMP_H

#include <linux/types.h>
#include <linux/llist.h>
#include <linux/list.h>
#include <linux/threads.h>
#include <asm/irqflags.h>
#include <asm/ptrace.h>
#include <asm/thread_info.h>
#include <rump/rumpuser.h>

#define rump_export __attribute__((visibility("default"), used))

/* one page of its own that stays private to a process when the image's data is shared */
#define __process_private __section(".data..process_private")

#define RUMP_MAX_THREADS	16384

/* interrupts: bits of rump_pcpu.pending */
#define RUMP_IRQ_ENTRY		BIT(0)	/* host threads wait in entry_queue */
#define RUMP_IRQ_TIMER		BIT(1)
#define RUMP_IRQ_CALL		BIT(2)	/* smp_call_function */
#define RUMP_IRQ_RESCHED	BIT(3)
#define RUMP_IRQ_HANDOVER	BIT(4)	/* the vCPU should go to another host thread */
#define RUMP_IRQ_START		BIT(5)	/* a secondary vCPU begins */
#define RUMP_IRQ_IO		BIT(6)	/* host I/O is finished */

/* what a host thread asks for; a system call number is >= 0 */
#define RUMP_REQ_ATTACH		(-1)	/* get an lwp */
#define RUMP_REQ_CALL		(-2)	/* fn(arg) */
#define RUMP_REQ_EXIT		(-3)	/* end the lwp */
#define RUMP_REQ_JOIN		(-4)	/* get an lwp in process args[0], with the id args[1] */
#define RUMP_REQ_INIT		(-5)	/* fn(arg) by pid 1, for threads without an lwp; short */

struct mm_struct;
struct rump_process;
struct vm_area_struct;

/*
 * A host thread that has entered.  From a static pool that is never given
 * back, so a late look or wake-up hits an object of the same kind.
 */
struct rump_thread {
	/* its own side */
	void *sp;			/* its stack, while it runs kernel stacks */
	const struct rumpuser_ops *user;
	struct task_struct *task;	/* the lwp, or NULL */
	unsigned int cpu;		/* vCPU of the last call */
	unsigned int gs_cpu;		/* %gs is this vCPU's block: cpu + 1 */
	bool in_kernel;			/* in a call: do not enter again */
	bool is_service;
	bool is_scheduled;		/* between rump_schedule() and rump_unschedule() */
	bool holds_vcpu;
	bool runs_io;			/* in io_run(): sees to the end itself */
	bool attach_implicit;		/* the lwp to be made is implicit */
	bool is_joined;			/* between thread_join() and thread_leave() */
	u32 id;				/* index + 1 */
	int host_tid;
	u32 schedule_depth;
	u32 home;			/* the host process that it is a thread of */
	struct rump_process *process;
	struct rumpuser_remote *client;	/* of a joined thread: its client's memory, or NULL */
	struct rump_remote *remote;	/* for the lwp to be made */

	struct llist_head io_queue;	/* host I/O that it carries out before it sleeps */
	struct rump_io *remote_io;	/* a transfer of client's memory: nobody else may do it */

	/* the request */
	long nr;
	unsigned long args[6];
	long ret;
	u32 request;			/* waits for, or is run by, the task */
	u32 done;			/* the call is finished, the thread may leave */

	/* written by others */
	u32 futex ____cacheline_aligned_in_smp;
	u32 waiting;			/* asleep: may be given a vCPU */
	u32 given;			/* vCPU that was given, + 1 */
	u32 queued;			/* on an entry queue */
	u32 interrupted;		/* a signal handler ran: give EINTR */
	struct rump_thread *next_entry;
	u32 next_free;
} __aligned(128);

struct rump_vcpu {
	struct rump_pcpu p;
	u32 lock;			/* 0: free; thread id << 1: that thread runs it; | 1: given, not yet taken */
	bool is_online;
	bool in_user;			/* the current lwp is out of the kernel */
	struct rump_thread *thread;	/* that runs it now */
	struct rump_thread *handover;	/* gets it when the stack is left */
	struct rump_thread *want;	/* should get it at the next chance */
	struct rump_thread *last;	/* let it go idle last: likely to be wanted next */
	struct task_struct *prev;	/* of the last switch */
	unsigned int borrowed;		/* switches since this thread's call was done */
	unsigned int spins;
	unsigned long fault_pc, fault_address;	/* for rump_fault_trampoline */
	bool fault_is_write;

	/* written by others */
	struct rump_thread *entry_queue ____cacheline_aligned_in_smp;
	struct llist_head io_done;
	struct llist_head host_work;	/* for the host thread that leaves it */

	/* the service thread: sleeps until the next clock event */
	u64 deadline ____cacheline_aligned_in_smp; /* 0: none */
	u64 service_until;		/* the service thread sleeps until then; 0: it is awake */
	struct rump_thread *service;
} __aligned(128);

extern struct rump_vcpu rump_vcpus[NR_CPUS];
extern struct rump_thread rump_threads[RUMP_MAX_THREADS];
extern const struct rumpuser_ops *rump_user;	/* of this process: host-stack code only */

static __always_inline struct rump_vcpu *this_vcpu(void)
{
	return (struct rump_vcpu *)rump_pcpu(self);
}

/* The hypercalls of the process that runs this vCPU now. */
static __always_inline const struct rumpuser_ops *hyp(void)
{
	return this_vcpu()->thread->user;
}

/* The host's side of a client, from struct rumpuser_client. */
struct rump_client {
	void (*signal)(void *host, int signal);
	void (*gone)(void *host);	/* NULL: the process is not a client's */
	void *host;
};

/* A process of the rump kernel that has lwps. */
struct rump_process {
	u32 home;			/* the host process that its memory is in */
	struct task_struct *keeper;	/* group leader; clones the lwps */
	int pid;
	int lwps;
	struct rump_thread *attach_queue;
	struct wait_queue_head *wait;
	const struct cred *cred;	/* of the lwps to come: what any of them changed to last */
	bool stays;			/* also without lwps */
	bool is_ending;
	bool is_told;			/* the client knows that it is killed: it asked for it */
	struct rump_client client;
	struct list_head list;
};

static inline bool rump_is_client(const struct rump_process *process)
{
	return process->client.gone;
}

static __always_inline bool rump_wants_out(const struct rump_thread *thread)
{
	return READ_ONCE(thread->done) || READ_ONCE(thread->remote_io);
}

/*
 * Suspends this stack and goes on with another one.  A stack at rest: the
 * address to go on at, then %rbp.  Inline and without call or return, so that
 * the processor's prediction of returns stays right on both.
 */
#define RUMP_STACK_RIP	0
#define RUMP_STACK_RBP	1

static __always_inline void rump_switch_stack(void **save_sp, void *load_sp)
{
	asm volatile("lea	-128(%%rsp),%%rsp\n\t"	/* the red zone */
		     "push	%%rbp\n\t"
		     "lea	1f(%%rip),%%rax\n\t"
		     "push	%%rax\n\t"
		     "mov	%%rsp,(%%rdi)\n\t"
		     "mov	%%rsi,%%rsp\n\t"
		     "pop	%%rax\n\t"
		     "jmp	*%%rax\n"
		     "1:	pop	%%rbp\n\t"
		     "lea	128(%%rsp),%%rsp"
		     : "+D" (save_sp), "+S" (load_sp)
		     :
		     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		       "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
		       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
		       "cc", "memory");
}

/* The pointer to hand to rump_switch_stack() for a stack that begins at start(). */
static inline void *rump_new_stack(void *stack_page, void (*start)(void))
{
	void **sp = (void **)((unsigned long)stack_page + THREAD_SIZE - 64);

	sp -= 3;		/* start() finds the stack pointer aligned to 16 */
	sp[RUMP_STACK_RIP] = start;
	sp[RUMP_STACK_RBP] = NULL;
	return sp;
}

/* ---- entry.c, on host stacks ---- */
void rump_kick(struct rump_thread *thread);
void rump_raise(unsigned int cpu, unsigned long irqs, const struct rumpuser_ops *user);
void rump_interrupt(struct rump_thread *thread, const struct rumpuser_ops *user);
long rump_enter(struct rump_thread *thread, long nr);
/* the same with arguments */
long rump_request(struct rump_thread *thread, long nr, unsigned long a1, unsigned long a2);
struct rump_thread *rump_thread_current(void);
/* an object for a host thread of the kernel's own that calls nothing: set_thread() is its affair */
struct rump_thread *rump_thread_own(const struct rumpuser_ops *user);
/* what is pending on a vCPU, if nobody runs it */
void rump_run_pending(struct rump_vcpu *v, struct rump_thread *thread);
rump_export long rump_syscall(long nr, long a1, long a2, long a3, long a4, long a5, long a6);
/* runs fn(arg) in kernel context on the caller's lwp; from host stacks only */
long rump_kernel_call(long (*fn)(void *), void *arg);
/* the error of calls where no kernel is, or not ours */
long rump_no_kernel(void);
void rump_service_start(unsigned int cpu, const struct rumpuser_ops *user);
long rump_boot(const struct rumpuser_ops *user, unsigned int ncpu);
void rump_set_errno(int error);
bool rump_have_user(void);
extern bool rump_is_up, rump_is_forked;

/* ---- vcpu.c, on kernel stacks ---- */
void rump_user_loop(void);
bool rump_exit_work(void);
bool rump_claim(struct rump_thread *thread);
void rump_finish_request(struct rump_thread *thread);

/* ---- lwp.c ---- */
struct task_struct *rump_attach_irq(struct rump_thread *thread);
void rump_init_loop(void);
void rump_lwp_end(struct rump_thread *thread);
extern struct rump_process rump_process0;
/* pid 1's: whom it serves has no lwp, nor gets one by a system call */
extern struct rump_process rump_process1;
extern int rump_host_pid;		/* wanted for process0 */

/* ends them all; waits a moment for it */
void rump_clients_end(void);

/* ---- remote.c: upcalls of rumpuser.h ---- */
/* at the end of boot: new clients begin in the caller's root directory */
void rump_clients_begin(void);
int rump_process_new(const struct rumpuser_client *client);
int rump_process_fork(const struct rumpuser_client *client);
int rump_process_exec(const char *name, const unsigned int *keep, unsigned int count);
int rump_process_end(int pid);
int rump_thread_join(int pid, int tid, struct rumpuser_remote *remote);
void rump_thread_leave(void);
long rump_thread_syscall(long nr, const unsigned long args[6]);
int rump_thread_interrupt(int tid);
/* fn(arg) in kernel context, by the caller's lwp or else by pid 1; fn is short */
long rump_serve_call(long (*fn)(void *), void *arg);

/* ---- export.c: upcalls ---- */
int rump_file_export(int fd, unsigned long long ret_handle[2]);
int rump_file_import(const unsigned long long handle[2]);
void rump_file_release(const unsigned long long handle[2]);

/* ---- creds.c ---- */
/* the current lwp's credentials have changed */
void rump_creds_changed(void);

/* ---- switch.S ---- */
void rump_task_trampoline(void);
void rump_boot_trampoline(void);
void rump_secondary_trampoline(void);

/* ---- time.c ---- */
void rump_timer_irq(void);
void rump_timer_init_cpu(void);

/* ---- hostio.c ---- */
struct rump_io {
	struct rumpuser_io host;
	void (*complete)(struct rump_io *io);	/* in interrupt context */
	struct llist_node node;
	struct completion *waiter;		/* rump_io_wait()'s */
	unsigned int cpu;
};

/* From a host thread: io->complete() is to run in interrupt context.  rump_run_pending(). */
void rump_io_signal(struct rump_io *io);

/*
 * Work on the host that whoever leaves the vCPU next carries out, once it is free: frames
 * that were queued are written by the thread that queued them.
 */
struct rump_host_work {
	struct llist_node node;
	u32 is_queued;
	atomic_t users;			/* that it must outlive */
	/*
	 * On a host stack, without a vCPU; may be called by several threads at once.  They take
	 * the vCPU again, if it is free and an interrupt of it is raised.
	 */
	void (*run)(struct rump_host_work *work, unsigned int cpu);
	/* nobody leaves soon: it is for another thread; on kernel stacks, any context */
	void (*kick)(struct rump_host_work *work);
};

/* On kernel stacks, preemption disabled. */
void rump_host_work_queue(struct rump_host_work *work);
void rump_host_work_kick(struct rump_vcpu *v);

/* Hands a request to the host; may be called with interrupts disabled. */
void rump_io_submit(struct rump_io *io);
/* Submits and sleeps until it is finished; returns its result. */
long rump_io_wait(struct rump_io *io);
/* The same for REMOTE_READ and _WRITE of the current lwp, by its own host thread. */
long rump_io_wait_remote(struct rump_io *io);
void rump_io_irq(void);
void rump_io_flush_thread(struct rump_thread *thread);

/* ---- setup.c, boot.c ---- */
extern unsigned int rump_ncpu;
extern unsigned long rump_memory_size;
extern char rump_command_line[];
void rump_memory_setup(void);
__printf(1, 2) void rump_boot_error_set(const char *fmt, ...);

/* ---- fault.c, switch.S ---- */
void rump_fault_trampoline(void);
unsigned long rump_fault(struct rump_thread *thread, unsigned long pc, unsigned long addr,
			 unsigned int is_write, const unsigned long *regs);

/* ---- mm ---- */
/* is_user: the application's own access, made again when a signal ends the wait */
long rump_user_fault(unsigned long address, bool is_write, bool is_user);
bool rump_kernel_fault(unsigned long address, bool is_write, bool is_exec);
unsigned long rump_user_reserve(unsigned long address, unsigned long length, bool is_exact);
void rump_user_maps(void);
bool rump_user_has_page(struct mm_struct *mm, unsigned long address, unsigned long pfn);
bool rump_user_is_dirty(struct mm_struct *mm, unsigned long address);
unsigned long rump_fault_ahead(struct vm_area_struct *vma, unsigned long address);

/* ---- mm/share.c: what clients have mapped ---- */
void rump_share_flush(struct mm_struct *mm, unsigned long start, unsigned long end);
/* the current process may have mappings, as a client */
bool rump_share_exists(void);
/* before an fsync and its like: what clients may have written is dirty. Sleeps. */
void rump_share_sync(void);
/* the current process runs another program */
void rump_share_exec(void);

/* ---- mm/remote_copy.c ---- */
struct rump_remote *rump_remote_alloc(struct rumpuser_remote *host);
void rump_remote_free(struct rump_remote *remote);
/* around each call */
void rump_remote_begin(struct rump_remote *remote);
void rump_remote_end(struct rump_remote *remote);
unsigned int rump_remote_room(unsigned int n);
/*
 * The current task's memory is a client's from now on: 0 or -ENOMEM.  is_copy: its address
 * space is a copy of its parent's, and stays.
 */
int rump_become_remote(bool is_copy);

#endif

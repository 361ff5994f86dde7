/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sites.c - system call instructions of every shape, often enough to be patched.
 *
 *	sites FILE
 *
 * Knows nothing of rump and holds without the preload too.  Each line tells one case; the
 * exit status counts those that do not hold.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OFTEN 40

static int failed;
static const char *file;

static void holds(const char *what, int condition)
{
	printf("%s %s\n", condition ? "ok" : "not ok", what);
	fflush(stdout);
	failed += !condition;
}

/* ---- shapes ---- */

long by_mov(void), by_call(void), by_lookalike(void), by_xor(int fd, void *to, long n);
long over_nop(void), straight(void);
extern unsigned char by_mov_end[], after_xor[];

/* Where they begin matters: a jump that crosses an aligned word is written differently. */
__asm__(".text\n"
	".balign 16\n"
	"by_mov:\n"
	"	mov	$110, %eax\n"
	"	syscall\n"
	"by_mov_end:\n"
	"	ret\n"
	".balign 16\n"
	"straight:\n" /* the number is set elsewhere, the jump goes to the instruction itself */
	"	mov	$39, %eax\n"
	"	jmp	by_mov + 5\n"
	".balign 16\n"
	"	nop; nop; nop; nop; nop; nop\n"
	"by_call:\n" /* crosses an aligned word */
	"	mov	$110, %eax\n"
	"	syscall\n"
	"	ret\n"
	".balign 16\n"
	"by_lookalike:\n" /* movl $110, -0x48(%rbp) ends in what looks like mov $110, %eax */
	"	push	%rbp\n"
	"	lea	-56(%rsp), %rbp\n"
	"	mov	$55, %eax\n"
	"	add	%eax, %eax\n"
	"	.byte	0xc7, 0x45, 0xb8, 110, 0, 0, 0\n"
	"	syscall\n"
	"	cmpl	$110, -0x48(%rbp)\n"
	"	je	1f\n"
	"	mov	$-1, %rax\n"
	"1:	pop	%rbp\n"
	"	ret\n"
	".balign 16\n"
	"over_nop:\n"
	"	mov	$7, %eax\n"
	"	.byte	0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0\n" /* nopl 0(%rax,%rax,1) */
	"	inc	%eax\n"
	"	ret\n"
	".balign 16\n"
	"by_xor:\n"
	"	xor	%eax, %eax\n"
	"	syscall\n"
	"after_xor:\n"
	"	ret\n");

static void shapes(void)
{
	long parent = getppid(), same = 1;
	char zeros[16];
	int fd = open("/dev/zero", O_RDONLY);

	for (int i = 0; i < OFTEN; i++)
		same &= by_mov() == parent && by_call() == parent;
	holds("mov and syscall, in a word and across one", same);
	for (int i = 0; i < OFTEN; i++)
		same &= straight() == getpid();
	holds("a jump straight to the instruction of a site", same);
	for (int i = 0; i < OFTEN; i++)
		same &= by_lookalike() == parent;
	holds("another instruction that ends like a site's", same);
	for (int i = 0; i < OFTEN; i++) {
		memset(zeros, 1, sizeof(zeros));
		same &= by_xor(fd, zeros, sizeof(zeros)) == sizeof(zeros) && !zeros[15];
		same &= over_nop() == 8;
	}
	holds("xor and syscall, and the nop beside it", same);
	close(fd);
	holds("its errors", by_xor(fd, zeros, 1) == -EBADF && by_xor(0, NULL, -1) != -ENOSYS);
}

/* ---- memory that is not the program's code ---- */

typedef long code(void);

static const unsigned char get_parent[] = {0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xc3};

static void other_memory(void)
{
	long parent = getppid(), same = 1;
	unsigned char *memory, bytes[sizeof(get_parent)];
	char path[] = "/tmp/sites.XXXXXX";
	int fd = mkstemp(path);

	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	memcpy(memory, get_parent, sizeof(get_parent));
	for (int i = 0; i < OFTEN; i++)
		same &= ((code *)memory)() == parent;
	holds("code that was made at run time is left alone",
	      same && !memcmp(memory, get_parent, sizeof(get_parent)));
	memory[1] = 39; /* a fault if it cannot be written any more */
	holds("and can be changed", ((code *)memory)() == getpid());
	munmap(memory, 4096);

	unlink(path);
	if (ftruncate(fd, 4096) || pwrite(fd, get_parent, sizeof(get_parent), 0) < 0)
		abort();
	memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		printf("# %s does not allow code: %s\n", path, strerror(errno));
		return;
	}
	for (int i = 0; i < OFTEN; i++)
		same &= ((code *)memory)() == parent;
	same &= pread(fd, bytes, sizeof(bytes), 0) == sizeof(bytes);
	holds("a shared mapping's file is not written",
	      same && !memcmp(bytes, get_parent, sizeof(bytes)));
	munmap(memory, 4096);
	close(fd);
}

/* ---- registers ---- */

static void general_registers(void)
{
	int same = 1;

	for (int i = 0; i < OFTEN; i++) {
		uint64_t in[12], out[12], *at = out;

		in[11] = out[11] = 0;
		for (int j = 0; j < 11; j++)
			in[j] = out[j] = 0x0123456789abcdefUL * (uint64_t)(i + j + 3);
		__asm__ volatile("push	%%rbp\n\t"
				 "push	%%rbx\n\t"
				 "mov	%0, %%r15\n\t"
				 "mov	0(%%r15), %%rbx\n\t"
				 "mov	8(%%r15), %%rbp\n\t"
				 "mov	16(%%r15), %%rdx\n\t"
				 "mov	24(%%r15), %%rsi\n\t"
				 "mov	32(%%r15), %%rdi\n\t"
				 "mov	40(%%r15), %%r8\n\t"
				 "mov	48(%%r15), %%r9\n\t"
				 "mov	56(%%r15), %%r10\n\t"
				 "mov	64(%%r15), %%r12\n\t"
				 "mov	72(%%r15), %%r13\n\t"
				 "mov	80(%%r15), %%r14\n\t"
				 "mov	$110, %%eax\n\t"
				 "syscall\n\t"
				 "mov	%%rbx, 0(%%r15)\n\t"
				 "mov	%%rbp, 8(%%r15)\n\t"
				 "mov	%%rdx, 16(%%r15)\n\t"
				 "mov	%%rsi, 24(%%r15)\n\t"
				 "mov	%%rdi, 32(%%r15)\n\t"
				 "mov	%%r8, 40(%%r15)\n\t"
				 "mov	%%r9, 48(%%r15)\n\t"
				 "mov	%%r10, 56(%%r15)\n\t"
				 "mov	%%r12, 64(%%r15)\n\t"
				 "mov	%%r13, 72(%%r15)\n\t"
				 "mov	%%r14, 80(%%r15)\n\t"
				 "pop	%%rbx\n\t"
				 "pop	%%rbp"
				 : "+a"(at)
				 :
				 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
				   "r13", "r14", "r15", "memory");
		same &= !memcmp(in, out, sizeof(in));
	}
	holds("general registers stay", same);
}

static int has_avx512(void)
{
	unsigned int a, b = 0, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_AVX512F;
}

/* stat() of the file by its instruction, with vector registers that shall stay */
static __attribute__((noinline, target("avx512f"))) int zmm_stay(void)
{
	uint64_t in[16] __attribute__((aligned(64))), out[16] __attribute__((aligned(64)));
	uint32_t mask_in, mask_out;
	struct stat st;
	long result;
	int same = 1;

	for (int i = 0; i < OFTEN; i++) {
		mask_in = 0x1234 + i;
		for (int j = 0; j < 16; j++)
			in[j] = 0x9e3779b97f4a7c15UL * (uint64_t)(i * 16 + j + 1);
		memset(out, 0, sizeof(out));
		__asm__ volatile("vmovdqa64	%3, %%zmm5\n\t"
				 "vmovdqa64	64+%3, %%zmm29\n\t"
				 "kmovw		%k6, %%k3\n\t"
				 "mov		$4, %%eax\n\t"
				 "syscall\n\t"
				 "vmovdqa64	%%zmm5, %1\n\t"
				 "vmovdqa64	%%zmm29, 64+%1\n\t"
				 "kmovw		%%k3, %k2"
				 : "=&a"(result), "=m"(out), "=r"(mask_out)
				 : "m"(in), "D"(file), "S"(&st), "r"(mask_in)
				 : "rcx", "r11", "xmm5", "xmm29", "k3", "memory");
		same &= !result && !memcmp(in, out, sizeof(in)) && mask_out == mask_in;
	}
	return same;
}

static __attribute__((noinline)) int xmm_stay(void)
{
	uint64_t in[2], out[2] = {0, 0};
	struct stat st;
	long result;
	int same = 1;

	for (int i = 0; i < OFTEN; i++) {
		in[0] = in[1] = 0x9e3779b97f4a7c15UL * (uint64_t)(i + 1);
		__asm__ volatile("movdqu	%2, %%xmm6\n\t"
				 "mov		$4, %%eax\n\t"
				 "syscall\n\t"
				 "movdqu	%%xmm6, %1"
				 : "=&a"(result), "=m"(out)
				 : "m"(in), "D"(file), "S"(&st)
				 : "rcx", "r11", "xmm6", "memory");
		same &= !result && !memcmp(in, out, sizeof(in));
	}
	return same;
}

static void vector_registers(void)
{
	holds("XMM registers stay over calls on the file", xmm_stay());
	if (has_avx512())
		holds("ZMM and mask registers stay", zmm_stay());
	else
		printf("# no AVX-512\n");
}

static void *control_words(void *unused)
{
	unsigned int mxcsr;
	unsigned short x87;

	(void)unused;
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
	return (void *)(long)((mxcsr & 0xffc0) == 0x3f80 && (x87 & 0xf3f) == 0x23f);
}

static void new_threads(void)
{
	unsigned int mxcsr, mine = 0x3f80; /* rounding down */
	unsigned short x87, own = 0x23f;   /* 53 bits */
	pthread_t thread;
	void *result;
	int same = 1;

	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mine), "m"(own));
	for (int i = 0; i < OFTEN; i++) {
		pthread_create(&thread, NULL, control_words, NULL);
		pthread_join(thread, &result);
		same &= result == (void *)1;
	}
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87));
	holds("a new thread has its maker's MXCSR and x87 control word", same);
}

/* ---- children by hand ---- */

static volatile int shared;

static void child_main(void)
{
	struct stat st;

	shared = !stat(file, &st) && getppid() > 0 ? 7 : 1;
	syscall(SYS_exit, 5);
}

static pid_t by_clone3(unsigned long flags, void *stack, unsigned long size)
{
	struct clone_args args = {
		.flags = flags,
		.exit_signal = SIGCHLD,
		.stack = (unsigned long)stack,
		.stack_size = size,
	};
	long result;

	__asm__ volatile("syscall\n\t"
			 "test	%%eax, %%eax\n\t"
			 "jnz	1f\n\t"
			 "xor	%%ebp, %%ebp\n\t"
			 "and	$-16, %%rsp\n\t"
			 "call	*%4\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(result)
			 : "a"(SYS_clone3), "D"(&args), "S"(sizeof(args)), "r"(child_main)
			 : "rcx", "r11", "memory");
	return (pid_t)result;
}

static void children_by_hand(void)
{
	static char stack[16384] __attribute__((aligned(64)));
	int status = 0, same = 1;

	for (int i = 0; i < 10; i++) {
		pid_t pid = by_clone3(CLONE_VM | CLONE_VFORK, stack, sizeof(stack));

		same &= pid > 0 && waitpid(pid, &status, 0) == pid && status == 5 << 8 &&
			shared == 7;
		shared = 0;
		pid = by_clone3(0, stack, sizeof(stack));
		same &= pid > 0 && waitpid(pid, &status, 0) == pid && status == 5 << 8;
	}
	holds("clone3 by hand on 16 KiB of stack, in shared memory and not", same);
}

/* ---- signals ---- */

static volatile sig_atomic_t hits;
static stack_t seen;

static void on_signal(int signal)
{
	stack_t other = {.ss_sp = &other, .ss_size = 65536};

	(void)signal;
	/* on the signal stack: it is in use, and cannot be changed */
	hits += sigaltstack(NULL, &seen) == 0 && seen.ss_flags == SS_ONSTACK &&
		sigaltstack(&other, NULL) == -1 && errno == EPERM && by_mov() > 0;
}

static void signal_stacks(void)
{
	unsigned long least = getauxval(AT_MINSIGSTKSZ);
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	size_t sizes[] = {2 * (least ? least : 4096) + 8192, 65536};

	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 2; i++) {
		stack_t stack = {.ss_sp = malloc(sizes[i]), .ss_size = sizes[i]};

		hits = 0;
		sigaltstack(&stack, NULL);
		for (int j = 0; j < OFTEN; j++)
			raise(SIGUSR1);
		printf("# %zu bytes\n", sizes[i]);
		holds("a handler on a signal stack asks for it", hits == OFTEN);
		stack.ss_flags = SS_DISABLE;
		sigaltstack(&stack, NULL);
		free(stack.ss_sp);
	}
}

static void blocked(void)
{
	sigset_t all, old;
	struct stat st;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	holds("all signals blocked: a site's first call", open(file, O_RDONLY) >= 0);
	holds("and by hand", syscall(SYS_stat, file, &st) == 0 && by_mov() > 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGSYS, SIG_IGN);
	holds("SIGSYS ignored", fopen(file, "r") != NULL && straight() == getpid());
	signal(SIGSYS, SIG_DFL);
	holds("SIGSYS by default", fopen(file, "r") != NULL && straight() == getpid());
}

static void traced(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		straight();
		_exit(straight() == getpid() ? 3 : 1);
	}
	waitpid(pid, &status, 0);
	holds("PTRACE_TRACEME: the first stop is the signal",
	      WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	ptrace(PTRACE_CONT, pid, 0, 0);
	holds("and no trap is one", waitpid(pid, &status, 0) == pid && status == 3 << 8);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 98;
	file = argv[1];
	shapes();
	other_memory();
	general_registers();
	vector_registers();
	new_threads();
	children_by_hand();
	signal_stacks();
	blocked();
	traced();
	return failed;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.c - the kernel that this process uses; see boot.h
 *
 * Which one it is, in this order:
 *	a connection that a fork or an exec left		children.c, exec.c
 *	the server of RUMP_SERVER				remote.c
 *	the one of the family: whoever can bind its name has it,
 *	the family's first process in itself, others in a private server; who cannot
 *	connects						family.c
 *	one in this process					local.c
 *
 * Here, in local.c, remote.c and family.c libc is called: dlopen() needs the loader.  The
 * thread is `inside` meanwhile, so whatever the loader and the libraries do on the host
 * stays out of the application's sight.  All of it has a stack of its own, because the
 * first routed call may come from a small one (a signal stack, a goroutine's).
 */
#include <dlfcn.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

#include "boot.h"
#include "children.h"
#include "family.h"
#include "fork.h"
#include "local.h"
#include "log.h"
#include "remote.h"
#include "rlimits.h"
#include "route.h"
#include "signals.h"
#include "trap.h"

int boot_state;
enum boot_place boot_place;
long (*boot_syscall)(long, long, long, long, long, long, long);
int boot_inherited = -1;
bool boot_is_untouched;
struct boot_owner boot_owner;
char boot_directory[ROUTE_PATH_MAX];
char boot_server[BOOT_SERVER_MAX];

static int boot_error; /* why BOOT_FAILED */

/* ---- libraries ---- */

int boot_folder(char *to, size_t size)
{
	size_t length;
	Dl_info info;

	if (!dladdr(&boot_state, &info) || !info.dli_fname || !strchr(info.dli_fname, '/'))
		return -ENOENT;
	length = strlen(info.dli_fname);
	while (info.dli_fname[length - 1] != '/')
		length--;
	if (length >= size)
		return -ENOENT;
	memcpy(to, info.dli_fname, length);
	to[length] = '\0';
	return 0;
}

void *boot_library(const char *name, bool is_quiet)
{
	char path[ROUTE_PATH_MAX + 64];
	void *library;

	/* beside this library first: a build or an installation belongs together */
	if (!boot_folder(path, ROUTE_PATH_MAX)) {
		put_text(path + strlen(path), name);
		if (!host(SYS_access, path, 0))
			name = path;
	}
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!library && !is_quiet)
		complain("cannot load the rump kernel: ", dlerror(), NULL);
	return library;
}

/* ---- their text ---- */

#define OWN_TEXTS 8

static struct text {
	unsigned long function, start, end;
} own_texts[OWN_TEXTS];

static int find_text(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct text *text = argument;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		unsigned long start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || text->function - start >= segment->p_memsz)
			continue;
		text->end = start + segment->p_memsz;
		__atomic_store_n(&text->start, start, __ATOMIC_RELEASE);
		return 1;
	}
	return 0;
}

void boot_own_text(void *function)
{
	static unsigned int used;

	if (!function || boot_is_own_text((unsigned long)function) || used == OWN_TEXTS)
		return;
	own_texts[used].function = (unsigned long)function;
	dl_iterate_phdr(find_text, &own_texts[used++]);
}

void rumphijack_own_text(void *function)
{
	boot_own_text(function);
}

bool boot_is_own_text(unsigned long ip)
{
	for (int i = 0; i < OWN_TEXTS; i++) {
		unsigned long start = __atomic_load_n(&own_texts[i].start, __ATOMIC_ACQUIRE);

		if (start && ip >= start && ip <= own_texts[i].end)
			return true;
	}
	return false;
}

/* Of the process, without a moment in which another one is set. */
static int own_umask(void)
{
	char text[512];
	long fd = host(SYS_open, "/proc/self/status", 0), length;
	int mask = 022;

	if (is_error(fd))
		return mask;
	length = host(SYS_read, fd, text, sizeof(text) - 1);
	host(SYS_close, fd);
	for (long i = 0; i + 8 < length; i++) {
		if (memcmp(text + i, "Umask:\t", 7))
			continue;
		mask = 0;
		for (i += 7; text[i] >= '0' && text[i] <= '7'; i++)
			mask = mask * 8 + (text[i] - '0');
		break;
	}
	return mask;
}

void boot_settle_in(long (*syscall)(long, long, long, long, long, long, long))
{
	syscall(SYS_umask, own_umask(), 0, 0, 0, 0, 0);
	limits_take_over(syscall);
}

/* ---- stacks ---- */

struct run {
	void (*fn)(void *);
	void *arg;
};

static void run_with_errno(void *argument)
{
	struct run *run = argument;
	int saved = errno;

	run->fn(run->arg);
	errno = saved;
}

static void run_on(long stack, unsigned long size, bool is_open, struct run *run)
{
	unsigned char old = 0;

	self.inside++;
	if (is_open)
		old = trap_open();
	boot_call_on_stack(run_with_errno, run, (char *)stack + size);
	if (is_open)
		trap_close(old);
	self.inside--;
}

static __attribute__((noinline)) void run_from_stub(long stack, unsigned long size, bool is_open,
						    struct run *run)
{
	TRAP_SAVE_VECTORS();
	run_on(stack, size, is_open, run);
	TRAP_RESTORE_VECTORS();
}

/* The last one that was done with: a fork needs two, and unmapping stops other CPUs. */
static long kept_stack;

static long stack_take(unsigned long size)
{
	long kept = size == CALL_STACK ? __atomic_exchange_n(&kept_stack, 0, __ATOMIC_ACQUIRE) : 0;

	if (kept)
		return kept;
	return host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
}

static void stack_give_back(long stack, unsigned long size)
{
	long none = 0;

	if (size != CALL_STACK || !__atomic_compare_exchange_n(&kept_stack, &none, stack, false,
							       __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		host(SYS_munmap, stack, size);
}

int boot_run(struct call *call, unsigned long size, bool is_open, void (*fn)(void *), void *arg)
{
	bool is_lent = is_on_signal_stack();
	struct run run = {fn, arg};
	long stack = stack_take(size);
	struct lent_stack lent;

	if (is_error(stack))
		return -ENOMEM;
	/* a signal meanwhile would find the signal stack unused: fork.h */
	if (is_lent)
		signal_stack_lend(&lent);
	if (call && call->door == DOOR_STUB)
		run_from_stub(stack, size, is_open, &run);
	else
		run_on(stack, size, is_open, &run);
	if (is_lent)
		signal_stack_return(&lent);
	stack_give_back(stack, size);
	if (self.deferred && !self.inside)
		signals_deliver();
	return 0;
}

/* ---- which kernel ---- */

enum hijack_kernel boot_kind(void)
{
	if (!config.kernel_is_set && *boot_server)
		return HIJACK_KERNEL_SERVER;
	return config.kernel;
}

bool boot_in_use(void)
{
	return boot_inherited >= 0 || boot_is_ready();
}

bool boot_is_expected(void)
{
	return boot_in_use() || config.boot_count || boot_kind() == HIJACK_KERNEL_SERVER ||
	       family_has_kernel();
}

static int boot(void)
{
	if (boot_inherited >= 0) {
		int fd = boot_inherited, error = remote_adopt(fd);

		boot_inherited = -1;
		return error;
	}
	switch (boot_kind()) {
	case HIJACK_KERNEL_SERVER:
		return remote_connect();
	case HIJACK_KERNEL_SPAWN:
		return family_join(false);
	default:
		return family_join(true);
	}
}

static void boot_on_stack(void *result)
{
	*(int *)result = boot();
}

int boot_slow(struct call *call)
{
	int state = BOOT_NONE, error = -ENOMEM;

	if (__atomic_compare_exchange_n(&boot_state, &state, BOOT_RUNNING, 0, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST)) {
		int none = boot_run(call, BOOT_STACK, false, boot_on_stack, &error);

		boot_error = none ? none : error;
		state = boot_error ? BOOT_FAILED : BOOT_READY;
		/* a server may be there the next time */
		if (boot_error == -ENOTCONN)
			state = BOOT_NONE;
		error = boot_error;
		__atomic_store_n(&boot_state, state, __ATOMIC_RELEASE);
		host(SYS_futex, &boot_state, FUTEX_WAKE_PRIVATE, 0x7fffffff);
		return error;
	}
	state = boot_settle();
	return state == BOOT_READY ? 0 : state == BOOT_FAILED ? boot_error : -ENOTCONN;
}

int boot_settle(void)
{
	int state;

	while ((state = __atomic_load_n(&boot_state, __ATOMIC_SEQ_CST)) == BOOT_RUNNING)
		host(SYS_futex, &boot_state, FUTEX_WAIT_PRIVATE, BOOT_RUNNING, NULL);
	return state;
}

void boot_interrupt(int tid)
{
	if (self.spawned) {
		if (self.spawned->prefork.fork)
			remote_interrupt(tid);
		return;
	}
	if (!boot_is_ready())
		return;
	if (boot_place == PLACE_HERE)
		local_interrupt(tid);
	else
		remote_interrupt(tid);
}

/*
 * The kernel of a parent is not the child's: its memory is shared with the child, who must
 * never enter it.  A boot that another thread had begun is not finished here either; the
 * child then looks for a kernel as if it were the first to do so.
 */
/* What a child's first call goes through. */
static long first_call(long nr, long a, long b, long c, long d, long e, long f)
{
	boot_is_untouched = false;
	boot_syscall = remote.syscall;
	return remote.syscall(nr, a, b, c, d, e, f);
}

void boot_forked(bool is_client, int error)
{
	int state = __atomic_load_n(&boot_state, __ATOMIC_ACQUIRE);

	local_forked();
	if (is_client) {
		boot_place = PLACE_ELSEWHERE;
		boot_syscall = first_call;
		boot_is_untouched = true;
		state = BOOT_READY;
	} else if (error) {
		boot_place = PLACE_NONE;
		boot_error = error;
		state = BOOT_FAILED;
	} else if (state == BOOT_RUNNING) {
		boot_place = PLACE_NONE;
		state = BOOT_NONE;
	}
	__atomic_store_n(&boot_state, state, __ATOMIC_RELEASE);
}

void boot_remember_directory(void)
{
	if (host(SYS_getcwd, boot_directory, sizeof(boot_directory)) <= 0 || *boot_directory != '/')
		*boot_directory = '\0';
}

__asm__(".text\n"
	".globl boot_call_on_stack\n"
	".hidden boot_call_on_stack\n"
	".type boot_call_on_stack, @function\n"
	"boot_call_on_stack:\n"
	"	.cfi_startproc\n"
	"	push	%rbp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset %rbp, -16\n"
	"	mov	%rsp, %rbp\n"
	"	.cfi_def_cfa_register %rbp\n"
	"	mov	%rdi, %rax\n"
	"	mov	%rsi, %rdi\n"
	"	mov	%rdx, %rsp\n"
	"	and	$-16, %rsp\n"
	"	call	*%rax\n"
	"	mov	%rbp, %rsp\n"
	"	pop	%rbp\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size boot_call_on_stack, . - boot_call_on_stack\n");

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.c - the kernel of this process; see boot.h
 *
 * The one place that calls libc: dlopen() needs the loader.  The thread is `inside`
 * meanwhile, so whatever the loader and the kernel's host side do on the host stays
 * out of the application's sight.  Boot has a stack of its own, because the first
 * routed call may come from a small one (a signal stack, a goroutine's).
 */
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

#include "boot.h"
#include "fork.h"
#include "route.h"
#include "signals.h"
#include "trap.h"

#define BOOT_STACK (512 * 1024)
#define LIBRARY "librump.so.0"

int boot_state;
long (*boot_syscall)(long, long, long, long, long, long, long);

static int boot_error; /* why BOOT_FAILED */
static int has_shut_down;
static int (*shutdown_kernel)(void);
static int (*interrupt_thread)(pid_t);
static char start_directory[ROUTE_PATH_MAX];

static void *load(void)
{
	char path[ROUTE_PATH_MAX + sizeof(LIBRARY)];
	void *library;
	Dl_info info;

	/* beside this library first: a build or an installation belongs together */
	if (dladdr(&boot_state, &info) && info.dli_fname && strchr(info.dli_fname, '/')) {
		size_t length = strlen(info.dli_fname);

		while (info.dli_fname[length - 1] != '/')
			length--;
		if (length < ROUTE_PATH_MAX) {
			memcpy(path, info.dli_fname, length);
			put_text(path + length, LIBRARY);
			if (!host(SYS_access, path, 0)) {
				library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
				if (!library)
					complain("cannot load the rump kernel: ", dlerror(), NULL);
				return library;
			}
		}
	}
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		complain("cannot load the rump kernel: ", dlerror(), NULL);
	return library;
}

static int configure(int (*boot_conf)(const char *, const char *), const char *(*why)(void))
{
	size_t size = HIJACK_CONFIG_BOOT_TEXT_MAX;
	long address;
	int error = 0;

	if (!config.boot_count)
		return 0;
	address =
		host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(address))
		return ENOMEM;
	if (hijack_config_boot_text(&config, *start_directory ? start_directory : NULL,
				    (char *)address, size) >= size)
		error = E2BIG;
	else
		error = boot_conf((const char *)address, "RUMPHIJACK");
	if (error)
		complain("cannot boot the rump kernel: ", why(), NULL);
	host(SYS_munmap, address, size);
	return error;
}

/* The umask of the process, without a moment in which another one is set. */
static int current_umask(void)
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

static int boot(void)
{
	int (*init)(void), (*boot_conf)(const char *, const char *);
	void (*by_caller)(int);
	const char *(*why)(void);
	void *library = load();
	int error;

	if (!library)
		return -ENOSYS;
	init = dlsym(library, "rump_init");
	boot_conf = dlsym(library, "rump_boot_conf");
	why = dlsym(library, "rump_boot_error");
	boot_syscall = dlsym(library, "rump_syscall");
	shutdown_kernel = dlsym(library, "rump_pub_shutdown");
	interrupt_thread = dlsym(library, "rump_pub_interrupt");
	if (!init || !boot_conf || !why || !boot_syscall || !shutdown_kernel) {
		complain(LIBRARY " is of another version: ", dlerror(), NULL);
		return -ENOSYS;
	}
	/* exit_group() ends the kernel, after all that atexit handlers and stdio write */
	by_caller = dlsym(library, "rumpuser_shutdown_by_caller");
	if (by_caller && hijack_has_trap)
		by_caller(1);
	error = configure(boot_conf, why);
	if (error)
		return -error;
	error = init();
	if (error) {
		complain("cannot boot the rump kernel: ", why(), NULL);
		return -error;
	}
	/* without the trap this is how a fork is noticed */
	pthread_atfork(NULL, NULL, boot_forked);
	boot_syscall(SYS_umask, current_umask(), 0, 0, 0, 0, 0);
	signals_booted();
	return 0;
}

static void boot_on_stack(void *result)
{
	int saved = errno;

	*(int *)result = boot();
	errno = saved;
}

static int boot_once(void)
{
	long stack = host(SYS_mmap, 0, BOOT_STACK, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int result = -ENOMEM;

	if (is_error(stack))
		return result;
	self.inside++;
	boot_call_on_stack(boot_on_stack, &result, (char *)stack + BOOT_STACK);
	self.inside--;
	host(SYS_munmap, stack, BOOT_STACK);
	if (self.deferred && !self.inside)
		signals_deliver();
	return result;
}

int boot_slow(struct call *call)
{
	int state = BOOT_NONE;

	(void)call;
	if (__atomic_compare_exchange_n(&boot_state, &state, BOOT_RUNNING, 0, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		boot_error = boot_once();
		state = boot_error ? BOOT_FAILED : BOOT_READY;
		__atomic_store_n(&boot_state, state, __ATOMIC_RELEASE);
		host(SYS_futex, &boot_state, FUTEX_WAKE_PRIVATE, 0x7fffffff);
	}
	while ((state = __atomic_load_n(&boot_state, __ATOMIC_ACQUIRE)) == BOOT_RUNNING)
		host(SYS_futex, &boot_state, FUTEX_WAIT_PRIVATE, BOOT_RUNNING, NULL);
	return state == BOOT_READY ? 0 : boot_error;
}

void boot_shutdown(void)
{
	struct lent_stack lent;
	bool is_lent = is_on_signal_stack();
	unsigned char old;
	int saved;

	if (!boot_is_ready() || __atomic_exchange_n(&has_shut_down, 1, __ATOMIC_ACQ_REL))
		return;
	if (is_lent)
		signal_stack_lend(&lent);
	self.inside++;
	old = trap_open();
	saved = errno;
	shutdown_kernel();
	errno = saved;
	trap_close(old);
	self.inside--;
	if (is_lent)
		signal_stack_return(&lent);
}

bool boot_has_ended(void)
{
	return __atomic_load_n(&has_shut_down, __ATOMIC_ACQUIRE);
}

void boot_interrupt(int tid)
{
	if (interrupt_thread && boot_is_ready())
		interrupt_thread(tid);
}

/*
 * The kernel is the parent's: its memory is shared with the child, who must never enter
 * it.  A boot that another thread had begun will not be finished here either.
 */
void boot_forked(void)
{
	int state = __atomic_load_n(&boot_state, __ATOMIC_ACQUIRE);

	if (state == BOOT_READY || state == BOOT_RUNNING) {
		boot_error = -ENOTCONN;
		__atomic_store_n(&boot_state, BOOT_FAILED, __ATOMIC_RELEASE);
	}
}

void boot_remember_directory(void)
{
	if (host(SYS_getcwd, start_directory, sizeof(start_directory)) <= 0 ||
	    *start_directory != '/')
		*start_directory = '\0';
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

/* SPDX-License-Identifier: BSD-2-Clause */
/* private.h - what the files of rumpuser/ share.  One block for each file. */
#ifndef RUMPUSER_PRIVATE_H
#define RUMPUSER_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define RUMPUSER_PRIVATE
#pragma GCC visibility push(default)
#include <rump/rumpuser.h>
#pragma GCC visibility pop

/*
 * initial-exec is one instruction; musl refuses it in libraries that dlopen()
 * brings, and glibc keeps room for such.
 */
#ifdef __GLIBC__
#define FAST_TLS __attribute__((tls_model("initial-exec")))
#else
#define FAST_TLS
#endif

#define NSEC_PER_SEC 1000000000ULL

/* ---- init.c ---- */
/* NULL until rumpuser_init() */
extern const struct rumpuser_upcalls *rumpuser_upcalls;
/* formats what rumpuser_boot_error() gives */
void boot_error_set(const char *format, ...) __attribute__((format(printf, 1, 2)));
void boot_error_text(const char *text);
const char *param(const char *name);
/* memory_create() has succeeded: from now on this process has a kernel */
void kernel_is_here(void);
/* a kernel was made here, or in the process that this one was forked from */
bool kernel_was_made(void);
/* it is not ours: we are a child of fork() */
bool kernel_is_forked(void);
/* fork() for daemonize_begin(): the child takes everything over */
pid_t fork_with_kernel(void);

/* ---- thread.c ---- */
int thread_init(void);
void thread_forked(void);
struct rump_thread *thread_get(void);
void thread_set(struct rump_thread *t);
int thread_id(void);
int thread_create(void (*fn)(void *), void *arg, const char *name);
void thread_yield(void);
void thread_signal(int id, int signal);
unsigned int thread_host_cpus(void);
void thread_set_gs(unsigned long base);
bool thread_has_fsgsbase(void);

/* ---- futex.c ---- */
int futex_wait(unsigned int *word, unsigned int value, unsigned long long until);
/* Signals came before a wait that has to end by them; true once for each. */
bool wait_is_interrupted(void);
/* The kernel's, in a thread that may be in a call: -EINTR also for what came before it. */
int futex_wait_call(unsigned int *word, unsigned int value, unsigned long long until);
void futex_wake(unsigned int *word, int count);

/* ---- clock.c ---- */
unsigned long long clock_mono(void);
unsigned long long clock_real(void);
void random_bytes(void *buffer, unsigned long length);

/* ---- console.c ---- */
void console_init(void);
void console_write(const char *text, unsigned long length);
void console_complain(const char *text, unsigned long length);
/* in sp_peer.c: a line for the user of a private server, at the client's stderr */
void sp_client_tell(void *client_host, const char *text, unsigned long length);

/* ---- panic.c ---- */
void panic_now(void) __attribute__((noreturn));
void exit_now(int status) __attribute__((noreturn));

/* ---- memory.c ---- */
int memory_create(unsigned long size, struct rumpuser_memory *ret_memory);
int memory_map(unsigned long address, unsigned long offset, unsigned long length, int protection);
int memory_unmap(unsigned long address, unsigned long length);
unsigned long memory_reserve(unsigned long hint, unsigned long length, int is_fixed);
void memory_unreserve(unsigned long address, unsigned long length);
void memory_release(unsigned long offset, unsigned long length);
/* a handle for the file that is the kernel's memory, or -errno */
int memory_handle(void);
void memory_forked(void);

/* ---- file.c ---- */
int file_open(const char *path, unsigned int flags, struct rumpuser_file_info *ret_info);
void file_close(int file);
long file_read(int file, void *buffer, unsigned long length, unsigned long long offset);
/* the descriptor of a handle or -EBADF */
int file_fd(int file);
/* takes the descriptor over; returns a handle, or -errno with it closed */
int file_adopt(int fd);
void file_forked(void);
/* moves a descriptor out of the numbers that programs use; never fails */
int fd_move_high(int fd);
/* closes one that fd_move_high() gave */
void fd_close_private(int fd);

/*
 * The preload's, when it is there: a descriptor that the program neither sees
 * nor closes, until it is told that it is one no more.
 */
__attribute__((weak, visibility("default"))) void rumphijack_private_fd(int fd, int is_private);
/*
 * The same: 0, or signals wait for the end of the thread's call, whose rump_pub_interrupt() may
 * have come before it; each one changes the number.
 */
__attribute__((weak, visibility("default"))) unsigned int rumphijack_interrupts(void);

/* ---- file_lock.c ---- */
/* 0; -EBUSY with *ret_owner; another -errno where the file cannot be locked */
int file_lock_image(int fd, int *ret_owner);

/* ---- io.c ---- */
int io_start(void);
void io_submit(struct rumpuser_io *io);
void io_run(struct rumpuser_io *io);
void io_forked(void);

/* ---- io_run.c ---- */
/* carries out the request; returns its result */
long io_execute(struct rumpuser_io *io);

/* ---- sp_event.c ---- */
void event_raise(void *event);
void event_close(void *event);

/* ---- bus_wait.c ---- */
int bus_open(const char *path, struct rumpuser_bus *ret_bus);
void bus_close(struct rumpuser_bus *bus);
void bus_ring(unsigned int *bell);
int wait_any(const struct rumpuser_wait *waits, unsigned int count);

/* ---- net.c ---- */
int net_open(struct rumpuser_net *net);
int net_set_address(struct rumpuser_net *net);
long net_read(struct rumpuser_net *net, const struct rumpuser_iovec *iov, unsigned int iov_count);
long net_write(struct rumpuser_net *net, struct rumpuser_net_frame *frames, unsigned int count);
unsigned int net_wait(struct rumpuser_net *net, unsigned int events);
void net_kick(struct rumpuser_net *net);
void net_close(struct rumpuser_net *net);

/* ---- signal.c ---- */
int signal_start(void);

/* ---- boot_conf.c ---- */
int boot_items(const struct rumpuser_boot_item **ret_items, unsigned int *ret_count);
int boot_conf(const char *text, const char *name);
void boot_conf_fork(void);
void boot_conf_forked(void); /* in parent and child */

/* ---- module_dir.c ---- */
const char *module_dir(void);

/* ---- sp_public.c ---- */
void sp_forked(void);

/* ---- daemon.c ---- */
int daemonize_begin(void);
int daemonize_done(int error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generated rump_syscalls.h, included first and alone; then each function's
 * type against that of libc's function of the same name, as the compiler sees
 * both, and the rest against what is written down here.
 */
#include <rump/rump_syscalls.h>
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/acct.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

/* As libc has it. */
#define SAME(name)                                                                      \
	ok(__builtin_types_compatible_p(__typeof__(name), __typeof__(rump_sys_##name)), \
	   "rump_sys_" #name " is typed as libc's " #name);

/* libc's type is its own (an enum, a transparent union) or another call's. */
#define IS(name, result, ...)                                                              \
	ok(__builtin_types_compatible_p(result(__VA_ARGS__), __typeof__(rump_sys_##name)), \
	   "rump_sys_" #name " is " #result "(" #__VA_ARGS__ ")");

#define FILES_AND_PATHS(X)                                                                                              \
	X(read)                                                                                                         \
	X(write) X(open) X(close) X(stat) X(fstat) X(lstat) X(lseek) X(readv) X(writev) X(access) X(                    \
		pipe) X(dup) X(dup2) X(dup3) X(pipe2) X(sendfile) X(fcntl) X(flock) X(fsync) X(fdatasync)               \
		X(truncate) X(ftruncate) X(getcwd) X(chdir) X(fchdir) X(rename) X(mkdir) X(rmdir) X(                    \
			creat) X(link) X(unlink) X(symlink) X(readlink) X(chmod) X(fchmod) X(chown) X(fchown)           \
			X(lchown) X(umask) X(utime) X(mknod) X(statfs) X(fstatfs) X(chroot) X(sync) X(                  \
				acct) X(mount) X(umount2) X(umount) X(swapon) X(swapoff) X(readahead) X(setxattr)       \
				X(lsetxattr) X(fsetxattr) X(getxattr) X(lgetxattr) X(fgetxattr) X(listxattr) X(         \
					llistxattr) X(flistxattr) X(removexattr) X(lremovexattr) X(fremovexattr)        \
					X(utimes) X(openat) X(mkdirat) X(mknodat) X(fchownat) X(futimesat) X(           \
						fstatat) X(unlinkat) X(renameat) X(renameat2) X(linkat)                 \
						X(symlinkat) X(readlinkat) X(fchmodat) X(faccessat) X(                  \
							splice) X(tee) X(sync_file_range) X(vmsplice) X(utimensat)      \
							X(fallocate) X(preadv) X(pwritev) X(preadv2) X(                 \
								pwritev2) X(pread) X(pwrite) X(pread64)                 \
								X(pwrite64) X(syncfs) X(copy_file_range) X(             \
									statx) X(posix_fadvise) X(name_to_handle_at)    \
									X(open_by_handle_at) X(inotify_init) X(         \
										inotify_init1) X(inotify_add_watch)     \
										X(inotify_rm_watch) X(                  \
											fanotify_init) X(fanotify_mark) \
											X(ioctl) X(quotactl) X(         \
												memfd_create)           \
												X(getdents64) X(        \
													vhangup)        \
													X(close_range)

#define WAITING_AND_TIME(X)                                                                        \
	X(poll)                                                                                    \
	X(select) X(pselect) X(ppoll) X(epoll_create) X(epoll_create1) X(epoll_ctl) X(epoll_wait)  \
		X(epoll_pwait) X(epoll_pwait2) X(eventfd) X(signalfd) X(timerfd_create)            \
			X(timerfd_settime) X(timerfd_gettime) X(nanosleep) X(clock_nanosleep)      \
				X(clock_gettime) X(clock_settime) X(clock_getres) X(clock_adjtime) \
					X(adjtimex) X(gettimeofday) X(settimeofday) X(time)        \
						X(times) X(alarm) X(pause)

#define SOCKETS_AND_IPC(X)                                                                         \
	X(socket)                                                                                  \
	X(sendmsg) X(recvmsg) X(shutdown) X(listen) X(socketpair) X(setsockopt) X(getsockopt)      \
		X(recvmmsg) X(sendmmsg) X(send) X(recv) X(semget) X(semop) X(semctl) X(semtimedop) \
			X(msgget) X(msgsnd) X(msgrcv) X(msgctl) X(shmget) X(shmat) X(shmdt)        \
				X(shmctl) X(mq_open) X(mq_unlink) X(mq_send) X(mq_receive)         \
					X(mq_timedsend) X(mq_timedreceive) X(mq_notify)            \
						X(mq_getattr) X(mq_setattr)

#define PROCESSES_AND_MEMORY(X)                                                                         \
	X(mmap)                                                                                         \
	X(mprotect) X(munmap) X(mremap) X(msync) X(mincore) X(madvise) X(mlock) X(mlock2) X(            \
		munlock) X(mlockall) X(munlockall) X(remap_file_pages) X(pkey_mprotect) X(pkey_alloc)   \
		X(pkey_free) X(getpid) X(getppid) X(gettid) X(getpgrp) X(getpgid) X(setpgid) X(         \
			getsid) X(setsid) X(fork) X(vfork) X(execve) X(execveat) X(wait4) X(waitid)     \
			X(waitpid) X(kill) X(tgkill) X(getuid) X(geteuid) X(getgid) X(getegid) X(       \
				setuid) X(setgid) X(setreuid) X(setregid) X(setresuid) X(setresgid)     \
				X(getresuid) X(getresgid) X(setfsuid) X(setfsgid) X(getgroups) X(       \
					setgroups) X(uname) X(sethostname) X(setdomainname)             \
					X(sysinfo) X(personality) X(prctl) X(reboot) X(iopl) X(         \
						ioperm) X(unshare) X(setns) X(getcpu) X(getrandom)      \
						X(process_vm_readv) X(process_vm_writev) X(             \
							sched_yield) X(sched_setparam)                  \
							X(sched_getparam) X(sched_setscheduler) X(      \
								sched_getscheduler)                     \
								X(sched_get_priority_max) X(            \
									sched_get_priority_min)         \
									X(sched_rr_get_interval) X(     \
										sched_setaffinity)      \
										X(sched_getaffinity) X( \
											sigaltstack)    \
											X(klogctl)

/* every function of the image, and each has a declaration */
#define RUMP_SYSCALL(name, number, nargs, kind) {#name, sizeof(&rump_sys_##name)},
#define RUMP_SYSCALL_WITH(name, ...) {#name, sizeof(&rump_sys_##name)},
#define RUMP_SYSCALL_BY_HAND(name, number) {#name, sizeof(&rump_sys_##name)},
static const struct {
	const char *name;
	size_t size;
} functions[] = {
#include "rump_syscalls.inc"
};

int main(void)
{
	FILES_AND_PATHS(SAME)
	WAITING_AND_TIME(SAME)
	SOCKETS_AND_IPC(SAME)
	PROCESSES_AND_MEMORY(SAME)

	/* glibc's socket addresses are transparent unions */
	IS(bind, int, int, const struct sockaddr *, socklen_t)
	IS(connect, int, int, const struct sockaddr *, socklen_t)
	IS(accept, int, int, struct sockaddr *, socklen_t *)
	IS(accept4, int, int, struct sockaddr *, socklen_t *, int)
	IS(getsockname, int, int, struct sockaddr *, socklen_t *)
	IS(getpeername, int, int, struct sockaddr *, socklen_t *)
	IS(sendto, ssize_t, int, const void *, size_t, int, const struct sockaddr *, socklen_t)
	IS(recvfrom, ssize_t, int, void *, size_t, int, struct sockaddr *, socklen_t *)
	/* glibc's enums */
	IS(getitimer, int, int, struct itimerval *)
	IS(setitimer, int, int, const struct itimerval *, struct itimerval *)
	IS(getpriority, int, int, id_t)
	IS(setpriority, int, int, id_t, int)
	IS(getrlimit, int, int, struct rlimit *)
	IS(setrlimit, int, int, const struct rlimit *)
	IS(getrusage, int, int, struct rusage *)
	IS(prlimit, int, pid_t, int, const struct rlimit *, struct rlimit *)
	IS(prlimit64, int, pid_t, int, const struct rlimit *, struct rlimit *)
	/* the kernel's form: libc has another function, or none */
	IS(newfstatat, int, int, const char *, struct stat *, int)
	IS(fadvise64, int, int, off_t, off_t, int)
	IS(brk, void *, void *)
	IS(clone, long, unsigned long, unsigned long, int *, int *, unsigned long)
	IS(syslog, long, int, char *, int)
	IS(timer_create, int, clockid_t, struct sigevent *, int *)
	IS(timer_settime, int, int, int, const struct itimerspec *, struct itimerspec *)
	IS(rt_sigaction, long, int, const struct kernel_sigaction *, struct kernel_sigaction *,
	   size_t)
	IS(rt_sigtimedwait, long, const sigset_t *, siginfo_t *, const struct timespec *, size_t)
	IS(pselect6, long, int, fd_set *, fd_set *, fd_set *, struct timespec *, void *)
	IS(futex, long, uint32_t *, int, uint32_t, const struct timespec *, uint32_t *, uint32_t)
	IS(io_uring_setup, long, uint32_t, struct io_uring_params *)
	IS(openat2, long, int, const char *, struct open_how *, size_t)
	IS(pivot_root, long, const char *, const char *)
	IS(bpf, long, int, union bpf_attr *, unsigned int)
	IS(getpmsg, long, void)

	ok(sizeof(functions) / sizeof(functions[0]) >= 375, "%zu functions are declared",
	   sizeof(functions) / sizeof(functions[0]));
	return done_testing();
}

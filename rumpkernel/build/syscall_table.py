# SPDX-License-Identifier: BSD-2-Clause
"""
What gen_syscalls.py has to know beside the Linux tree and libc's headers: the
system calls whose libc function is not the plain system call, and the types.
"""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Special:
    """
    prototype  "libc": that of libc's function of this name; "kernel": that of
               the system call; else C text "result (params)"
    why        the reason, told in the header, too
    syscall    name in the table, if it is another one than the function's
    arguments  the system call's arguments: N is the function's N-th, =V the
               value V; None: all as they are
    kind       what becomes of the kernel's result r:
                 ERRNO     r, or -1 and errno
                 ERROR     0 or a positive error number; errno untouched
                 VOID      nothing
                 PRIORITY  20 - r, or -1 and errno
                 HAND      the function is written in kernel/rump_sys.c
    """
    prototype: str
    why: str
    syscall: Optional[str] = None
    arguments: Optional[str] = None
    kind: str = "ERRNO"


SIGSET = "libc does not pass the size of the kernel's signal set"
RAW_SIGNALS = "the kernel's form: the struct is not libc's, sets are 8 bytes"
KERNEL_TIMER = "the kernel's timer ids are int; libc's timer_t is libc's own object"
OFFSET_HALVES = "the kernel takes the offset in two halves, the upper one unused on x86-64"

SPECIAL = {
    # ---- libc's result is another one ----
    "getcwd": Special("char *(char *, size_t)", kind="HAND",
                      why="the kernel returns a length; buf may not be NULL"),
    "getpriority": Special("libc", kind="PRIORITY", why="the kernel returns 20 - nice"),
    "clock_nanosleep": Special("libc", kind="ERROR", why="returns 0 or an error number"),
    "posix_fadvise": Special("libc", syscall="fadvise64", kind="ERROR",
                             why="returns 0 or an error number"),
    "sync": Special("libc", kind="VOID", why="cannot fail"),
    "sched_getaffinity": Special("libc", kind="HAND",
                                 why="0 and the rest of the set cleared; the kernel returns bytes"),
    "exit": Special("int (int)", why="ENOSYS: see rump_pub_lwproc_releaselwp()"),
    "exit_group": Special("int (int)", why="ENOSYS: see rump_pub_shutdown()"),

    # ---- libc fills in arguments ----
    "epoll_pwait": Special("libc", arguments="1 2 3 4 5 =8", why=SIGSET),
    "epoll_pwait2": Special("int (int, struct epoll_event *, int, const struct timespec *, "
                            "const sigset_t *)", arguments="1 2 3 4 5 =8", why=SIGSET),
    "ppoll": Special("libc", kind="HAND", why="libc leaves the timeout unchanged"),
    "pselect": Special("libc", syscall="pselect6", kind="HAND",
                       why="libc leaves the timeout unchanged and packs the signal set"),
    "pselect6": Special("kernel",
                        why="the kernel's form: last comes { const sigset_t *, size_t }"),
    "signalfd": Special("libc", syscall="signalfd4", arguments="1 2 =8 3", why=SIGSET),
    "eventfd": Special("libc", syscall="eventfd2", arguments="1 2",
                       why="libc's has flags: eventfd2 in the kernel"),
    "faccessat": Special("libc", syscall="faccessat2", arguments="1 2 3 4",
                         why="libc's has flags: faccessat2 in the kernel"),
    "fchmodat": Special("libc", syscall="fchmodat2", arguments="1 2 3 4",
                        why="libc's has flags: fchmodat2 in the kernel"),
    "waitid": Special("libc", arguments="1 2 3 4 =0", why="the kernel can return a rusage, too"),
    "getcpu": Special("int (unsigned int *, unsigned int *)", arguments="1 2 =0",
                      why="the kernel ignores a third argument"),
    "reboot": Special("libc", arguments="=0xfee1dead =0x28121969 1 =0",
                      why="libc passes the two magic numbers"),
    "preadv": Special("libc", arguments="1 2 3 4 =0", why=OFFSET_HALVES),
    "pwritev": Special("libc", arguments="1 2 3 4 =0", why=OFFSET_HALVES),
    "preadv2": Special("ssize_t (int, const struct iovec *, int, off_t, int)",
                       arguments="1 2 3 4 =0 5", why=OFFSET_HALVES),
    "pwritev2": Special("ssize_t (int, const struct iovec *, int, off_t, int)",
                        arguments="1 2 3 4 =0 5", why=OFFSET_HALVES),
    "mq_open": Special("libc", kind="HAND", why="the kernel takes the name without its slash"),
    "mq_unlink": Special("libc", kind="HAND", why="the kernel takes the name without its slash"),

    # ---- libc's function of this name means something else ----
    "syslog": Special("kernel", why="klogctl(3), not syslog(3)"),
    "brk": Special("void *(void *)", why="the kernel's form: returns the break"),
    "clone": Special("kernel", why="the kernel's form, without libc's fn and arg"),
    "ptrace": Special("kernel", why="the kernel's form: PEEK requests store at data"),
    "getdents": Special("kernel", why="the older struct linux_dirent; readdir uses getdents64"),
    "fadvise64": Special("int (int, off_t, off_t, int)", why="as posix_fadvise, but -1 and errno"),
    "prlimit64": Special("int (pid_t, int, const struct rlimit *, struct rlimit *)",
                         why="libc's prlimit; the structs are one on x86-64"),
    "timer_create": Special("int (clockid_t, struct sigevent *, int *)", why=KERNEL_TIMER),
    "timer_settime": Special("int (int, int, const struct itimerspec *, struct itimerspec *)",
                             why=KERNEL_TIMER),
    "timer_gettime": Special("int (int, struct itimerspec *)", why=KERNEL_TIMER),
    "timer_getoverrun": Special("int (int)", why=KERNEL_TIMER),
    "timer_delete": Special("int (int)", why=KERNEL_TIMER),
    "rt_sigaction": Special("kernel", why=RAW_SIGNALS),
    "rt_sigprocmask": Special("kernel", why=RAW_SIGNALS),
    "rt_sigpending": Special("kernel", why=RAW_SIGNALS),
    "rt_sigsuspend": Special("kernel", why=RAW_SIGNALS),
    "rt_sigtimedwait": Special("kernel", why=RAW_SIGNALS),

    # ---- libc has only a name of its own for it ----
    "newfstatat": Special("int (int, const char *, struct stat *, int)",
                          why="the kernel's name for fstatat"),
    "fstatat": Special("int (int, const char *, struct stat *, int)", syscall="newfstatat",
                       why="newfstatat in the kernel"),
    "pread64": Special("ssize_t (int, void *, size_t, off_t)", why="off_t has 64 bits"),
    "pwrite64": Special("ssize_t (int, const void *, size_t, off_t)", why="off_t has 64 bits"),
    "pread": Special("ssize_t (int, void *, size_t, off_t)", syscall="pread64",
                     why="pread64 in the kernel"),
    "pwrite": Special("ssize_t (int, const void *, size_t, off_t)", syscall="pwrite64",
                      why="pwrite64 in the kernel"),
    "prlimit": Special("int (pid_t, int, const struct rlimit *, struct rlimit *)",
                       syscall="prlimit64", why="prlimit64 in the kernel"),
    "umount": Special("libc", syscall="umount2", arguments="1 =0", why="umount2 without flags"),
    "klogctl": Special("int (int, char *, int)", syscall="syslog", why="syslog in the kernel"),
    "waitpid": Special("libc", syscall="wait4", arguments="1 2 3 =0", why="wait4 in the kernel"),
    "send": Special("libc", syscall="sendto", arguments="1 2 3 4 =0 =0",
                    why="sendto in the kernel"),
    "recv": Special("libc", syscall="recvfrom", arguments="1 2 3 4 =0 =0",
                    why="recvfrom in the kernel"),
    "mq_send": Special("libc", syscall="mq_timedsend", arguments="1 2 3 4 =0",
                       why="mq_timedsend in the kernel"),
    "mq_receive": Special("libc", syscall="mq_timedreceive", arguments="1 2 3 4 =0",
                          why="mq_timedreceive in the kernel"),
    "mq_getattr": Special("libc", syscall="mq_getsetattr", arguments="1 =0 2",
                          why="mq_getsetattr in the kernel"),
    "mq_setattr": Special("libc", syscall="mq_getsetattr", arguments="1 2 3",
                          why="mq_getsetattr in the kernel"),
}

# Entry points that include/linux/syscalls.h does not declare: architectures define them.
EXTRA_PROTOTYPES = {
    "sys_mmap": "long sys_mmap(unsigned long, unsigned long, unsigned long, unsigned long, "
                "unsigned long, unsigned long)",
    "sys_arch_prctl": "long sys_arch_prctl(int, unsigned long)",
    "sys_iopl": "long sys_iopl(unsigned int)",
    "sys_modify_ldt": "long sys_modify_ldt(int, void *, unsigned long)",
    "sys_rt_sigreturn": "long sys_rt_sigreturn(void)",
}

# libc's headers that declare system calls: those that every libc has, and others.
HEADERS = (
    "fcntl.h", "grp.h", "mqueue.h", "poll.h", "sched.h", "signal.h", "stdio.h", "sys/epoll.h",
    "sys/eventfd.h", "sys/file.h", "sys/inotify.h", "sys/ioctl.h", "sys/ipc.h", "sys/mman.h",
    "sys/mount.h", "sys/msg.h", "sys/prctl.h", "sys/ptrace.h", "sys/reboot.h", "sys/resource.h",
    "sys/select.h", "sys/sem.h", "sys/sendfile.h", "sys/shm.h", "sys/signalfd.h", "sys/socket.h",
    "sys/stat.h", "sys/statfs.h", "sys/swap.h", "sys/sysinfo.h", "sys/time.h", "sys/timerfd.h",
    "sys/times.h", "sys/types.h", "sys/uio.h", "sys/utsname.h", "sys/wait.h", "sys/xattr.h",
    "time.h", "unistd.h", "utime.h",
)
OPTIONAL_HEADERS = (
    "dirent.h", "sys/acct.h", "sys/fanotify.h", "sys/fsuid.h", "sys/io.h", "sys/klog.h",
    "sys/personality.h", "sys/pidfd.h", "sys/quota.h", "sys/random.h", "sys/timex.h",
)

# Typedefs that the includes of rump_syscalls.h declare.
TYPES = {
    "cpu_set_t", "clock_t", "clockid_t", "dev_t", "fd_set", "gid_t", "idtype_t",
    "int32_t", "mode_t", "mqd_t", "nfds_t", "off_t", "pid_t", "sigset_t", "siginfo_t",
    "size_t", "socklen_t", "ssize_t", "stack_t", "time_t", "uid_t", "uint32_t", "uint64_t",
}

# Typedefs that are there only beyond strict ISO C, and a macro that stands with them.
GUARDS = {
    "siginfo_t": "SS_ONSTACK",
    "stack_t": "SS_ONSTACK",
    "idtype_t": "SS_ONSTACK",
    "cpu_set_t": "CPU_SETSIZE",
}

# libc's private and glibc-only spellings -> portable ones.  Its enums are ints by ABI.
LIBC_TYPES = {
    **{f"__{name}": name for name in (
        "clock_t", "clockid_t", "dev_t", "fd_set", "gid_t", "mode_t", "off_t",
        "pid_t", "sigset_t", "socklen_t", "ssize_t", "time_t", "uid_t")},
    # not there in strict ISO C
    "__id_t": "unsigned int",
    "id_t": "unsigned int",
    "__key_t": "int",
    "key_t": "int",
    "__SOCKADDR_ARG": "struct sockaddr *",
    "__CONST_SOCKADDR_ARG": "const struct sockaddr *",
    "__caddr_t": "char *",
    "caddr_t": "char *",
    "__itimer_which_t": "int",
    "__priority_which_t": "int",
    "__rlimit_resource_t": "int",
    "__rusage_who_t": "int",
    "enum __itimer_which": "int",
    "enum __priority_which": "int",
    "enum __rlimit_resource": "int",
    "enum __rusage_who": "int",
    "__off64_t": "off_t",
    "off64_t": "off_t",
    "__loff_t": "off_t",
    "loff_t": "off_t",
    "__timezone_ptr_t": "void *",
    "__uint32_t": "uint32_t",
    "__uint64_t": "uint64_t",
    "unsigned long long": "uint64_t",
    "__useconds_t": "unsigned int",
}

# The kernel's types -> libc's of the same layout on x86-64.  A struct whose layout
# libc has otherwise (sigaction) gets a name that libc does not use.
KERNEL_TYPES = {
    "__kernel_old_time_t": "time_t",
    "__s32": "int32_t",
    "__u32": "uint32_t",
    "u32": "uint32_t",
    "u64": "uint64_t",
    "aio_context_t": "unsigned long",
    "cap_user_data_t": "struct __user_cap_data_struct *",
    "cap_user_header_t": "struct __user_cap_header_struct *",
    "const char *const *": "char *const *",
    "enum landlock_rule_type": "int",
    "key_t": "int",
    "key_serial_t": "int32_t",
    "loff_t": "off_t",
    "qid_t": "uid_t",
    "rwf_t": "int",
    "struct __kernel_itimerspec": "struct itimerspec",
    "struct __kernel_old_itimerval": "struct itimerval",
    "struct __kernel_old_timeval": "struct timeval",
    "struct __kernel_timespec": "struct timespec",
    "struct __kernel_timex": "struct timex",
    "struct new_utsname": "struct utsname",
    "struct sigaction": "struct kernel_sigaction",
    "struct sigaltstack": "stack_t",
    "struct siginfo": "siginfo_t",
    "struct user_msghdr": "struct msghdr",
    "timer_t": "int",
    "umode_t": "mode_t",
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * neighbour PID FILE: a client that tries what it may not do to the process PID of the same
 * rump kernel, which belongs to another user, and to its FILE, by calls that no preload
 * stands before.  Prints "CALL ERRNO" for each; 0 is a success.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rump/rumpclient.h>

static long result;

static void attempt(const char *name, long number, long a, long b, long c, long d, long e, long f)
{
	result = rumpclient_syscall(number, a, b, c, d, e, f);
	printf("%s %ld\n", name, result < 0 ? -result : 0);
	fflush(stdout);
}

#define TRY(name, number, ...) TRY_(name, number, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define TRY_(name, number, a, b, c, d, e, f, ...) \
	attempt(name, number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

int main(int argc, char **argv)
{
	int pid = argc == 3 ? atoi(argv[1]) : 0, pipe_fds[2];
	char path[64], byte = 0;
	struct iovec here = {&byte, 1}, there = {main, 1};

	if (!pid) {
		fprintf(stderr, "usage: neighbour PID FILE\n");
		return 2;
	}
	if (rumpclient_init()) {
		printf("init %d\n", errno);
		return 1;
	}
	TRY("kill", SYS_kill, pid, SIGKILL);
	TRY("tgkill", SYS_tgkill, pid, pid, SIGKILL);
	TRY("kill-all", SYS_kill, -1, SIGKILL);
	TRY("ptrace", SYS_ptrace, PTRACE_SEIZE, pid);
	TRY("process_vm_readv", SYS_process_vm_readv, pid, &here, 1, &there, 1);
	TRY("setuid", SYS_setuid, 0);
	TRY("setgid", SYS_setgid, 0);
	TRY("setresuid", SYS_setresuid, -1, 0, -1);
	TRY("chroot", SYS_chroot, "/tmp");
	TRY("mount", SYS_mount, "none", "/tmp", "tmpfs", 0, NULL);
	TRY("umount", SYS_umount2, "/proc", 0);
	TRY("mknod", SYS_mknod, "/tmp/mem", S_IFCHR | 0666, 0x101);
	TRY("open", SYS_open, argv[2], O_RDONLY);
	TRY("chmod", SYS_chmod, argv[2], 0666);
	TRY("unlink", SYS_unlink, argv[2]);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	TRY("mem", SYS_open, path, O_RDWR);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	TRY("fd", SYS_open, path, O_RDONLY | O_DIRECTORY);
	TRY("pidfd_open", SYS_pidfd_open, pid, 0);
	if (result >= 0) {
		long pidfd = result;

		TRY("pidfd_send_signal", SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		TRY("pidfd_getfd", SYS_pidfd_getfd, pidfd, 0, 0);
	}
	/* SIGIO of ours, sent to others */
	TRY("pipe", SYS_pipe, pipe_fds);
	TRY("F_SETOWN", SYS_fcntl, pipe_fds[0], F_SETOWN, pid);
	TRY("F_SETSIG", SYS_fcntl, pipe_fds[0], F_SETSIG, SIGKILL);
	TRY("O_ASYNC", SYS_fcntl, pipe_fds[0], F_SETFL, O_ASYNC);
	TRY("write", SYS_write, pipe_fds[1], "x", 1);
	TRY("reboot", SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
	TRY("sethostname", SYS_sethostname, "mine", 4);
	printf("halt %d\n", rumpclient_halt(0) ? errno : 0);
	return 0;
}

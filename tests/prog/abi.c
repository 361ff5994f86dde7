/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One ABI: what libc's structs, constants and conventions say is what the rump
 * kernel means.  Each check would fail if a struct had another layout, a wrapper
 * passed or returned something else than libc's, or a number were another call's.
 */
#include "prog.h"

#include <dirent.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <utime.h>

static void results(void)
{
	struct timespec none = {0, 0};
	char cwd[16];

	errno = 0;
	is_int(rump_sys_close(-1), -1, "failure is -1");
	is_int(errno, EBADF, "and errno");
	errno = ELOOP;
	ok(rump_sys_getpid() > 0, "success");
	is_int(errno, ELOOP, "leaves errno");
	is_int(rump_syscall(SYS_close, -1, 0, 0, 0, 0, 0), -EBADF, "rump_syscall returns -errno");
	is_int(errno, ELOOP, "and leaves errno");
	is_int(rump_syscall(100000, 0, 0, 0, 0, 0, 0), -ENOSYS, "a number without a call");
	is_int(rump_syscall(-1, 0, 0, 0, 0, 0, 0), -ENOSYS, "a negative number");
	fails(rump_sys_getpmsg(), ENOSYS);
	fails(rump_sys_exit_group(1), ENOSYS);
	fails(rump_sys_brk(NULL), ENOSYS);

	is_int(rump_sys_chdir("/tmp"), 0, "chdir");
	is_str(rump_sys_getcwd(cwd, sizeof(cwd)), "/tmp", "getcwd returns the buffer");
	ok(!rump_sys_getcwd(cwd, 3) && errno == ERANGE, "or NULL and ERANGE");
	is_int(rump_sys_clock_nanosleep(CLOCK_MONOTONIC, 0, &none, NULL), 0, "clock_nanosleep");
	errno = ELOOP;
	none.tv_nsec = -1;
	is_int(rump_sys_clock_nanosleep(CLOCK_MONOTONIC, 0, &none, NULL), EINVAL,
	       "returns an error number");
	is_int(rump_sys_posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL), EBADF, "so does posix_fadvise");
	is_int(errno, ELOOP, "and both leave errno");
	fails(rump_sys_fadvise64(-1, 0, 0, POSIX_FADV_NORMAL), EBADF);

	is_int(rump_sys_getpriority(PRIO_PROCESS, 0), 0, "getpriority is a nice value");
	is_int(rump_sys_setpriority(PRIO_PROCESS, 0, 7), 0, "setpriority");
	is_int(rump_sys_getpriority(PRIO_PROCESS, 0), 7, "getpriority");
	is_int(rump_sys_setpriority(PRIO_PROCESS, 0, -20), 0, "setpriority");
	is_int(rump_sys_getpriority(PRIO_PROCESS, 0), -20, "getpriority below 0");
	rump_sys_setpriority(PRIO_PROCESS, 0, 0);
	ok(rump_sys_mmap(NULL, 4096, PROT_READ, MAP_SHARED, -1, 0) == MAP_FAILED &&
		   errno == (IS_OVER_SERVER ? ENODEV : EBADF),
	   "mmap fails with MAP_FAILED");
	fails(rump_sys_lseek(-1, 0, SEEK_SET), EBADF);
}

static void files(void)
{
	struct utimbuf times = {1000, 2000};
	struct timeval vals[2] = {{3000, 5}, {4000, 6}};
	struct timespec specs[2] = {{5000, 7}, {6000, 8}};
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 10};
	struct iovec iov[2] = {{"ab", 2}, {"cde", 3}};
	char text[16] = "", text2[16] = "";
	struct iovec in[2] = {{text, 1}, {text2, 4}};
	struct statfs fs;
	struct statx x;
	struct stat st;
	loff_t from = 1, to = 10;
	int fd, other, pipes[2];

	rump_sys_umask(022);
	fd = rump_sys_open("/tmp/abi", O_RDWR | O_CREAT | O_EXCL, 0640);
	succeeds(fd);
	succeeds(rump_sys_fchown(fd, 12, 34));
	is_int(rump_sys_writev(fd, iov, 2), 5, "writev");
	is_int(rump_sys_pwrite(fd, "X", 1, 0x180000000), 1, "pwrite beyond 4 GiB");
	is_int(rump_sys_lseek(fd, 0, SEEK_END), 0x180000001, "lseek returns 64 bits");
	is_int(rump_sys_preadv(fd, in, 2, 0), 5, "preadv");
	ok(!strcmp(text, "a") && !strcmp(text2, "bcde"), "reads both parts");
	is_int(rump_sys_pwritev2(fd, iov, 2, 100, RWF_DSYNC), 5, "pwritev2");
	memset(text2, 0, sizeof(text2));
	is_int(rump_sys_preadv2(fd, &in[1], 1, 100, 0), 4, "preadv2");
	is_str(text2, "abcd", "at its offset");
	fails(rump_sys_preadv2(fd, &in[1], 1, 100, 0x40000000), EOPNOTSUPP);

	succeeds(rump_sys_fstat(fd, &st));
	is_int(st.st_mode, S_IFREG | 0640, "stat: mode, the third argument of open");
	is_int(st.st_nlink, 1, "links");
	is_int(st.st_uid, 12, "owner");
	is_int(st.st_gid, 34, "group");
	is_int(st.st_size, 0x180000001, "size");
	is_int(st.st_blksize, 4096, "block size");
	ok(st.st_blocks > 0 && st.st_blocks < 100, "blocks");
	ok(st.st_ino > 0, "inode");
	succeeds(rump_sys_utime("/tmp/abi", &times));
	succeeds(rump_sys_stat("/tmp/abi", &st));
	ok(st.st_atime == 1000 && st.st_mtime == 2000, "utime");
	succeeds(rump_sys_utimes("/tmp/abi", vals));
	succeeds(rump_sys_lstat("/tmp/abi", &st));
	ok(st.st_atim.tv_sec == 3000 && st.st_atim.tv_nsec == 5000 && st.st_mtim.tv_sec == 4000 &&
		   st.st_mtim.tv_nsec == 6000,
	   "utimes");
	succeeds(rump_sys_utimensat(AT_FDCWD, "/tmp/abi", specs, 0));
	succeeds(rump_sys_fstatat(AT_FDCWD, "/tmp/abi", &st, AT_SYMLINK_NOFOLLOW));
	ok(st.st_atim.tv_sec == 5000 && st.st_atim.tv_nsec == 7 && st.st_mtim.tv_nsec == 8,
	   "utimensat");
	succeeds(rump_sys_statx(AT_FDCWD, "/tmp/abi", 0, STATX_BASIC_STATS, &x));
	ok(x.stx_size == 0x180000001 && x.stx_uid == 12 && x.stx_mode == (S_IFREG | 0640) &&
		   x.stx_mtime.tv_nsec == 8,
	   "statx");
	succeeds(rump_sys_statfs("/tmp", &fs));
	ok(fs.f_type == 0x01021994 && fs.f_bsize == 4096 && fs.f_namelen == 255 &&
		   fs.f_bfree <= fs.f_blocks && fs.f_blocks,
	   "statfs of a tmpfs");
	succeeds(rump_sys_mknod("/tmp/device", S_IFCHR | 0600, makedev(0x123, 0x45678)));
	succeeds(rump_sys_stat("/tmp/device", &st));
	ok(major(st.st_rdev) == 0x123 && minor(st.st_rdev) == 0x45678, "device numbers");

	/* flags that libc's functions have and the older calls do not */
	fails(rump_sys_faccessat(AT_FDCWD, "/tmp/abi", R_OK, 0x4000), EINVAL);
	succeeds(rump_sys_faccessat(AT_FDCWD, "/tmp/abi", R_OK, AT_EACCESS));
	succeeds(rump_sys_symlink("abi", "/tmp/link"));
	fails(rump_sys_fchmodat(AT_FDCWD, "/tmp/link", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
	succeeds(rump_sys_fchmodat(AT_FDCWD, "/tmp/abi", 0600, 0));

	succeeds(rump_sys_fcntl(fd, F_SETLK, &lock));
	lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
	succeeds(rump_sys_fcntl(fd, F_OFD_GETLK, &lock));
	ok(lock.l_type == F_WRLCK && lock.l_start == 5 && lock.l_len == 10, "struct flock");
	succeeds(rump_sys_flock(fd, LOCK_EX | LOCK_NB));
	other = rump_sys_open("/tmp/abi", O_RDWR);
	fails(rump_sys_flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	succeeds(rump_sys_fcntl(other, F_DUPFD_CLOEXEC, 100) == 100 ? 0 : -1);
	is_int(rump_sys_fcntl(100, F_GETFD), FD_CLOEXEC, "fcntl passes its argument");

	is_int(rump_sys_copy_file_range(fd, &from, other, &to, 4, 0), 4, "copy_file_range");
	ok(from == 5 && to == 14, "moves both offsets");
	succeeds(rump_sys_pipe2(pipes, O_CLOEXEC));
	from = 0;
	is_int(rump_sys_sendfile(pipes[1], fd, &from, 5), 5, "sendfile");
	ok(from == 5, "moves its offset");
	is_int(rump_sys_read(pipes[0], text2, 5), 5, "the pipe has it");
	ok(!memcmp(text2, "abcde", 5), "as it was");
	is_int(rump_sys_ftruncate(fd, 0x100000005), 0, "ftruncate to 64 bits");
	succeeds(rump_sys_stat("/tmp/abi", &st));
	is_int(st.st_size, 0x100000005, "does");
	succeeds(rump_sys_fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8192));
	rump_sys_close(fd), rump_sys_close(other), rump_sys_close(100);
	rump_sys_close(pipes[0]), rump_sys_close(pipes[1]);
}

static void folders(void)
{
	char buffer[1024];
	bool found = false;
	int fd, n;

	succeeds(rump_sys_mkdir("/tmp/folder", 0755));
	succeeds(rump_sys_mkdir("/tmp/folder/sub with blanks", 0700));
	fd = rump_sys_openat(AT_FDCWD, "/tmp/folder", O_RDONLY | O_DIRECTORY);
	n = rump_sys_getdents64(fd, buffer, sizeof(buffer));
	for (int at = 0; at < n;) {
		struct dirent64 *entry = (void *)(buffer + at);

		found |= !strcmp(entry->d_name, "sub with blanks") && entry->d_type == DT_DIR;
		at += entry->d_reclen;
	}
	ok(found, "getdents64 fills libc's struct dirent64");
	succeeds(rump_sys_unlinkat(fd, "sub with blanks", AT_REMOVEDIR));
	succeeds(rump_sys_close(fd));
}

static void waiting(void)
{
	struct timespec timeout = {0, 30000000}, kept = timeout;
	struct timeval tv = {0, 20000};
	struct itimerspec period = {{0, 0}, {0, 1000000}};
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef0};
	struct pollfd p = {.events = POLLIN};
	struct signalfd_siginfo info;
	uint64_t value = 0;
	sigset_t set;
	fd_set fds;
	int fd, epoll;

	fd = rump_sys_eventfd(5, EFD_NONBLOCK | EFD_SEMAPHORE);
	succeeds(fd);
	p.fd = fd;
	is_int(rump_sys_poll(&p, 1, 0), 1, "poll");
	is_int(p.revents, POLLIN, "tells what");
	is_int(rump_sys_read(fd, &value, 8), 8, "eventfd takes libc's flags");
	is_int(value, 1, "as a semaphore");
	while (rump_sys_read(fd, &value, 8) == 8)
		;
	is_int(errno, EAGAIN, "not blocking");

	FD_ZERO(&fds);
	FD_SET(fd, &fds);
	is_int(rump_sys_select(fd + 1, &fds, NULL, NULL, &tv), 0, "select waits");
	ok(!FD_ISSET(fd, &fds) && tv.tv_sec == 0 && tv.tv_usec == 0, "and changes its arguments");
	is_int(rump_sys_ppoll(&p, 1, &timeout, NULL), 0, "ppoll waits");
	ok(!memcmp(&timeout, &kept, sizeof(kept)), "and leaves the timeout");
	FD_SET(fd, &fds);
	sigemptyset(&set);
	is_int(rump_sys_pselect(fd + 1, &fds, NULL, NULL, &timeout, &set), 0, "pselect waits");
	ok(!memcmp(&timeout, &kept, sizeof(kept)), "and leaves the timeout");

	epoll = rump_sys_epoll_create1(EPOLL_CLOEXEC);
	succeeds(rump_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	value = 1;
	is_int(rump_sys_write(fd, &value, 8), 8, "an event");
	memset(&event, 0, sizeof(event));
	is_int(rump_sys_epoll_wait(epoll, &event, 1, 1000), 1, "epoll_wait");
	ok(event.events == EPOLLIN && event.data.u64 == 0x123456789abcdef0, "struct epoll_event");
	is_int(rump_sys_epoll_pwait(epoll, &event, 1, 1000, &set), 1, "epoll_pwait");
	is_int(rump_sys_epoll_pwait2(epoll, &event, 1, &timeout, &set), 1, "epoll_pwait2");
	rump_sys_close(epoll), rump_sys_close(fd);

	sigaddset(&set, SIGUSR1);
	fd = rump_sys_signalfd(-1, &set, SFD_NONBLOCK);
	succeeds(fd);
	fails(rump_sys_read(fd, &info, sizeof(info)), EAGAIN);
	rump_sys_close(fd);
	fd = rump_sys_timerfd_create(CLOCK_MONOTONIC, 0);
	succeeds(rump_sys_timerfd_settime(fd, 0, &period, NULL));
	is_int(rump_sys_read(fd, &value, 8), 8, "timerfd");
	is_int(value, 1, "ticks once");
	rump_sys_close(fd);
}

static void sockets(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET}, peer;
	struct {
		struct cmsghdr head;
		int fd;
	} control = {{CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}, -1};
	struct iovec iov = {"m", 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}},
				 {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}};
	socklen_t length = sizeof(address);
	struct ucred cred = {0};
	int listener, client, server, pair[2], one = 1, got = 0;
	char text[8] = "";

	listener = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	succeeds(listener);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	succeeds(rump_sys_bind(listener, (void *)&address, sizeof(address)));
	succeeds(rump_sys_listen(listener, 5));
	succeeds(rump_sys_getsockname(listener, (void *)&address, &length));
	ok(length == sizeof(address) && address.sin_port, "sockaddr_in");
	client = rump_sys_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	succeeds(rump_sys_connect(client, (void *)&address, sizeof(address)));
	server = rump_sys_accept4(listener, (void *)&peer, &length, SOCK_NONBLOCK);
	succeeds(server);
	ok(peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK), "the peer is 127.0.0.1");
	succeeds(rump_sys_setsockopt(client, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one)));
	length = sizeof(got);
	succeeds(rump_sys_getsockopt(client, IPPROTO_TCP, 1, &got, &length));
	is_int(got, 1, "TCP_NODELAY");
	is_int(rump_sys_send(client, "hello", 5, 0), 5, "send");
	host_sleep_ms(20);
	is_int(rump_sys_recv(server, text, sizeof(text), 0), 5, "recv");
	is_str(text, "hello", "through TCP");
	rump_sys_close(listener), rump_sys_close(client), rump_sys_close(server);

	succeeds(rump_sys_socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	length = sizeof(cred);
	succeeds(rump_sys_getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &cred, &length));
	is_int(cred.pid, rump_sys_getpid(), "SO_PEERCRED tells the rump process");
	control.fd = pair[1];
	is_int(rump_sys_sendmsg(pair[0], &message, 0), 1, "sendmsg with a descriptor");
	iov.iov_base = text;
	control.fd = -1;
	message.msg_controllen = sizeof(control);
	is_int(rump_sys_recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC), 1, "recvmsg");
	ok(control.fd > pair[1], "brings a new one");
	is_int(rump_sys_fcntl(control.fd, F_GETFD), FD_CLOEXEC, "closed on exec");
	is_int(rump_sys_sendmmsg(pair[0], two, 2, 0), 2, "sendmmsg");
	is_int(two[1].msg_len, 1, "struct mmsghdr");
	is_int(rump_sys_recvmmsg(pair[1], two, 2, MSG_DONTWAIT, NULL), 2, "recvmmsg");
	rump_sys_close(pair[0]), rump_sys_close(pair[1]), rump_sys_close(control.fd);
}

/* Structs of System V IPC and queues; a kernel without them says ENOSYS. */
static void ipc(void)
{
	union {
		int val;
		struct semid_ds *ds;
	} sem;
	struct {
		long type;
		char text[8];
	} msg = {3, "text"};
	struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 16}, got = {0};
	struct semid_ds semds = {0};
	struct shmid_ds shmds = {0};
	struct msqid_ds msgds = {0};
	char text[16] = "";
	unsigned int priority = 0;
	int id = rump_sys_semget(IPC_PRIVATE, 3, 0600);
	mqd_t q;

	if (id == -1 && errno == ENOSYS) {
		diag("no System V IPC in this kernel");
	} else {
		sem.val = 7;
		succeeds(rump_sys_semctl(id, 1, SETVAL, sem));
		is_int(rump_sys_semctl(id, 1, GETVAL), 7, "semctl");
		sem.ds = &semds;
		succeeds(rump_sys_semctl(id, 0, IPC_STAT, sem));
		ok(semds.sem_nsems == 3 && semds.sem_perm.mode == 0600 &&
			   semds.sem_ctime > 1500000000,
		   "struct semid_ds");
		succeeds(rump_sys_semctl(id, 0, IPC_RMID));
		id = rump_sys_shmget(IPC_PRIVATE, 12345, 0640);
		succeeds(rump_sys_shmctl(id, IPC_STAT, &shmds));
		ok(shmds.shm_segsz == 12345 && shmds.shm_perm.mode == 0640 && shmds.shm_cpid &&
			   shmds.shm_ctime > 1500000000,
		   "struct shmid_ds");
		succeeds(rump_sys_shmctl(id, IPC_RMID, NULL));
		id = rump_sys_msgget(IPC_PRIVATE, 0600);
		succeeds(rump_sys_msgsnd(id, &msg, 5, 0));
		succeeds(rump_sys_msgctl(id, IPC_STAT, &msgds));
		ok(msgds.msg_qnum == 1 && msgds.msg_stime > 1500000000 && msgds.msg_qbytes >= 4096,
		   "struct msqid_ds");
		is_int(rump_sys_msgrcv(id, &msg, 8, 3, 0), 5, "msgrcv");
		succeeds(rump_sys_msgctl(id, IPC_RMID, NULL));
	}

	q = rump_sys_mq_open("/queue", O_RDWR | O_CREAT, 0600, &attr);
	if (q == -1 && errno == ENOSYS) {
		diag("no POSIX message queues in this kernel");
		return;
	}
	succeeds(q);
	fails(rump_sys_mq_open("queue", O_RDWR), EINVAL);
	succeeds(rump_sys_mq_send(q, "four", 4, 9));
	succeeds(rump_sys_mq_getattr(q, &got));
	ok(got.mq_maxmsg == 3 && got.mq_msgsize == 16 && got.mq_curmsgs == 1, "struct mq_attr");
	is_int(rump_sys_mq_receive(q, text, 16, &priority), 4, "mq_receive");
	ok(priority == 9 && !strcmp(text, "four"), "what was sent");
	succeeds(rump_sys_mq_unlink("/queue"));
	rump_sys_close(q);
}

static void *waits_for_futex(void *arg)
{
	uint32_t *word = arg;

	return (void *)(rump_sys_futex(word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) ? (long)errno
										   : 0);
}

static void processes(void)
{
	struct rlimit limit = {100, 200}, old;
	struct rusage usage = {.ru_maxrss = -1};
	struct itimerspec timer = {{0, 0}, {100, 5}};
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	struct utsname name;
	struct sysinfo info;
	struct timex tx = {0};
	struct tms tms;
	cpu_set_t set;
	gid_t groups[3] = {5, 6, 7}, got[8];
	unsigned int cpu = 99, node = 99;
	int id[2] = {-1, 0x5a5a5a5a};
	uint32_t word = 0;
	pthread_t thread;
	siginfo_t child;

	succeeds(rump_sys_uname(&name));
	is_str(name.sysname, "Linux", "uname: the system");
	is_str(name.machine, "x86_64", "the machine");
	is_str(name.release, rump_getrelease(), "its release");
	succeeds(rump_sys_sethostname("abi-test", 8));
	succeeds(rump_sys_uname(&name));
	is_str(name.nodename, "abi-test", "the host name");
	succeeds(rump_sys_sysinfo(&info));
	ok(info.mem_unit && info.totalram > info.freeram && info.procs, "sysinfo");
	succeeds(rump_sys_setrlimit(RLIMIT_NOFILE, &limit));
	succeeds(rump_sys_prlimit(0, RLIMIT_NOFILE, NULL, &old));
	ok(old.rlim_cur == 100 && old.rlim_max == 200, "struct rlimit");
	succeeds(rump_sys_getrusage(RUSAGE_SELF, &usage));
	ok(usage.ru_maxrss >= 0, "struct rusage");
	ok(rump_sys_times(&tms) > 0, "times");
	ok(rump_sys_time(NULL) > 1500000000, "time");
	ok(rump_sys_adjtimex(&tx) >= 0 && tx.tick == 10000, "struct timex");
	succeeds(rump_sys_setgroups(3, groups));
	is_int(rump_sys_getgroups(8, got), 3, "getgroups");
	ok(got[0] == 5 && got[2] == 7, "are what was set");

	memset(&set, 0xff, sizeof(set));
	is_int(rump_sys_sched_getaffinity(0, sizeof(set), &set), 0, "sched_getaffinity");
	ok(CPU_COUNT(&set) >= 1 && CPU_COUNT(&set) < 64 && CPU_ISSET(0, &set),
	   "and all of the set is set");
	succeeds(rump_sys_getcpu(&cpu, &node));
	ok(cpu < 64 && node == 0, "getcpu");
	fails(rump_sys_waitid(P_ALL, 0, &child, WEXITED), ECHILD);
	fails(rump_sys_waitpid(-1, NULL, 0), ECHILD);

	succeeds(rump_sys_timer_create(CLOCK_MONOTONIC, &event, id));
	is_int(id[1], 0x5a5a5a5a, "a timer's id is an int");
	succeeds(rump_sys_timer_settime(id[0], 0, &timer, NULL));
	memset(&timer, 0, sizeof(timer));
	succeeds(rump_sys_timer_gettime(id[0], &timer));
	ok(timer.it_value.tv_sec >= 90 && timer.it_value.tv_sec <= 100, "struct itimerspec");
	succeeds(rump_sys_timer_delete(id[0]));

	if (IS_OVER_SERVER) {
		/* a server has no place for its clients to wait at each other's memory */
		fails(rump_sys_futex(&word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), ENOSYS);
		return;
	}
	thread = start(waits_for_futex, &word);
	for (int i = 0; i < 100 && rump_sys_futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) != 1;
	     i++)
		host_sleep_ms(20);
	is_int((long)join(thread), 0, "a futex in the program's memory");
	fails(rump_sys_futex(&word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EAGAIN);
}

static void mappings(void)
{
	int fd = rump_sys_open("/tmp/mapped", O_RDWR | O_CREAT, 0600);
	char *map, text[8] = "";

	rump_sys_ftruncate(fd, 3 * 4096);
	rump_sys_pwrite(fd, "second", 6, 4096);
	if (IS_OVER_SERVER) {
		/* a client's memory is the host's affair */
		fails(rump_sys_mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 4096), ENODEV);
		fails(rump_sys_munmap(&fd, 8192), ENOSYS);
		rump_sys_close(fd);
		return;
	}
	map = rump_sys_mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	if (!ok(map != MAP_FAILED, "mmap of a file, with an offset")) {
		diag("%s", strerror(errno));
		return;
	}
	is_str(map, "second", "reads what the file has");
	memcpy(map + 4096, "third", 5);
	is_int(rump_sys_pread(fd, text, 5, 8192), 5, "the file");
	is_str(text, "third", "has what was written to the mapping");
	succeeds(rump_sys_msync(map, 8192, MS_SYNC));
	succeeds(rump_sys_munmap(map, 8192));
	rump_sys_close(fd);
}

int main(void)
{
	boot(NULL);
	results();
	files();
	folders();
	waiting();
	sockets();
	ipc();
	processes();
	mappings();
	return done_testing();
}

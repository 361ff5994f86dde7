/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unix.c - the transport of unix:// servers: a SOCK_SEQPACKET socket for messages, memory
 * that both map for calls.
 *
 * A turn costs nothing of the host's while both sides look for each other's (sp/spin.h),
 * and a wake-up and a wait when both sleep.  A server that is killed cannot say so in
 * the memory; a sleeper therefore looks at the control connection now and then, at first
 * soon, then once a second, and who sees it wakes all the others.
 */
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <sys/rseq.h>
#endif

#include "private.h"

#define LOOK_FIRST (50 * NSEC_PER_MSEC)
#define LOOK_LATER NSEC_PER_SEC
/* what was posted takes a few us */
#define SETTLE_YIELDS 100
#define SETTLE_PAUSE (NSEC_PER_MSEC / 5)

static struct sp_spinners spinners;

static bool is_confined;

void rumpclient_confine(void)
{
	__atomic_store_n(&is_confined, true, __ATOMIC_RELAXED);
}

/* ---- messages ---- */

static int unix_send(struct session *session, const void *message, size_t length)
{
	int fd = __atomic_load_n(&session->fd, __ATOMIC_ACQUIRE);
	long done = __atomic_load_n(&is_confined, __ATOMIC_RELAXED)
			    ? host(SYS_write, fd, message, length)
			    : host(SYS_sendto, fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL,
				   NULL, 0);

	if (done == (long)length)
		return 0;
	return done == -EAGAIN ? -EAGAIN : -ENOTCONN;
}

/* The first descriptor that came along; there are never more. */
static int fd_of(struct msghdr *head)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(head);
	int fd = -1;

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return fd;
}

static long unix_receive(struct session *session, void *message, size_t size, int *ret_fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec piece = {message, size};
	struct msghdr head = {
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	long length;

	do
		length = host(SYS_recvmsg, __atomic_load_n(&session->fd, __ATOMIC_ACQUIRE), &head,
			      MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (length == -EINTR);
	if (length < 0)
		return length == -EAGAIN ? -EAGAIN : -ENOTCONN;
	*ret_fd = fd_of(&head);
	if (!length || head.msg_flags & MSG_TRUNC) {
		host_close(*ret_fd);
		*ret_fd = -1;
		return length ? -EPROTO : -ENOTCONN;
	}
	return length;
}

static void unix_close(struct session *session, bool is_ours)
{
	if (is_ours) {
		host(SYS_shutdown, session->fd, SHUT_RDWR);
		channel_wake_all(session);
	} else {
		fd_close_private(session->fd);
		session->fd = -1;
	}
}

/* ---- memory ---- */

static bool is_sound(const struct rump_sp_channel *shared, uint64_t data_offset, uint64_t size)
{
	return shared->magic == RUMP_SP_MAGIC && shared->version == RUMP_SP_VERSION &&
	       shared->data_size == RUMP_SP_DATA_SIZE && data_offset % 8 == 0 &&
	       data_offset >= sizeof(*shared) && data_offset + RUMP_SP_DATA_SIZE <= size;
}

static int unix_channel_open(struct channel *channel, const struct rump_sp_channel_answer *answer,
			     int fd)
{
	size_t size = answer->size;
	struct rump_sp_channel *shared;
	uint32_t data_offset;
	long address;
	off_t length;

	if (fd < 0)
		return -EPROTO;
	/* what lies beyond the end of the file would be a SIGBUS; it is sealed against less */
	length = host(SYS_lseek, fd, 0, SEEK_END);
	if (size < sizeof(*shared) || length < (off_t)size) {
		fd_close_private(fd);
		return -EPROTO;
	}
	address = host(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fd_close_private(fd);
	if (is_error(address))
		return (int)address;
	shared = (struct rump_sp_channel *)address;
	/* once: the server may change it */
	data_offset = __atomic_load_n(&shared->data_offset, __ATOMIC_RELAXED);
	if (!is_sound(shared, data_offset, size)) {
		host(SYS_munmap, shared, size);
		return -EPROTO;
	}
	/* a child of fork() has no business there */
	host(SYS_madvise, shared, size, MADV_DONTFORK);
	channel->shared = shared;
	channel->size = size;
	channel->data = (char *)shared + data_offset;
	channel->request = shared->request;
	return 0;
}

static void unix_channel_close(struct channel *channel, enum channel_owner owner)
{
	/* MADV_DONTFORK: somebody else may have these addresses in a child */
	if (owner != CHANNEL_PARENTS)
		host(SYS_munmap, channel->shared, channel->size);
}

/* ---- turns ---- */

/* + 1; 0: not known */
static uint32_t this_cpu(void)
{
#ifdef __GLIBC__
	const volatile struct rseq *area =
		(const void *)((const char *)__builtin_thread_pointer() + __rseq_offset);

	return __rseq_size ? (uint32_t)(area->cpu_id + 1) : 0;
#else
	return (uint32_t)(sched_getcpu() + 1);
#endif
}

static void count_cpus(void)
{
	unsigned long mask[128]; /* for 8192 CPUs; the host tells how much it filled */
	long length = host(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	uint32_t cpus = 0;

	for (long i = 0; i < length / (long)sizeof(mask[0]); i++)
		cpus += (uint32_t)__builtin_popcountl(mask[i]);
	spinners.limit = sp_spinners_limit(cpus);
}

__attribute__((constructor)) static void unix_start(void)
{
	count_cpus();
}

/*
 * futex_waitv() for one word, because it alone does what a system call does when a
 * handler has run: it goes on if the handler has SA_RESTART, and gives EINTR else, also
 * with a timeout.  Before Linux 5.16 a call that is waited for gives EINTR after each handler.
 */
static long wait_on(uint32_t *word, uint32_t value, uint64_t until)
{
	struct {
		uint64_t value, address;
		uint32_t flags, reserved;
	} one = {value, (uint64_t)word, HOST_FUTEX2_SIZE_U32, 0};
	struct timespec time = {(time_t)(until / NSEC_PER_SEC), (long)(until % NSEC_PER_SEC)};
	static bool is_old_host;
	long result;

	/* filters of system calls are older than this one */
	if (!__atomic_load_n(&is_old_host, __ATOMIC_RELAXED) &&
	    !__atomic_load_n(&is_confined, __ATOMIC_RELAXED)) {
		result = host(HOST_SYS_FUTEX_WAITV, &one, 1, 0, &time, CLOCK_MONOTONIC);
		if (result != -ENOSYS)
			return result;
		__atomic_store_n(&is_old_host, true, __ATOMIC_RELAXED);
	}
	return host(SYS_futex, word, HOST_FUTEX_WAIT_BITSET, value, &time, NULL, -1);
}

/* By the vDSO: no call of the host. */
static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static int sleep_until_reply(struct channel *channel, uint32_t old)
{
	struct rump_sp_channel *shared = channel->shared;
	uint64_t look = LOOK_FIRST, until = now_ns() + look;
	int error = 0;

	__atomic_store_n(&shared->client_sleeps, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	channel_interrupt_late(channel);
	while (__atomic_load_n(&shared->reply, __ATOMIC_ACQUIRE) == old) {
		long result = wait_on(&shared->reply, old, until);

		if (!channel_is_live(channel)) {
			error = -ENOTCONN;
			break;
		}
		if (result == -EINTR) {
			channel_interrupt(channel);
		} else if (result == -ETIMEDOUT) {
			if (control_is_hung_up(channel->session)) {
				error = -ENOTCONN;
				break;
			}
			look = look * 2 < LOOK_LATER ? look * 2 : LOOK_LATER;
			until = now_ns() + look;
		}
	}
	__atomic_store_n(&shared->client_sleeps, 0, __ATOMIC_RELAXED);
	return error;
}

static bool unix_has_gone(struct channel *channel)
{
	return __atomic_load_n(&channel->shared->is_closed, __ATOMIC_ACQUIRE) ||
	       control_is_hung_up(channel->session);
}

/* What was written before is seen by the server's thread at once.  Whether it slept. */
static bool wake_server(struct channel *channel)
{
	uint32_t *sleeps = &channel->shared->server_sleeps, *word = &channel->shared->request;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(sleeps, __ATOMIC_RELAXED))
		return false;
	if (channel->is_posting) {
		__atomic_store_n(sleeps, 0, __ATOMIC_RELEASE);
		word = sleeps;
	}
	host(SYS_futex, word, HOST_FUTEX_WAKE, 1);
	return true;
}

static int unix_turn(struct channel *channel)
{
	struct rump_sp_channel *shared = channel->shared;
	/* whose CPU is not known gives way to nobody: sched_yield() is one call too many */
	uint32_t cpu = __atomic_load_n(&is_confined, __ATOMIC_RELAXED) ? 0 : this_cpu();
	uint32_t old = channel->request;
	const struct sp_words words = {.word = &shared->reply, .old = old};
	bool server_slept;

	channel->request = old + 1;
	__atomic_store_n(&shared->client_cpu, cpu, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->request, channel->request, __ATOMIC_RELEASE);
	server_slept = wake_server(channel);
	if (!sp_spin(&channel->spin, &spinners, &words, server_slept, false, cpu,
		     __atomic_load_n(&shared->server_cpu, __ATOMIC_RELAXED)) &&
	    sleep_until_reply(channel, old))
		return -ENOTCONN;
	/* is_closed, or a server that does not take turns */
	return __atomic_load_n(&shared->reply, __ATOMIC_ACQUIRE) == channel->request ? 0
										     : -ENOTCONN;
}

static int unix_post(struct channel *channel, const struct rump_sp_posted *posted, bool is_lazy)
{
	struct rump_sp_channel *shared = channel->shared;

	/* who waits for it makes more calls of the host than are allowed then */
	if (__atomic_load_n(&is_confined, __ATOMIC_RELAXED))
		return -EAGAIN;
	if (channel->posted - __atomic_load_n(&shared->posted_done, __ATOMIC_ACQUIRE) >=
	    RUMP_SP_POSTED_MAX)
		return -EAGAIN;
	shared->posted[channel->posted % RUMP_SP_POSTED_MAX] = *posted;
	__atomic_store_n(&channel->posted, channel->posted + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->posted_count, channel->posted, __ATOMIC_RELEASE);
	if (!is_lazy)
		wake_server(channel);
	return 0;
}

static void unix_settle(struct channel *channel)
{
	struct rump_sp_channel *shared = channel->shared;
	uint32_t count = __atomic_load_n(&channel->posted, __ATOMIC_ACQUIRE);

	const struct timespec moment = {0, SETTLE_PAUSE};

	wake_server(channel);
	for (int i = 0;
	     (int32_t)(__atomic_load_n(&shared->posted_done, __ATOMIC_ACQUIRE) - count) < 0; i++) {
		if (i < SETTLE_YIELDS)
			host(SYS_sched_yield);
		else if (!channel_is_live(channel) || unix_has_gone(channel))
			break;
		else /* a server that is stopped, most likely */
			host(SYS_nanosleep, &moment, NULL);
	}
}

/* ---- forks ---- */

static int unix_adopt(struct session *session, struct session *child, int fd,
		      const struct rump_sp_cookie *cookie)
{
	(void)session;
	(void)cookie;
	if (fd < 0)
		return -EPROTO;
	child->fd = fd;
	return 0;
}

const struct transport transport_unix = {
	.send = unix_send,
	.receive = unix_receive,
	.close = unix_close,
	.channel_open = unix_channel_open,
	.channel_close = unix_channel_close,
	.has_channel_end = true,
	.has_gone = unix_has_gone,
	.turn = unix_turn,
	.post = unix_post,
	.settle = unix_settle,
	.adopt = unix_adopt,
};

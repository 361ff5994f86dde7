/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.c - Ethernet interfaces on the host.
 *
 * Theory of operation.  The kernel's part (drivers/net/virtif.c) has a host thread for each
 * interface, which reads, sleeps in net_wait(), and is kicked by an eventfd.  Frames are
 * written by whatever thread has made them, one at a time.  Nothing here waits but
 * net_wait(), open and close.
 *
 * A backend (struct net_ops) opens a descriptor and moves frames.  The descriptor's number
 * stays the same for the life of the interface: when what it stands for has gone, a new one
 * takes its place by dup3(), so that who writes at that moment meets the old or the
 * new one and never somebody else's.
 *
 * The link is up, down or lost.  Down is a tap whose interface on the host is down: the
 * descriptor is good, and poll() tells when that changes.  Lost is a tap that was deleted, a
 * peer that closed, a passt that died: opening is tried again, after half a second, then more
 * and more seldom.  Only the interface's own thread changes the state to up; who finds out
 * while it writes leaves the reason in lost_error and kicks that thread.
 *
 * Children: descriptors are close-on-exec and handles, which a forked child closes (file.c).
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* of /dev/net/tun; macvtaps have what the host gives them */
#define TUN_MAJOR 10
#define TUN_MINOR 200

/* looks in a row that find the writer on one CPU before the interface's thread goes there */
#define FOLLOW_AFTER 8
#define FOLLOW_CPUS 8192

#define RETRY_FIRST (NSEC_PER_SEC / 2)
#define RETRY_MAX (8 * NSEC_PER_SEC)

static const struct net_ops *const kinds[] = {
	[CONFIG_NET_TAP] = &net_tap,	   [CONFIG_NET_MACVTAP] = &net_macvtap,
	[CONFIG_NET_PACKET] = &net_packet, [CONFIG_NET_STREAM] = &net_stream,
	[CONFIG_NET_DGRAM] = &net_dgram,   [CONFIG_NET_USER] = &net_user,
};

int net_why(struct net_host *host, int error, const char *format, ...)
{
	char *why = host->net->why;
	size_t size = sizeof(host->net->why);
	int used = snprintf(why, size, "%s: ", host->name);
	va_list args;

	va_start(args, format);
	vsnprintf(why + used, size - (size_t)used, format, args);
	va_end(args);
	return error;
}

/* ---- the host's interfaces ---- */

long net_interface_ioctl(const char *name, unsigned long request, struct ifreq *ifr)
{
	int fd CLOSED_AT_END = -1;

	fd = (int)host_call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	memset(ifr->ifr_name, 0, sizeof(ifr->ifr_name));
	memcpy(ifr->ifr_name, name, strnlen(name, sizeof(ifr->ifr_name) - 1));
	return host_call(SYS_ioctl, fd, request, ifr);
}

int net_set_nonblocking(int fd)
{
	long flags = host_call(SYS_fcntl, fd, F_GETFL);

	if (flags < 0)
		return (int)flags;
	return (int)host_call(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
}

/* ---- where the interface's thread runs ---- */

/* The main thread has what the administrator allows. */
static void get_allowed(unsigned long mask[FOLLOW_CPUS / 64])
{
	memset(mask, 0, FOLLOW_CPUS / 8);
	host_call(SYS_sched_getaffinity, host_call(SYS_getpid), FOLLOW_CPUS / 8, mask);
}

/*
 * Who reads a stream from a socket here is woken for each frame or two, and writes the
 * acknowledgements.  A wake-up on another CPU of a virtual machine costs as much as the
 * frame; but a program of the host that sends to us draws the interface's thread to its own
 * CPU.  So that thread goes to where frames are written, and stays.
 */
static void follow(struct net_host *host)
{
	unsigned long mask[FOLLOW_CPUS / 64] = {0}, allowed[FOLLOW_CPUS / 64];
	int theirs = atomic_load_explicit(&host->writer_cpu, memory_order_relaxed);

	if (theirs == host->own_cpu || theirs != host->follows_cpu) {
		host->follows_cpu = theirs;
		host->follows = 0;
		return;
	}
	if (theirs < 0 || theirs >= FOLLOW_CPUS || ++host->follows < FOLLOW_AFTER)
		return;
	host->follows = 0;
	get_allowed(allowed);
	mask[theirs / 64] = 1UL << theirs % 64;
	if (allowed[theirs / 64] & mask[theirs / 64] &&
	    !host_call(SYS_sched_setaffinity, 0, sizeof(mask), mask))
		host->own_cpu = theirs;
}

/* A child that this thread starts inherits where it may run. */
static void go_anywhere(struct net_host *host)
{
	unsigned long allowed[FOLLOW_CPUS / 64];

	if (host->own_cpu < 0)
		return;
	get_allowed(allowed);
	host_call(SYS_sched_setaffinity, 0, sizeof(allowed), allowed);
	host->own_cpu = -1;
}

/* ---- states ---- */

static bool is_ready(int fd, short events)
{
	struct pollfd set = {.fd = fd, .events = events};

	return host_call(SYS_poll, &set, 1, 0) == 1 && set.revents & events;
}

static void set_up(struct net_host *host)
{
	host->retry_delay = 0;
	atomic_store(&host->lost_error, 0);
	atomic_store(&host->state, NET_UP);
	host->net->is_up = 1;
	if (host->ops->output_means_up && !is_ready(file_fd(host->file), POLLOUT)) {
		net_why(host, 0,
			"%s: the interface of the host is down; set it up with: ip link set %s up",
			host->net->backend, host->config.name ? host->config.name : "NAME");
		atomic_store(&host->state, NET_DOWN);
		host->net->is_up = 0;
	}
}

/* By the interface's own thread. */
static void set_lost(struct net_host *host, int error)
{
	unsigned int state = error == -EIO && host->ops->output_means_up ? NET_DOWN : NET_LOST;

	if (!host->net->is_up && atomic_load(&host->state) == state)
		return;
	if (state == NET_DOWN) {
		net_why(host, 0, "%s: the interface of the host is down", host->net->backend);
	} else if (host->open_error) {
		net_why(host, 0, "%s: is not there yet; it is tried again", host->net->backend);
		host->open_error = 0;
	} else if (error != -EPROTO) { /* there the backend has said what */
		net_why(host, 0, "%s: has gone%s", host->net->backend,
			host->ops->can_reopen ? "; it is tried again" : "");
	}
	host->retry_delay = RETRY_FIRST;
	host->retry_at = clock_mono() + RETRY_FIRST;
	atomic_store(&host->state, state);
	host->net->is_up = 0;
}

static void try_again(struct net_host *host)
{
	char why[sizeof(host->net->why)];
	int fd;

	go_anywhere(host);
	/* the reason that was told stays */
	memcpy(why, host->net->why, sizeof(why));
	fd = host->ops->open(host, true);
	memcpy(host->net->why, why, sizeof(why));
	if (fd < 0) {
		host->retry_delay *= 2;
		if (host->retry_delay > RETRY_MAX)
			host->retry_delay = RETRY_MAX;
		host->retry_at = clock_mono() + host->retry_delay;
		return;
	}
	host_lock(&host->write_lock);
	host_call(SYS_dup3, fd, file_fd(host->file), O_CLOEXEC);
	if (host->ops->reset)
		host->ops->reset(host);
	host_unlock(&host->write_lock);
	host_close(fd);
	set_up(host);
}

/* ---- frames ---- */

/* What a transfer's error says about the link. */
static bool is_link_error(const struct net_host *host, long error)
{
	switch (-error) {
	case EIO:
		return host->ops->output_means_up;
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
	case ENOTCONN:
	case EBADFD:
	case EBADF:
	case ENODEV:
	case ENXIO:
	case ENOLINK:
	case ENETDOWN:
	case EPROTO:
		return true;
	default:
		return false;
	}
}

long net_read(struct rumpuser_net *net, const struct rumpuser_iovec *iov, unsigned int iov_count)
{
	struct net_host *host = net->host;
	int fd = file_fd(host->file);
	long got;

	if (!net->is_up)
		return -ENETDOWN;
	do
		got = host->ops->read(host, fd, iov, iov_count);
	while (got == -EINTR);
	if (got >= 0)
		return got >= NET_FRAME_MIN + (long)net->header_size ? got : -EMSGSIZE;
	if (!is_link_error(host, got))
		return got == -EAGAIN ? got : -EMSGSIZE;
	set_lost(host, (int)got);
	return -ENETDOWN;
}

long net_write(struct rumpuser_net *net, struct rumpuser_net_frame *frames, unsigned int count)
{
	struct net_host *host = net->host;
	long done = -ENETDOWN;

	atomic_store_explicit(&host->writer_cpu, sched_getcpu(), memory_order_relaxed);
	host_lock(&host->write_lock);
	if (atomic_load(&host->state) == NET_UP && !atomic_load(&host->lost_error)) {
		done = host->ops->write(host, file_fd(host->file), frames, count);
		if (done < 0 && done != -EAGAIN) {
			atomic_store(&host->lost_error, (int)done);
			net_kick(net);
			done = -ENETDOWN;
		}
	}
	host_unlock(&host->write_lock);
	return done;
}

/* One frame a system call: taps and datagram sockets. */
long net_write_each(struct net_host *host, int fd, struct rumpuser_net_frame *frames,
		    unsigned int count)
{
	unsigned int i;
	long done;

	for (i = 0; i < count; i++) {
		do
			done = host_call(SYS_writev, fd, frames[i].iov, frames[i].iov_count);
		while (done == -EINTR);
		if (done == -EAGAIN)
			return i ? (long)i : -EAGAIN;
		if (done < 0 && is_link_error(host, done))
			return i ? (long)i : done;
		frames[i].error = done < 0 ? (int)done : 0;
	}
	return count;
}

/* ---- waiting ---- */

static unsigned int take_events(struct net_host *host, short got)
{
	unsigned int events = 0;

	switch (atomic_load(&host->state)) {
	case NET_UP:
		/* errors and ends are for read to find */
		if (got & (POLLIN | POLLERR | POLLHUP | POLLNVAL))
			events |= RUMPUSER_NET_INPUT;
		if (got & (POLLOUT | POLLERR | POLLHUP | POLLNVAL))
			events |= RUMPUSER_NET_OUTPUT;
		break;
	case NET_DOWN:
		if (got & (POLLERR | POLLHUP | POLLNVAL))
			set_lost(host, -EBADFD);
		else if (got & POLLOUT)
			set_up(host);
		break;
	default:
		if (host->ops->can_reopen && clock_mono() >= host->retry_at)
			try_again(host);
	}
	return events;
}

unsigned int net_wait(struct rumpuser_net *net, unsigned int events)
{
	struct net_host *host = net->host;
	struct timespec timeout, *until = NULL;
	struct pollfd set[2] = {{.fd = file_fd(host->kick), .events = POLLIN},
				{.fd = file_fd(host->file)}};
	unsigned long long now, left;
	unsigned int state;
	uint64_t kicks;
	int error;

	follow(host);
	error = atomic_exchange(&host->lost_error, 0);
	if (error && atomic_load(&host->state) == NET_UP) {
		set_lost(host, error);
		return RUMPUSER_NET_INPUT;
	}
	state = atomic_load(&host->state);
	if (state == NET_UP)
		set[1].events = (short)((events & RUMPUSER_NET_INPUT ? POLLIN : 0) |
					(events & RUMPUSER_NET_OUTPUT ? POLLOUT : 0));
	else if (state == NET_DOWN)
		set[1].events = POLLOUT;
	/* who does not want to read would be told of a closed peer for ever */
	if (state == NET_LOST || !set[1].events)
		set[1].fd = -1;
	if (state == NET_LOST && host->ops->can_reopen) {
		now = clock_mono();
		left = host->retry_at > now ? host->retry_at - now : 0;
		timeout.tv_sec = (time_t)(left / NSEC_PER_SEC);
		timeout.tv_nsec = (long)(left % NSEC_PER_SEC);
		until = &timeout;
	}
	if (host_call(SYS_ppoll, set, 2, until, NULL, 0) < 0)
		return 0;
	if (set[0].revents)
		host_call(SYS_read, set[0].fd, &kicks, sizeof(kicks));
	return take_events(host, set[1].revents);
}

void net_kick(struct rumpuser_net *net)
{
	const struct net_host *host = net->host;
	const uint64_t one = 1;

	host_call(SYS_write, file_fd(host->kick), &one, sizeof(one));
}

/* ---- life ---- */

static void describe(struct net_host *host)
{
	const struct config_net_backend *config = &host->config;
	char *text = host->net->backend;
	size_t size = sizeof(host->net->backend);

	if (config->kind == CONFIG_NET_FD)
		snprintf(text, size, "%s fd %d", host->ops->name, config->fd);
	else if (config->name)
		snprintf(text, size, "%s %s", host->ops->name, config->name);
	else
		snprintf(text, size, "%s", host->ops->name);
}

/* Which kind of backend a descriptor of the caller's is; NULL with net->why. */
static const struct net_ops *classify(struct net_host *host, int fd)
{
	struct stat status;
	struct ifreq ifr = {.ifr_flags = 0};
	int family = 0, type = 0;
	socklen_t size = sizeof(family);
	long error = host_call(SYS_fstat, fd, &status);

	if (error) {
		net_why(host, (int)error, "fd:%d: no open descriptor", fd);
		return NULL;
	}
	if (S_ISCHR(status.st_mode) && !host_call(SYS_ioctl, fd, TUNGETIFF, &ifr))
		return status.st_rdev == makedev(TUN_MAJOR, TUN_MINOR) ? &net_tap_fd
								       : &net_macvtap_fd;
	if (S_ISSOCK(status.st_mode) &&
	    !host_call(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &family, &size) &&
	    !host_call(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size)) {
		if (family == AF_PACKET && type == SOCK_RAW)
			return &net_packet_fd;
		if (family != AF_PACKET && type == SOCK_STREAM)
			return &net_stream_fd;
		if (family != AF_PACKET && type == SOCK_DGRAM)
			return &net_dgram_fd;
	}
	net_why(host, -EINVAL, "fd:%d: neither a tap nor a socket for frames", fd);
	return NULL;
}

/* The caller's descriptor becomes ours. */
static int take_fd(struct net_host *host)
{
	int fd = host->config.fd, error;

	host->ops = classify(host, fd);
	if (!host->ops)
		return -EINVAL;
	describe(host);
	error = host->ops->open(host, false);
	if (error < 0)
		return error;
	return net_set_nonblocking(fd) ?: fd;
}

static void host_free(struct net_host *host)
{
	if (host->file >= 0)
		file_close(host->file);
	if (host->kick >= 0)
		file_close(host->kick);
	if (host->ops && host->ops->close)
		host->ops->close(host);
	free(host->text);
	free(host);
}

static int start(struct net_host *host)
{
	struct rumpuser_net *net = host->net;
	struct config_error error;
	long kick;
	int fd;

	if (config_net_backend_parse(host->text, &host->config, &error))
		return net_why(host, -EINVAL, "%s", error.text);
	if (host->config.kind == CONFIG_NET_FD) {
		fd = take_fd(host);
	} else {
		host->ops = kinds[host->config.kind];
		describe(host);
		fd = host->ops->open(host, false);
	}
	if (fd < 0)
		return fd;
	if (host->config.mtu)
		net->mtu = host->config.mtu;
	if (host->config.has_address) {
		memcpy(net->address, host->config.address, sizeof(net->address));
		net->has_address = 1;
	}
	host->file = file_adopt(fd);
	if (host->file < 0)
		return net_why(host, host->file, "no room for a descriptor");
	kick = host_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	host->kick = kick < 0 ? (int)kick : file_adopt((int)kick);
	if (host->kick < 0)
		return net_why(host, host->kick, "no room for a descriptor");
	set_up(host);
	if (host->open_error)
		set_lost(host, host->open_error);
	return 0;
}

int net_open(struct rumpuser_net *net)
{
	struct net_host *host = calloc(1, sizeof(*host));
	int error;

	if (!host)
		return -ENOMEM;
	host->net = net;
	host->file = host->kick = -1;
	host->writer_cpu = host->own_cpu = host->follows_cpu = -1;
	snprintf(host->name, sizeof(host->name), "%s", net->name);
	host->text = strdup(net->words ? net->words : "");
	net->why[0] = '\0';
	net->header_size = net->offloads = net->is_up = net->has_address = 0;
	net->mtu = 1500;
	error = host->text ? start(host) : -ENOMEM;
	net->host = host;
	if (!error) {
		error = thread_create(net->thread, net->arg, net->name);
		if (error)
			net_why(host, error, "no host thread can be had");
	}
	if (error) {
		net->host = NULL;
		host_free(host);
	}
	return error;
}

void net_close(struct rumpuser_net *net)
{
	struct net_host *host = net->host;

	net->host = NULL;
	host_free(host);
}

int net_set_address(struct rumpuser_net *net)
{
	struct net_host *host = net->host;

	if (!host->ops->set_address)
		return 0;
	return host->ops->set_address(host, file_fd(host->file), net->address);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_socket.c - sockets that carry a frame in each message: AF_PACKET on an interface of
 * the host, and AF_UNIX datagrams, as QEMU's `-netdev dgram'.
 */
#include <errno.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net.h"

/* <linux/if_packet.h>, which musl comes without */
#define HOST_PACKET_ADD_MEMBERSHIP 1
#define HOST_PACKET_VNET_HDR 15
#define HOST_PACKET_IGNORE_OUTGOING 23
#define HOST_PACKET_MR_PROMISC 1
#define HOST_ETH_P_ALL 0x0003

#define BUFFER_BYTES (4 << 20) /* of the socket, in either direction */

static long socket_read(struct net_host *host, int fd, const struct rumpuser_iovec *iov,
			unsigned int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
	long got = host_call(SYS_recvmsg, fd, &message, MSG_DONTWAIT);

	(void)host;
	return got >= 0 && message.msg_flags & MSG_TRUNC ? -EMSGSIZE : got;
}

static void set_buffers(int fd)
{
	static const int options[] = {SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE};
	const int bytes = BUFFER_BYTES;

	/* as much as this user may have */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		host_call(SYS_setsockopt, fd, SOL_SOCKET, options[i], &bytes, sizeof(bytes));
}

/* ---- AF_PACKET ---- */

static long set_option(int fd, int option, const void *value, size_t size)
{
	return host_call(SYS_setsockopt, fd, SOL_PACKET, option, value, size);
}

static void set_packet_options(struct net_host *host, int fd)
{
	const int on = 1;

	set_buffers(fd);
	/* what leaves by this interface is others', or our own */
	set_option(fd, HOST_PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (!set_option(fd, HOST_PACKET_VNET_HDR, &on, sizeof(on))) {
		host->net->header_size = RUMPUSER_NET_HEADER;
		host->net->offloads = RUMPUSER_NET_CSUM | RUMPUSER_NET_TSO;
	}
}

static long bind_packet(int fd, int index)
{
	/* our own address is not the interface's */
	const struct packet_mreq membership = {.mr_ifindex = index,
					       .mr_type = HOST_PACKET_MR_PROMISC};
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = __builtin_bswap16(HOST_ETH_P_ALL),
		.sll_ifindex = index,
	};
	long error = host_call(SYS_bind, fd, &address, sizeof(address));

	return error ? error
		     : set_option(fd, HOST_PACKET_ADD_MEMBERSHIP, &membership, sizeof(membership));
}

static int packet_open(struct net_host *host, bool is_again)
{
	const char *name = host->config.name;
	struct ifreq ifr;
	int index, fd;
	long error;

	if (net_interface_ioctl(name, SIOCGIFINDEX, &ifr))
		return net_why(host, -ENODEV, "%s: the host has no such interface; see: ip link",
			       name);
	index = ifr.ifr_ifindex;
	if (is_again && !net_interface_ioctl(name, SIOCGIFFLAGS, &ifr) && !(ifr.ifr_flags & IFF_UP))
		return -ENETDOWN;
	fd = (int)host_call(SYS_socket, AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return net_why(host, fd, "%s: packet sockets need CAP_NET_RAW%s%s", name,
			       fd == -EPERM ? "; a tap or `user' does without" : ": ",
			       fd == -EPERM ? "" : strerror(-fd));
	set_packet_options(host, fd);
	error = bind_packet(fd, index);
	if (error) {
		host_close(fd);
		return net_why(host, (int)error, "%s: %s", name, strerror((int)-error));
	}
	if (!net_interface_ioctl(name, SIOCGIFMTU, &ifr) && ifr.ifr_mtu >= CONFIG_NET_MTU_MIN &&
	    ifr.ifr_mtu <= CONFIG_NET_MTU_MAX)
		host->net->mtu = (unsigned int)ifr.ifr_mtu;
	return fd;
}

const struct net_ops net_packet = {
	.name = "packet",
	.open = packet_open,
	.read = socket_read,
	.write = net_write_each,
	.can_reopen = true,
};

static int packet_fd_open(struct net_host *host, bool is_again)
{
	(void)is_again;
	set_packet_options(host, host->config.fd);
	return host->config.fd;
}

const struct net_ops net_packet_fd = {
	.name = "packet",
	.open = packet_fd_open,
	.read = socket_read,
	.write = net_write_each,
};

/* ---- datagrams ---- */

static socklen_t make_address(struct sockaddr_un *address, const char *path)
{
	size_t length = strlen(path);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, length);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

/* A socket's file that nobody listens on any more is in nobody's way. */
static long bind_local(int fd, const char *path)
{
	struct sockaddr_un address;
	socklen_t length = make_address(&address, path);
	long error = host_call(SYS_bind, fd, &address, length);
	int probe CLOSED_AT_END = -1;

	if (error != -EADDRINUSE)
		return error;
	probe = (int)host_call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (probe < 0 || host_call(SYS_connect, probe, &address, length) != -ECONNREFUSED)
		return error;
	host_call(SYS_unlink, path);
	return host_call(SYS_bind, fd, &address, length);
}

/*
 * Connected, so that poll() knows of the peer's queue.  0 or -errno; a peer that is not
 * there yet, or still connected to one that has gone, is waited for.
 */
static long connect_peer(int fd, const char *path, bool *ret_may_come)
{
	struct sockaddr_un address;
	socklen_t length = make_address(&address, path);
	long error = host_call(SYS_connect, fd, &address, length);

	*ret_may_come = error == -ENOENT || error == -ECONNREFUSED || error == -EPERM;
	return error;
}

/* The socket stays, and with it its name: only its peer is another one. */
static int dgram_open_again(struct net_host *host)
{
	int fd = (int)host_call(SYS_fcntl, file_fd(host->file), F_DUPFD_CLOEXEC, 0);
	bool may_come;
	long error;

	if (fd < 0)
		return fd;
	error = connect_peer(fd, host->config.name, &may_come);
	if (!error)
		return fd;
	host_close(fd);
	return (int)error;
}

static int dgram_open(struct net_host *host, bool is_again)
{
	const char *peer = host->config.name, *local = host->config.local;
	bool may_come;
	long error;
	int fd;

	if (is_again)
		return dgram_open_again(host);
	fd = (int)host_call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return net_why(host, fd, "%s: %s", peer, strerror(-fd));
	set_buffers(fd);
	error = local ? bind_local(fd, local) : 0;
	if (error) {
		host_close(fd);
		return net_why(host, (int)error, "%s: %s", local,
			       error == -EADDRINUSE ? "another program listens there"
						    : strerror((int)-error));
	}
	error = connect_peer(fd, peer, &may_come);
	if (error && may_come)
		host->open_error = (int)error;
	else if (error)
		net_why(host, (int)error, "%s: %s", peer,
			error == -EPROTOTYPE ? "no datagram socket; for streams write stream:PATH"
					     : strerror((int)-error));
	if (!error || may_come)
		return fd;
	host_close(fd);
	if (local)
		host_call(SYS_unlink, local);
	return (int)error;
}

static void dgram_close(struct net_host *host)
{
	if (host->config.local && host->file >= 0)
		host_call(SYS_unlink, host->config.local);
}

const struct net_ops net_dgram = {
	.name = "dgram",
	.open = dgram_open,
	.read = socket_read,
	.write = net_write_each,
	.close = dgram_close,
	.can_reopen = true,
};

static int dgram_fd_open(struct net_host *host, bool is_again)
{
	(void)is_again;
	set_buffers(host->config.fd);
	return host->config.fd;
}

const struct net_ops net_dgram_fd = {
	.name = "dgram",
	.open = dgram_fd_open,
	.read = socket_read,
	.write = net_write_each,
};

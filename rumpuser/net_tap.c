/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_tap.c - taps and macvtaps: a frame is one readv() or writev(), with the header of
 * virtio before it, so that checksums and the cutting into segments are left to whoever
 * has to do them in the end, often nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

/* <linux/if_tun.h>, which musl comes without */
#define TUNSETIFF 0x400454ca
#define TUNSETOFFLOAD 0x400454d0
#define TUNSETVNETHDRSZ 0x400454d8
#define TUN_IFF_TUN 0x0001
#define TUN_IFF_TAP 0x0002
#define TUN_IFF_MULTI_QUEUE 0x0100
#define TUN_IFF_NO_PI 0x1000
#define TUN_IFF_VNET_HDR 0x4000
#define TUN_F_CSUM 0x01
#define TUN_F_TSO4 0x02
#define TUN_F_TSO6 0x04
#define TUN_F_TSO_ECN 0x08
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40

static long tap_read(struct net_host *host, int fd, const struct rumpuser_iovec *iov,
		     unsigned int count)
{
	(void)host;
	return host_call(SYS_readv, fd, iov, count);
}

/* What the host may send us; what we send it takes in any case. */
static void set_offloads(struct net_host *host, int fd)
{
	const unsigned long all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	const int size = RUMPUSER_NET_HEADER;

	if (host_call(SYS_ioctl, fd, TUNSETVNETHDRSZ, &size))
		return;
	host->net->header_size = RUMPUSER_NET_HEADER;
	host->net->offloads = RUMPUSER_NET_CSUM | RUMPUSER_NET_TSO;
	if (!host_call(SYS_ioctl, fd, TUNSETOFFLOAD, all | TUN_F_USO4 | TUN_F_USO6))
		host->net->offloads |= RUMPUSER_NET_USO;
	else
		host_call(SYS_ioctl, fd, TUNSETOFFLOAD, all);
}

static void take_mtu(struct net_host *host, const char *name)
{
	struct ifreq ifr;

	if (!net_interface_ioctl(name, SIOCGIFMTU, &ifr) && ifr.ifr_mtu >= CONFIG_NET_MTU_MIN &&
	    ifr.ifr_mtu <= CONFIG_NET_MTU_MAX)
		host->net->mtu = (unsigned int)ifr.ifr_mtu;
}

static bool exists(const char *name)
{
	struct ifreq ifr;

	return net_interface_ioctl(name, SIOCGIFINDEX, &ifr) != -ENODEV;
}

/* ---- tap ---- */

static int why_no_tap(struct net_host *host, int error)
{
	const char *name = host->config.name;

	switch (-error) {
	case EPERM:
		if (exists(name))
			return net_why(host, error,
				       "%s: belongs to another user; make it with: ip tuntap add "
				       "%s mode tap user %u",
				       name, name, (unsigned int)getuid());
		return net_why(host, error,
			       "%s: does not exist; make it with: ip tuntap add %s mode tap user "
			       "%u",
			       name, name, (unsigned int)getuid());
	case EBUSY:
		return net_why(
			host, error,
			"%s: another program has this tap open; each interface needs its own",
			name);
	case EINVAL:
		return net_why(
			host, error,
			"%s: is no tap of the host; make one with: ip tuntap add NAME mode tap",
			name);
	default:
		return net_why(host, error, "%s: %s", name, strerror(-error));
	}
}

static int tap_open(struct net_host *host, bool is_again)
{
	struct ifreq ifr = {.ifr_flags = 0};
	const char *name = host->config.name;
	long error;
	int fd;

	/* what somebody has deleted is not made again here */
	if (is_again && !exists(name))
		return -ENODEV;
	fd = (int)host_call(SYS_openat, AT_FDCWD, "/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return net_why(host, fd, "/dev/net/tun: %s%s", strerror(-fd),
			       fd == -ENOENT || fd == -ENODEV ? "; load it with: modprobe tun"
							      : "");
	memcpy(ifr.ifr_name, name, strnlen(name, sizeof(ifr.ifr_name) - 1));
	ifr.ifr_flags = TUN_IFF_TAP | TUN_IFF_NO_PI | TUN_IFF_VNET_HDR;
	error = host_call(SYS_ioctl, fd, TUNSETIFF, &ifr);
	if (error == -EINVAL) {
		/* one that was made for several queues wants to hear it */
		ifr.ifr_flags |= TUN_IFF_MULTI_QUEUE;
		error = host_call(SYS_ioctl, fd, TUNSETIFF, &ifr);
	}
	if (error) {
		host_close(fd);
		return why_no_tap(host, (int)error);
	}
	set_offloads(host, fd);
	take_mtu(host, name);
	return fd;
}

const struct net_ops net_tap = {
	.name = "tap",
	.open = tap_open,
	.read = tap_read,
	.write = net_write_each,
	.output_means_up = true,
	.can_reopen = true,
};

/* ---- macvtap ---- */

/* The host's interface has one address and takes frames for that alone. */
static int macvtap_set_address(struct net_host *host, int fd, const unsigned char *address)
{
	struct ifreq ifr = {.ifr_flags = 0};

	(void)host;
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, address, 6);
	return (int)host_call(SYS_ioctl, fd, SIOCSIFHWADDR, &ifr);
}

/*
 * Neighbours of IPv6 are asked for by multicast, which the host would only let through for
 * groups that it has joined itself.
 */
static void take_multicast(const char *name)
{
	struct ifreq ifr;

	if (net_interface_ioctl(name, SIOCGIFFLAGS, &ifr) || ifr.ifr_flags & IFF_ALLMULTI)
		return;
	ifr.ifr_flags |= IFF_ALLMULTI;
	net_interface_ioctl(name, SIOCSIFFLAGS, &ifr);
}

static int macvtap_open(struct net_host *host, bool is_again)
{
	const char *name = host->config.name;
	struct rumpuser_net *net = host->net;
	char path[32];
	struct ifreq ifr;
	int fd;

	(void)is_again;
	if (net_interface_ioctl(name, SIOCGIFINDEX, &ifr))
		return net_why(
			host, -ENODEV,
			"%s: does not exist; make it with: ip link add link ETH name %s type "
			"macvtap mode bridge",
			name, name);
	snprintf(path, sizeof(path), "/dev/tap%d", ifr.ifr_ifindex);
	fd = (int)host_call(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
		return net_why(host, fd, "%s: has no %s; is it of type macvtap?", name, path);
	if (fd == -EACCES || fd == -EPERM)
		return net_why(host, fd, "%s: %s: permission denied; give it with: chown %u %s",
			       name, path, (unsigned int)getuid(), path);
	if (fd < 0)
		return net_why(host, fd, "%s: %s: %s", name, path,
			       fd == -EBUSY ? "another program has it open" : strerror(-fd));
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = TUN_IFF_TAP | TUN_IFF_NO_PI | TUN_IFF_VNET_HDR;
	if (!host_call(SYS_ioctl, fd, TUNSETIFF, &ifr))
		set_offloads(host, fd);
	take_mtu(host, name);
	take_multicast(name);
	if (host->config.has_address && macvtap_set_address(host, fd, host->config.address)) {
		host_close(fd);
		return net_why(host, -EPERM,
			       "%s: mac= is for who may change the interface's address", name);
	}
	if (!net_interface_ioctl(name, SIOCGIFHWADDR, &ifr)) {
		memcpy(net->address, ifr.ifr_hwaddr.sa_data, sizeof(net->address));
		net->has_address = 1;
	}
	return fd;
}

const struct net_ops net_macvtap = {
	.name = "macvtap",
	.open = macvtap_open,
	.read = tap_read,
	.write = net_write_each,
	.set_address = macvtap_set_address,
	.can_reopen = true,
};

/* ---- an open one ---- */

static int tap_fd_open(struct net_host *host, bool is_again)
{
	struct ifreq ifr = {.ifr_flags = 0};
	int fd = host->config.fd;
	long error = host_call(SYS_ioctl, fd, TUNGETIFF, &ifr);

	(void)is_again;
	if (error)
		return net_why(host, (int)error, "%s: %s", host->net->backend,
			       strerror((int)-error));
	if (!(ifr.ifr_flags & TUN_IFF_TAP))
		return net_why(host, -EINVAL,
			       "%s: a tun, which has no Ethernet; open it with IFF_TAP",
			       host->net->backend);
	if (!(ifr.ifr_flags & TUN_IFF_NO_PI))
		return net_why(host, -EINVAL, "%s: open the tap with IFF_NO_PI",
			       host->net->backend);
	if (ifr.ifr_flags & TUN_IFF_VNET_HDR) {
		set_offloads(host, fd);
		if (!host->net->header_size)
			return net_why(host, -EINVAL, "%s: the host refuses TUNSETVNETHDRSZ",
				       host->net->backend);
	}
	take_mtu(host, ifr.ifr_name);
	/* frames for other addresses do not get here */
	if (host->ops == &net_macvtap_fd && !host_call(SYS_ioctl, fd, SIOCGIFHWADDR, &ifr)) {
		memcpy(host->net->address, ifr.ifr_hwaddr.sa_data, 6);
		host->net->has_address = 1;
	}
	return fd;
}

const struct net_ops net_tap_fd = {
	.name = "tap",
	.open = tap_fd_open,
	.read = tap_read,
	.write = net_write_each,
	.output_means_up = true,
};

const struct net_ops net_macvtap_fd = {
	.name = "macvtap",
	.open = tap_fd_open,
	.read = tap_read,
	.write = net_write_each,
	.set_address = macvtap_set_address,
};

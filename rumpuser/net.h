/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - what the backends of Ethernet interfaces share.  net.c has the theory.
 */
#ifndef RUMPUSER_NET_H
#define RUMPUSER_NET_H

#include <net/if.h>
#include <stdint.h>
#include <sys/uio.h>

#include "host.h"
#include "net_backend.h"
#include "private.h"

/* The kernel's frames fit into 17 pages (drivers/net/virtif.h). */
#define NET_FRAME_MAX (17 * 4096)
#define NET_FRAME_MIN 14
/* <linux/if_tun.h>, which musl comes without */
#define TUNGETIFF 0x800454d2
/* what passt(1) tells whoever asks it */
#define NET_PASST_MTU 65520

struct net_host;

/* What can stand behind an interface; read, write and reset get the descriptor. */
struct net_ops {
	const char *name;
	/*
	 * A new nonblocking descriptor, or -errno with net->why filled; fills header_size,
	 * offloads, mtu and address of net.  is_again: the first one has gone.
	 */
	int (*open)(struct net_host *host, bool is_again);
	long (*read)(struct net_host *host, int fd, const struct rumpuser_iovec *iov,
		     unsigned int count);
	long (*write)(struct net_host *host, int fd, struct rumpuser_net_frame *frames,
		      unsigned int count);
	/* what was read and written in part belongs to a connection that has gone; or NULL */
	void (*reset)(struct net_host *host);
	/* the last use; or NULL */
	void (*close)(struct net_host *host);
	int (*set_address)(struct net_host *host, int fd, const unsigned char *address);
	/* poll() tells that the interface behind it is up by POLLOUT */
	bool output_means_up;
	/* open() may be called again */
	bool can_reopen;
};

enum net_state {
	NET_UP,
	NET_DOWN, /* the descriptor is good, the interface behind it is down */
	NET_LOST, /* the descriptor is useless */
};

struct net_host {
	struct rumpuser_net *net;
	const struct net_ops *ops;
	struct config_net_backend config;
	char *text;		     /* that config points into */
	char name[IFNAMSIZ];	     /* of the kernel's interface */
	int file, kick;		     /* handles: descriptor, eventfd */
	struct host_lock write_lock; /* of what write and reset use */
	_Atomic unsigned int state;
	_Atomic int writer_cpu;	  /* where frames were written last */
	int own_cpu;		  /* where the interface's thread stays, or -1 */
	int follows_cpu, follows; /* writer_cpu of late, and how often in a row */
	_Atomic int lost_error;	  /* who writes has found out why: -errno */
	int open_error;		  /* of the first open(): the link comes later */
	unsigned long long retry_at, retry_delay;
	void *stream; /* net_stream.c */
};

extern const struct net_ops net_tap, net_tap_fd, net_macvtap, net_macvtap_fd;
extern const struct net_ops net_packet, net_packet_fd, net_dgram, net_dgram_fd;
extern const struct net_ops net_stream, net_stream_fd, net_user;

/* Writes net->why: "virt0: " and the text.  Returns error. */
int net_why(struct net_host *host, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* an ioctl about an interface of the host in this network namespace; -errno */
long net_interface_ioctl(const char *name, unsigned long request, struct ifreq *ifr);

/* O_NONBLOCK of the open file, whoever has it */
int net_set_nonblocking(int fd);

/* writev() for each frame, as net_ops.write */
long net_write_each(struct net_host *host, int fd, struct rumpuser_net_frame *frames,
		    unsigned int count);

/* net_passt.c: starts passt(1) on the other end of the socket that is returned */
int net_passt_start(struct net_host *host);

#endif

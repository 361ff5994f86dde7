/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_backend.h - what stands behind `interface virt0' in rump.conf: where the frames of an
 * Ethernet interface go on the host.
 *
 *	tap0 | tap:tap0 | macvtap:NAME | packet:NAME | fd:N
 *	stream:PATH | dgram:PATH[,LOCALPATH]
 *	user[,tcp=PORTS][,udp=PORTS]...
 *	and behind it, each once: mac=ADDRESS mtu=BYTES
 */
#ifndef RUMP_CONFIG_NET_BACKEND_H
#define RUMP_CONFIG_NET_BACKEND_H

#include "config_error.h"

enum config_net_kind {
	CONFIG_NET_TAP,
	CONFIG_NET_MACVTAP,
	CONFIG_NET_PACKET,
	CONFIG_NET_FD,
	CONFIG_NET_STREAM,
	CONFIG_NET_DGRAM,
	CONFIG_NET_USER,
};

#define CONFIG_NET_MTU_MIN 68
#define CONFIG_NET_MTU_MAX 65535
#define CONFIG_NET_OPTIONS_MAX 32

/* An option of `user': what passt(1) calls it, and the value. */
struct config_net_option {
	const char *flag;  /* "-t" */
	const char *value; /* NULL: none */
};

struct config_net_backend {
	enum config_net_kind kind;
	const char *name;  /* of the interface, or the path; NULL: fd, user */
	const char *local; /* DGRAM: our own path, or NULL */
	int fd;
	unsigned int mtu; /* 0: not said */
	int has_address;
	unsigned char address[6];
	unsigned int option_count;
	struct config_net_option options[CONFIG_NET_OPTIONS_MAX];
};

/*
 * text is the words with blanks between them; it is changed, and what ret_backend points
 * to lies in it.
 */
int config_net_backend_parse(char *text, struct config_net_backend *ret_backend,
			     struct config_error *error);

#endif

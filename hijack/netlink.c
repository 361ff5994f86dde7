/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink.c - descriptors in requests to the rump kernel's network; see netlink.h
 *
 * A network namespace is named by a descriptor, in an attribute of a few requests about
 * interfaces.  The kernel knows it by another number.  So these requests, and no others, are
 * copied and the number is translated.  Descriptors of the host's namespaces become -1, which
 * no kernel takes.  So does the address that makes a session of PPP in an L2TP tunnel.
 *
 * Only requests of one message of at most ROUTE_PATH_MAX bytes are looked at, which those that
 * tools send are.
 */
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/if_pppox.h>
#include <linux/net_namespace.h>
#include <linux/nl80211.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fdtable.h"
#include "netlink.h"

/* The attributes of a message, or of another attribute. */
struct attributes {
	char *at, *end;
};

/* The next one, which lies in whole between at and end; NULL: there is no more. */
static struct nlattr *next(struct attributes *list)
{
	struct nlattr *found = (struct nlattr *)list->at;
	size_t left = list->end - list->at, step;

	if (left < NLA_HDRLEN || found->nla_len < NLA_HDRLEN || found->nla_len > left)
		return NULL;
	step = NLA_ALIGN(found->nla_len);
	list->at += step < left ? step : left;
	return found;
}

static struct attributes inside(struct nlattr *attribute, size_t skip)
{
	char *start = (char *)attribute + NLA_HDRLEN;
	char *end = (char *)attribute + attribute->nla_len;

	return (struct attributes){(size_t)(end - start) < skip ? end : start + skip, end};
}

/* True: there was one. */
static bool translate_number(struct nlattr *attribute)
{
	int fd, rump_fd;

	if (attribute->nla_len < NLA_HDRLEN + sizeof(fd))
		return false;
	memcpy(&fd, (char *)attribute + NLA_HDRLEN, sizeof(fd));
	rump_fd = fdtable_get(fd);
	if (rump_fd < 0)
		rump_fd = -1;
	memcpy((char *)attribute + NLA_HDRLEN, &rump_fd, sizeof(rump_fd));
	return true;
}

static bool translate_all(struct attributes list, int type)
{
	struct nlattr *attribute;
	bool found = false;

	while ((attribute = next(&list)))
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			found |= translate_number(attribute);
	return found;
}

/* An interface; of a pair the other end is inside of what is told about this one. */
static bool translate_link(struct attributes list)
{
	struct attributes info = {NULL, NULL}, data = {NULL, NULL};
	struct attributes again = list;
	struct nlattr *attribute;
	bool found = translate_all(list, IFLA_NET_NS_FD);

	while ((attribute = next(&again)))
		if ((attribute->nla_type & NLA_TYPE_MASK) == IFLA_LINKINFO)
			info = inside(attribute, 0);
	while ((attribute = next(&info)))
		if ((attribute->nla_type & NLA_TYPE_MASK) == IFLA_INFO_DATA)
			data = inside(attribute, 0);
	/* of other kinds it is no struct ifinfomsg, and has no such attribute at its end */
	while ((attribute = next(&data)))
		if ((attribute->nla_type & NLA_TYPE_MASK) == VETH_INFO_PEER &&
		    attribute->nla_len > NLA_HDRLEN + sizeof(struct ifinfomsg))
			found |= translate_all(inside(attribute, sizeof(struct ifinfomsg)),
					       IFLA_NET_NS_FD);
	return found;
}

static bool translate_message(struct nlmsghdr *header, bool is_generic)
{
	char *body = (char *)header + NLMSG_HDRLEN, *end = (char *)header + header->nlmsg_len;
	size_t fixed;

	if (is_generic)
		fixed = GENL_HDRLEN;
	else if (header->nlmsg_type >= RTM_NEWNSID)
		fixed = NLMSG_ALIGN(sizeof(struct rtgenmsg));
	else
		fixed = NLMSG_ALIGN(sizeof(struct ifinfomsg));
	if ((size_t)(end - body) < fixed)
		return false;
	if (is_generic)
		return ((struct genlmsghdr *)body)->cmd == NL80211_CMD_SET_WIPHY_NETNS &&
		       translate_all((struct attributes){body + fixed, end},
				     NL80211_ATTR_NETNS_FD);
	if (header->nlmsg_type >= RTM_NEWNSID)
		return translate_all((struct attributes){body + fixed, end}, NETNSA_FD);
	return translate_link((struct attributes){body + fixed, end});
}

/* Whether the message may be one of these, by what it begins with. */
static bool may_have_fds(const struct nlmsghdr *header, size_t length)
{
	if (header->nlmsg_len != length || length < NLMSG_HDRLEN)
		return false;
	/* families of generic netlink have numbers like these */
	return (header->nlmsg_type >= RTM_NEWLINK && header->nlmsg_type <= RTM_SETLINK) ||
	       (header->nlmsg_type >= RTM_NEWNSID && header->nlmsg_type <= RTM_GETNSID) ||
	       header->nlmsg_type >= GENL_MIN_ID;
}

static bool option(struct call *call, int rump_fd, int name, int *ret_value)
{
	unsigned int size = sizeof(*ret_value);

	return !rump(call, SYS_getsockopt, rump_fd, SOL_SOCKET, name, ret_value, &size);
}

int netlink_translate(struct call *call, int rump_fd, const struct iovec *vector, size_t count,
		      struct scratch *scratch, struct iovec *copy)
{
	struct nlmsghdr header;
	struct iovec piece;
	size_t length = 0, used = 0;
	int domain, protocol;
	char *buffer;

	if (!config.has_net || !count || count > 16)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (user_copy(&piece, vector + i, sizeof(piece)) ||
		    piece.iov_len > ROUTE_PATH_MAX - length)
			return 0;
		if (!i && (piece.iov_len < sizeof(header) ||
			   user_copy(&header, piece.iov_base, sizeof(header))))
			return 0;
		length += piece.iov_len;
	}
	if (!may_have_fds(&header, length) || !option(call, rump_fd, SO_DOMAIN, &domain) ||
	    domain != AF_NETLINK || !option(call, rump_fd, SO_PROTOCOL, &protocol) ||
	    (protocol != NETLINK_ROUTE && protocol != NETLINK_GENERIC))
		return 0;
	buffer = scratch_buffer(scratch, 0);
	if (!buffer)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (user_copy(&piece, vector + i, sizeof(piece)) || piece.iov_len > length - used ||
		    user_copy(buffer + used, piece.iov_base, piece.iov_len))
			return -EFAULT;
		used += piece.iov_len;
	}
	/* another thread may have written to it meanwhile */
	if (used != length || ((struct nlmsghdr *)buffer)->nlmsg_len != length ||
	    !translate_message((struct nlmsghdr *)buffer, protocol == NETLINK_GENERIC))
		return 0;
	*copy = (struct iovec){buffer, length};
	return 1;
}

/* ---- addresses ---- */

bool netlink_tunnel_address(int rump_fd, const void *address, size_t length, char *copy)
{
	/* the four kinds have the descriptor in the same place */
	size_t at = offsetof(struct sockaddr_pppol2tp, pppol2tp.fd);
	struct sockaddr_pppox head;
	int fd, tunnel;

	if (rump_fd < 0 || length < at + sizeof(fd) || length > NETLINK_ADDRESS_MAX ||
	    user_copy(copy, address, length))
		return false;
	memcpy(&head, copy, offsetof(struct sockaddr_pppox, sa_addr));
	if (head.sa_family != AF_PPPOX || head.sa_protocol != PX_PROTO_OL2TP)
		return false;
	memcpy(&fd, copy + at, sizeof(fd));
	tunnel = fdtable_get(fd);
	if (tunnel < 0)
		tunnel = -1;
	memcpy(copy + at, &tunnel, sizeof(tunnel));
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests by a netlink socket of the kernel's own: the one interface of the stack that
 * has all of it (kinds of links as modules, lifetimes, flags, checks and their texts).
 */
#include <linux/etherdevice.h>
#include <linux/if_addr.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/socket.h>
#include <linux/veth.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "rtnetlink.h"

#define REQUEST_SIZE 512
/* the request comes back behind an error, and Linux's text behind it */
#define ANSWER_SIZE 1536

struct request {
	struct sk_buff *skb;
	struct nlmsghdr *header;
};

static void *request_init(struct request *request, int type, int flags, size_t body)
{
	request->skb = nlmsg_new(REQUEST_SIZE, GFP_KERNEL);
	if (!request->skb)
		return NULL;
	request->header = nlmsg_put(request->skb, 0, 1, type, body,
				    flags | NLM_F_REQUEST | NLM_F_ACK);
	memset(nlmsg_data(request->header), 0, body);
	return nlmsg_data(request->header);
}

static void find_text(const struct nlmsghdr *answer, struct rump_why *why)
{
	const struct nlmsgerr *error = nlmsg_data(answer);
	size_t head = sizeof(*error);
	struct nlattr *text;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		head += error->msg.nlmsg_len - NLMSG_HDRLEN;
	text = nlmsg_find_attr(answer, head, NLMSGERR_ATTR_MSG);
	if (text)
		nla_strscpy(why->text, text, sizeof(why->text));
}

static long exchange(struct socket *sock, struct sk_buff *skb, struct rump_why *why)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	/* with a receiver named, the rights that count are those of the caller alone */
	struct msghdr to = { .msg_name = &kernel, .msg_namelen = sizeof(kernel) };
	struct msghdr from = {};
	struct kvec vec = { skb->data, skb->len };
	const struct nlmsghdr *answer;
	long result;
	int one = 1;

	do_sock_setsockopt(sock, false, SOL_NETLINK, NETLINK_EXT_ACK, KERNEL_SOCKPTR(&one),
			   sizeof(one));
	do_sock_setsockopt(sock, false, SOL_NETLINK, NETLINK_CAP_ACK, KERNEL_SOCKPTR(&one),
			   sizeof(one));
	result = kernel_sendmsg(sock, &to, &vec, 1, vec.iov_len);
	if (result < 0)
		return result;
	vec.iov_base = kzalloc(ANSWER_SIZE, GFP_KERNEL);
	vec.iov_len = ANSWER_SIZE;
	if (!vec.iov_base)
		return -ENOMEM;
	/* rtnetlink has answered when sendmsg() returns */
	result = kernel_recvmsg(sock, &from, &vec, 1, vec.iov_len, MSG_DONTWAIT);
	answer = vec.iov_base;
	if (result >= 0)
		result = nlmsg_ok(answer, (int)result) && answer->nlmsg_type == NLMSG_ERROR ?
			 ((const struct nlmsgerr *)nlmsg_data(answer))->error : -EPROTO;
	if (result < 0 && result != -EPROTO)
		find_text(answer, why);
	kfree(answer);
	return result;
}

/* Takes the request; added: what adding the attributes gave. */
static long request_run(struct request *request, int added, struct rump_why *why)
{
	struct socket *sock;
	long err = added;

	if (!err)
		err = sock_create_kern(current->nsproxy->net_ns, PF_NETLINK, SOCK_RAW,
				       NETLINK_ROUTE, &sock);
	if (!err) {
		nlmsg_end(request->skb, request->header);
		err = exchange(sock, request->skb, why);
		sock_release(sock);
	}
	nlmsg_free(request->skb);
	return err;
}

static unsigned int index_of(const char *name)
{
	struct net_device *dev;
	unsigned int index = 0;

	rcu_read_lock();
	dev = dev_get_by_name_rcu(current->nsproxy->net_ns, name);
	if (dev)
		index = dev->ifindex;
	rcu_read_unlock();
	return index;
}

/* ---- links ---- */

/* Which is another message inside of this one. */
static int add_peer(struct sk_buff *skb, const char *peer)
{
	struct nlattr *data = nla_nest_start(skb, IFLA_INFO_DATA), *info;
	int err;

	if (!data)
		return -EMSGSIZE;
	info = nla_nest_start(skb, VETH_INFO_PEER);
	if (!info || !nlmsg_append(skb, sizeof(struct ifinfomsg)))
		return -EMSGSIZE;
	memset(nla_data(info), 0, sizeof(struct ifinfomsg));
	err = nla_put_string(skb, IFLA_IFNAME, peer);
	nla_nest_end(skb, info);
	nla_nest_end(skb, data);
	return err;
}

static int add_kind(struct sk_buff *skb, const char *kind, const char *peer)
{
	struct nlattr *info = nla_nest_start(skb, IFLA_LINKINFO);
	int err;

	if (!info)
		return -EMSGSIZE;
	err = nla_put_string(skb, IFLA_INFO_KIND, kind);
	if (!err && peer)
		err = add_peer(skb, peer);
	nla_nest_end(skb, info);
	return err;
}

long rump_link_new(const char *kind, const char *name, const char *peer, struct rump_why *why)
{
	struct request request;

	if (!request_init(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
			  sizeof(struct ifinfomsg)))
		return -ENOMEM;
	return request_run(&request, nla_put_string(request.skb, IFLA_IFNAME, name) ?:
			   add_kind(request.skb, kind, peer), why);
}

long rump_link_up(const char *name, bool is_up, unsigned int mtu, struct rump_why *why)
{
	unsigned int index = index_of(name);
	struct ifinfomsg *info;
	struct request request;

	if (!index)
		return -ENODEV;
	info = request_init(&request, RTM_NEWLINK, 0, sizeof(*info));
	if (!info)
		return -ENOMEM;
	info->ifi_index = index;
	info->ifi_flags = is_up ? IFF_UP : 0;
	info->ifi_change = IFF_UP;
	return request_run(&request, mtu ? nla_put_u32(request.skb, IFLA_MTU, mtu) : 0, why);
}

long rump_link_enslave(const char *name, const char *master, struct rump_why *why)
{
	unsigned int index = index_of(name), to = master ? index_of(master) : 0;
	struct ifinfomsg *info;
	struct request request;

	if (!index || (master && !to))
		return -ENODEV;
	info = request_init(&request, RTM_NEWLINK, 0, sizeof(*info));
	if (!info)
		return -ENOMEM;
	info->ifi_index = index;
	return request_run(&request, nla_put_u32(request.skb, IFLA_MASTER, to), why);
}

/* ---- addresses ---- */

static long change_address(int type, const char *name, const struct rump_address *address,
			   u32 lifetime, struct rump_why *why)
{
	struct ifa_cacheinfo times = { .ifa_prefered = lifetime, .ifa_valid = lifetime };
	unsigned int size = rump_address_size(address), index = index_of(name);
	bool is_new = type == RTM_NEWADDR;
	struct ifaddrmsg *info;
	struct request request;
	int err;

	if (!index)
		return -ENODEV;
	info = request_init(&request, type, is_new ? NLM_F_CREATE | NLM_F_REPLACE : 0,
			    sizeof(*info));
	if (!info)
		return -ENOMEM;
	info->ifa_family = address->family;
	info->ifa_prefixlen = address->length;
	info->ifa_index = index;
	err = nla_put(request.skb, IFA_LOCAL, size, address->bytes) ?:
	      nla_put(request.skb, IFA_ADDRESS, size, address->bytes);
	if (!err && is_new)
		err = nla_put(request.skb, IFA_CACHEINFO, sizeof(times), &times);
	if (!err && is_new && address->family == AF_INET6)
		err = nla_put_u32(request.skb, IFA_FLAGS, IFA_F_NODAD);
	if (!err && is_new && address->family == AF_INET && address->length < 31) {
		__be32 broadcast;

		memcpy(&broadcast, address->bytes, sizeof(broadcast));
		broadcast |= ~inet_make_mask(address->length);
		err = nla_put_in_addr(request.skb, IFA_BROADCAST, broadcast);
	}
	return request_run(&request, err, why);
}

long rump_address_add(const char *name, const struct rump_address *address, u32 lifetime,
		      struct rump_why *why)
{
	return change_address(RTM_NEWADDR, name, address, lifetime, why);
}

long rump_address_remove(const char *name, const struct rump_address *address,
			 struct rump_why *why)
{
	return change_address(RTM_DELADDR, name, address, 0, why);
}

/* ---- routes ---- */

long rump_route_add(const struct rump_route *route, struct rump_why *why)
{
	const struct rump_address *to = &route->destination, *gateway = route->gateway;
	unsigned int size = rump_address_size(to);
	struct request request;
	struct rtmsg *info;
	int err = 0;

	info = request_init(&request, RTM_NEWROUTE,
			    NLM_F_CREATE | (route->may_replace ? NLM_F_REPLACE : NLM_F_EXCL),
			    sizeof(*info));
	if (!info)
		return -ENOMEM;
	info->rtm_family = to->family;
	info->rtm_dst_len = to->length;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = route->protocol;
	info->rtm_scope = gateway || to->family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	info->rtm_type = RTN_UNICAST;
	if (route->is_onlink)
		info->rtm_flags = RTNH_F_ONLINK;
	if (to->length)
		err = nla_put(request.skb, RTA_DST, size, to->bytes);
	if (!err && gateway)
		err = nla_put(request.skb, RTA_GATEWAY, size, gateway->bytes);
	if (!err && route->ifindex)
		err = nla_put_u32(request.skb, RTA_OIF, route->ifindex);
	return request_run(&request, err, why);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * DHCP messages.  All of them come from whoever is on the wire: each length is compared
 * with what is left, each value with what it may be, names with what may stand in a file.
 */
#include <linux/errno.h>
#include <linux/string.h>

#include "dhcp_packet.h"

#define IP_SIZE 20
#define UDP_SIZE 8
#define SERVER_PORT 67
#define CLIENT_PORT 68
#define PROTOCOL_UDP 17

/* offsets in a message */
enum {
	AT_OP = 0, AT_HTYPE = 1, AT_HLEN = 2, AT_XID = 4, AT_SECS = 8, AT_CIADDR = 12,
	AT_YIADDR = 16, AT_CHADDR = 28, AT_SNAME = 44, AT_FILE = 108, AT_COOKIE = 236,
	AT_OPTIONS = 240,
};
#define SNAME_SIZE 64
#define FILE_SIZE 128
#define BOOTP_SIZE 300		/* what old relays want at least */

enum {
	OPTION_PAD = 0, OPTION_MASK = 1, OPTION_ROUTER = 3, OPTION_DNS = 6, OPTION_HOSTNAME = 12,
	OPTION_DOMAIN = 15, OPTION_MTU = 26, OPTION_WANTED = 50, OPTION_LEASE = 51,
	OPTION_OVERLOAD = 52, OPTION_TYPE = 53, OPTION_SERVER = 54, OPTION_PARAMETERS = 55,
	OPTION_SIZE = 57, OPTION_RENEW = 58, OPTION_REBIND = 59, OPTION_CLIENT = 61,
	OPTION_ROUTES = 121, OPTION_END = 255,
};

static const u8 cookie[] = { 99, 130, 83, 99 };

/* A lease shorter than that would keep us busy with nothing else. */
#define LEASE_MIN 10

static u16 get16(const u8 *at)
{
	return (u16)(at[0] << 8 | at[1]);
}

static u32 get32(const u8 *at)
{
	return (u32)get16(at) << 16 | get16(at + 2);
}

static void put16(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

static void put32(u8 *at, u32 value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static __be32 get_address(const u8 *at)
{
	__be32 address;

	memcpy(&address, at, sizeof(address));
	return address;
}

static u32 host_order(__be32 address)
{
	return get32((const u8 *)&address);
}

/* ---- IP and UDP ---- */

static u32 add_up(const u8 *bytes, size_t length, u32 sum)
{
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		sum += get16(bytes + i);
	if (length & 1)
		sum += (u32)bytes[length - 1] << 8;
	return sum;
}

static u16 fold(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

/* Of a UDP packet with the addresses of its IP packet. */
static u16 udp_sum(const u8 *ip, const u8 *udp, size_t length)
{
	return fold(add_up(udp, length, add_up(ip + 12, 8, PROTOCOL_UDP + (u32)length)));
}

int dhcp_unwrap(const u8 *packet, size_t length, bool has_checksum, const u8 **ret_message,
		size_t *ret_length)
{
	size_t head, total, udp_length;
	const u8 *udp;

	if (length < IP_SIZE || packet[0] >> 4 != 4)
		return -EINVAL;
	head = (size_t)(packet[0] & 15) * 4;
	total = get16(packet + 2);
	/* Ethernet pads: the packet may be shorter than what came */
	if (head < IP_SIZE || total < head + UDP_SIZE || total > length ||
	    packet[9] != PROTOCOL_UDP || (get16(packet + 6) & 0x3fff) ||
	    fold(add_up(packet, head, 0)))
		return -EINVAL;
	udp = packet + head;
	udp_length = get16(udp + 4);
	if (udp_length < UDP_SIZE || udp_length > total - head || get16(udp) != SERVER_PORT ||
	    get16(udp + 2) != CLIENT_PORT)
		return -EINVAL;
	if (!has_checksum && get16(udp + 6) && udp_sum(packet, udp, udp_length))
		return -EINVAL;
	*ret_message = udp + UDP_SIZE;
	*ret_length = udp_length - UDP_SIZE;
	return 0;
}

size_t dhcp_wrap(u8 *buffer, __be32 from, __be32 to, const u8 *message, size_t length)
{
	u8 *udp = buffer + IP_SIZE;
	u16 sum;

	memset(buffer, 0, IP_SIZE + UDP_SIZE);
	buffer[0] = 0x45;
	put16(buffer + 2, (u32)(IP_SIZE + UDP_SIZE + length));
	buffer[8] = 64;
	buffer[9] = PROTOCOL_UDP;
	memcpy(buffer + 12, &from, sizeof(from));
	memcpy(buffer + 16, &to, sizeof(to));
	put16(buffer + 10, fold(add_up(buffer, IP_SIZE, 0)));
	put16(udp, CLIENT_PORT);
	put16(udp + 2, SERVER_PORT);
	put16(udp + 4, (u32)(UDP_SIZE + length));
	memcpy(udp + UDP_SIZE, message, length);
	sum = udp_sum(buffer, udp, UDP_SIZE + length);
	put16(udp + 6, sum ? sum : 0xffff);
	return IP_SIZE + UDP_SIZE + length;
}

/* ---- options ---- */

/* Where options may lie: behind the cookie, and by option 52 in two fields. */
struct areas {
	unsigned int count;
	struct {
		const u8 *at;
		size_t size;
	} area[3];
};

/*
 * Appends the values of an option in an area to value, as RFC 3396 has it.  Returns the
 * length so far, or -EINVAL: an option goes beyond the end of the area.  *found is set.
 */
static long collect(const u8 *at, size_t size, u8 code, u8 *value, size_t value_size, size_t used,
		    bool *found)
{
	size_t i = 0, length;

	while (i < size && at[i] != OPTION_END) {
		if (at[i] == OPTION_PAD) {
			i++;
			continue;
		}
		if (size - i < 2 || size - i - 2 < at[i + 1])
			return -EINVAL;
		length = at[i + 1];
		if (at[i] == code) {
			*found = true;
			if (length > value_size - used)
				length = value_size - used;
			memcpy(value + used, at + i + 2, length);
			used += length;
		}
		i += 2 + (size_t)at[i + 1];
	}
	return (long)used;
}

/* Length of the option's value, -ENOENT, or -EINVAL. */
static long option(const struct areas *areas, u8 code, u8 *value, size_t size)
{
	bool found = false;
	long used = 0;
	unsigned int i;

	for (i = 0; i < areas->count && used >= 0; i++)
		used = collect(areas->area[i].at, areas->area[i].size, code, value, size,
			       (size_t)used, &found);
	return used < 0 || found ? used : -ENOENT;
}

static bool option32(const struct areas *areas, u8 code, u32 *ret_value)
{
	u8 value[4];

	if (option(areas, code, value, sizeof(value)) != 4)
		return false;
	*ret_value = get32(value);
	return true;
}

static void find_areas(const u8 *message, size_t length, struct areas *areas)
{
	u8 overload = 0;

	areas->count = 1;
	areas->area[0].at = message + AT_OPTIONS;
	areas->area[0].size = length - AT_OPTIONS;
	if (option(areas, OPTION_OVERLOAD, &overload, 1) != 1)
		return;
	if (overload & 1) {
		areas->area[areas->count].at = message + AT_FILE;
		areas->area[areas->count++].size = FILE_SIZE;
	}
	if (overload & 2) {
		areas->area[areas->count].at = message + AT_SNAME;
		areas->area[areas->count++].size = SNAME_SIZE;
	}
}

/* An address that a host can have: not 0/8, 127/8, nor 224/3. */
static bool is_host(__be32 address)
{
	u32 host = host_order(address), first = host >> 24;

	return first && first != 127 && first < 224;
}

static unsigned int get_addresses(const struct areas *areas, u8 code, __be32 *addresses,
				  unsigned int most)
{
	u8 value[64];
	long length = option(areas, code, value, sizeof(value)), i;
	unsigned int count = 0;

	for (i = 0; i + 4 <= length && count < most; i += 4) {
		__be32 address = get_address(value + i);

		if (is_host(address))
			addresses[count++] = address;
	}
	return count;
}

/* A name of DNS; anything else is left out, since it goes to a file. */
static void get_name(const struct areas *areas, u8 code, char *name)
{
	u8 value[DHCP_NAME_MAX];
	long length = option(areas, code, value, sizeof(value)), i;

	/* some servers send its end, too */
	while (length > 0 && !value[length - 1])
		length--;
	for (i = 0; i < length; i++) {
		u8 c = value[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (!i || (c != '-' && c != '.' && c != '_')))
			return;
	}
	if (length <= 0)
		return;
	memcpy(name, value, (size_t)length);
	name[length] = '\0';
}

/* Bits of a mask, or -EINVAL. */
static int mask_length(u32 mask)
{
	int length = 0;

	while (mask & 0x80000000u) {
		mask <<= 1;
		length++;
	}
	return mask ? -EINVAL : length;
}

static u8 class_length(__be32 address)
{
	u32 host = host_order(address);

	return host >> 31 == 0 ? 8 : host >> 30 == 2 ? 16 : 24;
}

/* RFC 3442: length, as many octets as that has, gateway. */
static void get_routes(const struct areas *areas, struct dhcp_reply *reply)
{
	u8 value[512];
	long length = option(areas, OPTION_ROUTES, value, sizeof(value)), i = 0;

	while (i < length && reply->route_count < DHCP_ROUTES) {
		struct dhcp_route *route = &reply->routes[reply->route_count];
		u8 bits = value[i], octets[4] = { 0 };
		long count = (bits + 7) / 8;
		u32 mask;

		if (bits > 32 || length - i < 1 + count + 4)
			return;
		memcpy(octets, value + i + 1, (size_t)count);
		/* bits behind the prefix mean nothing */
		mask = bits ? 0xffffffffu << (32 - bits) : 0;
		put32(octets, get32(octets) & mask);
		route->destination = get_address(octets);
		route->length = bits;
		route->gateway = get_address(value + i + 1 + count);
		if (!route->gateway || is_host(route->gateway))
			reply->route_count++;
		i += 1 + count + 4;
	}
}

/* RFC 2131, 4.4.5; times that make no sense are those of the standard. */
static void get_times(const struct areas *areas, struct dhcp_reply *reply)
{
	if (!option32(areas, OPTION_LEASE, &reply->lease))
		reply->lease = DHCP_FOREVER;
	if (reply->lease < LEASE_MIN)
		reply->lease = LEASE_MIN;
	if (reply->lease == DHCP_FOREVER) {
		reply->renew = reply->rebind = DHCP_FOREVER;
		return;
	}
	if (!option32(areas, OPTION_REBIND, &reply->rebind) || reply->rebind >= reply->lease ||
	    !reply->rebind)
		reply->rebind = (u32)((unsigned long long)reply->lease * 7 / 8);
	if (!option32(areas, OPTION_RENEW, &reply->renew) || reply->renew >= reply->rebind ||
	    !reply->renew)
		reply->renew = reply->lease / 2 < reply->rebind ? reply->lease / 2 :
			       reply->rebind / 2;
}

/* Whether an address is neither its network's own nor its broadcast address. */
static bool is_in_network(__be32 address, u8 length)
{
	u32 host = length < 31 ? host_order(address) & 0xffffffffu >> length : 1;

	return length >= 31 || (host && host != 0xffffffffu >> length);
}

static int parse_lease(const u8 *message, const struct areas *areas, struct dhcp_reply *reply)
{
	int length;
	u32 value;

	reply->address = get_address(message + AT_YIADDR);
	if (!is_host(reply->address) || !reply->server)
		return -EINVAL;
	reply->length = class_length(reply->address);
	if (option32(areas, OPTION_MASK, &value)) {
		length = mask_length(value);
		if (length <= 0)
			return -EINVAL;
		reply->length = (u8)length;
	}
	if (!is_in_network(reply->address, reply->length))
		return -EINVAL;
	get_times(areas, reply);
	return 0;
}

int dhcp_parse(const u8 *message, size_t length, u32 xid, const u8 *hardware,
	       struct dhcp_reply *ret_reply)
{
	struct dhcp_reply *reply = ret_reply;
	struct areas areas;
	u8 value[4];

	memset(reply, 0, sizeof(*reply));
	if (length < AT_OPTIONS || message[AT_OP] != 2 ||
	    memcmp(message + AT_COOKIE, cookie, sizeof(cookie)))
		return -EINVAL;
	if (get32(message + AT_XID) != xid || message[AT_HTYPE] != 1 ||
	    message[AT_HLEN] != DHCP_HARDWARE_SIZE ||
	    memcmp(message + AT_CHADDR, hardware, DHCP_HARDWARE_SIZE))
		return -ENOENT;
	find_areas(message, length, &areas);
	/* this also walks through all areas: from here on they are known to be whole */
	if (option(&areas, OPTION_TYPE, value, 1) != 1)
		return -EINVAL;
	reply->type = value[0];
	if (reply->type != DHCP_OFFER && reply->type != DHCP_ACK && reply->type != DHCP_NAK)
		return -EINVAL;
	if (option(&areas, OPTION_SERVER, value, sizeof(value)) == 4) {
		reply->server = get_address(value);
		if (!is_host(reply->server))
			return -EINVAL;
	}
	if (reply->type == DHCP_NAK)
		return 0;
	if (parse_lease(message, &areas, reply))
		return -EINVAL;
	reply->router_count = get_addresses(&areas, OPTION_ROUTER, reply->routers, DHCP_ROUTERS);
	reply->server_count = get_addresses(&areas, OPTION_DNS, reply->servers, DHCP_SERVERS);
	get_name(&areas, OPTION_DOMAIN, reply->domain);
	get_name(&areas, OPTION_HOSTNAME, reply->hostname);
	get_routes(&areas, reply);
	if (option(&areas, OPTION_MTU, value, sizeof(value)) == 2 && get16(value) >= 576)
		reply->mtu = get16(value);
	return 0;
}

/* ---- our messages ---- */

static u8 *put_option(u8 *at, u8 code, const void *value, size_t length)
{
	*at++ = code;
	*at++ = (u8)length;
	memcpy(at, value, length);
	return at + length;
}

size_t dhcp_build(u8 *buffer, const struct dhcp_request *request)
{
	static const u8 parameters[] = { OPTION_MASK, OPTION_ROUTES, OPTION_ROUTER, OPTION_DNS,
					 OPTION_HOSTNAME, OPTION_DOMAIN, OPTION_MTU, OPTION_LEASE,
					 OPTION_RENEW, OPTION_REBIND };
	static const u8 most[] = { 1500 >> 8, 1500 & 255 };
	bool is_question = request->type == DHCP_DISCOVER || request->type == DHCP_REQUEST;
	u8 type = (u8)request->type, client[1 + DHCP_HARDWARE_SIZE] = { 1 };
	u8 *at = buffer + AT_OPTIONS;
	size_t length;

	memset(buffer, 0, DHCP_MESSAGE_MAX);
	buffer[AT_OP] = 1;
	buffer[AT_HTYPE] = 1;
	buffer[AT_HLEN] = DHCP_HARDWARE_SIZE;
	put32(buffer + AT_XID, request->xid);
	put16(buffer + AT_SECS, request->seconds);
	memcpy(buffer + AT_CIADDR, &request->ciaddr, sizeof(request->ciaddr));
	memcpy(buffer + AT_CHADDR, request->hardware, DHCP_HARDWARE_SIZE);
	memcpy(buffer + AT_COOKIE, cookie, sizeof(cookie));
	at = put_option(at, OPTION_TYPE, &type, 1);
	memcpy(client + 1, request->hardware, DHCP_HARDWARE_SIZE);
	at = put_option(at, OPTION_CLIENT, client, sizeof(client));
	if (request->wanted)
		at = put_option(at, OPTION_WANTED, &request->wanted, 4);
	if (request->server)
		at = put_option(at, OPTION_SERVER, &request->server, 4);
	if (is_question) {
		at = put_option(at, OPTION_SIZE, most, sizeof(most));
		at = put_option(at, OPTION_PARAMETERS, parameters, sizeof(parameters));
		length = request->hostname ? strlen(request->hostname) : 0;
		if (length && length <= 64)
			at = put_option(at, OPTION_HOSTNAME, request->hostname, length);
	}
	*at++ = OPTION_END;
	length = (size_t)(at - buffer);
	return length < BOOTP_SIZE ? BOOTP_SIZE : length;
}

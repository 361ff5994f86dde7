/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP messages: what servers say, what broken and hostile ones say, and a million that
 * are changed at random, each in memory of exactly its size.
 */
#include "tap.h"

#include <arpa/inet.h>
#include <stdint.h>

#include "../../rumpkernel/linux/drivers/net/dhcp_packet.c"

static const u8 mac[6] = {2, 0, 0, 0, 0, 1};
#define XID 0x12345678u

struct message {
	u8 bytes[1500];
	size_t length;
};

static void begin(struct message *message, u8 type)
{
	memset(message, 0, sizeof(*message));
	message->bytes[AT_OP] = 2;
	message->bytes[AT_HTYPE] = 1;
	message->bytes[AT_HLEN] = 6;
	put32(message->bytes + AT_XID, XID);
	put32(message->bytes + AT_YIADDR, 0x0a000042);
	memcpy(message->bytes + AT_CHADDR, mac, 6);
	memcpy(message->bytes + AT_COOKIE, cookie, 4);
	message->length = AT_OPTIONS;
	message->bytes[message->length++] = OPTION_TYPE;
	message->bytes[message->length++] = 1;
	message->bytes[message->length++] = type;
}

static void add(struct message *message, u8 code, const void *value, size_t length)
{
	message->bytes[message->length++] = code;
	message->bytes[message->length++] = (u8)length;
	memcpy(message->bytes + message->length, value, length);
	message->length += length;
}

static void add32(struct message *message, u8 code, u32 value)
{
	u8 bytes[4];

	put32(bytes, value);
	add(message, code, bytes, 4);
}

/* In memory that ends where the message does, so that a sanitizer sees what goes beyond. */
static int parse(const struct message *message, struct dhcp_reply *reply)
{
	u8 *exact = malloc(message->length ? message->length : 1);
	int result;

	memcpy(exact, message->bytes, message->length);
	result = dhcp_parse(exact, message->length, XID, mac, reply);
	free(exact);
	return result;
}

static void whole(struct message *message)
{
	static const u8 routes[] = {24, 10, 9, 8,  10,	0,  0, 2, 0, 10,
				    0,	0,  3, 12, 172, 31, 0, 0, 0, 0};

	begin(message, DHCP_ACK);
	add32(message, OPTION_SERVER, 0x0a000001);
	add32(message, OPTION_MASK, 0xffffff00);
	add32(message, OPTION_LEASE, 3600);
	add(message, OPTION_ROUTER, "\x0a\0\0\1\x0a\0\0\2", 8);
	add(message, OPTION_DNS, "\x0a\0\0\x35\0\0\0\0\xff\xff\xff\xff\x0a\0\0\x36", 16);
	add(message, OPTION_DOMAIN, "example.org", 12); /* with a NUL */
	add(message, OPTION_HOSTNAME, "box", 3);
	add(message, OPTION_MTU, "\x05\x78", 2);
	add(message, OPTION_ROUTES, routes, sizeof(routes));
	message->bytes[message->length++] = OPTION_END;
}

static void good(void)
{
	struct message message;
	struct dhcp_reply reply;

	whole(&message);
	is_int(parse(&message, &reply), 0, "a whole ACK");
	is_int(reply.type, DHCP_ACK, "... is one");
	is_int(ntohl(reply.address), 0x0a000042, "... with the address");
	is_int(ntohl(reply.server), 0x0a000001, "... the server");
	is_int(reply.length, 24, "... the network");
	is_int(reply.lease, 3600, "... the lease");
	is_int(reply.renew, 1800, "... T1, half of it");
	is_int(reply.rebind, 3150, "... T2, seven eighths");
	is_int(reply.router_count, 2, "... the routers");
	is_int(reply.server_count, 2, "... the nameservers that can be ones");
	is_int(ntohl(reply.servers[1]), 0x0a000036, "... in order");
	is_str(reply.domain, "example.org", "... the domain");
	is_str(reply.hostname, "box", "... the name");
	is_int(reply.mtu, 1400, "... the MTU");
	is_int(reply.route_count, 3, "... and classless routes");
	is_int(ntohl(reply.routes[0].destination), 0x0a090800, "a route's destination");
	is_int(reply.routes[0].length, 24, "... length");
	is_int(ntohl(reply.routes[0].gateway), 0x0a000002, "... gateway");
	is_int(reply.routes[1].length, 0, "a default route");
	is_int(ntohl(reply.routes[2].destination), 0xac100000, "bits behind the prefix are none");
	is_int(reply.routes[2].gateway, 0, "a gateway of 0 is the link");

	begin(&message, DHCP_OFFER);
	add32(&message, OPTION_SERVER, 0x0a000001);
	is_int(parse(&message, &reply), 0, "without options but the server's");
	is_int(reply.length, 8, "... the class says the network");
	is_int(reply.lease, DHCP_FOREVER, "... the lease is for ever");
	is_int(reply.renew, DHCP_FOREVER, "... and so is T1");
	begin(&message, DHCP_NAK);
	is_int(parse(&message, &reply), 0, "a NAK needs nothing");
}

static void long_and_overloaded(void)
{
	struct message message;
	struct dhcp_reply reply;
	struct message part = {.length = 0};

	begin(&message, DHCP_ACK);
	add32(&message, OPTION_SERVER, 0x0a000001);
	add(&message, OPTION_OVERLOAD, "\3", 1);
	message.bytes[message.length++] = OPTION_END;
	add(&part, OPTION_DOMAIN, "example", 7);
	memcpy(message.bytes + AT_FILE, part.bytes, part.length);
	part.length = 0;
	add(&part, OPTION_DOMAIN, ".org", 4);
	part.bytes[part.length++] = OPTION_END;
	memcpy(message.bytes + AT_SNAME, part.bytes, part.length);
	is_int(parse(&message, &reply), 0, "options in file and sname");
	is_str(reply.domain, "example.org", "... and one in two pieces");
	message.bytes[AT_SNAME + 1] = 63;
	is_int(parse(&message, &reply), -EINVAL, "one beyond the end of sname");
}

static void times(u32 lease, u32 renew, u32 rebind, u32 want_renew, u32 want_rebind)
{
	struct message message;
	struct dhcp_reply reply;

	begin(&message, DHCP_ACK);
	add32(&message, OPTION_SERVER, 0x0a000001);
	add32(&message, OPTION_LEASE, lease);
	add32(&message, OPTION_RENEW, renew);
	add32(&message, OPTION_REBIND, rebind);
	is_int(parse(&message, &reply), 0, "lease %u, T1 %u, T2 %u", lease, renew, rebind);
	is_int(reply.renew, want_renew, "... T1");
	is_int(reply.rebind, want_rebind, "... T2");
	ok(reply.renew < reply.rebind && reply.rebind < reply.lease, "... in order");
}

static int with_option(u8 code, const void *value, size_t length, struct dhcp_reply *reply)
{
	struct message message;

	begin(&message, DHCP_ACK);
	add32(&message, OPTION_SERVER, 0x0a000001);
	add(&message, code, value, length);
	return parse(&message, reply);
}

static void bad(void)
{
	static const u32 addresses[] = {0,	    0x7f000001, 0xe0000001,
					0xffffffff, 0x0a0000ff, 0x0a000000};
	struct message message;
	struct dhcp_reply reply;

	for (size_t cut = 0; cut < AT_OPTIONS; cut++) {
		whole(&message);
		message.length = cut;
		if (parse(&message, &reply) != -EINVAL)
			break;
		message.length = AT_OPTIONS;
	}
	is_int(message.length, AT_OPTIONS, "what is too short is refused");
	whole(&message);
	message.bytes[AT_XID]++;
	is_int(parse(&message, &reply), -ENOENT, "another exchange");
	whole(&message);
	message.bytes[AT_CHADDR]++;
	is_int(parse(&message, &reply), -ENOENT, "another client");
	whole(&message);
	message.bytes[AT_OP] = 1;
	is_int(parse(&message, &reply), -EINVAL, "a request");
	whole(&message);
	message.bytes[AT_COOKIE]++;
	is_int(parse(&message, &reply), -EINVAL, "no cookie");
	begin(&message, DHCP_ACK);
	is_int(parse(&message, &reply), -EINVAL, "an ACK without a server");
	begin(&message, DHCP_DISCOVER);
	is_int(parse(&message, &reply), -EINVAL, "a client's message");
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		whole(&message);
		put32(message.bytes + AT_YIADDR, addresses[i]);
		is_int(parse(&message, &reply), -EINVAL, "no host has %08x", addresses[i]);
	}
	is_int(with_option(OPTION_MASK, "\xff\0\xff\0", 4, &reply), -EINVAL, "a mask with holes");
	is_int(with_option(OPTION_MASK, "\0\0\0\0", 4, &reply), -EINVAL, "a mask of nothing");
	is_int(with_option(OPTION_MASK, "\xff\xff", 2, &reply), 0, "half a mask");
	is_int(reply.length, 8, "... is none");
	with_option(OPTION_DOMAIN, "a\nnameserver 6.6.6.6", 20, &reply);
	is_str(reply.domain, "", "a domain with a newline is none");
	with_option(OPTION_HOSTNAME, "-rf", 3, &reply);
	is_str(reply.hostname, "", "a name with a dash in front is none");
	with_option(OPTION_MTU, "\0\x44", 2, &reply);
	is_int(reply.mtu, 0, "an MTU of 68 is none");
	with_option(OPTION_ROUTES, "\x21\1\2\3\4\5\1\2\3\4", 10, &reply);
	is_int(reply.route_count, 0, "a route of 33 bits");
	with_option(OPTION_ROUTES, "\x18\x0a\1\2\x0a\0\0", 7, &reply);
	is_int(reply.route_count, 0, "a route that is cut");
	times(100, 20, 80, 20, 80);
	times(100, 90, 80, 50, 80);
	times(100, 0, 0, 50, 87);
	times(100, 200, 300, 50, 87);
	times(0, 0, 0, 5, 8);
	times(100, 50, 2, 1, 2);
}

static void headers(void)
{
	u8 buffer[DHCP_MESSAGE_MAX], packet[DHCP_MESSAGE_MAX + 28];
	struct dhcp_request request = {
		.type = DHCP_REQUEST,
		.xid = XID,
		.wanted = htonl(0x0a000042),
		.server = htonl(0x0a000001),
		.hostname = "a-name-of-sixty-four-bytes--------------------------------------",
	};
	size_t length, got;
	const u8 *message;

	memcpy(request.hardware, mac, 6);
	length = dhcp_build(buffer, &request);
	ok(length >= 300 && length <= DHCP_MESSAGE_MAX - 28, "a request fits");
	is_int(get32(buffer + AT_XID), XID, "... has its number");
	length = dhcp_wrap(packet, 0, 0xffffffff, buffer, length);
	is_int(dhcp_unwrap(packet, length, false, &message, &got), -EINVAL,
	       "a packet to a server is none to a client");
	put16(packet + 20, SERVER_PORT);
	put16(packet + 22, CLIENT_PORT);
	is_int(dhcp_unwrap(packet, length, false, &message, &got), 0,
	       "with the ports the other way round it is, and the sums are right");
	is_int(got, length - 28, "... of that length");
	is_int(dhcp_unwrap(packet, length + 0, true, &message, &got), 0,
	       "... or need not be looked at");
	packet[40]++;
	is_int(dhcp_unwrap(packet, length, false, &message, &got), -EINVAL, "a wrong sum of UDP's");
	packet[40]--;
	packet[8]++;
	is_int(dhcp_unwrap(packet, length, true, &message, &got), -EINVAL, "a wrong sum of IP's");
	packet[8]--;
	for (size_t cut = 0; cut < length; cut++)
		if (!dhcp_unwrap(packet, cut, true, &message, &got))
			is_int(cut, 0, "a packet that is cut is refused");
	is_int(dhcp_unwrap(packet, length, false, &message, &got), 0, "the whole one is not");
}

static u32 state = 2463534242u;

static u32 draw(u32 below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* What any reply may hold, whatever came. */
static bool is_sane(const struct dhcp_reply *reply)
{
	if (memchr(reply->domain, '\n', sizeof(reply->domain)) ||
	    !memchr(reply->domain, 0, sizeof(reply->domain)) ||
	    !memchr(reply->hostname, 0, sizeof(reply->hostname)))
		return false;
	if (reply->type == DHCP_NAK)
		return true;
	return reply->length >= 1 && reply->length <= 32 && reply->router_count <= DHCP_ROUTERS &&
	       reply->server_count <= DHCP_SERVERS && reply->route_count <= DHCP_ROUTES &&
	       is_host(reply->address) && is_host(reply->server) &&
	       (reply->lease == DHCP_FOREVER ||
		(reply->renew < reply->rebind && reply->rebind < reply->lease));
}

static void random_messages(void)
{
	const u32 rounds = 1000000;
	u32 taken = 0, insane = 0;
	struct dhcp_reply reply;
	struct message good_one, message;

	whole(&good_one);
	for (u32 i = 0; i < rounds; i++) {
		message = good_one;
		for (u32 changes = draw(6); changes > 0; changes--)
			message.bytes[draw(4) ? AT_OPTIONS +
							draw((u32)(message.length - AT_OPTIONS))
					      : draw((u32)message.length)] = (u8)draw(256);
		if (!draw(4))
			message.length = draw((u32)message.length + 1);
		if (parse(&message, &reply))
			continue;
		taken++;
		insane += !is_sane(&reply);
	}
	ok(taken > rounds / 10 && taken < rounds, "%u of %u random messages were taken", taken,
	   rounds);
	is_int(insane, 0, "... and all could be used as they were");
}

int main(void)
{
	good();
	long_and_overloaded();
	bad();
	headers();
	random_messages();
	return done_testing();
}

// SPDX-License-Identifier: BSD-2-Clause
// netconfig: a program with a network of its own, set up by calls: two interfaces that are the
// ports of a bridge, and a connection over its address.
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <rump/netconfig.h>
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

static int check(const char *what, int error)
{
	if (error)
		fprintf(stderr, "netconfig: %s: %s\n", what, strerror(error));
	return error;
}

int main(int argc, char **argv)
{
	const char *bus = argc > 1 ? argv[1] : "/tmp/wire";
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7)};
	char text[6] = "";
	int server, client;

	if (check(rump_boot_error(), rump_init()) ||
	    check("ifcreate", rump_pub_netconfig_ifcreate("shmif0")) ||
	    check(bus, rump_pub_netconfig_ifsetlinkstr("shmif0", bus)) ||
	    check("bradd", rump_pub_netconfig_bradd("br0", "shmif0")) ||
	    check("address", rump_pub_netconfig_ipv4_ifaddr_cidr("br0", "10.0.0.1", 24)) ||
	    check("gateway", rump_pub_netconfig_ipv4_gw("10.0.0.254")))
		return 1;

	inet_pton(AF_INET, "10.0.0.1", &address.sin_addr);
	server = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	client = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	if (rump_sys_bind(server, (struct sockaddr *)&address, sizeof(address)) ||
	    rump_sys_listen(server, 1) ||
	    rump_sys_connect(client, (struct sockaddr *)&address, sizeof(address)) ||
	    rump_sys_write(client, "hello", 5) != 5 ||
	    rump_sys_read(rump_sys_accept(server, NULL, NULL), text, 5) != 5) {
		perror("netconfig");
		return 1;
	}
	printf("%s, from 10.0.0.1 to itself\n", text);
	return 0;
}

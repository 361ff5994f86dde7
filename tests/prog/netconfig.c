/* SPDX-License-Identifier: BSD-2-Clause */
/* rump_pub_netconfig_*(): what each does, as the sockets of the kernel see it, and what it refuses.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <rump/netconfig.h>

#include "prog.h"

#define BAD ((const char *)16)

static int sock;

/* Flags of an interface, or -1. */
static int flags_of(const char *name)
{
	struct ifreq request = {.ifr_flags = 0};

	strcpy(request.ifr_name, name);
	return rump_sys_ioctl(sock, SIOCGIFFLAGS, &request) ? -1 : request.ifr_flags;
}

static const char *address_of(const char *name, unsigned long what)
{
	struct ifreq request = {.ifr_flags = 0};

	strcpy(request.ifr_name, name);
	if (rump_sys_ioctl(sock, what, &request))
		return "none";
	return inet_ntoa(((struct sockaddr_in *)&request.ifr_addr)->sin_addr);
}

/* Whether a datagram to the address finds a way. */
static int reaches(const char *to)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	bool is_v6 = inet_pton(AF_INET, to, &v4.sin_addr) != 1;
	int fd = rump_sys_socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), error = 0;

	if (is_v6)
		inet_pton(AF_INET6, to, &v6.sin6_addr);
	if (is_v6 ? rump_sys_connect(fd, (struct sockaddr *)&v6, sizeof(v6))
		  : rump_sys_connect(fd, (struct sockaddr *)&v4, sizeof(v4)))
		error = errno;
	rump_sys_close(fd);
	return error;
}

static void interfaces(const char *bus)
{
	is_int(rump_pub_netconfig_ifcreate("dummy0"), 0, "ifcreate dummy0");
	ok(flags_of("dummy0") >= 0 && !(flags_of("dummy0") & IFF_UP), "... is there, and down");
	is_int(rump_pub_netconfig_ifcreate("dummy0"), EEXIST, "... twice");
	is_int(rump_pub_netconfig_ifup("dummy0"), 0, "ifup");
	ok(flags_of("dummy0") & IFF_UP, "... is up");
	is_int(rump_pub_netconfig_ifdown("dummy0"), 0, "ifdown");
	ok(!(flags_of("dummy0") & IFF_UP), "... is down");
	is_int(rump_pub_netconfig_ifdestroy("dummy0"), 0, "ifdestroy");
	is_int(flags_of("dummy0"), -1, "... is gone");
	is_int(rump_pub_netconfig_ifdestroy("dummy0"), ENODEV, "... twice");
	is_int(rump_pub_netconfig_ifdestroy("lo"), EOPNOTSUPP, "lo stays");
	is_int(rump_pub_netconfig_ifup("dummy7"), ENODEV, "ifup of nothing");
	is_int(rump_pub_netconfig_ifcreate("eth0"), ENODEV, "no kind has that name");
	is_int(rump_pub_netconfig_ifcreate("a/b"), EINVAL, "no interface has that name");
	is_int(rump_pub_netconfig_ifcreate("dummy01234567890"), EINVAL, "nor one that is too long");

	is_int(rump_pub_netconfig_ifsetlinkstr("shmif0", bus), ENODEV, "nothing was promised");
	is_int(rump_pub_netconfig_ifcreate("shmif0"), 0, "ifcreate shmif0");
	is_int(rump_pub_netconfig_ifcreate("shmif0"), EEXIST, "... twice");
	is_int(flags_of("shmif0"), -1, "... is not there yet");
	is_int(rump_pub_netconfig_ifsetlinkstr("shmif0", "/no/such/folder/bus"), ENOENT,
	       "no such folder");
	is_int(rump_pub_netconfig_ifsetlinkstr("shmif0", bus), 0, "ifsetlinkstr, in another try");
	ok(flags_of("shmif0") >= 0, "... is there");
	is_int(rump_pub_netconfig_ifsetlinkstr("shmif0", bus), EBUSY, "... twice");
	is_int(rump_pub_netconfig_ifcreate("shmif1"), 0, "a promise");
	is_int(rump_pub_netconfig_ifdestroy("shmif1"), 0, "... that is taken back");
	is_int(rump_pub_netconfig_ifsetlinkstr("shmif1", bus), ENODEV, "... is none");
}

static void addresses(void)
{
	is_int(reaches("10.9.9.9"), ENETUNREACH, "nothing leads anywhere");
	is_int(rump_pub_netconfig_ipv4_gw("10.0.0.254"), ENETUNREACH, "a gateway in no network");
	is_int(rump_pub_netconfig_ipv4_ifaddr("shmif0", "10.0.0.1", "255.255.255.0"), 0, "ifaddr");
	is_str(address_of("shmif0", SIOCGIFADDR), "10.0.0.1", "... the address");
	is_str(address_of("shmif0", SIOCGIFNETMASK), "255.255.255.0", "... the mask");
	is_str(address_of("shmif0", SIOCGIFBRDADDR), "10.0.0.255", "... the broadcast address");
	ok(flags_of("shmif0") & IFF_UP, "... and it is up");
	is_int(rump_pub_netconfig_ipv4_ifaddr_cidr("shmif0", "10.3.0.1", 16), 0, "another one");
	is_int(reaches("10.3.200.1"), 0, "... its network is known");
	is_int(rump_pub_netconfig_ipv4_gw("10.0.0.254"), 0, "a gateway");
	is_int(reaches("10.9.9.9"), 0, "... leads everywhere");
	is_int(rump_pub_netconfig_ipv4_gw("10.0.0.253"), EEXIST, "... twice");
	is_int(rump_pub_netconfig_ipv4_ifaddr("shmif0", "10.0.0.1", "255.0.255.0"), EINVAL,
	       "a mask");
	is_int(rump_pub_netconfig_ipv4_ifaddr("shmif0", "10.0.0", "255.0.0.0"), EINVAL,
	       "half an address");
	is_int(rump_pub_netconfig_ipv4_ifaddr_cidr("shmif0", "10.0.0.1", 33), EINVAL, "33 bits");
	is_int(rump_pub_netconfig_ipv4_ifaddr_cidr("shmif0", "10.0.0.1", -1), EINVAL, "-1 bits");
	is_int(rump_pub_netconfig_ipv4_ifaddr_cidr("shmif0", "fd00::1", 24), EINVAL,
	       "the other family");
	is_int(rump_pub_netconfig_ipv4_ifaddr_cidr("shmif9", "10.0.0.1", 24), ENODEV,
	       "nothing's address");

	is_int(rump_pub_netconfig_ipv6_gw("fd00::fe"), ENETUNREACH,
	       "an IPv6 gateway in no network");
	is_int(rump_pub_netconfig_ipv6_ifaddr("shmif0", "fd00::1", 64), 0, "an IPv6 address");
	is_int(reaches("fd00::2"), 0, "... is used at once");
	is_int(rump_pub_netconfig_ipv6_gw("fe80::1%shmif0"), 0, "a link-local gateway");
	is_int(reaches("fd99::1"), 0, "... leads everywhere");
	is_int(rump_pub_netconfig_ipv6_gw("10.0.0.1"), EINVAL, "a gateway of the other family");
	is_int(rump_pub_netconfig_ipv6_ifaddr("shmif0", "fd00::1", 129), EINVAL, "129 bits");
	is_int(rump_pub_netconfig_auto_ipv6("shmif0"), 0, "auto_ipv6");
	is_int(rump_pub_netconfig_auto_ipv6("shmif9"), ENODEV, "... of nothing");
}

static void bridges(void)
{
	is_int(rump_pub_netconfig_ifcreate("dummy1"), 0, "a port");
	is_int(rump_pub_netconfig_bradd("bridge0", "dummy1"), 0, "bradd makes the bridge");
	ok(flags_of("bridge0") & IFF_UP, "... and brings it up");
	is_int(rump_pub_netconfig_bradd("bridge0", "dummy9"), ENODEV, "no such port");
	is_int(rump_pub_netconfig_brdel("bridge0", "dummy1"), 0, "brdel");
	is_int(rump_pub_netconfig_brdel("bridge0", "dummy1"), ENOENT, "... twice");
	is_int(rump_pub_netconfig_ifdestroy("bridge0"), 0, "the bridge goes");
}

static void bad_pointers(void)
{
	is_int(rump_pub_netconfig_ifcreate(NULL), EFAULT, "no name");
	is_int(rump_pub_netconfig_ifup(BAD), EFAULT, "a bad name");
	is_int(rump_pub_netconfig_ifsetlinkstr("shmif0", NULL), EFAULT, "no link string");
	is_int(rump_pub_netconfig_ipv4_ifaddr("shmif0", "10.0.0.9", BAD), EFAULT, "a bad mask");
	is_int(rump_pub_netconfig_dhcp_ipv4_oneshot("lo"), EINVAL, "DHCP on lo");
	is_int(rump_pub_netconfig_dhcp_ipv4_oneshot("shmif9"), ENODEV, "... on nothing");
}

static void in_a_child(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(rump_pub_netconfig_ifup("lo") == ENOTCONN ? 0 : 1);
	waitpid(pid, &status, 0);
	is_int(status, 0, "a child of fork is a client");
}

/* At the end: the process stays there. */
static void in_another_namespace(void)
{
	is_int(rump_sys_unshare(CLONE_NEWNET), 0, "a network namespace of its own");
	is_int(rump_pub_netconfig_ifcreate("dummy2"), 0, "an interface in it");
	is_int(rump_pub_netconfig_ipv4_ifaddr_cidr("dummy2", "10.3.0.1", 24), 0, "with an address");
	is_int(rump_pub_netconfig_dhcp_ipv4_oneshot("dummy2"), EOPNOTSUPP, "DHCP is refused there");
	is_int(rump_pub_netconfig_ifup("shmif0"), ENODEV, "other interfaces are elsewhere");
}

/* For tests/dhcp.bats: the address that a lease gives. */
static int lease(const char *bus)
{
	int error = rump_init();

	error = error ? error : rump_pub_netconfig_ifcreate("shmif0");
	error = error ? error : rump_pub_netconfig_ifsetlinkstr("shmif0", bus);
	error = error ? error : rump_pub_netconfig_dhcp_ipv4_oneshot("shmif0");
	if (error) {
		fprintf(stderr, "%s\n", strerror(error));
		return 1;
	}
	sock = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
	puts(address_of("shmif0", SIOCGIFADDR));
	return 0;
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/rump-netconfig.XXXXXX", bus[64];

	if (argc > 1)
		return lease(argv[1]);
	is_int(rump_pub_netconfig_ifup("lo"), ENXIO, "there is no kernel yet");
	is_int(rump_init(), 0, "a kernel");
	if (!mkdtemp(folder))
		return 1;
	snprintf(bus, sizeof(bus), "%s/bus", folder);
	sock = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
	interfaces(bus);
	addresses();
	bridges();
	bad_pointers();
	in_a_child();
	in_another_namespace();
	unlink(bus);
	rmdir(folder);
	return done_testing();
}

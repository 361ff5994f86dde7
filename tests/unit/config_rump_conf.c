/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump.conf: every line, every error, files, and memory that runs out at each place.
 * Linked with --wrap=malloc and friends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rump/rump.h>

#include "rump_conf.h"
#include "tap.h"

/* ---- memory that runs out ---- */

static int allocations_left = -1; /* -1: no end */

static bool may_allocate(void)
{
	if (!allocations_left)
		return false;
	if (allocations_left > 0)
		allocations_left--;
	return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
	return may_allocate() ? __real_realloc(old, size) : NULL;
}

/* ---- what was read, as text ---- */

static const char *const kinds[] = {
	[RUMPUSER_BOOT_COMPONENT] = "component",
	[RUMPUSER_BOOT_DRIVE] = "drive",
	[RUMPUSER_BOOT_MOUNT] = "mount",
	[RUMPUSER_BOOT_SYSCTL] = "sysctl",
	[RUMPUSER_BOOT_HOSTNAME] = "hostname",
	[RUMPUSER_BOOT_MKDIR] = "mkdir",
	[RUMPUSER_BOOT_NET] = "net",
};

static const char *show(const struct rumpuser_boot_item *item)
{
	static char text[20000];
	int length = snprintf(text, sizeof(text), "%s [%s] [%s] [%s] [%s]", kinds[item->kind],
			      item->name, item->source, item->fstype, item->options);

	if (item->kind == RUMPUSER_BOOT_DRIVE)
		snprintf(text + length, sizeof(text) - (size_t)length, " %d %llu %lld %u %u",
			 item->type, item->offset, (long long)item->size, item->is_readonly,
			 item->sector_size);
	return text;
}

/* ---- lines ---- */

static const struct {
	const char *text, *item;
} good[] = {
	{"component xfs", "component [xfs] [] [] []"},
	{"component nls_utf8-1.2", "component [nls_utf8-1.2] [] [] []"},
	{"drive /dev/vda disk.img", "drive [/dev/vda] [/base/disk.img] [] [] 1 0 -1 0 0"},
	{"drive //dev/x/../vda /disk.img ro", "drive [/dev/vda] [/disk.img] [] [] 1 0 -1 1 0"},
	{"drive /dev/vda \"my disk\" size=16m offset=1m type=blk sector=4096",
	 "drive [/dev/vda] [/base/my disk] [] [] 1 1048576 16777216 0 4096"},
	{"drive /h ../h type=dirsubdirs", "drive [/h] [/base/../h] [] [] 4 0 -1 0 0"},
	{"drive /h h,o type=reg size=3 offset=1", "drive [/h] [/base/h,o] [] [] 0 1 3 0 0"},
	{"drive /h h type=chr", "drive [/h] [/base/h] [] [] 2 0 -1 0 0"},
	{"mount ext4 /dev/vda /mnt", "mount [/mnt] [/dev/vda] [ext4] []"},
	{"mount auto /dev//vda //mnt/ ro,noatime", "mount [/mnt] [/dev/vda] [] [ro,noatime]"},
	{"mount tmpfs none / size=1m,mode=0755", "mount [/] [none] [tmpfs] [size=1m,mode=0755]"},
	{"mount overlay ov /o \"lowerdir=/a b:/c\"",
	 "mount [/o] [ov] [overlay] [lowerdir=/a b:/c]"},
	{"mount fuse.sshfs u@h:/ /s rw", "mount [/s] [u@h:/] [fuse.sshfs] [rw]"},
	{"mount ext4 /dev/vda /mnt acl,bg,v3", "mount [/mnt] [/dev/vda] [ext4] [acl,bg,v3]"},
	{"sockin", "component [sockin] [] [] []"},
	{"hostname box", "hostname [box] [] [] []"},
	{"hostname a-b.example_1.org", "hostname [a-b.example_1.org] [] [] []"},
	{"mkdir /a", "mkdir [/a] [] [] []"},
	{"mkdir \"/a b/./c/\"", "mkdir [/a b/c] [] [] []"},
	{"sysctl net.ipv4.ip_forward=1", "sysctl [net/ipv4/ip_forward] [1] [] []"},
	{"sysctl net.ipv4.ip_forward = 1", "sysctl [net/ipv4/ip_forward] [1] [] []"},
	{"sysctl net.ipv4.ip_forward= 1", "sysctl [net/ipv4/ip_forward] [1] [] []"},
	{"sysctl net/ipv4/ip_forward =1", "sysctl [net/ipv4/ip_forward] [1] [] []"},
	{"sysctl /proc/sys/net/ipv4/ip_forward=1", "sysctl [net/ipv4/ip_forward] [1] [] []"},
	{"sysctl net.ipv4.conf.eth0/1.forwarding=1",
	 "sysctl [net/ipv4/conf/eth0.1/forwarding] [1] [] []"},
	{"sysctl net/ipv4/conf/eth0.1/forwarding=1",
	 "sysctl [net/ipv4/conf/eth0.1/forwarding] [1] [] []"},
	{"sysctl net.ipv4.ip_local_port_range=1024 65535",
	 "sysctl [net/ipv4/ip_local_port_range] [1024 65535] [] []"},
	{"sysctl kernel.core_pattern=\"|/bin/x  a=b\"",
	 "sysctl [kernel/core_pattern] [|/bin/x  a=b] [] []"},
	{"interface virt0 tap0", "net [interface virt0 tap0] [virt0] [interface] [tap0]"},
	{"interface virt1 user,tcp=8080:80  mtu=9000",
	 "net [interface virt1 user,tcp=8080:80 mtu=9000] [virt1] [interface] "
	 "[user,tcp=8080:80 mtu=9000]"},
	{"interface  shmif12   bus", "net [interface shmif12 /base/bus] [shmif12] [interface] "
				     "[/base/bus]"},
	{"interface shmif0 \"/a b\"", "net [interface shmif0 \"/a b\"] [shmif0] [interface] "
				      "[\"/a b\"]"},
	{"address virt0 10.0.0.2/24", "net [address virt0 10.0.0.2/24] [virt0] [address] "
				      "[10.0.0.2/24]"},
	{"address virt0 0.0.0.0/0", "net [address virt0 0.0.0.0/0] [virt0] [address] "
				    "[0.0.0.0/0]"},
	{"address eth0.5 10.0.0.2/32", "net [address eth0.5 10.0.0.2/32] [eth0.5] [address] "
				       "[10.0.0.2/32]"},
	{"address virt0 fd00::2/128", "net [address virt0 fd00::2/128] [virt0] [address] "
				      "[fd00::2/128]"},
	{"route default 10.0.0.1", "net [route default 10.0.0.1] [default] [route] [10.0.0.1]"},
	{"route default fd00::1 virt0", "net [route default fd00::1 virt0] [default] [route] "
					"[fd00::1 virt0]"},
	{"route 10.1.0.0/16 10.0.0.1", "net [route 10.1.0.0/16 10.0.0.1] [10.1.0.0/16] [route] "
				       "[10.0.0.1]"},
	{"route 10.1.2.3/32 10.0.0.1", "net [route 10.1.2.3/32 10.0.0.1] [10.1.2.3/32] [route] "
				       "[10.0.0.1]"},
	{"route 0.0.0.0/0 10.0.0.1", "net [route 0.0.0.0/0 10.0.0.1] [0.0.0.0/0] [route] "
				     "[10.0.0.1]"},
	{"route fd00:8000::/17 fe80::1 virt0", "net [route fd00:8000::/17 fe80::1 virt0] "
					       "[fd00:8000::/17] [route] [fe80::1 virt0]"},
	{"dhcp virt0", "net [dhcp virt0] [virt0] [dhcp] []"},
	{"up virt0", "net [up virt0] [virt0] [up] []"},
	{"up virt0 mtu=1400", "net [up virt0 mtu=1400] [virt0] [up] [mtu=1400]"},
	{"dhcp virt0 timeout=5", "net [dhcp virt0 timeout=5] [virt0] [dhcp] [timeout=5]"},
	{"autoconf6 virt0", "net [autoconf6 virt0] [virt0] [autoconf6] []"},
	{"interface dummy0", "net [interface dummy0] [dummy0] [interface] []"},
	{"interface br12", "net [interface br12] [br12] [interface] []"},
	{"interface veth0 veth1", "net [interface veth0 veth1] [veth0] [interface] [veth1]"},
	{"interface shmif0 bus real mtu=9000",
	 "net [interface shmif0 /base/bus real mtu=9000] [shmif0] [interface] "
	 "[/base/bus real mtu=9000]"},
	{"bridge br0 virt0 shmif0", "net [bridge br0 virt0 shmif0] [br0] [bridge] [virt0 shmif0]"},
	{"nameserver 10.0.0.53 fd00::53",
	 "net [nameserver 10.0.0.53 fd00::53] [10.0.0.53] [nameserver] [fd00::53]"},
	{"host 10.0.0.1 a.b c", "net [host 10.0.0.1 a.b c] [10.0.0.1] [host] [a.b c]"},
	/* the language */
	{"\thostname\t box  ", "hostname [box] [] [] []"},
	{"hostname box # a comment \" \\", "hostname [box] [] [] []"},
	{"hostname box\r\n", "hostname [box] [] [] []"},
	{"hostname box\r", "hostname [box] [] [] []"},
	{"# only\r\n\r\n  \t\r\nhostname box", "hostname [box] [] [] []"},
	{"\xef\xbb\xbfhostname box", "hostname [box] [] [] []"},
	{"hostname \\\n box", "hostname [box] [] [] []"},
	{"host\\\r\nname b\\\nox", "hostname [box] [] [] []"},
	{"hostname box \\\n", "hostname [box] [] [] []"},
	{"\\\n\\\nhostname box", "hostname [box] [] [] []"},
	{"# a comment is not joined \\\nhostname box", "hostname [box] [] [] []"},
	{"\"hostname\" b\"o\"x", "hostname [box] [] [] []"},
	{"mkdir /a#b", "mkdir [/a#b] [] [] []"},
	{"mkdir \"/#\"", "mkdir [/#] [] [] []"},
	{"mkdir \"/a\\\"\\\\\"\\", "mkdir [/a\"\\\\] [] [] []"},
	{"mkdir /a\\b", "mkdir [/a\\b] [] [] []"},
	{"mkdir \"/a\\\nb\"", "mkdir [/ab] [] [] []"},
	{"mkdir /\xc3\xa4", "mkdir [/\xc3\xa4] [] [] []"},
};

static void lines(void)
{
	struct config_error error;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct rump_conf conf = RUMP_CONF_INIT;
		int result = rump_conf_parse_text(good[i].text, "good", "/base", &conf, &error);

		if (is_int(result, 0, "'%s' is read", good[i].text)) {
			is_int(conf.count, 1, "... one thing");
			is_str(show(&conf.items[0]), good[i].item, "... which is that");
			is_str(conf.items[0].file, "good", "... from there");
		} else {
			diag("%s", error.text);
		}
		rump_conf_free(&conf);
		ok(!conf.items && !conf.count && !conf.chunks, "... and it is gone");
	}
}

static const struct {
	const char *text, *error;
} bad[] = {
	{"compnent xfs", "1: unknown word 'compnent': did you mean 'component'? known: component "
			 "sockin drive mount mkdir hostname sysctl interface address route dhcp up "
			 "autoconf6 bridge nameserver host include"},
	{"\"\"", "1: unknown word '': known: component *"},
	{"component", "1: component: want the component's NAME such as xfs"},
	{"component a b", "1: component: unknown word 'b': want one component a line"},
	{"component a/b", "1: component: 'a/b': want a component's name such as xfs: letters, "
			  "digits, _ - ."},
	{"component .a", "1: component: '.a': want a component's name *"},
	{"component -a", "1: component: '-a': want a component's name *"},
	{"component \"\"", "1: component: '': want a component's name *"},
	{"drive", "1: drive: want KEY HOSTPATH [size=N] [offset=N] "
		  "[type=blk|chr|reg|dir|dirsubdirs] [ro] [sector=512|4096]"},
	{"drive /dev/vda", "1: drive: want KEY HOSTPATH *"},
	{"drive vda x", "1: drive: 'vda': want a KEY that is an absolute path such as /dev/vda"},
	{"drive / x", "1: drive: '/': want a KEY *"},
	{"drive /d \"\"", "1: drive: '': want a HOSTPATH such as disk.img"},
	{"drive /d x sise=1", "1: drive: unknown word 'sise': did you mean 'size'? known: size "
			      "offset type ro sector"},
	{"drive /d x key=/e", "1: drive: unknown word 'key': known: size offset type ro sector"},
	{"drive /d x size=0", "1: drive: 'size=0': nothing would be left*"},
	{"drive /d x type=dir size=host", "1: drive: size= is for type=blk and type=reg, not for "
					  "type=dir"},
	{"drive /d x size=513", "1: drive: size=513 is no multiple of the sector, 512 bytes"},
	{"drive /d x\n\ndrive /e x\ndrive /a/../d y", "4: drive: '/d' is a drive already: bad:1"},
	{"mount", "1: mount: want FSTYPE|auto SOURCE TARGET [OPTIONS]"},
	{"mount ext4 /dev/vda", "1: mount: want FSTYPE|auto SOURCE TARGET [OPTIONS]"},
	{"mount ext/4 /dev/vda /mnt", "1: mount: 'ext/4': want a file system such as ext4, or "
				      "auto"},
	{"mount ext4 \"\" /mnt", "1: mount: '': want a SOURCE such as /dev/vda or none"},
	{"mount auto none /mnt", "1: mount: 'none': want a device such as /dev/vda: auto finds the "
				 "file system by looking"},
	{"mount ext4 /dev/vda mnt", "1: mount: 'mnt': want a TARGET that is an absolute path such "
				    "as /mnt"},
	{"hostname a\nhostname b\nmount ext4 /dev/vda /mnt rx",
	 "3: mount: unknown word 'rx': want OPTIONS such as ro,noatime"},
	{"mount ext4 /dev/vda /mnt noatime,or", "1: mount: unknown word 'or': want OPTIONS*"},
	{"mount ext4 /dev/vda /mnt r", "1: mount: unknown word 'r': want OPTIONS*"},
	{"mount ext4 /dev/vda /mnt \"\"", "1: mount: '': want OPTIONS such as ro,noatime"},
	{"mount ext4 /dev/vda /mnt ro noatime", "1: mount: unknown word 'noatime': want OPTIONS "
						"such as ro,noatime in one word"},
	{"hostname", "1: hostname: want a NAME such as box"},
	{"sockin eth0", "1: sockin: unknown word 'eth0': want nothing behind it"},
	{"hostname a b", "1: hostname: unknown word 'b': want one name"},
	{"hostname \"a b\"", "1: hostname: 'a b': want a host name such as *"},
	{"mkdir", "1: mkdir: want an absolute PATH such as /mnt"},
	{"mkdir a", "1: mkdir: 'a': want an absolute path such as /mnt"},
	{"mkdir /", "1: mkdir: '/': want a directory that is not there already"},
	{"mkdir /a 0755", "1: mkdir: unknown word '0755': want one path a line"},
	{"sysctl", "1: sysctl: want NAME=VALUE such as net.ipv4.ip_forward=1"},
	{"sysctl a.b", "1: sysctl: 'a.b': want NAME=VALUE such as net.ipv4.ip_forward=1"},
	{"sysctl =1", "1: sysctl: '=1': want NAME=VALUE *"},
	{"sysctl a.b=", "1: sysctl: no value for 'a.b': want NAME=VALUE *"},
	{"sysctl a.b = \"\"", "1: sysctl: no value for 'a.b': want NAME=VALUE *"},
	{"sysctl a=1", "1: sysctl: 'a': want a name such as net.ipv4.ip_forward"},
	{"sysctl a..b=1", "1: sysctl: 'a//b': want a name such as net.ipv4.ip_forward"},
	{"sysctl a/../b=1", "1: sysctl: 'a/../b': want a name *"},
	{"sysctl a/./b=1", "1: sysctl: 'a/./b': want a name *"},
	{"sysctl .a.b=1", "1: sysctl: '/a/b': want a name *"},
	{"sysctl a.b.=1", "1: sysctl: 'a/b/': want a name *"},
	{"sysctl /etc/passwd=1", "1: sysctl: '/etc/passwd': want a name *"},
	{"sysctl a.b c=1", "1: sysctl: 'a.b c': want a name *"},
	{"interface", "1: interface: want an INTERFACE such as virt0"},
	{"interface virt0",
	 "1: interface: no backend for virt0: want an interface of the host such "
	 "as tap0"},
	{"interface shmif0", "1: interface: no backend for shmif0: want a bus file such as "
			     "/tmp/bus"},
	{"interface eth0 tap0",
	 "1: interface: 'eth0': want virt0, virt1 ... on an interface of the "
	 "host, shmif0 ... on a bus file, dummy0, br0 or veth0"},
	{"interface dummy0 x", "1: interface: unknown word 'x': want its name only"},
	{"interface veth0", "1: interface: want the name of the other end, such as veth1"},
	{"interface veth0 veth0", "1: interface: 'veth0': want another name for the other end"},
	{"interface veth0 veth1 x", "1: interface: unknown word 'x': want the name of the *"},
	{"interface virt tap0", "1: interface: 'virt': want virt0, *"},
	{"interface virt0x tap0", "1: interface: 'virt0x': want virt0, *"},
	{"interface virt0 /dev/tap", "1: interface: '/dev/tap': want an interface of the host such "
				     "as tap0, or one of *"},
	{"interface virt0 tap0 x", "1: interface: unknown word 'x': want mac=ADDRESS or mtu=BYTES "
				   "behind the backend"},
	{"interface virt0 \"tap 0\"", "1: interface: 'tap 0': want words without blanks"},
	{"interface virt01234567890a tap0", "1: interface: 'virt01234567890a': want an interface "
					    "such as virt0: at most 15 *"},
	{"address", "1: address: want an INTERFACE such as virt0"},
	{"address virt0", "1: address: want ADDRESS/LENGTH such as 10.0.0.2/24 or fd00::2/64"},
	{"address virt0 10.0.0.2", "1: address: '10.0.0.2': no prefix length: want 10.0.0.2/24 for "
				   "example"},
	{"address virt0 fd00::2", "1: address: 'fd00::2': no prefix length: want fd00::2/64 for "
				  "example"},
	{"address virt0 10.0.0/24", "1: address: '10.0.0/24': want ADDRESS/LENGTH *"},
	{"address virt0 10.0.0.256/24", "1: address: '10.0.0.256/24': want ADDRESS/LENGTH *"},
	{"address virt0 host", "1: address: 'host': want ADDRESS/LENGTH *"},
	{"address virt0 10.0.0.2/33", "1: address: '10.0.0.2/33': want a prefix length from 0 to "
				      "32"},
	{"address virt0 fd00::2/129", "1: address: 'fd00::2/129': want a prefix length from 0 to "
				      "128"},
	{"address virt0 10.0.0.2/", "1: address: '10.0.0.2/': want a prefix length *"},
	{"address virt0 10.0.0.2/24/1", "1: address: '10.0.0.2/24/1': want a prefix length *"},
	{"address virt0 10.0.0.2/-1", "1: address: '10.0.0.2/-1': want a prefix length *"},
	{"address a/b 10.0.0.2/24", "1: address: 'a/b': want an interface such as virt0: *"},
	{"address .. 10.0.0.2/24", "1: address: '..': want an interface such as virt0: *"},
	{"address virt0 10.0.0.2/24 10.0.0.3/24",
	 "1: address: unknown word '10.0.0.3/24': want one "
	 "address a line"},
	{"route", "1: route: want default|DESTINATION/LENGTH GATEWAY [INTERFACE]"},
	{"route default", "1: route: want a GATEWAY that is an address such as 10.0.0.1"},
	{"route default gw", "1: route: 'gw': want a GATEWAY that is an address such as 10.0.0.1"},
	{"route default 10.0.0.1/24", "1: route: '10.0.0.1/24': want a GATEWAY *"},
	{"route defalt 10.0.0.1", "1: route: 'defalt': want ADDRESS/LENGTH *"},
	{"route 10.1.2.3/16 10.0.0.1", "1: route: '10.1.2.3/16' has bits behind its prefix: want "
				       "10.1.0.0/16"},
	{"route 10.1.255.0/23 10.0.0.1", "1: route: '10.1.255.0/23' has bits behind its prefix: "
					 "want 10.1.254.0/23"},
	{"route fd00:1::/16 fd00::1", "1: route: 'fd00:1::/16' has bits behind its prefix: want "
				      "fd00::/16"},
	{"route 10.1.0.0/16 fd00::1", "1: route: 'fd00::1': want an IPv4 gateway, as the "
				      "destination is one"},
	{"route fd00::/16 10.0.0.1", "1: route: '10.0.0.1': want an IPv6 gateway, as the "
				     "destination is one"},
	{"route default fe80::1", "1: route: 'fe80::1': want an INTERFACE behind it: link-local "
				  "addresses mean nothing without"},
	{"route default 10.0.0.1 a/b", "1: route: 'a/b': want an interface such as virt0: *"},
	{"route default 10.0.0.1 virt0 x", "1: route: unknown word 'x': want GATEWAY and INTERFACE "
					   "only"},
	{"dhcp", "1: dhcp: want an INTERFACE such as virt0"},
	{"dhcp virt0 x", "1: dhcp: 'x': want timeout=SECONDS from 0 to 3600; 0 does not *"},
	{"dhcp virt0 timeout=3601", "1: dhcp: 'timeout=3601': want timeout=SECONDS *"},
	{"dhcp virt0 timeout=1 x", "1: dhcp: unknown word 'x': want timeout=SECONDS *"},
	{"up virt0 mtu=67", "1: up: 'mtu=67': want mtu=BYTES from 68 to 65535"},
	{"up virt0 mtu=", "1: up: 'mtu=': want mtu=BYTES *"},
	{"autoconf6 virt0 x", "1: autoconf6: unknown word 'x': want one interface a line"},
	{"bridge br0", "1: bridge: want BRIDGE INTERFACE..., such as br0 virt0 shmif0"},
	{"bridge br0 virt0 br0", "1: bridge: 'br0': want interfaces other than the bridge itself"},
	{"nameserver", "1: nameserver: want an ADDRESS such as 10.0.0.53"},
	{"nameserver ns", "1: nameserver: 'ns': want an address such as 10.0.0.53 or fd00::53"},
	{"nameserver 1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4",
	 "1: nameserver: '1.1.1.4': want three nameservers at most"},
	{"host 10.0.0.1", "1: host: want ADDRESS NAME..., such as 10.0.0.1 server"},
	{"host a b", "1: host: 'a': want an address such as 10.0.0.1 or fd00::1"},
	{"host 10.0.0.1 a/b", "1: host: 'a/b': want a host's name such as server.example.org"},
	{"up", "1: up: want an INTERFACE such as virt0"},
	{"up \"\"", "1: up: '': want an interface such as virt0: *"},
	{"include", "1: include: want a FILE"},
	{"include \"\"", "1: include: '': want a FILE"},
	{"include a b", "1: include: unknown word 'b': want one FILE a line"},
	{"include nosuch", "1: include: /base/nosuch: no such file"},
	/* the language */
	{"mkdir \"/a", "1: no '\"' at the end of '\"/a': want it on the same line"},
	{"mkdir \"/a\nmkdir /b\"", "1: no '\"' at the end of '\"/a': want it on the same line"},
	{"mkdir \\\n\"/a", "2: no '\"' at the end of '\"/a': want it on the same line"},
	{"mkdir \"/a\\n\"", "1: '\\' in '\"/a': want \\\" for a quote, \\\\ for a backslash"},
	{"mkdir \"/a\\", "1: '\\' in '\"/a': want \\\" for a quote, \\\\ for a backslash"},
	{"mkdir /a\x01", "1: control byte \\x01: take it out"},
	{"mkdir /a\x7f", "1: control byte \\x7f: take it out"},
	{"mkdir /a\rmkdir /b", "1: control byte \\x0d: take it out"},
	{"\n# \x1b[1m", "2: control byte \\x1b: take it out"},
	{"\\\r\n\\\n\n\nmkdir\\\n \\\n a", "5: mkdir: 'a': want an absolute path such as /mnt"},
};

/* A '*' at the end of want stands for anything. */
static bool is_like(const char *got, const char *want)
{
	size_t length = strlen(want);

	return want[length - 1] == '*' ? !strncmp(got, want, length - 1) : !strcmp(got, want);
}

static void errors(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rump_conf conf = RUMP_CONF_INIT;
		struct rump_conf_chunk *chunks;
		struct config_error error = {"bad:(nothing said)"};
		int result;

		rump_conf_parse_text("hostname before", "first", "/base", &conf, &error);
		chunks = conf.chunks;
		result = rump_conf_parse_text(bad[i].text, "bad", "/base", &conf, &error);
		ok(result == -EINVAL || result == -ENOENT, "'%s' is refused", bad[i].text);
		if (!ok(!strncmp(error.text, "bad:", 4) && is_like(error.text + 4, bad[i].error),
			"... and told: %s", error.text))
			diag("want bad:%s", bad[i].error);
		is_int(conf.count, 1, "... and leaves what there was");
		ok(conf.chunks == chunks, "... and no memory in use");
		is_str(show(&conf.items[0]), "hostname [before] [] [] []", "... as it was");
		ok(rump_conf_parse_text(bad[i].text, "bad", "/base", &conf, NULL) < 0,
		   "... without an error too");
		rump_conf_free(&conf);
	}
}

static void whole_text(void)
{
	static const char text[] = "# a machine\n"
				   "component xfs\r\n"
				   "\n"
				   "drive /dev/vda \\\n"
				   "	disk.img \\\n"
				   "	ro\n"
				   "mount auto /dev/vda /\n"
				   "mount tmpfs none /tmp # cleared";
	struct rump_conf conf = RUMP_CONF_INIT;
	struct config_error error;

	is_int(rump_conf_parse_text("", "empty", NULL, &conf, &error), 0, "an empty text");
	is_int(conf.count, 0, "... has nothing");
	is_int(rump_conf_parse_bytes(NULL, 0, "empty", NULL, &conf, &error), 0, "no bytes");
	is_int(rump_conf_parse_text(text, "machine", "/x/", &conf, &error), 0, "a text");
	is_int(conf.count, 4, "... of four things");
	is_int(conf.items[0].line, 2, "... on line 2");
	is_int(conf.items[1].line, 4, "... the first of lines that were joined");
	is_int(conf.items[2].line, 7, "... and behind them");
	is_int(conf.items[3].line, 8, "... and the last without an end");
	is_str(conf.items[1].source, "/x/disk.img", "a base_dir with a slash at its end");
	is_int(rump_conf_parse_text("drive /dev/vdb b", "more", "/", &conf, &error), 0,
	       "another text");
	is_int(conf.count, 5, "... adds to the first");
	is_str(conf.items[4].source, "/b", "... relative to the root");
	is_str(conf.items[4].file, "more", "... with its name");
	is_str(conf.items[0].file, "machine", "... the others keep theirs");
	is_int(rump_conf_parse_text("drive /dev/vda b", "third", "/", &conf, &error), -EINVAL,
	       "a drive that the first text has");
	is_str(error.text, "third:1: drive: '/dev/vda' is a drive already: machine:4",
	       "... is told");
	rump_conf_free(&conf);
	rump_conf_free(&conf);
	rump_conf_free(NULL);

	is_int(rump_conf_parse_bytes("mkdir /a\0b", 10, "nul", NULL, &conf, &error), -EINVAL,
	       "a NUL byte");
	is_str(error.text, "nul:1: a NUL byte: this is no text", "... is told");
	is_int(rump_conf_parse_bytes("\n#\0", 3, "nul", NULL, &conf, &error), -EINVAL,
	       "one in a comment");
	is_str(error.text, "nul:2: a NUL byte: this is no text", "... is told");
	is_int(rump_conf_parse_bytes("mkdir /ab", 8, "cut", NULL, &conf, &error), 0,
	       "bytes without a NUL behind them");
	is_str(conf.items[0].name, "/a", "... end where they end");
	rump_conf_free(&conf);
}

static void working_directory(void)
{
	char directory[4096], want[4200];
	struct rump_conf conf = RUMP_CONF_INIT;
	struct config_error error;

	if (!getcwd(directory, sizeof(directory)))
		bail_out("no working directory");
	snprintf(want, sizeof(want), "%s/disk", directory);
	is_int(rump_conf_parse_text("drive /d disk", "t", NULL, &conf, &error), 0,
	       "without a base_dir");
	is_str(conf.items[0].source, want, "... it is the working directory");
	rump_conf_free(&conf);
}

/* Leaves the process in no directory. */
static void no_working_directory(void)
{
	char directory[] = "/tmp/rump_conf_gone.XXXXXX";
	struct rump_conf conf = RUMP_CONF_INIT;
	struct config_error error;

	if (!mkdtemp(directory) || chdir(directory) || rmdir(directory))
		bail_out("no directory to be lost in");
	is_int(rump_conf_parse_text("drive /d disk", "t", NULL, &conf, &error), -EINVAL,
	       "a relative path without a working directory");
	is_str(error.text,
	       "t:1: drive: 'disk': the working directory is gone: want an absolute path",
	       "... is told");
	is_int(rump_conf_parse_text("drive /d /disk", "t", NULL, &conf, &error), 0,
	       "an absolute one needs none");
	rump_conf_free(&conf);
}

static void limits(void)
{
	size_t size = 8 * 1024 * 1024;
	char *text = malloc(size);
	struct rump_conf conf = RUMP_CONF_INIT;
	struct config_error error;

	memset(text, 'a', size);
	/* the words and the NUL of each fill the line */
	memcpy(text, "mkdir /", 7);
	text[RUMP_CONF_LINE_MAX] = '\0';
	is_int(rump_conf_parse_text(text, "long", NULL, &conf, &error), 0, "the longest line");
	is_int(strlen(conf.items[0].name), RUMP_CONF_LINE_MAX - 6, "... is whole");
	text[RUMP_CONF_LINE_MAX] = 'a';
	text[RUMP_CONF_LINE_MAX + 1] = '\0';
	is_int(rump_conf_parse_text(text, "long", NULL, &conf, &error), -EINVAL, "one more byte");
	is_str(error.text, "long:1: '/aaaaaaaaaaaaaaa...': the line is longer than 16384 bytes",
	       "... is told");
	rump_conf_free(&conf);

	strcpy(text, "sysctl a.b=");
	for (int i = 0; i < RUMP_CONF_WORDS_MAX - 2; i++)
		strcat(text, " x");
	is_int(rump_conf_parse_text(text, "words", NULL, &conf, &error), 0,
	       "as many words as may be");
	is_int(strlen(conf.items[0].source), 2 * (RUMP_CONF_WORDS_MAX - 2) - 1,
	       "... are all there");
	rump_conf_free(&conf);
	strcat(text, " x");
	is_int(rump_conf_parse_text(text, "words", NULL, &conf, &error), -EINVAL, "one more");
	is_str(error.text, "words:1: more than 64 words in a line", "... is told");

	/* words that fill the buffer to its last byte, and then one more */
	text[0] = '\0';
	memset(text, 'a', RUMP_CONF_LINE_MAX);
	text[RUMP_CONF_LINE_MAX] = '\0';
	strcat(text, " b");
	is_int(rump_conf_parse_text(text, "words", NULL, &conf, &error), -EINVAL,
	       "a word behind a full line");
	is_str(error.text, "words:1: the line is longer than 16384 bytes", "... is told");

	text[0] = '\0';
	for (int i = 0; i < 4097; i++)
		memcpy(text + 9 * i, "mkdir /a\n", 10);
	is_int(rump_conf_parse_text(text, "many", NULL, &conf, &error), -EINVAL, "4097 things");
	is_str(error.text, "many:4097: mkdir: more than 4096 lines that ask for something",
	       "... are too many");
	text[9 * 4096] = '\0';
	is_int(rump_conf_parse_text(text, "many", NULL, &conf, &error), 0, "4096 are not");
	is_int(conf.count, 4096, "... and are all there");
	is_str(conf.items[4095].name, "/a", "... up to the last");
	rump_conf_free(&conf);

	memset(text, '\n', size - 1);
	text[size - 1] = '\0';
	strcpy(text + size - 6, "bad x");
	is_int(rump_conf_parse_text(text, "high", NULL, &conf, &error), -EINVAL,
	       "millions of lines");
	ok(!strncmp(error.text, "high:8388603: unknown word 'bad'", 32), "... are counted: %s",
	   error.text);

	/* the names of files in errors: the end of a long one */
	memset(text, 'n', 300);
	strcpy(text + 300, ".conf");
	rump_conf_parse_text("bad", text, NULL, &conf, &error);
	ok(strstr(error.text, "nnn.conf:1: unknown word 'bad'"), "a long name: %s", error.text);
	free(text);
}

/* ---- files ---- */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		bail_out("%s cannot be written", path);
	close(fd);
}

static void file_errors(void)
{
	bool was_root;
	struct rump_conf conf = RUMP_CONF_INIT;
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	struct config_error error;
	int fd;

	is_int(rump_conf_parse_file("nosuch.conf", &conf, &error), -ENOENT, "no such file");
	is_str(error.text, "nosuch.conf: no such file", "... is told");
	is_int(rump_conf_parse_file("nosuch.conf", &conf, NULL), -ENOENT, "... or not");
	is_int(rump_conf_parse_file("", &conf, &error), -ENOENT, "no name");
	is_int(rump_conf_parse_file("inner", &conf, &error), -EISDIR, "a directory");
	is_str(error.text, "inner: is a directory", "... is told");
	is_int(rump_conf_parse_file("outer.conf/x", &conf, &error), -ENOTDIR,
	       "a file as directory");
	symlink("loop.conf", "loop.conf");
	is_int(rump_conf_parse_file("loop.conf", &conf, &error), -ELOOP,
	       "a symbolic link in a loop");
	is_str(error.text, "loop.conf: too many symbolic links", "... is told");

	put("bad.conf", "\n# x\ninclude inner/bad.conf\n");
	put("inner/bad.conf", "hostname x\nmount auto /dev/vda / rx\n");
	is_int(rump_conf_parse_file("inner/bad.conf", &conf, &error), -EINVAL, "a bad file");
	is_str(error.text,
	       "inner/bad.conf:2: mount: unknown word 'rx': want OPTIONS such as "
	       "ro,noatime",
	       "... is told with file, line and word");
	is_int(rump_conf_parse_file("bad.conf", &conf, &error), -EINVAL, "a file with a bad one");
	ok(strstr(error.text, "/inner/bad.conf:2: mount: unknown word 'rx'"),
	   "... tells the inner place: %s", error.text);
	ok(!strstr(error.text, "include"), "... and not the outer one");
	put("bad.conf", "\ninclude nosuch.conf\n");
	is_int(rump_conf_parse_file("bad.conf", &conf, &error), -ENOENT,
	       "a file with a missing one");
	ok(!strncmp(error.text, "bad.conf:2: include: ", 21) &&
		   strstr(error.text, "/nosuch.conf: no such file"),
	   "... %s", error.text);
	put("self.conf", "include self.conf\n");
	is_int(rump_conf_parse_file("self.conf", &conf, &error), -EINVAL,
	       "one that includes itself");
	ok(strstr(error.text,
		  "self.conf:1: include: 'self.conf': files that include files go 8 deep: "
		  "does one include itself?"),
	   "... %s", error.text);
	is_int(conf.count, 0, "nothing of them is left");
	ok(!conf.chunks, "... no memory either");

	fd = open("large.conf", O_CREAT | O_WRONLY, 0600);
	ok(fd >= 0 && !ftruncate(fd, RUMP_CONF_FILE_MAX + 1), "a large file");
	is_int(rump_conf_parse_file("large.conf", &conf, &error), -EFBIG, "... is refused");
	is_str(error.text, "large.conf: larger than 1 MiB: this is no rump.conf", "... and told");
	ok(!ftruncate(fd, RUMP_CONF_FILE_MAX), "one byte less");
	is_int(rump_conf_parse_file("large.conf", &conf, &error), -EINVAL, "... is read");
	is_str(error.text, "large.conf:1: a NUL byte: this is no text", "... and found to be none");
	close(fd);
	is_int(rump_conf_parse_file("/dev/zero", &conf, &error), -EFBIG, "a file without an end");
	is_int(rump_conf_parse_file("/dev/null", &conf, &error), 0, "an empty file");
	rump_conf_free(&conf);

	/* an error that has no words of ours */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ok(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)), "a socket");
	is_int(rump_conf_parse_file("socket", &conf, &error), -ENXIO, "... cannot be opened");
	is_str(error.text, "socket: cannot be read, errno 6", "... and told");
	close(fd);

	/* root may read it all the same: be nobody for a moment */
	was_root = !geteuid();
	chmod(".", 0755);
	chmod("self.conf", 0);
	if (was_root && seteuid(65534))
		bail_out("seteuid");
	is_int(rump_conf_parse_file("self.conf", &conf, &error), -EACCES, "no permission");
	if (was_root && seteuid(0))
		bail_out("seteuid back");
}

static void files(const char *directory)
{
	struct rump_conf conf = RUMP_CONF_INIT;
	struct config_error error;
	char want[4200];
	int pipe_ends[2];

	if (mkdir("inner", 0700))
		bail_out("no directory for files");
	put("outer.conf", "drive /a a.img\ninclude inner/in.conf\ndrive /c c.img\n");
	put("inner/in.conf", "drive /b b.img\n");
	is_int(rump_conf_parse_file("outer.conf", &conf, &error), 0, "files that include files");
	is_int(conf.count, 3, "... three things");
	snprintf(want, sizeof(want), "%s/a.img", directory);
	is_str(conf.items[0].source, want, "a path means the file's directory");
	snprintf(want, sizeof(want), "%s/inner/b.img", directory);
	is_str(conf.items[1].source, want, "in an included file that one's directory");
	snprintf(want, sizeof(want), "%s/inner/in.conf", directory);
	is_str(conf.items[1].file, want, "... which has its name");
	snprintf(want, sizeof(want), "%s/c.img", directory);
	is_str(conf.items[2].source, want, "and then the outer one again");
	is_str(conf.items[2].file, "outer.conf", "... with its name");
	is_int(conf.items[2].line, 3, "... and lines");
	rump_conf_free(&conf);

	snprintf(want, sizeof(want), "%s/outer.conf", directory);
	is_int(rump_conf_parse_file(want, &conf, &error), 0, "by an absolute path");
	snprintf(want, sizeof(want), "%s/inner/b.img", directory);
	is_str(conf.items[1].source, want, "... the same");
	rump_conf_free(&conf);
	is_int(rump_conf_parse_text("include in.conf", "t", "inner", &conf, &error), 0,
	       "included by a text");
	is_int(conf.count, 1, "... one thing");
	rump_conf_free(&conf);

	/* bash's <(command) and here documents */
	if (pipe(pipe_ends) || write(pipe_ends[1], "drive /d /x\n", 12) != 12)
		bail_out("no pipe");
	close(pipe_ends[1]);
	snprintf(want, sizeof(want), "/dev/fd/%d", pipe_ends[0]);
	is_int(rump_conf_parse_file(want, &conf, &error), 0, "a pipe");
	is_int(conf.count, 1, "... one thing");
	close(pipe_ends[0]);
	rump_conf_free(&conf);
	file_errors();
}

/* ---- memory ---- */

/* Lets the n-th allocation fail, for every n. Returns how many there were, or -1. */
static int fail_each(struct rump_conf *conf, const char *text)
{
	const struct rump_conf_chunk *chunks = conf->chunks;
	unsigned int count = conf->count;
	struct config_error error;

	for (int tries = 0; tries < 1000; tries++) {
		int result;

		strcpy(error.text, "(nothing said)");
		allocations_left = tries;
		result = rump_conf_parse_text(text, "t", NULL, conf, &error);
		allocations_left = -1;
		if (!result)
			return tries;
		if (result != -ENOMEM || conf->count != count || conf->chunks != chunks ||
		    !strstr(error.text, "out of memory")) {
			diag("allocation %d fails: %d, %u items, %s", tries, result, conf->count,
			     error.text);
			return -1;
		}
	}
	return -1;
}

static void memory(void)
{
	static const char text[] = "component xfs\ndrive /a a.img\nmount auto /a / ro\n"
				   "sysctl a.b=1 2\ninterface shmif0 bus\nroute default 10.0.0.1\n"
				   "include inner/in.conf\n";
	char *large = malloc(20000);
	int failures = 0, bad_lengths = 0;

	/*
	 * In front a path of every length up to a chunk's, so that each of the strings behind
	 * it is at some time the one that needs another chunk.
	 */
	for (int length = 1; length < 4200; length += 5) {
		struct rump_conf conf = RUMP_CONF_INIT;
		int tries;

		memset(large, 'x', 7 + (size_t)length);
		memcpy(large, "mkdir /", 7);
		strcpy(large + 7 + length, "\n");
		strcat(large, text);
		for (int i = 0; i < 20; i++)
			strcat(large, "mkdir /a\n");
		rump_conf_parse_text("hostname before", "first", "/", &conf, NULL);
		tries = fail_each(&conf, large);
		if (tries < 4 || conf.count != 29)
			bad_lengths++;
		failures += tries;
		rump_conf_free(&conf);
	}
	is_int(bad_lengths, 0, "memory that runs out is told, leaves no trace, and more is enough");
	ok(failures > 3000, "... in %d failures", failures);
	free(large);
}

/* ---- lines written ---- */

static void writing(void)
{
	static const char *const words[] = {
		"mkdir",	   "",	"/a b", "#", "x#", "\"", "\\", "a\\", "\xc3\xa4",
		"k=v,w:1@2%+-_./", "'", NULL,
	};
	static const char *const control[] = {"mkdir", "/a\n", NULL};
	static const char want[] =
		"mkdir \"\" \"/a b\" \"#\" \"x#\" \"\\\"\" \"\\\\\" \"a\\\\\" \xc3\xa4 "
		"k=v,w:1@2%+-_./ \"'\"\n";
	static const char *const drive[] = {"drive", "/d e", "/x\\\"y#", "ro", NULL};
	struct rump_conf conf = RUMP_CONF_INIT;
	struct config_error error;
	char line[200];

	is_int(rump_conf_write_line(line, sizeof(line), words), strlen(want), "a line is written");
	is_str(line, want, "... with quotes where they must be");
	is_int(rump_conf_write_line(NULL, 0, words), strlen(want), "... measured first");
	is_int(rump_conf_write_line(line, 6, words), strlen(want), "... cut");
	is_str(line, "mkdir", "... where it must be");
	is_int(rump_conf_write_line(line, sizeof(line), control), -EINVAL,
	       "no line has a newline in it");
	rump_conf_write_line(line, sizeof(line), drive);
	is_int(rump_conf_parse_text(line, "t", "/", &conf, &error), 0,
	       "what was written can be read");
	is_str(show(&conf.items[0]), "drive [/d e] [/x\\\"y#] [] [] 1 0 -1 1 0",
	       "... and is the same");
	rump_conf_free(&conf);
}

int main(void)
{
	char directory[] = "/tmp/rump_conf.XXXXXX", command[100];

	lines();
	errors();
	whole_text();
	working_directory();
	limits();
	writing();
	if (!mkdtemp(directory) || chdir(directory))
		bail_out("no directory for files");
	files(directory);
	memory();
	no_working_directory();
	if (chdir("/"))
		bail_out("no root");
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	is_int(system(command), 0, "the files are gone");
	return done_testing();
}

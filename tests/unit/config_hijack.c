/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RUMPHIJACK: every word, every error, every limit, and that nothing is allocated.
 * Linked with --wrap=malloc and friends.
 */
#include <errno.h>
#include <sys/socket.h>
#include <stdbool.h>

#include "hijack_config.h"
#include "rump_conf.h"
#include "tap.h"

static unsigned int allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
	allocations++;
	return __real_realloc(old, size);
}

static struct hijack_config config;
static struct config_error error;

static int parse(const char *text)
{
	strcpy(error.text, "(nothing said)");
	return hijack_config_parse(text, &config, &error);
}

static bool parses(const char *text)
{
	return is_int(parse(text), 0, "'%s' is read", text ? text : "(null)") ||
	       (diag("%s", error.text), false);
}

static void defaults(void)
{
	uint64_t all_but_local = ~(uint64_t)1 & ~((uint64_t)1 << AF_LOCAL);

	parses(NULL);
	is_int(config.path_count, 1, "default: one path");
	is_str(config.path[0].text, "/rump", "default: /rump");
	is_int(config.path[0].length, 5, "default: its length");
	is_int(config.sockets, all_but_local, "default: all sockets but local ones");
	is_int(config.kernel, HIJACK_KERNEL_LOCAL, "default: kernel=local");
	ok(!config.kernel_is_set, "default: kernel= is not set");
	is_int(config.trap, HIJACK_TRAP_ON, "default: trap=on");
	ok(!config.trap_is_set, "default: trap= is not set");
	is_int(config.fdoff, -1, "default: no fdoff=");
	is_str(config.log, NULL, "default: no log=");
	ok(!config.log_unrouted && !config.is_strict && !config.has_sysctl && !config.vfs,
	   "default: nothing else");
	ok(config.has_net && config.has_resolver, "default: the network's files and names");
	is_int(config.boot_count, 0, "default: nothing to start with");
	ok(hijack_config_is_active(&config), "default: active");

	parses("");
	ok(!hijack_config_is_active(&config), "'' hijacks nothing");
	is_int(config.path_count, 0, "'' has no path");
	is_int(config.fdoff, -1, "'' has no fdoff");

	parses("image=disk.img,trap=off");
	is_int(config.path_count, 1, "without a word that says what: the default's path");
	is_str(config.path[0].text, "/rump", "... which is /rump");
	is_int(config.sockets, all_but_local, "... and sockets");

	parses("path=/r");
	is_int(config.sockets, 0, "path= alone leaves sockets with the host");
	parses("socket=inet");
	is_int(config.path_count, 0, "socket= alone leaves paths with the host");
	parses("sysctl=no");
	ok(!hijack_config_is_active(&config), "sysctl=no alone hijacks nothing");
	parses("vfs=none");
	ok(!hijack_config_is_active(&config), "vfs=none alone hijacks nothing");
	parses("sysctl=yes");
	ok(hijack_config_is_active(&config) && config.has_sysctl, "sysctl=yes is something");
	parses("vfs=fhcalls");
	ok(hijack_config_is_active(&config), "vfs=fhcalls is something");
	is_int(config.vfs, HIJACK_VFS_FHCALLS, "vfs=fhcalls");
	parses("vfs=all");
	is_int(config.vfs, HIJACK_VFS_ALL, "vfs=all");
	parses("vfs=all:none");
	is_int(config.vfs, 0, "vfs=all:none");
}

static void network(void)
{
	static const struct {
		const char *text;
		bool has_net, has_resolver;
	} cases[] = {
		{"image=disk.img", true, true},
		{"path=/r", false, false},
		{"socket=all:nolocal", true, true},
		{"socket=inet", true, true},
		{"socket=inet6", true, true},
		{"socket=local:netlink:packet", false, false},
		{"socket=none", false, false},
		{"socket=inet,net=no", false, true},
		{"resolver=no,socket=inet", true, false},
		{"resolver=no,net=no,socket=inet", false, false},
		{"path=/r,net=yes", true, false},
		{"resolver=yes", false, true},
		{"", false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parses(cases[i].text);
		ok(config.has_net == cases[i].has_net, "... its net=");
		ok(config.has_resolver == cases[i].has_resolver, "... its resolver=");
	}
	parses("net=yes");
	ok(hijack_config_is_active(&config) && !config.sockets, "net=yes is something");
	parses("resolver=yes");
	ok(hijack_config_is_active(&config) && !config.path_count, "resolver=yes is something");
	parses("net=no");
	ok(!hijack_config_is_active(&config), "net=no alone hijacks nothing");
}

static void paths(void)
{
	static const char *const normal[][2] = {
		{"path=/a", "/a"},
		{"path=/a/", "/a"},
		{"path=//a///b//", "/a/b"},
		{"path=/./a/./b/.", "/a/b"},
		{"path=/a/../b", "/b"},
		{"path=/../../b", "/b"},
		{"path=/a/b/c/../..", "/a"},
		{"path=/..a/...", "/..a/..."},
		{"path=/a\\,b", "/a,b"},
		{"path=/a\\\\b", "/a\\b"},
		{"path=/a\\:b", "/a:b"},
		{"path=/a=b c", "/a=b c"},
		{"path=/\xc3\xa4", "/\xc3\xa4"},
	};

	for (size_t i = 0; i < sizeof(normal) / sizeof(normal[0]); i++) {
		parses(normal[i][0]);
		is_str(config.path[0].text, normal[i][1], "'%s' means that", normal[i][0]);
		is_int(config.path[0].length, strlen(normal[i][1]), "... with its length");
	}
	parses("path=/a,path=/b,path=/a/,blanket=/c:/d/:/c,blanket=/e");
	is_int(config.path_count, 2, "paths add up, the same one counts once");
	is_str(config.path[1].text, "/b", "the second");
	is_int(config.blanket_count, 3, "so do blankets");
	is_str(config.blanket[1].text, "/d", "a blanket is normalised");
	is_str(config.blanket[2].text, "/e", "the third");
	parses("blanket=/a\\:b:/c\\,d");
	is_int(config.blanket_count, 2, "an escaped colon does not part");
	is_str(config.blanket[0].text, "/a:b", "... it is in the name");
	is_str(config.blanket[1].text, "/c,d", "an escaped comma in a list");
}

static void sockets(void)
{
	const uint64_t all = ~(uint64_t)1;
	const uint64_t one = 1;
	const struct {
		const char *text;
		uint64_t want;
	} cases[] = {
		{"socket=all", all},
		{"socket=none", 0},
		{"socket=all:nolocal", all & ~(one << AF_UNIX)},
		{"socket=all:nounix", all & ~(one << AF_UNIX)},
		{"socket=nolocal", all & ~(one << AF_UNIX)},
		{"socket=noinet:noinet6", all & ~(one << AF_INET) & ~(one << AF_INET6)},
		{"socket=inet", one << AF_INET},
		{"socket=inet:inet6", one << AF_INET | one << AF_INET6},
		{"socket=inet:noinet", 0},
		{"socket=local", one << AF_UNIX},
		{"socket=unix", one << AF_UNIX},
		{"socket=netlink", one << AF_NETLINK},
		{"socket=route", one << AF_NETLINK},
		{"socket=packet", one << AF_PACKET},
		{"socket=vsock", one << AF_VSOCK},
		{"socket=bluetooth", one << AF_BLUETOOTH},
		{"socket=netrom:nfc:xdp", one << AF_NETROM | one << AF_NFC | one << AF_XDP},
		{"socket=inet:all:nopacket", all & ~(one << AF_PACKET)},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parses(cases[i].text);
		is_int(config.sockets, cases[i].want, "'%s' means that", cases[i].text);
	}
	parses("socket=inet");
	ok(hijack_config_has_family(&config, AF_INET), "has AF_INET");
	ok(!hijack_config_has_family(&config, AF_INET6), "has not AF_INET6");
	ok(!hijack_config_has_family(&config, -1), "family -1 is nobody's");
	ok(!hijack_config_has_family(&config, 64), "family 64 is nobody's");
	ok(!hijack_config_has_family(&config, 64 + AF_INET), "nor is one that would wrap round");
	parses("socket=all");
	ok(!hijack_config_has_family(&config, AF_UNSPEC), "all: not AF_UNSPEC");
	ok(hijack_config_has_family(&config, 63), "all: families of later kernels");
}

static void choices(void)
{
	parses("kernel=local");
	ok(config.kernel == HIJACK_KERNEL_LOCAL && config.kernel_is_set, "kernel=local, set");
	parses("kernel=spawn");
	is_int(config.kernel, HIJACK_KERNEL_SPAWN, "kernel=spawn");
	parses("kernel=server");
	is_int(config.kernel, HIJACK_KERNEL_SERVER, "kernel=server");
	parses("kernel=family");
	is_int(config.kernel, HIJACK_KERNEL_FAMILY, "kernel=family");
	parses("trap=on");
	ok(config.trap == HIJACK_TRAP_ON && config.trap_is_set, "trap=on, set");
	parses("trap=off");
	is_int(config.trap, HIJACK_TRAP_OFF, "trap=off");
	parses("trap=lazy");
	is_int(config.trap, HIJACK_TRAP_LAZY, "trap=lazy");
	parses("trap=eager");
	is_int(config.trap, HIJACK_TRAP_EAGER, "trap=eager");
	parses("log=/tmp/a\\,b");
	is_str(config.log, "/tmp/a,b", "log=FILE");
	ok(!config.log_unrouted, "... is not log=unrouted");
	parses("log=unrouted");
	ok(config.log_unrouted, "log=unrouted");
	is_str(config.log, NULL, "... is no file");
	parses("log=./unrouted,log=unrouted");
	ok(config.log && config.log_unrouted, "both");
	parses("strict=yes");
	ok(config.is_strict, "strict=yes");
	parses("strict=no");
	ok(!config.is_strict, "strict=no");
	parses("fdoff=0");
	is_int(config.fdoff, 0, "fdoff=0");
	parses("fdoff=2147483647");
	is_int(config.fdoff, 2147483647, "fdoff=INT_MAX");
}

static const struct {
	const char *text, *error;
} bad[] = {
	{"pth=/rump",
	 "at 1: unknown word 'pth': did you mean 'path'? known: path blanket socket "
	 "vfs sysctl net resolver fdoff kernel trap log strict conf image drive mount component "
	 "interface address route dhcp up autoconf6 bridge nameserver host"},
	{"trap=off,pth=/rump", "at 10: unknown word 'pth': did you mean 'path'?*"},
	{"path=/rump, socket=all", "at 12: unknown word ' socket': did you mean 'socket'?*"},
	{"zzzzzzzz=1", "at 1: unknown word 'zzzzzzzz': known: path *"},
	{"PATH=/rump", "at 1: unknown word 'PATH': did you mean 'path'?*"},
	{"comp=xfs", "at 1: unknown word 'comp': did you mean 'component'?*"},
	{"=", "at 1: unknown word '': known:*"},
	{",", "at 1: empty word: want no comma here"},
	{"path=/a,", "at 9: empty word: want no comma here"},
	{"path=/a,,path=/b", "at 9: empty word: want no comma here"},
	{"path", "at 1: 'path' has no value: want path=/rump"},
	{"path=", "at 1: 'path' has no value: want path=/rump"},
	{"path=rump", "at 6: path=: 'rump': want an absolute path"},
	{"path=/", "at 6: path=: '/' is the root: nothing would be left of the host; want a prefix "
		   "such as /rump"},
	{"path=/a/..", "at 6: path=: '/a/..' is the root*"},
	{"path=//", "at 6: path=: '//' is the root*"},
	{"path=/a:/b", "at 6: path=: '/a:/b': want one prefix: path=/a,path=/b for two, \\: for a "
		       "colon in a name"},
	{"path=/a\\", "at 6: path=: '\\': want \\, for a comma, \\: for a colon, \\\\ for a "
		      "backslash"},
	{"path=/a\\n", "at 6: path=: '\\n': want \\, for a comma*"},
	{"path=/a\nb", "at 6: path=: control byte in '/a\\x0ab'"},
	{"path=/a\x7f", "at 6: path=: control byte in '/a\\x7f'"},
	{"path=/a,blanket=/b:/a", "at 20: blanket=: '/a': want another prefix: this is one of "
				  "path="},
	{"blanket=/a,path=/a", "at 17: path=: '/a': want another prefix: this is one of blanket="},
	{"blanket=/a:", "at 12: blanket=: '': want an absolute path"},
	{"blanket=:/a", "at 9: blanket=: '': want an absolute path"},
	{"blanket=/a:/", "at 12: blanket=: '/' is the root*"},
	{"blanket=/a:b,path=/x", "at 12: blanket=: 'b': want an absolute path"},
	{"blanket", "at 1: 'blanket' has no value: want blanket=/a:/b"},
	{"socket=", "at 1: 'socket' has no value: want socket=all:nolocal"},
	{"socket=inett", "at 8: socket=: unknown family 'inett': did you mean 'inet'? known: all "
			 "none inet inet6 local unix*"},
	{"socket=all:nolocl", "at 12: socket=: unknown family behind 'no': 'locl': did you mean "
			      "'local'? known: inet*"},
	{"socket=all:", "at 12: socket=: unknown family '': known:*"},
	{"socket=no", "at 8: socket=: unknown family 'no'*"},
	{"socket=noall", "at 8: socket=: unknown family behind 'no': 'all'*"},
	{"socket=inet,socket=inet6", "at 13: 'socket' is given twice"},
	{"vfs=fhcall", "at 5: vfs=: unknown word 'fhcall': did you mean 'fhcalls'? known: fhcalls "
		       "all none"},
	{"vfs=all:nfssvc", "at 9: vfs=: 'nfssvc' is a call of NetBSD that Linux has not: known: "
			   "fhcalls all none"},
	{"vfs=getvfsstat", "at 5: vfs=: 'getvfsstat' is a call of NetBSD*"},
	{"sysctl=1", "at 8: sysctl=: unknown value '1': known: no yes"},
	{"sysctl=Yes", "at 8: sysctl=: unknown value 'Yes': did you mean 'yes'? known: no yes"},
	{"net=1", "at 5: net=: unknown value '1': known: no yes"},
	{"net=yes,net=no", "at 9: 'net' is given twice"},
	{"resolver", "at 1: 'resolver' has no value: want resolver=yes or resolver=no"},
	{"resolver=on", "at 10: resolver=: unknown value 'on': did you mean 'no'? known: no yes"},
	{"fdoff=-1", "at 7: fdoff=: '-1': want a file descriptor's number such as 128"},
	{"fdoff=2147483648", "at 7: fdoff=: '2147483648': want a file descriptor's number*"},
	{"fdoff=18446744073709551617", "at 7: fdoff=: '18446744073709551617': want*"},
	{"fdoff=1x", "at 7: fdoff=: '1x': want*"},
	{"fdoff=1,fdoff=2", "at 9: 'fdoff' is given twice"},
	{"kernel=locl", "at 8: kernel=: unknown value 'locl': did you mean 'local'? known: local "
			"spawn server family"},
	{"kernel=", "at 1: 'kernel' has no value: want kernel=local, spawn, server or family"},
	{"kernel=local,kernel=local", "at 14: 'kernel' is given twice"},
	{"trap=lzay", "at 6: trap=: unknown value 'lzay': did you mean 'lazy'? known: on off lazy "
		      "eager"},
	{"log=", "at 1: 'log' has no value: want log=FILE or log=unrouted"},
	{"log=a,log=b", "at 11: log=: 'b': want one file; log=FILE was there before"},
	{"strict=maybe", "at 8: strict=: unknown value 'maybe': known: no yes"},
	{"conf=", "at 1: 'conf' has no value: want conf=FILE"},
	{"image=", "at 1: 'image' has no value: want image=HOSTPATH"},
	{"image=a,image=b", "at 9: 'image' is given twice"},
	{"image=a\tb", "at 7: image=: control byte in 'a\\x09b'"},
	{"component=", "at 1: 'component' has no value: want component=NAME"},
	{"component=x f", "at 11: component=: 'x f': want a component's name such as xfs: letters, "
			  "digits, _ - ."},
	{"component=../xfs", "at 11: component=: '../xfs': want a component's name*"},
	{"drive=", "at 1: 'drive' has no value: want drive=key=/dev/vda\\,hostpath=disk.img"},
	{"drive=key=/dev/vda,hostpath=disk.img", "at 7: drive=: no hostpath: want "
						 "hostpath=disk.img"},
	{"drive=hostpath=disk.img", "at 7: drive=: no key: want key=/dev/vda"},
	{"drive=key=/d\\,hostpath=x\\,sise=4", "at 7: drive=: unknown word 'sise': did you mean "
					       "'size'?*"},
	{"mount=", "at 1: 'mount' has no value: want mount=auto /dev/vda /mnt"},
	{"mount= ", "at 7: mount=: want FSTYPE|auto SOURCE TARGET [OPTIONS]"},
	{"mount=ext4 /dev/vda", "at 7: mount=: want FSTYPE|auto SOURCE TARGET [OPTIONS]"},
	{"mount=ext4 /dev/vda mnt", "at 7: mount=: 'mnt': want a TARGET that is an absolute path "
				    "such as /mnt"},
	{"mount=ext4 /dev/vda /mnt rx", "at 7: mount=: unknown word 'rx': want OPTIONS such as "
					"ro,noatime"},
	{"mount=ext4 /dev/vda \"/mnt", "at 7: mount=: no '\"' at the end of '\"/mnt': want it on "
				       "the same line"},
	{"address=shmif0", "at 9: address=: want ADDRESS/LENGTH such as 10.0.0.2/24 or fd00::2/64"},
	{"interface=shmif0", "at 11: interface=: no backend for shmif0: want a bus file *"},
	{"up= ", "at 4: up=: want an INTERFACE such as virt0"},
	{"route=", "at 1: 'route' has no value: want route=default 10.0.0.254"},
	{"kernel=server,image=a", "at 1: conf= image= drive= mount= component= and the words of "
				  "the network are for a kernel "
				  "that this program starts, not for kernel=server: give them to "
				  "rump_server"},
};

/* A '*' at the end of want stands for anything. */
static void is_like(const char *got, const char *want, const char *text)
{
	size_t length = strlen(want);

	if (want[length - 1] == '*')
		ok(!strncmp(got, want, length - 1), "'%s' is told: %s", text, got);
	else
		is_str(got, want, "'%s' is told", text);
}

static void errors(void)
{
	char text[4096];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_int(parse(bad[i].text), -EINVAL, "'%s' is refused", bad[i].text);
		is_like(error.text, bad[i].error, bad[i].text);
		ok(!hijack_config_is_active(&config) && !config.boot_count && !config.log,
		   "... and hijacks nothing");
		is_int(hijack_config_parse(bad[i].text, &config, NULL), -EINVAL,
		       "... also when nobody wants to know why");
		snprintf(text, sizeof(text), "trap=off,strict=yes,%s", bad[i].text);
		is_int(parse(text), -EINVAL, "... also behind other words");
		ok(config.is_strict, "... where strict=yes is seen");
		snprintf(text, sizeof(text), "%s,strict=yes", bad[i].text);
		/* only a text that ends in a lone backslash swallows the comma behind it */
		if (text[strlen(bad[i].text) - 1] != '\\') {
			parse(text);
			ok(config.is_strict, "... and in front of strict=yes");
		}
	}
	parse("path=a\\,strict=yes");
	ok(!config.is_strict, "strict=yes inside of another word is none");
}

static void limits(void)
{
	static char text[2 * HIJACK_CONFIG_TEXT_MAX], path[32];

	memset(text, 'a', sizeof(text));
	memcpy(text, "path=/", 6);
	text[HIJACK_CONFIG_TEXT_MAX] = '\0';
	is_int(parse(text), 0, "a string of the greatest length");
	is_int(config.path[0].length, HIJACK_CONFIG_TEXT_MAX - 5, "... is whole");
	memcpy(text, "conf=/", 6);
	is_int(parse(text), 0, "the same, with the default behind it");
	is_int(config.path_count, 1, "... which fits too");
	is_int(strlen(config.boot[0].text), HIJACK_CONFIG_TEXT_MAX - 5, "... and conf= is whole");
	text[HIJACK_CONFIG_TEXT_MAX] = 'a';
	text[HIJACK_CONFIG_TEXT_MAX + 1] = '\0';
	is_int(parse(text), -EINVAL, "one more byte is refused");
	is_str(error.text, "at 4096: too long: want at most 4095 bytes", "... and told");

	text[0] = '\0';
	for (int i = 0; i < HIJACK_CONFIG_PATHS_MAX; i++) {
		snprintf(path, sizeof(path), "%spath=/p%d", i ? "," : "", i);
		strcat(text, path);
	}
	parses(text);
	is_int(config.path_count, HIJACK_CONFIG_PATHS_MAX, "as many paths as there may be");
	is_str(config.path[HIJACK_CONFIG_PATHS_MAX - 1].text, "/p15", "... the last one");
	strcat(text, ",path=/more");
	is_int(parse(text), -EINVAL, "one more is refused");
	is_like(error.text, "at 156: path=: more than 16 of them", "paths");

	strcpy(text, "blanket=/b0");
	for (int i = 1; i < HIJACK_CONFIG_BLANKETS_MAX; i++) {
		snprintf(path, sizeof(path), ":/b%d", i);
		strcat(text, path);
	}
	parses(text);
	is_int(config.blanket_count, HIJACK_CONFIG_BLANKETS_MAX, "as many blankets as may be");
	strcat(text, ":/more");
	is_int(parse(text), -EINVAL, "one more is refused");
	ok(strstr(error.text, "blanket=: more than 32 of them"), "... and told: %s", error.text);

	strcpy(text, "path=/rump");
	for (int i = 0; i < HIJACK_CONFIG_BOOT_MAX; i++)
		strcat(text, ",component=xfs");
	parses(text);
	is_int(config.boot_count, HIJACK_CONFIG_BOOT_MAX, "as many boot words as may be");
	strcat(text, ",conf=more");
	is_int(parse(text), -EINVAL, "one more is refused");
	ok(strstr(error.text, "conf=: more than 32 words that a kernel starts with"),
	   "... and told: %s", error.text);
	strcpy(text, "zz");
	memset(text + 2, 1, 2000);
	text[2002] = '\0';
	is_int(parse(text), -EINVAL, "a long word of control bytes");
	ok(strlen(error.text) < CONFIG_ERROR_SIZE && strstr(error.text, "\\x01..."),
	   "... is shown in part: %s", error.text);
}

static void is_boot_text(const char *text, const char *base_dir, const char *want)
{
	static char buffer[HIJACK_CONFIG_BOOT_TEXT_MAX];
	struct rump_conf conf = RUMP_CONF_INIT;
	size_t length;

	if (!parses(text))
		return;
	length = hijack_config_boot_text(&config, base_dir, buffer, sizeof(buffer));
	is_str(buffer, want, "... boots with that");
	is_int(length, strlen(want), "... of that length");
	is_int(hijack_config_boot_text(&config, base_dir, NULL, 0), length, "... measured first");
	if (length) {
		char *cut = malloc(length);

		is_int(hijack_config_boot_text(&config, base_dir, cut, length), length,
		       "... cut by one byte");
		ok(!strncmp(cut, want, length - 1) && !cut[length - 1],
		   "... and no more than that");
		free(cut);
	}
	if (!strstr(want, "include")) {
		is_int(rump_conf_parse_text(buffer, "RUMPHIJACK", "/", &conf, &error), 0,
		       "... which is a good rump.conf");
		rump_conf_free(&conf);
	}
}

static void boot_text(void)
{
	char base[] = "/b/\n";

	is_boot_text("path=/rump", "/b", "");
	is_boot_text("", NULL, "");
	is_boot_text("image=disk.img", "/b",
		     "drive /dev/image /b/disk.img\nmount auto /dev/image /\n");
	is_boot_text("image=disk.img", NULL,
		     "drive /dev/image disk.img\nmount auto /dev/image /\n");
	is_boot_text("image=/disk.img", "/b",
		     "drive /dev/image /disk.img\nmount auto /dev/image /\n");
	is_boot_text("image=disk.img", base,
		     "drive /dev/image disk.img\nmount auto /dev/image /\n");
	is_boot_text(
		"image=my \"disk\\\\\",path=/r", "/the dir",
		"drive /dev/image \"/the dir/my \\\"disk\\\\\\\"\"\nmount auto /dev/image /\n");
	is_boot_text("image=#1", NULL, "drive /dev/image \"#1\"\nmount auto /dev/image /\n");
	is_boot_text("conf=a.conf,component=xfs,mount=ext4  \"/dev/v a\" /mnt/.. ro\\,noatime,"
		     "image=d,component=vfat",
		     "/b",
		     "component xfs\ncomponent vfat\n"
		     "drive /dev/image /b/d\nmount auto /dev/image /\n"
		     "include /b/a.conf\nmount ext4 \"/dev/v a\" /mnt/.. ro,noatime\n");
	is_boot_text("drive=key=/dev//vdb\\,hostpath=x\\\\\\,y\\,size=16m\\,offset=4k\\,ro\\,"
		     "sector=4096",
		     "/b", "drive /dev/vdb /b/x,y size=16777216 offset=4096 ro sector=4096\n");
	is_boot_text("drive=key=/d\\,hostpath=/x\\,type=dirsubdirs", "/b",
		     "drive /d /x type=dirsubdirs\n");
	is_boot_text("drive=key=/d\\,hostpath=/x\\,type=reg\\,size=host", "/b",
		     "drive /d /x type=reg\n");
	is_boot_text("drive=key=/d\\,hostpath=/x\\,type=chr", "/b", "drive /d /x type=chr\n");
	is_boot_text("drive=key=/d\\,hostpath=/x\\,type=dir", "/b", "drive /d /x type=dir\n");
	is_boot_text("drive=key=/d\\,hostpath=/x\\,type=blk", "/b", "drive /d /x\n");
	is_boot_text(
		"interface=shmif0 my\\,bus real,interface=virt0 tap0 mtu=9000,"
		"interface=shmif1 \"a b\",address=shmif0 10.0.0.1/24,address=virt0 fd00\\:\\:1/64,"
		"route=default 10.0.0.254,dhcp=virt0 timeout=5,up=dummy0,nameserver=10.0.0.53",
		"/b",
		"interface shmif0 /b/my,bus real\ninterface virt0 tap0 mtu=9000\n"
		"interface shmif1 \"/b/a b\"\naddress shmif0 10.0.0.1/24\n"
		"address virt0 fd00::1/64\nroute default 10.0.0.254\n"
		"dhcp virt0 timeout=5\nup dummy0\nnameserver 10.0.0.53\n");
	is_boot_text("autoconf6=virt0,bridge=br0 virt0 shmif0,host=10.0.0.1 a b,image=d", "/b",
		     "drive /dev/image /b/d\nmount auto /dev/image /\n"
		     "autoconf6 virt0\nbridge br0 virt0 shmif0\nhost 10.0.0.1 a b\n");
}

int main(void)
{
	void *volatile probe;

	defaults();
	network();
	paths();
	sockets();
	choices();
	errors();
	limits();
	is_int(allocations, 0, "nothing was allocated on the way");
	probe = malloc(1);
	is_int(allocations, 1, "... and an allocation would have been seen");
	free(probe);
	boot_text();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RUMPHIJACK string.
 *
 * Words end at a comma; \, \: and \\ are bytes like others.  A word's name chooses a row
 * of the table `words`, whose function takes the value.  Values are copied to
 * config->storage without their escapes; since each ends in the place of a comma, a
 * colon or the final NUL, storage of the text's size is always enough.
 */
#include "hijack_config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "conf_lex.h"
#include "conf_words.h"
#include "config_text.h"
#include "drive.h"

struct parser {
	const char *text;
	size_t at; /* offset of what an error is about */
	struct hijack_config *config;
	struct config_error *error;
	unsigned int given; /* bit n: words[n] was there */
	const char *name;   /* of the word that is being taken */
};

/* A piece of the text, escapes and all. */
struct piece {
	const char *start;
	size_t length;
};

struct word {
	const char *name;
	const char *want;
	int (*take)(struct parser *parser, struct piece value);
	bool is_routing; /* says what is hijacked */
	bool may_repeat;
};

/* ---- pieces ---- */

static struct piece cut(const char *text, char separator)
{
	struct piece piece = {.start = text};

	while (text[piece.length] && text[piece.length] != separator) {
		if (text[piece.length] == '\\' && text[piece.length + 1])
			piece.length++;
		piece.length++;
	}
	return piece;
}

/* The next of a list whose items are parted by colons; *rest is moved behind it. */
static bool next_item(struct piece *rest, struct piece *ret_item)
{
	if (!rest->start)
		return false;
	*ret_item = cut(rest->start, ':');
	/* cut() looks for the end of the text, the list may end before */
	if (ret_item->length >= rest->length) {
		ret_item->length = rest->length;
		rest->start = NULL;
	} else {
		rest->start += ret_item->length + 1;
		rest->length -= ret_item->length + 1;
	}
	return true;
}

static bool is(struct piece piece, const char *string)
{
	return config_equal(piece.start, piece.length, string);
}

/* "'value': want ..." */
static int want(struct parser *parser, struct piece value, const char *text)
{
	return config_error_set(parser->error, "'", config_show(value.start, value.length).text,
				"': want ", text, NULL);
}

/* Copies a piece without escapes to the storage. NULL: error is set. */
static char *store(struct parser *parser, struct piece piece)
{
	struct hijack_config *config = parser->config;
	char *copy = config->storage + config->storage_used, *to = copy;

	for (size_t i = 0; i < piece.length; i++) {
		char c = piece.start[i];

		if (config_is_control(c)) {
			config_error_set(parser->error, "control byte in '",
					 config_show(piece.start, piece.length).text, "'", NULL);
			return NULL;
		}
		if (c == '\\') {
			c = ++i < piece.length ? piece.start[i] : '\0';
			if (!c || !strchr("\\,:", c)) {
				config_error_set(
					parser->error, "'",
					config_show(piece.start + i - 1, 1 + !!c).text,
					"': want \\, for a comma, \\: for a colon, \\\\ for "
					"a backslash",
					NULL);
				return NULL;
			}
		}
		*to++ = c;
	}
	*to++ = '\0';
	config->storage_used += (size_t)(to - copy);
	return copy;
}

/* ---- words ---- */

/* An absolute path that is not the root, normalised. */
static int store_prefix(struct parser *parser, struct piece value, struct hijack_prefix *ret_prefix)
{
	char *path = store(parser, value);

	if (!path)
		return -EINVAL;
	if (config_normalise_path(path))
		return want(parser, value, "an absolute path");
	if (!strcmp(path, "/"))
		return config_error_set(parser->error, "'",
					config_show(value.start, value.length).text,
					"' is the root: nothing would be left of the host; want a "
					"prefix such as /rump",
					NULL);
	*ret_prefix = (struct hijack_prefix){.text = path, .length = strlen(path)};
	return 0;
}

static bool has_prefix(const struct hijack_prefix *prefixes, unsigned int count,
		       const struct hijack_prefix *prefix)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!strcmp(prefixes[i].text, prefix->text))
			return true;
	}
	return false;
}

static int too_many(struct parser *parser, unsigned int most)
{
	return config_error_set(parser->error, "more than ", config_number(most).text, " of them",
				NULL);
}

static int add_path(struct parser *parser, struct piece value)
{
	struct hijack_config *config = parser->config;
	struct hijack_prefix prefix;
	int result;

	if (cut(value.start, ':').length < value.length)
		return want(parser, value,
			    "one prefix: path=/a,path=/b for two, \\: for a colon in a name");
	result = store_prefix(parser, value, &prefix);
	if (result)
		return result;
	if (has_prefix(config->blanket, config->blanket_count, &prefix))
		return want(parser, value, "another prefix: this is one of blanket=");
	if (has_prefix(config->path, config->path_count, &prefix))
		return 0;
	if (config->path_count == HIJACK_CONFIG_PATHS_MAX)
		return too_many(parser, HIJACK_CONFIG_PATHS_MAX);
	config->path[config->path_count++] = prefix;
	return 0;
}

static int add_blankets(struct parser *parser, struct piece value)
{
	struct hijack_config *config = parser->config;
	struct piece item;

	while (next_item(&value, &item)) {
		struct hijack_prefix prefix;
		int result;

		parser->at = (size_t)(item.start - parser->text);
		result = store_prefix(parser, item, &prefix);
		if (result)
			return result;
		if (has_prefix(config->path, config->path_count, &prefix))
			return want(parser, item, "another prefix: this is one of path=");
		if (has_prefix(config->blanket, config->blanket_count, &prefix))
			continue;
		if (config->blanket_count == HIJACK_CONFIG_BLANKETS_MAX)
			return too_many(parser, HIJACK_CONFIG_BLANKETS_MAX);
		config->blanket[config->blanket_count++] = prefix;
	}
	return 0;
}

/* Every family but AF_UNSPEC, those of later kernels too. */
#define ALL_FAMILIES (~(uint64_t)1)

static const struct family {
	const char *name;
	int number;
} families[] = {
	/* the first of a number's names is the one that errors show */
	{"inet", AF_INET},
	{"inet6", AF_INET6},
	{"local", AF_LOCAL},
	{"unix", AF_UNIX},
	{"netlink", AF_NETLINK},
	{"route", AF_NETLINK},
	{"packet", AF_PACKET},
	{"vsock", AF_VSOCK},
	{"bluetooth", AF_BLUETOOTH},
	{"alg", AF_ALG},
	{"can", AF_CAN},
	{"tipc", AF_TIPC},
	{"key", AF_KEY},
	{"pppox", AF_PPPOX},
	{"rds", AF_RDS},
	{"smc", AF_SMC},
	{"xdp", AF_XDP},
	{"mctp", 45},
	{"qipcrtr", AF_QIPCRTR},
	{"kcm", AF_KCM},
	{"nfc", AF_NFC},
	{"ieee802154", AF_IEEE802154},
	{"caif", AF_CAIF},
	{"phonet", AF_PHONET},
	{"rxrpc", AF_RXRPC},
	{"mpls", AF_MPLS},
	{"ib", AF_IB},
	{"llc", AF_LLC},
	{"x25", AF_X25},
	{"ax25", AF_AX25},
	{"netrom", AF_NETROM},
	{"rose", AF_ROSE},
	{"ipx", AF_IPX},
	{"appletalk", AF_APPLETALK},
	{"atmpvc", AF_ATMPVC},
	{"atmsvc", AF_ATMSVC},
	{"iucv", AF_IUCV},
	{"isdn", AF_ISDN},
	{"decnet", AF_DECnet},
};
#define FAMILY_COUNT (sizeof(families) / sizeof(families[0]))

/* The family of that name, or 0. */
static int family_number(const char *name, size_t length)
{
	for (size_t i = 0; i < FAMILY_COUNT; i++) {
		if (config_equal(name, length, families[i].name))
			return families[i].number;
	}
	return 0;
}

static int unknown_family(struct parser *parser, struct piece item)
{
	const char *names[FAMILY_COUNT + 3] = {"all", "none"};
	bool is_without = item.length > 2 && !strncmp(item.start, "no", 2);

	for (size_t i = 0; i < FAMILY_COUNT; i++)
		names[i + 2] = families[i].name;
	if (is_without)
		return config_error_unknown(parser->error, "family behind 'no':", item.start + 2,
					    item.length - 2, names + 2);
	return config_error_unknown(parser->error, "family", item.start, item.length, names);
}

static int set_sockets(struct parser *parser, struct piece value)
{
	struct piece item;
	uint64_t sockets = 0;
	bool is_first = true;

	while (next_item(&value, &item)) {
		int number = family_number(item.start, item.length);
		int without = item.length > 2 && !strncmp(item.start, "no", 2)
				      ? family_number(item.start + 2, item.length - 2)
				      : 0;

		parser->at = (size_t)(item.start - parser->text);
		if (is(item, "all")) {
			sockets = ALL_FAMILIES;
		} else if (is(item, "none")) {
			sockets = 0;
		} else if (number) {
			sockets |= (uint64_t)1 << number;
		} else if (without) {
			/* taking away from nothing is never meant */
			if (is_first)
				sockets = ALL_FAMILIES;
			sockets &= ~((uint64_t)1 << without);
		} else {
			return unknown_family(parser, item);
		}
		is_first = false;
	}
	parser->config->sockets = sockets;
	return 0;
}

static int set_vfs(struct parser *parser, struct piece value)
{
	static const char *const names[] = {"fhcalls", "all", "none", NULL};
	struct piece item;
	unsigned int vfs = 0;

	while (next_item(&value, &item)) {
		parser->at = (size_t)(item.start - parser->text);
		if (is(item, "fhcalls"))
			vfs |= HIJACK_VFS_FHCALLS;
		else if (is(item, "all"))
			vfs = HIJACK_VFS_ALL;
		else if (is(item, "none"))
			vfs = 0;
		else if (is(item, "getvfsstat") || is(item, "nfssvc"))
			return config_error_set(parser->error, "'",
						config_show(item.start, item.length).text,
						"' is a call of NetBSD that Linux has not: known: "
						"fhcalls all none",
						NULL);
		else
			return config_error_unknown(parser->error, "word", item.start, item.length,
						    names);
	}
	parser->config->vfs = vfs;
	return 0;
}

/* The position of value in a NULL-terminated list, or -EINVAL. */
static int choose(struct parser *parser, struct piece value, const char *const *names)
{
	for (int i = 0; names[i]; i++) {
		if (is(value, names[i]))
			return i;
	}
	return config_error_unknown(parser->error, "value", value.start, value.length, names);
}

static int choose_yes_no(struct parser *parser, struct piece value, bool *ret_is_yes)
{
	static const char *const names[] = {"no", "yes", NULL};
	int choice = choose(parser, value, names);

	if (choice < 0)
		return choice;
	*ret_is_yes = choice;
	return 0;
}

static int set_sysctl(struct parser *parser, struct piece value)
{
	return choose_yes_no(parser, value, &parser->config->has_sysctl);
}

static int set_net(struct parser *parser, struct piece value)
{
	return choose_yes_no(parser, value, &parser->config->has_net);
}

static int set_resolver(struct parser *parser, struct piece value)
{
	return choose_yes_no(parser, value, &parser->config->has_resolver);
}

static int set_strict(struct parser *parser, struct piece value)
{
	return choose_yes_no(parser, value, &parser->config->is_strict);
}

static int set_fdoff(struct parser *parser, struct piece value)
{
	char *digits = store(parser, value);
	uint64_t number;

	if (!digits)
		return -EINVAL;
	if (config_parse_number(digits, INT_MAX, &number))
		return want(parser, value, "a file descriptor's number such as 128");
	parser->config->fdoff = (int)number;
	return 0;
}

static int set_kernel(struct parser *parser, struct piece value)
{
	static const char *const names[] = {
		[HIJACK_KERNEL_LOCAL] = "local",
		[HIJACK_KERNEL_SPAWN] = "spawn",
		[HIJACK_KERNEL_SERVER] = "server",
		[HIJACK_KERNEL_FAMILY] = "family",
		NULL,
	};
	int choice = choose(parser, value, names);

	if (choice < 0)
		return choice;
	parser->config->kernel = (enum hijack_kernel)choice;
	parser->config->kernel_is_set = true;
	return 0;
}

static int set_trap(struct parser *parser, struct piece value)
{
	static const char *const names[] = {
		[HIJACK_TRAP_ON] = "on",
		[HIJACK_TRAP_OFF] = "off",
		[HIJACK_TRAP_LAZY] = "lazy",
		[HIJACK_TRAP_EAGER] = "eager",
		NULL,
	};
	int choice = choose(parser, value, names);

	if (choice < 0)
		return choice;
	parser->config->trap = (enum hijack_trap)choice;
	parser->config->trap_is_set = true;
	return 0;
}

static int set_log(struct parser *parser, struct piece value)
{
	if (is(value, "unrouted")) {
		parser->config->log_unrouted = true;
		return 0;
	}
	if (parser->config->log)
		return want(parser, value, "one file; log=FILE was there before");
	parser->config->log = store(parser, value);
	return parser->config->log ? 0 : -EINVAL;
}

/* ---- words for what the kernel starts with ---- */

/* NULL: error is set. */
static char *add_boot(struct parser *parser, enum hijack_boot_kind kind, struct piece value)
{
	struct hijack_config *config = parser->config;
	char *text = store(parser, value);

	if (!text)
		return NULL;
	if (config->boot_count == HIJACK_CONFIG_BOOT_MAX) {
		config_error_set(
			parser->error, "more than ", config_number(HIJACK_CONFIG_BOOT_MAX).text,
			" words that a kernel starts with: write a rump.conf and name it by conf=",
			NULL);
		return NULL;
	}
	config->boot[config->boot_count].kind = kind;
	config->boot[config->boot_count].name = parser->name;
	config->boot[config->boot_count].text = text;
	config->boot_count++;
	return text;
}

static int add_conf(struct parser *parser, struct piece value)
{
	return add_boot(parser, HIJACK_BOOT_CONF, value) ? 0 : -EINVAL;
}

static int add_image(struct parser *parser, struct piece value)
{
	return add_boot(parser, HIJACK_BOOT_IMAGE, value) ? 0 : -EINVAL;
}

static int add_component(struct parser *parser, struct piece value)
{
	char *list[] = {add_boot(parser, HIJACK_BOOT_COMPONENT, value), NULL};
	struct rumpuser_boot_item item;

	return list[0] ? conf_component(list, &item, parser->error) : -EINVAL;
}

static int add_drive(struct parser *parser, struct piece value)
{
	char *text = add_boot(parser, HIJACK_BOOT_DRIVE, value);
	char buffer[HIJACK_CONFIG_TEXT_MAX + 1];
	struct drive_spec spec;

	return text ? drive_spec_parse(text, buffer, sizeof(buffer), &spec, parser->error)
		    : -EINVAL;
}

/* The words of a value, which is written as a line of rump.conf. */
static int lex_value(struct parser *parser, const char *text, char *buffer, size_t size,
		     struct conf_line *ret_line)
{
	struct conf_lexer lexer = {
		.at = text,
		.end = text + strlen(text),
		.line = 1,
		.buffer = buffer,
		.size = size,
	};
	int result = conf_lexer_next(&lexer, ret_line, parser->error);

	return result < 0 ? result : 0;
}

static int add_mount(struct parser *parser, struct piece value)
{
	char *text = add_boot(parser, HIJACK_BOOT_MOUNT, value);
	char buffer[HIJACK_CONFIG_TEXT_MAX + 1];
	struct rumpuser_boot_item item;
	struct conf_line line = {.count = 0};
	int result;

	if (!text)
		return -EINVAL;
	result = lex_value(parser, text, buffer, sizeof(buffer), &line);
	/* without any word it is the first one that is missing */
	return result ? result : conf_mount(line.words, &item, parser->error);
}

/* The network lines of rump.conf, by their names. */
static int add_net(struct parser *parser, struct piece value)
{
	char *text = add_boot(parser, HIJACK_BOOT_NET, value);
	char buffer[HIJACK_CONFIG_TEXT_MAX + 1], name[16], **host_path;
	struct conf_line line = {.count = 0};
	char *words[RUMP_CONF_WORDS_MAX + 2] = {name};
	int result;

	if (!text)
		return -EINVAL;
	result = lex_value(parser, text, buffer, sizeof(buffer), &line);
	if (result)
		return result;
	strcpy(name, parser->name);
	memcpy(words + 1, line.words, line.count * sizeof(*words));
	return conf_net(words, &host_path, parser->error);
}

/* ---- the string ---- */

static const struct word words[] = {
	{"path", "path=/rump", add_path, true, true},
	{"blanket", "blanket=/a:/b", add_blankets, true, true},
	{"socket", "socket=all:nolocal", set_sockets, true, false},
	{"vfs", "vfs=fhcalls, vfs=all or vfs=none", set_vfs, true, false},
	{"sysctl", "sysctl=yes or sysctl=no", set_sysctl, true, false},
	{"net", "net=yes or net=no", set_net, true, false},
	{"resolver", "resolver=yes or resolver=no", set_resolver, true, false},
	{"fdoff", "fdoff=128", set_fdoff, false, false},
	{"kernel", "kernel=local, spawn, server or family", set_kernel, false, false},
	{"trap", "trap=on, off, lazy or eager", set_trap, false, false},
	{"log", "log=FILE or log=unrouted", set_log, false, true},
	{"strict", "strict=yes or strict=no", set_strict, false, false},
	{"conf", "conf=FILE", add_conf, false, true},
	{"image", "image=HOSTPATH", add_image, false, false},
	{"drive", "drive=key=/dev/vda\\,hostpath=disk.img", add_drive, false, true},
	{"mount", "mount=auto /dev/vda /mnt", add_mount, false, true},
	{"component", "component=NAME", add_component, false, true},
	{"interface", "interface=shmif0 /tmp/bus", add_net, false, true},
	{"address", "address=shmif0 10.0.0.1/24", add_net, false, true},
	{"route", "route=default 10.0.0.254", add_net, false, true},
	{"dhcp", "dhcp=virt0", add_net, false, true},
	{"up", "up=virt0", add_net, false, true},
	{"autoconf6", "autoconf6=virt0", add_net, false, true},
	{"bridge", "bridge=br0 virt0 shmif0", add_net, false, true},
	{"nameserver", "nameserver=10.0.0.53", add_net, false, true},
	{"host", "host=10.0.0.1 server", add_net, false, true},
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static int unknown_word(struct parser *parser, struct piece name)
{
	const char *names[WORD_COUNT + 1] = {NULL};

	for (size_t i = 0; i < WORD_COUNT; i++)
		names[i] = words[i].name;
	return config_error_unknown(parser->error, "word", name.start, name.length, names);
}

static bool is_given(const struct parser *parser, const char *name)
{
	for (size_t i = 0; i < WORD_COUNT; i++)
		if (!strcmp(words[i].name, name))
			return parser->given >> i & 1;
	return false;
}

/* Takes one word. */
static int take_word(struct parser *parser, struct piece word)
{
	const char *equals = memchr(word.start, '=', word.length);
	struct piece name = {word.start, equals ? (size_t)(equals - word.start) : word.length};
	struct piece value = {NULL, 0};

	if (!word.length)
		return config_error_set(parser->error, "empty word: want no comma here", NULL);
	for (size_t i = 0; i < WORD_COUNT; i++) {
		int result;

		if (!is(name, words[i].name))
			continue;
		if (equals) {
			value.start = equals + 1;
			value.length = word.length - name.length - 1;
		}
		if (!value.length)
			return config_error_set(parser->error, "'", words[i].name,
						"' has no value: want ", words[i].want, NULL);
		if (parser->given & 1u << i && !words[i].may_repeat)
			return config_error_set(parser->error, "'", words[i].name,
						"' is given twice", NULL);
		parser->given |= 1u << i;
		parser->name = words[i].name;
		parser->at = (size_t)(value.start - parser->text);
		result = words[i].take(parser, value);
		if (result)
			config_error_prefix(parser->error, words[i].name, "=: ", NULL);
		return result;
	}
	return unknown_word(parser, name);
}

/* Takes all words; parser->at stays at the one that failed. */
static int take_words(struct parser *parser)
{
	const char *at = parser->text;

	for (;;) {
		struct piece word = cut(at, ',');
		int result;

		parser->at = (size_t)(at - parser->text);
		result = take_word(parser, word);
		if (result)
			return result;
		at += word.length;
		if (!*at)
			return 0;
		at++;
	}
}

static bool says_strict(const char *text)
{
	for (;;) {
		struct piece word = cut(text, ',');

		if (is(word, "strict=yes"))
			return true;
		text += word.length;
		if (!*text)
			return false;
		text++;
	}
}

/* Words that have no effect together are a mistake. */
static int check_kernel(struct parser *parser)
{
	const struct hijack_config *config = parser->config;

	if (!config->boot_count || config->kernel != HIJACK_KERNEL_SERVER)
		return 0;
	parser->at = 0;
	return config_error_set(
		parser->error,
		"conf= image= drive= mount= component= and the words of the network "
		"are for a kernel that this program starts, not for kernel=server: "
		"give them to rump_server",
		NULL);
}

/* Who uses the rump kernel's network means it by its files and names, too. */
static void set_network(struct parser *parser)
{
	struct hijack_config *config = parser->config;
	bool is_network = hijack_config_has_family(config, AF_INET) ||
			  hijack_config_has_family(config, AF_INET6);

	if (!is_given(parser, "net"))
		config->has_net = is_network;
	if (!is_given(parser, "resolver"))
		config->has_resolver = is_network;
}

static int parse(struct parser *parser)
{
	bool is_routed = false;
	int result;

	if (!*parser->text)
		return 0;
	if (strlen(parser->text) > HIJACK_CONFIG_TEXT_MAX) {
		parser->at = HIJACK_CONFIG_TEXT_MAX;
		return config_error_set(parser->error, "too long: want at most ",
					config_number(HIJACK_CONFIG_TEXT_MAX).text, " bytes", NULL);
	}
	result = take_words(parser);
	if (!result)
		result = check_kernel(parser);
	if (result)
		return result;
	for (size_t i = 0; i < WORD_COUNT; i++)
		is_routed |= words[i].is_routing && parser->given >> i & 1;
	if (!is_routed) {
		parser->text = HIJACK_CONFIG_DEFAULT;
		result = take_words(parser);
	}
	set_network(parser);
	return result;
}

static void clear(struct hijack_config *config)
{
	/* the storage needs no clearing, and is most of it */
	memset(config, 0, offsetof(struct hijack_config, storage));
	config->storage_used = 0;
	config->storage[0] = '\0';
	config->fdoff = -1;
}

int hijack_config_parse(const char *text, struct hijack_config *config, struct config_error *error)
{
	struct parser parser = {
		.text = text ? text : HIJACK_CONFIG_DEFAULT,
		.config = config,
		.error = error,
	};
	int result;

	clear(config);
	result = parse(&parser);
	if (result) {
		config_error_prefix(error, "at ", config_number(parser.at + 1).text, ": ", NULL);
		clear(config);
		config->is_strict = text && says_strict(text);
	}
	return result;
}

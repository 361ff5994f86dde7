/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_text.c - a call as text: descriptors and paths from its row, the rest from the
 * kernel's prototype (syscall_numbers.h), flags in hex, errors by name.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "dispatch.h"
#include "log.h"

#define SHOWN_PATH 200	/* bytes of a path */
#define SHOWN_ENTRIES 8 /* of an array */

/* ---- pieces ---- */

static void add_char(struct log_line *line, char c)
{
	if (line->length < sizeof(line->text) - 1)
		line->text[line->length++] = c;
}

void log_add(struct log_line *line, const char *text)
{
	while (*text)
		add_char(line, *text++);
}

void log_add_decimal(struct log_line *line, long value)
{
	char digits[24];

	put_decimal(digits, value);
	log_add(line, digits);
}

/* bits of a digit: 4 for hex, 3 for octal */
static void add_digits(struct log_line *line, unsigned long value, unsigned int bits)
{
	unsigned int shift = 0;

	while (shift + bits < 64 && value >> (shift + bits))
		shift += bits;
	for (;; shift -= bits) {
		add_char(line, "0123456789abcdef"[value >> shift & ((1U << bits) - 1)]);
		if (!shift)
			return;
	}
}

static void add_hex(struct log_line *line, unsigned long value)
{
	log_add(line, "0x");
	add_digits(line, value, 4);
}

static void add_text(struct log_line *line, const char *text, unsigned int length)
{
	add_char(line, '"');
	for (unsigned int i = 0; i < length; i++)
		add_char(line, text[i] >= ' ' && text[i] < 127 && text[i] != '"' ? text[i] : '?');
	add_char(line, '"');
}

void log_add_path(struct log_line *line, const char *path)
{
	char text[SHOWN_PATH];
	long length = path ? user_strlen(path, ROUTE_PATH_MAX) : -EFAULT;
	long shown = length < SHOWN_PATH ? length : SHOWN_PATH;

	if (!path) {
		log_add(line, "NULL");
	} else if (length < 0 || user_copy(text, path, shown)) {
		add_hex(line, (unsigned long)path);
	} else {
		add_text(line, text, shown);
		if (shown < length)
			log_add(line, "...");
	}
}

/* An int that is a number or flags: nobody reads 0x3 or 577. */
static void add_int(struct log_line *line, long value)
{
	if ((unsigned long)value < 10 || ((int)value < 0 && (int)value > -4096))
		log_add_decimal(line, (int)value);
	else
		add_hex(line, value);
}

/* ---- what pointers lead to ---- */

static void add_polled(struct log_line *line, const struct pollfd *fds, unsigned long count)
{
	struct pollfd fd;

	add_char(line, '[');
	for (unsigned long i = 0; i < count; i++) {
		if (i)
			log_add(line, ", ");
		if (i == SHOWN_ENTRIES || user_copy(&fd, fds + i, sizeof(fd))) {
			log_add(line, "...");
			break;
		}
		add_char(line, '{');
		log_add_decimal(line, fd.fd);
		log_add(line, ", ");
		add_hex(line, (unsigned short)fd.events);
		if (fd.revents) {
			log_add(line, ", ");
			add_hex(line, (unsigned short)fd.revents);
		}
		add_char(line, '}');
	}
	add_char(line, ']');
}

/* As it was left: what is ready. */
static void add_set(struct log_line *line, const unsigned long *set, int count)
{
	unsigned long word = 0;
	bool is_first = true;

	if (!set) {
		log_add(line, "NULL");
		return;
	}
	add_char(line, '[');
	for (int fd = 0; fd < count && fd < FD_SETSIZE; fd++) {
		if (fd % 64 == 0 && user_copy(&word, set + fd / 64, sizeof(word)))
			break;
		if (!(word >> fd % 64 & 1))
			continue;
		if (!is_first)
			add_char(line, ' ');
		log_add_decimal(line, fd);
		is_first = false;
	}
	add_char(line, ']');
}

static void add_events(struct log_line *line, const struct epoll_event *events, long count)
{
	struct epoll_event event;

	add_char(line, '[');
	for (long i = 0; i < count; i++) {
		if (i)
			log_add(line, ", ");
		if (i == SHOWN_ENTRIES || user_copy(&event, events + i, sizeof(event))) {
			log_add(line, "...");
			break;
		}
		add_char(line, '{');
		add_hex(line, event.events);
		log_add(line, ", ");
		add_hex(line, event.data.u64);
		add_char(line, '}');
	}
	add_char(line, ']');
}

static void add_address(struct log_line *line, const void *theirs, unsigned long size)
{
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
	} address;
	unsigned char *bytes = (unsigned char *)&address.in.sin_addr;
	unsigned int length;

	memset(&address, 0, sizeof(address));
	if (size < sizeof(address.any.sa_family) || size > sizeof(address) ||
	    user_copy(&address, theirs, size)) {
		add_hex(line, (unsigned long)theirs);
	} else if (address.any.sa_family == AF_UNIX) {
		for (length = 1;
		     length < sizeof(address.un.sun_path) && address.un.sun_path[length];)
			length++;
		log_add(line, *address.un.sun_path ? "unix:" : "unix:@");
		if (*address.un.sun_path)
			add_text(line, address.un.sun_path, length);
		else
			add_text(line, address.un.sun_path + 1, length - 1);
	} else if (address.any.sa_family == AF_INET) {
		for (int i = 0; i < 4; i++) {
			log_add_decimal(line, bytes[i]);
			add_char(line, i < 3 ? '.' : ':');
		}
		log_add_decimal(line, address.in.sin_port >> 8 | (address.in.sin_port & 255) << 8);
	} else {
		log_add(line, "family ");
		log_add_decimal(line, address.any.sa_family);
	}
}

/* Whether it was shown. */
static bool add_special(struct log_line *line, const struct call *call, int i)
{
	const void *at = (const void *)call->args[i];

	switch (call->nr) {
	case SYS_poll:
	case SYS_ppoll:
		if (i == 0)
			add_polled(line, at, call->args[1]);
		return i == 0;
	case SYS_select:
	case SYS_pselect6:
		if (i >= 1 && i <= 3)
			add_set(line, at, call->args[0]);
		return i >= 1 && i <= 3;
	case SYS_bind:
	case SYS_connect:
		if (i == 1)
			add_address(line, at, (unsigned int)call->args[2]);
		return i == 1;
	}
	return false;
}

/* ---- calls ---- */

#define SYSCALL_SHOWN(name, kinds) [SYS_##name] = kinds,
static const char shown[HIJACK_NR_MAX][8] = {SYSCALLS_SHOWN};
#undef SYSCALL_SHOWN

#define ERROR_NAME(name, number) [number] = #name,
static const char error_names[][16] = {ERROR_NAMES};
#undef ERROR_NAME

static void add_argument(struct log_line *line, const struct call *call, int i, char kind)
{
	long value = call->args[i];

	switch (row_of(call->nr)->kinds[i]) {
	case ARG_PATH:
		log_add_path(line, (const char *)value);
		return;
	case ARG_DIRFD:
		if ((int)value == AT_FDCWD) {
			log_add(line, "AT_FDCWD");
			return;
		}
		/* fallthrough */
	case ARG_FD:
		log_add_decimal(line, (int)value);
		return;
	}
	if (add_special(line, call, i))
		return;
	switch (kind) {
	case 's':
		log_add_path(line, (const char *)value);
		return;
	case 'z':
		log_add_decimal(line, value);
		return;
	case 'm':
		add_char(line, '0');
		if (value)
			add_digits(line, value & 07777777, 3);
		return;
	case 'i':
		add_int(line, value);
		return;
	}
	if (value)
		add_hex(line, value);
	else
		log_add(line, "NULL");
}

void log_add_call(struct log_line *line, const struct call *call)
{
	const char *kinds = (unsigned long)call->nr < HIJACK_NR_MAX ? shown[call->nr] : "";

	log_add(line, name_of(call->nr));
	add_char(line, '(');
	for (int i = 0; kinds[i]; i++) {
		if (i)
			log_add(line, ", ");
		add_argument(line, call, i, kinds[i]);
	}
	add_char(line, ')');
}

void log_add_result(struct log_line *line, const struct call *call, long result)
{
	const unsigned long errors = sizeof(error_names) / sizeof(error_names[0]);
	int pair[2];

	log_add(line, " = ");
	if (is_error(result) && (unsigned long)-result < errors && *error_names[-result]) {
		add_char(line, '-');
		log_add(line, error_names[-result]);
		return;
	}
	if (result >> 32 && !is_error(result))
		add_hex(line, result);
	else
		log_add_decimal(line, result);
	switch (call->nr) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		if (result > 0) {
			add_char(line, ' ');
			add_events(line, (const struct epoll_event *)call->args[1], result);
		}
		break;
	case SYS_socketpair:
		if (!result && !user_copy(pair, (const void *)call->args[3], sizeof(pair))) {
			log_add(line, " [");
			log_add_decimal(line, pair[0]);
			log_add(line, ", ");
			log_add_decimal(line, pair[1]);
			add_char(line, ']');
		}
		break;
	}
}

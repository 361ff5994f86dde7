/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - one line for each call that was routed to the rump kernel.
 *
 * "1234 openat(AT_FDCWD, "/etc/motd", 0x0) = 5": the thread, the call as the kernel
 * got it, and what it gave.  A line is one write to a file opened for appending, so
 * lines of several threads and processes do not mix.
 */
#include <fcntl.h>

#include "dispatch.h"
#include "log.h"
#include "placeholder.h"

#define SHOWN_PATH 200

bool log_is_on;
static int log_fd = -1;

static int open_log(void)
{
	int fd = __atomic_load_n(&log_fd, __ATOMIC_ACQUIRE), none = -1;

	if (fd >= 0)
		return fd;
	fd = host(SYS_open, config.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0) {
		log_is_on = false;
		complain("cannot write the log ", config.log, NULL);
		return fd;
	}
	fd = private_fd(fd);
	if (!__atomic_compare_exchange_n(&log_fd, &none, fd, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		host(SYS_close, fd);
		fd = none;
	}
	return fd;
}

static char *put_hex(char *to, unsigned long value)
{
	int shift = 60;

	to = put_text(to, "0x");
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[value >> shift & 15];
	return to;
}

static char *put_path(char *to, const char *path)
{
	char text[SHOWN_PATH];
	long length = path ? user_strlen(path, ROUTE_PATH_MAX) : -EFAULT;

	if (length < 0)
		return put_hex(to, (unsigned long)path);
	if (length > SHOWN_PATH)
		length = SHOWN_PATH;
	if (user_copy(text, path, length))
		length = 0;
	*to++ = '"';
	for (long i = 0; i < length; i++)
		*to++ = text[i] >= ' ' && text[i] < 127 && text[i] != '"' ? text[i] : '?';
	*to++ = '"';
	return to;
}

void log_prepare(void)
{
	if (log_is_on)
		open_log();
}

void log_kernel(const char *which, const char *detail)
{
	char line[1024], *p = line;
	int fd = log_is_on ? open_log() : -1;

	if (fd < 0)
		return;
	p = put_text(put_text(put_decimal(p, host(SYS_getpid)), " kernel: "), which);
	for (; detail && *detail && p < line + sizeof(line) - 2; detail++)
		*p++ = *detail;
	*p++ = '\n';
	host(SYS_write, fd, line, p - line);
}

void log_call(struct call *call, const long args[6], long result)
{
	const struct row *row = row_of(call->nr);
	char line[1024], *p = line;
	int fd = open_log();

	if (fd < 0)
		return;
	p = put_decimal(p, host(SYS_gettid));
	*p++ = ' ';
	p = put_text(p, name_of(call->nr));
	*p++ = '(';
	for (int i = 0; i < 6; i++) {
		if (i)
			p = put_text(p, ", ");
		switch (row->kinds[i]) {
		case ARG_PATH:
			p = put_path(p, (const char *)args[i]);
			break;
		case ARG_DIRFD:
			if ((int)args[i] == AT_FDCWD) {
				p = put_text(p, "AT_FDCWD");
				break;
			}
			/* fallthrough */
		case ARG_FD:
			p = put_decimal(p, (int)args[i]);
			break;
		default:
			p = put_hex(p, args[i]);
		}
	}
	p = put_text(p, ") = ");
	p = put_decimal(p, result);
	*p++ = '\n';
	host(SYS_write, fd, line, p - line);
}

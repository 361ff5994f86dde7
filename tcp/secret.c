/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secret.c - the file with the secret that a tcp:// server and its clients share.
 *
 * 32 bytes at random, as they are or as 64 hexadecimal digits (white space may follow).
 * Only its owner may have any access: who has the secret is the server's user.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tcp.h"

#define REMEDY "; make one: (umask 077; head -c 32 /dev/urandom | xxd -p -c 64 >FILE)"
/* 32 random bytes have so few different ones never */
#define LEAST_DIFFERENT 8

/* Opens and looks at the file before anything of it is read. */
static int open_secret(const char *path, struct config_error *error)
{
	struct config_shown shown = config_show(path, strlen(path));
	struct stat status;
	char mode[16];
	long fd, failed;

	/* O_NONBLOCK: a FIFO shall be refused, not waited for */
	fd = host_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0) {
		config_error_set(error, "secret file ", shown.text, ": ", strerror((int)-fd), NULL);
		return (int)fd;
	}
	failed = host_call(SYS_fstat, fd, &status);
	if (failed) {
		config_error_set(error, "secret file ", shown.text, ": ", strerror((int)-failed),
				 NULL);
	} else if (!S_ISREG(status.st_mode)) {
		failed = -EINVAL;
		config_error_set(error, "secret file ", shown.text, " is not a regular file", NULL);
	} else if (status.st_mode & 077) {
		failed = -EACCES;
		snprintf(mode, sizeof(mode), "%04o", status.st_mode & 07777);
		config_error_set(error, "secret file ", shown.text,
				 " is open to other users (mode ", mode, "): chmod 600 ",
				 shown.text, NULL);
	} else if (status.st_uid && geteuid() && status.st_uid != geteuid()) {
		failed = -EACCES;
		config_error_set(error, "secret file ", shown.text, " belongs to another user",
				 NULL);
	}
	if (failed) {
		host_call(SYS_close, fd);
		return (int)failed;
	}
	return (int)fd;
}

static int different_bytes(const uint8_t *bytes)
{
	uint8_t seen[256] = {0};
	int count = 0;

	for (int i = 0; i < RUMP_SP_SECRET_SIZE; i++)
		count += !seen[bytes[i]]++;
	return count;
}

/* 0 or -EINVAL */
static int parse(const char *text, size_t length, uint8_t *ret_secret)
{
	size_t size = 0;

	if (length == RUMP_SP_SECRET_SIZE) {
		memcpy(ret_secret, text, length);
		return 0;
	}
	while (length && strchr(" \t\r\n", text[length - 1]))
		length--;
	if (length != 2 * RUMP_SP_SECRET_SIZE ||
	    sodium_hex2bin(ret_secret, RUMP_SP_SECRET_SIZE, text, length, NULL, &size, NULL) ||
	    size != RUMP_SP_SECRET_SIZE)
		return -EINVAL;
	return 0;
}

int secret_read(const char *path, uint8_t ret_secret[RUMP_SP_SECRET_SIZE],
		struct config_error *error)
{
	uint8_t secret[RUMP_SP_SECRET_SIZE];
	char text[256];
	size_t length = 0;
	long got;
	int fd, result;

	if (!path || !*path) {
		config_error_set(error, "tcp:// needs the file with the server's secret", NULL);
		return -EACCES;
	}
	fd = open_secret(path, error);
	if (fd < 0)
		return fd;
	do {
		got = host_call(SYS_read, fd, text + length, sizeof(text) - length);
		if (got > 0)
			length += (size_t)got;
	} while (got == -EINTR || (got > 0 && length < sizeof(text)));
	host_call(SYS_close, fd);

	result = got < 0 ? (int)got : parse(text, length, secret);
	if (got < 0) {
		config_error_set(error, "secret file ", config_show(path, strlen(path)).text, ": ",
				 strerror((int)-got), NULL);
	} else if (result) {
		config_error_set(error, "secret file ", config_show(path, strlen(path)).text,
				 " has neither 64 hexadecimal digits nor 32 bytes" REMEDY, NULL);
	} else if (different_bytes(secret) < LEAST_DIFFERENT) {
		result = -EINVAL;
		config_error_set(error, "secret file ", config_show(path, strlen(path)).text,
				 " is not random" REMEDY, NULL);
	} else {
		memcpy(ret_secret, secret, sizeof(secret));
	}
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(text, sizeof(text));
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Files with the secret of tcp://: what is taken, what is refused, and what is said then. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "tcp.h"

#define HEX "00112233445566778899aabbccddeeff0123456789ABCDEFfedcba9876543210"

static const uint8_t hex_bytes[RUMP_SP_SECRET_SIZE] = {
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
	0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
	0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
static const char raw[] = "\0\1\2\3\4\5\6\7\n\xff\xfe\xfd 3456789abcdefghijkln\n";

static char path[] = "/tmp/rump-secret-XXXXXX";
static uint8_t secret[RUMP_SP_SECRET_SIZE];
static struct config_error error;

static int read_file(const char *text, size_t length, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);

	if (write(fd, text, length) != (ssize_t)length || fchmod(fd, mode))
		bail_out("cannot write %s", path);
	close(fd);
	memset(secret, 0x55, sizeof(secret));
	error.text[0] = '\0';
	return secret_read(path, secret, &error);
}

static bool is_untouched(void)
{
	for (size_t i = 0; i < sizeof(secret); i++) {
		if (secret[i] != 0x55)
			return false;
	}
	return true;
}

static void refused(int result, int want, const char *text, const char *name)
{
	is_int(result, want, "%s", name);
	if (!ok(strstr(error.text, text), "%s: the reason is told", name))
		diag("%s", error.text);
	ok(is_untouched(), "%s: the secret is untouched", name);
}

int main(void)
{
	static char zeroes[RUMP_SP_SECRET_SIZE], many[4096];

	close(mkstemp(path));

	is_int(read_file(HEX "\n", 65, 0600), 0, "64 digits and a newline");
	ok(!memcmp(secret, hex_bytes, sizeof(secret)), "are what they say");
	is_int(read_file(HEX, 64, 0400), 0, "64 digits");
	ok(!memcmp(secret, hex_bytes, sizeof(secret)), "are what they say");
	is_int(read_file(HEX " \r\n\n", 68, 0600), 0, "64 digits and white space");
	is_int(read_file(raw, 32, 0600), 0, "32 bytes with a newline at the end");
	ok(!memcmp(secret, raw, sizeof(secret)), "are taken as they are");

	refused(read_file(HEX, 63, 0600), -EINVAL, "64 hexadecimal digits", "63 digits");
	refused(read_file(HEX "0", 65, 0600), -EINVAL, "64 hexadecimal digits", "65 digits");
	refused(read_file("x" HEX, 64, 0600), -EINVAL, "64 hexadecimal digits", "an x");
	refused(read_file(HEX, 33, 0600), -EINVAL, "64 hexadecimal digits", "33 bytes");
	refused(read_file("", 0, 0600), -EINVAL, "64 hexadecimal digits", "an empty file");
	refused(read_file(many, sizeof(many), 0600), -EINVAL, "64 hexadecimal digits",
		"4096 bytes");
	refused(read_file(zeroes, sizeof(zeroes), 0600), -EINVAL, "not random", "zeroes");
	refused(read_file("password", 8, 0600), -EINVAL, "urandom", "a password");

	refused(read_file(HEX, 64, 0640), -EACCES, "chmod 600", "mode 0640");
	refused(read_file(HEX, 64, 0604), -EACCES, "(mode 0604)", "mode 0604");
	refused(read_file(HEX, 64, 0620), -EACCES, "other users", "mode 0620");
	if (geteuid()) {
		skip("root only: files of another user");
	} else {
		read_file(HEX, 64, 0600);
		if (chown(path, 65534, 65534) || seteuid(65533))
			bail_out("cannot change users");
		ok(secret_read(path, secret, &error) == -EACCES, "another user's file");
		if (seteuid(0))
			bail_out("cannot come back");
	}

	memset(secret, 0x55, sizeof(secret));
	refused(secret_read("/nonexistent/secret", secret, &error), -ENOENT,
		"/nonexistent/secret: No such file", "no file");
	refused(secret_read("/", secret, &error), -EINVAL, "not a regular file", "a folder");
	refused(secret_read("/dev/zero", secret, &error), -EINVAL, "not a regular file",
		"a device");
	refused(secret_read(NULL, secret, &error), -EACCES, "needs the file", "no name");
	refused(secret_read("", secret, &error), -EACCES, "needs the file", "an empty name");
	unlink(path);
	if (mkfifo(path, 0600))
		bail_out("mkfifo");
	refused(secret_read(path, secret, &error), -EINVAL, "not a regular file", "a FIFO");
	unlink(path);
	return done_testing();
}

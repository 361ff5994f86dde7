/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - for programs that know nothing of rump and tell what their calls gave.
 *
 *	NAME CASE FOLDER
 *
 * They run on a folder of the host and on one of the rump kernel; what they print has to be
 * the same, so the host's kernel says what is right.  Nothing that differs from run to run
 * (inode numbers, times) is printed.
 */
#ifndef RUMP_TESTS_REPORT_H
#define RUMP_TESTS_REPORT_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *folder;

/* The call, and what it gave. */
#define TELL(call)                                                       \
	({                                                               \
		errno = 0;                                               \
		long ret_ = (long)(call);                                \
		int errno_ = errno;                                      \
		if (ret_ == -1)                                          \
			printf("%d: %s: %s\n", __LINE__, #call,          \
			       errno_ ? strerrorname_np(errno_) : "-1"); \
		else                                                     \
			printf("%d: %s = %ld\n", __LINE__, #call, ret_); \
		fflush(stdout);                                          \
		errno = errno_;                                          \
		ret_;                                                    \
	})
/* The same for what gives a descriptor, a pointer, a size of no interest: whether it worked. */
#define WORKS(call)                                                     \
	({                                                              \
		errno = 0;                                              \
		long ret_ = (long)(call);                               \
		int errno_ = errno;                                     \
		printf("%d: %s: %s\n", __LINE__, #call,                 \
		       ret_ == -1 ? strerrorname_np(errno_) : "works"); \
		fflush(stdout);                                         \
		errno = errno_;                                         \
		ret_;                                                   \
	})
#define TEXT(text)                                                                       \
	do {                                                                             \
		const char *text_ = (text);                                              \
		printf("%d: %s is \"%s\"\n", __LINE__, #text, text_ ? text_ : "(none)"); \
		fflush(stdout);                                                          \
	} while (0)

/* folder/name, in one of eight buffers that take turns */
static inline char *in(const char *name)
{
	static char path[8][4200];
	static int n;
	char *result = path[n = (n + 1) % 8];

	snprintf(result, sizeof(path[0]), "%s/%s", folder, name);
	return result;
}

static inline int make(const char *name, const char *text)
{
	int fd = open(in(name), O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    lseek(fd, 0, SEEK_SET)) {
		perror(name);
		exit(1);
	}
	return fd;
}

struct report {
	const char *name;
	void (*run)(void);
};

static inline int report_main(const struct report *cases, int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s CASE FOLDER\n", argv[0]);
		return 2;
	}
	folder = argv[2];
	for (; cases->name; cases++)
		if (!strcmp(cases->name, argv[1])) {
			cases->run();
			return 0;
		}
	fprintf(stderr, "%s: no case %s\n", argv[0], argv[1]);
	return 2;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.h - what the tools say, and their exit statuses.
 *
 * A message is one line: on stderr "PROGRAM: text", and, once message_log() has given a
 * log, there too with the time and the process.
 */
#ifndef RUMP_TOOLS_MESSAGE_H
#define RUMP_TOOLS_MESSAGE_H

/* Documented in the manual pages. */
enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* the kernel or the system says no */
	STATUS_USAGE = 2,  /* options, configuration */
	STATUS_TAKEN = 3,  /* the address belongs to somebody else */
	STATUS_DENIED = 4, /* permission */
};

/* argv0: the program's name is the word behind its last slash. */
void message_init(const char *argv0);
const char *message_program(void);

/* Appends to this descriptor as well, which may be stderr; -1: no more. */
void message_log(int fd);

/* errno is kept. */
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Only into the log, if there is one. */
void message_to_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the message and "Try 'PROGRAM --help'."; returns STATUS_USAGE. */
int message_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the program's name and version; returns STATUS_OK. */
int message_version(void);

/* The status for an errno value that is not told of more precisely. */
int message_status(int error);

#endif

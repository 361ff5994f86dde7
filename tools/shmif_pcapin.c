/* SPDX-License-Identifier: BSD-2-Clause */
/* shmif_pcapin - sends the frames of a capture on a bus.  Manual: shmif_pcapin(1). */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "capture.h"
#include "capture_options.h"
#include "message.h"

#define NSEC 1000000000ULL

static void print_help(void);

/* -f: at once; -c: of frames to send, all without */
static struct capture_options options = {.letters = ":fc:", .print_help = print_help};

static struct {
	unsigned long long sent, short_ones, others;
} sums;

static void print_help(void)
{
	printf("Usage: %s [-f] [-c count] bus capture\n"
	       "Sends the Ethernet frames of a capture (pcap or pcapng; '-': standard input) on a\n"
	       "bus, at the pace at which they were captured.\n"
	       "\n"
	       "  -f        as fast as the others read\n"
	       "  -c COUNT  no more frames than that\n"
	       "\n"
	       "Exit status: 0 done, 1 a file has failed, 2 options or a file are wrong, 4 no\n"
	       "permission.\n",
	       message_program());
}

static uint64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * NSEC + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t time)
{
	const struct timespec until = {.tv_sec = (time_t)(time / NSEC), .tv_nsec = (long)(time % NSEC)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

static void send_record(struct bus *bus, const struct capture_record *record)
{
	static uint64_t first, start;

	if (!record->is_ethernet) {
		sums.others++;
		return;
	}
	if (record->length != record->original || record->length < RUMP_BUS_FRAME_MIN ||
	    record->length > RUMP_BUS_FRAME_MAX) {
		sums.short_ones++;
		return;
	}
	if (!start) {
		start = now(CLOCK_MONOTONIC);
		first = record->time;
	}
	/* captures may be out of order by a little */
	if (!options.has_f && record->time > first)
		sleep_until(start + (record->time - first));
	bus_send(bus, record->data, record->length, now(CLOCK_REALTIME));
	sums.sent++;
}

static int run(struct bus *bus, FILE *file, const char *name)
{
	struct capture_record record;
	struct capture capture;
	const char *why = NULL;
	int got = capture_open(&capture, file, &why);

	if (!got)
		got = 1;
	while (got > 0 && (!options.count || sums.sent < options.count)) {
		got = capture_read(&capture, &record, &why);
		if (got > 0)
			send_record(bus, &record);
	}
	capture_close(&capture);
	if (got < 0)
		message("%s: %s", name, why);
	if (sums.others)
		message("%llu frames were of another kind than Ethernet: not sent", sums.others);
	if (sums.short_ones)
		message("%llu frames were captured in part, or are too long: not sent",
			sums.short_ones);
	return got < 0 ? got : 0;
}

static int parse(int argc, char **argv)
{
	int status = capture_options(argc, argv, &options);

	if (status)
		return status;
	if (argc - optind != 2)
		return message_usage("want a bus file and a capture file");
	return 0;
}

int main(int argc, char **argv)
{
	const char *name;
	struct bus bus;
	FILE *file;
	int status, error;

	message_init(argv[0]);
	status = parse(argc, argv);
	if (status)
		return status;
	name = argv[optind + 1];
	file = strcmp(name, "-") ? fopen(name, "re") : stdin;
	if (!file) {
		message("%s: %s", name, strerror(errno));
		return message_status(errno);
	}
	error = bus_open(&bus, argv[optind], true);
	if (error)
		return message_status(-error);
	error = run(&bus, file, name);
	bus_close(&bus);
	return error ? message_status(-error) : STATUS_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shmif_dumpbus - the frames of buses as a capture.  Manual: shmif_dumpbus(1).
 *
 * Each pass takes what is new in all rings, puts it into the order of time and writes it.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "capture.h"
#include "capture_options.h"
#include "message.h"

#define BUSES_MAX 16
#define PASS_BYTES (80U << 20) /* the rings of one bus and what comes meanwhile */

struct kept {
	uint64_t time;
	unsigned int bus;
	uint32_t length;
	unsigned char *data;
};

static void print_help(void);

/* -f: goes on; -c: of frames to write, all without */
static struct capture_options options = {.letters = ":fc:w:", .print_help = print_help};

static struct {
	FILE *out;
	struct bus buses[BUSES_MAX];
	struct bus *pointers[BUSES_MAX];
	unsigned int bus_count;
} work;

static struct {
	struct kept *frames;
	size_t count, room, bytes;
	unsigned int bus; /* that is read */
} pass;

static struct {
	unsigned long long written, segments, unfinished;
} sums;

static volatile sig_atomic_t is_stopped;

static void on_stop(int signal)
{
	(void)signal;
	is_stopped = 1;
}

static void print_help(void)
{
	printf("Usage: %s [-f] [-c count] [-w file] bus ...\n"
	       "Writes the frames that the rings of the buses still hold as a capture (pcapng) that\n"
	       "tcpdump and wireshark read, to standard output.\n"
	       "\n"
	       "  -f        the frames from now on, until it is interrupted\n"
	       "  -c COUNT  no more frames than that\n"
	       "  -w FILE   to a file\n"
	       "\n"
	       "Exit status: 0 done, 1 a file has failed, 2 options are wrong, 4 no permission.\n",
	       message_program());
}

/* ---- one pass ---- */

static int keep(const struct rump_bus_frame *frame, unsigned int slot, const void *data, void *arg)
{
	struct kept *kept;

	(void)slot;
	(void)arg;
	if (pass.count == pass.room) {
		size_t room = pass.room ? pass.room * 2 : 1024;
		struct kept *frames = realloc(pass.frames, room * sizeof(*frames));

		if (!frames)
			return -ENOMEM;
		pass.frames = frames;
		pass.room = room;
	}
	kept = &pass.frames[pass.count];
	kept->data = malloc(frame->length);
	if (!kept->data)
		return -ENOMEM;
	memcpy(kept->data, data, frame->length);
	kept->time = frame->time;
	kept->length = frame->length;
	kept->bus = pass.bus;
	pass.count++;
	pass.bytes += frame->length;
	if (frame->gso_type)
		sums.segments++;
	if (frame->flags & RUMP_BUS_NEEDS_CSUM)
		sums.unfinished++;
	return pass.bytes > PASS_BYTES;
}

static int compare(const void *a, const void *b)
{
	const struct kept *left = a, *right = b;

	if (left->time != right->time)
		return left->time < right->time ? -1 : 1;
	return left < right ? -1 : left > right;
}

static int write_pass(void)
{
	int error = 0;

	qsort(pass.frames, pass.count, sizeof(*pass.frames), compare);
	for (size_t i = 0; i < pass.count; i++) {
		struct kept *kept = &pass.frames[i];

		if (!error && (!options.count || sums.written < options.count)) {
			error = capture_frame(work.out, kept->bus, kept->time, kept->data,
					      kept->length);
			sums.written++;
		}
		free(kept->data);
	}
	pass.count = 0;
	pass.bytes = 0;
	if (!error && fflush(work.out))
		error = -errno;
	return error;
}

static bool is_enough(void)
{
	return options.count && sums.written >= options.count;
}

static int run(void)
{
	int error = 0;

	do {
		for (pass.bus = 0; pass.bus < work.bus_count && error >= 0; pass.bus++)
			error = bus_read(&work.buses[pass.bus], keep, NULL);
		if (error < 0)
			break;
		if (pass.count) {
			error = write_pass();
		} else if (options.has_f && !is_stopped) {
			error = bus_wait(work.pointers, work.bus_count);
			if (error == -EINTR)
				error = 0;
		}
	} while (!error && options.has_f && !is_stopped && !is_enough());
	return error;
}

/* ---- the program ---- */

static int begin(void)
{
	int error = capture_begin(work.out);

	for (unsigned int i = 0; i < work.bus_count && !error; i++)
		error = capture_interface(
			work.out, work.buses[i].path,
			"a bus of rump kernels: segments are whole, checksums may be unfinished");
	if (!error && fflush(work.out))
		error = -errno;
	return error;
}

static void tell(void)
{
	uint64_t lapped = 0, bad = 0;

	for (unsigned int i = 0; i < work.bus_count; i++) {
		lapped += work.buses[i].lapped;
		bad += work.buses[i].bad;
	}
	message("%llu frames, of which %llu are whole segments and %llu have no checksum yet; "
		"overwritten before they were read %llu times%s",
		sums.written, sums.segments, sums.unfinished, (unsigned long long)lapped,
		bad ? "; some were no frames" : "");
}

static int parse(int argc, char **argv)
{
	int status = capture_options(argc, argv, &options);

	if (status)
		return status;
	if (optind == argc)
		return message_usage("want a bus file");
	if (argc - optind > BUSES_MAX)
		return message_usage("%d buses: at most %d", argc - optind, BUSES_MAX);
	if (!options.file && isatty(STDOUT_FILENO))
		return message_usage("a terminal shows no capture: want -w FILE, or a pipe");
	return 0;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = on_stop};
	int status, error = 0;

	message_init(argv[0]);
	status = parse(argc, argv);
	if (status)
		return status;
	for (; optind < argc && !error; optind++) {
		struct bus *bus = &work.buses[work.bus_count];
		/* who may only read it looks again and again, and need not be told of frames */
		bool is_member = options.has_f && (!access(argv[optind], W_OK) || errno == ENOENT);

		error = bus_open(bus, argv[optind], is_member);
		if (error)
			return message_status(-error);
		if (options.has_f)
			bus_listen(bus);
		else
			bus_rewind(bus);
		work.pointers[work.bus_count++] = bus;
	}
	work.out = options.file ? fopen(options.file, "we") : stdout;
	if (!work.out) {
		message("%s: %s", options.file, strerror(errno));
		return message_status(errno);
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	error = begin();
	if (!error)
		error = run();
	for (unsigned int i = 0; i < work.bus_count; i++)
		bus_close(&work.buses[i]);
	if (fclose(work.out) && !error)
		error = -errno;
	if (error) {
		message("%s: %s", options.file ? options.file : "standard output", strerror(-error));
		return STATUS_FAILED;
	}
	tell();
	return STATUS_OK;
}

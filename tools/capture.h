/* SPDX-License-Identifier: BSD-2-Clause */
/* capture.h - files of captured frames: pcapng is written, pcap and pcapng are read. */
#ifndef RUMP_TOOLS_CAPTURE_H
#define RUMP_TOOLS_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CAPTURE_FRAME_MAX (256U << 10) /* longer ones are no frames */

/* ---- writing: 0 or -errno ---- */

int capture_begin(FILE *file);
/* One more interface; they are counted from 0. */
int capture_interface(FILE *file, const char *name, const char *description);
int capture_frame(FILE *file, unsigned int interface, uint64_t time, const void *data,
		  uint32_t length);

/* ---- reading ---- */

#define CAPTURE_INTERFACES_MAX 64

struct capture_interface {
	bool is_ethernet;
	uint64_t units; /* of time in a second */
};

struct capture {
	FILE *file;
	bool is_ng, is_swapped;
	struct capture_interface interfaces[CAPTURE_INTERFACES_MAX];
	unsigned int interface_count;
	unsigned char *block; /* CAPTURE_FRAME_MAX and room */
};

struct capture_record {
	const unsigned char *data;
	uint32_t length;   /* of data ... */
	uint32_t original; /* ... and of the frame, when more was not captured */
	uint64_t time;	   /* ns */
	bool is_ethernet;
};

/* 0; or -errno, *ret_why says what is wrong with the file */
int capture_open(struct capture *capture, FILE *file, const char **ret_why);
/* 1, 0 at the end, or -errno */
int capture_read(struct capture *capture, struct capture_record *ret_record, const char **ret_why);
void capture_close(struct capture *capture);

#endif

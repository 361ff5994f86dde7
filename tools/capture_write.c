/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captured frames as pcapng: unlike pcap it names the interfaces, and has room to say
 * what the frames are.  Numbers are those of this machine, which readers tell by the magic.
 */
#include "capture.h"

#include <errno.h>
#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_FRAME 6U
#define MAGIC 0x1a2b3c4dU
#define LINKTYPE_ETHERNET 1U
#define OPTION_END 0U
#define OPTION_NAME 2U
#define OPTION_DESCRIPTION 3U
#define OPTION_RESOLUTION 9U
#define NANOSECONDS 9 /* 10^-9 */

static const char zeroes[4];

static uint32_t padded(size_t length)
{
	return (uint32_t)(length + 3) & ~3U;
}

static void put(FILE *file, const void *data, size_t length)
{
	fwrite(data, 1, length, file);
}

static void put32(FILE *file, uint32_t value)
{
	put(file, &value, sizeof(value));
}

static void put16(FILE *file, unsigned int value)
{
	uint16_t half = (uint16_t)value;

	put(file, &half, sizeof(half));
}

static void put_padded(FILE *file, const void *data, size_t length)
{
	put(file, data, length);
	put(file, zeroes, padded(length) - length);
}

static void put_option(FILE *file, unsigned int code, const void *data, size_t length)
{
	put16(file, code);
	put16(file, (unsigned int)length);
	put_padded(file, data, length);
}

static int result(FILE *file)
{
	return ferror(file) ? -(errno ? errno : EIO) : 0;
}

int capture_begin(FILE *file)
{
	const uint64_t unknown = UINT64_MAX;
	const uint32_t length = 28;

	put32(file, BLOCK_SECTION);
	put32(file, length);
	put32(file, MAGIC);
	put16(file, 1);
	put16(file, 0);
	put(file, &unknown, sizeof(unknown));
	put32(file, length);
	return result(file);
}

int capture_interface(FILE *file, const char *name, const char *description)
{
	const unsigned char resolution = NANOSECONDS;
	uint32_t length = 20 + 4 + padded(strlen(name)) + 4 + padded(strlen(description)) + 8 + 4;

	put32(file, BLOCK_INTERFACE);
	put32(file, length);
	put16(file, LINKTYPE_ETHERNET);
	put16(file, 0);
	put32(file, CAPTURE_FRAME_MAX);
	put_option(file, OPTION_NAME, name, strlen(name));
	put_option(file, OPTION_DESCRIPTION, description, strlen(description));
	put_option(file, OPTION_RESOLUTION, &resolution, sizeof(resolution));
	put_option(file, OPTION_END, NULL, 0);
	put32(file, length);
	return result(file);
}

int capture_frame(FILE *file, unsigned int interface, uint64_t time, const void *data,
		  uint32_t length)
{
	uint32_t whole = 32 + padded(length);

	put32(file, BLOCK_FRAME);
	put32(file, whole);
	put32(file, interface);
	put32(file, (uint32_t)(time >> 32));
	put32(file, (uint32_t)time);
	put32(file, length);
	put32(file, length);
	put_padded(file, data, length);
	put32(file, whole);
	return result(file);
}

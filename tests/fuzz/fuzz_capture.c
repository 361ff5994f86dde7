/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_capture.c - capture files from anywhere.  The first byte says how the file begins, for
 * noise seldom has the right words there; each frame that is told lies where it is said to.
 */
#include "capture.h"
#include "fuzz.h"

#define FILE_MAX 8192

static unsigned char bytes[FILE_MAX];

static size_t begin(unsigned int how)
{
	static const uint32_t pcap[2][6] = {{0xa1b2c3d4, 0x00040002, 0, 0, 65536, 1},
					    {0x4d3cb2a1, 0x02000400, 0, 0, 0x100, 0x1000000}};
	static const uint32_t ng[] = {
		0x0a0d0d0a, 28, 0x1a2b3c4d, 1,	   ~0U,	       ~0U, 28,	    /* a section */
		1,	    32, 1,	    65536, 0x00010009, 9,   0,	32, /* Ethernet, ns */
	};

	switch (how & 3) {
	case 0:
		return 0;
	case 1:
		memcpy(bytes, pcap[how >> 2 & 1], sizeof(pcap[0]));
		return sizeof(pcap[0]);
	default:
		memcpy(bytes, ng, sizeof(ng));
		return sizeof(ng);
	}
}

/* A block whose frame of lengths is right, so that what is in it is looked at. */
static size_t add_block(size_t size, struct fuzz_input *in)
{
	static const uint32_t types[] = {1, 3, 6, 0x0a0d0d0a};
	uint32_t words = fuzz_u8(in) & 15, length = 12 + 4 * words;
	uint32_t head[2] = {types[fuzz_u8(in) & 3], length};

	if (size + length > FILE_MAX)
		return size;
	memcpy(bytes + size, head, sizeof(head));
	for (uint32_t i = 0; i < words; i++) {
		uint32_t word = fuzz_edge(in, 4 * words);

		memcpy(bytes + size + 8 + 4 * i, &word, sizeof(word));
	}
	memcpy(bytes + size + length - 4, &length, sizeof(length));
	return size + length;
}

static size_t make_file(struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in);
	size_t size = begin(how), rest;

	if (how & 0x80) {
		while (in->size && size < FILE_MAX - 128)
			size = add_block(size, in);
		return size;
	}
	rest = in->size < FILE_MAX - size ? in->size : FILE_MAX - size;
	fuzz_take(in, bytes + size, rest);
	return size + rest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {.data = data, .size = size};
	struct capture capture;
	struct capture_record record;
	const char *why = NULL;
	volatile unsigned char sum = 0;
	size_t length = make_file(&in);
	FILE *file;
	int got;

	if (!length)
		return 0;
	file = fmemopen(bytes, length, "r");
	REQUIRE(file);
	got = capture_open(&capture, file, &why);
	if (!got)
		while ((got = capture_read(&capture, &record, &why)) == 1) {
			REQUIRE(record.length <= CAPTURE_FRAME_MAX);
			/* the sanitizer looks */
			for (uint32_t i = 0; i < record.length; i++)
				sum += record.data[i];
		}
	REQUIRE(got <= 0 && !got == !why);
	capture_close(&capture);
	fclose(file);
	return 0;
}

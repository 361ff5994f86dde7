/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures as other tools write them, of either byte order, and such as no tool writes. */
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* ---- making files ---- */

static struct {
	unsigned char bytes[4096];
	size_t size;
	bool is_swapped;
} made;

static void begin(bool is_swapped)
{
	made.size = 0;
	made.is_swapped = is_swapped;
}

static void add(const void *bytes, size_t size)
{
	memcpy(made.bytes + made.size, bytes, size);
	made.size += size;
}

static void add32(uint32_t value)
{
	value = made.is_swapped ? __builtin_bswap32(value) : value;
	add(&value, sizeof(value));
}

static void add16(unsigned int value)
{
	uint16_t word = (uint16_t)(made.is_swapped ? __builtin_bswap16((uint16_t)value) : value);

	add(&word, sizeof(word));
}

static void pcap(uint32_t magic, uint32_t link)
{
	add32(magic);
	add16(2);
	add16(4);
	add32(0);
	add32(0);
	add32(65536);
	add32(link);
}

static void pcap_record(uint32_t sec, uint32_t part, uint32_t length, uint32_t original,
			const char *data)
{
	add32(sec);
	add32(part);
	add32(length);
	add32(original);
	add(data, strlen(data));
}

/* A pcapng block of words and text; the text's length is a multiple of four. */
static void block(uint32_t type, const uint32_t *words, unsigned int count, const char *text)
{
	uint32_t length = 12 + 4 * count + (uint32_t)strlen(text);

	add32(type);
	add32(length);
	for (unsigned int i = 0; i < count; i++)
		add32(words[i]);
	add(text, strlen(text));
	add32(length);
}

#define BLOCK(type, text, ...)                       \
	block(type, (const uint32_t[]){__VA_ARGS__}, \
	      sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), text)

static void section(void)
{
	BLOCK(0x0a0d0d0a, "", 0x1a2b3c4d, made.is_swapped ? 0x00010000 : 1, ~0U, ~0U);
}

/* the first half of a word that holds two halves */
static uint32_t halves(unsigned int first, unsigned int second)
{
	return made.is_swapped ? first << 16 | second : second << 16 | first;
}

/* Ethernet with if_tsresol, or without (0) */
static void ethernet(unsigned int resolution)
{
	uint32_t value = made.is_swapped ? resolution << 24 : resolution;

	if (resolution)
		BLOCK(1, "", halves(1, 0), 65536, halves(9, 1), value, 0);
	else
		BLOCK(1, "", halves(1, 0), 65536);
}

/* ---- reading them ---- */

static struct capture capture;
static struct capture_record record;
static const char *why;
static FILE *file;

static int open_made(void)
{
	file = fmemopen(made.bytes, made.size, "r");
	if (!file)
		bail_out("fmemopen: %s", strerror(errno));
	why = NULL;
	return capture_open(&capture, file, &why);
}

static void close_made(void)
{
	capture_close(&capture);
	fclose(file);
}

static void is_record(const char *data, uint32_t original, uint64_t time, const char *what)
{
	is_int(capture_read(&capture, &record, &why), 1, "%s: there is one", what);
	ok(record.length == strlen(data) && !memcmp(record.data, data, record.length),
	   "%s: its data", what);
	is_int(record.original, original, "%s: its length", what);
	ok(record.time == time, "%s: its time", what);
}

static void is_end(const char *what)
{
	is_int(capture_read(&capture, &record, &why), 0, "%s: the end", what);
	close_made();
}

/* The file is refused at some point, with that text. */
static void is_refused(const char *text, const char *what)
{
	int got = open_made();

	if (!got)
		while ((got = capture_read(&capture, &record, &why)) > 0)
			;
	ok(got < 0, "%s: refused", what);
	is_str(why ? why : "", text, "%s: why", what);
	close_made();
}

/* ---- cases ---- */

static void good(bool is_swapped)
{
	const char *order = is_swapped ? "swapped" : "native";

	begin(is_swapped);
	pcap(0xa1b2c3d4, 1);
	pcap_record(2, 3, 4, 60, "abcd");
	pcap_record(0, 0, 0, 0, "");
	is_int(open_made(), 0, "pcap, %s", order);
	is_record("abcd", 60, 2000003000, "pcap");
	ok(record.is_ethernet, "pcap: Ethernet");
	is_record("", 0, 0, "pcap, empty frame");
	is_end("pcap");

	begin(is_swapped);
	pcap(0xa1b23c4d, 113);
	pcap_record(2, 3, 4, 4, "abcd");
	is_int(open_made(), 0, "pcap with nanoseconds, %s", order);
	is_record("abcd", 4, 2000000003, "nanoseconds");
	ok(!record.is_ethernet, "pcap: not Ethernet");
	is_end("nanoseconds");

	begin(is_swapped);
	section();
	ethernet(0);
	ethernet(9);
	ethernet(0x80 | 10);
	BLOCK(1, "", halves(113, 0), 65536);
	BLOCK(6, "abcd", 0, 0, 5, 4, 60);
	BLOCK(6, "abcd", 1, 1, 0, 3, 3);
	BLOCK(5, "statistics..", 0);
	BLOCK(6, "", 2, 0, 512, 0, 0);
	BLOCK(6, "abcd", 3, 0, 0, 4, 4);
	BLOCK(6, "abcd", 99, 0, 0, 4, 4);
	BLOCK(3, "abcd", 3);
	BLOCK(3, "abcd", 900);
	is_int(open_made(), 0, "pcapng, %s", order);
	is_record("abcd", 60, 5000, "microseconds without a word of it");
	ok(record.is_ethernet, "pcapng: Ethernet");
	is_record("abc", 3, 1ULL << 32, "nanoseconds by option, padded");
	is_record("", 0, 500000000, "parts of 1/1024 s");
	is_record("abcd", 4, 0, "another kind of link");
	ok(!record.is_ethernet, "pcapng: not Ethernet");
	is_int(capture_read(&capture, &record, &why), 1, "an interface that is not there");
	ok(!record.is_ethernet, "... is no Ethernet");
	is_record("abc", 3, 0, "simple block");
	is_record("abcd", 900, 0, "simple block, cut off when it was captured");
	/* a second section has interfaces of its own */
	is_end("pcapng");

	begin(is_swapped);
	section();
	ethernet(0);
	made.is_swapped = !is_swapped;
	section();
	BLOCK(6, "abcd", 0, 0, 5, 4, 4);
	is_int(open_made(), 0, "two sections, %s", order);
	is_int(capture_read(&capture, &record, &why), 1, "the frame of the second one");
	ok(!record.is_ethernet, "... has no interface of the first");
	is_end("two sections");
}

static void many_interfaces(void)
{
	begin(false);
	section();
	for (int i = 0; i < CAPTURE_INTERFACES_MAX + 8; i++)
		ethernet(0);
	BLOCK(6, "abcd", CAPTURE_INTERFACES_MAX - 1, 0, 0, 4, 4);
	BLOCK(6, "abcd", CAPTURE_INTERFACES_MAX, 0, 0, 4, 4);
	is_int(open_made(), 0, "more interfaces than there is room for");
	is_int(capture_read(&capture, &record, &why), 1, "the last one");
	ok(record.is_ethernet, "the last one with room is known");
	is_int(capture_read(&capture, &record, &why), 1, "one more");
	ok(!record.is_ethernet, "one without room is skipped");
	is_end("many interfaces");
}

#define CUT "the capture file is cut off"
#define DAMAGED "the capture file is damaged"

/* Each file that ends in the middle says so; between two records it is a good one. */
static void cut(const char *what, unsigned int whole_at_most)
{
	size_t size = made.size;
	unsigned int refused = 0, held = 0;

	for (size_t length = 1; length < size; length++) {
		int got;

		made.size = length;
		got = open_made();
		if (!got)
			while ((got = capture_read(&capture, &record, &why)) > 0)
				;
		refused += got < 0;
		held += got < 0 && why && !strcmp(why, CUT);
		close_made();
	}
	made.size = size;
	is_int(refused, held, "%s: what ends early says so", what);
	ok(refused >= size - 1 - whole_at_most, "%s: at each byte inside", what);
}

static void bad(void)
{
	begin(false);
	add("hello, I am no capture at all", 29);
	is_refused("neither a pcap nor a pcapng file", "a text");

	begin(false);
	pcap(0xa1b2c3d4, 1);
	pcap_record(1, 1, CAPTURE_FRAME_MAX + 1, 60, "abcd");
	is_refused(DAMAGED, "a frame of more than frames have");
	begin(false);
	pcap(0xa1b2c3d4, 1);
	pcap_record(1, 1, ~0U, 60, "abcd");
	is_refused(DAMAGED, "a frame of 4 GiB");

	begin(false);
	pcap(0xa1b2c3d4, 1);
	pcap_record(2, 3, 4, 60, "abcd");
	cut("pcap", 1);

	begin(false);
	section();
	ethernet(9);
	BLOCK(6, "abcd", 0, 0, 5, 4, 60);
	cut("pcapng", 2);
}

/* A section and one block, whose words are wrong. */
static void bad_block(const char *what, const uint32_t *words, unsigned int count)
{
	begin(false);
	section();
	for (unsigned int i = 0; i < count; i++)
		add32(words[i]);
	is_refused(DAMAGED, what);
}

#define BAD_BLOCK(what, ...)                             \
	bad_block(what, (const uint32_t[]){__VA_ARGS__}, \
		  sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void bad_blocks(void)
{
	BAD_BLOCK("a block shorter than its frame", 6, 8, 0);
	BAD_BLOCK("a block of no whole words", 6, 13, 0, 0);
	BAD_BLOCK("a block of 4 GiB", 6, 0xfffffffc, 0);
	BAD_BLOCK("another length at the end", 2, 16, 0, 20);
	BAD_BLOCK("an interface of four bytes", 1, 16, 1, 16);
	BAD_BLOCK("a frame of four bytes", 6, 16, 1, 16);
	BAD_BLOCK("a simple block without a length", 3, 12, 12);
	BAD_BLOCK("a frame longer than its block", 6, 36, 0, 0, 0, 5, 5, 0, 36);
	BAD_BLOCK("a section of another magic", 0x0a0d0d0a, 28, 1, 1, 0, 0, 28);
	begin(false);
	BLOCK(0x0a0d0d0a, "", 0x1a2b3c4e, 1, ~0U, ~0U);
	is_refused(DAMAGED, "a file that begins with such a section");
}

int main(void)
{
	good(false);
	good(true);
	many_interfaces();
	bad();
	bad_blocks();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captured frames, as pcap (with micro- or nanoseconds) or pcapng, of either byte order.
 * What other tools leave to libpcap is little enough to be read here: nothing to install.
 */
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCAP_MICRO 0xa1b2c3d4U
#define PCAP_NANO 0xa1b23c4dU
#define LINKTYPE_ETHERNET 1U
#define NSEC 1000000000ULL

#define NG_SECTION 0x0a0d0d0aU
#define NG_MAGIC 0x1a2b3c4dU
#define NG_INTERFACE 1U
#define NG_SIMPLE 3U
#define NG_FRAME 6U
#define NG_OPTION_RESOLUTION 9U

#define BLOCK_MAX (CAPTURE_FRAME_MAX + 4096)

static const char cut_off[] = "the capture file is cut off";
static const char damaged[] = "the capture file is damaged";

static uint32_t order32(const struct capture *capture, uint32_t value)
{
	return capture->is_swapped ? __builtin_bswap32(value) : value;
}

static uint32_t get32(const struct capture *capture, const unsigned char *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return order32(capture, value);
}

static unsigned int get16(const struct capture *capture, const unsigned char *from)
{
	uint16_t value;

	memcpy(&value, from, sizeof(value));
	return capture->is_swapped ? __builtin_bswap16(value) : value;
}

/* 1; 0: the file ends before; -errno */
static int take(struct capture *capture, void *to, size_t length)
{
	size_t done = fread(to, 1, length, capture->file);

	if (done == length)
		return 1;
	if (ferror(capture->file))
		return -(errno ? errno : EIO);
	return done ? -EPIPE : 0;
}

/* The file may not end here. */
static int take_more(struct capture *capture, void *to, size_t length)
{
	int got = length ? take(capture, to, length) : 1;

	return got == 1 ? 0 : got ? got : -EPIPE;
}

static int fail(int error, const char *why, const char **ret_why)
{
	*ret_why = error == -EPIPE ? cut_off : why ? why : strerror(-error);
	return error;
}

/* ---- pcap ---- */

static int open_pcap(struct capture *capture, uint32_t magic, const char **ret_why)
{
	unsigned char rest[20];
	int error;

	capture->is_swapped = magic != PCAP_MICRO && magic != PCAP_NANO;
	magic = order32(capture, magic);
	if (magic != PCAP_MICRO && magic != PCAP_NANO)
		return fail(-EINVAL, "neither a pcap nor a pcapng file", ret_why);
	error = take_more(capture, rest, sizeof(rest));
	if (error)
		return fail(error, NULL, ret_why);
	capture->interface_count = 1;
	capture->interfaces[0].is_ethernet =
		(get32(capture, rest + 16) & 0xffff) == LINKTYPE_ETHERNET;
	capture->interfaces[0].units = magic == PCAP_NANO ? NSEC : 1000000;
	return 0;
}

static int read_pcap(struct capture *capture, struct capture_record *record, const char **ret_why)
{
	unsigned char head[16];
	int got = take(capture, head, sizeof(head));

	if (got <= 0)
		return got ? fail(got, NULL, ret_why) : 0;
	record->length = get32(capture, head + 8);
	record->original = get32(capture, head + 12);
	if (record->length > CAPTURE_FRAME_MAX)
		return fail(-EINVAL, damaged, ret_why);
	got = take_more(capture, capture->block, record->length);
	if (got)
		return fail(got, NULL, ret_why);
	record->data = capture->block;
	record->time = get32(capture, head) * NSEC +
		       get32(capture, head + 4) * (NSEC / capture->interfaces[0].units);
	record->is_ethernet = capture->interfaces[0].is_ethernet;
	return 1;
}

/* ---- pcapng ---- */

/* After the type and length of a section's block. */
static int begin_section(struct capture *capture, uint32_t raw_length, uint32_t *ret_length)
{
	uint32_t magic;
	int error = take_more(capture, &magic, sizeof(magic));

	if (error)
		return error;
	if (magic != NG_MAGIC && magic != __builtin_bswap32(NG_MAGIC))
		return -EINVAL;
	capture->is_swapped = magic != NG_MAGIC;
	capture->interface_count = 0;
	*ret_length = order32(capture, raw_length);
	return 0;
}

static void read_resolution(const struct capture *capture, const unsigned char *options,
			    uint32_t length, struct capture_interface *interface)
{
	interface->units = 1000000;
	while (length >= 4) {
		unsigned int code = get16(capture, options), size = get16(capture, options + 2);
		uint32_t whole = 4 + ((size + 3) & ~3U);

		if (!code || whole > length)
			return;
		if (code == NG_OPTION_RESOLUTION && size) {
			unsigned int power = options[4] & 0x7f;

			if (options[4] & 0x80) {
				interface->units = power < 40 ? 1ULL << power : 1ULL << 40;
			} else {
				interface->units = 1;
				for (; power && interface->units < 1000 * NSEC; power--)
					interface->units *= 10;
			}
		}
		options += whole;
		length -= whole;
	}
}

static void add_interface(struct capture *capture, uint32_t length)
{
	struct capture_interface *interface = &capture->interfaces[capture->interface_count];

	if (capture->interface_count == CAPTURE_INTERFACES_MAX)
		return; /* its frames are skipped */
	interface->is_ethernet = get16(capture, capture->block) == LINKTYPE_ETHERNET;
	read_resolution(capture, capture->block + 8, length - 8, interface);
	capture->interface_count++;
}

static uint64_t scaled(uint64_t time, uint64_t units)
{
	return time / units * NSEC + (uint64_t)((unsigned __int128)(time % units) * NSEC / units);
}

/* 1: *record; 0: not a frame; -EINVAL */
static int parse_block(struct capture *capture, uint32_t type, uint32_t length,
		       struct capture_record *record)
{
	const unsigned char *block = capture->block;
	uint32_t interface = 0;

	if (type == NG_INTERFACE) {
		if (length < 8)
			return -EINVAL;
		add_interface(capture, length);
		return 0;
	}
	if (type == NG_FRAME) {
		if (length < 20)
			return -EINVAL;
		interface = get32(capture, block);
		record->time = (uint64_t)get32(capture, block + 4) << 32 | get32(capture, block + 8);
		record->length = get32(capture, block + 12);
		record->original = get32(capture, block + 16);
		record->data = block + 20;
		length -= 20;
	} else if (type == NG_SIMPLE) {
		if (length < 4)
			return -EINVAL;
		record->time = 0;
		record->original = get32(capture, block);
		length -= 4;
		record->length = record->original < length ? record->original : length;
		record->data = block + 4;
	} else {
		return 0;
	}
	if (record->length > length)
		return -EINVAL;
	record->is_ethernet = false;
	if (interface < capture->interface_count) {
		record->is_ethernet = capture->interfaces[interface].is_ethernet;
		record->time = scaled(record->time, capture->interfaces[interface].units);
	}
	return 1;
}

/* The next block behind its type and length. */
static int read_block(struct capture *capture, const uint32_t head[2],
		      struct capture_record *record)
{
	uint32_t type = order32(capture, head[0]), length = order32(capture, head[1]), used = 12;
	uint32_t trailer;
	int error;

	if (head[0] == NG_SECTION) {
		error = begin_section(capture, head[1], &length);
		if (error)
			return error;
		type = NG_SECTION;
		used += 4;
	}
	if (length < used || length % 4 || length - used > BLOCK_MAX)
		return -EINVAL;
	error = take_more(capture, capture->block, length - used);
	if (!error)
		error = take_more(capture, &trailer, sizeof(trailer));
	if (error)
		return error;
	if (order32(capture, trailer) != length)
		return -EINVAL;
	return type == NG_SECTION ? 0 : parse_block(capture, type, length - used, record);
}

static int read_ng(struct capture *capture, struct capture_record *record, const char **ret_why)
{
	uint32_t head[2];
	int got;

	do {
		got = take(capture, head, sizeof(head));
		if (got <= 0)
			return got ? fail(got, NULL, ret_why) : 0;
		got = read_block(capture, head, record);
		if (got < 0)
			return fail(got, damaged, ret_why);
	} while (!got);
	return 1;
}

/* ---- either ---- */

int capture_open(struct capture *capture, FILE *file, const char **ret_why)
{
	struct capture_record none;
	uint32_t head[2];
	int error;

	*capture = (struct capture){.file = file, .block = malloc(BLOCK_MAX)};
	if (!capture->block)
		return fail(-ENOMEM, NULL, ret_why);
	error = take_more(capture, &head[0], sizeof(head[0]));
	if (error)
		return fail(error, NULL, ret_why);
	if (head[0] != NG_SECTION)
		return open_pcap(capture, head[0], ret_why);
	capture->is_ng = true;
	error = take_more(capture, &head[1], sizeof(head[1]));
	if (!error)
		error = read_block(capture, head, &none);
	return error ? fail(error, damaged, ret_why) : 0;
}

int capture_read(struct capture *capture, struct capture_record *record, const char **ret_why)
{
	return capture->is_ng ? read_ng(capture, record, ret_why)
			      : read_pcap(capture, record, ret_why);
}

void capture_close(struct capture *capture)
{
	free(capture->block);
	capture->block = NULL;
}

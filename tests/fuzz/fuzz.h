/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.h - what the fuzzers of the protocol share.  Each is a libFuzzer program
 * (`meson setup -Dfuzz=true`, CC=clang) and, with the loop of fuzz_random.c, a unit test.
 */
#ifndef RUMP_TESTS_FUZZ_H
#define RUMP_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                              \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

#define FUZZ_UNUSED __attribute__((unused))

/* The bytes of one run; reading beyond the end gives zeroes. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

FUZZ_UNUSED static size_t fuzz_take(struct fuzz_input *in, void *to, size_t length)
{
	size_t have = length < in->size ? length : in->size;

	memset(to, 0, length);
	/* an input of no bytes may be NULL */
	if (have)
		memcpy(to, in->data, have);
	in->data += have;
	in->size -= have;
	return have;
}

FUZZ_UNUSED static uint8_t fuzz_u8(struct fuzz_input *in)
{
	uint8_t value;

	fuzz_take(in, &value, sizeof(value));
	return value;
}

FUZZ_UNUSED static uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t value;

	fuzz_take(in, &value, sizeof(value));
	return value;
}

/* A number that is often near a limit. */
FUZZ_UNUSED static uint32_t fuzz_edge(struct fuzz_input *in, uint32_t limit)
{
	uint8_t how = fuzz_u8(in);

	switch (how & 7) {
	case 0:
		return limit;
	case 1:
		return limit + 1;
	case 2:
		return limit - 1;
	case 3:
		return fuzz_u32(in);
	case 4:
		return 0xffffffffU - (how >> 3);
	case 5:
		return limit ? fuzz_u32(in) % limit : 0;
	default:
		return how >> 3;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif

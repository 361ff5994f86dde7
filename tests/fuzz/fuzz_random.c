/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_random.c - makes a unit test of a fuzzer where there is no libFuzzer: noise,
 * and inputs that were taken before with bytes changed, put in, taken out and put together.
 * The inputs are the same in each run; arguments: seconds (10) and where to begin.
 */
#include <time.h>

#include "../unit/tap.h"
#include "fuzz.h"

#define INPUT_MAX 4096
#define INPUTS 64

static struct {
	uint8_t bytes[INPUT_MAX];
	size_t size;
} inputs[INPUTS];

static uint64_t state = 0x9e3779b97f4a7c15u;

/* xorshift64* */
static uint32_t draw(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32) % below;
}

static size_t noise(uint8_t *bytes)
{
	size_t size = draw(draw(4) ? 400 : INPUT_MAX);

	/* small numbers mean more than large ones */
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(draw(3) ? draw(16) : draw(256));
	return size;
}

static size_t mutated(uint8_t *bytes)
{
	size_t size = 0;

	for (uint32_t parts = 1 + draw(3); parts; parts--) {
		uint32_t which = draw(INPUTS);
		size_t from = inputs[which].size ? draw((uint32_t)inputs[which].size) : 0;
		size_t count = inputs[which].size - from;

		if (count > INPUT_MAX - size)
			count = INPUT_MAX - size;
		memcpy(bytes + size, inputs[which].bytes + from, count);
		size += count;
	}
	for (uint32_t changes = draw(12); changes && size; changes--) {
		uint8_t *at = &bytes[draw((uint32_t)size)];

		switch (draw(4)) {
		case 0:
			*at ^= (uint8_t)(1 << draw(8));
			break;
		case 1:
			*at = (uint8_t)draw(256);
			break;
		case 2:
			*at = draw(2) ? 0 : 0xff;
			break;
		case 3:
			*at += (uint8_t)(draw(2) ? 1 : -1);
			break;
		}
	}
	return size;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[INPUT_MAX];
	long seconds = argc > 1 ? atol(argv[1]) : 10;
	unsigned long runs = 0;
	struct timespec now;
	time_t end;

	if (argc > 2)
		state = strtoull(argv[2], NULL, 0) * 2 + 1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + seconds;
	while (now.tv_sec < end) {
		for (int i = 0; i < 100; i++, runs++) {
			size_t size = draw(4) ? mutated(bytes) : noise(bytes);
			uint32_t kept = draw(INPUTS);
			/* of exactly that size, so that a byte too far is seen */
			uint8_t *exact = malloc(size ? size : 1);

			memcpy(exact, bytes, size);
			LLVMFuzzerTestOneInput(exact, size);
			free(exact);
			if (!draw(16)) {
				memcpy(inputs[kept].bytes, bytes, size);
				inputs[kept].size = size;
			}
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	ok(runs > 0, "%lu inputs", runs);
	return done_testing();
}

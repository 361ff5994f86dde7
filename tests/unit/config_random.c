/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes at random to all parsers, checked as the fuzzer checks them (which this test does
 * not replace): good texts with bytes changed, put in, taken out and put together, and noise.
 * The texts are the same in each run; with an argument they begin elsewhere.
 */
#include "../fuzz/fuzz_config.c"
#include <stdint.h>
#include "tap.h"

static const char *const seeds[] = {
	"path=/rump,socket=all:nolocal,image=disk.img,component=xfs,trap=lazy,strict=yes",
	"blanket=/a:/b\\:c,vfs=fhcalls,sysctl=yes,fdoff=128,kernel=spawn,log=/tmp/x,log=unrouted",
	"drive=key=/dev/vdb\\,hostpath=a b\\,size=16m\\,ro,mount=tmpfs none /mnt \"size=1m\"",
	"conf=a.conf,image=b",
	"interface=shmif0 /tmp/bus real,address=shmif0 fd00\\:\\:1/64,route=default "
	"10.0.0.1,dhcp=virt0",
	"bridge br0 a b\nnameserver 1.1.1.1 ::1\nhost ::1 a b\ninterface veth0 veth1\nup a "
	"mtu=99\n",
	"key=/dev/vda,hostpath=disk.img,size=16m,offset=4k,type=blk,ro,sector=4096",
	"unix:///tmp/sock",
	"tcp://[fd00::1]:2000/",
	"tcp://host.example.org:80/",
	"component xfs\ndrive /dev/vda \"disk img\" size=1m offset=1k ro sector=512\n",
	"mount auto /dev/vda / ro,noatime\nmount tmpfs none \"/a b\" size=1m # comment\n",
	"hostname box\nmkdir /a/../b\nsysctl net.ipv4.ip_forward = 1\nsysctl kernel/x=a b\n",
	"interface shmif0 bus\ninterface virt0 tap0\naddress virt0 10.0.0.2/24\n",
	"route default 10.0.0.1\nroute fd00::/16 fe80::1 virt0\ndhcp virt0\nup shmif0\n",
	"mkdir \\\r\n /x\\\n/y\r\n\"up\" lo\n",
};
#define SEED_COUNT (sizeof(seeds) / sizeof(seeds[0]))

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
	size_t size = draw(200);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)draw(256);
	return size;
}

static size_t mutate(uint8_t *bytes, size_t room)
{
	static const char telling[] = ",=:/\\\"# \t\n\r\0-.01k";
	size_t size = 0;

	for (uint32_t parts = 1 + draw(3); parts; parts--) {
		const char *seed = seeds[draw(SEED_COUNT)];
		size_t from = draw((uint32_t)strlen(seed)), count = strlen(seed) - from;

		if (draw(2)) {
			from = 0;
			count = strlen(seed);
		}
		memcpy(bytes + size, seed + from, count);
		size += count;
		bytes[size++] = draw(2) ? ',' : '\n';
	}
	for (uint32_t changes = draw(6); changes; changes--) {
		size_t at = draw((uint32_t)size);
		uint8_t byte = (uint8_t)draw(256);

		if (draw(4))
			byte = (uint8_t)telling[draw(sizeof(telling) - 1)];
		switch (draw(3)) {
		case 0:
			bytes[at] = byte;
			break;
		case 1:
			if (size == room)
				break;
			memmove(bytes + at + 1, bytes + at, size - at);
			bytes[at] = byte;
			size++;
			break;
		default:
			memmove(bytes + at, bytes + at + 1, size - at - 1);
			size--;
			if (!size)
				return 0;
		}
	}
	return size;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[2048];
	int rounds = 60000;

	if (argc > 1)
		state ^= strtoull(argv[1], NULL, 0);
	for (size_t i = 0; i < SEED_COUNT; i++)
		LLVMFuzzerTestOneInput((const uint8_t *)seeds[i], strlen(seeds[i]));
	ok(1, "the good texts");
	for (int i = 0; i < rounds; i++)
		LLVMFuzzerTestOneInput(bytes, mutate(bytes, sizeof(bytes)));
	ok(1, "%d texts changed at random", rounds);
	for (int i = 0; i < rounds / 4; i++)
		LLVMFuzzerTestOneInput(bytes, noise(bytes));
	ok(1, "%d times noise", rounds / 4);
	memset(bytes, 'a', sizeof(bytes));
	for (size_t size = 0; size <= sizeof(bytes); size += 7)
		LLVMFuzzerTestOneInput(bytes, size);
	ok(1, "long words");
	return done_testing();
}

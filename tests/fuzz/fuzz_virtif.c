/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_virtif.c - a hostile peer behind an Ethernet interface: what comes over a stream, cut
 * anywhere, with any length before a frame, the words that open it, and datagrams of any size.
 *
 * The first byte says which; an input begins anew with a fresh connection.  What is read must
 * be a frame that was sent, bytes and all, or none; nothing may wait.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "net.h"

int __wrap_thread_create(void (*fn)(void *), void *arg, const char *name);
int __wrap_thread_create(void (*fn)(void *), void *arg, const char *name)
{
	(void)fn;
	(void)arg;
	(void)name;
	return 0;
}

static unsigned char buffers[NET_FRAME_MAX];

static long read_frame(struct rumpuser_net *net)
{
	/* in pieces, as the kernel's pages are */
	struct rumpuser_iovec iov[17];

	for (int i = 0; i < 17; i++) {
		iov[i].base = buffers + i * 4096;
		iov[i].length = 4096;
	}
	return net_read(net, iov, 17);
}

/* Reads all that is there. false: the link is down. */
static int drain(struct rumpuser_net *net, unsigned long *frames)
{
	long got;

	while ((got = read_frame(net)) != -EAGAIN) {
		if (got == -ENETDOWN) {
			REQUIRE(!net->is_up && net->why[0]);
			return 0;
		}
		REQUIRE(got == -EMSGSIZE || (got >= NET_FRAME_MIN && got <= NET_FRAME_MAX));
		if (got > 0)
			++*frames;
	}
	return 1;
}

static void write_frames(struct rumpuser_net *net, struct fuzz_input *in)
{
	static unsigned char data[NET_FRAME_MAX];
	struct rumpuser_iovec iov[3];
	struct rumpuser_net_frame frame = {.iov = iov, .iov_count = 3};
	long done;

	for (int i = 0; i < 3; i++) {
		iov[i].base = data;
		iov[i].length = fuzz_edge(in, NET_FRAME_MAX / 3) % (NET_FRAME_MAX / 3);
		frame.length += (unsigned int)iov[i].length;
	}
	done = net_write(net, &frame, 1);
	REQUIRE(done == 1 || done == -EAGAIN || done == -ENETDOWN);
}

static void run(struct fuzz_input *in, int type)
{
	struct rumpuser_net net = {.name = "virt0"};
	static unsigned char sink[65536];
	unsigned long frames = 0;
	unsigned char piece[256];
	char words[32];
	int pair[2];
	size_t length;

	REQUIRE(!socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair));
	snprintf(words, sizeof(words), "fd:%d", pair[0]);
	net.words = words;
	REQUIRE(!net_open(&net));
	while (in->size && net.is_up) {
		length = fuzz_u8(in);
		if (length == 255) {
			write_frames(&net, in);
			while (recv(pair[1], sink, sizeof(sink), MSG_DONTWAIT) > 0)
				;
			continue;
		}
		length = fuzz_take(in, piece, length);
		if (send(pair[1], piece, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		if (!drain(&net, &frames))
			break;
	}
	close(pair[1]);
	/* a stream that has ended is noticed; datagrams have no end */
	if (type == SOCK_STREAM)
		REQUIRE(!drain(&net, &frames));
	net_close(&net);
}

static void run_words(struct fuzz_input *in)
{
	struct config_net_backend backend;
	struct config_error error;
	char text[512];
	size_t length = in->size < sizeof(text) - 1 ? in->size : sizeof(text) - 1;

	fuzz_take(in, text, length);
	text[length] = '\0';
	if (config_net_backend_parse(text, &backend, &error))
		REQUIRE(strlen(error.text) < sizeof(error.text));
	else
		REQUIRE(!backend.mtu || backend.mtu >= CONFIG_NET_MTU_MIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {.data = data, .size = size};

	switch (fuzz_u8(&in) & 3) {
	case 0:
		run_words(&in);
		break;
	case 1:
		run(&in, SOCK_DGRAM);
		break;
	default:
		run(&in, SOCK_STREAM);
	}
	return 0;
}

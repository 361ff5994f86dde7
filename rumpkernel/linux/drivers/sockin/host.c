// SPDX-License-Identifier: GPL-2.0-only
/*
 * host.c - calls of the host's sockets, made by host threads without a vCPU.
 *
 * The sockets are non-blocking on the host, whatever they are here, so no call lasts.
 */
#include <linux/fcntl.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "sockin.h"

static struct kmem_cache *req_cache;

int sockin_host_init(void)
{
	req_cache = kmem_cache_create("sockin_req", sizeof(struct sockin_req), 0, 0, NULL);
	return req_cache ? 0 : -ENOMEM;
}

void sockin_host_exit(void)
{
	kmem_cache_destroy(req_cache);
}

struct sockin_req *sockin_req_alloc(void)
{
	struct sockin_req *req = kmem_cache_alloc(req_cache, GFP_KERNEL);

	if (req)
		req->control = NULL;
	return req;
}

void sockin_req_free(struct sockin_req *req)
{
	kfree(req->control);
	kmem_cache_free(req_cache, req);
}

static void prepare(struct rump_io *io, long nr, unsigned int flags)
{
	memset(io, 0, sizeof(*io));
	io->host.op = RUMPUSER_IO_CALL;
	/* all that could are told MSG_NOSIGNAL */
	io->host.flags = flags | RUMPUSER_IO_QUIET;
	io->host.call_nr = nr;
}

long __sockin_call(struct sockin_req *req, struct sockin_sock *s, long nr,
		   const unsigned long args[5])
{
	prepare(&req->io, nr, 0);
	req->io.host.call_handles = 1;
	req->io.host.call_args[0] = s->file;
	memcpy(&req->io.host.call_args[1], args, 5 * sizeof(*args));
	return rump_io_wait(&req->io);
}

long sockin_host_accept(struct sockin_req *req, struct sockin_sock *s)
{
	req->values[0] = sizeof(req->name);
	prepare(&req->io, __NR_accept4, RUMPUSER_IO_NEW_HANDLE);
	req->io.host.call_handles = 1;
	req->io.host.call_args[0] = s->file;
	req->io.host.call_args[1] = (unsigned long)&req->name;
	req->io.host.call_args[2] = (unsigned long)&req->values[0];
	req->io.host.call_args[3] = SOCK_NONBLOCK | SOCK_CLOEXEC;
	return rump_io_wait(&req->io);
}

long sockin_host_socket(int family, int type, int protocol)
{
	struct sockin_req *req __free(sockin_req) = sockin_req_alloc();

	if (!req)
		return -ENOMEM;
	prepare(&req->io, __NR_socket, RUMPUSER_IO_NEW_HANDLE);
	req->io.host.call_args[0] = family;
	req->io.host.call_args[1] = type | SOCK_NONBLOCK | SOCK_CLOEXEC;
	req->io.host.call_args[2] = protocol;
	return rump_io_wait(&req->io);
}

/* Waits: the address is free again, and what lingers has gone, when close() is over. */
void sockin_host_close(int file)
{
	struct rump_io *io = kzalloc(sizeof(*io), GFP_KERNEL | __GFP_NOFAIL);

	io->host.op = RUMPUSER_IO_CLOSE;
	io->host.file = file;
	rump_io_wait(io);
	kfree(io);
}

long sockin_host_poll(struct sockin_req *req, struct sockin_sock *s, u32 events)
{
	memset(&req->io, 0, sizeof(req->io));
	req->io.host.op = RUMPUSER_IO_POLL;
	req->io.host.file = s->file;
	req->io.host.offset = events;
	return rump_io_wait(&req->io);
}

/* ---- buffers ---- */

/* the last one of a whole piece, which is dear to allocate */
static DEFINE_PER_CPU(void *, spare);

void *sockin_buffer_get(size_t size)
{
	void *buffer;

	if (size <= PAGE_SIZE)
		return kmalloc(max(size, (size_t)1), GFP_KERNEL);
	buffer = this_cpu_xchg(spare, NULL);
	return buffer ?: kmalloc(SOCKIN_PIECE, GFP_KERNEL);
}

void sockin_buffer_put(void *buffer, size_t size)
{
	if (buffer && size > PAGE_SIZE)
		buffer = this_cpu_xchg(spare, buffer);
	kfree(buffer);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handshake.c - both sides show that they know the secret, and get keys nobody else has.
 *
 *	client -> server	hello: magic and version, a nonce, an ephemeral X25519 key
 *	server -> client	hello: the same of its own
 *	client -> server	proof, the start of its stream
 *	server -> client	verdict, proof, the start of its stream
 *
 * A master key is the keyed hash (BLAKE2b, key: the secret) of both hellos and of what
 * X25519 gives; proofs and stream keys are hashes under it, each with a label of its own.
 * So a proof fits this one exchange and this one role only (it cannot be replayed or
 * reflected), the secret never travels, who records all of it learns nothing later from
 * the secret (the ephemeral keys are gone), and who does not know the secret cannot sit
 * in between.  The client proves first: a stranger gets no answer made with the secret.
 */
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>

#include "tcp.h"

#define HANDSHAKE_VERSION 1

static const char magic[7] = {'R', 'U', 'M', 'P', 'T', 'C', 'P'};

struct hello {
	char magic[7];
	uint8_t version;
	uint8_t nonce[32];
	uint8_t public_key[crypto_kx_PUBLICKEYBYTES];
};

struct proof {
	uint8_t hash[32];
	uint8_t header[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
};

struct verdict {
	int32_t error; /* 0 or EACCES; the rest is zeroes then */
	uint32_t reserved;
	struct proof proof;
};

_Static_assert(sizeof(struct hello) == 72, "wire format");
_Static_assert(sizeof(struct proof) == 56, "wire format");
_Static_assert(sizeof(struct verdict) == 64, "wire format");

/* What an exchange knows; wiped at its end. */
struct exchange {
	struct hello client, server;
	uint8_t secret_key[crypto_kx_SECRETKEYBYTES];
	uint8_t master[32];
};

/* ---- the wire ---- */

static int send_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	/* a few hundred bytes: they fit into any socket's buffer */
	while (length) {
		long sent =
			host_call(SYS_sendto, fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);

		if (sent == -EINTR)
			continue;
		if (sent <= 0)
			return -ECONNRESET;
		at += sent;
		length -= (size_t)sent;
	}
	return 0;
}

/* 0, -ETIMEDOUT, or -ECONNRESET also when it was closed */
static int receive_all(int fd, void *bytes, size_t length, unsigned long long until)
{
	char *at = bytes;

	while (length) {
		struct pollfd poll = {.fd = fd, .events = POLLIN};
		long got = host_poll(&poll, 1, until);

		if (got == -EINTR)
			continue;
		if (!got)
			return -ETIMEDOUT;
		if (got > 0)
			got = host_call(SYS_recvfrom, fd, at, length, MSG_DONTWAIT, NULL, NULL);
		if (got == -EINTR || got == -EAGAIN)
			continue;
		if (got <= 0)
			return -ECONNRESET;
		at += got;
		length -= (size_t)got;
	}
	return 0;
}

/* ---- keys ---- */

static void make_hello(struct hello *hello, uint8_t *ret_secret_key)
{
	memcpy(hello->magic, magic, sizeof(magic));
	hello->version = HANDSHAKE_VERSION;
	randombytes_buf(hello->nonce, sizeof(hello->nonce));
	crypto_kx_keypair(hello->public_key, ret_secret_key);
}

static bool is_hello(const struct hello *hello)
{
	return !memcmp(hello->magic, magic, sizeof(magic));
}

/* hash, under key, of the label and both hellos and more */
static void derive(uint8_t out[32], const uint8_t *key, const char *label, const struct exchange *x,
		   const uint8_t *more, size_t more_length)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, 32, 32);
	/* with its NUL: no label is the start of another */
	crypto_generichash_update(&state, (const uint8_t *)label, strlen(label) + 1);
	crypto_generichash_update(&state, (const uint8_t *)&x->client, sizeof(x->client));
	crypto_generichash_update(&state, (const uint8_t *)&x->server, sizeof(x->server));
	crypto_generichash_update(&state, more, more_length);
	crypto_generichash_final(&state, out, 32);
	sodium_memzero(&state, sizeof(state));
}

/* 0 or -EPROTO: the peer's key is not one */
static int make_master(struct exchange *x, const uint8_t *secret, bool is_server)
{
	/* from client to server, from server to client */
	uint8_t keys[2][crypto_kx_SESSIONKEYBYTES];
	int failed;

	if (is_server)
		failed = crypto_kx_server_session_keys(keys[0], keys[1], x->server.public_key,
						       x->secret_key, x->client.public_key);
	else
		failed = crypto_kx_client_session_keys(keys[1], keys[0], x->client.public_key,
						       x->secret_key, x->server.public_key);
	if (!failed)
		derive(x->master, secret, "rump_sp tcp master", x, keys[0], sizeof(keys));
	sodium_memzero(keys, sizeof(keys));
	sodium_memzero(x->secret_key, sizeof(x->secret_key));
	return failed ? -EPROTO : 0;
}

static void make_proof(struct exchange *x, struct rumpsp_tcp *stream, bool is_server,
		       struct proof *ret_proof)
{
	uint8_t key[32];

	derive(key, x->master, is_server ? "server to client" : "client to server", x, NULL, 0);
	stream_start_send(stream, key, ret_proof->header);
	sodium_memzero(key, sizeof(key));
	derive(ret_proof->hash, x->master, is_server ? "server" : "client", x, ret_proof->header,
	       sizeof(ret_proof->header));
}

/* The peer's proof: 0, or -EACCES. */
static int check_proof(struct exchange *x, struct rumpsp_tcp *stream, bool is_server,
		       const struct proof *proof)
{
	uint8_t expected[32], key[32];
	int result = -EACCES;

	derive(expected, x->master, is_server ? "client" : "server", x, proof->header,
	       sizeof(proof->header));
	if (!sodium_memcmp(expected, proof->hash, sizeof(expected))) {
		derive(key, x->master, is_server ? "client to server" : "server to client", x, NULL,
		       0);
		result = stream_start_receive(stream, key, proof->header);
		sodium_memzero(key, sizeof(key));
	}
	sodium_memzero(expected, sizeof(expected));
	return result;
}

/* ---- the two sides ---- */

static int client_failed(int result, struct config_error *error)
{
	if (result == -ETIMEDOUT)
		config_error_set(error, "no answer in time", NULL);
	else
		config_error_set(error,
				 "the connection was closed: no rump kernel server listens there, "
				 "or it is busy",
				 NULL);
	return result;
}

static int exchange_client(struct exchange *x, struct rumpsp_tcp *stream, const uint8_t *secret,
			   unsigned long long until, struct config_error *error)
{
	struct verdict verdict;
	struct proof proof;
	int fd = stream_fd(stream), result;

	make_hello(&x->client, x->secret_key);
	result = send_all(fd, &x->client, sizeof(x->client));
	if (!result)
		result = receive_all(fd, &x->server, sizeof(x->server), until);
	if (result)
		return client_failed(result, error);
	if (!is_hello(&x->server)) {
		config_error_set(error, "no rump kernel server listens there", NULL);
		return -EPROTO;
	}
	if (x->server.version != HANDSHAKE_VERSION) {
		config_error_set(error, "the server speaks version ",
				 config_number(x->server.version).text,
				 " of the tcp protocol, this is version ",
				 config_number(HANDSHAKE_VERSION).text, NULL);
		return -EPROTO;
	}
	if (make_master(x, secret, false)) {
		config_error_set(error, "the server's key is not one", NULL);
		return -EPROTO;
	}
	make_proof(x, stream, false, &proof);
	result = send_all(fd, &proof, sizeof(proof));
	if (!result)
		result = receive_all(fd, &verdict, sizeof(verdict), until);
	if (result)
		return client_failed(result, error);
	if (verdict.error) {
		config_error_set(error, "the server does not accept the secret", NULL);
		return -EACCES;
	}
	if (check_proof(x, stream, false, &verdict.proof)) {
		config_error_set(error, "the server does not know the secret", NULL);
		return -EACCES;
	}
	return 0;
}

static int exchange_server(struct exchange *x, struct rumpsp_tcp *stream, const uint8_t *secret,
			   unsigned long long until, struct config_error *error)
{
	struct verdict verdict = {.error = EACCES};
	struct proof proof;
	int fd = stream_fd(stream), result;

	result = receive_all(fd, &x->client, sizeof(x->client), until);
	if (result || !is_hello(&x->client)) {
		config_error_set(error, "is no client: it says nothing of ours", NULL);
		return result ? result : -EPROTO;
	}
	make_hello(&x->server, x->secret_key);
	result = send_all(fd, &x->server, sizeof(x->server));
	if (x->client.version != HANDSHAKE_VERSION) {
		config_error_set(error, "speaks version ", config_number(x->client.version).text,
				 " of the tcp protocol, this is version ",
				 config_number(HANDSHAKE_VERSION).text, NULL);
		return -EPROTO;
	}
	if (!result)
		result = make_master(x, secret, true);
	if (!result)
		result = receive_all(fd, &proof, sizeof(proof), until);
	if (result) {
		config_error_set(error, "left the handshake", NULL);
		return result;
	}
	result = check_proof(x, stream, true, &proof);
	if (!result) {
		verdict.error = 0;
		make_proof(x, stream, true, &verdict.proof);
	} else {
		config_error_set(error, "does not know the secret", NULL);
	}
	/* a refused one that is gone already need not hear of it */
	if (send_all(fd, &verdict, sizeof(verdict)) && !result) {
		config_error_set(error, "left the handshake", NULL);
		result = -ECONNRESET;
	}
	return result;
}

int handshake_client(struct rumpsp_tcp *stream, const uint8_t secret[RUMP_SP_SECRET_SIZE],
		     unsigned long long until, struct config_error *error)
{
	struct exchange x = {0};
	int result = exchange_client(&x, stream, secret, until, error);

	sodium_memzero(&x, sizeof(x));
	return result;
}

int handshake_server(struct rumpsp_tcp *stream, const uint8_t secret[RUMP_SP_SECRET_SIZE],
		     unsigned long long until, struct config_error *error)
{
	struct exchange x = {0};
	int result = exchange_server(&x, stream, secret, until, error);

	sodium_memzero(&x, sizeof(x));
	return result;
}

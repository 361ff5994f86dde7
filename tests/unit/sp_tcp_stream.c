/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams of tcp://: handshakes good and bad, what is changed on the way, strangers, and
 * streams that go on after fork and exec.  The server echoes what the client's control
 * connection brings (whole control messages), so a round trip passes both directions.
 */
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "sp_tcp_common.h"

static void serve_control(int fd)
{
	static __thread uint8_t buffer[RUMP_SP_MESSAGE_MAX];
	ssize_t length;

	while ((length = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		if (send(fd, buffer, (size_t)length, MSG_NOSIGNAL) != length)
			break;
	}
}

/* ---- echoes ---- */

static uint8_t out[RUMP_SP_MESSAGE_MAX], in[RUMP_SP_MESSAGE_MAX];

static size_t make_message(uint8_t *to, size_t length, unsigned int seed)
{
	struct rump_sp_message head = {
		.length = (uint32_t)length, .type = RUMP_SP_HALT, .id = seed};

	for (size_t i = 0; i < length; i++)
		to[i] = (uint8_t)(i * 7 + seed);
	memcpy(to, &head, sizeof(head));
	return length;
}

static long receive_whole(struct rumpsp_tcp *stream)
{
	long length;

	do {
		length = tcp->receive(stream, in, sizeof(in), host_now() + 5 * NSEC_PER_SEC);
	} while (length == -EINTR);
	return length;
}

/* one message there and back */
static bool echoes(struct rumpsp_tcp *stream, size_t length, unsigned int seed)
{
	struct iovec pieces[2] = {{out, length / 3}, {out + length / 3, length - length / 3}};

	make_message(out, length, seed);
	memset(in, 0, sizeof(in));
	return !tcp->send(stream, pieces, 2) && receive_whole(stream) == (long)length &&
	       !memcmp(in, out, length);
}

static void test_echo(void)
{
	static const size_t lengths[] = {16, 17, 100, 4096, 65535, RUMP_SP_MESSAGE_MAX};
	struct rumpsp_tcp *stream = connect_good();
	struct iovec piece = {out, sizeof(out)}, many[3] = {piece, piece, piece};
	struct pollfd poll_fd;
	bool is_right = true;

	if (!ok(stream, "a client connects"))
		return;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		is_right = is_right && echoes(stream, lengths[i], (unsigned)i);
	ok(is_right, "messages of all sizes come back");
	for (unsigned int i = 0; i < 2000; i++)
		is_right = is_right && echoes(stream, 16 + i, i);
	ok(is_right, "2000 messages come back");

	/* three before the first is read: what is behind it in the buffer is not lost */
	for (unsigned int i = 0; i < 3; i++) {
		piece.iov_len = make_message(out, 20 + i, i);
		is_right = is_right && !tcp->send(stream, &piece, 1);
	}
	for (unsigned int i = 0; i < 3; i++)
		is_right = is_right && receive_whole(stream) == 20 + (long)i;
	ok(is_right, "messages that come at once are read one by one");
	is_int(tcp->receive(stream, in, sizeof(in), 1), -EAGAIN, "nothing more, at once");
	is_int(tcp->receive(stream, in, sizeof(in), host_now() + NSEC_PER_SEC / 50), -EAGAIN,
	       "nothing more, a while later");
	is_int(tcp->send(stream, many, 3), -EMSGSIZE, "a message that is too long is refused");
	ok(echoes(stream, 100, 1), "and nothing of it was sent");
	poll_fd = (struct pollfd){.fd = tcp->fd(stream), .events = POLLIN};
	is_int(poll(&poll_fd, 1, 0), 0, "the descriptor can be polled");

	piece.iov_len = make_message(out, 100, 1);
	tcp->send(stream, &piece, 1);
	poll(&poll_fd, 1, 5000);
	is_int(tcp->receive(stream, in, 50, 0), -EMSGSIZE, "a message longer than the buffer");
	is_int(tcp->receive(stream, in, sizeof(in), 0), -ENOTCONN, "ends the stream");
	is_int(tcp->send(stream, &piece, 1), -ENOTCONN, "for sending too");
	tcp->close(stream, 1);
}

static void test_errors(void)
{
	struct config_error error = {""};
	struct rump_url url = loopback_url(free_port());
	struct rumpsp_tcp_server *other = NULL;
	struct rumpsp_tcp_serve how;
	int result;

	connect_to(&server_url, bad_secret, RUMP_SP_OPEN_CONTROL, NULL, &result, &error);
	is_int(result, -EACCES, "another secret is refused");
	ok(strstr(error.text, "tcp://127.0.0.1:") &&
		   strstr(error.text, "does not accept the secret"),
	   "the client is told: %s", error.text);
	ok(log_has("127.0.0.1:") && log_has("does not know the secret"), "so is the server's log");

	connect_to(&url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, &result, &error);
	is_int(result, -ECONNREFUSED, "nobody listens: %s", error.text);
	connect_to(&server_url, good_secret, RUMP_SP_OPEN_CHANNEL, NULL, &result, &error);
	is_int(result, -ENOENT, "a cookie of zeroes: %s", error.text);
	connect_to(&server_url, good_secret, 99, NULL, &result, &error);
	is_int(result, -EPROTO, "an unknown kind: %s", error.text);

	how = serve_options(&server_url);
	is_int(tcp->serve(&how, &other, &error), -EADDRINUSE, "two servers on one port");
	ok(strstr(error.text, "another server is there"), "the reason: %s", error.text);
	url = (struct rump_url){.kind = RUMP_URL_TCP, .host_kind = RUMP_URL_HOST_ANY, .host = "0"};
	url.port = free_port();
	how = serve_options(&url);
	is_int(tcp->serve(&how, &other, &error), -EPERM, "every address is not loopback");
	ok(strstr(error.text, "--any-address"), "the reason: %s", error.text);
	how.is_any_address = 1;
	is_int(tcp->serve(&how, &other, &error), 0, "unless it is allowed");
	url = loopback_url(url.port);
	{
		struct rumpsp_tcp *stream =
			connect_to(&url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, NULL, &error);

		ok(stream && echoes(stream, 100, 1), "then IPv4 clients reach it");
		if (stream)
			tcp->close(stream, 1);
	}
	tcp->stop(other);
	connect_to(&url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, &result, &error);
	is_int(result, -ECONNREFUSED, "a stopped server is gone");

	url = (struct rump_url){.kind = RUMP_URL_TCP,
				.host_kind = RUMP_URL_HOST_IPV4,
				.host = "192.0.2.1",
				.port = 1};
	how = serve_options(&url);
	is_int(tcp->serve(&how, &other, &error), -EPERM, "an address that is not loopback");
	how.is_any_address = 1;
	is_int(tcp->serve(&how, &other, &error), -EADDRNOTAVAIL, "one that the host has not: %s",
	       error.text);
	url = (struct rump_url){.kind = RUMP_URL_TCP,
				.host_kind = RUMP_URL_HOST_NAME,
				.host = "no-such-host.invalid",
				.port = 1};
	connect_to(&url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, &result, &error);
	is_int(result, -ENOENT, "a name that is none: %s", error.text);
	ok(strstr(error.text, "no-such-host.invalid"), "the name is told");
	strcpy(url.host, "localhost");
	url.port = free_port();
	how = serve_options(&url);
	if (ok(!tcp->serve(&how, &other, &error), "localhost is loopback %s", error.text)) {
		struct rumpsp_tcp *stream =
			connect_to(&url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, NULL, &error);

		ok(stream && echoes(stream, 100, 1), "and a client finds it by that name");
		if (stream)
			tcp->close(stream, 1);
		tcp->stop(other);
	}
	ok(!rumpsp_tcp(RUMPSP_TCP_VERSION + 1), "another version of the table is not there");
}

/* ---- changed on the way ---- */

struct proxy {
	int listen;
	uint16_t port;
	int direction; /* 0: what the client sends is changed; 1: what the server sends */
	long at;       /* the byte whose bit is flipped; -1: none */
	long cut;      /* the connection ends after so many bytes; -1: it does not */
	long repeat;   /* the bytes from here to the end of that packet are sent twice; -1 */
};

/* Passes bytes on: false at the end. */
static bool pass(struct proxy *proxy, int direction, int from, int to, long *count)
{
	static __thread uint8_t buffer[65536];
	ssize_t got = recv(from, buffer, sizeof(buffer), 0);
	long first = *count;

	if (got <= 0)
		return false;
	*count += got;
	if (direction != proxy->direction)
		return send(to, buffer, (size_t)got, MSG_NOSIGNAL) == got;
	if (proxy->at >= first && proxy->at < *count)
		buffer[proxy->at - first] ^= 0x80;
	if (proxy->cut >= 0 && proxy->cut < *count) {
		send(to, buffer, (size_t)(proxy->cut - first), MSG_NOSIGNAL);
		return false;
	}
	if (send(to, buffer, (size_t)got, MSG_NOSIGNAL) != got)
		return false;
	if (proxy->repeat >= first && proxy->repeat < *count)
		send(to, buffer + (proxy->repeat - first), (size_t)(*count - proxy->repeat),
		     MSG_NOSIGNAL);
	return true;
}

/* One connection. */
static void *proxy_main(void *arg)
{
	struct proxy *proxy = arg;
	long counts[2] = {0, 0};
	struct pollfd fds[2];

	fds[0].fd = accept(proxy->listen, NULL, NULL);
	fds[1].fd = connect_plain(server_url.port);
	fds[0].events = fds[1].events = POLLIN;
	for (;;) {
		if (poll(fds, 2, 60000) <= 0)
			break;
		if (fds[0].revents && !pass(proxy, 0, fds[0].fd, fds[1].fd, &counts[0]))
			break;
		if (fds[1].revents && !pass(proxy, 1, fds[1].fd, fds[0].fd, &counts[1]))
			break;
	}
	close(fds[0].fd);
	close(fds[1].fd);
	return NULL;
}

static void proxy_listen(struct proxy *proxy)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	proxy->listen = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(proxy->listen, (struct sockaddr *)&address, size) || listen(proxy->listen, 1) ||
	    getsockname(proxy->listen, (struct sockaddr *)&address, &size))
		bail_out("no proxy: %s", strerror(errno));
	proxy->port = ntohs(address.sin_port);
}

enum outcome { REFUSED, LOST, PASSED };

/* A connection and one message through it. */
static enum outcome through(struct proxy proxy, int *ret_result, struct config_error *error)
{
	enum outcome outcome = REFUSED;
	struct rumpsp_tcp *stream;
	struct rump_url url;
	pthread_t thread;

	proxy_listen(&proxy);
	pthread_create(&thread, NULL, proxy_main, &proxy);
	url = loopback_url(proxy.port);
	stream = connect_to(&url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, ret_result, error);
	if (stream) {
		outcome = echoes(stream, 100, 1) && echoes(stream, 100, 2) ? PASSED : LOST;
		tcp->close(stream, 1);
	}
	pthread_join(thread, NULL);
	close(proxy.listen);
	return outcome;
}

/* bytes of the two handshakes, and from there on of the record that says open */
static const long ends[2] = {72 + 56, 72 + 64};

/* The first byte of the first message behind them. */
static long opened_at(int direction)
{
	return ends[direction] + 4 + 17 +
	       (direction ? (long)sizeof(struct rump_sp_opened)
			  : (long)sizeof(struct rump_sp_open));
}

static void test_tampering(void)
{
	struct config_error error = {""};
	struct proxy none = {.direction = 0, .at = -1, .cut = -1, .repeat = -1}, proxy;
	int result, not_refused = 0, silent = 0;

	is_int(through(none, &result, &error), PASSED, "through a proxy that changes nothing");
	for (int direction = 0; direction < 2; direction++) {
		for (long at = 0; at < ends[direction]; at++) {
			proxy = none;
			proxy.direction = direction;
			proxy.at = at;
			error.text[0] = '\0';
			/* the verdict has four bytes that mean nothing, and nothing hangs on them
			 */
			if (direction == 1 && at >= 76 && at < 80)
				continue;
			if (through(proxy, &result, &error) != REFUSED) {
				diag("direction %d, byte %ld", direction, at);
				not_refused++;
			}
			silent += !error.text[0];
		}
	}
	is_int(not_refused, 0, "no handshake with a flipped bit succeeds");
	is_int(silent, 0, "each says why");

	for (int direction = 0; direction < 2; direction++) {
		long opened = opened_at(direction);

		proxy = none;
		proxy.direction = direction;
		/* the length's highest byte, the first and the last byte of what is encrypted */
		for (long at = 3; at < 121; at += at == 3 ? 1 : 116) {
			proxy.at = opened + at;
			is_int(through(proxy, &result, &error), LOST,
			       "direction %d: byte %ld of the first message is noticed", direction,
			       at);
		}
		proxy.at = -1;
		proxy.repeat = opened;
		is_int(through(proxy, &result, &error), LOST, "direction %d: a message sent twice",
		       direction);
		proxy.repeat = -1;
		proxy.cut = opened + 60;
		is_int(through(proxy, &result, &error), LOST, "direction %d: half a message",
		       direction);
		proxy.cut = ends[direction] - 10;
		is_int(through(proxy, &result, &error), REFUSED, "direction %d: half a handshake",
		       direction);
	}
}

/* A server that is none. */
/*
 * A length that says 32 KiB more than there is: the reader has half a message, and nothing
 * more comes.  One that has read whole ones may wait for ever.
 */
static void test_half_a_message(void)
{
	uint64_t until = host_now() + 100 * NSEC_PER_SEC;
	struct config_error error = {""};
	struct rumpsp_tcp *streams[2], *idle;
	struct proxy proxies[2];
	pthread_t threads[2];
	struct iovec piece;
	int result;

	idle = connect_to(&server_url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, &result, &error);
	ok(idle && echoes(idle, 100, 1), "a connection that will be idle");
	for (int i = 0; i < 2; i++) {
		struct rump_url url;

		proxies[i] = (struct proxy){
			.direction = i, .at = opened_at(i) + 1, .cut = -1, .repeat = -1};
		proxy_listen(&proxies[i]);
		pthread_create(&threads[i], NULL, proxy_main, &proxies[i]);
		url = loopback_url(proxies[i].port);
		streams[i] = connect_to(&url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, &result,
					&error);
		piece = (struct iovec){out, make_message(out, 100, (unsigned int)i)};
		ok(streams[i] && !tcp->send(streams[i], &piece, 1), "direction %d: sent", i);
	}
	for (int i = 1; i >= 0; i--) {
		long length = -EINTR;

		while (streams[i] && length == -EINTR)
			length = tcp->receive(streams[i], in, sizeof(in), until);
		is_int(length, -ENOTCONN, "direction %d: half a message is not waited for", i);
		if (streams[i])
			tcp->close(streams[i], 1);
		pthread_join(threads[i], NULL);
		close(proxies[i].listen);
	}
	ok(log_has("a message has begun and does not go on"), "the server says so");
	ok(idle && echoes(idle, 100, 2), "one that was idle meanwhile goes on");
	if (idle)
		tcp->close(idle, 1);
}

static void test_false_servers(void)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n                          "
				     "                                                    ";
	struct config_error error = {""};
	struct proxy proxy = {.at = -1};
	struct rump_url url;
	int result, fd;

	for (int i = 0; i < 3; i++) {
		uint8_t hello[72] = "RUMPTCP\x02";
		pid_t pid;

		proxy_listen(&proxy);
		url = loopback_url(proxy.port);
		pid = fork();
		if (!pid) {
			fd = accept(proxy.listen, NULL, NULL);
			if (i < 2)
				send(fd, i ? (void *)hello : (void *)answer, 72, 0);
			recv(fd, hello, 72, MSG_WAITALL);
			_exit(0);
		}
		close(proxy.listen);
		connect_to(&url, good_secret, RUMP_SP_OPEN_CONTROL, NULL, &result, &error);
		is_int(result, i < 2 ? -EPROTO : -ECONNRESET, "a false server: %s", error.text);
		waitpid(pid, NULL, 0);
	}
	ok(1, "none of them hung");
}

/* ---- strangers ---- */

static void test_strangers(void)
{
	static uint8_t noise[4096];
	struct rumpsp_tcp *stream;
	int silent[300], fd, open = 0;
	unsigned long long start;
	char byte;

	log_clear();
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 31);
	fd = connect_plain(server_url.port);
	send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
	ok(recv(fd, &byte, 1, 0) <= 0, "noise is answered by hanging up");
	close(fd);

	start = host_now();
	for (int i = 0; i < 300; i++)
		silent[i] = connect_plain(server_url.port);
	stream = connect_good();
	ok(stream && echoes(stream, 100, 3), "300 silent connections keep no client out");
	ok(host_now() - start < 4 * NSEC_PER_SEC, "nor hold it up");
	if (stream)
		tcp->close(stream, 1);
	/* every one is left after five seconds, the oldest at once */
	for (int i = 0; i < 300; i++) {
		struct pollfd poll_fd = {.fd = silent[i], .events = POLLIN};

		open += poll(&poll_fd, 1, 9000) <= 0;
		close(silent[i]);
	}
	is_int(open, 0, "all of them are hung up on");
	ok(host_now() - start < 9 * NSEC_PER_SEC, "within seconds");
	pthread_mutex_lock(&log_lock);
	ok(strlen(log_text) < 4000, "the log is not flooded (%zu bytes)", strlen(log_text));
	pthread_mutex_unlock(&log_lock);
}

/* ---- fork, exec, signals, threads ---- */

static void test_fork(void)
{
	struct rumpsp_tcp *stream = connect_good();
	pid_t pid;
	int status;

	ok(stream && echoes(stream, 100, 1), "a stream before fork");
	pid = fork();
	if (!pid)
		_exit(!(echoes(stream, 200, 2) && echoes(stream, 16, 3)));
	tcp->close(stream, 0);
	waitpid(pid, &status, 0);
	is_int(status, 0, "goes on in the child when the parent closes its copy");
}

static void test_save(const char *program)
{
	struct rumpsp_tcp *stream = connect_good();
	struct iovec piece = {out, 0};
	char number[16];
	int fd = -1, status;
	pid_t pid;

	if (!stream || !echoes(stream, 100, 1))
		bail_out("no stream");
	is_int(tcp->save(stream, &fd), 0, "a stream is saved");
	tcp->unsave(stream, fd);
	ok(echoes(stream, 100, 2), "and goes on here when the exec failed");
	ok(fcntl(tcp->fd(stream), F_GETFD) & FD_CLOEXEC, "closed on exec again");
	/* one message is in the buffer, another is on its way */
	for (unsigned int i = 0; i < 2; i++) {
		piece.iov_len = make_message(out, 30, i);
		tcp->send(stream, &piece, 1);
	}
	usleep(100000);
	is_int(receive_whole(stream), 30, "a message read ahead");
	is_int(tcp->save(stream, &fd), 0, "saved again");
	pid = fork();
	if (!pid) {
		snprintf(number, sizeof(number), "%d", fd);
		execl(program, program, number, (char *)NULL);
		_exit(127);
	}
	close(fd);
	tcp->close(stream, 0);
	waitpid(pid, &status, 0);
	is_int(status, 0, "a new program loads it and goes on");

	fd = memfd_create("nothing", 0);
	is_int(tcp->load(fd, &stream), -EINVAL, "an empty file is no stream");
	fd = memfd_create("noise", 0);
	memset(in, 0x41, sizeof(in));
	if (write(fd, in, sizeof(in)) != sizeof(in) || lseek(fd, 0, SEEK_SET))
		bail_out("memfd");
	is_int(tcp->load(fd, &stream), -EINVAL, "noise is none");
}

/* The program that test_save() executes. */
static int loaded(const char *number)
{
	struct rumpsp_tcp *stream;

	tcp = rumpsp_tcp(RUMPSP_TCP_VERSION);
	if (tcp->load(atoi(number), &stream))
		return 2;
	if (fcntl(atoi(number), F_GETFD) != -1)
		return 3;
	if (receive_whole(stream) != 30)
		return 4;
	return echoes(stream, 100, 9) && echoes(stream, 65536, 10) ? 0 : 5;
}

static struct rumpsp_tcp *handler_stream;
static volatile int handled;

static void handler(int signal)
{
	static uint8_t message[24];
	struct iovec piece = {message, make_message(message, sizeof(message), 0x51)};

	(void)signal;
	if (!tcp->send(handler_stream, &piece, 1))
		handled++;
}

static void test_signals(void)
{
	struct sigaction action = {.sa_handler = handler}, old;
	struct rumpsp_tcp *stream = connect_good();
	timer_t timer;
	struct itimerspec every = {{0, 300000}, {0, 300000}}, never = {{0, 0}, {0, 0}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	int extra = 0, wrong = 0;
	long length;

	handler_stream = stream;
	sigaction(SIGUSR1, &action, &old);
	raise(SIGUSR1);
	is_int(receive_whole(stream), 24, "a handler sends");
	handled = 0;
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &every, NULL);
	for (unsigned int i = 0; i < 2000; i++) {
		struct iovec piece = {out, make_message(out, 5000, i)};

		if (tcp->send(stream, &piece, 1))
			wrong++;
		while ((length = receive_whole(stream)) == 24)
			extra++;
		wrong += length != 5000 || memcmp(in, out, 5000);
	}
	timer_settime(timer, 0, &never, NULL);
	timer_delete(timer);
	while (extra < handled && receive_whole(stream) == 24)
		extra++;
	is_int(wrong, 0, "2000 messages while a handler sends on the same stream");
	ok(handled > 10, "it did so %d times", handled);
	is_int(extra, handled, "none of its messages is lost");
	sigaction(SIGUSR1, &old, NULL);
	tcp->close(stream, 1);
}

static void interrupting(int signal)
{
	(void)signal;
}

static void test_interrupted(void)
{
	struct sigaction action = {.sa_handler = interrupting}, old;
	struct rumpsp_tcp *stream = connect_good();
	struct itimerval soon = {{0, 0}, {0, 20000}};

	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &soon, NULL);
	is_int(tcp->receive(stream, in, sizeof(in), 0), -EINTR, "a handler interrupts receive");
	ok(echoes(stream, 100, 1), "which can be called again");
	sigaction(SIGALRM, &old, NULL);
	tcp->close(stream, 1);
}

static void *sender(void *arg)
{
	static __thread uint8_t message[3000];
	struct iovec piece = {message, make_message(message, sizeof(message), 7)};

	for (int i = 0; i < 500; i++) {
		if (tcp->send(arg, &piece, 1))
			return "failed";
	}
	return NULL;
}

static void test_threads(void)
{
	struct rumpsp_tcp *stream = connect_good();
	pthread_t threads[4];
	void *failed = NULL;
	int count = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, sender, stream);
	while (count < 4 * 500 && receive_whole(stream) == 3000)
		count++;
	is_int(count, 4 * 500, "four threads send at once, whole messages arrive");
	for (int i = 0; i < 4; i++) {
		void *result;

		pthread_join(threads[i], &result);
		failed = result ? result : failed;
	}
	ok(!failed, "all were sent");
	tcp->close(stream, 1);
}

static void test_many(void)
{
	int failed = 0;

	for (int i = 0; i < 300; i++) {
		struct rumpsp_tcp *stream = connect_good();

		failed += !stream;
		if (stream)
			tcp->close(stream, 1);
	}
	is_int(failed, 0, "300 connections one after the other");
}

int main(int argc, char **argv)
{
	unsigned int fds, threads;
	char program[4096] = "";

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1)
		return loaded(argv[1]);
	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		bail_out("where am I?");
	start_server();
	usleep(100000);
	fds = count_in("/proc/self/fd");
	threads = count_in("/proc/self/task");
	test_echo();
	test_errors();
	/* before the log has had its lines for a while */
	test_half_a_message();
	test_tampering();
	test_false_servers();
	test_fork();
	test_save(program);
	test_signals();
	test_interrupted();
	test_threads();
	test_many();
	test_strangers();
	ok(is_flat(fds, threads), "no descriptor and no thread is left");
	tcp->stop(server);
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses of a server: socket files and what may lie in their way, options. */
#include <sys/stat.h>

#include <rump/rump.h>

#include "rumpuser_sp_fake.h"

static char *at(const char *name)
{
	static char paths[32][128];
	static unsigned int used;

	if (used == ARRAY_SIZE(paths))
		bail_out("more paths than expected");
	return strcpy(paths[used++], temp_path(name));
}

static const char *url_of(const char *path)
{
	static char url[300];

	snprintf(url, sizeof(url), "unix://%s", path);
	return url;
}

/* 0 stands for what is not given. */
static int serve_with(struct rumpuser_sp_options options)
{
	options.listen_fd = options.listen_fd ? options.listen_fd : -1;
	options.group = options.group ? options.group : -1;
	return rumpuser_sp_serve(&options);
}

#define OPTIONS(...) ((struct rumpuser_sp_options){__VA_ARGS__})

static bool told(const char *words)
{
	if (strstr(rumpuser_boot_error(), words))
		return true;
	diag("%s", rumpuser_boot_error());
	return false;
}

/* A socket of another program, bound to path. */
static int other_socket(const char *path, int type, bool listens)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(name.sun_path, path);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) || (listens && listen(fd, 1)))
		bail_out("%s: %s", path, strerror(errno));
	return fd;
}

static mode_t mode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? 0 : status.st_mode;
}

static bool is_served(const char *path)
{
	struct peer peer = {.fd = peer_connect_socket(path)};
	bool is = peer.fd >= 0 && !peer_hello(&peer, hello_make(true));

	close(peer.fd);
	return is;
}

static void test_files(void)
{
	char *path = at("one"), *file = at("file"), *stale = at("stale");
	char *stream = at("stream"), *full = at("full");
	int fd, fds[4];
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	umask(0);
	is(serve_with(OPTIONS(.url = url_of(path))), 0, "a new socket file");
	is(mode_of(path), S_IFSOCK | 0600, "is for its user alone, whatever the umask");
	ok(is_served(path), "and served");
	is(serve_with(OPTIONS(.url = url_of(path))), -EADDRINUSE, "a second server there");
	ok(told("another server is there (pid ") && told(path), "is told whose it is");
	ok(is_served(path), "the first one goes on");

	make_file(file, 10, 1);
	is(serve_with(OPTIONS(.url = url_of(file))), -EEXIST, "a file at the path");
	ok(told("is not a socket") && mode_of(file) == (S_IFREG | 0644), "is left alone");

	close(other_socket(stale, SOCK_SEQPACKET, true));
	is(serve_with(OPTIONS(.url = url_of(stale), .mode = 0660)), 0, "a stale one is replaced");
	ok(is_served(stale) && mode_of(stale) == (S_IFSOCK | 0660), "and served, with a mode");

	fd = other_socket(stream, SOCK_STREAM, true);
	is(serve_with(OPTIONS(.url = url_of(stream))), -EADDRINUSE, "another program's socket");
	ok(told("another program") && mode_of(stream), "is left alone");
	close(fd);

	/* somebody is there who does not accept */
	fd = other_socket(full, SOCK_SEQPACKET, true);
	strcpy(name.sun_path, full);
	for (int i = 0; i < 4; i++) {
		fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&name, sizeof(name));
	}
	is(serve_with(OPTIONS(.url = url_of(full))), -EADDRINUSE, "a busy server's");
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(fd);

	is(serve_with(OPTIONS(.url = url_of(at("no/such/folder")))), -ENOENT, "no such folder");
	ok(told("No such file"), "is told");
	is(serve_with(OPTIONS(.url = "unix://")), -EINVAL, "no path");
	is(serve_with(OPTIONS(.url = "what://ever")), -EINVAL, "another kind of address");
	ok(told("what"), "is told");
	is(serve_with(OPTIONS(.url = NULL)), -EINVAL, "nothing at all");
	is(serve_with(OPTIONS(.url = "tcp://127.0.0.1:1/")), -ENOENT, "tcp:// without a secret");
	ok(told("secret"), "is told");
	is(rump_init_server(NULL), EINVAL, "rump_init_server: positive errno values");
	unlink(file);
	unlink(stream);
	unlink(full);
}

static void test_group(void)
{
	char *path = at("group");
	struct rumpuser_sp_options options =
		OPTIONS(.url = url_of(path), .mode = 0660, .group = 4321);
	struct stat status;

	if (getuid()) {
		skip("not root: no other group to give the socket to");
		return;
	}
	is(serve_with(options), 0, "a group");
	ok(!stat(path, &status) && status.st_gid == 4321 && status.st_mode == (S_IFSOCK | 0660),
	   "has the socket");
}

static void test_user(void)
{
	char *path = at("others");
	pid_t pid;
	int status;

	if (getuid()) {
		skip("not root: no other user to leave a socket");
		return;
	}
	close(other_socket(path, SOCK_SEQPACKET, true));
	if (chown(path, 4321, 4321))
		bail_out("chown: %s", strerror(errno));
	is(serve_with(OPTIONS(.url = url_of(path))), -EEXIST, "what another user has left");
	ok(told("uid 4321"), "is told, and left alone");
	unlink(path);

	is(serve_with(OPTIONS(.url = url_of(path), .mode = 0666)), 0, "a socket for everybody");
	chmod(temp_folder, 0711);
	pid = fork();
	if (!pid) {
		struct peer peer = {.fd = -1};

		if (setgid(4322) || setuid(4321))
			_exit(9);
		peer.fd = peer_connect_socket(path);
		_exit(peer_hello(&peer, hello_make(true))	    ? 1
		      : peer.welcome.flags			    ? 2
		      : peer_channel(&peer)			    ? 3
		      : peer_call(&peer, SYS_geteuid, 0, 0) != 4321 ? 4
								    : 0);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "another user is itself inside, and its memory not read directly");
}

static void test_abstract(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char text[64], url[80];
	struct peer peer;

	snprintf(text, sizeof(text), "@rump-test-%d", getpid());
	snprintf(url, sizeof(url), "unix://%s", text);
	is(serve_with(OPTIONS(.url = url)), 0, "an abstract name");
	memcpy(name.sun_path, text, strlen(text));
	name.sun_path[0] = '\0';
	peer.fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	is(connect(peer.fd, (struct sockaddr *)&name,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text))),
	   0, "is served");
	is(peer_hello(&peer, hello_make(true)), 0, "indeed");
	close(peer.fd);
	is(serve_with(OPTIONS(.url = url)), -EADDRINUSE, "once");
}

static void test_secret(void)
{
	unsigned char secret[RUMP_SP_SECRET_SIZE] = "between these two";
	char *path = at("secret");
	struct rump_sp_hello hello = hello_make(true);
	struct peer peer = {.fd = -1};
	int fd = other_socket(path, SOCK_SEQPACKET, true);

	is(serve_with(OPTIONS(.listen_fd = fd, .secret = secret)), 0, "a socket that is given");
	peer.fd = peer_connect_socket(path);
	is(peer_hello(&peer, hello), EACCES, "no secret");
	ok(is_ended(&peer), "no entry");
	close(peer.fd);
	memcpy(hello.secret, secret, sizeof(secret));
	hello.secret[31] = 1;
	peer = (struct peer){.fd = peer_connect_socket(path)};
	is(peer_hello(&peer, hello), EACCES, "a wrong one");
	close(peer.fd);
	hello.secret[31] = 0;
	peer = (struct peer){.fd = peer_connect_socket(path)};
	is(peer_hello(&peer, hello), 0, "the right one");
	close(peer.fd);

	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	is(serve_with(OPTIONS(.listen_fd = fd)), -EINVAL, "a socket that does not listen");
	close(fd);
	is(serve_with(OPTIONS(.listen_fd = 999)), -EINVAL, "a descriptor that is none");
}

static int leaves, may_leave;

static int leave(void)
{
	leaves++;
	return may_leave;
}

/* The answer's errno value, 0: the connection stays without one, ECONNRESET: it does not. */
static int ask_leave(struct peer *peer, struct rump_sp_hello hello)
{
	struct rump_sp_message answer;
	struct pollfd poll_fd = {.fd = peer->fd, .events = POLLIN};

	peer_send(peer, &hello, sizeof(hello), RUMP_SP_LEAVE);
	if (!poll(&poll_fd, 1, 100))
		return 0;
	if (peer_receive(peer, &answer, sizeof(answer)) != sizeof(answer))
		return ECONNRESET;
	return answer.error;
}

static int leaver = -1; /* a connection that waits for the end of the server */

static void test_leave(void)
{
	unsigned char secret[RUMP_SP_SECRET_SIZE] = "of the family";
	char *path = at("family"), *plain = at("no-family");
	struct rump_sp_hello hello = hello_make(true);
	struct peer peer = {.fd = -1};

	is(serve_with(OPTIONS(.url = url_of(plain))), 0, "a server without end");
	peer.fd = peer_connect_socket(plain);
	is(ask_leave(&peer, hello), EBUSY, "does not end because somebody leaves");
	close(peer.fd);

	is(serve_with(OPTIONS(.url = url_of(path), .secret = secret, .leave = leave)), 0,
	   "a family's server");
	peer.fd = peer_connect_socket(path);
	is(ask_leave(&peer, hello), EACCES, "is told by the family only");
	ok(is_ended(&peer) && !leaves, "indeed");
	close(peer.fd);
	memcpy(hello.secret, secret, sizeof(secret));
	peer.fd = peer_connect_socket(path);
	is(ask_leave(&peer, hello), EBUSY, "others of it live");
	ok(is_ended(&peer) && leaves == 1, "so it goes on");
	close(peer.fd);
	peer.fd = peer_connect_socket(path);
	is(peer_hello(&peer, hello), 0, "a client");
	is(ask_leave(&peer, hello), ECONNRESET, "does not say so by its own connection");
	close(peer.fd);
	may_leave = 1;
	peer.fd = peer_connect_socket(path);
	is(ask_leave(&peer, hello), 0, "the last one waits");
	is(leaves, 2, "for the end of the server");
	leaver = peer.fd;
}

static int halts, restarts;

static void halt(int is_restart)
{
	__atomic_fetch_add(is_restart ? &restarts : &halts, 1, __ATOMIC_SEQ_CST);
}

static int ask_halt(struct peer *peer, unsigned int flags)
{
	struct rump_sp_halt message = {.flags = flags};
	struct rump_sp_message answer;

	peer_send(peer, &message, sizeof(message), RUMP_SP_HALT);
	if (peer_receive(peer, &answer, sizeof(answer)) != sizeof(answer))
		return ECONNRESET;
	return answer.error;
}

static void test_root_and_halt(void)
{
	char *path = at("nobody-is-root"), *halting = at("halting"), *plain = at("plain");
	struct rump_sp_hello hello = hello_make(true);
	struct peer peer, late = {.fd = -1};

	is(serve_with(
		   OPTIONS(.url = url_of(path), .is_root_set = 1, .root_uid = 4711, .halt = halt)),
	   0, "another one is root");
	peer = peer_open(path, true);
	ok(peer_call(&peer, SYS_geteuid, 0, 0) > 0, "the server's own user is not");
	is(ask_halt(&peer, 0), EPERM, "and may not halt");
	peer_close(&peer);

	is(serve_with(OPTIONS(.url = url_of(plain))), 0, "nothing to halt");
	peer = peer_open(plain, true);
	is(ask_halt(&peer, 0), EOPNOTSUPP, "is told");
	peer_close(&peer);

	is(serve_with(OPTIONS(.url = url_of(halting), .halt = halt)), 0,
	   "the server's user is root");
	peer = peer_open(halting, true);
	is(peer_call(&peer, FAKE_SET_UID, 4711, 0), 0, "as long as it is");
	is(ask_halt(&peer, 0), EPERM, "who has given that up may not halt");
	peer_call(&peer, FAKE_SET_UID, 0, 0);
	is(ask_halt(&peer, RUMP_SP_HALT_RESTART), 0, "root may");
	ok(eventually(restarts == 1) && !halts, "it is told that it is for a restart");
	late.fd = peer_connect_socket(plain);
	peer_send(&late, &hello, sizeof(hello), RUMP_SP_HELLO);
	ok(late.fd >= 0 && !poll(&(struct pollfd){.fd = late.fd, .events = POLLIN}, 1, 100),
	   "nobody is let in any more");
	close(late.fd);
	is(ask_halt(&peer, 0), 0, "or not");
	ok(eventually(halts == 1), "indeed");
	ok(eventually(rumpuser_sp_clients() == 2), "two clients are left");

	/* the end of this connection tells that the server has ended */
	rumpuser_sp_stop();
	is(rumpuser_sp_wait(10 * NSEC_PER_SEC), 0, "stop ends all clients");
	is(recv(peer.fd, &halts, sizeof(halts), MSG_DONTWAIT), -1, "who has halted");
	is(errno, EAGAIN, "is connected until the end");
	is(recv(leaver, &halts, sizeof(halts), MSG_DONTWAIT), -1, "and who has left last");
	is(errno, EAGAIN, "is, too");
	peer_close(&peer);
}

int main(void)
{
	char *kept = at("kept"), *replaced = at("replaced");
	struct peer peer;
	int fd;

	is(serve_with(OPTIONS(.url = url_of(kept))), -ENXIO, "without a kernel nothing is served");
	fake_start();
	is(serve_with(OPTIONS(.url = url_of(kept))), 0, "the first");
	is(serve_with(OPTIONS(.url = url_of(replaced))), 0, "the second");
	test_files();
	test_group();
	test_user();
	test_abstract();
	test_secret();
	test_leave();

	fd = rumpuser_sp_keep_listener(0);
	ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "a listening socket for a successor");
	is(rumpuser_sp_keep_listener(99), -ENOENT, "there are not so many");
	unlink(replaced);
	make_file(replaced, 1, 1);
	peer = peer_open(kept, true);
	test_root_and_halt();
	ok(mode_of(kept), "its file stays");
	ok(mode_of(replaced) == (S_IFREG | 0644), "so does what has taken another one's place");
	ok(!mode_of(at("one")) && !mode_of(at("stale")), "the others are removed");
	ok(is_ended(&peer), "the other connections are closed");
	is(serve_with(OPTIONS(.url = url_of(at("late")))), -ESHUTDOWN,
	   "nothing is served any more");
	/* the queue of the socket that is kept is for the successor */
	ok(peer_connect_socket(kept) >= 0, "who comes now waits for the successor");
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* sockpaths.c - AF_UNIX sockets whose addresses are paths, on either side; see report.h */
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "report.h"

#define AT offsetof(struct sockaddr_un, sun_path)

static char text[300];

static socklen_t address(struct sockaddr_un *un, const char *path)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s", path);
	return AT + strlen(path) + 1;
}

static int bind_to(int fd, const char *path)
{
	struct sockaddr_un un;
	socklen_t length = address(&un, path);

	return bind(fd, (struct sockaddr *)&un, length);
}

static int connect_to(int fd, const char *path)
{
	struct sockaddr_un un;

	address(&un, path);
	return connect(fd, (struct sockaddr *)&un, sizeof(un));
}

static long send_to(int fd, const char *path, const char *data)
{
	struct sockaddr_un un;
	socklen_t length = address(&un, path);

	return sendto(fd, data, strlen(data), 0, (struct sockaddr *)&un, length);
}

static const char *shown(const struct sockaddr_un *un, socklen_t length)
{
	if (length <= AT)
		return "nameless";
	if (!un->sun_path[0])
		return "abstract";
	/* what is right about the length holds for any folder */
	snprintf(text, sizeof(text), "%.*s%s", (int)(length - AT), un->sun_path,
		 length - AT == strlen(un->sun_path) + 1 ? "" : " of another length");
	return text;
}

typedef int namer(int, struct sockaddr *, socklen_t *);

static const char *name_of(namer *call, int fd)
{
	struct sockaddr_un un = {0};
	socklen_t length = sizeof(un);

	return call(fd, (struct sockaddr *)&un, &length) ? strerrorname_np(errno)
							 : shown(&un, length);
}

static void stream(void)
{
	struct timeval time = {5, 0};
	struct sockaddr_un un = {0};
	socklen_t length = sizeof(un);
	int server, client, peer, one = 1, value;
	struct stat st;

	server = TELL(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	TEXT(name_of(getsockname, server));
	TELL(setsockopt(server, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	TELL(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	TELL(bind_to(server, in("none/socket")));
	TELL(bind_to(server, in("socket")));
	TELL(bind_to(server, in("other")));
	TELL(lstat(in("socket"), &st));
	TELL(st.st_mode);
	TEXT(name_of(getsockname, server));
	TELL(fcntl(server, F_GETFD));
	length = sizeof(value);
	TELL(getsockopt(server, SOL_SOCKET, SO_PASSCRED, &value, &length));
	TELL(value);
	length = sizeof(time);
	TELL(getsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &time, &length));
	TELL(time.tv_sec);
	client = TELL(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	TELL(connect_to(client, in("socket"))); /* nobody listens */
	TELL(connect_to(client, in("none")));
	TELL(connect_to(client, "/proc/self/none"));
	TELL(listen(server, 5));
	TELL(connect_to(client, in("socket")));
	TELL(connect_to(client, in("socket")));
	TELL(fcntl(client, F_GETFL) & O_NONBLOCK ? 1 : 0);
	TELL(fcntl(client, F_GETFD));
	TEXT(name_of(getpeername, client));
	TEXT(name_of(getsockname, client));
	length = sizeof(un);
	peer = TELL(accept4(server, (struct sockaddr *)&un, &length, SOCK_CLOEXEC));
	TEXT(shown(&un, length));
	TEXT(name_of(getsockname, peer));
	TEXT(name_of(getpeername, peer));
	TELL(read(client, text, 10));
	TELL(write(peer, "hello", 5));
	TELL(poll(&(struct pollfd){client, POLLIN, 0}, 1, 1000));
	TELL(recv(client, text, 10, 0));
	TELL(close(peer));
	TELL(read(client, text, 10));
	TELL(close(client));
	/* a client with a name */
	client = TELL(socket(AF_UNIX, SOCK_STREAM, 0));
	TELL(bind_to(client, in("client")));
	TELL(connect_to(client, in("socket")));
	length = sizeof(un);
	peer = TELL(accept(server, (struct sockaddr *)&un, &length));
	TEXT(shown(&un, length));
	TEXT(name_of(getpeername, peer));
	length = AT + 5; /* cut, and told so */
	memset(&un, 0, sizeof(un));
	TELL(getpeername(peer, (struct sockaddr *)&un, &length));
	TELL(strncmp(un.sun_path, folder, 5));
	TELL(un.sun_path[5]);
	TELL(length - AT - strlen(in("client")));
	TELL(getpeername(peer, (struct sockaddr *)8, &length));
	TELL(bind_to(socket(AF_UNIX, SOCK_STREAM, 0), in("socket")));
	TELL(unlink(in("socket")));
	TELL(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), in("socket")));
	TELL(close(server));
	/* by a relative path */
	TELL(chdir(folder));
	server = TELL(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	TELL(bind_to(server, "relative") | listen(server, 1));
	TEXT(name_of(getsockname, server));
	client = TELL(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	TELL(connect_to(client, "./relative"));
	TEXT(name_of(getpeername, client));
	TELL(access(in("relative"), F_OK));
	/* what is no path */
	server = TELL(socket(AF_UNIX, SOCK_STREAM, 0));
	TELL(bind(server, (struct sockaddr *)&un, sizeof(un.sun_family)));
	TEXT(name_of(getsockname, server));
	TELL(bind(server, (struct sockaddr *)8, 20));
	TELL(bind(server, (struct sockaddr *)&un, 200));
	TELL(bind(0, (struct sockaddr *)&un, sizeof(un)));
	TELL(bind(99, (struct sockaddr *)&un, sizeof(un)));
}

static void datagram(void)
{
	struct sockaddr_un un = {0};
	socklen_t length = sizeof(un);
	struct iovec part = {text, sizeof(text)};
	struct msghdr message = {.msg_name = &un, .msg_iov = &part, .msg_iovlen = 1};
	struct mmsghdr many[2] = {0};
	struct sockaddr_un names[2];
	int server, client;

	server = TELL(socket(AF_UNIX, SOCK_DGRAM, 0));
	TELL(bind_to(server, in("server")));
	client = TELL(socket(AF_UNIX, SOCK_DGRAM, 0));
	TELL(send_to(client, in("none"), "x"));
	TELL(send_to(client, in("server"), "one"));
	length = sizeof(un);
	TELL(recvfrom(server, text, 10, 0, (struct sockaddr *)&un, &length));
	TEXT(shown(&un, length));
	TELL(send_to(client, "/dev/null", "x")); /* the other side: a fresh socket goes there */
	TELL(send_to(client, in("server"), "two"));
	TELL(recv(server, text, 10, 0));
	TELL(bind_to(client, in("client")));
	TELL(send_to(client, in("server"), "three"));
	memset(&un, 0, sizeof(un));
	length = sizeof(un);
	TELL(recvfrom(server, text, 10, 0, (struct sockaddr *)&un, &length));
	TEXT(shown(&un, length));
	TELL(sendto(server, "back", 4, 0, (struct sockaddr *)&un, length));
	TELL(recv(client, text, 10, 0));
	message.msg_namelen = address(&un, in("server"));
	part.iov_len = 4;
	TELL(sendmsg(client, &message, 0));
	message.msg_namelen = sizeof(un);
	part.iov_len = sizeof(text);
	TELL(recvmsg(server, &message, 0));
	TEXT(shown(&un, message.msg_namelen));
	many[0].msg_hdr = many[1].msg_hdr = message;
	many[0].msg_hdr.msg_namelen = many[1].msg_hdr.msg_namelen = address(&un, in("server"));
	part.iov_len = 5;
	TELL(sendmmsg(client, many, 2, 0));
	memset(names, 0, sizeof(names));
	many[0].msg_hdr.msg_name = &names[0], many[1].msg_hdr.msg_name = &names[1];
	many[0].msg_hdr.msg_namelen = many[1].msg_hdr.msg_namelen = sizeof(un);
	TELL(recvmmsg(server, many, 2, 0, NULL));
	TELL(many[1].msg_len);
	TEXT(shown(&names[1], many[1].msg_hdr.msg_namelen));
	TELL(connect_to(client, in("server")));
	TELL(send(client, "x", 1, 0));
	TELL(connect_to(server, in("client")));
	TEXT(name_of(getpeername, server));
	TELL(unlink(in("server")));
	TELL(send_to(client, in("server"), "x"));
}

/* Descriptors, and processes that share a socket. */
static void processes(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec part = {text, 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int server = socket(AF_UNIX, SOCK_STREAM, 0), fd, peer, status;
	pid_t pid;

	TELL(bind_to(server, in("socket")) | listen(server, 5));
	pid = fork();
	if (!pid) {
		struct ucred cred;
		socklen_t length = sizeof(cred);

		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect_to(fd, in("socket")) ||
		    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) ||
		    cred.pid != getppid())
			_exit(1);
		memcpy(CMSG_DATA(&control.head), &(int){make("passed", "passed on\n")},
		       sizeof(int));
		_exit(sendmsg(fd, &message, 0) == 1 ? 0 : 2);
	}
	peer = TELL(accept(server, NULL, NULL));
	TELL(recvmsg(peer, &message, MSG_CMSG_CLOEXEC));
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	TELL(fcntl(fd, F_GETFD));
	TELL(lseek(fd, 0, SEEK_SET));
	TELL(read(fd, text, 20));
	TELL(waitpid(pid, &status, 0) == pid);
	TELL(status);
}

static const struct report cases[] = {
	{"stream", stream},
	{"datagram", datagram},
	{"processes", processes},
	{0},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	return report_main(cases, argc, argv);
}

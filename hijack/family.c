/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * family.c - the kernel that the processes of one program share; see family.h
 *
 * The name is that of an abstract unix socket, so it goes with the process that has it.
 * bind() is the election: the kernel has one owner at any time, without a lock and
 * without a file.  Whoever finds it bound connects, and waits there while the owner boots.
 *
 * The private server ends when it has no clients and nobody holds the lifeline any more.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <rump/rump_sp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"
#include "children.h"
#include "family.h"
#include "launch.h"
#include "local.h"
#include "placeholder.h"
#include "remote.h"
#include "route.h"

#define PREFIX "rump-"
#define NAME_TEXT (sizeof(PREFIX) + 2 * FAMILY_NAME_SIZE)
#define SERVER "rump_server"

/* How long somebody may have bound the name and not listen yet: then he never will. */
#define TRIES 2000

struct family family = {.lifeline = -1};
int family_leaver;
static int family_lock;

static void put_name(char *to)
{
	to = put_text(to, PREFIX);
	for (int i = 0; i < FAMILY_NAME_SIZE; i++) {
		*to++ = "0123456789abcdef"[family.name[i] >> 4];
		*to++ = "0123456789abcdef"[family.name[i] & 15];
	}
	*to = '\0';
}

static int make(void)
{
	int pipe[2];
	long result;

	if (host(SYS_getrandom, family.name, FAMILY_NAME_SIZE, 0) != FAMILY_NAME_SIZE ||
	    host(SYS_getrandom, family.secret, FAMILY_SECRET_SIZE, 0) != FAMILY_SECRET_SIZE)
		return -EIO;
	result = host(SYS_pipe2, pipe, O_CLOEXEC);
	if (is_error(result))
		return result;
	/* who starts the server opens the end for reading by /proc */
	host(SYS_close, pipe[0]);
	family.lifeline = private_fd(pipe[1]);
	family.root_pid = host(SYS_getpid);
	__atomic_store_n(&family.exists, true, __ATOMIC_SEQ_CST);
	return 0;
}

int family_make(void)
{
	int result = 0;

	if (__atomic_load_n(&family.exists, __ATOMIC_ACQUIRE))
		return 0;
	while (__atomic_exchange_n(&family_lock, 1, __ATOMIC_ACQUIRE))
		host(SYS_sched_yield);
	if (!family.exists)
		result = make();
	__atomic_store_n(&family_lock, 0, __ATOMIC_RELEASE);
	return result;
}

static long open_lifeline(void)
{
	char path[40];

	put_decimal(put_text(path, "/proc/self/fd/"), family.lifeline);
	return host(SYS_open, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

int family_lifeline_end(void)
{
	static int end = -1;
	long fd;

	if (!family.exists || end >= 0)
		return end;
	fd = open_lifeline();
	if (is_error(fd))
		return -1;
	end = private_fd(fd);
	private_close(family.lifeline);
	family.lifeline = -1;
	return end;
}

/* Whether nobody else holds the lifeline. */
static bool is_last(void)
{
	struct pollfd end = {open_lifeline(), 0, 0};

	/* first, so that of two that end at once the second sees it */
	private_close(family.lifeline);
	family.lifeline = -1;
	if (end.fd < 0)
		return true;
	host(SYS_poll, &end, 1, 0);
	host(SYS_close, end.fd);
	return end.revents & POLLHUP;
}

/*
 * Images shall be clean, and free for others, when a program is over.  The answer is that
 * others live, or the end of the connection, with that of the server.
 */
static void wait_for_server(void)
{
	struct rump_sp_hello hello = {
		.head = {.length = sizeof(hello), .type = RUMP_SP_LEAVE, .id = 1},
		.magic = RUMP_SP_MAGIC,
		.version = RUMP_SP_VERSION,
		.pid = host(SYS_getpid),
	};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	long fd = host(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (is_error(fd))
		return;
	memcpy(hello.secret, family.secret, FAMILY_SECRET_SIZE);
	put_name(address.sun_path + 1);
	/* refused: there is no server, or not any more */
	if (!host(SYS_connect, fd, &address, offsetof(struct sockaddr_un, sun_path) + NAME_TEXT) &&
	    host(SYS_sendto, fd, &hello, sizeof(hello), MSG_NOSIGNAL, NULL, 0) == sizeof(hello))
		while (host(SYS_recvfrom, fd, &hello, sizeof(hello), 0, NULL, NULL) == -EINTR)
			;
	host(SYS_close, fd);
}

void family_leave(void)
{
	/* what only a few calls are left to cannot wait for the server */
	if (!family.exists || family.lifeline < 0 || remote_is_confined || !is_last())
		return;
	__atomic_store_n(&family_leaver, host(SYS_gettid), __ATOMIC_SEQ_CST);
	if (boot_inherited >= 0)
		host(SYS_close, boot_inherited);
	else if (boot_is_ready() && boot_place == PLACE_ELSEWHERE)
		host(SYS_close, remote.fork_socket(NULL));
	wait_for_server();
}

void family_stay_in(void)
{
	unsigned long all = ~0UL;
	static int never;

	if (family_leaver == host(SYS_gettid))
		return;
	host(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	for (;;)
		host(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, NULL);
}

void family_forked(void)
{
	family_lock = 0;
	family_leaver = 0;
}

/* ---- the election ---- */

/* A listening socket of the family's name, private; -EADDRINUSE: another has it. */
static int bind_name(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	long fd = host(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), result;

	if (is_error(fd))
		return fd;
	put_name(address.sun_path + 1);
	result = host(SYS_bind, fd, &address, offsetof(struct sockaddr_un, sun_path) + NAME_TEXT);
	if (!is_error(result))
		result = host(SYS_listen, fd, SOMAXCONN);
	if (is_error(result)) {
		host(SYS_close, fd);
		return result;
	}
	return private_fd(fd);
}

static int connect_name(void)
{
	char url[sizeof("unix://@") + NAME_TEXT];

	put_name(put_text(url, "unix://@"));
	return self.spawned ? remote_spawned_connect_url(url, family.secret)
			    : remote_connect_url(url, family.secret);
}

/* ---- the private server ---- */

struct server {
	const char *path;
	char *const *argv;
	char *const *envp;
	int fds[5]; /* stderr, listening socket, lifeline, secret, configuration; -1: none */
	int error;
};

#define FIRST_FD 2 /* fds[0] becomes this number */
#define FDS (sizeof(((struct server *)0)->fds) / sizeof(int))

static int run_server(void *argument)
{
	struct server *server = argument;
	unsigned long none = 0;
	long null, fds[FDS];
	struct rlimit files;

	launch_signals(&none);
	/* the program's own limit is not the server's */
	if (!host(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &files)) {
		files.rlim_cur = files.rlim_max;
		host(SYS_prlimit64, 0, RLIMIT_NOFILE, &files, NULL);
	}
	null = host(SYS_open, "/dev/null", O_RDWR);
	/* out of the way of the numbers that they get */
	for (unsigned int i = 0; i < FDS; i++)
		fds[i] = server->fds[i] < 0 ? -1 : host(SYS_fcntl, server->fds[i], F_DUPFD, 64);
	for (unsigned int i = 0; i < FDS; i++)
		if (server->fds[i] >= 0 && fds[i] < 0) {
			server->error = -EMFILE;
			return 127;
		}
	host(SYS_dup2, null, 0);
	host(SYS_dup2, null, 1);
	for (unsigned int i = 0; i < FDS; i++)
		if (fds[i] >= 0)
			host(SYS_dup2, fds[i], FIRST_FD + i);
	host(SYS_close_range, FIRST_FD + FDS, ~0U, 0);
	/* what relative paths in RUMP_CONF and others mean */
	if (*boot_directory)
		host(SYS_chdir, boot_directory);
	server->error = host(SYS_execve, server->path, server->argv, server->envp);
	return 127;
}

/*
 * Between the program and the server: gone at once, so that the server is nobody's child.
 * Nor a debugger's: one that follows children waits for all of them, and a server for it.
 */
static int detach(void *server)
{
	host(SYS_setsid);
	return launch(run_server, server, CLONE_UNTRACED) < 0;
}

static bool is_program(const char *path)
{
	return !host(SYS_access, path, X_OK);
}

/* Beside the library, as installed, or where PATH says. */
static const char *find_server(char *path, const char *search)
{
	size_t length;

	if (!boot_folder(path, ROUTE_PATH_MAX)) {
		length = strlen(path);
		put_text(path + length, SERVER);
		if (is_program(path))
			return path;
		put_text(path + length, "../bin/" SERVER);
		if (is_program(path))
			return path;
		/* LIBDIR may have one level more: lib/x86_64-linux-gnu */
		put_text(path + length, "../../bin/" SERVER);
		if (is_program(path))
			return path;
	}
	while (search && *search) {
		for (length = 0; search[length] && search[length] != ':'; length++)
			;
		if (length && length < ROUTE_PATH_MAX) {
			memcpy(path, search, length);
			put_text(path + length, "/" SERVER);
			if (is_program(path))
				return path;
		}
		search += length + (search[length] == ':');
	}
	return NULL;
}

/* A file in memory that holds this. */
static long memory_file(const char *name, const void *bytes, long length)
{
	long fd = host(SYS_memfd_create, name, 1 /* MFD_CLOEXEC */);

	if (is_error(fd))
		return fd;
	if (host(SYS_write, fd, bytes, length) != length) {
		host(SYS_close, fd);
		return -ENOSPC;
	}
	host(SYS_lseek, fd, 0, SEEK_SET);
	return fd;
}

static long boot_text_file(void)
{
	long address = host(SYS_mmap, 0, HIJACK_CONFIG_BOOT_TEXT_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t length;
	long fd = -E2BIG;

	if (is_error(address))
		return address;
	length = hijack_config_boot_text(&config, *boot_directory ? boot_directory : NULL,
					 (char *)address, HIJACK_CONFIG_BOOT_TEXT_MAX);
	if (length < HIJACK_CONFIG_BOOT_TEXT_MAX)
		fd = memory_file("RUMPHIJACK", (char *)address, length);
	host(SYS_munmap, address, HIJACK_CONFIG_BOOT_TEXT_MAX);
	return fd;
}

/* What would make a hijacked program of the server, or one that is another's client. */
static bool is_for_server(const char *entry)
{
	static const char *const ours[] = {"LD_PRELOAD=", "RUMPHIJACK=", "RUMP_SERVER=",
					   "RUMPHIJACK_RETRYCONNECT=", "_RUMPHIJACK="};

	for (unsigned int i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!strncmp(entry, ours[i], strlen(ours[i])))
			return false;
	return true;
}

static int start_server(int listen_fd)
{
	char path[ROUTE_PATH_MAX + 32];
	/* numbers as in struct server */
	char *argv[] = {SERVER, "--private",   "--listen-fd", "3",  "--lifeline-fd",
			"4",	"--secret-fd", "5",	      NULL, NULL,
			NULL};
	struct server server = {.argv = argv, .fds = {2, listen_fd, -1, -1, -1}};
	const char *search = NULL;
	unsigned long count = 0, size;
	char **envp;
	long memory, pid;

	for (char **entry = environ; entry && *entry; entry++) {
		count++;
		if (!strncmp(*entry, "PATH=", 5))
			search = *entry + 5;
	}
	server.path = find_server(path, search);
	if (!server.path) {
		complain("no rump kernel: there is no " SERVER " to have it", NULL);
		return -ENOENT;
	}
	size = (count + 1) * sizeof(*envp);
	memory =
		host(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(memory))
		return memory;
	server.envp = envp = (char **)memory;
	for (char **entry = environ; entry && *entry && count--; entry++)
		if (is_for_server(*entry))
			*envp++ = *entry;

	server.fds[2] = open_lifeline();
	server.fds[3] = memory_file("secret", family.secret, FAMILY_SECRET_SIZE);
	if (config.boot_count) {
		argv[8] = "-f";
		argv[9] = "/proc/self/fd/6";
		server.fds[4] = boot_text_file();
	}
	if (server.fds[2] < 0 || server.fds[3] < 0 || (config.boot_count && server.fds[4] < 0)) {
		server.error = -EMFILE;
	} else {
		pid = launch(detach, &server, CLONE_UNTRACED);
		if (pid < 0)
			server.error = pid;
		else
			while (host(SYS_wait4, pid, NULL, __WALL, NULL) == -EINTR)
				;
	}
	for (unsigned int i = 2; i < FDS; i++)
		if (server.fds[i] >= 0)
			host(SYS_close, server.fds[i]);
	host(SYS_munmap, memory, size);
	if (server.error)
		complain("no rump kernel: cannot start ", server.path, NULL);
	return server.error;
}

/* A server that does not come up has said why; it would not the next time either. */
static int start_and_connect(int listen_fd)
{
	int error = start_server(listen_fd);

	private_close(listen_fd);
	if (error)
		return error;
	error = connect_name();
	if (error == -ECONNREFUSED)
		complain("no rump kernel: the private server has ended at once", NULL);
	return error ? -ENXIO : 0;
}

int family_join(bool may_be_here)
{
	struct timespec pause = {0, 1000000};
	int listen_fd, error;

	if (!__atomic_load_n(&family.exists, __ATOMIC_SEQ_CST)) {
		if (may_be_here)
			return local_boot(-1);
		error = family_make();
		if (error)
			return error;
	}
	if (family.root_pid != host(SYS_getpid))
		may_be_here = false;
	for (int i = 0; i < TRIES; i++) {
		listen_fd = bind_name();
		if (listen_fd >= 0)
			return may_be_here ? local_boot(listen_fd) : start_and_connect(listen_fd);
		if (listen_fd != -EADDRINUSE)
			return listen_fd;
		error = connect_name();
		if (error != -ECONNREFUSED)
			return error;
		/* he is between bind() and listen(), or has just ended */
		host(SYS_nanosleep, &pause, NULL);
	}
	complain("no rump kernel: the one of this program does not answer", NULL);
	return -ETIMEDOUT;
}

bool family_has_kernel(void)
{
	int fd;

	if (!__atomic_load_n(&family.exists, __ATOMIC_SEQ_CST))
		return false;
	fd = bind_name();
	if (fd >= 0)
		private_close(fd);
	return fd == -EADDRINUSE;
}

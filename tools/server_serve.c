/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a server.
 *
 *	options, configuration	in the process that the user started: mistakes are told
 *	log, rump_daemonize_begin()
 *				from here on in the child; the first one waits
 *	rump_init(), modules, addresses, pidfile
 *				whatever fails ends the child with its status, which
 *				the waiting parent takes over
 *	rump_daemonize_done(0)	the parent ends with 0: clients can come
 *	wait_for_end()		a signal, a client that may halt us, or the end of a
 *				private server's family
 *	rumpuser_sp_stop(), rump_pub_shutdown()
 *				no clients; clean images
 *	exit, or the next life (server_restart.h)
 *
 * The signals that stop it are blocked in all threads from before the boot on and read
 * by the main thread only.  So they can interrupt neither the boot nor the shutdown:
 * a second one changes nothing, and nothing is lost.
 */
#include "server_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define RUMPUSER_HOST
#include <rump/rump.h>
#include <rump/rump_sp.h>
#include <rump/rumpuser.h>

#include "message.h"
#include "notify.h"
#include "pidfile.h"
#include "server_log.h"
#include "server_private.h"
#include "server_restart.h"

/* how long a private server waits for clients whose family has ended */
#define LEAVE_PATIENCE_MS 1000

enum reason {
	REASON_NONE,
	REASON_SIGNAL,
	REASON_HALT,
	REASON_RESTART,
	REASON_ALONE, /* a private server's family has ended */
	REASON_ERROR,
};

/* Raised by on_halt() in a thread of librumpuser's. */
static int halt_event = -1;
static int wants_restart;

/* Raised by on_leave(): the last process of a private server's family waits for our end. */
static int leave_event = -1;
static int lifeline = -1;

static struct {
	unsigned char secret[RUMP_SP_SECRET_SIZE];
	char log[PATH_MAX]; /* "": none */
	int signal_fd;
	int alone_event; /* raised when the last client of a private server is gone */
} server = {.signal_fd = -1, .alone_event = -1};

static void on_halt(int is_restart)
{
	const uint64_t one = 1;

	if (is_restart)
		__atomic_store_n(&wants_restart, 1, __ATOMIC_RELEASE);
	/* it takes that unless it is full, and then it has been raised */
	if (write(halt_event, &one, sizeof(one)) < 0)
		message_to_log("halt: %s", strerror(errno));
}

/* Called by a thread of librumpuser's; does not wait. */
static int on_leave(void)
{
	struct pollfd polled = {.fd = lifeline, .events = 0};
	const uint64_t one = 1;

	/* somebody else holds the lifeline, or nothing can be known: go on */
	if (poll(&polled, 1, 0) != 1)
		return 0;
	return write(leave_event, &one, sizeof(one)) == sizeof(one);
}

static int failed(const char *what, int error)
{
	message("%s: %s", what, strerror(error));
	return message_status(error);
}

/* ---- before the boot ---- */

static int set_environment(const struct server_options *options)
{
	if (options->ncpu && setenv("RUMP_NCPU", options->ncpu, 1))
		return errno;
	if (options->memory && setenv("RUMP_MEMLIMIT", options->memory, 1))
		return errno;
	return 0;
}

/* What names files is read at boot, when the program's directory has been left. */
static int make_absolute(const char *name)
{
	char path[2 * PATH_MAX], *value = getenv(name);
	size_t length;

	if (!value || !*value || *value == '/')
		return 0;
	if (!getcwd(path, PATH_MAX))
		return errno;
	length = strlen(path);
	if (strlen(value) >= PATH_MAX)
		return ENAMETOOLONG;
	path[length] = '/';
	memcpy(path + length + 1, value, strlen(value) + 1);
	return setenv(name, path, 1) ? errno : 0;
}

/* A client takes two descriptors. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int prepare_private(const struct server_options *options, char **argv)
{
	static const char *const files[] = {"RUMP_CONF", "RUMP_CONSOLE", "RUMP_MODULES"};
	int error = server_private_close_others(options, argv);

	if (error)
		return failed("descriptors", -error);
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		error = make_absolute(files[i]);
		if (error)
			return failed(files[i], error);
	}
	if (options->secret_fd >= 0)
		error = server_private_read_secret(options->secret_fd, server.secret);
	if (error)
		return failed("--secret-fd", -error);
	/* who stops the program by the terminal does not mean its kernel */
	setsid();
	return 0;
}

static int catch_signals(bool is_detached)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t signals;

	/* what the log's reader or a client does shall not end us */
	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* a terminal that goes away takes those in the foreground with it */
	if (is_detached)
		sigaction(SIGHUP, &ignore, NULL);
	else
		sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	server.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	halt_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	leave_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server.alone_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server.signal_fd < 0 || halt_event < 0 || leave_event < 0 || server.alone_event < 0)
		return errno;
	return 0;
}

/* ---- up ---- */

/* Why the kernel does not start, in the words of the command line. */
static int tell_boot_error(const struct server_options *options, int error)
{
	static const char ncpu[] = "RUMP_NCPU=", memory[] = "RUMP_MEMLIMIT=";
	const char *text = rump_boot_error(), *option = server_conf_option(&options->conf, &text);

	if (options->ncpu && !strncmp(text, ncpu, strlen(ncpu))) {
		option = "-c ";
		text += strlen(ncpu);
	} else if (options->memory && !strncmp(text, memory, strlen(memory))) {
		option = "-r ";
		text += strlen(memory);
	}
	message("%s%s", option, *text ? text : strerror(error));
	return message_status(error);
}

/* Some sockets stay open for the next life, and with them their numbers. */
static int private_listener(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

static int serve_address(const struct server_options *options, const struct server_address *address)
{
	struct rumpuser_sp_options sp = {
		.url = address->url,
		.listen_fd = address->listen_fd,
		.mode = options->group >= 0 ? 0660 : 0600,
		.group = options->group,
		.is_root_set = options->is_root_set,
		.root_uid = options->root_uid,
		.secret_file = options->secret_file,
		.secret = options->secret_fd >= 0 ? server.secret : NULL,
		.is_any_address = options->is_any_address,
		.is_memory_private = options->is_memory_private,
		.halt = on_halt,
		.leave = options->is_private ? on_leave : NULL,
	};
	const char *name = address->url ? address->url : "socket";
	int error = 0;

	if (options->is_private) {
		sp.listen_fd = private_listener(address->listen_fd);
		error = sp.listen_fd < 0 ? sp.listen_fd : 0;
	}
	if (!error)
		error = rumpuser_sp_serve(&sp);
	if (!error)
		return 0;
	if (options->is_private && sp.listen_fd >= 0)
		close(sp.listen_fd);
	if (*rumpuser_boot_error())
		message("%s", rumpuser_boot_error());
	else
		message("%s: %s", name, strerror(-error));
	return message_status(-error);
}

static int boot(const struct server_options *options)
{
	int error = rump_init(), status;

	if (error)
		return tell_boot_error(options, error);
	status = server_conf_load_modules(&options->conf);
	for (unsigned int i = 0; !status && i < options->address_count; i++)
		status = serve_address(options, &options->addresses[i]);
	if (!status && options->pidfile) {
		error = -pidfile_write(options->pidfile);
		if (error) {
			message("--pidfile %s: %s", options->pidfile, strerror(error));
			status = message_status(error);
		}
	}
	return status;
}

/* A private server is detached by who starts it, but for the stderr that errors went to. */
static int leave_stdio(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), error = fd < 0 ? errno : 0;

	for (int i = STDIN_FILENO; !error && i <= STDERR_FILENO; i++)
		error = dup2(fd, i) < 0 ? errno : 0;
	if (fd > STDERR_FILENO)
		close(fd);
	return error;
}

static void tell_serving(const struct server_options *options)
{
	for (unsigned int i = 0; i < options->address_count; i++)
		message_to_log("Linux %s serves %s", rump_getrelease(),
			       options->addresses[i].url ? options->addresses[i].url
							 : "a socket that was handed over");
	/* the parent of a detached server is not the process that is to be watched */
	if (notify("READY=1\nMAINPID=%d\nSTATUS=serving", (int)getpid()))
		message_to_log("NOTIFY_SOCKET: the service manager was not told");
}

/* ---- while it serves ---- */

static enum reason reason_of_signal(void)
{
	struct signalfd_siginfo info;

	if (read(server.signal_fd, &info, sizeof(info)) != sizeof(info))
		return REASON_NONE;
	message_to_log("signal %u (%s) from process %u", info.ssi_signo,
		       strsignal((int)info.ssi_signo), info.ssi_pid);
	return REASON_SIGNAL;
}

static enum reason wait_for_end(const struct server_options *options)
{
	enum { SIGNAL, HALT, ALONE, LEAVE, LIFELINE, COUNT };
	struct pollfd polls[COUNT] = {
		[SIGNAL] = {.fd = server.signal_fd, .events = POLLIN},
		[HALT] = {.fd = halt_event, .events = POLLIN},
		[ALONE] = {.fd = server.alone_event, .events = POLLIN},
		[LEAVE] = {.fd = leave_event, .events = POLLIN},
		/* only its end matters: POLLHUP, or POLLERR */
		[LIFELINE] = {.fd = options->lifeline_fd, .events = 0},
	};
	int patience = -1; /* ms, or for ever */

	for (;;) {
		enum reason reason = REASON_NONE;
		int count = poll(polls, COUNT, patience);

		if (!count)
			return REASON_ALONE;
		if (count < 0)
			continue;
		if (polls[HALT].revents)
			return __atomic_load_n(&wants_restart, __ATOMIC_ACQUIRE) ? REASON_RESTART
										 : REASON_HALT;
		if (polls[SIGNAL].revents)
			reason = reason_of_signal();
		if (reason != REASON_NONE)
			return reason;
		if (polls[ALONE].revents)
			return REASON_ALONE;
		/* the hangups of those who have ended are on their way */
		if (polls[LEAVE].revents) {
			patience = LEAVE_PATIENCE_MS;
			polls[LEAVE].fd = -1;
		}
		if (polls[LIFELINE].revents) {
			polls[LIFELINE].fd = -1;
			/* without the thread nobody would tell: rather an early end than none */
			if (server_private_watch_clients(server.alone_event))
				return REASON_ALONE;
		}
	}
}

/* ---- down ---- */

static void restart(const struct server_options *options, char **argv)
{
	int fds[SERVER_ADDRESSES_MAX];
	unsigned int count = options->address_count;
	struct timespec now;

	message_to_log("restarting by a client's wish, with %u clients", rumpuser_sp_clients());
	clock_gettime(CLOCK_MONOTONIC, &now);
	notify("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=restarting",
	       now.tv_sec * 1000000LL + now.tv_nsec / 1000);
	/* before the stop, which would close them */
	for (unsigned int i = 0; i < count; i++) {
		if (options->is_private)
			fds[i] = options->addresses[i].listen_fd;
		else
			fds[i] = rumpuser_sp_keep_listener(i);
		if (fds[i] < 0)
			fds[i] = -1;
	}
	rumpuser_sp_stop();
	rump_pub_shutdown();
	message_to_log("the kernel is down, and starts again");
	message("restart: %s",
		strerror(-server_restart_exec(argv, fds, count, options->handed_over)));
}

static void stop(enum reason reason)
{
	static const char *const words[] = {
		[REASON_SIGNAL] = "a signal",
		[REASON_HALT] = "a client's wish",
		[REASON_ALONE] = "the end of its last client",
		[REASON_ERROR] = "an error",
	};
	int error;

	message_to_log("stopping by %s, with %u clients", words[reason], rumpuser_sp_clients());
	notify("STOPPING=1\nSTATUS=syncing and unmounting");
	rumpuser_sp_stop();
	error = rump_pub_shutdown();
	if (error)
		message("shutdown: %s", strerror(error));
	else
		message_to_log("stopped: all is written and unmounted");
}

static int run(const struct server_options *options, char **argv, bool is_detaching)
{
	enum reason reason;
	int error, status;

	lifeline = options->lifeline_fd;
	error = catch_signals(!options->is_foreground);
	if (error)
		return failed("signals", error);
	status = boot(options);
	if (status) {
		/* of several addresses some may be served already */
		rumpuser_sp_stop();
		rump_pub_shutdown();
		return status;
	}
	tell_serving(options);
	error = is_detaching ? rump_daemonize_done(0) : options->is_private ? leave_stdio() : 0;
	if (error) {
		failed("detaching", error);
		stop(REASON_ERROR);
		return STATUS_FAILED;
	}
	reason = wait_for_end(options);
	if (reason == REASON_RESTART) {
		restart(options, argv);
		return STATUS_FAILED;
	}
	stop(reason);
	return STATUS_OK;
}

int server_serve(const struct server_options *options, char **argv)
{
	/* a next life is detached if the first one was; a private server already is */
	bool is_detaching =
		!options->is_foreground && !options->is_private && !server_restart_is_resumed();
	int error, status = 0;

	raise_descriptor_limit();
	error = set_environment(options);
	if (error)
		return failed("environment", error);
	if (options->is_private)
		status = prepare_private(options, argv);
	if (!status)
		status = server_log_open(options, server.log);
	if (!status)
		status = server_conf_apply(&options->conf);
	/* of all files the absolute paths are known now; a program may want to remove its folder */
	if (!status && options->is_private && chdir("/"))
		status = failed("/", errno);
	if (status)
		return status;
	if (options->is_verbose && *server.log)
		message("messages go to %s", server.log);
	if (is_detaching) {
		error = rump_daemonize_begin();
		if (error)
			return failed("detaching", error);
	}
	status = run(options, argv, is_detaching);
	if (options->pidfile)
		pidfile_remove(options->pidfile);
	return status;
}

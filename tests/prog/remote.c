/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients' processes: their life, signals, descriptors, credentials, ends. */
#include "client.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#define AT(offset) (CLIENT_BASE + (offset))
#define CONNECTS 2000
#define IDLE 300

/* ---- threads of clients that stay in a call ---- */

struct blocked {
	struct client *client;
	int fd; /* it reads a byte from there */
	pthread_t thread;
	pid_t tid;
	unsigned int is_in, *gate;
	long ret, next; /* of the call, and of one after it */
	unsigned int signals[65];
};

static void *block(void *arg)
{
	struct blocked *blocked = arg;
	struct channel *channel = channel_open(blocked->client);

	if (!channel) {
		blocked->ret = -errno;
		__atomic_store_n(&blocked->is_in, 1, __ATOMIC_SEQ_CST);
		return NULL;
	}
	channel->gate = blocked->gate;
	blocked->tid = gettid();
	__atomic_store_n(&blocked->is_in, 1, __ATOMIC_SEQ_CST);
	if (blocked->gate) /* the path has to be fetched */
		blocked->ret =
			client_call(channel, openat, (unsigned long)AT_FDCWD, AT(64), O_RDONLY);
	else
		blocked->ret = client_call(channel, read, (unsigned long)blocked->fd, AT(0), 1);
	memcpy(blocked->signals, channel->signals, sizeof(blocked->signals));
	blocked->next = client_call(channel, getpid);
	channel_close(channel);
	return NULL;
}

static void begin(struct blocked *blocked)
{
	blocked->thread = start(block, blocked);
	while (!__atomic_load_n(&blocked->is_in, __ATOMIC_SEQ_CST))
		host_sleep_ms(1);
	host_sleep_ms(20);
}

/* The read end of a pipe in the client that this thread has joined. */
static int a_pipe(struct channel *channel, int *ret_other)
{
	int *fds = (int *)(channel->client->memory + 512);

	is_int(client_call(channel, pipe2, AT(512), 0), 0, "a pipe");
	if (ret_other)
		*ret_other = fds[1];
	return fds[0];
}

static struct channel *opened(struct client *client)
{
	struct channel *channel = channel_open(client);

	if (!channel)
		bail_out("thread_join: %s", strerror(errno));
	return channel;
}

/* ---- tests ---- */

static void ids(void)
{
	struct client *client, *other;
	struct channel *channel;
	pid_t pid = getpid(), free_pid = 3999999;

	is_int(rump_sys_getpid(), pid, "the program's process has the host's pid");
	rump_pub_lwproc_switch(NULL);
	client = client_new(0, free_pid);
	is_int(client->pid, free_pid, "a client has the pid that it wants");
	other = client_new(0, free_pid);
	ok(other->pid > 0 && other->pid != free_pid, "or another, if that is taken");
	channel = opened(client);
	is_int(client_call(channel, getpid), free_pid, "getpid");
	is_int(client_call(channel, getppid), 1, "its parent is init");
	is_int(client_call(channel, getsid, 0), free_pid, "a session of its own");
	is_int(client_call(channel, fcntl, 0, F_GETFD), -EBADF, "no descriptors");
	is_int(client_call(channel, getcwd, AT(0), 100), 2, "the root directory");
	is_int(client_call(channel, umask, 022), 022, "umask");
	channel_close(channel);
	is_int(up->thread_join(free_pid, free_pid + 7, NULL), 0, "a thread with a wanted id");
	is_int(up->syscall(SYS_gettid, (const unsigned long[6]){0}), free_pid + 7, "gettid");
	is_int(up->thread_join(free_pid, 0, NULL), -EBUSY, "a thread joins once");
	up->thread_leave();
	up->thread_leave();
	ok(client_end(client), "process_end");
	is_int(client->gone, 1, "gone is told once");
	is_int(up->process_end(free_pid), -ESRCH, "there is none any more");
	is_int(up->thread_join(free_pid, 0, NULL), -ESRCH, "to join");
	is_int(up->process_end(pid), -ESRCH, "the program's own is no client");
	is_int(up->thread_join(pid, 0, NULL), -ESRCH, "nor joined as one");
	client_free(client);
	client = client_new(0, free_pid);
	is_int(client->pid, free_pid, "the pid can be had again");
	ok(client_end(client) && client_end(other), "ends");
	client_free(client);
	client_free(other);
}

static void ends(void)
{
	unsigned int gate = 0;
	struct client *client = client_new(0, 0), *idle = client_new(0, 0);
	struct channel *channel = opened(client);
	struct blocked blocked = {.client = client, .fd = a_pipe(channel, NULL)};
	struct blocked held = {.client = client, .gate = &gate};
	struct blocked two = blocked;

	channel_close(channel);
	begin(&blocked);
	begin(&two);
	is_int(up->interrupt(blocked.tid), 0, "interrupt");
	join(blocked.thread);
	is_int(blocked.ret, -EINTR, "the call ends");
	is_int(blocked.next, client->pid, "the next one works");
	is_int(client->gone, 0, "a process stays without lwps");

	blocked.is_in = 0;
	begin(&blocked);
	strcpy(client->memory + 64, "/proc");
	begin(&held);
	is_int(up->process_end(client->pid), 0, "process_end while threads are in calls");
	join(blocked.thread);
	join(two.thread);
	is_int(blocked.ret, -EINTR, "they end with EINTR");
	is_int(blocked.next, -ESRCH, "then there is no process");
	is_int(two.ret, -EINTR, "all of them");
	host_sleep_ms(50);
	is_int(client->gone, 0, "not gone while a transfer waits for the client");
	is_int(up->process_end(idle->pid), 0, "which holds nobody");
	ok(client_is_gone(idle, 5000), "else");
	__atomic_store_n(&gate, 1, __ATOMIC_SEQ_CST);
	join(held.thread);
	ok(client_is_gone(client, 5000), "then it is");
	is_int(client->gone, 1, "once");
	is_int(client_signals(client, SIGKILL), 0, "who asks for the end is not killed");
	client_free(client);
	client_free(idle);
}

static void signals(void)
{
	struct client *killer = client_new(0, 0), *client = client_new(0, 0);
	struct client *user = client_new(1000, 0);
	struct channel *channel = opened(client);
	int other, fd = a_pipe(channel, &other);
	struct blocked blocked = {.client = client, .fd = fd};
	unsigned long pid = (unsigned long)client->pid;

	/* SIGIO for the process */
	client_call(channel, fcntl, (unsigned long)fd, F_SETOWN, pid);
	client_call(channel, fcntl, (unsigned long)fd, F_SETFL, O_ASYNC | O_NONBLOCK);
	client_call(channel, write, (unsigned long)other, AT(0), 1);
	for (int i = 0; i < 1000 && !client_signals(client, SIGIO); i++)
		host_sleep_ms(1);
	ok(client_signals(client, SIGIO) > 0, "SIGIO");
	client_call(channel, read, (unsigned long)fd, AT(0), 1);
	client_call(channel, fcntl, (unsigned long)fd, F_SETFL, 0);
	is_int(client_call(channel, tgkill, pid, (unsigned long)client_call(channel, gettid),
			   SIGUSR2),
	       0, "a signal for the calling thread");
	is_int(channel->signals[SIGUSR2], 1, "comes with the answer");
	is_int(client_signals(client, SIGUSR2), 0, "and not otherwise");
	channel_close(channel);

	begin(&blocked);
	channel = opened(killer);
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGCHLD)
			continue;
		client->signals[sig] = 0;
		is_int(client_call(channel, kill, pid, (unsigned long)sig), 0, "kill %d", sig);
		for (int i = 0; i < 1000 && !client_signals(client, sig); i++)
			host_sleep_ms(1);
		is_int(client_signals(client, sig), 1, "is passed on");
	}
	ok(!blocked.ret, "the host decides whose call it ends");
	is_int(client_call(channel, kill, pid, 0), 0, "kill 0");
	is_int(client_call(channel, tgkill, pid, (unsigned long)blocked.tid, SIGUSR1), -ESRCH,
	       "ids are those that were wanted");
	channel_close(channel);

	channel = opened(user);
	is_int(client_call(channel, kill, pid, SIGTERM), -EPERM, "not by another user");
	is_int(client_call(channel, kill, pid, SIGKILL), -EPERM, "not at all");
	channel_close(channel);

	channel = opened(killer);
	is_int(client_call(channel, kill, pid, SIGKILL), 0, "kill -9");
	ok(client_is_gone(client, 5000), "ends it");
	is_int(client_signals(client, SIGKILL), 1, "and the client is told");
	join(blocked.thread);
	is_int(blocked.ret, -EINTR, "the call of its thread ended");
	is_int(blocked.next, -ESRCH, "and there is no process for another");
	is_int(client_call(channel, kill, pid, 0), -ESRCH, "nor for kill");
	channel_close(channel);
	ok(client_end(killer) && client_end(user), "ends");
	client_free(client);
	client_free(killer);
	client_free(user);
}

static void fork_exec(void)
{
	struct client *parent = client_new(1000, 0), *child;
	struct channel *channel = opened(parent);
	unsigned int keep[] = {1, 3, 200};
	long fd = client_open(channel, "/tmp/forked", O_RDWR | O_CREAT);

	is_int(fd, 0, "a file");
	for (unsigned long n = 1; n < 6; n++)
		client_call(channel, dup2, 0, n);
	client_call(channel, dup2, 0, 200);
	client_call(channel, dup2, 0, 300);
	client_call(channel, chdir, text_at(parent, 0, "/tmp"));
	client_call(channel, umask, 027);
	child = client_fork(parent);
	ok(child->pid > 0, "fork: %d", child->pid);
	client_call(channel, close, 0);
	channel_close(channel);

	channel = opened(child);
	is_int(client_call(channel, getppid), parent->pid, "its parent");
	is_int(client_call(channel, getuid), 1000, "its user");
	is_int(client_call(channel, umask, 0), 027, "its umask");
	is_int(client_call(channel, getcwd, AT(0), 100), 5, "its directory");
	is_int(client_call(channel, write, 0, AT(0), 4), 4, "its descriptors");
	is_int(client_call(channel, dup2, 0, 1000), 1000, "of its own");
	channel_close(channel);

	channel = opened(parent);
	is_int(client_call(channel, fcntl, 1000, F_GETFD), -EBADF, "the parent has not that one");
	is_int(client_call(channel, lseek, 1, 0, SEEK_CUR), 4, "files are shared");
	is_int(client_call(channel, wait4, (unsigned long)-1, 0, WNOHANG, 0), 0, "it has a child");
	channel_close(channel);

	is_int(up->thread_join(child->pid, 0, NULL), 0, "a thread of the server's");
	is_int(up->process_exec("another", keep, LENGTH_OF(keep)), 0, "exec");
	is_int(up->syscall(SYS_pread64, (const unsigned long[6]){1, AT(0), 1, 0}), -EFAULT,
	       "without memory");
	up->thread_leave();
	channel = opened(child);
	for (unsigned long n = 0; n < 1024; n++) {
		bool is_kept = n == 1 || n == 3 || n == 200;
		long ret = client_call(channel, fcntl, n, F_GETFD);

		if (ret != (is_kept ? 0 : -EBADF) || is_kept)
			is_int(ret, is_kept ? 0 : -EBADF, "descriptor %lu", n);
	}
	is_int(client_call(channel, prctl, 16 /* PR_GET_NAME */, AT(0)), 0, "its name");
	is_str(child->memory, "another", "is the program's");
	fd = client_open(channel, "/proc/self/comm", O_RDONLY);
	is_int(client_call(channel, read, (unsigned long)fd, AT(0), 100), 8, "for ps as well");
	fd = client_open(channel, "/proc/self/cmdline", O_RDONLY);
	is_int(client_call(channel, read, (unsigned long)fd, AT(0), 100), 0, "no command line");
	channel_close(channel);

	ok(client_end(parent), "the parent ends");
	channel = opened(child);
	is_int(client_call(channel, getppid), 1, "init is the parent");
	channel_close(channel);
	ok(client_end(child), "the child ends");
	client_free(parent);
	client_free(child);
}

/* A fork of the program's own process. */
static void fork_of_local(void)
{
	struct client *child;
	struct channel *channel;
	struct client nobody = {.memory = mmap(NULL, CLIENT_SIZE, PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
	int fd = rump_sys_open("/tmp/local", O_RDWR | O_CREAT, 0600);

	succeeds(fd);
	succeeds(rump_sys_chdir("/proc"));
	child = client_fork(&nobody);
	ok(child->pid > 0, "fork: %d", child->pid);
	is_int(rump_sys_getpid(), getpid(), "the parent goes on");
	rump_pub_lwproc_switch(NULL);
	channel = opened(child);
	is_int(client_call(channel, getppid), getpid(), "the parent");
	is_int(client_call(channel, write, (unsigned long)fd, AT(0), 10), 10, "the descriptor");
	is_int(client_call(channel, getcwd, AT(0), 100), 6, "the directory");
	is_int(client_call(channel, mmap, 0, 4096, PROT_READ, MAP_SHARED, (unsigned long)fd, 0),
	       -ENODEV, "but it is a client");
	channel_close(channel);
	ok(client_end(child), "it ends");
	succeeds(rump_sys_chdir("/"));
	rump_sys_close(fd);
	rump_pub_lwproc_switch(NULL);
	client_free(child);
	munmap(nobody.memory, CLIENT_SIZE);
}

static void users(void)
{
	struct client *root = client_new(0, 0), *user = client_new(1000, 0);
	struct channel *channel = opened(root);
	struct stat *st = (struct stat *)(root->memory + 1024);

	client_call(channel, close, (unsigned long)client_open(channel, "/tmp/secret", O_CREAT));
	channel_close(channel);
	channel = opened(user);
	is_int(client_call(channel, getuid), 1000, "a user");
	is_int(client_call(channel, getgid), 1000, "of a group");
	is_int(client_call(channel, getgroups, 0, 0), 0, "and no others");
	is_int(client_open(channel, "/tmp/secret", O_RDONLY), -EACCES, "cannot read root's file");
	is_int(client_call(channel, chroot, text_at(user, 0, "/tmp")), -EPERM, "or be root");
	is_int(client_call(channel, mount, text_at(user, 0, "/etc"), text_at(user, 64, "/tmp"),
			   text_at(user, 128, "hostfs"), 0, 0),
	       -EPERM, "or see the host's files");
	is_int(client_call(channel, setuid, 0), -EPERM, "or become it");
	channel_close(channel);

	/* what a thread changes to is for all that come later, and for the process */
	channel = opened(root);
	is_int(client_call(channel, setresuid, 1001, 1001, 1001), 0, "root becomes a user");
	channel_close(channel);
	channel = opened(root);
	is_int(client_call(channel, getuid), 1001, "the next thread is that user");
	is_int(client_open(channel, "/tmp/secret", O_RDONLY), -EACCES, "with a user's rights");
	is_int(client_call(channel, setuid, 0), -EPERM, "for ever");
	text_at(root, 0, "/proc/self");
	is_int(client_call(channel, stat, AT(0), AT(1024)), 0, "stat /proc/self");
	is_int((long)st->st_uid, 1001, "ps shows it");
	channel_close(channel);
	ok(client_end(root) && client_end(user), "ends");
	client_free(root);
	client_free(user);
}

static void exports(void)
{
	struct client *from = client_new(0, 0), *to = client_new(1000, 0);
	struct channel *channel = opened(from);
	unsigned long long handle[2], wrong[2];
	long fd = client_open(channel, "/tmp/exported", O_RDWR | O_CREAT);
	int other, pipe = a_pipe(channel, &other);

	is_int(up->file_export(1000, handle), -EBADF, "no such descriptor");
	is_int(up->file_export((int)fd, handle), 0, "export");
	memcpy(wrong, handle, sizeof(wrong));
	wrong[1] ^= 1;
	client_call(channel, write, (unsigned long)fd, AT(0), 5);
	client_call(channel, close, (unsigned long)fd);
	channel_close(channel);
	ok(client_end(from), "the owner ends");

	channel = opened(to);
	is_int(up->file_import(wrong), -ESTALE, "a wrong handle");
	fd = up->file_import(handle);
	is_int(fd, 0, "import");
	is_int(client_call(channel, lseek, (unsigned long)fd, 0, SEEK_CUR), 5, "is the open file");
	is_int(up->file_import(handle), 1, "more than once");
	up->file_release(handle);
	is_int(up->file_import(handle), -ESTALE, "until it is released");
	up->file_release(handle);
	is_int(client_call(channel, write, (unsigned long)fd, AT(0), 5), 5, "what was got stays");

	/* the end of an exported file is one for those at its other end */
	pipe = a_pipe(channel, &other);
	is_int(up->file_export(other, handle), 0, "export a pipe");
	client_call(channel, close, (unsigned long)other);
	client_call(channel, fcntl, (unsigned long)pipe, F_SETFL, O_NONBLOCK);
	is_int(client_call(channel, read, (unsigned long)pipe, AT(0), 1), -EAGAIN, "it is open");
	channel_close(channel);
	up->file_release(handle);
	channel = opened(to);
	client_call(channel, fcntl, (unsigned long)pipe, F_SETFL, 0);
	is_int(client_call(channel, read, (unsigned long)pipe, AT(0), 1), 0, "and closed");
	channel_close(channel);
	ok(client_end(to), "end");
	client_free(from);
	client_free(to);
}

/* ---- many ---- */

static unsigned long field(const char *path, const char *name)
{
	char text[4096], *at;
	int fd = rump_sys_open(path, O_RDONLY);
	ssize_t length = rump_sys_read(fd, text, sizeof(text) - 1);

	rump_sys_close(fd);
	rump_pub_lwproc_switch(NULL);
	text[length > 0 ? length : 0] = '\0';
	at = strstr(text, name);
	return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static unsigned long free_kib(void)
{
	/* closed files and ended tasks wait for grace periods */
	host_sleep_ms(300);
	return field("/proc/meminfo", "MemFree:") + field("/proc/meminfo", "Cached:");
}

static void many_connects(void)
{
	unsigned long before = 0, after;

	for (int i = 0; i < CONNECTS; i++) {
		struct client *client = client_new(i & 1 ? 1000 : 0, 0);
		struct channel *channel = opened(client);

		client_call(channel, openat, (unsigned long)AT_FDCWD, text_at(client, 0, "/proc"),
			    0);
		if (i & 2)
			channel_close(channel);
		up->process_end(client->pid);
		if (!(i & 2))
			channel_close(channel);
		if (!client_is_gone(client, 5000))
			bail_out("client %d does not end", i);
		client_free(client);
		if (i == CONNECTS / 4)
			before = free_kib();
	}
	after = free_kib();
	diag("free: %lu KiB, %lu KiB", before, after);
	ok(after + 2048 > before, "%d connects and disconnects leave nothing", CONNECTS);
}

static unsigned long resident_kib(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * 4;
}

struct idler {
	struct client client;
	pthread_t thread;
};

static unsigned int idlers_in, idlers_end;

static void *idle(void *arg)
{
	struct channel *channel = opened(arg);

	client_call(channel, getpid);
	__atomic_add_fetch(&idlers_in, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&idlers_end, __ATOMIC_SEQ_CST))
		host_sleep_ms(10);
	channel_close(channel);
	return NULL;
}

static void many_idle(void)
{
	static struct client *clients[IDLE];
	static pthread_t threads[IDLE];
	unsigned long free_before = free_kib(), before, after, processes;
	bool are_gone = true;

	/* what the host has for a thread is no business of the kernel's */
	for (int i = 0; i < IDLE; i++)
		clients[i] = client_new(0, 0);
	processes = resident_kib();
	for (int i = 0; i < IDLE; i++)
		threads[i] = start(idle, clients[i]);
	while (__atomic_load_n(&idlers_in, __ATOMIC_SEQ_CST) < IDLE)
		host_sleep_ms(1);
	after = free_kib();
	before = resident_kib();
	diag("%d idle clients: %lu KiB of the kernel's memory each, %lu KiB more are resident",
	     IDLE, (free_before - after) / IDLE, (before - processes) / IDLE);
	ok((free_before - after) / IDLE < 100, "an idle client is not much memory");
	idlers_end = 1;
	for (int i = 0; i < IDLE; i++)
		join(threads[i]);
	for (int i = 0; i < IDLE; i++)
		are_gone &= client_end(clients[i]);
	ok(are_gone, "all end");
}

/* The last: a client with open files, a call and a transfer under way. */
static void shutdown_with_clients(void)
{
	struct client *client = client_new(0, 0), *idle_one = client_new(0, 0);
	struct channel *channel = opened(client);
	struct blocked blocked = {.client = client, .fd = a_pipe(channel, NULL)};

	client_open(channel, "/tmp/open", O_CREAT);
	channel_close(channel);
	begin(&blocked);
	is_int(rump_pub_shutdown(), 0, "shutdown");
	is_int(client->gone, 1, "ends clients");
	is_int(idle_one->gone, 1, "all of them");
	join(blocked.thread);
	is_int(blocked.ret, -EINTR, "and their calls");
}

int main(void)
{
	boot(NULL);
	ids();
	ends();
	signals();
	fork_exec();
	fork_of_local();
	users();
	exports();
	many_connects();
	many_idle();
	shutdown_with_clients();
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The table, versions, parameters, clocks, console, and the ends of a process. */
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "rumpuser_common.h"

static const struct rumpuser_upcalls upcalls = {.version = RUMPUSER_VERSION};

static void test_versions(void)
{
	static const struct rumpuser_upcalls other = {.version = RUMPUSER_VERSION + 1};
	const struct rumpuser_ops *ops;
	char reason[80];

	snprintf(reason, sizeof(reason),
		 "librumpuser has hypercall version %d, the kernel wants %d", RUMPUSER_VERSION,
		 RUMPUSER_VERSION + 1);
	is_str(rumpuser_boot_error(), "", "no error at first");
	ok(!rumpuser_init(RUMPUSER_VERSION + 1, &upcalls), "a kernel of another version gets none");
	is_str(rumpuser_boot_error(), reason, "and a reason");
	ok(!rumpuser_init(RUMPUSER_VERSION, &other), "nor one with other upcalls");
	ok(!rumpuser_init(RUMPUSER_VERSION, NULL), "nor one without");
	ops = rumpuser_init(RUMPUSER_VERSION, &upcalls);
	ok(ops, "the same version gets a table");
	if (!ops)
		exit(done_testing());
	is(ops->version, RUMPUSER_VERSION, "of its version");
	ok(rumpuser_init(RUMPUSER_VERSION, &upcalls) == ops, "and again the same");
	for (const char *at = (const char *)&ops->get_thread;
	     at < (const char *)(&ops->daemonize_done + 1); at += sizeof(void *)) {
		/* has_fsgsbase lies among the functions, and may be 0 */
		if (at == (const char *)&ops->has_fsgsbase)
			continue;
		if (!*(void *const *)at)
			ok(0, "entry at offset %td is there", at - (const char *)ops);
	}
}

static void test_small(const struct rumpuser_ops *ops)
{
	unsigned long long a, b;
	unsigned char bytes[2][600];
	struct timespec now;

	setenv("RUMP_TEST_WORD", "value", 1);
	is_str(ops->param("RUMP_TEST_WORD"), "value", "param gives the environment");
	is_str(ops->param("RUMP_TEST_NONE"), NULL, "and NULL for what is not set");

	errno = 0;
	ops->set_errno(ENOTBLK);
	is(errno, ENOTBLK, "set_errno");

	a = ops->clock_mono();
	b = ops->clock_mono();
	clock_gettime(CLOCK_MONOTONIC, &now);
	ok(a && a <= b && b / 1000000000 <= (unsigned long long)now.tv_sec,
	   "the monotonic clock is the host's");
	clock_gettime(CLOCK_REALTIME, &now);
	a = ops->clock_real() / 1000000000;
	ok(a >= (unsigned long long)now.tv_sec && a <= (unsigned long long)now.tv_sec + 2,
	   "and so is the real one");

	memset(bytes, 0, sizeof(bytes));
	ops->random(bytes[0], sizeof(bytes[0]));
	ops->random(bytes[1], sizeof(bytes[1]));
	ok(memcmp(bytes[0], bytes[1], sizeof(bytes[0])), "random bytes differ");
	a = 0;
	for (size_t i = 0; i < sizeof(bytes[0]); i++)
		a += bytes[0][i];
	ok(a > 600 * 100 && a < 600 * 156, "and are all over");

	ops->boot_error("it was so");
	is_str(rumpuser_boot_error(), "it was so", "boot_error is kept");
	ops->boot_error(rumpuser_boot_error() + 3);
	is_str(rumpuser_boot_error(), "was so", "a part of itself too");
	is(ops->thread_id(), getpid(), "thread_id of the first thread");
	ok(ops->host_cpus() >= 1 && (long)ops->host_cpus() <= sysconf(_SC_NPROCESSORS_CONF),
	   "host_cpus: %u", ops->host_cpus());

	errno = EXDEV;
	ops->file_open("/nonexistent", RUMPUSER_OPEN_READ, NULL);
	ops->file_close(12345);
	ops->unmap(1, 1);
	ops->yield();
	ops->param("RUMP_TEST_NONE");
	ops->module_dir();
	ops->console_write("", 0);
	is(errno, EXDEV, "errno is not touched");
}

/* ---- ends ---- */

static int abort_mode;

static void on_abort(int sig)
{
	(void)sig;
	_exit(77);
}

static int do_panic(void)
{
	const struct rlimit none = {0, 0};
	sigset_t all;

	setrlimit(RLIMIT_CORE, &none);
	if (abort_mode == 1)
		signal(SIGABRT, on_abort);
	if (abort_mode == 2)
		signal(SIGABRT, SIG_IGN);
	if (abort_mode == 3) {
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
	}
	ops_of(&upcalls)->panic();
	return 99;
}

static void leave_no_trace(void)
{
	_exit(66);
}

static int do_exit(void)
{
	atexit(leave_no_trace);
	ops_of(&upcalls)->exit(5);
	return 99;
}

static void test_ends(void)
{
	static const char *const how[] = {"as it is", "with a handler", "ignored", "blocked"};
	int status;
	pid_t pid;

	unsetenv("RUMP_PANIC");
	for (abort_mode = 0; abort_mode < 4; abort_mode++)
		is(in_child(do_panic), 1000 + SIGABRT, "panic aborts, SIGABRT %s", how[abort_mode]);
	setenv("RUMP_PANIC", "abort", 1);
	abort_mode = 0;
	is(in_child(do_panic), 1000 + SIGABRT, "RUMP_PANIC=abort");
	setenv("RUMP_PANIC", "exit", 1);
	is(in_child(do_panic), 1, "RUMP_PANIC=exit");
	setenv("RUMP_PANIC", "exit=42", 1);
	is(in_child(do_panic), 42, "RUMP_PANIC=exit=42");
	is(in_child(do_exit), 5, "exit leaves without atexit handlers");

	setenv("RUMP_PANIC", "hang", 1);
	pid = fork();
	if (!pid) {
		close(STDERR_FILENO);
		_exit(do_panic());
	}
	usleep(200000);
	is(waitpid(pid, &status, WNOHANG), 0, "RUMP_PANIC=hang stays");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	unsetenv("RUMP_PANIC");
}

/* ---- console ---- */

static char written[4096];

/* What a child writes to stderr with these variables; it also complains. */
static void console_of(const char *verbose, const char *console)
{
	int fds[2];
	ssize_t length, total = 0;
	pid_t pid;

	if (pipe(fds))
		bail_out("pipe");
	pid = fork();
	if (!pid) {
		const struct rumpuser_ops *ops;

		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		if (verbose)
			setenv("RUMP_VERBOSE", verbose, 1);
		if (console)
			setenv("RUMP_CONSOLE", console, 1);
		ops = ops_of(&upcalls);
		ops->console_write("boot\n", 5);
		ops->complain("bad\n", 4);
		_exit(0);
	}
	close(fds[1]);
	while ((length = read(fds[0], written + total, sizeof(written) - 1 - (size_t)total)) > 0)
		total += length;
	written[total] = '\0';
	close(fds[0]);
	waitpid(pid, NULL, 0);
}

static void test_console(void)
{
	char file[64] = "", path[128];
	int fd;

	console_of(NULL, NULL);
	is_str(written, "bad\n", "without variables only complaints are seen");
	console_of("0", NULL);
	is_str(written, "bad\n", "nor with RUMP_VERBOSE=0");
	console_of("1", NULL);
	is_str(written, "boot\nbad\n", "RUMP_VERBOSE=1 shows the console, once");
	strcpy(path, temp_path("console"));
	console_of(NULL, path);
	is_str(written, "bad\n", "RUMP_CONSOLE leaves complaints on stderr");
	console_of(NULL, path);
	fd = open(path, O_RDONLY);
	is(read(fd, file, sizeof(file) - 1), 18, "the file has both runs");
	is_str(file, "boot\nbad\nboot\nbad\n", "of the console and the complaints");
	close(fd);
	console_of(NULL, "/nonexistent/file");
	ok(strstr(written, "/nonexistent/file: No such file"), "a bad RUMP_CONSOLE is told");
}

/* ---- modules ---- */

static int module_dir_is_named(void)
{
	setenv("RUMP_MODULES", "/some/modules", 1);
	return strcmp(ops_of(&upcalls)->module_dir(), "/some/modules") != 0;
}

/* Runs a copy of this program, a library as good as any, from a folder; it prints the answer. */
static const char *module_dir_seen_from(const char *place, const char *modules, const char *name)
{
	static char answer[256], command[600];
	FILE *out;

	temp_path("");
	snprintf(command, sizeof(command),
		 "cd %s && rm -rf x && mkdir -p x/%s x/%s && cp /proc/%d/exe x/%s/prog && "
		 "{ test x/%s = x/none || touch x/%s/modules.index; } && "
		 "cd x/%s && exec %s --module-dir",
		 temp_folder, place, modules, getpid(), place, modules, modules, place, name);
	out = popen(command, "r");
	if (!out || !fgets(answer, sizeof(answer), out) || pclose(out))
		return "failed";
	return strncmp(answer, temp_folder, strlen(temp_folder)) ? answer
								 : answer + strlen(temp_folder);
}

static void test_module_dir(void)
{
	char absolute[128];

	is(in_child(module_dir_is_named), 0, "RUMP_MODULES names the folder of modules");
	is_str(module_dir_seen_from("lib", "lib/rump/modules", "./prog"), "/x/lib/rump/modules",
	       "installed, by a relative name");
	snprintf(absolute, sizeof(absolute), "%s/x/lib/prog", temp_folder);
	is_str(module_dir_seen_from("lib", "lib/rump/modules", absolute), "/x/lib/rump/modules",
	       "by an absolute name");
	is_str(module_dir_seen_from("b/rumpuser", "b/rumpkernel/rump/modules", "./prog"),
	       "/x/b/rumpuser/../rumpkernel/rump/modules", "in a build folder");
	is_str(module_dir_seen_from("lib", "none", "./prog"), "/x/lib/rump/modules",
	       "nowhere: where it should be");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--module-dir")) {
		printf("%s", ops_of(&upcalls)->module_dir());
		return 0;
	}
	/* children before the process itself becomes a kernel's */
	for (const char **name = (const char *[]){"RUMP_VERBOSE", "RUMP_CONSOLE", "RUMP_PANIC",
						  "RUMP_MODULES", NULL};
	     *name; name++)
		unsetenv(*name);
	test_ends();
	test_console();
	test_module_dir();
	test_versions();
	test_small(ops_of(&upcalls));
	return done_testing();
}

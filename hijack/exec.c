/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec.c - a new program in the process; see exec.h
 *
 * What the new program has to know comes in one environment variable, which its
 * constructor takes out again:
 *
 *	_RUMPHIJACK=1;c=1030;l=1031,4711;t=HEX;m=3:5,4:7;p=9:8:10:1024;w=5:/rump;d=4:/tmp;s=0:
 *
 *	c	control socket of the rump process		l	lifeline, root pid
 *	t	name and secret of the family			m	placeholder:descriptor
 *	p	epoll descriptor:R:N:V of its rump half		w	cwd_outside, length first
 *	i, j	FDTABLE_MIXED, FDTABLE_MIXED_RUMP:its companion
 *	r	the root directory is in the rump kernel
 *	d	boot_directory					s	RUMP_SERVER of the socket
 *	u	nothing of the rump process has been used, and all of it is kept
 *	x	path of the program, which lies in the rump kernel	n	its name
 *	f	descriptors of its libraries, which the loader needs and nobody else
 *
 * The descriptors in c and l stay open over the exec, as do placeholders that are not
 * close-on-exec.  The server closes all that is not in m and p when the constructor says
 * so; it connects at the first routed call only.
 *
 * A program that the preload does not reach gets nothing of it: its rump process ends with
 * the exec.
 */
#include <fcntl.h>
#include <rump/rump_sp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "dispatch.h"
#include "epoll.h"
#include "exec.h"
#include "exec_image.h"
#include "exec_look.h"
#include "family.h"
#include "fdtable.h"
#include "links.h"
#include "log.h"
#include "own.h"
#include "placeholder.h"
#include "posts.h"
#include "proxy.h"
#include "remote.h"

#define VARIABLE "_RUMPHIJACK="
#define VERSION "1"
#define LIBRARY "librumphijack"
#define TOKEN_SIZE (FAMILY_NAME_SIZE + FAMILY_SECRET_SIZE)
#define PRELOAD_MAX 1024      /* bytes of an LD_PRELOAD that is looked at */
#define ENTRIES_MAX (1 << 20) /* pointers in an environment */

/* Whether LD_PRELOAD is what brought us here: then a program without it is not ours. */
static bool is_by_environment;

const char *exec_path;

/* ---- what the new program has to know ---- */

static bool is_kept(int fd)
{
	long flags = host(SYS_fcntl, fd, F_GETFD);

	return !is_error(flags) && !(flags & FD_CLOEXEC);
}

static char *put_pair(char *to, bool *is_first, int a, int b)
{
	if (!*is_first)
		*to++ = ',';
	*is_first = false;
	to = put_decimal(to, a);
	*to++ = ':';
	return put_decimal(to, b);
}

static char *put_string(char *to, const char *key, const char *text)
{
	to = put_decimal(put_text(to, key), strlen(text));
	*to++ = ':';
	return put_text(to, text);
}

static char *put_hex(char *to, const unsigned char *bytes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		*to++ = "0123456789abcdef"[bytes[i] >> 4];
		*to++ = "0123456789abcdef"[bytes[i] & 15];
	}
	*to = '\0';
	return to;
}

/* Descriptors are counted first: the text takes no more than this. */
static unsigned long text_room(const struct exec_image *image)
{
	unsigned long room = 512 + 2 * TOKEN_SIZE + 2 * ROUTE_PATH_MAX + BOOT_SERVER_MAX;

	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1))
		room += 64;
	if (image)
		room += strlen(image->path) + sizeof(image->name) + 12 * image->count;
	return room;
}

/* Whether the server has nothing to close: most programs that a shell starts. */
static bool is_untouched(void)
{
	if (self.spawned || (boot_inherited < 0 && !boot_is_untouched))
		return false;
	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1))
		if ((fdtable_get(fd) >= 0 || fdtable_companion(fd) >= 0) && !is_kept(fd))
			return false;
	return true;
}

static char *put_companions(char *to, const char *key, int value)
{
	bool is_first = true;

	to = put_text(to, key);
	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1))
		if (fdtable_companion(fd) >= 0 && fdtable_get(fd) == value && is_kept(fd))
			to = put_pair(to, &is_first, fd, fdtable_companion(fd));
	return to;
}

static void put_variable(char *to, int control, const struct exec_image *image)
{
	int numbers[EPOLL_NUMBERS];
	bool is_first = true;

	to = put_text(to, VARIABLE VERSION);
	if (control >= 0)
		to = put_decimal(put_text(to, ";c="), control);
	if (family.exists) {
		to = put_decimal(put_text(to, ";l="), family.lifeline);
		to = put_decimal(put_text(to, ","), family.root_pid);
		to = put_hex(put_text(to, ";t="), family.name, FAMILY_NAME_SIZE);
		to = put_hex(to, family.secret, FAMILY_SECRET_SIZE);
	}
	if (control >= 0) {
		to = put_text(to, ";m=");
		for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1))
			if (fdtable_get(fd) >= 0 && fdtable_get(fd) != FDTABLE_LOST && is_kept(fd))
				to = put_pair(to, &is_first, fd, fdtable_get(fd));
		to = put_text(to, ";p=");
		is_first = true;
		for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1))
			if (epoll_numbers(fd, numbers) && is_kept(fd)) {
				to = put_pair(to, &is_first, fd, numbers[0]);
				for (int i = 1; i < EPOLL_NUMBERS; i++)
					to = put_decimal(put_text(to, ":"), numbers[i]);
			}
		to = put_companions(to, ";i=", FDTABLE_MIXED);
		to = put_companions(to, ";j=", FDTABLE_MIXED_RUMP);
		if (cwd_outside())
			to = put_string(to, ";w=", cwd_outside());
		if (root_is_rump)
			to = put_text(to, ";r=1");
		if (is_untouched())
			to = put_text(to, ";u=1");
	}
	if (image) {
		to = put_string(to, ";x=", image->path);
		to = put_string(to, ";n=", image->name);
		to = put_text(to, ";f=");
		for (unsigned int i = 0; i < image->count; i++) {
			to = put_decimal(to, image->libraries[i]);
			*to++ = ',';
		}
		*to = '\0';
	}
	to = put_string(to, ";d=", boot_directory);
	put_string(to, ";s=", boot_kind() == HIJACK_KERNEL_SERVER ? boot_server : "");
}

/* ---- the exec ---- */

static bool names_library(const char *list)
{
	char text[PRELOAD_MAX];
	long length = user_strlen(list, sizeof(text));

	/* a longer one is not looked at: what we leave does no harm */
	if (length < 0)
		return length == -ENAMETOOLONG;
	if (user_copy(text, list, length))
		return false;
	for (long i = 0; i + (long)sizeof(LIBRARY) - 1 <= length; i++)
		if (!memcmp(text + i, LIBRARY, sizeof(LIBRARY) - 1))
			return true;
	return false;
}

static bool starts_with(const char *entry, const char *name)
{
	char text[32];
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (user_copy(text + i, entry + i, 1) || text[i] != name[i])
			return false;
	return true;
}

/* One that put_preload() has room for. */
static bool is_preload(const char *entry)
{
	return starts_with(entry, "LD_PRELOAD=") &&
	       user_strlen(entry, PRELOAD_MAX + sizeof("LD_PRELOAD=")) > 0;
}

/* How many entries, or -errno; whether the library is preloaded for them. */
static long look_at(char *const *theirs, bool *ret_is_hijacked)
{
	const char *entry;
	long count;

	*ret_is_hijacked = !is_by_environment;
	for (count = 0; theirs && count < ENTRIES_MAX; count++) {
		if (user_copy(&entry, theirs + count, sizeof(entry)))
			return -EFAULT;
		if (!entry)
			return count;
		if (!*ret_is_hijacked && starts_with(entry, "LD_PRELOAD="))
			*ret_is_hijacked = names_library(entry + strlen("LD_PRELOAD="));
	}
	return theirs ? -E2BIG : 0;
}

/* Where the library stands in LD_PRELOAD: the element's start and length. */
static bool find_library(const char *list, long *ret_start, long *ret_length)
{
	long start = 0, end, name;

	for (; list[start]; start = end + !!list[end]) {
		for (end = name = start; list[end] && list[end] != ':' && list[end] != ' '; end++)
			if (list[end] == '/')
				name = end + 1;
		if (!strncmp(list + name, LIBRARY, strlen(LIBRARY))) {
			*ret_start = start;
			*ret_length = end - start;
			return true;
		}
	}
	return false;
}

/* LD_PRELOAD with another library, or none, in the place of this one; to: LD_PRELOAD's room. */
static char *put_preload(char *to, const char *theirs, const char *library)
{
	char *start = to, *list;
	long at, length;

	list = to = put_text(to, "LD_PRELOAD=");
	put_text(to, theirs + strlen("LD_PRELOAD="));
	if (!find_library(list, &at, &length))
		return start;
	memmove(list + at + strlen(library), list + at + length, strlen(list + at + length) + 1);
	memcpy(list + at, library, strlen(library));
	return start;
}

static int lend_control(const struct rumpclient_fork *fork)
{
	int fd;

	self.inside++;
	fd = remote.fork_socket(fork);
	self.inside--;
	return fd;
}

static int control_of_process(bool *ret_is_lent)
{
	*ret_is_lent = boot_inherited < 0;
	if (boot_inherited >= 0)
		return boot_inherited;
	if (self.spawned)
		return self.spawned->prefork.fork ? lend_control(self.spawned->prefork.fork) : -1;
	return boot_is_ready() && boot_place == PLACE_ELSEWHERE ? lend_control(NULL) : -1;
}

int exec_prepare(struct call *call, int envp_at, const struct exec_image *image, struct exec *ret)
{
	char *const *theirs = (char *const *)call->args[envp_at];
	unsigned long table, room;
	enum reach reach;
	bool is_hijacked, is_other;
	long count, kept = 0;
	char *entry;

	*ret = (struct exec){.call = call, .envp = (char **)theirs, .control = -1, .image = image};
	count = look_at(theirs, &is_hijacked);
	if (count < 0)
		return count;
	if (!is_hijacked)
		return 0;
	reach = exec_look(call);
	exec_complain(call, reach);
	/* privileges are nobody's but the program's */
	if (reach == REACH_PRIVILEGED)
		return 0;
	is_other = is_by_environment && (reach == REACH_OTHER_LIBC || reach == REACH_NO_LIBRARY);
	/* what no preload gets into has no rump process; the programs it starts find the kernel */
	if (reach == REACH_SAME || reach == REACH_OTHER_LIBC)
		ret->control = control_of_process(&ret->is_lent);
	if (ret->control < 0 && !family.exists && !is_other)
		return 0;
	table = (count + 2) * sizeof(*theirs);
	room = text_room(image);
	ret->size = table + room +
		    (is_other ? PRELOAD_MAX + sizeof("LD_PRELOAD=") + ROUTE_PATH_MAX : 0);
	ret->memory = host(SYS_mmap, 0, ret->size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (is_error(ret->memory)) {
		ret->memory = 0;
		exec_release(ret);
		return -ENOMEM;
	}
	ret->envp = (char **)ret->memory;
	for (long i = 0; i < count; i++) {
		if (user_copy(&entry, theirs + i, sizeof(entry))) {
			exec_release(ret);
			return -EFAULT;
		}
		if (is_other && is_preload(entry))
			entry = put_preload((char *)ret->memory + table + room, entry,
					    reach == REACH_OTHER_LIBC ? exec_other_library : "");
		if (!starts_with(entry, VARIABLE))
			ret->envp[kept++] = entry;
	}
	if (ret->control >= 0 || family.exists) {
		entry = (char *)ret->memory + table;
		put_variable(entry, ret->control, image);
		ret->envp[kept++] = entry;
	}
	ret->envp[kept] = NULL;
	return 0;
}

void exec_release(struct exec *exec)
{
	if (exec->memory)
		host(SYS_munmap, exec->memory, exec->size);
	exec->memory = 0;
	if (exec->control >= 0 && exec->is_lent) {
		self.inside++;
		remote.exec_failed(exec->control);
		self.inside--;
	}
	exec->control = -1;
}

static void keep_open(int fd, bool is_kept_open)
{
	if (fd >= 0)
		host(SYS_fcntl, fd, F_SETFD, is_kept_open ? 0 : FD_CLOEXEC);
}

/* What makes epoll descriptors readable that survive. */
static void keep_events_open(bool is_kept_open)
{
	int numbers[EPOLL_NUMBERS];

	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1))
		if (epoll_numbers(fd, numbers) && is_kept(fd))
			keep_open(numbers[EPOLL_NUMBERS - 1], is_kept_open);
}

long exec_now(struct exec *exec)
{
	long args[6], result;

	memcpy(args, exec->call->args, sizeof(args));
	args[exec->call->nr == SYS_execve ? 2 : 3] = (long)exec->envp;
	for (unsigned int i = 0; exec->image && i < exec->image->count; i++)
		keep_open(exec->image->libraries[i], true);
	if (exec->memory) {
		keep_open(exec->control, true);
		keep_open(family.lifeline, true);
		keep_events_open(true);
	}
	result = host6(exec->call->nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (exec->memory) {
		keep_open(exec->control, false);
		keep_open(family.lifeline, false);
		keep_events_open(false);
	}
	for (unsigned int i = 0; exec->image && i < exec->image->count; i++)
		keep_open(exec->image->libraries[i], false);
	return result;
}

long exec_host_file(struct call *call, const struct exec_image *image)
{
	int envp_at = call->nr == SYS_execve ? 2 : 3;
	struct exec exec;
	long result;

	/* the kernel of this process cannot go along */
	if (boot_is_here() && !self.spawned)
		return proxy_exec(call, envp_at, image);
	result = exec_prepare(call, envp_at, image, &exec);
	if (result)
		return result;
	result = exec_now(&exec);
	exec_release(&exec);
	return result;
}

long exec_by_path(struct call *call, int depth)
{
	struct scratch scratch = {NULL};
	struct resolved resolved;
	bool is_second = false;
	long result;

	do {
		result = call_resolve(call, &scratch, &resolved);
		if (result)
			break;
		if (!resolved.rump) {
			memcpy(call->args, resolved.args, sizeof(call->args));
			result = exec_host_file(call, NULL);
			if (result == -ENOENT)
				result = exec_host_script(call, depth);
			break;
		}
		if (log_is_on)
			log_leaving(call);
		result = exec_rump_file(call, &resolved, depth);
	} while (result == -ENOENT && links_followed(call, &scratch, &is_second, &result));
	scratch_free(&scratch);
	return result;
}

/* The program once more: what the host has of it is a copy whose libraries are closed. */
static bool is_own_program(const struct call *call)
{
	const char *path = (const char *)call->args[0], *rest;

	if (!exec_path || call->nr != SYS_execve || user_strlen(path, 64) <= 0)
		return false;
	rest = own_proc_path(path);
	return rest && !strcmp(rest, "exe");
}

long handle_execve(struct call *call)
{
	posts_settle(call);
	if (is_own_program(call))
		call->args[0] = (long)exec_path;
	return exec_by_path(call, 0);
}

/* ---- the new program ---- */

struct left {
	int control, lifeline, root_pid;
	const char *fds, *companions, *mixed, *mixed_rump; /* lists of pairs */
	const char *token, *outside, *directory, *server;
	const char *libraries, *path, *name;
	long outside_length, directory_length, server_length, path_length, name_length;
	bool is_untouched, is_rooted;
};

/* "5:/rump" */
static bool take_string(const char **at, const char **ret, long *ret_length)
{
	long length = get_decimal(at);

	if (length < 0 || length >= ROUTE_PATH_MAX || *(*at)++ != ':')
		return false;
	*ret = *at;
	*ret_length = length;
	for (; length; length--)
		if (!*(*at)++)
			return false;
	return true;
}

static bool parse(const char *at, struct left *ret)
{
	*ret = (struct left){.control = -1, .lifeline = -1};
	if (strncmp(at, VERSION, strlen(VERSION)))
		return false;
	at += strlen(VERSION);
	while (*at == ';') {
		char key = at[1];

		if (!key || at[2] != '=')
			return false;
		at += 3;
		switch (key) {
		case 'c':
			ret->control = get_decimal(&at);
			break;
		case 'l':
			ret->lifeline = get_decimal(&at);
			if (*at++ != ',')
				return false;
			ret->root_pid = get_decimal(&at);
			break;
		case 't':
			ret->token = at;
			break;
		case 'm':
			ret->fds = at;
			break;
		case 'p':
			ret->companions = at;
			break;
		case 'i':
			ret->mixed = at;
			break;
		case 'j':
			ret->mixed_rump = at;
			break;
		case 'w':
			if (!take_string(&at, &ret->outside, &ret->outside_length))
				return false;
			break;
		case 'd':
			if (!take_string(&at, &ret->directory, &ret->directory_length))
				return false;
			break;
		case 's':
			if (!take_string(&at, &ret->server, &ret->server_length))
				return false;
			break;
		case 'r':
			ret->is_rooted = true;
			break;
		case 'u':
			ret->is_untouched = true;
			break;
		case 'x':
			if (!take_string(&at, &ret->path, &ret->path_length))
				return false;
			break;
		case 'n':
			if (!take_string(&at, &ret->name, &ret->name_length))
				return false;
			break;
		case 'f':
			ret->libraries = at;
			break;
		}
		while (*at && *at != ';')
			at++;
	}
	return !*at;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_token(const char *text)
{
	unsigned char bytes[TOKEN_SIZE];

	for (int i = 0; i < TOKEN_SIZE; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		bytes[i] = high << 4 | low;
	}
	memcpy(family.name, bytes, FAMILY_NAME_SIZE);
	memcpy(family.secret, bytes + FAMILY_NAME_SIZE, FAMILY_SECRET_SIZE);
	return true;
}

static bool next_pair(const char **at, int *a, int *b)
{
	*a = get_decimal(at);
	if (*a < 0 || *(*at)++ != ':')
		return false;
	*b = get_decimal(at);
	if (**at == ',')
		++*at;
	return *b >= 0;
}

static void take_companions(const char *at, int value)
{
	int fd, companion;

	while (at && next_pair(&at, &fd, &companion)) {
		if (!is_kept(fd) || fdtable_reserve(fd))
			continue;
		fdtable_set_companion(fd, companion);
		fdtable_set(fd, value);
	}
}

static bool next_epoll(const char **at, int *fd, int numbers[EPOLL_NUMBERS])
{
	*fd = get_decimal(at);
	for (int i = 0; i < EPOLL_NUMBERS; i++) {
		if (*(*at)++ != ':')
			return false;
		numbers[i] = get_decimal(at);
		if (numbers[i] < 0)
			return false;
	}
	if (**at == ',')
		++*at;
	return *fd >= 0;
}

static void take_fds(const struct left *left)
{
	const char *at = left->fds;
	int fd, rump_fd, numbers[EPOLL_NUMBERS];

	while (at && next_pair(&at, &fd, &rump_fd))
		if (placeholder_is(fd) && !fdtable_reserve(fd))
			fdtable_set(fd, rump_fd);
	at = left->companions;
	while (at && next_epoll(&at, &fd, numbers))
		if (is_kept(fd))
			epoll_take(fd, numbers);
	take_companions(left->mixed, FDTABLE_MIXED);
	take_companions(left->mixed_rump, FDTABLE_MIXED_RUMP);
}

/* A copy has another name than the program: that of its descriptor. */
static void take_program(const struct left *left)
{
	static char path[ROUTE_PATH_MAX];
	const char *at = left->libraries;
	char name[16] = "";
	int fd;

	while (at && (fd = get_decimal(&at)) >= 0) {
		host(SYS_close, fd);
		at += *at == ',';
	}
	if (left->path && left->path_length) {
		memcpy(path, left->path, left->path_length);
		exec_path = path;
	}
	if (left->name && left->name_length && left->name_length < (long)sizeof(name)) {
		memcpy(name, left->name, left->name_length);
		host(SYS_prctl, 15 /* PR_SET_NAME */, name);
	}
}

/* ---- telling the server ---- */

static void sort(uint32_t *values, unsigned int count)
{
	for (unsigned int gap = count / 2; gap; gap /= 2)
		for (unsigned int i = gap; i < count; i++) {
			uint32_t value = values[i];
			unsigned int k = i;

			for (; k >= gap && values[k - gap] > value; k -= gap)
				values[k] = values[k - gap];
			values[k] = value;
		}
}

static unsigned int kept_fds(uint32_t *keep, unsigned int max)
{
	unsigned int count = 0;
	int halves[2];

	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
		if (fdtable_get(fd) >= 0 && count < max)
			keep[count++] = fdtable_get(fd);
		if (epoll_halves(fd, halves) && count + 1 < max) {
			keep[count++] = halves[0];
			keep[count++] = halves[1];
		}
		if (fdtable_get(fd) < FDTABLE_PRIVATE && fdtable_companion(fd) >= 0 && count < max)
			keep[count++] = fdtable_companion(fd);
	}
	sort(keep, count);
	return count;
}

/*
 * rumpclient_exec_done() without the library: close-on-exec descriptors end now, be it
 * that this program never makes a routed call.  A connection that is no socket (tcp) can
 * only be used by the library.
 */
static void tell_server(int control)
{
	struct rump_sp_exec *message;
	unsigned int max = (RUMP_SP_MESSAGE_MAX - sizeof(*message)) / sizeof(uint32_t);
	struct stat st;
	long memory = host(SYS_mmap, 0, RUMP_SP_MESSAGE_MAX, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (is_error(memory))
		return;
	message = (struct rump_sp_exec *)memory;
	message->count = kept_fds(message->keep, max);
	host(SYS_prctl, 16 /* PR_GET_NAME */, message->name);
	message->head.type = RUMP_SP_EXEC;
	message->head.length = sizeof(*message) + message->count * sizeof(uint32_t);
	if (!host(SYS_fstat, control, &st) && !S_ISSOCK(st.st_mode)) {
		self.inside++;
		if (!remote_load(false))
			remote.exec_done(control, message->name, message->keep, message->count);
		self.inside--;
	} else {
		host(SYS_sendto, control, message, message->head.length, MSG_NOSIGNAL, NULL, 0);
	}
	host(SYS_munmap, memory, RUMP_SP_MESSAGE_MAX);
}

/* ---- the constructor's part ---- */

static char *take_variable(void)
{
	char *found = NULL, **to = environ;

	for (char **entry = environ; entry && *entry; entry++) {
		if (!strncmp(*entry, VARIABLE, strlen(VARIABLE)))
			found = *entry + strlen(VARIABLE);
		else
			*to++ = *entry;
		if (!strncmp(*entry, "LD_PRELOAD=", 11))
			is_by_environment |= names_library(*entry + 11);
	}
	if (found)
		*to = NULL;
	return found;
}

/* Another RUMP_SERVER than the one of the connection: this program shall use that. */
static bool is_same_kernel(const struct left *left)
{
	const char *server = boot_kind() == HIJACK_KERNEL_SERVER ? boot_server : "";

	return left->server && (long)strlen(server) == left->server_length &&
	       !memcmp(server, left->server, left->server_length);
}

void exec_start(bool is_wanted)
{
	static char outside[ROUTE_PATH_MAX];
	char *text = take_variable();
	struct left left;

	if (!text || !parse(text, &left))
		return;
	take_program(&left);
	if (!is_wanted || !is_same_kernel(&left)) {
		if (left.control >= 0)
			host(SYS_close, left.control);
		if (left.lifeline >= 0)
			host(SYS_close, left.lifeline);
		return;
	}
	if (left.lifeline >= 0 && left.token && take_token(left.token)) {
		family.lifeline = left.lifeline;
		family.root_pid = left.root_pid;
		family.exists = true;
		private_keep(left.lifeline);
	}
	if (left.directory && left.directory_length) {
		memcpy(boot_directory, left.directory, left.directory_length);
		boot_directory[left.directory_length] = '\0';
	}
	if (left.control < 0)
		return;
	private_keep(left.control);
	boot_inherited = left.control;
	take_fds(&left);
	root_is_rump = left.is_rooted;
	if (left.outside) {
		memcpy(outside, left.outside, left.outside_length);
		cwd_set(outside);
	}
	/* it costs the server a thread for a moment */
	if (!left.is_untouched)
		tell_server(left.control);
}

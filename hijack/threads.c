/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threads.c - the threads of this process; see threads.h
 *
 * What a thread gives up of its rights is its own, so the kernel's threads keep theirs.
 * They follow, lest a program that has given up its rights have a thread with all of them;
 * and libc's setuid(), which all threads make, ends the process where one of them may not.
 *
 * They take no signals but those of faults, so one of these tells them.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <time.h>

#include "signals.h"
#include "threads.h"

#define THREADS_MAX 8192
#define BEGIN_TRIES 100	      /* milliseconds that a thread may take to begin */
#define FOLLOW_NS 1000000000L /* for threads that do not answer */

/* The first bytes of a file of /proc/self/task/TID; "" of one that has ended. */
static void read_task(int tid, const char *file, char *text, long size)
{
	char path[64];
	long fd, length = 0;

	put_text(put_text(put_decimal(put_text(path, "/proc/self/task/"), tid), "/"), file);
	fd = host(SYS_open, path, O_RDONLY | O_CLOEXEC);
	if (!is_error(fd)) {
		length = host(SYS_read, fd, text, size - 1);
		host(SYS_close, fd);
	}
	text[length < 0 ? 0 : length] = '\0';
}

struct status {
	unsigned long mask;
	bool has_name; /* that librumpuser gives its threads */
};

static struct status status_of(int tid)
{
	static const char name[] = "Name:\trump-", server[] = "Name:\trs-";
	struct status status = {0, false};
	char text[2048];

	read_task(tid, "status", text, sizeof(text));
	status.has_name = !strncmp(text, name, sizeof(name) - 1) ||
			  !strncmp(text, server, sizeof(server) - 1);
	for (const char *p = text; *p; p++) {
		if (strncmp(p, "\nSigBlk:\t", 9))
			continue;
		for (p += 9; *p && *p != '\n'; p++)
			status.mask = status.mask << 4 | (*p <= '9' ? *p - '0' : *p - 'a' + 10);
		break;
	}
	return status;
}

bool thread_is_kernels(int tid)
{
	struct timespec pause = {0, 1000000};
	struct status status = status_of(tid);

	/* libc lets a new thread begin with all blocked; its own mask follows soon */
	for (int i = 0; i < BEGIN_TRIES && status.mask & SIGNAL_BIT(SIGSEGV); i++) {
		host(SYS_nanosleep, &pause, NULL);
		status = status_of(tid);
	}
	/* in a handler it has more of them blocked */
	if (status.has_name)
		return (status.mask & SIGNALS_OF_SERVICE & ~SIGNALS_UNBLOCKABLE) ==
		       (SIGNALS_OF_SERVICE & ~SIGNALS_UNBLOCKABLE);
	return (status.mask | SIGNALS_UNBLOCKABLE) == (SIGNALS_OF_SERVICE | SIGNALS_UNBLOCKABLE);
}

struct entry {
	unsigned long inode, offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

void threads_seen_make(struct threads_seen *seen)
{
	long memory = host(SYS_mmap, 0, THREADS_MAX * sizeof(int), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	seen->tids = is_error(memory) ? NULL : (int *)memory;
	seen->count = 0;
	if (seen->tids)
		seen->tids[seen->count++] = host(SYS_gettid);
}

void threads_seen_free(struct threads_seen *seen)
{
	if (seen->tids)
		host(SYS_munmap, seen->tids, THREADS_MAX * sizeof(int));
}

/* false: it is there, or has no room. */
static bool add(struct threads_seen *seen, int tid)
{
	for (unsigned int i = 0; i < seen->count; i++)
		if (seen->tids[i] == tid)
			return false;
	if (seen->count == THREADS_MAX)
		return false;
	seen->tids[seen->count++] = tid;
	return true;
}

unsigned int threads_each_new(struct threads_seen *seen, bool (*fn)(int tid))
{
	char buffer[2048] __attribute__((aligned(8)));
	unsigned int found = 0;
	long fd, length;

	if (!seen->tids)
		return 0;
	fd = host(SYS_open, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (is_error(fd))
		return 0;
	while ((length = host(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
		struct entry *entry;

		for (long at = 0; at < length; at += entry->length) {
			const char *name;
			int tid;

			entry = (struct entry *)(buffer + at);
			name = entry->name;
			tid = get_decimal(&name);
			if (tid > 0 && add(seen, tid))
				found += fn(tid);
		}
	}
	host(SYS_close, fd);
	return found;
}

/* ---- those who follow ---- */

static struct {
	int lock;
	int is_given;
	unsigned int obeyed; /* a futex */
	long nr, args[6];
} order;

bool threads_obey(int signal, const siginfo_t *info)
{
	if (!__atomic_load_n(&order.is_given, __ATOMIC_ACQUIRE) || signal != SIGSEGV ||
	    info->si_code != SI_TKILL)
		return false;
	host6(order.nr, order.args[0], order.args[1], order.args[2], order.args[3], order.args[4],
	      order.args[5]);
	__atomic_add_fetch(&order.obeyed, 1, __ATOMIC_RELEASE);
	host(SYS_futex, &order.obeyed, FUTEX_WAKE_PRIVATE, 1);
	return true;
}

static bool tell(int tid)
{
	return thread_is_kernels(tid) && !host(SYS_tgkill, host(SYS_getpid), tid, SIGSEGV);
}

void threads_follow(long nr, const long args[6])
{
	struct timespec timeout = {FOLLOW_NS / 1000000000, FOLLOW_NS % 1000000000};
	unsigned int told = 0, more, now = 0;
	struct threads_seen seen;

	while (__atomic_exchange_n(&order.lock, 1, __ATOMIC_ACQUIRE))
		host(SYS_sched_yield);
	threads_seen_make(&seen);
	order.nr = nr;
	memcpy(order.args, args, sizeof(order.args));
	__atomic_store_n(&order.obeyed, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&order.is_given, 1, __ATOMIC_RELEASE);
	while ((more = threads_each_new(&seen, tell))) {
		told += more;
		while ((now = __atomic_load_n(&order.obeyed, __ATOMIC_ACQUIRE)) < told)
			if (host(SYS_futex, &order.obeyed, FUTEX_WAIT_PRIVATE, now, &timeout) ==
			    -ETIMEDOUT)
				break;
	}
	threads_seen_free(&seen);
	/* one that has not answered obeys late rather than dies of the signal */
	if (now >= told)
		__atomic_store_n(&order.is_given, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&order.lock, 0, __ATOMIC_RELEASE);
}

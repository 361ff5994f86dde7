/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress SECONDS FOLDER [CONF]: 8 threads that write, read, rename, cut and remove
 * files in FOLDER and check every byte, while pairs of them talk over pipes and
 * sockets.  CONF: lines of rump.conf(5), with \n for a new line, for example
 *	stress 60 /mnt 'drive /dev/disk disk.img\nmkdir /mnt\nmount auto /dev/disk /mnt'
 */
#include "prog.h"

#include <dirent.h>
#include <sys/socket.h>

#define THREADS 8
#define FILES 12 /* a thread's own */
#define FILE_MAX (192 << 10)
#define MESSAGE_MAX 16384

static const char *folder;
static uint64_t end_ns;
static uint64_t operations, bytes;

struct file {
	uint64_t seed; /* of the content */
	size_t size;
	bool exists;
	char name[48];
};

struct worker {
	int index, talk; /* talk: a socket or pipe end, with the partner at the other */
	uint64_t random;
	struct file files[FILES];
	char *buffer;
	unsigned long operations, bytes;
	char why[256]; /* the first thing that was wrong */
};

static uint64_t next_random(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

/* Byte `at` of the content that a seed stands for. */
static inline unsigned char content(uint64_t seed, size_t at)
{
	uint64_t x = (seed + (at >> 3)) * 0x9e3779b97f4a7c15ull;

	return (x ^ x >> 29) >> (at & 7) * 8;
}

static void fill(char *buffer, uint64_t seed, size_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		buffer[i] = content(seed, offset + i);
}

static size_t first_wrong(const char *buffer, uint64_t seed, size_t offset, size_t length)
{
	size_t i;

	for (i = 0; i < length && (unsigned char)buffer[i] == content(seed, offset + i); i++)
		;
	return i;
}

__attribute__((format(printf, 2, 3))) static bool wrong(struct worker *w, const char *format, ...)
{
	int error = errno;
	va_list args;
	size_t n;

	va_start(args, format);
	vsnprintf(w->why, sizeof(w->why), format, args);
	va_end(args);
	n = strlen(w->why);
	snprintf(w->why + n, sizeof(w->why) - n, " (errno %d)", error);
	return false;
}

static void path_of(struct worker *w, const char *name, char *path)
{
	snprintf(path, 128, "%s/t%d/%s", folder, w->index, name);
}

static bool write_file(struct worker *w, struct file *f)
{
	size_t size = next_random(w) % FILE_MAX, at = 0;
	uint64_t seed = next_random(w);
	char path[128];
	int fd;

	path_of(w, f->name, path);
	fd = rump_sys_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return wrong(w, "%s: create", path);
	fill(w->buffer, seed, 0, size);
	while (at < size) {
		size_t piece = 1 + next_random(w) % 40000;
		ssize_t n;

		if (piece > size - at)
			piece = size - at;
		n = rump_sys_write(fd, w->buffer + at, piece);
		if (n <= 0)
			return wrong(w, "%s: write %zu at %zu gives %zd", path, piece, at, n);
		at += n;
	}
	if (next_random(w) % 16 == 0 && rump_sys_fsync(fd))
		return wrong(w, "%s: fsync", path);
	if (rump_sys_close(fd))
		return wrong(w, "%s: close", path);
	f->seed = seed;
	f->size = size;
	f->exists = true;
	w->bytes += size;
	return true;
}

static bool check_file(struct worker *w, struct file *f)
{
	struct stat st;
	char path[128];
	size_t at = 0, bad;
	int fd;

	path_of(w, f->name, path);
	fd = rump_sys_open(path, O_RDONLY);
	if (!f->exists)
		return fd == -1 && errno == ENOENT ? true : wrong(w, "%s: should not exist", path);
	if (fd < 0)
		return wrong(w, "%s: open", path);
	if (rump_sys_fstat(fd, &st) || (size_t)st.st_size != f->size)
		return wrong(w, "%s: size %lld, not %zu", path, (long long)st.st_size, f->size);
	for (;;) {
		ssize_t n = rump_sys_read(fd, w->buffer, 1 + next_random(w) % FILE_MAX);

		if (n < 0)
			return wrong(w, "%s: read at %zu", path, at);
		if (!n)
			break;
		bad = first_wrong(w->buffer, f->seed, at, n);
		if (bad < (size_t)n)
			return wrong(w, "%s: byte %zu of %zu is wrong", path, at + bad, f->size);
		at += n;
	}
	if (at != f->size)
		return wrong(w, "%s: ends at %zu, not %zu", path, at, f->size);
	rump_sys_close(fd);
	w->bytes += at;
	return true;
}

static bool cut_file(struct worker *w, struct file *f)
{
	char path[128];

	if (!f->exists || !f->size)
		return true;
	path_of(w, f->name, path);
	f->size = next_random(w) % f->size;
	return !rump_sys_truncate(path, f->size) || wrong(w, "%s: truncate", path);
}

static bool move_file(struct worker *w, struct file *f)
{
	struct file *to = &w->files[next_random(w) % FILES];
	char from_path[128], to_path[128], name[48];

	if (!f->exists || f == to)
		return true;
	path_of(w, f->name, from_path);
	path_of(w, to->name, to_path);
	if (rump_sys_rename(from_path, to_path))
		return wrong(w, "rename %s %s", from_path, to_path);
	memcpy(name, to->name, sizeof(name));
	*to = *f;
	memcpy(to->name, name, sizeof(name));
	f->exists = false;
	return true;
}

static bool remove_file(struct worker *w, struct file *f)
{
	char path[128];

	path_of(w, f->name, path);
	if (f->exists)
		return (f->exists = false, !rump_sys_unlink(path)) || wrong(w, "%s: unlink", path);
	if (!rump_sys_unlink(path) || errno != ENOENT)
		return wrong(w, "%s: unlink of nothing", path);
	return true;
}

/* All threads in one folder: make, link, list, remove. */
static bool share_folder(struct worker *w)
{
	char buffer[4096], mine[128], linked[128];
	int fd, n;

	snprintf(mine, sizeof(mine), "%s/shared/m%d", folder, w->index);
	snprintf(linked, sizeof(linked), "%s/shared/l%d", folder, w->index);
	fd = rump_sys_open(mine, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || rump_sys_close(fd) || rump_sys_link(mine, linked))
		return wrong(w, "%s: create and link", mine);
	snprintf(buffer, sizeof(buffer), "%s/shared", folder);
	fd = rump_sys_open(buffer, O_RDONLY | O_DIRECTORY);
	while ((n = rump_sys_getdents64(fd, buffer, sizeof(buffer))) > 0)
		;
	if (n < 0 || rump_sys_close(fd))
		return wrong(w, "shared: list");
	if (rump_sys_unlink(mine) || rump_sys_unlink(linked))
		return wrong(w, "%s: unlink", mine);
	return true;
}

/* The partner has left: only after the time is over. */
static bool is_end(struct worker *w)
{
	return now_ns(CLOCK_MONOTONIC) >= end_ns || wrong(w, "the partner left early");
}

/* Sends a message to the partner and takes one of the partner's. */
static bool talk(struct worker *w)
{
	struct {
		uint32_t length;
		uint64_t seed;
	} __attribute__((packed)) head;
	size_t at, bad;
	ssize_t n;

	head.length = next_random(w) % MESSAGE_MAX;
	head.seed = next_random(w);
	fill(w->buffer, head.seed, 0, head.length);
	if (rump_sys_send(w->talk, &head, sizeof(head), MSG_NOSIGNAL) != sizeof(head))
		return wrong(w, "send of a head");
	for (at = 0; at < head.length; at += n) {
		n = rump_sys_send(w->talk, w->buffer + at, head.length - at, MSG_NOSIGNAL);
		if (n <= 0)
			return wrong(w, "send");
	}
	n = rump_sys_recv(w->talk, &head, sizeof(head), MSG_WAITALL);
	if (!n)
		return is_end(w);
	if (n != sizeof(head))
		return wrong(w, "receive of a head gives %zd", n);
	if (head.length >= MESSAGE_MAX)
		return wrong(w, "a head of %u bytes", head.length);
	n = rump_sys_recv(w->talk, w->buffer, head.length, MSG_WAITALL);
	if (n != (ssize_t)head.length)
		return wrong(w, "receive of %u bytes gives %zd", head.length, n);
	bad = first_wrong(w->buffer, head.seed, 0, head.length);
	if (bad < head.length)
		return wrong(w, "byte %zu of a message of %u is wrong", bad, head.length);
	w->bytes += head.length;
	return true;
}

static bool step(struct worker *w)
{
	struct file *f = &w->files[next_random(w) % FILES];

	w->operations++;
	switch (next_random(w) % 12) {
	case 0 ... 2:
		return write_file(w, f);
	case 3 ... 6:
		return check_file(w, f);
	case 7:
		return cut_file(w, f);
	case 8:
		return move_file(w, f);
	case 9:
		return remove_file(w, f);
	default:
		return share_folder(w);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	bool good = true;
	char path[128];
	int i;

	path_of(w, "", path);
	if (rump_sys_mkdir(path, 0755) && errno != EEXIST)
		good = wrong(w, "%s: mkdir", path);
	/* partners talk equally often: 4 steps, then a message */
	while (good && now_ns(CLOCK_MONOTONIC) < end_ns) {
		for (i = 0; good && i < 4; i++)
			good = step(w);
		if (good)
			good = talk(w);
	}
	/* the partner may wait for one more */
	rump_sys_shutdown(w->talk, SHUT_WR);
	for (i = 0; good && i < FILES; i++)
		good = check_file(w, &w->files[i]);
	__atomic_add_fetch(&operations, w->operations, __ATOMIC_RELAXED);
	__atomic_add_fetch(&bytes, w->bytes, __ATOMIC_RELAXED);
	return (void *)(long)good;
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS];
	pthread_t threads[THREADS];
	char *conf = argc > 3 ? argv[3] : NULL, path[128];
	long seconds = argc > 1 ? atol(argv[1]) : 5;
	int sockets[2], i;

	folder = argc > 2 ? argv[2] : "/tmp";
	for (char *c = conf; c && (c = strstr(c, "\\n"));)
		*c++ = ' ', *c++ = '\n';
	boot(conf);
	snprintf(path, sizeof(path), "%s/shared", folder);
	if (rump_sys_mkdir(path, 0755) && errno != EEXIST)
		bail_out("%s: %s", path, strerror(errno));
	end_ns = now_ns(CLOCK_MONOTONIC) + seconds * 1000000000ull;
	for (i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		if (i % 2 == 0 && rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
			bail_out("socketpair: %s", strerror(errno));
		w->index = i;
		w->talk = sockets[i % 2];
		w->random = 88172645463325252ull * (i + 1);
		w->buffer = malloc(FILE_MAX + MESSAGE_MAX);
		for (int n = 0; n < FILES; n++)
			snprintf(w->files[n].name, sizeof(w->files[n].name), "f%d", n);
	}
	for (i = 0; i < THREADS; i++)
		threads[i] = start(work, &workers[i]);
	for (i = 0; i < THREADS; i++) {
		bool good = join(threads[i]) != NULL;

		if (!ok(good, "thread %d found everything as it should be", i))
			diag("%s", workers[i].why);
	}
	diag("%lu operations, %.1f MB in %ld s", (unsigned long)operations, bytes / 1e6, seconds);
	ok(operations > (unsigned long)seconds * 20, "they did much");
	is_int(rump_pub_shutdown(), 0, "rump_pub_shutdown");
	return done_testing();
}
